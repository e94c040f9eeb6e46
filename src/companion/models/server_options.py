"""Which options of a request a server takes, as its refusals have told, so that each is sent only what it takes.

Left out: everything else that a refusal can mean (`server_refusals`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LOGPROBS = {"logprobs", "top_logprobs"}
"""Options that are left out together."""

OPTIONAL = ("max_tokens", "seed", *sorted(LOGPROBS))
"""What some servers refuse; `max_tokens` then goes by its newer name, max_completion_tokens."""


class TakenOptions:
    """What is known of one server. refused: options that it does not take. top: so many top_logprobs does it allow, or
    None where it has not said so."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.top: int | None = None

    def form(self, options: Mapping[str, Any], left_out: Iterable[str], most: int) -> dict[str, Any]:
        """Options as this server takes them. left_out: those that it has refused of this request. most: tokens."""
        refused = self.refused.union(left_out)
        taken = {name: value for name, value in options.items() if name not in refused}
        taken["max_completion_tokens" if "max_tokens" in refused else "max_tokens"] = most
        if self.top and "top_logprobs" in taken:
            taken["top_logprobs"] = min(self.top, taken["top_logprobs"])
        return taken

    def refused_in(self, body: str, sent: Mapping[str, Any], optional: Sequence[str]) -> set[str] | None:
        """The options that a refusal names, without which the request is worth making again; none, where it is with
        fewer top_logprobs; None where it is not.

        That a server refuses an option is remembered (`refused`) once it has answered without: a refusal may name a
        word of the prompt. body: of the refusal. sent: the options of the request. optional: those that may go.
        """
        said = body.lower()
        named = {name for name in optional if name in sent and (name in said or _is_called(name, said))}
        if not named:
            return None
        if named & LOGPROBS:
            named |= LOGPROBS
            if self._allows_fewer(body, sent.get("top_logprobs", 0)):
                named -= LOGPROBS
        return named

    def _allows_fewer(self, body: str, sent: int) -> bool:
        """Whether a server that refuses that many top_logprobs says how many it allows, which is believed once."""
        if self.top is not None:
            return sent > self.top  # under way while another request was told
        numbers = re.findall(r"(?<![\w.])(?<![a-z]-)\d{1,4}(?!\w|\.\d)", body)  # those of models' names left out
        self.top = max((n for n in map(int, numbers) if 0 < n < sent), default=None)
        return self.top is not None


def _is_called(name: str, said: str) -> bool:
    """Whether a server speaks of an option by another name."""
    return name == "response_format" and bool(
        re.search(r"response.format|json.?schema|structured|guided|grammar", said)
    )
