"""What each shipped model does under the plain prompt, a wrong caption and a wrong start of its reasoning."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.behaviours import BEHAVIOURS, behaviours
from companion.figures.theme import BLIND_SAFE, checkpoints_in_order, perturbation_label, titled

TITLE = "What each model does with a question, and with a lie"

PARTS = (
    (BLIND_SAFE[2], ""),
    (BLIND_SAFE[8], "//"),
    (BLIND_SAFE[0], ".."),
    (BLIND_SAFE[3], "xx"),
    (BLIND_SAFE[7], "\\\\"),
)
"""(colour, hatch) of the parts of a bar."""


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """rows: of `behaviours.with_behaviour`; as `behaviours.behaviours`."""
    return behaviours(rows)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """What each model does, as parts of a bar: one panel a prompt."""
    models, perturbations = checkpoints_in_order(table["model"].tolist()), list(dict.fromkeys(table["perturbation"]))
    figure = Figure(figsize=(9, 0.36 * len(models) + 2.2))
    panels = np.atleast_1d(figure.subplots(1, len(perturbations), sharey=True))
    shares = table.set_index(["perturbation", "behaviour", "model"])["value"] * 100
    for axes, perturbation in zip(panels, perturbations, strict=True):
        left = np.zeros(len(models))
        for name, (color, hatch) in zip(BEHAVIOURS, PARTS, strict=True):
            width = np.array([shares.get((perturbation, name, model), 0.0) for model in models])
            label = name if axes is panels[0] else None
            axes.barh(models, width, left=left, color=color, hatch=hatch, edgecolor="white", linewidth=0, label=label)
            left += width
        axes.set(title=perturbation_label(perturbation), xlim=(0, 100), xlabel="share of the prompts (%)")
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return titled(
        figure, TITLE, about, "each line: one checkpoint; parts of a bar: shares of its answers, without intervals"
    )
