"""Changes over RL steps of right answers, of those whose reasoning does not say so, and of letter entropy."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures import tradeoff
from companion.figures.looks import BLIND_SAFE
from companion.figures.phrases import opening, over_seeds, seeds_so_far, signed, under
from companion.figures.theme import end_labels, tell_chance, titled

RIGHT, GAP = tradeoff.MEASURES[0], tradeoff.GAP
MEASURES = {RIGHT: "right", GAP: "right, but its reasoning does not say so", "entropy": "letter entropy"}
"""Measure of a panel → what it is called. The first two, both rising, are the trade-off."""


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """The lines of `study.summaries.curves`, of one recipe under one perturbation, that this figure shows."""
    return curves[curves["measure"].isin(MEASURES)]


def draw(table: pd.DataFrame, about: str, marked: int | None = None) -> Figure:
    """A panel a measure, a line an initial checkpoint: the change since step 0 of the same items.

    marked: a step that is marked, and of which the title tells instead of the last.
    """
    figure = Figure(figsize=(9, 3.7))
    panels = figure.subplots(1, len(MEASURES))
    for axes, (measure, called) in zip(panels, MEASURES.items(), strict=True):
        ends = []
        for number, initial in enumerate(dict.fromkeys(table["initial"])):
            color, marker = BLIND_SAFE[number], "os^"[number % 3]
            path = table[(table["measure"] == measure) & (table["initial"] == initial)]
            change, low, high = (100 * path[f"change{end}"] for end in ("", "_low", "_high"))
            axes.plot(path["step"], change, color=color, marker=marker, markersize=5)
            axes.fill_between(path["step"], low, high, color=color, alpha=0.12)
            here = path["step"] == marked
            axes.plot(path["step"][here], change[here], marker=marker, color=color, markersize=11, zorder=3)
            ends.append((change.iloc[-1], f"from {initial}", color))
        axes.axhline(0, color="#222222", linewidth=1)
        if marked is not None:
            axes.axvline(marked, color="#222222", linewidth=1.2, linestyle="--")
        axes.set_title(textwrap.fill(f"{called}, points", 24), fontsize="medium")
        axes.set_xlabel("RL step")
    end_labels(panels[-1], 1.05 * table["step"].max(), ends, 0.08 * np.ptp(panels[-1].get_ylim()))
    panels[0].set_ylabel("change since step 0")
    dashed = "" if marked is None else f"; dashed: step {marked:,}"
    note = f"bands: 95 % intervals over {over_seeds(table)}{dashed}{tell_chance(table)}"
    told = int(table["step"].max()) if marked is None else marked
    return titled(figure, seeds_so_far(table) + _title(table, told), about, note)


def _title(table: pd.DataFrame, at: int) -> str:
    """From each initial checkpoint, how far both parts of the trade-off moved up to a step, with intervals."""
    lines = table[table["step"] == at].set_index(["initial", "measure"])
    told = [f"{opening(under(str(table['prompt'].iloc[0])))}, up to step {at:,} of RL, in points"]
    for initial in dict.fromkeys(table["initial"]):
        moves = []
        for measure, called in ((RIGHT, "right"), (GAP, "right but not as its reasoning says")):
            line = lines.loc[(initial, measure)]
            value, low, high = (signed(100 * line[f"change{end}"]) for end in ("", "_low", "_high"))
            moves.append(f"{called} {value} [{low}, {high}]")
        told.append(f"from {initial}: {', '.join(moves)}")
    return "\n".join(told)
