"""Accuracy on each benchmark under five prompts, with chance level."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.interval_plots import FIVE, by_part

TITLE = "Accuracy under five prompts"


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.by_column`."""
    return tables.by_column(rows, "benchmark", rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a benchmark, a marker a prompt."""
    return by_part(table, "benchmark", TITLE, about, FIVE)
