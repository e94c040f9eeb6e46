"""What an answer of an OpenAI-compatible server holds: text, reasoning beside it, tokens, or an error in its place.

Servers write the same thing in several forms, and what they leave out is no error. Left out: refusals, which come with
an HTTP status (`server_refusals`), and the probabilities of tokens (`server`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from companion.errors import legible


def content_and_reasoning(message: Any) -> tuple[str, str]:
    """What a message says, and the reasoning that it tells beside that.

    Both may come as a text, or as a list of parts. Where a model declined, what it says is its refusal.
    """
    texts, thoughts = _parts(message.content)
    for name in ("reasoning_content", "reasoning"):
        beside = getattr(message, name, None)
        if not thoughts and isinstance(beside, str | list):
            thoughts = list(_texts(beside))
    declined = getattr(message, "refusal", None)
    return legible("".join(texts) or (declined if isinstance(declined, str) else "")), legible("".join(thoughts))


def _parts(content: Any) -> tuple[list[str], list[str]]:
    """The texts of a message's content, and those of the reasoning among its parts."""
    if not isinstance(content, list):
        return [content or ""], []
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        is_thought = isinstance(part, Mapping) and part.get("type") in ("thinking", "reasoning")
        (thoughts if is_thought else texts).extend(_texts(part))
    return texts, thoughts


def _texts(part: Any) -> Iterator[str]:
    """The texts in a part of a message, however deep."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, Mapping):
        for name in ("text", "refusal", "thinking", "reasoning"):
            yield from _texts(part.get(name))


def tokens(answer: Any) -> tuple[int, int]:
    """Tokens read and written for an answer, as the server tells; 0 where it does not.

    Hidden reasoning is written, and paid, wherever it is counted: OpenAI has it in the completion's tokens, others, as
    Gemini's, in nothing but the total.
    """
    usage = getattr(answer, "usage", None)
    read, written, total = (getattr(usage, f"{name}_tokens", None) or 0 for name in ("prompt", "completion", "total"))
    return read, max(written, total - read)


def reasons(answer: Any) -> bool:
    """Whether a model reasons before it answers: beside the content, in a think block, or hidden in what it counts."""
    content, thought = content_and_reasoning(answer.choices[0].message)
    usage = getattr(answer, "usage", None)
    counted = getattr(getattr(usage, "completion_tokens_details", None), "reasoning_tokens", None) or 0
    hidden = counted or tokens(answer)[1] > (getattr(usage, "completion_tokens", None) or 0)
    return bool(thought or hidden or not content or "<think>" in content or "</think>" in content)


LONGER = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
"""What servers call it, in small letters, when an answer ran out of tokens."""


def ran_out(answer: Any) -> bool:
    """Whether an answer ended since no more tokens were allowed."""
    return str(answer.choices[0].finish_reason).lower() in LONGER


def error_in(answer: Any) -> str:
    """The message of an error object in an answer, or in its first choice; "" where there is none."""
    choices = _get(answer, "choices")
    for place in (answer, choices[0] if isinstance(choices, list) and choices else None):
        wrong = _get(place, "error")
        if isinstance(wrong, Mapping):
            wrong = wrong.get("message") or json.dumps(wrong)
        if wrong:
            return str(wrong)
    return ""


def _get(thing: Any, name: str) -> Any:
    """A field of a JSON object, whether it is a dict or the client's own."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def is_readable(answer: Any) -> bool:
    """Whether an answer has a content, be it empty, and no error."""
    try:
        content = answer.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        return False
    return not error_in(answer) and (content is None or isinstance(content, str | list))
