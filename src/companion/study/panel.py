"""The recorded answers of the study, laid out as seeds × items.

Read from `results/study/` as they are asked for. Left out: what is made of them (`study/planned_tests.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.measures import Array
from companion.study.records import read_answers

INITIAL = "initial"
"""Stands for the recipe of a checkpoint before RL, which is step 0."""


class Cell(NamedTuple):
    """Checkpoints that differ in their seed alone: RL by `recipe` from `initial`, after so many steps."""

    initial: str
    recipe: str
    step: int

    def before(self) -> Cell:
        """The initial checkpoints of these runs."""
        return Cell(self.initial, INITIAL, 0)


MEASURES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "right": lambda rows: rows["correct"],
    "agrees": lambda rows: rows["agrees"],
    "contradicts": lambda rows: rows["contradicts"],
    "names no option": lambda rows: rows["names_none"],
    "right and its reasoning says so": lambda rows: rows["correct"] & rows["agrees"],
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


class StudyPanel:
    """results: the folder of the records."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.items = pd.read_parquet(results / "items.parquet")
        self._answers = lru_cache(maxsize=None)(self._parts)
        self._values = lru_cache(maxsize=None)(self._measured)

    def seeds(self, cells: Iterable[Cell]) -> list[int]:
        """Seeds of which every one of the cells is recorded."""
        found = [
            {
                int(file.parent.parent.name.rpartition("-")[2])
                for file in self.results.glob(f"{cell.initial}-[0-9]*/{cell.recipe}/run.json")
                if file.parent.parent.name.rpartition("-")[0] == cell.initial
            }
            for cell in cells
        ]
        return sorted(set.intersection(*found)) if found else []

    def values(self, cell: Cell, prompt: str, measure: str, seeds: Iterable[int]) -> Array:
        """(seeds, items) of a measure under a perturbation; the items in their order, all or the first of them."""
        return np.stack([self._values(cell, seed, prompt, measure) for seed in seeds])

    def run(self, cell: Cell, seed: int, prompt: str) -> pd.DataFrame:
        """The answers of one checkpoint under one perturbation, in the order of the items."""
        return self._answers(cell.initial, cell.recipe, seed)[cell.step, prompt]

    def _measured(self, cell: Cell, seed: int, prompt: str, measure: str) -> Array:
        return MEASURES[measure](self.run(cell, seed, prompt)).to_numpy(dtype=float)

    def _parts(self, initial: str, recipe: str, seed: int) -> dict[tuple[int, str], pd.DataFrame]:
        answers = read_answers(self.results / f"{initial}-{seed}" / recipe)
        parts = answers.groupby(["step", "perturbation"], observed=True)
        return {
            (int(step), str(prompt)): part.sort_values("item").reset_index(drop=True) for (step, prompt), part in parts
        }
