"""How much more often answers contradict their reasoning after RL, by the share of misread reasoning before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.theme import claimed, perturbation_label, perturbation_look, signed, so_far


def table(drifts: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs`, all of it."""
    return drifts


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a point a run, and the mean of each dose."""
    prompts = list(dict.fromkeys(table["prompt"]))
    figure = Figure(figsize=(9, 3.9))
    panels = np.atleast_1d(figure.subplots(1, len(prompts), sharex=True, sharey=True))
    spread = {seed: place for place, seed in enumerate(sorted(table["seed"].unique()))}
    for axes, prompt in zip(panels, prompts, strict=True):
        color, marker = perturbation_look(prompt)
        part = table[table["prompt"] == prompt]
        means = part.groupby("dose")["drift"].mean() * 100
        axes.plot(means.index * 100, means, "-", color=color, linewidth=1.5, alpha=0.6)
        beside = part["seed"].map(spread) - (len(spread) - 1) / 2
        axes.plot(part["dose"] * 100 + 0.5 * beside, part["drift"] * 100, marker, color=color, linestyle="none")
        axes.axhline(0, color="#222222", linewidth=1)
        axes.set_title(perturbation_label(prompt), fontsize="medium")
        axes.set(xticks=sorted(100 * table["dose"].unique()), xlabel="misread reasoning before RL (%)")
    panels[0].set_ylabel("contradicts its reasoning,\nchange over RL (points)")
    begins = so_far(len(table) // table["prompt"].nunique(), table["planned"].max(), "runs")
    return claimed(figure, begins + _claim(table), about, "points: RL runs, one a seed; lines: their means")


def _claim(table: pd.DataFrame) -> str:
    """From the means of the least and of the largest dose."""
    means = 100 * table.groupby(["prompt", "dose"], sort=False)["drift"].mean().unstack()
    least, most = means.columns.min(), means.columns.max()
    told = ", ".join(
        f"{perturbation_label(prompt)} {signed(means.loc[prompt, least])} → {signed(means.loc[prompt, most])}"
        for prompt in means.index
    )
    grow = "the more" if (means[most] > means[least]).all() else "not everywhere more"
    return (
        f"The more misread reasoning before RL, {grow} contradictions\n"
        f"{100 * least:.0f} → {100 * most:.0f} %: {told} points"
    )
