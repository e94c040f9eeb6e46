"""What FINDINGS.md tells beside the planned tests, and which of them to read with care. None of it is tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from companion.analysis.findings.recipe_gap import RL
from companion.analysis.findings.rule import MISSING
from companion.analysis.findings.wording import markdown_table, value
from companion.intervals import points
from companion.teaching.pages.findings_data import BY_PATH, DELIVERY, SURVIVAL, Findings, read_table
from companion.teaching.pages.main_results import PROMPTS


def told_beside(name: str, found: Findings) -> Iterator[str]:
    """Paragraphs about one finding or hypothesis; about levels only once all its runs are there."""
    complete = not (found.of(name)["verdict"] == MISSING).any()
    if name == "F4":
        yield _deliver(found.figures)
    elif name == "F10":
        yield from _survival(found)
    elif name == "H3" and complete:
        yield H3
    elif name == "H4":
        yield H4.format(found.prefix)
    elif name == "H5" and complete:
        yield _by_path(found.figures)


H3 = (
    "Told beside them and not tested: the levels, [above](#what-was-found), means over all seeds of each "
    "checkpoint. The verdict is about the contrast of two ends, and does not settle which half does it: "
    "leaving out one half doubles the other, and the mixture of both, or no misread examples at all, may move "
    "as much or more. An explanation found afterwards: RL makes likelier what it finds among its rollouts, and "
    "finds little to select where nearly none or most wrong conclusions are overridden before it."
)

H4 = (
    "The runs come from six initial checkpoints, and those of one have nearly the same predictor, which shares the "
    "contradictions before RL with the drift: an interval for independent runs is too narrow "
    "([study.md]({}docs/study.md), *Amendments*)."
)


def _by_path(figures: Path) -> str:
    """What is told beside the tests of H5: levels before RL and after it."""
    table = read_table(figures, BY_PATH)
    levels = table.set_index(["recipe", "two_hop", "measure", "prompt"])[["before", "after"]] * 100
    lines = []
    for (recipe, two_hop, measure), part in levels.groupby(level=[0, 1, 2], sort=False):
        told = ["{before:.1f} → {after:.1f}".format(**part.xs(prompt, level="prompt").iloc[0]) for prompt in PROMPTS]
        lines.append([f"`{recipe}`", "two-hop" if two_hop else "other families", measure, *told])
    own = table[table["two_hop"] & (table["measure"] == "contradicts")]
    floor = (
        " On two-hop questions next to no answer contradicts its reasoning before RL either, so that there is nothing "
        "to select: the tests show that RL does not begin it, not that it could not go on."
        if own["before"].max() < 0.01
        else ""
    )
    head = ["recipe", "questions", "% of answers", *PROMPTS.values()]
    return f"Told beside them and not tested: the levels, before → after RL.{floor}\n\n{markdown_table(head, lines)}"


def _survival(found: Findings) -> Iterator[str]:
    """What is told beside the tests of F10: among which items P(correct) tells anything."""
    table = read_table(found.figures, SURVIVAL)
    lines = [
        [f"`{initial}`", prompt, *(value(line) for line in part.assign(unit="AUROC", against=0.5).itertuples())]
        for (initial, prompt), part in table.groupby(["initial", "prompt"], sort=False)
    ]
    yield (
        "Told beside them and not tested, of the same runs: the AUROC of P(correct) among fewer items. All items hold "
        "those that are wrong under both prompts; of those that have something to lose it need not tell which do."
    )
    yield markdown_table(["initial checkpoint", "right under", *table["among"].unique()], lines)


def _deliver(figures: Path) -> str:
    """What delivery alone does."""
    moved = read_table(figures, DELIVERY).set_index(["recipe", "perturbation"]).loc[(RL, "wrong-think")]
    return (
        "**Delivery alone** (exploratory): moved from the beginning of the model's own turn into the user's, the same "
        f"wrong reasoning prefix changes the accuracy of the same RL models by {points(moved)} points. A closed model "
        "takes it in the user's turn alone; one that is compared with it should be given it there too."
    )
