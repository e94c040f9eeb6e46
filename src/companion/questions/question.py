"""The multiple-choice visual question: what every benchmark yields and every later stage reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from PIL import Image

from companion.errors import CompanionError

LETTERS = "ABCDEFG"
"""Option letters: up to six options, as some of CV-Bench have, and one more for an added "I'm not sure"."""


@dataclass(frozen=True)
class Question:
    """One item of a benchmark.

    `claims` has one declarative sentence for each option, which asserts that this option is right; captions and
    reasoning starts are made of it. `group` joins items that are resampled together (flipped or rotated copies of
    one item); an item that stands alone has its own id there. `load_image` returns an RGB image, or raises
    `PictureError`. `folder` is the path of the folder that it was read from, where it is a user's own; it goes into
    no row.
    """

    id: str
    text: str
    options: tuple[str, ...]
    answer: int
    claims: tuple[str, ...]
    load_image: Callable[[], Image.Image] = field(repr=False, compare=False)
    source: str = ""
    category: str = ""
    group: str = ""
    difficulty: str = ""
    folder: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) < len(LETTERS):
            raise CompanionError(f"question {self.id}: {len(self.options)} options; give 2 to 6")
        if len(set(self.options)) != len(self.options):
            raise CompanionError(f"question {self.id}: two options are the same; remove one")
        if not 0 <= self.answer < len(self.options):
            raise CompanionError(
                f"question {self.id}: answer {self.answer} is not one of its {len(self.options)} options"
            )
        if len(self.claims) != len(self.options):
            raise CompanionError(f"question {self.id}: {len(self.claims)} claims for {len(self.options)} options")

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        return LETTERS[self.answer]

    @cached_property
    def image_hash(self) -> str:
        """Sixteen hex digits that stand for the pixels of the image, whatever file it came from."""
        image = self.load_image()
        digest = hashlib.blake2b(f"{image.mode}{image.size}".encode(), digest_size=8)
        digest.update(image.tobytes())
        return digest.hexdigest()


def blank(size: tuple[int, int]) -> Image.Image:
    """An even grey picture of the given (width, height): what blank-image shows instead."""
    return Image.new("RGB", size, (127, 127, 127))
