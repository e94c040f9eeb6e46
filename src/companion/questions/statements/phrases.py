"""An option as a part of a sentence: with the article that it needs, as a place, as one of a kind."""

from __future__ import annotations

import re
from collections.abc import Sequence

from companion.questions.statements import english, forms

_DECADE = re.compile(r"(?:\d\d)?\d0s")
_ADVERBS = {"under": "underneath", "beneath": "underneath", "on": "on top", "over": "overhead"}
"""Prepositions as they stand without what they relate to."""
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_OF = re.compile(r"(?:\S+ )*?\S+ of (?:an? )?(.+)")


def with_article(o: str, question: str = "") -> str:
    """An option as a noun: with "the", unless it has a determiner, or is a name, a number, a place or an activity."""
    if _DECADE.fullmatch(o) or _ORDINAL.fullmatch(o):
        return f"the {o}"
    if len(o) == 1:
        return o
    first, last = o.split(" ")[0], o.split(" ")[-1]
    doing = last.endswith("ing") and last not in english.NOUNS
    alone = stands_alone(o) or unnamed(o) or first in english.PREPOSITIONS or doing
    return o if alone and f"the {o}" not in question else f"the {o}"


def determined(noun: str) -> str:
    """A noun phrase with "the" where a question leaves the article out: "coffee cup" → "the coffee cup"."""
    own = re.match(rf"(?:{english.DET}|{english.PRONOUN}|\w+'s|every\w+|no\w+|one|other|\d+)\b", noun, re.IGNORECASE)
    before = re.split(rf" (?:{'|'.join(english.PREPOSITIONS)})\b", noun)[0]
    bare = english.is_plural(before) or english.mass(before) or unnamed(before)
    return noun if own or bare or not re.match("[a-z]{3}", noun) else f"the {noun}"


def of_kind(o: str, noun: str) -> str:
    """An option as what is one of a kind: "the animal is a cat", "the country is Peru", "the food is the pasta"."""
    if _DECADE.fullmatch(o) or _ORDINAL.fullmatch(o):
        return f"the {o}"
    kind, found = head(noun), _OF.fullmatch(noun)
    of = head(found[1]) if found and kind in forms.KINDS else ""
    described = english.adjectival(o) and kind != "fruit"
    if "famous" in noun or stands_alone(o) or described or unnamed(o):
        return o
    if (of or singular(kind)) in forms.ITEMS and not (english.is_plural(kind) and kind not in ("sports", "colors")):
        return english.indefinite(o)
    no_article = english.is_plural(o) or english.mass(o)
    if of and english.is_plural(of) and not no_article and singular(of) in forms.ITEMS:
        return with_article(o)
    named = (singular(kind) if kind in ("sports", "colors", "activities") else kind) in forms.NAMED | forms.KINDS
    return o if named or no_article else with_article(o)


def labelled(noun: str, options: Sequence[str]) -> bool:
    """Whether the options are words for kinds that no article fits for sure: "the type of hat is “chef”"."""
    if head(noun) == "character":
        return not any(map(english.is_plural, options))
    kinds = _OF.fullmatch(noun) if head(noun) in forms.KINDS else None
    if kinds:
        return head(kinds[1]) not in forms.LIVING and not all(map(uncounted, options))
    return head(noun) in forms.ACTIONS and not all(o.endswith("ing") or uncounted(o) for o in options)


def uncounted(o: str) -> bool:
    """Whether an option needs no article: a plural, a mass, a quality or an activity."""
    doing = re.match(r"\w+ing\b", o) is not None and not _compound(o) and o not in english.NOUNS
    return english.is_plural(o) or english.adjectival(o) or english.mass(o) or doing


def stands_alone(o: str) -> bool:
    """Whether an option takes no article of its own: "his hat", "7", "playing chess", but not "frying pan"."""
    return forms.ALONE.match(o) is not None and not _compound(o)


def unnamed(o: str) -> bool:
    """Whether an option is a place's name in small letters or an adverb: "new york", "sideways", "frontward"."""
    last = o.split(" ")[-1]
    towards = re.fullmatch(r"(?:in|out|on|up|down|for|back|front|side)wards?", last)
    return last in forms.UNNAMED or towards is not None


def maybe_noun(o: str) -> bool:
    """Whether an option that begins with a word in -ing may as well be a noun as an activity: "scratching toy"."""
    doing = re.fullmatch(r"\w+ing (\w+)", o)
    if doing is None or _compound(o) or doing[0].split(" ")[0] in english.NOUNS:
        return False
    after = doing[1]
    particle = after in english.PREPOSITIONS or english.adverb(after) or re.fullmatch(english.PRONOUN, after)
    return not (particle or uncounted(after))


def _compound(o: str) -> bool:
    """Whether an option is a noun that begins with a word in -ing: "frying pan"."""
    return re.match(r"\w+ing ", o) is not None and o.split(" ")[-1] in forms.COMPOUND


def sided(options: Sequence[str]) -> bool:
    """Whether the options are sides or colours, which stand before a noun: "the left hand"."""
    return all(re.fullmatch(f"{forms.SIDES}|{forms.COLOUR}", o) for o in options)


def numbers(options: Sequence[str]) -> bool:
    """Whether the options are numbers alone."""
    written = r"one|two|three|four|five|six|seven|eight|nine|ten|\w+teen|\w+ty"
    return all(re.fullmatch(rf"\d[\d.,]*|{written}", o) for o in options)


def place(o: str, ref: str) -> str:
    """Where something is, by an option such as "left", "top right", "behind", "under the table" or "Paris"."""
    of = f" of {ref}" if ref else ""
    if o in ("front", "in front", "in front of"):
        return f"in front{of}"
    if o in ("middle", "center", "centre"):
        return f"in the {o}{of}"
    if o in ("top", "bottom", "back", "side", "rear"):
        return f"at the {o}{of}"
    if re.fullmatch(f"{forms.SIDES}|{forms.SIDE} behind", o) and o not in ("up", "down"):
        return f"to the {o}{of}" if ref else f"on the {o}" if o in ("left", "right") else f"at the {o}"
    if o in ("ahead", "on top", "forward"):
        return f"{o}{of}"
    if o in _ADVERBS and not ref:
        return _ADVERBS[o]
    if o in ("up", "down") and ref:
        return f"{o} from {ref}"
    if o.split(" ")[0] in english.PREPOSITIONS | {"up", "down", "upwards", "upward", "back", "for"}:
        return f"{o} {ref}" if " " not in o or o == "next to" else o
    if re.search(r"\b(?:corner|area|part|region|half|quadrant|center|centre|middle|edge)\b", o) or o[:1].isupper():
        return f"in {with_article(o)}"
    return f"at {with_article(o)}"


def direction(o: str) -> str:
    """Which way something faces."""
    return f"to the {o}" if re.fullmatch(forms.SIDES, o) and o not in ("up", "down") else o


def head(noun: str) -> str:
    """The noun of a phrase that decides its number: "piece of clothing on the bed" → "piece"."""
    after = "of|in|on|at|with|that|all|to|from|for|between|which|behind|near|next|inside|above|below|or"
    return re.split(rf",? (?:{after})\b", noun)[0].split(" ")[-1].lower()


def singular(noun: str) -> str:
    """A noun without the ending of a plural."""
    return noun.removesuffix("s")
