"""Share of answers that agree with their reasoning, of each RL recipe against RL that rewards right answers alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.interval_plots import remedies

SHOWN = ("plain", "wrong-caption", "wrong-think")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs from one start, their first and last step; as `training_runs.robustness`."""
    return training_runs.robustness(runs, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a recipe, a panel a prompt."""
    return remedies(table, "consistency", "agreement", SHOWN, about)
