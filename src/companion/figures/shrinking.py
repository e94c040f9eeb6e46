"""Share of answers that are right, right and consistent, and right, consistent and true, for each checkpoint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.analysis.tables import for_each
from companion.figures.interval_plots import shrinking


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the judged rows of some checkpoints; model in front of the columns of `consistency.quadrants`."""
    return for_each(rows, "model", lambda part: consistency.quadrants(part, "rule", rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a checkpoint, a panel a prompt."""
    return shrinking(table, about, ("model",))
