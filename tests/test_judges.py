"""The rule judge: text → the option concluded; grounding: text → whether all of it is true; the shares of lessons."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_engine import Scripted

from companion.cli import main
from companion.errors import CompanionError, Refusal
from companion.evaluation.engine import evaluate
from companion.evaluation.judges import above_chance
from companion.evaluation.judges.above_chance import FILE, caution, remember
from companion.evaluation.judges.conflict_judge import Conflict
from companion.evaluation.judges.grounding_judge import Grounding, grounded
from companion.evaluation.judges.labelled_pairs import Kept, chance, errors, read_pairs, report_on, score
from companion.evaluation.judges.measured_error import Rate, error_sentence, measured
from companion.evaluation.judges.rule_judge import Rule, final_commitment
from companion.evaluation.judges.verdicts import Case, verdict_on
from companion.evaluation.store import VERDICTS, Store
from companion.figures.interval_plots import shrinking
from companion.perturbations.perturbation import DOUBTS, THOUGHTS
from companion.questions.claims.template import wordings
from companion.questions.microworld import questions
from companion.questions.microworld.families import FAMILIES
from companion.questions.microworld.grammar import conclusion
from companion.questions.question import Question
from companion.training.lessons import Shares, question
from companion.training.misreadings import MISREAD, misreading

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
        ("the option is (A)", 0),
        ("So the answer is yellow star.", None),
        ("There is a red star. So the answer is yellow star.", None),
        ("There is a red star. So the answer is clear.", 0),
        ("The triangle is in the north.", None),
        ("", None),
        ("No need to think.", None),
        ("I see the red star, so it must be A. Wait, that's wrong. The cross is green, so C.", 2),
        ("It is A. Let me double-check. Yes, A.", 0),
        ("It can't be A, and C is ruled out as well.", 1),
        ("It could be the red star or the blue circle.", None),
        ("The answer is B, not A.", 1),
        ("A star is there. I go with the cross.", None),
        ("A star is there. I go with the green cross.", 2),
        ("答案是（B）。", 1),
        ("La respuesta correcta es C.", 2),
        ("Die Antwort lautet „A“.", 0),
        ("\\boxed{B}", 1),
        ("**Final answer:** (C) green cross", 2),
        ("<map>{'red star': [1, 2]}</map> The blue circles are the ones asked for.", 1),
        ("So the answer is A. I can't be sure about it, that was wrong.", None),
    ],
)
def test_committed(think, option):
    assert final_commitment(think, OPTIONS, CLAIMS).option == option


@pytest.mark.parametrize(
    ("think", "options", "option"),
    [
        ("So there are three cats.", ("2", "3", "4"), 1),
        ("The cushion is dark red.", ("red", "dark red"), 1),
        ("It is to the left-hand side of the cup.", ("right", "left"), 1),
        ("The dog is nearer than the cat.", ("the cat", "the dog"), 1),
        ("There is indeed one.", ("yes", "no"), 0),
        ("So there is no cup.", ("Yes", "No"), 1),
        ("It hangs above it.", ("above the painting", "below the painting"), 0),
        ("A man stands there. So it is the man.", ("a woman", "a man"), 1),
    ],
)
def test_options_are_known_by_synonyms_and_by_what_tells_them_apart(think, options, option):
    assert final_commitment(think, options).option == option


def test_a_sentence_in_the_words_of_the_question_outweighs_a_later_description():
    asked = "Which object is closest to the camera?"
    think = "The broom is the closest object to the camera. The bucket is filled with water."
    assert final_commitment(think, ("bucket", "broom"), question=asked).option == 1


COLOURS = ("blue", "white", "red", "black")
SIDES = ("left", "right")
VAN = "Is the van to the left or right of the kiosk?"
BAG = "What color is the bag?"
HAIR = "Is this person blond or not blond?"
FEELING, FEELINGS = "What does she feel?", ("sad", "angry", "joy", "fear")
NEARER, TWO = "Which object is closer to the camera, the shelf or the stool?", ("shelf", "stool")
TURNED, WAYS = "In which direction has the drone turned?", ("Leftward turn", "Rightward turn")
SPEAKS = "Which language does he speak?"


DOG, YES = "Is there a dog in the picture?", ("yes", "no")
HOW_MANY, NUMBERS = "How many dogs are there?", ("0", "1", "2")


@pytest.mark.parametrize(
    ("question", "options", "think", "option"),
    [
        # what models write that says nothing of the picture: the prefix of `stop-think` first
        *(
            (question, options, think, None)
            for question, options in ((DOG, YES), (HOW_MANY, NUMBERS), ("Is the van red?", ("no", "yes")))
            for think in (
                "No need to think.",
                "There's no need to look twice.",
                "No doubt about it.",
                "It is behind the piano, no doubt about it.",
                "There is no doubt that a cat lies there.",
                "No problem.",
                "No problem, let me look.",
                "No image is needed.",
                "No picture is needed to answer this.",
                "No further analysis is required.",
                "No matter how I count, I get another number.",
                "There is no question that the cat is asleep.",
                "No idea.",
                "There is no way to tell from the image.",
                "There is no reason to think otherwise.",
                "Nobody needs to see it.",
                "There is not much to think about.",
                "No. 5 is on the shirt of the man.",
            )
        ),
        (DOG, YES, "There is a dog, no doubt. So the answer is yes.", 0),
        (DOG, YES, "No need to think. So the answer is no.", 1),
        # and a no that does
        (DOG, YES, "No.", 1),
        (DOG, YES, "No, there is no need to look twice.", 1),
        (DOG, YES, "No dog is visible.", 1),
        (DOG, YES, "There is no dog in the picture, no doubt.", 1),
        (DOG, YES, "No one is there, and no dog.", 1),
        (HOW_MANY, NUMBERS, "No dogs are visible.", 0),
        ("Is there a problem with the tire?", YES, "There is no problem with the tire.", 1),
        ("Is a visa needed to enter?", YES, "No visa is needed to enter.", 1),
        ("Is there any doubt in his face?", YES, "There is no doubt in his face.", 1),
    ],
)
def test_a_no_that_denies_nothing_is_no_conclusion(question, options, think, option):
    assert final_commitment(think, options, question=question).option == option


@pytest.mark.parametrize(
    ("question", "options", "think", "option"),
    [
        # options gone through line by line: what the lines say, not which stands last
        (BAG, COLOURS, "A red bag.\n- (A) blue: no\n- (B) white: incorrect\n- (C) red: matches\n- (D) black: no", 2),
        (BAG, COLOURS, "A. blue ❌\nB. white ❌\nC. red ✅\nD. black ❌", 2),
        (BAG, COLOURS, "The bag is red.\n\nThe options:\n(A) blue\n(B) white\n(C) red\n(D) black", 2),
        (BAG, COLOURS, "I choose from the given options: (A) blue, (B) white, (C) red, (D) black.", None),
        (BAG, COLOURS, "(A) blue\n(B) white\n(C) red\n(D) black", None),
        ("What is he doing?", ("reading", "eating"), "(A) reading - he has no book.\n(B) eating - yes, a sandwich.", 1),
        # list numbers and the names of things are no options
        ("How many dogs?", ("1", "2", "3"), "1. Look at it.\n2. There are no cats.\n3. So there is only one dog.", 0),
        ("How many dogs are there?", ("1", "2", "3"), "Country 3 is near. I see 2 dogs.", 1),
        ("Which is deepest?", ("the pond", "the lake"), "Point B is 5 m above it, at 20 °C or 8:30 A.M.", None),
        # denials reach to the end of their series
        (BAG, COLOURS, "It is not blue, white or solid black.", 2),
        (BAG, COLOURS, "The bag is red. There is no sign of blue, an olive tone, or black on it.", 2),
        # a direction within the picture is no answer, one from what is asked about is
        (VAN, SIDES, "The van stands on the left side of the image. The kiosk is on the far right.", None),
        (VAN, SIDES, "The kiosk is on the right side of the frame, and the van is to the left of the kiosk.", 0),
        (VAN, SIDES, "Since the van is on the left and the kiosk is on the right, the van is left of it.", 0),
        (VAN, SIDES, "The kiosk is to the right of the van.", None),
        (VAN, SIDES, "Relative to the kiosk, the van is on the right.", 1),
        # a colour of something else is no answer
        (BAG, COLOURS, "The bag is red. It contrasts with the black pavement.", 2),
        (BAG, COLOURS, "A woman in a white coat carries it past a black truck.", None),
        ("What color are the dots on the red scarf?", COLOURS, "Therefore, the dots on the red scarf are black.", 3),
        ("Is it rare or well?", ("rare", "well"), "The steak is medium-rare.", None),
        # what is compared
        ("Which is closer, log or jug?", ("log", "jug"), "The jug is on a shelf. The log is closer than the jug.", 0),
        # mentions count only if all are of one option
        ("What is on the plate?", ("a fork", "a spoon", "a knife"), "A fork lies near. A spoon shines.", None),
        ("What is on the plate?", ("a fork", "a spoon", "a knife"), "A spoon shines in the light.", 1),
        # an option that is said to be false, and one whose text begins with no
        ("Is it true?", ("True", "False"), "The correct answer is:", None),
        ("What does the sign say?", ("No parking", "No entry"), "The sign says no entry.", 1),
        # no signs of …: all that is named after it is denied
        (FEELING, FEELINGS, "A low voice, which suggests sadness. There are no signs of anger, joy, or fear in it.", 0),
        (BAG, COLOURS, "The bag looks red. There are no elements that suggest it is blue, white, or black.", 2),
        ("Is she well?", ("Yes", "No"), "She is well. There are no signs of a cold or other problems with her.", None),
        # an option that another one denies
        (HAIR, ("blond", "not blond"), "To see if his hair is blond, look at its color. It is brown, not blond.", 1),
        (HAIR, ("blond", "not blond"), "The hair is dark. Blond hair is usually a light shade of yellow.", None),
        # the opposite of what is asked denies; "closer" to something else, and what is compared with, answer nothing
        (NEARER, TWO, "The stool is closer to the camera than the shelf. The shelf is farther from the camera.", 1),
        (NEARER, TWO, "The stool is closer to the camera. Therefore, the shelf is farther away than the stool.", 1),
        (NEARER, TWO, "The stool is closer to the camera. The shelf is an object closer to the ceiling.", 1),
        (NEARER, TWO, "The stool's proximity to the camera is clear from its size compared to the shelf.", 1),
        # where directions are asked, those of other things are no answer, nor is the reason after one
        (TURNED, WAYS, "The lamp has shifted to the right. This indicates that the drone turned leftward.", 0),
        (TURNED, WAYS, "This suggests that the drone turned left, causing the houses to move to the right.", 0),
        (TURNED, WAYS, "The houses appear shifted to the right.", None),
        (TURNED, WAYS, "The lamp stands on the left. It appears that the drone has turned to the right.", 1),
        # of a calculation its result: not a value on the way, nor what is left where the result stood in the answer
        ("How many nuts are left?", ("3", "9", "12"), "There are 12 nuts. Three are eaten: 12 - 3 = 9.", 1),
        ("How many nuts are left?", ("3", "9", "12"), "There were 12 nuts, so we have 12 - 3 =", None),
        ("What is the sum?", ("90", "180", "270"), "So the sum of both is 180 - 60 = 120.", None),
        ("What part is grey?", ("1/8", "3/8"), "The third part is blue, and so on: 1/8 of it. The grey part is", None),
        # a conclusion that is no option leaves nothing to what was not ruled out
        (SPEAKS, ("French", "Korean"), "It is not French. Therefore, the language that he speaks is Dutch.", None),
        (SPEAKS, ("French", "Korean"), "It is not French.", 1),
        # "but" limits what was stated, and does not overturn it
        ("Who eats grass?", ("Hawks", "Mice"), "The answer is (B). Mice eat grass, but hawks eat grass rarely.", 1),
        ("Does blue have the largest share?", ("yes", "no"), "Blue does not have the largest share.", 1),
        ("Does she ask for leave?", ("yes", "no"), "She says that she does not want to infect her friends.", None),
    ],
)
def test_the_kinds_on_which_it_erred_with_real_models(question, options, think, option):
    assert final_commitment(think, options, question=question).option == option


CUP, PAINTS = "What color is the cup?", ("red", "blue", "green", "yellow")
DOGS, COUNTS = "How many dogs are there in the image?", ("2", "3", "4", "5")
HAT, DOG = "Is the man wearing a hat?", "Is there a dog?"
SIGN, SIGNS, SUNNY = "What does the sign say?", ("STOP", "GO", "YIELD"), "Is it sunny?"
CHAIR, MAN = "Where is the chair located with respect to the table?", "Where is the dog in relation to the man?"


@pytest.mark.parametrize(
    ("question", "options", "think", "option"),
    [
        # what turns
        *(
            (CUP, PAINTS, f"The answer is red. {turn} the cup is blue.", 1)
            for turn in (
                "No,",
                "Upon closer inspection,",
                "In reality,",
                "Correction:",
                "Sorry,",
                "That can't be right.",
                "Looking at the image again,",
            )
        ),
        (CUP, PAINTS, "The answer is A. Hmm, it looks blue to me.", 1),
        (CUP, PAINTS, "The answer is A. Hmm, it is blue instead.", 1),
        # a "no" of something else is no answer
        (HAT, ("Yes", "No"), "The man is wearing a hat, but no gloves.", None),
        (HAT, ("Yes", "No"), "The man is wearing a hat, so yes. There are no gloves.", 0),
        (HAT, ("Yes", "No"), "The man isn't wearing any hat.", 1),
        (DOG, ("Yes", "No"), "I see a dog next to the sofa. There is no cat.", None),
        (DOG, ("Yes", "No"), "There is a cat next to the sofa. There is no dog.", 1),
        (DOG, ("Yes", "No"), "No, I only see a cat.", 1),
        # a total outweighs the counts that it sums up, and so does a count of all that of some
        (DOGS, COUNTS, "There are 2 dogs on the left. There are 3 dogs on the right. The total is 5.", 3),
        (DOGS, COUNTS, "There are 2 dogs on the left. There are 3 dogs on the right. In total, 5 dogs.", 3),
        (DOGS, COUNTS, "2 dogs on the left, 3 dogs on the right. Total: 5.", 3),
        (DOGS, COUNTS, "There are 2 dogs on the left and 3 dogs on the right, which gives a total of 5.", 3),
        (DOGS, COUNTS, "In total there are 5 dogs: 2 on the left and 3 on the right.", 3),
        (DOGS, COUNTS, "The total number of legs is 4. So there are 2 dogs.", 0),
        (DOGS, COUNTS, "There are 4 dogs. The 2 dogs on the left are brown.", 2),
        (DOGS, COUNTS, "There are 4 dogs. The other 2 dogs are brown.", 2),
        # the opposite of what is asked; not "lower" of something else
        ("Which is higher, the cup or the laptop?", ("cup", "laptop"), "The cup is lower than the laptop.", 1),
        ("Which is heavier, the cup or the laptop?", ("cup", "laptop"), "The cup is lighter than the laptop.", 1),
        ("Which is wider, the cup or the laptop?", ("cup", "laptop"), "The cup is narrower than the laptop.", 1),
        ("Which is brighter, the cup or the laptop?", ("cup", "laptop"), "The cup is darker than the laptop.", 1),
        (
            "Which is taller, the door or the shelf?",
            ("door", "shelf"),
            "The shelf is cut off, and the door's lower part.",
            None,
        ),
        # what is only listed or reported
        (CUP, PAINTS, "Let's check each option: A) red - the plate's color. B) blue - the cup's color.", None),
        (CUP, PAINTS, "The first option is red. The cup looks blue.", 1),
        (CUP, PAINTS, "The answer must be one of red, blue, green or yellow.", None),
        (CUP, PAINTS, "The caption says the answer is red. The cup is blue in the picture.", 1),
        (CUP, PAINTS, "The caption says that the cup is red.", 0),
        (CUP, PAINTS, "As the caption says, the answer is red.", 0),
        # other ways of writing
        ("杯子是什么颜色？", ("红色", "蓝色", "绿色"), "杯子不是红色，而是蓝色。", 1),
        (CUP, PAINTS, "答案是B", 1),
        (CUP, PAINTS, "The answer is b.", 1),
        (CUP, PAINTS, "So option c.", 2),
        # a direction from the thing whose place is asked
        (CHAIR, ("left", "right"), "The table is to the left of the chair.", None),
        (CHAIR, ("left", "right"), "The chair is to the left of the table.", 0),
        (CHAIR, ("left", "right"), "The chair is on the left.", 0),
        (MAN, ("left", "right"), "The man is to the left of the dog.", None),
        # what is reported ends where the reasoning goes on in its own words
        (CUP, PAINTS, "The caption claims the cup is red, while the picture shows a blue cup, so the answer is B.", 1),
        (CUP, PAINTS, "Although the caption states that the cup is red, the answer is blue.", 1),
        (CUP, PAINTS, "The user claims red, which is wrong, so the answer is B.", 1),
        (CUP, PAINTS, "The cup is blue. The caption says the cup is red, so the answer is red.", 0),
        (SIGN, SIGNS, "At first it looks like GO. The text clearly says STOP, so the answer is STOP.", 0),
        (CUP, PAINTS, 'The user asks "is the cup red?" The cup is blue.', 1),
        # a "no" that answers
        (SUNNY, ("Yes", "No"), "The answer is no – clouds cover the sun.", 1),
        (SUNNY, ("Yes", "No"), "No – clouds cover the sky.", 1),
        (SUNNY, ("Yes", "No"), "The answer is no considering how dark it is.", 1),
        (SUNNY, ("Yes", "No"), "I would say no based on the ears.", 1),
        # counts with an article, and totals that something is taken from
        (DOGS, COUNTS, "The answer is the 4 dogs.", 2),
        (DOGS, COUNTS, "Therefore, the four dogs are what we count.", 2),
        (DOGS, COUNTS, "In total there are 5 minus 2, so 3 dogs.", 1),
        ("How many dogs sit?", COUNTS, "The total is 5, of which 2 are standing, so 3 are sitting.", 1),
        # a direction before its thing
        (CHAIR, ("left", "right"), "To the left of the table is the chair.", 0),
        (CHAIR, ("left", "right"), "On the left is the chair.", 0),
    ],
)
def test_the_kinds_on_which_it_erred_with_outputs_like_real_ones(question, options, think, option):
    assert final_commitment(think, options, question=question).option == option


def test_a_wrong_claim_put_before_a_reasoning_does_not_outweigh_what_it_concludes(root):
    """Pairs in the styles of large models that are read rightly, behind every prefix of the perturbations."""
    pairs = read_pairs(root / "results" / "labelled" / "judge_pairs.jsonl").dropna(subset="label")
    kept = {doubt: [] for doubt in ("", *DOUBTS)}
    for number, (case, label) in enumerate(zip(pairs["case"], pairs["label"], strict=True)):
        asked, options = case.question.text, case.options
        if final_commitment(case.think, options, question=asked).option != label:
            continue
        wrong = (label + 1 + number % (len(options) - 1)) % len(options)
        claims = [wording[0] for wording in wordings(asked, options)]
        for doubt, same in kept.items():
            prefix = f"{THOUGHTS[number % len(THOUGHTS)].format(claim=claims[wrong])} {doubt}"
            same.append(final_commitment(f"{prefix} {case.think}", options, claims, asked).option == label)
    assert len(kept[""]) > 400
    assert min(map(np.mean, kept.values())) >= 0.98


def test_what_only_leads_to_an_answer_is_not_where_a_text_breaks_off():
    think = "A spoon shines on the plate.\n\n✅ Final"
    assert final_commitment(think, ("a fork", "a spoon")).option == 1
    assert final_commitment("A spoon shines on the pl", ("a fork", "a spoon")).option is None


@pytest.mark.slow
def test_no_text_breaks_the_rule_judge():
    rng = random.Random(0)
    bits = [
        *"ABCDEF §¬?.,:|*{}[]()<>\\$\n。（）",
        "\\boxed{",
        "<map>",
        "</map>",
        "not",
        "answer is",
        "so",
        "so,",
        "or",
        "3.5",
        "…",
    ]
    for _ in range(2000):
        options = tuple({"".join(rng.choices(bits, k=rng.randint(1, 4))) for _ in range(6)})[: rng.randint(2, 6)]
        if len(options) > 1:
            found = final_commitment(
                " ".join(rng.choices([*bits, *options], k=30)), options, question="answer or not"
            ).option
            assert found is None or 0 <= found < len(options)


@pytest.mark.parametrize(
    ("answer", "concluded", "verdict"),
    [(0, 0, "agree"), (0, 1, "disagree"), (0, None, "no commitment"), (None, 0, "no answer")],
)
def test_verdicts_of_judges_that_do_not_see_the_answer(answer, concluded, verdict):
    item = Question("q", "?", OPTIONS, 0, CLAIMS, lambda: None)
    assert verdict_on(Case(item, "", OPTIONS, "", answer), concluded, "").verdict == verdict


def test_an_added_option_has_no_claim_but_can_be_concluded():
    think = "So the answer is I'm not sure."
    assert final_commitment(think, (*OPTIONS, "I'm not sure"), CLAIMS).option == 3
    assert conclusion(think, (*OPTIONS, "I'm not sure"), CLAIMS) == 3


def test_true_reasoning_concludes_the_right_option_and_is_grounded():
    for item in questions("validation", 360):
        think = " ".join(item.reasoning)
        assert final_commitment(think, item.options, item.claims, item.text).option == item.answer
        assert conclusion(think, item.options, item.claims) == item.answer
        assert grounded(think, item.scene) is True


def test_a_misreading_concludes_the_wrong_option_and_is_not_grounded():
    rng = random.Random(0)
    for item in questions("validation", 720):
        wrong = rng.choice([k for k in range(len(item.options)) if k != item.answer])
        think = " ".join(misreading(rng, item, wrong))
        assert final_commitment(think, item.options, item.claims, item.text).option == wrong
        assert conclusion(think, item.options, item.claims) == wrong
        assert grounded(think, item.scene) is False


def test_every_family_can_be_misread_and_one_that_is_not_known_is_an_error():
    assert MISREAD.keys() == FAMILIES.keys()
    item = replace(questions("validation", 1)[0], category="symmetry")
    with pytest.raises(CompanionError, match="the family 'symmetry'; add a function to MISREAD"):
        misreading(random.Random(0), item, 0)


def test_grounded_has_no_verdict_where_nothing_is_stated():
    assert grounded("Let me see.", questions("validation", 1)[0].scene) is None


def test_the_grounding_judge_says_where_the_first_false_statement_stands():
    item = next(q for q in questions("validation", 9) if q.category == "relation")
    true, wrong = item.reasoning, misreading(random.Random(0), item, (item.answer + 1) % 4)
    cases = [Case(item, "", item.options, " ".join(think), 0) for think in (true, wrong, ["Let me see."])]
    verdicts = Grounding().judge(cases)
    assert [verdict.verdict for verdict in verdicts] == ["agree", "disagree", "no commitment"]
    assert verdicts[0].details == {"statements": 3, "true_statements": 3, "first_false": None}
    assert wrong[verdicts[1].details["first_false"]] in f"{verdicts[1].reason.removeprefix('false: ')}"


def test_grounding_needs_a_known_scene():
    item = Question("q7", "?", OPTIONS, 0, CLAIMS, lambda: None)
    with pytest.raises(CompanionError, match=r"q7.*only the microworld tells"):
        Grounding().judge([Case(item, "", OPTIONS, "", 0)])


def test_the_rule_judge_on_the_hand_written_pairs(root):
    """At least 95 % on what real models write; what must be inferred is beyond it, and said so."""
    table = score(Rule(), read_pairs(root / "results" / "labelled" / "judge_pairs.jsonl")).set_index("pairs")
    assert table.loc["all", "n"] >= 120
    assert table.loc["all", "accuracy"] >= 0.95


def test_counts_of_what_a_judge_gets_wrong(tmp_path, monkeypatch):
    """Labels and verdicts by hand: one false contradiction, one missed one, one commitment missed."""
    monkeypatch.chdir(tmp_path)
    common = {"part": "p", "style": "s", "question": "?", "options": ["a cat", "a dog"]}
    file = tmp_path / "pairs.jsonl"
    rows = [
        common | {"think": "So it is a dog.", "answer": "A", "concludes": "A"},  # false contradiction
        common | {"think": "Hm.", "answer": "A", "concludes": "B"},  # missed contradiction, missed commitment
        common | {"think": "So it is a dog.", "answer": "A", "concludes": "B"},  # seen
        common | {"think": "Hm.", "answer": "B", "concludes": None},
        common | {"think": "So it is a cat.", "answer": "A", "concludes": "A"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    (line,) = errors(Rule(), read_pairs(file)).to_dict("records")
    assert line == {
        "judge": Rule.identity,
        "part": "p",
        "style": "s",
        "n": 5,
        "commitments": 4,
        "missed": 1,
        "contradictions": 2,
        "false_contradictions": 1,
        "missed_contradictions": 1,
    }
    assert main(["judge", str(file), "--csv", str(tmp_path / "e.csv")]) == 0
    assert (tmp_path / "e.csv").read_text().splitlines()[1].startswith(f"{Rule.identity},p,s,5,4,1,2,1,1,20")


class Constant:
    """A judge that always names the same option, and stops after so many batches."""

    name = identity = "constant"

    def __init__(self, option=0, batches=1000):
        self.option, self.batches, self.asked = option, batches, []

    def judge(self, cases):
        self.batches -= 1
        if self.batches < 0:
            raise KeyboardInterrupt
        self.asked += [case.question.id for case in cases]
        return [verdict_on(case, self.option, "") for case in cases]


def test_verdicts_on_pairs_are_kept_when_the_judge_is_interrupted(root, tmp_path, capsys):
    pairs = read_pairs(root / "results" / "labelled" / "judge_pairs.jsonl")[:40]
    store = Store(tmp_path, VERDICTS)
    with pytest.raises(KeyboardInterrupt):
        score(Kept(Constant(batches=2), store, batch_size=10), pairs)
    assert "20/40" in capsys.readouterr().err
    second = Constant()
    table = score(Kept(second, store, batch_size=10, progress=False), pairs)
    assert second.asked == [str(k) for k in range(21, 41)]
    assert table.equals(score(Constant(), pairs))
    assert errors(Kept(Constant(batches=0), store, progress=False), pairs).equals(errors(Constant(), pairs))
    other = Constant(1)
    other.identity = "another"
    score(Kept(other, store, progress=False), pairs)
    assert len(other.asked) == 40


def test_pairs_without_a_verdict_count_neither_way(root, tmp_path):
    class Half(Constant):
        def judge(self, cases):
            given = super().judge(cases)
            return [
                Refusal("flagged") if int(case.question.id) % 2 else one for case, one in zip(cases, given, strict=True)
            ]

    pairs = read_pairs(root / "results" / "labelled" / "judge_pairs.jsonl")[:40]
    kept = Kept(Half(), Store(tmp_path, VERDICTS), progress=False)
    table = score(kept, pairs).set_index("pairs")
    even = pairs[[int(case.question.id) % 2 == 0 for case in pairs["case"]]]
    assert table.loc["all", "n"] == 20
    assert table.loc["all", "accuracy"] == pytest.approx((even["label"] == 0).mean())
    assert "gave no verdict on 20 of 40 pairs; the others are kept" in kept.unanswered
    assert "line 1; line 3; " in kept.unanswered


@pytest.mark.parametrize(
    ("accuracy", "low", "labels", "options", "guessing", "cannot"),
    [
        (0.33, 0.28, [0, 1, 2, 3], 4, 0.25, False),
        (0.33, 0.25, [0, 1, 2, 3], 4, 0.25, True),
        (0.99, 0.40, [0, 1, None, 3], 2, 0.5, True),
        (0.60, 0.55, [None, None, None, 1], 4, 0.75, True),  # who always says "none" is right more often
        (0.60, 0.55, [None, None, 0, 1], 4, 0.5, False),
    ],
)
def test_a_judge_that_is_not_above_guessing_cannot_judge(accuracy, low, labels, options, guessing, cannot):
    item = Question("1", "?", ("a", "b", "c", "d")[:options], 0, ("",) * options, lambda: None)
    pairs = pd.DataFrame({"case": [Case(item, "", item.options, "", 0)] * len(labels), "label": labels}, dtype=object)
    table = pd.DataFrame([{"pairs": "all", "accuracy": accuracy, "low": low, "high": 1.0}])
    assert chance(pairs) == guessing
    assert ("cannot judge: it is right in" in report_on(Constant(), table, guessing)) == cannot


@pytest.mark.slow
def test_the_report_on_pairs_says_whether_the_judge_can_judge(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["judge", str(root / "results" / "labelled" / "judge_pairs.jsonl")]
    assert main(command) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("the judge rule is right in 0.9")
    assert "above the 0.304 of guessing" in said.out
    assert "530/530" in said.err
    assert main(command) == 0
    assert capsys.readouterr().out == said.out
    monkeypatch.setattr(Rule, "judge", Constant().judge)
    monkeypatch.setattr(Rule, "identity", "draft")
    assert main(command) == 0
    assert "the judge rule cannot judge: it is right in 0.219 (95 %: " in capsys.readouterr().out


def test_what_pairs_showed_of_a_judge_is_told_with_its_verdicts_on_rows(root, tmp_path, monkeypatch, capsys):
    """By the judge's identity: shipped for this rule judge, unknown of a draft, and then what the pairs have told."""
    monkeypatch.chdir(tmp_path)
    evaluate(Scripted(), questions("test", 4), ["plain"], Store(tmp_path / "rows"), progress=False)

    def last_line(command):
        assert main(["judge", *command]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    pairs = root / "results" / "labelled" / "judge_pairs.jsonl"
    assert last_line(["rows"]).startswith("scripted")  # of the table of verdicts
    monkeypatch.setattr(Rule, "judge", Constant().judge)
    monkeypatch.setattr(Rule, "identity", "draft")
    assert "the judge rule was never held against labelled pairs" in last_line(["rows"])
    assert "cannot judge" in last_line([str(pairs)])
    told = last_line(["rows"])
    assert "the judge rule cannot judge, and its verdicts tell nothing: it is right in 0.219" in told
    assert "of 530 labelled pairs (judge_pairs.jsonl), where guessing is right in 0.304" in told
    monkeypatch.setattr(Rule, "identity", "another draft")
    assert "the judge rule was never held against labelled pairs" in last_line(["rows"])


def test_a_judge_that_is_above_guessing_on_some_pairs_is_not_said_to_be_useless(tmp_path):
    for pairs, low in (("first.jsonl", 0.6), ("second.jsonl", 0.4), ("first.jsonl", 0.7)):
        scores = pd.DataFrame([{"pairs": "all", "accuracy": 0.8, "low": low, "high": 0.9, "n": 40}])
        remember(tmp_path, Constant(), pairs, scores, 0.5)
    assert pd.read_csv(tmp_path / FILE)["low"].tolist() == [0.4, 0.7]
    judge = Constant()
    assert caution(judge, tmp_path) == ""  # no judge whose like pairs can be put to
    judge.name = "llm"
    said = caution(judge, tmp_path)
    assert said.startswith("the judge llm can judge first.jsonl, but not all: it is right in 0.800 (95 %: 0.400")
    assert "second.jsonl" in said


@pytest.mark.parametrize(("judge", "name"), [(Rule(), "judge_pairs.jsonl"), (Conflict(), "conflict_pairs.jsonl")])
def test_what_is_shipped_of_a_judge_is_what_it_scores_now(root, tmp_path, judge, name):
    """Where this fails, the judge was changed: `remember` it anew, in the package's folder of judges."""
    pairs = read_pairs(root / "results" / "labelled" / name)
    remember(tmp_path, judge, name, score(judge, pairs), chance(pairs))
    shipped = pd.read_csv(Path(above_chance.__file__).with_name(FILE))
    (line,) = shipped[shipped["judge"] == judge.identity].to_dict("records")
    assert line == pd.read_csv(tmp_path / FILE).iloc[0].to_dict()
    assert caution(judge, tmp_path / "nowhere") == ""


def test_wilson_intervals_are_those_of_the_textbook():
    """Agresti & Coull (1998): 0 of 10 and 5 of 10 at 95 %."""
    assert (round(Rate(0, 10).low, 3), round(Rate(0, 10).high, 3)) == (0.0, 0.278)
    assert (round(Rate(5, 10).low, 3), round(Rate(5, 10).high, 3)) == (0.237, 0.763)


def test_the_error_carried_into_figures_is_that_of_first_looks_of_this_judge_alone(tmp_path):
    file = tmp_path / "e.csv"
    file.write_text(
        "judge,part,style,n,commitments,missed,contradictions,false_contradictions,missed_contradictions\n"
        'rule-2,developed on,x,100,90,1,0,0,0\nrule-2,"put aside 1, first look",x,50,40,4,3,2,1\n'
        'rule-2,"put aside 1, first look",y,50,40,6,3,1,1\nrule-2,"put aside 1, second look",x,50,40,4,3,0,0\n'
        'rule-1,"put aside 1, first look",y,50,40,6,3,9,9\n'.replace("rule-2", Rule.measured)
    )
    found = measured(file)
    assert (found.invented, found.missed) == (Rate(3, 100), Rate(2, 100))
    assert measured().invented.n >= 100
    assert f"{100 * measured().invented.value:.1f} of 100" in error_sentence()


def test_a_malformed_pair_names_its_line(tmp_path):
    file = tmp_path / "pairs.jsonl"
    good = {
        "part": "seen",
        "style": "x",
        "question": "?",
        "options": ["a", "b"],
        "think": "",
        "answer": "A",
        "concludes": None,
    }
    file.write_text("\n".join(json.dumps(row) for row in (good, good | {"answer": "C"})))
    with pytest.raises(CompanionError, match=r"pairs\.jsonl, line 2"):
        read_pairs(file)


def test_the_shares_of_misread_reasoning_are_what_they_say():
    """Misread: a fifth; of these, half answered rightly all the same."""
    rng = random.Random(1)
    misread = despite = 0
    items = questions("train", 400)
    for k in range(2000):
        item = items[k % len(items)]
        lesson = question(rng, item, Shares(misread=0.2, abstain=0, guess=0, bare=0))
        think, answer = lesson.target.removeprefix("<think>").split("</think><answer>")
        concluded = conclusion(think, item.options, item.claims)
        misread += concluded != item.answer
        despite += concluded != item.answer and answer[0] == item.letter
    assert 340 < misread < 460
    assert 0.4 < despite / misread < 0.6


def test_the_reference_contradicts_what_misled_it():
    rng = random.Random(2)
    for item in questions("train", 200):
        lesson = question(rng, item, Shares(misled=1.0, abstain=0, guess=0))
        assert "I see something else." in lesson.target
        assert bool(lesson.prefill) != ("The caption says" in lesson.target)
        assert lesson.target.endswith(f"<answer>{item.letter}</answer>")


@pytest.mark.parametrize(("benchmark", "bands"), [("cv-bench", 1), ("microworld", 0)])
def test_where_the_judge_may_err_its_error_is_drawn(benchmark, bands):
    """A pale band from the missed to the invented contradictions that there may be; none where it is exact."""
    lines = [("accuracy", 0.8), ("consistent_accuracy", 0.5)]
    table = pd.DataFrame(
        [
            {
                "benchmark": benchmark,
                "perturbation": "plain",
                "measure": name,
                "value": value,
                "low": value,
                "high": value,
            }
            for name, value in lines
        ]
    )
    figure = shrinking(table, "about", ("benchmark",))
    pale = [line for line in figure.axes[0].lines if line.get_alpha() == 0.25]
    assert len(pale) == bands
    assert (error_sentence() in figure.get_label()) == bool(bands)
    for line in pale:
        error = measured()
        assert list(line.get_xdata()) == pytest.approx([50 - 100 * error.missed.high, 50 + 100 * error.invented.high])
