"""What is known of a public benchmark, and how its rows become questions or are reported as malformed.

A row is malformed where it cannot be a question as its set's schema has it. It is left out and reported; many of them
mean that the schema is another one, which is an error.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from companion.errors import CompanionError
from companion.measures import Measure, mean, share
from companion.questions.claims.template import claims
from companion.questions.question import LETTERS, Question

NOT_STATED = "not stated"

REPORTED = 5
"""Malformed rows whose messages are shown; the rest are counted."""

TOLERATED = 0.01
"""Share of malformed rows above which, from two on, the schema is taken to be another one."""


@dataclass(frozen=True)
class Copy:
    """A copy of a benchmark on this machine: its folder, in it the files to read, in order, and the folder of `data/`
    for what is fetched beside them."""

    folder: Path
    files: tuple[Path, ...]
    beside: Path


@dataclass(frozen=True)
class Benchmark:
    """A public benchmark.

    home: its id on the Hub, or a web address where it is not there. files: glob patterns of what is wanted of it.
    also: patterns of other published forms, which are read where a local copy has them. folder: of `data/`, beside the
    one with its name, where it has its files in common with another. revision: commit on the Hub, or None where none
    could be found out. items: as published, or None. options: as "2 or 4". note: a sentence that users must know.

    read: questions of a copy, in its order, those with known errors only if wanted. scores: the official ones, by name,
    of `store.ROWS` rows of one model under one perturbation in any order; the first is the one its authors lead with,
    and one that these rows do not allow is left out. Its weights must be those of `intervals.resample` on the rows'
    `group`. rotations: of such rows the unit of each, whose rows differ in the order of their options alone; None where
    every item is asked in one order."""

    name: str
    title: str
    home: str
    files: tuple[str, ...]
    revision: str | None
    licence: str
    items: int | None
    options: str
    note: str
    read: Callable[[Copy, bool], list[Question]]
    scores: Callable[[pd.DataFrame], dict[str, Measure]]
    also: tuple[tuple[str, ...], ...] = ()
    folder: str = ""
    rotations: Callable[[pd.DataFrame], Sequence[str]] | None = None


class MalformedError(Exception):
    """What is wrong with a column of a row."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(f"column {column}: {message}")


@dataclass(frozen=True)
class Row:
    """A row of a benchmark's file, from 0.

    picture: loads it as RGB, or raises CompanionError. problem: what was found wrong with it already.
    """

    benchmark: str
    file: str
    number: int
    values: dict[str, Any]
    picture: Callable[..., Image.Image]
    problem: MalformedError | None = None

    @property
    def place(self) -> str:
        """As "cv-bench, test_2d.parquet, row 17"."""
        return f"{self.benchmark}, {self.file}, row {self.number}"

    def has(self, column: str) -> bool:
        """Whether there is something; "nan" and nothing but space are nothing."""
        value = self.values.get(column)
        return not (
            value is None or value != value or (isinstance(value, str) and value.strip().lower() in ("", "nan"))
        )

    def text(self, column: str) -> str:
        """What stands there, as text. Raises MalformedError where nothing does."""
        if not self.has(column):
            raise MalformedError(column, "nothing is there")
        return str(self.values[column]).strip()

    def question(
        self, id: str, text: str, options: tuple[str, ...], answer: int, category: str = "", group: str = ""
    ) -> Question:
        """What the row asks, its claims by `claims.template`. group: of items that are resampled together; "" for one
        that stands alone."""
        return Question(
            id,
            text,
            options,
            answer,
            claims(text, options),
            self.picture,
            source=self.benchmark,
            category=category,
            group=group or id,
        )


def collect(name: str, rows: Iterable[Row], question: Callable[[Row], Question | None]) -> list[Question]:
    """The questions of rows; None is left out silently, a malformed one is named on stderr.

    Raises CompanionError where more than `TOLERATED`, and at least two, are malformed.
    """
    found: dict[str, Question] = {}
    malformed: list[str] = []
    total = 0
    for total, row in enumerate(rows, start=1):  # noqa: B007
        try:
            if row.problem:
                raise row.problem
            one = question(row)
        except MalformedError as error:
            malformed.append(f"{row.place}, {error}")
            continue
        if one and one.id in found:
            malformed.append(f"{row.place}: its id {one.id} is there twice")
        elif one:
            found[one.id] = one
    shown = "; ".join(malformed[:REPORTED]) + ("; …" if len(malformed) > REPORTED else "")
    if len(malformed) > max(1, TOLERATED * total):
        raise CompanionError(
            f"{name}: {len(malformed)} of {total} rows are malformed, too many for the files that are meant: {shown}"
        )
    if malformed:
        print(f"{name}: {len(malformed)} of {total} rows are malformed and left out: {shown}", file=sys.stderr)
    if not found:
        raise CompanionError(f"{name}: its files hold no question; get them anew")
    return list(found.values())


def distinct(options: Sequence[str], column: str) -> tuple[str, ...]:
    """Options as they are. Raises MalformedError unless they are 2 to 6 different ones."""
    if not 2 <= len(options) < len(LETTERS):
        raise MalformedError(column, f"{len(options)} options, which should be 2 to 6")
    if len(set(options)) < len(options):
        raise MalformedError(column, f"two options are the same in {list(options)}")
    return tuple(options)


def lettered(row: Row) -> tuple[str, tuple[str, ...]]:
    """Of options in the columns A to D: the letters that have one, and the options."""
    there = "".join(letter for letter in "ABCD" if row.has(letter))
    return there, distinct([row.text(letter) for letter in there], "A to D")


def inline(text: str, mark: str) -> tuple[str, list[str]]:
    """A question and the options written behind it. mark: the expression before an option, "{}" for its letter."""
    parts = [text]
    for letter in LETTERS:
        found = re.search(mark.format(letter), parts[-1])
        if not found:
            break
        parts[-1:] = [parts[-1][: found.start()], parts[-1][found.end() :]]
    question, *options = (part.strip() for part in parts)
    return question, options


def position(row: Row, column: str, letters: str) -> int:
    """Which of the letters stands in a column, as "B" or "(B)". Raises MalformedError where none does."""
    letter = row.text(column).strip("(). ").upper()
    if len(letter) != 1 or letter not in letters:
        raise MalformedError(column, f"{row.text(column)!r} is not the letter of an option ({', '.join(letters)})")
    return letters.index(letter)


def shuffled(options: Sequence[str], id: str) -> tuple[tuple[str, ...], int]:
    """Options, of which the first is right, in an order drawn by the question's id, and where the right one stands.

    By the id and not by a seed, so that an id means the same question, options and letter in every run.
    """
    order = random.Random(id).sample(range(len(options)), len(options))
    return tuple(options[one] for one in order), order.index(0)


def accuracy(rows: pd.DataFrame) -> dict[str, Measure]:
    """accuracy, where there is no other score."""
    return {"accuracy": mean(rows["correct"])}


def accuracies(rows: pd.DataFrame, labels: pd.Series) -> dict[str, Measure]:
    """The share of rows that are right, by label, in the order of the labels' names."""
    return {str(label): share(rows["correct"], labels == label) for label in sorted(labels.unique())}
