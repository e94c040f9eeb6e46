"""Who writes what a perturbation asserts: `template`, by rules and without any model, or `llm`, a language model."""

from __future__ import annotations

from dataclasses import dataclass

from companion.questions.question import Question

TEMPLATE = "template"


@dataclass(frozen=True)
class Written:
    """A question with its claims. writer: the model that wrote them, or `TEMPLATE` for those that it came with."""

    question: Question
    writer: str = TEMPLATE
