"""Which conclusions of their own reasoning models override with another answer, before and after RL."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import BLIND_SAFE
from companion.figures.phrases import initial_label, perturbation_label, seeds_so_far, under
from companion.figures.theme import OVER_STEPS, moved, titled

RATES = {
    "P(override | conclusion wrong)": ("of wrong conclusions, overridden", BLIND_SAFE[3], "o"),
    "P(override | conclusion right)": ("of right conclusions, overridden", BLIND_SAFE[0], "s"),
    "P(right | override of a wrong conclusion)": ("of overridden wrong ones, answered right", "#222222", "^"),
}
"""Rate → how it is called, colour and marker."""


FEW = 0.02
"""A rate among a smaller share of all answers than this is not drawn."""


def table(rates: pd.DataFrame) -> pd.DataFrame:
    """Of `study.summaries.override_rates`, all of it."""
    return rates


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A column an initial checkpoint, a row a prompt; lines from before RL to after it."""
    prompts, initials = (list(dict.fromkeys(table[name])) for name in ("prompt", "initial"))
    figure = Figure(figsize=(9, 1.25 * len(prompts) + 1.6))
    panels = figure.subplots(len(prompts), len(initials), sharex=True, sharey=True, squeeze=False)
    rates = table.set_index(["prompt", "initial", "rate", "step"]).sort_index()
    lines = rates["value"].mul(100).where(rates["among"] >= FEW)
    for row, prompt in zip(panels, prompts, strict=True):
        for axes, initial in zip(row, initials, strict=True):
            for y, (rate, (_, color, marker)) in enumerate(RATES.items()):
                before, after = lines.loc[(prompt, initial, rate)].iloc[[0, -1]]
                if np.isnan(before) and np.isnan(after):
                    axes.text(2.5, y, f"among less than {FEW:.0%} of the answers", va="center", fontsize="small")
                    continue
                moved(axes, y, before, after, color, marker)
                said = _path(lines.loc[(prompt, initial, rate)])
                axes.text(np.nanmax([before, after]) + 3.5, y, said, va="center", fontsize="small")
            axes.set(xlim=(0, 112), ylim=(len(RATES) - 0.4, -0.6), xticks=range(0, 101, 25))
            axes.set_yticks(range(len(RATES)), [name for name, *_ in RATES.values()])
            axes.grid(visible=False, axis="y")
            head = perturbation_label(prompt)
            axes.set_title(f"{initial_label(initial)}\n{head}" if prompt == prompts[0] else head, fontsize="medium")
    for axes in panels[-1]:
        axes.set_xlabel("%")
    told = [name for name in prompts if lines.loc[(name, initials[-1], list(RATES)[:2])].notna().all()]
    title = _title(lines, told[-1], initials[-1])
    begins = seeds_so_far(table)
    return titled(figure, begins + title, about, f"few: of less than {FEW:.0%} of the answers; {OVER_STEPS}")


def _title(lines: pd.Series, prompt: str, initial: str) -> str:
    """What one panel shows, from its numbers."""
    of_wrong, of_right, rescued = (_path(lines.loc[(prompt, initial, rate)]) for rate in RATES)
    return (
        f"Conclusions overridden: {initial}, {under(prompt)}\n"
        f"of wrong ones {of_wrong} % (then right: {rescued} %), of right ones {of_right} %"
    )


def _path(rate: pd.Series) -> str:
    """From before RL to after it, in percent."""
    before, after = ("few" if np.isnan(value) else f"{value:.0f}" for value in rate.iloc[[0, -1]])
    return f"{before} → {after}"
