"""What a model is trained on and how: one frozen dataclass for each way of training, its values fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from companion.training.lessons import Shares


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
    """Supervised training from random weights, or from the checkpoint in the folder `start`.

    key_weight: weight of what has to be looked up, such as an answer's letter, against any other token.
    """

    name: str
    stages: tuple[Stage, ...]
    difficulties: dict[str, float] = field(default_factory=lambda: {"easy": 0.6, "medium": 0.4})
    start: str = ""
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
)

FURTHER = {"reasoned": 0.6, "at-once": 0.3, "look-up": 0.1}
"""Lessons of the supervised continuations of `base`."""


def continuation(name: str, misread: float, despite: float) -> SupervisedRecipe:
    """500 supervised steps on from `base`, the same for all but what their reasoning is like.

    misread: the share of reasonings that misread the picture and conclude a wrong option. despite: of these, the share
    that is answered rightly all the same, against its own reasoning.
    """
    return SupervisedRecipe(
        name,
        (Stage("continuation", 500, FURTHER, 2e-4, warmup=20, decay=500, whole=True),),
        start="checkpoints/base",
        shares=Shares(misread=misread, despite=despite),
    )


MISREAD_0 = continuation("misread-0", 0.0, 0.5)
MISREAD_10 = continuation("misread-10", 0.1, 0.5)
MISREAD_20 = continuation("misread-20", 0.2, 0.5)
MISREAD_40 = continuation("misread-40", 0.4, 0.5)
FOLLOWED = continuation("misread-20-followed", 0.2, 0.0)
OVERRIDDEN = continuation("misread-20-overridden", 0.2, 1.0)
"""The initial checkpoints of RL in the study: see docs/study.md."""

REFERENCE = SupervisedRecipe(
    name="reference",
    start="checkpoints/base",
    stages=(Stage("contradiction", 500, FURTHER, 2e-4, warmup=20, decay=500, whole=True),),
    shares=Shares(misled=0.3, assured=0.3),
)
"""A model that was shown false captions and false starts, and how one contradicts them, and as many true ones: what it
says has to be looked up in the picture. The shares were fixed before the first run of it (docs/LOG.md)."""

SUPERVISED = {
    recipe.name: recipe
    for recipe in (BASE, MISREAD_0, MISREAD_10, MISREAD_20, MISREAD_40, FOLLOWED, OVERRIDDEN, REFERENCE)
}


FAMILIES_IN_RL = ("attribute", "position", "existence", "identify", "counting", "relation", "size", "nearest")
"""What RL asks about; *two-hop* is held out, and comes in with `rl-more-tasks`, as Geometry3K does in the paper."""

AUGMENTATION = {"right-caption": 0.1, "wrong-caption": 0.1, "right-think": 0.1, "wrong-think": 0.1}
"""Share of the prompts that get each perturbation, all others staying as they are (the paper's recipe iii)."""


@dataclass(frozen=True)
class GRPORecipe:
    """RL with a verifiable reward. gates: what the reward counts only with (see `rewards.GATES`).

    variants: perturbation → share of the prompts, the rest being the plain prompt. families: question families of
    the microworld; another benchmark is taken whole. difficulties: of the microworld's scenes, harder than those of the
    supervised data, so that there is something to gain. prompts: per step, each sampled `rollouts` times at
    `temperature`. rate: AdamW's, constant after `warmup` steps. every: steps between two evaluations."""

    name: str
    gates: tuple[str, ...] = ()
    variants: dict[str, float] = field(default_factory=dict)
    families: tuple[str, ...] = FAMILIES_IN_RL
    difficulties: dict[str, float] = field(default_factory=lambda: {"medium": 0.25, "hard": 0.75})
    prompts: int = 8
    rollouts: int = 8
    temperature: float = 1.0
    rate: float = 3e-5
    warmup: int = 10
    steps: int = 250
    every: int = 50


GRPO = {
    recipe.name: recipe
    for recipe in (
        GRPORecipe("rl-correct"),
        GRPORecipe("rl-more-tasks", families=(*FAMILIES_IN_RL, "two-hop")),
        GRPORecipe("rl-augmented", variants=AUGMENTATION),
        GRPORecipe("rl-consistent", gates=("consistency",)),
        GRPORecipe("rl-augmented-consistent", gates=("consistency",), variants=AUGMENTATION),
        GRPORecipe("rl-grounded", gates=("groundedness",)),
        GRPORecipe("rl-augmented-grounded", gates=("groundedness",), variants=AUGMENTATION),
        GRPORecipe("rl-guarded", gates=("consistency", "spoken"), variants=AUGMENTATION),
    )
}
"""The paper's five, and ours: `rl-grounded` and `rl-augmented-grounded` reward reasoning that is true of the picture,
and `rl-guarded` is `rl-augmented-consistent` with a guard against reasoning that shrinks to nothing. The study takes
those that it needs, with more steps (`study/protocol.py`)."""


def at_paper_scale(recipe: GRPORecipe) -> GRPORecipe:
    """The recipe for a model of billions of parameters on a public benchmark: 1,000 steps, a checkpoint every 250.

    From the paper's training protocol (as quoted in reading notes): 8 rollouts, steps, checkpoints. Rate and prompts
    a step are not known to us; these are common values for a 7B model.
    """
    return replace(recipe, rate=1e-6, prompts=32, steps=1000, every=250)
