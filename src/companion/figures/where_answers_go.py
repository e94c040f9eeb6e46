"""Of the items that were right under the plain prompt: still right, the suggested option, another, none."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import BLIND_SAFE, titled
from companion.perturbations.table import in_standing_order

TITLE = "Where the right answers go under each perturbation"

FATES = {"right": "still right", "suggested": "the suggested option", "other": "another option", "none": "no answer"}


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.fates`."""
    return tables.fates(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Stacked shares, a bar a perturbation."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(9, 0.42 * len(labels) + 1.6))
    axes = figure.subplots()
    left = np.zeros(len(labels))
    looks = zip(FATES, (BLIND_SAFE[2], BLIND_SAFE[3], BLIND_SAFE[1], "#bbbbbb"), ("", "//", "..", "xx"), strict=True)
    for fate, color, hatch in looks:
        values = table[table["fate"] == fate].set_index("perturbation").loc[labels, "value"].to_numpy() * 100
        axes.barh(labels, values, left=left, color=color, hatch=hatch, edgecolor="white", label=FATES[fate])
        for y, (start, value) in enumerate(zip(left, values, strict=True)):
            if value >= 6:
                axes.text(start + value / 2, y, f"{value:.0f}", ha="center", va="center", fontsize="small",
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
        left += values
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlabel="share of the items that were right under the plain prompt (%)", xlim=(0, 100))
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    among = f"of the {table['among'].max()} items that were right under the plain prompt"
    return titled(figure, TITLE, about, f"{among}; their 95 % intervals over items stand in the csv of this figure")
