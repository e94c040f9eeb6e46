"""Accuracy under the plain prompt after RL, for each seed of each recipe."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.interval_plots import SEEDS, seeds
from companion.figures.phrases import enumeration, seeds_so_far
from companion.figures.theme import tell_chance, titled

DATA_RECIPES = ("rl-correct", "rl-augmented")
"""The recipes that differ in their prompts and not in their reward: those of F14."""


def table(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.each_seed` of *right*, all of it."""
    return accuracy


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A row a recipe, a mark a seed."""
    figure, _ = seeds(table, "right (%)", scale=100)
    begins = seeds_so_far(table[(table["seed"] < 0) & table["recipe"].isin(DATA_RECIPES)])
    return titled(figure, begins + _title(table), about, SEEDS + tell_chance(table))


def _title(table: pd.DataFrame) -> str:
    """How far seeds of one data recipe lie apart, and both recipes over the seeds that they share."""
    values = 100 * table[table["seed"] >= 0].pivot(index="seed", columns="recipe", values="value")
    values = values[[name for name in DATA_RECIPES if name in values]]
    apart = (values.max() - values.min())[values.count() > 1]
    told = [f"Seeds of one recipe differ by up to {apart.max():.1f} points"] if len(apart) else []
    if len(both := values.dropna()) and len(values.columns) == len(DATA_RECIPES):
        gap = both.mean().max() - both.mean().min()
        told.append(f"{enumeration(list(DATA_RECIPES))}, with the same seeds, by {gap:.1f} points on average")
    return ",\n".join(told) or "One seed tells nothing about the difference between seeds"
