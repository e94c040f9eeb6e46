"""AUROC with which P(correct) and −entropy under the plain prompt tell which items are right under misleading text."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.looks import BLIND_SAFE
from companion.figures.theme import OVER_ITEMS, WIDTH, beside, titled
from companion.perturbations.perturbation import in_standing_order

LOOKS = {"P(correct)": (-0.14, BLIND_SAFE[0], "o"), "−entropy": (0.14, BLIND_SAFE[1], "s")}
"""Predictor → how far beneath its line's middle it stands, colour and marker."""


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.survival`."""
    return tables.survival(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel for each definition of the items that are compared. Filled: the interval is clear of 0.5."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(WIDTH, 0.5 * len(labels) + 1.9))
    panels = list(table.groupby("definition", sort=False))
    for axes, (definition, part) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for line in part.itertuples():
            offset, color, marker = LOOKS[line.predictor]
            y = labels.index(line.perturbation) + offset
            axes.plot([line.low, line.high], [y, y], color=color, linewidth=2)
            fill = color if _clear(line) else "white"
            axes.plot(line.value, y, marker, color=color, markerfacecolor=fill, markersize=7, markeredgewidth=1.5)
        axes.axvline(0.5, color="#222222", linewidth=1)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="AUROC", xlim=(0, 1.02), xticks=(0.25, 0.5, 0.75), ylim=(len(labels) - 0.5, -1.1))
        axes.set_title(definition, fontsize="medium")
    for name, (offset, color, _) in LOOKS.items():
        beside(figure.axes[0], 0, -0.75 + 1.2 * offset, name, color=color)
    return titled(figure, _title(table), about, f"{OVER_ITEMS}; filled: clear of chance (black line)")


def _clear(line: pd.Series) -> bool:
    return line.low > 0.5 or line.high < 0.5


def _title(table: pd.DataFrame) -> str:
    """By each definition, under how many prompts items of higher P(correct) are right more often, and less often."""
    told: list[str] = []
    for definition, part in table[table["predictor"] == "P(correct)"].groupby("definition", sort=False):
        more, less = (part["low"] > 0.5).sum(), (part["high"] < 0.5).sum()
        of = "" if told else f" of {len(part)} misleading prompts"
        told.append(f"{definition[0]} under {more}{of}{f' (less often under {less})' if less else ''}")
    return f"Items of higher P(correct) are right more often by definition {', by '.join(told)}"
