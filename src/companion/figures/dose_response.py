"""How much more often answers contradict their reasoning after RL, by the share of misread reasoning before it."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.interval_plots import drifts


def table(drifts_of_doses: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs` by `DOSES`, all of it."""
    return drifts_of_doses


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a point a run, and the mean of each dose."""
    return drifts(table, "misread reasoning before RL (%)", "misread reasoning", about)
