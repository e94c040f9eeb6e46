"""Entropy over the letters before and after RL for right answers, under each prompt, seen in training or not."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import perturbation_look
from companion.figures.phrases import initial_label, perturbation_label, seeds_so_far
from companion.figures.theme import OVER_STEPS, moved, titled
from companion.perturbations.perturbation import in_standing_order

SEEN = "plain"
"""The only prompt of that recipe's training."""


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.curves`, the entropy at the first and the last step."""
    ends = curves["step"].isin([curves["step"].min(), curves["step"].max()])
    return curves[ends & (curves["measure"] == "entropy")]


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A column an initial checkpoint, a line a prompt."""
    prompts, initials = in_standing_order(table["prompt"]), list(dict.fromkeys(table["initial"]))
    figure = Figure(figsize=(9, 0.36 * len(prompts) + 1.8))
    panels = figure.subplots(1, len(initials), sharex=True, sharey=True, squeeze=False)[0]
    indexed = table.set_index(["initial", "prompt", "step"]).sort_index()
    lines = indexed["value"]
    for axes, initial in zip(panels, initials, strict=True):
        for y, prompt in enumerate(prompts):
            color, marker = perturbation_look(prompt)
            before, after = lines.loc[(initial, prompt)].iloc[[0, -1]]
            moved(axes, y, before, after, color, marker)
        names = [f"{perturbation_label(name)} (seen)" if name == SEEN else name for name in prompts]
        axes.set_yticks(range(len(prompts)), names)
        axes.set(xlim=(0, 1.05 * lines.max()), ylim=(len(prompts) - 0.5, -0.5), xlabel="letter entropy (1: uniform)")
        axes.set_title(initial_label(initial), fontsize="medium")
    begins = seeds_so_far(table)
    return titled(figure, begins + _title(indexed["change_high"], initials), about, OVER_STEPS)


def _title(highest: pd.Series, initials: list[str]) -> str:
    """Under how many of the prompts the entropy clearly fell. highest: the upper ends of the changes' intervals."""
    told = []
    for initial in initials:
        fell = highest.loc[initial].groupby(level="prompt").last() < 0
        told.append(f"{fell.sum()} of {len(fell)} prompts with {initial}")
    return "After RL models are clearly surer of their letter under\n" + ",\n".join(told)
