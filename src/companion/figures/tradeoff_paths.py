"""Paths of GRPO runs in the plane of accuracy and agreement between reasoning and answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import training_runs
from companion.figures.theme import recipe_look, recipes_in_order, tell_chance, titled

TITLE = "Accuracy and agreement over GRPO steps, each seed and the mean"

MEASURES = ("correct", "consistent", "grounded", "entropy", "words")


def table(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of runs from one start, asked the same items at every step; as `training_runs.trajectories`."""
    return training_runs.trajectories(runs, rng, ["plain"], MEASURES)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """One panel a recipe: each seed thin, their mean with markers."""
    recipes = recipes_in_order(table)
    columns = min(3, len(recipes))
    rows = -(-len(recipes) // columns)
    figure = Figure(figsize=(9, 2.9 * rows + 0.6))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, recipe in zip(panels, recipes, strict=False):
        color, marker, line = recipe_look(recipe)
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
        TITLE,
        about,
        f"thick: mean over seeds; thin: each seed{tell_chance(table)}; 95 % intervals: in its csv",
    )
