"""Rewards: what was asked and what was written → a number."""

import pytest

from companion.errors import CompanionError
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.training import rewards

ITEM = next(q for q in questions("validation", 100) if q.category == "relation")
TRUE = " ".join(ITEM.reasoning)
RIGHT, OPTION = ITEM.letter, ITEM.options[ITEM.answer]
WRONG_INDEX = (ITEM.answer + 1) % 4
WRONG, WRONG_OPTION, FALSE = "ABCD"[WRONG_INDEX], ITEM.options[WRONG_INDEX], ITEM.claims[WRONG_INDEX]


def text(think, letter):
    return f"<think>{think}</think><answer>{letter}</answer>"


@pytest.mark.parametrize(
    ("response", "format", "answer", "consistency", "groundedness", "spoken"),
    [
        (text(f"{TRUE} So the answer is {OPTION}.", RIGHT), 1, 1, 1, 1, 1),
        (text(f"So the answer is {OPTION}.", RIGHT), 1, 1, 1, 0, 0),
        (text(f"{FALSE} So the answer is {WRONG_OPTION}.", RIGHT), 1, 1, 0, 0, 1),
        (text(f"{FALSE} So the answer is {WRONG_OPTION}.", WRONG), 1, 0, 1, 0, 1),
        (text(f"{TRUE} So the answer is {OPTION}.", WRONG), 1, 0, 0, 1, 1),
        (text("", RIGHT), 1, 1, 0, 0, 0),
        (f"<answer>{RIGHT}</answer>", 0, 1, 0, 0, 0),
        (f"{TRUE} {text('', RIGHT)}", 0, 1, 0, 1, 1),
        (text(TRUE, RIGHT) + "<answer>A</answer>", 0, 1, 1, 1, 1),
        (f"<think>{TRUE}", 0, 0, 0, 1, 1),
        ("", 0, 0, 0, 0, 0),
    ],
)
def test_parts(response, format, answer, consistency, groundedness, spoken):
    prompt = apply(ITEM, "plain")
    parts = (rewards.format, rewards.answer, rewards.consistency, rewards.groundedness, rewards.spoken)
    assert [part(prompt, response) for part in parts] == [format, answer, consistency, groundedness, spoken]
    assert rewards.reward(prompt, response) == pytest.approx(0.1 * format + answer)
    assert rewards.reward(prompt, response, ("consistency",)) == pytest.approx((0.1 * format + answer) * consistency)
    both = rewards.reward(prompt, response, ("consistency", "spoken"))
    assert both == pytest.approx((0.1 * format + answer) * consistency * spoken)


def test_a_prefill_counts_for_form_and_consistency_but_not_against_the_truth():
    prompt = apply(ITEM, "wrong-think")
    went_on = f" {TRUE} So the answer is {OPTION}.</think><answer>{RIGHT}</answer>"
    assert rewards.format(prompt, went_on) == rewards.consistency(prompt, went_on) == 1
    assert rewards.groundedness(prompt, went_on) == 1
    gave_in = f"</think><answer>{RIGHT}</answer>"
    assert rewards.consistency(prompt, gave_in) == 0


def test_groundedness_needs_a_known_scene(tmp_path):
    from companion.questions.folder import read_folder, write_folder

    write_folder(questions("validation", 2), tmp_path / "folder")
    prompt = apply(read_folder(tmp_path / "folder")[0], "plain")
    with pytest.raises(CompanionError, match=r"groundedness needs questions .* is of folder; take a recipe"):
        rewards.groundedness(prompt, "<think>There is a red star.</think><answer>A</answer>")
