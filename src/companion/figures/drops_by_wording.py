"""Paired change of accuracy under each wording of each perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import OVER_ITEMS, perturbation_look, titled
from companion.perturbations.table import in_standing_order

TITLE = "The same perturbation in three wordings"


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.by_wording`."""
    return tables.by_wording(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a perturbation; its wordings are numbered."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(9, 0.52 * len(labels) + 1.6))
    axes = figure.subplots()
    for y, name in enumerate(labels):
        color, _ = perturbation_look(name)
        for k, (_, line) in enumerate(table[table["perturbation"] == name].iterrows()):
            place = y + 0.27 * (k - 1)
            axes.plot([line["low"] * 100, line["high"] * 100], [place] * 2, color=color, linewidth=1.5)
            axes.plot(line["value"] * 100, place, marker="o", color="white", markersize=9)
            axes.plot(line["value"] * 100, place, marker=f"${k}$", color=color, markersize=7, linestyle="none")
    axes.axvline(0, color="#222222", linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="change against the plain prompt (points)", ylim=(len(labels) - 0.5, -0.5))
    fewest, most = table["n"].min(), table["n"].max()
    return titled(
        figure, TITLE, about, f"0, 1, 2: the wording, each of {fewest} to {most} items of its own; {OVER_ITEMS}"
    )
