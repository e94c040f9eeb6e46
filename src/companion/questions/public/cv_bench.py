"""CV-Bench: counting and relations in two dimensions (ADE20K, COCO), depth and distance in three (Omni3D)."""

from __future__ import annotations

import pandas as pd

from companion.measures import Measure, WeightedMeans, mean, share
from companion.questions.public.benchmark import (
    Benchmark,
    Copy,
    MalformedError,
    Row,
    collect,
    distinct,
    position,
)
from companion.questions.public.files import Table
from companion.questions.question import LETTERS, Question

NAME = "cv-bench"


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """All questions: the two-dimensional ones, then the others."""
    columns = ("idx", "type", "task", "question", "choices", "answer", "source")
    return collect(NAME, Table(NAME, copy, columns, "image"), _question)


def _question(row: Row) -> Question:
    if not isinstance(row.values["choices"], list):
        raise MalformedError("choices", f"{row.values['choices']!r} is not a list")
    text, options = row.text("question"), distinct([str(one).strip() for one in row.values["choices"]], "choices")
    id = f"{NAME}-{row.text('type')}-{row.text('idx')}"
    category = f"{row.text('task')}/{row.text('source')}"
    return row.question(id, text, options, position(row, "answer", LETTERS[: len(options)]), category)


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """mean of 2D and 3D: (2D + 3D) / 2, of 2D: (accuracy on ADE20K + accuracy on COCO) / 2, and 3D: accuracy on
    Omni3D; and the plain accuracy.

    Source: the dataset's card, and `cv_bench_default_aggregate_results` of lmms-eval. lmms-eval prints the accuracy.
    """
    source = rows["category"].str.rsplit("/", n=1).str[-1]
    ade, coco, omni = (share(rows["correct"], source == one) for one in ("ADE20K", "COCO", "Omni3D"))
    there = set(source)
    found: dict[str, Measure] = {}
    if {"ADE20K", "COCO", "Omni3D"} <= there:
        found["mean of 2D and 3D"] = WeightedMeans(((1 / 4, ade), (1 / 4, coco), (1 / 2, omni)))
    if {"ADE20K", "COCO"} <= there:
        found["2D"] = WeightedMeans(((1 / 2, ade), (1 / 2, coco)))
    if "Omni3D" in there:
        found["3D"] = omni
    return found | {"accuracy": mean(rows["correct"])}


# Count and licence: the dataset's card. Of 788 counting items 139 have six options.
CV_BENCH = Benchmark(
    name=NAME,
    title="CV-Bench",
    home="nyu-visionx/CV-Bench",
    files=("test_2d.parquet", "test_3d.parquet"),
    revision="bc284db50d036958861cb60cdd7b77612052ce0d",
    licence="Apache-2.0",
    items=2638,
    options="2 to 6",
    note="The official score weighs 2D and 3D alike, and within 2D the two sources.",
    read=read_questions,
    scores=scores,
)
