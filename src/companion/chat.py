"""How a model is asked, and how its answer is read back.

A profile says what a model is told about the form of its answer. Reading is strict: the answer is the letter, or the
text of an option, inside `<answer>`; anything else counts as no answer and is reported as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from companion.errors import CompanionError
from companion.microworld.lessons import INSTRUCTION
from companion.questions import LETTERS
from companion.variants import Prompt


@dataclass(frozen=True)
class Profile:
    """instruction: last line of the user's turn. max_new_tokens: room for reasoning and answer."""

    name: str
    instruction: str
    max_new_tokens: int


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("microworld", INSTRUCTION, 96),
        Profile(
            "generic",
            "First reason about the picture between <think> and </think>, then give the letter of the right option "
            "between <answer> and </answer>.",
            1024,
        ),
    )
}


def get_profile(name: str) -> Profile:
    """The profile of that name; an unknown one is an error that lists them."""
    if name not in PROFILES:
        raise CompanionError(f"unknown profile {name!r}; choose from {', '.join(PROFILES)}, or auto")
    return PROFILES[name]


def messages(prompt: Prompt, profile: Profile) -> list[dict[str, Any]]:
    """The user's turn as chat messages: the picture, then the text. The prefill is added to the rendered prompt."""
    text = f"{prompt.text}\n{profile.instruction}"
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


@dataclass(frozen=True)
class Reply:
    """think: the text of the think block, prefill included. answer: index of the option, or None. position: the
    character of the response at which the answer stands, or None."""

    think: str
    answer: int | None
    position: int | None


_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL)
_THINK = re.compile(r"<think>(.*?)(?:</think>|<answer>|\Z)", re.DOTALL)
_LETTER = re.compile(rf"(?<![A-Za-z])([{LETTERS}])(?![A-Za-z'])")


def read(response: str, prefill: str, options: tuple[str, ...]) -> Reply:
    """Read a response, which goes on from `prefill`. Of several answer blocks the first counts."""
    thought = _THINK.search(prefill + response)
    think = thought[1].strip() if thought else ""
    block = _ANSWER.search(response)
    if not block:
        return Reply(think, None, None)
    content = block[1]
    for index, option in enumerate(options):
        if content.strip().casefold() == option.casefold():
            return Reply(think, index, block.start(1) + len(content) - len(content.lstrip()))
    found = {m[1] for m in _LETTER.finditer(content) if LETTERS.index(m[1]) < len(options)}
    if len(found) != 1:
        return Reply(think, None, None)
    letter = found.pop()
    return Reply(think, LETTERS.index(letter), block.start(1) + _first(letter, content))


def _first(letter: str, content: str) -> int:
    return next(m.start(1) for m in _LETTER.finditer(content) if m[1] == letter)
