"""Accuracy on each benchmark under five prompts, with chance level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.analysis.tables import for_each
from companion.figures.interval_plots import FIVE, YOURS, by_part, drops_of_parts


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of some models on some benchmarks; both in front of the columns of `tables.by_column`."""
    return for_each(rows, [*YOURS], lambda part: tables.by_column(part, "benchmark", rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a benchmark and model, a panel a prompt."""
    return by_part(table, YOURS, drops_of_parts(table, YOURS), about, FIVE)
