"""What undecided tests could have told, and how far intervals from a few seeds are to be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.findings.statements import ENOUGH_SEEDS, Quantity
from companion.analysis.findings.wording import UNITS
from companion.analysis.training_runs import EQUIVALENT
from companion.intervals import Estimate, resample
from companion.measures import Array

SMALL, OPEN, UNBOUNDED = "small", "open", "no bound fixed"
"""What an undecided test may mean."""


def needed(seeds: int, cases: int = 4000) -> Array:
    """By what factor a 95 % bootstrap interval of a mean has to be stretched about it to just hold the truth.

    Simulated, (cases,): means of so many normal values. The share of factors up to 1 is how often the interval holds
    the truth as it is, and their 95 % quantile is the stretch with which it does so in 95 % of cases.
    """
    rng = np.random.default_rng(0)
    weights = resample([str(seed) for seed in range(seeds)], rng)
    values = rng.normal(size=(cases, seeds))
    low, high = np.quantile(values @ weights.T / seeds, [0.025, 0.975], axis=1)
    mean = values.mean(axis=1)
    return np.where(mean > 0, mean / (mean - low), -mean / (high - mean))


def stretch() -> float:
    """By what factor intervals are too narrow with `ENOUGH_SEEDS` seeds, if all doubt is between seeds."""
    return float(np.quantile(needed(ENOUGH_SEEDS), 0.95))


def stretched(tests: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Tests with the verdicts that they would have if intervals were stretched about their values, and none shrunk."""
    lines = []
    for test in tests.itertuples():
        low, high = (test.value + factor * (end - test.value) for end in (test.low, test.high))
        found = Estimate(test.value, min(low, test.low), max(high, test.high), test.seeds)
        wider = Quantity(test.finding, test.what, test.expected, found, test.against, test.unit)
        lines.append(wider.verdict if test.seeds >= ENOUGH_SEEDS else test.verdict)
    return tests.assign(verdict=lines)


def detectable(test: Any) -> str:
    """Half the width of the interval; a dash for ratios, whose intervals are not symmetric."""
    if test.unit == "times":
        return "–"
    factor, decimals = UNITS[test.unit]
    return f"±{factor * (test.high - test.low) / 2:.{decimals}f} {test.unit}"


def kind_of_bound(test: Any) -> str:
    """Of an undecided test: `SMALL`, `OPEN` or `UNBOUNDED`."""
    if test.unit != "points":
        return UNBOUNDED
    return SMALL if test.low >= -EQUIVALENT and test.high <= EQUIVALENT else OPEN
