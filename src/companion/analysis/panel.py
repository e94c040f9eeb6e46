"""The recorded answers of training runs, laid out as seeds × items: of the study, or of `companion train grpo`.

Read from their folder as they are asked for. Left out: what is made of them (`study/planned_tests.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.evaluation.records import READERS, read_answers
from companion.measures import Array

INITIAL = "initial"
"""The folder of what an initial checkpoint answered. Where it was trained again on another machine and came out with
other weights, these have a folder of their own, `initial-HASH`. Each run names the hash of those that it began from."""


class Checkpoints(NamedTuple):
    """Checkpoints that differ in their seed alone: RL by `recipe` from `initial`, after so many steps; a cell of the
    design, and so called in names."""

    initial: str
    recipe: str
    step: int

    def before(self) -> Checkpoints:
        """The checkpoints from which these runs began."""
        return self._replace(step=0)


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


def record_of(results: Path, cell: Checkpoints, seed: int) -> Path | None:
    """The folder with the answers of a checkpoint: of its run or, at step 0, of the weights from which that began; None
    where there is none."""
    of_seed = results / f"{cell.initial}-{seed}"
    run = of_seed / cell.recipe
    if not (run / "run.json").exists():
        return None
    if cell.step:
        return run if cell.step in _steps(run) else None
    return begun_from(run)


def begun_from(run: Path) -> Path | None:
    """The folder with what the initial checkpoint of a recorded run answered; None where there is none."""
    return initial_record(run.parent, _record(run)["initial_hash"])


def initial_record(of_seed: Path, identity: str) -> Path | None:
    """The folder with what the initial checkpoint of that hash answered, in the folder of its seed."""
    folders = (file.parent for file in sorted(of_seed.glob(f"{INITIAL}*/run.json")))
    return next((folder for folder in folders if _record(folder)["hashes"]["0"] == identity), None)


def place_of_initial(of_seed: Path, identity: str) -> Path:
    """Where the record of an initial checkpoint of that hash is to be written, which is not there yet (`INITIAL`)."""
    return of_seed / (f"{INITIAL}-{identity}" if (of_seed / INITIAL).exists() else INITIAL)


def _record(folder: Path) -> dict:
    return dict(json.loads((folder / "run.json").read_text(encoding="utf-8")))


def _steps(folder: Path) -> set[int]:
    """The steps whose answers a record holds."""
    return set(map(int, _record(folder)["hashes"]))


class RunsPanel:
    """All recorded runs of one folder.

    results: the folder of the records. reader: by whom conclusions are read, the grammar unless said
    (`records.READERS`). device: of the runs that count, "" where none is recorded."""

    def __init__(self, results: Path, reader: str = "concluded") -> None:
        self.results, self.reader = results, reader
        self.items = pd.read_parquet(results / "items.parquet")
        devices = {_record(file.parent)["hardware"]["device"] for file in results.glob("*/*/run.json")}
        self.device = min(devices, default="")  # "cpu" stands before all others
        self._answers = lru_cache(maxsize=None)(self._parts)
        self._values = lru_cache(maxsize=None)(self._measured)
        self._differing = lru_cache(maxsize=None)(self._differ)

    def seeds(self, cells: Iterable[Checkpoints]) -> list[int]:
        """Seeds of which every one of the cells is recorded, with what it began from. Where some runs were made on a
        CPU, these alone count (docs/study.md, Records)."""
        found = [
            {
                seed
                for seed in self._of_seeds(cell.initial)
                if all(self._counts(record_of(self.results, one, seed)) for one in (cell, cell.before()))
            }
            for cell in cells
        ]
        return sorted(set.intersection(*found)) if found else []

    def recipes(self, initial: str) -> list[str]:
        """The recipes of which RL from an initial checkpoint is recorded, by name."""
        files = (
            file
            for seed, folder in self._of_seeds(initial).items()
            for file in folder.glob("*/run.json")
            if not file.parent.name.startswith(INITIAL)
        )
        return sorted({file.parent.name for file in files})

    def recipe(self, cell: Checkpoints, seed: int) -> dict[str, Any]:
        """The recipe of a run, as recorded: `GRPORecipe` as a dictionary."""
        return dict(_record(self.results / f"{cell.initial}-{seed}" / cell.recipe)["recipe"])

    def follows(self, protocol: str) -> bool:
        """Whether runs of a protocol are recorded here. protocol: its identity."""
        return any(_record(file.parent).get("protocol") == protocol for file in self.results.glob("*/*/run.json"))

    def steps(self, initial: str, recipe: str, seeds: Iterable[int]) -> list[int]:
        """The steps after 0 at which every one of these runs was evaluated; one seed at least."""
        records = (self.results / f"{initial}-{seed}" / recipe for seed in seeds)
        return sorted(set.intersection(*map(_steps, records)) - {0})

    def values(self, cell: Checkpoints, prompt: str, measure: str, seeds: Iterable[int]) -> Array:
        """(seeds, items) of a measure under a perturbation; the items in their order, all or the first of them."""
        return np.stack([self._values(cell, seed, prompt, measure) for seed in seeds])

    def run(self, cell: Checkpoints, seed: int, prompt: str) -> pd.DataFrame:
        """The answers of one checkpoint under one perturbation, in the order of the items."""
        return self._answers(self._folder(cell, seed))[cell.step, prompt]

    def readers_differ(self, cell: Checkpoints, seed: int) -> float:
        """In which share of the reasonings of a checkpoint's record, all its steps together, grammar and rule judge
        part. Under `stop-think` there is no reasoning."""
        return self._differing(self._folder(cell, seed))

    def _of_seeds(self, initial: str) -> dict[int, Path]:
        """Seed → the folder of the runs from that initial checkpoint."""
        folders = self.results.glob(f"{initial}-*")
        seeds = {folder.name.removeprefix(f"{initial}-"): folder for folder in folders}
        return {int(seed): folder for seed, folder in sorted(seeds.items()) if seed.isdigit()}

    def _counts(self, folder: Path | None) -> bool:
        return folder is not None and _record(folder)["hardware"]["device"] == self.device

    def _folder(self, cell: Checkpoints, seed: int) -> Path:
        folder = record_of(self.results, cell, seed)
        if folder is None:
            raise CompanionError(
                f"{self.results} has no record of {cell.initial}-{seed}, {cell.recipe}, step {cell.step}"
            )
        return folder

    def _differ(self, folder: Path) -> float:
        answers = pd.read_parquet(folder / "answers.parquet", columns=["perturbation", *READERS])
        reasonings = answers[answers["perturbation"] != "stop-think"]
        return float((reasonings[READERS[0]] != reasonings[READERS[1]]).mean())

    def _measured(self, cell: Checkpoints, seed: int, prompt: str, measure: str) -> Array:
        return MEASURES[measure](self.run(cell, seed, prompt)).to_numpy(dtype=float)

    def _parts(self, folder: Path) -> dict[tuple[int, str], pd.DataFrame]:
        answers = read_answers(folder, self.reader)
        parts = answers.groupby(["step", "perturbation"], observed=True)
        return {
            (int(step), str(prompt)): part.sort_values("item").reset_index(drop=True) for (step, prompt), part in parts
        }
