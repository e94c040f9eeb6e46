r"""How the answer is read from what a model wrote: one reader for all models.

The answer stands inside `<answer>`. Models that were not trained on this tag may give it as a final statement instead:
"The answer is B", `\boxed{B}`, a last line that holds nothing else, a last sentence that ends with the option's label
("which matches option (B)."), or a first line before an explanation. It is an option's letter, or the text of an
option. What can be read in two ways, or in none, is no answer, and is reported as such. Left out: to guess from prose
which option is meant. This file is copied along with exported tasks as it is, and imports nothing of companion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Literal, NamedTuple

Reading = Literal["tag", "tag or final statement"]
"""Where an answer may stand."""


@dataclass(frozen=True)
class Reply:
    """think: the reasoning before the answer, prefill included. answer: index of the option, or None. position: the
    character of the response at which the answer stands, or None. letter: whether that is the option's letter."""

    think: str
    answer: int | None
    position: int | None
    letter: bool


class Found(NamedTuple):
    """option: its index. place: the character at which it stands. by_letter: whether it is given by its letter."""

    option: int
    place: int
    by_letter: bool

    def moved(self, by: int) -> Found:
        """The same in a text that has so many characters more before it."""
        return self._replace(place=self.place + by)


class Stated(NamedTuple):
    """begins: the character at which a statement begins. found: the option that it gives."""

    begins: int
    found: Found


class _Announced(NamedTuple):
    """As `Stated`; found is None where what is announced is no one option."""

    begins: int
    found: Found | None


class _Block(NamedTuple):
    """in_reasoning: whether the block stands there. tag: the one that opens it. found: the option that it holds."""

    in_reasoning: bool
    tag: re.Match[str]
    found: Found | None


class _Item(NamedTuple):
    """A line that holds an option and no word before it. by_letter, with_text: its style."""

    option: int
    by_letter: bool
    with_text: bool

    def follows(self, before: _Item) -> bool:
        """Whether it may be the next one of a list: a later option, in the same style."""
        same_style = self.by_letter == before.by_letter and self.with_text == before.with_text
        return same_style and self.option > before.option


_TAG = re.compile(r"<(/?)(think|answer)>", re.IGNORECASE)
_THINK = re.compile(r"<(/?)think>", re.IGNORECASE)
_CLOSED = re.compile(r"</(?:answer|think)>", re.IGNORECASE)


def parse_answer(response: str, prefill: str, options: Sequence[str], reading: Reading = "tag") -> Reply:
    """Read a response, which goes on from `prefill`.

    Of several answer blocks the first counts, as it does for the scorers of Video-R1 and SpaceR, but one inside the
    reasoning only where there is no other, and one that holds no option ("I write between <answer> and </answer>") only
    where none does. Think tags that a reasoning mentions are counted as they open and close. Of several final
    statements the last counts; none counts inside a reasoning that was not brought to its end, but for one that is
    announced on a last line of its own where only the prefill opened the block: a model without think tags of its own
    never closes it. think is
    what stands in think blocks, or, where a final statement may be the answer and there is no such block, all that
    comes before it.
    """
    whole = prefill + response
    thinks = list(_THINK.finditer(whole))
    closing = sum(bool(tag[1]) for tag in thinks)
    depth = max(0, 2 * closing - len(thinks))  # the chat template may have opened the block
    blocks: list[_Block] = []
    for tag in _TAG.finditer(whole):
        if tag[2].lower() == "think":
            depth = max(0, depth - 1) if tag[1] else depth + 1
        elif not tag[1] and tag.start() >= len(prefill):
            held = _CLOSED.split(whole[tag.end() :], maxsplit=1)[0]
            blocks.append(_Block(depth > 0, tag, _option(held, options)))
    thinking = bool(thinks) and not thinks[-1][1]
    given = thinking and thinks[-1].end() <= len(prefill)
    found, start, stop = None, 0, len(whole)
    if blocks:
        first = min(blocks, key=lambda block: (block.in_reasoning, block.found is None))
        found, start, stop = first.found, first.tag.end(), first.tag.start()
    elif reading == "tag or final statement" and (not thinking or given):
        start = max(len(prefill), thinks[-1].end() if thinks else 0)
        text = _searched(whole[start:], options)
        stated = _statement(text, options)
        if thinking and stated:
            own_line = stated.begins > 0 and stated == _last_line(text, options)
            stated = stated if own_line and _announced(text[stated.begins :], options) else None
        found, stop = (stated.found, start + stated.begins) if stated else (None, start + len(text))
    think = whole[:stop].strip() if reading == "tag or final statement" and not thinks else _reasoning(whole[:stop])
    if found is None:
        return Reply(think, None, None, False)
    position = start + found.place - len(prefill)
    shown = found.by_letter and response[position] == ascii_uppercase[found.option]
    return Reply(think, found.option, position, shown)


def own_reasoning(response: str) -> str:
    """What the model itself wrote in its think block, without what a prefill had put there."""
    return response.removeprefix("<think>").split("</think>")[0].split("<answer>")[0]


def _reasoning(text: str) -> str:
    """What stands in the think blocks of a text that stops where the answer begins."""
    tags = list(_THINK.finditer(text))
    if not tags:
        return ""
    start = 0 if tags[0][1] else tags[0].end()
    end = tags[-1].start() if tags[-1][1] else len(text)
    return _THINK.sub(" ", text[start:end]).strip()


_LEAD = re.compile(
    r"""[\s,]*(?:
        (?:(?:so|thus|hence|therefore)\b[\s,]*)?(?:(?:the|my|our)\s+)?(?:(?:final|correct|right|best)\s+)*
            (?:answer|option|choice)\b[\s,]*(?:is\b|[:=])?[\s,:=]*
        | (?:it\s+is|it's|i\s+(?:choose|pick|select))\b[\s,:]*
        | (?:答案|选项|选择|选)[是为]?[\s,:]*
    )*""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words before an answer, as in "Final Answer: Option B"."""

_LABELLED = re.compile(r"[\s,]*([A-Za-z])(?![A-Za-z0-9'])((?:[\s,.:;–]|-(?!\d))+)(.+)", re.DOTALL)
"""A letter and a text, as in "B. the red one"; a minus sign is of the text."""

_OFFERED = re.compile(
    r"""(?:\A|[\n.,:;=/|+&]
        |(?i:\b(?:answers?|option|choice|letter|is|be|it's|that's|say|pick|choose|select|so|thus|hence|therefore|then
        |but|clearly|likely|probably)\b)
        |[案是选项为择])
    [^\S\n]*((?!I)[A-Z])(?![A-Za-z0-9']|-\w)""",
    re.VERBOSE,
)
"""A capital letter by itself that is put forward: at a start, after punctuation, or after a word that presents it.
"Vitamin C", "because A" and "not A" put none forward."""

_ANOTHER = re.compile(r"[\s,]*(?:or|and|&|/)[\s,]*([A-Z])\b")
_ARTICLE = re.compile(r"\s+(?!(?:is|was|or|and|but|because|since|as|with)\b)[A-Za-z]")
_DENIED = re.compile(r"\s*(?:is|was)\s+(?:not|wrong|incorrect|false|out)\b|\s*(?:isn't|wasn't|cannot|can't|doesn't)\b")
_CLAUSE = re.compile(r"[.,;:!?]\s+|\n")
_LONE = re.compile(r"[\s,.:;!]*([A-Za-z])[\s,.:;!]*")


def _option(text: str, options: Sequence[str]) -> Found | None:
    """The option that a text gives as the answer."""
    flat = _flat(text)
    start = _core(flat)
    place, named = 0, _named(text, options)
    if named is None:
        place, named = start, _named(text[start:], options)
    letter = _letter(flat[start:], options)
    if named is None:
        return letter and letter.moved(start)
    if len(_plain(options[named])) == 1 and _plain(options[named]).isalpha():  # an option that is itself a letter
        return letter.moved(start) if letter and letter.option == named else None
    word = re.compile(r"[^\s,.:;]").search(flat, place)
    return Found(named, word.start() if word else place, False)


def _core(flat: str) -> int:
    found = _LEAD.match(flat)
    return found.end() if found else 0


def _named(text: str, options: Sequence[str]) -> int | None:
    """The option whose text this is, or whose text is its first clause while no other option's follows."""
    exact = [index for index, option in enumerate(options) if option.casefold() == text.strip().casefold()]
    if len(exact) == 1:
        return exact[0]
    plain = [_plain(option) for option in options]
    clause, rest = _plain(text), ""
    if clause not in plain:
        first, *more = _CLAUSE.split(_flat(text).strip(" ,"), maxsplit=1)
        clause, rest = _plain(first), f" {_plain(' '.join(more))} "
    others = any(f" {option} " in rest for option in plain if option != clause)
    return plain.index(clause) if clause and plain.count(clause) == 1 and not others else None


def _letter(core: str, options: Sequence[str]) -> Found | None:
    """The option whose letter a text puts forward. Two letters are none."""
    if label := _LABELLED.match(core):
        index, text = ascii_uppercase.find(label[1].upper()), _plain(label[3])
        same = [number for number, option in enumerate(options) if _plain(option) == text]
        if same == [index]:
            return Found(index, label.start(1), True)
        if same and label[2].strip():
            return None  # one option's letter with another's text
    offered: dict[str, int] = {}
    for found in _OFFERED.finditer(core):
        rest = core[found.end() :]
        if (found[1] == "A" and _ARTICLE.match(rest)) or _DENIED.match(rest):
            continue
        offered.setdefault(found[1], found.start(1))
        if other := _ANOTHER.match(rest):
            offered.setdefault(other[1], found.end() + other.start(1))
    if not offered and (lone := _LONE.fullmatch(core)):
        offered[lone[1].upper()] = lone.start(1)
    if len(offered) != 1:
        return None
    ((letter, place),) = offered.items()
    index = ascii_uppercase.find(letter)
    return Found(index, place, True) if 0 <= index < len(options) else None


_MEANT = r"""(?:answer|accurate|appropriate|best|chosen|closest|correct|corresponding|final|forced|logical|matching|only
    |proper|reasonable|right|selected|short|suitable|true|valid|most\s+\w+)"""
"""Words that make an answer the one that is meant. "The other option" and "the wrong answer" are ones that are not."""

_ANNOUNCED = re.compile(
    rf"""(?:\A|(?<=\n)|(?<=\s)(?=(?-i:Answer\W))|(?<=[^\w\s'-])
        |\b(?:the|my|our|so|thus|hence|therefore|and|i'll|i\ will)\s) [\s*_"'`\#]*
        (?:{_MEANT}[\s*_"'`]+)* (?:answer|option|choice)\b [\s*_"'`]*
        (?:[\s,]+(?:among|based|for|from|given|in|of|that|to|which)\b[^.:;?!\n]{{0,120}}?\s(?=(?:is|would|should)\b))?
        (?:is\b|(?:would|should|must)\s+be\b|(?:appears|seems)\s+to\s+be\b|[:=])
    | 答案\s*[是为:]
    | \\boxed\s*(?=\{{)""",
    re.IGNORECASE | re.VERBOSE,
)
"""What announces an answer: "the correct answer is", "Answer:", "the best choice for this is", a box."""

_CALLED = re.compile(
    rf"""(?<![A-Za-z0-9'])([A-Z])[\s,]+is[\s,]+(?:(?:clearly|likely|therefore|thus)[\s,]+)?(?:the|my)[\s,]+
        (?:{_MEANT}[\s,]+)*(?:answer|option|choice)\b""",
    re.VERBOSE,
)
"""An announcement the other way round: "B is the correct answer"."""

_SUPPOSED = re.compile(
    r"""(?:\b(?:if|whether|unless|why|suppose|not|never|neither|nor)|n't)\s+(?:that\s+)?[\s,(*"]*
        (?:(?:option|choice|answer)[\s,(*"]+)?\Z
    | \b(?:another|other|wrong|incorrect|first|second|previous|possible)[\s*]+\Z""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words before an announcement that make it none, as in "if the answer is B" and "Wrong Answer: C"."""

_PRESENTED = re.compile(
    r"""\b(?:is|are|(?<!can\ )(?<!could\ )(?<!may\ )(?<!might\ )be|choose|select|pick|match(?:es|ing)?
        |correspond(?:s|ing)?\ to|align(?:s|ing)?\ with|consistent\ with)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words that put forward the label with which a text ends, as in "which matches option C"."""

_ASIDE = re.compile(
    r"""\b(?:not?|never|neither|nor|none|cannot|without|except|unlike|least|different|opposite|other|another|alternative
        |second|remaining|rest|wrong|incorrect|false|unlikely|eliminate[ds]?|exclude[ds]?|rule[ds]?\ out|if|whether
        )\b|n't\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words of sentences that may name an option which is not meant."""

_LABEL = re.compile(
    r"""[(\[]\s*([A-Za-z])\s*[)\]] | \b(?i:options?|choices?|answers?)\s+([A-Z])\b | ^[^\w\n]*([A-Z])[.):](?=\s)""",
    re.VERBOSE | re.MULTILINE,
)
"""A letter that can only be an option's."""

_CAPITAL = re.compile(r"(?<![A-Za-z0-9'])(?!I\b|A\s+[a-z])[A-Z](?![A-Za-z0-9'])")
_SECOND_THOUGHT = re.compile(r"\b(?:wait|hmm|actually|correction|scratch that|on second thought)\b", re.IGNORECASE)
_NOTE = re.compile(
    r"\n[\s(*_\[#]*(?:note|disclaimer|explanation|reason|reasoning|justification)\b[*_\s]*:", re.IGNORECASE
)
_NEXT = re.compile(r"\n[\s*#]*(?:question|q|user|human)\s*\d*[\s*]*:", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?]\s+")
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_BRACES = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}")


def _searched(text: str, options: Sequence[str]) -> str:
    """The text in which a final statement is looked for, character for character, up to where it ends."""
    return _this_question(_unlisted(text.translate(_WIDE), options), options)


def _statement(text: str, options: Sequence[str]) -> Stated | None:
    """The final statement of a text (`_searched`), or None.

    It is announced ("The answer is …"), all that the last line holds, or the label with which the last sentence ends;
    where these part there is none. An answer on the first line counts where none of these follows.
    """
    last = _last_line(text, options) or _last_line(_before_note(text), options)
    stated = _not_left_over(text, last, options) if last else _in_prose(text, options)
    return stated if stated and not _taken_back(text, stated.found) else None


def _not_left_over(text: str, last: Stated, options: Sequence[str]) -> Stated | None:
    """What the last line holds, unless it may be but one more of the options, after an answer that is another.

    It is an answer for sure where it is announced or a mere letter, or where second thoughts come before it.
    """
    before = [one.found for one in _announced(text, options) if one.begins < last.begins and one.found]
    line = _LINE.search(text, last.begins)
    sure = line and (not _item(line[0], options) or _LONE.fullmatch(_flat(line[0])))
    if sure or _SECOND_THOUGHT.search(text, 0, last.begins) or not before:
        return last
    return last if last.found.option == before[-1].option else None


def _in_prose(text: str, options: Sequence[str]) -> Stated | None:
    """The answer that is announced last, or with which the text closes; none where they part before the end."""
    announced = _announced(text, options)
    closing = _closing(text, options) or _closing(_before_note(text), options)
    if not announced:
        return closing or _first_line(text, options)
    begins, found = announced[-1]
    if found is None:
        return None
    at_the_end = "\n" not in text[begins:].strip()
    others = [] if at_the_end else [one.found.option for one in announced if one.found]
    others += [closing.found.option] if closing else []
    return Stated(begins, found) if all(option == found.option for option in others) else None


def _before_note(text: str) -> str:
    """The text without the note or explanation that it ends with."""
    note = _NOTE.search(text)
    return text[: note.start()] if note and text[: note.start()].strip() else text


def _unlisted(text: str, options: Sequence[str]) -> str:
    """The text with blanks for lines that list options: two or more of one style, one below the other, in order."""
    runs: list[list[re.Match[str]]] = []
    before: _Item | None = None
    for line in _LINE.finditer(text):
        item = _item(line[0], options)
        if item and before and item.follows(before):
            runs[-1].append(line)
        elif item:
            runs.append([line])
        before = item
    for run in runs:
        if len(run) > 1:
            start, end = run[0].start(), run[-1].end()
            text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    return text


def _item(line: str, options: Sequence[str]) -> _Item | None:
    flat = _flat(line)
    found = _alone(line, options)
    if not found or flat[: _core(flat)].strip(" \t,"):
        return None
    return _Item(found.option, found.by_letter, not _LONE.fullmatch(flat))


def _this_question(text: str, options: Sequence[str]) -> str:
    """The text up to where, the answer given, a model goes on with a question of its own."""
    first, announced = _LINE.search(text), _ANNOUNCED.search(text)
    ends = [first.end()] if first and _alone(first[0], options) else []
    ends += [announced.end()] if announced else []
    following = _NEXT.search(text, min(ends)) if ends else None
    return text[: following.start()] if following else text


def _last_line(text: str, options: Sequence[str]) -> Stated | None:
    """The option that the last line holds alone."""
    start = text.rstrip().rfind("\n") + 1
    found = _alone(text[start:], options)
    return Stated(start, found.moved(start)) if found else None


def _announced(text: str, options: Sequence[str]) -> list[_Announced]:
    """What is announced as the answer, in order. An announcement that names no option at all is left out."""
    said: list[_Announced] = []
    end = 0
    for words in _ANNOUNCED.finditer(text):
        start = words.end()
        if start < end:
            continue  # in the text of an option
        braces, line = _BRACES.match(text, start), _LINE.search(text, start)
        while line and not line[0].strip(" \t*_\"'`:,"):
            line = _LINE.search(text, line.end())  # "The answer is:", and the answer on the next line
        stop = braces.end() if braces else line.end() if line else start
        found = _option(text[start:stop], options) or _first_sentence(text[start:stop], options)
        end = stop if _alone(text[start:stop], options) else start
        if (found or _names_one(text[start:stop], options)) and not _SUPPOSED.search(text[: words.start()][-40:]):
            said.append(_Announced(words.start(), found and found.moved(start)))
    for words in _CALLED.finditer(_flat(text)):
        index = ascii_uppercase.find(words[1])
        if 0 <= index < len(options) and not _SUPPOSED.search(text[: words.start()][-40:]):
            said.append(_Announced(words.start(), Found(index, words.start(), True)))
    return sorted(said, key=lambda one: one.begins)


def _first_sentence(text: str, options: Sequence[str]) -> Found | None:
    """The option that the first sentence holds alone, where those after it name others only to set them aside."""
    for stop in _SENTENCE.finditer(text):
        found = _alone(text[: stop.start()], options)
        if found and all(
            _ASIDE.search(sentence) or not _names_one(sentence, options)
            for sentence in _SENTENCE.split(text[stop.end() :])
        ):
            return found
    return None


def _names_one(text: str, options: Sequence[str]) -> bool:
    words = f" {_plain(text)} "
    return bool(_CAPITAL.search(text) or _LABEL.search(text)) or any(f" {_plain(one)} " in words for one in options)


def _closing(text: str, options: Sequence[str]) -> Stated | None:
    """The option with whose label the last sentence ends, put forward by a verb, in a sentence that names no other."""
    start = text.rstrip().rfind("\n") + 1
    for verb in reversed(list(_PRESENTED.finditer(text, start))):
        if found := _alone(text[verb.end() :], options):
            break
    else:
        return None
    found = found.moved(verb.end())
    begins = max([start, *(stop.end() for stop in _SENTENCE.finditer(text, start, verb.start()))])
    with_text = not _LONE.fullmatch(_flat(text[verb.end() :]))
    labelled = with_text or _LABEL.search(text, verb.end()) or text[found.place - 1] == "*"
    others = {capital[0] for capital in _CAPITAL.finditer(text, begins, verb.end())} - {ascii_uppercase[found.option]}
    if not (found.by_letter and labelled) or others or _ASIDE.search(text, begins, verb.end()):
        return None
    return Stated(begins, found)


def _first_line(text: str, options: Sequence[str]) -> Stated | None:
    """The option on the first line, alone or as its first clause, where no other follows in the explanation."""
    line = _LINE.search(text)
    if not line:
        return None
    start, rest = line.start(), text[line.end() :]
    found = _alone(line[0], options)
    if not found and (label := _LABELLED.match(_flat(line[0]))):  # "B) blue. The cup …"
        index = ascii_uppercase.find(label[1].upper())
        clause = _plain(_CLAUSE.split(label[3], maxsplit=1)[0])
        if 0 <= index < len(options) and clause == _plain(options[index]):
            found, rest = Found(index, label.start(1), True), text[start + label.start(3) :]
    if not found or not found.by_letter:  # "Yes, the cup …"; but "1. First, …" begins a list of steps
        index_of_text = _named(text, options)
        if index_of_text is None or not re.search(r"[^\W\d]", options[index_of_text]):
            return None
        word = re.search(r"[^\s,.:;]", _flat(line[0]))
        found = Found(index_of_text, word.start() if word else 0, False)
    others = {next(filter(None, label.groups())).upper() for label in _LABEL.finditer(rest)}
    others -= {ascii_uppercase[found.option]}
    return None if others or _DENIED.match(rest) else Stated(start, found.moved(start))


def _taken_back(text: str, found: Found) -> bool:
    """Whether second thoughts follow an answer, and another letter after them."""
    if thought := _SECOND_THOUGHT.search(text, found.place + 1):
        return any(letter[0] != ascii_uppercase[found.option] for letter in _CAPITAL.finditer(text, thought.end()))
    return False


def _alone(line: str, options: Sequence[str]) -> Found | None:
    """The option that a line gives, if it holds nothing but its letter, its text, or both."""
    found = _option(line, options)
    flat = _flat(line)
    core = flat[_core(flat) :]
    label = _LABELLED.match(core)
    said = {_plain(core), _plain(label[3]) if label else ""}
    return found if found and (_LONE.fullmatch(core) or _plain(options[found.option]) in said) else None


_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | str.maketrans(
    "　。、“”‘’【】「」『』《》〈〉", " .,\"\"''[][][]<><>"
)
"""Full-width letters and punctuation, and those of Chinese, as those of ASCII; one character each."""

_MARKS = str.maketrans({**dict.fromkeys("()[]{}<>*", ","), **dict.fromkeys('_`~#$"\\', " ")})
_HIDDEN = re.compile(
    r"<map>.*?(?:</map>|\Z)|</?(?:[A-Za-z]{2,}|s)>|<\|\w+\|>|\\[A-Za-z]+|(?<![A-Za-z])'|'(?![A-Za-z])",
    re.IGNORECASE | re.DOTALL,
)


def _flat(text: str) -> str:
    """The text without marks, character for character: brackets and stars as commas; quotation marks, LaTeX commands,
    tags and SpaceR's map as blanks."""
    return _HIDDEN.sub(lambda found: " " * len(found[0]), text.translate(_WIDE)).translate(_MARKS)


def _plain(text: str) -> str:
    """A text as it is compared: small letters, no article before it, no punctuation around its words."""
    small = re.sub(r"\A[\s,]*(?:an?|the)\s+(?=\w)", "", _flat(text).casefold().replace("i'm", "i am"))
    return " ".join(word for part in small.split() if (word := part.rstrip(".,;:!?").lstrip(",;:!?")))
