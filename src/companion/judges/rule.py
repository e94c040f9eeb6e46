"""The rule judge: to which option does a reasoning commit last, by its words alone?

It reads clause by clause, with every option that a clause names, by letter, text or synonym, written as a mark. A
clause may *conclude* an option ("so the answer is B"; the claim of an option, word for word), only *mention* it,
*deny* it ("it can't be A"), leave it *open* ("could be A"), or *take back* what was said. The last conclusion counts; a
mention counts where nothing was concluded yet, or after a turn ("Wait, actually …"); and if all options but one were
denied, that one. What has to be inferred ("its first digit has two loops") it cannot see: `companion judge
benchmarks/judge_pairs.jsonl` tells how often it errs, style by style. Its words are in `judges/words.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from companion.judges import Case, Verdict, compare, words
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


STATED, SO, ANSWERS, NAMED = 3, 2, 1, 0
"""How firmly a clause commits: says that it is the answer; draws it as a conclusion; names it in words of the question;
only names it."""


def committed(think: str, options: Sequence[str], claims: Sequence[str] = (), question: str = "") -> Commitment:
    """The option to which a reasoning commits last.

    options: those shown, 2 to 6. claims: a sentence that asserts it for each of the first options, where there are
    such; an added "I'm not sure" has none. question: its words tell a clause that answers it from a description.
    """
    reader = _reader(tuple(options), tuple(claims), question)
    now, firmness, turned = Commitment(None), NAMED, False
    denied: set[int] = set()
    for clause in clauses(think):
        said = reader.read(clause)
        denied = (denied | said.denied) - said.named
        turned = turned or said.turns
        if said.takes_back or now.option in said.denied or (said.leaves_open and firmness < STATED):
            now, firmness = Commitment(None), NAMED
        if said.option is not None and (said.firmness >= firmness or turned):
            now, firmness, turned = Commitment(said.option, clause), said.firmness, turned and said.firmness < SO
    left = set(range(len(options))) - denied
    if now.option is None and denied and len(left) == 1:
        return Commitment(left.pop(), "all others are ruled out")
    cut = think.rstrip()[-1:].isalnum()  # what is only named in a text that breaks off may be on its way elsewhere
    return Commitment(None) if cut and firmness == NAMED else now


def clauses(think: str) -> list[str]:
    """The sentences of a reasoning, parted before "but" and "however", without maps, coordinates, markup and LaTeX."""
    text = unicodedata.normalize("NFKC", think)
    for pattern, by in _MARKUP:
        text = pattern.sub(by, text)
    return [part.strip() for part in _END.split(text) if part.strip(" \t,:-")]


_MARKUP = [
    (re.compile(pattern, re.DOTALL | re.MULTILINE), by)
    for pattern, by in (
        (r"```.*?(?:```|\Z)", "\n"),
        (r"<(?!think|answer)(\w+)\b[^<>]*>.*?</\1>", "\n"),
        (r"</?\w+[^<>]*>|^\s*\|.*\|\s*$", "\n"),
        (r"\\boxed\s*\{((?:\\\w+\{)?[^{}]*\}?)\}", r" the answer is \1 "),
        (r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}", r"\1"),
        (r"\{[^{}]*:[^{}]*\}", " "),
        (r"\[\s*-?\d[\d\s,.-]*\]|\(\s*-?\d[\d.]*\s*(?:,\s*-?[\d.]+\s*)+\)", " "),
        (r"[*_`#$~§¬]+|^\s*[>|-]+", ""),
        (r"[“”„«»\"「」『』]", " "),
        (r"[’‘]", "'"),
        (r"[→⇒⟹]", ": "),
    )
]
_END = re.compile(
    r"[\n。！？!?;；]+|\.{2,}|…"
    r"|(?<!\b[A-F])(?<!\b\d)\.(?=\s|\)|'|$)"  # a full stop, unless after a letter or a number …
    r"|(?<=\b[A-F0-9])\.(?=\s+[A-Z]|\s*$)"  # … that does not open a list
    r"|,? (?=but\b|however\b)"
)


@dataclass(frozen=True)
class _Said:
    """What a clause does. option: the one that it commits to, or None, and how firmly. named: options that it names
    without denying or leaving them open. takes_back: also where it concludes what is no option ("the answer is pink").
    """

    option: int | None
    firmness: int
    named: frozenset[int]
    denied: frozenset[int]
    turns: bool
    takes_back: bool
    leaves_open: bool


@lru_cache(maxsize=512)
def _reader(options: tuple[str, ...], claims: tuple[str, ...], question: str) -> _Reader:
    return _Reader(options, claims, question)


_LONGEST = 80
"""Of a clause of more words (text that repeats itself without an end) the last so many are read."""


class _Reader:
    """Reads clauses about some options."""

    def __init__(self, options: tuple[str, ...], claims: tuple[str, ...], question: str) -> None:
        self.count = len(options)
        forms = [words.plain(re.sub(r"\s*\(.*?\)", "", option) or option) for option in options]
        forms = [form[1:] if form[:1] in (["yes"], ["no"]) and len(form) > 1 else form for form in forms]
        shared = set.intersection(*(set(form) for form in forms))
        telling = [[word for word in form if word not in shared] for form in forms]
        major = [[word for word in form if word not in words.MINOR] for form in telling]
        telling = telling if [] in major or len(set(map(tuple, major))) < self.count else major
        self.claims = {" ".join(words.plain(claim)): index for index, claim in enumerate(claims) if claim}
        self.whole, self.telling = _finder(forms), _finder(telling)
        self.forms, self.loose = forms, telling
        self.yes = forms.index(["yes"]) if ["yes"] in forms else None
        self.no = next((k for k, form in enumerate(forms) if form and form[0] in words.NONE), None)
        known = {word for form in forms for word in form}
        self.asked = {word for word in words.plain(question) if len(word) > 3} - words.ASKING - known
        self.read = lru_cache(maxsize=4096)(self._read)

    def _read(self, clause: str) -> _Said:
        text = self.marked(clause)
        denied = {int(k) for m in words.DENIED.finditer(text) for k in re.findall(r"§(\d)", m[0])}
        text = re.sub("|".join(f"§{k}" for k in denied), "¬", text) if denied else text
        text = words.OPEN.sub(lambda m: m[0].replace("§", "?"), text)
        named = frozenset(int(k) for k in re.findall(r"§(\d)", text))
        back = words.TAKES_BACK.search(text)
        elsewhere = not named and not denied and words.ELSEWHERE.search(text)
        leaves_open = len(set(re.findall(r"\?(\d)", text))) > 1 and not words.RESTATES.search(text)
        option, firmness = None, NAMED
        if (claimed := self.claims.get(" ".join(words.plain(clause)))) is not None:
            option, firmness = claimed, STATED
        elif (found := words.last(words.STATES, text, back)) is not None:
            option, firmness = found, STATED
        elif (found := words.last(words.SO, text, back)) is not None:
            option, firmness = found, SO
        elif len(named) == 1 and not (back or leaves_open):
            option, firmness = next(iter(named)), ANSWERS if self._answers(text) else NAMED
        elif self.no is not None and not (named or denied or back):
            option = self.no if words.NO.search(text) else self.yes if words.YES.search(text) else None
            firmness = SO if words.SO_YES.search(text) else ANSWERS if self._answers(text) else NAMED
        turns = words.TURNS.search(text) is not None
        return _Said(option, firmness, named, frozenset(denied), turns, bool(back or elsewhere), leaves_open)

    def _answers(self, text: str) -> bool:
        """Whether a clause shares at least half of the question's words."""
        return bool(self.asked) and 2 * len(self.asked & set(text.split())) >= len(self.asked)

    def marked(self, clause: str) -> str:
        """The clause in plain words, with "§1" wherever the second option is named."""
        letters = LETTERS[: self.count]
        clause = re.sub(rf"(?<![\w'])\(?([{letters}])(?:\)|(?![\w']))", lambda m: _letter(m, clause), clause)
        text = " ".join(words.plain(clause, marks=True)[-_LONGEST:])
        found = self.whole.sub(_mark, text) if self.whole else text
        named = set(re.findall(r"§(\d)", found))
        if self.telling and not named:
            found = self.telling.sub(_mark, found)
            named = set(re.findall(r"§(\d)", found))
        loose = self._loosely(text)
        if loose is not None and all(set(self.forms[int(k)]) < set(self.loose[loose]) for k in named):
            said, form = text.split(), set(self.loose[loose])
            place = min(said.index(word) for word in form)
            found = " ".join([*said[:place], f"§{loose}", *(word for word in said[place:] if word not in form)])
        return re.sub(r"(§\d)(?: [:,=]? ?\1)+", r"\1", found)

    def _loosely(self, text: str) -> int | None:
        """The one option all of whose telling words are there, in any order; the longest, if one holds another."""
        said = set(text.split())
        there = [k for k, form in enumerate(self.loose) if len(form) > 1 and set(form) <= said]
        there = [k for k in there if not any(set(self.loose[k]) < set(self.loose[j]) for j in there)]
        return there[0] if len(there) == 1 else None


def _mark(match: re.Match[str]) -> str:
    return f"§{(match.lastgroup or '')[1:]}"


def _letter(match: re.Match[str], clause: str) -> str:
    """The mark of a letter; an A that opens "A man" is an article."""
    if match[0] == "A" and words.ARTICLE.match(clause, match.end()):
        return match[0]
    return f" §{LETTERS.index(match[1])} "


def _finder(forms: list[list[str]]) -> re.Pattern[str] | None:
    """Finds the options by their words, the longest first; those without words of their own are not found."""
    order = sorted((k for k, form in enumerate(forms) if form), key=lambda k: -len(forms[k]))
    parts = [rf"(?P<o{k}>{' '.join(map(_any_number, forms[k]))})" for k in order if forms.count(forms[k]) == 1]
    return re.compile(rf"(?<!\S)(?:{'|'.join(parts)})(?!\S)") if parts else None


def _any_number(word: str) -> str:
    """A pattern for a word with its endings."""
    return re.escape(word.removesuffix("s")) + "(?:s|es|d|ed)?" if len(word) > 3 and word.isalpha() else re.escape(word)
