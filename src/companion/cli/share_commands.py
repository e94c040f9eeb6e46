"""Commands that hand on: `export`, `export-prompts`, `export-tasks`, `push`."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from companion.cli.options import (
    DATA,
    OF_LANGUAGE_MODELS,
    Commands,
    add_items,
    add_language_model,
    language_model,
    positive,
    refuse,
    refuse_data,
)

if TYPE_CHECKING:
    from companion.questions.question import Question

WRITTEN = Path("runs/claims")


def add(commands: Commands) -> None:
    """Add these commands."""
    export = commands.add_parser("export", help="write the microworld as a folder of pictures and questions.jsonl")
    export.add_argument("--out", type=Path, required=True, help="the folder to write")
    export.add_argument("--split", default="test", help="train, validation or test (default: %(default)s)")
    export.add_argument("--limit", type=positive, default=500, help="number of items (default: %(default)s)")
    export.add_argument("--seed", type=int, default=0, help="draws the items (default: %(default)s)")
    export.set_defaults(run=_export)

    prompts = commands.add_parser("export-prompts", help="write prompts to a file that others can run; no pictures")
    add_items(prompts)
    prompts.add_argument(
        "--writer",
        choices=("template", "llm"),
        default="template",
        help="who writes what the perturbations assert: rules, or a language model (default: %(default)s)",
    )
    add_language_model(prompts, "llm")
    prompts.add_argument("--out", type=Path, required=True, help="the file, as prompts.jsonl")
    prompts.set_defaults(run=_export_prompts)

    tasks = commands.add_parser("export-tasks", help="write perturbed tasks for another evaluation tool")
    tasks.add_argument("--to", choices=("lmms-eval", "inspect"), required=True, help="the tool")
    add_items(tasks)
    tasks.add_argument("--profile", default="generic", help="how the model is asked (default: %(default)s)")
    tasks.add_argument("--out", type=Path, required=True, help="the folder to write")
    tasks.set_defaults(run=_export_tasks)

    push = commands.add_parser("push", help="publish a folder of rows on the Hugging Face Hub, with a card")
    push.add_argument("rows", type=Path, help="folder of rows; its verdicts/ go with them")
    push.add_argument("--to", required=True, metavar="USER/NAME", help="the dataset on the Hub")
    push.add_argument("--private", action="store_true", help="make the dataset private, if it is new")
    push.add_argument("--dry-run", action="store_true", help="write what would be uploaded, and upload nothing")
    push.add_argument(
        "--out", type=Path, help="with --dry-run: the folder to write (default: NAME-push beside the folder of rows)"
    )
    push.set_defaults(run=_push)


def _export(options: argparse.Namespace) -> None:
    from companion.questions.folder import write_folder
    from companion.questions.microworld import questions

    exported = questions(options.split, options.limit, options.seed)
    write_folder(exported, options.out)
    print(f"{len(exported)} questions and their pictures in {options.out}")


def _export_prompts(options: argparse.Namespace) -> None:
    from companion.evaluation.store import CLAIMS, Store
    from companion.evaluation.write_claims import rewrite
    from companion.perturbations.perturbation import parse_perturbations
    from companion.perturbations.prompt_files import write_prompts
    from companion.questions.claims.written import Written

    perturbations = parse_perturbations(options.perturbations)
    if options.writer != "llm":
        refuse(options, OF_LANGUAGE_MODELS, "is for --writer llm, and rules need no model")
    questions = _questions(options)
    if options.writer == "llm":
        written = rewrite(language_model(options, "--writer llm"), questions, Store(WRITTEN, CLAIMS))
    else:
        written = [Written(question) for question in questions]
    write_prompts(written, perturbations, options.seed, options.out)
    by = ", ".join(f"{n} by {writer}" for writer, n in Counter(one.writer for one in written).items())
    print(f"{len(written) * len(perturbations)} prompts on {len(written)} questions (claims: {by})")


def _export_tasks(options: argparse.Namespace) -> None:
    from companion.evaluation.export.tasks import export_tasks
    from companion.models.profiles import get_profile
    from companion.perturbations.perturbation import parse_perturbations

    questions = _questions(options)
    perturbations = parse_perturbations(options.perturbations)
    export_tasks(options.to, questions, perturbations, get_profile(options.profile), options.out, options.seed)
    print(options.out / "README.md")


def _questions(options: argparse.Namespace) -> Sequence[Question]:
    from companion.questions.registry import load_benchmark

    refuse_data(options, [options.benchmark])
    return load_benchmark(options.benchmark, options.limit, options.seed, options.data or DATA)


def _push(options: argparse.Namespace) -> None:
    from companion.evaluation.export import hub

    if not options.dry_run:
        refuse(options, ["out"], "is for --dry-run, and nothing is written here otherwise")
    if options.dry_run:
        folder = options.out or options.rows.parent / f"{options.to.rpartition('/')[2]}-push"
        print("\n".join(str(file) for file in hub.pack(options.rows, options.to, folder)))
    else:
        print(hub.push(options.rows, options.to, options.private))
