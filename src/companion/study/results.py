"""From the recorded answers to a verdict on every planned test, and on each finding and hypothesis: the rule of
docs/study.md.

A verdict is given once all planned runs of a test are recorded, so that nobody stops while it looks well; until then
the estimate is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from companion.analysis.crossed import holm, no_estimate
from companion.study.panel import INITIAL, Cell, StudyPanel
from companion.study.planned_tests import TESTS, PlannedTest
from companion.study.protocol import PROTOCOL, Protocol

SUPPORTED, CONTRADICTED, MIXED, UNDECIDED = "supported", "contradicted", "mixed", "undecided"
NO_MORE = "no more than X"
MISSING = "runs missing"
TOO_FEW = "too few seeds"

ENOUGH_SEEDS = 3
"""With fewer there is no verdict."""

LEVEL = 0.05


def study_tests(results: Path, protocol: Protocol = PROTOCOL, tests: Sequence[PlannedTest] = TESTS) -> pd.DataFrame:
    """Every planned test in a line: of, initial, measure, contrast, prompt, expected, against, matters, unit; its
    estimate (value, low and high at 95 %, low90, high90, p, seeds, items); p_holm; runs and planned (seeds where it is
    paired by seed, else runs); verdict; small.

    Estimates are NaN where no run is recorded. small: supported, and the 90 % interval lies within `matters`.
    """
    panel = StudyPanel(results)
    lines = []
    for test in tests:
        cells = test.quantity.cells()
        planned = test.quantity.runs({cell: planned_seeds(cell, protocol) for cell in cells})
        runs = test.quantity.runs({cell: panel.seeds([cell, cell.before()]) for cell in cells})
        nothing = no_estimate(0, 0)
        found = test.quantity.estimate(panel, runs, test.against) if runs.number else nothing
        lines.append({
            "of": test.of, "initial": test.initial, "what": test.what, "measure": test.measure,
            "contrast": test.contrast, "prompt": test.prompt, "expected": test.expected, "against": test.against,
            "matters": _bound(test, panel, runs.seeds), "unit": test.unit, **asdict(found), "runs": runs.number,
            "planned": planned.number,
        })  # fmt: skip
    table = pd.DataFrame(lines)
    together = table.groupby(["of", "initial"], sort=False)["p"]
    table["p_holm"] = together.transform(lambda p: holm(p))
    table["verdict"] = [verdict_of_test(line) for _, line in table.iterrows()]
    table["small"] = (table["verdict"] == SUPPORTED) & (table["expected"] != "no more") & _within(table)
    return table


def planned_seeds(cell: Cell, protocol: Protocol) -> list[int]:
    """The seeds that a protocol has for the checkpoints of a cell."""
    return sorted({
        run.seed for run in protocol.runs()
        if run.initial.name == cell.initial and cell.recipe in (run.recipe.name, INITIAL)
    })  # fmt: skip


def verdict_of_test(line: pd.Series) -> str:
    """By the rule, for one line of `study_tests`."""
    if line["runs"] < line["planned"]:
        return MISSING
    if line["seeds"] < ENOUGH_SEEDS:
        return TOO_FEW
    if np.isnan(line["p"]):
        return UNDECIDED
    within = bool(_within(line))
    if line["expected"] == "no more":
        beyond = line["low"] > line["matters"] or line["high"] < -line["matters"]
        return SUPPORTED if within else CONTRADICTED if beyond else UNDECIDED
    as_expected = (line["value"] > line["against"]) == (line["expected"] == "up")
    if as_expected and line["p"] < LEVEL:
        return SUPPORTED
    if not as_expected and line["p_holm"] < LEVEL:
        return CONTRADICTED
    return NO_MORE if within else UNDECIDED


def verdicts(table: pd.DataFrame) -> pd.Series:
    """(of, initial) → the verdict of all its tests together, by the rule."""
    return table.groupby(["of", "initial"], sort=False)["verdict"].agg(_joint)


def _joint(parts: pd.Series) -> str:
    for verdict in (MISSING, TOO_FEW):
        if (parts == verdict).any():
            return verdict
    supported, contradicted = (parts == SUPPORTED).any(), (parts == CONTRADICTED).any()
    if supported and contradicted:
        return MIXED
    if contradicted:
        return CONTRADICTED
    for verdict in (SUPPORTED, NO_MORE):
        if (parts == verdict).all():
            return verdict
    return UNDECIDED


def _within(line: pd.Series | pd.DataFrame) -> bool | pd.Series:
    """Whether the 90 % interval lies within the smallest effect that matters, on both sides of `against`."""
    low, high = (line[end] - line["against"] for end in ("low90", "high90"))
    return (low >= -line["matters"]) & (high <= line["matters"])


def _bound(test: PlannedTest, panel: StudyPanel, seeds: dict[Cell, list[int]]) -> float:
    """The smallest effect that matters, in the unit of the value."""
    cell = test.quantity.cells()[0]
    if test.unit != "words" or not seeds[cell]:
        return test.matters if test.unit != "words" else np.nan
    return test.matters * float(panel.values(cell.before(), test.prompt, "words", seeds[cell]).mean())
