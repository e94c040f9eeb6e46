"""Right or wrong, and does the reasoning say so? The shares of all answers, under each prompt."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.figures.looks import BLIND_SAFE
from companion.figures.phrases import perturbation_label
from companion.figures.theme import shares_bar, titled
from companion.perturbations.perturbation import in_standing_order

LOOKS = {
    "right, agrees": (BLIND_SAFE[0], ""),
    "right, contradicts": (BLIND_SAFE[3], "//"),
    "right, names no option": ("#888888", "//"),
    "wrong, names no option": ("#cccccc", ".."),
    "wrong, contradicts": ("#e8b6a0", ".."),
    "wrong, agrees": ("#b9d3e6", ""),
    "no answer": ("white", ""),
}
"""Share (`consistency.SHARES`) → colour and hatch, from left to right: right answers stand before wrong ones."""

TOLD = "wrong-think"
"""The prompt of the title."""


def table(rows: pd.DataFrame, rng: np.random.Generator, judge: str = "rule") -> pd.DataFrame:
    """Of the rows of one model, by the verdicts of a judge; as `consistency.shares`."""
    return consistency.shares(rows, judge, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A bar a prompt, parted by verdict; a black line between right and wrong answers."""
    prompts = in_standing_order(table["perturbation"].tolist())
    values = table.pivot(index="perturbation", columns="measure", values="value").loc[prompts, list(LOOKS)] * 100
    figure = Figure(figsize=(9, 0.4 * len(prompts) + 2.0))
    axes = figure.subplots()
    for y, (_, shares) in enumerate(values.iterrows()):
        shares_bar(axes, y, shares.to_dict(), LOOKS)
        right = shares[:"right, names no option"].sum()
        axes.plot([right, right], [y - 0.45, y + 0.45], color="black", linewidth=2.2, solid_capstyle="butt")
    axes.set_yticks(range(len(prompts)), list(map(perturbation_label, prompts)))
    axes.set(xlim=(0, 100), ylim=(len(prompts) - 0.5, -0.5), xlabel="share of all answers (%)")
    axes.grid(visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, frameon=False, fontsize="small")
    note = "black line: to its left the answer is right, whatever the reasoning says; intervals: csv"
    return titled(figure, _title(values), about, note)


def _title(values: pd.DataFrame) -> str:
    """What answers and reasoning are like under `TOLD`, or the last prompt of a table without it."""
    name = TOLD if TOLD in values.index else str(values.index[-1])
    line = values.loc[name]
    unsaid = line["right, contradicts"] + line["right, names no option"]
    return (
        f"{perturbation_label(name)}: {line['wrong, agrees']:.0f} % of the answers are wrong as their reasoning says,\n"
        f"{line['right, agrees']:.0f} % right as it says, {unsaid:.0f} % right although it does not say so"
    )
