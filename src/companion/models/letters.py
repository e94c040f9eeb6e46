"""The distribution over an item's option letters, read at the token that wrote the answer's letter.

Tokenizers do not cut where an answer begins. Qwen's makes `<answer>A</answer>` of `<`, `answer`, `>A`, `</`, `answer`,
`>`; elsewhere `(A`, `:A`, `"A` or `*A` are one token, and SentencePiece has `▁A` beside `A`. So the token that was
*written* is compared with the same token with only its letter exchanged, and with other forms that could have stood in
its place: those that have the same behind the letter, and with which the response would be read as the same answer
(" A" or "(A" after "Answer:", but not "A." where "A" was written, which goes on to an option's text).

Some vocabularies have such a token for a few letters alone: Mistral's tekken writes `>A` as one token, `>` and `B` as
two. Where `B` was written after `>`, what `>A` had a step earlier is added. Where `>A` was written, nobody knows what
would have followed `>`: there is no distribution. Nor is there where a token does not show which letter it wrote. The
probability of the written token is always among those that are summed, so that no small rest is ever scaled up.

Left out: ways to write the answer that part from the written one more than a token before its letter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import NamedTuple

from companion.models.read_answer import Reading, parse_answer
from companion.questions.question import LETTERS

_LONE = re.compile(rf"(?<![A-Za-z0-9])[{LETTERS}](?![A-Za-z0-9])")
_BLANKS = str.maketrans("▁ĠĊ", "  \n")
"""How SentencePiece and byte-level BPE write a blank or a new line, which some servers tell as it is."""

_UNSEEN = re.compile(rb"[ \t\r\n\f\v]|\xe2\x96\x81|\xc4\xa0|\xc4\x8a")
"""White space in UTF-8, `_BLANKS` among it: what servers add, strip and leave out at the edges of tokens."""

_END = re.compile(rb"(?:<[^<>]*>)?")
"""A token that a server tells, but that is no part of the content: the end of the turn."""


UNTOLD = 0.01
"""The share of the letters' probability that those which are not told may have together, at most, to count as 0."""


class Split(NamedTuple):
    """A token that holds one option letter: ">A" is (">", "A", "")."""

    before: str
    letter: str
    after: str

    @property
    def form(self) -> tuple[str, str]:
        """What tokens have in common that differ in the letter alone, white space before it aside."""
        return self.before.strip(), self.after


@lru_cache(maxsize=1 << 14)
def split(token: str) -> Split | None:
    """A token around its letter; None where no option letter stands by itself in it, or several do."""
    token = token.translate(_BLANKS)
    found = list(_LONE.finditer(token))
    if len(found) != 1:
        return None
    start, end = found[0].span()
    return Split(token[:start], token[start:end], token[end:])


@dataclass(frozen=True)
class Step:
    """The token that was written at a step, and tokens that could have been, it among them, with the natural logarithms
    of their probabilities. One token may stand there several times, under different ids. untold: the probability that
    a token which is not among them has at most."""

    written: str
    told: Sequence[tuple[str, float]]
    untold: float = 0.0


def distribution(
    step: Step,
    text: str,
    position: int,
    options: Sequence[str],
    prefill: str = "",
    reading: Reading = "tag",
    previous: Step | None = None,
    vocabulary: Collection[str] | None = None,
) -> tuple[tuple[float, ...], float] | None:
    """(letter_probs, letter_mass): (options,), summing to 1, and their sum before that, in (0, 1]; or None.

    step: the one that wrote the letter at text[position], which is the answer of the response `text`. prefill, reading:
    as `parse_answer` takes them. previous: the step before it, if there is one. vocabulary: all tokens that hold a
    letter, or None where they are not known. Letters that were not told have a probability of 0, unless together they
    might have more than `UNTOLD` of the letters'.
    """
    own, wanted = split(step.written), LETTERS[: len(options)]
    if own is None or own.letter != text[position] or own.letter not in wanted:
        return None

    # 1) Are there tokens of this form for all letters? If not, others are written in two: "(" and then "B".
    there = [token for token, _ in step.told] if vocabulary is None else vocabulary
    unknown = 0.0
    if not {other.letter for token in there if (other := split(token)) and other.form == own.form}.issuperset(wanted):
        if vocabulary is not None:
            return None
        unknown = math.fsum(math.exp(p) for token, p in step.told if own.form[0] and token.strip() == own.form[0])

    # 2) Which forms of the letter could stand in the place of the written one?
    head, rest = _before_token(text[:position], own), text[position:]
    if head is None or not rest[1:].startswith(own.after.rstrip()):
        return None

    @cache
    def stands(before: str) -> bool:
        """Whether the response would give the same answer, by its letter, with this before it."""
        if before == own.before:
            return True
        reply = parse_answer(head + before + rest, prefill, options, reading)
        return reply.letter and (reply.answer, reply.position) == (wanted.index(own.letter), len(head) + len(before))

    # 3) Sum over these, and over what would have written the letter a step earlier.
    sums = partial(_letter_sums, wanted, own.after, stands)
    raw = sums(step.told) if any(token == step.written for token, _ in step.told) else []
    if raw and previous and previous.written:
        earlier = sums(previous.told, previous.written.translate(_BLANKS))
        went_on = math.fsum(math.exp(p) for token, p in previous.told if token == previous.written)
        if went_on:
            both = went_on + math.fsum(earlier)  # of having written what stands before the letter, one way or the other
            raw = [(first + went_on * then) / both for first, then in zip(earlier, raw, strict=True)]

    # 4) Scale them to a sum of 1, unless too much may be missing.
    mass = math.fsum(raw)
    if not mass or unknown + step.untold * raw.count(0.0) > UNTOLD * mass:
        return None
    return tuple(p / mass for p in raw), mass


def _before_token(head: str, own: Split) -> str | None:
    """A text up to a letter without what the letter's token wrote before it; None where it did not write that."""
    if head.endswith(own.before):
        return head.removesuffix(own.before)
    if head.rstrip().endswith(own.form[0]):  # the blank before a text's first word is not in the text
        return head.rstrip().removesuffix(own.form[0])
    return None


def _letter_sums(
    letters: str, after: str, stands: Callable[[str], bool], told: Sequence[tuple[str, float]], begin: str = ""
) -> list[float]:
    """The probability of each letter in tokens that begin so, go on with a form that can stand there, and have the same
    behind the letter. stands: whether a form can, by what it has before its letter."""
    found: list[list[float]] = [[] for _ in letters]
    for token, logprob in told:
        other = split(token)
        if other is None or other.letter not in letters or other.after != after:
            continue
        if other.before.startswith(begin) and stands(other.before.removeprefix(begin)):
            found[letters.index(other.letter)].append(math.exp(logprob))
    return [math.fsum(one) for one in found]


def step_at(tokens: Sequence[bytes], text: str, position: int) -> int | None:
    """The number of the token that wrote the character at `position` of a text, counted from the end of both.

    tokens: in UTF-8. They may begin before the text, as with a hidden reasoning, and hold the end of the turn behind
    it; white space does not count. None where tokens and text do not agree from the letter to the end.
    """
    wanted = _UNSEEN.sub(b"", text[position:].encode(errors="replace"))
    seen = [_UNSEEN.sub(b"", token) for token in tokens]
    for end in range(len(seen), 0, -1):
        step, tail = end, b""
        while step and len(tail) < len(wanted):
            step -= 1
            tail = seen[step] + tail
        if tail.endswith(wanted):
            return step
        if not _END.fullmatch(seen[end - 1]):
            return None
    return None
