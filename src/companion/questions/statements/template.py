"""Claims by rules: for each option of a question a sentence that a person could have put under the picture.

A question is turned into a statement by its form: "Where is the cup in relation to the plate?" and *left* give "The cup
is to the left of the plate." Each form has three wordings, one of which the question's text draws, so that the claims
of a question differ in the option alone. English only, and no parser (see `english`).

What is tried, in order; the first that fits all options counts, and each comes before what would misread its questions:

0. An option that is a sentence stands for itself, whatever the others get (`_is_sentence`).
1. `_yes_or_no`: options of yes and no fit no other form, so that their question's own clause is asserted or denied.
2. `_filled_in`: a gap, or a sentence that the options complete, is no question and needs nothing taken apart.
3. `_asked_last`: "The men are wearing what?" has its clause in order already; the forms below look for one inverted.
4. `_either_or`: "Is it left or right of me?" begins with its auxiliary as 1 does, and names its options.
5. `_formed`: the rest, by the first of `forms.FORMS` that fits question and options. There fixed phrases come first
   ("how many", "where", "called"), then clauses that lack an object ("What is he holding?"), then "what is X", then
   kinds ("which bird"), last what is said of an unnamed subject ("what fell"): each would also fit what follows it.
6. A question of no form, whose parts are not found for sure, or two of whose options would say the same, is quoted
   with its option (`forms.QUOTED`).

Within a form an option whose kind (count noun, name, mass, activity) is not sure, and decides what is English, stands
in quotation marks as a word, with its fellows: "The type of hat is “bowler”." (`phrases.labelled`, `_unsure`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

from companion.questions.statements import english, forms, phrases
from companion.questions.statements.forms import Wordings


def claims(text: str, options: Sequence[str]) -> tuple[str, ...]:
    """One sentence for each option, which asserts that it answers the question; it names no letter."""
    drawn = zlib.crc32(text.encode()) % 3
    return tuple(three[drawn] for three in wordings(text, options))


def wordings(text: str, options: Sequence[str]) -> list[Wordings]:
    """For each option the three sentences of which `claims` draws one."""
    asked = _plain(text)
    lead, question = _parted(_repaired(asked))
    inner = [_inner(option, asked) for option in options]
    said = (
        _yes_or_no(question, inner)
        or _filled_in(question, inner)
        or _asked_last(question, inner)
        or _either_or(question, inner)
        or _formed(question, inner)
    )
    if not said or len(set(said)) < len(set(inner)):
        lead, said = "", [_fill(forms.QUOTED, q=f"{asked}?", o=o) for o in inner]
    framed = [_each(_sentence(lead + one) for one in three) for three in said]
    return [
        _each([_own(option)] * 3) if _is_sentence(option) else three
        for option, three in zip(options, framed, strict=True)
    ]


def _fill(three: Wordings, **parts: str) -> Wordings:
    return _each(wording.format_map(parts) for wording in three)


def _each(sentences: Iterable[str]) -> Wordings:
    first, second, third = sentences
    return first, second, third


def _sentence(text: str) -> str:
    """With a capital, a full stop and single spaces."""
    text = english.mended(re.sub(r"\s+", " ", text).strip())
    text = re.sub("^“?.", lambda found: found[0].upper(), text)
    return text + ("" if re.search(r"[.!?][”\"']?$", text) else ".")


def _plain(text: str) -> str:
    """The last question of a text, without its mark, the boxes that it points to, and contractions."""
    text = re.sub(r"\s+", " ", text.replace("’", "'")).strip(" \"'")
    text = re.sub(r" \([^()]*\b(?:box|bbox|rectangle|circle)\b[^()]*\)", "", text)
    text = re.sub(r"\b(what|where|who|which|there)'s\b", r"\1 is", text, flags=re.IGNORECASE)
    parts = [""]
    for part in re.split(r"(?<=[\w)][.?!]) (?=[A-Z])", text):
        follows = not parts[-1] or forms.ABBREVIATION.search(parts[-1])
        parts = [*parts[:-1], f"{parts[-1]} {part}".strip()] if follows else [*parts, part]
    question = ([part for part in parts if part.endswith("?")] or parts)[-1].rstrip(" ?.")
    facing = rf"^where (?:({english.BE}) )?(.+? facing)(?= (?:from|to|at|towards?|in)\b|$)"
    question = re.sub(facing, _facing, question, flags=re.IGNORECASE)
    return re.sub(r"^what (is|are) the positions? of ", r"where \1 ", question, flags=re.IGNORECASE)


def _facing(found: re.Match[str]) -> str:
    return f"which direction {found[1] or 'is'} {found[2]}"


def _repaired(question: str) -> str:
    """Without a word written twice, or two determiners of one noun ("the his foot"), as real questions have them."""
    question = re.sub(r"\b(the|an?|is|are|of) \1\b", r"\1", question, flags=re.IGNORECASE)
    question = re.sub(r"\bthe an? ", "the ", question)
    kinds = rf"\b(what|which) (type|kind|sort) (?!of\b|that\b|{english.AUX}\b)(?=\w+ )"
    question = re.sub(kinds, r"\1 \2 of ", question, flags=re.IGNORECASE)
    return re.sub(r"\bthe (his|her|its|their|my|your)\b", r"\1", question)


def _parted(question: str) -> tuple[str, str]:
    """What stands before a question ("From the dog's perspective, "; nothing if it only points to the picture), and the
    question itself."""
    found = forms.LEAD.match(question)
    if not found:
        return "", question
    return "" if forms.POINTING.match(found[1]) else found[1], found[2]


def _yes_or_no(question: str, options: Sequence[str]) -> list[Wordings] | None:
    heads = [re.split(r"\W", option.lower())[0] for option in options]
    if not set(heads) <= {"yes", "no", "true", "false"}:
        return None
    yes, no = _holds(question, True), _holds(question, False)
    return [yes if head in ("yes", "true") else no for head in heads] if yes and no else None


def _holds(question: str, true: bool) -> Wordings | None:
    """That it is so, or not so, what a question asks. "Is there not a cup?" is taken by its words: yes, there is not;
    "isn't there" expects what "is there" asks."""
    question = re.sub(r"^(can|\w+?)n't\b", lambda found: {"wo": "will", "ca": "can"}.get(found[1], found[1]), question)
    auxiliary, *rest = question.split(" ")
    if "not" in rest and (rest[0] == "there" or english.parsed(question)):
        rest.remove("not")
        question, true = " ".join([auxiliary, *rest]), not true
    elif rest[:1] == ["no"]:
        question, true = " ".join([auxiliary, english.article(rest[1]), *rest[1:]]), not true
    there = re.fullmatch(rf"({english.BE}) there (.+)", question, re.IGNORECASE)
    if there:
        return _there(there[1].lower(), there[2], true)
    clause = english.parsed(question)
    return _fill(forms.SAID, said=clause.said(negated=not true)) if clause and clause.predicate else None


def _there(be: str, rest: str, true: bool) -> Wordings:
    """That there is something, or none of it: "no" stands before one noun phrase with no other quantity."""
    rest = re.sub("^an? ", "", rest) if be in ("are", "were") else rest
    plural = re.match(r"an? [^,]*s$", re.split(rf" (?:{'|'.join(english.PREPOSITIONS)}) ", rest)[0])
    rest = rest.partition(" ")[2] if plural and english.is_plural(phrases.head(rest)) else rest
    bare = not re.match(f"(?:{english.DET}|one|no)\\b", rest, re.IGNORECASE)
    be = _agreeing(be, True) if bare and english.is_plural(phrases.head(rest)) else be
    if true:
        return _fill(forms.THERE, be=be, rest=rest)
    article = "".join(re.findall(r"^(?:an?|any|some) ", rest, re.IGNORECASE))
    noun = rest.removeprefix(article)
    quantities = rf"(?:{english.DET}|more|fewer|less|enough|only|exactly|at least|one|\d+)\b"
    counted = re.match(quantities, noun, re.IGNORECASE) and not noun.startswith("other ")
    if counted or re.search(r" (?:and|or) (?:an?|any|some|no)\b", noun):
        article = "any " if article.lower() == "some " else article
        return _fill(forms.SAID, said=f"there {be} not {article}{noun}")
    return _fill(forms.NOT_THERE, be=be, rest=noun)


def _filled_in(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """Of a sentence with a gap, or one that the options complete."""
    asks = re.match(rf"(?:which|what|where|who|how|{english.AUX})\b", question, re.IGNORECASE)
    gap, is_gap = re.subn("_{2,}", "{o}", question)
    if asks or not (is_gap or re.search(r"[:…]$|\b(?:is|are|the|an?|of)$", question)):
        return None
    said = _inner(gap if is_gap else f"{question.rstrip(' :…')} {{o}}")
    return [_fill(forms.SAID, said=said.replace("{o}", o)) for o in options]


def _either_or(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """Of "Is it on the left or right of me?", where options stand on both sides of the "or"."""
    before, _, after = question.rpartition(" or ")
    if not before or not re.match(rf"{english.AUX}\b", question, re.IGNORECASE):
        return None
    bare = [re.sub(r"^(?:the|an?) ", "", o) for o in options]
    first = [found for o in bare for found in re.finditer(rf"\b{re.escape(o)}\b", before, re.IGNORECASE)]
    last = [re.search(rf"\b{re.escape(o)}\b", after, re.IGNORECASE) for o in [*bare, *(o.split(" ")[-1] for o in bare)]]
    tails = [after[found.end() :] for found in last if found]
    if not first or not tails:
        return None
    start = before[: max(first, key=lambda found: found.end()).start()]
    auxiliary, _, subject = start.partition(" ")
    clauses = [english.parsed(f"{start}{o}{tails[0]}") for o in bare]
    whole = all(clause and clause.predicate for clause in clauses)
    if not whole and not re.fullmatch(english.BE, auxiliary, re.IGNORECASE):
        return None
    return [
        _fill(forms.SAID, said=clause.said() if clause and whole else f"{subject}{auxiliary.lower()} {o}{tails[0]}")
        for o, clause in zip(bare, clauses, strict=True)
    ]


def _asked_last(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """Of a statement with what is asked for in its place: "The men are all wearing what?"."""
    found = re.fullmatch(r"([^,]+(?:, [^,]+)?) (?:what|which)(?: (.+))?", question, re.IGNORECASE)
    asks = rf"(?:what|which|who|where|when|how|why|if|in|on|at|{english.AUX})\b"
    if not found or re.match(asks, question, re.IGNORECASE):
        return None
    before, after = _uncapitalised(found[1]), found[2] or ""
    stated = any(english.finite(word) or word in english.VERBS for word in before.split())
    if (
        not stated
        or re.search(r"\b(?:what|which|else)\b", f"{before} {after}")
        or any(map(english.finite, after.split()))
    ):
        return None
    if before.endswith((" do", " doing")):
        own = re.match(r"$|(?:to|with|in|on|at|for)\b", after)
        return [_fill(forms.SAID, said=f"what {before} {after} is {o}") for o in options] if own else None
    noun, tail = _noun_and_rest(after)
    last = before.split(" ")[-1]
    if not noun:
        placed = last in english.PREPOSITIONS and any(o.split(" ")[0] in english.PREPOSITIONS for o in options)
        if (
            placed
            or tail
            or re.fullmatch("be|being|his|her|its|their", last)
            or last in english.ADJECTIVES
            or re.search(r" (?:if|that|when|because|a|an|the|newly \w+|an? [\w-]+)$", before)
        ):
            return None
        parts = {"said": before, "predicate": before, "gap": before}
        parts["label"] = "all" if _unsure(forms.CLEFT, parts, options) else ""
        return [_fill(forms.CLEFT, said=before, the=_worded(parts, o, question)["the"]) for o in options]
    said = _with_noun(before, last, noun, options)
    return [_fill(forms.SAID, said=f"{one}{tail}") for one in said] if said else None


def _with_noun(before: str, last: str, noun: str, options: Sequence[str]) -> list[str] | None:
    """Of "The cat is looking in what direction?" what stands before the noun, with each option in the noun's place;
    None where an option does not fit there. last: the last word before it."""
    preposition = last in english.PREPOSITIONS
    if noun == "direction":
        way = rf"{forms.SIDES}|\w+wards?|behind|sideways|ahead|straight|north|south|east|west"
        directed = all(re.fullmatch(way, o) for o in options)
        return [f"{before.removesuffix(' in')} {o}" for o in options] if directed else None
    if preposition and any(o.split(" ")[0] in english.PREPOSITIONS for o in options):
        return None
    kinds = re.fullmatch(r"(?:kind|type|sort) of (?:an? )?(\w+)", noun)
    if kinds and all(map(english.adjectival, options)):
        return [f"{before} {english.article(o)} {o} {kinds[1]}" for o in options]
    if preposition and any(map(english.adjectival, options)) and "colo" not in noun:
        return None
    if noun in ("shape", "region", "kind", "type", "sort") or (
        last == "of" and noun in ("relation", "relationship", "type", "kind")
    ):
        return None
    if phrases.head(noun) not in forms.NAMED | forms.KINDS | forms.ITEMS | {"design", "pattern"}:
        return None
    if phrases.labelled(noun, options) and phrases.head(re.sub(r"^.* of (?:an? )?", "", noun)) not in forms.ITEMS:
        return None
    return [f"{before} {_in_place(o, noun)}" for o in options]


def _uncapitalised(statement: str) -> str:
    """A statement that goes on a sentence: with a capital only where it may be a name's."""
    first = statement.split(" ")[0]
    closed = re.fullmatch(f"{english.DET}|{english.PRONOUN}|.+ing", first, re.IGNORECASE) is not None
    common = closed or english.is_plural(first) or first.lower() in english.ADJECTIVES
    return f"{statement[0].lower()}{statement[1:]}" if common else statement


def _in_place(o: str, noun: str) -> str:
    """An option in the place of the noun that is asked for: "the number nine", "a striped pattern", "a park"."""
    if re.fullmatch("colou?r|number|letter|word", noun):
        return f"the {noun} {o}"
    if re.fullmatch("design|pattern", noun):
        return f"{english.article(o)} {o} {noun}"
    return o if english.is_plural(noun.split(" of ")[-1]) else phrases.of_kind(o, noun)


def _noun_and_rest(asked: str) -> tuple[str, str]:
    """What is asked for, and the phrase that follows it: "number on the scale" → "number", " on the scale"."""
    found = re.fullmatch(r"((?:\S+ )*?(?:\S+ of )?\S+(?: \S+)??)((?: (?:in|on|at|with|from|to|for|by)\b.*)?)", asked)
    alone = not asked or re.match(r"(?:to|with|in|on|at|for|from|by|of)\b", asked)
    return ("", asked) if alone else (found[1], found[2]) if found else (asked, "")


def _formed(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """By the first of `forms.FORMS` that fits the question and the options."""
    own = [o for o in options if not _is_sentence(o)]
    if any(re.match(rf"(?:if|how|why|whether|because|so|{english.BE}|has|have|they|it|he|she)\b", o) for o in own):
        return None
    if re.match(r"where\b", question, re.IGNORECASE) and all(re.match(r"an? ", o) for o in options):
        return [_fill(forms.SHOWN, o=o) for o in options]
    ending = re.search(r",? (?:the |an? )?[^,]+?,? or [^,]+$", question)
    named = ending and any(o.lower() in ending[0].lower() for o in options)
    asked = question[: ending.start()] if ending and named else question
    for pattern, three in forms.FORMS:
        found = pattern.fullmatch(asked)
        parts = _parts({name: part or "" for name, part in found.groupdict().items()}) if found else None
        if parts is not None and _suits(three, parts, own):
            parts["sides"] = "all" if phrases.sided(own) else ""
            parts["adjectives"] = "all" if all(map(english.adjectival, own)) else ""
            parts["label"] = "all" if _unsure(three, parts, own) else ""
            labels = phrases.labelled(parts.get("k", ""), own)
            worded = [_worded(parts, o, question) for o in options]
            return [_fill(three, **one | ({"one": f"“{one['o']}”"} if labels else {})) for one in worded]
    return None


def _parts(parts: dict[str, str]) -> dict[str, str] | None:
    """The parts of a question with those that have to be found in them; None if one is not found."""
    for name in ("gap", "inverted"):
        if name in parts:
            clause = english.parsed(parts[name], gap=name == "gap" and not parts.get("p"))
            if not clause or not clause.predicate:
                return None
            parts |= {"said": clause.said(), "vp": clause.said(), "predicate": clause.predicate}
    asked = parts.get("kind", parts.get("chosen"))
    if asked is not None:
        split = _verb_phrase(asked)
        if not split:
            return None
        parts |= {"k": split[0], "n": split[0], "vp": split[1]}
    if "part" in parts:
        parts |= {"s": phrases.determined(parts["s"]), "ref": phrases.determined(parts["ref"])}
    subject, noun = parts.get("s", ""), parts.get("k", "")
    if re.match(r"(?:the|an?) (?:in|on|at|of|to|with)\b", subject) or re.search(r"'s [a-z]+$", noun):
        return None
    if english.adverb(noun) or any(re.fullmatch(english.AUX, word, re.IGNORECASE) for word in noun.split()):
        return None
    if "whole" in parts and english.parsed(f"{parts['whole'] or 'is'} {subject}", gap=True):
        return None
    return parts


def _verb_phrase(asked: str) -> tuple[str, str] | None:
    """What is asked for, and what is said of it: "item on the desk could help" → "item on the desk", "could help"."""
    words = asked.split(" ")
    if english.adverb(words[0]) or english.finite(words[0]) or words[0].lower() in english.PREPOSITIONS - {"of"}:
        return None
    for k in range(1, len(words)):
        word, rest = words[k].strip(","), words[k + 1 :]
        verb = next((later for later in words[k:] if not english.adverb(later)), "")
        if re.fullmatch(f"{english.DET}|of|that|which|who|and|or", words[k - 1].lower()):
            continue
        if english.ambiguous(word) and any(re.fullmatch(english.AUX, later) for later in words[k:]):
            continue
        many = word in english.VERBS and english.is_plural(words[k - 1])
        if many or english.finite(word) or (english.adverb(word) and english.finite(verb)):
            noun, said = " ".join(words[:k]), " ".join(words[k:])
            return (noun, said) if _is_noun(noun) and _is_said(word, rest) else None
    return None


def _is_noun(noun: str) -> bool:
    """Whether what stands before a verb is what is asked for alone, and not that and a subject ("shirt he")."""
    determined = re.search(r"(?<!\bof) (?<!\bin )(?<!\bon )(?:this|these|the|his|her)\b", noun)
    return not determined and not re.search(r"\b(?:he|she|it|they|you|we|i)\b", noun, re.IGNORECASE)


def _is_said(verb: str, rest: Sequence[str]) -> bool:
    """Whether a verb and what follows it are a predicate, and not an inverted clause ("would most people use")."""
    if re.fullmatch("can|could|will|would|should|may|might|must", verb):
        base = next((later for later in rest if not english.adverb(later) and later not in ("not", "never")), "")
        return base in english.VERBS
    if verb in ("do", "does", "did") and rest[:1] != ["not"]:
        return False
    if not re.fullmatch(english.AUX, verb) or verb in ("has", "have", "had"):
        return True
    after = " ".join(rest)
    if rest[:1] == ["only"]:
        return False
    if rest and english.is_plural(rest[-1]) and not any(map(_may_follow_be, rest)):
        return False
    superlative = re.match(r"an? |the (?:\w+est|most|least|same|only|one)\b", after)
    return superlative is not None or not re.match(rf"(?:{english.DET}|{english.PRONOUN})\b", after)


def _may_follow_be(word: str) -> bool:
    """Whether a word shows that what follows a form of to be is said of its subject: "are parked", not "are donuts"."""
    return word in english.PREPOSITIONS or re.fullmatch(r"(?:the|an?|\w+ed|\w+ing)", word) is not None


def _suits(three: Wordings, parts: dict[str, str], options: Sequence[str]) -> bool:
    """Whether the options are such that a form's sentences are English with each."""
    subject = parts.get("s", "")
    stranded = parts.get("predicate", "").split(" ")[-1] in english.PREPOSITIONS
    if parts.get("p") and stranded:
        return False
    if "sided" in parts:
        return "colo" not in phrases.head(parts["n"]) and phrases.sided(options)
    if three in (forms.KIND, forms.KIND_IN, forms.HERE):
        return _suits_kind(parts, options)
    if three == forms.CHOSEN:
        return _suits_choice(parts, options)
    if three == forms.SO:
        return _suits_manner(parts, options)
    if three == forms.COUNTED:
        return not any(o in ("once", "twice") for o in options)
    if three in (forms.PLACE, forms.PLACE_OF) and any(o.startswith("to ") for o in options):
        return False
    if three == forms.ACTED:
        return all(re.match(r"(?:\w+ed|did)\b", o) for o in options)
    if three == forms.REASON:
        return all(re.match(r"(?:to|for|from|so)\b|\w+ing\b", o) for o in options)
    if three == forms.EVENT:
        return not any(map(english.adjectival, options)) or "happen" not in parts["event"]
    if three == forms.NAMED_WAY:
        return parts["predicate"].split(" ")[-1] not in english.PREPOSITIONS - {"in", "on", "up", "off", "out", "down"}
    if three == forms.PLACE_OF:
        return not any(word.endswith(("ing", "ed")) for word in subject.split())
    if three == forms.EQUATED:
        if phrases.head(parts.get("k", "")) in ("brand", "make", "model"):
            return False
        return _is_whole(subject.lower().split()) and ("k" not in parts or _is_thing(subject))
    if "like" in parts:
        return all(map(english.adjectival, options))
    if "tall" in parts:
        return not phrases.numbers(options)
    if "verb" in parts:
        return not re.search(rf" (?:{english.BE})$", subject)
    if "part" in parts and any(o.startswith("to ") for o in options) and re.search(r"\w+ing\b", subject):
        return False
    if "part" in parts and subject.endswith("ing") and subject.split(" ")[-1] not in english.NOUNS:
        return False
    if "part" in parts and not parts["part"].endswith((" on", " at", " in", " to")):
        others = [o for o in options if not re.fullmatch(f"{forms.SIDES}|{forms.SIDE} behind", o)]
        return not any(phrases.place(o, parts["ref"]) == f"at {phrases.with_article(o)}" for o in others)
    return True


def _suits_kind(parts: dict[str, str], options: Sequence[str]) -> bool:
    """Of "the animal that is on the bed is a cat"."""
    head = phrases.head(parts["k"])
    placed = head in ("position", "direction", "location", "viewpoint", "perspective", "placement", "orientation")
    sides = [o for o in options if re.fullmatch(forms.SIDES, o)]
    if sides and not placed and any(o in english.PREPOSITIONS and o not in sides for o in options):
        return False
    if parts.get("picked") and head not in forms.NAMED | forms.KINDS:
        return False
    if "kind" in parts:
        before_noun = (phrases.sided(options) and "colo" not in head) or all(map(english.adjectival, options))
        if re.fullmatch(forms.THING, head) or (phrases.sided(options) and "colo" not in head):
            return False
        if before_noun and head not in forms.NAMED | forms.KINDS:
            return False
    return (
        not english.is_plural(head) or head in forms.KINDS or all(english.is_plural(o) or " and " in o for o in options)
    )


def _suits_choice(parts: dict[str, str], options: Sequence[str]) -> bool:
    """Of "the cat is on the bed", where the verb agrees with each option."""
    said, noun = parts["vp"], parts["n"]
    verb = said.split(" ")[0].lower()
    plural = any(english.is_plural(o) or " and " in o for o in options)
    finite = _verb_and_rest(said)[0]
    if noun and phrases.head(noun) not in ("number", "one") and phrases.numbers(options):
        return False
    unknown = finite.endswith("s") and not re.fullmatch(english.AUX, finite) and english.base(finite) == finite
    if plural and (unknown or re.search(r" and (?:is|was|has)\b", said)):
        return False
    if not noun and any(map(english.adjectival, options)) and not phrases.sided(options):
        return False
    if not noun and any(re.match(rf"(?:{'|'.join(english.PREPOSITIONS)}) ", o) for o in options):
        return False
    inverted = re.fullmatch("do|does|did", verb) or not (noun or _is_said(*_verb_and_rest(said)))
    return not inverted and (english.finite(verb) or english.adverb(verb))


def _verb_and_rest(said: str) -> tuple[str, list[str]]:
    """The verb of a predicate behind its adverbs, and what follows it."""
    words = said.split(" ")
    k = next((k for k, word in enumerate(words) if not english.adverb(word)), 0)
    return words[k].lower(), words[k + 1 :]


def _suits_manner(parts: dict[str, str], options: Sequence[str]) -> bool:
    """Of "the girl is feeling happy" and "they travel by train"."""
    looks = re.search(r"\b(?:feel|look|feeling|looking|taste|smell|sound)s?$", parts["predicate"])
    return all(re.match(r"(?:by|with|in|on|from|using)\b|\w+ly$", o) for o in options) or (
        looks is not None and all(map(english.adjectival, options))
    )


def _is_whole(subject: Sequence[str]) -> bool:
    """Whether a subject, and not a clause of another order, stands before what is asked for: "the bag he holds"."""
    if subject[-1] in ("not", "doing", "do", "does", "can", *english.BE.split("|")):
        return False
    if any(word == after or (word == "as" and after in english.PREPOSITIONS) for word, after in pairwise(subject)):
        return False
    linking = rf"\S+ (?:\S+ )*?(?:that|which|who|whose|where|when|if|{english.DET}|{english.PRONOUN})\b"
    verbs = [k for k, word in enumerate(subject) if re.fullmatch(english.AUX, word)]
    if not all(re.search(linking, " ".join(subject[:k])) for k in verbs):
        return False
    stranded = subject[-1] in english.PREPOSITIONS and len(subject) > 2
    return not stranded or (bool(verbs) and len(subject) - verbs[-1] <= 4)


def _is_thing(subject: str) -> bool:
    """Whether a subject may be of a kind, and does not end in what is said of it ("this area located")."""
    words = subject.split()
    stranded = any(word in english.PREPOSITIONS and after in english.PREPOSITIONS for word, after in pairwise(words))
    return not stranded and not re.search(r" (?:to|which|that) |(?:ed|ing|in|taken|made|seen|worn|held)$", subject)


def _unsure(three: Wordings, parts: dict[str, str], options: Sequence[str]) -> bool:
    """Whether a form's sentences need the options' kind (count noun, name, mass, activity), and of one it is not known
    for sure: then all stand in quotation marks, as words, which is right for each kind."""
    if three == forms.EVENT:
        return not all(phrases.uncounted(o) or phrases.stands_alone(o) for o in options)
    if three == forms.CHOSEN and not parts["n"]:
        complement = re.match(r"(?:is|are|was|were|.+ be) (?:the|an?|another) (.+)", parts["vp"])
        said = complement[1] if complement else ""
        return phrases.head(said) in forms.NAMED or re.match("favou?rite|famous", said) is not None
    if three not in (forms.CLEFT, forms.PLACE, forms.PLACE_OF):
        return False
    predicate = parts.get("predicate", "")
    if _TAKES_BARE.search(predicate) or "doing" in predicate.split():
        return False
    if parts.get("who") and predicate.endswith((" as", " like")):
        return True
    if three == forms.CLEFT and forms.PURPOSE.fullmatch(predicate):
        verbal = (o.split(" ")[0] in english.VERBS and " " in o for o in options)
        fits = (
            phrases.uncounted(o) or phrases.stands_alone(o) or verb for o, verb in zip(options, verbal, strict=True)
        )
        return not all(fits) or any(map(phrases.maybe_noun, options))
    return any(phrases.maybe_noun(o) or o.split(" ")[-1] in forms.PLACES for o in options)


def _worded(parts: dict[str, str], o: str, question: str) -> dict[str, str]:
    """The parts of a question, and the option in each of the ways in which a wording may need it."""
    noun, vp, preposition = (parts.get(name, "") for name in ("n", "vp", "p"))
    kind, subject = phrases.head(parts.get("k", "")), parts.get("s", "")
    which = _which(parts, o, question)
    if "chosen" in parts or not noun:
        acting = re.match(r"\w+ing ", which) is not None
        vp = _agreeing(vp, english.is_plural(which) and not acting and which.split(" ")[-1] not in forms.UNNAMED)
    be = parts.get("be", "").lower()
    be = english.agreeing(be, subject)
    be = _agreeing(be, False) if kind in forms.KINDS and not subject else be
    the = _completing(parts.get("predicate", ""), o, question, parts)
    at = the if re.search(r" (?:on|at|in|to)$", parts.get("part", "")) else phrases.place(o, parts.get("ref", ""))
    number = noun + parts["tail"] if "tail" in parts else re.sub(r"that are (in|on|at)\b", r"\1", f"{noun} that {vp}")
    return {
        **parts, "o": o, "one": _one(parts, o), "the": the, "which": which, "vp": vp, "n": number, "be": be,
        "counted": number if re.match(rf"{english.DET}\b", number) else f"the {number}",
        "p": preposition.lower(), "at": at, "to": phrases.direction(o.removeprefix(f"{parts.get('verb', '')} ")),
        "is": "are" if english.is_plural(kind) and kind not in forms.KINDS else "is",
    }  # fmt: skip


def _which(parts: dict[str, str], o: str, question: str) -> str:
    """An option with the noun that is asked for where it stands before it: "the left hand"."""
    noun = parts.get("n", "")
    if parts.get("label"):
        return _as_word(o)
    if noun and (parts.get("sides") or re.fullmatch(forms.SIDES, o)):
        return f"the {o} one {noun}" if noun.startswith("of ") else f"the {o} {noun}"
    if noun and parts.get("adjectives") and " " not in noun and not forms.ALONE.match(o):
        return f"the {o} {noun}"
    if noun and phrases.singular(phrases.head(noun)) in forms.NAMED:
        return o
    return o if parts.get("p") and o in english.PREPOSITIONS else phrases.with_article(o, question)


def _one(parts: dict[str, str], o: str) -> str:
    """An option behind "is": with the article that its kind needs, or as a word for it."""
    aimed = phrases.head(parts.get("s", "")) in forms.AIMS
    if aimed and not re.match(r"(?:to|for)\b|\w+ing\b", o):
        return f"to {o}" if o.split(" ")[0] in english.VERBS and " " in o else f"“{o}”"
    if "k" in parts:
        job = phrases.head(parts["k"]) in forms.JOBS
        return english.indefinite(o) if job else phrases.of_kind(o, parts["k"])
    if "s" in parts and "a" not in parts:
        return phrases.of_kind(o, re.sub(rf"^{english.DET} ", "", parts["s"], flags=re.IGNORECASE))
    return o


def _completing(predicate: str, o: str, question: str, parts: dict[str, str]) -> str:
    """An option as what a predicate lacks: bare after "is made of", "is doing", "says"; as a noun after "holds"."""
    if parts.get("label"):
        return _as_word(o)
    if "event" in parts:
        return o
    first = o.split(" ")[0]
    verb = first in english.VERBS
    if _TAKES_BARE.search(predicate):
        return o
    if predicate.endswith(" for") and phrases.uncounted(o):
        return o
    if verb and re.search(r"\b(?:mean|indicate|tell|advise|instruct)s?\b", predicate):
        return o
    if verb and " " in o and first not in forms.NOUNS_TOO and predicate.endswith(" for"):
        return o
    if english.adjectival(o) and not re.fullmatch(forms.COLOUR, o) and "gap" in parts:
        return o
    if re.search(r"\b(?:as|like)$", predicate) and not forms.ALONE.match(o):
        return english.indefinite(o)
    return phrases.with_article(o, question)


def _as_word(o: str) -> str:
    """An option in quotation marks, unless its own words make it a phrase of any sentence: "nothing", "her hat"."""
    phrase = re.match(rf"(?:{english.DET}|{english.PRONOUN}|neither|none|no|nothing|nobody|nowhere|to|for)\b", o)
    return o if phrase else f"“{o}”"


_TAKES_BARE = re.compile(
    r"\b(?:doing|(?:made|consist|composed|out|up) of|(?:made|constructed|built) from|called|named|says|saying)$"
    r"|\b(?:do|say)\b"
)
"""What is said before an option that goes without an article, whatever its kind."""


def _agreeing(vp: str, plural: bool) -> str:
    """What is said of a subject, with its verb in the subject's number."""
    pairs = {"is": "are", "was": "were", "has": "have"}
    verbs = pairs if plural else {many: one for one, many in pairs.items()}
    finite = _verb_and_rest(vp)[0]
    own = verbs.get(finite, english.base(finite) if plural else finite)
    return re.sub(rf"\b{re.escape(finite)}\b", own, vp, count=1, flags=re.IGNORECASE)


def _inner(option: str, question: str = "who") -> str:
    """An option in the middle of a sentence: no full stop, and a capital only where it may be a name's."""
    option = re.sub(r"[\s_]+", " ", option).strip()
    option = option if forms.ABBREVIATION.search(option) else option.removesuffix(".")
    first, _, rest = option.partition(" ")
    small = forms.SMALL.fullmatch(first) or (rest[:1].islower() if rest else not forms.NAMING.search(question))
    return option[:1].lower() + option[1:] if small and re.fullmatch("[A-Z][a-z]+|A", first) else option


def _is_sentence(option: str) -> bool:
    """Whether an option states something by itself: "The man is to the left.", but not "a man who is old"."""
    main = re.sub(r"\b(?:that|which|who|what|where|how)\b.*", "", option)
    if re.match(r"(?:in|on|at|by|to|if|because|when|from|of|with)\b", main, re.IGNORECASE):
        return False
    finite = re.search(rf"^\S+.*?(?<!\ba)(?<!\ban)(?<!\bthe) (?:{forms.FINITE}) \S", main, re.IGNORECASE)
    acts = re.search(r"^(?:an?|the|two|some) .*?\b\w{2,}[^sui]s (?:an?|the|his|her|their) ", main, re.IGNORECASE)
    return bool(finite or acts)


def _own(option: str) -> str:
    """An option that is a sentence, as one."""
    bare = option[:1].islower() and not re.match(
        rf"(?:{english.DET}|{english.PRONOUN}|there|neither|none|no)\b", option
    )
    return _sentence(f"the {option}" if bare else option)
