"""Accuracy against the probability of the letter that was answered, in ten bins, under four prompts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.looks import perturbation_look
from companion.figures.phrases import perturbation_label, under
from companion.figures.theme import WIDTH, titled

SHOWN = ("plain", "stop-think", "wrong-caption", "wrong-think")
"""The prompts that have a panel."""


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.reliability`."""
    return tables.reliability(rows, rng)


SURE = 0.9
"""Where the highest of the ten bins begins."""

SMALLEST, LARGEST = 20, 110
"""Areas of marks, in square points: of a bin with next to no items, and with all of them."""


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, beneath it how many items each bin has; on the diagonal a model is calibrated."""
    shown = [name for name in SHOWN if name in set(table["perturbation"])]
    figure = Figure(figsize=(WIDTH, 4.4))
    panels = figure.subplots(2, len(shown), sharex=True, sharey="row", squeeze=False, height_ratios=(2.4, 1))
    for (axes, below), name in zip(panels.T, shown, strict=True):
        color, marker = perturbation_look(name)
        part = table[table["perturbation"] == name]
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--")
        axes.vlines(part["confidence"], part["low"], part["high"], color=color, linewidth=1.5)
        sizes = SMALLEST + (LARGEST - SMALLEST) * part["n"] / part["n"].sum()
        axes.scatter(
            part["confidence"], part["value"], sizes, color=color, marker=marker, linewidths=0, zorder=3, clip_on=False
        )
        axes.set_title(perturbation_label(name), fontsize="medium", color=color, weight="bold")
        axes.set(xlim=(0, 1.04), ylim=(-0.04, 1.06), xticks=(0, 0.5, 1))
        below.bar((part["bin"] + 0.5) / 10, part["n"], width=0.09, color=color)
        for line in part.itertuples():
            if line.n == part["n"].max():
                below.annotate(
                    f"{line.n}",
                    ((line.bin + 0.5) / 10, line.n),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize="small",
                    annotation_clip=False,
                )
        below.margins(y=0.25)
        below.set_xlabel("probability of the\nanswer given")
    panels[0, 0].set_ylabel("accuracy")
    panels[1, 0].set_ylabel("items")
    note = "dashed: perfect calibration; upright lines: 95 % intervals over items; the larger a mark, the more items"
    return titled(figure, _title(table, shown), about, note)


def _title(table: pd.DataFrame, shown: list[str]) -> str:
    """How often answers of the highest bin are right under each prompt."""
    top = table[table["bin"] == 10 * SURE].set_index("perturbation")["value"]
    told = [
        f"{100 * top[name]:.0f} % {under(name)}" for name in ("plain", "wrong-caption", "wrong-think") if name in top
    ]
    if not told:
        return f"No answer has a probability of {SURE} or more"
    first, rest = told[0], ", ".join(told[1:])
    return f"Sure answers (P ≥ {SURE}) are right in {first}" + (f",\n{rest}" if rest else "")
