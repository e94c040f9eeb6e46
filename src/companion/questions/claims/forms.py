"""The forms of questions of which a claim can be made for sure, and how each is worded.

A form is a pattern of closed-class words with open parts ("where is … in relation to …"), and a rule that tells which
options fit it and what they become. Nothing is concluded from an open-class word: where its number, its article or the
end of a subject would have to be guessed there is no form, and `template` quotes the question. Most wordings therefore
have a frame in which nothing has to agree: "one can see the cups on the left", not "the cups are on the left".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from companion.questions.claims.closed_classes import COLOUR, DET, PICTURE, PREPOSITION, VIEW
from companion.questions.claims.fit_option import (
    Parts,
    captioned,
    coloured,
    counted,
    faced,
    figured,
    made,
    named,
    named_predicate,
    placed,
    related,
    sided,
    thing,
    truth,
)

Wordings = tuple[str, str, str]
"""Three sentences, or three patterns of them with `{parts}`."""


@dataclass(frozen=True)
class Form:
    """A kind of question. pattern: what it looks like, with its parts as named groups; fitted: what an option adds to
    these parts, None where it does not fit; three: how the parts are worded."""

    pattern: re.Pattern[str]
    fitted: Callable[[str, Parts], Parts | None]
    three: Wordings


QUOTED: Wordings = (
    "for this picture, the answer to “{q}” is “{o}”",
    "asked “{q}”, one who sees this picture answers “{o}”",
    "as one can see, “{o}” answers “{q}”",
)
"""English whatever the question and the option are."""

_FINITE = "(?:is|are|was|were|do|does|did|could|have|has|would)"
_FROM = rf"(?P<view> from (?:(?! (?:from|in|to) )[^,])*?(?:'s?|my|your) {VIEW}| from the {VIEW} of .+)"
_NOUN = rf"(?:{DET} (?!(?:{DET}|{PREPOSITION}|of|from)\b)|(?-i:[A-Z]))[^,?]*?"
"""What begins as a noun phrase does. Where it ends the rest of a form has to tell."""
_SHORT = rf"{DET} (?:(?!{PREPOSITION} |\w+(?:ing|ly) |\w\w+ed )[\w'-]+ ){{0,2}}(?!\w+(?:ing|ly)\b|\w\w+ed\b)[\w'-]+"
"""A noun phrase of at most three words, none of which may be a participle or an adverb, and no preposition."""
_LAST = "be|do|to|of|from|for|as|by|like|in|on|at|under|behind|above|below|over|with|near|about|into"
_STRANDED = "".join(f"(?<! {word})" for word in _LAST.split("|"))
"""What a noun phrase does not end with, but a clause does whose object is asked for ("is the cat looking at")."""
_INVERTED = f"(?<!ing){_STRANDED}"
"""The same, and no verb of such a clause."""


UNSPLIT = re.compile(
    rf"(?:(?!\b(?:that|which|who|whose|where)\b).)*\b{_FINITE}\b.*|.*\b(?:{VIEW}|relation|respect)\b.*", re.IGNORECASE
)
"""What a noun phrase holds only where a form did not find its end: a verb outside a relative clause, a view."""

_SAID: Wordings = ("{lead}{said}", "{lead}it is clear that {said}", "{lead}as one can see, {said}")
_SEEN: Wordings = ("one can see {seen}", "this picture shows {seen}", "here one sees {seen}")
_FOUND: Wordings = ("one finds {found}", "here one finds {found}", "looking at this picture, one finds {found}")
_SHOWN: Wordings = (
    "{lead}this picture {shows} {rest}{view}",
    "{lead}one {can} see {rest}{view}",
    "{lead}one {sees} {rest}{view}",
)
_COUNTED: Wordings = ("the number of {n} is {o}", "counting {n} gives {o}", "in all, the number of {n} comes to {o}")
_CAPTION: Wordings = (
    "this is what the picture shows: {o}",
    "one can see this here: {o}",
    "what this picture shows is this: {o}",
)

_BE = "(?P<be>is|are|was|were)"
_WHICH = "(?:which|what)"
_IF = "(?P<lead>if .+?, )?"
_ADVERB = "(?:directly|immediately|right)"
_THINGS = "(?:object|item|thing|one)"
_LIMB = "(?P<part>hand|arm|foot|leg|side|shoulder|knee|eye|ear|wrist)"
_OWN = "(?:the|my|your|its|his|her)"
_N = rf"(?:of )?(?!(?:more|fewer|less|other)\b)(?:(?!\b(?:{_FINITE}|can|will)\b).)+?"
_RELATION = "above|below|under|over|behind|in front of|inside|outside|beneath"
_FACING = "facing|looking|heading|headed|pointing|moving|turned|walking|driving|flying|going"
_NOT_FACING = "".join(f"(?<! {verb})" for verb in _FACING.split("|"))
_FIGURE = (
    "(?:number|value|price|amount|year|date|time|percentage|score|length|width|height|size|age|population|sum|total|"
    "difference|ratio|average|maximum|minimum|code)"
)
_COMPARED = "closer|nearer|farther|further|higher|lower|bigger|larger|smaller|taller|shorter|longer|wider"
_QUANTITY = r"(?:an?|the|any\w*|some\w*|much|more|enough|another|only|one|his|her|its|their)"
_IS_THERE = rf"is there (?={_QUANTITY}\b)(?!an? (?:[\w'-]+ )*?[\w'-]+[^su\W]s(?: {PREPOSITION}\b|$))|are there (?!an? )"
"""Where article and number fit; real questions have "are there a lamps on it" and "is there bowl on it" as well."""
_NO_PREDICATE = (
    rf"(?!{DET} [\w'-]+ (?:an?|the)\b)"
    r"(?!.*\b(?:is|are|was|were|has|have|does|do|or|likely|(?<!next )to(?! the (?:\w+ )?(?:left|right)))\b)"
)
"""No predicate that is a noun phrase or an adjective ("is the man a cook in the inn", "is the girl able to see it"):
"this picture shows" takes none."""


def _framed(frames: Wordings, **parts: str) -> Wordings:
    """A frame with the pattern of what stands in it."""
    first, second, third = (re.sub(r"\{(said|seen|found)\}", lambda found: parts[found[1]], frame) for frame in frames)
    return first, second, third


FORMS = [
    Form(re.compile(pattern, re.IGNORECASE), fitted, three)
    for pattern, fitted, three in (
        # Captions
        (
            rf"(?!.*\b(?:not|least|false|wrong|incorrect)\b){_WHICH}\b.*\b(?:describes? {PICTURE}|captions? (?:of|for) "
            rf"{PICTURE})|what does {PICTURE} (?:show|depict)",
            captioned,
            _CAPTION,
        ),
        # Counting
        (rf"how many (?P<n>{_N}) (?:are|were) there(?P<tail>(?: {PREPOSITION} .+)?)", counted, _COUNTED),
        (
            rf"how many (?P<n>{_N}) (?:can you see|do you see|can be seen)(?P<tail>(?: {PREPOSITION} .+)?)",
            counted,
            _COUNTED,
        ),
        (rf"how many (?P<n>{_N}) are(?P<tail> {PREPOSITION} .+)", counted, _COUNTED),
        (
            rf"how many (?P<n>{_N}) (?P<vp>(?:are|were) (?:(?!these|those|they|you|we|there)[\w-]+|"
            r"(?:visible|shown|present|\w+ing) .+))",
            counted,
            _COUNTED,
        ),
        # Attributes
        (rf"{_WHICH} (?P<be>is) (?P<s>the colou?r of .+){_INVERTED}", coloured, _framed(_SAID, said="{s} {be} {o}")),
        (rf"{_WHICH} (?P<be>are) (?P<s>the colou?rs of .+){_INVERTED}", coloured, _framed(_SAID, said="{s} {be} {o}")),
        (
            rf"{_WHICH} (?P<a>colou?r) (?:is|are|was|were) (?P<s>(?!the (?:most|least|same|only)\b){_SHORT}"
            rf"(?: (?:of|located|placed|worn by|held by) .+| {PREPOSITION} (?!.*(?:ing|ed) ).+)?){_INVERTED}",
            coloured,
            _framed(_SAID, said="the {a} of {s} is {o}"),
        ),
        (rf"{_WHICH} is (?P<s>the material of .+){_INVERTED}", made, _framed(_SAID, said="{s} is {o}")),
        (
            rf"{_WHICH} {_BE} (?P<s>the (?:[\w'-]+ ){{0,3}}{_FIGURE}(?: (?:of|on|in|at|for|between) .+)?){_INVERTED}",
            figured,
            _framed(_SAID, said="{s} {be} {o}"),
        ),
        # Directions
        (
            rf"(?:(?:in |to |towards? )?{_WHICH} (?:direction|way)|where) (?:is|are) (?P<s>{_NOUN}) (?P<verb>{_FACING})"
            rf"(?: at| to| towards?| in)?{_FROM}?",
            faced,
            _framed(_SEEN, seen="{s} {verb} {to}{view}"),
        ),
        # Places
        (
            rf"where (?:is|are) (?P<s>{_NOUN}){_STRANDED}{_NOT_FACING}"
            r"(?P<part> (?:placed|located|situated|positioned|seated|standing|sitting|lying))?"
            r"(?: (?:in (?:the )?relation (?:to|with)|with respect to|relative to|compared (?:to|with)) "
            rf"(?P<ref>{_NOUN}))?(?: in {PICTURE})?{_FROM}?",
            placed,
            _framed(_SEEN, seen="{s}{part} {at}{view}"),
        ),
        # Two sides, relations or things of which one is right
        (
            rf"{_IF}{_BE} (?P<s>{_NOUN}) (?P<pre>(?:on|to) {_OWN} )(?:left|right) or (?:(?:on|to) )?(?:{_OWN} )?"
            rf"(?:left|right)(?P<of> of me)?",
            sided,
            _framed(_SAID, said="{s} {be} {pre}{o}{of}"),
        ),
        (
            rf"{_IF}{_BE} (?P<s>{_NOUN}) (?P<one>{_RELATION}) (?:me )?or (?P<other>{_RELATION}) me",
            related,
            _framed(_SAID, said="{s} {be} {o} me"),
        ),
        (
            rf"(?:is|are) (?P<s>{_NOUN}) (?P<pre>(?:on|to|at|in) {_OWN} )?(?:left|right)(?: side)? or "
            rf"(?:(?:on|to|at|in) )?(?:{_OWN} )?(?:left|right)(?P<of>(?: side)?(?: of .+?)?){_FROM}?",
            sided,
            _framed(_SEEN, seen="{s} {pre}{o}{of}{view}"),
        ),
        (
            rf"(?:is|are) (?P<s>{_NOUN}) (?P<one>{_RELATION}) or (?P<other>{_RELATION}) (?P<ref>{_NOUN}){_FROM}?",
            related,
            _framed(_SEEN, seen="{s} {o} {ref}{view}"),
        ),
        (
            rf"(?:is|are) (?P<s>{_NOUN}) (?P<er>closer|nearer) to (?P<one>.+?),? or (?:to )?(?P<other>.+)",
            named,
            _framed(_FOUND, found="{s} {er} to {the}"),
        ),
        (
            rf"(?:is|are) (?P<s>{_NOUN}) (?P<one>next to each other) or (?P<other>far away from each other)",
            named_predicate,
            _framed(_SEEN, seen="{s} {o}"),
        ),
        (
            rf"are (?P<s>{_NOUN}) facing (?P<one>(?:the )?same or similar directions),? or (?P<other>very different "
            r"directions)",
            named_predicate,
            _framed(_SEEN, seen="{s} facing {o}"),
        ),
        (
            rf"{_WHICH} object is (?P<s>{_NOUN}) facing towards?, (?P<one>.+?),? or (?P<other>.+)",
            named,
            _framed(_SEEN, seen="{s} facing towards {the}"),
        ),
        (
            rf"(?P<be>is|are) (?P<s>(?:the colou?r of )?{_SHORT}) (?P<one>{COLOUR}) or (?P<other>{COLOUR})",
            named_predicate,
            _framed(_SAID, said="{s} {be} {o}"),
        ),
        # Things
        (
            rf"{_WHICH} {_THINGS} is (?P<er>(?:{_COMPARED})\b[^,]*), (?P<one>.+?),? or (?P<other>.+)",
            named,
            _framed(_FOUND, found="{the} {er}"),
        ),
        (
            rf"{_WHICH} {_THINGS} is (?P<er>(?:{_COMPARED})\b[^,]*){_STRANDED}",
            thing,
            _framed(_FOUND, found="{the} {er}"),
        ),
        (
            rf"{_WHICH} {_THINGS} has (?P<location>a (?:higher|lower) location)",
            thing,
            _framed(_FOUND, found="{the} at {location}"),
        ),
        # Hands and sides
        (
            rf"(?P<p>(?:in |on |with )?){_WHICH} {_LIMB} (?P<be>is|are) (?P<s>{_SHORT}) (?P<v>\w+ing\b(?!.*ing\b).*)",
            sided,
            (
                "it is {p}the {o} {part} that {s} {be} {v}",
                "here it is {p}the {o} {part} that {s} {be} {v}",
                "as one can see, it is {p}the {o} {part} that {s} {be} {v}",
            ),
        ),
        (
            rf"{_WHICH} {_LIMB} (?P<vp>(?:is|are) (?:{PREPOSITION}|\w+ing) .+)",
            sided,
            _framed(_SAID, said="the {o} {part} {vp}"),
        ),
        (
            rf"{_WHICH} side of (?P<s>{_NOUN}) (?P<vp>is (?:facing|closer to|closest to|nearest to) .+)",
            sided,
            _framed(_SAID, said="the {o} side of {s} {vp}"),
        ),
        # Yes and no
        (rf"(?P<lead>from .+?, )?(?:{_IS_THERE})(?P<rest>.+)", truth, _SHOWN),
        (rf"does {PICTURE} (?:contain|show|include) (?P<rest>.+)", truth, _SHOWN),
        (
            rf"(?:is|are) (?P<rest>an? (?!.* an? ).+) (?:present|visible|shown|depicted)(?: in {PICTURE})?",
            truth,
            _SHOWN,
        ),
        (rf"(?:is|are) (?P<rest>{_NO_PREDICATE}{_NOUN}){_FROM}", truth, _SHOWN),
        (
            rf"(?:is|are) (?P<rest>{_NO_PREDICATE}{_NOUN} (?:directly {PREPOSITION} {DET} .+|"
            rf"(?:{_ADVERB} )?{PREPOSITION} {DET} [\w'-]+))",
            truth,
            _SHOWN,
        ),
        (rf"(?P<aux>is|are) (?P<s>{_SHORT}) (?P<rest>{COLOUR})", truth, _framed(_SAID, said="{s} {aux} {rest}")),
        (
            rf"{_IF}(?P<aux>is|are|was|were|can|could|will|would|should) "
            r"(?P<s>it|he|she|they|we|you|I|(?:this|that|these|"
            r"those)(?= (?:an?|the|in|on|at|from|of|for|about|near|under|behind|made|taken)\b)) "
            r"(?P<rest>(?!.*\b(?:any\w*|or)\b).+)",
            truth,
            _framed(_SAID, said="{s} {aux} {rest}"),
        ),
    )
]
"""The first that fits a question and all its options counts; each is listed before what would misread its questions."""
