"""Along the steps of RL: right answers, what their reasoning says, letter entropy, and one item on the way."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd

from companion.analysis.findings.rule import ENOUGH_SEEDS
from companion.analysis.panel import Checkpoints, RunsPanel
from companion.figures import lab_steps, single_items
from companion.figures.lab_steps import GAP, RIGHT
from companion.figures.looks import recipes_in_order
from companion.figures.theme import png
from companion.intervals import percent, points
from companion.perturbations.perturbation import THREE_PROMPTS, Prompt, apply
from companion.questions.question import Question
from companion.study.summaries import curves, seeds_sentence
from companion.teaching.lab.asking import CHECKPOINTS, ask_all, ask_models, models_in
from companion.teaching.lab.compose import answer_table
from companion.teaching.lab.widgets import LABEL, WIDE, choice, picture, spoken, working


def initials_of_recipes(panel: RunsPanel) -> dict[str, list[str]]:
    """Recipe → the initial checkpoints from which its runs are recorded, of those that are shipped."""
    pairs = [(recipe, initial) for initial in models_in(CHECKPOINTS) for recipe in panel.recipes(initial)]
    names = recipes_in_order(pd.DataFrame(pairs, columns=["recipe", "initial"]))
    return {name: [initial for recipe, initial in pairs if recipe == name] for name in names}


def tradeoff_in_words(changes: pd.DataFrame) -> str:
    """What changes of `RIGHT` and `GAP` come to: a line for each initial checkpoint, in Markdown.

    changes: of `study.summaries.before_and_after`, of one recipe under one perturbation.

    The trade-off: more answers are right, and more are right although their reasoning does not say so.
    """
    said = []
    for initial, part in changes.groupby("initial", sort=False):
        lines = part.set_index("measure")
        right, gap = lines.loc[RIGHT], lines.loc[GAP]
        if right["seeds"] < ENOUGH_SEEDS:
            told = "With so few seeds there is no finding"
        elif gap["high"] < 0:
            told = "The gap closed: no trade-off"
        elif gap["low"] <= 0:
            way = "narrower" if gap["value"] < 0 else "wider"
            told = f"The gap is {way} in the mean, but its interval includes zero: undecided"
        elif right["low"] > 0:
            told = "More answers are right, and the gap opened: the trade-off"
        else:
            told = "The gap opened, and right answers did not clearly become more: a loss, and no trade"
        seeds = f"{right['seeds']} seed{'s' if right['seeds'] > 1 else ''}"
        said.append(f"* RL from `{initial}` ({seeds}): *right* {points(right)} points, the gap {points(gap)}. {told}.")
    return "\n".join(said)


def changes_table(changes: pd.DataFrame) -> str:
    """Changes of `RIGHT` and `GAP` under one perturbation as a Markdown table: a line for each recipe and initial
    checkpoint. changes: of `study.summaries.before_and_after`."""
    lines = ["| runs | steps | seeds | right | right, but its reasoning does not say so |", "|---|---|---|---|---|"]
    for (recipe, initial), part in changes.groupby(["recipe", "initial"], sort=False):
        own = part.set_index("measure")
        right, gap = own.loc[RIGHT], own.loc[GAP]
        lines.append(
            f"| {recipe}, from {initial} | {right['step']:,} | {right['seeds']} | {points(right)} | {points(gap)} |"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Rung:
    """A shipped model on the way of RL."""

    step: int
    folder: Path


def ladder(initial: str, recipe: str, folder: Path = CHECKPOINTS) -> list[Rung]:
    """The shipped models of a recipe's run from an initial checkpoint, by step, with that checkpoint in front."""
    rungs = [Rung(0, folder / initial)]
    for record in sorted([*folder.glob("*/recipe.json"), *folder.glob("ladder/*/recipe.json")]):
        made = json.loads(record.read_text(encoding="utf-8"))
        if made["recipe"]["name"] == recipe and Path(made["start"]).name == initial:
            rungs.append(Rung(made["step"], record.parent))
    return sorted(rungs, key=lambda rung: rung.step)


def climb(rungs: Sequence[Rung], prompt: Prompt) -> pd.DataFrame:
    """`compose.answer_table` of the models of a ladder, with their step in front."""
    answers = answer_table(ask_models([rung.folder for rung in rungs], prompt))
    return answers.assign(step=[rung.step for rung in rungs])


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


def sentence(curves: pd.DataFrame, at: int) -> str:
    """Where the runs of a recipe are at a step, for those who do not see the figure. curves: of `lab_steps.table`."""
    parts = []
    for initial, part in curves[curves["step"] == at].groupby("initial", sort=False):
        lines = part.set_index("measure")
        shares = ", ".join(f"{lab_steps.MEASURES[name]} {percent(lines.loc[name])}" for name in (RIGHT, GAP))
        parts.append(f"From {initial}: {shares}, entropy {lines.loc['entropy', 'value']:.3f}.")
    recipe, prompt = curves[["recipe", "prompt"]].iloc[0]
    return f"Step {at:,} of the recipe {recipe} under {prompt}. {' '.join(parts)}"


class StepsPanel(ipywidgets.VBox):
    """Move along the steps of recorded RL runs; the controls are attributes. What was computed once is kept.

    question: asked at every step.
    """

    def __init__(self, panel: RunsPanel, question: Question) -> None:
        self.panel, self.question, self.initials = panel, question, initials_of_recipes(panel)
        self.curves: dict[tuple[str, str], pd.DataFrame] = {}
        self.climbs: dict[tuple[str, str, str], pd.DataFrame] = {}
        pairs = [(recipe, initial) for recipe, initials in self.initials.items() for initial in initials]
        steps = {step for recipe, initial in pairs for step in self._steps(recipe, initial)}
        self.at = ipywidgets.SelectionSlider(
            options=sorted(steps),
            description="RL step",
            continuous_update=False,
            style={"description_width": LABEL},
            layout=ipywidgets.Layout(**WIDE),
        )
        self.run = choice({f"{recipe}, from {initial}": (recipe, initial) for recipe, initial in pairs}, "runs", "24em")
        self.perturbation = choice(THREE_PROMPTS, "prompt")
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

    def _steps(self, recipe: str, initial: str) -> list[int]:
        seeds = self.panel.seeds([Checkpoints(initial, recipe, 0)])
        return [0, *self.panel.steps(initial, recipe, seeds)]

    def _show(self, _change: Any = None) -> None:
        (recipe, initial), perturbation = self.run.value, self.perturbation.value
        at = max(step for step in self._steps(recipe, initial) if step <= self.at.value)
        after = "" if at == self.at.value else ", the last before it that is recorded"
        with working(
            self.status,
            "Reading the records and asking the models on the way …",
            f"Shown: {recipe}, from {initial}, {perturbation}, step {at:,}{after}.",
        ):
            if (recipe, perturbation) not in self.curves:
                found = curves(self.panel, self.initials[recipe], recipe, [perturbation], list(lab_steps.MEASURES))
                self.curves[recipe, perturbation] = lab_steps.table(found)
            shown = self.curves[recipe, perturbation]
            about = f"microworld · {recipe}, {perturbation} · {seeds_sentence(shown[shown['measure'] == RIGHT])}"
            self.picture.value = png(lab_steps.draw(shown, about, at))
            self.text.value = spoken(html.escape(sentence(shown, at)))
            prompt = apply(self.question, perturbation)
            if (recipe, initial, perturbation) not in self.climbs:
                self.climbs[recipe, initial, perturbation] = climb(ladder(initial, recipe), prompt)
            answers = self.climbs[recipe, initial, perturbation]
            here = answers[answers["step"] <= at].iloc[-1]
            self.item_picture.value = png(single_items.rung(prompt, answers, int(here["step"])))
            self.item_text.value = spoken(html.escape(told_at(prompt, here, at)))


def told_at(prompt: Prompt, here: pd.Series, at: int) -> str:
    """What the model of a rung says to the fixed item, and whether it is that of step `at`."""
    whose = f"The model of step {here['step']:,}"
    if here["step"] != at:
        whose = f"No model of step {at:,} is shipped; the last before it: {whose[0].lower()}{whose[1:]}"
    chance = "" if here["p_correct"] is None or pd.isna(here["p_correct"]) else f", P(correct) {here['p_correct']:.2f}"
    verdict = "right" if here["correct"] else f"wrong: {prompt.question.letter} is right"
    return (
        f"{whose} answers {here['answer'] or 'nothing'} ({verdict}{chance}); its reasoning and its answer: "
        f"{here['rule']}; its reasoning and the picture: {here['grounding']}. {here['prefill']}{here['response']}"
    )
