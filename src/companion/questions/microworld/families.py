"""The question families of the microworld, each built so that its text says nothing about its answer.

Every family draws the wording, the things it asks about and the options first, then the right option, uniformly and
independently of all of that, and only then places what makes it true. So no guesser who does not see the picture can
do better than one in the number of options.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from companion.questions.microworld.scenes import (
    CELLS,
    COLORS,
    SHAPES,
    Difficulty,
    Scene,
    Thing,
    distance,
    neighbour,
)

DIRECTIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True)
class Draft:
    """A question before its scene is filled up.

    placed: what must stand where. near: visual distractors, placed first where `allowed` lets them. observations:
    what one reads off the finished scene on the way to the claim.
    """

    text: str
    options: tuple[str, ...]
    answer: int
    claims: tuple[str, ...]
    placed: dict[int, Thing]
    near: list[Thing]
    allowed: Callable[[int, Thing], bool]
    observations: Callable[[Scene], list[str]]


def at(name: str, cell: int) -> str:
    """The statement that a thing is in a cell."""
    return f"The {name} is in the {CELLS[cell]}."


def random_thing(rng: random.Random, color: str | None = None, shape: str | None = None) -> Thing:
    """A thing of a random size, and of a random colour and shape where none is given."""
    return Thing(color or rng.choice(_COLORS), shape or rng.choice(SHAPES), rng.random() < 0.6)


_COLORS = tuple(COLORS)


def _names(rng: random.Random, count: int) -> list[str]:
    """Distinct thing names such as "red circle"."""
    picks = rng.sample(range(len(_COLORS) * len(SHAPES)), count)
    return [f"{_COLORS[pick // len(SHAPES)]} {SHAPES[pick % len(SHAPES)]}" for pick in picks]


def _named(rng: random.Random, name: str) -> Thing:
    return random_thing(rng, *_split(name))


def _split(name: str) -> tuple[str, str]:
    color, shape = name.split()
    return color, shape


def _other_than(rng: random.Random, name: str, color: str | None = None) -> Thing:
    while (thing := random_thing(rng, color)).name == name:
        pass
    return thing


def _without(*names: str) -> Callable[[int, Thing], bool]:
    return lambda _, thing: thing.name not in names


def article(words: str) -> str:
    """ "an orange star", "a red star"."""
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _attribute(rng: random.Random, _: Difficulty) -> Draft:
    cell = rng.randrange(9)
    if rng.random() < 0.5:
        options = tuple(rng.sample(_COLORS, 4))
        text = rng.choice(
            ("What color is the shape in the {}?", "The shape in the {} has which color?", "Which color is in the {}?")
        )
        claims = tuple(f"The shape in the {CELLS[cell]} is {option}." for option in options)
        things = [random_thing(rng, color=option) for option in options]
    else:
        options = tuple(rng.sample(SHAPES, 4))
        text = rng.choice(
            ("What shape is in the {}?", "Which shape do you see in the {}?", "What is the shape in the {}?")
        )
        claims = tuple(f"In the {CELLS[cell]} there is a {option}." for option in options)
        things = [random_thing(rng, shape=option) for option in options]
    answer = rng.randrange(4)
    right = things.pop(answer)
    return Draft(text.format(CELLS[cell]), options, answer, claims, {cell: right}, things, _without(), lambda _: [])


def _position(rng: random.Random, _: Difficulty) -> Draft:
    (name,) = _names(rng, 1)
    cells = rng.sample(range(9), 4)
    answer = rng.randrange(4)
    text = rng.choice(("Where is the {}?", "At which position is the {}?", "Where do you see the {}?")).format(name)
    target = _named(rng, name)
    return Draft(
        text,
        tuple(CELLS[cell] for cell in cells),
        answer,
        tuple(at(name, cell) for cell in cells),
        {cells[answer]: target},
        [random_thing(rng, target.color), random_thing(rng, shape=target.shape)],
        _without(name),
        lambda _: [],
    )


def _existence(rng: random.Random, _: Difficulty) -> Draft:
    (name,) = _names(rng, 1)
    options = ("yes", "no") if rng.random() < 0.5 else ("no", "yes")
    answer = rng.randrange(2)
    text = rng.choice(("Is there a {}?", "Do you see a {} in the picture?", "Is a {} in the picture?")).replace(
        "a {}", article(name)
    )
    there, target = options[answer] == "yes", _named(rng, name)
    claims = {"yes": f"There is {article(name)}.", "no": f"There is no {name}."}
    return Draft(
        text,
        options,
        answer,
        tuple(claims[option] for option in options),
        {rng.randrange(9): target} if there else {},
        [random_thing(rng, target.color), random_thing(rng, shape=target.shape)],
        _without(name),
        lambda scene: [at(name, cell) for cell in scene.where(name)],
    )


def _identify(rng: random.Random, _: Difficulty) -> Draft:
    options = tuple(_names(rng, 5))
    answer = rng.randrange(5)
    text = rng.choice(
        ("Which of these is in the picture?", "Which one of these do you see?", "What can be seen in the picture?")
    )
    right = _named(rng, options[answer])
    decoy = _named(rng, options[(answer + 1) % 5])
    return Draft(
        text,
        options,
        answer,
        tuple(f"There is {article(option)}." for option in options),
        {rng.randrange(9): right},
        [random_thing(rng, decoy.color), random_thing(rng, shape=decoy.shape)],
        _without(*options),
        lambda scene: [at(options[answer], cell) for cell in scene.where(options[answer])],
    )


def _counting(rng: random.Random, _: Difficulty) -> Draft:
    kind = rng.choice(SHAPES) if rng.random() < 0.5 else rng.choice(_COLORS)
    kinds = plural(kind)
    lowest = rng.randrange(3)
    numbers = range(lowest, lowest + 4)
    answer = rng.randrange(4)
    text = rng.choice(
        ("How many {} are there?", "How many {} do you see?", "What is the number of {} in the picture?")
    ).format(kinds)
    cells = rng.sample(range(9), numbers[answer])
    part = {"shape": kind} if kind in SHAPES else {"color": kind}

    def listed(scene: Scene) -> list[str]:
        found = [CELLS[cell] for cell in scene.where(kind)]
        return [f"The {kinds} are in the {', '.join(found)}."] if found else []

    return Draft(
        text,
        tuple(str(number) for number in numbers),
        answer,
        tuple(f"There are {number} {kinds}." for number in numbers),
        {cell: random_thing(rng, **part) for cell in cells},
        [],
        lambda _, thing: kind not in (thing.shape, thing.color),
        listed,
    )


def plural(kind: str) -> str:
    """ "circles" of circle, "red shapes" of red."""
    return f"{kind} shapes" if kind in COLORS else f"{kind}es" if kind == "cross" else f"{kind}s"


def _relation(rng: random.Random, _: Difficulty) -> Draft:
    first, second = _names(rng, 2)
    options = tuple(rng.sample(DIRECTIONS, 4))
    answer = rng.randrange(4)
    text = rng.choice(
        (
            "Where is the {} relative to the {}?",
            "How does the {} lie relative to the {}?",
            "Seen from the {1}, where is the {0}?",
        )
    ).format(first, second)
    lane, low, high = rng.randrange(3), *sorted(rng.sample(range(3), 2))
    if options[answer] in ("left of", "right of"):
        before, after = 3 * lane + low, 3 * lane + high
    else:
        before, after = 3 * low + lane, 3 * high + lane
    ends = (before, after) if options[answer] in ("left of", "above") else (after, before)
    return Draft(
        text,
        options,
        answer,
        tuple(f"The {first} is {option} the {second}." for option in options),
        {ends[0]: _named(rng, first), ends[1]: _named(rng, second)},
        [],
        _without(first, second),
        lambda _: [at(first, ends[0]), at(second, ends[1])],
    )


def _size(rng: random.Random, _: Difficulty) -> Draft:
    first, second = _names(rng, 2)
    options = tuple(rng.sample(("larger than", "smaller than", "the same size as"), 3))
    answer = rng.randrange(3)
    text = rng.choice(
        (
            "How large is the {} compared with the {}?",
            "What is the size of the {} compared with the {}?",
            "Compared by size, the {} is how large next to the {}?",
        )
    ).format(first, second)
    same = rng.random() < 0.5
    large = {"larger than": (True, False), "smaller than": (False, True), "the same size as": (same, same)}
    pair = [Thing(*_split(name), size) for name, size in zip((first, second), large[options[answer]], strict=True)]
    return Draft(
        text,
        options,
        answer,
        tuple(f"The {first} is {option} the {second}." for option in options),
        dict(zip(rng.sample(range(9), 2), pair, strict=True)),
        [],
        _without(first, second),
        lambda _: [f"The {thing.name} is {'large' if thing.large else 'small'}." for thing in pair],
    )


def _nearest(rng: random.Random, _: Difficulty) -> Draft:
    anchor, *options = _names(rng, 4)
    answer = rng.randrange(3)
    text = rng.choice(
        ("Which shape is nearest to the {}?", "What is nearest to the {}?", "Nearest to the {} is which shape?")
    ).format(anchor)
    while True:
        middle, close, *far = rng.sample(range(9), 4)
        reach = distance(middle, close)
        beyond = [cell for cell in range(9) if distance(middle, cell) > reach]
        if set(far) < set(beyond):  # and a cell to spare, so that the scene can vary
            break
    cells = far[:]
    cells.insert(answer, close)
    placed = {cell: _named(rng, name) for cell, name in zip(cells, options, strict=True)}
    placed[middle] = _named(rng, anchor)
    return Draft(
        text,
        tuple(options),
        answer,
        tuple(f"The {option} is nearest to the {anchor}." for option in options),
        placed,
        [],
        lambda cell, thing: distance(middle, cell) > reach and thing.name not in (anchor, *options),
        lambda _: [at(anchor, middle), at(options[answer], close)],
    )


def _two_hop(rng: random.Random, level: Difficulty) -> Draft:
    (anchor,) = _names(rng, 1)
    options = tuple(rng.sample(_COLORS, 4))
    answer = rng.randrange(4)
    hops = rng.randint(*level.hops)
    while True:
        start = rng.randrange(9)
        steps = [rng.choice(DIRECTIONS) for _ in range(hops)]
        path: list[int | None] = [start]
        for step in steps:
            path.append(None if path[-1] is None else neighbour(path[-1], step))
        stops = [cell for cell in path if cell is not None]
        if len(set(stops)) == hops + 1:
            break
    place = f"the {anchor}"
    for step in steps:
        place = f"the shape just {step} {place}"
    text = rng.choice(("What color is {}?", "Which color is {}?", "{} has which color?")).format(place)
    placed = {cell: _other_than(rng, anchor) for cell in stops[1:-1]}
    placed[start] = _named(rng, anchor)
    placed[stops[-1]] = _other_than(rng, anchor, options[answer])
    near = [random_thing(rng, option) for option in options if option != options[answer]]
    return Draft(
        text[0].upper() + text[1:],
        options,
        answer,
        tuple(f"{place[0].upper()}{place[1:]} is {option}." for option in options),
        placed,
        near,
        _without(anchor),
        lambda _: [at(anchor, start), f"The shape in the {CELLS[stops[-1]]} is {options[answer]}."],
    )


FAMILIES: dict[str, Callable[[random.Random, Difficulty], Draft]] = {
    "attribute": _attribute,
    "position": _position,
    "existence": _existence,
    "identify": _identify,
    "counting": _counting,
    "relation": _relation,
    "size": _size,
    "nearest": _nearest,
    "two-hop": _two_hop,
}
