"""Measures over the steps of RL, and at its end: what several figures of training runs draw in the same way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.theme import (
    BLIND_SAFE,
    draw_chance,
    perturbation_label,
    perturbation_look,
    recipe_look,
    recipes_in_order,
    tell_chance,
    titled,
)
from companion.perturbations.table import in_standing_order

PANELS = {
    "correct": ("accuracy (%)", 100),
    "consistent": ("reasoning and answer agree (%)", 100),
    "grounded": ("reasoning true of the picture (%)", 100),
    "entropy": ("letter entropy (1: uniform)", 1),
    "words": ("words of reasoning", 1),
    "p_correct": ("P(correct letter)", 1),
}


def start_looks(table: pd.DataFrame) -> dict[str, tuple]:
    """start of RL → (colour, marker, line)."""
    return {name: (BLIND_SAFE[number], "os^"[number], "-") for number, name in enumerate(sorted(set(table["start"])))}


def curves(
    table: pd.DataFrame, measures: Sequence[str], title: str, about: str, by: str = "recipe", change: bool = True
) -> Figure:
    """Measures over steps, as change since step 0 (or as they are): means with intervals (of recipes at the end
    alone, where there are many), and the single seeds of starts.

    table: from `training_runs.trajectories`. by: what the lines are, "recipe", "perturbation" or "start".
    """
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(9, 2.8 * rows + 1.0))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True)).ravel()
    value, low, high = ("change", "change_low", "change_high") if change else ("value", "low", "high")
    perturbations = {
        name: (*perturbation_look(name), "-") for name in in_standing_order(table["perturbation"].tolist())
    }
    recipes = {name: recipe_look(name) for name in recipes_in_order(table)}
    looks = {"recipe": recipes, "perturbation": perturbations, "start": start_looks(table)}[by]
    shown = {name: perturbation_label(name) if by == "perturbation" else name for name in looks}
    apart = 0.012 * table["step"].max()
    guessed = tell_chance(table[table["measure"].isin(measures)]) if change else ""
    for axes, measure in zip(panels, measures, strict=False):
        head, scale = PANELS[measure]
        for place, (name, (color, marker, line)) in enumerate(looks.items()):
            aside = apart * (place - (len(looks) - 1) / 2)
            part = table[(table[by] == name) & (table["measure"] == measure)]
            for seed, path in part.groupby("seed"):
                if seed == -1:
                    label = shown[name] if axes is panels[0] else None
                    steps = path["step"] + aside
                    axes.plot(steps, path[value] * scale, color=color, marker=marker, linestyle=line, label=label)
                    ends = path.index[-1:] if by == "recipe" else path.index
                    axes.vlines(
                        steps[ends], path.loc[ends, low] * scale, path.loc[ends, high] * scale, color=color,
                        linewidth=1.2, alpha=0.5,
                    )  # fmt: skip
                elif by == "start":
                    axes.plot(path["step"], path[value] * scale, color=color, alpha=0.3, linewidth=0.8)
        if change:
            axes.axhline(0, color="#222222", linewidth=1)
        else:
            guessed += draw_chance(axes, table[table["measure"] == measure], "axhline")
        axes.set(title=f"{head.replace('(%)', '(points)')}, change" if change else head)
    for axes in panels[len(measures) - columns : len(measures)]:
        axes.set_xlabel("GRPO step")
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    note = f"upright lines{' at the end' if by == 'recipe' else ''}: 95 % intervals over seeds and items{guessed}"
    return titled(figure, title, about, f"{note}; thin: each seed" if by == "start" else note)


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
