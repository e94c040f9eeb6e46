"""The judges by name: what each finds, what it needs, how it is made. A new judge is a file beside this and an entry.

The command line, notebooks and exercises take what stands here. Tables and findings take the columns of verdicts that
rows have. Left out: judges that are made elsewhere, which `engine.judge` takes all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from companion.evaluation.judges.verdicts import Judge
    from companion.questions.question import Question

LANGUAGE_MODEL, WRITER = "a language model", "the model that wrote the rows"
"""What a judge may need to be made."""


@dataclass(frozen=True)
class JudgeEntry:
    """name: that of the judge, and of its column of verdicts. make: the judge, of what it needs: nothing, or a model.

    finds: in a few words, for those who choose. needs: "", `LANGUAGE_MODEL` or `WRITER`. knows_scene: it has to know
    what is in the picture, so that it judges the microworld alone. of_reasoning: its verdicts are those of `VERDICTS`,
    on whether the reasoning leads to the answer; such verdicts can count in tables and findings. pairs: the file in
    results/labelled/ against which `companion judge` can hold it, or "" where none fits.
    """

    name: str
    make: Callable[..., Judge]
    finds: str
    needs: str = ""
    knows_scene: bool = False
    of_reasoning: bool = True
    pairs: str = "judge_pairs.jsonl"


def _imported(module: str, name: str) -> Callable[..., Judge]:
    """A class of a module beside this one, imported when a judge is made of it: one needs what another does not."""
    return lambda *given: getattr(import_module(f"{__package__}.{module}"), name)(*given)


JUDGES = {
    entry.name: entry
    for entry in (
        JudgeEntry("rule", _imported("rule_judge", "Rule"), "to which option the words of the reasoning commit"),
        JudgeEntry("llm", _imported("llm_judge", "LLMJudge"), "the same, read by a language model", LANGUAGE_MODEL),
        JudgeEntry(
            "replay",
            _imported("replay_judge", "Replay"),
            "whether the model gives the same answer from its reasoning alone",
            WRITER,
            pairs="",
        ),
        JudgeEntry(
            "grounding",
            _imported("grounding_judge", "Grounding"),
            "whether the reasoning is true of the picture, in the microworld",
            knows_scene=True,
            pairs="",
        ),
        JudgeEntry(
            "conflict",
            _imported("conflict_judge", "Conflict"),
            "whether the response says that text and picture disagree",
            of_reasoning=False,
            pairs="conflict_pairs.jsonl",
        ),
    )
}
"""By name, in the order in which they are offered."""


def names(of_reasoning: bool = False, needs: str | None = None) -> tuple[str, ...]:
    """The judges, or those of them whose verdicts are on the reasoning, or that need a certain thing."""
    return tuple(
        entry.name
        for entry in JUDGES.values()
        if (entry.of_reasoning or not of_reasoning) and needs in (None, entry.needs)
    )


def judged_by(rows: pd.DataFrame) -> list[str]:
    """The judges of the reasoning whose verdicts some rows have (`consistency.with_verdicts`)."""
    return [name for name in names(of_reasoning=True) if name in rows]


def judges_at_hand(questions: Sequence[Question]) -> list[Judge]:
    """The judges of the reasoning that can judge answers to some questions, and need no model for it."""
    from companion.questions.microworld.items import MicroworldQuestion

    in_microworld = isinstance(questions[0], MicroworldQuestion)
    at_hand = (JUDGES[name] for name in names(of_reasoning=True, needs=""))
    return [entry.make() for entry in at_hand if in_microworld or not entry.knows_scene]
