"""How often the answer stays, or follows the reasoning, when reasoning or picture are taken away or changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
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
}


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the rows of some checkpoints under the plain prompt, replayed; model, then as `consistency.replays`."""
    return for_each(rows, "model", lambda part: consistency.replays(part, rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A line a probe of the replay judge, a marker a checkpoint."""
    models = checkpoints_in_order(table["model"].tolist())
    figure = Figure(figsize=(9, 0.75 * len(PROBES) + 1.4))
    axes = figure.subplots()
    offsets = np.linspace(-0.25, 0.25, len(models)) if len(models) > 1 else [0.0]
    lines = table.set_index(["model", "probe", "measure"])[["value", "low", "high"]].astype(float) * 100
    for offset, model in zip(offsets, models, strict=True):
        color, marker, _ = checkpoint_look(model)
        for y, (probe, measure) in enumerate(PROBES):
            line = lines.loc[(model, probe, measure)]
            axes.plot([line["low"], line["high"]], [y + offset] * 2, color=color, linewidth=1.8)
            label = model if y == 0 else None
            axes.plot(line["value"], y + offset, marker=marker, color=color, linestyle="none", label=label)
    axes.set_yticks(range(len(PROBES)), list(PROBES.values()))
    axes.set(xlim=(-1, 101), ylim=(len(PROBES) - 0.5, -0.5), xlabel="share of the answers (%)")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    probed = f"a probe takes {table['n'].min()} to {table['n'].max()} of the items"
    return titled(figure, TITLE, about, f"{OVER_ITEMS}; {probed}")
