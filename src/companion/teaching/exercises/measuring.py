"""Exercises that compute something: from a notebook's rows, item by item, or from its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.measures import auroc
from companion.teaching.exercises.checking import Exercise, Slip, WrongError, close, name_among, value


def _under(rows: pd.DataFrame, perturbation: str) -> pd.DataFrame:
    return rows[rows["perturbation"] == perturbation].set_index("question")


def _known(number: float, of: str) -> float:
    if np.isnan(number):
        raise CompanionError(f"It has too few items, or no probabilities, for {of}. Set n_items higher.")
    return float(number)


def _lower_half(answer: object, rows: pd.DataFrame) -> str:
    base = _under(rows, "plain")
    misled = _under(rows, "wrong-caption").loc[base.index]
    change = 100 * (misled["correct"].astype(float) - base["correct"].astype(float))
    median = base["p_correct"].median()
    lower, upper = (
        _known(change[part].mean(), "two halves") for part in (base["p_correct"] < median, base["p_correct"] > median)
    )
    slips = {
        "That is the change over *all* items. Keep those below the median.": change.mean(),
        "That is the change over the *upper* half. Keep the other side of the median.": upper,
        "You split by P(correct) under the wrong caption. It is that *before* the lie which counts.": change[
            misled["p_correct"] < misled["p_correct"].median()
        ].mean(),
        "That is an accuracy under the caption. Subtract the accuracy of the same items under `plain`.": 100
        * misled["correct"][base["p_correct"] < median].mean(),
    }
    close(
        answer,
        lower,
        0.1,
        slips,
        "Take the items whose `p_correct` under `plain` is below its median, and for these the accuracy under "
        "`wrong-caption` minus that under `plain`, in points.",
    )
    return (
        f"{lower:+.1f} points in the lower half, {upper:+.1f} in the upper one. Take care what you make of it: a low "
        "P(correct) may be doubt, or a mistake that the model is sure of, and what is wrong already cannot be lost. "
        "Notebook 2 goes on from here."
    )


def _foretells(answer: object, rows: pd.DataFrame) -> str:
    base = _under(rows, "plain")
    at_once, misled = (_under(rows, name).loc[base.index] for name in ("stop-think", "wrong-think"))
    both = base["correct"] & at_once["correct"]

    def area(scores: pd.Series, among: pd.Series) -> float:
        return float(auroc(scores[among], misled["correct"][among])(np.ones((1, among.sum())))[0])

    every = pd.Series(True, base.index)
    expected = _known(area(-at_once["entropy"], both), "both kinds among the items right both times")
    usual = area(-base["entropy"], both)
    slips = {
        "Turned round: a *low* entropy is the sign of certainty, so the score is minus the entropy.": 1 - expected,
        "That is the entropy under `plain`, read after the reasoning. Take the rows of `stop-think`.": usual,
        "That is over all items. Keep those that are right under `plain` *and* under `stop-think`.": area(
            -at_once["entropy"], every
        ),
        "You kept what is right under `plain`. It has to be right under `stop-think` too.": area(
            -at_once["entropy"], base["correct"].astype(bool)
        ),
    }
    close(
        answer,
        expected,
        0.002,
        slips,
        "The score is minus the entropy under `stop-think`, the label `correct` under `wrong-think`, and the items "
        "are those right under both `plain` and `stop-think`. An AUROC lies between 0 and 1.",
    )
    return (
        f"{expected:.2f}, against {usual:.2f} for the entropy under `plain` on the same items; 0.5 is a coin. Was your "
        "prediction right? One number without an interval is a hint, not a finding: give it one by the bootstrap."
    )


def _hollow(answer: object, rows: pd.DataFrame) -> str:
    if "grounding" not in rows:
        raise CompanionError("It has no verdicts of the grounding judge, which needs the microworld.")
    base = rows[rows["perturbation"] == "plain"]
    praised = base[base["correct"].astype(bool) & (base["rule"] == "agree")]
    if praised.empty:
        raise CompanionError("It has no answer that is right and consistent under `plain`.")
    false = praised["grounding"] == "disagree"
    share = false.groupby(praised["category"]).mean()
    name = name_among(answer, list(base["category"].unique()))
    if name not in share or share[name] < share.max():
        if false.groupby(praised["category"]).sum().idxmax() == name:
            raise WrongError(
                "Most in *number*, but families differ in size. Of each family's praised answers: which share?"
            )
        if base["correct"].astype(float).groupby(base["category"]).mean().idxmin() == name:
            raise WrongError(
                "That family has the fewest right answers. Of the right ones, where is the reasoning false?"
            )
        if (base["grounding"] == "disagree").groupby(base["category"]).mean().idxmax() == name:
            raise WrongError("Over all answers, yes. Keep those that are right *and* whose reasoning says so.")
        raise WrongError(
            "Keep the answers under `plain` that are right and for which `rule` says `agree`. In each `category`, of "
            "how many is `grounding` `disagree`? Another family has a larger share."
        )
    return (
        f"{100 * share[name]:.0f} % of the praised answers of *{name}* rest on a false statement. Look at one with "
        "`context.show`: right, consistent, and about another picture. No judge that only reads can see it."
    )


def _delivery(answer: object, table: pd.DataFrame) -> str:
    def accuracy(recipe: str, delivery: str) -> float:
        return 100 * value(
            table, recipe=recipe, delivery=delivery, perturbation="wrong-think", measure="accuracy", seed=-1
        )

    careless = accuracy("reference", "user turn") - accuracy("base-rl-correct", "prefill")
    fair = accuracy("reference", "user turn") - accuracy("base-rl-correct", "user turn")
    slips = {
        "That is the careless gap itself. How much of it goes when both are asked in the user's turn?": careless,
        "That is the fair gap, what *remains*. How much went?": fair,
        "That is the gap when both are prefilled. The reference has to stay in the user's turn.": accuracy(
            "reference", "prefill"
        )
        - accuracy("base-rl-correct", "prefill"),
        "You moved the reference. It is the RL models that are asked differently in the two comparisons.": accuracy(
            "reference", "user turn"
        )
        - accuracy("reference", "prefill"),
    }
    close(
        answer,
        careless - fair,
        0.1,
        slips,
        "Two gaps under `wrong-think`, each reference minus RL (the lines with `seed` −1): once with the RL models "
        "prefilled, once with them told in the user's turn. Subtract the second from the first, in points.",
    )
    return (
        f"Of a gap of {careless:.1f} points, {careless - fair:.1f} are delivery, and {fair:.1f} are left. It is the "
        "number of the first prediction again, which is no accident: the reference drops out of the difference."
    )


def _costs_most(answer: object, rows: pd.DataFrame) -> str:
    first = rows[rows["benchmark"] == rows["benchmark"].iloc[0]]
    base, misled = _under(first, "plain"), _under(first, "wrong-think")
    change = misled.loc[base.index, "correct"].astype(float) - base["correct"].astype(float)
    by = base["category"]
    drops, name = change.groupby(by).mean(), name_among(answer, list(by.unique()))
    if drops[name] > drops.min():
        if misled.loc[base.index, "correct"].astype(float).groupby(by).mean().idxmin() == name:
            raise WrongError("Under the lie it is the least accurate. Was it before? The *fall* is asked for.")
        if base["correct"].astype(float).groupby(by).mean().idxmin() == name:
            raise WrongError("That is the hardest category when nobody lies: it has little to lose.")
        if change.groupby(by).sum().idxmin() == name:
            raise WrongError("Most items in *number*, but categories differ in size.")
        raise WrongError(
            "Take the change of accuracy from `plain` to `wrong-think` in each category of the first benchmark. "
            "Another one falls further."
        )
    return (
        f"*{name}* falls by {-100 * drops[name]:.0f} points on {int((by == name).sum())} items. Look at three of "
        "them: is there something about them that makes seeing hard? The largest of several drops is partly luck; "
        "would the same category be first on other items?"
    )


def _seen(answer: object, rows: pd.DataFrame) -> str:
    first = rows[rows["benchmark"] == rows["benchmark"].iloc[0]]
    base, blank = (_under(first, name)["correct"].astype(float).mean() for name in ("plain", "blank-image"))
    chance = (1 / _under(first, "plain")["n_options"]).mean()
    slips = {
        "That is above chance. Without a picture a model may do better than chance, by the words alone.": 100
        * (base - chance),
        "That is the accuracy itself. How much of it is there without the picture too?": 100 * base,
        "That is what is left without the picture. How much went with it?": 100 * blank,
    }
    close(
        answer,
        100 * _known(base - blank, "both prompts"),
        0.1,
        slips,
        "The accuracy under `plain` minus that under `blank-image`, first benchmark, in points.",
    )
    return (
        f"{100 * (base - blank):.1f} points are owed to the picture; {100 * blank:.1f} % come without it, where "
        f"guessing gives {100 * chance:.1f}. A benchmark on which the first number is small measures reading, not "
        "seeing."
    )


_BASE = 'base = rows[rows["perturbation"] == "plain"].set_index("question")\n'
_MISLED = 'misled = rows[rows["perturbation"] == "wrong-caption"].set_index("question").loc[base.index]\n'
_LOWER = 'lower = base["p_correct"] < base["p_correct"].median()\n'

_AT_ONCE = """\
base, at_once, misled = (
    rows[rows["perturbation"] == name].set_index("question") for name in ("plain", "stop-think", "wrong-think")
)
at_once, misled = at_once.loc[base.index], misled.loc[base.index]
"""
_AREA = 'answer = auroc({0}[among], misled["correct"][among])'

_PRAISED = """\
base = rows[rows["perturbation"] == "plain"]
praised = base[base["correct"] & (base["rule"] == "agree")]
"""

_GAPS = """\
lines = table[(table["perturbation"] == "wrong-think") & (table["measure"] == "accuracy") & (table["seed"] == -1)]
accuracy = 100 * lines.set_index(["recipe", "delivery"])["value"]
careless = accuracy["reference", "user turn"] - accuracy["base-rl-correct", "prefill"]
fair = accuracy["reference", "user turn"] - accuracy["base-rl-correct", "user turn"]
"""

_OWN = """\
rows = context.rows[context.rows["benchmark"] == context.rows["benchmark"].iloc[0]]
base, misled = (rows[rows["perturbation"] == name].set_index("question") for name in ("plain", "wrong-think"))
"""
_ACCURACY = """\
rows = context.rows[context.rows["benchmark"] == context.rows["benchmark"].iloc[0]]
accuracy = 100 * rows.groupby("perturbation")["correct"].mean()
"""

MEASURING = (
    Exercise(
        "01.2",
        "The lower half",
        "Take the items whose `p_correct` under `plain` is below its median. By how many points does *their* accuracy "
        "change under `wrong-caption`? Predict first: more or less than that of the others?",
        _BASE + _MISLED + _LOWER + 'answer = 100 * (misled["correct"][lower].mean() - base["correct"][lower].mean())',
        _lower_half,
        (
            Slip(_BASE + _MISLED + 'answer = 100 * (misled["correct"].mean() - base["correct"].mean())', "*all* items"),
            Slip(
                _BASE + _MISLED + 'upper = base["p_correct"] > base["p_correct"].median()\n'
                'answer = 100 * (misled["correct"][upper].mean() - base["correct"][upper].mean())',
                "*upper* half",
            ),
            Slip(
                _BASE + _MISLED + 'lower = misled["p_correct"] < misled["p_correct"].median()\n'
                'answer = 100 * (misled["correct"][lower].mean() - base["correct"][lower].mean())',
                "*before* the lie",
            ),
            Slip(_BASE + _MISLED + _LOWER + 'answer = 100 * misled["correct"][lower].mean()', "Subtract the accuracy"),
            Slip(_BASE + _MISLED + _LOWER + 'answer = misled["correct"][lower]', "one number out of it"),
        ),
        _BASE + "answer = ...  # in points, with its sign",
        given=("rows",),
    ),
    Exercise(
        "02.2",
        "Certain before a word is reasoned",
        "The entropy is read after the reasoning; in `stop-think` rows it is that of an answer at once. Take the items "
        "right under both `plain` and `stop-think`: with which AUROC does minus the entropy under `stop-think` tell "
        "which end right under `wrong-think`? Predict first: is it better than that under `plain`, on the same items? "
        "(Above, it was on all items right under `plain`.)",
        _AT_ONCE + 'among = base["correct"] & at_once["correct"]\n' + _AREA.format('-at_once["entropy"]'),
        _foretells,
        (
            Slip(
                _AT_ONCE + 'among = base["correct"] & at_once["correct"]\n' + _AREA.format('at_once["entropy"]'),
                "Turned round",
            ),
            Slip(
                _AT_ONCE + 'among = base["correct"] & at_once["correct"]\n' + _AREA.format('-base["entropy"]'),
                "after the reasoning",
            ),
            Slip(_AT_ONCE + 'among = base["correct"] | True\n' + _AREA.format('-at_once["entropy"]'), "over all items"),
            Slip(_AT_ONCE + 'among = base["correct"]\n' + _AREA.format('-at_once["entropy"]'), "`stop-think` too"),
        ),
        _AT_ONCE + "answer = ...  # between 0 and 1; the function auroc(score, ends_right) is above",
        given=("rows",),
    ),
    Exercise(
        "03.2",
        "Praised, and hollow",
        "Of the answers under `plain` that are right and whose reasoning says so: in which family of questions "
        "(`category`) does the largest *share* rest on a false statement?",
        _PRAISED + 'answer = (praised["grounding"] == "disagree").groupby(praised["category"]).mean().idxmax()',
        _hollow,
        (
            Slip(
                _PRAISED + 'false = praised["grounding"] == "disagree"\n'
                'answer = false.groupby(praised["category"]).mean().idxmin()',
                "Another family has a larger share",
            ),
            Slip(
                'base = rows[rows["perturbation"] == "plain"]\n'
                'answer = base.groupby("category")["correct"].mean().idxmin()',
                "fewest right answers",
            ),
            Slip(_PRAISED + 'answer = (praised["grounding"] == "disagree").mean()', "one of:"),
            Slip('answer = "colour"', "one of:"),
        ),
        "answer = ...  # a name in quotation marks; columns: category, correct, rule, grounding",
        given=("rows",),
    ),
    Exercise(
        "07.2",
        "How much of the gap is delivery?",
        "Under `wrong-think`, a careless comparison sets the reference *told in the user's turn* against RL models "
        "(`base-rl-correct`) that were *prefilled*; a fair one tells both in the user's turn. By how many points is "
        "the careless gap in accuracy the larger?",
        _GAPS + "answer = careless - fair",
        _delivery,
        (
            Slip(_GAPS + "answer = careless", "careless gap itself"),
            Slip(_GAPS + "answer = fair", "what *remains*"),
            Slip(
                _GAPS + 'answer = accuracy["reference", "prefill"] - accuracy["base-rl-correct", "prefill"]',
                "both are prefilled",
            ),
            Slip(
                _GAPS + 'answer = accuracy["reference", "user turn"] - accuracy["reference", "prefill"]',
                "moved the reference",
            ),
            Slip(_GAPS + "answer = fair - careless", "the sign is not"),
        ),
        'print(table[(table["perturbation"] == "wrong-think") & (table["seed"] == -1)])  # seed -1: the mean of all\n'
        "answer = ...  # in points",
        given=("table",),
    ),
    Exercise(
        "08.1",
        "Where a lie costs most",
        "In which `category` of your (first) benchmark does a wrong reasoning prefix cost your model most, as "
        "a change of accuracy from `plain` to `wrong-think`?",
        _OWN + 'change = misled.loc[base.index, "correct"].astype(float) - base["correct"]\n'
        'answer = change.groupby(base["category"]).mean().idxmin()',
        _costs_most,
        (
            Slip(
                _OWN + 'change = misled.loc[base.index, "correct"].astype(float) - base["correct"]\n'
                'answer = change.groupby(base["category"]).mean().idxmax()',
                "Another one falls further",
            ),
            Slip(_OWN + 'answer = base.groupby("category")["correct"].mean().idxmin()', "the hardest category"),
            Slip(
                _OWN + 'change = misled.loc[base.index, "correct"].astype(float) - base["correct"]\n'
                'answer = change.groupby(base["category"]).mean().min()',
                "one of:",
            ),
        ),
        "answer = ...  # a name in quotation marks; context.rows: benchmark, category, perturbation, correct",
        given=("context.rows",),
    ),
    Exercise(
        "08.2",
        "Seen, or guessed?",
        "By how many points is your model more accurate with the pictures than without (first benchmark, `plain` "
        "against `blank-image`)?",
        _ACCURACY + 'answer = accuracy["plain"] - accuracy["blank-image"]',
        _seen,
        (
            Slip(
                _ACCURACY + 'chance = 100 * (1 / rows["n_options"][rows["perturbation"] == "plain"]).mean()\n'
                'answer = accuracy["plain"] - chance',
                "above chance",
            ),
            Slip(_ACCURACY + 'answer = accuracy["plain"]', "the accuracy itself"),
            Slip(_ACCURACY + 'answer = accuracy["blank-image"]', "left without the picture"),
            Slip(_ACCURACY + 'answer = (accuracy["plain"] - accuracy["blank-image"]) / 100', "This is a share"),
        ),
        "answer = ...  # in points",
        given=("context.rows",),
    ),
)
