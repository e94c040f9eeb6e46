"""AUROC with which P(correct) and −entropy under the plain prompt tell which right answers survive a perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import BLIND_SAFE, OVER_ITEMS, titled
from companion.perturbations.table import in_standing_order

TITLE = "Does confidence under the plain prompt foretell survival?"


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.survival`."""
    return tables.survival(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Over all pairs, and over pairs of one family; 0.5 is chance."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(9, 0.5 * len(labels) + 1.9))
    panels = list(table.groupby("pairs", sort=False))
    for axes, (pairs, part) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for offset, (predictor, color, marker) in zip(
            (-0.14, 0.14), (("P(correct)", BLIND_SAFE[0], "o"), ("−entropy", BLIND_SAFE[1], "s")), strict=True
        ):
            lines = part[part["predictor"] == predictor].set_index("perturbation").loc[labels]
            for y, (_, line) in enumerate(lines.iterrows()):
                axes.plot([line["low"], line["high"]], [y + offset] * 2, color=color, linewidth=2)
            places = np.arange(len(labels)) + offset
            label = predictor if pairs == panels[0][0] else None
            axes.plot(lines["value"], places, marker=marker, color=color, linestyle="none", label=label)
        axes.axvline(0.5, color="#222222", linewidth=1)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(title=pairs, xlabel="AUROC for “stays right”", xlim=(0, 1.02), ylim=(len(labels) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return titled(figure, TITLE, about, f"{OVER_ITEMS}; black line: chance")
