"""The rule judge: to which option does a reasoning commit last, by its words alone?

It reads clause by clause, with every option that a clause names, by letter, text or synonym, written as a mark. A
clause may *state* an option ("the answer is B"), *conclude* it ("so it is blue"; a sentence about what is asked; the
claim of an option, word for word: a perturbation may have put it there, so that it states nothing), only *mention* it
(also where it tells what others say), *deny* it ("it can't be A"), leave it *open* ("could be A"), or *take back* what
was said. The options gone through line by line are one statement: that of the line that says yes.
What was stated last counts, else what was concluded last; mentions count only if all are of one option; and if all
options but one were denied, that one, unless the conclusion is none of them. Of a calculation only its last line
counts. Where words do not decide, there is no commitment: a description ("on the left side of the image", "the gray
pavement") is none. What has to be inferred ("its first digit has two loops") it cannot see. How often it errs:
`companion judge results/labelled/judge_pairs.jsonl` on written pairs, `measured_error` on outputs of real models. Its
words are in `words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from companion.evaluation.judges import words
from companion.evaluation.judges.asked_about import AskedAbout
from companion.evaluation.judges.clauses import clauses_of, listings, plain_text
from companion.evaluation.judges.verdicts import Case, Verdict, verdict_on
from companion.questions.question import LETTERS


@dataclass(frozen=True)
class Commitment:
    """option: index, or None. sentence: the words that commit to it, or "" where none do."""

    option: int | None
    sentence: str = ""


class Rule:
    """The judge of `final_commitment`; it always has a verdict.

    measured: the judge whose error on outputs of real models is known (`measured_error`). Those outputs had no
    reasoning prefix, and were not looked at again since this one was mended: of claims that a prefix put there, of a
    "no" that denies nothing or something else, of totals, reports, turns and comparisons. On 85 outputs of real models
    both find the same.
    """

    name = "rule"
    identity = "rule-3.2"
    measured = "rule-3"

    def judge(self, cases: Sequence[Case]) -> list[Verdict | None]:
        found = [final_commitment(case.think, case.options, case.question.claims, case.question.text) for case in cases]
        return [verdict_on(case, one.option, one.sentence) for case, one in zip(cases, found, strict=True)]


STATED, CONCLUDED, MENTIONED = 2, 1, 0
"""How firmly a clause commits: says that it is the answer; concludes it, or answers the question in its own words; only
names it."""


def final_commitment(think: str, options: Sequence[str], claims: Sequence[str] = (), question: str = "") -> Commitment:
    """The option to which a reasoning commits last.

    options: those shown, 2 to 6. claims: a sentence that asserts it for each of the first options, where there are
    such; an added "I'm not sure" has none. question: its words tell a clause that answers it from a description.
    """
    # 1) What its clauses do; of a calculation, only what it comes to.
    reader = _reader(tuple(options), tuple(claims), question)
    text = words.without_idle(plain_text(think), question)
    clauses = list(reader.statements(text))
    if reader.values and re.search(r"[=≈]|\\frac", text):
        clauses = _last_value(clauses)

    # 2) Where it stands after the last of them.
    standing = _Standing()
    for clause, said in clauses:
        standing.hear(clause, said)

    # 3) What that amounts to.
    if reader.values and standing.firmness < STATED and words.UNFINISHED.search(text):
        return Commitment(None)  # what it comes to stood in the answer
    return standing.at_the_end(len(options), cut=text.rstrip()[-1:].isalnum())


def _last_value(clauses: Sequence[tuple[str, _Said]]) -> list[tuple[str, _Said]]:
    """Of a calculation, what is stated, and the last clause with a value: those on its way to the result are none."""
    last = max((place for place, (clause, _) in enumerate(clauses) if re.search(r"\d", clause)), default=0)
    return [one for place, one in enumerate(clauses) if place >= last or one[1].firmness == STATED]


@dataclass(frozen=True)
class _Said:
    """What a clause does. option: the one that it commits to, or None, and how firmly. named: options that it names
    without denying or leaving them open; beside: those whose words describe something else. takes_back: also where it
    concludes what is no option ("the answer is pink"). elsewhere: it answers the question, and with no option.
    """

    option: int | None = None
    firmness: int = MENTIONED
    named: frozenset[int] = frozenset()
    beside: frozenset[int] = frozenset()
    denied: frozenset[int] = frozenset()
    turns: bool = False
    takes_back: bool = False
    leaves_open: bool = False
    elsewhere: bool = False


@dataclass
class _Standing:
    """Where a reasoning stands, clause by clause.

    now: what it commits to, firmness: how firmly. turned: something like "Wait" was said, and no commitment since.
    mentioned: options that are only named, each with a clause that does. denied: options that are. beside: those whose
    words describe something else.
    """

    now: Commitment = Commitment(None)
    firmness: int = MENTIONED
    turned: bool = False
    mentioned: dict[int, str] = field(default_factory=dict)
    denied: set[int] = field(default_factory=set)
    beside: set[int] = field(default_factory=set)

    def hear(self, clause: str, said: _Said) -> None:
        """Go on by a clause, and what it does."""
        self._deny(said)
        self._unsettle(clause, said)
        self.beside |= said.beside
        if said.option is None:
            self.mentioned |= dict.fromkeys(said.named - self.mentioned.keys(), clause)
        elif said.firmness == MENTIONED:
            if self.turned:  # what is seen after "Wait" replaces what was said before it
                self.now, self.firmness, self.turned = Commitment(None), MENTIONED, False
                self.mentioned, self.beside = {}, set()
            self.mentioned[said.option] = clause
        elif said.firmness >= self.firmness or self.turned:
            self.now, self.firmness, self.turned = Commitment(said.option, clause), said.firmness, False

    def at_the_end(self, options: int, cut: bool) -> Commitment:
        """The last commitment, else the only option mentioned, else the only one not denied.

        options: how many there are. cut: the text breaks off, so that what is only named may be on its way elsewhere.
        """
        if self.now.option is not None:
            return self.now
        if len(self.mentioned) == 1 and self.beside <= self.mentioned.keys() and not cut:
            return Commitment(*self.mentioned.popitem())
        left = set(range(options)) - self.denied
        if self.denied and len(left) == 1:
            return Commitment(left.pop(), "all others are ruled out")
        return Commitment(None)

    def _deny(self, said: _Said) -> None:
        """A denial holds until its option is named again, or the question is answered with no option."""
        before = set() if said.elsewhere else self.denied
        self.denied = (before | said.denied) - said.named
        self.mentioned = {option: clause for option, clause in self.mentioned.items() if option not in said.denied}

    def _unsettle(self, clause: str, said: _Said) -> None:
        """A turn lets the next commitment replace a firmer one, unless it is but an afterthought to a statement. What
        is taken back, denied, or left open before it was stated, is no commitment any more."""
        if said.turns and not (self.firmness == STATED and words.AFTERTHOUGHT.search(clause.casefold())):
            self.turned = True
        if said.takes_back or self.now.option in said.denied or (said.leaves_open and self.firmness < STATED):
            self.now, self.firmness, self.mentioned = Commitment(None), MENTIONED, {}


@lru_cache(maxsize=512)
def _reader(options: tuple[str, ...], claims: tuple[str, ...], question: str) -> _Reader:
    return _Reader(options, claims, question)


_LONGEST = 80
"""Of a clause of more words (text that repeats itself without an end) the last so many are read."""
_WORD = r"[^\W\u2e80-\u9fff\uac00-\ud7af]"
"""What a letter is part of a word beside; Chinese, Japanese and Korean are written without spaces."""
_SMALL_LETTER = r"(?i:\b(?:answer|option|choice)(?: is)?:? )\(?[{}]\)?(?=\s*(?:[.,;:!]|$))"
_COUNTED = re.compile(
    r"^the (?=(?:other |remaining )?(?:\d+|two|three|four|five|six|seven|eight|nine|ten) [a-z])", re.IGNORECASE
)
"""What opens a sentence about some that were counted before: "The 2 dogs on the left are brown"."""


class _Reader:
    """Reads clauses about some options.

    forms: of each option, its plain words. telling: of each, those that tell it from the others. yes, none: the option
    "yes", and the one which says that there is none ("no", "0", "nobody"), or None.
    """

    def __init__(self, options: tuple[str, ...], claims: tuple[str, ...], question: str) -> None:
        self.options, self.count = options, len(options)

        # 1) The words of each option, without an aside in brackets, and without the "yes" or "no" before a sentence.
        whole = [words.plain(re.sub(r"\s*\(.*?\)", "", option) or option) for option in options]
        self.forms = [form[1:] if form[:1] in (["yes"], ["no"]) and len(form) > 1 else form for form in whole]

        # 2) Those that tell it from the others: that not all options share and, if these still tell all of them apart,
        #    that are more than "in" or "the".
        in_all = set.intersection(*map(set, self.forms))
        not_in_all = [[word for word in form if word not in in_all] for form in self.forms]
        major = [[word for word in form if word not in words.MINOR] for form in not_in_all]
        still_apart = [] not in major and len(set(map(tuple, major))) == self.count
        self.telling = major if still_apart else not_in_all

        # 3) How a clause may name an option: by its claim, by all of its words, by those that tell it apart.
        self.claims = {" ".join(words.plain(claim)): index for index, claim in enumerate(claims) if claim}
        self.find_whole, self.find_telling = _finder(self.forms), _finder(self.telling)

        # 4) The options that a yes or a no means, and whether one begins with a "no" that does not deny it.
        self.yes = self.forms.index(["yes"]) if ["yes"] in self.forms else None
        self.none = next((k for k, form in enumerate(self.forms) if form and form[0] in words.NONE), None)
        self.begins_with_no = any(
            words.plain(option)[:1] == ["no"] and form != ["no"]
            for option, form in zip(options, self.forms, strict=True)
        )

        # 5) Whether all options are values, which a calculation names on its way; and of options that another one
        #    denies ("blond", "not blond"), the other one.
        self.values = all(re.search(r"\d", option) for option in options)
        self.denial = {
            k: self.forms.index([no, *form])
            for k, form in enumerate(self.forms)
            for no in ("not", "no")
            if [no, *form] in self.forms
        }

        # 6) What the question asks about.
        self.scene = AskedAbout(question, {word for form in self.forms for word in form}, self.telling)
        self.read = lru_cache(maxsize=4096)(self._read)

    def statements(self, text: str) -> Iterator[tuple[str, _Said]]:
        """The clauses of a reasoning, and what each does; the options gone through line by line are one of them."""
        for part in listings(text):
            if isinstance(part, dict):
                yield self._gone_through(part)
            else:
                yield from ((clause, self.read(clause)) for clause in clauses_of(part))

    def _gone_through(self, said: Mapping[int, str]) -> tuple[str, _Said]:
        """What lines do that each begin with an option: state the only one that a line affirms; deny the others."""
        verdicts = {}
        for option, line in said.items():
            if option < self.count:
                rest = line.casefold().removeprefix(self.options[option].casefold())
                verdicts[option] = words.affirmed(rest)
        affirmed = [option for option, verdict in verdicts.items() if verdict]
        denied = frozenset(option for option, verdict in verdicts.items() if verdict is False)
        if len(affirmed) != 1:
            return "", _Said(denied=denied)
        return said[affirmed[0]], _Said(affirmed[0], STATED, frozenset(affirmed), denied)

    def _read(self, clause: str) -> _Said:
        # 1) The options that it names.
        text, denied = self._denials(clause)
        named = frozenset(int(k) for k in re.findall(r"§(\d)", text))
        if words.LISTED.search(text):
            return _Said()

        # 2) What it does to what was said before.
        back = words.TAKES_BACK.search(text)
        elsewhere = not named and not denied and words.ELSEWHERE.search(text)
        leaves_open = len(set(re.findall(r"\?(\d)", text))) > 1 and not words.RESTATES.search(text)
        turns = words.TURNS.search(text) is not None

        # 3) What it commits to, the firmest way first; what it reports of others is only mentioned.
        option, firmness = None, MENTIONED
        own = words.REPORTED.sub("", text)
        claimed = self.claims.get(" ".join(words.plain(clause)))
        if claimed is not None:
            option, firmness = claimed, CONCLUDED
        elif (stated := words.last(words.STATES, own, words.TAKES_BACK.search(own))) is not None:
            option, firmness = stated, STATED
        elif (concluded := self._concluded(own, leaves_open)) is not None:
            option, firmness = concluded, CONCLUDED
        elif len(denied) == 1 and denied <= self.denial.keys() and not (named or back):
            option, firmness = self.denial[min(denied)], CONCLUDED
            named = frozenset({option})
        elif len(named) == 1 and not (back or leaves_open or self.scene.reference):
            # One option is mentioned; a letter by itself, which may be anything, mentions none, nor does a direction,
            # which any thing may have, nor an option that another one denies.
            sure = frozenset() if self.scene.ways else named - self.denial.keys()
            option = next((k for k in sure if f"§{k}" in self.marked(clause, lone=False)), None)
            named = named if option is not None else frozenset()
        elif not (named or denied or back):
            option, firmness = self._yes_or_no(text)

        beside = frozenset(int(k) for k in re.findall(r"~(\d)", text))
        nowhere = option is None and not (named or denied or beside or "?" in text)
        answered = nowhere and words.SO.match(text) is not None and self.scene.about(text, 2)
        return _Said(
            option, firmness, named, beside, frozenset(denied), turns, bool(back or elsewhere), leaves_open, answered
        )

    def _denials(self, clause: str) -> tuple[str, set[int]]:
        """The clause with its marks, of which "§1" has become "¬" where the option is denied, and "?1" where it is left
        open; and the options that it denies."""
        text = self.marked(clause)
        if self.values:  # of a sum, what it comes to
            before, equals, result = text.rpartition("=")
            text = before.replace("§", "") + equals + result
        if self.begins_with_no:
            text = text.replace("no §", "§")
        denied = {int(k) for m in words.DENIED.finditer(text) for k in re.findall(r"§(\d)", m[0])}
        if denied:
            text = re.sub("|".join(f"§{k}" for k in denied), "¬", text)
        text = words.OPEN.sub(lambda m: m[0].replace("§", "?"), text)
        opposed = self.scene.opposed(text)
        if opposed:
            denied |= opposed
            text = re.sub("|".join(f"§{k}" for k in opposed), "¬", text)
        return text, denied

    def _concluded(self, text: str, leaves_open: bool) -> int | None:
        """The option that a clause concludes: what a count comes to; what answers the question in its own words; else
        what stands after a "so", and after what takes back."""
        back = words.TAKES_BACK.search(text)
        named = frozenset(int(k) for k in re.findall(r"§(\d)", text))
        total = words.TOTAL.search(text, back.end() if back else 0) if self.scene.numbers else None
        if total and not words.SO.search(text, total.end()):
            return int(total[1] or total[2])
        point = words.REASON.sub("", text)
        answered = None if back or leaves_open else self.scene.answer(point if self.scene.ways else text, named)
        if answered is not None:
            return answered
        if (so := words.concluded(text, words.SO, back)) is not None:
            return so
        return None if leaves_open or not self.scene.about(point) else words.concluded(point, words.SUGGESTS, back)

    def _yes_or_no(self, text: str) -> tuple[int | None, int]:
        """The option that a clause without marks means by a yes or a no, and how firmly it commits to it.

        Where no option is "yes", the clause has to be about what is asked.
        """
        if self.none is None or (self.yes is None and not self.scene.about(text)):
            return None, MENTIONED
        shared = self.scene.shared(text)
        said_not = words.IS_NOT.search(text) if self.yes is not None else None
        rest = said_not["rest"] if said_not else ""
        no = words.NO.search(text) or self.scene.shared(rest) or self.scene.about(rest, 2)
        option = self.none if no else self.yes if words.YES.search(text) else None
        firmness = CONCLUDED if words.SO_YES.search(text) or shared else MENTIONED
        return option, firmness

    def marked(self, clause: str, lone: bool = True) -> str:
        """The clause in plain words, with "§1" wherever the second option is named. lone: by a letter alone too."""
        # 1) By letter; by a small one at the end of "the answer is b".
        letters = LETTERS[: self.count]
        clause = re.sub(_SMALL_LETTER.format(letters.lower()), lambda m: m[0].upper(), clause)
        pattern = rf"(?<!{_WORD})(?<!['°])\(?([{letters}])(?:\)|(?!{_WORD}|'|\.\w))"
        clause = re.sub(pattern, lambda m: _letter(m, clause, lone), clause)
        if self.scene.numbers:
            clause = _COUNTED.sub("those ", clause)

        # 2) By all of its words; where no option is, by those that tell it from the others.
        clause = words.HYPHENS.sub(lambda m: m[0] if self.scene.parts(m[0]) else m[0].replace("-", ""), clause)
        text = " ".join(words.plain(clause, marks=True)[-_LONGEST:])
        found = self.find_whole.sub(self._mark, text) if self.find_whole else text
        named = set(re.findall(r"[§~](\d)", found))
        if self.find_telling and not named:
            found = self.find_telling.sub(self._mark, found)
            named = set(re.findall(r"[§~](\d)", found))

        # 3) By these in any order, if the options found so far are but parts of that one. It stands at its first word.
        loose = self._loosely(text)
        if loose is not None and all(set(self.forms[int(k)]) < set(self.telling[loose]) for k in named):
            said, form = text.split(), set(self.telling[loose])
            place = min(said.index(word) for word in form)
            found = " ".join([*said[:place], f"§{loose}", *(word for word in said[place:] if word not in form)])

        # 4) An option that is named twice in a row, as "B: blue", is named once.
        return re.sub(r"(§\d)(?: [:,=]? ?\1)+", r"\1", found)

    def _mark(self, match: re.Match[str]) -> str:
        """The mark of an option named by its text: "~1" where its words only describe something else."""
        option = int((match.lastgroup or "")[1:])
        beside = self.scene.denies_other(match) if self.forms[option] == ["no"] else self.scene.describes(match)
        return f"{'~' if beside else '§'}{option}"

    def _loosely(self, text: str) -> int | None:
        """The one option all of whose telling words are there, in any order; the longest, if one holds another."""
        said = set(text.split())
        there = [k for k, form in enumerate(self.telling) if len(form) > 1 and set(form) <= said]
        there = [k for k in there if not any(set(self.telling[k]) < set(self.telling[j]) for j in there)]
        return there[0] if len(there) == 1 else None


def _letter(match: re.Match[str], clause: str, lone: bool) -> str:
    """The mark of a letter; an A that opens "A man" is an article, and "point A" is a thing in the picture."""
    if not lone and match[0] == match[1] and not words.OFFERED.search(clause, 0, match.start()):
        return match[0]
    article = match[0] == "A" and words.ARTICLE.match(clause, match.end())
    before = clause[: match.start()]
    if match[0] == match[1]:
        thing = words.LETTERED.search(before)
    else:  # "carbon (C)"
        thing = re.search(rf"\b{match[1]}[a-z]+ $", before, re.IGNORECASE) if match[0].endswith(")") else None
    return match[0] if article or thing else f" §{LETTERS.index(match[1])} "


def _finder(forms: list[list[str]]) -> re.Pattern[str] | None:
    """Finds the options by their words, the longest first; those without words of their own are not found."""
    order = sorted((k for k, form in enumerate(forms) if form), key=lambda k: -len(forms[k]))
    said = [rf"no(?! {words.SIGNS})" if form == ["no"] else " ".join(map(_any_number, form)) for form in forms]
    parts = [rf"(?P<o{k}>{said[k]})" for k in order if forms.count(forms[k]) == 1]
    return re.compile(rf"(?<!\S)(?:{'|'.join(parts)})(?!\S)") if parts else None


def _any_number(word: str) -> str:
    """A pattern for a word with its endings; a long one may be written as two ("book case")."""
    if len(word) <= 3 or not word.isalpha():
        return re.escape(word)
    stem = word.removesuffix("s")
    return (" ?".join(stem) if len(stem) > 5 else stem) + "(?:s|es|d|ed)?"
