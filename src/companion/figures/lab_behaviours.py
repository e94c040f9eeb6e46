"""What each shipped model does under the plain prompt, a wrong caption and a wrong reasoning prefix."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.behaviours import BEHAVIOURS, behaviours
from companion.figures.looks import BLIND_SAFE, checkpoints_in_order
from companion.figures.phrases import opening, perturbation_label, under
from companion.figures.theme import WIDTH, beside, titled

PARTS = (
    (BLIND_SAFE[2], ""),
    (BLIND_SAFE[8], "//"),
    (BLIND_SAFE[0], ".."),
    (BLIND_SAFE[3], "xx"),
    (BLIND_SAFE[7], "\\\\"),
)
"""(colour, hatch) of the bars of each behaviour."""


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """rows: of `behaviours.with_behaviour`; as `behaviours.behaviours`."""
    return behaviours(rows)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """A column a behaviour, a row of panels a prompt, a bar a model."""
    models, perturbations = checkpoints_in_order(table["model"].tolist()), list(dict.fromkeys(table["perturbation"]))
    figure = Figure(figsize=(WIDTH, 0.2 * len(models) * len(perturbations) + 2.3))
    panels = figure.subplots(len(perturbations), len(BEHAVIOURS), sharex=True, sharey=True, squeeze=False)
    shares = table.set_index(["perturbation", "behaviour", "model"])["value"] * 100
    for row, perturbation in zip(panels, perturbations, strict=True):
        for axes, name, (color, hatch) in zip(row, BEHAVIOURS, PARTS, strict=True):
            values = [shares.get((perturbation, name, model), 0.0) for model in models]
            axes.barh(range(len(models)), values, color=color, hatch=hatch, edgecolor="white", linewidth=0)
            for y, value in enumerate(values):
                beside(axes, value, y, f"{value:.0f}", fontsize="x-small")
            axes.grid(visible=False, axis="y")
        row[0].set_yticks(range(len(models)), models, fontsize="small")
        row[0].set_ylabel(perturbation_label(perturbation), weight="bold")
        row[0].set(xlim=(0, 118), xticks=(0, 50, 100), ylim=(len(models) - 0.5, -0.5))
    for axes, name in zip(panels[0], BEHAVIOURS, strict=True):
        axes.set_title("\n".join(textwrap.wrap(name, 13)), fontsize="small", weight="bold")
    panels[-1, len(BEHAVIOURS) // 2].set_xlabel("share of the prompts (%)")
    note = "each line: one checkpoint; the five shares of a prompt make up 100 %; no intervals"
    return titled(figure, _title(table, perturbations[-1]), about, note)


def _title(table: pd.DataFrame, perturbation: str) -> str:
    """What models do most under the last prompt, and who is most often right though its reasoning does not say so."""
    shares = table[table["perturbation"] == perturbation].pivot(index="model", columns="behaviour", values="value")
    followed = (shares[BEHAVIOURS[3]] > 0.5).sum()
    against = shares[BEHAVIOURS[1]]
    return (
        f"{opening(under(perturbation))} {followed} of {len(shares)} models mostly follow it;\n"
        f"{against.idxmax()} is most often right though its reasoning does not say so ({100 * against.max():.0f} %)"
    )
