"""Spatial-MM: where things are, from the camera's or from a person's view; one or two objects, or several steps.

Its JSON files are in the authors' repository, its pictures in their shared folder. In the files at commit 7c5ff29
(January 2025) these rows, from 0, are known to be wrong, and left out unless they are asked for:

- the letter of the answer contradicts its text: one_obj 25 and 62; two_obj 263, 527, 594 and 851. (Asked for, the
  letter counts.)
- the same question about the same picture stands there before: one_obj 290, 382, 385, 478, 489 and 490; two_obj 753,
  757, 762, 816, 924, 930 and 936. (Asked for, they stay.)
- two options are the same: two_obj 503. (Asked for, one of the two is dropped.)

They are known by these rules, not by their numbers, so that another version of the files is held to them too.

The several-step questions are open-ended. Each gets three other options, fewer where there are no more, from the
answers to other questions of its kind (colours, places, people, other things; yes or no has two), drawn by its id;
never one that shares its words with the answer or means the same by `SAME`. So their accuracy is not the authors'.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pandas as pd

from companion.measures import Measure, mean
from companion.questions.public.benchmark import (
    NOT_STATED,
    Benchmark,
    Copy,
    MalformedError,
    Row,
    accuracies,
    accuracy,
    collect,
    distinct,
    inline,
    shuffled,
)
from companion.questions.public.files import json_rows
from companion.questions.question import LETTERS, Question

NAME, MULTIHOP = "spatial-mm", "spatial-mm-multihop"

PICTURES = "the authors' shared folder, which the README of github.com/FatemehShiri/Spatial-MM links to"

ANSWER = re.compile(r"([A-F])\. ?(.*)", re.DOTALL)

OTHERS = 3
"""Options beside the right one that are made for an open-ended question."""

KINDS = {
    "colour": "red yellow blue white pink brown green black purple beige orange peach grey gray golden copper striped",
    "place": "left right middle behind front top below under back on bottom over between above",
    "person": "female male man woman boy girl",
}
"""Words by which an answer's kind is known; the last word of the answer that is among them decides."""

SAME = (
    "behind back",
    "below under bottom",
    "above over on top",
    "middle between",
    "grey gray silver",
    "golden yellow",
    "beige peach",
    "brown copper",
    "strawberry strawberries",
    "man male",
    "woman female",
    "phone telephone",
    "glass mug mugs",
)
"""Words that may mean the same in an answer."""


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions about one object, then those about two."""
    return collect(NAME, _rows(copy), partial(_question, seen=set(), known_bad=known_bad))


def _rows(copy: Copy) -> Iterator[Row]:
    for file in copy.files:
        yield from json_rows(NAME, copy, file, ("question", "answer"), "image_name", PICTURES)


def _question(row: Row, seen: set[tuple[str, str]], known_bad: bool) -> Question | None:
    """None for a row that is known to be bad, unless those are wanted. seen: pictures and questions so far."""
    text, options = inline(row.text("question"), r"\s{}\. ?")
    answer = ANSWER.fullmatch(row.text("answer"))
    if not answer or answer[1] not in LETTERS[: len(options)]:
        raise MalformedError("answer", f"{row.text('answer')!r} names no option of {options}")
    right = options[LETTERS.index(answer[1])]
    once = (row.text("image_name"), row.text("question"))
    bad = right.casefold() != answer[2].strip().casefold() or once in seen or len(set(options)) < len(options)
    seen.add(once)
    if bad and not known_bad:
        return None
    options = list(dict.fromkeys(options))
    file = "one_obj" if "one_obj" in row.file else "two_obj"
    id = f"{NAME}-{file}-{row.number}"
    return row.question(id, text, distinct(options, "question"), options.index(right), category=file)


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """accuracy, and that of questions about one and about two objects. The authors publish no scorer."""
    return {"accuracy": mean(rows["correct"]), **accuracies(rows, rows["category"])}


def read_multihop(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions of several steps, with options made for them as the module says."""
    rows = list(json_rows(MULTIHOP, copy, copy.files[0], ("question", "answer", "hop"), "image_name", PICTURES))
    answers = sorted({row.text("answer").lower() for row in rows if row.has("answer")})
    return collect(MULTIHOP, rows, partial(_multihop, answers=answers))


def _multihop(row: Row, answers: list[str]) -> Question:
    id, text, right = f"{MULTIHOP}-{row.number}", row.text("question"), row.text("answer").lower()
    if right in ("yes", "no"):
        options: list[str] = [right, "no" if right == "yes" else "yes"]
    else:
        options = [right]
        drawn = random.Random(id).sample(answers, len(answers))
        for other in (one for one in drawn if kind(one) == kind(right)):
            if len(options) <= OTHERS and not any(alike(other, one) for one in options):
                options.append(other)
    if len(options) < 2:
        raise MalformedError("answer", f"no other question has an answer of the kind of {right!r}")
    shown, answer = shuffled(options, id)
    return row.question(id, text, shown, answer, category=f"{kind(right)}/{row.text('hop')} steps")


def kind(answer: str) -> str:
    """The kind of an answer: "yes or no", a key of `KINDS`, or "thing"."""
    if answer in ("yes", "no"):
        return "yes or no"
    known = [kind for word in answer.split() for kind, words in KINDS.items() if word in words.split()]
    return known[-1] if known and answer.split()[-1] in KINDS[known[-1]].split() else "thing"


def alike(one: str, other: str) -> bool:
    """Whether one of two answers is part of the other, or the words of one mean those of the other by `SAME`."""
    return one in other or other in one or _meaning(one) <= _meaning(other) or _meaning(other) <= _meaning(one)


def _meaning(answer: str) -> set[str]:
    """Its words, each that is in `SAME` by the first of its kind."""
    words = [word for word in answer.split() if word not in ("and", "of", "the", "a", "light", "dark")]
    return {next((same.split()[0] for same in SAME if word in same.split()), word) for word in words}


SPATIAL_MM = Benchmark(
    name=NAME,
    title="Spatial-MM (objects)",
    home="https://github.com/FatemehShiri/Spatial-MM",
    files=("data/spatial_mm_one_obj.json", "data/spatial_mm_two_obj.json"),
    revision=None,
    licence=NOT_STATED,
    items=502 + 1074,  # rows of the two files at commit 7c5ff29
    options="2 or 4",
    note="20 rows are known to be wrong or doubled and are left out (--known-bad keeps them).",
    read=read_questions,
    scores=scores,
)
SPATIAL_MM_MULTIHOP = replace(
    SPATIAL_MM,
    name=MULTIHOP,
    title="Spatial-MM (several steps)",
    files=("data/multihop_reasoning_309.json",),
    items=309,
    options="2 to 4",
    folder=NAME,
    read=read_multihop,
    scores=accuracy,
    note="Open-ended: its options are made here, of answers to other questions; not the authors' score.",
)
