"""What the microworld's models are taught: the texts of their supervised training.

Five kinds: letter look-up (text only), descriptions of whole scenes, statements about them, facts asked for
without options, questions.
Captions and reasoning are true of the picture unless a recipe asks for something else (`Shares.misread`, `misled`), as
they are in nearly all instruction data of real vision-language models: the shipped `base` was taught no distrust. Many
questions are answered at once, so that the picture leads to the answer by a path of its own besides the one through the
reasoning.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from companion.models.profiles import INSTRUCTION
from companion.perturbations.perturbation import ABSTAIN, CAPTIONS, DISCLAIMERS, DOUBTS, STOPS, THOUGHTS, layout
from companion.questions.microworld.families import DIRECTIONS
from companion.questions.microworld.grammar import fact, grounded_statement, true_statement, unique_things
from companion.questions.microworld.items import MicroworldQuestion
from companion.questions.microworld.scenes import CELLS, COLORS, IMAGE_SIZE, SHAPES, Scene, Thing, draw
from companion.questions.question import LETTERS, blank
from companion.training.misreadings import misreading

WORDS = (
    *COLORS,
    *SHAPES,
    *CELLS,
    *DIRECTIONS,
    "larger than",
    "smaller than",
    "the same size as",
    "yes",
    "no",
    *(str(number) for number in range(6)),
    *(f"{color} {shape}" for color in COLORS for shape in SHAPES),
    ABSTAIN,
)


@dataclass(frozen=True)
class Lesson:
    """One training text. image: None for a lesson without a picture. `prefill` is given, only `target` is learned.

    `keys`: the characters of `target` at which what matters most begins, such as the letter of the answer.
    """

    image: Image.Image | None
    user: str
    prefill: str
    target: str
    keys: tuple[int, ...] = ()


@dataclass(frozen=True)
class Shares:
    """How often each form occurs among the questions of the supervised data; each a probability.

    caption: with a caption, true; telling: of these, the claim of the right option; hedged: of these, with a
    disclaimer; opener, recheck: reasoning opened by a phrase, or checked again after a "But …"; brief, bare: reasoning
    that is only the claim, or only the conclusion; abstain: with an added "I'm not sure"; blank: of these, on a blank
    picture, where that is the answer; guess: of those without, on a blank picture, any option being right.
    misread: with reasoning that misreads the scene and concludes a wrong option; despite: of these, the right option is
    answered all the same. misled: with a wrong caption or a wrong start of the reasoning, which is then contradicted.
    assured: with a caption or a start that claims the right option, and nothing said against it.
    """

    caption: float = 0.25
    telling: float = 0.5
    hedged: float = 0.25
    opener: float = 0.1
    recheck: float = 0.08
    brief: float = 0.15
    bare: float = 0.15
    abstain: float = 0.08
    blank: float = 0.25
    guess: float = 0.03
    misread: float = 0.0
    despite: float = 0.5
    misled: float = 0.0
    assured: float = 0.0


def look_up(rng: random.Random) -> Lesson:
    """Lettered options, then each of them twice in random order, in one of three forms.

    "star is C.", "C is star." and, as at the end of reasoning, "So the answer is star.</think><answer>C</answer>".
    """
    options = rng.sample(WORDS, rng.choice((2, 3, 4, 4, 4, 5, 6)))
    lines = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))
    order = list(range(len(options))) * 2
    rng.shuffle(order)
    target, keys = "", []
    for i in order:
        letter, option = LETTERS[i], options[i]
        head, wanted, tail = rng.choice(
            (
                (f"{option} is ", letter, ". "),
                (f"{letter} is ", option, ". "),
                (f"So the answer is {option}.</think><answer>", letter, "</answer> "),
            )
        )
        keys.append(len(target) + len(head))
        target += head + wanted + tail
    return Lesson(None, lines, "", target.rstrip(), tuple(keys))


def description(rng: random.Random, scene: Scene) -> Lesson:
    """The whole scene in random order: what is in each cell, or how large and in which cell each thing is (twice).

    Random order, because one that is fixed can be recited without looking up what a cell's name means.
    """
    if rng.random() < 0.5:
        contents = [f"{_size(thing)} {thing.name}" if thing else "nothing" for thing in scene.cells]
        pairs = list(zip(CELLS, contents, strict=True))
    else:
        pairs = [(thing.name, f"{_size(thing)} {CELLS[cell]}") for cell, thing in unique_things(scene)] * 2
    rng.shuffle(pairs)
    target, keys = "", []
    for asked, wanted in pairs:
        target += asked
        for word in wanted.split():
            keys.append(len(target) + 1)
            target += f" {word}"
        target += ", "
    return Lesson(draw(scene), "Describe the picture.", "", target.rstrip(", ") + ".", tuple(keys))


def _size(thing: Thing) -> str:
    return "large" if thing.large else "small"


def statements(rng: random.Random, scene: Scene) -> Lesson:
    """Eight true statements about a scene, in no order: each has to be looked up in the picture by what it names."""
    target, keys = "", []
    for _ in range(8):
        sentence, key = grounded_statement(rng, scene)
        keys.append(len(target) + key)
        target += f"{sentence} "
    return Lesson(draw(scene), "Say what you see.", "", target.rstrip(), tuple(keys))


def facts(rng: random.Random, scene: Scene) -> Lesson:
    """Up to eight different questions about a scene, without options, each answered at once in words."""
    asked = dict(fact(rng, scene) for _ in range(10))
    target, keys = "", []
    for text, answer in list(asked.items())[:8]:
        target += f"{text} "
        keys += [len(target) + match.start() for match in re.finditer(r"\S+", answer)]
        target += f"{answer}. "
    return Lesson(draw(scene), "Answer in words.", "", target.rstrip(), tuple(keys))


def question(
    rng: random.Random, item: MicroworldQuestion, shares: Shares, at_once: bool = False, whole: bool = False
) -> Lesson:
    """One question, answered with reasoning or at once, after an empty think block.

    whole: every word of the reasoning is a key, not only those that have to be looked up. What is drawn from `rng`, and
    in what order, is part of every recipe: the data of its seed depend on it.
    """
    # 1) What is seen and may be answered, and how the lesson departs from the truth about it, if at all.
    seen = _see(rng, item, shares)
    departure = _departure(rng, item, shares, seen.blank, at_once)

    # 2) The text beside the picture, and what is reasoned and answered.
    beside = _text_beside(rng, item, shares, seen.blank, departure, at_once)
    reasoning, concluded, answer = seen.reasoning, seen.answer, seen.answer
    if departure.misread:
        reasoning, concluded = misreading(rng, item, departure.claimed), departure.claimed
        answer = answer if rng.random() < shares.despite else departure.claimed

    # 3) The turn of the user, and the answer. At once: behind an empty think block, which is given.
    user = layout(item.text, seen.options, beside.caption) + "\n" + INSTRUCTION
    ending = f"<answer>{LETTERS[answer]}</answer>"
    if at_once:
        return Lesson(seen.image, user, rng.choice(STOPS), ending, (ending.index(">") + 1,))

    # 4) What is learned, behind a start that is given; and its keys, the letter of the answer the last of them.
    thought = _thought(rng, shares, reasoning, beside)
    thought = " ".join(part for part in (thought, f"So the answer is {seen.options[concluded]}.") if part)
    written = f" {thought}" if beside.start else f"<think>{thought}"
    target = f"{written}</think>{ending}"
    keys = [match.start() for match in (_ANY if whole else _TELLING).finditer(written)]
    return Lesson(seen.image, user, beside.start, target, (*keys, target.rindex("<answer>") + len("<answer>")))


class _Seen(NamedTuple):
    """blank: there is nothing in the picture. answer: the index of the option that is right, or as right as any."""

    image: Image.Image
    blank: bool
    options: tuple[str, ...]
    answer: int
    reasoning: list[str]


def _see(rng: random.Random, item: MicroworldQuestion, shares: Shares) -> _Seen:
    """The picture of an item, or a blank one, whose answer is "I'm not sure" where that is an option, and a guess
    elsewhere; with the true reasoning that leads there."""
    abstainable = rng.random() < shares.abstain
    options = (*item.options, ABSTAIN) if abstainable else item.options
    if rng.random() < (shares.blank if abstainable else shares.guess):
        answer = len(options) - 1 if abstainable else rng.randrange(len(options))
        return _Seen(blank((IMAGE_SIZE, IMAGE_SIZE)), True, options, answer, ["I see nothing."])
    return _Seen(item.load_image(), False, options, item.answer, list(item.reasoning))


class _Departure(NamedTuple):
    """From a question with true reasoning. misled: a wrong text beside the picture, which the reasoning contradicts.
    assured: a right one. misread: wrong reasoning. claimed: the index of the option that text or reasoning claims."""

    misled: bool
    assured: bool
    misread: bool
    claimed: int


def _departure(rng: random.Random, item: MicroworldQuestion, shares: Shares, blank: bool, at_once: bool) -> _Departure:
    """Nothing is drawn for what has no share, so that the data of a recipe without it stay as they were."""
    misled = bool(shares.misled) and not blank and rng.random() < shares.misled
    assured = bool(shares.assured) and not (blank or misled) and rng.random() < shares.assured / (1 - shares.misled)
    misread = bool(shares.misread) and not (blank or misled or at_once) and rng.random() < shares.misread
    return _Departure(misled, assured, misread, _wrong_option(rng, item) if misled or misread else item.answer)


class _Beside(NamedTuple):
    """caption: in the user's turn. start: of the reasoning, in the model's own. objection: with which the reasoning
    meets a wrong one of them, before it says what is there."""

    caption: str = ""
    start: str = ""
    objection: str = ""


def _text_beside(
    rng: random.Random,
    item: MicroworldQuestion,
    shares: Shares,
    blank: bool,
    departure: _Departure,
    at_once: bool,
) -> _Beside:
    """What stands beside the picture: the claim that misleads or assures, or else, at times, a true caption."""
    caption = start = objection = ""
    if departure.misled or departure.assured:
        claim = item.claims[departure.claimed]
        if at_once or rng.random() < 0.5:
            caption = rng.choice(CAPTIONS).format(claim=claim)
            objection = f"The caption says {_within(claim)}, but I see something else."
        else:
            start = "<think>" + rng.choice(THOUGHTS).format(claim=claim)
            objection = "But I see something else."
    elif not blank and rng.random() < shares.caption:
        telling = rng.random() < shares.telling
        claim = item.claims[item.answer] if telling else true_statement(rng, item.scene)
        caption = rng.choice(CAPTIONS).format(claim=claim)
    if caption and rng.random() < shares.hedged:
        caption += " " + rng.choice(DISCLAIMERS)
    return _Beside(caption, start, objection if departure.misled else "")


def _thought(rng: random.Random, shares: Shares, reasoning: list[str], beside: _Beside) -> str:
    """What is written of a reasoning before its conclusion."""
    # 1) How much of it: nothing, its last statement, or all. After an objection there is always one.
    form = rng.random()
    if form < shares.bare and not beside.objection:
        reasoning = []
    elif form < shares.bare + shares.brief:
        reasoning = reasoning[-1:]

    # 2) What surrounds it: a doubt after which it is said again, a phrase that opens it.
    thought = " ".join(reasoning)
    if reasoning and rng.random() < shares.recheck:
        thought += f" {rng.choice(DOUBTS)} {thought}"
    if reasoning and not (beside.objection or beside.start) and rng.random() < shares.opener:
        thought = rng.choice(THOUGHTS).format(claim=thought)
    return " ".join(part for part in (beside.objection, thought) if part)


def _wrong_option(rng: random.Random, item: MicroworldQuestion) -> int:
    """The index of an option of an item that is not its answer, each as likely as the others."""
    wrong = item.answer
    while wrong == item.answer:
        wrong = rng.randrange(len(item.options))
    return wrong


def _within(claim: str) -> str:
    """A claim in the middle of a sentence."""
    return claim[0].lower() + claim[1:].rstrip(".")


_TELLING = re.compile(
    rf"\b(?:{'|'.join((*COLORS, *CELLS))}|(?:{'|'.join(SHAPES)})(?:e?s)?|large|small|larger|smaller|same|left|right"
    r"|above|below|yes|no|[0-9])\b"
)
"""The words of a reasoning that have to be looked up, in the picture, the question or the reasoning before them."""
_ANY = re.compile(r"\w+|[,.]")
