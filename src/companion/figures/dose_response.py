"""How much more often answers contradict their reasoning after RL, by the share of misread reasoning before it."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.interval_plots import drifts, grows
from companion.figures.theme import so_far, titled


def table(drifts_of_doses: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs` by `DOSES`, all of it."""
    return drifts_of_doses


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a point a run, and the mean of each dose."""
    figure = drifts(table, "misread reasoning before RL (%)")
    begins = so_far(len(table) // table["prompt"].nunique(), table["planned"].max(), "runs")
    title = begins + grows(table, "misread reasoning")
    return titled(figure, title, about, "points: RL runs, one a seed; lines: their means")
