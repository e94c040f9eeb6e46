"""Measures of one model under the perturbations: pure functions on arrays.

Every measure takes `weights`, shape (resamples, items): how often each item stands in each resample, and returns an
array of shape (resamples,). With one row of ones it is the plain estimate; see `intervals.estimate`.
Left out: whether an answer agrees with its own reasoning; that takes a judge.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Measure = Callable[[Array], Array]

UNPARSABLE = 0.05
"""Where a larger share of a model's answers on a benchmark cannot be read, it is said beside whatever is shown."""


def normalised_entropy(letter_probs: Sequence[ArrayLike]) -> Array:
    """Entropy over the option letters divided by log(number of options): (items,), in [0, 1].

    letter_probs: for each item, probabilities that sum to 1; items may differ in their number of options.
    Source: H = -Σ p log p of the paper's protocol, normalised here so that items with 2 to 6 options compare.
    """
    values = []
    for probs in letter_probs:
        p = np.asarray(probs, dtype=float)
        values.append(-np.sum(np.where(p == 0, 0.0, p * np.log(np.where(p > 0, p, np.nan)))) / np.log(len(p)))
    return np.clip(np.asarray(values), 0.0, 1.0)


@dataclass(frozen=True)
class Mean:
    """The measure `mean`. It keeps its items' values, (items,): where they are all alike, so is every resample, and
    `intervals.estimate` has to take the interval from elsewhere. signed: whether values may be negative, as those of
    differences."""

    values: Array
    signed: bool = False

    @property
    def there(self) -> NDArray[np.bool_]:
        """(items,), which items have a value."""
        return ~np.isnan(self.values)

    def __call__(self, weights: Array) -> Array:
        there = self.there
        return _divide(weights[:, there] @ self.values[there], weights[:, there].sum(axis=1))


@dataclass(frozen=True)
class WeightedMeans:
    """A weighted sum of means of different items: parts, each a weight and a mean. As `Mean`, it keeps what
    `intervals.estimate` needs where the items of a part are all alike."""

    parts: tuple[tuple[float, Mean], ...]

    def __call__(self, weights: Array) -> Array:
        return np.sum([weight * part(weights) for weight, part in self.parts], axis=0)


def mean(values: ArrayLike) -> Mean:
    """The mean of the items' values: accuracy, entropy, P(correct), letter mass. NaN values are left out."""
    return Mean(np.asarray(values, dtype=float))


def difference(values: ArrayLike, base: ArrayLike) -> Mean:
    """The mean paired difference of the items; an item that is NaN in either is left out. A drop is negative."""
    return Mean(np.asarray(values, dtype=float) - np.asarray(base, dtype=float), signed=True)


def minus(one: Measure, other: Measure) -> Measure:
    """How much larger one measure is than another, in the same resamples."""
    return lambda weights: one(weights) - other(weights)


def share(hits: ArrayLike, among: ArrayLike) -> Mean:
    """Of the items in `among`, the share in `hits`; both boolean, (items,). A flip rate, for instance."""
    return mean(np.where(np.asarray(among, dtype=bool), np.asarray(hits, dtype=float), np.nan))


def all_right(correct: ArrayLike, units: Sequence[str]) -> Mean:
    """Of the units (rotated or flipped copies of one item), the share of which every item is right, in [0, 1].

    correct, units: (items,). All items of a unit must be resampled together, so that they have the same weight. Source:
    circular evaluation of MMBench, Liu et al., ECCV 2024 (arXiv 2307.06281).
    """
    right = np.asarray(correct, dtype=float)
    return _mean_of_units([right[members].min() for members in _members(units)], units)


def shuffle_consistency(
    answers: Sequence[int | None], orders: Sequence[Sequence[Hashable]], units: Sequence[str]
) -> Mean:
    """How often the same option stays chosen when the options are put in another order: in [0, 1].

    Of a unit (copies of one item that differ in the order of their options alone) the share of its pairs of copies in
    which the same option is chosen; then the mean over units. Right or wrong does not matter, but a copy without a
    readable answer agrees with none. A unit of one copy is left out.

    answers: the place of the chosen option in each copy, or None. orders: the options of each copy as they stood, as
    texts or as a permutation of their numbers. All copies of a unit must have the same weight. Chance is
    `shuffle_chance`.

    Source: the consistency check of Huang et al. 2025 (arXiv 2510.10104), which shuffles once and gives the same
    reasoning again, so that it asks whether the answer follows the reasoning. Where every copy was asked afresh, the
    reasoning is a new one each time, and habits of place lower the share too (Zheng et al., ICLR 2024, arXiv
    2309.03882).
    """
    chosen = [None if one is None else order[one] for one, order in zip(answers, orders, strict=True)]

    def agreeing(copies: Sequence[int]) -> float:
        pairs = [chosen[one] is not None and chosen[one] == chosen[other] for one, other in combinations(copies, 2)]
        return float(np.mean(pairs)) if pairs else np.nan

    return _mean_of_units([agreeing(members.tolist()) for members in _members(units)], units)


def shuffle_chance(orders: Sequence[Sequence[Hashable]], units: Sequence[str]) -> Mean:
    """What `shuffle_consistency` is by chance: the mean, over its units, of one over the number of options.

    Two guesses meet as often, and so does an answer that stays at one place while the order is drawn at random. An
    answer that stays at one place under every *rotation* is never the same option: its consistency is 0.
    """
    guessing = [1 / len(orders[members[0]]) if len(members) > 1 else np.nan for members in _members(units)]
    return _mean_of_units(guessing, units)


def _members(units: Sequence[str]) -> list[NDArray[np.intp]]:
    """The places of each unit's items, units in the order of their names."""
    names, unit = np.unique(np.asarray(units, dtype=str), return_inverse=True)
    return np.split(np.argsort(unit, kind="stable"), np.cumsum(np.bincount(unit, minlength=len(names)))[:-1])


def _mean_of_units(values: Sequence[float], units: Sequence[str]) -> Mean:
    """The mean of the units' values, each with the weight that its items have; units whose value is NaN are left out.

    values: one a unit, as `_members` has them.
    """
    of_first = np.full(len(units), np.nan)
    of_first[[members[0] for members in _members(units)]] = values
    return Mean(of_first)


def sufficiency(without_picture: ArrayLike, by_habit: ArrayLike) -> Measure:
    """How far the reasoning is enough for the answer: 0 where it does no more than habit, 1 where it always gives it.

    (P(same answer | reasoning, no picture) − habit) / (1 − habit), habit being P(same answer | neither): taken off as
    chance is in Cohen's kappa. Below 0 where the reasoning leads away from the answer. NaN where all is habit.

    without_picture, by_habit: (items,), 1 where the model, asked so again, gives the answer that it gave first, else 0;
    an item that is NaN in either is left out. Source: *sufficiency of reasoning*, Yu et al. 2026 (arXiv 2604.22074),
    which lets a verifier answer from the reasoning alone; here the model itself is asked.
    """
    alone, habit = _paired(without_picture, by_habit)
    return _over_room(minus(mean(alone), mean(habit)), habit)


def importance(without_reasoning: ArrayLike, by_habit: ArrayLike) -> Measure:
    """How many answers change without the reasoning, the picture kept: 0 for none, 1 for as many as without both.

    P(another answer | picture, no reasoning) / P(another answer | neither): one minus the share that stays, habit taken
    off as in `sufficiency`. Above 1 where the picture alone leads away from the answer. NaN where all is habit.

    without_reasoning, by_habit: as in `sufficiency`. Source: *causal importance of reasoning*, Yu et al. 2026 (arXiv
    2604.22074), which sums the effects of its tokens; here all of it is taken away at once, as in the early answering
    of Lanham et al. 2023 (arXiv 2307.13702).
    """
    kept, habit = _paired(without_reasoning, by_habit)
    return _over_room(mean(1 - kept), habit)


def _paired(one: ArrayLike, other: ArrayLike) -> tuple[Array, Array]:
    """Both as numbers, NaN in both where either is."""
    x, y = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    there = ~(np.isnan(x) | np.isnan(y))
    return np.where(there, x, np.nan), np.where(there, y, np.nan)


def _over_room(part: Measure, habit: Array) -> Measure:
    """A measure over the room that habit leaves."""
    return lambda weights: _divide(part(weights), mean(1 - habit)(weights))


def brier(letter_probs: Sequence[ArrayLike | None], answers: Sequence[int]) -> Measure:
    """Multi-class Brier score, Σ over options of (p − right)²: in [0, 2], lower is better. None is left out."""
    values = []
    for probs, answer in zip(letter_probs, answers, strict=True):
        if probs is None:
            values.append(np.nan)
            continue
        p = np.array(probs, dtype=float)
        p[answer] -= 1
        values.append(float(np.sum(p**2)))
    return mean(values)


BINS = 10
"""Of confidence, between 0 and 1."""


def calibration_error(confidence: ArrayLike, correct: ArrayLike) -> Measure:
    """Expected calibration error: |accuracy − confidence| in `BINS` of equal width, weighted by their size; in [0, 1].

    confidence: probability of the chosen letter, (items,), NaN where there is none. Source: Guo et al. 2017.
    """
    c, r = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    there = ~np.isnan(c)
    c, r = c[there], r[there]
    members = np.eye(BINS)[np.minimum((c * BINS).astype(int), BINS - 1)].reshape(len(c), BINS)

    def measure(weights: Array) -> Array:
        w = weights[:, there]
        gaps = np.abs(w @ (members * (r - c)[:, None]))
        return _divide(gaps.sum(axis=1), w.sum(axis=1))

    return measure


def auroc(scores: ArrayLike, labels: ArrayLike, strata: Sequence[str] | None = None) -> Measure:
    """Probability that a positive item scores above a negative one, ties counted half: in [0, 1].

    strata: (items,), compare only pairs of the same stratum, so that differences between strata cannot pass for a
    score that tells items apart. Items whose score is NaN are left out; NaN where a resample has no pair to compare.
    Scores that are equal to nine decimals are ties: logarithms of equal probabilities differ by more on no processor.
    """
    s, y = np.asarray(scores, dtype=float).round(9), np.asarray(labels, dtype=bool)
    there = ~np.isnan(s)
    part = np.zeros(len(s), dtype=int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    groups = [np.flatnonzero(there & (part == value)) for value in np.unique(part[there])]

    def measure(weights: Array) -> Array:
        won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for group in groups:
            _, level = np.unique(s[group], return_inverse=True)
            order = np.argsort(level, kind="stable")
            starts = np.flatnonzero(np.diff(level[order], prepend=-1))
            w, positive = weights[:, group[order]], y[group[order]]
            up = np.add.reduceat(w * positive, starts, axis=1)
            down = np.add.reduceat(w * ~positive, starts, axis=1)
            won += (up * (np.cumsum(down, axis=1) - down / 2)).sum(axis=1)
            pairs += up.sum(axis=1) * down.sum(axis=1)
        return _divide(won, pairs)

    return measure


def fleiss_kappa(labels: ArrayLike, categories: int) -> Measure:
    """Agreement of several judges beyond chance: 1 if they always agree, 0 if no more than their shares make likely.

    labels: (items, judges), category numbers below `categories`. NaN where only one category was ever used. Source:
    Fleiss 1971.
    """
    x = np.asarray(labels)
    judges = x.shape[1]
    counts = np.stack([(x == category).sum(axis=1) for category in range(categories)], axis=1).astype(float)
    agreement = ((counts**2).sum(axis=1) - judges) / (judges * (judges - 1))

    def measure(weights: Array) -> Array:
        total = weights.sum(axis=1)
        chance = ((weights @ counts / (total[:, None] * judges)) ** 2).sum(axis=1)
        return _divide(weights @ agreement / total - chance, 1 - chance)

    return measure


def _divide(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)
