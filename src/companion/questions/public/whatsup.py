"""What's Up: the same two objects, photographed in four relations; which of four captions is right?

Part A (on, under, left, right) has household objects on furniture, part B (in front, behind, left, right) on a table.
In the files the first caption is always the right one; here they stand in an order drawn by the question's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from companion.measures import Measure, mean
from companion.questions.public.benchmark import (
    Benchmark,
    Copy,
    MalformedError,
    Row,
    collect,
    distinct,
    shuffled,
)
from companion.questions.public.files import json_rows
from companion.questions.question import Question

NAME = "whatsup"
QUESTION = "Which caption describes the picture?"
PICTURES = "the authors' shared folder (controlled_images.tar.gz, controlled_clevr.tar.gz), which the README of \
github.com/amitakamath/whatsup_vlms links to"
RELATIONS = {"A": ("left", "right", "on", "under"), "B": ("left", "right", "in-front", "behind")}


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions of part A, then of part B."""
    return collect(NAME, _rows(copy), _question)


def _rows(copy: Copy) -> Iterator[Row]:
    for file in copy.files:
        yield from json_rows(NAME, copy, file, ("caption_options",), "image_path", PICTURES)


def _question(row: Row) -> Question:
    """Picture names are as "mug_left_of_table.jpeg": object, relation, object."""
    stem = Path(row.text("image_path")).stem
    part = "B" if "clevr" in row.file else "A"
    one, relation, *_, other = stem.split("_") if stem.count("_") >= 2 else ("", "", "")
    if relation not in RELATIONS[part]:
        raise MalformedError("image_path", f"{stem!r} is not named as object_relation_object, as mug_left_of_table")
    captions = row.values.get("caption_options")
    if not isinstance(captions, list):
        raise MalformedError("caption_options", f"{captions!r} is not a list")
    id = f"{NAME}-{part}-{stem}"
    options, answer = shuffled(distinct(captions, "caption_options"), id)
    return row.question(id, QUESTION, options, answer, f"{part}/{relation}", group=f"{NAME}-{part}-{one}-{other}")


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """Of all rows and of each part (A, B): accuracy; pair: the share of pairs (left and right; on and under, or in
    front and behind) of the same objects of which both are right; set: of their sets of four, all right.

    Source: `Controlled_Images.evaluate_scores` in `dataset_zoo/aro_datasets.py` of the authors. They divide the pairs
    by half, the sets by a quarter of the rows, as here, so that one with a missing row is not right.
    """
    part = rows["category"].str[0]
    across = rows["category"].str[2:].isin(("left", "right"))
    found: dict[str, Measure] = {}
    for name, chosen in (("", part.isin(("A", "B"))), ("A ", part == "A"), ("B ", part == "B")):
        if chosen.any():
            found[f"{name}accuracy"] = _complete(rows, chosen, [rows["question"]], 1)
            found[f"{name}pair"] = _complete(rows, chosen, [rows["group"], across], 2)
            found[f"{name}set"] = _complete(rows, chosen, [rows["group"]], 4)
    return found


def _complete(rows: pd.DataFrame, chosen: pd.Series, units: list[pd.Series], size: int) -> Measure:
    """Of the chosen rows, the share that is in a unit of this size which is all right."""
    right = rows["correct"].astype(float).groupby(units).transform("sum") == size
    return mean(np.where(chosen, right, np.nan))


# Count: 412 + 408 pictures. Licence: of the authors' repository; their pictures have no other.
WHATSUP = Benchmark(
    name=NAME,
    title="What's Up",
    home="https://github.com/amitakamath/whatsup_vlms",
    files=("controlled_images_dataset.json", "controlled_clevr_dataset.json"),
    revision=None,
    licence="MIT (the repository)",
    items=820,
    options="4",
    note="The files' first caption is right; here captions stand in an order that an item's id decides.",
    read=read_questions,
    scores=scores,
)
