"""Options that several commands share."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.models.account import Account
from companion.models.language import BRIEF
from companion.models.openai_client import REASONED, TIMEOUT
from companion.models.prices import Price

Commands = Any
"""What `argparse.ArgumentParser.add_subparsers` returns."""

BASE = "checkpoints/base"

DATA = Path("data")
"""Where files of public benchmarks are looked for."""


def add_items(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """--benchmark, --data, --perturbations, --limit and --seed: what is asked. several: whether of several
    benchmarks."""
    names = "names that `companion benchmarks` lists" if several else "a name that `companion benchmarks` lists"
    folders = "folders with questions.jsonl, with commas between them" if several else "a folder with questions.jsonl"
    parser.add_argument("--benchmark", default="microworld", help=f"microworld, {names}, or {folders}")
    add_data(parser)
    parser.add_argument("--perturbations", default="all", help="all, or names with commas between them")
    parser.add_argument("--limit", type=int, help="number of items (default: all of them; microworld: 500)")
    parser.add_argument("--seed", type=int, default=0, help="draws items, wrong options and wordings")


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        help=f"where a public benchmark's files are looked for, in a folder of its name (default: {DATA})",
    )


def add_requests(parser: argparse.ArgumentParser) -> None:
    """--timeout, --price and --budget: how long a server may take, and what it may cost."""
    parser.add_argument(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        help=f"of a server: how long one request may take; then it is made once more (default: {TIMEOUT:g})",
    )
    parser.add_argument(
        "--price", type=_price, help="of a server: dollars per million tokens that it reads, and that it writes, as 2,8"
    )
    parser.add_argument("--budget", type=float, help="of a server with a price: never spend more than these dollars")


def _price(text: str) -> Price:
    try:
        prompt, written = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: give two numbers with a comma between them, as 2,8") from error
    return Price(prompt, written)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("give a number of at least 1")
    return value


def setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value as JSON or Python writes it; any other is text."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: give KEY=VALUE, as max_model_len=8192")
    key = key.replace("-", "_")
    for parse in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return key, parse(value)
    return key, value


def add_engine(parser: argparse.ArgumentParser, when: str = "") -> None:
    """--gpus and --vllm: how vLLM runs a model. when: needs them, before the help."""
    parser.add_argument("--gpus", type=positive, help=f"{when}GPUs over which vLLM spreads one model (default: 1)")
    parser.add_argument(
        "--vllm",
        type=setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"{when}setting of vLLM's engine, as max_model_len=8192; may be given several times",
    )


def add_language_model(parser: argparse.ArgumentParser, what: str, else_model: str = "") -> None:
    """--model, --endpoint, --endpoint-model, --max-new-tokens, --device and the options of requests. what: needs a
    language model."""
    parser.add_argument("--model", help=f"{what}: a causal language model, folder or Hub id{else_model}")
    parser.add_argument("--endpoint", help=f"{what}: an OpenAI-compatible server, as http://localhost:8000/v1")
    parser.add_argument("--endpoint-model", help=f"{what}: as that server calls it (default: the first that it lists)")
    parser.add_argument(
        "--max-new-tokens",
        type=positive,
        help=f"{what}: tokens of one reply (default: {BRIEF}, and {REASONED} of a server that is seen to reason)",
    )
    parser.add_argument("--device", help="auto, cpu, or cuda (default: auto)")
    add_requests(parser)


REQUESTS = ("timeout", "price", "budget")
"""The options of `add_requests`."""

OF_LANGUAGE_MODELS = ("model", "endpoint", "endpoint_model", "max_new_tokens", "device", *REQUESTS)
"""The options of `add_language_model`."""


def refuse(options: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Raises CompanionError where one of these options, without a default, is given though it would do nothing."""
    for name in names:
        if getattr(options, name) not in (None, False, []):
            raise CompanionError(f"--{name.replace('_', '-')} {why}; leave it out")


def refuse_data(options: argparse.Namespace, benchmarks: Sequence[str]) -> None:
    """Raises CompanionError for --data where none of the benchmarks is a public one."""
    from companion.questions.registry import PUBLIC

    if options.data is not None and not set(benchmarks) & set(PUBLIC):
        raise CompanionError(
            f"--data is for public benchmarks, and {', '.join(benchmarks)} needs no files; leave it out"
        )


def language_model(options: argparse.Namespace, wanted_by: str) -> Any:
    """The language model of the options --endpoint and --model. wanted_by: the option that needs it."""
    from companion.models.language import CausalLM
    from companion.models.open import sold_at
    from companion.models.openai_client import Endpoint

    if options.endpoint:
        refuse(options, ["model", "device"], f"is for a model of this machine, and {options.endpoint} is a server")
        if (options.price or sold_at(options.endpoint)) and None in (options.price, options.budget):
            raise CompanionError(
                f"{options.endpoint} costs money: give --price READ,WRITTEN and the --budget that is not to be exceeded"
            )
        account = Account(options.budget)
        return Endpoint(
            options.endpoint,
            options.endpoint_model,
            options.timeout or TIMEOUT,
            account=account,
            price=options.price,
            max_new_tokens=options.max_new_tokens,
        )
    if not options.model:
        raise CompanionError(f"{wanted_by} needs a language model; give --endpoint URL or --model ID")
    refuse(options, ["endpoint_model", *REQUESTS], f"is for models behind a server, and {options.model} is none")
    return CausalLM(options.model, options.device or "auto", options.max_new_tokens)
