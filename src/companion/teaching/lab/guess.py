"""Whose answers are these? A game: one of the shipped models is hidden, and told by its marks, if it can be.

A mark is how often a model behaves in a certain way under a perturbation (`behaviours.BEHAVIOURS`), counted over all
items. A round has one prompt of each of `THREE_PROMPTS`. They are drawn at random, so that the odds that are told
afterwards are right.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from companion.analysis.behaviours import SURE, with_behaviour
from companion.evaluation.engine import evaluate
from companion.evaluation.store import Store
from companion.figures import single_items
from companion.figures.looks import checkpoints_in_order
from companion.figures.phrases import perturbation_label
from companion.figures.theme import png
from companion.perturbations.perturbation import THREE_PROMPTS
from companion.questions.question import Question
from companion.teaching.lab.widgets import choice, grid, picture, put_there, spoken

CANDIDATES = 3
"""Models to choose from in a round."""


def load_rows(folders: Mapping[str, Path], questions: Sequence[Question], store: Store) -> pd.DataFrame:
    """What models answered to questions under `THREE_PROMPTS`, with `behaviour` and `sure`; model: the name given here.

    Stored rows are read, others computed. The prompts are those of seed 0, which the shipped rows have.
    """
    from companion.models.local import LocalModel  # torch

    rows = pd.concat(
        [
            evaluate(LocalModel(str(folder), "cpu"), questions, THREE_PROMPTS, store, progress=False).assign(model=name)
            for name, folder in folders.items()
        ],
        ignore_index=True,
    )
    return with_behaviour(rows, questions)


def alike(rows: pd.DataFrame) -> pd.DataFrame:
    """(model × model): the share of the prompts to which two models give the same answer."""
    answers = rows.pivot(index=["question", "perturbation"], columns="model", values="answer").fillna("none")
    same = {one: {other: (answers[one] == answers[other]).mean() for other in answers} for one in answers}
    return pd.DataFrame(same)


@dataclass(frozen=True)
class Round:
    """candidates: the models to choose from, hidden: the one that answered, clues: its row for each of
    `THREE_PROMPTS`."""

    candidates: tuple[str, ...]
    hidden: str
    clues: pd.DataFrame


class Game:
    """What is known of the models before a round. rows: of `load_rows`.

    same: of `alike`. rates: share of a model's prompts of a perturbation with a behaviour and that sureness, half a
    prompt added to each, so that nothing is impossible. tables: who may sit together; True: no two of them answer more
    of the prompts alike than half of all pairs of models do, if there are three such."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows, self.same = rows, alike(rows)
        self.items = int(rows["question"].nunique())
        counts = rows.groupby(["model", "perturbation", "behaviour", "sure"]).size()
        self.rates = {key: (count + 0.5) / (self.items + 1) for key, count in counts.items()}
        every = [list(three) for three in combinations(self.same, CANDIDATES)]
        median = np.median(self.same.to_numpy()[np.triu_indices(len(self.same), 1)])
        unlike = [three for three in every if all(self.same.loc[pair] <= median for pair in combinations(three, 2))]
        self.tables = {True: unlike or every, False: every}
        self.own = dict(iter(rows.groupby(["model", "perturbation"])))

    def draw(self, seed: int, number: int, unlike: bool = True) -> Round:
        """Round `number` of the game of a seed. unlike: the candidates are (`tables`)."""
        rng = np.random.default_rng([seed, number])
        drawn = list(rng.choice(self.tables[unlike]))
        hidden = str(rng.choice(drawn))
        clues = [self.own[hidden, perturbation].sample(1, random_state=rng) for perturbation in THREE_PROMPTS]
        return Round(tuple(checkpoints_in_order(drawn)), hidden, pd.concat(clues, ignore_index=True))

    def odds(self, round: Round) -> pd.DataFrame:
        """For each clue, how often each candidate behaves so, and is as sure: a line a clue, a column a candidate."""
        never = 0.5 / (self.items + 1)
        return pd.DataFrame(
            [
                {
                    "perturbation": clue.perturbation,
                    "behaviour": clue.behaviour,
                    "sure": clue.sure,
                    **{
                        name: self.rates.get((name, clue.perturbation, clue.behaviour, clue.sure), never)
                        for name in round.candidates
                    },
                }
                for clue in round.clues.itertuples()
            ]
        )

    def chances(self, round: Round) -> pd.Series:
        """The probability of each candidate by its `odds`, all being as likely before, the clues independent."""
        weights = self.odds(round)[list(round.candidates)].prod()
        return weights / weights.sum()

    def best(self, unlike: bool) -> float:
        """The share of rounds that the best player wins, who knows how often each model does what.

        Exact: of all that three prompts may show, the likeliest candidate is picked each time.
        """
        kinds = self.rows.groupby(["model", "perturbation", "behaviour", "sure"]).size() / self.items
        rates = kinds.unstack(["behaviour", "sure"], fill_value=0.0)
        won = []
        for three in self.tables[unlike]:
            each = [
                rates.xs(perturbation, level="perturbation").loc[three].to_numpy() for perturbation in THREE_PROMPTS
            ]
            shown = np.einsum("ca,cb,cd->cabd", *each)  # (candidates, kinds of the first, second and third prompt)
            won.append(shown.max(axis=0).sum() / CANDIDATES)
        return float(np.mean(won))

    def explanation(self, round: Round, picked: str | None = None) -> str:
        """HTML: was the guess right, if any, how often each candidate does what was seen, and whom that favours."""
        table, chance, names = self.odds(round), self.chances(round), list(round.candidates)
        telling = (table[names].max(axis=1) / table[names].min(axis=1)).idxmax() + 1
        sureness = {True: "sure of its letter", False: "not sure of its letter"}
        lines = [
            [f"{number}. {perturbation_label(clue['perturbation'])}: {clue['behaviour']}; {sureness[clue['sure']]}"]
            + [f"{100 * clue[name]:.0f} %" for name in names]
            for number, clue in enumerate(table.to_dict("records"), 1)
        ]
        lines.append(["all three, if each was as likely before", *(f"{100 * chance[name]:.0f} %" for name in names)])
        others = [name for name in names if name != round.hidden]
        same = ", ".join(f"{name} on {100 * self.same.loc[round.hidden, name]:.0f} %" for name in others)
        won = "" if picked is None else f"<b>No</b>, you said {html.escape(picked)}. "
        won = "<b>Right.</b> " if picked == round.hidden else won
        likeliest = str(chance.idxmax())
        misled = "" if likeliest == round.hidden else ", and this time they mislead"
        return (
            f"{won}It was <b>{html.escape(round.hidden)}</b>. Prompt {telling} told the most. How often each of the "
            f"three does what you saw, of {self.items} prompts of that kind (sure: a probability of {SURE:g} or more):"
            f"{grid(['', *names], lines)}"
            f"The marks favour <b>{html.escape(likeliest)}</b>{misled}. Of all prompts, "
            f"{html.escape(round.hidden)} gives the same answer as {html.escape(same)}."
        )


def clues_html(round: Round) -> str:
    """The prompts of a round and what was written, without a name, all escaped; `put_there` marks what was."""
    items = []
    for number, clue in enumerate(round.clues.to_dict("records"), 1):
        lines = clue["prompt"].split("\n")
        caption = html.escape(lines.pop(0)) if "caption" in clue["perturbation"] else ""
        extra = f"{put_there(caption)}<br>" if caption else ""
        certain = "" if clue["letter_probs"] is None else f", with probability {max(clue['letter_probs']):.2f}"
        items.append(
            f"<p><b>{number}. {html.escape(perturbation_label(clue['perturbation']))}</b><br>"
            f"{extra}{html.escape(' · '.join(lines))}<br>"
            f"It wrote: {put_there(html.escape(clue['prefill']))}{html.escape(clue['response'])}<br>"
            f"({clue['right']} is right; its answer is {clue['answer']}{certain})</p>"
        )
    return f'<div style="line-height: 1.4; max-width: 900px">{"".join(items)}</div>'


class GuessPanel(ipywidgets.VBox):
    """Guess which model answered; the controls are attributes. rows: of `load_rows` on these questions; the same seed
    deals the same rounds."""

    def __init__(self, rows: pd.DataFrame, questions: Sequence[Question], seed: int = 0) -> None:
        self.game, self.seed = Game(rows), seed
        self.questions = {question.id: question for question in questions}
        self.number = self.played = self.won = 0
        self.level = choice({"models unlike each other": True, "any three models": False}, "level", "16em")
        self.picture, self.clues = picture(), ipywidgets.HTML()
        self.pick = choice([], "it was")
        self.guessing = ipywidgets.Button(description="that is my guess", button_style="primary")
        self.going_on = ipywidgets.Button(description="next round")
        self.status = ipywidgets.HTML()
        self.guessing.on_click(self._guess)
        self.going_on.on_click(self._next)
        self.level.observe(self._deal, "value")
        self._deal()
        super().__init__(
            [
                self.level,
                self.picture,
                self.clues,
                self.pick,
                ipywidgets.HBox([self.guessing, self.going_on]),
                self.status,
            ]
        )

    def _deal(self, _change: Any = None) -> None:
        self.round = self.game.draw(self.seed, self.number, self.level.value)
        self.guessed = False
        self.pick.options, self.pick.value = self.round.candidates, None
        shown = [self.questions[id] for id in self.round.clues["question"]]
        self.picture.value = png(single_items.pictures(shown))
        self.clues.value = clues_html(self.round)
        self.status.value = spoken(f"Round {self.number + 1}. Whose answers are these? {self._score()}")

    def _score(self) -> str:
        return f"Score: {self.won} of {self.played}; a third is luck."

    def _guess(self, _button: Any) -> None:
        if self.pick.value is None:
            self.status.value = spoken("Choose one of the models first.")
            return
        if not self.guessed:
            self.guessed = True
            self.played += 1
            self.won += self.pick.value == self.round.hidden
        self.status.value = spoken(f"{self.game.explanation(self.round, self.pick.value)}<p>{self._score()}</p>")

    def _next(self, _button: Any) -> None:
        self.number += 1
        self._deal()
