"""Pictures of single items: what was asked, what was answered, with which probabilities. None of them is saved."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.evaluation.judges.judge_registry import judged_by
from companion.figures.looks import BLIND_SAFE, checkpoint_look, perturbation_look
from companion.figures.phrases import perturbation_label
from companion.figures.theme import titled
from companion.perturbations.perturbation import Prompt
from companion.questions.question import LETTERS, Question

JUDGED = {
    "rule": {"agree": "says so", "disagree": "says otherwise", "no commitment": "concludes nothing"},
    "grounding": {"agree": "is true of the picture", "disagree": "is not true of the picture"},
}
"""judge → verdict → what it says of the reasoning; of other judges name and verdict are shown as they are."""

COLUMNS = 4
"""Panels beside each other in `asked`, the picture being the first."""

ADDED = "#a02020"
"""The colour of text that a perturbation added."""

VERDICTS = {"agree": "✓", "disagree": "✗"}
"""Of a judge, as `asked` shows them; – for all others."""


def pictures(questions: Sequence[Question]) -> Figure:
    """A sheet of pictures, each under its question, with its options and the right one marked."""
    columns = 3
    rows = -(-len(questions) // columns)
    figure = Figure(figsize=(9, 2.75 * rows))
    places = np.ravel(figure.subplots(rows, columns))
    for axes in places:
        axes.set_axis_off()
    for axes, question in zip(places, questions, strict=False):
        axes.imshow(np.asarray(question.load_image()), interpolation="nearest")
        head = f"{question.category}, {question.difficulty}" if question.difficulty else question.category
        axes.set_title(f"{head}\n" + "\n".join(textwrap.wrap(question.text, 32)), fontsize=9)
        options = ", ".join(f"[{o}]" if k == question.answer else o for k, o in enumerate(question.options))
        axes.text(0, -0.03, "\n".join(textwrap.wrap(options, 42)), transform=axes.transAxes, fontsize=8, va="top")
    source = ", ".join(dict.fromkeys(question.source for question in questions))
    figure.suptitle(f"{source}; in brackets: the right option", x=0.01, ha="left", fontsize=9)
    return figure


def example(question: Question, rows: pd.DataFrame) -> Figure:
    """A question's picture, and for each row what was asked and what was answered. rows: indexed by perturbation.

    What the perturbation added is in dark red, what the model itself wrote in black. Verdicts stand behind the answer
    where the rows hold some.
    """
    blocks = []
    for name, row in rows.iterrows():
        verdict = "right" if row["correct"] else "wrong" if row["answer"] else "no answer"
        given = {judge: row[judge] for judge in judged_by(rows) if isinstance(row[judge], str)}
        judged = [JUDGED.get(judge, {found: f"{judge}: {found}"}).get(found) for judge, found in given.items()]
        verdict += f" (its reasoning {', '.join(filter(None, judged))})" if any(judged) else ""
        caption = row["prompt"].split(question.text)[0].strip()
        if pd.notna(row.get("p_correct")):
            verdict += f", P(correct) {row['p_correct']:.2f}"
        blocks.append((f"{name}: {verdict}", caption, row["prefill"], row["response"]))
    width = 73
    lines: list[tuple[str, str, str]] = [(f"{question.source}, item {question.id}", "#666666", "normal")]
    lines += [(part, "#222222", "bold") for part in textwrap.wrap(question.text, width - 8)]
    options = "   ".join(f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=False))
    lines += [(part, "#222222", "normal") for part in textwrap.wrap(options, width)]
    for head, caption, prefill, response in blocks:
        lines.append(("", "#222222", "normal"))
        lines += [(part, perturbation_look(head.split(":")[0])[0], "bold") for part in textwrap.wrap(head, width - 8)]
        for label, text, color in (
            ("added: ", caption, ADDED),
            ("prefilled: ", prefill, ADDED),
            ("wrote: ", response, "#222222"),
        ):
            if text:
                lines += [(part, color, "normal") for part in textwrap.wrap(label + text, width)]
    height = 0.2 * len(lines) + 0.3
    figure = Figure(figsize=(7.8, max(2.2, height)))
    figure.set_layout_engine("none")
    picture = figure.add_axes((0.0, 0.0, 0.277, 1.0))
    picture.imshow(np.asarray(question.load_image()), interpolation="nearest")
    picture.set_anchor("NW")
    picture.set_axis_off()
    for k, (text, color, weight) in enumerate(lines):
        y = 1 - (k + 0.9) * 0.2 / figure.get_figheight()
        figure.text(0.3, y, text, color=color, weight=weight, fontsize=9.5, parse_math=False)
    return figure


def letters(question: Question, rows: pd.DataFrame, about: str) -> Figure:
    """One item's distribution over the option letters under some perturbations. rows: indexed by perturbation.

    Under each panel the text that was put there; the letter of the option that it asserts is as red.
    """
    figure = Figure(figsize=(9, 3.4))
    picture, *panels = figure.subplots(1, len(rows) + 1)
    picture.imshow(np.asarray(question.load_image()), interpolation="nearest")
    picture.set_axis_off()
    for axes, (name, row) in zip(panels, rows.iterrows(), strict=True):
        shown = [f"{letter}" for letter, _ in zip(LETTERS, row["options"], strict=False)]
        colors = [perturbation_look(str(name))[0] if letter == row["right"] else "#cccccc" for letter in shown]
        hatches = ["//" if letter == row["right"] else "" for letter in shown]
        axes.bar(
            shown,
            np.round(row["letter_probs"], 3),
            color=colors,
            hatch=hatches,
            edgecolor="#222222",
            hatchcolor="white",
        )
        axes.set(ylim=(0, 1), title=perturbation_label(str(name)))
        axes.title.set_fontsize(9)
        axes.set_xlabel(_put_there(question, row), color=ADDED, fontsize=8, parse_math=False)
        for tick, letter in zip(axes.get_xticklabels(), shown, strict=True):
            if letter == row["suggested"]:
                tick.set(color=ADDED, weight="bold")
    panels[0].set_ylabel("probability")
    options = ", ".join(f"{letter} {option}" for letter, option in zip(LETTERS, question.options, strict=False))
    note = "hatched: the right letter; red: text that was put there, and the letter that it asserts"
    title = f"{question.text}\n{options}; right: {question.letter}".replace("$", r"\$")
    return titled(figure, title, about, note)


def _put_there(question: Question, row: pd.Series) -> str:
    """What a caption or a reasoning prefix added to the prompt, in short lines; "" for nothing."""
    caption = row["prompt"].split(question.text)[0].strip()
    return "\n".join(textwrap.wrap(caption or row["prefill"].removeprefix("<think>").strip(), 24))


def answers_to_prompt(prompt: Prompt, table: pd.DataFrame) -> Figure:
    """The picture of a prompt, and each model's distribution over the option letters, the right one bold.

    What a caption or a reasoning prefix put there stands in the title.

    table: one line a model: model, answer (letter or None), letter_probs (or None), rule, grounding (verdicts).
    """
    rows = -(-(len(table) + 1) // COLUMNS)
    figure = Figure(figsize=(9, 2.35 * rows + 1.1))
    first, *panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    first.imshow(np.asarray(prompt.load_image()), interpolation="nearest")
    first.set_axis_off()
    for axes, line in zip(panels, table.to_dict("records"), strict=False):
        _letters(axes, line, prompt, checkpoint_look(line["model"])[0])
    for axes in panels[len(table) :]:
        axes.set_axis_off()
    question = prompt.question
    options = [f"{letter} {option}" for letter, option in zip(LETTERS, prompt.options, strict=False)]
    if not len(table):
        text = "\n".join([question.text, "", *options])
        panels[0].text(0, 1, text, va="top", fontsize=10, transform=panels[0].transAxes, parse_math=False)
        return figure
    panels[0].set_ylabel("probability", fontsize="small")
    added = prompt.text.split(question.text)[0].strip() or prompt.prefill
    lines = [
        question.text,
        f"{', '.join(options)}; right: {question.letter}",
        *([f"put there: {added}"] if added else []),
        f"{question.source} · one question, no finding",
    ]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", wrap=True, parse_math=False)
    return figure


def _letters(axes: Axes, line: dict, prompt: Prompt, color: Any) -> None:
    letters = list(LETTERS[: len(prompt.options)])
    right = letters[prompt.question.answer]
    if line["letter_probs"] is not None:
        colors = [color if letter == right else "#dddddd" for letter in letters]
        # rounded: what differs between processors would draw edges in another grey
        axes.bar(letters, np.round(line["letter_probs"], 3), color=colors, edgecolor="#222222")
    else:
        axes.bar(letters, [0.0] * len(letters))
        axes.text(0.5, 0.5, "no letter", transform=axes.transAxes, ha="center")
    said = f"{line['answer']} {'(right)' if line['answer'] == right else '(wrong)'}" if line["answer"] else "no answer"
    judged = f"agrees {VERDICTS.get(line['rule'], '–')}  true {VERDICTS.get(line['grounding'], '–')}"
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1))
    axes.set_title(f"{line['model']}\n{said}  {judged}", fontsize=9, parse_math=False)
    axes.tick_params(labelsize="small")
    axes.grid(visible=False, axis="x")
    for tick in axes.get_xticklabels():
        if tick.get_text() == right:
            tick.set_fontweight("bold")


def rung(prompt: Prompt, table: pd.DataFrame, at: int) -> Figure:
    """One item on the way: its picture, the letters at a step, and P(right letter) at all of them.

    table: of `lab.steps.climb`. at: one of its steps.
    """
    figure = Figure(figsize=(9, 2.9))
    first, letters, path = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    first.imshow(np.asarray(prompt.load_image()), interpolation="nearest")
    first.set_axis_off()
    _letters(letters, table[table["step"] == at].iloc[0].to_dict() | {"model": f"step {at}"}, prompt, "#222222")
    path.plot(table["step"], table["p_correct"].astype(float), "o:", color="#222222")
    path.axvline(at, color=BLIND_SAFE[3], linewidth=1.2, linestyle="--")
    path.set(ylim=(-0.03, 1.03), xlabel="RL step")
    path.set_title("P(right letter)", fontsize=9)
    about = f"{prompt.question.source} · one question, no finding"
    figure.suptitle(f"{prompt.question.text} ({prompt.perturbation})\n{about}", x=0.01, ha="left", parse_math=False)
    return figure
