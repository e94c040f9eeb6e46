"""V*-Bench: small details of large pictures; attributes (4 options, a few 2) and relative positions (2 options)."""

from __future__ import annotations

import pandas as pd

from companion.measures import Measure, mean
from companion.questions.public.benchmark import (
    NOT_STATED,
    Benchmark,
    Copy,
    Row,
    accuracies,
    collect,
    distinct,
    inline,
    position,
)
from companion.questions.public.files import Table
from companion.questions.question import LETTERS, Question

NAME = "vstar"

INSTRUCTION = "Answer with the option's letter"
"""How the line begins that follows the options in some copies."""


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions, without the options in their text and the instruction behind them."""
    return collect(NAME, Table(NAME, copy, ("text", "label", "category", "question_id"), "image"), _question)


def _question(row: Row) -> Question:
    text, written = inline(row.text("text").split(INSTRUCTION)[0], r"(?:^|\s)\({}\)\s")
    options, category = distinct(written, "text"), row.text("category")
    id = f"{NAME}-{category}-{row.text('question_id')}"
    return row.question(id, text, options, position(row, "label", LETTERS[: len(options)]), category)


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """accuracy, and that of each category. Source: `vstar_aggregate_results` of lmms-eval."""
    return {"accuracy": mean(rows["correct"]), **accuracies(rows, rows["category"])}


# Count: 115 + 76, README of lmms-eval's task. The authors' card at the Hub (craigwu/vstar_bench) names no licence.
VSTAR = Benchmark(
    name=NAME,
    title="V*-Bench",
    home="lmms-lab-encoder/vstar-bench",
    files=("data/test-*.parquet",),
    revision=None,
    licence=NOT_STATED,
    items=191,
    options="2 or 4",
    read=read_questions,
    scores=scores,
    note="Chance is 1/2 for positions and for 8 of the 115 attributes, which have two options; for the others 1/4.",
)
