"""How much more often answers contradict their reasoning after RL, by the share of misread reasoning before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.crossed import slope_within_blocks
from companion.analysis.findings.rule import ENOUGH_SEEDS, LEVEL
from companion.figures.looks import perturbation_look
from companion.figures.phrases import perturbation_label, signed, so_far
from companion.figures.theme import titled


def table(drifts_of_doses: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.drift_of_runs` by `DOSES`, all of it."""
    return drifts_of_doses


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A panel a prompt, a point a run, and the mean of each dose."""
    prompts = list(dict.fromkeys(table["prompt"]))
    figure = Figure(figsize=(9, 3.9))
    panels = np.atleast_1d(figure.subplots(1, len(prompts), sharex=True, sharey=True))
    spread = {seed: place for place, seed in enumerate(sorted(table["seed"].unique()))}
    for axes, prompt in zip(panels, prompts, strict=True):
        color, marker = perturbation_look(prompt)
        part = table[table["prompt"] == prompt]
        means = part.groupby("share")["drift"].mean() * 100
        axes.plot(means.index * 100, means, "-", color=color, linewidth=1.5, alpha=0.6)
        next_to = part["seed"].map(spread) - (len(spread) - 1) / 2
        axes.plot(part["share"] * 100 + 0.5 * next_to, part["drift"] * 100, marker, color=color, linestyle="none")
        axes.axhline(0, color="#222222", linewidth=1)
        axes.set_title(perturbation_label(prompt), fontsize="medium")
        axes.set(xticks=sorted(100 * table["share"].unique()), xlabel="misread reasoning before RL (%)")
    panels[0].set_ylabel("contradicts its reasoning,\nchange over RL (points)")
    title = so_far(len(table) // len(prompts), table["planned"].max(), "runs") + _title(table)
    return titled(figure, title, about, "points: RL runs, one a seed; lines: their means")


def _title(table: pd.DataFrame) -> str:
    """Whether drift clearly rises with the dose under every prompt, and the means at both ends."""
    means = 100 * table.groupby(["prompt", "share"], sort=False)["drift"].mean().unstack()
    least, most = means.columns.min(), means.columns.max()
    told = ", ".join(
        f"{perturbation_label(prompt)} {signed(means.loc[prompt, least])} → {signed(means.loc[prompt, most])}"
        for prompt in means.index
    )
    rises = all(_rises(part) for _, part in table.groupby("prompt", sort=False))
    head = (
        "The more misread reasoning before RL, the more contradictions"
        if rises
        else "Contradictions do not clearly rise everywhere with misread reasoning before RL"
    )
    return f"{head}\nmeans, {100 * least:.0f} → {100 * most:.0f} %: {told} points"


def _rises(runs: pd.DataFrame) -> bool:
    """Whether drift clearly rises with the dose, as the tests of H1 have it: seeds as blocks, and enough of them."""
    found = slope_within_blocks(runs["share"], runs["drift"], runs["seed"].tolist())
    return found.seeds >= ENOUGH_SEEDS and found.value > 0 and found.p < LEVEL
