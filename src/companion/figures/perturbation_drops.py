"""Accuracy under five prompts, and its paired change against the plain prompt."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.looks import STYLES
from companion.figures.phrases import effects, phrase
from companion.figures.theme import OVER_ITEMS, WIDTH, draw_chance, draw_points, titled
from companion.perturbations.perturbation import in_standing_order

SHOWN = ("plain", "right-caption", "wrong-caption", "right-think", "wrong-think")
"""The prompts of this figure. A perturbation without a look of its own, which somebody added, is shown too."""


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.accuracy`."""
    return tables.accuracy(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """On the left accuracy, on the right its change."""
    there = in_standing_order(table["perturbation"].tolist())
    labels = [name for name in SHOWN if name in there] + [name for name in there if name not in STYLES]
    figure = Figure(figsize=(WIDTH, 0.42 * len(labels) + 1.7))
    left, right = figure.subplots(1, 2, sharey=True)
    part = table[table["measure"] == "accuracy"]
    draw_points(left, part, labels)
    guessed = draw_chance(left, part)
    left.set(xlabel="accuracy (%)", xlim=(0, 112), xticks=range(0, 101, 25))
    changes = table[table["measure"] == "change"]
    draw_points(right, changes, labels, form="{:+.1f}")
    right.axvline(0, color="#222222", linewidth=1)
    right.margins(x=0.26)
    right.set(xlabel="change against the plain prompt (points)")
    return titled(figure, _title(changes), about, f"{OVER_ITEMS}{guessed}; other perturbations: csv")


def _title(changes: pd.DataFrame) -> str:
    """What wrong texts do, and in a second line right ones."""
    lines = changes.set_index("perturbation")
    told = []
    for names in (("wrong-caption", "wrong-think"), ("right-caption", "right-think")):
        told.append(effects({phrase(name): lines.loc[name] for name in names if name in lines.index}))
    return "\n".join(filter(None, told)) or "Accuracy under each prompt"
