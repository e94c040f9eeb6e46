"""Paired changes over GRPO steps: right answers, those whose reasoning does not say so, and letter entropy."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.training_runs import trajectories, with_parts
from companion.figures.theme import BLIND_SAFE, PANELS, WIDTH, end_labels, signed, tell_chance, titled

MEASURES = {"correct": "right", "unsaid": "right, but its reasoning does not say so", "entropy": "letter entropy"}
"""Measure → what its panel is called. The first two, both rising, are the trade-off."""

IN_TITLE = {"correct": "right", "unsaid": "right but not as its reasoning says"}


def table(
    runs: pd.DataFrame, rng: np.random.Generator, recipe: str = "accuracy", perturbation: str = "plain"
) -> pd.DataFrame:
    """Of one recipe under one perturbation, from every start; as `training_runs.trajectories`."""
    own = with_parts(runs[runs["recipe"] == recipe])
    return trajectories(own, rng, [perturbation], list(MEASURES))


def start_looks(table: pd.DataFrame) -> dict[str, tuple]:
    """start of RL → (colour, marker, line)."""
    return {name: (BLIND_SAFE[number], "os^"[number], "-") for number, name in enumerate(sorted(set(table["start"])))}


def draw(table: pd.DataFrame, about: str, marked: int | None = None) -> Figure:
    """A panel a measure, a line a start: the change since step 0 of the same items. marked: the step that is marked,
    the last unless said."""
    at = int(table["step"].max()) if marked is None else marked
    measures = list(dict.fromkeys(table["measure"]))
    figure = Figure(figsize=(WIDTH, 3.6))
    panels = np.atleast_1d(figure.subplots(1, len(measures)))
    for axes, measure in zip(panels, measures, strict=True):
        _, scale = PANELS[measure]
        ends = []
        for start, (color, marker, line) in start_looks(table).items():
            part = table[(table["measure"] == measure) & (table["start"] == start)]
            for seed, path in part.groupby("seed"):
                change = path["change"] * scale
                if seed != -1:
                    axes.plot(path["step"], change, color=color, alpha=0.25, linewidth=0.8)
                    continue
                axes.plot(path["step"], change, color=color, marker=marker, linestyle=line, markersize=5)
                low, high = path["change_low"] * scale, path["change_high"] * scale
                axes.fill_between(path["step"], low, high, color=color, alpha=0.12)
                here = path["step"] == at
                axes.plot(path["step"][here], change[here], marker=marker, color=BLIND_SAFE[3], markersize=10, zorder=3)
                ends.append((change.iloc[-1], f"from {start}", color))
        axes.axhline(0, color="#222222", linewidth=1)
        axes.axvline(at, color=BLIND_SAFE[3], linewidth=1.2, linestyle="--")
        unit = "points" if scale == 100 else "1: uniform"
        axes.set_title(textwrap.fill(f"{MEASURES.get(measure, measure)}, {unit}", 24), fontsize="medium")
        axes.set_xlabel("GRPO step")
        if axes is panels[-1]:
            height = np.ptp(axes.get_ylim())
            end_labels(axes, 1.05 * table["step"].max(), ends, 0.08 * height)
    panels[0].set_ylabel("change since step 0")
    note = f"bands: 95 % intervals over seeds and items; thin: each seed; dashed: step {at}{tell_chance(table)}"
    return titled(figure, _title(table, at), about, note)


def _title(table: pd.DataFrame, at: int) -> str:
    """From each start, how far both parts of the trade-off moved up to a step, with intervals, and which is clear."""
    lines = table[(table["seed"] == -1) & (table["step"] == at)].set_index(["start", "measure"])
    told, clear = [], []
    for start in start_looks(table):
        parts = []
        for measure in ("correct", "unsaid"):
            if (start, measure) not in lines.index:
                continue
            low, value, high = (100 * lines.loc[(start, measure), f"change{end}"] for end in ("_low", "", "_high"))
            clear += [low > 0 or high < 0]
            parts.append(f"{IN_TITLE[measure]} {signed(value)} [{signed(low)}, {signed(high)}]")
        told.append(f"from {start}: {', '.join(parts)} points")
    are_clear = f"{sum(clear)} of {len(clear)} changes are" if any(clear) else "no change is"
    items = int(table.loc[table["seed"] >= 0, "n"].max())
    return "\n".join([f"Over RL, on {items} items, {are_clear} clear of zero", *told])
