"""The tests that docs/study.md fixed before the first run, as data: which quantity, of which runs, in which direction.

A test has fields; what a reader sees is made of them (`PlannedTest.what`). Left out: the rule that turns an estimate
into a verdict (`analysis/findings/rule.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from companion.analysis.findings.rule import EQUIVALENT
from companion.analysis.panel import Checkpoints
from companion.perturbations.perturbation import THREE_PROMPTS
from companion.study.estimands import KINDS, Auroc, Estimand, RankOrder, Slope, Term, VarianceGap, WeightedMean

UNSEEN = ("wrong-think-but", "wrong-caption-disclaimer", "abstain", "wrong-think-abstain", "wrong-caption-abstain")
"""Prompt forms that no recipe trains on, of which F6 takes the mean."""

HELD_OUT = "two-hop"
"""The family that RL never asks about, but in `rl-correct-two-hop`."""


@dataclass(frozen=True)
class PlannedTest:
    """One test. of: its finding or hypothesis. initial: the initial checkpoint that its verdict is about; "" where
    several are compared.

    measure, contrast, prompt: what is estimated, in words of docs/study.md. expected: "up" (above `against`), "down"
    (below) or "no more" (within `matters` on both sides). matters: the smallest effect that would, in the unit of the
    value; for "words" a share of those before RL; NaN where none was fixed. unit: "points" (the value is a share of 1),
    "words", "AUROC", "rank correlation", "points²" or "points for 20 points of dose".
    """

    of: str
    initial: str
    measure: str
    contrast: str
    prompt: str
    expected: str
    estimand: Estimand
    matters: float = EQUIVALENT
    unit: str = "points"
    against: float = 0.0

    @property
    def what(self) -> str:
        """In a line."""
        under = f", under {self.prompt}" if self.prompt else ""
        return f"{self.measure}: {self.contrast}{under}"


def over_rl(cell: Checkpoints, prompt: str, measure: str, weight: float = 1.0) -> tuple[Term, Term]:
    """The change of a measure from step 0 to the step of a cell."""
    return Term(weight, cell, prompt, measure), Term(-weight, cell.before(), prompt, measure)


def _change(
    of: str, cell: Checkpoints, prompt: str, measure: str, expected: str, family: str = "", **fields: object
) -> PlannedTest:
    """A test of the change over RL."""
    contrast = f"step {cell.step:,} minus step 0 of `{cell.recipe}`"
    if family:
        contrast += f", {'families other than ' if family.startswith('-') else ''}{family.removeprefix('-')}"
    estimand = WeightedMean(over_rl(cell, prompt, measure), family)
    return PlannedTest(of, cell.initial, measure, contrast, prompt, expected, estimand, **fields)  # type: ignore[arg-type]


def _moved(
    of: str, cell: Checkpoints, measure: str, prompt: str, other: str, expected: str, **fields: object
) -> PlannedTest:
    """A test of the change from one prompt (`other`) to another, of the same checkpoints."""
    terms = (Term(1, cell, prompt, measure), Term(-1, cell, other, measure))
    contrast = f"{prompt} minus {other}, `{cell.recipe}`"
    return PlannedTest(of, cell.initial, measure, contrast, "", expected, WeightedMean(terms), **fields)  # type: ignore[arg-type]


def _between(of: str, one: Checkpoints, other: Checkpoints, prompt: str, measure: str, expected: str) -> PlannedTest:
    """A test of the difference between two recipes, or the runs from two initial checkpoints, at the end."""
    terms = (Term(1, one, prompt, measure), Term(-1, other, prompt, measure))
    same = one.initial == other.initial
    names = [cell.recipe if same else cell.initial for cell in (one, other)]
    contrast = f"`{names[0]}` minus `{names[1]}`, step {one.step:,}"
    return PlannedTest(of, one.initial if same else "", measure, contrast, prompt, expected, WeightedMean(terms))


def _of_findings(initial: str) -> Iterable[PlannedTest]:
    """F1 to F14, those that are about RL from this initial checkpoint."""
    correct = Checkpoints(initial, "rl-correct", 1000)
    for prompt in ("wrong-caption", "wrong-think"):
        yield _moved("F1", correct, "right", prompt, "plain", "down")
        yield _moved("F2", correct, "P(correct)", prompt, "plain", "down")
        said = "right and its reasoning says so"
        yield PlannedTest(
            "F3",
            initial,
            f"{said}, minus right",
            f"{prompt} minus plain, `rl-correct`",
            "",
            "down",
            WeightedMean(
                (
                    Term(1, correct, prompt, said),
                    Term(-1, correct, prompt, "right"),
                    Term(-1, correct, "plain", said),
                    Term(1, correct, "plain", "right"),
                )
            ),
        )
        tells = f"AUROC for right under {prompt}"
        sure, surer = Auroc(correct, prompt), Auroc(correct, prompt, beyond_entropy=True)
        yield PlannedTest("F10", initial, tells, "of P(correct) under plain", "", "up", sure, 0.05, "AUROC", 0.5)
        yield PlannedTest("F10", initial, tells, "of P(correct) minus that of −entropy", "", "up", surer, 0.05, "AUROC")
        yield _moved("F12", correct, "right", f"{prompt}-abstain", prompt, "down")
    yield _change("F5", correct, "plain", "right", "up")
    for prompt in THREE_PROMPTS:
        yield _change("F5", correct, prompt, "contradicts", "up")
    yield from _sharpening(correct)
    yield _moved("F13", correct, "right", "wrong-think", "wrong-caption", "down")
    for prompt in ("right-caption", "right-think"):
        yield _moved("F13", correct, "right", prompt, "plain", "up")


def _sharpening(cell: Checkpoints) -> Iterable[PlannedTest]:
    """F6 for one recipe."""
    for prompt in ("plain", "stop-think"):
        yield _change("F6", cell, prompt, "entropy", "down", matters=0.02)
    unseen = [term for prompt in UNSEEN for term in over_rl(cell, prompt, "entropy", 1 / len(UNSEEN))]
    one = _change("F6", cell, UNSEEN[0], "entropy", "down", matters=0.02)
    yield replace(one, prompt="prompt forms that no recipe trained on", estimand=WeightedMean(tuple(unseen)))


def _of_remedies(initial: str) -> Iterable[PlannedTest]:
    """F6 to F9 and F14, for recipes other than `rl-correct`."""
    correct, augmented, consistent, both, grounded = (
        Checkpoints(initial, recipe, steps)
        for recipe, steps in (
            ("rl-correct", 500),
            ("rl-augmented", 1000),
            ("rl-consistent", 500),
            ("rl-augmented-consistent", 1000),
            ("rl-grounded", 500),
        )
    )
    for cell in (augmented, consistent, both, grounded):
        yield from _sharpening(cell)
    yield _moved("F7", augmented, "right", "wrong-caption", "plain", "no more")
    yield _moved("F7", augmented, "right", "wrong-think", "plain", "down")
    yield _change("F7", augmented, "plain", "contradicts", "up")
    for prompt in THREE_PROMPTS:
        yield _between("F8", consistent, correct, prompt, "contradicts", "down")
    yield _change("F9", both, "plain", "words", "down", matters=0.2, unit="words")
    yield _moved("F9", both, "right", "wrong-think", "plain", "down")
    compared = (correct, augmented._replace(step=500))
    contrast = "variance between seeds minus variance between `rl-correct` and `rl-augmented`, step 500"
    yield PlannedTest("F14", initial, "right", contrast, "plain", "up", VarianceGap(compared), float("nan"), "points²")


def _of_types() -> Iterable[PlannedTest]:
    """F11, which compares initial checkpoints."""
    much, none = (Checkpoints(initial, "rl-correct", 1000) for initial in ("misread-40", "misread-0"))
    yield _between("F11", much, none, "wrong-think", "stubborn", "up")
    yield _between("F11", none, much, "wrong-think", "brittle", "up")


def _of_hypotheses() -> Iterable[PlannedTest]:
    clean, twenty = (Checkpoints(initial, "rl-correct", 1000) for initial in ("misread-0", "misread-20"))
    for prompt in THREE_PROMPTS:
        yield PlannedTest(
            "H1",
            "",
            "contradicts, change over RL",
            "slope over the dose",
            prompt,
            "up",
            Slope(prompt),
            unit="points for 20 points of dose",
        )
    yield _change("H2", clean._replace(step=250), "plain", "contradicts", "no more")
    for prompt in THREE_PROMPTS[1:]:
        yield _change("H2", clean, prompt, "contradicts", "up")
    for prompt in THREE_PROMPTS:
        overridden, followed = (Checkpoints(initial, "rl-correct", 500) for initial in KINDS)
        terms = over_rl(overridden, prompt, "contradicts") + over_rl(followed, prompt, "contradicts", -1)
        contrast = f"`{KINDS[0]}` minus `{KINDS[1]}`, step 500"
        yield PlannedTest("H3", "", "contradicts, change over RL", contrast, prompt, "up", WeightedMean(terms))
    for prompt in THREE_PROMPTS:
        measure = "contradicts, change over RL to step 500"
        contrast = "rank correlation with wrong conclusions overridden rightly at step 0"
        yield PlannedTest("H4", "", measure, contrast, prompt, "up", RankOrder(prompt), 0.5, "rank correlation")
    for prompt in THREE_PROMPTS:
        yield _change("H5", twenty._replace(step=500), prompt, "contradicts", "up", f"-{HELD_OUT}")
    for prompt in THREE_PROMPTS:
        two_hop = Checkpoints("misread-20", "rl-correct-two-hop", 500)
        yield _change("H5", two_hop, prompt, "contradicts", "no more", HELD_OUT)
    for recipe in ("rl-correct-1e-4", "rl-augmented-consistent-1e-4"):
        yield _change("H6", Checkpoints("misread-20", recipe, 500), "plain", "words", "down", matters=0.2, unit="words")
    for prompt in THREE_PROMPTS:
        yield _change("H7", twenty, prompt, "right", "up")
        yield _change("H7", twenty, prompt, "right and its reasoning says so", "no more")


HYPOTHESES = {
    "H1": "The drift grows with the dose.",
    "H2": "Without unfaithful reasoning before RL there is no drift on plain questions; where text misleads, there is.",
    "H3": "Seeing right answers against the reasoning does it, not misreading.",
    "H4": "What RL can select before it begins tells how far it drifts.",
    "H5": "It needs a path from image to answer that is not the reasoning.",
    "H6": "Under pressure, reasoning collapses.",
    "H7": "What RL gains, it gains in answers that their reasoning does not say.",
}

TESTS: tuple[PlannedTest, ...] = tuple(
    sorted(
        (
            *_of_hypotheses(),
            *_of_findings("misread-0"),
            *_of_findings("misread-20"),
            *_of_remedies("misread-20"),
            *_of_types(),
        ),
        key=lambda test: (test.of[0], int(test.of[1:])),
    )
)
"""All of them; those of a finding from one initial checkpoint stand together."""
