"""The rule judge: to which option does a reasoning commit last, by its words alone?

It reads sentence by sentence, with every option that a sentence names, by letter, text or synonym, written as a mark.
A sentence may *conclude* an option ("so the answer is B"; the claim of an option, word for word), only *mention* it,
*rule it out* ("it can't be A"), leave it *open* ("could be A"), or *take back* what was said. The last conclusion
counts; a mention counts where nothing was concluded yet, or after a turn ("Wait, actually …"); and if all options but
one were ruled out, that one. What has to be inferred ("its first digit has two loops") it cannot see:
`companion judge benchmarks/judge_pairs.jsonl` tells how often it errs, style by style.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from companion.judges import Case, Verdict, compare
from companion.questions import LETTERS


@dataclass(frozen=True)
class Commitment:
    """option: index, or None. sentence: the words that commit to it, or "" where none do."""

    option: int | None
    sentence: str = ""


class Rule:
    """The judge of `committed`; it always has a verdict."""

    name = "rule"
    identity = "rule-1"

    def judge(self, cases: Sequence[Case]) -> list[Verdict | None]:
        found = [committed(case.think, case.options, case.question.claims, case.question.text) for case in cases]
        return [compare(case, one.option, one.sentence) for case, one in zip(cases, found, strict=True)]


def committed(think: str, options: Sequence[str], claims: Sequence[str] = (), question: str = "") -> Commitment:
    """The option to which a reasoning commits last.

    options: those shown, 2 to 6. claims: a sentence that asserts it for each of the first options, where there are
    such; an added "I'm not sure" has none. question: its words tell a sentence that answers it from a description.
    """
    reader = _reader(tuple(options), tuple(claims), question)
    now, firmness, turned = Commitment(None), -1, False
    out: set[int] = set()
    for sentence in sentences(think):
        said = reader.read(sentence)
        out = (out | said.out) - said.named
        if said.takes_back or said.elsewhere or now.option in said.out or (said.leaves_open and firmness < _FIRM):
            now, firmness = Commitment(None), -1
        turned = turned or said.turns
        if said.option is not None and (turned or said.firmness >= firmness):
            now, firmness, turned = Commitment(said.option, sentence), said.firmness, turned and said.firmness < _FIRM
    left = set(range(len(options))) - out
    if now.option is None and out and len(left) == 1:
        return Commitment(left.pop(), "all others are ruled out")
    return now


def sentences(think: str) -> list[str]:
    """The sentences of a reasoning, without maps, coordinates, markup and LaTeX."""
    text = unicodedata.normalize("NFKC", think)
    for pattern, by in _MARKUP:
        text = pattern.sub(by, text)
    return [part.strip() for part in _END.split(text) if part.strip(" \t,:-")]


_MARKUP = [
    (re.compile(pattern, re.DOTALL | re.MULTILINE), by)
    for pattern, by in (
        (r"```.*?(?:```|\Z)", "\n"),
        (r"<(?!think|answer)(\w+)\b[^<>]*>.*?</\1>", "\n"),
        (r"</?\w+[^<>]*>", "\n"),
        (r"\\boxed\s*\{((?:\\\w+\{)?[^{}]*\}?)\}", r" the answer is \1 "),
        (r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}", r"\1"),
        (r"\{[^{}]*:[^{}]*\}", " "),
        (r"\[\s*-?\d[\d\s,.-]*\]|\(\s*-?\d[\d.]*\s*(?:,\s*-?[\d.]+\s*)+\)", " "),
        (r"[*_`#$~]+|^\s*[>|-]+", ""),
        (r"[“”„«»\"「」『』]", " "),
        (r"[’‘]", "'"),
        (r"[→⇒⟹]", ": "),
    )
]
_END = re.compile(
    r"[\n。！？!?;；]+|\.{2,}|…|(?<!\b[A-F])(?<!\b\d)\.(?=\s|\)|'|$)|(?<=\b[A-F])\.(?=\s+[A-Z]|\s*$)|(?<=\d)\.(?=\s+[A-Z]|\s*$)"
)


@dataclass(frozen=True)
class _Said:
    """What a sentence does. named: options that it names without denying or leaving open. out: those it denies.

    option: the one that it commits to, or None; firmness: 2 if it concludes it, 1 if it names it in words of the
    question, 0 if it only names it. elsewhere: whether it concludes what is no option ("so the answer is pink").
    """

    option: int | None
    firmness: int
    named: frozenset[int]
    out: frozenset[int]
    turns: bool
    takes_back: bool
    leaves_open: bool
    elsewhere: bool


_FIRM = 2


@lru_cache(maxsize=512)
def _reader(options: tuple[str, ...], claims: tuple[str, ...], question: str) -> _Reader:
    return _Reader(options, claims, question)


class _Reader:
    """Reads sentences about some options."""

    def __init__(self, options: tuple[str, ...], claims: tuple[str, ...], question: str) -> None:
        self.count = len(options)
        forms = [_words(option) for option in options]
        if all(form[:1] in (["yes"], ["no"]) and len(form) > 1 for form in forms):
            forms = [form[1:] for form in forms]
        shared = set.intersection(*(set(form) for form in forms))
        self.claims = {" ".join(_words(claim)): index for index, claim in enumerate(claims) if claim}
        self.whole = _finder(forms)
        self.telling = _finder([[word for word in form if word not in shared] for form in forms])
        self.yes, self.no = (
            next((k for k, form in enumerate(forms) if form == [word]), None) for word in ("yes", "no")
        )
        self.asked = (
            {word for word in _words(question) if len(word) > 3} - _QUESTION - {w for form in forms for w in form}
        )
        self.read = lru_cache(maxsize=4096)(self._read)

    def _read(self, sentence: str) -> _Said:
        text = self.marked(sentence)
        out = {int(k) for m in _DENIED.finditer(text) for k in re.findall(r"§(\d)", m[0])}
        text = _DENIED.sub(lambda m: m[0].replace("§", "¬"), text)
        text = _UNDECIDED.sub(lambda m: m[0].replace("§", "?"), text)
        named = frozenset(int(k) for k in re.findall(r"§(\d)", text))
        turns, given_up = _TURNS.search(text) is not None, _TAKES_BACK.search(text)
        concluded = [m[1] or m[2] or m[3] for m in _CONCLUDES.finditer(text, given_up.end() if given_up else 0)]
        leaves_open = len(set(re.findall(r"\?(\d)", text))) > 1
        elsewhere = not named and not out and _ELSEWHERE.search(text) is not None
        option, firmness = None, 0
        claimed = self.claims.get(" ".join(_words(sentence)))
        if claimed is not None:
            option, firmness = claimed, _FIRM
        elif concluded:
            option, firmness = int(concluded[-1]), _FIRM
        elif len(named) == 1 and not (given_up or leaves_open):
            option, firmness = next(iter(named)), int(self._answers(text))
        elif not named and self.yes is not None and self.no is not None:
            option = self.no if _NO.search(text) else self.yes if _YES.search(text) else None
            firmness = int(self._answers(text))
        return _Said(option, firmness, named, frozenset(out), turns, given_up is not None, leaves_open, elsewhere)

    def _answers(self, text: str) -> bool:
        """Whether a sentence shares at least half of the question's words."""
        return bool(self.asked) and 2 * len(self.asked & set(text.split())) >= len(self.asked)

    def marked(self, sentence: str) -> str:
        """The sentence in plain words, with "§1" wherever the second option is named."""
        letters = LETTERS[: self.count]
        sentence = re.sub(rf"(?<![\w'])\(?([{letters}])(?:\)|(?![\w']))", lambda m: self._letter(m, sentence), sentence)
        text = " ".join(_words(sentence, keep=",:=§"))
        found = self.whole.sub(lambda m: f"§{m.lastgroup[1:]}", text) if self.whole else text  # type: ignore[index]
        if self.telling and "§" not in found:
            found = self.telling.sub(lambda m: f"§{m.lastgroup[1:]}", found)  # type: ignore[index]
        return re.sub(r"(§\d)(?: [:,=]? ?\1)+", r"\1", found)

    def _letter(self, match: re.Match[str], sentence: str) -> str:
        """An A that opens "A man" is an article."""
        after = sentence[match.end() :]
        if match[0] == "A" and re.match(
            r"\s+(?!is\b|as\b|because\b|since\b|and\b|or\b|but\b|it\b|fits\b|matches\b)[a-z0-9]", after
        ):
            return match[0]
        return f" §{LETTERS.index(match[1])} "


def _finder(forms: list[list[str]]) -> re.Pattern[str] | None:
    """Finds the options by their words, the longest first; an option without words of its own is not found."""
    order = sorted((k for k, form in enumerate(forms) if form), key=lambda k: -len(forms[k]))
    parts = [rf"(?P<o{k}>{' '.join(map(_any_number, forms[k]))})" for k in order if forms.count(forms[k]) == 1]
    return re.compile(rf"(?<!\S)(?:{'|'.join(parts)})(?!\S)") if parts else None


def _any_number(word: str) -> str:
    """A pattern for a word in singular and plural."""
    return re.escape(word.removesuffix("s")) + "(?:s|es)?" if len(word) > 3 and word.isalpha() else re.escape(word)


_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SAME = {word: str(number) for number, word in enumerate(_NUMBERS) if word != "one"} | {
    "nearer": "closer", "nearest": "closest", "grey": "gray", "colour": "color", "beneath": "below",
    "underneath": "below", "under": "below", "atop": "on", "larger": "bigger", "largest": "biggest",
    "towards": "toward", "further": "farther", "furthest": "farthest", "couch": "sofa", "bike": "bicycle",
    "leftmost": "left", "rightmost": "right", "lefthand": "left", "righthand": "right", "wooden": "wood",
    "metallic": "metal", "rear": "back", "lorry": "truck", "firetruck": "fire engine", "children": "child", "men": "man", "women": "woman", "identical": "same", "equal": "same",
}  # fmt: skip
"""Words that mean the same here; options and reasoning are both written in those on the right."""
_DROPPED = {"the", "a", "an", "to", "of", "side", "hand"}
_WORD = re.compile(r"§\d|[⺀-鿿가-힯]|[^\W_⺀-鿿가-힯]+(?:[.:/]\d+)*|[,:=]")


def _words(text: str, keep: str = "") -> list[str]:
    """Words in one form: lower case, no articles, no plural s, synonyms and number words replaced."""
    found = []
    for word in _WORD.findall(
        text.casefold().replace("n't", " not").replace("cannot", "can not").replace("'s", " is").replace("'", "")
    ):
        if word in ",:=":
            if word in keep:
                found.append(word)
            continue
        if word not in _DROPPED:
            found.append(_SAME.get(word, word))
    return found


_FEW = r"(?:[^\s§¬?,:]+ ){0,4}?"
_LIST = r"§\d(?: ,?(?: ?(?:or|nor|and|y|et|und|ou))? ?§\d)*"
_DENIED = re.compile(
    rf"\b(?:not|never|neither|nor|rather than|instead|unlike|rul(?:e|es|ed|ing) out|exclud(?:e|es|ed|ing)|"
    rf"eliminat(?:e|es|ed|ing)|discard|dismiss|reject|nicht|kein|keine|pas|no es|ni|不 是|排 除) (?!sure|certain)(?:option |choice )?"
    rf"{_FEW}{_LIST}"
    rf"|{_LIST} {_FEW}(?:(?:is|are|was|can|does|do|seems?|looks?|must|would|could) )?(?:be )?"
    rf"(?:(?:clearly|therefore|also|thus|definitely|both|all) )?"
    rf"(?:wrong|incorrect|not|out|ruled out|eliminated|excluded|impossible|false|fails?|contradicts?)\b"
)
"""Options that are denied: "not B", "neither A nor C", "A and C are ruled out"."""
_UNDECIDED = re.compile(
    rf"\b(?:either|might|may|could|possibly|perhaps|maybe|whether|if|between|possible|possibility|podría|kann|könnte|pourrait) {_FEW}{_LIST}"
    rf"|{_LIST} (?:(?:is|are|both|also) )*(?:possible|plausible|would have|conceivable)"
    rf"|§\d(?: ,)? (?:or|oder|ou|o) {_FEW}§\d(?:(?: ,)? (?:or|oder|ou|o) {_FEW}§\d)*|\b(?:than|als|que) {_FEW}§\d"
)
"""Options that are left open, or are what another one is compared with."""
_ANSWER = (
    r"\b(?:answer|option|choice|conclusion|result|verdict|final|respuesta|réponse|antwort|risposta|resposta|opción|opção|ответ)"
    r"(?: [^\s§¬?,:=]+){0,4}?(?: (?:is|are|be|was|es|est|ist|lautet|è|é)\b| :| =|(?= §))"
)
_CONCLUDES = re.compile(
    rf"(?:{_ANSWER}|\b(?:go|going|choose|chose|pick|select|say|settle|opt|conclude|stick|stay|commit|elijo|choisis|wähle)\b"
    rf"|^(?:,? ?(?:so|therefore|thus|hence|consequently|accordingly|in conclusion|in summary|overall|finally|final|yes|"
    rf"conclusion|donc|daher|also|por lo tanto|entonces|所 以|因 此))\b"
    rf"|\b(?:so|therefore|thus|hence|which means?|meaning|making it|makes? it|leaves?|leaving|remains?|must be)\b"
    rf"|答 案(?: 应 该)?(?: 是| 为| 选)?|选(?: 择)?|正 解 は|答 え は|정 답 은|답 은)"
    rf"(?: (?:[^\s§¬?]+ ){{0,8}}?|[ :,=]*)§(\d)"
    rf"|^(?:(?:it|that|this) is )?§(\d)$|§(\d) (?:it is\b|is (?:therefore |thus |clearly |indeed |definitely )?(?:correct|right|best|answer|most)\b)"
)
"""What an option is concluded with: "so the answer is B", "leaving C", "B is correct"."""
_TURNS = re.compile(
    r"\b(?:wait|hmm+|hm|hold on|actually|however|but|let me|on second thought|in fact|looking)\b|等 等|不 对"
)
_TAKES_BACK = re.compile(
    r"\b(?:that|this|it) (?:is|was|must be) (?:also )?(?:wrong|incorrect|mistake)\b|\b(?:is|was|can|could) not (?:be )?(?:right|correct|true)\b"
    r"|\bscratch that\b|\btake (?:that|it) back\b|\bi was wrong\b|\bmy mistake\b|\bi misread\b|\b(?:withdraw|retract|drop it)\b"
    r"|\b(?:can not|could not|not|unable|impossible|hard|difficult|no way) (?:be )?(?:reliably |really )?(?:tell|say|determined?|decided?|sure|certain|"
    r"know|choose|commit|distinguish(?:ed)?|verif(?:y|ied)|keep|judge|clear|possible decide)\b"
    r"|\bundetermined\b|\bno (?:definite|clear) (?:choice|answer)\b|无 法|不 能 确 定|no es posible|imposible|impossible de|unmöglich|kein ergebnis"
)
"""What was said is taken back, or the question given up."""
_ELSEWHERE = re.compile(
    r"^(?:so|therefore|thus|hence) ,? ?answer is(?: (?!clear|obvious|simple|yes|no\b)[^\s§¬?,:=]+){1,3}$"
)
"""A conclusion in the form of an option that is none of them."""
_YES = re.compile(
    r"^,? ?(?:so |therefore |thus |hence )?,? ?(?:yes\b|there (?:is|are) (?:indeed|definitely|clearly)|indeed there)|\banswer is yes\b"
)
_NO = re.compile(
    r"^,? ?(?:so |therefore |thus |hence )?,? ?(?:no ,|no$|there (?:is|are) (?:no|not)\b)|\banswer is no\b"
)
_QUESTION = {
    "what",
    "which",
    "where",
    "when",
    "there",
    "this",
    "that",
    "with",
    "from",
    "image",
    "picture",
    "does",
    "following",
    "many",
}
