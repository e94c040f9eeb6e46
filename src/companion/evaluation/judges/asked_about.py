"""What a question asks about, for the rule judge: to tell an answer to it from a description of what else is seen.

"The van is to the left of the kiosk" answers "Is the van left or right of the kiosk?"; "on the left side of the image"
does not. "The bag is red" answers "What color is the bag?"; "the gray pavement" does not. Clauses come in plain words,
with "§1" for the second option (`words.plain`, `rule_judge`).
"""

from __future__ import annotations

import re
from itertools import pairwise, takewhile

from companion.evaluation.judges.words import ASKING, LETTERED, plain

_DIRECTIONS = {
    "left",
    "right",
    "above",
    "below",
    "front",
    "behind",
    "in",
    "on",
    "top",
    "back",
    "under",
    "over",
    "straight",
    "ahead",
}
_WAYS = {"left", "right", "up", "down", "straight", "forward", "backward", "clockwise", "counterclockwise"}
"""Directions that any thing in the picture may have."""
_FUNCTION = set(
    """
    is are was were be been being has have had do does did can could will would may might must should in on at by
    with from as than that which who whose this these those it its they their he his she her him them and or nor but
    so because since if while when where then there here not no also very too more most less for into onto under
    over between among against about across along through during after before only just both each either neither
    appears appear looks look seems seem matches match fits fit ones what how many much you we our your option
    answer choice correct best given color one hue shade tone tint material all overall rather though although due
    like me instead indeed away
    """.split()
)
"""Words that a colour or a material in front of them does not describe."""
_AUXILIARIES = {"is", "are", "was", "were", "do", "does", "did", "has", "have", "will", "can"}
"""Behind the first of them stands what is asked about: "If I move to the stove, is the *sink* …"."""
_FRAMING = {"far", "bottom", "upper", "lower", "top", "image", "picture"}
_PRONOUNS = {"it", "them", "him", "her"}
_RELATED = re.compile(r"\b(?:with respect|in relation|relative|compared)\b")
_BEING = {"is", "are", "was", "were", "can"}
_THERE_IS = [["there", verb] for verb in sorted(_BEING)]
_HAVING = [[word] for word in ("but", "and", "with", "has", "have", "had", "see", "sees", "wearing", "wears", "shows")]
"""What stands before a "no" that is said of a thing, and not in answer."""
_SOME = {"those", "these", "other", "another", "remaining"}
"""What makes a number one of some things: "the other 2 dogs"."""


_PREDICATE = re.compile(
    r"(?<!there )\b(?:is|are|was|were|be|appears?|looks?|seems?|painted) (?:[^\s§¬?:=]+ ){0,6}?§(\d)"
)
_HEAD = re.compile(
    r"\b(?:colou?rs?|materials?)\b (?:(?:is|are|of|does|do|was|were) )*(?:the |this |that )?(.+?)"
    r"(?= (?:of|on|in|worn|by|with|next|near|at|that|who|under|behind|have|carried|made)\b|\?|$)",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"(?:clos|near|farth|furth|larg|bigg|small|tall|high|low|long|short|wid|narrow|thick|old|young|heavi|bright|dark)"
    r"(?:er|est)"
)
_OPPOSITE = {
    "clos": "farther|farthest",
    "near": "farther|farthest",
    "fart": "closer|closest",
    "bigg": "smaller|smallest",
    "larg": "smaller|smallest",
    "smal": "bigger|biggest|larger|largest",
    "tall": "shorter|shortest|lower|lowest",
    "low": "taller|tallest",
    "long": "shorter|shortest",
    "shor": "taller|tallest|longer|longest",
    "old": "younger|youngest",
    "youn": "older|oldest",
    "heav": "lighter|lightest",
    "wid": "narrower|narrowest",
    "narr": "wider|widest",
    "thic": "thinner|thinnest",
    "brig": "darker|darkest",
    "dark": "brighter|brightest|lighter|lightest",
}
"""Of a comparison, by its first letters, the words that say the opposite."""
_PARTS = {"hand", "side", "colored", "toned", "tinted", "like", "light", "dark", "deep", "bright", "pale", "off", "and"}
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")


class AskedAbout:
    """What a question asks about, to tell an answer to it from a description of what else is in the picture."""

    def __init__(self, question: str, known: set[str], telling: list[list[str]]) -> None:
        """known: all words of the options. telling: of each option those that tell it from the others."""
        asked = plain(question)
        self.known = known
        self.asked = {_stem(word) for word in asked if len(word) > 3 and word not in ASKING | known}
        self.topic = {_stem(word) for word in asked if len(word) > 1 and word not in ASKING | known | _FUNCTION}
        places = [place for place, word in enumerate(asked) if word in known]
        directions = all(set(form) <= _DIRECTIONS for form in telling)
        behind = {_stem(word) for word in asked[places[-1] + 1 :]} if directions and len(set(places)) > 1 else set()
        self.reference = self.topic & behind
        self.numbers = all(len(form) == 1 and _NUMBER.fullmatch(form[0]) for form in telling)
        self.attribute = bool({"color", "material", "made"} & set(asked))
        head = _HEAD.search(question)
        self.head = {"color", "material", *map(_stem, plain(head[1])[-1:] if head else [])}
        asks = plain(re.split(r"[.!?]\s+", question.strip())[-1])
        self.compared = next(filter(_COMPARED.fullmatch, asks), "")
        self.opposite = _opposite(self.compared)
        directed = sum(len(form) == 1 and form[0] in _WAYS for form in telling)
        self.ways = bool(self.topic) and directed >= max(2, len(telling) - 1)  # one may say that there is none
        verb = next((place for place, word in enumerate(asked) if word in _AUXILIARIES), 0)
        things = self.topic - {"direction", "way"}
        self.mover = next((_stem(word) for word in (*asked[verb:], *asked) if _stem(word) in things), "")
        related = directions and not self.reference and _RELATED.search(" ".join(asked)) is not None
        self.converse = self.mover if related else ""
        self.described = {pair for pair in pairwise(asked) if pair[0] in known and pair[1] not in _FUNCTION | known}

    def about(self, text: str, words: int = 1) -> bool:
        """Whether a clause has so many words of the question."""
        return len(self.topic & set(map(_stem, text.split()))) >= words

    def shared(self, text: str) -> bool:
        """Whether a clause has at least half of the question's words."""
        return bool(self.asked) and 2 * len(self.asked & set(map(_stem, text.split()))) >= len(self.asked)

    def answer(self, text: str, named: frozenset[int]) -> int | None:
        """The one option by which a clause answers the question in its own words: a direction from what is asked about,
        what is "closer" where that is asked, a colour or material of the thing; else the one that stands among half of
        the question's words."""
        said = text.split()
        if self.reference:
            places = [place for place, word in enumerate(said) if word.startswith("§")]
            found = {int(said[place][1]) for place in places if self._from_reference(said, place)}
        elif self.attribute:
            predicates = {int(k) for k in _PREDICATE.findall(text)}
            found = predicates if self.head & set(map(_stem, said)) else set()
        elif self.compared:
            places = [place for place in range(len(said)) if self._compares(said, place)]
            found = {int(k) for k in re.findall(r"§(\d)", " ".join(said[: places[-1]]))} if places else set()
        elif self.ways:
            told = {self.mover, "answer"} & set(map(_stem, said))
            found = set(map(int, re.findall(r"§(\d)", text))) if told else set()
        else:
            found = set(named) if self.shared(text) else set()
        return found.pop() if len(found) == 1 else None

    def describes(self, match: re.Match[str]) -> bool:
        """Whether words of an option describe something else than what is asked.

        A colour does that in front of a noun that the question does not have, or that it has with it ("the stripes on
        the green scarf"); a direction, where it is not one from what the question asks about ("on the left side of the
        image"), or is one from the thing whose place is asked; a number, in front of a unit, or of some that were
        counted before ("those 2 dogs"); "correct" in "the correct answer".
        """
        before, after = match.string[: match.start()].split()[-1:], match.string[match.end() :].split()
        following = after[0] if after and after[0].isalpha() else ""
        if following in ("answer", "option", "choice"):
            return True
        if self.converse and self.converse in map(_stem, _behind(after)):
            return True
        if self.reference:
            said = [*match.string[: match.start()].split(), "§", *after]
            elsewhere = bool(following) and following not in _FUNCTION
            return bool(_FRAMING & set(before)) or (elsewhere and not self._from_reference(said, said.index("§")))
        ordinary = following in _FUNCTION | self.known or _stem(following) in self.topic
        strange = bool(self.topic and following) and following.isascii() and not ordinary
        if self.numbers:
            name = bool(before) and LETTERED.search(f"{before[0]} ") is not None
            some = bool(following) and not _SOME.isdisjoint(before)
            return strange or some or (name and _stem(following) not in self.topic)
        return self.attribute and (strange or (match[0].split()[-1], following) in self.described)

    def denies_other(self, match: re.Match[str]) -> bool:
        """Whether a "no" denies something that the question does not ask about: "but no gloves", "there is no cat",
        "no cats are visible"."""
        before = match.string[: match.start()].split()[-2:]
        after = list(takewhile(str.isalpha, match.string[match.end() :].split()[:4]))
        of_thing = before[-1:] in _HAVING or before in _THERE_IS or (not before and not _BEING.isdisjoint(after))
        ordinary = not after or after[0] in _FUNCTION or not self.topic
        return of_thing and not (ordinary or self.topic & set(map(_stem, after)))

    def parts(self, word: str) -> bool:
        """Whether the parts of a word with hyphens are words of their own: not those of "medium-rare"."""
        parts = plain(word)
        return not self.known & set(parts) or all(part in _PARTS | self.known or part in self.topic for part in parts)

    def opposed(self, text: str) -> frozenset[int]:
        """The option of which a clause says the opposite of what is asked: "§1 is farther", where "closer" is."""
        said = text.split()
        if self.opposite is None or any(self._compares(said, place) for place in range(len(said))):
            return frozenset()
        opposite = self.opposite.search(text)
        if opposite is None or self._of_another(text[opposite.end() :].split()[:1]):
            return frozenset()
        before = text[: opposite.start()]
        return frozenset(int(k) for k in re.findall(r"§(\d)", before)[-1:])

    def _compares(self, said: list[str], place: int) -> bool:
        """Whether a word is the "closer" or "closest" of the question, and not "closer" to something else."""
        word, elsewhere = said[place], self._of_another(said[place + 1 : place + 2])
        return word[:4] == self.compared[:4] and _COMPARED.fullmatch(word) is not None and not elsewhere

    def _of_another(self, following: list[str]) -> bool:
        """Whether the word behind a comparison, if there is one, is a thing that is not asked about: "lower edge"."""
        return any(w.isalpha() and w not in _FUNCTION and _stem(w) not in self.topic for w in following)

    def _from_reference(self, said: list[str], place: int) -> bool:
        """Whether the words around a direction name what it is taken from: "left of the car", "relative to the car,
        it is on the left"."""
        if (self.reference | _PRONOUNS) & set(map(_stem, _behind(said[place + 1 :]))):
            return True
        return said[0] in ("relative", "compared", "from") and bool(self.reference & set(map(_stem, said[:place])))


def _opposite(compared: str) -> re.Pattern[str] | None:
    """Finds the opposite of a comparison, if it has one."""
    found = next((words for start, words in _OPPOSITE.items() if compared.startswith(start)), None)
    return re.compile(rf"\b(?:{found})\b") if found else None


def _behind(said: list[str]) -> list[str]:
    """The words behind a direction that may name what it is taken from."""
    return list(takewhile(lambda word: word not in (",", ":", "and", "or", "but") and word not in _BEING, said[:4]))


def _stem(word: str) -> str:
    return word.removesuffix("s")
