"""Accuracy, agreement, truth of reasoning and entropy over GRPO steps from two starts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.step_curves import curves

TITLE = "Recipe accuracy from a clean and from a noisy start"

SHOWN = ("correct", "consistent", "grounded", "entropy")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs of one recipe from several starts; as `training_runs.trajectories`."""
    return training_runs.trajectories(runs, rng, ["plain"], SHOWN)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a measure, a line a start, single seeds thin."""
    return curves(table, SHOWN, TITLE, about, by="start", change=False)
