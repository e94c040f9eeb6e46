"""Paired change of accuracy under each wording of each perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.looks import perturbation_look
from companion.figures.theme import OVER_ITEMS, WIDTH, titled
from companion.perturbations.perturbation import in_standing_order


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.by_wording`."""
    return tables.by_wording(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a perturbation; its wordings are numbered."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(WIDTH, 0.5 * len(labels) + 1.6))
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
    note = f"0, 1, 2: the wording, each of {fewest} to {most} items of its own; {OVER_ITEMS}"
    return titled(figure, _title(table), about, note)


def _title(table: pd.DataFrame) -> str:
    """How far wordings of one perturbation are apart, and how far perturbations are."""
    changes = table.assign(value=100 * table["value"]).groupby("perturbation")["value"]
    within, means = (changes.max() - changes.min()).max(), changes.mean()
    between = means.max() - means.min()
    kind = "What is said matters more than its wording" if between > 2 * within else "Its wording matters, too"
    return (
        f"{kind}: wordings of one\nperturbation differ by at most {within:.0f} points, "
        f"perturbations by up to {between:.0f}"
    )
