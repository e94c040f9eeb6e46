"""Exercises that read a figure or a table: a number off an axis, a name, or a letter that hangs on the data.

Left out: letters that no run changes (`choices`).
"""

from __future__ import annotations

import pandas as pd

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
    "b": "It switches sides: P(correct) falls, and the entropy stays where it was.",
    "c": "It is not impressed: neither moves.",
    "d": "It grows careful: the entropy rises, and P(correct) stays where it was.",
}
_MOVES = {"a": (True, True), "b": (True, False), "c": (False, False), "d": (False, True)}
"""Choice → whether P(correct) falls, whether the entropy rises."""


def _hesitates(answer: object, table: pd.DataFrame) -> str:
    def end(perturbation: str, measure: str, which: str) -> float:
        return value(table, which, perturbation=perturbation, measure=measure)

    falls = end("wrong-think", "p_correct", "high") < end("plain", "p_correct", "low")
    rises = end("wrong-think", "entropy", "low") > end("plain", "entropy", "high")
    said = _MOVES[chosen(answer, HESITATES)]
    if said[0] != falls:
        raise WrongError(
            "Look at the panel of P(correct) again: do the intervals of `plain` and `wrong-think` overlap, and which "
            "of the two lies lower?"
        )
    if said[1] != rises:
        raise WrongError(
            "You have P(correct) right. Now the panel of entropy, and its scale from 0 to 1: do the intervals of "
            "`plain` and `wrong-think` overlap?"
        )
    return (
        f"Entropy, from 0 to 1: {value(table, perturbation='plain', measure='entropy'):.2f} under `plain` and "
        f"{value(table, perturbation='wrong-think', measure='entropy'):.2f} under `wrong-think`. Where it stays low, a "
        "user who sees how certain the model is gets no warning."
    )


INITIALS = {
    "a": "From both initial checkpoints.",
    "b": "Only from `misread-0`.",
    "c": "Only from `misread-20`.",
    "d": "From neither.",
}


_SHOWS = {"a": (True, True), "b": (True, False), "c": (False, True), "d": (False, False)}
"""Choice → whether the trade-off shows from `misread-0`, and from `misread-20`."""


def _initials(answer: object, tests: pd.DataFrame) -> str:
    rises = tests[(tests["of"] == "F5") & (tests["low"] > 0)]
    for initial, said in zip(("misread-0", "misread-20"), _SHOWS[chosen(answer, INITIALS)], strict=True):
        measures = set(rises.loc[rises["initial"] == initial, "measure"])
        if said != ({"right", "contradicts"} <= measures):
            raise WrongError(
                f"Take the lines of F5 for `{initial}`, and ask for both: do right answers become more, with an "
                "interval clear of zero, and do contradicting ones under some prompt, with an interval clear of zero?"
            )
    done, planned = (int(tests.loc[tests["of"] == "F5", column].max()) for column in ("runs", "planned"))
    few = f"But {done} of {planned} seeds are no recipe: another seed may differ. " if done < planned else ""
    return (
        f"Same reward, same questions, same steps: what differs is the reasoning seen before RL. {few}How far do the "
        "two differ in *size*, and under the plain prompt?"
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


READING = (
    Exercise(
        "00.2",
        "Which sentence weighs most?",
        "Look at the figure above: of " + ", ".join(f"`{name}`" for name in PLAIN) + ", which moves the accuracy "
        "furthest from the plain prompt, whichever way? (`…-think` is the start of the model's own reasoning.)",
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
        "Compare `wrong-think` with `plain` in the figure of confidence. Something *falls* or *rises* if the two "
        f"intervals do not overlap, else it *stays*. Which is it?\n\n{choice_lines(HESITATES)}",
        """\
ends = table.set_index(["perturbation", "measure"])
falls = ends.loc[("wrong-think", "p_correct"), "high"] < ends.loc[("plain", "p_correct"), "low"]
rises = ends.loc[("wrong-think", "entropy"), "low"] > ends.loc[("plain", "entropy"), "high"]
answer = {(True, True): "a", (True, False): "b", (False, False): "c", (False, True): "d"}[falls, rises]""",
        _hesitates,
        (
            Slip('answer = "a"', "panel of entropy"),
            Slip('answer = "c"', "panel of P(correct)"),
            Slip('answer = "d"', "panel of P(correct)"),
        ),
        given=("table",),
    ),
    Exercise(
        "04.1",
        "Where is the trade-off?",
        "It *shows* if more answers become right under the plain prompt, and more contradict their reasoning under at "
        "least one prompt, each with its whole interval above zero. Read the lines of F5 under *The study's tests*. "
        f"From which initial checkpoint does it show?\n\n{choice_lines(INITIALS)}",
        """\
rises = tests[(tests["of"] == "F5") & (tests["low"] > 0)]
shows = [
    {"right", "contradicts"} <= set(rises.loc[rises["initial"] == initial, "measure"])
    for initial in ("misread-0", "misread-20")
]
answer = {(True, True): "a", (True, False): "b", (False, True): "c", (False, False): "d"}[tuple(shows)]""",
        _initials,
        (
            Slip('answer = "b"', "ask for both"),
            Slip('answer = "c"', "ask for both"),
            Slip('answer = "d"', "ask for both"),
        ),
        given=("tests",),
    ),
)
