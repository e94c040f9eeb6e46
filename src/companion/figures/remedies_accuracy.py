"""Accuracy of each RL recipe at the last step under the plain prompt, wrong captions and wrong reasoning starts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.interval_plots import remedies

TITLE = "Accuracy of each recipe with and without lies"

SHOWN = ("plain", "wrong-caption", "wrong-think", "wrong-think-but")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs from one start, their first and last step; as `training_runs.robustness`."""
    return training_runs.robustness(runs, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a recipe, a marker a prompt."""
    return remedies(table, "accuracy", "accuracy at the last step (%)", SHOWN, TITLE, about)
