"""Whose answers are these? A game: one of the shipped models is hidden, and told by its marks, if it can be.

A mark is how often a model behaves in a certain way under a prompt variant (`BEHAVIOURS`), counted over all items. The
prompts of a round are drawn at random, so that the odds that are told afterwards are right.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd

from companion import plots
from companion.engine import evaluate
from companion.judges import case_of
from companion.judges.conflict import Conflict
from companion.judges.rule import Rule
from companion.lab.widgets import ADDED, picture, png, spoken
from companion.questions import Question
from companion.store import Store

VARIANTS = ("base", "wrong-caption", "wrong-think")
CLUES = ("base", "wrong-caption", "wrong-think")
"""The variants of a round's prompts, one each."""

SURE = 0.95
"""From this probability of its own letter on a model is called sure."""

BEHAVIOURS = (
    "right, and its reasoning says so",
    "right, against its own reasoning",
    "says that text and picture disagree",
    "follows what was put there",
    "wrong in another way",
)
"""The first of them that holds, "says" before "right"."""


def load_rows(
    folders: Mapping[str, Path], questions: Sequence[Question], store: Store
) -> pd.DataFrame:
    """What models answered to questions under `VARIANTS`, with `behaviour` and `sure`; model: the name given here.

    Stored rows are read, others computed. The prompts are those of seed 0, which the shipped rows have.
    """
    from companion.models.local import LocalModel  # torch

    rows = pd.concat([
        evaluate(LocalModel(str(folder), "cpu"), questions, VARIANTS, store, progress=False).assign(model=name)
        for name, folder in folders.items()
    ], ignore_index=True)  # fmt: skip
    return with_behaviour(rows, questions)


def with_behaviour(rows: pd.DataFrame, questions: Sequence[Question]) -> pd.DataFrame:
    """Rows with `behaviour`, one of `BEHAVIOURS`, and `sure`: whether its own letter has a probability of `SURE`."""
    by_id = {question.id: question for question in questions}
    cases = [case_of(row, by_id[row["question"]]) for row in rows.to_dict("records")]
    agrees = np.array([verdict is not None and verdict.verdict == "agree" for verdict in Rule().judge(cases)])
    says = [verdict is not None and verdict.verdict == "acknowledges" for verdict in Conflict().judge(cases)]
    right = rows["correct"].to_numpy(dtype=bool)
    follows = (rows["answer"].notna() & (rows["answer"] == rows["suggested"])).to_numpy(dtype=bool)
    behaviour = np.select(
        [np.array(says), right & agrees, right, follows],
        [BEHAVIOURS[2], BEHAVIOURS[0], BEHAVIOURS[1], BEHAVIOURS[3]], BEHAVIOURS[4],
    )  # fmt: skip
    sure = [probs is not None and max(probs) >= SURE for probs in rows["letter_probs"]]
    return rows.assign(behaviour=behaviour, sure=sure)


def behaviours(rows: pd.DataFrame) -> pd.DataFrame:
    """model, variant, behaviour, value (share of the model's prompts of that variant), sure (share of those), n."""
    lines = []
    for (model, variant), part in rows.groupby(["model", "variant"], sort=False):
        for name in BEHAVIOURS:
            own = part[part["behaviour"] == name]
            lines.append({
                "model": model, "variant": variant, "behaviour": name, "value": len(own) / len(part),
                "sure": own["sure"].mean() if len(own) else np.nan, "n": len(part),
            })  # fmt: skip
    return pd.DataFrame(lines)


def alike(rows: pd.DataFrame) -> pd.DataFrame:
    """(model × model): the share of the prompts to which two models give the same answer."""
    answers = rows.pivot(index=["question", "variant"], columns="model", values="answer").fillna("none")
    same = {one: {other: (answers[one] == answers[other]).mean() for other in answers} for one in answers}
    return pd.DataFrame(same)


@dataclass(frozen=True)
class Round:
    """candidates: the models to choose from, hidden: the one that answered, clues: its rows, one a variant of CLUES."""

    candidates: tuple[str, ...]
    hidden: str
    clues: pd.DataFrame


def draw(rows: pd.DataFrame, seed: int, number: int, unlike: bool = True, candidates: int = 3) -> Round:
    """Round `number` of the game of a seed.

    unlike: no two candidates answer more of the prompts alike than half of all pairs of models do.
    """
    rng = np.random.default_rng([seed, number])
    same = alike(rows)
    names = list(same)
    pairs = same.to_numpy()[np.triu_indices(len(names), 1)]
    drawn = [str(name) for name in rng.choice(names, candidates, replace=False)]
    while unlike and any(same.loc[one, other] > np.median(pairs) for one in drawn for other in drawn if one != other):
        drawn = [str(name) for name in rng.choice(names, candidates, replace=False)]
    hidden = str(rng.choice(drawn))
    own = rows[rows["model"] == hidden]
    clues = [own[own["variant"] == variant].sample(1, random_state=rng) for variant in CLUES]
    return Round(tuple(plots.listed(drawn)), hidden, pd.concat(clues, ignore_index=True))


def odds(round: Round, rows: pd.DataFrame) -> pd.DataFrame:
    """For each clue, how often each candidate behaves so, as surely: a line a clue, a column a candidate.

    Shares of all prompts of that variant, with half a prompt added to each, so that none is impossible.
    """
    lines = []
    for clue in round.clues.itertuples():
        line = {}
        for name in round.candidates:
            own = rows[(rows["model"] == name) & (rows["variant"] == clue.variant)]
            so = (own["behaviour"] == clue.behaviour) & (own["sure"] == clue.sure)
            line[name] = (so.sum() + 0.5) / (len(own) + 1)
        lines.append({"variant": clue.variant, "behaviour": clue.behaviour, "sure": clue.sure, **line})
    return pd.DataFrame(lines)


def chances(round: Round, rows: pd.DataFrame) -> pd.Series:
    """The probability of each candidate by its `odds`, all being equally likely beforehand and the clues independent."""
    weights = odds(round, rows)[list(round.candidates)].prod()
    return weights / weights.sum()


def careful(rows: pd.DataFrame, seed: int, unlike: bool, rounds: int = 200) -> float:
    """The share of rounds that are won by always picking the likeliest candidate by the marks."""
    played = (draw(rows, seed, number, unlike) for number in range(rounds))
    return float(np.mean([chances(round, rows).idxmax() == round.hidden for round in played]))


def explanation(round: Round, rows: pd.DataFrame, picked: str) -> str:
    """HTML: was it right, how often each candidate does what was seen, whom the marks favour, and who is like whom."""
    won = "<b>Right.</b>" if picked == round.hidden else f"<b>No.</b> You said {html.escape(picked)}."
    table = odds(round, rows)
    chance = chances(round, rows)
    lines = "".join(
        f"<tr><td>{number + 1}</td><td style='text-align: left'>{clue['variant']}: {clue['behaviour']}, "
        f"{'sure' if clue['sure'] else 'not sure'}</td>"
        + "".join(f"<td>{100 * clue[name]:.0f} %</td>" for name in round.candidates) + "</tr>"
        for number, clue in table.iterrows()
    )  # fmt: skip
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in round.candidates)
    together = "".join(f"<td>{100 * chance[name]:.0f} %</td>" for name in round.candidates)
    ends = table[list(round.candidates)]
    telling = (ends.max(axis=1) / ends.min(axis=1)).idxmax()
    same = alike(rows)
    others = ", ".join(f"{name} on {100 * same.loc[round.hidden, name]:.0f} %" for name in round.candidates if name != round.hidden)
    return (
        f"{won} It was <b>{html.escape(round.hidden)}</b>. Prompt {telling + 1} told the most. How often each of them "
        f"does what you saw, of all {len(rows[rows['model'] == round.hidden]) // len(VARIANTS)} prompts of that kind:"
        f"<table><tr><th></th><th></th>{heads}</tr>{lines}<tr><td></td><td style='text-align: left'>all three together"
        f"</td>{together}</tr></table>The marks favour <b>{html.escape(str(chance.idxmax()))}</b>. Of all prompts, "
        f"{html.escape(round.hidden)} gives the same answer as {html.escape(others)}."
    )


def clues_html(round: Round) -> str:
    """The prompts of a round and what was written, without a name; what was put there in dark red; all escaped."""
    items = []
    for number, clue in enumerate(round.clues.to_dict("records"), 1):
        lines = clue["prompt"].split("\n")
        extra = f'<span style="color: {ADDED}">{html.escape(lines.pop(0))}</span><br>' if "caption" in clue["variant"] else ""
        p = max(clue["letter_probs"]) if clue["letter_probs"] is not None else None
        certain = "" if p is None else f", with probability {p:.2f}"
        items.append(
            f"<p><b>{number}. {html.escape(clue['variant'])}</b><br>{extra}{html.escape(' · '.join(lines))}<br>"
            f'It wrote: <span style="color: {ADDED}">{html.escape(clue["prefill"])}</span>'
            f"{html.escape(clue['response'])}<br>({clue['right']} is right; its answer is {clue['answer']}{certain})</p>"
        )
    return "".join(items)


class GuessPanel(ipywidgets.VBox):
    """The panel of this module; its controls are attributes."""

    def __init__(self, rows: pd.DataFrame, questions: Sequence[Question], seed: int = 0) -> None:
        self.rows, self.seed = rows, seed
        self.questions = {question.id: question for question in questions}
        self.number = self.played = self.won = 0
        self.level = ipywidgets.ToggleButtons(
            options={"models unlike each other": True, "any three models": False}, description="level",
            style={"button_width": "16em"},
        )  # fmt: skip
        self.picture, self.clues = picture(), ipywidgets.HTML()
        self.pick = ipywidgets.RadioButtons(description="it was", layout=ipywidgets.Layout(width="auto"))
        self.guessing = ipywidgets.Button(description="that is my guess", button_style="primary")
        self.going_on = ipywidgets.Button(description="next round")
        self.status = ipywidgets.HTML()
        self.guessing.on_click(self._guess)
        self.going_on.on_click(self._next)
        self.level.observe(self._deal, "value")
        self._deal()
        super().__init__([
            self.level, self.picture, self.clues, self.pick, ipywidgets.HBox([self.guessing, self.going_on]), self.status,
        ])  # fmt: skip

    def _deal(self, _change: Any = None) -> None:
        self.round = draw(self.rows, self.seed, self.number, self.level.value)
        self.guessed = False
        self.pick.options, self.pick.value = self.round.candidates, None
        shown = [self.questions[id] for id in self.round.clues["question"]]
        self.picture.value = png(plots.pictures(shown))
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
        self.status.value = spoken(f"{explanation(self.round, self.rows, self.pick.value)}<p>{self._score()}</p>")

    def _next(self, _button: Any) -> None:
        self.number += 1
        self._deal()


def guess_panel(rows: pd.DataFrame, questions: Sequence[Question], seed: int = 0) -> GuessPanel:
    """Guess which model answered. rows: of `load_rows` on these questions; the same seed deals the same rounds."""
    return GuessPanel(rows, questions, seed)
