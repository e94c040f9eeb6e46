"""AUROC with which P(correct) and −entropy under the plain prompt tell which right answers survive a perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import BLIND_SAFE, OVER_ITEMS, WIDTH, beside, titled
from companion.perturbations.perturbation import in_standing_order


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.survival`."""
    return tables.survival(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Over all pairs, and over pairs of one family; 0.5 is chance."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(WIDTH, 0.5 * len(labels) + 1.7))
    panels = list(table.groupby("pairs", sort=False))
    for axes, (pairs, part) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for offset, (predictor, color, marker) in zip(
            (-0.14, 0.14), (("P(correct)", BLIND_SAFE[0], "o"), ("−entropy", BLIND_SAFE[1], "s")), strict=True
        ):
            lines = part[part["predictor"] == predictor].set_index("perturbation").loc[labels]
            for y, (_, line) in enumerate(lines.iterrows()):
                axes.plot([line["low"], line["high"]], [y + offset] * 2, color=color, linewidth=2)
            places = np.arange(len(labels)) + offset
            axes.plot(lines["value"], places, marker=marker, color=color, linestyle="none")
            beside(axes, 1.02, offset, predictor, -1, color=color)
        axes.axvline(0.5, color="#222222", linewidth=1)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(title=pairs, xlabel="AUROC for “stays right”", xlim=(0, 1.02), ylim=(len(labels) - 0.5, -0.5))
    return titled(figure, _title(table), about, f"{OVER_ITEMS}; black line: chance")


def _title(table: pd.DataFrame) -> str:
    """In how many of the comparisons the surer answers survive more often, and in how many less often."""
    sure = table[table["predictor"] == "P(correct)"]
    more, less = (sure["low"] > 0.5).sum(), (sure["high"] < 0.5).sum()
    return (
        f"Surer right answers survive more often in {more} of {len(sure)} comparisons,\n"
        f"less often in {less} (AUROC of P(correct), interval clear of chance)"
    )
