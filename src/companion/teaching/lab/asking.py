"""Which models the lab can ask, and what one answer is: the response, and what two judges find in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import CompanionError, first_line
from companion.evaluation.judges.grounding_judge import Grounding
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.judges.verdicts import Case, Verdict
from companion.figures.looks import checkpoints_in_order
from companion.models.interface import Response, Sampling, responses
from companion.perturbations.perturbation import Prompt
from companion.questions.question import LETTERS

if TYPE_CHECKING:
    from companion.models.local import LocalModel

CHECKPOINTS = Path("checkpoints")

_opened: dict[str, LocalModel] = {}
"""By the hash of the weights: a model that was trained anew in the same folder is another one."""


@dataclass(frozen=True)
class Answer:
    """What a model wrote to a prompt, and two verdicts on it. rule: does the reasoning lead to the answer? grounding:
    is every statement of the reasoning true of the picture?"""

    model: str
    prompt: Prompt
    response: Response
    rule: Verdict
    grounding: Verdict

    @property
    def letter(self) -> str | None:
        return None if self.response.answer is None else LETTERS[self.response.answer]

    @property
    def right(self) -> bool:
        return self.response.answer == self.prompt.question.answer

    @property
    def probs(self) -> tuple[float, ...] | None:
        """Over the letters of the prompt's options, summing to 1; None where no letter was given."""
        return self.response.letter_probs

    @property
    def p_right(self) -> float | None:
        return None if self.probs is None else self.probs[self.prompt.question.answer]


def models_in(folder: Path) -> dict[str, Path]:
    """The models in a folder by name, those of the project's recipes first; {} where there are none."""
    found = {config.parent.name: config.parent for config in folder.glob("*/config.json")}
    return {name: found[name] for name in checkpoints_in_order(list(found))}


def open_model(folder: Path) -> LocalModel:
    """A model, loaded the first time that it is asked for. Raises CompanionError where it cannot be."""
    from companion.models.local import LocalModel  # torch

    try:
        model = LocalModel(str(folder), "cpu")
        if model.identity not in _opened:
            _ = model.processor, model.model
            _opened[model.identity] = model
    except Exception as error:  # a half-written folder fails in as many ways as it has files
        raise CompanionError(
            f"the model in {folder} cannot be loaded ({first_line(error)}); train it again or untick it"
        ) from error
    return _opened[model.identity]


def ask_models(folders: Sequence[Path], prompt: Prompt) -> list[Answer]:
    """The answer of each model to a prompt, greedily. Raises CompanionError where a model cannot be loaded."""
    return [ask_all(folder, [prompt])[0] for folder in folders]


def ask_all(folder: Path, prompts: Sequence[Prompt]) -> list[Answer]:
    """The answers of one model to prompts."""
    model = open_model(folder)
    given = [response for response in responses(model, prompts, Sampling()) if response]  # a local model always answers
    cases = [
        Case(
            prompt.question,
            text=prompt.text,
            options=prompt.options,
            think=response.think,
            answer=response.answer,
            writer=model.identity,
            response=response.text,
            prefill=prompt.prefill,
            suggested=prompt.suggested,
        )
        for prompt, response in zip(prompts, given, strict=True)
    ]
    verdicts = zip(Rule().judge(cases), Grounding().judge(cases), strict=True)
    return [
        Answer(folder.name, prompt, response, *found)  # type: ignore[arg-type]  # both always have a verdict
        for prompt, response, found in zip(prompts, given, verdicts, strict=True)
    ]
