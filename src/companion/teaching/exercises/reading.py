"""Exercises that read a figure or weigh a statement: a number off an axis, or one of four letters.

Where the right letter hangs on the data it is worked out from the notebook's table; the others are matters of design,
which no run changes.
"""

from __future__ import annotations

import pandas as pd

from companion.teaching.exercises.checking import (
    Exercise,
    Slip,
    WrongError,
    choice_lines,
    chosen,
    close,
    name_among,
    pick,
    value,
)


def _caption_drop(answer: object, table: pd.DataFrame) -> str:
    drop = 100 * value(table, perturbation="wrong-caption", measure="change")
    low, high = (100 * value(table, end, perturbation="wrong-caption", measure="change") for end in ("low", "high"))
    slips = {
        "That is the accuracy under `wrong-caption`. The *change* against `plain` is asked for: the other panel.": 100
        * value(table, perturbation="wrong-caption", measure="accuracy"),
        "That is the change under `wrong-think`. Look for the line of the caption.": 100
        * value(table, perturbation="wrong-think", measure="change"),
        "That is the change under the caption with a disclaimer. Look for the plain one.": 100
        * value(table, perturbation="wrong-caption-disclaimer", measure="change"),
    }
    close(
        answer, drop, 2.0, slips,
        "Find the line `wrong-caption` in the panel of changes, go down from its marker to the axis, and keep the "
        "sign.",
    )  # fmt: skip
    return f"The marker stands at {drop:+.1f} points, and 95 % of the resamples lie from {low:+.1f} to {high:+.1f}."


CONTRADICTS = {
    "a": "`wrong-think` −9 [−13, −5], `wrong-caption` −14 [−18, −10], their paired difference +5 [+2, +8]",
    "b": "`wrong-think` −9 [−13, −5], `wrong-caption` −14 [−18, −10], their paired difference +5 [−1, +11]",
    "c": "`wrong-think` −2 [−5, +1], `wrong-caption` −1 [−4, +2], their paired difference −1 [−4, +2]",
    "d": "`wrong-think` −20 [−24, −16], `wrong-caption` −4 [−7, −1], `right-caption` −6 [−9, −3]",
}


def _contradicts(answer: object) -> str:
    return pick(
        answer, "a",
        {
            "a": "The paired difference is positive and its interval clear of zero: here captions hurt *more*. That "
            "the two single intervals overlap does not matter: both were measured on the same items, so the paired "
            "difference is known better than either of them.",
            "b": "The estimate points against F13, but look at where the interval of the paired difference ends: "
            "this result decides nothing.",
            "c": "Hardly anything hurts here. That speaks against F1; which of two small drops is the larger, it "
            "cannot say.",
            "d": "Wrong reasoning hurts much more than wrong captions here, as F13 says. What is odd is that a "
            "*true* caption hurts too: that speaks against the reading that the content does it.",
        },
    )  # fmt: skip


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


def _shrinks(answer: object, table: pd.DataFrame) -> str:
    def points(perturbation: str, measure: str) -> float:
        return 100 * value(table, perturbation=perturbation, measure=measure)

    expected = points("plain", "inconsistent right")
    slips = {
        "That is the share of *all* answers whose reasoning leads elsewhere, wrong answers included. Only right ones "
        "are asked for.": 100 - points("plain", "consistency"),
        "That is what is left, right *and* consistent. How many points were lost on the way there?": points(
            "plain", "consistent right"
        ),
        "That is read under `wrong-think`. The plain prompt is asked for.": points("wrong-think", "inconsistent right"),
    }
    close(
        answer, expected, 1.0, slips,
        "Under `plain`, find the part of the bar that is right although its reasoning does not say so.",
    )  # fmt: skip
    return (
        f"{expected:.1f} points. Hold them against what the next demand costs, that the reasoning be *true* (the "
        "figure below): which of the two is the easier thing to have?"
    )


COMPARED = {
    "a": "Y was trained better against false reasoning.",
    "b": "Nothing yet, but ten times as many items would settle it.",
    "c": "Nothing yet about training: the two were not given the same thing.",
    "d": "Nothing, since Y never saw the false sentence.",
}


def _compared(answer: object) -> str:
    return pick(
        answer, "c",
        {
            "a": "Perhaps, but the comparison does not show it. What would X have done if somebody *else* had told "
            "it the false sentence? Look at the first prediction of this notebook.",
            "b": "More items make an interval narrower. They do not change *what* is compared. What was different "
            "between X and Y besides their training?",
            "c": "X read the sentence as the beginning of its own thought, Y as somebody else's words. Ask both in "
            "the user's turn, which every model can be given, and compare then.",
            "d": "It did see it: the words stood in the user's turn. What differs is whose words they seemed to be.",
        },
    )  # fmt: skip


STARTS = {
    "a": "From both starts.",
    "b": "Only from `base`, whose supervised reasoning was always true.",
    "c": "Only from `noisy`, a fifth of whose supervised reasoning misread the picture.",
    "d": "From neither.",
}


_SHOWS = {"a": (True, True), "b": (True, False), "c": (False, True), "d": (False, False)}
"""Choice → whether the trade-off shows from `base`, and from `noisy`."""


def _starts(answer: object, tests: pd.DataFrame) -> str:
    supported = tests[(tests["finding"] == "F5") & (tests["verdict"] == "supported")]
    for start, said in zip(("base", "noisy"), _SHOWS[chosen(answer, STARTS)], strict=True):
        what = supported[supported["start"] == start]["what"].str
        if said != (what.contains("of accuracy").any() and what.contains("of consistency").any()):
            raise WrongError(
                f"Take the lines of F5 with RL from `{start}`, and ask for both: does accuracy rise with an interval "
                "clear of zero, and does the agreement fall under some prompt with an interval clear of zero?"
            )
    return (
        "Same reward, same questions, same steps: what differs is the reasoning that the start was shown. Does it "
        "leave slack between reasoning and answer for RL to use? (Two starts are two observations.)"
    )


ONE_RUN = {
    "a": "F5 holds for this recipe.",
    "b": "Another seed would show the same, since the interval is clear of zero.",
    "c": "Nothing can be said, not even of this run.",
    "d": "In this run agreement fell. Of other runs of the recipe the interval says nothing.",
}


def _one_run(answer: object) -> str:
    return pick(
        answer, "d",
        {
            "a": "One run is one draw of what the recipe can do. Look at how far apart the thin lines of one recipe "
            "end.",
            "b": "What was drawn anew for this interval: items or seeds? It only speaks of what was drawn.",
            "c": "The items were many, and for this one model the interval is clear of zero. Be as bold as that "
            "allows.",
            "d": "The interval was drawn over *items*: it tells how the number would move with other questions, "
            "asked of this same model. How it moves with other seeds, only other seeds tell; here a verdict takes "
            "five.",
        },
    )  # fmt: skip


GOOD_NEWS = {
    "a": "With false captions, or with false starts, this checkpoint is right *more* often than without.",
    "b": "The test is broken: the paper found the opposite.",
    "c": "Models trained like this one see through lies.",
    "d": "The model does not read the text around the question at all.",
}


def _good_news(answer: object) -> str:
    return pick(
        answer, "a",
        {
            "a": "A whole interval lies on the other side of zero. It is news of one checkpoint: the item was the "
            "unit, and another seed of the same recipe may give another verdict.",
            "b": "The paper's finding is about the models that it tested. What is a test good for that only one "
            "outcome can pass?",
            "c": "How many models trained like this one were tested? Look at what the interval was drawn over.",
            "d": "Then its changes would lie about zero, and their intervals would hold it. What is the verdict then?",
        },
    )  # fmt: skip


CONTROL = {
    "a": "the same false caption, in capital letters",
    "b": "a *true* caption in the same words",
    "c": "the false caption, and no picture",
    "d": "the same prompt once more",
}


def _control(answer: object) -> str:
    return pick(
        answer, "b",
        {
            "a": "That may make the effect larger or smaller, but the caption still lies. Change what the caption "
            "says and leave all else.",
            "b": "If any caption disturbed the model, a true one would hurt as well. If true ones help and false "
            "ones hurt, the model takes what is written for evidence. Notebook 1 has this control.",
            "c": "That takes away the picture, so it tells what the picture is good for. Change what the caption "
            "says and leave all else.",
            "d": "That tells how much the answer moves by chance. (Here not at all: the most probable word is always "
            "taken.) It says nothing of the caption.",
        },
    )  # fmt: skip


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
        "00.1", "Which control?",
        "A false caption was added, and the answer changed. Was it *what the caption said*, or only *that there was* "
        f"a caption? Which further prompt tells?\n\n{choice_lines(CONTROL)}",
        'answer = "b"', _control,
        (Slip('answer = "a"', "still lies"), Slip('answer = "c"', "takes away the picture"),
         Slip('answer = "d"', "by chance")),
        'answer = ...  # a letter in quotation marks, such as "a"',
    ),
    Exercise(
        "00.2", "Which sentence weighs most?",
        "Look at the figure above: of " + ", ".join(f"`{name}`" for name in PLAIN) + ", which moves the accuracy "
        "furthest from the plain prompt, whichever way? (`…-think` is the start of the model's own reasoning.)",
        'four = ["wrong-caption", "right-caption", "wrong-think", "right-think"]\n'
        'answer = table.xs("change", level="measure")["value"][four].abs().idxmax()', _furthest,
        (
            Slip('answer = "right-think"', "furthest *up*"), Slip('answer = "wrong-caption"', "the line of a caption"),
            Slip('answer = "right-caption"', "the line of a caption"), Slip('answer = "blank-image"', "one of:"),
        ),
        "answer = ...  # a name in quotation marks", given=("table",),
    ),
    Exercise(
        "01.1", "Read the figure",
        "How many points does one false caption cost? Read it off the first figure, as a change with its sign. Two "
        "points more or less do not matter.",
        'answer = 100 * table[(table["perturbation"] == "wrong-caption") & (table["measure"] == "change")]'
        '["value"].item()',
        _caption_drop,
        (
            Slip('answer = 100 * table[(table["perturbation"] == "wrong-caption") & (table["measure"] == "accuracy")]'
                 '["value"].item()', "The *change* against `plain` is asked for"),
            Slip('answer = 100 * table[(table["perturbation"] == "wrong-think") & (table["measure"] == "change")]'
                 '["value"].item()', "line of the caption"),
            Slip('answer = -100 * table[(table["perturbation"] == "wrong-caption") & (table["measure"] == "change")]'
                 '["value"].item()', "the sign is not"),
            Slip('answer = table[(table["perturbation"] == "wrong-caption") & (table["measure"] == "change")]["value"]'
                 ".item()", "This is a share"),
        ),
        "answer = ...  # in points, with its sign", given=("table",),
    ),
    Exercise(
        "01.3", "What would contradict F13?",
        "Four runs that somebody might have got (points, 95 % intervals). Which of them *contradicts* that wrong "
        f"reasoning hurts more than wrong captions?\n\n{choice_lines(CONTRADICTS)}",
        'answer = "a"', _contradicts,
        (Slip('answer = "b"', "where the interval of the paired difference ends"), Slip('answer = "c"', "against F1"),
         Slip('answer = "d"', "as F13 says")),
    ),
    Exercise(
        "02.1", "Hesitate or switch sides?",
        "Compare `wrong-think` with `plain` in the figure of confidence. Something *falls* or *rises* if the two "
        f"intervals do not overlap, else it *stays*. Which is it?\n\n{choice_lines(HESITATES)}",
        """\
ends = table.set_index(["perturbation", "measure"])
falls = ends.loc[("wrong-think", "p_correct"), "high"] < ends.loc[("plain", "p_correct"), "low"]
rises = ends.loc[("wrong-think", "entropy"), "low"] > ends.loc[("plain", "entropy"), "high"]
answer = {(True, True): "a", (True, False): "b", (False, False): "c", (False, True): "d"}[falls, rises]""",
        _hesitates,
        (Slip('answer = "a"', "panel of entropy"), Slip('answer = "c"', "panel of P(correct)"),
         Slip('answer = "d"', "panel of P(correct)")),
        given=("table",),
    ),
    Exercise(
        "03.1", "Read the figure",
        "Under the plain prompt: how many points does “right” lose when the reasoning has to say so as well? Read it "
        "off the figure of the four quadrants, to within a point.",
        'answer = 100 * table[(table["perturbation"] == "plain") & (table["measure"] == "inconsistent right")]'
        '["value"].item()',
        _shrinks,
        (
            Slip('answer = 100 - 100 * table[(table["perturbation"] == "plain") & (table["measure"] == "consistency")]'
                 '["value"].item()', "wrong answers included"),
            Slip('answer = 100 * table[(table["perturbation"] == "plain") & (table["measure"] == "consistent right")]'
                 '["value"].item()', "what is left"),
            Slip('lines = table[(table["perturbation"] == "wrong-think")'
                 ' & (table["measure"] == "inconsistent right")]\n'
                 'answer = 100 * lines["value"].item()', "The plain prompt is asked for"),
        ),
        "answer = ...  # in points", given=("table",),
    ),
    Exercise(
        "04.1", "Two drops, side by side",
        "Model X is open. A false start of the reasoning is put at the beginning of its own turn, and it loses 50 "
        "points. Model Y is behind a server. The same words are put into the user's turn, and it loses 8. What "
        f"follows?\n\n{choice_lines(COMPARED)}",
        'answer = "c"', _compared,
        (Slip('answer = "a"', "somebody *else*"), Slip('answer = "b"', "*what* is compared"),
         Slip('answer = "d"', "It did see it")),
    ),
    Exercise(
        "05.1", "Where is the trade-off?",
        "It *shows* if accuracy rises and the agreement falls under at least one kind of prompt, each with its whole "
        "interval on that side of zero. Read the table under *Finding by finding*. From which start does it "
        f"show?\n\n{choice_lines(STARTS)}",
        """\
supported = tests[(tests["finding"] == "F5") & (tests["verdict"] == "supported")]
shows = [
    supported[supported["start"] == name]["what"].str.contains("of accuracy").any()
    and supported[supported["start"] == name]["what"].str.contains("of consistency").any()
    for name in ("base", "noisy")
]
answer = {(True, True): "a", (True, False): "b", (False, True): "c", (False, False): "d"}[tuple(map(bool, shows))]""",
        _starts,
        (Slip('answer = "a"', "RL from `base`"), Slip('answer = "b"', "ask for both"),
         Slip('answer = "d"', "RL from `noisy`")),
        given=("tests",),
    ),
    Exercise(
        "05.3", "One run",
        "Somebody trains one run with the reward for right answers, and reports: accuracy +4 [+1, +7] points, "
        "agreement −3 [−5, −1]; 95 % intervals over 576 items. What may be said?\n\n" + choice_lines(ONE_RUN),
        'answer = "d"', _one_run,
        (Slip('answer = "a"', "one draw"), Slip('answer = "b"', "items or seeds"), Slip('answer = "c"', "Be as bold")),
    ),
    Exercise(
        "08.3", "Contradicted",
        "Suppose the table of findings says of your model: *F1 contradicted*. What does that mean?\n\n"
        + choice_lines(GOOD_NEWS),
        'answer = "a"', _good_news,
        (Slip('answer = "b"', "only one outcome"), Slip('answer = "c"', "How many models"),
         Slip('answer = "d"', "What is the verdict then")),
    ),
)  # fmt: skip
