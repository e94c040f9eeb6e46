"""How many tokens a company bills for a picture, at most: by the rules that it publishes, which differ by model.

OpenAI counts squares of 512 pixels or patches of 32 (developers.openai.com: Images and vision, "Calculating costs"),
Google tiles of at most 768 (ai.google.dev: "Understand and count tokens", "Media resolution"), as seen on 2026-11-29.
Where users found other numbers billed than documented (community.openai.com/t/1377015: 1.2 a patch for GPT-5.2 and
later; 1.62 documented and 1.2 billed for GPT-5 mini), the larger one counts. Of all other models nothing is known but
the size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

PIXELS = 500
"""Of a token of a picture, at least, where the rules are not known: Qwen2.5-VL has 784, Claude 750."""

Size = tuple[int, int]


def _squares(base: int, each: int) -> Callable[[Size], int]:
    """Tokens of a picture, and of each square of 512 pixels once it is at most 2048 long and 768 high, or the other way
    round."""

    def count(size: Size) -> int:
        scale = min(1.0, 2048 / max(size))
        scale *= min(1.0, 768 / (scale * min(size)))
        wide, high = (math.ceil(round(scale * side, 6) / 512) for side in size)
        return base + each * wide * high

    return count


def _patches(most: int, each: float) -> Callable[[Size], int]:
    """Patches of 32 pixels, so many at most, to which larger pictures are made smaller; each is so many tokens."""

    def count(size: Size) -> int:
        wide, high = (math.ceil(side / 32) for side in size)
        return math.ceil(each * min(most, wide * high))

    return count


def _tiles(size: Size) -> int:
    """Gemini up to 2.5: one tile of 258 tokens where both sides are at most 384, else tiles two thirds as long as the
    shorter side, between 256 and 768 pixels."""
    if max(size) <= 384:
        return 258
    tile = min(768, max(256, math.floor(min(size) / 1.5)))
    wide, high = (math.ceil(side / tile) for side in size)
    return 258 * wide * high


RULES: tuple[tuple[str, Callable[[Size], int]], ...] = (
    (r"gpt-4o-mini", _squares(2833, 5667)),
    (r"gpt-4\.1-mini", _patches(1536, 1.62)),
    (r"gpt-4\.1-nano", _patches(1536, 2.46)),
    (r"o4-mini|codex-mini", _patches(1536, 1.72)),
    (r"o[13]\b", _squares(75, 150)),
    (r"gpt-4", _squares(85, 170)),
    (r"gpt-5-mini", _patches(1536, 1.62)),
    (r"gpt-5-nano", _patches(1536, 2.46)),
    (r"gpt-5(?:\.1)?(?![.\d])", _squares(70, 140)),
    (r"gpt-5\.[23](?![.\d])", _patches(1536, 1.2)),
    (r"gpt-5\.\d+-mini", _patches(2500, 1.62)),
    (r"gpt-5\.\d+-nano", _patches(2500, 2.46)),
    (r"gpt-5", _patches(10000, 1.2)),  # as large as they are, where a request does not say
    (r"gemini-[12]\b", _tiles),
    (r"gemini-", lambda size: 1120),
)
"""What the name of a model begins with, behind any company's, and the tokens of a picture; the first that fits."""


def picture_tokens(model: str, size: Size) -> int:
    """Tokens that are billed for a picture, at most, where the model's rules are known. size: (width, height)."""
    name = model.rpartition("/")[2].casefold()
    rule = next((count for begins, count in RULES if re.match(begins, name)), None)
    return rule(size) if rule else math.prod(size) // PIXELS
