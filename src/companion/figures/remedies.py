"""What remedies change beside RL for right answers alone: right answers, right answers whose reasoning says so, and
contradictions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import perturbation_look
from companion.figures.phrases import (
    clearly,
    enumeration,
    over_seeds,
    perturbation_label,
    seeds_so_far,
    signed,
    so_far,
    under,
)
from companion.figures.theme import recipe_rows, titled

MEASURES = {
    "right": "right",
    "right and its reasoning says so": "right and its\nreasoning says so",
    "contradicts": "contradicts\nits reasoning",
}
"""Measure → its panel's title."""

REMEDIES = ("rl-augmented", "rl-consistent", "rl-augmented-consistent", "rl-grounded")
"""The recipes of arm D."""


def table(beside: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.beside_correct`, all of it."""
    return beside


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A column a measure, a row a recipe; in a row a mark a prompt, with its interval, and a small one a seed."""
    measures = [name for name in MEASURES if name in set(table["measure"])]
    prompts = list(dict.fromkeys(table["prompt"]))
    figure = Figure(figsize=(9, 0.95 * table["recipe"].nunique() + 2.2))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    recipes = recipe_rows(panels[0], table)
    lines = table.set_index(["measure", "recipe", "prompt"]).sort_index()
    for axes, measure in zip(panels, measures, strict=True):
        for row, recipe in enumerate(recipes):
            for number, prompt in enumerate(prompts):
                color, marker = perturbation_look(prompt)
                y = row + 0.26 * (number - (len(prompts) - 1) / 2)
                part = lines.loc[[(measure, recipe, prompt)]]
                whole, own = part[part["seed"] < 0].iloc[0], part[part["seed"] >= 0]
                axes.plot(100 * own["value"], [y] * len(own), "|", color=color, alpha=0.6, markersize=6)
                axes.plot([100 * whole["low"], 100 * whole["high"]], [y, y], color=color, linewidth=1.8)
                axes.plot(100 * whole["value"], y, marker, color=color, linestyle="none")
                if axes is panels[-1] and row == 0:
                    where = {"xy": (1.02, y), "xycoords": ("axes fraction", "data"), "va": "center"}
                    axes.annotate(perturbation_label(prompt), **where, color=color, fontsize="small")
        axes.axvline(0, color="#222222", linewidth=1)
        axes.set_title(MEASURES[measure], fontsize="medium")
        axes.set_xlabel("points")
        axes.grid(visible=False, axis="y")
    means = table[table["seed"] < 0]
    done = sum(name in REMEDIES for name in recipes)
    begins = (so_far(done, len(REMEDIES), "remedies") if done else "") + seeds_so_far(means)
    note = f"lines through points: 95 % intervals over {over_seeds(means)}; small lines: seeds"
    return titled(figure, begins + _title(means, recipes, prompts), about, note)


def _title(means: pd.DataFrame, recipes: list[str], prompts: list[str]) -> str:
    """Which remedies lower contradictions under every prompt, and what the one with fewest does to right answers."""
    lines = means.set_index(["measure", "recipe", "prompt"]).sort_index()
    fewer = [name for name in recipes if (lines.loc[("contradicts", name), "high"] < 0).all()]
    told = min(fewer or recipes, key=lambda name: lines.loc[("contradicts", name), "value"].mean())
    payers = [name for name in fewer if (lines.loc[("right", name), "high"] < 0).any()]
    costs = [prompt for prompt in prompts if any(lines.loc[("right", name, prompt), "high"] < 0 for name in payers)]
    contradicts, right = (
        ", ".join(signed(100 * lines.loc[(measure, told, prompt), "value"]) for prompt in prompts)
        for measure in ("contradicts", "right")
    )
    numbers = f"{told}, in points:\ncontradictions {contradicts}; right answers {right}"
    clear = clearly(means[means["recipe"].isin(fewer or recipes)])
    if fewer:
        head = f"{enumeration(fewer)} {clear}{'lowers' if len(fewer) == 1 else 'lower'} contradictions"
        if costs:
            who = enumeration(payers) if payers != fewer else "it" if len(fewer) == 1 else "they"
            where = enumeration([under(prompt) for prompt in costs])
            head += f";\n{where}, {who} {'lowers' if len(payers) == 1 else 'lower'} right answers too"
        return f"{head}\n{numbers}"
    if clear:
        return f"No remedy clearly lowers contradictions under every prompt\n{numbers}"
    return f"Fewest contradictions, held against rl-correct, with\n{numbers}"
