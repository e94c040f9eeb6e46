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
from companion.study.panel import INITIAL, Cell, StudyPanel
from companion.study.planned_tests import TESTS, PlannedTest
from companion.study.protocol import PROTOCOL, Protocol

BY = ("of", "initial")
"""Columns that tell findings and hypotheses apart; of those that compare initial checkpoints the second is empty."""


def study_tests(results: Path, protocol: Protocol = PROTOCOL, tests: Sequence[PlannedTest] = TESTS) -> pd.DataFrame:
    """Every planned test in a line: of, initial, measure, contrast, prompt, expected, against, matters, unit; its
    estimate (value, low and high at 95 %, low90, high90, p, seeds, items); p_holm; runs and planned (seeds where it is
    paired by seed, else runs); verdict; small.

    Estimates are NaN where no run is recorded. small: supported, and the 90 % interval lies within `matters`.
    """
    panel = StudyPanel(results)
    lines = []
    for test in tests:
        cells = test.estimand.cells()
        planned = test.estimand.runs({cell: planned_seeds(cell, protocol) for cell in cells})
        runs = test.estimand.runs({cell: panel.seeds([cell, cell.before()]) for cell in cells})
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
    return decide(pd.DataFrame(lines), BY)


def planned_seeds(cell: Cell, protocol: Protocol) -> list[int]:
    """The seeds that a protocol has for the checkpoints of a cell."""
    return sorted(
        {
            run.seed
            for run in protocol.runs()
            if run.initial.name == cell.initial and cell.recipe in (run.recipe.name, INITIAL)
        }
    )


def _bound(test: PlannedTest, panel: StudyPanel, seeds: dict[Cell, list[int]]) -> float:
    """The smallest effect that matters, in the unit of the value."""
    cell = test.estimand.cells()[0]
    if test.unit != "words" or not seeds[cell]:
        return test.matters if test.unit != "words" else np.nan
    return test.matters * float(panel.values(cell.before(), test.prompt, "words", seeds[cell]).mean())
