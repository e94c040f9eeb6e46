"""What the microworld's models are taught: the texts of their supervised training.

Four kinds: letter look-up (text only), descriptions of whole scenes, single statements about them, questions.
Captions and reasoning are always true of the picture, as nearly all instruction data of real vision-language models
is: nothing here teaches distrust. Many questions are answered at once, so that the picture leads to the answer by a
path of its own besides the one through the reasoning.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image

from companion.microworld.benchmark import MicroworldQuestion
from companion.microworld.families import DIRECTIONS
from companion.microworld.grammar import grounded_statement, true_statement, unique_things
from companion.microworld.scenes import CELLS, COLORS, IMAGE_SIZE, SHAPES, Scene, blank, draw
from companion.questions import LETTERS
from companion.variants import ABSTAIN, CAPTIONS, DISCLAIMERS, DOUBTS, STOPS, THOUGHTS, layout

INSTRUCTION = "Think, then answer."
"""Ends every question to a microworld model; real models are asked in more words (see `chat.PROFILES`)."""

WORDS = (
    *COLORS, *SHAPES, *CELLS, *DIRECTIONS, "larger than", "smaller than", "the same size as", "yes", "no",
    *(str(number) for number in range(6)), *(f"{color} {shape}" for color in COLORS for shape in SHAPES), ABSTAIN,
)  # fmt: skip


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

    at_once: answered after an empty think block; caption: with a caption, true; telling: of these, the claim of the
    right option; hedged: of these, with a disclaimer; opener, recheck, brief: of the reasoned ones, opened by a
    phrase, checked again after a "But …", or only the claim; abstain: with an added "I'm not sure"; blank: of these,
    on a blank picture, where that is the answer.
    """

    at_once: float = 0.6
    caption: float = 0.25
    telling: float = 0.5
    hedged: float = 0.25
    opener: float = 0.1
    recheck: float = 0.08
    brief: float = 0.15
    abstain: float = 0.08
    blank: float = 0.25


def look_up(rng: random.Random) -> Lesson:
    """Lettered options, then each of them twice in random order, either way round: "star is C. A is red."."""
    options = rng.sample(WORDS, rng.choice((2, 3, 4, 4, 4, 5, 6)))
    lines = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))
    order = list(range(len(options))) * 2
    rng.shuffle(order)
    target, keys = "", []
    for i in order:
        asked, wanted = (LETTERS[i], options[i]) if rng.random() < 0.5 else (options[i], LETTERS[i])
        target += f"{asked} is "
        keys.append(len(target))
        target += f"{wanted}. "
    return Lesson(None, lines, "", target.rstrip(), tuple(keys))


def description(rng: random.Random, scene: Scene) -> Lesson:
    """The whole scene in random order: what is in each cell, or in which cell each thing is (twice).

    Random order, because one that is fixed can be recited without looking up what a cell's name means.
    """
    if rng.random() < 0.5:
        contents = [
            f"{'large' if thing.large else 'small'} {thing.name}" if thing else "nothing" for thing in scene.cells
        ]
        pairs = list(zip(CELLS, contents, strict=True))
    else:
        pairs = [(thing.name, CELLS[cell]) for cell, thing in unique_things(scene)] * 2
    rng.shuffle(pairs)
    target, keys = "", []
    for asked, wanted in pairs:
        target += asked
        for word in wanted.split():
            keys.append(len(target) + 1)
            target += f" {word}"
        target += ", "
    return Lesson(draw(scene), "Describe the picture.", "", target.rstrip(", ") + ".", tuple(keys))


def statements(rng: random.Random, scene: Scene) -> Lesson:
    """Eight true statements about a scene, in no order: each has to be looked up in the picture by what it names."""
    target, keys = "", []
    for _ in range(8):
        sentence, key = grounded_statement(rng, scene)
        keys.append(len(target) + key)
        target += f"{sentence} "
    return Lesson(draw(scene), "Say what you see.", "", target.rstrip(), tuple(keys))


def question(rng: random.Random, item: MicroworldQuestion, shares: Shares) -> Lesson:
    """One question, answered at once or with true reasoning."""
    options, answer, image = item.options, item.answer, item.load_image()
    statements = list(item.reasoning)
    conclusion = f"So the answer is {options[answer]}."
    caption = ""
    if rng.random() < shares.abstain:
        options = (*options, ABSTAIN)
        if rng.random() < shares.blank:
            image = blank((IMAGE_SIZE, IMAGE_SIZE))
            answer = len(options) - 1
            statements, conclusion = ["I see nothing."], f"So the answer is {ABSTAIN}."
    if answer == item.answer and rng.random() < shares.caption:
        claim = item.claims[answer] if rng.random() < shares.telling else true_statement(rng, item.scene)
        caption = rng.choice(CAPTIONS).format(claim=claim)
        if rng.random() < shares.hedged:
            caption += " " + rng.choice(DISCLAIMERS)
    user = layout(item.text, options, caption) + "\n" + INSTRUCTION
    ending = f"<answer>{LETTERS[answer]}</answer>"
    if rng.random() < shares.at_once:
        return Lesson(image, user, rng.choice(STOPS), ending, (ending.index(">") + 1,))
    if rng.random() < shares.brief:
        statements = statements[-1:]
    thought = " ".join(statements)
    if rng.random() < shares.recheck:
        thought += f" {rng.choice(DOUBTS)} {' '.join(statements)}"
    if rng.random() < shares.opener:
        thought = rng.choice(THOUGHTS).format(claim=thought)
    target = f"<think>{thought} {conclusion}</think>{ending}"
    return Lesson(image, user, "", target, (target.rindex("<answer>") + len("<answer>"),))
