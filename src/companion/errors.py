"""What goes wrong, in words that are meant for the user: with everything, or with one of many."""

import re
from dataclasses import dataclass


class CompanionError(Exception):
    """Bad input or a failing machine, in one sentence that names the file, row or option and says what to do."""


class PictureError(CompanionError):
    """The picture of one item is missing, damaged or too large: others can go on without that item."""


@dataclass(frozen=True)
class Refusal:
    """Why one of many gets no answer, where others may.

    reason: in words. passes: whether the same request may be answered another time.
    """

    reason: str
    passes: bool = False


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def one_line(error: BaseException) -> str:
    """The name of an error, and the first line of what it says; our own errors say all themselves."""
    if isinstance(error, CompanionError):
        return str(error)
    said = str(error).strip().split("\n")[0][:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


_HALF = re.compile("[\ud800-\udfff]")


def legible(text: str) -> str:
    """The text with "\ufffd" for each half of a character (a lone surrogate), which no file and no request can hold."""
    return _HALF.sub("\ufffd", text)
