"""What a model is trained on and how: one frozen dataclass for each way of training, its values fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field

from companion.microworld.lessons import Shares


@dataclass(frozen=True)
class Stage:
    """Part of a curriculum. lessons: kind → share of the batch; rate: peak learning rate, after `warmup` steps.

    decay: the number of steps over which a cosine takes the rate down to a twentieth; 0 for a constant rate.
    """

    name: str
    steps: int
    lessons: dict[str, float]
    rate: float
    warmup: int = 100
    decay: int = 0


@dataclass(frozen=True)
class SupervisedRecipe:
    """Supervised training from random weights. key_weight: weight of an answer letter against any other token."""

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


# Unfinished: it ends before the model is grounded (docs/LOG.md).
BASE = SupervisedRecipe(
    name="base",
    stages=(
        Stage("look-up", 500, {"look-up": 1}, 2e-3, warmup=50),
        Stage("sight", 300, {"sight": 1}, 1e-3, warmup=50),
        Stage("description", 1000, {"description": 0.5, "look-up": 0.4, "statements": 0.1}, 1.5e-3, warmup=50),
        Stage("questions", 600, {"question": 0.8, "statements": 0.1, "look-up": 0.1}, 1.2e-3, decay=1000),
    ),
    difficulties={"easy": 0.6, "medium": 0.4},
)

SUPERVISED = {recipe.name: recipe for recipe in (BASE,)}
