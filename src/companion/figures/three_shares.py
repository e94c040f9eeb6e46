"""Answers that agree with their reasoning, contradict it, or have none that names an option, before and after RL."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import BLIND_SAFE
from companion.figures.phrases import initial_label, perturbation_label, seeds_so_far
from companion.figures.theme import shares_bar, titled

SHARES = {
    "agrees": (BLIND_SAFE[0], ""),
    "contradicts": (BLIND_SAFE[3], "//"),
    "names no option": ("#bbbbbb", ".."),
}
"""Share → colour and hatch; the three add up to all answers."""


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.curves`, the three shares at the first and the last step."""
    ends = curves["step"].isin([curves["step"].min(), curves["step"].max()])
    return curves[ends & curves["measure"].isin(SHARES)]


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A column an initial checkpoint; for each prompt a bar before RL and one after it."""
    prompts, initials = (list(dict.fromkeys(table[name])) for name in ("prompt", "initial"))
    figure = Figure(figsize=(9, 0.85 * len(prompts) + 1.8))
    panels = figure.subplots(1, len(initials), sharey=True, squeeze=False)[0]
    indexed = table.set_index(["initial", "prompt", "measure", "step"]).sort_index()
    lines = indexed["value"].mul(100)
    for axes, initial in zip(panels, initials, strict=True):
        places = []
        for row, prompt in enumerate(prompts):
            for number, step in enumerate(sorted(table["step"].unique())):
                places.append((row + 0.36 * (number - 0.5), f"{perturbation_label(prompt)}, step {step:,}"))
                shares = {share: lines.loc[(initial, prompt, share, step)] for share in SHARES}
                shares_bar(axes, places[-1][0], shares, SHARES, height=0.32)
        axes.set_yticks([y for y, _ in places], [name for _, name in places], fontsize="small")
        axes.set(xlim=(0, 100), ylim=(len(prompts) - 0.5, -0.5), xlabel="share of all answers (%)")
        axes.set_title(initial_label(initial), fontsize="medium")
        axes.grid(visible=False)
    panels[-1].legend(loc="upper right", bbox_to_anchor=(1.02, -0.2), ncols=3, frameon=False, fontsize="small")
    begins = seeds_so_far(table)
    return titled(figure, begins + _title(indexed, initials[-1], prompts), about, "intervals: csv")


def _title(lines: pd.DataFrame, initial: str, prompts: list[str]) -> str:
    """Under how many prompts contradictions clearly grew from one initial checkpoint, and how far."""
    paths = {prompt: lines.loc[(initial, prompt, "contradicts")] for prompt in prompts}
    grown = sum(path["change_low"].iloc[-1] > 0 for path in paths.values())
    told = ", ".join(
        f"{perturbation_label(name)} {100 * path['value'].iloc[0]:.0f} → {100 * path['value'].iloc[-1]:.0f} %"
        for name, path in paths.items()
    )
    under = "" if grown == len(prompts) else f"\nunder {grown} of {len(prompts)} prompts"
    return f"From {initial} clearly more answers contradict their reasoning after RL{under}\n{told}"
