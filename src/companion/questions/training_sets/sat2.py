"""SAT2: spatial questions in simulated rooms, of what is seen and of what one's own movement would change.

The right answer is given by its text; options get an order drawn by the question's id. A question has one picture here,
so those with two (before and after a movement) are left out, and their number is told.
"""

from __future__ import annotations

import sys

from companion.questions.public.benchmark import (
    Benchmark,
    Copy,
    MalformedError,
    Row,
    accuracy,
    collect,
    distinct,
    shuffled,
)
from companion.questions.public.files import Table
from companion.questions.question import Question

NAME = "sat2"


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """The questions of the training split with one picture."""
    table = Table(NAME, copy, ("question", "answers", "correct_answer", "question_type"), "images")
    several = sum(len(row.values["images"] or ()) > 1 for row in table)
    if several:
        print(f"{NAME}: {several} questions have more than one picture and are left out", file=sys.stderr)
    return collect(NAME, table, _question)


def _question(row: Row) -> Question | None:
    """An id has the number of the file, as in train-00003-of-00010.parquet, and that of the row."""
    pictures = row.values["images"] or ()
    if not pictures:
        raise MalformedError("images", "nothing is there")
    if len(pictures) > 1:
        return None
    id = f"{NAME}-{row.file.split('-')[1]}-{row.number}"
    text, right = row.text("question"), row.text("correct_answer")
    answers = [str(answer).strip() for answer in row.values["answers"] or ()]
    if right not in answers:
        raise MalformedError("correct_answer", f"{right!r} is none of {answers}")
    options, answer = shuffled(distinct([right, *(one for one in answers if one != right)], "answers"), id)
    return row.question(id, text, options, answer, category=row.text("question_type"))


# Count: of the training split, not checked against the files. Licence: the card of array/SAT, of which this is a copy.
SAT2 = Benchmark(
    name=NAME,
    title="SAT2 (training)",
    home="array/SAT-v2",
    files=("data/train-*.parquet",),
    revision=None,
    licence="MIT (array/SAT)",
    items=172384,
    options="2 to 4",
    note="Questions with two pictures are left out; options stand in an order that an item's id decides.",
    read=read_questions,
    scores=accuracy,
)
