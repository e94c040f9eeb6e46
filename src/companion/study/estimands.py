"""What the tests of docs/study.md estimate, from the records of which checkpoints.

The statistics are those of `analysis/crossed.py`. Left out: which test asks for which (`planned_tests.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from companion.analysis.crossed import (
    CrossedEstimate,
    crossed_mean,
    mean_over_runs,
    rank_correlation,
    slope_within_blocks,
    variance_gap,
)
from companion.analysis.panel import Checkpoints, RunsPanel
from companion.measures import auroc, minus
from companion.study.protocol import FOLLOWED, MISREAD_0, MISREAD_10, MISREAD_20, MISREAD_40, OVERRIDDEN

DOSES = {initial.name: initial.shares.misread for initial in (MISREAD_0, MISREAD_10, MISREAD_20, MISREAD_40)}
"""Initial checkpoint of arm A → share of its supervised reasoning that misread the picture."""

PER_DOSE = 0.2
"""Slopes are told for so much more of it."""

KINDS = (OVERRIDDEN.name, FOLLOWED.name)
"""The initial checkpoints of arm B."""

ANSWERED_RIGHTLY = {
    MISREAD_0.name: np.nan,
    **{initial.name: initial.shares.despite for initial in (FOLLOWED, MISREAD_20, OVERRIDDEN)},
}
"""Initial checkpoint → of its misread reasonings, the share that was answered rightly all the same; NaN without any."""

SEED = 2602
"""Of the bootstraps within a test."""


class Term(NamedTuple):
    """A measure of some checkpoints under a perturbation, with the weight that it has in a sum."""

    weight: float
    cell: Checkpoints
    prompt: str
    measure: str


class Runs(NamedTuple):
    """Of which seeds each checkpoint of a quantity is recorded. number: seeds where it is paired by seed, else runs."""

    seeds: dict[Checkpoints, list[int]]
    number: int


@dataclass(frozen=True)
class Estimand:
    """What a test is about: something that is estimated from the records of `cells`."""

    def cells(self) -> Sequence[Checkpoints]:
        """All checkpoints that it needs."""
        raise NotImplementedError

    def runs(self, seeds: dict[Checkpoints, list[int]]) -> Runs:
        """What can be used of those seeds of each cell: of quantities paired by seed, what all cells have."""
        shared = sorted(set.intersection(*(set(seeds[cell]) for cell in self.cells())))
        return Runs(dict.fromkeys(self.cells(), shared), len(shared))

    def estimate(self, panel: RunsPanel, runs: Runs, against: float) -> CrossedEstimate:
        """From the runs that are there; at least one."""
        raise NotImplementedError


@dataclass(frozen=True)
class WeightedMean(Estimand):
    """A weighted sum of measures, of each item and seed, averaged over both. family: only of its items, or with a minus
    before its name of all others."""

    terms: tuple[Term, ...]
    family: str = ""

    def cells(self) -> Sequence[Checkpoints]:
        return tuple(dict.fromkeys(term.cell for term in self.terms))

    def estimate(self, panel: RunsPanel, runs: Runs, against: float) -> CrossedEstimate:
        return crossed_mean(self.values(panel, runs), against)

    def values(self, panel: RunsPanel, runs: Runs) -> np.ndarray:
        """(seeds, items), over the items that all cells were asked."""
        parts = [
            term.weight * panel.values(term.cell, term.prompt, term.measure, runs.seeds[term.cell])
            for term in self.terms
        ]
        items = min(part.shape[1] for part in parts)
        total = np.sum([part[:, :items] for part in parts], axis=0)
        if not self.family:
            return total
        own = (panel.items["family"] == self.family.removeprefix("-")).to_numpy()[:items]
        return total[:, ~own if self.family.startswith("-") else own]


@dataclass(frozen=True)
class Auroc(Estimand):
    """How well P(correct) under the plain prompt tells which items are right under a perturbation.

    beyond_entropy: minus how well a low entropy does.
    """

    cell: Checkpoints
    prompt: str
    beyond_entropy: bool = False

    def cells(self) -> Sequence[Checkpoints]:
        return (self.cell,)

    def estimate(self, panel: RunsPanel, runs: Runs, against: float) -> CrossedEstimate:
        seeds = runs.seeds[self.cell]
        sure, entropy, right = (
            panel.values(self.cell, prompt, measure, seeds)
            for prompt, measure in (("plain", "P(correct)"), ("plain", "entropy"), (self.prompt, "right"))
        )
        measures = [auroc(*pair) for pair in zip(sure, right, strict=True)]
        if self.beyond_entropy:
            sharp = [auroc(-one, other) for one, other in zip(entropy, right, strict=True)]
            measures = [minus(one, other) for one, other in zip(measures, sharp, strict=True)]
        return mean_over_runs(measures, right.shape[1], np.random.default_rng(SEED), against)


@dataclass(frozen=True)
class Slope(Estimand):
    """Slope of drift at the last step over the dose, one value a run, seeds as blocks; for `PER_DOSE` of it."""

    prompt: str

    def cells(self) -> Sequence[Checkpoints]:
        return tuple(Checkpoints(initial, "rl-correct", 1000) for initial in DOSES)

    def runs(self, seeds: dict[Checkpoints, list[int]]) -> Runs:
        return Runs(seeds, sum(map(len, seeds.values())))

    def estimate(self, panel: RunsPanel, runs: Runs, against: float) -> CrossedEstimate:
        dose, drifts, blocks = [], [], []
        for cell, seeds in runs.seeds.items():
            dose += [DOSES[cell.initial] / PER_DOSE] * len(seeds)
            drifts += list(_drift_of_each(panel, cell, self.prompt, seeds))
            blocks += seeds
        return replace(slope_within_blocks(dose, drifts, blocks), items=len(panel.items))


@dataclass(frozen=True)
class RankOrder(Estimand):
    """Rank correlation over the runs of arms A and B: drift at step 500, with how often a wrong conclusion was
    overridden rightly at step 0: P(override | conclusion wrong) × P(right | override of a wrong conclusion)."""

    prompt: str

    def cells(self) -> Sequence[Checkpoints]:
        return tuple(Checkpoints(initial, "rl-correct", 500) for initial in (*DOSES, *KINDS))

    def runs(self, seeds: dict[Checkpoints, list[int]]) -> Runs:
        return Runs(seeds, sum(map(len, seeds.values())))

    def estimate(self, panel: RunsPanel, runs: Runs, against: float) -> CrossedEstimate:
        overridden, drifts = [], []
        for cell, seeds in runs.seeds.items():
            right, wrong = (
                panel.values(cell.before(), self.prompt, measure, seeds).mean(axis=1) if seeds else np.zeros(0)
                for measure in ("stubborn", "conclusion wrong")
            )
            overridden += list(right / wrong)
            drifts += list(_drift_of_each(panel, cell, self.prompt, seeds))
        return replace(rank_correlation(overridden, drifts), items=len(panel.items))


@dataclass(frozen=True)
class VarianceGap(Estimand):
    """Variance of accuracy between the seeds of a recipe, minus that between recipes."""

    compared: tuple[Checkpoints, ...]

    def cells(self) -> Sequence[Checkpoints]:
        return self.compared

    def estimate(self, panel: RunsPanel, runs: Runs, against: float) -> CrossedEstimate:
        accuracy = [panel.values(cell, "plain", "right", runs.seeds[cell]) for cell in self.compared]
        return variance_gap(accuracy, np.random.default_rng(SEED))


def _drift_of_each(panel: RunsPanel, cell: Checkpoints, prompt: str, seeds: list[int]) -> np.ndarray:
    """(seeds,), the change of *contradicts* over RL."""
    if not seeds:
        return np.zeros(0)
    after, before = (panel.values(one, prompt, "contradicts", seeds) for one in (cell, cell.before()))
    return (after - before).mean(axis=1)
