"""MME-RealWorld-Lite: high-resolution pictures of five domains, to perceive or to reason about; always five options."""

from __future__ import annotations

import ast

import pandas as pd

from companion.measures import Measure, mean
from companion.questions.public.benchmark import (
    Benchmark,
    Copy,
    MalformedError,
    Row,
    accuracies,
    collect,
    distinct,
    inline,
    position,
)
from companion.questions.public.files import Table
from companion.questions.question import LETTERS, Question

NAME = "mme-realworld-lite"
OPTIONS = "multi-choice options"


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions. The fifth option says that none of the others is right, or that the picture does not show it."""
    picture = "image" if copy.files[0].suffix == ".tsv" else "bytes"
    columns = ("index", "question", OPTIONS, "answer", "category", "l2-category")
    return collect(NAME, Table(NAME, copy, columns, picture), _question)


def _question(row: Row) -> Question:
    text, options = row.text("question"), distinct(_options(row), OPTIONS)
    id, category = f"{NAME}-{row.text('index')}", "/".join(_task(row))
    return row.question(id, text, options, position(row, "answer", LETTERS[: len(options)]), category)


def _options(row: Row) -> list[str]:
    """The options without letters, of a list or of a string that holds one."""
    written = row.values[OPTIONS]
    if isinstance(written, str):
        try:
            written = ast.literal_eval(written)
        except (ValueError, SyntaxError) as error:
            raise MalformedError(OPTIONS, f"{written[:60]!r} does not hold a list") from error
    if not isinstance(written, list):
        raise MalformedError(OPTIONS, f"{written!r} is not a list")
    _, options = inline("\n".join(map(str, written)), r"(?:^|\n)\({}\)\s*")
    if len(options) != len(written):
        raise MalformedError(OPTIONS, f"not every one of {written!r} begins with its letter, as (A)")
    return options


def _task(row: Row) -> tuple[str, str]:
    """Perception or Reasoning, and the domain, as the authors' scripts read them."""
    category = row.text("category")
    return "Perception" if "perception" in category.lower() else "Reasoning", category.rsplit("/", 1)[-1]


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """accuracy of all rows, of each task (Perception, Reasoning) and of each task's domains.

    Source: `evaluation/eval_your_results.py` of the authors, which weighs every row alike at each level.
    """
    tasks = rows["category"].str.split("/").str[0]
    return {"accuracy": mean(rows["correct"]), **accuracies(rows, tasks), **accuracies(rows, rows["category"])}


# Count: as evaluations of it report. Licence: README of yfzhang114/MME-RealWorld; the card of this copy names none.
MME_REALWORLD_LITE = Benchmark(
    name=NAME,
    title="MME-RealWorld-Lite",
    home="yifanzhang114/MME-RealWorld-lite-lmms-eval",
    files=("data/train-*.parquet",),
    also=(("mme_realworld_lite.tsv",),),
    revision="a9aa36effbfd7bd385c7a0a22ad67cc462d47a03",
    licence="academic research only; not to be passed on",
    items=1919,
    options="5",
    note="The last option says that the picture does not show it.",
    read=read_questions,
    scores=scores,
)
