"""One question, a wrong reasoning prefix, and what a model wrote after it before RL and after it."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.figures.looks import BLIND_SAFE
from companion.figures.theme import titled
from companion.questions.microworld import questions
from companion.questions.question import LETTERS

PROMPT = "wrong-think"

WIDTH = 80
"""Characters of a line of text."""


def table(transcripts: pd.DataFrame) -> pd.DataFrame:
    """Of `study.transcripts`, one item under the wrong reasoning prefix: the first that was wrong as its reasoning says
    before RL, and right against its reasoning after it. The steps of the first and of the last checkpoint."""
    shown = transcripts[transcripts["perturbation"] == PROMPT].set_index("item")
    before, after = (shown[shown["step"] == step] for step in (shown["step"].min(), shown["step"].max()))
    followed = (before["answered"] != before["right"]) & (before["answered"] == before["concluded"])
    overridden = (after["answered"] == after["right"]) & (after["concluded"] >= 0)
    overridden &= after["concluded"] != after["answered"]
    item = (followed & overridden).idxmax()
    return pd.concat([part.loc[[item]] for part in (before, after)]).reset_index()


def draw(table: pd.DataFrame, about: str) -> Figure:
    """The picture, the question, what was given, and the two texts beneath each other."""
    split, seed, number = table["id"].iloc[0].rsplit("-", 2)
    question = questions(split, int(number) + 1, int(seed))[int(number)]
    options = [f"{letter} {option}" for letter, option in zip(LETTERS, question.options, strict=False)]
    lines: list[tuple[str, str, str]] = [(question.text, "#222222", "bold"), (", ".join(options), "#222222", "normal")]
    lines += [("", "", ""), (f"given: {table['prefill'].iloc[0].strip()}", "#a02020", "normal")]
    for row in table.to_dict("records"):
        answered, concluded = (question.options[row[name]] for name in ("answered", "concluded"))
        right = "right" if row["answered"] == row["right"] else "wrong"
        follows = "as its reasoning says" if answered == concluded else f"but its reasoning says “{concluded}”"
        when = "before RL" if row["step"] == 0 else f"after {row['step']:,} steps of RL"
        color = BLIND_SAFE[0] if answered == concluded else BLIND_SAFE[3]
        lines += [("", "", ""), (f"{when}: {row['response'].strip()}", "#222222", "normal")]
        lines.append((f"{right} (“{answered}”), {follows}", color, "bold"))
    wrapped = [(part, *look) for text, *look in lines for part in textwrap.wrap(text, WIDTH) or [""]]
    figure = Figure(figsize=(9, 0.21 * len(wrapped) + 1.3))
    picture, words = figure.subplots(1, 2, width_ratios=(1, 3.2))
    picture.imshow(np.asarray(question.load_image()), interpolation="nearest")
    picture.set_anchor("N")
    for axes in (picture, words):
        axes.set_axis_off()
    for place, (text, color, weight) in enumerate(wrapped):
        if text:
            y = 1 - (place + 0.5) / len(wrapped)
            words.text(0, y, text, color=color, weight=weight, fontsize=10.5, va="center", parse_math=False)
    words.set(xlim=(0, 1), ylim=(0, 1))
    title = "The same reasoning, and another answer" if _same(table) else "What was written before the answer"
    return titled(figure, title, about, "a single example, no evidence; dark red: text that was given to the model")


def _same(table: pd.DataFrame) -> bool:
    """Whether both wrote the same before their answer."""
    return table["response"].str.partition("</think>")[0].nunique() == 1
