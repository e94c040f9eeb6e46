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
from companion.training.recipes import (
    FOLLOWED,
    GRPO,
    MISREAD_0,
    MISREAD_10,
    MISREAD_20,
    MISREAD_40,
    OVERRIDDEN,
    GRPORecipe,
    SupervisedRecipe,
)

SEEDS = (21, 22, 23, 24, 25)
"""Of supervised training and of RL, paired: RL with seed 21 begins from the continuation with seed 21. None of them
was used before."""


def _longer(name: str, steps: int) -> GRPORecipe:
    return replace(GRPO[name], steps=steps, every=250)


CORRECT = _longer("rl-correct", 1000)
CORRECT_SHORT = _longer("rl-correct", 500)
AUGMENTED = _longer("rl-augmented", 1000)
CONSISTENT = _longer("rl-consistent", 500)
AUGMENTED_CONSISTENT = _longer("rl-augmented-consistent", 1000)
GROUNDED = _longer("rl-grounded", 500)
TWO_HOP = replace(CORRECT_SHORT, name="rl-correct-two-hop", families=("two-hop",))
PRESSED = replace(CORRECT_SHORT, name="rl-correct-1e-4", rate=1e-4)
PRESSED_BOTH = replace(AUGMENTED_CONSISTENT, name="rl-augmented-consistent-1e-4", steps=500, rate=1e-4)


@dataclass(frozen=True)
class PlannedRuns:
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
    """planned: in the order of its importance; within an arm all first seeds come first.

    Items are the first of a split of the microworld: `n_items` at the steps `full`, the first `n_on_the_way` of these
    at all other steps that are evaluated (every `recipe.every`, and the last).
    """

    planned: tuple[PlannedRuns, ...]
    split: str = "test"
    item_seed: int = 2602
    n_items: int = 2016
    n_on_the_way: int = 504
    full: tuple[int, ...] = (0, 500, 1000)

    def runs(self) -> Iterator[Run]:
        """All runs, in the order in which they are begun."""
        for _, of_arm in groupby(self.planned, key=lambda planned: planned.arm):
            rows = [[_run(planned, seed) for seed in planned.seeds] for planned in of_arm]
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


def _run(planned: PlannedRuns, seed: int) -> Run:
    return Run(planned.arm, replace(planned.initial, seed=seed), planned.recipe, seed)


def arms_table(protocol: Protocol) -> str:
    """The arms as docs/study.md shows them, in Markdown."""
    lines = [
        "| arm | initial checkpoint | misread | answered rightly all the same | RL | rate | steps | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for planned in protocol.planned:
        shares, recipe = planned.initial.shares, planned.recipe
        despite = f"{shares.despite:.0%}" if shares.misread else "–"
        lines.append(
            f"| {planned.arm} | `{planned.initial.name}` | {shares.misread:.0%} | {despite} | `{recipe.name}` | "
            f"{recipe.rate:.0e} | {recipe.steps} | {', '.join(map(str, planned.seeds))} |"
        )
    return "\n".join(lines)


PROTOCOL = Protocol(
    (
        PlannedRuns("A", MISREAD_20, CORRECT, SEEDS),
        PlannedRuns("A", MISREAD_0, CORRECT, SEEDS),
        PlannedRuns("A", MISREAD_40, CORRECT, SEEDS[:3]),
        PlannedRuns("A", MISREAD_10, CORRECT, SEEDS[:3]),
        PlannedRuns("D", MISREAD_20, CONSISTENT, SEEDS),
        PlannedRuns("D", MISREAD_20, GROUNDED, SEEDS),
        PlannedRuns("D", MISREAD_20, AUGMENTED_CONSISTENT, SEEDS),
        PlannedRuns("D", MISREAD_20, AUGMENTED, SEEDS),
        PlannedRuns("E", MISREAD_20, PRESSED, SEEDS[:4]),
        PlannedRuns("E", MISREAD_20, PRESSED_BOTH, SEEDS[:4]),
        PlannedRuns("B", OVERRIDDEN, CORRECT_SHORT, SEEDS[:4]),
        PlannedRuns("B", FOLLOWED, CORRECT_SHORT, SEEDS[:4]),
        PlannedRuns("C", MISREAD_20, TWO_HOP, SEEDS[:3]),
    )
)
