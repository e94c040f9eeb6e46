"""Benchmarks by name: every loader returns a list of `Question`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from companion.datasets.folder import read_folder
from companion.errors import CompanionError
from companion.microworld import questions
from companion.microworld.benchmark import find
from companion.questions import Question


def load_benchmark(name: str, n_items: int | None = None, seed: int = 0) -> Sequence[Question]:
    """The first n items of a benchmark: "microworld" (its test split, 500 items unless said) or a folder.

    seed draws the microworld's items; a folder has its own order.
    """
    if n_items is not None and n_items < 1:
        raise CompanionError(f"{n_items} items asked for; give at least 1")
    if name == "microworld":
        return questions("test", 500 if n_items is None else n_items, seed)
    if Path(name).is_dir():
        return read_folder(Path(name))[:n_items]
    raise CompanionError(f"unknown benchmark {name!r}; give microworld, or a folder that holds a questions.jsonl")


def find_questions(benchmark: str, ids: Iterable[str]) -> list[Question]:
    """The questions of these ids, each once; an id that the benchmark does not hold is an error."""
    wanted = list(dict.fromkeys(ids))
    if benchmark == "microworld":
        return [find(id) for id in wanted]
    held = {question.id: question for question in load_benchmark(benchmark)}
    missing = [id for id in wanted if id not in held]
    if missing:
        raise CompanionError(
            f"{benchmark} holds no question {missing[0]!r}; give the benchmark that the rows were made on"
        )
    return [held[id] for id in wanted]
