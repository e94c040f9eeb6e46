"""Accuracy, and accuracy of answers that their reasoning leads to, on each benchmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.analysis.tables import for_each
from companion.figures.interval_plots import YOURS, shrinking


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of some models on some benchmarks; both in front of the columns of `consistency.quadrants`."""
    return for_each(rows, [*YOURS], lambda part: consistency.quadrants(part, "rule", rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a benchmark and model, a panel a prompt."""
    return shrinking(table, about, YOURS)
