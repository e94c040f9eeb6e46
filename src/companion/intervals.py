"""Intervals: the percentile bootstrap over items, paired, clustered where items belong together, and over seeds.

Where all items of a share, or of a difference of shares, are alike, so are all resamples, and the bootstrap would have
no width: then the interval is Wilson's (`all_alike`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from companion.measures import Array, Mean, Measure, WeightedMeans

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A value with its interval. n: number of items it was estimated from."""

    value: float
    low: float
    high: float
    n: int


def points(found: Any) -> str:
    """An `Estimate`, or a line of a table with value, low and high, as percentage points: "−12.4 [−15.0, −9.8]"."""
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]".replace("-", "−")


def percent(found: Any) -> str:
    """An `Estimate` of a share, or a line of a table, in percent: "78.1 % [73.5, 82.1]"."""
    return f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def side(found: Any, above: str, below: str, neither: str, against: float = 0.0) -> str:
    """One of three, by where the whole interval of an `Estimate`, or of a line of a table, lies: above a value, below
    it, or neither. A title or sentence that is chosen so cannot say more than its interval."""
    return above if found.low > against else below if found.high < against else neither


def apart(one: Any, other: Any) -> Estimate:
    """One value minus another of other items, with the interval that their two give (Zou and Donner 2008)."""
    value = one.value - other.value
    below = np.hypot(one.value - one.low, other.high - other.value)
    above = np.hypot(one.high - one.value, other.value - other.low)
    return Estimate(value, value - float(below), value + float(above), one.n + other.n)


def resample(groups: Sequence[str], rng: np.random.Generator, resamples: int = RESAMPLES) -> Array:
    """Weights of a bootstrap, (resamples, items): how often each item was drawn.

    Whole groups are drawn, with replacement. One set of weights serves every measure and every perturbation of the same
    items, which makes all comparisons paired.
    """
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    count = int(members.max()) + 1
    draws = rng.integers(count, size=(resamples, count))
    places = (draws + count * np.arange(resamples)[:, None]).ravel()
    weights = np.bincount(places, minlength=resamples * count).reshape(resamples, count).astype(float)
    return weights[:, members]


def estimate(measure: Measure, weights: Array, level: float = 0.95) -> Estimate:
    """The measure on the items themselves, and the interval that its resampled values span at `level`.

    The interval is NaN where every resample is the same, as those of a single group are, and that of `all_alike` where
    all items are.
    """
    n = weights.shape[1]
    value = float(measure(np.ones((1, n)))[0])
    if (weights == weights[:1]).all():
        return Estimate(value, np.nan, np.nan, n)
    if isinstance(measure, Mean) and (ends := all_alike(measure.values, weights, measure.signed, level)):
        return Estimate(value, *ends, n)
    if isinstance(measure, WeightedMeans) and any(
        all_alike(part.values, weights, part.signed, level) for _, part in measure.parts
    ):
        return Estimate(value, *_of_parts(value, measure, weights, level), n)
    values = measure(weights)
    values = values[~np.isnan(values)]
    if not len(values):
        return Estimate(value, np.nan, np.nan, n)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), n)


def _of_parts(value: float, measure: WeightedMeans, weights: Array, level: float) -> tuple[float, float]:
    """The interval of a weighted sum of means of different items, from those of its parts. Source: Zou and Donner 2008
    (the method of variance estimates recovery); the weights are positive."""
    parts = [(weight, estimate(part, weights, level)) for weight, part in measure.parts]
    below = np.hypot.reduce([weight * (part.value - part.low) for weight, part in parts])
    above = np.hypot.reduce([weight * (part.high - part.value) for weight, part in parts])
    return value - float(below), value + float(above)


def all_alike(values: Array, weights: Array, signed: bool = False, level: float = 0.95) -> tuple[float, float] | None:
    """Wilson's interval of a share whose items are all 0 or all 1, or, `signed`, of a difference of shares whose items
    are all −1, 0 or 1; None for anything else.

    values: (items,) or (runs, items), NaN left out. weights: (resamples, items): items that are always drawn together
    count as one. A difference of 0 may be off on both sides. Source: Wilson 1927.
    """
    there = ~np.isnan(values)
    found = np.unique(values[there])
    if len(found) != 1 or found[0] not in (-1.0, 0.0, 1.0):
        return None
    drawn = weights[:, there if there.ndim == 1 else there.any(axis=0)]
    groups = len(np.unique(drawn, axis=1).T)
    value, room = float(found[0]), wilson_room(groups, level)
    return max(value - room, -1.0 if signed else 0.0), min(value + room, 1.0)


def wilson(hits: ArrayLike, n: ArrayLike) -> tuple[Array, Array]:
    """Lower and upper ends of the 95 % score interval of a share, in [0, 1]: hits of n, both (items,); n may be 0.

    It has a closed form, has a width where all samples agree, and covers at about its level on average with few
    samples, near 0 and 1 too. Source: Wilson 1927; recommended for up to 40 samples by Brown, Cai and DasGupta 2001.
    """
    x, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    z = NormalDist().inv_cdf(0.975)
    spread = z * np.sqrt(x * (n - x) / np.maximum(n, 1) + z**2 / 4)
    low, high = ((x + z**2 / 2 + side) / (n + z**2) for side in (-spread, spread))
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def wilson_room(n: int, level: float = 0.95) -> float:
    """How far from 0 a share may be that is 0 in all n, by Wilson's interval at a level."""
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    return z2 / (n + z2)


def estimate_runs(values: Array, runs: Array, items: Array, level: float = 0.95, shares: bool = False) -> Estimate:
    """The mean over runs × items, NaN left out, and its interval when runs and items are drawn independently.

    values: (runs, items); runs, items: weights from `resample`, (resamples, runs) and (resamples, items). The unit of
    what is claimed about a recipe is the run: a few runs with many items still give a wide interval. shares: the values
    are those of a share; where they are all alike, in all runs, the interval is that of `all_alike` over items.
    """
    if shares and (ends := all_alike(values, items, level=level)):
        return Estimate(float(np.nanmean(values)), *ends, values.size)
    return _between(_mean(values, None, None), _mean(values, runs, items), values.size, level)


def _mean(values: Array, runs: Array | None, items: Array | None) -> Array:
    """(resamples,), the weighted means of (runs, items) without NaN; without weights the mean itself, (1,)."""
    there = ~np.isnan(values)
    runs = np.ones((1, values.shape[0])) if runs is None else runs
    items = np.ones((1, values.shape[1])) if items is None else items
    total, count = (
        np.einsum("rs,rs->r", runs, items @ of.T) for of in (np.where(there, values, 0.0), there.astype(float))
    )
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _between(value: Array, drawn: Array, n: int, level: float = 0.95) -> Estimate:
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Estimate(np.nan, np.nan, np.nan, n)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(value[0]), float(low), float(high), n)
