"""Which conclusions of their own reasoning models override with another answer, before and after RL."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from companion.figures.theme import BLIND_SAFE, claimed, initial_label, perturbation_label, so_far

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
    """A column an initial checkpoint, a row a prompt; arrows from before RL to after it."""
    prompts, initials = (list(dict.fromkeys(table[name])) for name in ("prompt", "initial"))
    figure = Figure(figsize=(9, 1.25 * len(prompts) + 1.6))
    panels = figure.subplots(len(prompts), len(initials), sharex=True, sharey=True, squeeze=False)
    few = table.groupby(["prompt", "initial", "rate"])["among"].min() < FEW
    lines = table.set_index(["prompt", "initial", "rate", "step"])["value"].mul(100).sort_index()
    for row, prompt in zip(panels, prompts, strict=True):
        for axes, initial in zip(row, initials, strict=True):
            for y, (rate, (_, color, marker)) in enumerate(RATES.items()):
                if few[prompt, initial, rate]:
                    axes.text(2.5, y, f"among less than {FEW:.0%} of the answers", va="center", fontsize="small")
                    continue
                path = lines.loc[(prompt, initial, rate)].sort_index()
                before, after = path.iloc[0], path.iloc[-1]
                axes.annotate("", (after, y), (before, y), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6})
                axes.plot(before, y, marker, markerfacecolor="white", color=color, markersize=7)
                axes.text(max(before, after) + 2.5, y, f"{before:.0f} → {after:.0f}", va="center", fontsize="small")
            axes.set(xlim=(0, 112), ylim=(len(RATES) - 0.4, -0.6), xticks=range(0, 101, 25))
            axes.set_yticks(range(len(RATES)), [name for name, *_ in RATES.values()])
            axes.grid(visible=False, axis="y")
            head = perturbation_label(prompt)
            axes.set_title(f"{initial_label(initial)}\n{head}" if prompt == prompts[0] else head, fontsize="medium")
    for axes in panels[-1]:
        axes.set_xlabel("%")
    told = [name for name in prompts if not few.loc[name, initials[-1]].loc[list(RATES)[:2]].any()]
    claim = _claim(lines, told[-1], initials[-1])
    begins = so_far(table["seeds"].min(), table["planned"].max(), "seeds")
    return claimed(figure, begins + claim, about, "hollow mark: before RL; arrow: to the last step; intervals: csv")


def _claim(lines: pd.Series, prompt: str, initial: str) -> str:
    """What one panel shows, from its numbers."""
    wrong, right = (lines.loc[(prompt, initial, rate)] for rate in list(RATES)[:2])
    more = wrong.iloc[-1] - wrong.iloc[0] > max(0, right.iloc[-1] - right.iloc[0])
    told = ", ".join(
        f"{kind} ones {path.iloc[0]:.0f} → {path.iloc[-1]:.0f} %" for kind, path in (("wrong", wrong), ("right", right))
    )
    taught = "RL teaches" if more else "RL does not teach"
    return f"{taught} models to override conclusions that are wrong\n{initial}, under {prompt}: {told}"
