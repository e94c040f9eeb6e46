"""MMBench, English development split: twenty abilities; every item again with its options rotated.

The Parquet copy that lmms-eval reads, or the authors' TSV file (MMBench_DEV_EN.tsv), in which a rotated row names the
row whose picture it has.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from companion.measures import Measure, all_right, mean
from companion.questions.public.benchmark import (
    NOT_STATED,
    Benchmark,
    Copy,
    MalformedError,
    Row,
    collect,
    lettered,
    position,
)
from companion.questions.public.files import Table
from companion.questions.question import Question

NAME = "mmbench"

ROTATION = 1_000_000
"""Rotated copies of an item have its index plus multiples of this."""

COARSE = ("L2-category", "l2-category")
"""Names of the column with the coarser categories, in the copies that there are."""


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions, a hint before the question where there is one."""
    columns = ("index", "question", "hint", "A", "B", "answer", "category")
    return collect(NAME, Table(NAME, copy, columns, "image", ("C", "D", *COARSE)), _question)


def _question(row: Row) -> Question:
    index = row.text("index")
    if not index.isdecimal():
        raise MalformedError("index", f"{index!r} is not a whole number")
    letters, options = lettered(row)
    text = f"{row.text('hint')}\n{row.text('question')}" if row.has("hint") else row.text("question")
    coarse = next((row.text(column) for column in COARSE if row.has(column)), "")
    category = "/".join(filter(None, (coarse, row.text("category"))))
    id, group = f"{NAME}-{index}", f"{NAME}-{int(index) % ROTATION}"
    return row.question(id, text, options, position(row, "answer", letters), category, group)


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """circular: of items, the share that is right in every rotation of its options; and the plain accuracy of all rows.

    Source: `mmbench_evals.py` of lmms-eval (`eval_result`), where the rotations of an item are the rows with the same
    index modulo 1,000,000.
    """
    return {"circular": all_right(rows["correct"], rotations(rows)), "accuracy": mean(rows["correct"])}


def rotations(rows: pd.DataFrame) -> Sequence[str]:
    """An item and its copies, whose options are rotated: its group."""
    return rows["group"].tolist()


# Rows: with the rotations, not checked against the files. The card of this copy names no licence; that of
# opencompass/MMBench, which has no files, says CC BY 4.0.
MMBENCH = Benchmark(
    name=NAME,
    title="MMBench (en, dev)",
    home="lmms-lab-encoder/MMBench",
    files=("en/dev-*.parquet",),
    also=(("MMBench_DEV_EN.tsv",),),
    revision=None,
    licence=NOT_STATED,
    items=4329,
    options="2 to 4",
    note="Rows are rotations of the options; the official score wants all of an item right.",
    read=read_questions,
    scores=scores,
    rotations=rotations,
)
