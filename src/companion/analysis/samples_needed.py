"""How many samples are enough? The estimates of `from_samples` against letter probabilities that are known.

The microworld's models show their letter probabilities, so that what the samples of one are drawn from is known:

* under *stop-think* there is no reasoning, and the truth is the letter distribution of the greedy answer;
* under *plain* the truth is the marginal over reasonings: the mean of the letter distributions after many sampled ones.
  How far that may still be from the model's own marginal is told too.

*Drawn*: items are drawn as often as there are some, with replacement, and k answers of each from its true distribution,
`DRAWS` times: bias and root-mean-square error of an item's estimates, coverage of an item's interval of P(correct);
bias, error and coverage of the means over items, whose truth is that of all items. *Asked*: answers that the model
gave, under the plain prompt held against the reasonings of its other samples.

The rule, fixed before the first run: enough is the smallest k from which on, for each model and perturbation, the
intervals of mean P(correct) and of mean entropy, both at a level of 95 %, cover at least 93 % of the time, and neither
mean is off by 1 percentage point.

Run: `python benchmarks/sample_size.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from companion.analysis.from_samples import entropy, estimates
from companion.evaluation.engine import evaluate
from companion.evaluation.store import Store
from companion.intervals import estimate, resample, wilson
from companion.measures import Array, mean, normalised_entropy
from companion.models.interface import Model, Sampling
from companion.questions.question import LETTERS, Question

KS = (1, 2, 4, 8, 16, 32)

ASKED = 8
"""Samples at which answers that a model gave are held against those drawn."""

REASONINGS = 32
"""Samples whose letter distributions make the truth under the plain prompt."""

DRAWS = 2000
"""They make the standard error of a coverage of 95 % half a point."""

RESAMPLES = 400
"""Of the bootstrap of each draw: fewer than `intervals.RESAMPLES`, for time."""

ITEMS = 300
"""Questions on which `results/sample_size.csv` was made."""

COVERAGE, BIAS = 0.93, 0.01
"""The rule: at least, and below."""


@dataclass(frozen=True)
class Truth:
    """questions: (items,), ids. probs: (items, letters), rows sum to 1, 0 behind an item's options. options, right:
    (items,), their number and the index of the right one. error: (items,), standard error of P(correct)."""

    questions: Any
    probs: Array
    options: Any
    right: Any
    error: Array

    @property
    def p_correct(self) -> Array:
        return self.probs[np.arange(len(self.probs)), self.right]

    @property
    def entropy(self) -> Array:
        return normalised_entropy([p[:n] for p, n in zip(self.probs, self.options, strict=True)])


def truth(rows: pd.DataFrame) -> Truth:
    """The mean letter distribution of each question's rows; a question that no row has one of is left out."""
    found: list[tuple[Any, ...]] = []
    for id, part in rows[rows["letter_probs"].notna()].groupby("question", sort=False):
        each = np.array(part["letter_probs"].tolist())
        probs, right = each.mean(axis=0), LETTERS.index(part["right"].iloc[0])
        error = each[:, right].std() / np.sqrt(max(len(each) - 1, 1))
        padded = np.pad(probs / probs.sum(), (0, len(LETTERS) - len(probs)))
        found.append((id, padded, len(probs), right, error))
    return Truth(*(np.array(column) for column in zip(*found, strict=True)))


def study(
    models: Sequence[Model], pool: Sequence[Question], store: Store, reasonings: int = REASONINGS, draws: int = DRAWS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of `estimates_drawn` and `estimates_asked`, one below the other, with model, perturbation and source
    (drawn, asked) in front; and a table that says what the truth of each model and perturbation is, and how exact
    (`_described`).

    reasonings: samples under the plain prompt, more than `ASKED`. What the store holds is not asked again.
    """
    checks, known = [], []
    hot = Sampling(temperature=1.0)
    for model in models:
        greedy = evaluate(model, pool, ["stop-think", "plain"], store)
        for perturbation, samples in (("stop-think", ASKED), ("plain", reasonings)):
            rows = pd.concat(
                [
                    evaluate(model, pool, [perturbation], store, replace(hot, sample=number), progress=False)
                    for number in tqdm(
                        range(samples), desc=f"{model.label}, {perturbation}", unit="sample", leave=False
                    )
                ]
            )
            once = greedy[greedy["perturbation"] == perturbation]
            told = once if perturbation == "stop-think" else rows
            labels = {"model": model.label, "perturbation": perturbation}
            checks.append(
                estimates_drawn(truth(told), np.random.default_rng(0), draws).assign(**labels, source="drawn")
            )
            checks.append(estimates_asked(rows, truth(told) if told is once else None).assign(**labels, source="asked"))
            known.append(labels | _described(told, once, rows))
    table = pd.concat(checks, ignore_index=True)
    front = ["model", "perturbation", "source"]
    return table[[*front, *(name for name in table if name not in front)]], pd.DataFrame(known)


def estimates_drawn(known: Truth, rng: np.random.Generator, draws: int = DRAWS) -> pd.DataFrame:
    """k, of (item, mean), measure (p_correct, entropy), bias, rmse, coverage: from draws of known distributions."""
    n, p_correct, true_entropy = len(known.probs), known.p_correct, known.entropy
    errors: dict[tuple[int, str, str], list[Any]] = {}
    covered: dict[tuple[int, str, str], list[Any]] = {}
    for _ in range(draws):
        items = rng.integers(n, size=n)
        weights = resample([str(number) for number in range(n)], rng, RESAMPLES)
        for k in KS:
            counts = rng.multinomial(k, known.probs[items])
            hits = counts[np.arange(n), known.right[items]]
            low, high = wilson(hits, np.full(n, k))
            inside = (low <= p_correct[items]) & (p_correct[items] <= high)
            covered.setdefault((k, "item", "p_correct"), []).append(inside)
            found = {"p_correct": (hits / k, p_correct)}
            if k > 1:
                found["entropy"] = entropy(counts, known.options[items]), true_entropy
            for name, (values, true) in found.items():
                one = estimate(mean(values), weights)
                errors.setdefault((k, "item", name), []).append(values - true[items])
                errors.setdefault((k, "mean", name), []).append(one.value - true.mean())
                covered.setdefault((k, "mean", name), []).append(one.low <= true.mean() <= one.high)
    return pd.DataFrame([_line(*which, values, covered.get(which)) for which, values in errors.items()])


def estimates_asked(rows: pd.DataFrame, known: Truth | None = None) -> pd.DataFrame:
    """The lines of `estimates_drawn` about items, of answers that a model gave: of samples 0 to 7, 8 to 15 and so on
    together.

    rows: of one model under one perturbation. known: None for the truth of the samples that are not looked at.
    """
    errors: dict[str, list[Array]] = {"p_correct": [], "entropy": []}
    covered = []
    for part, others in _parts(rows):
        true = known or truth(others)
        found = estimates(part).set_index("question").loc[true.questions]
        covered.append((found["low"] <= true.p_correct) & (true.p_correct <= found["high"]))
        for name, value in (("p_correct", true.p_correct), ("entropy", true.entropy)):
            errors[name].append((found[name] - value).dropna().to_numpy())
    return pd.DataFrame(
        [
            _line(ASKED, "item", name, [np.concatenate(values)], covered if name == "p_correct" else None)
            for name, values in errors.items()
        ]
    )


def enough(table: pd.DataFrame) -> int | None:
    """The k that the rule recommends, of a table of `study`, or None where none of `KS` is enough."""
    means = table[(table["source"] == "drawn") & (table["of"] == "mean")]
    good = (means["coverage"] >= COVERAGE) & (means["bias"].abs() < BIAS)
    best = None
    for k in reversed(KS):
        own = means["k"] == k
        if not good[own].all() or "entropy" not in set(means.loc[own, "measure"]):
            break
        best = k
    return best


def _parts(rows: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """`ASKED` samples of each item, and the others, in turn."""
    for first in range(0, rows["sample"].nunique(), ASKED):
        own = rows["sample"].between(first, first + ASKED - 1)
        yield rows[own], rows[~own]


def _line(k: int, of: str, measure: str, errors: list[Any], covered: list[Any] | None) -> dict[str, Any]:
    error = np.array(errors)
    return {
        "k": k,
        "of": of,
        "measure": measure,
        "bias": error.mean(),
        "rmse": float(np.sqrt((error**2).mean())),
        "coverage": np.nan if covered is None else np.mean(covered),
    }


def _described(told: pd.DataFrame, greedy: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """told: the rows that the truth is the mean of.

    items, reasonings (of each item, in told), true means, with the standard error of P(correct) of an item and of the
    mean, and the mean entropy that half the reasonings give; what is read from the logits after the greedy reasoning
    and, on average, after each of the sampled ones; the share of samples that could not be read.
    """
    known, half = truth(told), truth(told[told["sample"] < told["sample"].nunique() / 2])
    squares = known.error**2
    return {
        "items": len(squares),
        "reasonings": told["sample"].nunique(),
        "p_correct": known.p_correct.mean(),
        "error_item": np.sqrt(squares.mean()),
        "error_mean": np.sqrt(squares.sum()) / len(squares),
        "entropy": known.entropy.mean(),
        "entropy_of_half": half.entropy.mean(),
        "greedy_p_correct": greedy["p_correct"].mean(),
        "greedy_entropy": greedy["entropy"].mean(),
        "after_p_correct": rows["p_correct"].mean(),
        "after_entropy": rows["entropy"].mean(),
        "no_answer": rows["answer"].isna().mean(),
    }
