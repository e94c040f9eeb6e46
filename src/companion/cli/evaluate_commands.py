"""Commands that ask models: `benchmarks` (what can be asked) and `evaluate`."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options import (
    BASE,
    DATA,
    REQUESTS,
    Commands,
    add_data,
    add_engine,
    add_items,
    add_requests,
    positive,
    refuse,
    refuse_data,
)
from companion.errors import CompanionError
from companion.models.account import Account
from companion.models.openai_client import TIMEOUT
from companion.models.server import DELIVERIES

if TYPE_CHECKING:
    import pandas as pd

    from companion.models.interface import Sampling
    from companion.models.open import ServerSettings
    from companion.perturbations.perturbation import Prompt


def add(commands: Commands) -> None:
    """Add these commands."""
    benchmarks = commands.add_parser("benchmarks", help="the public benchmarks: items, options, licence, what is here")
    add_data(benchmarks)
    benchmarks.set_defaults(run=_benchmarks)

    evaluate = commands.add_parser("evaluate", help="a model on a benchmark under perturbations")
    evaluate.add_argument(
        "--model",
        default=BASE,
        help="folder or Hub id, vllm:FOLDER OR ID, openai:NAME, gemini:NAME, a server (http://localhost:8000/v1#NAME) "
        "or several with commas between them (default: %(default)s)",
    )
    add_items(evaluate, several=True)
    evaluate.add_argument("--known-bad", action="store_true", help="also items of public benchmarks known to be wrong")
    evaluate.add_argument("--prompts", type=Path, help="a file of export-prompts: its prompts, word for word")
    evaluate.add_argument("--out", type=Path, default=Path("runs"), help="folder of the rows (default: %(default)s)")
    evaluate.add_argument("--device", help="auto, cpu, or cuda (default: auto)")
    add_engine(evaluate)
    evaluate.add_argument(
        "--profile", default="auto", help="how the model is asked (default: auto, as its config or name says)"
    )
    evaluate.add_argument("--batch-tokens", type=positive, help="tokens in a batch (default: what memory can hold)")
    evaluate.add_argument("--system", type=Path, metavar="FILE", help="system prompt, as a model's authors wrote it")
    evaluate.add_argument("--temperature", type=float, help="0 is greedy (default: the profile's, for most 0)")
    evaluate.add_argument(
        "--samples", type=positive, default=1, help="answers to each prompt; several need a --temperature (default: 1)"
    )
    evaluate.add_argument("--top-p", type=float, help="share of probability to sample from (default: the profile's)")
    evaluate.add_argument("--max-new-tokens", type=positive, help="tokens of one answer (default: the profile's)")
    evaluate.add_argument(
        "--delivery",
        choices=DELIVERIES,
        help="how a reasoning prefix reaches a server's model: user turn, or prefill (default: user turn)",
    )
    evaluate.add_argument("--reasoning-effort", metavar="low|medium|high", help="how long a server's model reasons")
    add_requests(evaluate)
    evaluate.add_argument("--yes", action="store_true", help="spend what it is estimated to cost, without a question")
    evaluate.add_argument(
        "--ray",
        nargs="?",
        const="here",
        metavar="ADDRESS",
        help="on all GPUs, or else all cores, of this machine, or of the Ray cluster at ADDRESS (auto: this one's)",
    )
    evaluate.set_defaults(run=_evaluate)


def _benchmarks(options: argparse.Namespace) -> None:
    from companion.questions.registry import listing

    found = listing(options.data or DATA)
    print(found.drop(columns="note").to_string(index=False))
    print()
    for name, note in zip(found["name"], found["note"], strict=True):
        print(f"{name}: {note}")


def _evaluate(options: argparse.Namespace) -> None:
    """Ask each model the prompts of each benchmark, and print how often it is right. Raises CompanionError, at the end,
    where items had no answer."""
    from companion.evaluation.ray_shards import sweep
    from companion.evaluation.samples import agree, ask, estimate_samples
    from companion.evaluation.store import Store
    from companion.models.interface import Sampling
    from companion.models.open import ServerSettings, is_served
    from companion.models.profiles import chosen
    from companion.perturbations.perturbation import parse_perturbations

    # 1) What is asked of whom, and how.
    perturbations = parse_perturbations(options.perturbations)
    models, benchmarks = (list(dict.fromkeys(names.split(","))) for names in (options.model, options.benchmark))
    opening = _opening(options)
    sampling = Sampling(
        options.temperature, seed=options.seed, max_new_tokens=options.max_new_tokens, top_p=options.top_p
    )
    samplings = [replace(sampling, sample=number) for number in range(options.samples)]
    store, account = Store(options.out), Account(options.budget)
    server = ServerSettings(
        options.delivery or "user turn", account, options.price, options.reasoning_effort, options.timeout or TIMEOUT
    )
    _refuse_unused(options, models, benchmarks)
    open_named = partial(_open, sampling=sampling, alone=len(models) == 1, opening=opening, server=server)
    served = {name: open_named(name) for name in models if is_served(name)}

    # 2) With Ray: workers compute all rows, which are then found in the store, of models in the same precision.
    half: bool | None = None
    if options.ray:
        _refuse_with_ray(options, served)
        half = sweep(
            models,
            benchmarks,
            options.limit,
            perturbations,
            options.out,
            sampling,
            options.seed,
            options.batch_tokens,
            opening,
            None if options.ray == "here" else options.ray,
        )

    # 3) The prompts of each benchmark, and what those that are not yet answered may cost with servers.
    prompts = {benchmark: _prompts(options, benchmark, perturbations) for benchmark in benchmarks}
    estimates = {
        f"{model.label} on {benchmark}": estimate_samples(model, given, store, samplings)
        for model, (benchmark, given) in itertools.product(served.values(), prompts.items())
    }
    for about, estimate in estimates.items():
        if estimate.answered:
            print(
                f"{about}: {estimate.answered} of {estimate.answered + estimate.requests} prompts were answered before "
                "by this URL and name, and are not asked again; if that is another model now, give another --out or "
                "name",
                file=sys.stderr,
            )
    agree(account, estimates, partial(_consent, options.yes))

    # 4) Ask: model after model, so that one ends, and its engine, before the next is opened. Items without an answer
    #    keep none of the others from being asked, and are told at the end.
    unanswered: list[str] = []
    for name in models:
        model = served.get(name) or open_named(name, half)
        if options.profile == "auto":
            print(chosen(model.profile, model.label, getattr(model, "config", {})), file=sys.stderr)
        for benchmark in benchmarks:
            try:
                found = ask(model, prompts[benchmark], store, samplings, options.batch_tokens)
            finally:
                if name in served:
                    print(account)
            if len(models) * len(benchmarks) > 1:
                print(f"{model.label} on {benchmark}")
            _tell(options, perturbations, found.rows)
            unanswered += found.unanswered
    if unanswered:
        raise CompanionError("\n".join(dict.fromkeys(unanswered)))


def _opening(options: argparse.Namespace) -> dict[str, Any]:
    """How models are opened, wherever that is done: settings of `open_model`."""
    from companion.models.profiles import read_system

    return {
        "device": options.device or "auto",
        "profile": options.profile,
        "system": read_system(options.system) if options.system else "",
        "gpus": options.gpus or 1,
        "vllm": dict(options.vllm),
    }


def _open(
    name: str,
    half: bool | None = None,
    *,
    sampling: Sampling,
    alone: bool,
    opening: Mapping[str, Any],
    server: ServerSettings,
) -> Any:
    """half: whether it computes in half precision; None: as its device is. alone: no other model is asked. Raises
    CompanionError for a --top-p that changes nothing."""
    from companion.models.open import open_model

    model: Any = open_model(name, **opening, server=server)
    if half is not None:
        model.half = half
    greedy = not sampling.of(model.profile).temperature
    if sampling.top_p is not None and greedy and alone:  # of several, some may sample by themselves
        raise CompanionError(
            f"--top-p does nothing to greedy answers, as those of {model.label} are; give a --temperature too"
        )
    return model


def _refuse_with_ray(options: argparse.Namespace, served: Collection[str]) -> None:
    """Raises CompanionError for what does not go with --ray. served: the models that are behind servers."""
    if served:
        raise CompanionError("--ray is for models of this machine or a cluster; leave it out for those of a server")
    if options.samples > 1:
        raise CompanionError("--samples does not go with --ray; leave out one")
    if options.known_bad or options.data is not None:
        raise CompanionError("--data and --known-bad do not go with --ray; put the files into data/")


def _tell(options: argparse.Namespace, perturbations: Sequence[str], rows: pd.DataFrame) -> None:
    """Print how often the answers of one model to one benchmark are right, and what is to be known about them."""
    import numpy as np

    from companion.analysis.from_samples import confidence
    from companion.measures import UNPARSABLE

    there = set(rows["perturbation"].unique())
    for perturbation in (name for name in perturbations if name in there):
        part = rows[rows["perturbation"] == perturbation]
        unread = part["answer"].isna().mean()
        print(f"{perturbation:26} accuracy {part['correct'].mean():6.1%}   no answer {unread:6.1%}   n {len(part)}")
    if not rows.empty:
        print(f"{'(chance)':26} accuracy {(1 / rows['n_options']).mean():6.1%}")
    if options.samples > 1 and not rows.empty:
        found = confidence(rows, np.random.default_rng(options.seed))
        print(found.to_string(index=False, float_format="{:.3f}".format))
    if (unread := rows["answer"].isna().mean()) > UNPARSABLE:
        cut = (rows["answer"].isna() & (rows["finish"] == "length")).mean()
        why = f" ({100 * cut:.0f} % were cut off: give a larger --max-new-tokens)" if cut else ""
        print(f"{100 * unread:.0f} % of the answers could not be read{why}; look at `--profile`", file=sys.stderr)


def _refuse_unused(options: argparse.Namespace, models: Sequence[str], benchmarks: Sequence[str]) -> None:
    """Raises CompanionError for an option that none of the models or benchmarks has a use for."""
    from companion.models.open import is_served
    from companion.questions.registry import PUBLIC

    engine = [name.startswith("vllm:") for name in models]
    server = [is_served(name) for name in models]
    named = ", ".join(models)
    if options.prompts and (options.ray or options.limit or options.known_bad or len(benchmarks) > 1):
        raise CompanionError(
            "--prompts goes with one --benchmark, and without --limit, --known-bad and --ray; leave these out"
        )
    if not any(server):
        of_servers = [*REQUESTS, "delivery", "reasoning_effort", "yes"]
        refuse(options, of_servers, f"is for models behind a server, and {named} is none")
    if not any(engine):
        refuse(options, ["gpus", "vllm"], f"is for models named vllm:FOLDER OR ID, and {named} is none")
    if all(engine[k] or server[k] for k in range(len(models))):
        refuse(options, ["device", "batch_tokens"], f"is for models that transformers runs here, and {named} is none")
    if options.known_bad and not set(benchmarks) & set(PUBLIC):
        raise CompanionError("--known-bad is for public benchmarks, of which items are known to be wrong; leave it out")
    refuse_data(options, benchmarks)


def _prompts(options: argparse.Namespace, benchmark: str, perturbations: Sequence[str]) -> list[Prompt]:
    """What is asked on a benchmark. Raises CompanionError where a file of prompts has none of the perturbations."""
    from companion.perturbations.perturbation import apply
    from companion.perturbations.prompt_files import read_prompts
    from companion.questions.registry import load_benchmark

    data = options.data or DATA
    if options.prompts:
        there = read_prompts(options.prompts, benchmark, data)
        wanted = [one for one in there if one.perturbation in perturbations]
        if not wanted:
            held = ", ".join(dict.fromkeys(one.perturbation for one in there))
            raise CompanionError(
                f"{options.prompts} holds no prompt under --perturbations {options.perturbations}; it has "
                f"{held or 'none at all'}"
            )
        return wanted
    questions = load_benchmark(benchmark, options.limit, options.seed, data, options.known_bad)
    return [apply(question, perturbation, options.seed) for question in questions for perturbation in perturbations]


def _consent(yes: bool, dollars: float) -> None:
    """Raise CompanionError unless --yes or an answer on the terminal agrees to spend so much."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CompanionError(
            f"nothing was sent, since it may cost up to ${dollars:.2f}; agree with --yes, or give a --budget"
        )
    print(f"Spend up to ${dollars:.2f}? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CompanionError("nothing was sent, and nothing is spent")
