"""The exercises at the end of each notebook: tasks, checks that explain, solutions; all from one source.

In a notebook: `check("01.1", answer, table)`. `python -m companion.teaching.exercises` writes the readers' cells into
notebooks/, and with `--solutions FOLDER` a teacher's copy of every notebook.
"""

from __future__ import annotations

from typing import Any

from companion.errors import CompanionError
from companion.teaching.exercises.by_hand import BY_HAND
from companion.teaching.exercises.changing import CHANGING
from companion.teaching.exercises.checking import Exercise, Feedback, Slip
from companion.teaching.exercises.choices import CHOICES
from companion.teaching.exercises.comparing import RUNS
from companion.teaching.exercises.designing import DESIGNING
from companion.teaching.exercises.measuring import MEASURING
from companion.teaching.exercises.reading import READING

_ALL = (*CHOICES, *READING, *MEASURING, *DESIGNING, *RUNS, *BY_HAND, *CHANGING)
EXERCISES = {one.id: one for one in sorted(_ALL, key=lambda one: one.id)}
"""By id, in the order of the notebooks."""

__all__ = ["EXERCISES", "Exercise", "Feedback", "Slip", "check"]


def check(id: str, answer: object, *given: Any) -> Feedback:
    """Whether an answer is right, and why, or what is wrong with it. given: as in the exercise's cell."""
    if id not in EXERCISES:
        raise CompanionError(f"no exercise {id!r}; there are {', '.join(EXERCISES)}")
    return EXERCISES[id].check(answer, *given)
