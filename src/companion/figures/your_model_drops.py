"""Paired change of accuracy under each perturbation, on each benchmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.analysis.tables import for_each
from companion.figures.theme import titled
from companion.perturbations.table import in_standing_order

TITLE = "Change of accuracy against the plain prompt"


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of one model on some benchmarks; benchmark in front of the columns of `tables.accuracy`."""
    return for_each(rows, "benchmark", lambda part: tables.accuracy(part, rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a benchmark, a column a perturbation; bold where the interval is clear of zero."""
    changes = table[(table["measure"] == "change") & (table["perturbation"] != "plain")]
    perturbations, benchmarks = (
        in_standing_order(changes["perturbation"].tolist()),
        list(dict.fromkeys(changes["benchmark"])),
    )
    values = (
        changes.pivot(index="benchmark", columns="perturbation", values="value").loc[benchmarks, perturbations] * 100
    )
    figure = Figure(figsize=(9, 0.45 * len(benchmarks) + 2.2))
    axes = figure.subplots()
    most = max(1.0, float(np.nanmax(np.abs(values.to_numpy()))))
    sns.heatmap(values, ax=axes, cmap="vlag_r", vmin=-most, vmax=most, annot=True, fmt="+.1f", linewidths=1,
                cbar_kws={"label": "points"})  # fmt: skip
    clear = changes.assign(clear=(changes["low"] > 0) | (changes["high"] < 0))
    bold = (
        clear.pivot(index="benchmark", columns="perturbation", values="clear").loc[benchmarks, perturbations].to_numpy()
    )
    for text, heavy in zip(axes.texts, bold.ravel(), strict=True):
        text.set(text=text.get_text().replace("-", "−"), fontweight="bold" if heavy else "normal")
    axes.set(xlabel="", ylabel="")
    axes.tick_params(axis="x", rotation=30)
    axes.tick_params(axis="y", rotation=0)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
    return titled(figure, TITLE, about, "bold: the 95 % interval over items is clear of zero")
