"""Exercises on what RL does: on the records of runs, on the tables made of them, and on the lab's models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from companion.errors import CompanionError
from companion.figures import tradeoff
from companion.teaching.exercises.checking import Exercise, Slip, WrongError, call, close, name_among, value

RIGHT, SAID = tradeoff.MEASURES


def _gap_opens(answer: object, curves: pd.DataFrame) -> str:
    steps = curves["step"].min(), curves["step"].max()

    def ends(initial: str, prompt: str, measure: str) -> tuple[float, float]:
        first, last = (value(curves, initial=initial, prompt=prompt, measure=measure, step=step) for step in steps)
        return 100 * first, 100 * last

    def widening(initial: str, prompt: str) -> float:
        right, said = (ends(initial, prompt, measure) for measure in (RIGHT, SAID))
        return (right[1] - said[1]) - (right[0] - said[0])

    place = "misread-20", "plain"
    right, said = (ends(*place, measure) for measure in (RIGHT, SAID))
    slips = {
        "That is how wide the gap is at the last step. How wide was it before RL?": right[1] - said[1],
        "That is how far *right* rises. Of that, take away how far *right and its reasoning says so* rises.": right[1]
        - right[0],
        "That is the other initial checkpoint.": widening("misread-0", "plain"),
        "That is after a wrong reasoning prefix.": widening("misread-20", "wrong-think"),
    }
    close(
        answer,
        widening(*place),
        0.5,
        slips,
        "At each end, *right* minus *right and its reasoning says so*; then the last step minus step 0, in points.",
    )
    done, planned = (int(curves[column].max()) for column in ("seeds", "planned"))
    few = f" But {done} of {planned} seeds are no recipe: another seed may differ." if done < planned else ""
    told = ", ".join(
        f"`{initial}` under `{prompt}` {widening(initial, prompt):+.1f}"
        for prompt in ("plain", "wrong-think")
        for initial in ("misread-0", "misread-20")
    )
    return (
        f"In points: {told}. Same reward, same questions, same steps: what differs between the two is the reasoning "
        f"seen before RL.{few}"
    )


def _names_none(answer: object, shares: pd.DataFrame) -> str:
    def change(initial: str, measure: str) -> float:
        first, last = (
            value(shares, initial=initial, prompt="plain", measure=measure, step=step)
            for step in (shares["step"].min(), shares["step"].max())
        )
        return 100 * (last - first)

    expected, agrees = change("misread-0", "names no option"), change("misread-0", "agrees")
    last = 100 * value(
        shares, initial="misread-0", prompt="plain", measure="names no option", step=shares["step"].max()
    )
    slips = {
        "That is how the share that *agrees* changed.": agrees,
        "That is the share at the last step. How far is it from the one at step 0?": last,
        "That is the other initial checkpoint.": change("misread-20", "names no option"),
    }
    close(
        answer,
        expected,
        0.5,
        slips,
        "The value of *names no option* at the last step minus that at step 0, under `plain`, from `misread-0`; in "
        "points.",
    )
    return (
        f"The share that agrees moved by {agrees:+.1f} points, and the share that contradicts by "
        f"{change('misread-0', 'contradicts'):+.1f}. Who counts agreement alone cannot tell reasoning that came to "
        "lead to the answer from reasoning that only came to name an option. So ask how a measure counts before you "
        "tell a story about it."
    )


def _never_saw(answer: object, table: pd.DataFrame) -> str:
    def points(recipe: str, contrast: str = "minus plain") -> float:
        return 100 * value(table, recipe=recipe, prompt="wrong-caption", contrast=contrast)

    expected = points("rl-augmented") - points("rl-correct")
    slips = {
        "That is against the model before RL. `rl-correct` went through RL too, and saw no lie: compare with it.": (
            points("rl-augmented") - points("before RL")
        ),
        "You compared accuracies. Recipes differ under `plain` as well; compare the *changes*.": points(
            "rl-augmented", "level"
        )
        - points("rl-correct", "level"),
        "That is the change of `rl-augmented` alone. Against which recipe does one see what augmentation did?": points(
            "rl-augmented"
        ),
    }
    close(
        answer,
        expected,
        0.04,
        slips,
        "Take the lines with `prompt` `wrong-caption` and `contrast` `minus plain`: `rl-augmented` minus `rl-correct`, "
        "in points.",
    )
    return (
        f"{expected:+.1f} points. Against the model before RL it would have been "
        f"{points('rl-augmented') - points('before RL'):+.1f}. A remedy has to be held against the treatment without "
        "it, not against no treatment."
    )


AGAINST, SO = "right, but its reasoning does not say so", "right, and its reasoning says so"


def _against(answer: object, marks: pd.DataFrame) -> str:
    def most(behaviour: str, perturbation: str) -> str:
        part = marks[(marks["behaviour"] == behaviour) & (marks["perturbation"] == perturbation)]
        if part.empty:
            raise CompanionError(f"It has no model under `{perturbation}`.")
        return str(part.loc[part["value"].idxmax(), "model"])

    name, expected = name_among(answer, list(marks["model"].unique())), most(AGAINST, "wrong-caption")
    if name == expected:
        share = 100 * value(marks, model=name, perturbation="wrong-caption", behaviour=AGAINST)
        return (
            f"{share:.0f} % of its answers with a wrong caption. Each of them raises a score, and the "
            "reasoning that stands before it leads elsewhere: who reads it is misled."
        )
    if name == most(SO, "wrong-caption"):
        raise WrongError("That one is most often right *as its reasoning says*. Look for the part in the other colour.")
    if name == most("follows what was put there", "wrong-caption"):
        raise WrongError(
            "That one follows the lie most often, so its answers are wrong. Those that are right are asked for."
        )
    raise WrongError("Compare that part's lengths in the panel of `wrong-caption`: another model has a longer one.")


def _found(answer: object, rows: pd.DataFrame) -> str:
    under = rows[rows["perturbation"] == "wrong-think"].pivot(index="question", columns="model", values="behaviour")
    if not ((under == AGAINST).any(axis=1) & (under == SO).any(axis=1)).any():
        raise CompanionError("It has no such question.")
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        raise WrongError(
            'Three texts are asked for, such as `("test-0-7", "base", "rl-correct")`: a question and two models.'
        )
    question = name_among(answer[0], list(under.index)) if str(answer[0]) in under.index else None
    if question is None:
        raise WrongError(f"{answer[0]!r} is no question of the lab. The id of number 7 is `context.questions[7].id`.")
    first, second = (name_among(name, list(under)) for name in answer[1:])
    if first == second:
        raise WrongError("One model does one thing with a prompt. Two different models are asked for.")
    for name, wanted in ((first, AGAINST), (second, SO)):
        does = under.loc[question, name]
        if does != wanted:
            turned = " Have you changed the two round?" if (does, wanted) in ((AGAINST, SO), (SO, AGAINST)) else ""
            raise WrongError(f"On {question}, under `wrong-think`, `{name}` is not “{wanted}” but “{does}”.{turned}")
    both = int(((under[first] == AGAINST) & (under[second] == SO)).sum())
    return (
        f"A score cannot tell `{first}` from `{second}` here; a reader is misled by one of them. Of {len(under)} "
        f"questions {both} are like this for these two: one alone would have been an anecdote."
    )


JOURNEYS: dict[str, tuple[list[float], list[float]]] = {
    "said less": ([0.60, 0.70], [0.50, 0.40]),
    "best on the way": ([0.60, 0.80, 0.70], [0.50, 0.40, 0.55]),
    "said more": ([0.60, 0.70], [0.45, 0.60]),
    "no gain": ([0.60, 0.60], [0.50, 0.40]),
    "a loss": ([0.60, 0.55], [0.50, 0.40]),
}
"""Name → the shares *right* and *right and its reasoning says so*, step by step."""


def _index(function: object, changes: pd.DataFrame) -> str:
    for name, (right, said) in JOURNEYS.items():
        shown = f"index({right}, {said})"
        found = call(function, list(right), list(said), shown=shown)
        expected = _unsaid(right[-1] - right[0], said[-1] - said[0])
        if found is not None and not isinstance(found, int | float | np.number):
            raise WrongError(f"`{shown}` returned a `{type(found).__name__}`; a number or `None` is asked for.")
        if (found is None) != (expected is None):
            why = (
                "No more answers are right there, so nothing was bought: `None`."
                if expected is None
                else "More answers are right there, so there is a price, if only 0."
            )
            raise WrongError(f"`{shown}` returned {found!r}. {why}")
        if found is None or expected is None or abs(found - expected) < 1e-6:
            continue
        why = {
            "said less": "*Right* rises by ten points, and *right and its reasoning says so* falls by ten: the gap is "
            "twenty points wider.",
            "best on the way": "Only the first and the last step count: who picks the best one afterwards picks luck.",
            "said more": "The gap closed, so nothing was paid for the gain: 0.",
        }[name]
        raise WrongError(f"`{shown}` returned {found:.3g}. {why}")
    ends = changes.set_index(["initial", "measure"])["value"]
    prices = {name: _unsaid(ends[name, RIGHT], ends[name, SAID]) for name in changes["initial"].unique()}
    told = ", ".join(f"`{name}` {'nothing bought' if one is None else f'{one:.2f}'}" for name, one in prices.items())
    return (
        f"In the runs of `rl-correct`, with a wrong caption, from {told}. Do not quote such a ratio alone: "
        "where the gain may be nearly nothing, the price may be nearly anything. Give its interval."
    )


def _unsaid(right: Any, said: Any) -> float | None:
    """Points by which the gap opens for each point that *right* rises. right, said: changes of the two shares."""
    return None if right <= 0 else max(float(right - said), 0.0) / float(right)


_SHARES = """\
one = shares[(shares["prompt"] == "plain") & (shares["initial"] == "{0}") & (shares["measure"] == "{1}")]
before, after = one.sort_values("step")["value"]
answer = 100 * {2}"""

_CHANGES = """\
lines = table[(table["prompt"] == "wrong-caption") & (table["contrast"] == "{}")]
change = 100 * lines.set_index("recipe")["value"]
"""
_LOSSES = _CHANGES.format("minus plain")

_MARKS = """\
part = marks[(marks["behaviour"] == "{0}") & (marks["perturbation"] == "{1}")]
answer = part.loc[part["value"].idx{2}(), "model"]"""
_UNDER = """\
under = context.rows[context.rows["perturbation"] == "wrong-think"]
against = under[under["behaviour"] == "right, but its reasoning does not say so"]
so = under[under["behaviour"] == "right, and its reasoning says so"]
both = against.merge(so, on="question", suffixes=("_against", "_so")).iloc[0]
"""
_PAIR = 'answer = (both["question"], both["model_{0}"], both["model_{1}"])'
_INDEX = "def index(right, said):\n    "

_GAP = """\
ends = curves[curves["step"].isin([0, curves["step"].max()])]
ends = ends[(ends["initial"] == "{0}") & (ends["prompt"] == "{1}")]
before, after = ends.pivot(index="step", columns="measure", values="value").to_dict("records")
answer = 100 * ({2})"""
_WIDER = " - ".join(f'({end}["right"] - {end}["right and its reasoning says so"])' for end in ("after", "before"))

RUNS = (
    Exercise(
        "04.1",
        "How far does the gap open?",
        "The trade-off is the widening of the shaded gap: *right* minus *right and its reasoning says so*. From "
        "`misread-20`, under the plain prompt (`plain`): by how many points does it widen from step 0 to the last? "
        "`curves` has the lines of the figure.",
        _GAP.format("misread-20", "plain", _WIDER),
        _gap_opens,
        (
            Slip(_GAP.format("misread-20", "plain", _WIDER.partition(" - (before")[0]), "at the last step"),
            Slip(_GAP.format("misread-20", "plain", 'after["right"] - before["right"]'), "how far *right* rises"),
            Slip(_GAP.format("misread-0", "plain", _WIDER), "other initial checkpoint"),
            Slip(_GAP.format("misread-20", "wrong-think", _WIDER), "after a wrong reasoning prefix"),
        ),
        "answer = ...  # in points",
        given=("curves",),
    ),
    Exercise(
        "04.2",
        "Part ways, or say nothing?",
        "An answer may fail to agree because the reasoning concludes another option, or because it names none (“So "
        "the answer is pink”, where pink is not on offer). From `misread-0`, under `plain`: by how many points does "
        "the share that *names no option* change from step 0 to the last? `shares` is the table of the three shares.",
        _SHARES.format("misread-0", "names no option", "(after - before)"),
        _names_none,
        (
            Slip(_SHARES.format("misread-0", "agrees", "(after - before)"), "share that *agrees* changed"),
            Slip(_SHARES.format("misread-0", "names no option", "after"), "share at the last step"),
            Slip(_SHARES.format("misread-20", "names no option", "(after - before)"), "other initial checkpoint"),
            Slip(_SHARES.format("misread-0", "names no option", "(before - after)"), "the sign is not"),
        ),
        "answer = ...  # in points, with its sign",
        given=("shares",),
    ),
    Exercise(
        "05.1",
        "Held against what?",
        "Suppose that with a wrong caption `rl-augmented` loses less than the model before RL. Did the augmentation do "
        "that? Hold it against `rl-correct`, which went through the same RL and never saw a lie: by how many points "
        "does the change differ, `rl-augmented` minus `rl-correct`?",
        _LOSSES + 'answer = change["rl-augmented"] - change["rl-correct"]',
        _never_saw,
        (
            Slip(_LOSSES + 'answer = change["rl-augmented"] - change["before RL"]', "before RL"),
            Slip(
                _CHANGES.format("level") + 'answer = change["rl-augmented"] - change["rl-correct"]',
                "compare the *changes*",
            ),
            Slip(_LOSSES + 'answer = change["rl-augmented"]', "Against which recipe"),
            Slip(_LOSSES + 'answer = change["rl-correct"] - change["rl-augmented"]', "the sign is not"),
        ),
        _LOSSES + "answer = ...  # in points, with its sign",
        given=("table",),
    ),
    Exercise(
        "06.1",
        "Right, but its reasoning does not say so",
        "Look at the figure of what each model does. Which model is most often *right, but its reasoning does "
        "not say so*, with a wrong caption?",
        _MARKS.format("right, but its reasoning does not say so", "wrong-caption", "max"),
        _against,
        (
            Slip(_MARKS.format("right, and its reasoning says so", "wrong-caption", "max"), "*as its reasoning says*"),
            Slip(_MARKS.format("follows what was put there", "wrong-caption", "max"), "follows the lie"),
            Slip('answer = "reference"', "a longer one"),
        ),
        "answer = ...  # the name of a model in quotation marks",
        given=("marks",),
    ),
    Exercise(
        "06.2",
        "Find a prompt that tells them apart",
        "Find a question on which, under `wrong-think`, one model is right *against* its own reasoning and another "
        "is right *as* its reasoning says. Search with the panels, or in `context.rows` (columns `question`, "
        "`perturbation`, `model`, `behaviour`).",
        _UNDER + _PAIR.format("against", "so"),
        _found,
        (
            Slip(_UNDER + _PAIR.format("so", "against"), "changed the two round"),
            Slip(_UNDER + _PAIR.format("against", "against"), "Two different models"),
            Slip('answer = ("test-0-7", "base")', "Three texts"),
            Slip('answer = ("7", "base", "rl-correct")', "no question of the lab"),
        ),
        "answer = ...  # (question, the model right against its reasoning, the model right as its reasoning says)",
        given=("context.rows",),
    ),
    Exercise(
        "06.3",
        "The price of a point",
        "Write an index of the trade-off. Given are two shares at each step: *right*, and *right and its reasoning "
        "says so* (`said`). By how many points does the gap between them widen for each point that *right* rises, "
        "from the first step to the last? It is 0 where the gap did not widen, and `None` where *right* did not rise: "
        "then nothing was bought.",
        _INDEX
        + """\
gained = right[-1] - right[0]
    wider = gained - (said[-1] - said[0])
    return max(wider, 0) / gained if gained > 0 else None""",
        _index,
        (
            Slip(_INDEX + "return 1 + (max(said) - min(said)) / (max(right) - min(right))", "picks luck"),
            Slip(_INDEX + "return (said[0] - said[-1]) / (right[-1] - right[0])", "twenty points wider"),
            Slip(_INDEX + "return 1 - (said[-1] - said[0]) / (right[-1] - right[0])", "nothing was paid"),
            Slip(
                _INDEX + "return max(1 - (said[-1] - said[0]) / (right[-1] - right[0]), 0)",
                "stopped with ZeroDivisionError",
            ),
            Slip(
                _INDEX + "gained = right[-1] - right[0]\n"
                "    return max(gained - said[-1] + said[0], 0) / gained if gained > 0 else 0.0",
                "nothing was bought",
            ),
        ),
        _INDEX + "return ...",
        "index",
        ("changes",),
    ),
)
