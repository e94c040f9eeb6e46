"""The protocol as data: which runs there are, in which order, and on which items each is evaluated, when.

docs/study.md says why; the tests hold the two together, and every recorded run to both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest

from companion.evaluation.store import content_key
from companion.questions.microworld import questions
from companion.questions.microworld.items import MicroworldQuestion
from companion.training.lessons import Shares
from companion.training.recipes import AUGMENTATION, FURTHER, GRPORecipe, Stage, SupervisedRecipe

SEEDS = (21, 22, 23, 24, 25)
"""Of supervised training and of RL, paired: RL with seed 21 begins from the continuation with seed 21. None of them
was used before."""


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


def _rl(name: str, steps: int, **fields: object) -> GRPORecipe:
    return replace(GRPORecipe(name, steps=steps, every=250), **fields)  # type: ignore[arg-type]


CORRECT = _rl("rl-correct", 1000)
CORRECT_SHORT = replace(CORRECT, steps=500)
AUGMENTED = _rl("rl-augmented", 1000, variants=AUGMENTATION)
CONSISTENT = _rl("rl-consistent", 500, gates=("consistency",))
AUGMENTED_CONSISTENT = _rl("rl-augmented-consistent", 1000, gates=("consistency",), variants=AUGMENTATION)
GROUNDED = _rl("rl-grounded", 500, gates=("groundedness",))
TWO_HOP = _rl("rl-correct-two-hop", 500, families=("two-hop",))
PRESSED = _rl("rl-correct-1e-4", 500, rate=1e-4)
PRESSED_BOTH = replace(AUGMENTED_CONSISTENT, name="rl-augmented-consistent-1e-4", steps=500, rate=1e-4)


@dataclass(frozen=True)
class Cell:
    """Runs of one arm that differ in their seeds alone."""

    arm: str
    initial: SupervisedRecipe
    recipe: GRPORecipe
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """One RL run from the supervised continuation of the same seed."""

    arm: str
    initial: SupervisedRecipe
    recipe: GRPORecipe
    seed: int

    @property
    def name(self) -> str:
        """Its folder, below that of its initial checkpoint."""
        return f"{self.initial_name}/{self.recipe.name}"

    @property
    def initial_name(self) -> str:
        return f"{self.initial.name}-{self.seed}"


@dataclass(frozen=True)
class Protocol:
    """cells: in the order of their importance; within an arm all first seeds come first.

    Items are the first of a split of the microworld: `n_items` at the steps `full`, the first `n_on_the_way` of these
    at all other steps that are evaluated (every `recipe.every`, and the last).
    """

    cells: tuple[Cell, ...]
    split: str = "test"
    item_seed: int = 2602
    n_items: int = 2016
    n_on_the_way: int = 504
    full: tuple[int, ...] = (0, 500, 1000)

    def runs(self) -> Iterator[Run]:
        """All runs, in the order in which they are begun."""
        for _, cells in groupby(self.cells, key=lambda cell: cell.arm):
            rows = [[_run(cell, seed) for seed in cell.seeds] for cell in cells]
            for ranked in zip_longest(*rows):
                yield from (run for run in ranked if run)

    def evaluated(self, recipe: GRPORecipe) -> dict[int, int]:
        """step → number of items, of the steps after 0."""
        steps = [*range(recipe.every, recipe.steps, recipe.every), recipe.steps]
        return {step: self.n_items if step in self.full else self.n_on_the_way for step in steps}

    def items(self) -> list[MicroworldQuestion]:
        return questions(self.split, self.n_items, self.item_seed)

    @property
    def identity(self) -> str:
        """Stands for arms, seeds and items; each record carries it, beside the whole of its recipes."""
        return content_key(
            arms=arms_table(self),
            split=self.split,
            seed=self.item_seed,
            items=self.n_items,
            way=self.n_on_the_way,
            full=self.full,
        )[:16]


def _run(cell: Cell, seed: int) -> Run:
    return Run(cell.arm, replace(cell.initial, seed=seed), cell.recipe, seed)


def arms_table(protocol: Protocol) -> str:
    """The arms as docs/study.md shows them, in Markdown."""
    lines = [
        "| arm | initial checkpoint | misread | answered rightly all the same | RL | rate | steps | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell in protocol.cells:
        shares, recipe = cell.initial.shares, cell.recipe
        despite = f"{shares.despite:.0%}" if shares.misread else "–"
        lines.append(
            f"| {cell.arm} | `{cell.initial.name}` | {shares.misread:.0%} | {despite} | `{recipe.name}` | "
            f"{recipe.rate:.0e} | {recipe.steps} | {', '.join(map(str, cell.seeds))} |"
        )
    return "\n".join(lines)


PROTOCOL = Protocol(
    (
        Cell("A", MISREAD_20, CORRECT, SEEDS),
        Cell("A", MISREAD_0, CORRECT, SEEDS),
        Cell("A", MISREAD_40, CORRECT, SEEDS[:3]),
        Cell("A", MISREAD_10, CORRECT, SEEDS[:3]),
        Cell("D", MISREAD_20, CONSISTENT, SEEDS),
        Cell("D", MISREAD_20, GROUNDED, SEEDS),
        Cell("D", MISREAD_20, AUGMENTED_CONSISTENT, SEEDS),
        Cell("D", MISREAD_20, AUGMENTED, SEEDS),
        Cell("E", MISREAD_20, PRESSED, SEEDS[:4]),
        Cell("E", MISREAD_20, PRESSED_BOTH, SEEDS[:4]),
        Cell("B", OVERRIDDEN, CORRECT_SHORT, SEEDS[:4]),
        Cell("B", FOLLOWED, CORRECT_SHORT, SEEDS[:4]),
        Cell("C", MISREAD_20, TWO_HOP, SEEDS[:3]),
    )
)
