"""A reasoning cut into what the rule judge reads: plain text, its clauses, and options that are gone through."""

from __future__ import annotations

import re
import unicodedata

from companion.questions.question import LETTERS

_MARKUP = [
    (re.compile(pattern, re.DOTALL | re.MULTILINE | re.IGNORECASE), by)
    for pattern, by in (
        (r"```.*?(?:```|\Z)", "\n"),
        (r"<(?!think|answer)(\w+)\b[^<>]*>.*?</\1>", "\n"),
        (r"</?\w+[^<>]*>|^\s*\|.*\|\s*$", "\n"),
        (r"\\boxed\s*\{((?:\\\w+\{)?[^{}]*\}?)\}", r" the answer is \1 "),
        (r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}", r"\1"),
        (r"\{[^{}]*:[^{}]*\}", " "),
        (r"\[\s*-?\d[\d\s,.-]*\]|\(\s*-?\d[\d.]*\s*(?:,\s*-?[\d.]+\s*)+\)", " "),
        (r"\(?\d[\d.]*(?:\s*[-+*/×÷·]\s*\d[\d.]*)+\)?\s*=", " = "),  # of a sum, what it comes to
        (r"[*_`#$~§¬]+|^\s*[>|•-]+", ""),
        (r"^[ \t]*(?:step[ \t]+)?\d{1,2}[ \t]*[.):][ \t]+(?=\S)|^[ \t]*step[ \t]+\d+[ \t]*$", ""),  # of a list
        (r"\b(yes|no)\s*[-–—]+\s+", r"\1, "),
        (r"[?!]+(?=[”»\"」』]\s+(?-i:[a-z]))", ""),  # a quoted question, and the sentence goes on
        (r"[“”„«»\"「」『』]", " "),
        (r"[’‘]", "'"),
        (r"[→⇒⟹]", ": "),
        (r"\((?:[^\s()]+\s+){2,}[^\s()]+\)", " "),  # an aside
    )
]
_END = re.compile(
    r"[\n。！？!?;；]+|\.{2,}|…"
    r"|(?<!\b[A-F])(?<!\b\d)\.(?=\s|\)|'|$)"  # a full stop, unless after a letter or a number …
    r"|(?<=\b[A-F0-9])\.(?=\s+[A-Z]|\s*$)"  # … that does not open a list
    r"|,? (?=but\b|however\b)"
)


_LEAD = re.compile(
    r"(?:^|(?<=[\s.,:]))[\s✅]*(?:so|thus|hence|therefore)?,?\s*(?:the|my)?\s*(?:final|correct|right|best)*\s*(?:answer)?"
    r"\s*$",
    re.IGNORECASE,
)
"""Words before an answer that a text breaks off with."""


def plain_text(think: str) -> str:
    """A reasoning without maps, coordinates, markup, LaTeX, numbers of lists, and words that only lead to an answer."""
    text = unicodedata.normalize("NFKC", think)
    for pattern, by in _MARKUP:
        text = pattern.sub(by, text)
    return _LEAD.sub("", text)


def clauses_of(text: str) -> list[str]:
    """The sentences of a text, parted before "but" and "however"."""
    return [part.strip() for part in _END.split(text) if part.strip(" \t,:-")]


_ITEM = re.compile(
    r"[ \t]*(?:(?:option|choice)[ \t]+)?\(?([A-F])(?:\)|[.:])(?![ \t]*(?:and\b|or\b|,))[ \t]*(.*)", re.IGNORECASE
)
_NEAR = 3
"""The options are gone through where lines that begin with different letters stand at most so many lines apart."""


def listings(text: str) -> list[str | dict[int, str]]:
    """The parts of a text: what is written, and where options are gone through line by line: what is said of each."""
    parts: list[str | dict[int, str]] = []
    lines = [line for line in text.split("\n") if line.strip()]
    items = {number: found for number, line in enumerate(lines) if (found := _ITEM.fullmatch(line))}
    number = 0
    while number < len(lines):
        said, end = {}, number
        for place in range(number, len(lines)):
            if place - end > _NEAR:
                break
            if place in items and (option := LETTERS.find(items[place][1].upper())) not in said:
                said[option], end = items[place][2], place + 1
        if number in items and len(said) > 1:
            parts.append(said)
            number = end
        else:
            parts.append(lines[number])
            number += 1
    return parts
