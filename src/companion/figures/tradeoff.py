"""What RL for right answers brings: how many answers are right, and how many are right as their reasoning says.

The gap between the two lines is what the accuracy-faithfulness trade-off is about: right answers that the reasoning
before them does not say.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.theme import BLIND_SAFE, claimed, draw_chance, initial_label

MEASURES = ("right", "right and its reasoning says so")
PROMPTS = {"plain": "plain prompt", "wrong-think": "a false first sentence of reasoning is given"}
INITIALS = ("misread-0", "misread-20")


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """The lines of `study.summaries.curves` that this figure shows."""
    shown = curves["initial"].isin(INITIALS) & curves["prompt"].isin(PROMPTS) & curves["measure"].isin(MEASURES)
    return curves[shown]


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A row a prompt, a column an initial checkpoint; x the step of RL."""
    figure = Figure(figsize=(9, 6.6))
    panels = figure.subplots(len(PROMPTS), len(INITIALS), sharex=True, sharey=True, squeeze=False)
    lines = table.set_index(["prompt", "initial", "measure", "step"]).sort_index()
    for axes_of_prompt, (prompt, shown) in zip(panels, PROMPTS.items(), strict=True):
        for axes, initial in zip(axes_of_prompt, INITIALS, strict=True):
            right, said = (lines.loc[(prompt, initial, measure)] for measure in MEASURES)
            _panel(axes, right, said)
            axes.set_title(f"{initial_label(initial)}\n{shown}" if prompt == "plain" else shown, fontsize="medium")
        axes_of_prompt[0].set_ylabel("share of all answers (%)")
    guessed = ""
    for axes in panels.ravel():
        guessed = draw_chance(axes, table, "axhline")
    for axes in panels[-1]:
        axes.set(xlabel="RL step", ylim=(0, 100))
    _name_the_gap(panels[-1, -1], right, said)
    return claimed(figure, _claim(right, said), about, f"pale bands: 95 % intervals over seeds and items{guessed}")


def _panel(axes: Axes, right: pd.DataFrame, said: pd.DataFrame) -> None:
    """right, said: estimates by step."""
    axes.fill_between(
        right.index, said["value"] * 100, right["value"] * 100, color=BLIND_SAFE[3], alpha=0.3, linewidth=0
    )
    for line, color, style in ((right, "#222222", "-"), (said, BLIND_SAFE[0], "--")):
        axes.fill_between(line.index, line["low"] * 100, line["high"] * 100, color=color, alpha=0.15, linewidth=0)
        axes.plot(line.index, line["value"] * 100, style, color=color, linewidth=2)
    top, bottom = (100 * line["value"].iloc[-1] for line in (right, said))
    end = right.index[-1]
    axes.annotate(f"right: {top:.0f} %", (end, top), (-4, 10), textcoords="offset points", ha="right")
    axes.annotate(f"right and its reasoning says so: {bottom:.0f} %", (end, bottom), (-4, 7 if bottom < 15 else -17),
                  textcoords="offset points", ha="right", color=BLIND_SAFE[0])  # fmt: skip


def _name_the_gap(axes: Axes, right: pd.DataFrame, said: pd.DataFrame) -> None:
    """Write into the gap what it is."""
    place = 0.55 * right.index[-1]
    middle = np.interp(place, right.index, (right["value"] + said["value"]) * 50)
    axes.annotate("right, but the reasoning\ndoes not say so", (place, middle), ha="center", va="center",
                  color=BLIND_SAFE[3], weight="bold")  # fmt: skip


def _claim(right: pd.DataFrame, said: pd.DataFrame) -> str:
    """What the last panel shows, from its numbers."""
    gains = [100 * (line["value"].iloc[-1] - line["value"].iloc[0]) for line in (right, said)]
    gained, explained = (f"{gain:+.0f}".replace("-", "−") for gain in gains)
    more = "more" if gains[0] > gains[1] else "no more"
    return (
        f"RL makes {more} answers right that the reasoning before them does not say\n"
        f"After a false first sentence: {gained} points right; right as the reasoning says: {explained}"
    )
