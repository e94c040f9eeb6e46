import pytest

from companion.chat import get_profile, read
from companion.errors import CompanionError

OPTIONS = ("red", "blue", "a light green", "yellow")


@pytest.mark.parametrize(
    ("response", "prefill", "think", "answer"),
    [
        ("<think>It is red.</think><answer>A</answer>", "", "It is red.", 0),
        (" So it is blue.</think><answer>B</answer>", "<think>I see.", "I see. So it is blue.", 1),
        ("<answer>D</answer>", "<think></think>", "", 3),
        ("<think>x</think>\n<answer> (C) </answer>", "", "x", 2),
        ("<think>x</think><answer>B. blue</answer>", "", "x", 1),
        ("<think>x</think><answer> Final Answer: D </answer>", "", "x", 3),
        ("<think>x</think><answer>blue</answer>", "", "x", 1),
        ("<think>x</think><answer> A light green\n</answer>", "", "x", 2),
        ("<think>x</think><answer>A or B</answer>", "", "x", None),
        ("<think>x</think><answer>E</answer>", "", "x", None),
        ("<think>x</think><answer>purple</answer>", "", "x", None),
        ("<think>x</think><answer></answer>", "", "x", None),
        ("<think>x</think> A", "", "x", None),
        ("<think>cut off", "", "cut off", None),
        ("<think>x</think><answer>C", "", "x", 2),
        ("<think>x</think><answer>B</answer><answer>C</answer>", "", "x", 1),
        ("no tags at all, A", "", "", None),
        ("<answer>Don't know</answer>", "", "", None),
        ("", "", "", None),
    ],
)
def test_read(response, prefill, think, answer):
    reply = read(response, prefill, OPTIONS)
    assert (reply.think, reply.answer) == (think, answer)


def test_position_is_where_the_letter_stands():
    response = "<think>A cat</think><answer> Answer: B</answer>"
    assert response[read(response, "", OPTIONS).position] == "B"


def test_unknown_profile():
    with pytest.raises(CompanionError, match="unknown profile 'qwen'; choose from microworld, generic"):
        get_profile("qwen")
