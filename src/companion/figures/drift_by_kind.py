"""How much more often answers contradict their reasoning after RL, by how often misread reasoning before it had been
answered rightly all the same."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.interval_plots import drifts


def table(drifts_of_kinds: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs` by `ANSWERED_RIGHTLY`, all of it."""
    return drifts_of_kinds


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a point a run, and the mean of each kind."""
    label = "of misread reasoning before RL,\nanswered rightly all the same (%)"
    return drifts(table, label, "right answers against their reasoning", about)
