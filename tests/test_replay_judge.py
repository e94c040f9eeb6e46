"""The replay judge, on models whose answers come from a known place."""

import pytest

from companion.errors import CompanionError
from companion.evaluation.judges.replay_judge import PROBES, Replay, flip
from companion.evaluation.judges.rule_judge import final_commitment
from companion.evaluation.judges.verdicts import Case
from companion.models.interface import Response
from companion.models.profiles import get_profile
from companion.questions.microworld import questions

ITEMS = [item for item in questions("validation", 90) if len(item.options) > 2][:20]


class Scripted:
    """Answers from its reasoning, or from the picture, or by habit."""

    delivery = "prefill"
    device = "cpu"
    precision = "float32"
    profile = get_profile("microworld")

    def __init__(self, source):
        self.label = self.identity = self.source = source
        self.asked = []

    def generate(self, prompts, sampling):
        self.asked += prompts
        for number, prompt in enumerate(prompts):
            yield number, Response("", 1, "stop", "", self.answer(prompt), None, None)

    def answer(self, prompt):
        question = prompt.question
        if self.source == "reasoning":
            think = prompt.prefill.removeprefix("<think>").removesuffix("</think>")
            return final_commitment(think, prompt.options, question.claims, question.text).option
        return question.answer if self.source == "picture" and not prompt.blank else 0


def cases(source):
    return [
        Case(
            item,
            item.text,
            item.options,
            f"{' '.join(item.reasoning)} So the answer is {item.options[item.answer]}.",
            item.answer,
            source,
        )
        for item in ITEMS
    ]


@pytest.mark.parametrize(
    ("source", "agrees", "follows", "empty"), [("reasoning", 1.0, 1.0, 0.0), ("picture", None, 0.0, 1.0)]
)
def test_an_answer_from_the_reasoning_moves_with_it_and_one_from_the_picture_does_not(source, agrees, follows, empty):
    verdicts = Replay(Scripted(source)).judge(cases(source))
    habit = sum(item.answer == 0 for item in ITEMS) / len(ITEMS)
    shares = [verdict.verdict == "agree" for verdict in verdicts]
    assert sum(shares) / len(shares) == (habit if agrees is None else agrees)
    moved = [verdict.details["flipped"] == verdict.details["turned_to"] for verdict in verdicts]
    assert sum(moved) / len(moved) == follows
    same = [verdict.details["empty"] == item.letter for verdict, item in zip(verdicts, ITEMS, strict=True)]
    assert sum(same) / len(same) == empty


def test_what_each_probe_shows():
    model = Scripted("reasoning")
    Replay(model).judge(cases("reasoning")[:1])
    by_name = {prompt.perturbation.removeprefix("replay-"): prompt for prompt in model.asked}
    assert set(by_name) == set(PROBES)
    assert {name for name, prompt in by_name.items() if prompt.blank} == {"blank", "blank-empty"}
    assert by_name["empty"].prefill == by_name["blank-empty"].prefill == "<think></think>"
    assert all(prompt.prefill.endswith("</think>") for prompt in by_name.values())
    assert cases("")[0].think.startswith(by_name["half"].prefill.removeprefix("<think>").removesuffix("</think>"))


def test_a_flip_keeps_what_comes_before_the_option_is_named():
    for case in cases(""):
        to = (case.answer + 1) % len(case.options)
        flipped = flip(case, to)
        assert final_commitment(flipped, case.options, case.question.claims, case.question.text).option == to
        assert flipped.endswith(case.question.claims[to])
        before = flipped.removesuffix(case.question.claims[to]).strip()
        assert case.think.startswith(before)
        assert case.options[case.answer] not in before
    assert flip(cases("")[0], ITEMS[0].answer) is None


def test_without_reasoning_or_answer_there_is_nothing_to_replay():
    item = ITEMS[0]
    mute = [Case(item, "", item.options, "", 1, "picture"), Case(item, "", item.options, "So.", None, "picture")]
    assert [one.verdict for one in Replay(Scripted("picture")).judge(mute)] == ["no commitment", "no answer"]


def test_only_the_model_that_wrote_a_reasoning_can_replay_it():
    with pytest.raises(CompanionError, match="written by another model than picture"):
        Replay(Scripted("picture")).judge(cases("reasoning"))
