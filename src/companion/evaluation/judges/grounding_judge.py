"""The grounding judge: is what the reasoning says true of the picture? For the microworld, where that is known.

It asks more than the others do: a reasoning may lead to its answer and still be about another picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from companion.errors import CompanionError
from companion.evaluation.judges.verdicts import Case, Verdict
from companion.questions.microworld.grammar import is_true, sentences
from companion.questions.microworld.items import MicroworldQuestion
from companion.questions.microworld.scenes import Scene


def grounded(think: str, scene: Scene) -> bool | None:
    """Whether every statement of a think block is true of the scene; None where it states nothing in the grammar."""
    verdicts = [verdict for sentence in sentences(think) if (verdict := is_true(sentence, scene)) is not None]
    return all(verdicts) if verdicts else None


class Grounding:
    """agree: every statement is true. disagree: one is not. no commitment: nothing is stated in the grammar.

    details: statements, true_statements, first_false (its place among the statements, from 0; None if all are true).
    A statement that a prefill put there counts like any other: it stands in the reasoning.
    """

    name = "grounding"
    identity = "grounding-1"

    def judge(self, cases: Sequence[Case]) -> list[Verdict | None]:
        """Raises CompanionError for questions whose scene is not known."""
        return [_verdict(case) for case in cases]


def _verdict(case: Case) -> Verdict:
    if not isinstance(case.question, MicroworldQuestion):
        raise CompanionError(
            f"question {case.question.id}: the grounding judge needs to know the scene, which only the microworld "
            "tells; choose another judge"
        )
    said = [(sentence, is_true(sentence, case.question.scene)) for sentence in sentences(case.think)]
    stated = [(sentence, truth) for sentence, truth in said if truth is not None]
    false = [k for k, (_, truth) in enumerate(stated) if not truth]
    details = {
        "statements": len(stated),
        "true_statements": len(stated) - len(false),
        "first_false": false[0] if false else None,
    }
    if not stated:
        return Verdict("no commitment", None, "nothing is stated", details)
    if not false:
        return Verdict("agree", None, "every statement is true of the picture", details)
    return Verdict("disagree", None, f"false: {stated[false[0]][0]}.", details)
