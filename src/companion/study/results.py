"""From the recorded answers to an estimate and a verdict on every planned test.

A verdict is given once all planned runs of a test are recorded, so that nobody stops while it looks well; until then
the estimate is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from companion.analysis.crossed import no_estimate
from companion.analysis.findings.rule import decide
from companion.analysis.findings.wording import value, verdict_told
from companion.analysis.panel import Checkpoints, RunsPanel
from companion.study.estimands import Runs
from companion.study.planned_tests import TESTS, PlannedTest
from companion.study.protocol import PROTOCOL

BOTH = 0.01
"""From this share of a run's reasonings on that grammar and rule judge read otherwise, results are given by both."""

BY = ("of", "initial")
"""Columns that tell findings and hypotheses apart; of those that compare initial checkpoints the second is empty."""


def study_tests(results: Path, tests: Sequence[PlannedTest] = TESTS) -> pd.DataFrame:
    """Every planned test in a line: of, initial, measure, contrast, prompt, expected, against, matters, unit; its
    estimate (value, low and high at 95 %, low90, high90, p, seeds, items); p_holm; runs and planned (seeds where it is
    paired by seed, else runs); verdict; small.

    Estimates are NaN where no run of the study is recorded; a reader's runs, which may have the same names, count in no
    test. small: supported, and the 90 % interval lies within `matters`. Verdicts
    are by the grammar. Where a run of a test is read otherwise by the rule judge in more than `BOTH` of its reasonings,
    value_judge, low_judge and high_judge are the same estimate by the judge; without such a run there are no such
    columns.
    """
    panel, by_judge = RunsPanel(results), RunsPanel(results, "judged")
    of_study = panel.follows(PROTOCOL.identity)
    lines = []
    for test in tests:
        cells = test.estimand.cells()
        seeds = {cell: planned_seeds(cell) for cell in cells}
        planned = test.estimand.runs(seeds)
        recorded = {cell: panel.seeds([cell]) if of_study else [] for cell in cells}
        runs = test.estimand.runs({cell: [seed for seed in recorded[cell] if seed in seeds[cell]] for cell in cells})
        nothing = no_estimate(0, 0)
        found = test.estimand.estimate(panel, runs, test.against) if runs.number else nothing
        lines.append(
            {
                "of": test.of,
                "initial": test.initial,
                "what": test.what,
                "measure": test.measure,
                "contrast": test.contrast,
                "prompt": test.prompt,
                "expected": test.expected,
                "against": test.against,
                "matters": _bound(test, panel, runs.seeds),
                "unit": test.unit,
                **asdict(found),
                "runs": runs.number,
                "planned": planned.number,
            }
        )
        if runs.number and _read_otherwise(panel, runs):
            judged = test.estimand.estimate(by_judge, runs, test.against)
            lines[-1] |= {"value_judge": judged.value, "low_judge": judged.low, "high_judge": judged.high}
    return decide(pd.DataFrame(lines), BY)


def readable(tests: pd.DataFrame) -> pd.DataFrame:
    """The tests that have runs, with found (the estimate with its interval and unit), recorded ("2 of 5") and the
    verdict in words."""
    there = tests[tests["value"].notna()].reset_index(drop=True)
    recorded = there["runs"].astype(str) + " of " + there["planned"].astype(str)
    found = pd.Series([value(test) for test in there.itertuples()], index=there.index, dtype="str")
    told = pd.Series([verdict_told(test) for test in there.itertuples()], index=there.index, dtype="str")
    return there.assign(found=found, recorded=recorded, verdict=told)


def _read_otherwise(panel: RunsPanel, runs: Runs) -> bool:
    """Whether in any run of a test, or before its RL, the rule judge reads more than `BOTH` of the reasonings otherwise
    than the grammar does."""
    return any(
        panel.readers_differ(one, seed) > BOTH
        for cell, seeds in runs.seeds.items()
        for one in (cell, cell.before())
        for seed in seeds
    )


def planned_seeds(cell: Checkpoints) -> list[int]:
    """The seeds that the protocol has for the checkpoints of a cell."""
    planned = (run for run in PROTOCOL.runs() if (run.initial.name, run.recipe.name) == (cell.initial, cell.recipe))
    return sorted(run.seed for run in planned)


def _bound(test: PlannedTest, panel: RunsPanel, seeds: dict[Checkpoints, list[int]]) -> float:
    """The smallest effect that matters, in the unit of the value."""
    cell = test.estimand.cells()[0]
    if test.unit != "words" or not seeds[cell]:
        return test.matters if test.unit != "words" else np.nan
    return test.matters * float(panel.values(cell.before(), test.prompt, "words", seeds[cell]).mean())
