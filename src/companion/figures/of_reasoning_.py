"""Figures of whether reasoning and answer hang together: each takes a table of `consistency` and returns its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.evaluation.judges import measured_error
from companion.figures.theme import BLIND_SAFE, CHANCE, OVER_ITEMS, RECIPES, STYLES, named, ordered, titled

CHECKPOINTS = {
    **{name: look for name, look in RECIPES.items() if name != "before RL"},
    "noisy": ("#666666", "p", "-"),
    "noisy-accuracy": (BLIND_SAFE[3], "d", ":"),
}
"""checkpoint → (colour, marker, line), in the order in which figures list them."""


def listed(labels: Sequence[str]) -> list[str]:
    """Checkpoints in their standing order, others after them."""
    there = set(labels)
    known = [name for name in CHECKPOINTS if name in there]
    return known + sorted(there - set(known))


def _look(label: str) -> tuple:
    return CHECKPOINTS.get(label, ("#444444", "H", "-"))


def quadrants(table: pd.DataFrame, title: str) -> Figure:
    """The four quadrants as four panels: above right, below wrong; on the left the reasoning says so, else not.

    table: from `consistency.quadrants`. A bar a variant, with its interval.
    """
    labels = ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.52 * len(labels) + 1.8))
    heads = (
        ("consistent right", "right, and its reasoning says so"),
        ("inconsistent right", "right, its reasoning does not say so"),
        ("consistent wrong", "wrong, as its reasoning says"),
        ("inconsistent wrong", "wrong, its reasoning does not say so"),
    )  # fmt: skip
    for axes, (measure, head) in zip(figure.subplots(2, 2, sharex=True, sharey=True).ravel(), heads, strict=True):
        part = table[table["measure"] == measure].set_index("variant")
        for y, name in enumerate(labels):
            line = part.loc[name, ["value", "low", "high"]].astype(float) * 100
            axes.barh(y, line["value"], color=STYLES[name][0], height=0.72)
            axes.plot([line["low"], line["high"]], [y, y], color="white", linewidth=4, solid_capstyle="butt")
            axes.plot([line["low"], line["high"]], [y, y], color="#222222", linewidth=1.5)
            axes.text(
                max(line["value"], line["high"]) + 1.5, y, f"{line['value']:.0f}", va="center", fontsize="x-small"
            )
        axes.set_title(head)
        axes.grid(visible=False, axis="y")
    axes.set(
        xlim=(0, 100), ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)), yticklabels=list(map(named, labels))
    )
    for axes in figure.axes:
        axes.tick_params(labelsize="small")
    figure.supxlabel("share of all items (%)", fontsize="medium")
    return titled(figure, title, "lines at the ends of bars: 95 % intervals over items")


STEPS = {
    "accuracy": ("right", "o"),
    "consistent_accuracy": ("… and its reasoning says so", "s"),
    "grounded_accuracy": ("… and every statement of it is true", "^"),
}


def shrinking(table: pd.DataFrame, title: str, variants: Sequence[str], by: str = "model") -> Figure:
    """What "right" shrinks to under some variants: right; and consistent; and true of the picture, where that is known.

    table: `by` (model or benchmark), variant, measure (those of `STEPS`), estimate. Where benchmarks are compared, a
    pale band goes as far from "its reasoning says so" as the rule judge may err there (`judges.measured_error`); none
    where its verdicts are exact.
    """
    parts = listed(table[by].tolist()) if by == "model" else list(dict.fromkeys(table[by]))
    figure = Figure(figsize=(9, 0.42 * len(parts) + 2.0))
    panels = np.atleast_1d(figure.subplots(1, len(variants), sharey=True))
    unsure = [part for part in parts if by == "benchmark" and part not in measured_error.EXACT]
    lines = table.set_index(["variant", "measure", by])[["value", "low", "high"]].astype(float) * 100
    chance = table.groupby(by)["chance"].first() * 100 if "chance" in table else {}
    for axes, variant in zip(panels, variants, strict=True):
        for place, part in enumerate(parts):
            if part in chance:
                axes.plot([chance[part]] * 2, [place - 0.4, place + 0.4], **CHANCE)
        for number, (measure, (label, marker)) in enumerate(STEPS.items()):
            color = (BLIND_SAFE[0], BLIND_SAFE[2], BLIND_SAFE[3])[number]
            there = [place for place, part in enumerate(parts) if (variant, measure, part) in lines.index]
            for place in there:
                y = place + 0.22 * (number - 1)
                line = lines.loc[(variant, measure, parts[place])]
                if measure == "consistent_accuracy" and parts[place] in unsure:
                    judge = measured_error.measured()
                    ends = line["value"] - 100 * judge.missed.high, line["value"] + 100 * judge.invented.high
                    axes.plot(np.clip(ends, 0, 100), [y, y], color=color, linewidth=7, alpha=0.25, zorder=1)
                axes.plot([line["low"], line["high"]], [y, y], color=color, linewidth=1.5)
                axes.plot(line["value"], y, marker=marker, color=color, linestyle="none", clip_on=False, zorder=3,
                          label=label if place == there[0] and variant == variants[0] else None)  # fmt: skip
        axes.set(title=named(variant), xlim=(0, 100), ylim=(len(parts) - 0.5, -0.5), xlabel="share of all items (%)")
        axes.set_yticks(range(len(parts)), parts)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    told = [OVER_ITEMS]
    if len(chance):
        told.append("dotted: chance of being right")
    if unsure:
        told.append(f"pale: {measured_error.said()}")
    return titled(figure, title, "; ".join(told))


def failure_map(table: pd.DataFrame, title: str) -> Figure:
    """Each checkpoint under a wrong start of its reasoning: how stubborn (across) and how brittle (up) it is.

    table: model, type (stubborn, brittle), estimate.
    """
    figure = Figure(figsize=(9, 4.6))
    axes = figure.subplots()
    for model in listed(table["model"].tolist()):
        color, marker, _ = _look(model)
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
    return titled(figure, title, f"{OVER_ITEMS}; dashed: the two make up 100 %")


PROBES = {
    ("blank", "same"): "its own reasoning, blank picture:\nthe same answer",
    ("blank-empty", "same"): "neither reasoning nor picture:\nthe same answer (habit)",
    ("empty", "same"): "the picture, no reasoning:\nthe same answer",
    ("half", "same"): "the picture, half of the reasoning:\nthe same answer",
    ("flipped", "follows"): "the picture, reasoning turned:\nthe answer follows the reasoning",
    ("flipped", "same"): "the picture, reasoning turned:\nthe same answer",
}


def replays(table: pd.DataFrame, title: str) -> Figure:
    """What each probe of the replay judge gives, for each checkpoint. table: model, probe, measure, estimate."""
    models = listed(table["model"].tolist())
    figure = Figure(figsize=(9, 0.75 * len(PROBES) + 1.4))
    axes = figure.subplots()
    offsets = np.linspace(-0.25, 0.25, len(models)) if len(models) > 1 else [0.0]
    lines = table.set_index(["model", "probe", "measure"])[["value", "low", "high"]].astype(float) * 100
    for offset, model in zip(offsets, models, strict=True):
        color, marker, _ = _look(model)
        for y, (probe, measure) in enumerate(PROBES):
            line = lines.loc[(model, probe, measure)]
            axes.plot([line["low"], line["high"]], [y + offset] * 2, color=color, linewidth=1.8)
            label = model if y == 0 else None
            axes.plot(line["value"], y + offset, marker=marker, color=color, linestyle="none", label=label)
    axes.set_yticks(range(len(PROBES)), list(PROBES.values()))
    axes.set(xlim=(-1, 101), ylim=(len(PROBES) - 0.5, -0.5), xlabel="share of the answers (%)")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    probed = f"a probe takes {table['n'].min()} to {table['n'].max()} of the items"
    return titled(figure, title, f"{OVER_ITEMS}; {probed}")


def judge_accuracy(tables: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """How often a judge is right, with intervals: one panel a table, one line a group of its pairs.

    tables: heading → table of `labelled_pairs.score`.
    """
    figure = Figure(figsize=(9, 0.3 * max(len(table) for table in tables.values()) + 1.6))
    for axes, (head, table) in zip(np.atleast_1d(figure.subplots(1, len(tables))), tables.items(), strict=True):
        _groups(axes, table)
        axes.set_title(head)
    return titled(figure, title, "lines through points: 95 % intervals over pairs; in brackets: how many pairs")


def _groups(axes: Axes, table: pd.DataFrame) -> None:
    for y, line in enumerate(table.itertuples()):
        color, marker = (BLIND_SAFE[0], "D") if line.pairs in ("all", "seen", "unseen") else ("#666666", "o")
        axes.plot([line.low * 100, line.high * 100], [y, y], color=color, linewidth=1.8)
        axes.plot(line.accuracy * 100, y, marker=marker, color=color)
    axes.set_yticks(range(len(table)), [f"{line.pairs} ({line.n})" for line in table.itertuples()])
    axes.set(xlim=(0, 104), ylim=(len(table) - 0.5, -0.5), xlabel="conclusions found (%)")
