"""Accuracy, agreement of reasoning and answer, and letter entropy over GRPO steps, from two starts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.training_runs import trajectories
from companion.figures.theme import BLIND_SAFE, PANELS, draw_chance, titled

TITLE = "Recipe accuracy from two starts: each seed thin, mean and 95 % interval"

MEASURES = {"correct": "accuracy", "consistent": "agreement of reasoning and answer", "entropy": "letter entropy"}


def table(
    runs: pd.DataFrame, rng: np.random.Generator, recipe: str = "accuracy", perturbation: str = "plain"
) -> pd.DataFrame:
    """Of one recipe under one perturbation, from every start; as `training_runs.trajectories`."""
    return trajectories(runs[runs["recipe"] == recipe], rng, [perturbation], list(MEASURES))


def start_looks(table: pd.DataFrame) -> dict[str, tuple]:
    """start of RL → (colour, marker, line)."""
    return {name: (BLIND_SAFE[number], "os^"[number], "-") for number, name in enumerate(sorted(set(table["start"])))}


def draw(table: pd.DataFrame, about: str, title: str = TITLE, marked: int | None = None) -> Figure:
    """A panel a measure, a line a start. marked: the step that is marked, the last unless said."""
    at = int(table["step"].max()) if marked is None else marked
    measures = list(dict.fromkeys(table["measure"]))
    figure = Figure(figsize=(9, 3.3))
    panels = np.atleast_1d(figure.subplots(1, len(measures)))
    guessed = ""
    for axes, measure in zip(panels, measures, strict=True):
        label, scale = PANELS[measure]
        guessed += draw_chance(axes, table[table["measure"] == measure], "axhline")
        for start, (color, marker, line) in start_looks(table).items():
            part = table[(table["measure"] == measure) & (table["start"] == start)]
            for seed, path in part.groupby("seed"):
                if seed != -1:
                    axes.plot(path["step"], path["value"] * scale, color=color, alpha=0.25, linewidth=0.8)
                    continue
                name = f"RL from {start}" if axes is panels[0] else None
                axes.plot(path["step"], path["value"] * scale, color=color, marker=marker, linestyle=line, label=name)
                axes.fill_between(path["step"], path["low"] * scale, path["high"] * scale, color=color, alpha=0.12)
                here = path[path["step"] == at]
                axes.plot(
                    here["step"], here["value"] * scale, marker=marker, color=BLIND_SAFE[3], markersize=11, zorder=3
                )
        axes.axvline(at, color=BLIND_SAFE[3], linewidth=1.2, linestyle="--")
        axes.set_title(label, fontsize="medium")
        axes.set_xlabel("GRPO step")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return titled(
        figure, title, about, f"bands: 95 % intervals over seeds and items; thin: each seed; dashed: step {at}{guessed}"
    )
