"""Mean probability of the right letter, and normalised entropy over the letters, under each perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import OVER_ITEMS, points, titled
from companion.perturbations.table import in_standing_order

TITLE = "Confidence under each perturbation"


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.confidence`."""
    return tables.confidence(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """On the left P(correct), on the right entropy."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.5))
    for axes, (measure, text) in zip(
        figure.subplots(1, 2, sharey=True),
        (("p_correct", "P(correct letter)"), ("entropy", "entropy over the letters (1: uniform)")),
        strict=True,
    ):
        points(axes, table[table["measure"] == measure], labels, scale=1.0)
        axes.set(xlabel=text)
        axes.set_xlim(left=0, right=1.02 if measure == "p_correct" else None)
    return titled(figure, TITLE, about, OVER_ITEMS)
