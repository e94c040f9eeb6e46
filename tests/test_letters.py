"""Letter probabilities as tables: tokens with probabilities, the text, the options → the distribution and its mass."""

import math

import pytest

from companion.models.letters import Split, Step, distribution, split, step_at

OPTIONS = ("the red star", "the blue star", "the green star", "the grey star")
DECOYS = {"Answer": 0.02, " And": 0.02, "B.": 0.03, " B.": 0.02, "AB": 0.01, "b": 0.02, "H": 0.01}
"""What begins otherwise than an answer does that is a letter alone."""


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("A", ("", "A", "")),
        (" A", (" ", "A", "")),
        ("▁A", (" ", "A", "")),
        ("ĠA", (" ", "A", "")),
        (">A", (">", "A", "")),
        ("(B", ("(", "B", "")),
        (':"G', (':"', "G", "")),
        ("选C", ("选", "C", "")),
        ("B.", ("", "B", ".")),
        ("(D)", ("(", "D", ")")),
        ("ĊE", ("\n", "E", "")),
        ("Answer", None),
        (" And", None),
        ("AB", None),
        ("A1", None),
        ("VitaminA", None),
        ("a", None),
        ("H", None),
        ("A/B", None),
        ("A A", None),
        ("", None),
        (">", None),
    ],
)
def test_a_token_around_its_letter(token, expected):
    assert split(token) == (expected and Split(*expected))


def letters(*probs, form="%s"):
    return [(form % letter, p) for letter, p in zip("ABCDEFG", probs, strict=False) if p]


def step(written, probs):
    return Step(written, [(token, math.log(p)) for token, p in probs])


def asked(marked):
    """A text with « and » around the token that wrote its answer: that token, the text, and where the letter stands."""
    before, token, after = marked.replace("»", "«").split("«")
    return token, before + token + after, len(before) + len(split(token).before)


A_TAG, QWEN = "<think>x</think><answer>«A»</answer>", "<think>x</think><answer«>A»</answer>"
SEVERAL = letters(0.4, 0.2, 0.05, 0.05)


@pytest.mark.parametrize(
    ("marked", "probs", "expected", "mass"),
    [
        (A_TAG, letters(0.6, 0.2, 0.1, 0.1), (0.6, 0.2, 0.1, 0.1), 1.0),
        (QWEN, letters(0.7, 0.3, form=">%s") + letters(1e-26, 2e-26, 3e-26, 1e-26), (0.7, 0.3, 0, 0), 1.0),
        ("<answer>« A»</answer>", letters(0.4, 0.2, 0.1, 0.1, form=" %s"), (4 / 8, 2 / 8, 1 / 8, 1 / 8), 0.8),
        # forms that write the same answer
        (A_TAG, SEVERAL + letters(0.1, 0.1, form=" %s"), (5 / 9, 3 / 9, 0.5 / 9, 0.5 / 9), 0.9),
        (A_TAG, SEVERAL + letters(0.1, 0.1, form="▁%s"), (5 / 9, 3 / 9, 0.5 / 9, 0.5 / 9), 0.9),
        ("Answer:« A»", letters(0.4, 0.3, 0.1, 0.1, form="Ġ%s"), None, None),  # the text of the token is known: " A"
        ("Answer:« A»", letters(0.4, 0.3, 0.1, 0.1, form=" %s"), (4 / 9, 3 / 9, 1 / 9, 1 / 9), 0.9),
        ("Answer:« A»", letters(0.4, 0.2, form=" %s") + letters(0, 0.2, form=" (%s"), (0.5, 0.5, 0, 0), 0.8),
        # forms that would not
        ("The answer is« A»", letters(0.4, 0.1, form=" %s") + letters(0.2, 0.1), (0.8, 0.2, 0, 0), 0.5),
        (QWEN, letters(0.6, 0.2, form=">%s") + letters(0.1, 0.1, form="(%s"), (0.75, 0.25, 0, 0), 0.8),
        (A_TAG, SEVERAL + list(DECOYS.items()), (4 / 7, 2 / 7, 0.5 / 7, 0.5 / 7), 0.7),
        ("<answer>«B.» the blue star</answer>", letters(0.1, 0.5, form="%s.") + SEVERAL[:2], (1 / 6, 5 / 6, 0, 0), 0.6),
        # marks before the letter
        ("Answer: «(A»)", letters(0.4, 0.3, 0.2, 0.1, form="(%s"), (0.4, 0.3, 0.2, 0.1), 1.0),
        ("Answer«:A»", letters(0.4, 0.3, 0.2, 0.1, form=":%s"), (0.4, 0.3, 0.2, 0.1), 1.0),
        ('Answer: «"A»"', letters(0.4, 0.3, 0.2, 0.1, form='"%s'), (0.4, 0.3, 0.2, 0.1), 1.0),
        ("The answer is *«*A»**", letters(0.4, 0.3, 0.2, 0.1, form="*%s"), (0.4, 0.3, 0.2, 0.1), 1.0),
        ("答案是«选A»", letters(0.5, 0.5, form="选%s"), (0.5, 0.5, 0, 0), 1.0),
        # other letters, one text for two tokens, letters that were not told
        (A_TAG, letters(0.4, 0.3, 0.1, 0.1, 0.05, 0.05), (4 / 9, 3 / 9, 1 / 9, 1 / 9), 0.9),
        (A_TAG, letters(0.4, 0.2) + letters(0.2, 0.1), (6 / 9, 3 / 9, 0, 0), 0.9),
        ("Answer:« A»", letters(0.90, 0.09, form=" %s"), (10 / 11, 1 / 11, 0, 0), 0.99),
        # none: what was written is not among what is told, or might have been begun by ">" alone
        (QWEN, letters(0.25, 0.25, 0.25, 0.25), None, None),
        (QWEN, [*letters(0.7, form=">%s"), (">", 0.3)], None, None),
        (QWEN, [*letters(0.7, 0.1, 0.01, 0.01, form=">%s"), (">", 0.1)], (70 / 82, 10 / 82, 1 / 82, 1 / 82), 0.82),
    ],
)
def test_letters_are_read_at_the_token_that_wrote_one(marked, probs, expected, mass):
    token, text, position = asked(marked)
    reading = "tag" if "<answer" in text else "tag or final statement"
    found = distribution(step(token, probs), text, position, OPTIONS, reading=reading)
    if expected is None:
        assert found is None
    else:
        assert found[0] == pytest.approx(expected, abs=1e-9)
        assert found[1] == pytest.approx(mass, abs=1e-9)


@pytest.mark.parametrize(
    ("written", "text", "position"),
    [
        ("Answer", "<answer>A</answer>", 8),  # another letter of the token is its own
        ("A/B", "<answer>A/B</answer>", 8),  # two
        ("B", "<answer>A</answer>", 8),  # another letter than the text has
        (">A", "<answer>(A)</answer>", 9),  # something else before it
        ("A.", "<answer>A</answer>", 8),  # something else behind it
        ("", "<answer>A</answer>", 8),
    ],
)
def test_a_token_that_does_not_show_its_letter_has_no_distribution(written, text, position):
    assert distribution(step(written, [(written, 0.9), *letters(0.05, 0.05)]), text, position, OPTIONS) is None


def test_what_servers_tell_of_blanks():
    """SentencePiece without its blank, as a server decodes one token; and the piece itself, at the first word."""
    for written, text in (("A", "Answer: A"), ("▁A", "A"), ("ĠA", "Answer: A")):
        told = step(written, letters(0.5, 0.3, 0.1, 0.1, form=written.replace("A", "%s")))
        found = distribution(told, text, len(text) - 1, OPTIONS, reading="tag or final statement")
        assert found[0] == pytest.approx((0.5, 0.3, 0.1, 0.1), abs=1e-9)


@pytest.mark.parametrize(
    ("untold", "known"), [(0.0, True), (0.001, True), (0.0049, True), (0.0051, False), (0.3, False)]
)
def test_letters_that_are_not_told_must_be_few(untold, known):
    """Two of four, so that they may have half a hundredth each."""
    told = step("A", letters(0.7, 0.3))
    found = distribution(Step("A", told.told, untold), "<answer>A</answer>", 8, OPTIONS)
    assert (found is not None) == known
    told = step(">A", [*letters(0.7, 0.2, form=">%s"), (">", max(1e-9, 1.8 * untold))])
    assert (distribution(told, "<answer>A</answer>", 8, OPTIONS) is not None) == known


TEKKEN = [">A", "(A", "(B", "(C", "(D", *"ABCD"]
"""Mistral's tekken has ">A" as one token, and none for the other letters of this form."""


@pytest.mark.parametrize(
    ("marked", "at", "before", "expected", "mass"),
    [
        (QWEN, letters(0.7, form=">%s"), None, None, None),
        # what wrote A a step earlier, and the way that was gone: .3 × (0, .8, .1, .1)
        (
            A_TAG.replace("A", "B"),
            letters(0.0, 0.8, 0.1, 0.1),
            [(">A", 0.2), (">", 0.3)],
            (20 / 50, 24 / 50, 3 / 50, 3 / 50),
            1.0,
        ),
        (
            A_TAG.replace("A", "B"),
            letters(0.0, 0.4, 0.1, 0.1),
            [(">A", 1e-12), (">", 0.3)],
            (0, 4 / 6, 1 / 6, 1 / 6),
            0.6,
        ),
        # another token before the letter
        (A_TAG.replace("A", "B"), letters(0.0, 0.8, 0.1, 0.1), None, (0, 0.8, 0.1, 0.1), 1.0),
    ],
)
def test_a_vocabulary_with_such_a_token_for_one_letter_alone(marked, at, before, expected, mass):
    token, text, position = asked(marked)
    previous = before and step(">", before)
    found = distribution(step(token, at), text, position, OPTIONS, previous=previous, vocabulary=TEKKEN)
    assert (found is None) == (expected is None)
    if expected:
        assert found[0] == pytest.approx(expected, abs=1e-9)
        assert found[1] == pytest.approx(mass, abs=1e-9)


ANSWER = ["<answer", ">", "B", "</", "answer", ">"]


@pytest.mark.parametrize(
    ("tokens", "text", "expected"),
    [
        (ANSWER, "<answer>B</answer>", 2),
        (["\n\n", *ANSWER], "<answer>B</answer>", 3),
        (["\n\n", *ANSWER, "\n", "<|im_end|>", ""], "<answer>B</answer>", 3),
        ([*"The B is A, B or <answer>A</answer>", *ANSWER, "</s>"], "<answer>B</answer>", 37),  # hidden reasoning
        ([*"<think>B</think>", *ANSWER], "<think>B</think>\n\n<answer>B</answer>", 18),
        (ANSWER, "<think>what else the server told</think>\n<answer>B</answer>", 2),
        (["▁<answer", ">", "▁B", "</", "answer", ">"], "<answer> B</answer>", 2),
        (["é", "<answer", ">B", "</answer>"], "é<answer>B</answer>", 2),
        (["B"], "B", 0),
        (["A"], "B", None),
        ([*ANSWER, "!"], "<answer>B</answer>", None),
        (["</", "answer", ">"], "<answer>B</answer>", None),
        ([], "<answer>B</answer>", None),
    ],
)
def test_tokens_and_text_are_counted_from_their_ends(tokens, text, expected):
    assert step_at([token.encode() for token in tokens], text, text.rindex("B")) == expected
