"""What a higher learning rate does over RL: words of reasoning, right answers, contradictions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import recipe_look
from companion.figures.phrases import enumeration, over_seeds, seeds_so_far
from companion.figures.theme import end_labels, titled

PRESSED = "-1e-4"
"""What the names of recipes with the higher rate end with."""

RECIPES = ("rl-correct", f"rl-correct{PRESSED}", "rl-augmented-consistent", f"rl-augmented-consistent{PRESSED}")
"""Those of arm E, each behind the one with the usual rate."""

MEASURES = {
    "words": ("words of reasoning", 1),
    "right": ("right (%)", 100),
    "contradicts": ("contradicts (%)", 100),
}
"""Measure → its label and the factor by which it is drawn."""


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.curves`, the steps that all its recipes have."""
    last = curves.groupby("recipe")["step"].max().min()
    return curves[curves["measure"].isin(MEASURES) & (curves["step"] <= last)]


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a measure, a line a recipe: dashed with the higher rate."""
    figure = Figure(figsize=(9, 3.9))
    panels = figure.subplots(1, len(MEASURES), sharex=True)
    for axes, (measure, (label, scale)) in zip(panels, MEASURES.items(), strict=True):
        labels = []
        for recipe, line in table[table["measure"] == measure].groupby("recipe", sort=False):
            name = str(recipe).removesuffix(PRESSED)
            color, _, _ = recipe_look(name)
            style = "--" if name != recipe else "-"
            axes.plot(line["step"], scale * line["value"], style, color=color, marker="o", markersize=4)
            axes.fill_between(line["step"], scale * line["low"], scale * line["high"], color=color, alpha=0.12)
            rate = "1e-4" if name != recipe else "3e-5"
            labels.append((scale * line["value"].iloc[-1], f"{name.removeprefix('rl-')}, {rate}", color))
        top = scale * table.loc[table["measure"] == measure, "high"].max()
        axes.set(xlabel="RL step", ylim=(0, 1.1 * top))
        axes.set_title(label, fontsize="medium")
        if axes is panels[-1]:
            end_labels(axes, table["step"].max(), labels, 0.07 * top, fontsize="x-small")
    pressed = table[table["recipe"].str.endswith(PRESSED)]
    begins = seeds_so_far(pressed)
    note = f"bands: 95 % intervals over {over_seeds(table)}"
    return titled(figure, begins + _title(pressed[pressed["measure"] == "words"]), about, note)


def _title(words: pd.DataFrame) -> str:
    """Whether reasoning gets shorter by a fifth, which docs/study.md takes to matter, with each recipe at the higher
    rate, by the interval of its change; and the means before RL and after it."""
    told: dict[str, list[str]] = {}
    levels = []
    for recipe, line in words.groupby("recipe", sort=False):
        before, last = line["value"].iloc[0], line.iloc[-1]
        name = str(recipe).removesuffix(PRESSED)
        low, high = last["change_low"] / before, last["change_high"] / before
        came = "yes" if high < -0.2 else "no" if low > -0.2 else "neither shown nor excluded"
        told.setdefault(came, []).append(name)
        levels.append(f"{name} {before:.0f} → {last['value']:.0f}")
    outcome = "; ".join(f"{came} with {enumeration(names)}" for came, names in told.items())
    return (
        f"At a learning rate of {PRESSED[1:]}, does reasoning lose a fifth of its words?\n{outcome}\n"
        f"words, over {words['step'].max():,} steps: {', '.join(levels)}"
    )
