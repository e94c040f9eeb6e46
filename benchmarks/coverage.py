"""How often the study's intervals hold the truth, in simulated runs of which it is known.

*mean*: what the study measures most, the change of a share over RL, paired by item. Every item has a probability of its
own of contradicting its reasoning, before and after; every seed moves all of them. The crossed interval
(`analysis.crossed`) stands beside the bootstrap over seeds and items (`intervals.estimate_runs`). *slope*: of that
change over the dose, in the runs of H1. *rank correlation*: of that change with a share before RL, in as many runs as
H4 has. *AUROC*: of a score that seeds and items move, for labels that they move too, half of which are positive.
Run: `python benchmarks/coverage.py --csv results/coverage.csv`, half an hour on one core, or a part of it by `--only`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from companion.analysis.crossed import (
    CrossedEstimate,
    crossed_mean,
    mean_over_runs,
    rank_correlation,
    slope_within_blocks,
)
from companion.intervals import estimate_runs, resample
from companion.measures import auroc

SEEDS, ITEMS, SPREADS = (3, 4, 5), (504, 2016), (0.0, 0.01, 0.03)
"""Settings: training seeds, items, and the standard deviation of the change (of the AUROC) between seeds, as a share of
1."""

CHANGE = 0.05
"""The true change of the share over RL."""


SHARE = 0.2
"""The mean of the items' probabilities before RL."""

DOSES = [0.0] * 5 + [0.5] * 3 + [1.0] * 5 + [2.0] * 3
"""Of the runs of H1, in 20 points of misread reasoning; a dose changes the share by `CHANGE`."""

BLOCKS = [*range(5), *range(3), *range(5), *range(3)]
"""Their seeds."""

RUNS, CORRELATION = 24, 0.7
"""Of H4; and Pearson's correlation of the two shares, seeds apart, each of which differs by `CHANGE` between runs."""

AUROC, SHARED = 0.7, 0.5
"""The true AUROC; and the part of the variance of scores and labels that is the items', the same in all runs."""


def drawn_items(rng: np.random.Generator, items: int) -> np.ndarray:
    """(items,): their probabilities before RL, which are far apart; `SHARE` in the mean."""
    return rng.beta(0.3, 1.2, size=items)


def simulated(rng: np.random.Generator, item: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """(runs, items) of −1, 0 or 1: contradicts after minus before; its mean over all items that could be drawn is the
    change of each run. item: of `drawn_items`. changes: (runs,).

    A run moves all items: up by a part of what is left to 1, or down by a part of what is there.
    """
    items, moved = len(item), changes[:, None]
    up, down = moved.clip(min=0) / (1 - SHARE), (-moved).clip(min=0) / SHARE
    before = rng.random((len(changes), items)) < item
    after = rng.random((len(changes), items)) < item + up * (1 - item) - down * item
    return after.astype(float) - before


def drifts(rng: np.random.Generator, seeds: int, items: int, spread: float) -> np.ndarray:
    """(seeds, items): of runs of one recipe, whose changes are `CHANGE` and what the seed adds to it."""
    item = drawn_items(rng, items)
    return simulated(rng, item, CHANGE + spread * rng.normal(size=seeds))


def slope(rng: np.random.Generator, _seeds: int, items: int, spread: float) -> CrossedEstimate:
    """Of the drift over the dose; a seed adds to all its runs, and each run has something of its own."""
    of_seeds = rng.normal(size=max(BLOCKS) + 1)[BLOCKS]
    changes = CHANGE * np.array(DOSES) + spread * (of_seeds + rng.normal(size=len(DOSES)))
    return slope_within_blocks(DOSES, simulated(rng, drawn_items(rng, items), changes).mean(axis=1), BLOCKS)


def ranks(rng: np.random.Generator, _seeds: int, items: int, spread: float) -> CrossedEstimate:
    """Of the drift with a share of all answers before RL."""
    x, rest = rng.normal(size=(2, RUNS))
    y = CORRELATION * x + np.sqrt(1 - CORRELATION**2) * rest
    before = rng.binomial(items, (SHARE + CHANGE * x).clip(0, 1)) / items
    changes = CHANGE * (1 + y) + spread * rng.normal(size=RUNS)
    return rank_correlation(before, simulated(rng, drawn_items(rng, items), changes).mean(axis=1))


def true_rank_correlation(spread: float) -> float:
    """Of the shares themselves, of all items that could be drawn: Spearman's of two normal ones."""
    return float(6 / np.pi * np.arcsin(CORRELATION * CHANGE / np.hypot(CHANGE, spread) / 2))


def aurocs(rng: np.random.Generator, seeds: int, items: int, spread: float) -> CrossedEstimate:
    """A score and what decides the label are normal, with a correlation in each run that gives it its AUROC: where half
    of the labels are positive, that is 1/2 + 2/π asin(r/√2)."""

    def moved_by_items() -> np.ndarray:
        own = rng.normal(size=(seeds, items))
        return np.sqrt(SHARED) * rng.normal(size=items) + np.sqrt(1 - SHARED) * own

    r = np.sqrt(2) * np.sin(np.pi / 2 * (AUROC - 0.5 + spread * rng.normal(size=(seeds, 1))))
    score, rest = moved_by_items(), moved_by_items()
    positive = r * score + np.sqrt(1 - r**2) * rest > 0
    return mean_over_runs([auroc(*run) for run in zip(score, positive, strict=True)], items, rng)


def means(draws: int, bootstraps: int) -> Iterator[dict[str, Any]]:
    """Lines of the mean: the crossed interval, and the bootstrap in some of the draws."""
    for seeds, items, spread in tqdm(list(product(SEEDS, ITEMS, SPREADS)), desc="mean"):
        rng = np.random.default_rng(2602)
        drawn = [drifts(rng, seeds, items, spread) for _ in range(draws)]
        crossed = [crossed_mean(values, CHANGE) for values in drawn]
        boots = []
        for values in drawn[:bootstraps]:
            weights = (resample([str(number) for number in range(size)], rng, 1000) for size in values.shape)
            boots.append(estimate_runs(values, *weights))
        yield {
            "statistic": "mean",
            "seeds": seeds,
            "items": items,
            "spread_between_seeds": spread,
            "draws": draws,
            "crossed": np.mean([one.low <= CHANGE <= one.high for one in crossed]),
            "crossed_width": np.mean([one.high - one.low for one in crossed]),
            "bootstraps": bootstraps,
            "bootstrap": np.mean([one.low <= CHANGE <= one.high for one in boots]),
            "bootstrap_width": np.mean([one.high - one.low for one in boots]),
        }


OF_RUNS: dict[str, tuple[Callable[..., CrossedEstimate], Callable[[float], float], tuple[int, ...]]] = {
    "slope": (slope, lambda _: CHANGE, (max(BLOCKS) + 1,)),
    "rank correlation": (ranks, true_rank_correlation, (RUNS,)),
    "AUROC": (aurocs, lambda _: AUROC, SEEDS),
}
"""Statistic of runs → one simulated study of it, its truth by the spread between seeds, and numbers of seeds (of a rank
correlation: of runs)."""


def of_runs(statistic: str, draws: int) -> Iterator[dict[str, Any]]:
    """Lines of one of `OF_RUNS`."""
    study, truth, counts = OF_RUNS[statistic]
    for seeds, items, spread in tqdm(list(product(counts, ITEMS, SPREADS)), desc=statistic):
        rng, true = np.random.default_rng(2602), truth(spread)
        found = [study(rng, seeds, items, spread) for _ in range(draws)]
        yield {
            "statistic": statistic,
            "seeds": seeds,
            "items": items,
            "spread_between_seeds": spread,
            "draws": draws,
            "of_runs": np.mean([one.low <= true <= one.high for one in found]),
            "of_runs_width": np.mean([one.high - one.low for one in found]),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2000, help="simulated studies of each setting")
    parser.add_argument("--bootstraps", type=int, default=300, help="of these, how many are bootstrapped too")
    parser.add_argument("--only", choices=("mean", *OF_RUNS), help="one statistic; the others' lines stay as they are")
    parser.add_argument("--csv", type=Path, help="a file to write the table to")
    options = parser.parse_args()
    lines: list[dict[str, Any]] = []
    for name in [options.only] if options.only else ("mean", *OF_RUNS):
        each = min(options.draws, options.bootstraps) if name == "AUROC" else options.draws  # it is bootstrapped
        lines += means(options.draws, options.bootstraps) if name == "mean" else of_runs(name, each)
    table = pd.DataFrame(lines)
    print(table.to_string(index=False, float_format="{:.3f}".format))
    if options.csv:
        if options.only and options.csv.exists():
            before = pd.read_csv(options.csv)
            table = pd.concat([before[before["statistic"] != options.only], table], ignore_index=True)
        if "bootstraps" in table:
            table["bootstraps"] = table["bootstraps"].astype("Int64")  # whole numbers, where other lines have none
        table.to_csv(options.csv, index=False, float_format="%.4f", lineterminator="\n")


if __name__ == "__main__":
    main()
