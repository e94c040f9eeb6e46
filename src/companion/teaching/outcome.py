"""What came out, in generated sentences: the last line of a notebook's cell, beside the titles of figures.

A sentence is chosen by where an interval lies (`intervals.side`) and has its numbers in it, so that it fits whatever
model and items a notebook is run on. It is shown folded, since a reader is to predict first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from companion.analysis.findings.wording import UNITS, value
from companion.intervals import side


def in_words(
    subject: str, found: Any, above: str, below: str, over: str = "items", against: float = 0.0, unit: str = "points"
) -> str:
    """What an estimate says of its subject, with its numbers: "A wrong caption lowers accuracy (−10.4 [−13.4, −7.4]
    points)".

    found: an `Estimate`, or a line of a table. above, below: verbs, for an interval that lies wholly on that side of
    `against`; for any other it says that no difference is clear, and a comma at the end of the subject goes. over: what
    the interval is over. unit: of `findings.wording.UNITS`.
    """
    if np.isnan(found.low):
        return f"{subject.removesuffix(',')}: too few {over} to tell"
    verb = side(found, f" {above}", f" {below}", "", against)
    numbers = {"value": found.value, "low": found.low, "high": found.high, "against": against, "unit": unit}
    why = "" if verb else f", 95 % interval includes {UNITS[unit][0] * against:g}"
    said = f"{subject}{verb}" if verb else f"{subject.removesuffix(',')}: no clear difference"
    return f"{said} ({value(pd.Series(numbers))}{why})"


def verdicts_in_words(tests: pd.DataFrame) -> list[str]:
    """What became of planned tests (`study.results.study_tests`): where the intervals of those that have runs lie, the
    verdicts, and what has no run."""
    there = tests[tests["value"].notna()]
    told = []
    directed, margins = (there[there["expected"].isin(kinds)] for kinds in (["up", "down"], ["no more"]))
    if len(directed):
        lie = pd.Series([side(test, "up", "down", "", test.against) for test in directed.itertuples()], directed.index)
        on, off = (lie == directed["expected"]).sum(), ((lie != directed["expected"]) & (lie != "")).sum()
        told.append(
            f"Of {len(directed)} tests that expect *up* or *down*, {on} have their whole interval there, {off} on the "
            f"other side, {len(directed) - on - off} on neither"
        )
    if len(margins):
        over = [test for test in margins.itertuples() if test.low > test.matters or test.high < -test.matters]
        named = "".join(f"; {test.of}, {test.what} ({value(test)})" for test in over)
        told.append(
            f"Of those that expect *no more*, with the whole interval beyond: {len(over)} of {len(margins)}{named}"
        )
    if len(there):
        counts = there["verdict"].value_counts()
        told.append("Verdicts: " + ", ".join(f"{n} *{verdict}*" for verdict, n in counts.items()))
    begun = tests.groupby("of", sort=False)[["value", "runs"]].agg({"value": "count", "runs": "max"})
    waiting = {
        "Too few seeds for any estimate": begun.index[(begun["value"] == 0) & (begun["runs"] > 0)],
        "Not run yet": begun.index[begun["runs"] == 0],
    }
    return told + [f"{what}: {', '.join(names)}" for what, names in waiting.items() if len(names)]


def came_out(*sentences: str) -> Markdown:
    """Sentences, given without their full stops, as a notebook shows them: folded."""
    if len(sentences) == 1:
        return folded(f"{sentences[0]}.", IN_NUMBERS)
    lines = "\n".join(f"* {sentence}." for sentence in sentences)
    return folded(lines or "Nothing here can be compared.", IN_NUMBERS)


LEFT_OUT = "These items are left out."
"""The sentence under what says which items a model has not answered; it is said once more where a run ends."""

IN_NUMBERS = "What came out, in numbers"
"""Head of what is folded where a figure or table above it may have shown it already."""


def folded(text: str, head: str = "What came out (predict first)") -> Markdown:
    """Markdown that a reader opens after predicting; open or not, it stands in what was run."""
    return Markdown(f"<details><summary><b>{head}</b></summary>\n\n{text}\n\n</details>")
