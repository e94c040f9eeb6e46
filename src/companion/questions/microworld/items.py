"""The microworld as a benchmark: items from a seed, in three splits that share no scene."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice

from companion.errors import CompanionError
from companion.questions.microworld.families import FAMILIES, Draft, random_thing
from companion.questions.microworld.scenes import DIFFICULTIES, Difficulty, Scene, Thing, draw
from companion.questions.question import Question

SPLITS = ("train", "validation", "test")
LEVELS = ("easy", "medium", "hard", "hard")
"""The difficulties of a split's items, in turn: half are hard, so that a model that has mastered the rest has room."""


@dataclass(frozen=True)
class MicroworldQuestion(Question):
    """A question whose scene is known, with the true reasoning that leads to its answer.

    `reasoning`: statements in order, the last of which is the claim of the right option.
    """

    scene: Scene = field(kw_only=True)
    reasoning: tuple[str, ...] = field(kw_only=True)


def questions(split: str = "test", n: int = 500, seed: int = 0) -> list[MicroworldQuestion]:
    """The first n items of a split: families in turn, each at the difficulties of `LEVELS` in turn.

    Item i depends on (split, seed, i) alone, so a smaller n is a prefix of a larger one.
    """
    if split not in SPLITS:
        raise CompanionError(f"no split {split!r} in the microworld; choose one of {', '.join(SPLITS)}")
    return [_item(split, seed, i) for i in range(n)]


def find(id: str) -> MicroworldQuestion:
    """The item of an id of `questions`, such as "test-0-17"; an id that is none is an error."""
    split, _, rest = id.partition("-")
    seed, _, number = rest.rpartition("-")
    if split not in SPLITS or not number.isdecimal() or not seed.lstrip("-").isdecimal():
        raise CompanionError(f"{id!r} is no id of a microworld item, such as test-0-17")
    return _item(split, int(seed), int(number))


def _item(split: str, seed: int, i: int) -> MicroworldQuestion:
    families = list(FAMILIES)
    return build_item(
        random.Random(f"{split}/{seed}/{i}"),
        split,
        families[i % len(families)],
        LEVELS[i // len(families) % len(LEVELS)],
        f"{split}-{seed}-{i}",
    )


def stream(seed: int, weights: dict[str, float]) -> Iterator[MicroworldQuestion]:
    """Endless training items of random families; `weights`: difficulty name → share."""
    rng = random.Random(f"stream/{seed}")
    families = list(FAMILIES)
    for i in count():
        level = rng.choices(list(weights), list(weights.values()))[0]
        yield build_item(rng, "train", rng.choice(families), level, f"train-stream-{seed}-{i}")


def build_item(rng: random.Random, split: str, family: str, difficulty: str, id: str) -> MicroworldQuestion:
    """One item: the question is drawn once, scenes until one of them falls in the split."""
    level = DIFFICULTIES[difficulty]
    draft = FAMILIES[family](rng, level)
    while (scene := _fill(rng, draft, level)).split != split:
        pass
    observations = draft.observations(scene)
    claim = draft.claims[draft.answer]
    return MicroworldQuestion(
        id=id,
        text=draft.text,
        options=draft.options,
        answer=draft.answer,
        claims=draft.claims,
        load_image=partial(draw, scene),
        source="microworld",
        category=family,
        group=id,
        difficulty=difficulty,
        scene=scene,
        reasoning=(*observations, claim),
    )


def _fill(rng: random.Random, draft: Draft, level: Difficulty) -> Scene:
    """The scene of a draft: what it needs, then its distractors, then anything it allows."""
    cells: list[Thing | None] = [None] * 9
    for cell, thing in draft.placed.items():
        cells[cell] = thing
    wanted = max(rng.randint(*level.things), len(draft.placed) + 1)  # one to vary, or no scene might fit the split
    placed = len(draft.placed)
    for thing in islice(_proposals(rng, draft.near), 60):
        cell = rng.randrange(9)
        if cells[cell] is None and draft.allowed(cell, thing):
            cells[cell] = thing
            placed += 1
        if placed == wanted:
            break
    return Scene(tuple(cells), level.name, rng.getrandbits(32))


def _proposals(rng: random.Random, near: list[Thing]) -> Iterator[Thing]:
    yield from near
    while True:
        yield random_thing(rng)
