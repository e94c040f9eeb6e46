"""Points with intervals, grouped: what several figures draw in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.evaluation.judges import measured_error
from companion.figures.looks import BLIND_SAFE, checkpoints_in_order, perturbation_look, recipe_look
from companion.figures.phrases import effects, opening, perturbation_label, phrase, under
from companion.figures.theme import CHANCE, OVER_ITEMS, WIDTH, beside, recipe_rows, titled
from companion.perturbations.perturbation import THREE_PROMPTS

FIVE = ("plain", "stop-think", "wrong-caption", "wrong-think", "blank-image")
"""The prompts of the figures that show five."""

STEPS = {
    "accuracy": ("right", "o"),
    "consistent_accuracy": ("… its reasoning says so", "s"),
    "grounded_accuracy": ("… and all of it is true", "^"),
}


YOURS = ("benchmark", "model")
"""What a line of the figures of your model is of. The first model is the reader's, of which titles speak; what stands
beside it is there to compare."""


def by_part(
    table: pd.DataFrame,
    columns: Sequence[str],
    title: str,
    about: str,
    perturbations: Sequence[str],
    measure: str = "accuracy",
    label: str = "accuracy (%)",
) -> Figure:
    """A measure of each part (family, difficulty, or benchmark and model), a panel a prompt; a dotted line in a part is
    its chance.

    columns: that name a part; those that are the same everywhere are left out. In brackets behind a part: its items.
    """
    table = table.assign(part=named_parts(table, columns))
    table = table[table["measure"] == measure]
    parts = list(dict.fromkeys(table["part"]))
    shown = [name for name in perturbations if name in set(table["perturbation"])]
    figure = Figure(figsize=(WIDTH, 0.34 * len(parts) + 1.9))
    panels = np.atleast_1d(figure.subplots(1, len(shown), sharex=True, sharey=True))
    lines = table.set_index(["part", "perturbation"])
    for axes, name in zip(panels, shown, strict=True):
        color, marker = perturbation_look(name)
        for y, part in enumerate(parts):
            line = lines.loc[(part, name)]
            if pd.notna(line.get("chance")):
                axes.plot([line["chance"] * 100] * 2, [y - 0.4, y + 0.4], **CHANCE)
            if pd.notna(line["value"]):
                axes.plot([line["low"] * 100, line["high"] * 100], [y, y], color=color, linewidth=1.8)
                axes.plot(line["value"] * 100, y, marker=marker, color=color, linestyle="none", clip_on=False)
                beside(axes, np.nanmax([line["high"], line["value"]]) * 100, y, f"{line['value'] * 100:.0f}")
        axes.set_title(perturbation_label(name), fontsize="small", color=color, weight="bold")
        axes.set(xlim=(0, 128), xticks=(0, 50, 100), ylim=(len(parts) - 0.5, -0.5))  # right of 100 stand numbers
    items = table.groupby("part")["n"].max()
    panels[0].set_yticks(range(len(parts)), [f"{part} ({items[part]})" for part in parts])
    panels[len(panels) // 2].set_xlabel(label)
    note = f"{OVER_ITEMS}, their number in brackets; a cost is one whose interval lies below 0"
    return titled(figure, title, about, f"{note}; dotted: chance" if "chance" in table else note)


def named_parts(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """For each line the part that it is of: the values of those columns that differ, or of the first."""
    there = [name for name in columns if name in table]
    differing = [name for name in there if table[name].nunique() > 1] or there[:1]
    return table[differing].astype(str).agg(" · ".join, axis=1)


def drops_of_parts(table: pd.DataFrame, columns: Sequence[str], noun: str = "", of: str = " of accuracy") -> str:
    """What misleading text does in each part; of many parts, in how many it does so clearly. Of `YOURS` it speaks of
    the first model alone, by its name where others stand beside it.

    table: with the measure change, against the plain prompt; what has no interval is left out. noun: of the parts, in
    the plural, unless they are benchmarks.
    """
    own = first_model(table, columns)
    whose = f"{own['model'].iloc[0]}: " if len(own) < len(table) else ""
    differing = [name for name in columns if name in own and own[name].nunique() > 1]
    noun = noun or (f"{differing[0]}s" if differing else "cases")
    changes = own.assign(part=named_parts(own, columns))
    changes = changes[(changes["measure"] == "change") & changes["low"].notna()]
    told = []
    for name in ("wrong-think", "wrong-caption"):
        lines = changes[changes["perturbation"] == name].set_index("part")
        if len(lines) == 1:
            told.append(effects({phrase(name): lines.iloc[0]}, of))
        elif 1 < len(lines) <= 3 and (lines["high"] < 0).all():
            drops = ", ".join(f"{-100 * line['value']:.0f} ({part})" for part, line in lines.iterrows())
            told.append(f"{opening(phrase(name))} costs {drops.replace(' (', ' points (', 1)}")
        elif len(lines):
            drops = -100 * lines.loc[lines["high"] < 0, "value"]
            size = f"{drops.min():.0f} to {drops.max():.0f} points{of}" if len(drops) > 1 else of.removeprefix(" of ")
            told.append(f"{opening(phrase(name))} costs {size} in {len(drops)} of {len(lines)} {noun}")
    return whose + ("\n".join(told) or f"{opening(noun)} under each prompt")


def first_model(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Of a table of `YOURS` the lines of the reader's model; any other table whole."""
    return table[table["model"] == table["model"].iloc[0]] if columns == YOURS else table


def shrinking(table: pd.DataFrame, about: str, columns: Sequence[str]) -> Figure:
    """What "right" shrinks to, a panel for each of `THREE_PROMPTS`: right; and consistent; and true of the picture,
    where that is known.

    table: columns (model, benchmark: what a line is of), perturbation, measure (those of `STEPS`), estimate. Where
    benchmarks are compared, a pale band goes as far from "its reasoning says so" as the rule judge may err there
    (`judges.measured_error`); none where its verdicts are exact."""
    table = table.assign(part=named_parts(table, columns))
    own = first_model(table, columns)["part"].unique().tolist()
    shown = [name for name in THREE_PROMPTS if name in set(table["perturbation"])]
    parts = (
        checkpoints_in_order(table["part"].tolist()) if columns == ("model",) else list(dict.fromkeys(table["part"]))
    )
    figure = Figure(figsize=(WIDTH, 0.46 * len(parts) + 2.3))
    panels = np.atleast_1d(figure.subplots(1, len(shown), sharey=True))
    unsure = []
    if "benchmark" in table:
        unsure = table.loc[~table["benchmark"].isin(measured_error.EXACT), "part"].unique().tolist()
    lines = table.set_index(["perturbation", "measure", "part"])[["value", "low", "high"]].astype(float) * 100
    chance = table.groupby("part")["chance"].first() * 100 if "chance" in table else {}
    colors = dict(zip(STEPS, (BLIND_SAFE[0], BLIND_SAFE[2], BLIND_SAFE[3]), strict=True))
    for axes, perturbation in zip(panels, shown, strict=True):
        for place, part in enumerate(parts):
            if part in chance:
                axes.plot([chance[part]] * 2, [place - 0.4, place + 0.4], **CHANCE)
        for number, measure in enumerate(STEPS):
            for place, part in enumerate(parts):
                if (perturbation, measure, part) in lines.index:
                    y, line = place + 0.26 * (number - 1), lines.loc[(perturbation, measure, part)]
                    _draw_step(axes, y, line, measure, colors[measure], part in unsure)
        axes.set_title(perturbation_label(perturbation), fontsize="medium")
        axes.set(xlim=(-2, 102), ylim=(len(parts) - 0.5, -0.5))
        axes.set_xlabel("share of all items (%)\n\n")  # below it is room for the legend
        axes.set_yticks(range(len(parts)), parts)
    marks = [
        Line2D([], [], color=colors[measure], marker=marker, linewidth=1.5, markersize=5, label=label)
        for measure, (label, marker) in STEPS.items()
        if measure in lines.index.get_level_values("measure")
    ]
    below: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (1.02, 0), "borderaxespad": 4.4}
    panels[-1].legend(handles=marks, **below, ncols=len(marks), frameon=False, fontsize="small").set_in_layout(False)
    told = [OVER_ITEMS]
    if len(chance):
        told.append("dotted: chance of being right")
    if unsure:
        told.append(f"pale: {measured_error.error_sentence()}")
    return titled(
        figure,
        _shrinks_to(lines, shown, [part for part in parts if part in own], len(parts) > 1),
        about,
        "; ".join(told),
    )


def _draw_step(axes: Axes, y: float, line: pd.Series, measure: str, color: str, unsure: bool) -> None:
    """One estimate of a measure, in percent; unsure: with the band as far as the rule judge may err."""
    if measure == "consistent_accuracy" and unsure:
        judge = measured_error.measured()
        ends = line["value"] - 100 * judge.missed.high, line["value"] + 100 * judge.invented.high
        axes.plot(np.clip(ends, 0, 100), [y, y], color=color, linewidth=7, alpha=0.25, zorder=1)
    axes.plot([line["low"], line["high"]], [y, y], color=color, linewidth=1.5)
    _, marker = STEPS[measure]
    axes.plot(line["value"], y, marker=marker, color=color, linestyle="none", clip_on=False, zorder=3, markersize=5)


def _shrinks_to(lines: pd.DataFrame, shown: Sequence[str], parts: Sequence[str], named: bool) -> str:
    """For the last of the prompts, of some parts the one with the widest gap between right and right for the stated
    reason. named: whether it is said which one that is."""
    last = lines["value"].loc[shown[-1]].unstack("measure").loc[list(parts)]
    gaps = (last["accuracy"] - last["consistent_accuracy"]).dropna()
    if not len(gaps):
        return "What “right” shrinks to"
    widest = max(parts, key=lambda part: gaps.get(part, -np.inf))
    right, said = (last.loc[widest, measure] for measure in ("accuracy", "consistent_accuracy"))
    whose = f"{widest} is right in {right:.0f} %" if named else f"{right:.0f} % of the answers are right"
    return f"{opening(under(shown[-1]))}, {whose},\n{said:.0f} % are right with reasoning that says so"


def seeds(table: pd.DataFrame, label: str, scale: float) -> tuple[Figure, Axes]:
    """Of `study.summaries.each_seed`: a row a recipe, a mark a seed, and a tall one where their mean is. label: of the
    measure, which is drawn times scale."""
    figure = Figure(figsize=(9, 0.42 * table["recipe"].nunique() + 1.9))
    axes = figure.subplots()
    for y, recipe in enumerate(recipe_rows(axes, table)):
        color, marker, _ = recipe_look(recipe)
        part = table[table["recipe"] == recipe]
        own = scale * part.loc[part["seed"] >= 0, "value"]
        axes.plot(
            [scale * part.loc[part["seed"] < 0, "value"].item()] * 2, [y - 0.35, y + 0.35], color=color, linewidth=2
        )
        above = y + np.linspace(-0.3, 0.3, len(own) + 2)[1:-1]  # so that equal seeds are seen
        axes.plot(own, above, marker=marker, color=color, linestyle="none")
    axes.set_xlabel(label)
    return figure, axes


SEEDS = "points: RL runs, one a seed; tall marks: their means; intervals: csv"
"""What the marks of `seeds` are."""
