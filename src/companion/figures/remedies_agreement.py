"""Answers that agree with their reasoning, contradict it, or have none that names an option: before RL and after each
recipe."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.phrases import clearly, enumeration, perturbation_label, seeds_so_far
from companion.figures.theme import recipe_rows, shares_bar, titled
from companion.figures.three_shares import SHARES


def table(after: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.after_recipes`, the three shares themselves."""
    return after[after["measure"].isin(SHARES) & (after["contrast"] == "level")]


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a bar a recipe, parted into the three shares."""
    prompts = list(dict.fromkeys(table["prompt"]))
    figure = Figure(figsize=(9, 0.42 * table["recipe"].nunique() + 2.4))
    panels = figure.subplots(1, len(prompts), sharey=True, squeeze=False)[0]
    recipes = recipe_rows(panels[0], table)
    lines = table.set_index(["prompt", "recipe", "measure"]).sort_index()
    for axes, prompt in zip(panels, prompts, strict=True):
        for y, recipe in enumerate(recipes):
            shares = {share: 100 * lines.loc[(prompt, recipe, share), "value"] for share in SHARES}
            shares_bar(axes, y, shares, SHARES)
        axes.set_title(perturbation_label(prompt), fontsize="medium")
        axes.set(xlim=(0, 100), xlabel="share of all answers (%)\n\n")  # below it is room for the legend
        axes.grid(visible=False)
    below: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (1.12, 0), "borderaxespad": 4.4}
    panels[-1].legend(**below, ncols=3, frameon=False, fontsize="small").set_in_layout(False)
    return titled(figure, seeds_so_far(table) + _title(table), about, "means over seeds; intervals: csv")


def _title(table: pd.DataFrame) -> str:
    """After which recipe most answers agree with their reasoning, by the means, beside RL for right answers; and after
    which more of the reasoning names no option."""
    after = table[table["recipe"] != "before RL"].set_index(["measure", "recipe"]).sort_index(kind="stable")
    agrees = after.loc["agrees", "value"]
    best = str(agrees.groupby("recipe", sort=False).mean().idxmax())
    title = f"Answers agree with their reasoning most often after {best}: {_shares(agrees[[best]])} %"
    if best != "rl-correct" and "rl-correct" in agrees:
        title += f" (rl-correct: {_shares(agrees[['rl-correct']])} %)"
    others = after.loc["names no option"].dropna(subset="more")
    low = others.groupby("recipe", sort=False)["more_low"].max()
    nameless = list(low.index[low > 0])
    more = f"\nMore reasoning names no option: {clearly(others)}with {enumeration(nameless)}"
    return title + (more if nameless else "")


def _shares(values: pd.Series) -> str:
    return ", ".join(f"{100 * value:.0f}" for value in values)
