"""The rule judge: text → the option concluded; grounded: text → whether all of it is true."""

import random

import pytest

from companion.judges import concluded, grounded
from companion.microworld import questions
from companion.microworld.lessons import Shares, misreading, question

OPTIONS = ("red star", "blue circle", "green cross")
CLAIMS = ("There is a red star.", "There is a blue circle.", "There is a green cross.")


@pytest.mark.parametrize(
    ("think", "option"),
    [
        ("So the answer is blue circle.", 1),
        ("The blue circle is in the north. There is a blue circle. So the answer is red star.", 0),
        ("There is a green cross.", 2),
        ("There is a green cross. But wait. There is a red star.", 0),
        ("So the answer is B.", 1),
        ("The correct answer is: C", 2),
        ("the option is (a)", 0),
        ("So the answer is yellow star.", None),
        ("There is a red star. So the answer is yellow star.", 0),
        ("The blue circle is in the north.", None),
        ("", None),
        ("No need to think.", None),
    ],
)
def test_concluded(think, option):
    assert concluded(think, OPTIONS, CLAIMS) == option


def test_an_added_option_has_no_claim_but_can_be_concluded():
    assert concluded("So the answer is I'm not sure.", (*OPTIONS, "I'm not sure"), CLAIMS) == 3


def test_true_reasoning_concludes_the_right_option_and_is_grounded():
    for item in questions("validation", 360):
        think = " ".join(item.reasoning)
        assert concluded(think, item.options, item.claims) == item.answer
        assert grounded(think, item.scene) is True


def test_a_misreading_concludes_the_wrong_option_and_is_not_grounded():
    rng = random.Random(0)
    for item in questions("validation", 720):
        wrong = rng.choice([k for k in range(len(item.options)) if k != item.answer])
        think = " ".join(misreading(rng, item, wrong))
        assert concluded(think, item.options, item.claims) == wrong
        assert grounded(think, item.scene) is False


def test_grounded_has_no_verdict_where_nothing_is_stated():
    assert grounded("Let me see.", questions("validation", 1)[0].scene) is None


def test_the_shares_of_a_noisy_start_are_what_they_say():
    """Misread: a fifth; of these, half answered rightly all the same."""
    rng = random.Random(1)
    misread = despite = 0
    items = questions("train", 400)
    for k in range(2000):
        item = items[k % len(items)]
        lesson = question(rng, item, Shares(misread=0.2, abstain=0, guess=0, bare=0))
        think, answer = lesson.target.removeprefix("<think>").split("</think><answer>")
        conclusion = concluded(think, item.options, item.claims)
        misread += conclusion != item.answer
        despite += conclusion != item.answer and answer[0] == item.letter
    assert 340 < misread < 460
    assert 0.4 < despite / misread < 0.6


def test_the_reference_contradicts_what_misled_it():
    rng = random.Random(2)
    for item in questions("train", 200):
        lesson = question(rng, item, Shares(misled=1.0, abstain=0, guess=0))
        assert "I see something else." in lesson.target
        assert bool(lesson.prefill) != ("The caption says" in lesson.target)
        assert lesson.target.endswith(f"<answer>{item.letter}</answer>")
