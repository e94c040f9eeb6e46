"""Rewards for GRPO: pure functions of what was asked and what was written.

The paper's reward is `format` + `answer`; its faithfulness reward counts that sum only where a judge finds that the
reasoning leads to the answer. `groundedness` and `spoken` are ours and go beyond the paper. Left out: a learned reward.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from companion.errors import CompanionError
from companion.evaluation.judges.grounding_judge import grounded
from companion.evaluation.judges.rule_judge import final_commitment
from companion.models.read_answer import own_reasoning, parse_answer
from companion.perturbations.perturbation import Prompt
from companion.questions.microworld.items import MicroworldQuestion

_FORM = re.compile(
    r"\s*<think>(?:(?!</?think>|</?answer>).)*</think>\s*<answer>(?:(?!</?\w+>).)+</answer>\s*", re.DOTALL
)

FORMAT, ANSWER = 0.1, 1.0
"""What the right form and the right answer are worth (the paper's training protocol)."""

SPOKEN_WORDS = 6
"""A think block of fewer words of the model's own says nothing about the picture; "So the answer is star." has five."""


def format(prompt: Prompt, response: str) -> float:
    """Whether prefill and response together are one think block and one answer block, nothing else: 0 or 1."""
    return float(_FORM.fullmatch(prompt.prefill + response) is not None)


def answer(prompt: Prompt, response: str) -> float:
    """Whether the answer is right: 0 or 1."""
    return float(parse_answer(response, prompt.prefill, prompt.options).answer == prompt.question.answer)


def consistency(prompt: Prompt, response: str) -> float:
    """Whether the reasoning, prefill included, concludes the option that is answered: 0 or 1."""
    reply = parse_answer(response, prompt.prefill, prompt.options)
    question = prompt.question
    conclusion = final_commitment(reply.think, prompt.options, question.claims, question.text).option
    return float(conclusion is not None and conclusion == reply.answer)


def groundedness(prompt: Prompt, response: str) -> float:
    """Whether every statement that the model itself made is true of the scene, and there is one: 0 or 1.

    What a prefill asserted is not held against the model. Raises CompanionError for questions that are not of the
    microworld, where alone the truth is known.
    """
    if not isinstance(prompt.question, MicroworldQuestion):
        raise CompanionError(
            "the reward groundedness needs questions whose scenes are known, the microworld's, and question "
            f"{prompt.question.id} is of {prompt.question.source}; take a recipe without this reward"
        )
    return float(grounded(own_reasoning(response), prompt.question.scene) is True)


def spoken(prompt: Prompt, response: str) -> float:
    """A guard against the collapse onto empty or templated reasoning: 1 from `SPOKEN_WORDS` words on, else 0."""
    return float(len(own_reasoning(response).split()) >= SPOKEN_WORDS)


Part = Callable[[Prompt, str], float]
GATES: dict[str, Part] = {"consistency": consistency, "groundedness": groundedness, "spoken": spoken}


def reward(prompt: Prompt, response: str, gates: Sequence[str] = ()) -> float:
    """0.1 × format + 1.0 × answer, counted only where every gate is open: in [0, 1.1]."""
    worth = FORMAT * format(prompt, response) + ANSWER * answer(prompt, response)
    return worth if all(GATES[gate](prompt, response) for gate in gates) else 0.0
