"""Plots: each takes a table of `tables` and returns its figure.

A variant has one colour, one marker and one name everywhere, and is told apart without colour. Lines through points
are 95 % intervals.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Image
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.questions import Question

_BLIND_SAFE = sns.color_palette("colorblind")
STYLES = {
    "base": ("#222222", "o"),
    "stop-think": (_BLIND_SAFE[7], "P"),
    "right-think": (_BLIND_SAFE[2], "^"),
    "right-caption": (_BLIND_SAFE[9], "v"),
    "wrong-think": (_BLIND_SAFE[3], "X"),
    "wrong-think-but": (_BLIND_SAFE[6], "d"),
    "wrong-caption": (_BLIND_SAFE[0], "s"),
    "wrong-caption-disclaimer": (_BLIND_SAFE[4], "D"),
    "abstain": (_BLIND_SAFE[7], "h"),
    "wrong-think-abstain": (_BLIND_SAFE[3], "<"),
    "wrong-caption-abstain": (_BLIND_SAFE[0], ">"),
    "blank-image": (_BLIND_SAFE[5], "*"),
}
"""variant → (colour, marker), in the order in which figures list them."""

RECIPES = {
    "before RL": ("#222222", "o", "-"),
    "accuracy": (_BLIND_SAFE[3], "s", "-"),
    "more-tasks": (_BLIND_SAFE[1], "D", "-"),
    "augmented": (_BLIND_SAFE[0], "^", "--"),
    "faithful": (_BLIND_SAFE[2], "v", "-"),
    "augmented-faithful": (_BLIND_SAFE[4], "P", "--"),
    "grounded": (_BLIND_SAFE[5], "X", "-"),
    "grounded-augmented": (_BLIND_SAFE[6], "<", "--"),
    "guarded": (_BLIND_SAFE[9], ">", ":"),
}
"""RL recipe → (colour, marker, line), in the order in which figures list them."""

FATES = {"right": "still right", "suggested": "the suggested option", "other": "another option", "none": "no answer"}


def set_theme() -> None:
    """One look for all figures; ids in SVG files do not depend on the run."""
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.9)
    rcParams.update({"svg.hashsalt": "companion", "figure.constrained_layout.use": True, "axes.titlelocation": "left"})


def show(figure: Figure, alt: str = "") -> Image:
    """A figure as a picture in a notebook, which GitHub shows too."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    return Image(data=buffer.getvalue(), alt=alt, width=900)


def _ordered(variants: Sequence[str]) -> list[str]:
    return [name for name in STYLES if name in set(variants)]


def _points(axes: Axes, table: pd.DataFrame, labels: list[str], scale: float = 100.0) -> None:
    """One point and interval for each variant, from the top down."""
    table = table.set_index("variant")
    for y, name in enumerate(labels):
        color, marker = STYLES[name]
        line = table.loc[name]
        axes.plot([line["low"] * scale, line["high"] * scale], [y, y], color=color, linewidth=2)
        axes.plot(line["value"] * scale, y, marker=marker, color=color, markersize=8, linestyle="none")
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)


def drops(table: pd.DataFrame, title: str) -> Figure:
    """Accuracy under each variant, and its paired change against base."""
    labels = _ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.5))
    left, right = figure.subplots(1, 2, sharey=True)
    part = table[table["measure"] == "accuracy"]
    _points(left, part, labels)
    left.set(xlabel="accuracy (%)", xlim=(0, 102))
    changes = table[table["measure"] == "change"]
    _points(right, changes, labels)
    right.axvline(0, color="#222222", linewidth=1)
    right.set(xlabel="change against base (points)")
    for y, name in enumerate(labels):
        value = changes.set_index("variant").loc[name, "value"] * 100
        if name != "base":
            text = f"{value:+.1f}".replace("-", "−")
            right.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def by_part(table: pd.DataFrame, column: str, title: str, variants: Sequence[str]) -> Figure:
    """Accuracy of each part (family or difficulty) under some variants; the grey bar is chance."""
    parts = list(dict.fromkeys(table[column]))
    figure = Figure(figsize=(9, 0.62 * len(parts) + 1.8))
    axes = figure.subplots()
    table = table[table["measure"] == "accuracy"]
    offsets = np.linspace(-0.3, 0.3, len(variants))
    for y, part in enumerate(parts):
        lines = table[table[column] == part].set_index("variant")
        axes.barh(y, lines["chance"].iloc[0] * 100, height=0.9, color="#dddddd", zorder=0)
        for offset, name in zip(offsets, variants, strict=True):
            color, marker = STYLES[name]
            line = lines.loc[name]
            axes.plot([line["low"] * 100, line["high"] * 100], [y + offset] * 2, color=color, linewidth=1.5)
            label = name if y == 0 else None
            axes.plot(line["value"] * 100, y + offset, marker=marker, color=color, linestyle="none", label=label)
    axes.set_yticks(range(len(parts)), parts)
    axes.set(xlabel="accuracy (%); grey: chance", xlim=(0, 102), ylim=(len(parts) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def wordings(table: pd.DataFrame, title: str) -> Figure:
    """The change against base under each wording of each variant."""
    labels = _ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.6))
    axes = figure.subplots()
    for y, name in enumerate(labels):
        color, _ = STYLES[name]
        for k, (_, line) in enumerate(table[table["variant"] == name].iterrows()):
            place = y + 0.24 * (k - 1)
            axes.plot([line["low"] * 100, line["high"] * 100], [place] * 2, color=color, linewidth=1.5)
            axes.plot(line["value"] * 100, place, marker=f"${k}$", color=color, markersize=7, linestyle="none")
    axes.axvline(0, color="#222222", linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="change against base (points); 0, 1, 2: the wording", ylim=(len(labels) - 0.5, -0.5))
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def fates(table: pd.DataFrame, title: str) -> Figure:
    """Stacked shares: where the answers go that were right under base."""
    labels = _ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.42 * len(labels) + 1.6))
    axes = figure.subplots()
    left = np.zeros(len(labels))
    looks = zip(FATES, (_BLIND_SAFE[2], _BLIND_SAFE[3], _BLIND_SAFE[1], "#bbbbbb"), ("", "//", "..", "xx"), strict=True)
    for fate, color, hatch in looks:
        values = table[table["fate"] == fate].set_index("variant").loc[labels, "value"].to_numpy() * 100
        axes.barh(labels, values, left=left, color=color, hatch=hatch, edgecolor="white", label=FATES[fate])
        for y, (start, value) in enumerate(zip(left, values, strict=True)):
            if value >= 6:
                axes.text(start + value / 2, y, f"{value:.0f}", ha="center", va="center", fontsize="small",
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
        left += values
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlabel="share of the items that were right under base (%)", xlim=(0, 100))
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def confidence(table: pd.DataFrame, title: str) -> Figure:
    """P(correct) and normalised entropy under each variant."""
    labels = _ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.5))
    for axes, (measure, text) in zip(
        figure.subplots(1, 2, sharey=True),
        (("p_correct", "P(correct letter)"), ("entropy", "entropy over the letters (1: uniform)")),
        strict=True,
    ):
        _points(axes, table[table["measure"] == measure], labels, scale=1.0)
        axes.set(xlabel=text)
        axes.set_xlim(left=0, right=1.02 if measure == "p_correct" else None)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def reliability(table: pd.DataFrame, title: str, variants: Sequence[str]) -> Figure:
    """Accuracy against the probability of the chosen letter; on the diagonal a model is calibrated."""
    figure = Figure(figsize=(9, 3.4))
    panels = np.atleast_1d(figure.subplots(1, len(variants), sharey=True, sharex=True))
    for axes, name in zip(panels, variants, strict=True):
        color, marker = STYLES[name]
        part = table[table["variant"] == name]
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--")
        for _, line in part.iterrows():
            axes.plot([line["confidence"]] * 2, [line["low"], line["high"]], color=color, linewidth=1.5)
        axes.scatter(part["confidence"], part["value"], s=15 + part["n"] / 2, color=color, marker=marker, alpha=0.8)
        axes.set(
            title=name, xlabel="probability of its answer", xlim=(-0.03, 1.12), ylim=(-0.03, 1.06), xticks=(0, 0.5, 1)
        )
    panels[0].set_ylabel("accuracy")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def survival(table: pd.DataFrame, title: str) -> Figure:
    """AUROC of both predictors for each perturbation, over all pairs and within families; 0.5 is chance."""
    labels = _ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.5 * len(labels) + 1.9))
    panels = list(table.groupby("pairs", sort=False))
    for axes, (pairs, part) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for offset, (predictor, color, marker) in zip(
            (-0.14, 0.14), (("P(correct)", _BLIND_SAFE[0], "o"), ("−entropy", _BLIND_SAFE[1], "s")), strict=True
        ):
            lines = part[part["predictor"] == predictor].set_index("variant").loc[labels]
            for y, (_, line) in enumerate(lines.iterrows()):
                axes.plot([line["low"], line["high"]], [y + offset] * 2, color=color, linewidth=2)
            places = np.arange(len(labels)) + offset
            label = predictor if pairs == panels[0][0] else None
            axes.plot(lines["value"], places, marker=marker, color=color, linestyle="none", label=label)
        axes.axvline(0.5, color="#222222", linewidth=1)
        axes.set_yticks(range(len(labels)), labels)
        axes.set(title=pairs, xlabel="AUROC for “stays right”", xlim=(0, 1.02), ylim=(len(labels) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def pictures(questions: Sequence[Question], columns: int = 3) -> Figure:
    """A sheet of pictures, each under its question, with its options and the right one marked."""
    rows = -(-len(questions) // columns)
    figure = Figure(figsize=(9, 2.75 * rows))
    for axes, question in zip(np.ravel(figure.subplots(rows, columns)), questions, strict=False):
        axes.imshow(np.asarray(question.load_image()), interpolation="nearest")
        axes.set_axis_off()
        head = f"{question.category}, {question.difficulty}" if question.difficulty else question.category
        axes.set_title(f"{head}\n" + "\n".join(textwrap.wrap(question.text, 32)), fontsize=9)
        options = ", ".join(f"[{o}]" if k == question.answer else o for k, o in enumerate(question.options))
        axes.text(0, -0.03, "\n".join(textwrap.wrap(options, 42)), transform=axes.transAxes, fontsize=8, va="top")
    return figure


def letters(question: Question, rows: pd.DataFrame, title: str) -> Figure:
    """One item's distribution over the option letters under some variants. rows: indexed by variant."""
    figure = Figure(figsize=(9, 2.3))
    picture, *panels = figure.subplots(1, len(rows) + 1)
    picture.imshow(np.asarray(question.load_image()), interpolation="nearest")
    picture.set_axis_off()
    for axes, (name, row) in zip(panels, rows.iterrows(), strict=True):
        shown = [f"{letter}" for letter, _ in zip("ABCDEF", row["options"], strict=False)]
        colors = [STYLES[str(name)][0] if letter == row["right"] else "#cccccc" for letter in shown]
        axes.bar(shown, row["letter_probs"], color=colors, edgecolor="#222222")
        axes.set(ylim=(0, 1), title=name)
        axes.title.set_fontsize(9)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def example(question: Question, rows: pd.DataFrame) -> Figure:
    """A question's picture, and for each row what was asked and what was answered. rows: indexed by variant.

    What the perturbation added is in dark red, what the model itself wrote in black.
    """
    blocks = []
    for name, row in rows.iterrows():
        verdict = "right" if row["correct"] else "wrong" if row["answer"] else "no answer"
        caption = row["prompt"].split(question.text)[0].strip()
        blocks.append((f"{name}: {verdict}", caption, row["prefill"], row["response"]))
    width = 74
    lines: list[tuple[str, str, str]] = [(f"{question.text}", "#222222", "bold")]
    options = "   ".join(f"{letter}. {option}" for letter, option in zip("ABCDE", question.options, strict=False))
    lines += [(part, "#222222", "normal") for part in textwrap.wrap(options, width)]
    for head, caption, prefill, response in blocks:
        lines.append(("", "#222222", "normal"))
        lines.append((head, STYLES[head.split(":")[0]][0], "bold"))
        for label, text, color in (
            ("added: ", caption, "#a02020"),
            ("prefilled: ", prefill, "#a02020"),
            ("wrote: ", response, "#222222"),
        ):  # fmt: skip
            if text:
                lines += [(part, color, "normal") for part in textwrap.wrap(label + text, width)]
    height = 0.2 * len(lines) + 0.3
    figure = Figure(figsize=(9, max(2.2, height)))
    figure.set_layout_engine("none")
    picture = figure.add_axes((0.0, 0.0, 0.24, 1.0))
    picture.imshow(np.asarray(question.load_image()), interpolation="nearest")
    picture.set_anchor("NW")
    picture.set_axis_off()
    for k, (text, color, weight) in enumerate(lines):
        y = 1 - (k + 0.9) * 0.2 / figure.get_figheight()
        figure.text(0.26, y, text, color=color, weight=weight, fontsize=9.5, parse_math=False)
    return figure


def _recipes(table: pd.DataFrame) -> list[str]:
    return [name for name in RECIPES if name in set(table["recipe"])]


def tradeoff(table: pd.DataFrame, title: str) -> Figure:
    """Paths in the plane of accuracy and consistency, one panel a recipe: each seed thin, their mean with markers.

    table: from `dynamics.trajectories`, one start, one variant, measures correct and consistent.
    """
    recipes = _recipes(table)
    columns = min(3, len(recipes))
    rows = -(-len(recipes) // columns)
    figure = Figure(figsize=(9, 2.9 * rows + 0.6))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, recipe in zip(panels, recipes, strict=False):
        color, marker, line = RECIPES[recipe]
        for seed, part in table[table["recipe"] == recipe].groupby("seed"):
            path = part.pivot(index="step", columns="measure", values="value") * 100
            if seed == -1:
                axes.plot(path["correct"], path["consistent"], color=color, linestyle=line, marker=marker, linewidth=2)
                axes.plot(path["correct"].iloc[0], path["consistent"].iloc[0], "o", color="#222222", markersize=8)
                for step in (path.index[0], path.index[-1]):
                    axes.annotate(f"step {step}", path.loc[step, ["correct", "consistent"]], xytext=(5, 5),
                                  textcoords="offset points", fontsize="small")  # fmt: skip
            else:
                axes.plot(path["correct"], path["consistent"], color=color, alpha=0.35, linewidth=1)
        axes.set_title(recipe)
    for axes in panels[len(recipes) :]:
        axes.set_axis_off()
    figure.supxlabel("accuracy (%)", fontsize="medium")
    figure.supylabel("reasoning and answer agree (%)", fontsize="medium")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


PANELS = {
    "correct": ("accuracy (%)", 100),
    "consistent": ("reasoning and answer agree (%)", 100),
    "grounded": ("reasoning true of the picture (%)", 100),
    "entropy": ("letter entropy (1: uniform)", 1),
    "words": ("words of reasoning", 1),
    "p_correct": ("P(correct letter)", 1),
}


def curves(table: pd.DataFrame, measures: Sequence[str], title: str, by: str = "recipe", change: bool = True) -> Figure:
    """Measures over steps, as change since step 0 (or as they are): means with interval, single seeds thin.

    table: from `dynamics.trajectories`. by: what the lines are, "recipe", "variant" or "start".
    """
    columns = min(2, len(measures))
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(9, 2.8 * rows + 1.0))
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True)).ravel()
    value, low, high = ("change", "change_low", "change_high") if change else ("value", "low", "high")
    starts = {
        name: (_BLIND_SAFE[number], "os^"[number], "-") for number, name in enumerate(sorted(set(table["start"])))
    }
    variants = {name: (*STYLES[name], "-") for name in _ordered(table["variant"].tolist())}
    looks = {"recipe": {name: RECIPES[name] for name in _recipes(table)}, "variant": variants, "start": starts}[by]
    for axes, measure in zip(panels, measures, strict=False):
        label, scale = PANELS[measure]
        for name, (color, marker, line) in looks.items():
            part = table[(table[by] == name) & (table["measure"] == measure)]
            for seed, path in part.groupby("seed"):
                if seed == -1:
                    shown = name if axes is panels[0] else None
                    axes.plot(
                        path["step"], path[value] * scale, color=color, marker=marker, linestyle=line, label=shown
                    )
                    axes.fill_between(path["step"], path[low] * scale, path[high] * scale, color=color, alpha=0.12)
                elif by != "variant":
                    axes.plot(path["step"], path[value] * scale, color=color, alpha=0.3, linewidth=0.8)
        if change:
            axes.axhline(0, color="#222222", linewidth=1)
        axes.set(title=f"{label}, change" if change else label)
    for axes in panels[len(measures) - columns : len(measures)]:
        axes.set_xlabel("GRPO step")
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def remedies(table: pd.DataFrame, measure: str, label: str, variants: Sequence[str], title: str) -> Figure:
    """A measure of each recipe at the last step under some variants, with intervals over seeds and items."""
    recipes = _recipes(table)
    table = table[table["measure"] == measure]
    figure = Figure(figsize=(9, 0.3 * len(recipes) * len(variants) / 2 + 2.0))
    axes = figure.subplots()
    offsets = np.linspace(-0.3, 0.3, len(variants)) if len(variants) > 1 else [0.0]
    for y, recipe in enumerate(recipes):
        lines = table[table["recipe"] == recipe].set_index("variant")
        for offset, name in zip(offsets, variants, strict=True):
            color, marker = STYLES[name]
            line = lines.loc[name]
            axes.plot([line["low"] * 100, line["high"] * 100], [y + offset] * 2, color=color, linewidth=1.8)
            axes.plot(line["value"] * 100, y + offset, marker=marker, color=color, linestyle="none",
                      label=name if y == 0 else None)  # fmt: skip
    axes.set_yticks(range(len(recipes)), recipes)
    axes.set(xlabel=label, ylim=(len(recipes) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def seeds(table: pd.DataFrame, measure: str, title: str) -> Figure:
    """Each seed of each recipe as a point at the last step, and the recipe's mean with its interval."""
    recipes = _recipes(table)
    label, scale = PANELS[measure]
    table = table[(table["measure"] == measure) & (table["step"] == table["step"].max())]
    figure = Figure(figsize=(9, 0.42 * len(recipes) + 1.5))
    axes = figure.subplots()
    for y, recipe in enumerate(recipes):
        color, marker, _ = RECIPES[recipe]
        part = table[table["recipe"] == recipe]
        own, whole = part[part["seed"] >= 0], part[part["seed"] == -1].iloc[0]
        axes.plot([whole["low"] * scale, whole["high"] * scale], [y, y], color=color, linewidth=6, alpha=0.3)
        axes.plot(own["value"] * scale, [y] * len(own), marker=marker, color=color, linestyle="none")
    axes.set_yticks(range(len(recipes)), recipes)
    axes.set(xlabel=f"{label}; points: seeds, bar: 95 % interval of their mean", ylim=(len(recipes) - 0.5, -0.5))
    figure.suptitle(title, x=0.01, ha="left")
    return figure
