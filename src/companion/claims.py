"""The paper's findings as falsifiable tests: each a few quantities with the direction that the paper reports.

A quantity is *supported* if its whole 95 % interval lies where the finding says, *contradicted* if it lies wholly on
the other side, and else *undecided*. A finding is supported if all its quantities are, contradicted if one is. With
fewer than `ENOUGH_SEEDS` seeds the verdict is *too few seeds*, whatever the intervals say.
Here: what RL does (F5 to F9, F14), and what counting consistency does (F3, F11), on finished runs with the seed as the
unit. What is shown holds for the
microworld; it is no statement about large models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from companion.dynamics import EQUIVALENT, UNSEEN, Panel, spread, unrest
from companion.measures import Array
from companion.statistics import Estimate

FINDINGS = {
    "F3": "the damage is larger when only answers count that their reasoning agrees with",
    "F5": "RL raises accuracy while fewer answers agree with their own reasoning",
    "F6": "letter entropy falls in every recipe, also for prompt forms never trained on",
    "F7": "augmentation brings accuracy under wrong captions to about the clean level, does little under wrong "
    "reasoning starts, and does not stop the drift",
    "F8": "a reward for consistency restores the agreement of reasoning and answer",
    "F9": "both together: reasoning collapses, runs are unstable, robustness stays out of reach",
    "F11": "some models are stubborn (right against their own false reasoning), others brittle (they follow it)",
    "F14": "seeds differ more than recipes",
}

ENOUGH_SEEDS = 5
"""A bootstrap over fewer seeds draws too few different samples for its interval to be trusted."""


@dataclass(frozen=True)
class Quantity:
    """One test of a finding. expected: "up" (above `against`), "down" (below it) or "same" (within ±`EQUIVALENT`)."""

    finding: str
    what: str
    expected: str
    found: Estimate
    against: float = 0.0

    @property
    def verdict(self) -> str:
        """supported, contradicted or undecided."""
        low, high = self.found.low - self.against, self.found.high - self.against
        if np.isnan(low):
            return "undecided"
        if self.expected == "same":
            inside = low >= -EQUIVALENT and high <= EQUIVALENT
            outside = high < -EQUIVALENT or low > EQUIVALENT
            return "supported" if inside else "contradicted" if outside else "undecided"
        if self.expected == "down":
            low, high = -high, -low
        return "supported" if low > 0 else "contradicted" if high < 0 else "undecided"


def dynamics(runs: pd.DataFrame, start: str, rng: np.random.Generator) -> list[Quantity]:
    """The tests of F5 to F9 and F14 on the runs from one start; those whose recipes were not run are left out."""
    part = runs[runs["start"] == start]
    there = set(part["recipe"])
    panel = Panel(part, rng)
    found: list[Quantity] = []

    def test(finding: str, recipes: set[str], what: str, expected: str, value: Callable[[], Estimate]) -> None:
        if recipes <= there:
            found.append(Quantity(finding, what, expected, value()))

    def change(recipe: str, variant: str, measure: str) -> Callable[[], Estimate]:
        return lambda: panel.change(start, recipe, variant, measure)

    def gap(one: tuple[str, str], other: tuple[str, str], measure: str) -> Callable[[], Estimate]:
        return lambda: panel.gap((start, *one), (start, *other), measure)

    test("F5", {"accuracy"}, "accuracy: change of accuracy", "up", change("accuracy", "base", "correct"))
    for variant in ("base", "wrong-caption", "wrong-think"):
        what = f"accuracy: change of consistency, {variant}"
        test("F5", {"accuracy"}, what, "down", change("accuracy", variant, "consistent"))
    for recipe in sorted(there):
        test("F6", {recipe}, f"{recipe}: change of entropy, base prompt", "down", change(recipe, "base", "entropy"))
        test("F6", {recipe}, f"{recipe}: change of entropy, unseen forms", "down", _pooled(panel, start, recipe))
    augmented = ("augmented", "base")
    test("F7", {"augmented"}, "augmented: wrong-caption against base", "same",
         gap(("augmented", "wrong-caption"), augmented, "correct"))  # fmt: skip
    test("F7", {"augmented"}, "augmented: wrong-think against base", "down",
         gap(("augmented", "wrong-think"), augmented, "correct"))  # fmt: skip
    test("F7", {"augmented"}, "augmented: change of consistency", "down", change("augmented", "base", "consistent"))
    test("F8", {"faithful", "accuracy"}, "consistency: faithful against accuracy", "up",
         gap(("faithful", "base"), ("accuracy", "base"), "consistent"))  # fmt: skip
    both = "augmented-faithful"
    test("F9", {both}, f"{both}: change of reasoning length (words)", "down", change(both, "base", "words"))
    test("F9", {both}, f"{both}: wrong-think against base", "down",
         gap((both, "wrong-think"), (both, "base"), "correct"))  # fmt: skip
    if len(panel.seeds) > 1:
        if {both, "accuracy"} <= there:
            ratio = unrest(part, rng, start, "correct", both, "accuracy")
            what = f"spread of accuracy between seeds: {both} over accuracy"
            found.append(Quantity("F9", what, "up", ratio, against=1.0))
        if len(there) > 1:
            for name, measure in (("accuracy", "correct"), ("consistency", "consistent")):
                ratio = spread(part, rng, start, measure)
                found.append(Quantity("F14", f"spread of {name}: seeds over recipes", "up", ratio, against=1.0))
    return found


def consistency(runs: pd.DataFrame, start: str, rng: np.random.Generator) -> list[Quantity]:
    """The tests of F3 (on the recipe `accuracy`) and F11 (over all recipes) on the runs from one start.

    F11 asks of the most stubborn and of the most brittle recipe, picked from all k after the fact: their intervals are
    at 1 − 0.05 / k.
    """
    part = runs[runs["start"] == start]
    panel = Panel(part, rng)
    recipes = sorted(part["recipe"].unique())

    def both(recipe: str, variant: str) -> tuple[Array, Array]:
        return tuple(panel.values(start, recipe, variant, name, panel.last) for name in ("correct", "consistent"))  # type: ignore[return-value]

    found = []
    if "accuracy" in recipes:
        right, agrees = both("accuracy", "base")
        for variant in ("wrong-caption", "wrong-think"):
            now, still = both("accuracy", variant)
            extra = panel.estimate((now * still - right * agrees) - (now - right))
            what = f"accuracy: fall of consistent accuracy beyond that of accuracy, {variant}"
            found.append(Quantity("F3", what, "down", extra))
    leaning = {}
    for recipe in recipes:
        right, _ = both(recipe, "base")
        now, agrees = both(recipe, "wrong-think")
        stubborn, brittle = now * (1 - agrees), (1 - now) * agrees
        leaning[recipe] = panel.estimate(np.where(right == 1, stubborn - brittle, np.nan), 1 - 0.05 / len(recipes))
    for expected, pick in (("up", max), ("down", min)):
        recipe = pick(leaning, key=lambda name: leaning[name].value)
        kind = "stubborn" if expected == "up" else "brittle"
        what = f"the most {kind} recipe ({recipe}): stubborn minus brittle, wrong-think"
        found.append(Quantity("F11", what, expected, leaning[recipe]))
    return found


def _pooled(panel: Panel, start: str, recipe: str) -> Callable[[], Estimate]:
    """Change of the entropy averaged over the unseen prompt forms."""

    def value() -> Estimate:
        last, first = (
            np.mean([panel.values(start, recipe, variant, "entropy", step) for variant in UNSEEN], axis=0)
            for step in (panel.last, 0)
        )
        return panel.estimate(last - first)

    return value


Tests = Callable[[pd.DataFrame, str, np.random.Generator], list[Quantity]]
"""`dynamics` or `consistency`."""


def table(runs: pd.DataFrame, tests: Tests, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """finding, statement, start, what, expected, value, low, high, seeds, verdict: one line a quantity, for each start.

    rng: gives a fresh generator, so that the tests of one start do not hang on whether there is another.
    """
    lines = []
    for start, part in runs.groupby("start"):
        seeds = part["seed"].nunique()
        for q in tests(part, str(start), rng()):
            lines.append({
                "finding": q.finding, "statement": FINDINGS[q.finding], "start": start, "what": q.what,
                "expected": q.expected, "value": q.found.value, "low": q.found.low, "high": q.found.high,
                "seeds": seeds, "verdict": q.verdict if seeds >= ENOUGH_SEEDS else "too few seeds",
            })  # fmt: skip
    return pd.DataFrame(lines)


def verdicts(tests: pd.DataFrame) -> pd.Series:
    """(start, finding) → verdict of all its quantities together."""

    def joint(parts: pd.Series) -> str:
        for verdict in ("too few seeds", "contradicted"):
            if (parts == verdict).any():
                return verdict
        return "supported" if (parts == "supported").all() else "undecided"

    return tests.groupby(["start", "finding"], sort=False)["verdict"].agg(joint)
