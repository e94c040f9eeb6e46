"""Estimates over training seeds and items, both drawn at random and crossed: every seed answers the same items.

The statistics that docs/study.md fixes. All intervals are Student's t unless said otherwise. Left out: the bootstrap
over the items of a single model (`companion.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from companion.intervals import resample, wilson_room
from companion.measures import Array, Measure

RESAMPLES = 500
"""Of a bootstrap that is asked for a standard error alone."""

DRAWS = 200_000
"""Of a generalised confidence interval: its ends move by less than their third digit."""


@dataclass(frozen=True)
class CrossedEstimate:
    """A value with its 95 % interval (low, high), its 90 % interval and a two-sided p-value.

    p: of the hypothesis that the value is `against`, which was given to the estimate. seeds, items: how many of either
    it rests on. Intervals and p are NaN where nothing can be said of them.
    """

    value: float
    low: float
    high: float
    low90: float
    high90: float
    p: float
    seeds: int
    items: int


def no_estimate(seeds: int, items: int, value: float = np.nan) -> CrossedEstimate:
    """A value, if there is one, of which nothing more can be said."""
    return CrossedEstimate(value, np.nan, np.nan, np.nan, np.nan, np.nan, seeds, items)


def crossed_mean(values: Array, against: float = 0.0) -> CrossedEstimate:
    """The mean of (seeds, items), often of paired differences.

    Its variance is (MS_seeds + MS_items − MS_residual) / (seeds × items), at least the larger of the first two by the
    same divisor, with Satterthwaite's degrees of freedom. Items that lack a value in at least one
    seed are left out. A single seed gives the interval over items alone. Values that are all alike have Wilson's
    interval (`_all_alike`).
    """
    values = values[:, ~np.isnan(values).any(axis=0)]
    seeds, items = values.shape
    if items < 2:
        return no_estimate(seeds, items, float(values.mean()) if items else np.nan)
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return _all_alike(mean, seeds, items, against)
    ms_seeds, ms_items, ms_residual = mean_squares(values)
    if seeds == 1:
        return _t(mean, np.sqrt(ms_items / items), items - 1, against, seeds, items)
    total = ms_seeds + ms_items - ms_residual
    larger = max(ms_seeds, ms_items)
    if total > larger:
        df = total**2 / (
            ms_seeds**2 / (seeds - 1) + ms_items**2 / (items - 1) + ms_residual**2 / ((seeds - 1) * (items - 1))
        )
    else:
        total, df = larger, seeds - 1 if ms_seeds >= ms_items else items - 1
    return _t(mean, np.sqrt(total / values.size), df, against, seeds, items)


def mean_squares(values: Array) -> tuple[float, float, float]:
    """MS_seeds, MS_items and MS_residual of (seeds, items), one value a cell; of a single seed the first and the last
    are 0."""
    seeds, items = values.shape
    mean, of_seeds, of_items = values.mean(), values.mean(axis=1), values.mean(axis=0)
    ms_items = seeds * ((of_items - mean) ** 2).sum() / (items - 1)
    if seeds == 1:
        return 0.0, float(ms_items), 0.0
    ms_seeds = items * ((of_seeds - mean) ** 2).sum() / (seeds - 1)
    rest = values - of_seeds[:, None] - of_items[None, :] + mean
    return float(ms_seeds), float(ms_items), float((rest**2).sum() / ((seeds - 1) * (items - 1)))


def mean_over_runs(
    measures: Sequence[Measure], items: int, rng: np.random.Generator, against: float = 0.0
) -> CrossedEstimate:
    """The mean over runs of what is no mean of items, such as an AUROC. measures: one for each run, of the same items.

    Its variance is that of the runs' values over their number plus that of the mean under a bootstrap over items; the
    noise that a run has by itself counts in both, so that intervals are rather too wide.
    """
    ones = np.ones((1, items))
    values = np.array([measure(ones)[0] for measure in measures])
    if np.isnan(values).any():
        return no_estimate(len(measures), items)
    weights = resample([str(item) for item in range(items)], rng, RESAMPLES)
    of_items = float(np.nanvar(np.mean([measure(weights) for measure in measures], axis=0)))
    runs = len(values)
    if runs == 1:
        return _t(float(values[0]), np.sqrt(of_items), items - 1, against, 1, items)
    of_runs = float(values.var(ddof=1)) / runs
    total = of_runs + of_items
    df = total**2 / (of_runs**2 / (runs - 1) + of_items**2 / (items - 1)) if total else 1.0
    return _t(float(values.mean()), np.sqrt(total), df, against, runs, items)


def slope_within_blocks(x: ArrayLike, y: ArrayLike, blocks: Sequence[int]) -> CrossedEstimate:
    """Least-squares slope of y over x, one value a run, each block with a level of its own: (runs,) each.

    NaN intervals where the blocks leave no degree of freedom, or x is the same within every one.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    names, members = np.unique(np.asarray(blocks), return_inverse=True)
    x, y = (values - (np.bincount(members, values) / np.bincount(members))[members] for values in (x, y))
    spread, df = float((x**2).sum()), len(x) - len(names) - 1
    if spread == 0 or df < 1:
        return no_estimate(len(names), 0)
    slope = float((x * y).sum() / spread)
    return _t(slope, np.sqrt(((y - slope * x) ** 2).sum() / df / spread), df, 0.0, len(names), 0)


def rank_correlation(x: ArrayLike, y: ArrayLike) -> CrossedEstimate:
    """Spearman's rank correlation over runs, (runs,) each; its interval by Fisher's transformation.

    The standard error of the transformed is √((1 + r²/2) / (runs − 3)). Source: Bonett and Wright 2000.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    runs = len(x)
    if runs < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return no_estimate(runs, 0)
    r = float(stats.spearmanr(x, y).statistic)
    z, error = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), np.sqrt((1 + r**2 / 2) / (runs - 3))
    ends = [float(np.tanh(z + sign * stats.norm.ppf(q) * error)) for q in (0.975, 0.95) for sign in (-1, 1)]
    p = float(2 * stats.norm.sf(abs(z) / error))
    return CrossedEstimate(r, ends[0], ends[1], ends[2], ends[3], p, runs, 0)


def variance_gap(recipes: Sequence[Array], rng: np.random.Generator) -> CrossedEstimate:
    """Variance between seeds within a recipe minus variance between recipes, of runs' means over the same items.

    recipes: (seeds, items) of each, paired by seed. What items do to all runs alike cancels between runs; what is left
    of their noise in a run's mean (MS_residual over the items) is taken out. The interval is a generalised confidence
    interval: each mean square is what was found, over a draw from the χ² distribution that it has.
    Source: Weerahandi 1993.
    """
    seeds, items = recipes[0].shape
    if seeds < 2:
        return no_estimate(seeds, items)
    count = len(recipes)
    noise = float(np.mean([mean_squares(values)[2] for values in recipes])) / items
    ms_recipes, ms_seeds, ms_both = mean_squares(np.array([values.mean(axis=1) for values in recipes]))

    def gap(of_recipes: Any, of_seeds: Any, of_both: Any) -> Any:
        between_seeds = of_seeds / count + of_both * (1 - 1 / count) - noise
        return between_seeds - (of_recipes - of_both) / seeds

    freedom = (count - 1, seeds - 1, (count - 1) * (seeds - 1))
    squares = zip((ms_recipes, ms_seeds, ms_both), freedom, strict=True)
    drawn = gap(*(square * df / rng.chisquare(df, DRAWS) for square, df in squares))
    low, high, low90, high90 = map(float, np.quantile(drawn, [0.025, 0.975, 0.05, 0.95]))
    below = float((drawn < 0).mean())
    p = min(1.0, 2 * max(min(below, 1 - below), 1 / DRAWS))
    value = float(gap(ms_recipes, ms_seeds, ms_both))
    return CrossedEstimate(value, low, high, low90, high90, p, seeds, items)


def holm(p_values: ArrayLike) -> Array:
    """p-values after Holm's correction for as many tests as there are. A test that has none yet, NaN, stays NaN and
    counts as if it had the largest."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    corrected = np.full(len(p), np.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(order)))))
    return corrected


def _t(value: float, error: float, df: float, against: float, seeds: int, items: int) -> CrossedEstimate:
    """Student's t. Without any spread the interval is a point, and p is 0 or 1."""
    ends = [value + sign * float(stats.t.ppf(q, df)) * error for q in (0.975, 0.95) for sign in (-1, 1)]
    p = float(2 * stats.t.sf(abs(value - against) / error, df)) if error else float(value == against)
    return CrossedEstimate(value, ends[0], ends[1], ends[2], ends[3], p, seeds, items)


def _all_alike(mean: float, seeds: int, items: int, against: float) -> CrossedEstimate:
    """Values that are the same for every seed and item.

    Shares that are all 0 or all 1, and differences of shares, have Wilson's interval over items, on both sides as far
    as a difference can go; anything else a point.
    """
    if mean not in (-1.0, 0.0, 1.0):
        return _t(mean, 0.0, 1.0, against, seeds, items)

    ends = [
        float(np.clip(mean + sign * wilson_room(items, level), -1, 1)) for level in (0.95, 0.90) for sign in (-1, 1)
    ]
    return CrossedEstimate(mean, ends[0], ends[1], ends[2], ends[3], float(mean == against), seeds, items)
