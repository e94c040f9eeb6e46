"""Measures of one model under the perturbations: pure functions on arrays.

Every measure takes `weights`, shape (resamples, items): how often each item stands in each resample, and returns an
array of shape (resamples,). With one row of ones it is the plain estimate; see `intervals.estimate`.
Left out: whether an answer agrees with its own reasoning; that takes a judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        values.append(-np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)) / np.log(len(p)))
    return np.clip(np.asarray(values), 0.0, 1.0)


def mean(values: ArrayLike) -> Measure:
    """The mean of the items' values: accuracy, entropy, P(correct), letter mass. NaN values are left out."""
    x = np.asarray(values, dtype=float)
    there = ~np.isnan(x)

    def measure(weights: Array) -> Array:
        return _divide(weights[:, there] @ x[there], weights[:, there].sum(axis=1))

    return measure


def difference(values: ArrayLike, base: ArrayLike) -> Measure:
    """The mean paired difference of the items; an item that is NaN in either is left out. A drop is negative."""
    return mean(np.asarray(values, dtype=float) - np.asarray(base, dtype=float))


def minus(one: Measure, other: Measure) -> Measure:
    """How much larger one measure is than another, in the same resamples."""
    return lambda weights: one(weights) - other(weights)


def share(hits: ArrayLike, among: ArrayLike) -> Measure:
    """Of the items in `among`, the share in `hits`; both boolean, (items,). A flip rate, for instance."""
    return mean(np.where(np.asarray(among, dtype=bool), np.asarray(hits, dtype=float), np.nan))


def all_right(correct: ArrayLike, units: Sequence[str]) -> Measure:
    """Of the units (rotated or flipped copies of one item), the share of which every item is right, in [0, 1].

    correct, units: (items,). All items of a unit must be resampled together, so that they have the same weight.
    """
    _, first, unit = np.unique(np.asarray(units, dtype=str), return_index=True, return_inverse=True)
    right = np.ones(len(first))
    np.minimum.at(right, unit, np.asarray(correct, dtype=float))

    def measure(weights: Array) -> Array:
        return _divide(weights[:, first] @ right, weights[:, first].sum(axis=1))

    return measure


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


def calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = 10) -> Measure:
    """Expected calibration error: |accuracy − confidence| in bins of equal width, weighted by their size; in [0, 1].

    confidence: probability of the chosen letter, (items,), NaN where there is none. Source: Guo et al. 2017.
    """
    c, r = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    there = ~np.isnan(c)
    c, r = c[there], r[there]
    members = np.eye(bins)[np.minimum((c * bins).astype(int), bins - 1)].reshape(len(c), bins)

    def measure(weights: Array) -> Array:
        w = weights[:, there]
        gaps = np.abs(w @ (members * (r - c)[:, None]))
        return _divide(gaps.sum(axis=1), w.sum(axis=1))

    return measure


def auroc(scores: ArrayLike, labels: ArrayLike, strata: Sequence[str] | None = None) -> Measure:
    """Probability that a positive item scores above a negative one, ties counted half: in [0, 1].

    strata: (items,), compare only pairs of the same stratum, so that differences between strata cannot pass for a
    score that tells items apart. Items whose score is NaN are left out; NaN where a resample has no pair to compare.
    """
    s, y = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
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
