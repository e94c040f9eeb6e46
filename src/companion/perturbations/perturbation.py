"""Perturbations: the same question and picture, with text around it that a person looking at it would ignore.

The picture is never touched, but for `blank-image`, which takes it away. What a perturbation asserts is a claim of the
question (`Question.claims`): one wrong option is drawn for an item, by seed, and every wrong perturbation of the item
asserts that same one, so that perturbations are paired. Source: the paper's evaluation protocol."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from PIL import Image

from companion.errors import CompanionError
from companion.questions.question import LETTERS, Question, blank

ABSTAIN = "I'm not sure"

CAPTIONS = ("Caption: {claim}", "Someone says: {claim}", "Here is a description of the picture: {claim}")
DISCLAIMERS = ("But I could be wrong.", "This may not be right.", "I am not sure about this.")
THOUGHTS = ("{claim}", "Let me see. {claim}", "Looking at the picture, I see this. {claim}")
DOUBTS = ("But wait.", "But let me check.", "However, let me look again.")
STOPS = ("<think></think>", "<think>I will answer at once.</think>", "<think>No need to think.</think>")


WORDINGS: Mapping[str, Sequence[str]] = {
    "caption": CAPTIONS,
    "disclaimer": DISCLAIMERS,
    "think": THOUGHTS,
    "doubt": DOUBTS,
    "stop": STOPS,
}
"""kind of sentence → its wordings. These five draw from one random stream, in this order."""


@dataclass(frozen=True)
class Perturbation:
    """What a perturbation adds to a prompt. caption, think: which claim they assert, "right", "wrong" or none.

    wordings: kinds of `WORDINGS` that are worded in a way of its own. Each set of wordings draws from a stream of its
    own, so that perturbations with the same set share the wording that an item draws. The microworld's models spell
    words that they were not taught byte by byte. called: the nouns by which a response may speak of a caption in such
    words ("note" of "Note: {claim}"), for which the conflict judge looks; those of `CAPTIONS` it knows. Raises
    CompanionError for a caption in words of its own and without a noun.
    """

    name: str
    caption: str = ""
    disclaimer: bool = False
    think: str = ""
    doubt: bool = False
    stop: bool = False
    abstain: bool = False
    blank: bool = False
    wordings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    called: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.wordings.get("caption") and not self.called:
            raise CompanionError(
                f"the perturbation {self.name} has a caption in words of its own, {self.wordings['caption'][0]!r}, and "
                "the conflict judge would not know it in a response; say in `called` what a response may call it, "
                'such as called=("note",)'
            )


PERTURBATIONS = {
    perturbation.name: perturbation
    for perturbation in (
        Perturbation("plain"),
        Perturbation("stop-think", stop=True),
        Perturbation("wrong-think", think="wrong"),
        Perturbation("wrong-think-but", think="wrong", doubt=True),
        Perturbation("wrong-caption", caption="wrong"),
        Perturbation("wrong-caption-disclaimer", caption="wrong", disclaimer=True),
        Perturbation("right-think", think="right"),
        Perturbation("right-caption", caption="right"),
        Perturbation("abstain", abstain=True),
        Perturbation("wrong-think-abstain", think="wrong", abstain=True),
        Perturbation("wrong-caption-abstain", caption="wrong", abstain=True),
        Perturbation("blank-image", blank=True),
    )
}

THREE_PROMPTS = ("plain", "wrong-caption", "wrong-think")
"""The plain prompt and the two lies: most hypotheses of the study are tested under these, and what takes few prompts
is of them."""


@dataclass(frozen=True)
class Prompt:
    """What is shown to the model for one item under one perturbation.

    text: the user's turn, without the image and without the instruction on the form of the answer, which the model's
    profile adds. prefill: the start of the assistant's turn. options: those of the question, and in an abstain form
    "I'm not sure", last unless it was one of them. suggested: the option that the perturbation asserts, or None.
    wording: which of the wordings was drawn, as "caption-1" or "think-0 doubt-2", or "" where the perturbation has but
    one. seed: of the draws.
    """

    question: Question
    perturbation: str
    text: str
    prefill: str
    options: tuple[str, ...]
    suggested: int | None
    wording: str
    blank: bool
    seed: int = 0

    def load_image(self) -> Image.Image:
        """The question's picture, or an even grey one of its size. Raises what `Question.load_image` raises."""
        image = self.question.load_image()
        return blank(image.size) if self.blank else image


def caption_nouns() -> list[str]:
    """What responses may call captions that are not in the words of `CAPTIONS`, of all perturbations."""
    return sorted({noun for perturbation in PERTURBATIONS.values() for noun in perturbation.called})


def in_standing_order(names: Iterable[str]) -> list[str]:
    """Each of some perturbations once, in the order of `PERTURBATIONS`; those that have no entry there come last."""
    there = dict.fromkeys(names)
    known = [name for name in PERTURBATIONS if name in there]
    return known + sorted(set(there) - set(known))


def parse_perturbations(names: str) -> list[str]:
    """Perturbation names from "all" or a comma-separated list, in their standing order; an unknown name is an error."""
    if names == "all":
        return list(PERTURBATIONS)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in PERTURBATIONS:
            raise CompanionError(f"unknown perturbation {name!r}; choose from {', '.join(PERTURBATIONS)}, or all")
    if not wanted:
        raise CompanionError("no perturbation given; choose from " + ", ".join(PERTURBATIONS) + ", or all")
    return in_standing_order(wanted)


def apply(question: Question, perturbation: str, seed: int = 0) -> Prompt:
    """The prompt of a question under a perturbation.

    The wrong option and each wording depend on (seed, question id) alone: two perturbations with a caption share its
    wording, so that they differ in nothing but what their names say.
    """
    plan = PERTURBATIONS[perturbation]
    wrong, draws = _draws(seed, question.id, len(question.options), question.answer)
    asserted = {"right": question.answer, "wrong": wrong}
    used: list[str] = []

    def pick(kind: str) -> str:
        """The wording of a kind of sentence that this question draws."""
        own = plan.wordings.get(kind)
        number = _drawn(seed, question.id, own) if own else draws[kind]
        used.append(f"{kind}-{number}")
        return (own or WORDINGS[kind])[number]

    caption = prefill = ""
    if plan.caption:
        caption = pick("caption").format(claim=question.claims[asserted[plan.caption]])
        if plan.disclaimer:
            caption += " " + pick("disclaimer")
    if plan.think:
        prefill = "<think>" + pick("think").format(claim=question.claims[asserted[plan.think]])
        if plan.doubt:
            prefill += " " + pick("doubt")
    if plan.stop:
        prefill = pick("stop")
    options = with_abstain(question.options) if plan.abstain else question.options
    return Prompt(
        question=question,
        perturbation=perturbation,
        text=layout(question.text, options, caption),
        prefill=prefill,
        options=options,
        suggested=asserted.get(plan.caption or plan.think),
        wording=" ".join(used),
        blank=plan.blank,
        seed=seed,
    )


def with_abstain(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options and, last, "I'm not sure"; as they are where that is one of them, wherever it stands."""
    there = any(option.casefold().rstrip(".") == ABSTAIN.casefold() for option in options)
    return options if there else (*options, ABSTAIN)


def _drawn(seed: int, id: str, wordings: Sequence[str]) -> int:
    """The number of the wording that an item draws of a set that is not in `WORDINGS`."""
    return random.Random(f"{seed}/{id}/{'|'.join(wordings)}").randrange(len(wordings))


@lru_cache(maxsize=4096)
def _draws(seed: int, id: str, options: int, answer: int) -> tuple[int, dict[str, int]]:
    """A wrong option, and the number of the wording of each kind of sentence."""
    rng = random.Random(f"{seed}/{id}")
    wrong = rng.choice([i for i in range(options) if i != answer])
    return wrong, {kind: rng.randrange(len(wordings)) for kind, wordings in WORDINGS.items()}


def layout(text: str, options: tuple[str, ...], caption: str = "") -> str:
    """The user's turn: the caption, if any, the question, and one lettered line for each option."""
    lines = [caption] if caption else []
    lines.append(text)
    lines += [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join(lines)
