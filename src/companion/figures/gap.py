"""Accuracy, consistent accuracy and acknowledged conflicts of three kinds of models, opened and behind a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.analysis.findings import measured
from companion.analysis.findings.recipe_gap import REFERENCE
from companion.figures.looks import recipe_look, recipes_in_order
from companion.figures.phrases import perturbation_label, under
from companion.figures.theme import WIDTH, draw_chance, end_labels, titled
from companion.perturbations.perturbation import in_standing_order

MEASURES = {
    "accuracy": "right (%)",
    "consistent accuracy": "right and its\nreasoning\nsays so (%)",
    "acknowledges": "says text\nand picture\ndisagree (%)",
}
PLACES = {"prefill": "model's\nturn", "user turn": "user's\nturn"}
"""Delivery → where a reasoning prefix stands."""


def table(answers: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """answers: of `findings.load_gap`; as `findings.measured`."""
    return measured(answers, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A slope a model from one delivery to the other; a row a measure, a column a prompt. Short lines: the seeds."""
    deliveries = [name for name in PLACES if name in set(table["delivery"])]
    perturbations, recipes = in_standing_order(table["perturbation"]), _models(table)
    figure = Figure(figsize=(WIDTH, 6.0))
    panels = figure.subplots(len(MEASURES), len(perturbations), sharex=True, sharey=True, squeeze=False)
    places = {name: place for place, name in enumerate(deliveries)}
    lines = table.set_index(["measure", "perturbation", "recipe", "seed"]).sort_index()
    guessed = ""
    for row, measure in zip(panels, MEASURES, strict=True):
        row[0].set_ylabel(MEASURES[measure], fontsize="small")
        for axes, perturbation in zip(row, perturbations, strict=True):
            if (measure, perturbation) not in lines.index:
                axes.text(
                    0.5,
                    0.5,
                    "nothing to\ndisagree with",
                    transform=axes.transAxes,
                    ha="center",
                    va="center",
                    fontsize="small",
                    color="#666666",
                )
                continue
            part = lines.loc[(measure, perturbation)]
            if measure == "accuracy":
                guessed = draw_chance(axes, part, "axhline")
            for recipe in recipes:
                _slope(axes, part.loc[recipe], places, recipe)
        ends = lines.loc[(measure, perturbations[-1])].xs(-1, level="seed")
        ends = ends[ends["delivery"] == deliveries[-1]]["value"] * 100
        labels = [(ends[recipe], recipe, recipe_look(recipe)[0]) for recipe in recipes]
        end_labels(row[-1], len(deliveries) - 0.85, labels, 15)
    for axes, perturbation in zip(panels[0], perturbations, strict=True):
        axes.set_title(perturbation_label(perturbation), fontsize="medium")
        axes.set(xlim=(-0.35, len(deliveries) - 0.65), ylim=(-4, 104), yticks=range(0, 101, 25))
        axes.set_xticks(range(len(deliveries)), [PLACES[name] for name in deliveries])
    over = "seeds and items" if table["seed"].max() > 0 else "items"
    if REFERENCE in recipes:
        over += " (bootstrap; the tests, of differences: Student's t)"
    ticks = "; pale ticks: single seeds" if table["seed"].max() > 0 else ""
    note = f"upright lines: 95 % intervals over {over}{ticks}; below: where a reasoning prefix stands{guessed}"
    panels[-1, len(perturbations) // 2].set_xlabel("a caption stands in the user's turn either way")
    return titled(figure, _title(table, deliveries), about, note)


def _models(table: pd.DataFrame) -> list[str]:
    return recipes_in_order(table) or list(table["recipe"].unique())


def _slope(axes: Axes, part: pd.DataFrame, places: Mapping[str, int], recipe: str) -> None:
    """part: of one model, by seed; -1 is the mean."""
    color, marker, style = recipe_look(recipe)
    for seed, own in part.groupby(level="seed"):
        x, y = own["delivery"].map(places), own["value"] * 100
        if seed >= 0:
            axes.plot(x, y, "_", color=color, alpha=0.5, markersize=9)
        else:
            axes.plot(x, y, color=color, marker=marker, linestyle=style, linewidth=1.6, markersize=6)
            axes.vlines(x, own["low"] * 100, own["high"] * 100, color=color, linewidth=1.5)


def _title(table: pd.DataFrame, deliveries: Sequence[str]) -> str:
    """What delivery does to the wrong reasoning prefix for the first model; of one delivery, what the prefix does."""
    means = table[table["seed"] == -1].set_index(["measure", "delivery", "perturbation", "recipe"])["value"]
    means = means.sort_index() * 100
    models, prefix = _models(table), "wrong-think"
    if prefix in set(table["perturbation"]) and len(deliveries) == 2:
        own, told_by_user = (means["accuracy", name, prefix, models[0]] for name in PLACES)
        return (
            f"After a wrong reasoning prefix in its own turn {models[0]} is right in {own:.0f} %,\n"
            f"with the prefix in the user's turn in {told_by_user:.0f} %"
        )
    if prefix in set(table["perturbation"]):
        return (
            f"{models[0]} is right in {means['accuracy', deliveries[0], 'plain', models[0]]:.0f} % "
            f"under the plain prompt,\nin {means['accuracy', deliveries[0], prefix, models[0]]:.0f} % "
            f"{under(prefix)}"
        )
    return "Accuracy and acknowledged conflicts under each prompt"
