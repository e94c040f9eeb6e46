"""What becomes of right answers when a wrong option is asserted: stubborn, brittle, recovered, or something else."""

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
    "recovered": ("right, and the reasoning says so", BLIND_SAFE[0], ""),
    "stubborn": ("right, the reasoning concludes another option", BLIND_SAFE[3], "//"),
    "other": ("anything else", "#cccccc", ".."),
    "brittle": ("the asserted option, as the reasoning says", "#b9d3e6", ""),
}
"""Type → what it means, colour, hatch; from left to right."""

TOLD = "wrong-think"
"""The prompt of the title."""


def table(rows: pd.DataFrame, rng: np.random.Generator, judge: str = "rule") -> pd.DataFrame:
    """Of the rows of one model, by the verdicts of a judge; as `consistency.failure_types`."""
    return consistency.failure_types(rows, judge, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A bar a prompt that asserts a wrong option."""
    prompts = in_standing_order(table["perturbation"].tolist())
    values = table.pivot(index="perturbation", columns="type", values="value").loc[prompts, list(LOOKS)] * 100
    figure = Figure(figsize=(9, 0.42 * len(prompts) + 2.2))
    axes = figure.subplots()
    looks = {f"{name}: {means}": (color, hatch) for name, (means, color, hatch) in LOOKS.items()}
    for y, (_, shares) in enumerate(values.iterrows()):
        shares_bar(axes, y, {f"{name}: {LOOKS[str(name)][0]}": value for name, value in shares.items()}, looks)
    among = "–".join(map(str, sorted({int(table["among"].min()), int(table["among"].max())})))
    axes.set_yticks(range(len(prompts)), list(map(perturbation_label, prompts)))
    axes.set(
        xlim=(0, 100),
        ylim=(len(prompts) - 0.5, -0.5),
        xlabel=f"share of the {among} answers that were right under the plain prompt (%)",
    )
    axes.grid(visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, frameon=False, fontsize="x-small")
    return titled(figure, _title(values), about, "95 % intervals over items: csv")


def _title(values: pd.DataFrame) -> str:
    """What became of right answers under `TOLD`, or the first prompt of a table without it."""
    name = TOLD if TOLD in values.index else str(values.index[0])
    line = values.loc[name].round()
    return (
        f"Of the right answers {line['brittle']:g} % turn brittle under {perturbation_label(name)};\n"
        f"{line['stubborn']:g} % stay right against their reasoning (stubborn), "
        f"{line['recovered']:g} % recover"
    )
