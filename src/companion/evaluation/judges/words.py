"""The words of the rule judge: what means the same, and the phrases that conclude, deny, leave open and take back.

Phrases are patterns over clauses in plain words (`plain`), in which "§1" stands for the second option. Mostly English;
of a few other languages the commonest.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SYNONYMS = """
closer nearer | closest nearest | gray grey | color colour | below beneath underneath under | bigger larger
biggest largest | toward towards | farther further | farthest furthest | left leftmost lefthand leftward leftwards
right rightmost righthand rightward rightwards | wood wooden | metal metallic | same identical equal | taller higher
tallest highest | purple violet | round circular | child kid children kids | man men guy
woman women lady ladies | old elderly | person people persons | sofa couch settee | bicycle bike
motorcycle motorbike | truck lorry | airplane plane aeroplane aircraft | car automobile | television tv
refrigerator fridge | backpack rucksack | suitcase luggage | phone smartphone cellphone | trash garbage rubbish
sidewalk pavement | stroller pram | glasses spectacles | sitting seated sits | standing stands | lying lies
walking walks | running runs | holding holds | cloudy overcast | meter metre meters metres
middle center centre | back rear behind | supermarket grocery | true correct | false incorrect | nobody none
straight ahead forward | up upward upwards | down downward downwards | blond blonde | sad sadness | happy happiness
angry anger | sneaker trainer | 0 zero | 2 two | 3 three | 4 four | 5 five | 6 six | 7 seven
8 eight | 9 nine | 10 ten | 11 eleven | 12 twelve
"""
_SAME = {word: group.split()[0] for group in _SYNONYMS.replace("\n", "|").split("|") for word in group.split()[1:]}
_DROPPED = {"the", "a", "an", "to", "of", "side", "hand"}
_WORD = re.compile(r"§\d|[⺀-鿿가-힯]|[^\W_⺀-鿿가-힯]+(?:[.:/]\d+)*|[,:=]")
_SPELLING = (
    ("no one", "nobody"),
    ("cell phone", "phone"),
    ("mobile phone", "phone"),
    (" at the back of", " behind"),
    ("on top of", "on"),
    ("straight on", "straight ahead"),
    ("not a single", "no"),
    ("can't", "can not"),
    ("won't", "will not"),
    ("n't", " not"),
    ("cannot", "can not"),
    ("'s", " is"),
    ("'re", " are"),
    ("'d", " would"),
    ("'", ""),
)


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
    return list(_plain(text, marks))


@lru_cache(maxsize=16384)  # one question is asked under many perturbations, and its reasonings are much alike
def _plain(text: str, marks: bool) -> tuple[str, ...]:
    text = _LETTER_A.sub(r"\1 AA", text).casefold()
    text = _ONE.sub("1", text)
    for spelling, by in _SPELLING:
        text = text.replace(spelling, by)
    found = [word for word in _WORD.findall(text) if word not in _DROPPED and (marks or word not in ",:=")]
    return tuple(_SAME.get(word, word) for word in found)


NONE = {"no", "0", "nobody"}
"""What an option begins with which says that there is none."""
MINOR = set(
    """
    in on at with is are was be by from as and they it he she there both
    """.split()
)
"""Words of an option that need not be there for it to be meant, if the others tell it apart."""
ASKING = set(
    """
    what which where when there this that with from image picture does following many photo
    """.split()
)
"""Words of questions that say nothing about what is asked."""
ARTICLE = re.compile(r"\s+(?!(?:is|as|because|since|and|or|but|it|fits|matches|then|with|here)\b)[a-z0-9]")
"""What follows an A that is an article."""

_FEW = r"(?:[^\s§¬?,:]+ ){0,4}?"
_LIST = r"§\d(?: ,?(?: ?(?:or|nor|and|y|et|und|ou|oder))? ?§\d)*"
_OTHERS = r"(?: (?!is|are|was|were|it|是|而)[^\s§¬?,:]+)"
_SERIES = rf"{_LIST}(?:(?: ,{_OTHERS}{{1,3}}(?= ,| and| or))?(?: ,)?(?: and| or| nor| ,){_OTHERS}{{0,2}} §\d)*"
"""Options one after the other, with what is no option between them: "a sofa, an old lamp, or a chair"."""
_BE = r"(?:is|are|was|were|can|could|does|do|did|seems?|looks?|must|would|will)"
_SURE = r"(?:clearly|therefore|also|thus|definitely|both|all|simply|then|now|indeed|obviously|most likely)"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


SIGNS = r"(?:evidence|sign|indication|trace|hint|presence|visible|element|feature|cue|mention)s?\b"
"""What is denied together with all that it would be of: "no signs of red, blue or white"."""
DENIED = _any(
    r"\b(?:not|no|nobody|lack|never|neither|nor|rather than|instead|unlike|no longer|rul(?:e|es|ed|ing) out|"
    r"exclud(?:e|es|ed|ing)|eliminat(?:e|es|ed|ing)|discard|dismiss|reject|nicht|kein|keine|pas|no es|ni|不 是|排 除) "
    rf"(?!sure|certain|doubt|question|es )(?:option |choice )?{_FEW}{_SERIES}",
    rf"{_SERIES}(?: ,)? {_BE} (?:{_SURE} )*(?:be )?(?:{_SURE} )*"
    r"(?:not(?! (?:provided|given|known|shown|specified))|wrong|out|ruled out|eliminated|excluded|impossible|false)\b",
    rf"{_LIST}(?: ,)? (?:{_SURE} )?(?:fails?|contradicts?|out)\b",
    rf"\b(?:no|lack) [^§¬?,:]*\b{SIGNS}(?: [^§¬?:]*{_SERIES})+",
    rf"{_LIST} [^§]*\b(?:this one|this|that|which|it) {_BE} (?:{_SURE} )*(?:be )?"
    r"(?:wrong|ruled out|eliminated|excluded)\b",
)
"""Options that are denied: "not B", "neither A nor C", "A and C are ruled out"."""
OPEN = _any(
    r"\b(?:either|might|may|could|possibly|perhaps|maybe|whether|between|possible|possibility|podría|kann|könnte|"
    rf"pourrait) {_FEW}{_LIST}",
    rf"\b(?:determine|decide|tell|see|check|know|asks|asked) (?:if|whether) [^§¬?,:]*{_LIST}",
    rf"{_LIST} (?:(?:is|are|both|also) )*(?:possible|plausible|would have|conceivable)",
    rf"§\d(?: ,)? (?:or|oder|ou|o) {_FEW}§\d(?:(?: ,)? (?:or|oder|ou|o) {_FEW}§\d)*",
    rf"\b(?:than|als|que|compared(?: with)?) {_FEW}§\d",
    r"^(?:if(?! (?:i|you|we) (?!assume|interpret|take|consider))|assuming|suppose)\b"
    r"(?!.*\b(?:choose|must|forced|pick|have)\b).*|.*\bin which case\b.*",
)
"""Options that are left open, or are what another one is compared with."""
_THEN = r"(?: (?:(?!since|because|given|based|as )[^\s§¬?]+ ){0,8}?|[ :,=]*)§(\d)"
STATES = _any(
    r"(?<!suggested )\b(?:answer|statement|conclusion|result|verdict|final|respuesta|réponse|antwort|risposta|resposta|"
    r"opción|opção|ответ)"
    r"(?: [^\s§¬?,:=]+){0,4}?(?: (?:is|are|be|was|es|est|ist|lautet|è|é)\b| :| =|(?= §))" + _THEN,
    r"(?<!each )(?<!every )(?<!first )(?<!second )(?<!third )(?<!last )\b(?:option|choice)"
    r"(?: [^\s§¬?,:=]+){0,4}?(?: (?:is|are|be|was)\b| :| =)" + _THEN,
    r"\b(?:(?:go|going|stick|stay) (?:with|for)|choose|chose|choosing|pick|select|(?<=\bi )say|(?<=would )say"
    r"|(?<=should )say|(?<=must )say|settle|opt|conclude"
    r"|commit|elijo|choisis|wähle)\b" + _THEN,
    r"(?:答 案(?: 应 该)?(?: 是| 为| 选)?|选(?: 择)?|正 解 は|答 え は|정 답 은|답 은)" + _THEN,
    r"^(?:(?:it|that|this) is )?(?:option |choice )?§(\d)$",
    rf"§(\d) (?:it is\b|is (?:{_SURE} )?(?:true|right|best|answer)\b)",
)
"""An option is said to be the answer: "the answer is B", "I go with C", "B is correct", "B."."""
SO = _any(
    r"^(?:,? ?(?:so|therefore|thus|hence|consequently|accordingly|in conclusion|in summary|overall|finally|yes|"
    r"conclusion|as result|donc|daher|also|por lo tanto|entonces|所 以|因 此))\b"
    r"|\b(?:so(?! (?:on|forth|far)\b)|therefore|thus|hence|(?:which|this|that) means?|meaning|making it|makes? it"
    r"|leaves?|leaving|remains?|(?:must|has) be)\b"
    r"|\b(?:match(?:es|ing)?|correspond(?:s|ing)?|consistent with)(?= (?:[^\s§¬?,:=]+ ){0,4}?§)"
)
"""What is said next is a conclusion: "so it is B", "leaving C", "which matches D"."""


SUGGESTS = re.compile(
    r"\b(?:(?:indicat|suggest|show)(?:es|ing|s|ed)|implies|implying|(?:appears|seems|evident|clear|likely) that)\b"
)
"""What is said next is a conclusion if it is about what is asked: "this suggests that the van turned left"."""
REASON = re.compile(
    r" (?:, )?(?:as|because|since|causing|revealing|rather)\b.*"
    r"| , (?!suggest|indicat|imply|show|result|mean|mak|leav)[a-z]+ing\b.*"
)
"""The reason for what was said before it: "the van turned left, as the houses move to the right"."""


def concluded(text: str, cues: re.Pattern[str], after: re.Match[str] | None) -> int | None:
    """The only option that is named after words that announce a conclusion."""
    cue = cues.search(text, after.end() if after else 0)
    options = set(re.findall(r"§(\d)", text[cue.end() :])) if cue else set()
    return int(options.pop()) if len(options) == 1 else None


LISTED = re.compile(r"\b(?:options|choices|answers?|ones?)\b[^§?]*[§?]\d(?: ,?(?: ?(?:and|or))? ?[§?]\d){2,}")
"""The options are only listed: "from the given options: A, B, C"."""
REPORTED = re.compile(
    r"^(?!as |according )(?:[^\s§¬?,:]+ ){0,2}?(?:caption|description|hint|note|user|prompt|someone|somebody)\b"
    r"[^§¬?:]*\b(?:says?|said|states?|stated|claims?|claimed|suggests?|suggested|describes?|described|mentions?|mentioned)\b"
    r"(?:(?! , (?:so|therefore|thus|hence|yet|while|whereas|but|answer|which|i|we|it)\b).)*"
)
"""What somebody else says, up to where the reasoning goes on in words of its own: "the caption says that it is B"."""
TOTAL = re.compile(
    r"^(?:so|thus|therefore)? ?,? ?(?:in total|in all|total|altogether)\b[^§¬?]{0,40}?§(\d)"
    r"|\btotal(?: (?:number|count)(?: [^\s§¬?,:=]+){0,4}?)?(?: (?:is|are|was|comes))?[ :=]*§(\d)"
)
"""What a count comes to: "a total of 5", "in all there are 5: 2 here and 3 there"."""


def last(pattern: re.Pattern[str], text: str, after: re.Match[str] | None) -> int | None:
    """The option of the last place where the pattern fits, after another one."""
    places = list(pattern.finditer(text, after.end() if after else 0))
    return next((int(k) for m in places[-1:] for k in m.groups() if k), None)


AFTERTHOUGHT = re.compile(r"^,? ?(?:and |so )?(?:but|however)\b(?!.*\b(?:wait|actually)\b)")
"""What is said next limits what was said before, and need not overturn it."""
TURNS = re.compile(
    r"^,? ?(?:(?:oh|ah|ok|okay|and|so) ,? ?)?"
    r"(?:wait|hmm+|hm|hold on|actually|however|but|no(?= ,)|let me|on second thought|in (?:fact|reality)|"
    r"(?:up)?on (?:closer|further|another) [^\s§¬?,:]+|on reflection|correction|sorry|oops|"
    r"looking (?:[^\s§¬?,:]+ ){0,3}?(?:again|closer|more closely|more carefully))\b"
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
UNFINISHED = re.compile(r"(?:=|\b(?:is|are|equals|be)[\s\\(]*)\s*$")
"""The end of a text whose last word, a value, stands in the answer."""
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
    rf"(?! {SIGNS})"
    r"|no (?:[^\s§]+ ){1,3}(?:is|are|can be|appears?|exists?)\b)|\banswer is no\b|\babsent\b"
    r"|\bnot (?:contain|present|visible|show)\b|\bstatement is (?:false|not)\b"
)
_NOT_NEEDED = r"needed|required|necessary"
_IDLE = tuple(
    (re.compile(rf"\b{pattern}", re.IGNORECASE), by)
    for pattern, by in (
        (
            r"no(?= (?:real |great |further |more )?(needs?|doubts?|problems?|worr(?:y|ies)|matter|wonder|surprise|"
            r"ideas?|clues?|hurry|rush|tricks?|reason (?:to|for)|point in|harm in|"
            r"questions?(?= that|,| about|\W*$))\b)",
            "little",
        ),
        (rf"no(?= (?:[\w-]+ ){{1,3}}?(?:is |are |was |were |seems? |seemed )?({_NOT_NEEDED})\b)", "little"),
        (r"no(?= (way) (?:to|of) (?:tell|know|say|be|being|decid|verify|determin|choos))", "hardly a"),
        (r"(?:nobody|no one)(?= (needs?|doubts?|knows?|can (?:doubt|deny|tell|say|know))\b)", "few"),
        (r"not(?= much (?:more |else )?(to) (?:think|say|add|look|see|consider)\b)", "hardly"),
        (r"no\. ?(?=(\d))", "number "),
    )
)
"""Where a "no" says nothing of what is seen: "no need to think", "no doubt", "no picture is needed", "no. 5"; and what
stands for it. In its group is what would be denied, which a question may ask about ("Is there a problem?")."""


def without_idle(text: str, question: str) -> str:
    """A reasoning in which "no" and the like are left where they may answer the question."""
    asked = question.casefold()
    for pattern, by in _IDLE:
        text = pattern.sub(lambda m, by=by: m[0] if _asks(asked, m[1]) else by, text)  # type: ignore[misc]
    return text


def _asks(question: str, noun: str) -> bool:
    """Whether a question has the first word of what is denied, whatever its ending."""
    stem = noun.casefold().split()[0].removesuffix("s")
    return stem != "to" and re.search(rf"\b{re.escape(stem[:6])}", question) is not None


IS_NOT = re.compile(r"\b(?:is|are|was|were|does|do|did|has|have) not (?P<rest>.*)")
"""A no, where what is denied is what the question asks: "Blue does not have the largest share"."""
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
