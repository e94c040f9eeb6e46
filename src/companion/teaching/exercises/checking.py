"""What an exercise is, and the parts that their checks are made of.

A check takes the answer and the notebook's own tables, and works out what is expected from these: nothing that an
answer is compared with is written down. It returns why the answer is right, or raises `WrongError` with what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from companion.errors import CompanionError

NOT_ANSWERED = "answer = ..."

RIGHT, WRONG, OPEN, UNKNOWN = "Right.", "Not yet.", "Not answered yet.", "This run cannot tell."


class WrongError(Exception):
    """What is wrong with an answer, in words that help and do not tell the right one."""


class NotAnsweredError(Exception):
    """The answer is still the `...` of the reader's copy."""


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer; shown as Markdown in a notebook. head: RIGHT, WRONG, OPEN or UNKNOWN."""

    head: str
    says: str

    @property
    def right(self) -> bool:
        return self.head == RIGHT

    def __repr__(self) -> str:
        return f"{self.head} {self.says}"

    def _repr_markdown_(self) -> str:
        return f"**{self.head}** {self.says}"


@dataclass(frozen=True)
class Slip:
    """A typical wrong answer. code: sets it, as a solution does. says: words that the check's message must hold."""

    code: str
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise; the reader's and the teacher's cells are both written from it.

    id: "NN.K", notebook and place in it. task: Markdown. solution: code that sets the name `answer`; starter: the same
    for the reader, with `...` where the work is. given: what the check is handed besides the answer, as the notebook
    calls it. judge: (answer, *given) → why it is right; raises WrongError. slips: for tests, and for teachers to see.
    """

    id: str
    title: str
    task: str
    solution: str
    judge: Callable[..., str]
    slips: tuple[Slip, ...]
    starter: str = NOT_ANSWERED
    answer: str = "answer"
    given: tuple[str, ...] = ()

    def cell(self, code: str) -> str:
        """The source of the cell in which `code` answers."""
        asked = ", ".join([f'"{self.id}"', self.answer, *self.given])
        gap = "\n" if self.answer == "answer" else "\n\n\n"
        return f"{code}{gap}check({asked})"

    def check(self, answer: object, *given: Any) -> Feedback:
        """Never raises for anything an answer may be."""
        try:
            if answer is ...:
                raise NotAnsweredError
            return Feedback(RIGHT, self.judge(answer, *given))
        except NotAnsweredError:
            return Feedback(OPEN, "Put your answer in the place of `...` and run the cell again.")
        except WrongError as error:
            return Feedback(WRONG, str(error))
        except CompanionError as error:
            return Feedback(UNKNOWN, str(error))
        except (KeyError, AttributeError):
            return Feedback(UNKNOWN, f"`{', '.join(self.given)}` is not what the cells above made; run them again.")


def value(table: pd.DataFrame, /, **where: object) -> float:
    """The value in the one line where the columns are as given. Raises CompanionError where there is none."""
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    if len(table) != 1 or pd.isna(table["value"].iloc[0]):
        place = ", ".join(f"{name} {wanted}" for name, wanted in where.items())
        raise CompanionError(f"It has no number for {place}. Try more items, or the model that the notebook came with.")
    return float(table["value"].iloc[0])


def close(answer: object, expected: float, within: float, slips: Mapping[str, float], otherwise: str) -> None:
    """Raises WrongError unless a number is the expected one, give or take `within`.

    slips: what to say → the value that one gets by that slip; of a number that fits several, all is said. otherwise:
    what to say of any other number.
    """
    if not isinstance(answer, Real) or isinstance(answer, bool):
        hint = (
            " Take one number out of it, as with `.iloc[0]`." if isinstance(answer, (pd.Series, pd.DataFrame)) else ""
        )
        raise WrongError(f"A number is asked for, such as `-3.5`, and this is of type `{type(answer).__name__}`.{hint}")
    number = float(answer)
    if math.isnan(number):
        raise WrongError("This is `nan`: somewhere an empty selection was averaged. Look at its length.")
    if abs(number - expected) <= within:
        return
    fitting = [says for says, wrong in slips.items() if abs(number - wrong) <= within]
    if abs(number + expected) <= within:
        fitting.append("The size is right, the sign is not: which of the two is subtracted from which?")
    if abs(100 * number - expected) <= within:
        fitting.append("This is a share. Points are asked for: hundredths.")
    if fitting:
        raise WrongError(" Or: ".join(fitting))
    raise WrongError(otherwise)


def chosen(answer: object, choices: Mapping[str, str]) -> str:
    """The letter that was chosen, in lower case. Raises WrongError where it is none of them."""
    letter = answer.strip(" .()").lower() if isinstance(answer, str) else ""
    if letter not in choices:
        raise WrongError(
            f'Answer with one letter in quotation marks: {", ".join(choices)}. For example `answer = "a"`.'
        )
    return letter


def pick(answer: object, right: str, says: Mapping[str, str]) -> str:
    """What is said of the right choice. says: of each letter. Raises WrongError with what is said of another."""
    letter = chosen(answer, says)
    if letter != right:
        raise WrongError(says[letter])
    return says[letter]


def choice_lines(choices: Mapping[str, str]) -> str:
    """Lettered statements as Markdown."""
    return "\n".join(f"* **{letter}** {text}" for letter, text in choices.items())


def name_among(answer: object, names: Sequence[str]) -> str:
    """A name out of some. Raises WrongError where it is none of them."""
    if not isinstance(answer, str) or answer not in names:
        raise WrongError(f"A name in quotation marks is asked for, one of: {', '.join(names)}.")
    return answer


def call(function: object, *arguments: Any, shown: str) -> Any:
    """What a function returns. shown: the call as the reader may try it. Raises WrongError where it does not work."""
    if not callable(function):
        raise WrongError("Hand over the function itself, by its name and without brackets, not what it returns.")
    try:
        found = function(*arguments)
    except Exception as error:
        raise WrongError(f"`{shown}` stopped with {type(error).__name__}: {error}.") from error
    if found is ...:
        raise NotAnsweredError
    return found


def numbers(function: object, cases: Sequence[tuple[Any, ...]], name: str) -> list[float]:
    """What a function returns in each case. Raises WrongError where that is no number."""
    found = []
    for case in cases:
        shown = f"{name}({', '.join(map(repr, case))})"
        result = call(function, *case, shown=shown)
        if result is None:
            raise WrongError(f"`{shown}` returned nothing. Does every way through your function end in a `return`?")
        if not isinstance(result, Real | np.bool):
            raise WrongError(f"`{shown}` returned a `{type(result).__name__}`; a number is asked for.")
        found.append(float(result))
    return found
