"""Geometry3K: geometry problems with a figure, open-ended.

Each problem gets three other options from the answers to other problems of its kind (numbers; expressions), drawn by
its id: none of the same value. That makes it easier than it was.
"""

from __future__ import annotations

import random
import re

from companion.questions.public.benchmark import (
    NOT_STATED,
    Benchmark,
    Copy,
    Row,
    accuracy,
    collect,
    distinct,
    shuffled,
)
from companion.questions.public.files import Table
from companion.questions.question import Question

NAME = "geometry3k"

MARK = "<image>"
"""Stands in the text where the figure belongs."""

OTHERS = 3
"""Options beside the right one."""

NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """The problems of the training split."""
    table = Table(NAME, copy, ("problem", "answer"), "images")
    answers = sorted({row.text("answer") for row in table if row.has("answer")})
    return collect(NAME, table, lambda row: _question(row, answers))


def _question(row: Row, answers: list[str]) -> Question:
    id, text, right = f"{NAME}-{row.number}", row.text("problem").replace(MARK, "").strip(), row.text("answer")
    options = [right]
    for other in random.Random(id).sample(answers, len(answers)):
        of_its_kind = bool(NUMBER.fullmatch(other)) == bool(NUMBER.fullmatch(right))
        if len(options) <= OTHERS and of_its_kind and value(other) not in [value(option) for option in options]:
            options.append(other)
    shown, answer = shuffled(distinct(options, "answer"), id)
    return row.question(id, text, shown, answer)


def value(answer: str) -> float | str:
    """A number's value; an expression without its spaces."""
    return float(answer) if NUMBER.fullmatch(answer) else re.sub(r"\s", "", answer)


# Count: of the training split, of which the Hub's viewer says 2.1k. Its card could not be seen.
GEOMETRY3K = Benchmark(
    name=NAME,
    title="Geometry3K (training)",
    home="hiyouga/geometry3k",
    files=("data/train-*.parquet",),
    revision=None,
    licence=NOT_STATED,
    items=2101,
    options="4",
    note="Open-ended: its options are made here, of answers to other problems.",
    read=read_questions,
    scores=accuracy,
)
