"""Accuracy, consistent accuracy and acknowledged conflicts of three kinds of models, opened and behind a server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.findings import measured
from companion.figures.theme import draw_chance, perturbation_label, recipe_look, recipes_in_order, titled
from companion.perturbations.table import in_standing_order

TITLE = "A model taught to contradict, and one rewarded for right answers"


def table(answers: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """answers: of `findings.load_gap`; as `findings.measured`."""
    return measured(answers, rng)


def draw(table: pd.DataFrame, about: str, title: str = TITLE) -> Figure:
    """A row of panels a delivery. Markers with intervals: means over seeds; upright ticks: the seeds."""
    measures = {
        "accuracy": "right", "consistent accuracy": "right, and its reasoning says so",
        "acknowledges": "says text and picture disagree",
    }  # fmt: skip
    places = {"prefill": "starts in the model's own turn", "user turn": "starts in the user's turn"}
    deliveries, perturbations = list(table["delivery"].unique()), in_standing_order(table["perturbation"])
    recipes = recipes_in_order(table) or list(table["recipe"].unique())
    offsets = np.linspace(-0.25, 0.25, len(recipes)) if len(recipes) > 1 else [0.0]
    figure = Figure(figsize=(10, 1.6 + 0.5 * len(perturbations) * len(deliveries)))
    panels = figure.subplots(len(deliveries), len(measures), sharex=True, sharey=True, squeeze=False)
    for (delivery, measure), part in table.groupby(["delivery", "measure"], sort=False):
        axes = panels[deliveries.index(delivery), list(measures).index(measure)]
        for line in part.itertuples():
            color, marker, _ = recipe_look(line.recipe)
            y = perturbations.index(line.perturbation) + offsets[recipes.index(line.recipe)]
            if line.seed >= 0:
                axes.plot(line.value * 100, y, "|", color=color, alpha=0.6, markersize=9)
            else:
                axes.plot([line.low * 100, line.high * 100], [y, y], color=color, linewidth=1.8)
                axes.plot(
                    line.value * 100, y, marker=marker, color=color, linestyle="none", markersize=7, label=line.recipe
                )
    guessed = ""
    for delivery, row in zip(deliveries, panels, strict=True):
        guessed = draw_chance(row[0], table[(table["delivery"] == delivery) & (table["measure"] == "accuracy")])
        row[0].set_ylabel(places[delivery])
        row[0].set_yticks(range(len(perturbations)), map(perturbation_label, perturbations))
        row[0].set(ylim=(len(perturbations) - 0.5, -0.5), xlim=(-4, 104))
    for measure, axes in zip(measures.values(), panels[-1], strict=True):
        axes.set_xlabel(f"{measure} (%)")
    handles = dict(zip(*reversed(panels[0, 0].get_legend_handles_labels()), strict=True))
    there = [name for name in recipes if name in handles]
    figure.legend([handles[name] for name in there], there, loc="outside lower center", ncols=4, frameon=False)
    note = f"markers: means with 95 % intervals over seeds and items; upright ticks: seeds{guessed}"
    return titled(figure, title, about, note)
