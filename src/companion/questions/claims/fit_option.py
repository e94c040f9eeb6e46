"""Which options fit a question of some form, and what they become in its claim: None where one does not fit."""

from __future__ import annotations

import re

from companion.questions.claims.closed_classes import COLOUR, DET, NUMBER, PREPOSITION, SIDE

Parts = dict[str, str]
"""The parts of a claim, by their names in its wordings."""


def _exactly(pattern: str, option: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, option, re.IGNORECASE)


_UNDENIED = re.compile(r"\b(?:not|no|nothing|nobody|none|never|ever|either|yet|than)\b|n't\b", re.IGNORECASE)
"""What is not both asserted and denied by the words of `truth`."""


def truth(option: str, parts: Parts) -> Parts | None:
    """Of yes and no: how a claim is asserted or denied."""
    found = _exactly("(yes|true)|no|false", option)
    rest, auxiliary = parts.get("rest", ""), parts.get("aux", "").lower()
    if not found or _UNDENIED.search(rest):
        return None
    if found[1]:
        some = re.sub(r"^any(?=\b|thing\b|one\b|body\b)", "some", rest, flags=re.IGNORECASE)
        return {"shows": "shows", "can": "can", "sees": "sees", "rest": some, "aux": auxiliary}
    no = "cannot" if auxiliary == "can" else f"{auxiliary} not"
    return {"shows": "does not show", "can": "cannot", "sees": "does not see", "aux": no}


def placed(option: str, parts: Parts) -> Parts | None:
    """Of places: where something is, in relation to another thing or in the picture."""
    ref, o = parts.get("ref", ""), option.lower()
    of = f" of {ref}" if ref else ""
    if o in ("front", "in front", "in front of"):
        at = f"in front{of}"
    elif o in ("middle", "center", "centre"):
        at = f"in the {o}{of}"
    elif o in ("on top", "on top of") and ref:
        at = f"on top{of}"
    elif o in ("top", "bottom", "back"):
        at = f"at the {o}{of}"
    elif re.fullmatch(SIDE, o):
        at = f"to the {o}{of}" if ref else f"on the {o}" if o in ("left", "right") else f"at the {o}"
    elif re.fullmatch("behind|above|below|inside|outside|underneath|on top|overhead", o) and not ref:
        at = o
    elif re.fullmatch(PREPOSITION, o) and ref and o not in ("with", "between", "among"):
        at = f"{o} {ref}"
    elif re.fullmatch("(?:under|beneath)", o):
        at = "underneath"
    elif re.fullmatch(rf"{PREPOSITION} {DET} .+", o) and not ref:
        at = option[0].lower() + option[1:]
    else:
        return None
    return {"at": at}


def faced(option: str, parts: Parts) -> Parts | None:
    """Of directions: which way something faces."""
    o = option.lower()
    if o in ("left", "right", "front", "back"):
        return {"to": f"to the {o}"}
    way = r"up|down|(?:up|down|for|back)wards?|straight ahead|(?:north|south)?(?:east|west)?|(?:towards?|away from) .+"
    return {"to": o} if re.fullmatch(way, o) else None


def sided(option: str, parts: Parts) -> Parts | None:
    """Of left and right, with or without the words around them."""
    found = _exactly(r"(?:(?:on|to|at|in) )?(?:(?:the|my) )?(left|right|front|back)(?: (?:side|hand|of))?", option)
    return {"o": found[1].lower(), "pre": parts.get("pre") or "to the "} if found else None


def related(option: str, parts: Parts) -> Parts | None:
    """Of two relations that the question names: the one that is meant."""
    o = re.sub("^front.*|^in front$", "in front of", option.lower())
    return {"o": o} if o in (parts["one"].lower(), parts["other"].lower()) else None


def named(option: str, parts: Parts) -> Parts | None:
    """Of two things that the question names: the one that is meant, as it stands there."""
    bare = [re.sub("^(?:the|an?) ", "", text, flags=re.IGNORECASE) for text in (parts["one"], parts["other"], option)]
    if bare[2].lower() not in (bare[0].lower(), bare[1].lower()):
        return None
    the = "the " if re.match("the ", parts["one"], re.IGNORECASE) else ""
    fits = the or all(word[0].isupper() for word in bare)
    return {"the": f"{the}{bare[bare[0].lower() != bare[2].lower()]}"} if fits else None


def named_predicate(option: str, parts: Parts) -> Parts | None:
    """Of two predicates that the question names: the one that is meant."""
    texts = {parts["one"].lower(), parts["other"].lower()}
    same = {"same or similar directions": "the same or similar directions"}
    return {"o": same.get(option.lower(), option.lower())} if option.lower() in texts else None


def thing(option: str, parts: Parts) -> Parts | None:
    """Of things named by common nouns: each with "the", which fits one, many and what is not counted."""
    no_noun = (
        rf"(?:(?:{PREPOSITION}|{DET}|no|not|yes|all|any|many|more|most|less|few|several|none|neither|other|another|here|"
        rf"there|i|you|he|she|it|they|we|us|me|him|them|to|from|by|and|or|if|as|because|up|down|away|{NUMBER})\b"
        rf"|(?:no|any|some|every)(?:thing|one|body)|\w+ing\b).*|.*ing|{SIDE}|{COLOUR}|(?:\S+ ){{4,}}.*"
    )
    if re.fullmatch(rf"{DET} [a-z][\w' -]+", option):
        return {"the": option}
    if not re.fullmatch(r"[a-z][a-z' -]+", option) or re.fullmatch(no_noun, option):
        return None
    return {"the": f"the {option}"}


def counted(option: str, parts: Parts) -> Parts | None:
    """Of numbers."""
    return {"o": option.lower()} if _exactly(NUMBER, option) else None


def figured(option: str, parts: Parts) -> Parts | None:
    """Of what holds a digit: an amount, a phone number, a licence plate."""
    ordinal_or_decade = re.search(r"\d(?:s|st|nd|rd|th)\b", option)
    figure = re.fullmatch(r"(?=.*\d)[^\s\w]?\w*(?:[\s.,:/%$€£°()+-]+\w+){0,5}%?", option)
    return {"o": option} if figure and not ordinal_or_decade else None


def coloured(option: str, parts: Parts) -> Parts | None:
    """Of colours and combinations of colours."""
    o = option.lower()
    return {"o": o} if re.fullmatch(rf"{COLOUR}(?:(?:, |,? and |-){COLOUR})*", o) else None


def made(option: str, parts: Parts) -> Parts | None:
    """Of materials: one or two words without a capital inside, of which none is of a closed class."""
    closed = rf"(?:{DET}|{PREPOSITION}|yes|no|none|both|neither|all|it|not|{NUMBER})"
    fits = re.fullmatch(rf"(?!{closed}\b)[a-z]+(?: (?!{closed}\b)[a-z]+)?", option.lower())
    return {"o": option.lower()} if fits else None


def captioned(option: str, parts: Parts) -> Parts | None:
    """Of captions, whether noun phrases or sentences; What's Up has "a sunglasses"."""
    o = re.sub(rf"^(?={DET} )(.)", lambda found: found[1].lower(), option, flags=re.IGNORECASE)
    return {"o": re.sub(r"\ban? (sunglasses|glasses|headphones|scissors|binoculars|goggles|pliers)\b", r"\1", o)}
