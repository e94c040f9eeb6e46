"""From rows to the table behind each figure: tidy, one estimate a line, each with its 95 % interval and n.

All take the rows of one model on one benchmark (`store.ROWS`, one sample an item) and a random generator. Intervals
come from one paired bootstrap over the groups of items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.intervals import Estimate, estimate, resample
from companion.measures import (
    BINS,
    Array,
    Measure,
    auroc,
    brier,
    calibration_error,
    difference,
    mean,
    minus,
    share,
)
from companion.perturbations.perturbation import in_standing_order
from companion.questions.question import LETTERS


class RowsPanel:
    """Rows laid out as items × perturbations, with the bootstrap weights that all perturbations share."""

    def __init__(self, rows: pd.DataFrame, rng: np.random.Generator) -> None:
        if rows.duplicated(["question", "perturbation"]).any():
            raise CompanionError("rows of several models or samples; choose one before making a table of them")
        self.perturbations = in_standing_order(rows["perturbation"].unique())
        if "plain" not in self.perturbations:
            raise CompanionError("no rows under the plain prompt, which all others are compared with; evaluate it too")
        self.rows = {name: part.set_index("question") for name, part in rows.groupby("perturbation", sort=False)}
        self.items = self.rows["plain"].index
        for name in self.perturbations:
            if set(self.rows[name].index) != set(self.items):
                raise CompanionError(
                    f"perturbation {name} has other items than the plain prompt; evaluate the same ones"
                )
            self.rows[name] = self.rows[name].loc[self.items]
        self.weights = resample(self.rows["plain"]["group"].tolist(), rng)

    def column(self, perturbation: str, name: str) -> pd.Series:
        return self.rows[perturbation][name]

    def numbers(self, perturbation: str, name: str) -> Array:
        return self.rows[perturbation][name].to_numpy(dtype=float)

    @property
    def asserting(self) -> list[str]:
        """The perturbations that assert an option."""
        return [name for name in self.perturbations if self.column(name, "suggested").notna().any()]

    @property
    def misleading(self) -> list[str]:
        """The perturbations that assert a wrong option."""
        suggested = {name: self.column(name, "suggested").dropna() for name in self.asserting}
        return [name for name, own in suggested.items() if (own != self.column(name, "right")[own.index]).any()]

    @property
    def guessed(self) -> Array:
        """How likely each item is right by chance: one over the number of its options, (items,)."""
        return 1 / self.numbers("plain", "n_options")

    def change(self, perturbation: str, values: Array, base: Array) -> Measure:
        """The difference of the items' values under a perturbation and under the plain prompt, paired. Of the plain
        prompt itself it is 0, and so is its interval: nothing is compared."""
        return minus(mean(base), mean(base)) if perturbation == "plain" else difference(values, base)

    def line(self, measure: Measure, mask: Any = None, /, **labels: Any) -> dict[str, Any]:
        """One line of a table; mask: (items,), boolean, the items that it is about, or None for all."""
        weights = self.weights if mask is None else self.weights[:, mask]
        return {**labels, **asdict(estimate(measure, weights))}


def for_each(rows: pd.DataFrame, by: str | list[str], table: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """A table of the rows of each value of a column, or of some (model, benchmark), one below the other, with these in
    front."""
    columns = [by] if isinstance(by, str) else by
    parts = [
        table(part).assign(**dict(zip(columns, values, strict=True)))
        for values, part in rows.groupby(columns, sort=False)
    ]
    found = pd.concat(parts, ignore_index=True)
    return found[[*columns, *(name for name in found if name not in columns)]]


def accuracy(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, measure (accuracy; change: against the plain prompt, paired; no_answer: share of unreadable
    answers), estimate, chance level of the accuracy."""
    panel = RowsPanel(rows, rng)
    base = panel.numbers("plain", "correct")
    chance = panel.guessed.mean()
    lines = []
    for name in panel.perturbations:
        correct = panel.numbers(name, "correct")
        unread = panel.column(name, "answer").isna()
        lines.append(panel.line(mean(correct), perturbation=name, measure="accuracy") | {"chance": chance})
        lines.append(panel.line(panel.change(name, correct, base), perturbation=name, measure="change"))
        lines.append(panel.line(mean(unread), perturbation=name, measure="no_answer"))
    return pd.DataFrame(lines)


def chance_level(table: pd.DataFrame) -> float:
    """The accuracy of guessing: the mean, over a table's items, of one over the number of their options.

    table: question and n_options; an item that was asked more often is still one item.
    """
    return float((1 / table.drop_duplicates("question")["n_options"]).mean(skipna=False))


def over_chance(rows: pd.DataFrame, rng: np.random.Generator) -> Estimate:
    """Accuracy under the plain prompt minus chance level, item by item: options differ in number."""
    panel = RowsPanel(rows, rng)
    return estimate(difference(panel.numbers("plain", "correct"), panel.guessed), panel.weights)


def contrast(rows: pd.DataFrame, one: str, other: str, rng: np.random.Generator, column: str = "correct") -> Estimate:
    """Accuracy under `one` minus accuracy under `other`, paired over items; or the difference of another column."""
    panel = RowsPanel(rows, rng)
    return estimate(difference(panel.numbers(one, column), panel.numbers(other, column)), panel.weights)


def by_column(rows: pd.DataFrame, column: str, rng: np.random.Generator) -> pd.DataFrame:
    """`column` (category or difficulty), perturbation, accuracy and change against the plain prompt in that part,
    chance level."""
    panel = RowsPanel(rows, rng)
    base = panel.numbers("plain", "correct")
    part = panel.column("plain", column).to_numpy()
    chance = panel.guessed
    lines = []
    for value in dict.fromkeys(part):
        mask = part == value
        for name in panel.perturbations:
            correct = panel.numbers(name, "correct")
            labels = {column: value, "perturbation": name, "chance": chance[mask].mean()}
            lines.append(panel.line(mean(correct[mask]), mask, **labels, measure="accuracy"))
            change = panel.change(name, correct[mask], base[mask])
            lines.append(panel.line(change, mask, **labels, measure="change"))
    return pd.DataFrame(lines)


def by_wording(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, wording, change against the plain prompt of the items that had this wording. Perturbations of one
    wording are left out.

    Where a perturbation has two parts that are worded (caption and disclaimer), only the last is told apart.
    """
    panel = RowsPanel(rows, rng)
    base = panel.numbers("plain", "correct")
    lines = []
    for name in panel.perturbations:
        wording = panel.column(name, "wording").str.split(" ").str[-1].to_numpy()
        for value in sorted(set(wording) - {""}):
            mask = wording == value
            change = difference(panel.numbers(name, "correct")[mask], base[mask])
            lines.append(panel.line(change, mask, perturbation=name, wording=value))
    return pd.DataFrame(lines)


def fates(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What becomes of the items that were right under the plain prompt, under each perturbation that asserts a wrong
    option.

    perturbation, fate (right, suggested: the asserted option, other: another one, none: no readable answer), share,
    among: how many items were."""
    panel = RowsPanel(rows, rng)
    among = panel.column("plain", "correct").to_numpy(dtype=bool)
    lines = []
    for name in panel.misleading:
        answer, right = panel.column(name, "answer"), panel.column(name, "right")
        suggested = answer == panel.column(name, "suggested")
        fate = {
            "right": answer == right,
            "suggested": suggested,
            "other": answer.notna() & (answer != right) & ~suggested,
            "none": answer.isna(),
        }
        count = int(among.sum())
        lines += [panel.line(share(hits, among), perturbation=name, fate=f, among=count) for f, hits in fate.items()]
    return pd.DataFrame(lines)


def confidence(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, measure, estimate.

    Measures: p_correct and its paired change against the plain prompt; entropy; letter_mass; brier; calibration_error;
    overconfidence: the probability of the letter that was answered, minus accuracy.
    """
    panel = RowsPanel(rows, rng)
    base = panel.numbers("plain", "p_correct")
    lines = []
    for name in panel.perturbations:
        probs = panel.column(name, "letter_probs").tolist()
        answers = [LETTERS.index(letter) for letter in panel.column(name, "right")]
        for column in ("p_correct", "entropy", "letter_mass"):
            lines.append(panel.line(mean(panel.numbers(name, column)), perturbation=name, measure=column))
        change = panel.change(name, panel.numbers(name, "p_correct"), base)
        lines.append(panel.line(change, perturbation=name, measure="change"))
        lines.append(panel.line(brier(probs, answers), perturbation=name, measure="brier"))
        chosen, correct = _chosen(panel, name), panel.numbers(name, "correct")
        error = calibration_error(chosen, correct)
        lines.append(panel.line(error, perturbation=name, measure="calibration_error"))
        lines.append(panel.line(difference(chosen, correct), perturbation=name, measure="overconfidence"))
    return pd.DataFrame(lines)


def reliability(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, confidence (mean of the bin), accuracy of the bin with interval, items in it."""
    panel = RowsPanel(rows, rng)
    lines = []
    for name in panel.perturbations:
        chosen, correct = _chosen(panel, name), panel.numbers(name, "correct")
        place = np.minimum(np.nan_to_num(chosen, nan=-1.0) * BINS, BINS - 1).astype(int)
        for number in range(BINS):
            mask = (place == number) & ~np.isnan(chosen)
            if mask.any():
                lines.append(
                    panel.line(mean(correct[mask]), mask, perturbation=name, bin=number, confidence=chosen[mask].mean())
                )
    return pd.DataFrame(lines)


DEFINITIONS = ("1. all items", "2. right under plain", "3. within a family")
"""Which items are compared where one asks what survives a perturbation: all; those right under the plain prompt; the
same, but only pairs of one question family. The study tests the first (docs/study.md, F10)."""


def survival(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """AUROC with which P(correct), or −entropy, under the plain prompt tells which items are right under a
    perturbation.

    perturbation (each that asserts a wrong option), definition (of `DEFINITIONS`), predictor, survived (how many of the
    n items are right under the perturbation), estimate.
    """
    panel = RowsPanel(rows, rng)
    right = panel.column("plain", "correct").to_numpy(dtype=bool)
    family = panel.column("plain", "category").to_numpy(dtype=object)
    scores = {"P(correct)": panel.numbers("plain", "p_correct"), "−entropy": -panel.numbers("plain", "entropy")}
    compared = ((np.full(len(right), True), None), (right, None), (right, family[right]))
    lines = []
    for name in panel.misleading:
        survives = panel.column(name, "correct").to_numpy(dtype=bool)
        for definition, (among, strata) in zip(DEFINITIONS, compared, strict=True):
            labels = {"perturbation": name, "definition": definition, "survived": int(survives[among].sum())}
            for predictor, score in scores.items():
                measure = auroc(score[among], survives[among], strata)
                lines.append(panel.line(measure, among, **labels, predictor=predictor))
    return pd.DataFrame(lines)


def _chosen(panel: RowsPanel, perturbation: str) -> Array:
    """Probability of the letter that was answered, (items,), NaN where there is none."""
    pairs = zip(panel.column(perturbation, "letter_probs"), panel.column(perturbation, "answer"), strict=True)
    return np.array([np.nan if probs is None else probs[LETTERS.index(answer)] for probs, answer in pairs])
