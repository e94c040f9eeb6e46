"""Bias of mean P(correct) and mean entropy, and coverage of their intervals, by the number of sampled answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.samples_needed import enough
from companion.figures.theme import BLIND_SAFE, titled

TITLE = "How far estimates from k answers are off"


def table(file: Path | str) -> pd.DataFrame:
    """What `benchmarks/sample_size.py` wrote into a file."""
    return pd.read_csv(file)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """One line a checkpoint and prompt; a grey line where k is enough, by the rule."""
    fewest = enough(table)
    table = table[(table["source"] == "drawn") & (table["of"] == "mean")]
    figure = Figure(figsize=(10, 4.4))
    left, right = figure.subplots(1, 2)
    styles = {"p_correct": ("P(correct)", BLIND_SAFE[0], "o"), "entropy": ("entropy", BLIND_SAFE[3], "X")}
    for (_, perturbation, measure), part in table.groupby(["model", "perturbation", "measure"]):
        name, color, marker = styles[measure]
        line = "-" if perturbation == "plain" else ":"
        label = f"{name}, {'with' if perturbation == 'plain' else 'without'} reasoning"
        for axes, column in ((left, "bias"), (right, "coverage")):
            axes.plot(part["k"], part[column] * 100, line, marker=marker, color=color, label=label, alpha=0.8)
    for axes, label in ((left, "bias of the mean (points)"), (right, "coverage of its 95 % interval (%)")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(table["k"].unique()), [str(k) for k in sorted(table["k"].unique())])
        axes.set(xlabel="sampled answers to each prompt", ylabel=label)
        if fewest:
            axes.axvline(fewest, color="#888888", linewidth=1, linestyle="--")
    left.axhline(0, color="#222222", linewidth=1)
    right.axhline(95, color="#222222", linewidth=1)
    handles = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    return titled(
        figure,
        TITLE,
        about,
        "each line: one checkpoint; black: no bias, and 95 %"
        + (f"; dashed: {fewest} answers are enough, by a rule fixed beforehand" if fewest else ""),
    )
