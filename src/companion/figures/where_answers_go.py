"""Of the items that were right under the plain prompt: still right, the asserted option, another, none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.looks import BLIND_SAFE
from companion.figures.phrases import perturbation_label, under
from companion.figures.theme import WIDTH, shares_bar, titled
from companion.perturbations.perturbation import in_standing_order

FATES = {"right": "still right", "suggested": "the asserted option", "other": "another option", "none": "no answer"}

LOOKS = {
    "right": (BLIND_SAFE[2], ""),
    "suggested": (BLIND_SAFE[3], "//"),
    "other": (BLIND_SAFE[1], ".."),
    "none": ("#777777", "xx"),
}
"""Fate → colour and hatch, from left to right."""


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.fates`."""
    return tables.fates(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Stacked shares, a bar a perturbation."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(WIDTH, 0.44 * len(labels) + 1.9))
    axes = figure.subplots()
    shares = table.pivot(index="perturbation", columns="fate", values="value").loc[labels, list(LOOKS)] * 100
    for y, (_, of_prompt) in enumerate(shares.iterrows()):
        shares_bar(axes, y, of_prompt.to_dict(), LOOKS)
    first = shares.iloc[0]
    for fate, (color, _) in LOOKS.items():
        if shares[fate].max() < 0.5:
            continue
        look: dict[str, Any] = {"color": color, "weight": "bold", "fontsize": "small"}
        if first[fate] >= 10:  # above the first bar
            axes.text(first[:fate].sum() - first[fate] / 2, -0.46, FATES[fate], ha="center", va="bottom", **look)
        else:  # beside the one where it is widest
            axes.text(101.0, int(shares[fate].argmax()), FATES[fate], ha="left", va="center", **look)
    axes.set_yticks(range(len(labels)), list(map(perturbation_label, labels)))
    axes.grid(visible=False)
    axes.set(xlim=(0, 100), ylim=(len(labels) - 0.5, -0.9))
    axes.set_xlabel("share of the items that were right under the plain prompt (%)")
    among = f"of the {table['among'].max()} items that were right under the plain prompt"
    return titled(figure, _title(table), about, f"{among}; 95 % intervals over items: csv")


def _title(table: pd.DataFrame) -> str:
    """What becomes of right answers after the two misleading texts."""
    shares = table.set_index(["perturbation", "fate"])["value"] * 100
    told = [
        f"{shares[name, 'suggested']:.0f} % {under(name)}"
        for name in ("wrong-think", "wrong-caption")
        if name in set(table["perturbation"])
    ]
    return f"Right answers become the asserted option:\n{', '.join(told)}" if told else "What becomes of right answers"
