"""Reasoning that misreads the picture: of a question and a wrong option, false statements that lead to that option.

In the grammar of the true reasoning, and about what this one is about. A family of questions is one entry of `MISREAD`.
What is drawn from a generator, and in what order, is part of every recipe: the data of its seed depend on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.errors import CompanionError
from companion.questions.microworld.families import at
from companion.questions.microworld.grammar import lies
from companion.questions.microworld.items import MicroworldQuestion
from companion.questions.microworld.scenes import CELLS


def misreading(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """Reasoning in the same grammar that misreads what is where, and so ends with the claim of a wrong option.

    Raises CompanionError for a question of a family without an entry in `MISREAD`.
    """
    if item.category not in MISREAD:
        raise CompanionError(
            f"nobody has written how to misread the family {item.category!r}; add a function to MISREAD in "
            "companion/training/misreadings.py"
        )
    return [*MISREAD[item.category](rng, item, wrong), item.claims[wrong]]


def _observed(item: MicroworldQuestion) -> list[str]:
    """The true statements before the claim."""
    return list(item.reasoning[:-1])


def _nothing(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """Of a family in which the claim alone is the reasoning."""
    return []


def _another_thing(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """The wrong option in the place of the right one, in the statement that names it."""
    *before, last = _observed(item)
    return [*before, last.replace(item.options[item.answer], item.options[wrong])]


def _there_or_not(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """A thing that is not there, in any cell; of one that is there nothing is said."""
    if item.options[wrong] == "no":
        return []
    name = item.claims[wrong].removeprefix("There is ").split(" ", 1)[1].rstrip(".")
    return [at(name, rng.randrange(9))]


def _another_number(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """As many things as the wrong option says, in any cells."""
    number = item.options[wrong]
    kinds = item.claims[wrong].removeprefix(f"There are {number} ").rstrip(".")
    cells = sorted(rng.sample(CELLS, int(number)), key=CELLS.index)
    return [f"The {kinds} are in the {', '.join(cells)}."] if cells else []


def _other_cells(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """Both things where the wrong relation holds, one of them where it truly is if that can be."""
    first, second = (CELLS.index(observation.rstrip(".").split()[-1]) for observation in _observed(item))
    pairs = [(a, b) for a in range(9) for b in range(9) if lies(a, item.options[wrong], b)]
    cells = rng.choice([pair for pair in pairs if pair[0] == first or pair[1] == second] or pairs)
    return _with_last_words(item, [CELLS[cell] for cell in cells])


def _other_sizes(rng: random.Random, item: MicroworldQuestion, wrong: int) -> list[str]:
    """Both things with sizes of which the wrong comparison holds."""
    sizes = {"larger than": ["large", "small"], "smaller than": ["small", "large"]}.get(item.options[wrong])
    return _with_last_words(item, sizes or [rng.choice(("large", "small"))] * 2)


def _with_last_words(item: MicroworldQuestion, words: list[str]) -> list[str]:
    """The true statements, each with another last word."""
    return [
        f"{observation.rsplit(' ', 1)[0]} {word}." for observation, word in zip(_observed(item), words, strict=True)
    ]


MISREAD: dict[str, Callable[[random.Random, MicroworldQuestion, int], list[str]]] = {
    "attribute": _nothing,
    "position": _nothing,
    "existence": _there_or_not,
    "identify": _another_thing,
    "counting": _another_number,
    "relation": _other_cells,
    "size": _other_sizes,
    "nearest": _another_thing,
    "two-hop": _another_thing,
}
"""By family: the false statements before the claim of a wrong option, the index of which is given."""
