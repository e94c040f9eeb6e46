"""Accuracy with text beside the question, right or wrong, against the plain prompt: before RL and after each recipe."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import perturbation_look
from companion.figures.phrases import opening, over_seeds, perturbation_label, phrase, seeds_so_far, signed
from companion.figures.theme import beside, draw_chance, recipe_rows, titled

SHOWN = ("wrong-caption", "wrong-think", "right-caption", "right-think")
"""What augmentation mixes into the prompts of RL; the first two assert a wrong option."""


def table(after: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.after_recipes`, the lines of *right*."""
    return after[after["measure"] == "right"]


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a row a recipe: a hollow mark under the plain prompt, a filled one with the text."""
    figure = Figure(figsize=(9, 0.42 * table["recipe"].nunique() + 2.6))
    panels = figure.subplots(1, len(SHOWN), sharex=True, sharey=True)
    recipes = recipe_rows(panels[0], table)
    lines = table.set_index(["contrast", "prompt", "recipe"]).sort_index()
    for axes, prompt in zip(panels, SHOWN, strict=True):
        color, marker = perturbation_look(prompt)
        for y, recipe in enumerate(recipes):
            plain = 100 * lines.loc[("level", "plain", recipe), "value"]
            line = 100 * lines.loc[("level", prompt, recipe), ["value", "low", "high"]]
            change = 100 * lines.loc[("minus plain", prompt, recipe), "value"]
            axes.plot([plain, line["value"]], [y, y], color="#999999", linewidth=1)
            axes.plot([line["low"], line["high"]], [y, y], color=color, linewidth=3)
            axes.plot(plain, y, "o", color="#222222", markerfacecolor="white", markersize=5)
            axes.plot(line["value"], y, marker, color=color, linestyle="none", markersize=7)
            beside(axes, max(plain, line["high"]), y, signed(change))
        draw_chance(axes, table)
        axes.set_title(perturbation_label(prompt), fontsize="medium", color=color, weight="bold")
        axes.set(xlim=(0, 126), xticks=(0, 50, 100), xlabel="right (%)")
    note = (
        f"hollow: plain prompt; filled: with the text, and its change; thick lines: 95 % intervals over "
        f"{over_seeds(table)}; dotted: chance"
    )
    return titled(figure, seeds_so_far(table) + _title(lines.loc["minus plain"], recipes), about, note)


def _title(changes: pd.DataFrame, recipes: list[str]) -> str:
    """What either lie costs after RL for right answers, and after the others from the least to the most."""
    told = []
    for prompt in SHOWN[:2]:
        costs = {name: -100 * changes.loc[(prompt, name), "value"] for name in recipes if name != "before RL"}
        said = [f"{_points(costs.pop(name))} points with {name}" for name in ("rl-correct",) if name in costs]
        if costs:
            ends = dict.fromkeys(map(_points, (min(costs.values()), max(costs.values()))))
            said.append(f"{' to '.join(ends)} with {'remedies' if len(costs) > 1 else next(iter(costs))}")
        told.append(f"{opening(phrase(prompt))} costs {', '.join(said)}")
    return "\n".join(told)


def _points(cost: float) -> str:
    return signed(cost).removeprefix("+")
