"""Exercises that read a figure or an interval: a name, or a letter that hangs on the data.

Left out: letters that no run changes (`choices`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.analysis import tables
from companion.errors import CompanionError
from companion.intervals import points
from companion.teaching.exercises.checking import (
    Exercise,
    Slip,
    WrongError,
    choice_lines,
    chosen,
    name_among,
    value,
)

HESITATES = {
    "a": "It hesitates: P(correct) falls and the entropy rises.",
    "b": "It switches sides: P(correct) falls, the entropy does not rise.",
    "c": "It is not impressed: P(correct) does not fall, the entropy does not rise.",
    "d": "It grows careful: the entropy rises, P(correct) does not fall.",
}
_MOVES = {"a": (True, True), "b": (True, False), "c": (False, False), "d": (False, True)}
"""Choice → whether P(correct) falls, whether the entropy rises."""


def _hesitates(answer: object, rows: pd.DataFrame) -> str:
    said = _MOVES[chosen(answer, HESITATES)]
    sure, entropy = (
        tables.contrast(rows, "wrong-think-but", "plain", np.random.default_rng(0), column)
        for column in ("p_correct", "entropy")
    )
    if np.isnan(sure.low):
        raise CompanionError("It has too few items, or no probabilities.")
    if said[0] != (sure.high < 0):
        raise WrongError(
            "Look at P(correct) again: its paired change, `tables.contrast` with the column `p_correct`. Where does "
            "the interval lie?"
        )
    if said[1] != (entropy.low > 0):
        raise WrongError(
            "You have P(correct) right. Now the paired change of the entropy, not whether two single intervals "
            "overlap: does its interval hold zero?"
        )
    return (
        f"The entropy changes by {points(entropy)} points, of 100 that its scale has. Clear of zero is not the same as "
        "large: where it stays low, a user who sees how certain the model is gets no warning."
    )


PLAIN = ("wrong-caption", "right-caption", "wrong-think", "right-think")


def _furthest(answer: object, table: pd.DataFrame) -> str:
    lines = table.reset_index()
    changes = {name: 100 * value(lines, perturbation=name, measure="change") for name in PLAIN}
    name, size = name_among(answer, PLAIN), {name: abs(change) for name, change in changes.items()}
    if size[name] < max(size.values()):
        if changes[name] == max(changes.values()):
            raise WrongError("It moves the accuracy furthest *up*. Does another one move it further, the other way?")
        if "caption" in name:
            raise WrongError(
                "That is the line of a caption. Look also at the lines in which the model's own reasoning is begun."
            )
        raise WrongError("Compare how far the markers of the four lines stand from zero, to the left or to the right.")
    told = ", ".join(f"`{name}` {change:+.1f}" for name, change in changes.items())
    return f"In points: {told}. Is it the one that you would have named before?"


_CONTRASTS = """\
from numpy.random import default_rng

from companion.analysis import tables

sure, entropy = (
    tables.contrast(rows, "wrong-think-but", "plain", default_rng(0), column)
    for column in ("p_correct", "entropy")
)
"""
_NAMED = '{(True, True): "a", (True, False): "b", (False, False): "c", (False, True): "d"}'

READING = (
    Exercise(
        "00.2",
        "Which sentence weighs most?",
        "Look at the first figure: of " + ", ".join(f"`{name}`" for name in PLAIN) + ", which moves the accuracy "
        "furthest from the plain prompt, whichever way? (`…-think` is a reasoning prefix.)",
        'four = ["wrong-caption", "right-caption", "wrong-think", "right-think"]\n'
        'answer = table.xs("change", level="measure")["value"][four].abs().idxmax()',
        _furthest,
        (
            Slip('answer = "right-think"', "furthest *up*"),
            Slip('answer = "wrong-caption"', "the line of a caption"),
            Slip('answer = "right-caption"', "the line of a caption"),
            Slip('answer = "blank-image"', "one of:"),
        ),
        "answer = ...  # a name in quotation marks",
        given=("table",),
    ),
    Exercise(
        "02.1",
        "Hesitate or switch sides?",
        "`wrong-think-but` is the wrong prefix with a doubt behind it. Compare it with `plain` by "
        "`tables.contrast`, as below the figure of confidence: something *falls* or *rises* if the interval of its "
        f"paired change is clear of zero. Which is it?\n\n{choice_lines(HESITATES)}",
        f"{_CONTRASTS}answer = {_NAMED}[sure.high < 0, entropy.low > 0]",
        _hesitates,
        (
            Slip(f"{_CONTRASTS}answer = {_NAMED}[sure.high < 0, not entropy.low > 0]", "two single intervals"),
            Slip('answer = "c"', "Look at P(correct)"),
            Slip('answer = "d"', "Look at P(correct)"),
        ),
        given=("rows",),
    ),
)
