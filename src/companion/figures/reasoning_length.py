"""Words of reasoning before RL and after each recipe, for each seed."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.interval_plots import SEEDS, seeds
from companion.figures.looks import recipes_in_order
from companion.figures.phrases import enumeration, seeds_so_far
from companion.figures.theme import titled

A_FIFTH = 0.2
"""Of the words before RL: what docs/study.md takes to matter."""


def table(words: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.each_seed` of words, all of it."""
    return words


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A row a recipe, a mark a seed, and a grey line where the mean was before RL."""
    figure, axes = seeds(table, "words of reasoning", scale=1)
    means = table[table["seed"] < 0]
    for y, recipe in enumerate(recipes_in_order(means)):
        axes.plot([means.set_index("recipe").loc[recipe, "before"]] * 2, [y - 0.45, y + 0.45], color="#999999")
    axes.set_xlim(0, 1.1 * table[["before", "value"]].max(axis=None))
    return titled(figure, seeds_so_far(means) + _title(means), about, f"grey: before RL; {SEEDS}")


def _title(means: pd.DataFrame) -> str:
    """After which recipes reasoning is shorter by a fifth, by the means."""
    shorter = means[means["change"] < -A_FIFTH * means["before"]]
    told = [f"{line.recipe} ({line.before:.0f} → {line.value:.0f} words)" for line in shorter.itertuples()]
    return f"Reasoning gets shorter by more than a fifth with {enumeration(told) if told else 'no recipe'}"
