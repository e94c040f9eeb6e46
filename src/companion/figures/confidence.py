"""Mean probability of the right letter, and normalised entropy over the letters, under each perturbation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import tables
from companion.figures.phrases import opening, under
from companion.figures.theme import OVER_ITEMS, WIDTH, draw_points, titled
from companion.intervals import side
from companion.perturbations.perturbation import in_standing_order


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one model; as `tables.confidence`."""
    return tables.confidence(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """On the left P(correct), on the right entropy."""
    labels = in_standing_order(table["perturbation"].tolist())
    figure = Figure(figsize=(WIDTH, 0.36 * len(labels) + 1.7))
    for axes, (measure, text) in zip(
        figure.subplots(1, 2, sharey=True),
        (("p_correct", "P(correct letter)"), ("entropy", "letter entropy (1: uniform)")),
        strict=True,
    ):
        draw_points(axes, table[table["measure"] == measure], labels, scale=1.0, form="{:.2f}")
        axes.set(xlabel=text)
        axes.margins(x=0.2)
        axes.set_xlim(left=0, right=1.18 if measure == "p_correct" else None)
    return titled(figure, _title(table), about, OVER_ITEMS)


def _title(table: pd.DataFrame) -> str:
    """What misleading text does to P(correct), paired, and to the entropy."""
    lines = table.set_index(["measure", "perturbation"])
    told, names = [], ["plain"]
    for name in ("wrong-think", "wrong-caption"):
        if name not in set(table["perturbation"]):
            continue
        before, after = (lines.loc[("p_correct", one), "value"] for one in ("plain", name))
        change = lines.loc[("change", name)]
        fell = side(change, "rises", "falls", "does not clearly move")
        told.append(f"{opening(under(name))} P(correct) {fell} ({before:.2f} → {after:.2f})")
        names.append(name)
    if told:
        entropies = (f"{lines.loc[('entropy', name), 'value']:.2f} ({name})" for name in names)
        told.append(f"Letter entropy: {', '.join(entropies)}")
    return "\n".join(told) or "P(correct) and letter entropy under each prompt"
