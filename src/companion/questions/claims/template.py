"""Claims by rules: for each option of a question a sentence that a person could have put under the picture.

A question of a form that is known for sure (`forms.FORMS`) becomes a claim: "Where is the cup in relation to the
plate?" and *left* give "One can see the cup to the left of the plate." Every other question is quoted with its option:
"As one can see, “bowler” answers “What type of hat is this?”". An option that states something by itself stands as it
is. Each has three wordings, one of which the question's text draws, so that the claims of a question differ in the
option alone. English only, without a parser and without lists of nouns, verbs or names.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

from companion.questions.claims import forms
from companion.questions.claims.closed_classes import DET, PICTURE, VIEW
from companion.questions.claims.forms import Wordings


def claims(text: str, options: Sequence[str]) -> tuple[str, ...]:
    """One sentence for each option, which asserts that it answers the question; it names no letter."""
    drawn = zlib.crc32(text.encode()) % 3
    return tuple(three[drawn] for three in wordings(text, options))


def wordings(text: str, options: Sequence[str]) -> list[Wordings]:
    """For each option the three sentences of which `claims` draws one."""
    asked = _asked(text)
    question = _tidied(asked) if asked.endswith("?") else ""
    alone = {option for option in options if _states(option, question)}
    rest = [option for option in options if option not in alone]
    written = _formed(question, rest) or [_quoted(asked, option) for option in rest]
    found = dict(zip(rest, written, strict=True))
    return [found.get(option) or (_sentence(option),) * 3 for option in options]


def _asked(text: str) -> str:
    """The question itself, as it was asked: of several lines the last, of several sentences the last that asks.

    A full stop ends a sentence only after a word of four letters, since a shorter one may be an abbreviation.
    """
    lines = [line for line in map(_spaced, text.splitlines()) if line] or [""]
    sentences = re.split(r"(?:(?<=\?)|(?<=[a-z]{4}[.!])) (?=[A-Z])", lines[-1])
    return ([one for one in sentences if one.endswith("?")] or sentences)[-1]


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _tidied(question: str) -> str:
    """A question as the forms know it: without its mark, what only points to the picture or to boxes in it,
    contractions, words written twice; "the camera's perspective" where the article is left out.
    """
    question = question.replace("’", "'").rstrip(" ?.")
    question = re.sub(r" \([^()]*\b(?:box|bbox|rectangle|circle)\b[^()]*\)", "", question)
    pointing = rf"^(?:(?:considering|looking at|estimating)\b[^?]*?|in {PICTURE}), (?=(?:{_ASKING})\b)"
    question = re.sub(pointing, "", question, flags=re.IGNORECASE)
    question = re.sub(r"^(what|where|which)'s\b", r"\1 is", question, flags=re.IGNORECASE)
    question = re.sub(r"\b(the|an?|is|are|of|in|on) \1\b", r"\1", question, flags=re.IGNORECASE)
    return re.sub(rf"\bfrom (?!{DET} )([a-z][\w-]*'s? {VIEW})\b", r"from the \1", question)


_ASKING = "which|what|where|who|how|why|when|is|are|was|were|does|do|did|can|could|will|would|should"


def _states(option: str, question: str) -> bool:
    """Whether an option is a sentence about what is asked: "The tent is on the left side of the river."

    That is: it says that the picture does not show it, as the options of MME-RealWorld do, or it says of the question's
    own subject what that is.
    """
    if re.fullmatch(rf"{PICTURE} (?:does not|doesn't) (?:feature|show|contain) .+", option, re.IGNORECASE):
        return True
    found = re.fullmatch(r"(The .+?) (?:is|are) (?!that\b|what\b).+", option)
    opposite = re.search(r"\b(?:not|false|wrong|incorrect|except)\b|n't\b", question, re.IGNORECASE)
    return bool(found and not opposite and f" {found[1].lower()} " in f" {question.lower()} ")


def _formed(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """The claims of the first form that fits a question and all its options; None if there is none."""
    bare = [_bare(option) for option in options]
    for form in forms.FORMS:
        found = form.pattern.fullmatch(question)
        if not found:
            continue
        parts = {"lead": "", "view": ""} | {name: part or "" for name, part in found.groupdict().items()}
        if any(forms.UNSPLIT.fullmatch(parts.get(name, "")) for name in ("s", "ref")):
            continue
        parts |= {name: parts[name].lower() for name in ("be", "p") if name in parts}
        if "n" in parts:
            parts["n"] = _counted(parts)
        fitted = [form.fitted(option, parts) for option in bare]
        if fitted and None not in fitted:
            worded = [_filled(form.three, {**parts, **(own or {})}) for own in fitted]
            said = [(_mended(first), _mended(second), _mended(third)) for first, second, third in worded]
            return said if len({one[0].casefold() for one in said}) == len(options) else None
    return None


def _mended(part: str) -> str:
    """With "an" before a vowel."""
    return re.sub(r"\ba (?=(?:[aeio](?!ne\b|nce\b|u|w)|u(?:[glmp]|n(?!i)))\w)", "an ", part)


def _counted(parts: forms.Parts) -> str:
    """What is counted, with what is told of it: "cups on the table", "cups that are empty"."""
    noun = parts["n"].removeprefix("of ")
    return f"{noun} that {parts['vp']}" if "vp" in parts else f"{noun}{parts['tail']}"


def _quoted(asked: str, option: str) -> Wordings:
    """The option as an answer to the question, both in quotation marks and as they are."""
    mark = "?" if re.match(rf"(?:{_ASKING})\b", asked, re.IGNORECASE) and not re.search(r"[.?!:…]$", asked) else ""
    return _filled(forms.QUOTED, {"q": _single(f"{asked}{mark}"), "o": _single(_bare(option))})


def _single(text: str) -> str:
    """With single quotation marks around what is quoted in it, so that it can stand in double ones; 5" stays 5"."""
    return re.sub(r"(?<!\w)[“\"]([^“”\"]+)[”\"](?!\w)", r"‘\1’", text)


def _bare(option: str) -> str:
    """An option without the full stop that ends it, unless that may be an abbreviation's."""
    option = _spaced(option)
    return option.removesuffix(".") if re.search(r"(?:\w{4}|\d|^\w+)\.$", option) else option


def _filled(three: Wordings, parts: forms.Parts) -> Wordings:
    first, second, third = (_sentence(wording.format_map(parts)) for wording in three)
    return first, second, third


def _sentence(text: str) -> str:
    """With a capital, a full stop and single spaces."""
    text = _spaced(text)
    text = text[:1].upper() + text[1:]
    return text if re.search(r"[.!?][”\"'’]?$", text) else f"{text}."
