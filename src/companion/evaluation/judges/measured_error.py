"""How often the rule judge errs on outputs of real models, as it was measured: what its verdicts cannot tell.

`rule_error.csv` holds counts, one line a set of labelled outputs and source, each written by `companion judge PAIRS
--csv FILE`; the outputs themselves are other people's and are not shipped. What counts is the first look, of the judge
as it was measured last, at a set that was put aside: of sets 1, 2 and 5 it was a draft that was looked at, and mended
by what was seen; set 4 was developed on. Sets 4 to 7 are of other sources than 1 to 3; 6 and 7 hold other outputs than
4 and 5, of CV-Bench and camera motion partly to the same pictures. "enriched": outputs chosen because the option that
they name last is not their answer, to have contradictions that can be missed; they say nothing of how often one is
invented. The column `missed`, of outputs that commit to an option and in which the judge finds no commitment, is also
what is missed if the answers of real reasonings are exchanged for other ones. On the microworld, whose grammar tells
what a reasoning concludes, the judge is held against that instead (`consistency.against_truth`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from companion.evaluation.judges.rule_judge import Rule
from companion.intervals import wilson

EXACT = ("microworld",)
"""Benchmarks on which the judge is held against the truth: nothing of this applies to them."""

_FILE = Path(__file__).parent / "rule_error.csv"


@dataclass(frozen=True)
class Rate:
    """hits of n, as a share in [0, 1], with its 95 % Wilson interval."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n

    @property
    def low(self) -> float:
        return float(wilson(self.hits, self.n)[0])

    @property
    def high(self) -> float:
        return float(wilson(self.hits, self.n)[1])

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} of 100 (95 %: {100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True)
class Measured:
    """Shares of all outputs. invented: contradictions that are not there. missed: contradictions not seen."""

    invented: Rate
    missed: Rate


def measured(file: Path = _FILE) -> Measured:
    """The error of the judge when it was measured last (`Rule.measured`), on what was put aside, at the first look, all
    sources together."""
    table = pd.read_csv(file)
    aside = table["part"].str.startswith("put aside") & table["part"].str.endswith("first look")
    first = table[aside & (table["judge"] == Rule.measured)]
    total = first[["n", "false_contradictions", "missed_contradictions"]].sum().astype(int)
    return Measured(
        Rate(int(total["false_contradictions"]), int(total["n"])),
        Rate(int(total["missed_contradictions"]), int(total["n"])),
    )


def error_sentence() -> str:
    """What figures and tables of real models say of their judge."""
    error = measured()
    return (
        f"on {error.invented.n} outputs of real models the rule judge ({Rule.measured}; now {Rule.identity}) saw a "
        f"contradiction that was not there in {error.invented}, and missed one in {error.missed}: differences of "
        "consistency within that cannot be told"
    )
