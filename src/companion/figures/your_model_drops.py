"""Paired change of accuracy under each perturbation, on each benchmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.analysis.tables import for_each
from companion.figures.interval_plots import YOURS, drops_of_parts, named_parts
from companion.figures.theme import WIDTH, titled
from companion.perturbations.perturbation import in_standing_order


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of some models on some benchmarks; both in front of the columns of `tables.accuracy`."""
    return for_each(rows, [*YOURS], lambda part: tables.accuracy(part, rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a perturbation, a column a benchmark and model; bold where the interval is clear of zero."""
    changes = table[(table["measure"] == "change") & (table["perturbation"] != "plain")]
    changes = changes.assign(part=named_parts(changes, YOURS), clear=(changes["low"] > 0) | (changes["high"] < 0))
    perturbations, parts = in_standing_order(changes["perturbation"].tolist()), list(dict.fromkeys(changes["part"]))
    values, clear = (
        changes.pivot(index="perturbation", columns="part", values=name).loc[perturbations, parts]
        for name in ("value", "clear")
    )
    figure = Figure(figsize=(WIDTH, 0.32 * len(perturbations) + 2.0))
    axes = figure.subplots()
    most = max(1.0, float(np.nanmax(np.abs(values.to_numpy()))) * 100)
    sns.heatmap(
        values * 100, ax=axes, cmap="vlag_r", vmin=-most, vmax=most, annot=True, fmt="+.1f", linewidths=1, cbar=False
    )
    for text, heavy in zip(axes.texts, clear.to_numpy().ravel(), strict=True):
        text.set(text=text.get_text().replace("-", "−"), fontweight="bold" if heavy else "normal")
    axes.set(xlabel="change against the plain prompt (points)", ylabel="")
    axes.xaxis.set_ticks_position("top")
    axes.tick_params(length=0, rotation=0)
    title = drops_of_parts(table, YOURS)
    return titled(figure, title, about, "bold: the 95 % interval over items is clear of zero")
