"""How often the answer stays, or follows the reasoning, when reasoning or picture are taken away or changed.

Below that, what it makes of the reasoning: how far it is sufficient for the answer, and how important
(`measures.sufficiency`, `measures.importance`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.analysis.consistency import DERIVED
from companion.figures.looks import BLIND_SAFE
from companion.figures.theme import OVER_ITEMS, titled

PROBES = {
    ("blank", "same"): "its own reasoning, blank picture:\nthe same answer",
    ("blank-empty", "same"): "neither reasoning nor picture:\nthe same answer (habit)",
    ("empty", "same"): "the picture, no reasoning:\nthe same answer",
    ("half", "same"): "the picture, half of the reasoning:\nthe same answer",
    ("flipped", "follows"): "the picture, reasoning turned:\nthe answer follows the reasoning",
    ("flipped", "same"): "the picture, reasoning turned:\nthe same answer",
    ("blank", "sufficiency"): "sufficiency of the reasoning:\nwithout the picture the same answer",
    ("empty", "importance"): "importance of the reasoning:\nwithout it another answer",
}
"""(probe, measure) → how it is called, from the top down."""

ANSWERS, DERIVED_LOOK = (BLIND_SAFE[0], "o"), (BLIND_SAFE[1], "D")


def table(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of the rows of one checkpoint under the plain prompt, replayed; as `consistency.replays`."""
    return consistency.replays(rows, rng)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a probe of the replay judge; a probe that the table does not have is left out.

    Below the rule what is made of the probes, with habit taken off.
    """
    lines = table.set_index(["probe", "measure"])[["value", "low", "high"]].astype(float) * 100
    shown = {key: label for key, label in PROBES.items() if key in lines.index}
    figure = Figure(figsize=(9, 0.6 * len(shown) + 1.8))
    axes = figure.subplots()
    for y, key in enumerate(shown):
        line = lines.loc[key]
        color, marker = DERIVED_LOOK if key in DERIVED else ANSWERS
        axes.plot([line["low"], line["high"]], [y, y], color=color, linewidth=2)
        axes.plot(line["value"], y, marker=marker, color=color, markersize=8, linestyle="none")
        if not np.isnan(line["value"]):
            axes.annotate(f"{line['value']:.0f}", (line["value"], y), (0, 7), textcoords="offset points", ha="center")
    axes.axhline(len(shown.keys() - DERIVED.keys()) - 0.5, color="#666666", linewidth=1.2)
    axes.set_yticks(range(len(shown)), list(shown.values()), fontsize="small")
    axes.set(
        xlim=(min(-1, lines["low"].min() - 1), max(101, lines["high"].max() + 1)),
        ylim=(len(shown) - 0.5, -0.6),
        xlabel="share of the answers (%); below the rule: 100 × sufficiency, 100 × importance",
    )
    note = f"{OVER_ITEMS}; a probe takes {table['n'].min()} to {table['n'].max()} of the items"
    return titled(figure, _title(lines["value"]), about, note)


def _title(values: pd.Series) -> str:
    """How far the answer comes from the reasoning alone, and follows it when it is turned."""
    alone, turned = values.get(("blank", "same"), np.nan), values.get(("flipped", "follows"), np.nan)
    title = f"With its own reasoning and a blank picture, {alone:.0f} % of the answers stay the same"
    return title + (
        "" if np.isnan(turned) else f";\nwith its reasoning turned to another option, {turned:.0f} % follow it"
    )
