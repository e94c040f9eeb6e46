"""P(correct) and entropy over the option letters of a model that shows no probabilities, from repeated samples.

The samples of a prompt are draws from the model's letter distribution at the temperature of the asking, over all the
reasonings that it may write. Where probabilities are shown, `engine` reads them after the one reasoning that was
written: P(correct) is then the same on average over sampled reasonings, but the entropy is smaller, and is another
quantity. Answers that cannot be read are left out, as probabilities are shared out among the option letters alone;
how many they are stands beside. `samples_needed` holds these estimates against the truth.

Left out: an interval for the entropy of a single item.
"""

from __future__ import annotations

from dataclasses import asdict
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from companion.errors import CompanionError
from companion.intervals import estimate, resample, wilson
from companion.measures import Array, mean
from companion.questions.question import LETTERS


def entropy(counts: ArrayLike, options: ArrayLike) -> Array:
    """Entropy divided by log(number of options), estimated from samples: (items,), NaN from fewer than 2 samples.

    counts: (items, letters), how often each letter was the answer. options: (items,). The second-order jackknife of the
    entropy of the shares, which by itself is too low by about (options − 1) / (2 × samples) nats. To be right on
    average it may leave [0, 1] a little. Sources: Zahl 1977 for entropy; Schucany, Gray and Owen 1971 for the order.
    """
    c = np.asarray(counts, dtype=float)
    n = c.sum(axis=1, keepdims=True)
    whole, one, two = (_without(left_out, c, n) for left_out in range(3))
    nats = (n**2 * whole - 2 * (n - 1) ** 2 * one + (n - 2) ** 2 * two).sum(axis=1) / 2
    return np.where(n[:, 0] < 2, np.nan, nats / np.log(np.asarray(options)))


def _without(r: int, c: Array, n: Array) -> Array:
    """Each letter's part of the entropy of the shares, (items, letters), on average over leaving out r of n samples."""
    total = np.zeros_like(c)
    for own in range(r + 1):  # of the samples left out, how many of this letter
        ways = comb(r, own) * _falling(c, own) * _falling(n - c, r - own) / np.maximum(_falling(n, r), 1)
        share = np.maximum(c - own, 0) / np.maximum(n - r, 1)
        total -= ways * share * np.log(np.where(share > 0, share, 1))
    return total


def _falling(x: Array, times: int) -> Array:
    """x (x − 1) … of so many factors."""
    return np.prod([x - step for step in range(times)], axis=0) if times else np.ones_like(x)


def estimates(rows: pd.DataFrame) -> pd.DataFrame:
    """One line for each perturbation × question of one model's rows on one benchmark (`store.ROWS`, several samples
    each).

    perturbation, question, group, samples, read (how many had an answer that could be read), p_correct with the ends of
    its interval (low, high), entropy. p_correct is NaN where read is 0, entropy where it is below 2. Raises
    CompanionError for rows of several models, and for greedy ones, which are no samples."""
    if rows.duplicated(["question", "perturbation", "sample"]).any():
        raise CompanionError("rows of several models or temperatures; choose one before estimating from samples")
    if (rows["temperature"] == 0).any():
        raise CompanionError("rows that were asked greedily are no samples; ask with --samples and a --temperature")
    by = [rows["perturbation"], rows["question"]]
    letters = pd.get_dummies(rows["answer"].astype(pd.CategoricalDtype(list(LETTERS))))
    counts = letters.groupby(by, sort=False).sum().to_numpy()
    found = rows.assign(read=rows["answer"].notna(), options=rows["options"].str.len()).groupby(by, sort=False)
    items = found.agg(
        group=("group", "first"),
        samples=("sample", "size"),
        read=("read", "sum"),
        hits=("correct", "sum"),
        options=("options", "first"),
    )
    low, high = wilson(items["hits"], items["read"])
    items = items.assign(p_correct=items["hits"] / items["read"], low=low, high=high)
    items["entropy"] = entropy(counts, items["options"])
    return items.drop(columns=["hits", "options"]).reset_index()


def confidence(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """perturbation, measure (p_correct, entropy, no_answer: share of unreadable answers), estimate; rows as
    `estimates`.

    What `tables.confidence` is where probabilities are shown. The interval is the bootstrap over groups of items, and
    holds the error of the samples too: an item that is drawn brings its estimate along, error included, and samples of
    different items err independently. To draw the samples anew as well would count that error twice.
    """
    lines = []
    for perturbation, part in estimates(rows).groupby("perturbation", sort=False):
        weights = resample(part["group"].tolist(), rng)
        part["no_answer"] = 1 - part["read"] / part["samples"]
        for measure in ("p_correct", "entropy", "no_answer"):
            found = estimate(mean(part[measure]), weights)
            lines.append({"perturbation": perturbation, "measure": measure, **asdict(found)})
    return pd.DataFrame(lines)
