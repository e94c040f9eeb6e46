"""What a model is trained on and how: one frozen dataclass for each way of training, its values fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.microworld.lessons import Shares


@dataclass(frozen=True)
class Stage:
    """Part of a curriculum. lessons: kind → share of the batch; rate: peak learning rate, after `warmup` steps.

    decay: the number of steps over which a cosine takes the rate down to a twentieth; 0 for a constant rate. whole:
    every word of a reasoning is a key, not only those that have to be looked up.
    """

    name: str
    steps: int
    lessons: dict[str, float]
    rate: float
    warmup: int = 100
    decay: int = 0
    whole: bool = False


@dataclass(frozen=True)
class SupervisedRecipe:
    """Supervised training from random weights. key_weight: weight of what has to be looked up, such as
    an answer's letter, against any other token."""

    name: str
    stages: tuple[Stage, ...]
    difficulties: dict[str, float]
    shares: Shares = field(default_factory=Shares)
    seed: int = 0
    batch: int = 64
    key_weight: float = 12.0
    width: int = 128
    vision_layers: int = 3
    text_layers: int = 5


BASE = SupervisedRecipe(
    name="base",
    stages=(
        Stage("look-up", 400, {"look-up": 1}, 2e-3, warmup=50, decay=400),
        Stage("sight", 300, {"sight": 1}, 1e-3, warmup=50),
        Stage("description", 600, {"description": 0.5, "look-up": 0.4, "statements": 0.1}, 6e-4, warmup=50),
        Stage("statements", 300, {"statements": 0.5, "look-up": 0.3, "description": 0.2}, 6e-4, warmup=50),
        Stage(
            "reasoning", 600, {"reasoned": 0.7, "at-once": 0.15, "statements": 0.1, "look-up": 0.05}, 6e-4, warmup=50
        ),
        Stage("facts", 500, {"facts": 0.5, "reasoned": 0.25, "look-up": 0.25}, 6e-4, warmup=50),
        Stage("questions", 600, {"at-once": 0.45, "reasoned": 0.25, "facts": 0.15, "look-up": 0.15}, 6e-4, decay=1800),
        Stage(
            "more questions",
            1200,
            {"at-once": 0.5, "reasoned": 0.3, "facts": 0.1, "look-up": 0.1},
            4.5e-4,
            warmup=20,
            decay=1500,
            whole=True,
        ),
        Stage(
            "at once",
            1200,
            {"at-once": 0.7, "reasoned": 0.15, "facts": 0.05, "look-up": 0.1},
            2e-4,
            warmup=1,
            decay=1200,
            whole=True,
        ),
        Stage(
            "more at once",
            600,
            {"at-once": 0.75, "reasoned": 0.15, "look-up": 0.1},
            2e-4,
            warmup=1,
            decay=600,
            whole=True,
        ),
    ),
    difficulties={"easy": 0.6, "medium": 0.4},
)

SUPERVISED = {recipe.name: recipe for recipe in (BASE,)}
