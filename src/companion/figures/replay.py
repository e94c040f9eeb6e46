"""How often the answer stays, or follows the reasoning, when reasoning or picture are taken away or changed.

Below that, what it makes of the reasoning: how far it is sufficient for the answer, and how important
(`measures.sufficiency`, `measures.importance`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.analysis.consistency import DERIVED
from companion.analysis.tables import for_each
from companion.figures.theme import OVER_ITEMS, checkpoint_look, checkpoints_in_order, titled

TITLE = "The model asked again, its reasoning or its picture changed"

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


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of some checkpoints under the plain prompt, replayed; model, then as `consistency.replays`."""
    return for_each(rows, "model", lambda part: consistency.replays(part, rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a probe of the replay judge, a marker a checkpoint. Below the rule what is made of the probes, as shares
    of the answers that habit does not give. A probe that the table does not have is left out."""
    there = set(zip(table["probe"], table["measure"], strict=True))
    shown = {key: label for key, label in PROBES.items() if key in there}
    models = checkpoints_in_order(table["model"].tolist())
    figure = Figure(figsize=(9, 0.75 * len(shown) + 1.4))
    axes = figure.subplots()
    offsets = np.linspace(-0.25, 0.25, len(models)) if len(models) > 1 else [0.0]
    lines = table.set_index(["model", "probe", "measure"])[["value", "low", "high"]].astype(float) * 100
    for offset, model in zip(offsets, models, strict=True):
        color, marker, _ = checkpoint_look(model)
        for y, (probe, measure) in enumerate(shown):
            line = lines.loc[(model, probe, measure)]
            axes.plot([line["low"], line["high"]], [y + offset] * 2, color=color, linewidth=1.8)
            label = model if y == 0 else None
            axes.plot(line["value"], y + offset, marker=marker, color=color, linestyle="none", label=label)
    axes.axhline(len(shown.keys() - DERIVED.keys()) - 0.5, color="#666666", linewidth=1.2)
    axes.set_yticks(range(len(shown)), list(shown.values()))
    axes.set(
        xlim=(min(-1, lines["low"].min() - 1), max(101, lines["high"].max() + 1)),
        ylim=(len(shown) - 0.5, -0.5),
        xlabel="share of the answers (%); below the rule, of those that habit does not give",
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    probed = f"a probe takes {table['n'].min()} to {table['n'].max()} of the items"
    return titled(figure, TITLE, about, f"{OVER_ITEMS}; {probed}")
