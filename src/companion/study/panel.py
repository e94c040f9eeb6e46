"""The recorded answers of the study, laid out as seeds × items.

Read from `results/study/` as they are asked for. Left out: what is made of them (`study/planned_tests.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.measures import Array
from companion.study.records import READERS, read_answers

INITIAL = "initial"
"""Stands for the recipe of a checkpoint before RL, which is step 0."""


class Checkpoints(NamedTuple):
    """Checkpoints that differ in their seed alone: RL by `recipe` from `initial`, after so many steps."""

    initial: str
    recipe: str
    step: int

    def before(self) -> Checkpoints:
        """The initial checkpoints of these runs."""
        return Checkpoints(self.initial, INITIAL, 0)


MEASURES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "right": lambda rows: rows["correct"],
    "agrees": lambda rows: rows["agrees"],
    "contradicts": lambda rows: rows["contradicts"],
    "names no option": lambda rows: rows["names_none"],
    "right and its reasoning says so": lambda rows: rows["correct"] & rows["agrees"],
    "right but its reasoning does not say so": lambda rows: rows["correct"] & ~rows["agrees"],
    "stubborn": lambda rows: rows["correct"] & rows["contradicts"],
    "brittle": lambda rows: (rows["answered"] == rows["asserted"]) & rows["agrees"],
    "conclusion wrong": lambda rows: _concluded(rows) & (rows["concluded"] != rows["right"]),
    "conclusion right": lambda rows: _concluded(rows) & (rows["concluded"] == rows["right"]),
    "P(correct)": lambda rows: rows["p_correct"],
    "entropy": lambda rows: rows["entropy"],
    "words": lambda rows: rows["words"],
    "true statements": lambda rows: (rows["true_statements"] / rows["statements"]).where(rows["statements"] > 0),
}
"""Measures of one answer, as docs/study.md has them: shares as 0 or 1, P(correct) and entropy in [0, 1], NaN where
there is none.

Sources: *right and its reasoning says so*, *stubborn* and *brittle*, P(correct) and entropy are measures of the paper
(arXiv 2602.12506), whose *inconsistent* is parted here in *contradicts* and *names no option*. *True statements*: the
share of a reasoning's statements that are true of the picture, read exactly by the grammar of the microworld; elsewhere
judges estimate it, as *visual grounding* in Kancheti et al. 2026 (arXiv 2604.08476).
"""


def _concluded(rows: pd.DataFrame) -> pd.Series:
    """Where there is both a conclusion and an answer, so that the answer follows or overrides it."""
    return rows["agrees"] | rows["contradicts"]


def _counts(record: Path) -> bool:
    """Whether a run was made on a CPU; those of a GPU are reported apart (docs/study.md, Records)."""
    return bool(json.loads(record.read_text(encoding="utf-8"))["hardware"]["device"] == "cpu")


class StudyPanel:
    """results: the folder of the records. reader: by whom conclusions are read, the grammar unless said
    (`records.READERS`)."""

    def __init__(self, results: Path, reader: str = "concluded") -> None:
        self.results, self.reader = results, reader
        self.items = pd.read_parquet(results / "items.parquet")
        self._answers = lru_cache(maxsize=None)(self._parts)
        self._values = lru_cache(maxsize=None)(self._measured)
        self._differing = lru_cache(maxsize=None)(self._differ)

    def seeds(self, cells: Iterable[Checkpoints]) -> list[int]:
        """Seeds of which every one of the cells is recorded, by runs that count: those made on a CPU."""
        found = [
            {
                int(file.parent.parent.name.rpartition("-")[2])
                for file in self.results.glob(f"{cell.initial}-[0-9]*/{cell.recipe}/run.json")
                if file.parent.parent.name.rpartition("-")[0] == cell.initial and _counts(file)
            }
            for cell in cells
        ]
        return sorted(set.intersection(*found)) if found else []

    def values(self, cell: Checkpoints, prompt: str, measure: str, seeds: Iterable[int]) -> Array:
        """(seeds, items) of a measure under a perturbation; the items in their order, all or the first of them."""
        return np.stack([self._values(cell, seed, prompt, measure) for seed in seeds])

    def run(self, cell: Checkpoints, seed: int, prompt: str) -> pd.DataFrame:
        """The answers of one checkpoint under one perturbation, in the order of the items."""
        return self._answers(cell.initial, cell.recipe, seed)[cell.step, prompt]

    def readers_differ(self, initial: str, recipe: str, seed: int) -> float:
        """In which share of the reasonings of a record, all its steps together, grammar and rule judge find another
        conclusion. Under `stop-think` there is no reasoning."""
        return self._differing(initial, recipe, seed)

    def _differ(self, initial: str, recipe: str, seed: int) -> float:
        record = self.results / f"{initial}-{seed}" / recipe / "answers.parquet"
        answers = pd.read_parquet(record, columns=["perturbation", *READERS])
        reasonings = answers[answers["perturbation"] != "stop-think"]
        return float((reasonings[READERS[0]] != reasonings[READERS[1]]).mean())

    def _measured(self, cell: Checkpoints, seed: int, prompt: str, measure: str) -> Array:
        return MEASURES[measure](self.run(cell, seed, prompt)).to_numpy(dtype=float)

    def _parts(self, initial: str, recipe: str, seed: int) -> dict[tuple[int, str], pd.DataFrame]:
        answers = read_answers(self.results / f"{initial}-{seed}" / recipe, self.reader)
        parts = answers.groupby(["step", "perturbation"], observed=True)
        return {
            (int(step), str(prompt)): part.sort_values("item").reset_index(drop=True) for (step, prompt), part in parts
        }
