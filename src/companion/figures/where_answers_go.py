"""Of the items that were right under the plain prompt: still right, the asserted option, another, none."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import BLIND_SAFE, WIDTH, claimed, under
from companion.perturbations.table import in_standing_order

FATES = {"right": "still right", "suggested": "the asserted option", "other": "another option", "none": "no answer"}


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.fates`."""
    return tables.fates(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Stacked shares, a bar a perturbation."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(WIDTH, 0.44 * len(labels) + 1.9))
    axes = figure.subplots()
    left = np.zeros(len(labels))
    looks = zip(FATES, (BLIND_SAFE[2], BLIND_SAFE[3], BLIND_SAFE[1], "#777777"), ("", "//", "..", "xx"), strict=True)
    for fate, color, hatch in looks:
        values = table[table["fate"] == fate].set_index("perturbation").loc[labels, "value"].to_numpy() * 100
        axes.barh(labels, values, left=left, color=color, hatch=hatch, edgecolor="white")
        for y, (start, value) in enumerate(zip(left, values, strict=True)):
            if value >= 6:
                axes.text(
                    start + value / 2,
                    y,
                    f"{value:.0f}",
                    ha="center",
                    va="center",
                    fontsize="small",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
                )
        if values.max() >= 0.5:  # its name above the first bar, or beside the one where it is widest
            inside = values[0] >= 10
            y = 0 if inside else int(values.argmax())
            x = left[0] + values[0] / 2 if inside else 101.0
            axes.text(
                x,
                -0.46 if inside else y,
                FATES[fate],
                va="bottom" if inside else "center",
                ha="center" if inside else "left",
                color=color,
                weight="bold",
                fontsize="small",
            )
        left += values
    axes.grid(visible=False)
    axes.set(xlim=(0, 100), ylim=(len(labels) - 0.5, -0.9))
    axes.set_xlabel("share of the items that were right under the plain prompt (%)")
    among = f"of the {table['among'].max()} items that were right under the plain prompt"
    return claimed(figure, _claim(table), about, f"{among}; 95 % intervals over items: csv")


def _claim(table: pd.DataFrame) -> str:
    """What becomes of right answers after the two misleading texts."""
    shares = table.set_index(["perturbation", "fate"])["value"] * 100
    told = [
        f"{shares[name, 'suggested']:.0f} % {under(name)}"
        for name in ("wrong-think", "wrong-caption")
        if name in set(table["perturbation"])
    ]
    return f"Right answers become the asserted option:\n{', '.join(told)}" if told else "What becomes of right answers"
