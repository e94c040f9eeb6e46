"""Accuracy under each perturbation, and its paired change against the plain prompt."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import OVER_ITEMS, draw_chance, points, titled
from companion.perturbations.table import in_standing_order

TITLE = "What a sentence does to accuracy"


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.accuracy`."""
    return tables.accuracy(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """On the left accuracy, on the right its change."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.5))
    left, right = figure.subplots(1, 2, sharey=True)
    part = table[table["measure"] == "accuracy"]
    points(left, part, labels)
    guessed = draw_chance(left, part)
    left.set(xlabel="accuracy (%)", xlim=(0, 102))
    changes = table[table["measure"] == "change"]
    points(right, changes, labels)
    right.axvline(0, color="#222222", linewidth=1)
    right.set(xlabel="change against the plain prompt (points)")
    for y, name in enumerate(labels):
        value = changes.set_index("perturbation").loc[name, "value"] * 100
        if name != "plain":
            text = f"{value:+.1f}".replace("-", "−")
            right.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    return titled(figure, TITLE, about, f"{OVER_ITEMS}{guessed}")
