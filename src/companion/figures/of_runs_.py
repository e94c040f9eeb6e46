"""Figures of GRPO runs: each takes a table of `training_runs` and returns its figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.theme import (
    BLIND_SAFE,
    OVER_RUNS,
    RECIPES,
    STYLES,
    draw_chance,
    named,
    ordered,
    tell_chance,
    titled,
)


def _recipes(table: pd.DataFrame) -> list[str]:
    there = set(table["recipe"].unique())
    return [name for name in RECIPES if name in there]


def tradeoff(table: pd.DataFrame, title: str) -> Figure:
    """Paths in the plane of accuracy and consistency, one panel a recipe: each seed thin, their mean with markers.

    table: from `training_runs.trajectories`, one start, one variant, measures correct and consistent.
    """
    recipes = _recipes(table)
    columns = min(3, len(recipes))
    rows = -(-len(recipes) // columns)
    figure = Figure(figsize=(9, 2.9 * rows + 0.6))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, recipe in zip(panels, recipes, strict=False):
        color, marker, line = RECIPES[recipe]
        for seed, part in table[table["recipe"] == recipe].groupby("seed"):
            path = part.pivot(index="step", columns="measure", values="value") * 100
            if seed == -1:
                axes.plot(path["correct"], path["consistent"], color=color, linestyle=line, marker=marker, linewidth=2)
                axes.plot(path["correct"].iloc[0], path["consistent"].iloc[0], "o", color="#222222", markersize=8)
                for step in (path.index[0], path.index[-1]):
                    axes.annotate(f"step {step}", path.loc[step, ["correct", "consistent"]], xytext=(5, 5),
                                  textcoords="offset points", fontsize="small")  # fmt: skip
            else:
                axes.plot(path["correct"], path["consistent"], color=color, alpha=0.35, linewidth=1)
        axes.set_title(recipe)
    for axes in panels[len(recipes) :]:
        axes.set_axis_off()
    figure.supxlabel("accuracy (%)", fontsize="medium")
    figure.supylabel("reasoning and answer agree (%)", fontsize="medium")
    return titled(
        figure,
        title,
        f"thick: mean over seeds; thin: each seed{tell_chance(table)}; 95 % intervals: in its csv",
    )


PANELS = {
    "correct": ("accuracy (%)", 100),
    "consistent": ("reasoning and answer agree (%)", 100),
    "grounded": ("reasoning true of the picture (%)", 100),
    "entropy": ("letter entropy (1: uniform)", 1),
    "words": ("words of reasoning", 1),
    "p_correct": ("P(correct letter)", 1),
}


def started(table: pd.DataFrame) -> dict[str, tuple]:
    """start of RL → (colour, marker, line)."""
    return {name: (BLIND_SAFE[number], "os^"[number], "-") for number, name in enumerate(sorted(set(table["start"])))}


def curves(table: pd.DataFrame, measures: Sequence[str], title: str, by: str = "recipe", change: bool = True) -> Figure:
    """Measures over steps, as change since step 0 (or as they are): means with intervals (of recipes at the end
    alone, where there are many), and the single seeds of starts.

    table: from `training_runs.trajectories`. by: what the lines are, "recipe", "variant" or "start".
    """
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(9, 2.8 * rows + 1.0))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True)).ravel()
    value, low, high = ("change", "change_low", "change_high") if change else ("value", "low", "high")
    variants = {name: (*STYLES[name], "-") for name in ordered(table["variant"].tolist())}
    recipes = {name: RECIPES[name] for name in _recipes(table)}
    looks = {"recipe": recipes, "variant": variants, "start": started(table)}[by]
    shown = {name: named(name) if by == "variant" else name for name in looks}
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
    return titled(figure, title, f"{note}; thin: each seed" if by == "start" else note)


def remedies(table: pd.DataFrame, measure: str, label: str, variants: Sequence[str], title: str) -> Figure:
    """A measure of each recipe at the last step under some variants, with intervals over seeds and items."""
    recipes = _recipes(table)
    table = table[table["measure"] == measure]
    figure = Figure(figsize=(9, 0.3 * len(recipes) * len(variants) / 2 + 2.0))
    axes = figure.subplots()
    offsets = np.linspace(-0.3, 0.3, len(variants)) if len(variants) > 1 else [0.0]
    for y, recipe in enumerate(recipes):
        lines = table[table["recipe"] == recipe].set_index("variant")
        for offset, name in zip(offsets, variants, strict=True):
            color, marker = STYLES[name]
            line = lines.loc[name]
            axes.plot([line["low"] * 100, line["high"] * 100], [y + offset] * 2, color=color, linewidth=1.8)
            axes.plot(line["value"] * 100, y + offset, marker=marker, color=color, linestyle="none",
                      label=named(name) if y == 0 else None)  # fmt: skip
    axes.set_yticks(range(len(recipes)), recipes)
    axes.set(xlabel=label, ylim=(len(recipes) - 0.5, -0.5))
    guessed = draw_chance(axes, table)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return titled(figure, title, f"{OVER_RUNS}{guessed}")


def seeds(table: pd.DataFrame, measure: str, title: str) -> Figure:
    """Each seed of each recipe as a point at the last step, and the recipe's mean with its interval."""
    recipes = _recipes(table)
    label, scale = PANELS[measure]
    table = table[(table["measure"] == measure) & (table["step"] == table["step"].max())]
    figure = Figure(figsize=(9, 0.42 * len(recipes) + 1.5))
    axes = figure.subplots()
    for y, recipe in enumerate(recipes):
        color, marker, _ = RECIPES[recipe]
        part = table[table["recipe"] == recipe]
        own, whole = part[part["seed"] >= 0], part[part["seed"] == -1].iloc[0]
        axes.plot([whole["low"] * scale, whole["high"] * scale], [y, y], color=color, linewidth=6, alpha=0.3)
        beside = y + np.linspace(-0.2, 0.2, len(own))  # so that equal seeds are seen
        axes.plot(own["value"] * scale, beside, marker=marker, color=color, linestyle="none")
    axes.set_yticks(range(len(recipes)), recipes)
    axes.set(xlabel=label, ylim=(len(recipes) - 0.5, -0.5))
    guessed = draw_chance(axes, table)
    return titled(figure, title, f"points: seeds; bar: 95 % interval of their mean, over seeds and items{guessed}")


def gap(table: pd.DataFrame, title: str) -> Figure:
    """Accuracy, consistent accuracy and acknowledged conflicts of recipes, a row of panels for each delivery.

    Markers with intervals: the mean over seeds; upright ticks: the seeds.
    """
    measures = {
        "accuracy": "right", "consistent accuracy": "right, and its reasoning says so",
        "acknowledges": "says text and picture disagree",
    }  # fmt: skip
    places = {"prefill": "starts in the model's own turn", "user turn": "starts in the user's turn"}
    deliveries, variants = list(table["delivery"].unique()), ordered(table["variant"])
    recipes = _recipes(table) or list(table["recipe"].unique())
    offsets = np.linspace(-0.25, 0.25, len(recipes)) if len(recipes) > 1 else [0.0]
    figure = Figure(figsize=(10, 1.6 + 0.5 * len(variants) * len(deliveries)))
    panels = figure.subplots(len(deliveries), len(measures), sharex=True, sharey=True, squeeze=False)
    for (delivery, measure), part in table.groupby(["delivery", "measure"], sort=False):
        axes = panels[deliveries.index(delivery), list(measures).index(measure)]
        for line in part.itertuples():
            color, marker, _ = RECIPES.get(line.recipe, RECIPES["base"])
            y = variants.index(line.variant) + offsets[recipes.index(line.recipe)]
            if line.seed >= 0:
                axes.plot(line.value * 100, y, "|", color=color, alpha=0.6, markersize=9)
            else:
                axes.plot([line.low * 100, line.high * 100], [y, y], color=color, linewidth=1.8)
                axes.plot(line.value * 100, y, marker, color=color, markersize=7, label=line.recipe)
    guessed = ""
    for delivery, row in zip(deliveries, panels, strict=True):
        guessed = draw_chance(row[0], table[(table["delivery"] == delivery) & (table["measure"] == "accuracy")])
        row[0].set_ylabel(places[delivery])
        row[0].set_yticks(range(len(variants)), map(named, variants))
        row[0].set(ylim=(len(variants) - 0.5, -0.5), xlim=(-4, 104))
    for measure, axes in zip(measures.values(), panels[-1], strict=True):
        axes.set_xlabel(f"{measure} (%)")
    handles = dict(zip(*reversed(panels[0, 0].get_legend_handles_labels()), strict=True))
    there = [name for name in recipes if name in handles]
    figure.legend([handles[name] for name in there], there, loc="outside lower center", ncols=4, frameon=False)
    note = f"markers: means with 95 % intervals over seeds and items; upright ticks: seeds{guessed}"
    return titled(figure, title, note)


def sample_size(table: pd.DataFrame, enough: int | None, title: str) -> Figure:
    """Bias of the means of P(correct) and entropy, and coverage of their intervals, by the number of answers k.

    table: of `analysis.samples_needed`. One line a checkpoint and variant; a grey line where k is enough, by the rule.
    """
    table = table[(table["source"] == "drawn") & (table["of"] == "mean")]
    figure = Figure(figsize=(10, 4.4))
    left, right = figure.subplots(1, 2)
    styles = {"p_correct": ("P(correct)", BLIND_SAFE[0], "o"), "entropy": ("entropy", BLIND_SAFE[3], "X")}
    for (_, variant, measure), part in table.groupby(["model", "variant", "measure"]):
        name, color, marker = styles[measure]
        line = "-" if variant == "base" else ":"
        label = f"{name}, {'with' if variant == 'base' else 'without'} reasoning"
        for axes, column in ((left, "bias"), (right, "coverage")):
            axes.plot(part["k"], part[column] * 100, line, marker=marker, color=color, label=label, alpha=0.8)
    for axes, label in ((left, "bias of the mean (points)"), (right, "coverage of its 95 % interval (%)")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(table["k"].unique()), [str(k) for k in sorted(table["k"].unique())])
        axes.set(xlabel="sampled answers to each prompt", ylabel=label)
        if enough:
            axes.axvline(enough, color="#888888", linewidth=1, linestyle="--")
    left.axhline(0, color="#222222", linewidth=1)
    right.axhline(95, color="#222222", linewidth=1)
    handles = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    return titled(
        figure,
        title,
        "each line: one checkpoint; black: no bias, and 95 %"
        + (f"; dashed: {enough} answers are enough, by a rule fixed beforehand" if enough else ""),
    )
