"""Accuracy of the rule judge on written pairs, by style, for conclusions that are stated and only implied."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.looks import BLIND_SAFE
from companion.figures.theme import WIDTH, beside, titled

STYLES = {
    "text": "names the option",
    "letter": "names the letter",
    "map": "maps the scene first",
    "two-answers": "two answers",
    "other-languages": "other languages",
    "caption": "against a caption",
    "cut": "cut off",
    "recap": "names others after it",
}
"""Style of reasoning → what the figure calls it, where its own name does not say it."""


def table(scored: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """scored: heading of a panel → table of `labelled_pairs.score`; the heading goes into the column `table`."""
    return pd.concat([part.assign(table=name) for name, part in scored.items()])


def draw(table: pd.DataFrame, about: str) -> Figure:
    """One panel a set of pairs, one line a group of them."""
    panels = dict(iter(table.groupby("table", sort=False)))
    figure = Figure(figsize=(WIDTH, 0.3 * max(len(part) for part in panels.values()) + 1.6))
    for axes, (head, part) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        _groups(axes, part)
        axes.set_title(head, fontsize="medium", weight="bold")
    note = "lines through points: 95 % intervals over pairs; in brackets: how many pairs"
    found = {head: 100 * part.set_index("pairs").loc["all", "accuracy"] for head, part in panels.items()}
    told = [f"{value:.0f} % where it is {head}" for head, value in found.items()]
    return titled(figure, f"The rule judge finds what a reasoning concludes in\n{', '.join(told)}", about, note)


def _groups(axes: Axes, table: pd.DataFrame) -> None:
    for y, line in enumerate(table.itertuples()):
        color, marker = (BLIND_SAFE[0], "D") if line.pairs in ("all", "seen", "unseen") else ("#666666", "o")
        axes.plot([line.low * 100, line.high * 100], [y, y], color=color, linewidth=1.8)
        axes.plot(line.accuracy * 100, y, marker=marker, color=color)
        beside(axes, 104, y, f"{line.accuracy * 100:.0f}")
    axes.set_yticks(
        range(len(table)), [f"{STYLES.get(line.pairs, line.pairs)} ({line.n})" for line in table.itertuples()]
    )
    axes.set(xlim=(0, 104), xticks=range(0, 101, 25), ylim=(len(table) - 0.5, -0.5), xlabel="conclusions found (%)")
