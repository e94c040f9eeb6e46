"""How stubborn and how brittle each checkpoint is under a false start of its reasoning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis import consistency
from companion.analysis.tables import for_each
from companion.figures.theme import OVER_ITEMS, checkpoint_look, checkpoints_in_order, titled

TITLE = "Stubborn or brittle, under a false start of the reasoning"


def table(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """Of the judged rows of some checkpoints; model in front of the columns of `consistency.failure_types`."""
    return for_each(rows, "model", lambda part: consistency.failure_types(part, "rule", rng()))


def draw(table: pd.DataFrame, about: str) -> Figure:
    """Under a wrong start of the reasoning: stubborn across, brittle up."""
    table = table[table["perturbation"] == "wrong-think"]
    figure = Figure(figsize=(9, 4.6))
    axes = figure.subplots()
    for model in checkpoints_in_order(table["model"].tolist()):
        color, marker, _ = checkpoint_look(model)
        part = table[table["model"] == model].set_index("type")[["value", "low", "high"]].astype(float) * 100
        x, y = part.loc["stubborn"], part.loc["brittle"]
        axes.plot([x["low"], x["high"]], [y["value"]] * 2, color=color, linewidth=1.2)
        axes.plot([x["value"]] * 2, [y["low"], y["high"]], color=color, linewidth=1.2)
        axes.plot(x["value"], y["value"], marker=marker, color=color, markersize=8, linestyle="none", label=model)
    axes.plot([0, 100], [100, 0], color="#888888", linewidth=1, linestyle="--")
    widest = table.loc[table["type"] == "stubborn", "high"].max() * 100
    lowest = table.loc[table["type"] == "brittle", "low"].min() * 100
    axes.set(xlim=(-2, min(102, widest + 6)), ylim=(max(-2, lowest - 6), 102))
    axes.set_xlabel("stubborn: still right, against its own reasoning (% of what was right)")
    axes.set_ylabel("brittle: the asserted option,\nas its reasoning says (%)")
    figure.legend(loc="outside right center", frameon=False)
    return titled(figure, TITLE, about, f"{OVER_ITEMS}; dashed: the two make up 100 %")
