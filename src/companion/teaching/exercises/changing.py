"""Exercises that change one thing and look what it does: the wording of a caption, the judge of the reasoning.

A caption in the reader's words is put to the small model that is shipped, whatever model the notebook is about. Left
out: whether a caption asserts its option is told by words that deny, doubt or ask, and by the rule judge; a wording
that does so in other words gets through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from string import Formatter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.evaluation.judges.judge_registry import judged_by
from companion.evaluation.judges.rule_judge import final_commitment
from companion.models.interface import Sampling, responses
from companion.perturbations.perturbation import CAPTIONS, Prompt, apply, layout
from companion.questions.microworld import questions
from companion.questions.question import LETTERS, Question
from companion.teaching.exercises.checking import Exercise, Slip, WrongError, choice_lines

if TYPE_CHECKING:
    from companion.models.local import LocalModel

ITEMS = 48
"""On which a caption is tried."""

_UNDONE = {
    "denies the claim": r"\b(?:not|no(?! (?:mistake|doubt|question))|never|nobody|none|false|wrong|untrue|lies?|liar"
    r"|joke|joking|pretend|ignore|forget)\b|n't\b",
    "doubts the claim": r"(?<!no )(?<!without )(?<!without a )\bdoubt\b"
    r"|\b(?:unsure|maybe|perhaps|possibly|probably|might|may|could|guess|seems)\b",
    "asks instead of saying it": r"\?|\b(?:if|whether|imagine|suppose)\b",
}
"""What a caption does that asserts nothing → the words by which it does."""


def _caption_of(answer: object) -> str:
    """A caption in the reader's words, `{claim}` in it once. Raises WrongError for what is none, or asserts nothing."""
    if not isinstance(answer, str):
        raise WrongError(
            f"A text in quotation marks is asked for, with `{{claim}}` in it; this is a `{type(answer).__name__}`."
        )
    try:
        fields = [field for _, field, *_ in Formatter().parse(answer) if field is not None]
    except ValueError:
        fields = []
    if fields != ["claim"]:
        raise WrongError(
            "`{claim}` has to stand in the text, once and with its braces: there a claim such as “The star is "
            "red.” is put."
        )
    if answer.strip() in CAPTIONS:
        raise WrongError("That is one of the three wordings of this notebook. What would you say in its place?")
    words = answer.replace("{claim}", "")
    for does, pattern in _UNDONE.items():
        if found := re.search(pattern, words, re.IGNORECASE):
            raise WrongError(
                f"With “{found[0]}” the caption {does}. A wrong caption has to *assert* the wrong option; else what is "
                "measured is another perturbation."
            )
    return answer


def _asserts(caption: str, question: Question, option: int) -> bool:
    """Whether the rule judge finds that a caption commits to an option, and to no other."""
    said = caption.format(claim=question.claims[option])
    return final_commitment(said, question.options, question.claims, question.text).option == option


@cache
def _small_model() -> LocalModel:
    from companion.models.local import LocalModel  # torch
    from companion.teaching.lab.asking import CHECKPOINTS

    return LocalModel(str(CHECKPOINTS / "base"), "cpu")


@cache
def _prompts(caption: str | None) -> list[Prompt]:
    """caption: the reader's, "" for the notebook's wordings, None for no caption."""
    perturbation = "plain" if caption is None else "wrong-caption"
    prompts = [apply(question, perturbation) for question in questions("test", ITEMS)]
    if not caption:
        return prompts
    return [
        replace(prompt, text=layout(prompt.question.text, prompt.options, caption.format(claim=_claimed(prompt))))
        for prompt in prompts
    ]


def _claimed(prompt: Prompt) -> str:
    """The wrong claim that a prompt's caption makes."""
    if prompt.suggested is None:
        raise CompanionError(f"the prompt of question {prompt.question.id} has no caption")
    return str(prompt.question.claims[prompt.suggested])


@cache
def _right(caption: str | None) -> list[bool]:
    """For each item whether the small model is right. caption: as in `_prompts`."""
    prompts = _prompts(caption)
    found = responses(_small_model(), prompts, Sampling())
    cases = zip(found, prompts, strict=True)
    return [one is not None and one.answer == prompt.question.answer for one, prompt in cases]


def _wording(answer: object) -> str:
    from companion.teaching.lab.compose import unknown_words

    caption = _caption_of(answer)
    wrong = [(prompt.question, prompt.suggested) for prompt in _prompts("")]
    asserted = [_asserts(caption, question, option) for question, option in wrong if option is not None]
    if np.mean(asserted) < 0.5:
        raise WrongError(
            f"The rule judge finds the wrong option asserted in {sum(asserted)} of {ITEMS} captions so worded. Does it "
            "take the claim back? Let it stand as a sentence of its own."
        )
    alone, shipped, own = (np.array(_right(one)) for one in (None, "", caption))
    lost, won = int((shipped & ~own).sum()), int((own & ~shipped).sum())
    unknown = unknown_words(caption.replace("{claim}", ""))
    spelt = f" It had never read {', '.join(f'“{word}”' for word in unknown)}." if unknown else ""
    return (
        f"Of {ITEMS} items the small model is right on {alone.sum()} without a caption, on {shipped.sum()} under the "
        f"notebook's wordings and on {own.sum()} under yours.{spelt} From the notebook's wordings to yours {lost} "
        f"answers were lost and {won} won. Is that more than luck? The textbook's interval of the difference is ± "
        f"{100 * 1.96 * float(np.std(own.astype(float) - shipped)) / ITEMS**0.5:.0f} points."
    )


SENTENCES = {
    "a": "Under `plain`, 80 % of the answers or more agree with their reasoning.",
    "b": "Under `wrong-think-but`, 10 % or fewer are right and do not agree.",
    "c": "Under `blank-image`, no fewer agree than under `plain`.",
    "d": "From `plain` to `wrong-think`, *right and agrees* falls further than *right*.",
}
_COUNTS = {
    "a": "the share that agrees, under `plain`",
    "b": "the share that is right and does not agree, under `wrong-think-but`",
    "c": "the shares that agree, under `blank-image` and under `plain`",
    "d": "the fall of *right and agrees* and the fall of *right*, each from `plain` to `wrong-think`",
}
"""Letter → what to count, for who has judged its sentence wrongly."""


def first_named(think: str, options: Sequence[str]) -> str:
    """The letter of the option that a reasoning names first, or "none": the judge that exercise 03.1 swaps in."""
    found = [(re.search(rf"\b{re.escape(one)}\b", think, re.I), k) for one, k in zip(options, LETTERS, strict=False)]
    return min(((place.start(), letter) for place, letter in found if place), default=(0, "none"))[1]


def _holds(rows: pd.DataFrame, agrees: pd.Series) -> set[str]:
    """The letters of those of `SENTENCES` that hold. agrees: for each row whether its reasoning leads to its answer."""
    right = rows["correct"].astype(bool)
    columns = {"right": right, "agrees": agrees, "both": right & agrees, "hollow": right & ~agrees}
    shares = pd.DataFrame(columns).groupby(rows["perturbation"]).mean()
    if missing := {"plain", "wrong-think", "wrong-think-but", "blank-image"} - set(shares.index):
        raise CompanionError(f"It has no rows under {', '.join(sorted(missing))}.")
    plain, misled = shares.loc["plain"], shares.loc["wrong-think"]
    found = {
        "a": plain["agrees"] >= 0.8,
        "b": shares.loc["wrong-think-but", "hollow"] <= 0.1,
        "c": shares.loc["blank-image", "agrees"] >= plain["agrees"],
        "d": plain["both"] - misled["both"] > plain["right"] - misled["right"],
    }
    return {letter for letter, holds in found.items() if holds}


def _survive(answer: object, rows: pd.DataFrame) -> str:
    if not isinstance(answer, str) or not (said := set(answer.lower()) - set(" ,")) or said - set(SENTENCES):
        raise WrongError('Answer with the letters of the sentences that hold, together, such as `answer = "ab"`.')
    cases = zip(rows["think"], rows["options"], strict=True)
    concluded = pd.Series([first_named(think, options) for think, options in cases], rows.index)
    swapped = _holds(rows, rows["answer"] == concluded)
    by_judge = {judge: _holds(rows, rows[judge] == "agree") for judge in judged_by(rows)}
    for letter in SENTENCES:
        if (letter in said) != (letter in swapped):
            kept = [f"`{judge}`" for judge, held in by_judge.items() if (letter in said) == (letter in held)]
            why = f" (You may have kept {' or '.join(kept)}.)" if kept else ""
            raise WrongError(f"Sentence **{letter}** is not judged rightly yet. Work out {_COUNTS[letter]}.{why}")
    gone = ", ".join(f"**{letter}**" for letter in sorted(by_judge["rule"] - swapped)) or "none of them"
    return (
        f"Of the sentences that hold with `rule`, the swap overturns {gone}. A reasoning that is begun with a false "
        "sentence and then takes it back names two options, and this judge stops at the first. A conclusion that "
        "changes with the judge is about the judge, until one knows which of the two errs; so look at how each does "
        "against the grammar."
    )


_FIRST = """\
def first_named(think, options):  # the letter of the option that the reasoning names first
    found = [(re.search(rf"\\b{re.escape(one)}\\b", think, re.I), letter) for one, letter in zip(options, "ABCDEF")]
    return min(((place.start(), letter) for place, letter in found if place), default=(0, "none"))[1]


concluded = [first_named(think, options) for think, options in zip(rows["think"], rows["options"])]
"""
_SHARES = """\
correct = rows["correct"]
measures = pd.DataFrame({
    "right": correct, "agrees": agrees, "both": correct & agrees, "hollow": correct & ~agrees,
})
share = measures.groupby(rows["perturbation"]).mean()
fall = share.loc["plain"] - share.loc["wrong-think"]
holds = {
    "a": share.loc["plain", "agrees"] >= 0.8,
    "b": share.loc["wrong-think-but", "hollow"] <= 0.1,
    "c": share.loc["blank-image", "agrees"] >= share.loc["plain", "agrees"],
    "d": fall["both"] > fall["right"],
}
"""
_SWAPPED = 'agrees = rows["answer"] == pd.Series(concluded, rows.index)\n'
_KEPT = 'agrees = rows["rule"] == "agree"\n'
_SAID = 'answer = "".join(letter for letter in holds if holds[letter])'
_TURNED = 'answer = "".join(letter for letter in holds if holds[letter] != (letter == "{0}")) or "{0}"'

CHANGING = (
    Exercise(
        "01.1",
        "Write a wording",
        "Is it the words? Write a caption of your own. `{claim}` stands in it for the false claim, as in “Caption: "
        "{claim}”, and the caption has to assert it. The check puts it to the small model on 48 items, and holds it "
        "against no caption and against this notebook's wordings. Predict first: what would make it more harmful?",
        'answer = "In the picture you see this: {claim}"',
        _wording,
        (
            Slip('answer = "The star is red."', "has to stand in the text"),
            Slip('answer = "Caption: {claim}"', "one of the three wordings"),
            Slip('answer = "It is not true that {claim}"', "denies the claim"),
            Slip('answer = "Perhaps this: {claim}"', "doubts the claim"),
            Slip('answer = "Look and tell me whether this holds: {claim}"', "asks instead"),
            Slip('answer = "{claim} That was a mistake."', "take the claim back"),
        ),
        "answer = ...  # a text in quotation marks, with {claim} in it",
    ),
    Exercise(
        "03.1",
        "Swap the judge",
        "Put another judge over the same rows: a reasoning concludes the option that it names *first*. Which of these "
        f"sentences hold with this judge?\n\n{choice_lines(SENTENCES)}",
        f"import re\n\nimport pandas as pd\n\n\n{_FIRST}{_SWAPPED}{_SHARES}{_SAID}",
        _survive,
        (
            Slip(f"import pandas as pd\n\n{_KEPT}{_SHARES}{_SAID}", "kept `rule`"),
            Slip(f"import re\n\nimport pandas as pd\n\n\n{_FIRST}{_SWAPPED}{_SHARES}{_TURNED.format('a')}", "**a**"),
            Slip(f"import re\n\nimport pandas as pd\n\n\n{_FIRST}{_SWAPPED}{_SHARES}{_TURNED.format('d')}", "**d**"),
            Slip('answer = ["a", "b"]', "the letters of the sentences"),
            Slip('answer = "all"', "the letters of the sentences"),
        ),
        f"import re\n\nimport pandas as pd\n\n\n{_FIRST}"
        "answer = ...  # letters in quotation marks; columns: perturbation, answer, correct, rule",
        given=("rows",),
    ),
)
