"""Share of answers that agree with their own reasoning, for each RL recipe, with and without lies."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.interval_plots import remedies

TITLE = "Agreement of reasoning and answer at the last step"

SHOWN = ("plain", "wrong-caption", "wrong-think")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs from one start, their first and last step; as `training_runs.robustness`."""
    return training_runs.robustness(runs, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a recipe, a marker a prompt."""
    return remedies(table, "consistency", "reasoning and answer agree (%)", SHOWN, TITLE, about)
