"""Claims by rules: for each option of a question a sentence that a person could have put under the picture.

A question is turned into a statement by its form: "Where is the cup in relation to the plate?" and *left* give "The cup
is to the left of the plate." Each form has three wordings, one of which the question's text draws, so that the claims
of a question differ in the option alone. Options that are sentences stand for themselves. The forms are those of the
paper's benchmarks. English only, and no parser: it knows the words of the closed classes, so a long subject may end in
the wrong place, and a question of no known form is quoted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence

from companion.writers import forms, grammar
from companion.writers.forms import Wordings


def claims(text: str, options: Sequence[str]) -> tuple[str, ...]:
    """One sentence for each option, which asserts that it answers the question; it names no letter."""
    drawn = zlib.crc32(text.encode()) % 3
    return tuple(three[drawn] for three in wordings(text, options))


def wordings(text: str, options: Sequence[str]) -> list[Wordings]:
    """For each option the three sentences of which `claims` draws one."""
    asked = _plain(text)
    lead, question = _parted(asked)
    inner = [_inner(option, asked) for option in options]
    said = (
        _yes_or_no(question, inner)
        or _filled_in(question, inner)
        or _asked_last(question, inner)
        or _either_or(question, inner)
        or _formed(question, inner)
    )
    if not said:
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
    text = grammar.mended(re.sub(r"\s+", " ", text).strip())
    return text[:1].upper() + text[1:] + ("" if re.search(r"[.!?][”\"']?$", text) else ".")


def _plain(text: str) -> str:
    """The last question of a text, without its mark, the boxes that it points to, and contractions."""
    text = re.sub(r"\s+", " ", text.replace("’", "'")).strip(" \"'")
    text = re.sub(r" \([^()]*\b(?:box|bbox|rectangle|circle)\b[^()]*\)", "", text)
    text = re.sub(r"\b(what|where|who|which|there|it)'s\b", r"\1 is", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(the|an?|is|are|in|of|on) \1\b", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"\bthe an? ", "the ", text)
    text = re.sub(r"\bthe (his|her|its|their|my|your)\b", r"\1", text)
    parts = [""]
    for part in re.split(r"(?<=[\w)][.?!]) (?=[A-Z])", text):
        follows = not parts[-1] or forms.ABBREVIATION.search(parts[-1])
        parts = [*parts[:-1], f"{parts[-1]} {part}".strip()] if follows else [*parts, part]
    question = ([part for part in parts if part.endswith("?")] or parts)[-1].rstrip(" ?.")
    question = re.sub(rf"^where (?:({grammar.BE}) )?(.+? facing)(?= (?:from|to|at|towards?|in)\b|$)", _facing, question, flags=re.IGNORECASE)
    return re.sub(r"^what (is|are) the positions? of ", r"where \1 ", question, flags=re.IGNORECASE)


def _facing(found: re.Match[str]) -> str:
    return f"which direction {found[1] or 'is'} {found[2]}"


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
    if "not" in rest and (rest[0] == "there" or grammar.parsed(question)):
        rest.remove("not")
        question, true = " ".join([auxiliary, *rest]), not true
    elif rest[:1] == ["no"]:
        question, true = " ".join([auxiliary, grammar.article(rest[1]), *rest[1:]]), not true
    there = re.fullmatch(rf"({grammar.BE}) there (.+)", question, re.IGNORECASE)
    if there:
        return _there(there[1].lower(), there[2], true)
    clause = grammar.parsed(question)
    return _fill(forms.SAID, said=clause.said(negated=not true)) if clause and clause.predicate else None


def _there(be: str, rest: str, true: bool) -> Wordings:
    """That there is something, or none of it: "no" stands before one noun phrase with no other quantity."""
    rest = re.sub("^an? ", "", rest) if be in ("are", "were") else rest
    bare = not re.match(f"{grammar.DET}\\b|one\\b|no\\b", rest, re.IGNORECASE)
    be = _agreeing(be, True) if bare and grammar.is_plural(_head(rest)) else be
    if true:
        return _fill(forms.THERE, be=be, rest=rest)
    article, noun = re.fullmatch(r"((?:an?|any|some) |)(.+)", rest, re.IGNORECASE).groups()  # type: ignore[union-attr]
    if noun.startswith("other "):
        return _fill(forms.NOT_THERE, be=be, rest=noun)
    counted = re.match(rf"(?:{grammar.DET}|more|fewer|less|enough|only|exactly|at least|one|\d+)\b", noun, re.IGNORECASE)
    if counted or re.search(r" (?:and|or) (?:an?|any|some|no)\b", noun):
        article = "any " if article.strip().lower() == "some" else article
        return _fill(forms.SAID, said=f"there {be} not {article}{noun}")
    return _fill(forms.NOT_THERE, be=be, rest=noun)


def _filled_in(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """Of a sentence with a gap, or one that the options complete."""
    asks = re.match(rf"(?:which|what|where|who|how|{grammar.AUX})\b", question, re.IGNORECASE)
    gap, is_gap = re.subn("_{2,}", "{o}", question)
    if asks or not (is_gap or re.search(r"[:…]$|\b(?:is|are|the|an?|of)$", question)):
        return None
    said = _inner(gap if is_gap else f"{question.rstrip(' :…')} {{o}}")
    return [_fill(forms.SAID, said=said.replace("{o}", o)) for o in options]


def _either_or(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """Of "Is it on the left or right of me?", where options stand on both sides of the "or"."""
    before, _, after = question.rpartition(" or ")
    if not before or not re.match(rf"{grammar.AUX}\b", question, re.IGNORECASE):
        return None
    bare = [re.sub(r"^(?:the|an?) ", "", o) for o in options]
    first = [found for o in bare for found in re.finditer(rf"\b{re.escape(o)}\b", before, re.IGNORECASE)]
    last = [re.search(rf"\b{re.escape(o)}\b", after, re.IGNORECASE) for o in [*bare, *(o.split(" ")[-1] for o in bare)]]
    tails = [after[found.end() :] for found in last if found]
    if not first or not tails:
        return None
    start = before[: max(first, key=lambda found: found.end()).start()]
    auxiliary, _, subject = start.partition(" ")
    said = [
        clause.said() if (clause := grammar.parsed(f"{start}{o}{tails[0]}")) and clause.predicate
        else f"{subject}{auxiliary.lower()} {o}{tails[0]}"
        for o in bare
    ]  # fmt: skip
    if auxiliary.lower() in ("do", "does", "did") and any(" does " in f" {one} " for one in said):
        return None
    return [_fill(forms.SAID, said=one) for one in said]


def _asked_last(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """Of a statement with what is asked for in its place: "The men are all wearing what?"."""
    found = re.fullmatch(r"(?P<before>[^,]+(?:, [^,]+)?) (?:what|which)(?: (?P<k>.+))?", question, re.IGNORECASE)
    if not found or re.match(rf"(?:what|which|who|where|when|how|why|if|in|on|at|{grammar.AUX})\b", question, re.IGNORECASE):
        return None
    before, noun = found["before"], found["k"] or ""
    first = before.split(" ")[0]
    if grammar.is_plural(first) or first.endswith("ing") or re.fullmatch(f"{grammar.DET}|{grammar.PRONOUN}", first, re.IGNORECASE):
        before = f"{before[0].lower()}{before[1:]}"
    verbs = [word for word in before.split() if grammar.finite(word) or word in grammar.VERBS]
    if not verbs or re.search(r"\b(?:what|which|else)\b", f"{before} {noun}"):
        return None
    if re.match(r"(?:to|with|in|on|at|for|from|by|of)\b", noun) and not before.endswith((" do", " doing")):
        return None
    noun, tail = (noun, "") if before.endswith((" do", " doing")) else _head_and_tail(noun)
    if any(map(grammar.finite, f"{noun} {tail}".split())):
        return None
    if re.search(r"\b(?:reason|purpose)$", noun) and any(map(grammar.adjectival, options)):
        return None
    if before.endswith((" do", " doing")) and re.match(r"$|(?:to|with|in|on|at|for)\b", noun):
        return [_fill(forms.SAID, said=f"what {before} {noun} is {o}") for o in options]
    if noun == "direction":
        directed = all(re.fullmatch(rf"{forms.SIDES}|\w+wards?|behind|sideways|ahead|straight|north|south|east|west", o) for o in options)
        return [_fill(forms.SAID, said=f"{before.removesuffix(' in')} {o}") for o in options] if directed else None
    last = before.split(" ")[-1]
    if (before.endswith(" of") and noun in ("relation", "relationship", "type", "kind")) or (before.endswith((" do", " doing")) and noun):
        return None
    if last in grammar.PREPOSITIONS and any(o.split(" ")[0] in grammar.PREPOSITIONS for o in options):
        return None
    kinds = re.fullmatch(r"(?:kind|type|sort) of (?:an? )?(\w+)", noun)
    if kinds and all(map(grammar.adjectival, options)):
        return [_fill(forms.SAID, said=f"{before} {grammar.article(o)} {o} {kinds[1]}") for o in options]
    if noun:
        if last in grammar.PREPOSITIONS and any(map(grammar.adjectival, options)) and "colo" not in noun:
            return None
        if noun in ("shape", "region"):
            return None
        if _head(noun) not in forms.NAMED | forms.KINDS | forms.ITEMS | {"design", "pattern"}:
            return None
        many = grammar.is_plural(noun.split(" of ")[-1])
        if _labelled(noun, options) and _head(re.sub(r"^.* of (?:an? )?", "", noun)) not in forms.ITEMS:
            return None
        said = [f"{before} {_in_place(o, noun, many)}{tail}" for o in options]
        return [_fill(forms.SAID, said=one) for one in said]
    if re.search(r" (?:if|that|when|because|a|an|the|newly \w+)$", before) or last in ("be", "being"):
        return None
    parts = {"predicate": before, "said": before}
    return [_fill(forms.CLEFT, said=before, the=_worded(parts, o, question)["the"]) for o in options]


def _in_place(o: str, noun: str, many: bool) -> str:
    """An option in the place of the noun that is asked for: "the number nine", "a striped pattern", "a park"."""
    if re.fullmatch("colou?r|number|letter|word", noun):
        return f"the {noun} {o}"
    if re.fullmatch("design|pattern|logo|print", noun):
        return f"{grammar.article(o)} {o} {noun}"
    return o if many else _of_kind(o, noun)


def _head_and_tail(noun: str) -> tuple[str, str]:
    """A noun phrase, with what "type of" and the like belongs to, and the phrase that follows it."""
    found = re.fullmatch(r"((?:\S+ )*?(?:\S+ of )?\S+(?: \S+)??)((?: (?:in|on|at|with|from|to|for|by)\b.*)?)", noun)
    return (found[1], found[2]) if found else (noun, "")


def _formed(question: str, options: Sequence[str]) -> list[Wordings] | None:
    """By the first of `forms.FORMS` that fits the question and the options."""
    cut = rf"(?:if|how|why|whether|because|so|{grammar.BE}|has|have|they|it|he|she)\b"
    if any(re.match(cut, o) and not _is_sentence(o) for o in options):
        return None
    if re.match(r"where\b", question, re.IGNORECASE) and all(re.match(r"an? ", o) for o in options):
        return [_fill(forms.SHOWN, o=o) for o in options]
    ending = re.search(r",? (?:the |an? )?[^,]+?,? or [^,]+$", question)
    named = ending and any(o.lower() in ending[0].lower() for o in options)
    asked = question[: ending.start()] if ending and named else question
    for pattern, three in forms.FORMS:
        found = pattern.fullmatch(asked)
        parts = _parts({name: part or "" for name, part in found.groupdict().items()}, options) if found else None
        own = [o for o in options if not _is_sentence(o)]
        if parts is not None and _suits(three, parts, own):
            parts["adjectives"] = "all" if all(map(grammar.adjectival, own)) else ""
            labels = _labelled(parts.get("k", ""), own)
            worded = [_worded(parts, o, question) for o in options]
            return [_fill(three, **one | ({"one": f"“{one['o']}”"} if labels else {})) for one in worded]
    return None


def _parts(parts: dict[str, str], options: Sequence[str]) -> dict[str, str] | None:
    """The parts of a question with those that have to be found in them; None if one is not found."""
    for name in ("gap", "inverted"):
        if name in parts:
            clause = grammar.parsed(parts[name], gap=name == "gap" and not parts.get("p"))
            if not clause or not clause.predicate:
                return None
            parts |= {"said": clause.said(), "vp": clause.said(), "predicate": clause.predicate, "subject": clause.subject}
    if re.match(r"(?:the|an?) (?:in|on|at|of|to|with)\b", parts.get("s", "")) or re.search(r"'s [a-z]+$", parts.get("k", "")):
        return None
    if grammar.adverb(parts.get("k", "")):
        return None
    if any(re.fullmatch(grammar.AUX, word, re.IGNORECASE) for word in parts.get("k", "").split()):
        return None
    for name in ("kind", "chosen"):
        if name in parts:
            split = _verb_phrase(parts[name])
            if not split:
                return None
            parts["k"], parts["vp"] = split
            parts["n"] = parts["k"]
            if re.search(r"'s [a-z]+$", parts["k"]):
                return None
    if "whole" in parts and grammar.parsed(f"{parts['whole'] or 'is'} {parts['s']}", gap=True):
        return None
    return parts


def _verb_phrase(asked: str) -> tuple[str, str] | None:
    """What is asked for, and what is said of it: "item on the desk could help" → "item on the desk", "could help"."""
    words = asked.split(" ")
    if grammar.adverb(words[0]) or grammar.finite(words[0]) or words[0].lower() in grammar.PREPOSITIONS - {"of"}:
        return None
    for k in range(1, len(words)):
        word = words[k].strip(",")
        verb = next((later for later in words[k:] if not grammar.adverb(later)), "")
        if re.fullmatch(f"{grammar.DET}|of|that|which|who|and|or", words[k - 1].lower()):
            continue
        if grammar.ambiguous(word) and any(re.fullmatch(grammar.AUX, later) for later in words[k:]):
            continue
        many = word in grammar.VERBS and grammar.is_plural(words[k - 1])
        if many or grammar.finite(word) or (grammar.adverb(word) and grammar.finite(verb)):
            if any(re.fullmatch("he|she|it|they|you|we|i", one, re.IGNORECASE) for one in words[:k]):
                return None
            if re.search(r"(?<!\bof) (?<!\bin )(?<!\bon )(?:this|these|the|his|her)\b", " ".join(words[:k])):
                return None
            if word in ("can", "could", "will", "would", "should", "may", "might", "must") and verb == word:
                base = next((later for later in words[k + 1 :] if not grammar.adverb(later) and later not in ("not", "never")), "")
                if base not in grammar.VERBS:
                    return None
            superlative = re.match(r"an? |the (?:\w+est|most|least|same|only|one)\b", " ".join(words[k + 1 :]))
            inverted = not superlative and re.fullmatch(grammar.AUX, word) and re.match(rf"(?:{grammar.DET}|{grammar.PRONOUN})\b", " ".join(words[k + 1 :]))
            return None if inverted and word not in ("has", "have", "had") else (" ".join(words[:k]), " ".join(words[k:]))
    return None


def _suits(three: Wordings, parts: dict[str, str], options: Sequence[str]) -> bool:
    """Whether the options are such that a form's sentences are English with each."""
    k = parts.get("k", "")
    head = _head(k)
    plural = [grammar.is_plural(o) or " and " in o for o in options]
    if "sided" in parts:
        return head not in ("color", "colour") and _sided(options)
    if three in (forms.KIND, forms.KIND_IN, forms.HERE):
        if parts.get("picked") and head not in forms.NAMED | forms.KINDS:
            return False
        if "kind" in parts and (_sided(options) and "colo" not in head or re.fullmatch(forms.THING, head)):
            return False
        adjectives = all(map(grammar.adjectival, options))
        if "kind" in parts and adjectives and head not in forms.NAMED | forms.KINDS:
            return False
        return not grammar.is_plural(head) or head in forms.KINDS or all(plural)
    if three == forms.CHOSEN:
        verb = parts["vp"].split(" ")[0].lower()
        numbers = parts["n"] and _head(parts["n"]) not in ("number", "one", "") and all(re.match(r"\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|\w+teen|\w+ty)$", o) for o in options)
        if numbers:
            return False
        agrees = re.fullmatch(grammar.AUX, verb) or not any(plural) or not verb.endswith("s")
        after = (parts["vp"].split(" ") + [""])[1].lower()
        superlative = re.match(r"\w+ the (?:\w+est|most|least|same|only|one)\b", parts["vp"])
        whole = not re.fullmatch("do|does|did", verb) and not (not superlative and re.fullmatch(grammar.AUX, verb) and re.fullmatch(f"{grammar.DET}|{grammar.PRONOUN}", after) and not parts["n"] and not re.match("ha[sd]|have", verb))
        if any(plural) and re.search(r" and (?:is|was|has)\b", parts["vp"]):
            return False
        if not parts["n"] and any(grammar.adjectival(o) for o in options) and not _sided(options):
            return False
        return bool(agrees) and whole and (grammar.finite(verb) or grammar.adverb(verb))
    if three == forms.SO:
        return _how(parts, options)
    if three == forms.ACTED:
        return all(re.match(r"(?:\w+ed|did)\b", o) for o in options)
    if "like" in parts:
        return all(map(grammar.adjectival, options))
    if "tall" in parts:
        return not all(re.fullmatch(r"[\d.,]+|\w+teen|\w+ty|two|three|four|five|six|seven|eight|nine|ten", o) for o in options)
    if three == forms.EVENT:
        return not any(map(grammar.adjectival, options)) or "happen" not in parts["event"]
    if three == forms.NAMED_WAY:
        return parts["predicate"].split(" ")[-1] not in grammar.PREPOSITIONS - {"in", "on", "up", "off", "out", "down"}
    if three == forms.EQUATED and not _whole(parts["s"].lower().split()):
        return False
    if three == forms.REASON:
        return all(re.match(r"(?:to|for|from|so)\b|\w+ing\b", o) for o in options)
    if three == forms.EQUATED and "k" in parts:
        twice = any(
            one in grammar.PREPOSITIONS and other in grammar.PREPOSITIONS
            for one, other in zip(parts["s"].split(), parts["s"].split()[1:], strict=False)
        )
        return not twice and not re.search(r" (?:to|which|that) |(?:ed|ing|in|taken|made|seen|worn|held)$", parts["s"])
    if "part" in parts and not parts["part"].endswith((" on", " at", " in", " to")):
        placed = f"{forms.SIDES}|{forms.SIDE} behind"
        others = [o for o in options if not re.fullmatch(placed, o)]
        return not any(_place(o, parts["ref"]) == f"at {_with_article(o, '')}" for o in others)
    if three == forms.PLACE_OF:
        return not any(word.endswith(("ing", "ed")) for word in parts["s"].split())
    return True


def _whole(subject: Sequence[str]) -> bool:
    """Whether a subject, and not a clause of another order, stands before what is asked for: "the bag he holds"."""
    if subject[-1] in ("not", "doing", "do", "does", "can", *grammar.BE.split("|")):
        return False
    verbs = [k for k, word in enumerate(subject) if re.fullmatch(grammar.AUX, word)]
    for k in verbs:
        linked = re.search(rf"\S+ (?:\S+ )*?(?:that|which|who|whose|where|when|if|{grammar.DET}|{grammar.PRONOUN})\b", " ".join(subject[:k]))
        if not linked:
            return False
    stranded = subject[-1] in grammar.PREPOSITIONS and len(subject) > 2
    return not stranded or (bool(verbs) and len(subject) - verbs[-1] <= 4)


def _how(parts: dict[str, str], options: Sequence[str]) -> bool:
    """Whether an option may follow the statement of a question that begins with "how"."""
    looks = re.search(r"\b(?:feel|look|feeling|looking|taste|smell|sound)s?$", parts["predicate"])
    return all(re.match(r"(?:by|with|in|on|from|using)\b|\w+ly$", o) for o in options) or (
        looks is not None and all(map(grammar.adjectival, options))
    )


def _sided(options: Sequence[str]) -> bool:
    return all(re.fullmatch(f"{forms.SIDES}|{forms.COLOUR}", o) for o in options)


def _head(noun: str) -> str:
    """The noun of a phrase that decides its number: "piece of clothing on the bed" → "piece"."""
    return re.split(r",? (?:of|in|on|at|with|that|to|from|for|between|which|behind|near|next|inside|above|below|or)\b", noun)[0].split(" ")[-1].lower()


def _worded(parts: dict[str, str], o: str, question: str) -> dict[str, str]:
    """The parts of a question, and the option in each of the ways in which a wording may need it."""
    noun, vp, verb, preposition = (parts.get(name, "") for name in ("n", "vp", "verb", "p"))
    the = _with_article(o, question)
    if re.fullmatch(f"{forms.SIDES}|{forms.COLOUR}", o) and noun:
        which = f"the {o} one {noun}" if noun.startswith("of ") else f"the {o} {noun}"
    elif noun and parts.get("adjectives") and " " not in noun and not forms.ALONE.match(o):
        which = f"the {o} {noun}"
    elif noun and _singular(_head(noun)) in forms.NAMED:
        which = o
    else:
        which = o if preposition and o in grammar.PREPOSITIONS else the
    if "chosen" in parts or not noun:
        vp = _agreeing(vp, grammar.is_plural(which) and which.split(" ")[-1] not in forms.UNNAMED)
    if "k" in parts:
        one = grammar.indefinite(o) if _head(parts["k"]) in forms.JOBS else _of_kind(o, parts["k"])
    elif "s" in parts and "a" not in parts:
        one = _of_kind(o, re.sub(rf"^{grammar.DET} ", "", parts["s"], flags=re.IGNORECASE))
    else:
        one = o
    if _head(parts.get("s", "")) in forms.AIMS and not re.match(r"(?:to|for)\b|\w+ing\b", o):
        one = f"to {o}" if o.split(" ")[0] in grammar.VERBS and " " in o else f"“{o}”"
    be = parts.get("be", "").lower()
    be = _agreeing(be, True) if grammar.many(parts.get("s", "")) else be
    be = _agreeing(be, False) if _head(parts.get("k", "")) in forms.KINDS and "s" not in parts else be
    ends = parts.get("predicate", "")
    if re.search(r"\b(?:do|doing|(?:made|consist|composed|out|up) of|(?:made|constructed|built) from|called|named|say|says|saying)$|\b(?:do|say)\b", ends) or (ends.endswith(" for") and _uncounted(o)):
        the = o
    elif re.search(r"\b(?:mean|indicate|tell|advise|instruct)s?\b", ends) and o.split(" ")[0] in grammar.VERBS:
        the = o
    elif " " in o and o.split(" ")[0] in grammar.VERBS and o.split(" ")[0] not in forms.NOUNS_TOO and "said" in parts:
        the = o
    elif grammar.adjectival(o) and not re.fullmatch(forms.COLOUR, o) and "gap" in parts:
        the = o
    elif re.search(r"\b(?:as|like)$", ends) and not forms.ALONE.match(o):
        the = grammar.indefinite(o)
    at = the if re.search(r" (?:on|at|in|to)$", parts.get("part", "")) else _place(o, parts.get("ref", ""))
    counted = noun + parts["tail"] if "tail" in parts else re.sub(r"that are (in|on|at)\b", r"\1", f"{noun} that {vp}")
    plural = grammar.is_plural(_head(parts.get("k", ""))) and _head(parts["k"]) not in forms.KINDS
    return {
        **parts, "o": o, "one": one, "the": the, "which": which, "vp": vp, "n": counted, "be": be,
        "p": preposition.lower(), "at": at, "to": _direction(o.removeprefix(f"{verb} ")),
        "is": "are" if plural else "is",
    }  # fmt: skip


def _agreeing(vp: str, plural: bool) -> str:
    """What is said of a subject, with its verb in the subject's number."""
    pairs = {"is": "are", "was": "were", "has": "have"}
    verbs = pairs if plural else {many: one for one, many in pairs.items()}
    return re.sub(r"^\w+", lambda found: verbs.get(found[0].lower(), found[0]), vp)


def _labelled(noun: str, options: Sequence[str]) -> bool:
    """Whether the options are words for kinds that no article fits for sure: "the type of hat is “chef”"."""
    found = re.fullmatch(r"(?:\S+ )*?\S+ of (?:an? )?(.+)", noun)
    if _head(noun) in forms.KINDS and found:
        plain = _head(found[1]) in forms.LIVING or all(map(_uncounted, options))
    else:
        plain = _head(noun) not in forms.ACTIONS or all(o.endswith("ing") or _uncounted(o) for o in options)
    return not plain


def _of_kind(o: str, noun: str) -> str:
    """An option as what is one of a kind: "the animal is a cat", "the country is Peru", "the food is the pasta"."""
    if re.fullmatch(r"(?:\d\d)?\d0s", o):
        return f"the {o}"
    head, (of,) = _head(noun), re.findall(r"^(?:\S+ )*?\S+ of (?:an? )?(.+)", noun)[:1] or [""]
    of = _head(of) if head in forms.KINDS else ""
    if "famous" in noun or (forms.ALONE.match(o) and not _compound(o)) or (grammar.adjectival(o) and head != "fruit") or o.split(" ")[-1] in forms.UNNAMED:
        return o
    head = _singular(head) if head in ("sports", "colors", "activities") else head
    if (of or head) in forms.ITEMS:
        return grammar.indefinite(o)
    uncounted = grammar.is_plural(o) or grammar.mass(o)
    if of and grammar.is_plural(of) and not uncounted and _singular(of) in forms.ITEMS:
        return _with_article(o, "")
    bare = head in forms.NAMED | forms.KINDS or uncounted
    return o if bare else _with_article(o, "")


def _compound(o: str) -> bool:
    """Whether an option is a noun that begins with a word in -ing: "frying pan"."""
    return re.match(r"\w+ing ", o) is not None and o.split(" ")[-1] in forms.COMPOUND


def _uncounted(o: str) -> bool:
    doing = re.match(r"\w+ing\b", o) is not None and not _compound(o)
    return grammar.is_plural(o) or grammar.adjectival(o) or grammar.mass(o) or (doing and o not in grammar.NOUNS)


def _singular(noun: str) -> str:
    return noun.removesuffix("s")


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
    bare = option[:1].islower() and not re.match(rf"(?:{grammar.DET}|{grammar.PRONOUN}|there|neither|none|no)\b", option)
    return _sentence(f"the {option}" if bare else option)


def _with_article(o: str, question: str) -> str:
    """An option as a noun: with "the", unless it has a determiner, or is a name, a number, a place or an activity."""
    if re.fullmatch(r"(?:\d\d)?\d0s", o):
        return f"the {o}"
    first, last = o.split(" ")[0], o.split(" ")[-1]
    doing = last.endswith("ing") and last not in grammar.NOUNS
    alone = (forms.ALONE.match(o) and not _compound(o)) or last in forms.UNNAMED or first in grammar.PREPOSITIONS or doing
    return o if alone and f"the {o}" not in question else f"the {o}"


def _place(o: str, ref: str) -> str:
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
    if o in ("under", "beneath") and not ref:
        return "underneath"
    if o.split(" ")[0] in grammar.PREPOSITIONS | {"up", "down", "upwards", "upward", "back", "for"}:
        return f"{o} {ref}" if " " not in o or o == "next to" else o
    if re.search(r"\b(?:corner|area|part|region|half|quadrant|center|centre|middle|edge)\b", o) or o[:1].isupper():
        return f"in {_with_article(o, '')}"
    return f"at {_with_article(o, '')}"


def _direction(o: str) -> str:
    """Which way something faces."""
    return f"to the {o}" if re.fullmatch(forms.SIDES, o) and o not in ("up", "down") else o
