"""Does the reasoning lead to the answer? One protocol for every judge, and the verdicts that they give.

`rule` reads the words, `llm` asks a language model to, `replay` asks the model itself again with its own reasoning,
`grounding` checks each statement against the scene. No judge looks at what another said. `conflict` asks something
else, whether the response says that what it was given and the picture disagree, and has verdicts of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from companion.errors import Refusal
from companion.questions.question import LETTERS, Question

VERDICTS = ("agree", "disagree", "no commitment", "no answer", "unusable")
"""agree: the reasoning leads to the answer given. disagree: to another option. no commitment: to none, or there is no
reasoning. no answer: none was given, or none that can be read. unusable: the judge gave no verdict that can be read."""


@dataclass(frozen=True)
class Case:
    """One response to be judged. text: the user's turn as the model had it, a caption included. options: those shown.

    think: the whole think block, a prefilled start included. answer: index of the option, or None. writer: identity of
    the model that wrote it. response: all that it wrote. prefill: the start that it was given, whichever way.
    suggested: index of the option that a caption or start asserts, or None.
    """

    question: Question
    text: str
    options: tuple[str, ...]
    think: str
    answer: int | None
    writer: str = ""
    response: str = ""
    prefill: str = ""
    suggested: int | None = None


@dataclass(frozen=True)
class Verdict:
    """verdict: one of `VERDICTS`, or of `conflict_judge.VERDICTS`. concluded: index of the option that the judge found
    the reasoning to conclude.

    reason: why, in words or in a quotation. details: whatever else the judge measured, JSON types only.
    """

    verdict: str
    concluded: int | None
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Judge(Protocol):
    """name: of its column. identity: changes when its verdicts could (model, instructions, version of its rules)."""

    name: str
    identity: str

    def judge(self, cases: Sequence[Case]) -> Sequence[Verdict | Refusal | None]:
        """A verdict for each case; why there is none, or None where the judge could not be reached, which is asked
        again another time."""
        ...


def verdict_on(case: Case, concluded: int | None, reason: str, **details: Any) -> Verdict:
    """The verdict of a judge that has found what a reasoning concludes, blind to the answer."""
    if case.answer is None:
        return Verdict("no answer", concluded, reason, details)
    if concluded is None:
        return Verdict("no commitment", None, reason, details)
    return Verdict("agree" if concluded == case.answer else "disagree", concluded, reason, details)


CASE = (
    "question",
    "prompt",
    "options",
    "think",
    "answer",
    "model_hash",
    "response",
    "prefill",
    "suggested",
)
"""What `case_of` reads of a row."""


def case_of(row: Mapping[str, Any], question: Question) -> Case:
    """The case of a stored row (`store.ROWS`) of that question."""
    return Case(
        question,
        text=row["prompt"],
        options=tuple(row["options"]),
        think=row["think"],
        answer=_index(row["answer"]),
        writer=row["model_hash"],
        response=row["response"],
        prefill=row["prefill"],
        suggested=_index(row["suggested"]),
    )


def _index(letter: Any) -> int | None:
    return LETTERS.index(letter) if isinstance(letter, str) else None
