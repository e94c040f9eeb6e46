"""What came out, in generated sentences: the last line of a notebook's cell, beside the titles of figures.

A sentence is chosen by where an interval lies (`intervals.side`) and has its numbers in it, so that it fits whatever
model and items a notebook is run on. It is shown folded, so that a reader can predict first.
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
    `against`; for any other it says that no difference is clear. over: what the interval is over. unit: of
    `findings.wording.UNITS`.
    """
    if np.isnan(found.low):
        return f"{subject}: too few {over} to tell"
    verb = side(found, f" {above}", f" {below}", "", against)
    numbers = {"value": found.value, "low": found.low, "high": found.high, "against": against, "unit": unit}
    why = "" if verb else f", 95 % interval includes {UNITS[unit][0] * against:g}"
    return f"{subject}{verb or ': no clear difference'} ({value(pd.Series(numbers))}{why})"


def came_out(*sentences: str) -> Markdown:
    """Sentences, given without their full stops, as a notebook shows them: folded."""
    if len(sentences) == 1:
        return folded(f"{sentences[0]}.")
    lines = "\n".join(f"* {sentence}." for sentence in sentences)
    return folded(lines or "Nothing here can be compared.")


def folded(text: str, head: str = "What came out") -> Markdown:
    """Markdown that a reader opens after predicting; open or not, it stands in what was run."""
    return Markdown(f"<details><summary><b>{head}</b> (predict first)</summary>\n\n{text}\n\n</details>")
