"""P(correct), entropy and calibration on each benchmark under each perturbation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.analysis.tables import for_each
from companion.figures.interval_plots import YOURS, by_part, drops_of_parts
from companion.perturbations.perturbation import THREE_PROMPTS


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of some models on some benchmarks; both in front of the columns of `tables.confidence`."""
    return for_each(rows, [*YOURS], lambda part: tables.confidence(part, rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a benchmark and model, a panel a prompt."""
    title = drops_of_parts(table, YOURS, of=" of P(correct)")
    return by_part(table, YOURS, title, about, THREE_PROMPTS, "p_correct", "P(correct letter), mean (%)")
