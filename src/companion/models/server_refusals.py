"""What a refusal of an OpenAI-compatible server means: too long, wait so long, or never.

Servers say it in words of their own; these are what vLLM, llama.cpp, transformers and the companies were seen to write.
Left out: which options a server does not take (`server_options`), and what is done about it all (`openai_client`).
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from companion.models.server_replies import error_in

_TOO_LONG = re.compile(
    r"context.(?:length|size|window)|max_model_len|max_total_tokens|maximum model length"
    r"|maximum (?:allowed )?number of (?:output|total) tokens"
    r"|max_(?:completion_)?tokens\W.{0,60}?(?:too (?:large|high)|less than or equal|valid range)"
    r"|at most \d+ completion tokens",
    re.IGNORECASE,
)
"""How servers say that a request and the answer to it are too long together, or the answer by itself."""

_NUMBERS = {
    "context": r"context.(?:length|size|window)(?: is| of|:)? \(?(\d+)|max_(?:model_len|total_tokens)=(\d+)"
    r"|n_ctx\W+(\d+)|maximum model length of (\d+)",
    "prompt": r"(?<!at least )\b(\d+) (?:input tokens|(?:tokens )?(?:in|from|of) the (?:input |)(?:messages|prompt))"
    r"|n_prompt_tokens\W+(\d+)|request \((\d+) tokens\)|messages resulted in (\d+) tokens|prompt \(length (\d+)\)",
    "answer": r"at most (\d+) completion tokens|> (\d+), which is the maximum|less than or equal to \W?(\d+)"
    r"|valid range of max_tokens is \[\d+, ?(\d+)\]",
}
"""Tokens that servers tell: of which the context holds so many at most, the prompt has so many, the answer may."""


def is_too_long(body: str) -> bool:
    """Whether what a server says is that there is no room for a request and the answer to it."""
    return bool(_TOO_LONG.search(body))


def room_for(said: str, most: int) -> int:
    """How many tokens, fewer than `most`, to ask for after a refusal for length: what still fits, 0 or less for none.

    Where the server does not tell, it is half of `most`, or of the context. (vLLM counts a prompt that does not fit no
    further than it must: "at least so many" is no length.)
    """
    told = {name: re.search(pattern, said, re.IGNORECASE) for name, pattern in _NUMBERS.items()}
    found = {name: next(int(number) for number in one.groups() if number) for name, one in told.items() if one}
    fits = [found["answer"]] if "answer" in found else []
    if "context" in found and "prompt" in found:
        fits.append(found["context"] - found["prompt"])
    return min(fits) if fits and min(fits) < most else min(most, found.get("context", most)) // 2


def advice_for_all(error: Any, key: str, model: str) -> str:
    """What to do about a refusal that every request would get; "" where it may be of this one alone. key: its name."""
    if error.status_code == 401:
        return f"check the key {key}"
    if error.status_code == 404:
        return f"check the URL and the model's name {model!r}"
    if error.status_code == 402 or error.code == "insufficient_quota":
        return f"nothing is left to pay with; see to the account of the key {key}"
    return ""


def may_pass(error: Any) -> bool:
    """Whether a refusal may pass: too many requests, or a failing server."""
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def never_came(cause: BaseException | None) -> bool:
    """Whether a request has not reached the server."""
    return type(cause).__name__ in ("ConnectError", "ConnectTimeout")


def wait_of(headers: Mapping[str, str]) -> float:
    """Seconds that a server says to wait: Retry-After-Ms, or Retry-After in seconds or as a date (by the server's own
    clock, where it tells that); 0 where it says nothing that can be read."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    until, now = (_date(headers.get(name)) for name in ("retry-after", "date"))
    return max(0.0, until - (now or time.time())) if until else 0.0


def _date(text: str | None) -> float | None:
    """Seconds since 1970 of a date as HTTP has it."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def message_of(body: str) -> str:
    """What the body of a refusal says, without its braces."""
    try:
        told = json.loads(body)
    except json.JSONDecodeError:
        return body
    return error_in(told) or body
