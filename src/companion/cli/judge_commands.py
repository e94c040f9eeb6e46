"""Commands on rows that are there: `judge` (does the reasoning lead to the answer?) and `pack`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options import (
    BASE,
    DATA,
    OF_LANGUAGE_MODELS,
    Commands,
    add_data,
    add_engine,
    add_language_model,
    language_model,
    positive,
    refuse,
)
from companion.errors import CompanionError
from companion.evaluation.judges.judge_registry import JUDGES, LANGUAGE_MODEL, WRITER, names

if TYPE_CHECKING:
    import pandas as pd

    from companion.evaluation.judges.verdicts import Judge
    from companion.models.local import LocalModel
    from companion.questions.question import Question

JUDGED = Path("runs/pairs")
"""Where verdicts on pairs are kept."""


def add(commands: Commands) -> None:
    """Add these commands."""
    judge = commands.add_parser("judge", help="add verdicts to finished rows: does the reasoning lead to the answer?")
    judge.add_argument(
        "rows",
        type=Path,
        help=f"folder of rows, whose verdicts go to its verdicts/, or pairs.jsonl, whose verdicts go to {JUDGED}/",
    )
    judge.add_argument(
        "--judge",
        choices=names(),
        default="rule",
        help="who judges what: "
        + "; ".join(f"{entry.name}: {entry.finds}" for entry in JUDGES.values())
        + " (default: %(default)s)",
    )
    judge.add_argument("--benchmark", help="names or folders with commas between them (default: as the rows say)")
    add_data(judge)
    judge.add_argument("--perturbations", default="all", help="all, or names with commas between them")
    asks_again = ", ".join(names(needs=WRITER))
    of_writer = f"; {asks_again}: {WRITER}, named as for evaluate"
    add_language_model(judge, ", ".join(names(needs=LANGUAGE_MODEL)), of_writer)
    add_engine(judge, f"{asks_again}: as for evaluate: ")
    judge.add_argument(
        "--batch-size", type=positive, default=32, help="responses judged together (default: %(default)s)"
    )
    judge.add_argument(
        "--csv", type=Path, metavar="FILE", help="with pairs.jsonl: a file for how often the judge errs, in counts"
    )
    judge.set_defaults(run=_judge)

    pack = commands.add_parser("pack", help="bring the many parts of a folder of rows into one file a model")
    pack.add_argument("rows", type=Path, help="folder of rows; its verdicts/ are packed too, one file a judge")
    pack.set_defaults(run=_pack)


def _judge(options: argparse.Namespace) -> None:
    _refuse_unused(options)
    if options.rows.is_file():
        refuse(options, ["benchmark", "data"], "is for rows, and pairs.jsonl holds its questions itself")
        if options.perturbations != "all":
            raise CompanionError("--perturbations is for rows, and pairs.jsonl has none; leave it out")
        _judge_pairs(options)
    elif not options.rows.is_dir():
        raise CompanionError(
            f"no {options.rows}; give a folder that `companion evaluate --out` has written, or a file of pairs"
        )
    elif options.csv:
        raise CompanionError("--csv is for pairs.jsonl, with labels to err from; leave it out for rows")
    else:
        _judge_rows(options)


def _refuse_unused(options: argparse.Namespace) -> None:
    """Raises CompanionError for an option that the judge has no use for."""
    needs = JUDGES[options.judge].needs
    of_language_models, of_writers = " or ".join(names(needs=LANGUAGE_MODEL)), " or ".join(names(needs=WRITER))
    if needs == WRITER:
        unused = [name for name in OF_LANGUAGE_MODELS if name not in ("model", "device")]
        refuse(
            options,
            unused,
            f"is for --judge {of_language_models}, and the judge {options.judge} asks the model that wrote the rows",
        )
    else:
        refuse(options, ["gpus", "vllm"], f"is for --judge {of_writers}, and not for {options.judge}")
    if not needs:
        why = f"is for --judge {of_language_models}, and the judge {options.judge} asks no model"
        refuse(options, OF_LANGUAGE_MODELS, why)


def _judge_pairs(options: argparse.Namespace) -> None:
    """Hold the judge against labelled pairs, and print how often it is right."""
    from datetime import date

    from companion.evaluation.judges.above_chance import remember
    from companion.evaluation.judges.labelled_pairs import Kept, chance, errors, read_pairs, report_on, score
    from companion.evaluation.store import VERDICTS, Store

    entry = JUDGES[options.judge]
    if not entry.pairs or entry.needs == WRITER:
        others = " or ".join(other.name for other in JUDGES.values() if other.pairs and other.needs != WRITER)
        raise CompanionError(
            f"{options.rows} has no pictures and was written by no model, so that the judge {entry.name} cannot judge "
            f"it; give a folder of rows, or --judge {others}"
        )

    # 1) Its verdicts, which are kept as they come, against the labels.
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
    pairs = read_pairs(options.rows)
    kept = Kept(_judge_named(options), Store(JUDGED, VERDICTS), options.batch_size)
    scores, guessing = score(kept, pairs), chance(pairs)
    print(scores.to_string(index=False, float_format="{:.3f}".format))
    print(report_on(kept, scores, guessing))
    # 2) What was found is looked up when the same judge judges rows.
    remember(JUDGED, kept, options.rows.name, scores, guessing)
    if kept.unanswered:
        raise CompanionError(kept.unanswered)
    # 3) Its errors, in counts.
    if options.csv:
        counts = errors(kept, pairs).assign(date=f"{date.today()}")
        counts.to_csv(options.csv, index=False, lineterminator="\n")


def _judge_rows(options: argparse.Namespace) -> None:
    """Add verdicts to the rows of a folder, and print their shares. Raises CompanionError, at the end, where rows have
    no verdict."""
    import pandas as pd

    from companion.evaluation.engine import UnansweredError, judge
    from companion.evaluation.judges.above_chance import caution
    from companion.evaluation.store import VERDICTS, Store

    # 1) The rows to be judged, and by whom.
    rows, folders = _current_rows(options)
    if JUDGES[options.judge].needs == WRITER:
        judged_by, rows = _asking_again(options, rows)
    else:
        judged_by = _judge_named(options)
    if rows.empty:
        raise CompanionError(
            f"no rows to judge in {options.rows}; give the folder that `companion evaluate` wrote: runs, unless its "
            "--out was another"
        )
    # 2) Judge benchmark after benchmark. Rows without a verdict keep none of the others from being judged.
    store = Store(options.rows / "verdicts", VERDICTS)
    by_benchmark: list[pd.DataFrame] = []
    unanswered: list[str] = []
    for name, source in _sources(options, rows, folders).items():
        questions, answered = _questions_of(name, source, rows[rows["benchmark"] == name], options.data or DATA)
        try:
            verdicts = judge(judged_by, answered, questions, store, options.batch_size)
        except UnansweredError as error:
            unanswered.append(str(error))
            verdicts = error.found
        by_benchmark.append(verdicts.assign(benchmark=name))
    # 3) How often each verdict was given, and whether the judge is known to be worth hearing.
    print(_shares(rows, pd.concat(by_benchmark)))
    if warning := caution(judged_by, JUDGED):
        print(warning)
    if unanswered:
        raise CompanionError("\n".join(unanswered))


def _current_rows(options: argparse.Namespace) -> tuple[pd.DataFrame, Mapping[str, Path]]:
    """The rows of the folder under the perturbations that are wanted, and by benchmark the folders of questions."""
    from companion.evaluation.current_rows import current
    from companion.evaluation.store import to_frame
    from companion.perturbations.perturbation import parse_perturbations

    perturbations = parse_perturbations(options.perturbations)
    found = current([options.rows])
    for sentence in found.told():
        print(sentence, file=sys.stderr)
    rows = to_frame(found.rows)
    return rows[rows["perturbation"].isin(perturbations)], found.folders


def _questions_of(name: str, source: str, rows: pd.DataFrame, data: Path) -> tuple[Sequence[Question], pd.DataFrame]:
    """The questions that the rows on a benchmark answer, and the rows whose question is as it was when it was asked.

    name: as the rows have it. source: what `load_benchmark` takes for it. data: folder of public benchmarks.
    """
    from companion.questions.folder import own_folder
    from companion.questions.registry import PUBLIC, find_questions, load_benchmark

    if own_folder(source) and source not in PUBLIC:
        questions = load_benchmark(source)
        return questions, _unchanged(name, rows, questions, source)
    return find_questions(source, rows["question"], data), rows


def _shares(rows: pd.DataFrame, verdicts: pd.DataFrame) -> str:
    """A table: of each model, benchmark and perturbation the share of each verdict, and the number of rows."""
    import pandas as pd

    judged = rows.merge(
        verdicts, left_on=["key", "benchmark"], right_on=["row", "benchmark"], suffixes=("", "_verdict")
    )
    by = ["model", "benchmark", "perturbation"]
    shares = pd.crosstab([judged[name] for name in by], judged["verdict"], normalize="index")
    return shares.map(lambda share: f"{share:.1%}").assign(n=judged.groupby(by).size()).to_string()


def _sources(options: argparse.Namespace, rows: pd.DataFrame, folders: Mapping[str, Path]) -> dict[str, str]:
    """By the name of each benchmark in the rows, or of those of --benchmark, what `load_benchmark` takes for it.

    A folder is where the run says that its questions came from, or else the one that is given.
    """
    from companion.questions.folder import own_folder
    from companion.questions.registry import PUBLIC

    there = rows["benchmark"].unique().tolist()
    if not options.benchmark:
        found = {}
        for name in there:
            folder = folders.get(name)
            if folder and not folder.is_dir():
                raise CompanionError(f"the folder {folder}, where {name} came from, is gone; give --benchmark FOLDER")
            if not folder and not (name == "microworld" or name in PUBLIC):
                raise CompanionError(
                    f"the rows on {name} do not say which folder their questions came from; give --benchmark FOLDER"
                )
            found[name] = str(folder or name)
        return found
    found = {}
    for given in options.benchmark.split(","):
        here = Path(os.path.abspath(own_folder(given) or given))
        own = [name for name, folder in folders.items() if folder == here]
        names = [name for name in own or [given, here.name] if name in there]
        if not names:
            raise CompanionError(
                f"no rows on the benchmark {given!r} in {options.rows}; name those that it was made on"
            )
        found[names[0]] = str(folders[given]) if given in folders and not own else given
    return found


def _unchanged(name: str, rows: pd.DataFrame, questions: Sequence[Question], folder: str) -> pd.DataFrame:
    """The rows whose question stands in the folder as it was asked; says how many others there are.

    Raises CompanionError where there is none.
    """
    by_id = {question.id: question for question in questions}

    def same(row: Any) -> bool:
        question = by_id.get(row.question)
        return question is not None and (
            question.text in row.prompt
            and question.options == tuple(row.options[: row.n_options])
            and question.letter == row.right
        )

    kept = rows[[same(row) for row in rows.itertuples()]]
    if kept.empty:
        raise CompanionError(
            f"no row on {name} answers a question that {folder} holds; give the folder that they are on"
        )
    if len(kept) < len(rows):
        print(
            f"{len(rows) - len(kept)} rows on {name} are left out: their questions were changed since they were asked, "
            "or are gone",
            file=sys.stderr,
        )
    return kept


def _judge_named(options: argparse.Namespace) -> Judge:
    """The judge of the options --judge, --model and --endpoint, if it is not one that asks the writer of rows again."""
    entry = JUDGES[options.judge]
    if entry.needs == LANGUAGE_MODEL:
        return entry.make(language_model(options, f"--judge {entry.name}"))
    return entry.make()


def _asked_with(options: argparse.Namespace, rows: pd.DataFrame) -> dict[str, str]:
    """The profile, the system prompt and the precision with which rows were asked. Raises CompanionError where there
    are several."""
    found = {}
    for name, several in (
        ("profile", "several profiles ({}), and a replay asks with one: evaluate with each --profile"),
        (
            "system",
            "several system prompts, or also without, and a replay asks with one: evaluate with each --system",
        ),
        ("precision", "several precisions ({}), and a replay computes in one: evaluate on each --device"),
    ):
        told = rows[name].fillna("").unique()
        if len(told) > 1:
            which = several.format(", ".join(one or "unknown" for one in told))
            raise CompanionError(f"the rows in {options.rows} were asked with {which} into a folder of its own")
        found[name] = told[0]
    return found


def _asking_again(options: argparse.Namespace, rows: pd.DataFrame) -> tuple[Judge, pd.DataFrame]:
    """The judge that asks a model again, as it was asked (`_asked_with`), and those of the rows that it wrote.

    Raises CompanionError where it wrote none, or was asked in several ways.
    """
    model = _writer(options)
    own = rows[rows["model_hash"] == model.identity]
    if own.empty and not rows.empty:
        raise CompanionError(
            f"no rows in {options.rows} are {model.label}'s, whom this judge would ask again; name the "
            "model that wrote them with --model, and with --vllm KEY=VALUE if they were made so"
        )
    if not own.empty:
        model = _writer(options, **_asked_with(options, own))
    return JUDGES[options.judge].make(model), own


def _writer(options: argparse.Namespace, profile: str = "auto", system: str = "", precision: str = "") -> LocalModel:
    """The model that is said to have written the rows. profile, system, precision: with which they were asked.

    Raises CompanionError for a model that cannot be asked again.
    """
    from companion.models.open import is_served, open_local

    name = options.model or BASE
    if is_served(name):
        raise CompanionError(
            f"{name!r} is behind a server, and a replay begins the model's turn with all of its reasoning, which takes "
            "a model of this machine; judge these rows with --judge rule or llm"
        )
    model = open_local(name, options.device or "auto", profile, system, options.gpus or 1, dict(options.vllm))
    if precision:
        model.half = not precision.startswith("float32")
    return model


def _pack(options: argparse.Namespace) -> None:
    from companion.evaluation.store import VERDICTS, Store

    if not options.rows.is_dir():
        raise CompanionError(f"no folder {options.rows}; give one that `companion evaluate --out` has written")
    packed = Store(options.rows).pack("model")
    if (options.rows / "verdicts").is_dir():
        packed += Store(options.rows / "verdicts", VERDICTS).pack("judge")
    print("\n".join(map(str, packed)) or f"{options.rows} holds no rows; nothing was packed")
