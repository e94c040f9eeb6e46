"""Accuracy, and accuracy of answers that their reasoning leads to, on each benchmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.analysis.tables import for_each
from companion.figures.interval_plots import shrinking

TITLE = "What “right” shrinks to"


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of one model on some benchmarks; benchmark in front of the columns of `consistency.quadrants`."""
    return for_each(rows, "benchmark", lambda part: consistency.quadrants(part, "rule", rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a benchmark, a panel a prompt."""
    return shrinking(table, TITLE, about, by="benchmark")
