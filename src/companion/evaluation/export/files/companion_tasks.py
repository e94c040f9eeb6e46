"""What Inspect's tasks are made of. A record is a line of data/*.jsonl; a picture lies in images/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from companion_reading import letter
from inspect_ai import Task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
)
from inspect_ai.scorer import Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

DELIVERIES = ("user turn", "prefill")


@scorer(metrics={"correct": [accuracy(), stderr()], "no_answer": [mean()]})
def right() -> Scorer:
    """Whether the answer is right, and whether there is none that can be read."""

    async def score(state: TaskState, target: Target) -> Score:
        answer = letter(state.output.completion, state.metadata)
        value = {"correct": float(answer == target.text), "no_answer": float(answer is None)}
        return Score(value=value, answer=answer)

    return score


def turns(record: dict[str, Any], folder: Path, delivery: str) -> list[ChatMessage]:
    """The turns of a record: a prefill is the start of the assistant's turn, or words in the user's."""
    text = (delivery == "user turn" and record["begun"]) or record["text"]
    found: list[ChatMessage] = [ChatMessageSystem(content=record["system"])] if record["system"] else []
    found.append(ChatMessageUser(content=[ContentImage(image=str(folder / record["image"])), ContentText(text=text)]))
    if record["prefill"] and delivery == "prefill":
        found.append(ChatMessageAssistant(content=record["prefill"]))
    return found


def perturbed(data: Path, delivery: str, max_tokens: int) -> Task:
    """The task of a file of records. delivery: of a start of the reasoning, one of `DELIVERIES`."""
    if delivery not in DELIVERIES:
        raise ValueError(f"unknown delivery {delivery!r}; choose from {', '.join(DELIVERIES)}")

    def sample(record: dict[str, Any]) -> Sample:
        used = delivery if record["prefill"] else ""
        given = (
            "group",
            "category",
            "difficulty",
            "perturbation",
            "wording",
            "suggested",
            "prefill",
            "options",
            "reading",
        )
        return Sample(
            id=record["id"],
            input=turns(record, data.parents[1], delivery),
            choices=record["options"],
            target=record["target"],
            metadata={name: record[name] for name in given} | {"delivery": used},
        )

    return Task(
        dataset=json_dataset(str(data), sample),
        solver=generate(),
        scorer=right(),
        config=GenerateConfig(max_tokens=max_tokens, temperature=0.0),
    )
