"""Accuracy of each question family under five prompts, with chance level."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.interval_plots import FIVE, by_part, drops_of_parts


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.by_column`."""
    return tables.by_column(rows, "category", rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a family, a panel a prompt."""
    parts = ("category",)
    return by_part(table, parts, drops_of_parts(table, parts, "families"), about, FIVE)
