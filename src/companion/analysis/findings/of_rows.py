"""Findings about what perturbations do (F1 to F3, F10 to F13), on the rows of models, with the item as the unit.

A verdict is about that checkpoint on that benchmark: another checkpoint of the same recipe may give another.
Left out: what takes several training runs (`study/planned_tests.py`), and the gap to closed models (F4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from companion.analysis.consistency import extra_change, leaning
from companion.analysis.findings.definitions import AT_CHANCE, FINDINGS, NOT_MEASURED, Quantity
from companion.analysis.tables import RowsPanel, over_chance
from companion.errors import CompanionError
from companion.intervals import estimate, points
from companion.measures import Mean, Measure, auroc, difference, minus


def quantities_of(rows: pd.DataFrame, rng: np.random.Generator, judge: str = "rule") -> list[Quantity]:
    """The tests on the rows of one model on one benchmark; those whose perturbations were not asked are left out.

    judge: the column of verdicts that F3 is tested with; where this model has none there, F3 is left out.
    """
    panel = RowsPanel(rows, rng)
    found: list[Quantity] = []

    def test(
        finding: str,
        what: str,
        expected: str,
        measure: Measure,
        against: float = 0.0,
        unit: str = "points",
    ) -> None:
        found.append(Quantity(finding, what, expected, estimate(measure, panel.weights), against, unit))

    def change(name: str, column: str, base: str = "plain") -> Measure:
        return difference(panel.numbers(name, column), panel.numbers(base, column))

    for name in (name for name in ("wrong-caption", "wrong-think") if name in panel.perturbations):
        test("F1", f"{name}: change of accuracy", "down", change(name, "correct"))
        test("F2", f"{name}: change of P(correct)", "down", change(name, "p_correct"))
        if judge in rows and all(panel.column(one, judge).notna().any() for one in ("plain", name)):
            test(
                "F3",
                f"{name}: change of consistent accuracy minus change of accuracy",
                "down",
                extra_change(panel, name, judge),
            )
        survives = panel.numbers(name, "correct")
        sure, sharp = (
            auroc(score, survives)
            for score in (panel.numbers("plain", "p_correct"), -panel.numbers("plain", "entropy"))
        )
        test("F10", f"AUROC for right under {name}: of P(correct) under plain", "up", sure, 0.5, "AUROC")
        test(
            "F10",
            f"AUROC for right under {name}: of P(correct) minus that of −entropy",
            "up",
            minus(sure, sharp),
            unit="AUROC",
        )
        if (added := f"{name}-abstain") in panel.perturbations:
            test("F12", f"accuracy, {added} minus {name}", "down", change(added, "correct", name))
    if {"wrong-caption", "wrong-think"} <= set(panel.perturbations):
        test(
            "F13",
            "accuracy, wrong-think minus wrong-caption",
            "down",
            change("wrong-think", "correct", "wrong-caption"),
        )
    for control in (name for name in ("right-caption", "right-think") if name in panel.perturbations):
        test("F13", f"{control}: change of accuracy", "up", change(control, "correct"))
    return sorted(found, key=lambda quantity: list(FINDINGS).index(quantity.finding))


def _types(parts: dict[str, pd.DataFrame], rng: Callable[[], np.random.Generator], judge: str) -> list[Quantity]:
    """F11 asks of the most stubborn and the most brittle of k models, picked after the fact: intervals at 1 − 0.05 / k.

    parts: model → its rows on one benchmark. Models of which nothing is judged are none of them.
    """
    found = {}
    for model, rows in parts.items():
        panel = RowsPanel(rows, rng())
        if "wrong-think" in panel.perturbations:
            leans = Mean(leaning(panel, "wrong-think", judge), signed=True)
            if leans.there.any():
                found[model] = estimate(leans, panel.weights, 1 - 0.05 / len(parts))
    if len(found) < 2:
        return []
    quantities = []
    for kind, expected, pick in (("stubborn", "up", max), ("brittle", "down", min)):
        model = pick(found, key=lambda name: found[name].value)
        what = f"the most {kind} model ({model}): stubborn minus brittle, wrong-think"
        quantities.append(Quantity("F11", what, expected, found[model]))
    return quantities


ALL = "all models"
"""What stands for the model where a finding is about several."""


def at_chance(rows: pd.DataFrame, rng: Callable[[], np.random.Generator]) -> dict[tuple[str, str], str]:
    """(benchmark, model) → a sentence, of those whose interval of accuracy under the plain prompt minus chance level is
    not above zero. No finding can be tested on them."""
    found = {}
    for (benchmark, model), part in rows.groupby(["benchmark", "model"], sort=False):
        over = over_chance(part, rng())
        if not over.low > 0:
            plain = part[part["perturbation"] == "plain"]
            found[str(benchmark), str(model)] = (
                f"{model} on {benchmark} is not above chance: right in {plain['correct'].mean():.1%} of {over.n} items "
                f"under the plain prompt, where guessing gives {(1 / plain['n_options']).mean():.1%} (difference "
                f"{points(over)} points). So it gets no verdicts."
            )
    return found


def deliveries(rows: pd.DataFrame) -> list[str]:
    """How the reasoning prefixes of some rows reached their models: "prefill", "user turn", both or neither."""
    return sorted(way for way in rows["delivery"].dropna().unique() if way)


def quantities_on_rows(rows: pd.DataFrame, rng: Callable[[], np.random.Generator], judge: str = "rule") -> pd.DataFrame:
    """finding, statement, benchmark, model, delivery, `Quantity.columns`, n, verdict: one line a quantity.

    rows: of any models and benchmarks (`leaderboard.load` labels them). rng: gives a fresh generator for each. A model
    that is not above chance (`at_chance`) gets that for its verdicts. delivery: of the model's reasoning prefixes, as
    its rows tell it; "" where there are none, or several models. n: items, 0 of what was not measured. Raises
    CompanionError where nothing can be tested.
    """
    guessing = at_chance(rows, rng)
    lines = []
    for benchmark, part in rows.groupby("benchmark", sort=False):
        models = {str(model): own for model, own in part.groupby("model", sort=False)}
        tested = {model: quantities_of(own, rng(), judge) for model, own in models.items()}
        if judge in rows:
            able = {model: own for model, own in models.items() if (benchmark, model) not in guessing}
            tested[ALL] = _types(able, rng, judge)
        for model, quantities in tested.items():
            ways = deliveries(models[model]) if model in models else []
            for q in quantities:
                measured = q.verdict != NOT_MEASURED
                lines.append(
                    {
                        "finding": q.finding,
                        "statement": FINDINGS[q.finding],
                        "benchmark": benchmark,
                        "model": model,
                        "delivery": " and ".join(ways),
                        **q.columns(),
                        "n": q.found.n if measured else 0,
                        "verdict": AT_CHANCE if (benchmark, model) in guessing else q.verdict,
                    }
                )
    if not lines:
        raise CompanionError(
            "the findings are about what perturbations do, and these rows are of the plain prompt alone; evaluate "
            "wrong-caption and wrong-think too"
        )
    return pd.DataFrame(lines)
