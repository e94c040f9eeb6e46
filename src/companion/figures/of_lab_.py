"""Figures of the lab: answers of several models to one prompt, a place on the way of RL, and how models behave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.of_reasoning_ import CHECKPOINTS, listed
from companion.figures.of_runs_ import PANELS, started
from companion.figures.theme import BLIND_SAFE, draw_chance, named, titled
from companion.perturbations.table import Prompt
from companion.questions.question import LETTERS

COLUMNS = 4
"""Panels beside each other in `asked`, the picture being the first."""

VERDICTS = {"agree": "✓", "disagree": "✗"}
"""Of a judge, as `asked` shows them; – for all others."""


def asked(prompt: Prompt, table: pd.DataFrame) -> Figure:
    """The picture of a prompt, and each model's distribution over the option letters, the right one bold.

    What a caption or a start of the reasoning put there stands in the title.

    table: one line a model: model, answer (letter or None), letter_probs (or None), rule, grounding (verdicts).
    """
    rows = -(-(len(table) + 1) // COLUMNS)
    figure = Figure(figsize=(9, 2.35 * rows + 1.1))
    first, *panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    first.imshow(np.asarray(prompt.load_image()), interpolation="nearest")
    first.set_axis_off()
    for axes, line in zip(panels, table.to_dict("records"), strict=False):
        _letters(axes, line, prompt, CHECKPOINTS.get(line["model"], ("#444444",))[0])
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
        question.text, f"{', '.join(options)}; right: {question.letter}", *([f"put there: {added}"] if added else []),
        f"{question.source} · one question, no finding",
    ]  # fmt: skip
    figure.suptitle("\n".join(lines), x=0.01, ha="left", wrap=True, parse_math=False)
    return figure


def _letters(axes: Axes, line: dict, prompt: Prompt, color: Any) -> None:
    letters = list(LETTERS[: len(prompt.options)])
    right = letters[prompt.question.answer]
    if line["letter_probs"] is not None:
        colors = [color if letter == right else "#dddddd" for letter in letters]
        axes.bar(letters, line["letter_probs"], color=colors, edgecolor="#222222")
    else:
        axes.bar(letters, [0.0] * len(letters))
        axes.text(0.5, 0.5, "no letter", transform=axes.transAxes, ha="center")
    said = f"{line['answer']} {'(right)' if line['answer'] == right else '(wrong)'}" if line["answer"] else "no answer"
    judged = f"agrees {VERDICTS.get(line['rule'], '–')}  true {VERDICTS.get(line['grounding'], '–')}"
    axes.set(ylim=(0, 1), yticks=(0, 0.5, 1))
    axes.set_title(f"{line['model']}: {said}\n{judged}", fontsize=9, parse_math=False)
    axes.tick_params(labelsize="small")
    axes.grid(visible=False, axis="x")
    for tick in axes.get_xticklabels():
        if tick.get_text() == right:
            tick.set_fontweight("bold")


def steps(table: pd.DataFrame, at: int, title: str) -> Figure:
    """Measures over GRPO steps with one step marked: the mean with its interval, single seeds thin, a line a start.

    table: from `training_runs.trajectories`, one recipe, one variant. at: the step that is marked.
    """
    measures = list(dict.fromkeys(table["measure"]))
    figure = Figure(figsize=(9, 3.3))
    panels = np.atleast_1d(figure.subplots(1, len(measures)))
    guessed = ""
    for axes, measure in zip(panels, measures, strict=True):
        label, scale = PANELS[measure]
        guessed += draw_chance(axes, table[table["measure"] == measure], "axhline")
        for start, (color, marker, line) in started(table).items():
            part = table[(table["measure"] == measure) & (table["start"] == start)]
            for seed, path in part.groupby("seed"):
                if seed != -1:
                    axes.plot(path["step"], path["value"] * scale, color=color, alpha=0.25, linewidth=0.8)
                    continue
                name = f"RL from {start}" if axes is panels[0] else None
                axes.plot(path["step"], path["value"] * scale, color=color, marker=marker, linestyle=line, label=name)
                axes.fill_between(path["step"], path["low"] * scale, path["high"] * scale, color=color, alpha=0.12)
                here = path[path["step"] == at]
                axes.plot(here["step"], here["value"] * scale, marker, color=BLIND_SAFE[3], markersize=11, zorder=3)
        axes.axvline(at, color=BLIND_SAFE[3], linewidth=1.2, linestyle="--")
        axes.set_title(label, fontsize="medium")
        axes.set_xlabel("GRPO step")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return titled(
        figure, title, f"bands: 95 % intervals over seeds and items; thin: each seed; dashed: step {at}{guessed}"
    )


def rung(prompt: Prompt, table: pd.DataFrame, at: int) -> Figure:
    """One item on the way: its picture, the letters at a step, and P(right letter) at all of them.

    table: of `lab.steps.climb`. at: one of its steps. Models of another seed than that of the most stand apart.
    """
    figure = Figure(figsize=(9, 2.9))
    first, letters, path = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    first.imshow(np.asarray(prompt.load_image()), interpolation="nearest")
    first.set_axis_off()
    _letters(letters, table[table["step"] == at].iloc[0].to_dict() | {"model": f"step {at}"}, prompt, "#222222")
    trained = table[table["seed"] >= 0]
    main = trained["seed"].mode().min()
    one = table[table["seed"].isin([-1, main])]
    others = trained[trained["seed"] != main]
    path.plot(one["step"], one["p_correct"].astype(float), "o:", color="#222222", label=f"seed {main}")
    for seed, part in others.groupby("seed"):
        path.plot(part["step"], part["p_correct"].astype(float), "D", color=BLIND_SAFE[0], label=f"seed {seed}")
    path.axvline(at, color=BLIND_SAFE[3], linewidth=1.2, linestyle="--")
    path.set(ylim=(-0.03, 1.03), xlabel="GRPO step")
    path.set_title("P(right letter)", fontsize=9)
    path.legend(frameon=False, fontsize="small")
    about = f"{prompt.question.source} · one question, no finding"
    figure.suptitle(f"{prompt.question.text} ({prompt.variant})\n{about}", x=0.01, ha="left", parse_math=False)
    return figure


PARTS = (
    (BLIND_SAFE[2], ""),
    (BLIND_SAFE[8], "//"),
    (BLIND_SAFE[0], ".."),
    (BLIND_SAFE[3], "xx"),
    (BLIND_SAFE[7], "\\\\"),
)
"""(colour, hatch) of the parts of a bar."""


def behaviours(table: pd.DataFrame, names: Sequence[str], title: str) -> Figure:
    """What each model does, as parts of a bar: one panel a prompt variant.

    table: model, variant, behaviour, value (a share; those of one model and variant sum to 1). names: all behaviours,
    in the order of the parts.
    """
    models, variants = listed(table["model"].tolist()), list(dict.fromkeys(table["variant"]))
    figure = Figure(figsize=(9, 0.36 * len(models) + 2.2))
    panels = np.atleast_1d(figure.subplots(1, len(variants), sharey=True))
    shares = table.set_index(["variant", "behaviour", "model"])["value"] * 100
    for axes, variant in zip(panels, variants, strict=True):
        left = np.zeros(len(models))
        for name, (color, hatch) in zip(names, PARTS, strict=True):
            width = np.array([shares.get((variant, name, model), 0.0) for model in models])
            label = name if axes is panels[0] else None
            axes.barh(models, width, left=left, color=color, hatch=hatch, edgecolor="white", linewidth=0, label=label)
            left += width
        axes.set(title=named(variant), xlim=(0, 100), xlabel="share of the prompts (%)")
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return titled(figure, title, "each line: one checkpoint; parts of a bar: shares of its answers, without intervals")
