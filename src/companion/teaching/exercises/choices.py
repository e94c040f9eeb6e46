"""Exercises that are answered with one of some letters, whatever the run: the data of `choices.toml`.

Left out: letters that hang on the notebook's own data, which are worked out (`reading`).
"""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path
from typing import Any

from companion.teaching.exercises.checking import NOT_ANSWERED, Exercise, Slip, choice_lines, pick


def _exercise(entry: dict[str, Any]) -> Exercise:
    options = {letter: _one_line(option["text"]) for letter, option in entry["options"].items()}
    says = {letter: _one_line(option["says"]) for letter, option in entry["options"].items()}
    return Exercise(
        entry["id"],
        entry["title"],
        f"{_one_line(entry['question'])}\n\n{choice_lines(options)}",
        f'answer = "{entry["right"]}"',
        partial(pick, right=entry["right"], says=says),
        tuple(Slip(f'answer = "{letter}"', why) for letter, why in says.items() if letter != entry["right"]),
        entry.get("starter", NOT_ANSWERED),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


CHOICES = tuple(
    map(_exercise, tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["exercise"])
)
