"""The words of the rule judge: what means the same, and the phrases that conclude, deny, leave open and take back.

Phrases are patterns over clauses in plain words (`plain`), in which "§1" stands for the second option. Mostly English;
of a few other languages the commonest.
"""

from __future__ import annotations

import re
from itertools import pairwise, takewhile

_SYNONYMS = """
closer nearer | closest nearest | gray grey | color colour | below beneath underneath under | bigger larger
biggest largest | toward towards | farther further | farthest furthest | left leftmost lefthand leftward
right rightmost righthand rightward | wood wooden | metal metallic | same identical equal | taller higher
tallest highest | purple violet | round circular | child kid children kids | man men guy
woman women lady ladies | old elderly | person people persons | sofa couch settee | bicycle bike
motorcycle motorbike | truck lorry | airplane plane aeroplane aircraft | car automobile | television tv
refrigerator fridge | backpack rucksack | suitcase luggage | phone smartphone cellphone | trash garbage rubbish
sidewalk pavement | stroller pram | glasses spectacles | sitting seated sits | standing stands | lying lies
walking walks | running runs | holding holds | cloudy overcast | meter metre meters metres
middle center centre | back rear behind | supermarket grocery | true correct | false incorrect | nobody none
straight ahead forward | sneaker trainer | 0 zero | 2 two | 3 three | 4 four | 5 five | 6 six | 7 seven
8 eight | 9 nine | 10 ten | 11 eleven | 12 twelve
"""
_SAME = {
    word: group.split()[0] for group in _SYNONYMS.replace("\n", "|").split("|") for word in group.split()[1:]
}  # fmt: skip
_DROPPED = {"the", "a", "an", "to", "of", "side", "hand"}
_WORD = re.compile(r"§\d|[⺀-鿿가-힯]|[^\W_⺀-鿿가-힯]+(?:[.:/]\d+)*|[,:=]")
_SPELLING = (
    ("no one", "nobody"), ("cell phone", "phone"), ("mobile phone", "phone"), (" at the back of", " behind"),
    ("on top of", "on"), ("straight on", "straight ahead"), ("not a single", "no"), ("n't", " not"),
    ("cannot", "can not"), ("'s", " is"), ("'re", " are"), ("'d", " would"), ("'", ""),
)  # fmt: skip


_THINGS = (
    "point|object|container|sample|figure|pair|vitamin|group|person|item|panel|line|plate|type|player|team|block|"
    "building|gate|platform|section|zone|column|row|room|country|countrie|planet|organism|gas|solution|magnet|particle|city|"
    "area|region|circle|shape|node|position|location|bottle|box|class|grade|plan|step|side|image|picture"
)
LETTERED = re.compile(rf"\b(?:{_THINGS})s? $", re.IGNORECASE)
"""What makes a letter the name of a thing in the picture: "point A"."""
HYPHENS = re.compile(r"\b[A-Za-z]+(?:-[A-Za-z]+)+\b")
_ONE = re.compile(
    r"^one$|(?<!the )(?<!this )(?<!that )(?<!no )(?<!which )(?<!right )(?<!left )(?<!other )\bone"
    r"(?= (?!is|of|has|on|in|at|that|which|who|can|might|may|could|would|must|should|to|with|by|from|side|hand|"
    r"another|more|or|and|way)[a-z])|(?<=\bonly )one\b|(?<=\bexactly )one\b|(?<=\bjust )one\b"
)
OFFERED = re.compile(r"\b(?:option|choice|answer):? $|(?:^|: )\W*$", re.IGNORECASE)
"""What makes a letter by itself the name of an option, where no conclusion is drawn."""
_LETTER_A = re.compile(rf"\b((?:{_THINGS}|option))\s+A\b", re.IGNORECASE)


def plain(text: str, marks: bool = False) -> list[str]:
    """Words in one form: lower case, no articles, one for all that mean the same. marks: commas and the like too."""
    text = _LETTER_A.sub(r"\1 AA", text).casefold()
    text = _ONE.sub("1", text)
    for spelling, by in _SPELLING:
        text = text.replace(spelling, by)
    found = [word for word in _WORD.findall(text) if word not in _DROPPED and (marks or word not in ",:=")]
    return [_SAME.get(word, word) for word in found]


NONE = {"no", "0", "nobody"}
"""What an option begins with which says that there is none."""
MINOR = {
    "in", "on", "at", "with", "is", "are", "was", "be", "by", "from", "as", "and", "they", "it", "he", "she", "there",
    "both",
}  # fmt: skip
"""Words of an option that need not be there for it to be meant, if the others tell it apart."""
ASKING = {
    "what", "which", "where", "when", "there", "this", "that", "with", "from", "image", "picture", "does", "following",
    "many", "photo",
}  # fmt: skip
"""Words of questions that say nothing about what is asked."""
ARTICLE = re.compile(r"\s+(?!(?:is|as|because|since|and|or|but|it|fits|matches|then|with|here)\b)[a-z0-9]")
"""What follows an A that is an article."""

_FEW = r"(?:[^\s§¬?,:]+ ){0,4}?"
_LIST = r"§\d(?: ,?(?: ?(?:or|nor|and|y|et|und|ou|oder))? ?§\d)*"
_OTHERS = r"(?: (?!is|are|was|were|it)[^\s§¬?,:]+)"
_SERIES = rf"{_LIST}(?:(?: ,{_OTHERS}{{1,3}}(?= ,| and| or))?(?: ,)?(?: and| or| nor| ,){_OTHERS}{{0,2}} §\d)*"
"""Options one after the other, with what is no option between them: "a sofa, an old lamp, or a chair"."""
_BE = r"(?:is|are|was|were|can|could|does|do|did|seems?|looks?|must|would|will)"
_SURE = r"(?:clearly|therefore|also|thus|definitely|both|all|simply|then|now|indeed|obviously|most likely)"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


DENIED = _any(
    r"\b(?:not|no|nobody|lack|never|neither|nor|rather than|instead|unlike|no longer|rul(?:e|es|ed|ing) out|exclud(?:e|es|ed|ing)|"
    r"eliminat(?:e|es|ed|ing)|discard|dismiss|reject|nicht|kein|keine|pas|no es|ni|不 是|排 除) "
    rf"(?!sure|certain|doubt|question|es )(?:option |choice )?{_FEW}{_SERIES}",
    rf"{_SERIES}(?: ,)? {_BE} (?:{_SURE} )*(?:be )?(?:{_SURE} )*"
    r"(?:not(?! (?:provided|given|known|shown|specified))|wrong|out|ruled out|eliminated|excluded|impossible|false)\b",
    rf"{_LIST}(?: ,)? (?:{_SURE} )?(?:fails?|contradicts?|out)\b",
    r"\b(?:no|lack) [^§¬?,:]*\b(?:evidence|sign|indication|trace|hint|presence|visible) [^§¬?,:]*" + _SERIES,
    rf"{_LIST} [^§]*\b(?:this one|this|that|which|it) {_BE} (?:{_SURE} )*(?:be )?"
    r"(?:wrong|ruled out|eliminated|excluded)\b",
)
"""Options that are denied: "not B", "neither A nor C", "A and C are ruled out"."""
OPEN = _any(
    r"\b(?:either|might|may|could|possibly|perhaps|maybe|whether|between|possible|possibility|podría|kann|könnte|"
    rf"pourrait) {_FEW}{_LIST}",
    rf"{_LIST} (?:(?:is|are|both|also) )*(?:possible|plausible|would have|conceivable)",
    rf"§\d(?: ,)? (?:or|oder|ou|o) {_FEW}§\d(?:(?: ,)? (?:or|oder|ou|o) {_FEW}§\d)*",
    rf"\b(?:than|als|que) {_FEW}§\d",
    r"^(?:if|assuming|suppose)\b(?!.*\b(?:choose|must|forced|pick|have)\b).*|.*\bin which case\b.*",
)
"""Options that are left open, or are what another one is compared with."""
_THEN = r"(?: (?:(?!since|because|given|based|as )[^\s§¬?]+ ){0,8}?|[ :,=]*)§(\d)"
STATES = _any(
    r"(?<!suggested )\b(?:answer|statement|conclusion|result|verdict|final|respuesta|réponse|antwort|risposta|resposta|opción|opção|ответ)"
    r"(?: [^\s§¬?,:=]+){0,4}?(?: (?:is|are|be|was|es|est|ist|lautet|è|é)\b| :| =|(?= §))" + _THEN,
    r"\b(?:option|choice)(?: [^\s§¬?,:=]+){0,4}?(?: (?:is|are|be|was)\b| :| =)" + _THEN,
    r"\b(?:(?:go|going|stick|stay) (?:with|for)|choose|chose|choosing|pick|select|(?<!first )say|settle|opt|conclude"
    r"|commit|elijo|choisis|wähle)\b" + _THEN,
    r"(?:答 案(?: 应 该)?(?: 是| 为| 选)?|选(?: 择)?|正 解 は|答 え は|정 답 은|답 은)" + _THEN,
    r"^(?:(?:it|that|this) is )?(?:option |choice )?§(\d)$",
    rf"§(\d) (?:it is\b|is (?:{_SURE} )?(?:true|right|best|answer)\b)",
)
"""An option is said to be the answer: "the answer is B", "I go with C", "B is correct", "B."."""
SO = _any(
    r"^(?:,? ?(?:so|therefore|thus|hence|consequently|accordingly|in conclusion|in summary|overall|finally|yes|"
    r"conclusion|as result|donc|daher|also|por lo tanto|entonces|所 以|因 此))\b"
    r"|\b(?:so|therefore|thus|hence|(?:which|this|that) means?|meaning|making it|makes? it|leaves?|leaving|remains?|"
    r"must be)\b"
    r"|\b(?:match(?:es|ing)?|correspond(?:s|ing)?|consistent with)(?= (?:[^\s§¬?,:=]+ ){0,4}?§)"
)
"""What is said next is a conclusion: "so it is B", "leaving C", "which matches D"."""


def concluded(text: str, after: re.Match[str] | None) -> int | None:
    """The only option that is named after words that announce a conclusion."""
    cue = SO.search(text, after.end() if after else 0)
    options = set(re.findall(r"§(\d)", text[cue.end() :])) if cue else set()
    return int(options.pop()) if len(options) == 1 else None


LISTED = re.compile(r"\b(?:options|choices|answers?|ones?)\b[^§]*§\d(?: ,?(?: (?:and|or))? ?§\d){2,}")
"""The options are only listed: "from the given options: A, B, C"."""


def last(pattern: re.Pattern[str], text: str, after: re.Match[str] | None) -> int | None:
    """The option of the last place where the pattern fits, after another one."""
    places = list(pattern.finditer(text, after.end() if after else 0))
    return next((int(k) for m in places[-1:] for k in m.groups() if k), None)


TURNS = re.compile(
    r"^,? ?(?:(?:oh|ah|ok|okay|and|so) ,? ?)?"
    r"(?:wait|hmm+|hm|hold on|actually|however|but|no ,|let me|on second thought|in fact|"
    r"looking (?:again|closer|more closely))\b"
    r"|\b(?:wait|actually)\b|等 等|不 对"
)
"""What is said next may overturn what was said before."""
TAKES_BACK = _any(
    r"\b(?:that|this|it) (?:is|was|must be) (?:also )?(?:wrong|false|mistake)\b",
    r"\b(?:that|this|it) (?:is|was|can|could) not (?:be )?(?:right|true)\b",
    r"\b(?:scratch that|take (?:that|it) back|i was wrong|my mistake|i misread|withdraw|retract|drop it)\b",
    r"\b(?:can not|could not|not|unable|impossible|hard|difficult|no way) (?:be )?(?:reliably |really )?(?:tell|say|"
    r"determined?|decided?|sure|certain|know|choose|commit|distinguish(?:ed)?|verif(?:y|ied)|keep|"
    r"judge|clear|possible decide)\b",
    r"\bundetermined\b|\bno (?:definite|clear) (?:choice|answer)\b|\b(?:not|no)\b.* enough information\b"
    r"|\bcan not be (?:compared|answered|resolved)\b|\b(?:either|both) (?:answers?|options?)? ?could be\b",
    "无 法|不 能 确 定|no es posible|imposible|impossible de|unmöglich|kein ergebnis",
)
"""What was said is taken back, or the question given up."""
RESTATES = re.compile(r"\b(?:question|asked|asks|options)\b")
"""The question is told again; nothing is left open by that."""
ELSEWHERE = re.compile(
    r"^(?:so|therefore|thus|hence) ,? ?answer is(?: (?!clear|obvious|simple|yes|no\b)[^\s§¬?,:=]+){1,3}$"
)
"""A conclusion in the form of an option that is none of them."""
YES = re.compile(
    r"^,? ?(?:so |therefore |thus |hence )?,? ?(?:yes\b|there (?:is|are) (?:indeed|definitely|clearly|one)|indeed)"
    r"|\banswer is yes\b|\b(?:one|it) is (?:indeed )?(?:present|visible)\b|\bindeed one\b|\bstatement is true\b"
)
NO = re.compile(
    r"^,? ?(?:so |therefore |thus |hence |as result )?,? ?(?:no ,|no$|nobody\b|there (?:is|are) (?:no|not|nobody)\b"
    r"|no (?:[^\s§]+ ){1,3}(?:is|are|can be|appears?|exists?)\b)|\banswer is no\b|\babsent\b"
    r"|\bnot (?:contain|present|visible|show)\b|\bstatement is (?:false|not)\b"
)
SO_YES = re.compile(
    r"^,? ?(?:so|therefore|thus|hence|as result|yes|no)\b|\banswer is\b|\bstatement is\b|\bpicture does\b"
)
"""Yes and no, said with or without these words, where they are the options."""

_YES = re.compile(
    r"\b(?:match(?:es|ing)?|yes|correct|true|fits?|consistent|corresponds|most likely|"
    r"best|plausible|accurate)\b|[✓✔✅]"
)
_NO = re.compile(
    r"\b(?:not|no|none|nor|neither|never|nothing|incorrect|inaccurate|wrong|false|unlikely|cannot|\w+n't|too|without|"
    r"absent|lacks?|contradicts?|while|although|but)\b|[✗✘❌×]"
)


def affirmed(line: str) -> bool | None:
    """Whether what is said of an option says yes or no, by the word that comes first; None if neither."""
    yes, no = _YES.search(line), _NO.search(line)
    if yes is None and no is None:
        return None
    return no is None or (yes is not None and yes.start() < no.start())


_DIRECTIONS = {
    "left", "right", "above", "below", "front", "behind", "in", "on", "top", "back", "under", "over", "straight", "ahead",
}  # fmt: skip
_FUNCTION = set(
    "is are was were be been being has have had do does did can could will would may might must should in on at by with "
    "from as than that which who whose this these those it its they their he his she her him them and or nor but so "
    "because since if while when where then there here not no also very too more most less for into onto under over "
    "between among against about across along through during after before only just both each either neither appears "
    "appear looks look seems seem matches match fits fit ones what how many much you we our your option answer choice correct "
    "best given here color one hue shade tone tint material all overall rather though although due like".split()
)
"""Words that a colour or a material in front of them does not describe."""
_FRAMING = {"far", "bottom", "upper", "lower", "top", "image", "picture"}
_PRONOUNS = {"it", "them", "him", "her"}


_PREDICATE = re.compile(r"(?<!there )\b(?:is|are|was|were|be|appears?|looks?|seems?|painted) (?:[^\s§¬?:=]+ ){0,6}?§(\d)")
_HEAD = re.compile(
    r"\b(?:colou?rs?|materials?)\b (?:(?:is|are|of|does|do|was|were) )*(?:the |this |that )?(.+?)"
    r"(?= (?:of|on|in|worn|by|with|next|near|at|that|who|under|behind|have|carried|made)\b|\?|$)", re.IGNORECASE
)  # fmt: skip
_COMPARED = re.compile(
    r"(?:clos|near|farth|furth|larg|bigg|small|tall|high|low|long|short|wid|old|young|heavi|bright|dark)(?:er|est)"
)
_PARTS = {"hand", "side", "colored", "toned", "tinted", "like", "light", "dark", "deep", "bright", "pale", "off", "and"}
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")


class Scene:
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
        self.compared = next(filter(_COMPARED.fullmatch, asked), "")
        self.described = {pair for pair in pairwise(asked) if pair[0] in known and pair[1] not in _FUNCTION | known}

    def about(self, text: str) -> bool:
        """Whether a clause has a word of the question."""
        return bool(self.topic & set(map(_stem, text.split())))

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
        elif self.compared and (places := [place for place, word in enumerate(said) if self._compares(word)]):
            found = {int(k) for k in re.findall(r"§(\d)", " ".join(said[: places[-1]]))}
        else:
            found = set(named) if self.shared(text) else set()
        return found.pop() if len(found) == 1 else None

    def describes(self, match: re.Match[str]) -> bool:
        """Whether words of an option describe something else than what is asked.

        A colour does that in front of a noun that the question does not have, or that it has with it ("the stripes on
        the green scarf"); a direction, where it is not one from what the question asks about ("on the left side of the
        image"); a number, in front of a unit; "correct" in "the correct answer".
        """
        before, after = match.string[: match.start()].split()[-1:], match.string[match.end() :].split()
        following = after[0] if after and after[0].isalpha() else ""
        if following in ("answer", "option", "choice"):
            return True
        if self.reference:
            said = [*match.string[: match.start()].split(), "§", *after]
            elsewhere = bool(following) and following not in _FUNCTION
            return bool(_FRAMING & set(before)) or (elsewhere and not self._from_reference(said, said.index("§")))
        ordinary = following in _FUNCTION | self.known or _stem(following) in self.topic
        strange = bool(self.topic and following) and following.isascii() and not ordinary
        if self.numbers:
            name = bool(before) and LETTERED.search(f"{before[0]} ") is not None
            return strange or (name and _stem(following) not in self.topic)
        return self.attribute and (strange or (match[0].split()[-1], following) in self.described)

    def parts(self, word: str) -> bool:
        """Whether the parts of a word with hyphens are words of their own: not those of "medium-rare"."""
        parts = plain(word)
        return not self.known & set(parts) or all(part in _PARTS | self.known or part in self.topic for part in parts)

    def _compares(self, word: str) -> bool:
        """Whether a word is the "closer" or "closest" of the question."""
        return word[:4] == self.compared[:4] and _COMPARED.fullmatch(word) is not None

    def _from_reference(self, said: list[str], place: int) -> bool:
        """Whether the words around a direction name what it is taken from: "left of the car", "relative to the car,
        it is on the left"."""
        behind = list(takewhile(lambda word: word not in (",", ":", "and", "or", "but"), said[place + 1 : place + 5]))
        if (self.reference | _PRONOUNS) & set(map(_stem, behind)):
            return True
        return said[0] in ("relative", "compared", "from") and bool(self.reference & set(map(_stem, said[:place])))


def _stem(word: str) -> str:
    return word.removesuffix("s")
