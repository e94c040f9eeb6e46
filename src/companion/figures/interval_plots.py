"""Points with intervals, grouped: what several figures draw in the same way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.evaluation.judges import measured_error
from companion.figures.theme import (
    BLIND_SAFE,
    CHANCE,
    OVER_ITEMS,
    OVER_RUNS,
    PANELS,
    alike,
    checkpoints_in_order,
    draw_chance,
    perturbation_label,
    perturbation_look,
    recipe_look,
    recipes_in_order,
    titled,
)

FIVE = ("plain", "stop-think", "wrong-caption", "wrong-think", "blank-image")
"""The prompts of the figures that show five."""

SHRINKING = ("plain", "wrong-caption", "wrong-think")
"""The prompts of `shrinking`, a panel each."""

STEPS = {
    "accuracy": ("right", "o"),
    "consistent_accuracy": ("… and its reasoning says so", "s"),
    "grounded_accuracy": ("… and every statement of it is true", "^"),
}


def by_part(
    table: pd.DataFrame, column: str, title: str, about: str, perturbations: Sequence[str], measure: str = "accuracy",
    label: str = "accuracy (%)",
) -> Figure:  # fmt: skip
    """A measure of each part (family, difficulty or benchmark) under some perturbations; the grey bar, if any, is
    chance.

    In brackets behind a part: its items.
    """
    parts = list(dict.fromkeys(table[column]))
    perturbations = [name for name in perturbations if name in set(table["perturbation"])]
    figure = Figure(figsize=(9, 0.62 * len(parts) + 1.8))
    axes = figure.subplots()
    table = table[table["measure"] == measure]
    offsets = np.linspace(-0.3, 0.3, len(perturbations))
    for y, part in enumerate(parts):
        lines = table[table[column] == part].set_index("perturbation")
        if "chance" in lines:
            axes.barh(y, lines["chance"].iloc[0] * 100, height=0.9, color="#dddddd", zorder=0)
        for offset, name in zip(offsets, perturbations, strict=True):
            color, marker = perturbation_look(name)
            line = lines.loc[name]
            axes.plot([line["low"] * 100, line["high"] * 100], [y + offset] * 2, color=color, linewidth=1.5)
            shown = perturbation_label(name) if y == 0 else None
            axes.plot(line["value"] * 100, y + offset, marker=marker, color=color, linestyle="none", label=shown,
                      clip_on=False)  # fmt: skip
    items = table.groupby(column)["n"].max()
    axes.set_yticks(range(len(parts)), [f"{part} ({items[part]})" for part in parts])
    axes.set(xlabel=label, xlim=(0, 102), ylim=(len(parts) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    note = f"{OVER_ITEMS}, whose number stands in brackets{alike(table[table['perturbation'].isin(perturbations)])}"
    return titled(figure, title, about, f"{note}; grey: chance" if "chance" in table else note)


def remedies(
    table: pd.DataFrame, measure: str, label: str, perturbations: Sequence[str], title: str, about: str
) -> Figure:
    """A measure of each recipe at the last step under some perturbations, with intervals over seeds and items."""
    recipes = recipes_in_order(table)
    table = table[table["measure"] == measure]
    perturbations = [name for name in perturbations if name in set(table["perturbation"])]
    figure = Figure(figsize=(9, 0.3 * len(recipes) * len(perturbations) / 2 + 2.0))
    axes = figure.subplots()
    offsets = np.linspace(-0.3, 0.3, len(perturbations)) if len(perturbations) > 1 else [0.0]
    for y, recipe in enumerate(recipes):
        lines = table[table["recipe"] == recipe].set_index("perturbation")
        for offset, name in zip(offsets, perturbations, strict=True):
            color, marker = perturbation_look(name)
            line = lines.loc[name]
            axes.plot([line["low"] * 100, line["high"] * 100], [y + offset] * 2, color=color, linewidth=1.8)
            axes.plot(line["value"] * 100, y + offset, marker=marker, color=color, linestyle="none",
                      label=perturbation_label(name) if y == 0 else None)  # fmt: skip
    axes.set_yticks(range(len(recipes)), recipes)
    axes.set(xlabel=label, ylim=(len(recipes) - 0.5, -0.5))
    guessed = draw_chance(axes, table)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return titled(figure, title, about, f"{OVER_RUNS}{guessed}")


def shrinking(table: pd.DataFrame, title: str, about: str, by: str) -> Figure:
    """What "right" shrinks to under some perturbations: right; and consistent; and true of the picture, where that is
    known.

    table: `by` (model or benchmark), perturbation, measure (those of `STEPS`), estimate. Where benchmarks are compared,
    a pale band goes as far from "its reasoning says so" as the rule judge may err there (`judges.measured_error`); none
    where its verdicts are exact."""
    shown = [name for name in SHRINKING if name in set(table["perturbation"])]
    parts = checkpoints_in_order(table[by].tolist()) if by == "model" else list(dict.fromkeys(table[by]))
    figure = Figure(figsize=(9, 0.42 * len(parts) + 2.0))
    panels = np.atleast_1d(figure.subplots(1, len(shown), sharey=True))
    unsure = [part for part in parts if by == "benchmark" and part not in measured_error.EXACT]
    lines = table.set_index(["perturbation", "measure", by])[["value", "low", "high"]].astype(float) * 100
    chance = table.groupby(by)["chance"].first() * 100 if "chance" in table else {}
    for axes, perturbation in zip(panels, shown, strict=True):
        for place, part in enumerate(parts):
            if part in chance:
                axes.plot([chance[part]] * 2, [place - 0.4, place + 0.4], **CHANCE)
        for number, (measure, (label, marker)) in enumerate(STEPS.items()):
            color = (BLIND_SAFE[0], BLIND_SAFE[2], BLIND_SAFE[3])[number]
            there = [place for place, part in enumerate(parts) if (perturbation, measure, part) in lines.index]
            for place in there:
                y = place + 0.22 * (number - 1)
                line = lines.loc[(perturbation, measure, parts[place])]
                if measure == "consistent_accuracy" and parts[place] in unsure:
                    judge = measured_error.measured()
                    ends = line["value"] - 100 * judge.missed.high, line["value"] + 100 * judge.invented.high
                    axes.plot(np.clip(ends, 0, 100), [y, y], color=color, linewidth=7, alpha=0.25, zorder=1)
                axes.plot([line["low"], line["high"]], [y, y], color=color, linewidth=1.5)
                axes.plot(line["value"], y, marker=marker, color=color, linestyle="none", clip_on=False, zorder=3,
                          label=label if place == there[0] and perturbation == shown[0] else None)  # fmt: skip
        axes.set(
            title=perturbation_label(perturbation),
            xlim=(0, 100),
            ylim=(len(parts) - 0.5, -0.5),
            xlabel="share of all items (%)",
        )
        axes.set_yticks(range(len(parts)), parts)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    told = [OVER_ITEMS]
    if len(chance):
        told.append("dotted: chance of being right")
    if unsure:
        told.append(f"pale: {measured_error.error_sentence()}")
    return titled(figure, title, about, "; ".join(told))


def seeds(table: pd.DataFrame, measure: str, title: str, about: str) -> Figure:
    """Each seed of each recipe as a point at the last step, and the recipe's mean with its interval."""
    recipes = recipes_in_order(table)
    label, scale = PANELS[measure]
    table = table[(table["measure"] == measure) & (table["step"] == table["step"].max())]
    figure = Figure(figsize=(9, 0.42 * len(recipes) + 1.5))
    axes = figure.subplots()
    for y, recipe in enumerate(recipes):
        color, marker, _ = recipe_look(recipe)
        part = table[table["recipe"] == recipe]
        own, whole = part[part["seed"] >= 0], part[part["seed"] == -1].iloc[0]
        axes.plot([whole["low"] * scale, whole["high"] * scale], [y, y], color=color, linewidth=6, alpha=0.3)
        beside = y + np.linspace(-0.2, 0.2, len(own))  # so that equal seeds are seen
        axes.plot(own["value"] * scale, beside, marker=marker, color=color, linestyle="none")
    axes.set_yticks(range(len(recipes)), recipes)
    axes.set(xlabel=label, ylim=(len(recipes) - 0.5, -0.5))
    guessed = draw_chance(axes, table)
    return titled(
        figure, title, about, f"points: seeds; bar: 95 % interval of their mean, over seeds and items{guessed}"
    )
