"""How often the study's intervals hold the truth, in simulated runs of which it is known.

Simulated is what the study measures most: the change of a share over RL, paired by item. Every item has a probability
of its own of contradicting its reasoning, before and after; every seed moves all of them. The crossed interval
(`analysis.crossed`) stands beside the bootstrap over seeds and items (`intervals.estimate_runs`).
Run: `python benchmarks/coverage.py --csv results/coverage.csv`, ten minutes on one core.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from companion.analysis.crossed import crossed_mean
from companion.intervals import estimate_runs, resample

SEEDS, ITEMS, SPREADS = (3, 4, 5), (504, 2016), (0.0, 0.01, 0.03)
"""Settings: training seeds, items, and the standard deviation of the change between seeds, as a share of 1."""

CHANGE = 0.05
"""The true change of the share over RL."""


SHARE = 0.2
"""The mean of the items' probabilities before RL."""


def simulated(rng: np.random.Generator, seeds: int, items: int, spread: float) -> np.ndarray:
    """(seeds, items) of −1, 0 or 1: contradicts after minus before; its mean over all that could be drawn is `CHANGE`.

    Probabilities of items are far apart (Beta(0.3, 1.2)). A seed moves all of them: up by a part of what is left to 1,
    or down by a part of what is there, so that their mean moves by `CHANGE` and what the seed adds to it.
    """
    item = rng.beta(0.3, 1.2, size=items)
    moved = CHANGE + spread * rng.normal(size=(seeds, 1))
    up, down = moved.clip(min=0) / (1 - SHARE), (-moved).clip(min=0) / SHARE
    before = rng.random((seeds, items)) < item
    after = rng.random((seeds, items)) < item + up * (1 - item) - down * item
    return after.astype(float) - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2000, help="simulated studies of each setting")
    parser.add_argument("--bootstraps", type=int, default=300, help="of these, how many are bootstrapped too")
    parser.add_argument("--csv", type=Path, help="a file to write the table to")
    options = parser.parse_args()
    lines = []
    for seeds, items, spread in tqdm(list(product(SEEDS, ITEMS, SPREADS)), desc="settings"):
        rng = np.random.default_rng(2602)
        drawn = [simulated(rng, seeds, items, spread) for _ in range(options.draws)]
        crossed = [crossed_mean(values, CHANGE) for values in drawn]
        boots = []
        for values in drawn[: options.bootstraps]:
            weights = (resample([str(number) for number in range(size)], rng, 1000) for size in values.shape)
            boots.append(estimate_runs(values, *weights))
        lines.append(
            {
                "seeds": seeds,
                "items": items,
                "spread_between_seeds": spread,
                "draws": options.draws,
                "crossed": np.mean([one.low <= CHANGE <= one.high for one in crossed]),
                "crossed_width": np.mean([one.high - one.low for one in crossed]),
                "bootstraps": options.bootstraps,
                "bootstrap": np.mean([one.low <= CHANGE <= one.high for one in boots]),
                "bootstrap_width": np.mean([one.high - one.low for one in boots]),
            }
        )
    table = pd.DataFrame(lines)
    print(table.to_string(index=False, float_format="{:.3f}".format))
    if options.csv:
        table.to_csv(options.csv, index=False, float_format="%.4f", lineterminator="\n")


if __name__ == "__main__":
    main()
