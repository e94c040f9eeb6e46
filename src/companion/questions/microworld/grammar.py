"""Statements of the microworld: which are true of a scene, and what true things can be said of it.

The grammar is closed, so the truth of every sentence that it covers is known exactly. A sentence outside it
("Let me see.") has no truth value.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from companion.questions.microworld.families import DIRECTIONS, article, at, plural
from companion.questions.microworld.scenes import CELLS, COLORS, SHAPES, Scene, Thing, distance, neighbour

_COLOR = f"(?:{'|'.join(COLORS)})"
_SHAPE = f"(?:{'|'.join(SHAPES)})"
_THING = f"{_COLOR} {_SHAPE}"
_CELL = f"(?:{'|'.join(CELLS)})"
_STEP = "(?:left of|right of|above|below)"

_AT = re.compile(f"The ({_THING}) is in the ({_CELL})")
_IS = re.compile(f"The shape in the ({_CELL}) is ({_COLOR})|In the ({_CELL}) there is a ({_SHAPE})")
_THERE = re.compile(f"There is (an?|no) ({_THING})")
_COUNT = re.compile(f"There are ([0-9]+) (?:({_COLOR}) shapes|({_SHAPE})(?:e?s))")
_LIST = re.compile(f"The (?:({_COLOR}) shapes|({_SHAPE})(?:e?s)) are in the ({_CELL}(?:, {_CELL})*)")
_LARGE = re.compile(f"The ({_THING}) is (large|small)")
_RELATION = re.compile(f"The ({_THING}) is ({_STEP}) the ({_THING})")
_SIZE = re.compile(f"The ({_THING}) is (larger than|smaller than|the same size as) the ({_THING})")
_NEAREST = re.compile(f"The ({_THING}) is nearest to the ({_THING})")
_HOP = re.compile(f"The shape((?: just {_STEP} the shape)*) just ({_STEP}) the ({_THING}) is ({_COLOR})")


def sentences(text: str) -> list[str]:
    """The sentences of a text, without their full stops."""
    return [part.strip() for part in text.split(".") if part.strip()]


def is_true(sentence: str, scene: Scene) -> bool | None:
    """Whether a sentence is true of a scene; None where it states nothing in the grammar.

    A statement about a thing that the scene does not hold, or holds twice, is true only if it is true of some thing
    of that name.
    """
    sentence = sentence.strip().removesuffix(".")
    if m := _AT.fullmatch(sentence):
        return CELLS.index(m[2]) in scene.where(m[1])
    if m := _IS.fullmatch(sentence):
        return CELLS.index(m[1] or m[3]) in scene.where(m[2] or m[4])
    if m := _THERE.fullmatch(sentence):
        return bool(scene.where(m[2])) == (m[1] != "no")
    if m := _COUNT.fullmatch(sentence):
        return len(scene.where(m[2] or m[3])) == int(m[1])
    if m := _LIST.fullmatch(sentence):
        return [CELLS[cell] for cell in scene.where(m[1] or m[2])] == m[3].split(", ")
    if m := _LARGE.fullmatch(sentence):
        return any(large == (m[2] == "large") for large in _sizes(scene, m[1]))
    if m := _RELATION.fullmatch(sentence):
        return any(lies(a, m[2], b) for a in scene.where(m[1]) for b in scene.where(m[3]))
    if m := _SIZE.fullmatch(sentence):
        order = {"larger than": 1, "smaller than": -1, "the same size as": 0}[m[2]]
        return any(a - b == order for a in _sizes(scene, m[1]) for b in _sizes(scene, m[3]))
    if m := _NEAREST.fullmatch(sentence):
        return any(_is_nearest(scene, a, b) for a in scene.where(m[1]) for b in scene.where(m[2]))
    if m := _HOP.fullmatch(sentence):
        steps = [m[2], *reversed(re.findall(f"just ({_STEP})", m[1]))]
        return any(_hop(scene, start, steps) in scene.where(m[4]) for start in scene.where(m[3]))
    return None


def conclusion(text: str, options: Sequence[str], claims: Sequence[str]) -> int | None:
    """The option that a text in the grammar concludes, exactly; None if none.

    That is the option of its last sentence which is the claim of an option, word for word, or says "So the answer is
    …". If that names none of them ("So the answer is pink", where pink is not on offer), none is concluded. claims:
    one for each of the first options; an added "I'm not sure" has none. It knows no other words, so that it can serve
    as the truth that judges of free text are held against.
    """
    asserted = {claim.removesuffix("."): index for index, claim in enumerate(claims)}
    named = {f"{_SO}{option}": index for index, option in enumerate(options)}
    for said in reversed(sentences(text)):
        if said.startswith(_SO):
            return named.get(said)
        if said in asserted:
            return asserted[said]
    return None


_SO = "So the answer is "


def _sizes(scene: Scene, name: str) -> list[bool]:
    return [thing.large for _, thing in scene.things() if thing.name == name]


def lies(a: int, step: str, b: int) -> bool:
    """Whether cell a lies that way from cell b: "left of", "right of", "above", "below"."""
    (row_a, column_a), (row_b, column_b) = divmod(a, 3), divmod(b, 3)
    return {
        "left of": column_a < column_b,
        "right of": column_a > column_b,
        "above": row_a < row_b,
        "below": row_a > row_b,
    }[step]


def _is_nearest(scene: Scene, a: int, b: int) -> bool:
    others = [distance(cell, b) for cell, _ in scene.things() if cell not in (a, b)]
    return a != b and distance(a, b) < min(others, default=99)


def _hop(scene: Scene, start: int, steps: list[str]) -> int | None:
    """The cell at the end of the steps; None where one of them leads to no shape."""
    cell: int | None = start
    for step in steps:
        cell = neighbour(cell, step) if cell is not None else None
        cell = cell if cell is not None and scene.cells[cell] else None
    return cell


def true_statement(rng: random.Random, scene: Scene) -> str:
    """A random simple statement that is true of a scene which holds at least one thing."""
    cell, thing = rng.choice(list(scene.things()))
    return rng.choice(
        (
            at(thing.name, cell),
            f"The shape in the {CELLS[cell]} is {thing.color}.",
            f"The {thing.name} is {'large' if thing.large else 'small'}.",
        )
    )


def unique_things(scene: Scene) -> list[tuple[int, Thing]]:
    """(cell, thing) of each thing whose name no other has."""
    return [(cell, thing) for cell, thing in scene.things() if len(scene.where(thing.name)) == 1]


def grounded_statement(rng: random.Random, scene: Scene) -> tuple[str, int]:
    """A random true statement, and the character from which on only the picture tells how it goes.

    The scene must hold at least one of `unique_things`.
    """
    cell, thing = rng.choice(unique_things(scene))
    form = rng.randrange(5)
    if form == 0:
        head, tail = f"The shape in the {CELLS[cell]} is", thing.color
    elif form == 1:
        head, tail = f"In the {CELLS[cell]} there is a", thing.shape
    elif form == 2:
        head, tail = f"The {thing.name} is in the", CELLS[cell]
    elif form == 3:
        kind = rng.choice((thing.color, thing.shape))
        head, tail = f"The {plural(kind)} are in the", ", ".join(CELLS[found] for found in scene.where(kind))
    else:
        beside = [(step, scene.cells[n]) for step in DIRECTIONS if (n := neighbour(cell, step)) is not None]
        around = [(step, found) for step, found in beside if found]
        if not around:
            return grounded_statement(rng, scene)
        step, found = rng.choice(around)
        head, tail = f"The shape just {step} the {thing.name} is", found.color
    return f"{head} {tail}.", len(head) + 1


def fact(rng: random.Random, scene: Scene) -> tuple[str, str]:
    """A random question of any family about a scene, and its answer in words.

    The scene must hold at least two `unique_things`.
    """
    (cell, thing), (other_cell, other) = rng.sample(unique_things(scene), 2)
    kind = rng.randrange(8)
    if kind == 0:
        if rng.random() < 0.5:
            return f"What color is the shape in the {CELLS[cell]}?", thing.color
        return f"What shape is in the {CELLS[cell]}?", thing.shape
    if kind == 1:
        return f"Where is the {thing.name}?", CELLS[cell]
    if kind == 2:
        there = rng.random() < 0.5
        name = thing.name
        while not there and scene.where(name):
            name = f"{rng.choice(tuple(COLORS))} {rng.choice(SHAPES)}"
        return f"Is there {article(name)}?", "yes" if there else "no"
    if kind == 3:
        part = rng.choice((rng.choice(tuple(COLORS)), rng.choice(SHAPES), thing.color, thing.shape))
        if len(scene.where(part)) <= 5:
            return f"How many {plural(part)} are there?", str(len(scene.where(part)))
    if kind == 4:
        sizes = {1: "larger than", -1: "smaller than", 0: "the same size as"}
        return f"How large is the {thing.name} compared with the {other.name}?", sizes[thing.large - other.large]
    if kind == 5:
        steps = [step for step in DIRECTIONS if lies(cell, step, other_cell)]
        if len(steps) == 1:
            return f"Where is the {thing.name} relative to the {other.name}?", steps[0]
    if kind == 6:
        close = [b for a, b in unique_things(scene) if _is_nearest(scene, a, cell)]
        if close:
            return f"Which shape is nearest to the {thing.name}?", close[0].name
    if kind == 7:
        step = rng.choice(DIRECTIONS)
        beside = neighbour(cell, step)
        if beside is not None and (found := scene.cells[beside]):
            return f"What color is the shape just {step} the {thing.name}?", found.color
    return fact(rng, scene)
