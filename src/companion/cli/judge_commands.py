"""Commands on rows that are there: `judge` (does the reasoning lead to the answer?) and `pack`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.options import BASE, Commands, add_data, add_language_model, language_model, positive
from companion.errors import CompanionError

if TYPE_CHECKING:
    import pandas as pd

    from companion.questions.question import Question

JUDGED = Path("runs/pairs")
"""Where verdicts on pairs are kept."""

PAPERS_JUDGE = "Qwen/Qwen3-32B"
JUDGES = ("rule", "llm", "replay", "grounding")
"""Those that say whether the reasoning leads to the answer."""


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
        choices=(*JUDGES, "conflict"),
        default="rule",
        help="who judges; conflict: does the answer say that text and picture disagree? (default: %(default)s)",
    )
    judge.add_argument("--benchmark", help="names or folders with commas between them (default: as the rows say)")
    add_data(judge)
    judge.add_argument("--perturbations", default="all", help="all, or names with commas between them")
    add_language_model(judge, "llm", "; replay: the model that wrote the rows")
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
    if options.rows.is_file():
        _judge_pairs(options)
    else:
        _judge_rows(options)


def _judge_pairs(options: argparse.Namespace) -> None:
    """Hold the judge against labelled pairs, and print how often it is right."""
    from datetime import date

    from companion.evaluation.judges.above_chance import remember
    from companion.evaluation.judges.labelled_pairs import Kept, chance, errors, read_pairs, report_on, score
    from companion.evaluation.store import VERDICTS, Store

    # 1) Its verdicts, which are kept as they come, against the labels.
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
    judged_by = _judge_named(options)
    if options.judge == "replay":
        rows = rows[rows["model_hash"] == judged_by.model.identity]
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
        questions, answered = _questions_of(name, source, rows[rows["benchmark"] == name], options.data)
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
    from companion.perturbations.table import parse_perturbations

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

    there = list(dict.fromkeys(rows["benchmark"]))
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


def _judge_named(options: argparse.Namespace) -> Any:
    """The judge of the options --judge, --model and --endpoint."""
    from companion.evaluation.judges.conflict_judge import Conflict
    from companion.evaluation.judges.grounding_judge import Grounding
    from companion.evaluation.judges.llm_judge import LLMJudge
    from companion.evaluation.judges.replay_judge import Replay
    from companion.evaluation.judges.rule_judge import Rule
    from companion.models.local import LocalModel

    if options.judge == "rule":
        return Rule()
    if options.judge == "grounding":
        return Grounding()
    if options.judge == "conflict":
        return Conflict()
    if options.judge == "replay":
        return Replay(LocalModel(options.model or BASE, options.device))
    return LLMJudge(language_model(options, PAPERS_JUDGE))


def _pack(options: argparse.Namespace) -> None:
    from companion.evaluation.store import VERDICTS, Store

    if not options.rows.is_dir():
        raise CompanionError(f"no folder {options.rows}; give one that `companion evaluate --out` has written")
    packed = Store(options.rows).pack("model")
    if (options.rows / "verdicts").is_dir():
        packed += Store(options.rows / "verdicts", VERDICTS).pack("judge")
    print("\n".join(str(file) for file in packed))
