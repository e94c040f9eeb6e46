"""Change of the number of words of reasoning over RL, for each seed of each RL recipe."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.interval_plots import seeds

MEASURES = ("words", "correct", "consistent")
"""All three, so that the figures of single measures draw the same resamples."""


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs from one start, their first and last step; as `training_runs.trajectories`."""
    paths = training_runs.trajectories(runs, rng, ["plain"], MEASURES)
    return paths[paths["measure"] == "words"].dropna(axis="columns", how="all")


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Points: seeds; bars: intervals of the recipes' means."""
    return seeds(table, "words", "words", about)
