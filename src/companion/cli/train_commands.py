"""Commands that train: `train`, `study`, `release`, `card`."""

from __future__ import annotations

import argparse
import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.cli.options import BASE, DATA, Commands, add_data, positive, refuse
from companion.errors import CompanionError

SHIPPED = Path("results/rows")

OF_GRPO = ("recipe", "model", "benchmark", "data", "steps", "device", "validation", "sample_with_vllm")
"""Options of `train` that supervised recipes have no use for."""


def add(commands: Commands) -> None:
    """Add these commands."""
    train = commands.add_parser("train", help="train a model by a recipe; resumes where it stood")
    train.add_argument(
        "kind", help="grpo, or a supervised recipe of the microworld: base, misread-0, misread-20, …, reference"
    )
    train.add_argument(
        "--recipe", help="of GRPO: one or more recipes, names with commas between them, or all (default: rl-correct)"
    )
    train.add_argument("--model", help=f"initial checkpoint of GRPO: folder or Hub id (default: {BASE})")
    train.add_argument("--benchmark", help="GRPO's questions: as of evaluate, mixed if several (default: microworld)")
    add_data(train)
    train.add_argument("--seed", default="0", help="numbers with commas between them (default: %(default)s)")
    train.add_argument("--steps", type=positive, help="of GRPO: fewer steps than the recipe has, for a quick look")
    train.add_argument("--device", help="of GRPO: auto, cpu, or cuda (default: auto)")
    train.add_argument("--validation", help="GRPO's evaluation, as --benchmark; needed unless that is microworld")
    train.add_argument(
        "--sample-with-vllm", action="store_true", help="GRPO samples with vLLM beside the model (extra: paper)"
    )
    train.add_argument(
        "--out",
        type=Path,
        help="folder of the records (GRPO; default: runs/results, with --steps runs/quick) or of the "
        "checkpoint (supervised; -SEED is added to it for several seeds)",
    )
    train.set_defaults(run=_train)

    study = commands.add_parser(
        "study", help="make the runs of docs/study.md that are not recorded yet; resumes anywhere"
    )
    study.add_argument("--arms", default="", help="only these arms, as A,B (default: all)")
    study.add_argument(
        "--out", type=Path, default=Path("results/study"), help="folder of the records (default: %(default)s)"
    )
    study.add_argument(
        "--scratch", type=Path, default=Path("runs/study"), help="folder of checkpoints and rows (default: %(default)s)"
    )
    study.add_argument("--workers", type=positive, help="number of processes (default: two; one where there is a GPU)")
    study.add_argument("--device", default="auto", help="auto, cpu, or cuda (default: %(default)s)")
    study.set_defaults(run=_study)

    release = commands.add_parser("release", help="copy the models of recorded runs, weights in half precision")
    release.add_argument(
        "--results", type=Path, default=Path("results/study"), help="folder of the records (default: %(default)s)"
    )
    release.add_argument(
        "--scratch", type=Path, default=Path("runs/study"), help="folder of the checkpoints (default: %(default)s)"
    )
    release.add_argument(
        "--seed", default="25", help="numbers with commas; of several, -SEED is added to names (default: %(default)s)"
    )
    release.add_argument(
        "--initial",
        default="misread-20",
        help="models of RL from this checkpoint are named after the recipe alone (default: %(default)s)",
    )
    release.add_argument(
        "--out", type=Path, default=Path("checkpoints"), help="folder of the copies (default: %(default)s)"
    )
    release.set_defaults(run=_release)

    card = commands.add_parser("card", help="measure a microworld checkpoint and write its model card")
    card.add_argument("checkpoint", type=Path, help="its folder; the card is its README.md")
    card.add_argument("--limit", type=positive, default=1080, help="number of test items (default: %(default)s)")
    card.add_argument("--out", type=Path, default=Path("runs"), help="folder of the rows (default: %(default)s)")
    card.set_defaults(run=_card)


def _train(options: argparse.Namespace) -> None:
    from companion.training.recipes import SUPERVISED

    if options.kind == "grpo":
        _train_grpo(options)
    elif options.kind in SUPERVISED:
        from companion.training.supervised import train_supervised

        refuse(options, OF_GRPO, f"is for grpo, and {options.kind} is a supervised recipe")
        seeds, out = _seeds(options), options.out or Path("runs") / options.kind
        for seed in seeds:
            folder = out.with_name(f"{out.name}-{seed}") if len(seeds) > 1 else out
            print(train_supervised(replace(SUPERVISED[options.kind], seed=seed), folder))
    else:
        raise CompanionError(f"unknown recipe {options.kind!r}; choose from grpo, {', '.join(SUPERVISED)}")


def _train_grpo(options: argparse.Namespace) -> None:
    from companion.training.recipes import GRPO, at_paper_scale
    from companion.training.runs import run, shortened

    names = list(GRPO) if options.recipe == "all" else (options.recipe or "rl-correct").split(",")
    benchmark = options.benchmark or "microworld"
    if benchmark == "microworld":
        refuse(options, ["validation", "data"], "is for other benchmarks, and the microworld has its own questions")
    for name in names:
        if name not in GRPO:
            raise CompanionError(f"unknown GRPO recipe {name!r}; choose from {', '.join(GRPO)}, or all")
        if benchmark != "microworld" and "groundedness" in GRPO[name].gates:
            others = [recipe.name for recipe in GRPO.values() if "groundedness" not in recipe.gates]
            raise CompanionError(
                f"{name} rewards reasoning that is true of the picture, which is known in the microworld alone; with "
                f"--benchmark {benchmark} choose --recipe from {', '.join(others)}"
            )
    results = options.out or Path("runs/quick" if options.steps else "runs/results")
    settings: dict[str, Any] = {"use_vllm": True, "vllm_mode": "colocate"} if options.sample_with_vllm else {}
    for seed in _seeds(options):
        for name in names:
            recipe = GRPO[name]
            if benchmark != "microworld":
                recipe, settings = at_paper_scale(recipe), settings | _questions(options, seed)
            model, device = options.model or BASE, options.device or "auto"
            print(run(shortened(recipe, options.steps), model, seed, results, device=device, **settings))


def _study(options: argparse.Namespace) -> None:
    from companion.study.protocol import PROTOCOL
    from companion.study.running import run_study

    arms, known = [name for name in options.arms.split(",") if name], {planned.arm for planned in PROTOCOL.planned}
    if unknown := set(arms) - known:
        raise CompanionError(f"no arm {min(unknown)!r} in the study; choose from {', '.join(sorted(known))}")
    run_study(options.out, options.scratch, PROTOCOL, options.workers, options.device, arms)


def _seeds(options: argparse.Namespace) -> list[int]:
    """Raises CompanionError unless --seed holds numbers."""
    if not all(seed.isdecimal() for seed in options.seed.split(",")):
        raise CompanionError(f"--seed {options.seed!r}: give whole numbers with commas between them, as 0,1,2")
    return [int(seed) for seed in options.seed.split(",")]


def _questions(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Training questions without end, shuffled by seed, and those of the evaluation."""
    from companion.questions.registry import load_benchmark

    if not options.validation:
        raise CompanionError("give --validation, benchmarks to evaluate on, beside --benchmark")
    training, validation = (
        [question for name in names.split(",") for question in load_benchmark(name, data=options.data or DATA)]
        for names in (options.benchmark, options.validation)
    )
    random.Random(seed).shuffle(training)
    return {"training": itertools.cycle(training), "validation": validation}


def _release(options: argparse.Namespace) -> None:
    from companion.training.release import release

    for folder in release(options.results, options.scratch, options.out, _seeds(options), options.initial):
        print(folder)


def _card(options: argparse.Namespace) -> None:
    from companion.evaluation.store import Store
    from companion.training.model_card import write_card

    print(write_card(options.checkpoint, options.limit, Store(options.out, shipped=[SHIPPED])))
