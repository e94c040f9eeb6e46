"""Findings about training, on finished GRPO runs with the seed as the unit.

Here: what RL does (F5 to F9, F14), what counting consistency does (F3, F11), and what perturbations do to models after
RL (F1, F2, F10, F12, F13; the same quantities as those of single models in `answers`). With fewer than `ENOUGH_SEEDS`
seeds the verdict is *too few seeds*, whatever the intervals say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from companion.analysis.findings.definitions import ENOUGH_SEEDS, FINDINGS, PLAIN, Quantity
from companion.analysis.training_runs import UNSEEN, RunsPanel, recipe_label, seeds_against_recipes, unrest
from companion.intervals import Estimate
from companion.measures import Array, Measure, auroc, minus

TRAINED = ("accuracy", "more-tasks", "augmented", "faithful", "augmented-faithful", "grounded")
"""The recipes that findings are tested on; others may lie in the folder of records, and change no verdict."""


def _trained(runs: pd.DataFrame, start: str) -> pd.DataFrame:
    return runs[(runs["start"] == start) & runs["recipe"].isin(TRAINED)]


class _Test(NamedTuple):
    """recipes: what has to have been run. value: what is found, once they are known to have been."""

    finding: str
    recipes: set[str]
    what: str
    expected: str
    value: Callable[[], Estimate]
    unit: str = "points"


def dynamics(runs: pd.DataFrame, start: str, rng: np.random.Generator) -> list[Quantity]:
    """The tests of F5 to F9 and F14 on the runs from one start; those whose recipes were not run are left out."""
    part = _trained(runs, start)
    there = set(part["recipe"].unique())
    panel = RunsPanel(part, rng)
    tests = [*_reward_alone(panel, start), *_entropies(panel, start, there), *_remedies(panel, start)]
    found = [
        Quantity(test.finding, test.what, test.expected, test.value(), unit=test.unit)
        for test in tests
        if test.recipes <= there
    ]
    return found + (_spreads(part, start, there, rng) if len(panel.seeds) > 1 else [])


def _reward_alone(panel: RunsPanel, start: str) -> list[_Test]:
    """F5: rewarding right answers raises accuracy and lowers consistency."""
    change = partial(panel.change, start, "accuracy")
    recipe = f"`{recipe_label('accuracy')}`"
    tests = [
        _Test("F5", {"accuracy"}, f"{recipe}: change of accuracy, {PLAIN}", "up", partial(change, "plain", "correct"))
    ]
    for perturbation in ("plain", "wrong-caption", "wrong-think"):
        what = f"{recipe}: change of consistency, {PLAIN if perturbation == 'plain' else perturbation}"
        tests.append(_Test("F5", {"accuracy"}, what, "down", partial(change, perturbation, "consistent")))
    return tests


def _entropies(panel: RunsPanel, start: str, recipes: Iterable[str]) -> list[_Test]:
    """F6: entropy falls, whatever is rewarded, also under prompt forms that were not trained on."""
    unit = "points of entropy"
    tests = []
    for recipe in sorted(recipes):
        what = f"`{recipe_label(recipe)}`: change of entropy"
        plain, unseen = partial(panel.change, start, recipe, "plain", "entropy"), partial(_pooled, panel, start, recipe)
        tests.append(_Test("F6", {recipe}, f"{what}, {PLAIN}", "down", plain, unit))
        tests.append(_Test("F6", {recipe}, f"{what}, unseen forms", "down", unseen, unit))
    return tests


def _remedies(panel: RunsPanel, start: str) -> list[_Test]:
    """F7 to F9: what augmentation does, what a reward for faithful reasoning does, and what both do together."""

    def change(recipe: str, measure: str) -> Callable[[], Estimate]:
        return partial(panel.change, start, recipe, "plain", measure)

    def gap(one: tuple[str, str], other: tuple[str, str], measure: str) -> Callable[[], Estimate]:
        return partial(panel.gap, (start, *one), (start, *other), measure)

    def lost(recipe: str, perturbation: str) -> Callable[[], Estimate]:
        return gap((recipe, perturbation), (recipe, "plain"), "correct")

    one, both = "augmented", "augmented-faithful"
    augmented, alone, joint = (f"`{recipe_label(recipe)}`" for recipe in (one, "accuracy", both))
    gated = f"`{recipe_label('faithful')}`"
    faithful = gap(("faithful", "plain"), ("accuracy", "plain"), "consistent")
    minus_plain = f"minus {PLAIN}"
    return [
        _Test("F7", {one}, f"{augmented}: accuracy, wrong-caption {minus_plain}", "same", lost(one, "wrong-caption")),
        _Test("F7", {one}, f"{augmented}: accuracy, wrong-think {minus_plain}", "down", lost(one, "wrong-think")),
        _Test("F7", {one}, f"{augmented}: change of consistency, {PLAIN}", "down", change(one, "consistent")),
        _Test("F8", {"faithful", "accuracy"}, f"consistency, {PLAIN}: {gated} minus {alone}", "up", faithful),
        _Test("F9", {both}, f"{joint}: change of reasoning length, {PLAIN}", "down", change(both, "words"), "words"),
        _Test("F9", {both}, f"{joint}: accuracy, wrong-think {minus_plain}", "down", lost(both, "wrong-think")),
    ]


def _spreads(part: pd.DataFrame, start: str, recipes: set[str], rng: np.random.Generator) -> list[Quantity]:
    """F9 and F14: how far runs of one recipe lie apart, against another recipe and against recipes among each other."""
    found = []
    both = "augmented-faithful"
    if {both, "accuracy"} <= recipes:
        ratio = unrest(part, rng, start, "correct", both, "accuracy")
        what = f"spread of accuracy between seeds: `{recipe_label(both)}` over `{recipe_label('accuracy')}`"
        found.append(Quantity("F9", what, "up", ratio, 1.0, "times"))
    if len(recipes) > 1:
        for name, measure in (("accuracy", "correct"), ("consistency", "consistent")):
            more = seeds_against_recipes(part, rng, start, measure)
            what = f"{name}, {PLAIN}: variance between seeds minus variance between recipes"
            found.append(Quantity("F14", what, "up", more, unit="points²"))
    return found


def consistency(runs: pd.DataFrame, start: str, rng: np.random.Generator) -> list[Quantity]:
    """The tests of F3 (on the recipe `accuracy`) and F11 (over all recipes) on the runs from one start.

    F11 asks of the most stubborn and of the most brittle recipe, picked from all k after the fact: their intervals are
    at 1 − 0.05 / k. A single recipe cannot be both, and is not asked.
    """
    part = _trained(runs, start)
    panel = RunsPanel(part, rng)
    recipes = sorted(part["recipe"].unique())

    def both(recipe: str, perturbation: str) -> tuple[Array, Array]:
        return tuple(panel.values(start, recipe, perturbation, name, panel.last) for name in ("correct", "consistent"))  # type: ignore[return-value]

    found = []
    if "accuracy" in recipes:
        right, agrees = both("accuracy", "plain")
        for perturbation in ("wrong-caption", "wrong-think"):
            now, still = both("accuracy", perturbation)
            extra = panel.estimate((now * still - right * agrees) - (now - right))
            what = (
                f"`{recipe_label('accuracy')}`: change of consistent accuracy minus change of accuracy, {perturbation}"
            )
            found.append(Quantity("F3", what, "down", extra))
    if len(recipes) < 2:
        return found
    leaning = {}
    for recipe in recipes:
        right, _ = both(recipe, "plain")
        now, agrees = both(recipe, "wrong-think")
        stubborn, brittle = now * (1 - agrees), (1 - now) * agrees
        leaning[recipe] = panel.estimate(np.where(right == 1, stubborn - brittle, np.nan), 1 - 0.05 / len(recipes))
    for expected, pick in (("up", max), ("down", min)):
        recipe = pick(leaning, key=lambda name: leaning[name].value)
        kind = "stubborn" if expected == "up" else "brittle"
        what = f"the most {kind} recipe (`{recipe_label(recipe)}`): stubborn minus brittle, wrong-think"
        found.append(Quantity("F11", what, expected, leaning[recipe]))
    return found


def perturbations(runs: pd.DataFrame, start: str, rng: np.random.Generator) -> list[Quantity]:
    """The tests of F1, F2, F10, F12 and F13 on the recipe `accuracy` from one start, at its last step.

    The paper speaks of models finetuned by RL for right answers, and that is what this recipe makes.
    """
    part = runs[(runs["start"] == start) & (runs["recipe"] == "accuracy")]
    if part.empty:
        return []
    panel = RunsPanel(part, rng)

    def values(perturbation: str, measure: str) -> Array:
        return panel.values(start, "accuracy", perturbation, measure, panel.last)

    def change(perturbation: str, measure: str, against: str = "plain") -> Estimate:
        return panel.estimate(values(perturbation, measure) - values(against, measure))

    found = []
    right = values("plain", "correct") == 1
    sure = np.where(right, values("plain", "p_correct"), np.nan)
    sharp = np.where(right, -values("plain", "entropy"), np.nan)
    for name in ("wrong-caption", "wrong-think"):
        found.append(Quantity("F1", f"{name}: change of accuracy", "down", change(name, "correct")))
        found.append(Quantity("F2", f"{name}: change of P(correct)", "down", change(name, "p_correct")))
        by_sure, by_sharp = (
            [auroc(own, stays) for own, stays in zip(scores, values(name, "correct"), strict=True)]
            for scores in (sure, sharp)
        )
        more: list[Measure] = [minus(*pair) for pair in zip(by_sure, by_sharp, strict=True)]
        what = f"{name}: AUROC of P(correct) for what stays right"
        found.append(Quantity("F10", what, "up", panel.estimate_each(by_sure), 0.5, "AUROC"))
        what = f"{name}: that AUROC minus the one of −entropy"
        found.append(Quantity("F10", what, "up", panel.estimate_each(more), unit="AUROC"))
        added = f"{name}-abstain"
        found.append(Quantity("F12", f"accuracy, {added} minus {name}", "down", change(added, "correct", name)))
    more_than = change("wrong-think", "correct", "wrong-caption")
    found.append(Quantity("F13", "accuracy, wrong-think minus wrong-caption", "down", more_than))
    for control in ("right-caption", "right-think"):
        found.append(Quantity("F13", f"{control}: change of accuracy", "up", change(control, "correct")))
    return sorted(found, key=lambda quantity: list(FINDINGS).index(quantity.finding))


def _pooled(panel: RunsPanel, start: str, recipe: str) -> Estimate:
    """Change of the entropy averaged over the unseen prompt forms."""
    last, first = (
        np.mean([panel.values(start, recipe, perturbation, "entropy", step) for perturbation in UNSEEN], axis=0)
        for step in (panel.last, 0)
    )
    return panel.estimate(last - first)


Tests = Callable[[pd.DataFrame, str, np.random.Generator], list[Quantity]]
"""`dynamics`, `consistency` or `perturbations`."""


def verdicts_on_runs(runs: pd.DataFrame, tests: Tests, rng: Callable[[], np.random.Generator]) -> pd.DataFrame:
    """finding, statement, start, `Quantity.columns`, seeds, verdict: one line a quantity, for each start.

    rng: gives a fresh generator, so that the tests of one start do not hang on whether there is another.
    """
    lines = []
    for start, part in runs.groupby("start"):
        seeds = part["seed"].nunique()
        for q in tests(part, str(start), rng()):
            lines.append(
                {
                    "finding": q.finding,
                    "statement": FINDINGS[q.finding],
                    "start": start,
                    **q.columns(),
                    "seeds": seeds,
                    "verdict": q.verdict if seeds >= ENOUGH_SEEDS else "too few seeds",
                }
            )
    return pd.DataFrame(lines)
