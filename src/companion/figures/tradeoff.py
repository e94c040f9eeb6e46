"""Share of answers that are right, and that are right with reasoning that says so, over RL steps.

The gap between the two lines is the share of answers that are right although their reasoning does not say so. The
accuracy-faithfulness trade-off: over RL more answers become right, and the gap widens.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.looks import BLIND_SAFE
from companion.figures.phrases import initial_label, over_seeds, seeds_so_far, signed
from companion.figures.theme import draw_chance, titled

MEASURES = ("right", "right and its reasoning says so")
GAP = "right but its reasoning does not say so"
"""The measure that is one less the other."""
PROMPTS = {"plain": "plain prompt", "wrong-think": "after a wrong reasoning prefix"}
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
            draw_chance(axes, table, "axhline")
            axes.text(0.02, 0.96, shown, transform=axes.transAxes, va="top", style="italic")
            if prompt == "plain":
                axes.set_title(initial_label(initial), weight="bold")
        axes_of_prompt[0].set_ylabel("share of answers (%)")
    panels[0, 0].annotate(
        f"chance ({100 * table['chance'].iloc[0]:.0f} %)",
        (0, 100 * table["chance"].iloc[0]),
        (2, 4),
        textcoords="offset points",
        color="#666666",
        fontsize="small",
    )
    for axes in panels[-1]:
        axes.set(xlabel="RL step", ylim=(-12, 100), yticks=range(0, 101, 20))
    _name_the_gap(panels[-1, -1], right, said)
    note = f"upright lines: 95 % intervals over {over_seeds(table)}; {_changes(lines.loc[prompt])}"
    return titled(figure, seeds_so_far(table) + _title(right, said), about, note)


def _panel(axes: Axes, right: pd.DataFrame, said: pd.DataFrame) -> None:
    """right, said: estimates by step."""
    axes.fill_between(
        right.index, said["value"] * 100, right["value"] * 100, color=BLIND_SAFE[3], alpha=0.25, linewidth=0
    )
    for line, color, style in ((right, "#222222", "o-"), (said, BLIND_SAFE[0], "s--")):
        axes.vlines(line.index, line["low"] * 100, line["high"] * 100, color=color, linewidth=1.2)
        axes.plot(line.index, line["value"] * 100, style, color=color, linewidth=2, markersize=4, clip_on=False)
    top, bottom = (100 * line["value"].iloc[-1] for line in (right, said))
    end = right.index[-1]
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # of the line of chance
    axes.annotate(f"right: {_path(right)}", (end, top), (2, 11), textcoords="offset points", ha="right", bbox=clear)
    axes.annotate(
        f"right and its reasoning says so: {_path(said)}",
        (end, bottom),
        (2, -18),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=BLIND_SAFE[0],
        annotation_clip=False,
    )


def _path(line: pd.DataFrame) -> str:
    """From the first step to the last, in percent."""
    return f"{100 * line['value'].iloc[0]:.0f} → {100 * line['value'].iloc[-1]:.0f} %"


def _name_the_gap(axes: Axes, right: pd.DataFrame, said: pd.DataFrame) -> None:
    """Write into the gap what it is."""
    place = 0.6 * right.index[-1]
    middle = np.interp(place, right.index, (right["value"] + said["value"]) * 50)
    axes.annotate(
        "right, but its reasoning\ndoes not say so",
        (place, middle),
        ha="center",
        va="center",
        color=BLIND_SAFE[3],
        weight="bold",
    )


def _title(right: pd.DataFrame, said: pd.DataFrame) -> str:
    """What the last panel shows, from the intervals of its paired changes."""
    more, more_said = right.iloc[-1], said.iloc[-1]
    if not more["change_low"] > 0:
        head = "After a wrong reasoning prefix, RL does not clearly make more answers right"
    elif not more_said["change_low"] > 0:
        head = "After a wrong reasoning prefix, RL makes more answers right, but not their reasoning"
    elif more_said["change_high"] < more["change_low"]:
        gained = f"{100 * more['change']:.0f}"
        said_so = f"{100 * more_said['change']:.0f}" if more_said["change"] >= 0.01 else "less than 1"
        head = (
            f"After a wrong reasoning prefix, RL makes {gained} points more answers right,\n"
            f"and {said_so} more right with reasoning that says so"
        )
    else:
        head = "After a wrong reasoning prefix, RL makes more answers right, and their reasoning says so"
    return f"{head} ({INITIALS[-1]})"


def _changes(lines: pd.DataFrame) -> str:
    """How far both shares moved over RL from each initial checkpoint: what is known also where no move is clear."""
    told = []
    for initial in INITIALS:
        ends = (lines.loc[(initial, measure)].iloc[-1] for measure in MEASURES)
        right, said = (f"{signed(100 * end['change_low'])} to {signed(100 * end['change_high'])}" for end in ends)
        told.append(f"{initial} right {right}, right and its reasoning says so {said}")
    return f"after the prefix, change over RL in points: {'; '.join(told)}"
