"""Exercises that do by hand what notebooks 02 and 04 show: an entropy from logits, the advantages of a group."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from companion.measures import Array, normalised_entropy
from companion.teaching.exercises.checking import Exercise, Slip, WrongError, call, close

LOGITS = {"A": 1.0, "B": 2.0, " B": 1.0, "C": 0.0, "D": 1.5, "So": 0.5}
"""Token → logit, at the step that writes the letter of an item with the options A, B and C."""

OFFERED: tuple[tuple[str, ...], ...] = (("A",), ("B", " B"), ("C",))
"""The tokens of each letter that the item offers."""


def _entropy(answer: object) -> str:
    weights = {token: math.exp(logit) for token, logit in LOGITS.items()}
    vocabulary = sum(weights.values())

    def nats(raw: list[float], total: float | None = None) -> float:
        """Minus the sum of p log p. total: what each is divided by; their sum unless given."""
        probs = [one / (total or sum(raw)) for one in raw]
        return -sum(p * math.log(p) for p in probs)

    letters = [sum(weights[token] for token in tokens) for tokens in OFFERED]
    first_forms = [weights[tokens[0]] for tokens in OFFERED]
    expected = float(normalised_entropy([[one / sum(letters) for one in letters]])[0])
    count = math.log(len(OFFERED))
    slips = {
        "That is in nats. Divide by the most that three letters allow.": nats(letters),
        "That is in bits. Take the natural logarithm, and divide by the most that three letters allow.": nats(letters)
        / math.log(2),
        "`B` can be written by two tokens. Add their probabilities before anything else.": nats(first_forms) / count,
        "The item does not offer D. Keep the letters that it offers, then renormalise.": nats([*letters, weights["D"]])
        / math.log(len(OFFERED) + 1),
        "These probabilities do not sum to 1: divide them by the letter mass first.": nats(letters, vocabulary) / count,
        "That is the entropy over all tokens. Keep the letters that the item offers.": nats(list(weights.values()))
        / math.log(len(weights)),
        "Divide by the logarithm of the number of *letters*, not of tokens.": nats(letters) / math.log(len(weights)),
    }
    close(
        answer,
        expected,
        0.005,
        slips,
        "Exponentiate the logits; add up what belongs to one letter; divide the three by their sum; then minus the sum "
        "of p log p, divided by the logarithm of 3.",
    )
    return (
        "Did you need the softmax over the whole vocabulary? No: its denominator goes when one renormalises. It is "
        "needed for the letter mass alone, which tells whether the number can be trusted."
    )


_T, _F = True, False
GROUPS = (
    ((_T,) * 8, (_T, _T, _T, _T, _T, _F, _F, _T), (_T, _T, _F, _T, _F, _T, _T, _F)),
    ((_T, _T, _F, _T), (_F, _T, _T, _F), (_T, _T, _T, _F)),
    ((_T,) * 4, (_T,) * 4, (_T,) * 4),
)
"""Of some groups: whether each rollout has the form, is right, and agrees with its reasoning."""


def _alike(found: list[Array], other: list[Array]) -> bool:
    return all(np.allclose(one, two, atol=2e-3) for one, two in zip(found, other, strict=True))


def _scaled(rewards: Array, ddof: int = 1) -> Array:
    return (rewards - rewards.mean()) / (rewards.std(ddof=ddof) + 1e-4)


def _values(function: object, group: tuple[Any, ...], size: int) -> Array:
    """What a function gives for a group; raises WrongError where it is not one number a rollout."""
    shown = f"advantages(form, right, agrees) for a group of {size}"
    found = call(function, *group, shown=shown)
    if found is None:
        raise WrongError(f"`{shown}` returned nothing. Does your function end in a `return`?")
    try:
        values = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (size,):
        raise WrongError(f"`{shown}` returned a `{type(found).__name__}` that is not {size} numbers, one a rollout.")
    return values


def _advantages(function: object) -> str:
    groups = [tuple(np.array(one) for one in group) for group in GROUPS]
    found = [_values(function, group, len(group[0])) for group in groups]
    if any(np.isnan(one).any() for one in found):
        raise WrongError(
            "Where all rewards are the same their standard deviation is 0, and 0 / 0 is `nan`. The trainer adds a "
            "small number to it, so that such a group teaches nothing: advantages of 0."
        )
    paid = [0.1 * form + right for form, right, _ in groups]
    gated = [one * agrees for one, (_, _, agrees) in zip(paid, groups, strict=True)]
    wrong = {
        "The gate is missing: where the reasoning does not agree with the answer, the reward is 0.": [
            _scaled(one) for one in paid
        ],
        "You closed the gate on the *advantage*. An advantage of 0 teaches nothing. Close it on the *reward*: then "
        "such a rollout falls below the mean of its group, and is made less likely.": [
            _scaled(one) * agrees for one, (_, _, agrees) in zip(paid, groups, strict=True)
        ],
        "The gate belongs to the whole reward, form included, not to the right answer alone.": [
            _scaled(0.1 * form + right * agrees) for form, right, agrees in groups
        ],
        "Divide by the standard deviation too: a group whose rewards differ little would otherwise count little.": [
            one - one.mean() for one in gated
        ],
        "Subtract the group's mean first: an advantage says how much *better than the group* a rollout is.": [
            one / (one.std(ddof=1) + 1e-4) for one in gated
        ],
        "NumPy's `std` divides by the number of rollouts. TRL's divides by one less: `std(ddof=1)`.": [
            _scaled(one, ddof=0) for one in gated
        ],
    }
    if _alike(found, [_scaled(one) for one in gated]):
        return (
            "A rollout that is right and does not agree with its reasoning is below the mean now, and even below one "
            "that is wrong as its reasoning says. Is that what one wants to pay for?"
        )
    for says, other in wrong.items():
        if _alike(found, other):
            raise WrongError(says)
    raise WrongError(
        "First the rewards, 0.1 for the form and 1.0 for the right answer, 0 where the reasoning does not agree; then "
        "minus their mean, divided by their standard deviation plus 0.0001."
    )


_WEIGHTS = f"import numpy as np\n\nlogits = {json.dumps(LOGITS)}\n"
_LETTERS = _WEIGHTS + (
    'raw = np.exp([logits["A"], np.logaddexp(logits["B"], logits[" B"]), logits["C"]])\np = raw / raw.sum()\n'
)


def _written(rewards: str, gives: str) -> str:
    """A function whose rewards and advantages are as given."""
    return f"def advantages(form, right, agrees):\n    r = {rewards}\n    return {gives}"


_R, _A = "(0.1 * form + right) * agrees", "(r - r.mean()) / (r.std(ddof=1) + 1e-4)"

BY_HAND = (
    Exercise(
        "02.3",
        "From logits to an entropy",
        "At the step that writes the letter, a model gives these logits to these tokens; all other tokens have "
        "negligible probability. The item offers A, B and C. What is the normalised entropy over its letters, to two "
        "digits?",
        _LETTERS + "answer = -(p * np.log(p)).sum() / np.log(3)",
        _entropy,
        (
            Slip(_LETTERS + "answer = -(p * np.log(p)).sum()", "in nats"),
            Slip(_LETTERS + "answer = -(p * np.log2(p)).sum()", "in bits"),
            Slip(
                _WEIGHTS + 'raw = np.exp([logits[letter] for letter in "ABC"])\np = raw / raw.sum()\n'
                "answer = -(p * np.log(p)).sum() / np.log(3)",
                "two tokens",
            ),
            Slip(
                _LETTERS + "p = raw / np.exp(list(logits.values())).sum()\nanswer = -(p * np.log(p)).sum() / np.log(3)",
                "letter mass first",
            ),
            Slip(
                _LETTERS + 'raw = np.append(raw, np.exp(logits["D"]))\np = raw / raw.sum()\n'
                "answer = -(p * np.log(p)).sum() / np.log(4)",
                "does not offer D",
            ),
            Slip(
                _WEIGHTS + "raw = np.exp(list(logits.values()))\np = raw / raw.sum()\n"
                "answer = -(p * np.log(p)).sum() / np.log(6)",
                "over all tokens",
            ),
        ),
        _WEIGHTS + "answer = ...  # between 0 and 1",
    ),
    Exercise(
        "04.4",
        "Compute an advantage",
        "Write the advantages of one group under the recipe `rl-consistent`, as the trainer computes them. `form`, "
        "`right` and `agrees` are arrays of true and false, one entry a rollout.",
        _written(_R, _A),
        _advantages,
        (
            Slip(_written("0.1 * form + right", _A), "gate is missing"),
            Slip(_written("0.1 * form + right", f"{_A} * agrees"), "on the *advantage*"),
            Slip(_written("0.1 * form + right * agrees", _A), "form included"),
            Slip(_written(_R, "r - r.mean()"), "Divide by the standard deviation"),
            Slip(_written(_R, "r / (r.std(ddof=1) + 1e-4)"), "better than the group"),
            Slip(_written(_R, "(r - r.mean()) / (r.std() + 1e-4)"), "ddof=1"),
            Slip(_written(_R, "(r - r.mean()) / r.std(ddof=1)"), "0 / 0"),
        ),
        "def advantages(form, right, agrees):\n    return ...",
        answer="advantages",
    ),
)
