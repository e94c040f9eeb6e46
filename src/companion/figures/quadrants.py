"""Share of answers that are right or wrong, with reasoning that leads to them or not, under each perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.figures.theme import perturbation_label, perturbation_look, titled
from companion.perturbations.table import in_standing_order

TITLE = "Four quadrants: right or wrong, and does the reasoning say so?"


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model, judged by the rule judge; as `consistency.quadrants`."""
    return consistency.quadrants(rows, "rule", rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Above right, below wrong; on the left the reasoning says so, on the right it does not. A bar a perturbation."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(9, 0.52 * len(labels) + 1.8))
    heads = (
        ("consistent right", "right, and its reasoning says so"),
        ("inconsistent right", "right, its reasoning does not say so"),
        ("consistent wrong", "wrong, as its reasoning says"),
        ("inconsistent wrong", "wrong, its reasoning does not say so"),
    )  # fmt: skip
    for axes, (measure, head) in zip(figure.subplots(2, 2, sharex=True, sharey=True).ravel(), heads, strict=True):
        part = table[table["measure"] == measure].set_index("perturbation")
        for y, name in enumerate(labels):
            line = part.loc[name, ["value", "low", "high"]].astype(float) * 100
            axes.barh(y, line["value"], color=perturbation_look(name)[0], height=0.72)
            axes.plot([line["low"], line["high"]], [y, y], color="white", linewidth=4, solid_capstyle="butt")
            axes.plot([line["low"], line["high"]], [y, y], color="#222222", linewidth=1.5)
            axes.text(
                max(line["value"], line["high"]) + 1.5, y, f"{line['value']:.0f}", va="center", fontsize="x-small"
            )
        axes.set_title(head)
        axes.grid(visible=False, axis="y")
    axes.set(
        xlim=(0, 100),
        ylim=(len(labels) - 0.5, -0.5),
        yticks=range(len(labels)),
        yticklabels=list(map(perturbation_label, labels)),
    )
    for axes in figure.axes:
        axes.tick_params(labelsize="small")
    figure.supxlabel("share of all items (%)", fontsize="medium")
    return titled(figure, TITLE, about, "lines at the ends of bars: 95 % intervals over items")
