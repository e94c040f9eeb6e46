"""Paths of GRPO runs in the plane of accuracy and agreement between reasoning and answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.theme import WIDTH, recipe_look, recipes_in_order, signed, tell_chance, titled

MEASURES = ("correct", "consistent", "grounded", "entropy", "words")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs from one start, asked the same items at every step; as `training_runs.trajectories`."""
    return training_runs.trajectories(runs, rng, ["plain"], MEASURES)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """One panel a recipe: arrows from the first step to the last, thin for each seed, thick for their mean."""
    recipes = recipes_in_order(table)
    columns = min(3, len(recipes))
    rows = -(-len(recipes) // columns)
    figure = Figure(figsize=(WIDTH, 2.5 * rows + 1.2))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    ends = table[table["step"].isin([table["step"].min(), table["step"].max()])]
    for axes, recipe in zip(panels, recipes, strict=False):
        color, told = recipe_look(recipe)[0], ""
        for seed, part in ends[ends["recipe"] == recipe].groupby("seed"):
            path = part.pivot(index="step", columns="measure", values="value")[["correct", "consistent"]] * 100
            thin = {"lw": 1, "alpha": 0.4} if seed >= 0 else {"lw": 2.4}
            axes.annotate("", path.iloc[-1], path.iloc[0], arrowprops={"arrowstyle": "-|>", "color": color, **thin})
            axes.plot(*path.to_numpy().T, linestyle="none")  # so that the panel reaches as far
            if seed == -1:
                axes.plot(*path.iloc[0], "o", color="#222222", markersize=6)
                moved = path.iloc[-1] - path.iloc[0]
                told = f"accuracy {signed(moved['correct'])}, agreement {signed(moved['consistent'])}"
        axes.set_title(f"{training_runs.recipe_label(recipe)}\n{told}", fontsize="small", color=color, weight="bold")
    for axes in panels[len(recipes) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(recipes) - columns) : len(recipes)]:
        axes.set_xlabel("accuracy (%)")
    figure.supylabel("reasoning and answer agree (%)", fontsize="medium")
    note = f"thick: mean over seeds; thin: each seed; black: before RL{tell_chance(table)}; 95 % intervals: csv"
    return titled(figure, _title(table, recipes), about, note)


def _title(table: pd.DataFrame, recipes: list[str]) -> str:
    """With how many recipes accuracy and agreement clearly change over RL, by the intervals of their changes."""
    last = table[(table["seed"] == -1) & (table["step"] == table["step"].max())].set_index(["measure", "recipe"])
    told = []
    for measure, name in (("correct", "accuracy"), ("consistent", "agreement")):
        lines = last.loc[measure]
        up, down = (lines["change_low"] > 0).sum(), (lines["change_high"] < 0).sum()
        told.append(f"{name} clearly rises with {up} of {len(recipes)} recipes, falls with {down}")
    items = int(table.loc[table["seed"] >= 0, "n"].max())
    return f"Over RL, on {items} items, {told[0]};\n{told[1]}"
