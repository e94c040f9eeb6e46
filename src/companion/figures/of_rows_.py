"""Figures of what models answer: each takes a table of `tables` and returns its figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from companion.figures.theme import (
    BLIND_SAFE,
    OVER_ITEMS,
    STYLES,
    alike,
    draw_chance,
    named,
    ordered,
    points,
    titled,
)
from companion.questions.question import Question

FATES = {"right": "still right", "suggested": "the suggested option", "other": "another option", "none": "no answer"}

JUDGED = {
    "rule": {"agree": "says so", "disagree": "says otherwise", "no commitment": "concludes nothing"},
    "grounding": {"agree": "is true of the picture", "disagree": "is not true of the picture"},
}
"""judge → verdict → what it says of the reasoning."""


def drops(table: pd.DataFrame, title: str) -> Figure:
    """Accuracy under each variant, and its paired change against base."""
    labels = ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.5))
    left, right = figure.subplots(1, 2, sharey=True)
    part = table[table["measure"] == "accuracy"]
    points(left, part, labels)
    guessed = draw_chance(left, part)
    left.set(xlabel="accuracy (%)", xlim=(0, 102))
    changes = table[table["measure"] == "change"]
    points(right, changes, labels)
    right.axvline(0, color="#222222", linewidth=1)
    right.set(xlabel="change against the plain prompt (points)")
    for y, name in enumerate(labels):
        value = changes.set_index("variant").loc[name, "value"] * 100
        if name != "base":
            text = f"{value:+.1f}".replace("-", "−")
            right.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    return titled(figure, title, f"{OVER_ITEMS}{guessed}")


def by_part(
    table: pd.DataFrame, column: str, title: str, variants: Sequence[str], measure: str = "accuracy",
    label: str = "accuracy (%)",
) -> Figure:  # fmt: skip
    """A measure of each part (family, difficulty or benchmark) under some variants; the grey bar, if any, is chance.

    In brackets behind a part: its items.
    """
    parts = list(dict.fromkeys(table[column]))
    figure = Figure(figsize=(9, 0.62 * len(parts) + 1.8))
    axes = figure.subplots()
    table = table[table["measure"] == measure]
    offsets = np.linspace(-0.3, 0.3, len(variants))
    for y, part in enumerate(parts):
        lines = table[table[column] == part].set_index("variant")
        if "chance" in lines:
            axes.barh(y, lines["chance"].iloc[0] * 100, height=0.9, color="#dddddd", zorder=0)
        for offset, name in zip(offsets, variants, strict=True):
            color, marker = STYLES[name]
            line = lines.loc[name]
            axes.plot([line["low"] * 100, line["high"] * 100], [y + offset] * 2, color=color, linewidth=1.5)
            shown = named(name) if y == 0 else None
            axes.plot(line["value"] * 100, y + offset, marker=marker, color=color, linestyle="none", label=shown,
                      clip_on=False)  # fmt: skip
    items = table.groupby(column)["n"].max()
    axes.set_yticks(range(len(parts)), [f"{part} ({items[part]})" for part in parts])
    axes.set(xlabel=label, xlim=(0, 102), ylim=(len(parts) - 0.5, -0.5))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    note = f"{OVER_ITEMS}, whose number stands in brackets{alike(table[table['variant'].isin(variants)])}"
    return titled(figure, title, f"{note}; grey: chance" if "chance" in table else note)


def grid(table: pd.DataFrame, title: str) -> Figure:
    """The change of accuracy against base, a line a benchmark and a column a variant; in bold where its interval is
    clear of zero.

    table: from `tables.accuracy`, with a column `benchmark`.
    """
    changes = table[(table["measure"] == "change") & (table["variant"] != "base")]
    variants, benchmarks = ordered(changes["variant"].tolist()), list(dict.fromkeys(changes["benchmark"]))
    values = changes.pivot(index="benchmark", columns="variant", values="value").loc[benchmarks, variants] * 100
    figure = Figure(figsize=(9, 0.45 * len(benchmarks) + 2.2))
    axes = figure.subplots()
    most = max(1.0, float(np.nanmax(np.abs(values.to_numpy()))))
    sns.heatmap(values, ax=axes, cmap="vlag_r", vmin=-most, vmax=most, annot=True, fmt="+.1f", linewidths=1,
                cbar_kws={"label": "points"})  # fmt: skip
    clear = changes.assign(clear=(changes["low"] > 0) | (changes["high"] < 0))
    bold = clear.pivot(index="benchmark", columns="variant", values="clear").loc[benchmarks, variants].to_numpy()
    for text, heavy in zip(axes.texts, bold.ravel(), strict=True):
        text.set(text=text.get_text().replace("-", "−"), fontweight="bold" if heavy else "normal")
    axes.set(xlabel="", ylabel="")
    axes.tick_params(axis="x", rotation=30)
    axes.tick_params(axis="y", rotation=0)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
    return titled(figure, title, "bold: the 95 % interval over items is clear of zero")


def wordings(table: pd.DataFrame, title: str) -> Figure:
    """The change against base under each wording of each variant."""
    labels = ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.52 * len(labels) + 1.6))
    axes = figure.subplots()
    for y, name in enumerate(labels):
        color, _ = STYLES[name]
        for k, (_, line) in enumerate(table[table["variant"] == name].iterrows()):
            place = y + 0.27 * (k - 1)
            axes.plot([line["low"] * 100, line["high"] * 100], [place] * 2, color=color, linewidth=1.5)
            axes.plot(line["value"] * 100, place, marker="o", color="white", markersize=9)
            axes.plot(line["value"] * 100, place, marker=f"${k}$", color=color, markersize=7, linestyle="none")
    axes.axvline(0, color="#222222", linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="change against the plain prompt (points)", ylim=(len(labels) - 0.5, -0.5))
    fewest, most = table["n"].min(), table["n"].max()
    return titled(figure, title, f"0, 1, 2: the wording, each of {fewest} to {most} items of its own; {OVER_ITEMS}")


def fates(table: pd.DataFrame, title: str) -> Figure:
    """Stacked shares: where the answers go that were right under base."""
    labels = ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.42 * len(labels) + 1.6))
    axes = figure.subplots()
    left = np.zeros(len(labels))
    looks = zip(FATES, (BLIND_SAFE[2], BLIND_SAFE[3], BLIND_SAFE[1], "#bbbbbb"), ("", "//", "..", "xx"), strict=True)
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
    axes.set(xlabel="share of the items that were right under the plain prompt (%)", xlim=(0, 100))
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    among = f"of the {table['among'].max()} items that were right under the plain prompt"
    return titled(figure, title, f"{among}; their 95 % intervals over items stand in the csv of this figure")


def confidence(table: pd.DataFrame, title: str) -> Figure:
    """P(correct) and normalised entropy under each variant."""
    labels = ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.36 * len(labels) + 1.5))
    for axes, (measure, text) in zip(
        figure.subplots(1, 2, sharey=True),
        (("p_correct", "P(correct letter)"), ("entropy", "entropy over the letters (1: uniform)")),
        strict=True,
    ):
        points(axes, table[table["measure"] == measure], labels, scale=1.0)
        axes.set(xlabel=text)
        axes.set_xlim(left=0, right=1.02 if measure == "p_correct" else None)
    return titled(figure, title, OVER_ITEMS)


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
        axes.scatter(part["confidence"], part["value"], s=15 + part["n"] / 2, color=color, marker=marker, alpha=0.5)
        axes.set(
            title=named(name),
            xlabel="probability of its answer",
            xlim=(-0.03, 1.12),
            ylim=(-0.03, 1.06),
            xticks=(0, 0.5, 1),
        )
    panels[0].set_ylabel("accuracy")
    return titled(
        figure,
        title,
        "area: how many answers; dashed: perfect calibration; vertical lines: 95 % intervals over items"
        + alike(table[table["variant"].isin(variants)]),
    )


def survival(table: pd.DataFrame, title: str) -> Figure:
    """AUROC of both predictors for each perturbation, over all pairs and within families; 0.5 is chance."""
    labels = ordered(table["variant"].tolist())
    figure = Figure(figsize=(9, 0.5 * len(labels) + 1.9))
    panels = list(table.groupby("pairs", sort=False))
    for axes, (pairs, part) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for offset, (predictor, color, marker) in zip(
            (-0.14, 0.14), (("P(correct)", BLIND_SAFE[0], "o"), ("−entropy", BLIND_SAFE[1], "s")), strict=True
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
    return titled(figure, title, f"{OVER_ITEMS}; black line: chance")


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
    source = ", ".join(dict.fromkeys(question.source for question in questions))
    figure.suptitle(f"{source}; in brackets: the right option", x=0.01, ha="left", fontsize=9)
    return figure


def letters(question: Question, rows: pd.DataFrame, title: str) -> Figure:
    """One item's distribution over the option letters under some variants. rows: indexed by variant."""
    figure = Figure(figsize=(9, 2.6))
    picture, *panels = figure.subplots(1, len(rows) + 1)
    picture.imshow(np.asarray(question.load_image()), interpolation="nearest")
    picture.set_axis_off()
    for axes, (name, row) in zip(panels, rows.iterrows(), strict=True):
        shown = [f"{letter}" for letter, _ in zip("ABCDEF", row["options"], strict=False)]
        colors = [STYLES[str(name)][0] if letter == row["right"] else "#cccccc" for letter in shown]
        hatches = ["//" if letter == row["right"] else "" for letter in shown]
        axes.bar(shown, row["letter_probs"], color=colors, hatch=hatches, edgecolor="#222222", hatchcolor="white")
        axes.set(ylim=(0, 1), title=named(str(name)))
        axes.title.set_fontsize(9)
    panels[0].set_ylabel("probability")
    return titled(figure, title, "hatched: the right letter")


def example(question: Question, rows: pd.DataFrame) -> Figure:
    """A question's picture, and for each row what was asked and what was answered. rows: indexed by variant.

    What the perturbation added is in dark red, what the model itself wrote in black. Verdicts stand behind the answer
    where the rows hold some.
    """
    blocks = []
    for name, row in rows.iterrows():
        verdict = "right" if row["correct"] else "wrong" if row["answer"] else "no answer"
        judged = [said[row[judge]] for judge, said in JUDGED.items() if row.get(judge) in said]
        verdict += f" (its reasoning {', '.join(judged)})" if judged else ""
        caption = row["prompt"].split(question.text)[0].strip()
        if pd.notna(row.get("p_correct")):
            verdict += f", P(correct) {row['p_correct']:.2f}"
        blocks.append((f"{name}: {verdict}", caption, row["prefill"], row["response"]))
    width = 74
    lines: list[tuple[str, str, str]] = [(f"{question.source}, item {question.id}", "#666666", "normal")]
    lines += [(part, "#222222", "bold") for part in textwrap.wrap(question.text, width - 8)]
    options = "   ".join(f"{letter}. {option}" for letter, option in zip("ABCDE", question.options, strict=False))
    lines += [(part, "#222222", "normal") for part in textwrap.wrap(options, width)]
    for head, caption, prefill, response in blocks:
        lines.append(("", "#222222", "normal"))
        lines += [(part, STYLES[head.split(":")[0]][0], "bold") for part in textwrap.wrap(head, width - 8)]
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
