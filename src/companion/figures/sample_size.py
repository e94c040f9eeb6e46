"""Bias of mean P(correct) and mean entropy, and coverage of their intervals, by the number of sampled answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from companion.analysis.samples_needed import enough
from companion.figures.looks import BLIND_SAFE
from companion.figures.theme import WIDTH, titled


def table(file: Path | str) -> pd.DataFrame:
    """What `benchmarks/sample_size.py` wrote into a file."""
    return pd.read_csv(file)


def draw(table: pd.DataFrame, about: str) -> Figure:
    """One line a checkpoint and prompt; a grey line where k is enough, by the rule."""
    fewest = enough(table)
    table = table[(table["source"] == "drawn") & (table["of"] == "mean")]
    figure = Figure(figsize=(WIDTH, 4.0))
    left, right = figure.subplots(1, 2)
    styles = {"p_correct": ("P(correct)", BLIND_SAFE[0], "o"), "entropy": ("entropy", BLIND_SAFE[3], "X")}
    for (_, perturbation, measure), part in table.groupby(["model", "perturbation", "measure"]):
        _, color, marker = styles[measure]
        line = "-" if perturbation == "plain" else ":"
        for axes, column in ((left, "bias"), (right, "coverage")):
            axes.plot(part["k"], part[column] * 100, line, marker=marker, color=color, alpha=0.8)
    ks = sorted(table["k"].unique())
    for axes, label in ((left, "bias of the mean (points)"), (right, "coverage of its interval (%)")):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ks, [str(k) for k in ks])
        axes.set(xlabel="sampled answers to each prompt", ylabel=label)
        if fewest:
            axes.axvline(fewest, color="#888888", linewidth=1, linestyle="--")
    left.axhline(0, color="#222222", linewidth=1)
    right.axhline(95, color="#222222", linewidth=1)
    bias = table.groupby(["measure", "k"])["bias"].min() * 100
    for measure, (name, color, _) in styles.items():
        lowest = bias[measure].idxmin()
        place = (lowest, bias[measure].min()) if measure == "entropy" else (ks[len(ks) // 2], 0)
        left.annotate(
            name,
            place,
            (8, 0) if measure == "entropy" else (0, 7),
            textcoords="offset points",
            color=color,
            weight="bold",
            va="center" if measure == "entropy" else "bottom",
        )
    left.margins(y=0.12)
    note = "each line: one checkpoint; dotted: without reasoning (stop-think); black: no bias, and 95 %"
    note += f"; dashed: {fewest} are enough, by a rule fixed beforehand" if fewest else ""
    return titled(figure, _title(fewest, bias["entropy"]), about, note)


def _title(fewest: int | None, bias: pd.Series) -> str:
    """bias: of mean entropy by the number of answers, in points, the worst of all."""
    worst = f"from {bias.idxmin()} answers, mean entropy is up to {-bias.min():.0f} points too low"
    if fewest is None:
        return f"Even {bias.index.max()} sampled answers are not enough\n{worst}"
    return f"{fewest} sampled answers are enough for mean P(correct) and mean entropy\n{worst}".replace("\nf", "\nF")
