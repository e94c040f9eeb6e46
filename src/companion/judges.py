"""Does the reasoning lead to the answer? Judges read a think block and say which option it concludes.

Here: the rule judge, exact wherever a think block states its conclusion in words of the options, as the microworld's
grammar does. It knows nothing of the picture: whether a statement is *true* is `grounded`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from companion.microworld.grammar import is_true, sentences
from companion.microworld.scenes import Scene

_CONCLUSION = re.compile(r"\b(?:the )?(?:right |correct )?(?:answer|option) is[: ]+(.+)", re.IGNORECASE)


def concluded(think: str, options: Sequence[str], claims: Sequence[str]) -> int | None:
    """The option that a think block concludes: that of its last sentence which names or claims one; None if none does.

    "So the answer is star." names an option by its text or letter; "The red star is in the north." asserts one, if it
    is the claim of an option. claims: one for each of the first options; an added "I'm not sure" has none.
    """
    names = {option.casefold(): index for index, option in enumerate(options)}
    letters = {"abcdef"[index]: index for index in range(len(options))}
    asserted = {claim.strip().rstrip(".").casefold(): index for index, claim in enumerate(claims)}
    for sentence in reversed(sentences(think)):
        if (index := asserted.get(sentence.casefold())) is not None:
            return index
        if named := _CONCLUSION.search(sentence):
            what = named[1].strip(" :()\"'").casefold()
            if (index := names.get(what, letters.get(what))) is not None:
                return index
    return None


def grounded(think: str, scene: Scene) -> bool | None:
    """Whether every statement of a think block is true of the scene; None where it states nothing in the grammar."""
    verdicts = [verdict for sentence in sentences(think) if (verdict := is_true(sentence, scene)) is not None]
    return all(verdicts) if verdicts else None
