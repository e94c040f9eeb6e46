"""Accuracy against the probability of the chosen letter, in ten bins, under four prompts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.theme import alike, perturbation_label, perturbation_look, titled

TITLE = "Is a confident answer a right answer?"

SHOWN = ("plain", "stop-think", "wrong-caption", "wrong-think")
"""The prompts that have a panel."""


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.reliability`."""
    return tables.reliability(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt; on the diagonal a model is calibrated."""
    shown = [name for name in SHOWN if name in set(table["perturbation"])]
    figure = Figure(figsize=(9, 3.4))
    panels = np.atleast_1d(figure.subplots(1, len(shown), sharey=True, sharex=True))
    for axes, name in zip(panels, shown, strict=True):
        color, marker = perturbation_look(name)
        part = table[table["perturbation"] == name]
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--")
        for _, line in part.iterrows():
            axes.plot([line["confidence"]] * 2, [line["low"], line["high"]], color=color, linewidth=1.5)
        axes.scatter(part["confidence"], part["value"], s=15 + part["n"] / 2, color=color, marker=marker, alpha=0.5)
        axes.set(
            title=perturbation_label(name),
            xlabel="probability of its answer",
            xlim=(-0.03, 1.12),
            ylim=(-0.03, 1.06),
            xticks=(0, 0.5, 1),
        )
    panels[0].set_ylabel("accuracy")
    return titled(
        figure,
        TITLE,
        about,
        "area: how many answers; dashed: perfect calibration; vertical lines: 95 % intervals over items"
        + alike(table[table["perturbation"].isin(shown)]),
    )
