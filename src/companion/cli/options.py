"""Options that several commands share."""

from __future__ import annotations

import argparse
import ast
import json
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
        default=Path("data"),
        help="where a public benchmark's files are looked for, in a folder of its name (default: %(default)s)",
    )


def add_requests(parser: argparse.ArgumentParser) -> None:
    """--timeout, --price and --budget: how long a server may take, and what it may cost."""
    parser.add_argument(
        "--timeout",
        type=positive,
        default=TIMEOUT,
        metavar="SECONDS",
        help="of a server: how long one request may take; then it is made once more (default: %(default)g)",
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
    parser.add_argument("--device", default="auto", help="auto, cpu, or cuda (default: %(default)s)")
    add_requests(parser)


def language_model(options: argparse.Namespace, default: str = "") -> Any:
    """The language model of the options --endpoint and --model."""
    from companion.models.language import CausalLM
    from companion.models.openai_client import Endpoint

    if options.endpoint:
        account = Account(options.budget)
        return Endpoint(
            options.endpoint,
            options.endpoint_model,
            options.timeout,
            account=account,
            price=options.price,
            max_new_tokens=options.max_new_tokens,
        )
    name = options.model or default
    if not name:
        raise CompanionError("--writer llm needs a language model; give --endpoint URL or --model ID")
    return CausalLM(name, options.device, options.max_new_tokens)
