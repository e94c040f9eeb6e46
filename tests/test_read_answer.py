"""The reading of answers: what was written → the option, whether its letter stands there, and where, and the reasoning.

In each line ¦ marks the character at which the answer stands. A small letter means that the option is given, but not by
the letter that the prompt shows, so that there is no distribution over letters to be read there.
"""

import json

import pyarrow.parquet as pq
import pytest

from companion.models.read_answer import parse_answer
from companion.perturbations.perturbation import ABSTAIN
from companion.questions.question import LETTERS

TAG, FINAL = "tag", "tag or final statement"

COLOURS = ("red", "blue", "a light green", "yellow")
THINGS = ("the red one", "the blue one", "the cat's bowl", "none of them")
SIDES = ("left", "right", "behind", "in front of")
INNER = ("red", "dark red", "dark red and blue", "blue")
NUMBERS = ("2", "3", "3.5", "10")
YES = ("Yes", "No")
SIGNS = ("B", "A", "D", "C")
ABC = ("A", "B", "C", "D")
SURE = ("left", "right", ABSTAIN)
BOTH = ("the cup", "the plate", "Both A and B", "(none)")
VITAMINS = ("Vitamin A", "Vitamin C", "Vitamin D", "Vitamin E")
WIDE = ("左边", "右边", "后面", "前面")


def line(response, options, expected, think="", prefill="", reading=TAG):
    return reading, options, prefill, response, think, expected


def block(content, options, expected):
    """The same content inside the block, whatever the kind of reading."""
    return line(f"<think>x</think><answer>{content}</answer>", options, expected, "x")


def final(response, options, expected, think="", prefill=""):
    return line(response, options, expected, think, prefill, FINAL)


ECHOED = "I reason between   and  , then the letter between <answer> and </answer>. It is blue."
ASKED = "I reason between <think> and </think>, then the letter between <answer> and </answer>."

LINES = [
    # a reasoning that repeats how it was asked to answer
    line(
        f"<think>{ASKED} It is blue.</think><answer>¦B</answer>",
        COLOURS,
        "B",
        ECHOED,
    ),
    line(
        "<think>First <think> reasoning </think><answer>A</answer> style. Blue.</think><answer>¦B</answer>",
        COLOURS,
        "B",
        "First   reasoning  <answer>A</answer> style. Blue.",
    ),
    line("I write <answer> </answer> later. <answer>¦B</answer>", COLOURS, "B"),
    line("in <think> and </think>. Blue.</think><answer>¦B</answer>", COLOURS, "B", "in   and  . Blue.", "<think>"),
    line("<think>a</think><answer>¦A</answer> <think>b</think><answer>B</answer>", COLOURS, "A", "a"),
    # a letter
    block("¦B", COLOURS, "B"),
    block(" ¦B ", COLOURS, "B"),
    block("\n¦B\n", COLOURS, "B"),
    block("¦B.", COLOURS, "B"),
    block("¦B)", COLOURS, "B"),
    block("(¦B)", COLOURS, "B"),
    block("[¦B]", COLOURS, "B"),
    block("{¦B}", COLOURS, "B"),
    block("**¦B**", COLOURS, "B"),
    block("*¦B*", COLOURS, "B"),
    block("`¦B`", COLOURS, "B"),
    block("'¦B'", COLOURS, "B"),
    block('"¦B"', COLOURS, "B"),
    block("$¦B$", COLOURS, "B"),
    block("\\boxed{¦B}", COLOURS, "B"),
    block("$\\boxed{\\text{¦B}}$", COLOURS, "B"),
    block("\\text{(¦B)}", COLOURS, "B"),
    block("\\(\\mathbf{¦B}\\)", COLOURS, "B"),
    block("¦b", COLOURS, "b"),
    block("(¦b).", COLOURS, "b"),
    block("¦a", COLOURS, "a"),
    block("Answer: ¦a", COLOURS, "a"),
    block("Option ¦B", COLOURS, "B"),
    block("option (¦B)", COLOURS, "B"),
    block("Answer: ¦B", COLOURS, "B"),
    block("The answer is ¦B.", COLOURS, "B"),
    block("The correct option is **¦B**", COLOURS, "B"),
    block("I choose ¦B", COLOURS, "B"),
    block("It is ¦B", COLOURS, "B"),
    block(" Final Answer:¦B ", COLOURS, "B"),  # Vision-R1
    block(" Final Answer: ¦D ", COLOURS, "D"),
    block('{"answer": "¦B"}', COLOURS, "B"),
    block('{"reasoning": "a cat", "answer": "¦B"}', COLOURS, "B"),
    block("¦B B", COLOURS, "B"),
    block("¦B, I am sure: B", COLOURS, "B"),
    # a letter and a text
    block("¦B. the blue one", THINGS, "B"),
    block("(¦B) the blue one", THINGS, "B"),
    block("¦B: The blue one.", THINGS, "B"),
    block("¦B - the blue one", THINGS, "B"),
    block("¦B the blue one", THINGS, "B"),
    block("(¦b) the blue one", THINGS, "b"),
    block("¦C. Both A and B", BOTH, "C"),
    block("¦A. Vitamin A", VITAMINS, "A"),
    block("¦B, because A is too far away", COLOURS, "B"),
    block("A is wrong, so ¦B", COLOURS, "B"),
    block("Not A but ¦B", COLOURS, "B"),
    block("A. the blue one", THINGS, None),
    # no letter, or more than one
    block("A or B", COLOURS, None),
    block("A and B", COLOURS, None),
    block("A, B", COLOURS, None),
    block("A/B", COLOURS, None),
    block("B. No, wait: C", COLOURS, None),
    block("(A) (B)", COLOURS, None),
    block("neither A nor B", COLOURS, None),
    block("not B", COLOURS, None),
    block("E", COLOURS, None),
    block("E or B", COLOURS, None),
    block("Z", COLOURS, None),
    block("e", COLOURS, None),
    block("A dog", COLOURS, None),
    block("A green thing, I think", COLOURS, None),
    block("It is Vitamin C", COLOURS, None),
    block("Don't know", COLOURS, None),
    block("D-pad", COLOURS, None),
    block("B2", COLOURS, None),
    block("", COLOURS, None),
    block(" \n", COLOURS, None),
    block("?", COLOURS, None),
    block("purple", COLOURS, None),
    # an option's text, as ViGoRL gives it
    block("¦blue", COLOURS, "b"),
    block(" ¦Blue\n", COLOURS, "b"),
    block("¦BLUE", COLOURS, "b"),
    block("¦blue.", COLOURS, "b"),
    block('"¦blue"', COLOURS, "b"),
    block("'¦Blue.'", COLOURS, "b"),
    block("“¦blue”", COLOURS, "b"),
    block("**¦blue**", COLOURS, "b"),
    block("\\boxed{\\text{¦the blue one}}", THINGS, "b"),
    block("¦the blue", COLOURS, "b"),
    block("¦A light green", COLOURS, "c"),
    block("¦light green", COLOURS, "c"),
    block("¦A red", COLOURS, "a"),
    block("The answer is ¦blue.", COLOURS, "b"),
    block("Final Answer: ¦right", SIDES, "b"),
    block("¦right", SIDES, "b"),
    block("the right answer is ¦left", SIDES, "a"),
    block("¦In front of", SIDES, "d"),
    block("¦left\nbecause it is nearer to that edge", SIDES, "a"),
    block("left, right", SIDES, None),
    block("left of the right one", SIDES, None),
    block("¦dark red", INNER, "b"),
    block("¦red", INNER, "a"),
    block("¦dark red and blue", INNER, "c"),
    block("red and blue", INNER, None),
    block("It is ¦dark red.", INNER, "b"),
    block("¦The cat’s bowl", THINGS, "c"),
    block("¦Vitamin C", VITAMINS, "b"),
    block("¦both a and b", BOTH, "c"),
    block("¦none", BOTH, "d"),
    block("¦3", NUMBERS, "b"),
    block("¦3.", NUMBERS, "b"),
    block("¦3.5", NUMBERS, "c"),
    block("3, or 10", NUMBERS, None),
    block("three", NUMBERS, None),
    block("¦Yes", YES, "a"),
    block("¦no.", YES, "b"),
    block("¦Yes, the cat is on the left.", YES, "a"),
    block("Yes and no", YES, None),
    block("¦A", ABC, "A"),
    block("¦B. B", ABC, "B"),
    block("A", SIGNS, None),  # the letter of one option, the text of another
    block("¦A. B", SIGNS, "A"),
    block("¦>", ("<", ">"), "b"),
    # "I'm not sure"
    block("¦C", SURE, "C"),
    block("¦I'm not sure", SURE, "c"),
    block("¦I’m not sure.", SURE, "c"),
    block("¦I am not sure", SURE, "c"),
    block("¦C. I'm not sure", SURE, "C"),
    block("I'm not sure", SIDES, None),
    block("I'm not sure, perhaps left", SURE, None),
    # full width, and Chinese
    block("¦Ｂ", COLOURS, "b"),
    block("（¦B）", COLOURS, "B"),
    block("【¦Ｂ】", COLOURS, "b"),
    block("答案：¦B。", COLOURS, "B"),
    block("答案是¦B", COLOURS, "B"),
    block("选¦B", COLOURS, "B"),
    block("¦B、右边", WIDE, "B"),
    block("¦右边。", WIDE, "b"),
    # tags
    line("", COLOURS, None),
    line("no tags at all, A", COLOURS, None),
    line("<think>x</think> A", COLOURS, None, "x"),
    line("<think>x</think>The answer is A", COLOURS, None, "x"),
    line("<think>cut off", COLOURS, None, "cut off"),
    line("<think>It is B", COLOURS, None, "It is B"),
    line("<think>x</think><answer>¦C", COLOURS, "C", "x"),
    line("<think>x</think><answer>", COLOURS, None, "x"),
    line("<think>x</think><answer>¦B</think>", COLOURS, "B", "x"),
    line("<think>It is blue.<answer>¦B</answer>", COLOURS, "B", "It is blue."),
    line("It is blue.</think><answer>¦B</answer>", COLOURS, "B", "It is blue."),
    line("<answer>¦B</answer>", COLOURS, "B"),
    line("<THINK>x</THINK><ANSWER>¦B</ANSWER>", COLOURS, "B", "x"),
    line("<think>x</think>\n\n<answer>\n¦B\n</answer>\n", COLOURS, "B", "x"),
    line("<think>x</think><answer>¦B</answer><answer>C</answer>", COLOURS, "B", "x"),
    line("<think>x</think><answer>¦B</answer> so it is C", COLOURS, "B", "x"),
    line("<think>x</think><answer><answer>¦B</answer></answer>", COLOURS, "B", "x"),
    line("<think>x<think>y</think>z</think><answer>¦B</answer>", COLOURS, "B", "x y z"),
    line("<think>x</think><think>y</think><answer>¦B</answer>", COLOURS, "B", "x  y"),
    line(
        "<think>It goes into <answer> tags: A? No.</think><answer>¦B</answer>",
        COLOURS,
        "B",
        "It goes into <answer> tags: A? No.",
    ),
    line("I say <answer>A</answer>?</think><answer>¦B</answer>", COLOURS, "B", "I say <answer>A</answer>?"),
    line("<think>so <answer>¦B</answer></think>", COLOURS, "B", "so"),
    line('<think>x</think><map>{"A": [1, 2]}</map><answer>¦B</answer>', COLOURS, "B", "x"),  # SpaceR
    line('<map>{"cup": [[1, 2]]}</map><think>x</think><answer>¦B</answer>', COLOURS, "B", "x"),
    line('<think><map>{"A": [1]}</map> y</think><answer>¦B</answer>', COLOURS, "B", '<map>{"A": [1]}</map> y'),
    line('<think>x</think><answer><map>{"A": [1, 2], "C": [3, 4]}</map>¦B</answer>', COLOURS, "B", "x"),
    # a start that was given
    line(" So it is blue.</think><answer>¦B</answer>", COLOURS, "B", "I see. So it is blue.", "<think>I see."),
    line("<answer>¦D</answer>", COLOURS, "D", "", "<think></think>"),
    line("<answer>¦D</answer>", COLOURS, "D", "No need to think.", "<think>No need to think.</think>"),
    line("<think>But blue.</think><answer>¦B</answer>", COLOURS, "B", "But blue.", "<think></think>"),
    line("<think>Use <answer>.</think><answer>¦B</answer>", COLOURS, "B", "Use <answer>.", "<think></think>"),
    line("", COLOURS, None, "I see.", "<think>I see."),
    # a final statement
    final("<think>x</think><answer>¦B</answer>", COLOURS, "B", "x"),
    final("<think>x</think>\nThe answer is ¦B", COLOURS, "B", "x"),
    final("<think>x</think>\nThe answer is ¦B.", COLOURS, "B", "x"),
    final("<think>x</think>\n\nFinal answer: ¦B", COLOURS, "B", "x"),
    final("<think>x</think>\n**Final Answer:** **¦B**", COLOURS, "B", "x"),
    final("<think>x</think>\n### Final Answer\n\n¦B", COLOURS, "B", "x"),
    final("<think>x</think>\nFinal answer: \\boxed{¦B}", COLOURS, "B", "x"),
    final("<think>x</think>\nThus we have $\\boxed{\\text{¦B}}$ here.", COLOURS, "B", "x"),
    final("<think>x</think>\nAnswer: \\boxed{¦blue}", COLOURS, "b", "x"),
    final("<think>x</think>\n¦B", COLOURS, "B", "x"),
    final("<think>x</think>\n(¦B)", COLOURS, "B", "x"),
    final("<think>x</think>\n¦B. blue", COLOURS, "B", "x"),
    final("<think>x</think>\n¦Blue.", COLOURS, "b", "x"),
    final('<think>x</think>{"answer": "¦B"}', COLOURS, "B", "x"),
    final("<think>x</think>\nThe cup is blue, so the correct option is ¦B: blue.", COLOURS, "B", "x"),
    final("<think>x</think>\nThe answer is ¦B.\nThis is what the picture shows.", COLOURS, "B", "x"),
    final("<think>x</think>\nThe answer is A. But look:\nthe answer is ¦B.", COLOURS, "B", "x"),
    final("<think>The answer is A</think>\n¦B", COLOURS, "B", "The answer is A"),
    final("<think>x</think>\n答案：¦B", COLOURS, "B", "x"),
    final("The cup is blue.\nFinal answer: ¦B", COLOURS, "B", "The cup is blue."),
    final("The cup is blue. <answer>¦B</answer>", COLOURS, "B", "The cup is blue."),
    final("¦B", COLOURS, "B"),
    final("¦A", COLOURS, "A", "", "<think></think>"),
    final(" It is blue.</think>\n¦B", COLOURS, "B", "I see. It is blue.", "<think>I see."),
    final("<think>x</think>\nA is wrong, so B", COLOURS, None, "x"),
    final("<think>x</think>\nA cup stands there", COLOURS, None, "x"),
    final("<think>x</think>\nBlue like the sky", COLOURS, None, "x"),
    final("<think>x</think>\nThe answer is A or B", COLOURS, None, "x"),
    final("<think>x</think>\nThe answer is not B", COLOURS, None, "x"),
    final("<think>x</think>\nThe answer is a colour", COLOURS, None, "x"),
    final("<think>x</think>\nE", COLOURS, None, "x"),
    final("<think>x</think>", COLOURS, None, "x"),
    final("<think>The answer is B", COLOURS, None, "The answer is B"),
    final("so the answer is B", COLOURS, None, "I see.so the answer is B", "<think>I see."),
    # a block that only the prefill opened, and a model without think tags: the answer on a last line of its own
    final(" It glows.\n\nAnswer: ¦B", COLOURS, "B", "I see. It glows.", "<think>I see."),
    final(" It glows.\n**Final Answer: (¦B)**", COLOURS, "B", "I see. It glows.", "<think>I see."),
    final(" It glows.\nB", COLOURS, None, "I see. It glows.\nB", "<think>I see."),
    final(
        " One by one.\nA. red: no\nB. blue", COLOURS, None, "I see. One by one.\nA. red: no\nB. blue", "<think>I see."
    ),
    final("\nThe answer is B.\nBut:\nA", COLOURS, None, "I see.\nThe answer is B.\nBut:\nA", "<think>I see."),
    final(" It glows.\nSo it is B, or", COLOURS, None, "I see. It glows.\nSo it is B, or", "<think>I see."),
    final(" A or B?\nThe answer is B. But", COLOURS, None, "I see. A or B?\nThe answer is B. But", "<think>I see."),
    final("<think>It glows.\n\nAnswer: B", COLOURS, None, "It glows.\n\nAnswer: B"),
    final("A and B are both blue", COLOURS, None, "A and B are both blue"),
    final("<think>x</think><answer></answer>\nB", COLOURS, None, "x"),
    final("", COLOURS, None),
    # the options, listed again
    final("Answer: ¦B\nA. red\nB. blue\nC. a light green\nD. yellow", COLOURS, "B"),
    final("Answer: ¦B\n\nOptions:\n(A) red\n\n(B) blue\n\n(C) a light green", COLOURS, "B"),
    final("The answer is ¦B.\nred\nblue\na light green\nyellow", COLOURS, "B"),
    final("Answer: ¦B\n(A) red (B) blue (C) a light green (D) yellow", COLOURS, "B"),
    final("Options:\nA. red\nB. blue\n\n¦C", COLOURS, "C", "Options:\nA. red\nB. blue"),
    final("(A) red\n(B) blue", COLOURS, None, "(A) red\n(B) blue"),
    final("The answer is:\n(A) red\n(B) blue", COLOURS, None, "The answer is:\n(A) red\n(B) blue"),
    final("Answer: B\n\nThat leaves:\nD. yellow", COLOURS, None, "Answer: B\n\nThat leaves:\nD. yellow"),
    # options that are not the answer
    final("The answer is ¦B. The other option is C", COLOURS, "B"),
    final("The answer is ¦B.\nThe other option is C.", COLOURS, "B"),
    final("The other option is C", COLOURS, None, "The other option is C"),
    final("The wrong answer is C", COLOURS, None, "The wrong answer is C"),
    final("Wrong Answer: C", COLOURS, None, "Wrong Answer: C"),
    final("The second choice is C", COLOURS, None, "The second choice is C"),
    final("If the answer is B, it is blue.", COLOURS, None, "If the answer is B, it is blue."),
    final("I doubt whether the answer is B", COLOURS, None, "I doubt whether the answer is B"),
    final("This is not the correct answer: B", COLOURS, None, "This is not the correct answer: B"),
    # announced at length, or the other way round
    final("The correct option for this question is (¦C) a light green. It glows.", COLOURS, "C"),
    final("The best choice among these, going by the rim, is **(¦C)**, since it glows.", COLOURS, "C"),
    final("The answer appears to be **(¦D)**", COLOURS, "D"),
    final("The most plausible answer here is:\n\n(¦D) yellow", COLOURS, "D", "The most plausible answer here is:"),
    final("It glows. ¦C is the correct answer.", COLOURS, "C", "It glows."),
    final("C is not the correct answer.", COLOURS, None, "C is not the correct answer."),
    final("I'll answer: ¦B", COLOURS, "B"),
    # the label with which the last sentence ends
    final("It is red, which matches option (¦A).", COLOURS, "A"),
    final("It glows. This corresponds to option ¦C.", COLOURS, "C", "It glows."),
    final("The cup appears to be **(¦D)**", COLOURS, "D"),
    final("The cup is (¦c) a light green.", COLOURS, "c"),
    final("The cup is ¦D. yellow", COLOURS, "D"),
    final("The cup does not match option (A).", COLOURS, None, "The cup does not match option (A)."),
    final("The cup might be (A).", COLOURS, None, "The cup might be (A)."),
    final("One cup is (A), the other is (B).", COLOURS, None, "One cup is (A), the other is (B)."),
    final("If it glows it is (C).", COLOURS, None, "If it glows it is (C)."),
    final("The cup is like that in (B).", COLOURS, None, "The cup is like that in (B)."),
    final("The cup is blue.", COLOURS, None, "The cup is blue."),
    final("The cup is at B.", COLOURS, None, "The cup is at B."),
    # an answer on the first line, or before a note
    final("(¦B) blue\n\nThe cup by the door is as blue as the sky.", COLOURS, "B"),
    final("¦B\nThe cup by the door is blue.", COLOURS, "B"),
    final("¦B) blue. The cup by the door has that colour.", COLOURS, "B"),
    final("¦Yes, the cat is on the left.\nIt sleeps.", YES, "a"),
    final("B\n\nThe cup is blue.\n\nThe answer is (¦B).", COLOURS, "B", "B\n\nThe cup is blue."),
    final("B\n\nIt glows.\n\nThe answer is (¦C).", COLOURS, "C", "B\n\nIt glows."),
    final("It glows.\n\n(¦C) a light green\n\n(Note: no cup is quite so.)", COLOURS, "C", "It glows."),
    final("**¦C**\n\nExplanation: the cup glows, as (D) does not.", COLOURS, "C"),
    final("(A) red\nNo.\n(B) blue\nIt could be.", COLOURS, None, "(A) red\nNo.\n(B) blue\nIt could be."),
    final("Red. Or blue?", COLOURS, None, "Red. Or blue?"),
    final(
        "1. First, I look for birds.\nThere are some.", ("1", "2"), None, "1. First, I look for birds.\nThere are some."
    ),
    # taken back, or gone on from
    final("The answer is B.\nWait, it has a rim, so C.", COLOURS, None, "The answer is B.\nWait, it has a rim, so C."),
    final(
        "The answer is A.\nBut the answer is B.\nIt has a",
        COLOURS,
        None,
        "The answer is A.\nBut the answer is B.\nIt has a",
    ),
    final("The answer is A.\nWait, no.\n\n¦B", COLOURS, "B", "The answer is A.\nWait, no."),
    final("Answer: ¦B\n\nQuestion: And the plate?\nAnswer: C", COLOURS, "B"),
    # what surrounds it
    final("<s> (¦A) red</s>", COLOURS, "A"),
    final("The cup.¦B<|im_end|>", COLOURS, None, "The cup.B<|im_end|>"),
    final("The correct answer is (¦A) -4.38", ("-4.38", "4.38"), "A"),
    final("The correct answer is (A) 4.38", ("-4.38", "4.38"), None, "The correct answer is (A) 4.38"),
    final("The answer is (¦B) the answer is option A", ("the answer is option C", "the answer is option A"), "B"),
]


def test_there_are_enough_of_them():
    assert len(LINES) == len(set(LINES)) >= 110


@pytest.mark.parametrize(("reading", "options", "prefill", "response", "think", "expected"), LINES)
def test_read(reading, options, prefill, response, think, expected):
    place = response.find("¦")
    reply = parse_answer(response.replace("¦", ""), prefill, options, reading)
    assert reply.think == think
    assert reply.answer == (None if expected is None else LETTERS.index(expected.upper()))
    assert reply.position == (None if expected is None else place)
    assert reply.letter == (expected is not None and expected.isupper())


@pytest.mark.parametrize(("reading", "options", "prefill", "response", "think", "expected"), LINES)
def test_what_the_stricter_kind_reads_the_other_reads_alike(reading, options, prefill, response, think, expected):
    response = response.replace("¦", "")
    strict, other = (parse_answer(response, prefill, options, kind) for kind in (TAG, FINAL))
    if strict.answer is not None:
        assert (other.answer, other.position, other.letter) == (strict.answer, strict.position, strict.letter)


def test_shipped_rows_are_read_as_they_were(root):
    """A sample of them, the same from each file; all 48,000 were read so when this reader replaced the one before."""
    for file in sorted((root / "results" / "rows").glob("*.parquet")):
        columns = ["response", "prefill", "options", "think", "answer", "letter_probs"]
        for row in pq.read_table(file, columns=columns).to_pylist()[::40]:
            reply = parse_answer(row["response"], row["prefill"], row["options"])
            assert (reply.think, reply.letter) == (row["think"], row["letter_probs"] is not None)
            assert row["answer"] == (None if reply.answer is None else LETTERS[reply.answer])


def test_any_option_is_read_by_its_letter_and_by_its_text():
    """All benchmarks have options like these; letter, text and both must name the same one."""
    for options in (COLOURS, THINGS, SIDES, INNER, NUMBERS, YES, SURE, BOTH, VITAMINS, WIDE):
        for index, option in enumerate(options):
            letter = LETTERS[index]
            for said in (
                letter,
                f"({letter})",
                f"{letter}. {option}",
                option,
                f"{option}.",
                json.dumps({"answer": letter}),
            ):
                assert parse_answer(f"<answer>{said}</answer>", "", options).answer == index, said
