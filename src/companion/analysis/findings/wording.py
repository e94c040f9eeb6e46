"""Tests and verdicts in words, alike in notebooks, on FINDINGS.md and in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from companion.analysis.findings.rule import NO_MORE

UNITS = {
    "points": (100, 1),
    "AUROC": (1, 3),
    "words": (1, 2),
    "points for 20 points of dose": (100, 1),
    "rank correlation": (1, 2),
    "points²": (10_000, 1),
    "": (1, 2),
}
"""Unit of a test → the factor by which its value is shown, and decimals. Without a unit: P(correct), entropy, kappa."""

HEADS = {"finding": "", "delivery": "reasoning prefix", "benchmark": "your run on"}
"""Columns that tell tests apart → their heads in `table_of_tests`."""


USER_TURN_TOLD = "told in the user's turn, a weaker perturbation than a prefilled one"
"""What is to be known of a reasoning prefix that stood in the user's turn."""


def value(test: Any) -> str:
    """A test's value and interval in its unit: "−7.2 [−9.7, −4.7] points"; differences have a sign. Without an
    interval it says so; without a value it is "–"."""
    if np.isnan(test.value):
        return "–"
    factor, decimals = UNITS[test.unit]
    sign = "" if test.against else "+"
    middle, low, high = (
        f"{round(factor * x, decimals) + 0:{sign}.{decimals}f}" for x in (test.value, test.low, test.high)
    )
    if np.isnan(test.low):
        return f"{middle} {test.unit} (too few for an interval)".replace("-", "−")
    return f"{middle} [{low}, {high}] {test.unit}".strip().replace("-", "−")


def expected(test: Any) -> str:
    """Where the paper has a test's value: "below 0", "above 0.5", "within ±3 points"; "" where it is only told."""
    if not test.expected:
        return ""
    if test.expected == "no more":
        return f"within ±{bound(test)}"
    return f"{'above' if test.expected == 'up' else 'below'} {test.against:g}"


def verdict_told(test: Any) -> str:
    """A test's verdict, `NO_MORE` with its bound: "no more than 3 points"."""
    if test.verdict != NO_MORE:
        return str(test.verdict)
    return f"no more than {bound(test)}"


def bound(test: Any) -> str:
    """The smallest effect of a test that matters, "3 points"."""
    factor, decimals = UNITS[test.unit]
    return f"{round(factor * test.matters, decimals):g} {test.unit}".strip()


def delivered(way: str) -> str:
    """A way of giving a reasoning prefix, of `DELIVERIES`; "–" for captions, which are given in one way."""
    if not isinstance(way, str) or not way:
        return "–"
    return "prefilled" if way == "prefill" else f"in the {way}"


def table_of_tests(tests: pd.DataFrame, *by: str) -> str:
    """A Markdown table, one line a test. by: the columns, of `HEADS`, that tell the tests apart."""
    unit, units = ("seeds", "seeds") if "seeds" in tests else ("n", "items")
    lines = [
        [
            *(delivered(getattr(test, name)) if name == "delivery" else getattr(test, name) for name in by),
            test.what,
            expected(test),
            value(test),
            str(getattr(test, unit)),
            f"**{test.verdict}**" if not np.isnan(test.value) else test.verdict,
        ]
        for test in tests.itertuples()
    ]
    return markdown_table([*(HEADS[name] for name in by), "test", "the paper has it", "found", units, "verdict"], lines)


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
