"""Accuracy, agreement, truth and length of reasoning over GRPO steps, for each recipe."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures import tradeoff_paths
from companion.figures.step_curves import curves

TITLE = "Change since step 0, mean over seeds"

SHOWN = ("correct", "consistent", "grounded", "words")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """As the table of `tradeoff_paths`, which has the same runs."""
    return tradeoff_paths.table(runs, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a measure, a line a recipe."""
    return curves(table, SHOWN, TITLE, about)
