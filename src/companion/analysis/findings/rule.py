"""From estimates over seeds and items to verdicts: the rule of docs/study.md.

A test names a quantity, the side of `against` on which it is expected, and the smallest effect that matters. Left out:
verdicts on a single checkpoint, with the item as the unit (`definitions.Quantity`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from companion.analysis.crossed import holm

SUPPORTED, CONTRADICTED, MIXED, UNDECIDED = "supported", "contradicted", "mixed", "undecided"
NO_MORE = "no more than X"
MISSING = "runs missing"
TOO_FEW = "too few seeds"

ENOUGH_SEEDS = 3
"""With fewer there is no verdict."""

LEVEL = 0.05

EQUIVALENT = 0.03
"""The smallest effect on a share, accuracy or P(correct) that matters: three points, fixed before the first run. What
lies within it is about the same."""


def decide(tests: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Tests with p_holm, verdict and small.

    tests: expected ("up", "down" or "no more"), against, matters, an estimate (`crossed.CrossedEstimate`), runs and
    planned: a verdict is given once all planned runs are there. by: columns that tell findings apart; Holm's correction
    is over all tests of each, by the p-values of those that have their runs. small: supported, and the 90 % interval
    lies within `matters`.
    """
    complete = tests["p"].where(tests["runs"] >= tests["planned"])
    tests = tests.assign(p_holm=complete.groupby([tests[name] for name in by], sort=False).transform(lambda p: holm(p)))
    verdicts = [verdict_of_test(line) for _, line in tests.iterrows()]
    tests = tests.assign(verdict=verdicts)
    return tests.assign(small=(tests["verdict"] == SUPPORTED) & (tests["expected"] != "no more") & _within(tests))


def verdict_of_test(line: pd.Series) -> str:
    """By the rule, for one line of `decide`."""
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


def joint_verdicts(tests: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """(…by) → the verdict of all tests of a finding together, by the rule."""
    return tests.groupby(list(by), sort=False)["verdict"].agg(_joint)


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
