"""Along the steps of RL: accuracy, agreement and entropy of the runs, and one item answered on the way."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from companion.analysis.training_runs import RunsPanel, with_parts
from companion.figures import lab_steps, single_items, tradeoff
from companion.figures.theme import png, recipes_in_order
from companion.intervals import points
from companion.perturbations.perturbation import Prompt, apply
from companion.questions.question import Question
from companion.teaching.lab.asking import CHECKPOINTS, ask_all, ask_models
from companion.teaching.lab.compose import answer_table
from companion.teaching.lab.widgets import LABEL, WIDE, choice, picture, spoken, working

PERTURBATIONS = ("plain", "wrong-caption", "wrong-think")


RIGHT, SAID = tradeoff.MEASURES
UNSAID = lab_steps.MEASURES["unsaid"]


def changes_over_runs(runs: pd.DataFrame, recipe: str, rng: np.random.Generator) -> pd.DataFrame:
    """start, measure (`RIGHT`, and its two parts `SAID` and `UNSAID`), value, low, high, seeds: changes of shares of
    answers over a recipe's whole runs.

    Under the plain prompt, all items that were asked at both ends.
    """
    runs = with_parts(runs)
    lines = []
    for start, part in runs[runs["recipe"] == recipe].groupby("start", sort=False):
        panel = RunsPanel(part, rng)
        for measure, column in ((RIGHT, "correct"), (SAID, "said"), (UNSAID, "unsaid")):
            found = panel.change(str(start), recipe, "plain", column)
            lines.append(
                {
                    "start": start,
                    "measure": measure,
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "seeds": len(panel.seeds),
                }
            )
    return pd.DataFrame(lines)


def tradeoff_in_words(changes: pd.DataFrame) -> str:
    """What `changes_over_runs` comes to: a line for each start, in Markdown.

    The trade-off: more answers are right, and more are right although their reasoning does not say so.
    """
    said = []
    for start, part in changes.groupby("start", sort=False):
        lines = part.set_index("measure")
        right, unsaid = lines.loc[RIGHT], lines.loc[UNSAID]
        if unsaid["high"] < 0:
            told = "The gap closed: no trade-off"
        elif unsaid["low"] <= 0:
            way = "narrower" if unsaid["value"] < 0 else "wider"
            told = f"The gap is {way} in the mean, but its interval includes zero: undecided"
        elif right["low"] > 0:
            told = "More answers are right, and the gap opened: the trade-off"
        else:
            told = "The gap opened, and right answers did not clearly become more: a loss, and no trade"
        said.append(
            f"* RL from `{start}` ({right['seeds']} seeds): *right* {points(right)} points, the gap {points(unsaid)}. "
            f"{told}."
        )
    return "\n".join(said)


@dataclass(frozen=True)
class Rung:
    """A shipped model on the way of RL. seed: of its run; None at step 0, where all runs begin."""

    step: int
    folder: Path
    seed: int | None


def ladder(start: str, recipe: str, folder: Path = CHECKPOINTS) -> list[Rung]:
    """The shipped models of a recipe's runs from a start, by step. They need not be of one seed (see `Rung`)."""
    rungs = [Rung(0, folder / start, None)]
    for record in sorted([*folder.glob("*/recipe.json"), *folder.glob("ladder/*/recipe.json")]):
        made = json.loads(record.read_text(encoding="utf-8"))
        if made["recipe"]["name"] == recipe and Path(made.get("start", "")).name == start:
            rungs.append(Rung(made["step"], record.parent, made["seed"]))
    return sorted(rungs, key=lambda rung: rung.step)


def climb(rungs: Sequence[Rung], prompt: Prompt) -> pd.DataFrame:
    """`compose.table` of the answers of the models of a ladder, with their step and seed (-1 for none) in front."""
    answers = answer_table(ask_models([rung.folder for rung in rungs], prompt))
    seeds = [-1 if rung.seed is None else rung.seed for rung in rungs]
    return answers.assign(step=[rung.step for rung in rungs], seed=seeds)


def answers_by_step(climbed: pd.DataFrame) -> str:
    """What the models of a ladder answer, step by step, in a sentence. climbed: of `climb`."""
    said = [
        f"step {line['step']}: {line['answer'] or 'nothing'}, {'right' if line['correct'] else 'wrong'}, its reasoning "
        f"{'leads there' if line['rule'] == 'agree' else 'does not lead there'}"
        for line in climbed.to_dict("records")
    ]
    return "; ".join(said) + "."


def changing(rungs: Sequence[Rung], prompts: Sequence[Prompt]) -> list[Prompt]:
    """The prompts to which the models of a ladder do not all give the same answer."""
    given = [[answer.response.answer for answer in ask_all(rung.folder, prompts)] for rung in rungs]
    return [prompt for prompt, *own in zip(prompts, *given, strict=True) if len(set(own)) > 1]


def sentence(curves: pd.DataFrame, recipe: str, perturbation: str, at: int) -> str:
    """Where the runs of a recipe are at a step, for those who do not see the figure. curves: from `lab_steps.table`."""
    parts = []
    for start, part in curves[(curves["step"] == at) & (curves["seed"] == -1)].groupby("start", sort=False):
        lines = part.set_index("measure")
        shares = ", ".join(
            f"{name} {100 * line.value:.1f} % [{100 * line.low:.1f}, {100 * line.high:.1f}]"
            for name, line in ((lab_steps.MEASURES[key], lines.loc[key]) for key in ("correct", "unsaid"))
        )
        parts.append(f"From {start}: {shares}, entropy {lines.loc['entropy', 'value']:.3f}.")
    return f"Step {at} of the recipe {recipe} under {perturbation}. {' '.join(parts)}"


class StepsPanel(ipywidgets.VBox):
    """Move along the steps of the GRPO runs; the controls are attributes. What was computed once is kept.

    runs: of `training_runs.load_runs`. question: asked at every step.
    """

    def __init__(self, runs: pd.DataFrame, question: Question, seed: int = 0) -> None:
        self.runs, self.question, self.seed = runs, question, seed
        self.curves: dict[tuple[str, str], pd.DataFrame] = {}
        self.climbs: dict[tuple[str, str, str], pd.DataFrame] = {}
        there = runs[["recipe", "start"]].drop_duplicates().itertuples(index=False)
        order = recipes_in_order(runs)
        named = sorted(((pair.recipe, pair.start) for pair in there), key=lambda pair: (order.index(pair[0]), pair[1]))
        self.at = ipywidgets.SelectionSlider(
            options=sorted(runs["step"].unique().tolist()),
            description="GRPO step",
            continuous_update=False,
            style={"description_width": LABEL},
            layout=ipywidgets.Layout(**WIDE),
        )
        self.run = choice({f"{recipe}, from {start}": (recipe, start) for recipe, start in named}, "runs", "17em")
        self.perturbation = choice(PERTURBATIONS, "prompt")
        self.status, self.text, self.item_text = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.picture, self.item_picture = picture(), picture()
        for control in (self.at, self.run, self.perturbation):
            control.observe(self._show, "value")
        self._show()
        super().__init__(
            [
                self.at,
                self.run,
                self.perturbation,
                self.status,
                self.picture,
                self.text,
                self.item_picture,
                self.item_text,
            ]
        )

    def _show(self, _change: Any = None) -> None:
        (recipe, start), perturbation, at = self.run.value, self.perturbation.value, self.at.value
        with working(
            self.status,
            "Reading the runs and asking the models on the way …",
            f"Shown: {recipe}, from {start}, {perturbation}, step {at}.",
        ):
            if (recipe, perturbation) not in self.curves:
                rng = np.random.default_rng(self.seed)
                self.curves[recipe, perturbation] = lab_steps.table(self.runs, rng, recipe, perturbation)
            curves = self.curves[recipe, perturbation]
            self.picture.value = png(lab_steps.draw(curves, f"microworld · {recipe}, {perturbation}", at))
            self.text.value = spoken(html.escape(sentence(curves, recipe, perturbation, at)))
            prompt = apply(self.question, perturbation)
            if (recipe, start, perturbation) not in self.climbs:
                self.climbs[recipe, start, perturbation] = climb(ladder(start, recipe), prompt)
            answers = self.climbs[recipe, start, perturbation]
            here = answers[answers["step"] <= at].iloc[-1]
            self.item_picture.value = png(single_items.rung(prompt, answers, int(here["step"])))
            self.item_text.value = spoken(html.escape(told_at(prompt, here, at)))


def told_at(prompt: Prompt, here: pd.Series, at: int) -> str:
    """What the model of a rung says to the fixed item, and whether it is that of step `at`."""
    whose = f"The model of step {here['step']}" + ("" if here["seed"] < 0 else f" (seed {here['seed']})")
    if here["step"] != at:
        whose = f"No model of step {at} is shipped for these runs; the last before it: {whose[0].lower()}{whose[1:]}"
    chance = "" if here["p_correct"] is None or pd.isna(here["p_correct"]) else f", P(right) {here['p_correct']:.2f}"
    verdict = "right" if here["correct"] else f"wrong: {prompt.question.letter} is right"
    return (
        f"{whose} answers {here['answer'] or 'nothing'} ({verdict}{chance}); its reasoning and its answer: "
        f"{here['rule']}; its reasoning and the picture: {here['grounding']}. {here['prefill']}{here['response']}"
    )
