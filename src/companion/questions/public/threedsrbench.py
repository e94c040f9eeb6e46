"""3DSRBench: spatial relations in three dimensions, on COCO pictures; with mirrored ("flip") copies of each item.

The authors' TSV files, or the Parquet copy that lmms-eval reads. `3dsrbench-circular` has every item in each rotation
of its options as well. An item's copies are one group: their ids begin with the same eight characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from companion.measures import Measure, all_right, mean
from companion.questions.public.benchmark import Benchmark, Copy, Row, collect, lettered, position
from companion.questions.public.files import Table
from companion.questions.question import Question

BASE = 8
"""Characters of an id that all copies of an item share; a mirrored one goes on with "-flip"."""

COARSE = ("height", "location", "orientation", "multi_object")
"""The four groups of the twelve categories, whose names begin with them."""


def _read(name: str, copy: Copy) -> list[Question]:
    table = Table(name, copy, ("index", "question", "A", "B", "answer", "category"), "image", ("C", "D", "qid"))
    return collect(name, table, lambda row: _question(name, row))


def _question(name: str, row: Row) -> Question:
    qid = row.text("qid" if row.has("qid") else "index")
    letters, options = lettered(row)
    text, fine = row.text("question"), row.text("category")
    coarse = next((one for one in COARSE if fine.startswith(one)), "other")
    id, group = f"{name}-{qid}", f"{name}-{qid[:BASE]}"
    return row.question(id, text, options, position(row, "answer", letters), f"{coarse}/{fine}", group)


def scores(rows: pd.DataFrame) -> dict[str, Measure]:
    """accuracy: of all rows. flip: of pairs, an item and its mirrored copy in the same rotation, the share of which
    both are right. circular: of items, mirrored ones apart, the share that is right in every rotation. flip+circular:
    of items, the share that is right in every rotation, mirrored or not.

    Source: `lmms_eval/tasks/3dsrbench/utils.py`, whose units are the ids less "-flip", their first 8 (13 with "-flip")
    characters, and their first 8. An item without a mirrored copy is a unit by itself, as there.
    """
    qids = _qids(rows)
    found: dict[str, Measure] = {"accuracy": mean(rows["correct"])}
    mirrored = any("-flip" in qid for qid in qids)
    rotated = any(qid.removesuffix("-flip")[BASE:] not in ("", "-flip") for qid in qids)
    if mirrored:
        found["flip"] = all_right(rows["correct"], [qid.replace("-flip", "") for qid in qids])
    if rotated:
        found["circular"] = all_right(rows["correct"], rotations(rows))
    if mirrored and rotated:
        found["flip+circular"] = all_right(rows["correct"], [qid[:BASE] for qid in qids])
    return found


def rotations(rows: pd.DataFrame) -> Sequence[str]:
    """An item and its copies, whose options are rotated; its mirrored copies are a unit of their own."""
    return [qid[: BASE + len("-flip")] if "-flip" in qid else qid[:BASE] for qid in _qids(rows)]


def _qids(rows: pd.DataFrame) -> list[str]:
    return [id.removeprefix("3dsrbench-").removeprefix("circular-") for id in rows["question"]]


def _benchmark(name: str, title: str, file: str, copy: str, items: int, note: str) -> Benchmark:
    return Benchmark(
        name=name,
        title=title,
        home="ccvl/3DSRBench",
        files=(file,),
        also=((copy,),),
        folder="3dsrbench",
        revision="24bc4854ead64eb7d1442da7e4789d2c807816b2",
        licence="CC BY 4.0",
        items=items,
        options="2 to 4",
        note=note,
        read=lambda copy, known_bad: _read(name, copy),
        scores=scores,
        rotations=rotations,
    )


# Counts: with mirrored and rotated copies, not checked against the files. Licence and commit: the pages at the Hub.
THREEDSRBENCH = _benchmark(
    "3dsrbench",
    "3DSRBench",
    "3dsrbench_v1_vlmevalkit.tsv",
    "3dsr/test-*.parquet",
    5157,
    "Mirrored copies of an item are resampled with it; flip wants both right.",
)
THREEDSRBENCH_CIRCULAR = _benchmark(
    "3dsrbench-circular",
    "3DSRBench, circular",
    "3dsrbench_v1_vlmevalkit_circular.tsv",
    "3dsr_circular/test-*.parquet",
    11686,
    "Every rotation of the options is an item of its own, for the stricter scores.",
)
