"""Exercises on what RL does: read from the records of runs, and from the tables made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.exercises.checking import Exercise, Slip, close, value


def _concludes(answer: object, results: str, start: str) -> str:
    changes, agreement, shares = [], [], []
    for file in sorted(Path(results).glob(f"{start}-accuracy-*/curve.csv")):
        curve = pd.read_csv(file).query("variant == 'base'")
        last = curve["step"].max()
        counted = {
            step: value(curve, "n", step=step, measure="consistent") / value(curve, "n", step=step, measure="correct")
            for step in (0, last)
        }
        changes.append(100 * (counted[last] - counted[0]))
        shares.append(100 * counted[last])
        both = [value(curve, step=step, measure="consistent") for step in (last, 0)]
        agreement.append(100 * (both[0] - both[1]))
    if not changes:
        raise CompanionError(f"There is no run {start}-accuracy in {results}.")
    slips = {
        "That is how the *agreement* of what concludes changed. The share that concludes is in `n`.": float(
            np.mean(agreement)
        ),
        "That is the share at the last step. How far is it from the one at step 0?": float(np.mean(shares)),
        "That is the first run alone. Average over the seeds.": changes[0],
    }
    close(
        answer, float(np.mean(changes)), 0.05, slips,
        "In each run, under `base`: `n` of `consistent` over `n` of `correct`, at the last step minus at step 0. "
        "Then the mean over runs, in points. (Between the two ends fewer items were asked.)",
    )  # fmt: skip
    return (
        f"The share that concludes something moved by {np.mean(changes):+.1f} points, the agreement of those that do "
        f"by {np.mean(agreement):+.1f}. So an agreement that counts both may change although no answer parted from "
        "its conclusion: ask how a measure counts before you tell a story about it."
    )


def _never_saw(answer: object, table: pd.DataFrame) -> str:
    def points(recipe: str, measure: str) -> float:
        return 100 * value(table, recipe=recipe, variant="wrong-caption", measure=measure)

    expected = points("augmented", "change") - points("accuracy", "change")
    slips = {
        "That is against the model before RL. `accuracy` went through RL too, and saw no lie: compare with it.": points(
            "augmented", "change"
        )
        - points("before RL", "change"),
        "You compared accuracies. Recipes differ under `base` as well; compare the *changes*.": points(
            "augmented", "accuracy"
        )
        - points("accuracy", "accuracy"),
        "That is the change of `augmented` alone. Against which recipe does one see what augmentation did?": points(
            "augmented", "change"
        ),
    }
    close(
        answer, expected, 0.04, slips,
        "Take the lines with `variant` `wrong-caption` and `measure` `change`: `augmented` minus `accuracy`, in "
        "points.",
    )  # fmt: skip
    return (
        f"{expected:+.1f} points. Against the model before RL it would have been "
        f"{points('augmented', 'change') - points('before RL', 'change'):+.1f}. A remedy has to be held against the "
        "treatment without it, not against no treatment."
    )


_CURVES = """\
from pathlib import Path

import pandas as pd

changes = []
for file in sorted(Path(results).glob(f"{start}-accuracy-*/curve.csv")):
    curve = pd.read_csv(file).query("variant == 'base'").set_index(["step", "measure"])
    last = curve.index.get_level_values("step").max()
"""
_SHARES = (
    _CURVES
    + """\
    shares = {step: curve.loc[(step, "consistent"), "n"] / curve.loc[(step, "correct"), "n"] for step in (0, last)}
"""
)

_CHANGES = """\
lines = table[(table["variant"] == "wrong-caption") & (table["measure"] == "change")]
change = 100 * lines.set_index("recipe")["value"]
"""

RUNS = (
    Exercise(
        "05.2", "Part ways, or say nothing?",
        "An answer may fail to agree because the reasoning concludes another option, or because it concludes none "
        "(“So the answer is pink”, where pink is not on offer). In the files `curve.csv` of the runs with the recipe "
        "`accuracy`, `n` of the measure `consistent` counts the items whose reasoning concludes an option, and `n` "
        "of `correct` all items. Under `base`, by how many points does the share that concludes change from step 0 "
        "to the last, on average over runs?",
        _SHARES + "    changes.append(100 * (shares[last] - shares[0]))\nanswer = sum(changes) / len(changes)",
        _concludes,
        (
            Slip(_CURVES + '    agrees = curve[curve.index.get_level_values("measure") == "consistent"]["value"]\n'
                 "    changes.append(100 * (agrees.iloc[-1] - agrees.iloc[0]))\nanswer = sum(changes) / len(changes)",
                 "The share that concludes is in `n`"),
            Slip(_SHARES + "    changes.append(100 * shares[last])\nanswer = sum(changes) / len(changes)",
                 "share at the last step"),
            Slip(_SHARES + "    changes.append(100 * (shares[last] - shares[0]))\nanswer = changes[0]",
                 "Average over the seeds"),
            Slip(_SHARES + "    changes.append(100 * (shares[0] - shares[last]))\nanswer = sum(changes) / len(changes)",
                 "the sign is not"),
        ),
        _CURVES + "answer = ...  # in points, with its sign", given=("results", "start"),
    ),
    Exercise(
        "06.1", "Held against what?",
        "Suppose that under a wrong caption `augmented` loses less than the model before RL. Did the augmentation do "
        "that? Hold it against `accuracy`, which went through the same RL and never saw a lie: by how many points "
        "does the change under `wrong-caption` differ, `augmented` minus `accuracy`?",
        _CHANGES + 'answer = change["augmented"] - change["accuracy"]', _never_saw,
        (
            Slip(_CHANGES + 'answer = change["augmented"] - change["before RL"]', "before RL"),
            Slip('lines = table[(table["variant"] == "wrong-caption") & (table["measure"] == "accuracy")]\n'
                 'answer = 100 * (lines.set_index("recipe")["value"]["augmented"] '
                 '- lines.set_index("recipe")["value"]["accuracy"])', "compare the *changes*"),
            Slip(_CHANGES + 'answer = change["augmented"]', "Against which recipe"),
            Slip(_CHANGES + 'answer = change["accuracy"] - change["augmented"]', "the sign is not"),
        ),
        _CHANGES + "answer = ...  # in points, with its sign", given=("table",),
    ),
)  # fmt: skip
