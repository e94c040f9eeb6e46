"""The metric: whether the answer that a response gives is right. lmms-eval calls `score`.

`companion_answers.py` beside it is companion's own reader of answers, as it was when this folder was written.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # tools load this file alone

from companion_answers import parse_answer


def letter(response: str, record: Mapping[str, Any]) -> str | None:
    """The letter of the option that a response answers with, or None.

    record: reading, options, and the prefill with the delivery of it that was chosen.
    """
    prefill = record["prefill"] if record["delivery"] == "prefill" else ""
    answer = parse_answer(response, prefill, record["options"], record["reading"]).answer
    return None if answer is None else ascii_uppercase[answer]


def score(doc: dict[str, Any], results: Sequence[str]) -> dict[str, float]:
    """accuracy and no_answer of one response, each 0 or 1."""
    answer = letter(results[0], doc)
    return {"accuracy": float(answer == doc["target"]), "no_answer": float(answer is None)}
