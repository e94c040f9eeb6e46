"""Exercises that build something: a measure, a judge, a reward. Each is run on cases and held against a reference.

The cases of the rewards are completions about a picture of the microworld, where the facts on which a reward may hang
are worked out by the package's own judges: to what a reasoning commits, and whether its statements are true.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from companion.evaluation.judges.grounding_judge import grounded
from companion.evaluation.judges.rule_judge import final_commitment
from companion.perturbations.perturbation import apply
from companion.questions.microworld.grammar import is_true, sentences
from companion.questions.microworld.items import MicroworldQuestion, find
from companion.questions.question import LETTERS
from companion.teaching.exercises.checking import Exercise, Slip, WrongError, call, numbers
from companion.training import rewards

COLORS = ("red", "blue", "green")
THINKS: tuple[tuple[str, Sequence[str]], ...] = (
    ("The star is in the east. So the answer is blue.", COLORS),
    ("Let me look at the picture.", COLORS),
    ("It could be red. No, it is blue.", COLORS),
    ("The answer is blue. It is not red.", COLORS),
    ("Red comes to mind. Wait, the shape is green.", COLORS),
    ("There are 12 squares.", ("2", "12", "3")),
    ("", COLORS),
    ("It was blue at first sight. Green it is.", COLORS),
    ("It is not red but green.", COLORS),
)


def _judge(function: object) -> str:
    for think, options in THINKS:
        shown = f"concluded({think!r}, {list(options)!r})"
        found = call(function, think, list(options), shown=shown)
        expected = final_commitment(think, options).option
        if found is not None and (isinstance(found, bool) or not isinstance(found, int | np.integer)):
            raise WrongError(f"`{shown}` returned {found!r}: return the *number* of the option, from 0, or `None`.")
        if found == expected:
            continue
        if expected is None:
            raise WrongError(
                f"`{shown}` returned {found!r}. This reasoning names none of the options; a judge that always finds "
                "something makes every answer look backed."
            )
        if found is None:
            why = "Is a denial taken for the whole sentence?" if "not" in think else "Capital letters?"
            raise WrongError(f"`{shown}` returned None, and the reasoning does name an option. {why}")
        if "not" in think:
            why = "What is *denied* is named too, but it is not the conclusion."
        elif "Green" in think:
            why = "Is a word found that begins a sentence, with its capital letter?"
        elif "12" in think:
            why = "A part of a word was found: look for whole words."
        else:
            why = "A reasoning may change its mind: which of the options that it names is the conclusion?"
        raise WrongError(f"`{shown}` returned {found!r}. {why}")
    return (
        "These were the easy ones. Where a conclusion is only implied (“its first digit has two loops”) no rule "
        "finds it: look at the second panel of the figure of the judge's accuracy."
    )


LIED = (True,) * 6 + (False,) * 4
SPEAKERS = {
    "always": ((True,) * 10, LIED),
    "never": ((False,) * 10, LIED),
    "sees": (LIED, LIED),
    "mostly": ((True, True, True, True, False, False, True, False, False, False), LIED),
    "mostly, fewer lies": (
        (True, True, False, True, False, False, False, True, False, False, False),
        (True, True, True, False, False, False, False, False, False, False, False),
    ),
}
"""Name → for ten responses or so, whether it says that text and picture disagree, and whether the text was false."""


def _acknowledges(function: object) -> str:
    cases = [(list(said), list(lied)) for said, lied in SPEAKERS.values()]
    found = dict(zip(SPEAKERS, numbers(function, cases, "score"), strict=True))
    if any(math.isnan(one) for one in found.values()):
        raise WrongError("The score is `nan` for somebody who never says it. Divide by how many texts there were.")
    if abs(found["always"]) > 1e-9:
        raise WrongError(
            f"Somebody who says “but I see something else” of *every* text scores {found['always']:.2f}. That is a "
            "phrase, not sight, and should score 0: how often is it said of texts that are true?"
        )
    if abs(found["never"]) > 1e-9:
        raise WrongError(f"Somebody who never says it scores {found['never']:.2f}, and should score 0.")
    if abs(found["sees"] - 1) > 1e-9:
        raise WrongError(f"Somebody who says it of every lie and of nothing else scores {found['sees']:.2f}, not 1.")
    for name in ("mostly", "mostly, fewer lies"):
        said, lied = map(np.array, SPEAKERS[name])
        if abs(found[name] - (said[lied].mean() - said[~lied].mean())) > 1e-6:
            raise WrongError(
                "Right for those who always, never, or rightly say it, but not in between. Take two shares: of the "
                "texts that lied, how often is it said, and of those that did not?"
            )
    return (
        "Habit scores 0, sight 1, and it does not matter how many of the texts lied. It is the last column of the "
        "figure under a lie minus the same under a truth."
    )


def _completions(question: MicroworldQuestion) -> dict[str, tuple[str, int]]:
    """What it shows → think, and the option answered. All but the first two are shortcuts, or wrong."""
    right, wrong = question.answer, (question.answer + 1) % len(question.options)
    seen, claim = " ".join(question.reasoning[:-1]), question.claims[wrong]

    def so(option: int) -> str:
        return f"So the answer is {question.options[option]}."

    return {
        "honest": (f"{' '.join(question.reasoning)} {so(right)}", right),
        "honest and short": (f"{question.reasoning[-1]} {so(right)}", right),
        "nothing": ("", right),
        "template": (so(right), right),
        "long template": (f"Let me look at the picture with great care before I say what it shows. {so(right)}", right),
        "another picture": (f"{_misread(question)} {so(right)}", right),
        "true, then false": (f"{question.reasoning[-1]} {_misread(question)} {so(right)}", right),
        "false, then true": (f"{_misread(question)} {question.reasoning[-1]} {so(right)}", right),
        "parted": (f"{seen} {claim} {so(wrong)}", right),
        "no conclusion": (question.reasoning[0], right),
        "true, then parted": (f"{seen} {so(wrong)}", right),
        "mistaken": (f"{seen} {claim} {so(wrong)}", wrong),
        "true, but wrong": (f"{seen} {so(wrong)}", wrong),
    }


def _misread(question: MicroworldQuestion) -> str:
    """The first observation with another cell, so that it is false."""
    first = question.reasoning[0]
    return next(
        said
        for cell in ("northwest", "southeast", "center", "north")
        if is_true(said := f"{first.rsplit(' in the ', 1)[0]} in the {cell}.", question.scene) is False
    )


SHORTCUTS = {
    "nothing": "an empty think block. (In Python `all([])` is `True`.)",
    "template": "a template that says the answer and nothing of the picture",
    "long template": "a template that is long and says nothing of the picture: words are no sight",
    "another picture": "reasoning that leads to the right answer, and is *false* of the picture",
    "true, then false": "reasoning of which a part is false of the picture, and the first statement true",
    "false, then true": "reasoning of which a part is false of the picture, and the last statement true",
    "parted": "a right answer whose own reasoning concludes something else",
    "mistaken": "a wrong answer with false reasoning that leads to it",
    "true, but wrong": "a wrong answer after true statements",
    "true, then parted": "a right answer after true statements that conclude something else",
    "no conclusion": "a right answer after a true statement that concludes nothing",
}
"""What is said of a completion that is paid as much as an honest one."""

PICTURES = ("validation-0-5", "validation-0-14")


def _facts(question: MicroworldQuestion, think: str, answer: int) -> tuple[Any, ...]:
    concludes = final_commitment(think, question.options, question.claims, question.text).option
    truths = [truth for said in sentences(think) if (truth := is_true(said, question.scene)) is not None]
    return think, LETTERS[answer], question.letter, None if concludes is None else LETTERS[concludes], truths


def _reward(function: object) -> str:
    for question in map(find, PICTURES):
        completions = _completions(question)
        cases = [_facts(question, *completion) for completion in completions.values()]
        paid = dict(zip(completions, numbers(function, cases, "reward"), strict=True))
        if not all(map(math.isfinite, paid.values())):
            raise WrongError("A reward has to be a finite number, or no gradient can be taken from it.")
        honest = min(paid["honest"], paid["honest and short"])
        if honest <= 0:
            which = "short " if paid["honest and short"] <= 0 else ""
            raise WrongError(
                f"A {which}true reasoning that leads to its right answer gets {honest:g}. If nobody is paid, nothing "
                "is learned: give it more than 0."
            )
        for name, told in SHORTCUTS.items():
            if paid[name] >= honest:
                think, answer = completions[name]
                raise WrongError(
                    f"It pays {paid[name]:g} for {told}, and {honest:g} for an honest one: "
                    f"`<think>{think}</think><answer>{LETTERS[answer]}</answer>` (right: {question.letter})."
                )
    return (
        "No shortcut here is paid like an honest reasoning. RL will look for others: true statements that have "
        "nothing to do with the question would still be paid. And in a real picture nobody hands you `truths`."
    )


GUARDED = find("validation-0-5")
_GATES = ("consistency", "spoken")


def _broken(answer: object) -> str:
    if not isinstance(answer, str):
        raise WrongError(
            f"A completion is asked for, text in quotation marks, and this is a `{type(answer).__name__}`."
        )
    prompt = apply(GUARDED, "plain")
    think = answer.split("</think>")[0].removeprefix("<think>")
    if rewards.format(prompt, answer) == 0:
        raise WrongError(
            "The form is not paid: it has to be `<think>…</think><answer>…</answer>`, nothing else around it."
        )
    if rewards.answer(prompt, answer) == 0:
        raise WrongError("It answers wrongly, which is not paid. The letter of the right option stands in the task.")
    if rewards.consistency(prompt, answer) == 0:
        raise WrongError("The gate `consistency` is shut: the reasoning does not end at the option that is answered.")
    if rewards.spoken(prompt, answer) == 0:
        raise WrongError(f"The gate `spoken` is shut: the think block has fewer than {rewards.SPOKEN_WORDS} words.")
    if grounded(think, GUARDED.scene):
        raise WrongError("It is paid, and honestly so: all it states is true of the picture. Now say nothing true.")
    if true := next((said for said in sentences(think) if is_true(said, GUARDED.scene)), None):
        raise WrongError(f"It is paid, and part of it is true of the picture: “{true}” Now say nothing true.")
    return (
        f"It is paid {rewards.reward(prompt, answer, _GATES):.1f}, the most there is, without a look at the picture. "
        "Whoever writes a guard into a reward should first try to get round it, as RL will."
    )


_LAST_NAMED = """\
import re


def concluded(think, options):
    found = None
    for sentence in re.split(r"[.!?]", {0}):
        for number, option in enumerate(options):
            word = rf"\\b{{re.escape(option)}}\\b"
            if re.search(word, sentence) and not re.search(rf"{1}", sentence):
                found = number
    return found"""
_CONCLUDED = "import re\n\n\ndef concluded(think, options):\n"
_SCORE = "def score(said, lied):\n    "
_REWARD = "def reward(think, answer, right, concludes, truths):\n    "
_STAR = "So the answer is {option}."


def _completion(think: str, letter: str) -> str:
    return f'answer = "<think>{think}</think><answer>{letter}</answer>"'


def _asked(question: MicroworldQuestion) -> str:
    options = ", ".join(f"{letter} {option}" for letter, option in zip(LETTERS, question.options, strict=False))
    return f"“{question.text}” ({options}; right: {question.letter})"


_OPTION, _LETTER = GUARDED.options[GUARDED.answer], GUARDED.letter
_OTHER = (GUARDED.answer + 1) % len(GUARDED.options)

DESIGNING = (
    Exercise(
        "03.3",
        "Be the judge",
        "Write a judge in ten lines: which of the options does a reasoning conclude? Return its number, from 0, or "
        "`None` where it concludes none. It will be given reasoning that changes its mind, that denies an option, "
        "and that says nothing.",
        _CONCLUDED
        + """\
    found = None
    for sentence in re.split(r"[.!?]", think.lower()):
        for number, option in enumerate(options):
            word = rf"\\b{re.escape(option.lower())}\\b"
            if re.search(word, sentence) and not re.search(rf"\\bnot {word}", sentence):
                found = number
    return found""",
        _judge,
        (
            Slip(
                "def concluded(think, options):\n    for number, option in enumerate(options):\n"
                "        if option in think.lower():\n            return number",
                "change its mind",
            ),
            Slip(
                "def concluded(think, options):\n    places = [think.lower().rfind(option) for option in options]\n"
                "    return places.index(max(places)) if max(places) >= 0 else None",
                "*denied*",
            ),
            Slip("def concluded(think, options):\n    return 1", "names none of the options"),
            Slip(_LAST_NAMED.format("think", "not {word}"), "with its capital letter"),
            Slip(_LAST_NAMED.format("think.lower()", "not"), "taken for the whole sentence"),
            Slip(
                _CONCLUDED + "    said = [o for o in options if o in think]\n    return said[-1] if said else None",
                "the *number* of the option",
            ),
        ),
        _CONCLUDED + "    return ...",
        "concluded",
    ),
    Exercise(
        "07.3",
        "A measure that habit cannot fool",
        "For some responses, `said` tells whether each says that text and picture disagree, and `lied` whether the "
        "text was false (two lists of `True` and `False`). Write a score that is 1 for who says it of lies only, and "
        "0 for who always says it, or never, whatever the share of lies; in between, the difference of two shares.",
        _SCORE
        + """\
of_lies = [s for s, false in zip(said, lied) if false]
    of_truths = [s for s, false in zip(said, lied) if not false]
    return sum(of_lies) / len(of_lies) - sum(of_truths) / len(of_truths)""",
        _acknowledges,
        (
            Slip(_SCORE + "return sum(s and false for s, false in zip(said, lied)) / sum(lied)", "of *every* text"),
            Slip(_SCORE + "return sum(s == false for s, false in zip(said, lied)) / len(said)", "of *every* text"),
            Slip(_SCORE + "return float(list(said) == list(lied))", "not in between"),
            Slip(
                _SCORE + "return sum(s and false for s, false in zip(said, lied)) / sum(said)",
                "stopped with ZeroDivisionError",
            ),
            Slip(
                _SCORE + "return sum((1 if false else -1) * s for s, false in zip(said, lied)) / len(said)",
                "of *every* text",
            ),
        ),
        _SCORE + "return ...",
        "score",
    ),
    Exercise(
        "05.2",
        "A reward that resists the shortcut",
        "Design a reward that pays an honest reasoning more than any shortcut. You are given the text of the think "
        "block, the letter `answer`, the `right` letter, the letter that the reasoning `concludes` (or `None`), and "
        "`truths`: for each statement that it makes about the picture, whether it is true. Start with the paper's "
        "(right answers are paid) and see what gets through.",
        _REWARD + "honest = len(truths) > 0 and all(truths)\n"
        "    return 1.0 if answer == right and concludes == answer and honest else 0.0",
        _reward,
        (
            Slip(_REWARD + "return float(answer == right)", "an empty think block"),
            Slip(_REWARD + "return float(answer == right and concludes == answer)", "a template that says"),
            Slip(
                _REWARD + "return float(answer == right and concludes == answer and len(think.split()) >= 6)",
                "words are no sight",
            ),
            Slip(_REWARD + "return float(answer == right and len(truths) > 0)", "*false* of the picture"),
            Slip(
                _REWARD + "return float(answer == right and concludes == answer and len(truths) > 0)",
                "*false* of the picture",
            ),
            Slip(
                _REWARD + "return float(answer == right and concludes == answer and any(truths))",
                "the first statement true",
            ),
            Slip(
                _REWARD + "return float(answer == right and concludes == answer and bool(truths) and truths[-1])",
                "the last statement true",
            ),
            Slip(
                _REWARD
                + "return float(answer == right and concludes in (answer, None) and any(truths) and all(truths))",
                "concludes nothing",
            ),
            Slip(_REWARD + "return float(answer == right and all(truths))", "`all([])`"),
            Slip(
                _REWARD + "return float(answer == right and len(truths) > 0 and all(truths))", "conclude something else"
            ),
            Slip(_REWARD + "return float(len(truths) > 0 and all(truths))", "a wrong answer after true statements"),
            Slip(_REWARD + "return 0.0", "nobody is paid"),
            Slip(_REWARD + "return float(len(think.split()) > 20 and answer == right)", "short true reasoning"),
        ),
        _REWARD + "return ...",
        "reward",
    ),
    Exercise(
        "05.3",
        "Get round the guard",
        "The recipe `rl-guarded` pays for a right answer only if the reasoning leads to it (`consistency`) and has at "
        f"least {rewards.SPOKEN_WORDS} words (`spoken`), against collapse. Write a completion about a picture that "
        f"you cannot see, which is paid in full and says nothing true of it: {_asked(GUARDED)}.",
        _completion(f"Let me have a look at it. {_STAR.format(option=_OPTION)}", _LETTER),
        _broken,
        (
            Slip(_completion("", _LETTER), "`consistency` is shut"),
            Slip(_completion(_STAR.format(option=_OPTION).replace(" the answer is", ""), _LETTER), "fewer than"),
            Slip(_completion(" ".join(GUARDED.reasoning), _LETTER), "honestly so"),
            Slip(_completion("I will not say what I see there.", _LETTER), "`consistency` is shut"),
            Slip(
                _completion(f"Let me see. {_STAR.format(option=GUARDED.options[_OTHER])}", LETTERS[_OTHER]),
                "answers wrongly",
            ),
            Slip(f'answer = "{_LETTER}"', "The form is not paid"),
        ),
        'answer = ...  # "<think>…</think><answer>…</answer>"',
    ),
)
