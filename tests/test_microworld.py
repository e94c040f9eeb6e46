import hashlib
import random
import re
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from companion.errors import CompanionError
from companion.questions.microworld import questions
from companion.questions.microworld.families import FAMILIES
from companion.questions.microworld.grammar import (
    fact,
    grounded_statement,
    is_true,
    true_statement,
    unique_things,
)
from companion.questions.microworld.items import SPLITS, build_item, stream
from companion.questions.microworld.scenes import CELLS, DIFFICULTIES, Scene, Thing, draw
from companion.questions.question import blank
from companion.training.lessons import WORDS, Shares, description, facts, question
from companion.training.recipes import REFERENCE


@pytest.fixture(scope="module")
def items():
    return questions("test", 5400)


def test_an_item_depends_on_split_seed_and_index_alone():
    assert questions("test", 30)[:12] == questions("test", 12)
    assert questions("test", 12, seed=1) != questions("test", 12)
    a, b = questions("test", 5)[4], questions("test", 5)[4]
    assert a.load_image().tobytes() == b.load_image().tobytes()


@pytest.mark.slow
def test_splits_share_no_scene():
    contents = {split: {tuple(item.scene.cells) for item in questions(split, 2000)} for split in SPLITS} | {
        "stream": {tuple(item.scene.cells) for item, _ in zip(stream(0, {"easy": 1}), range(2000), strict=False)}
    }
    assert not contents["train"] & contents["test"]
    assert not contents["train"] & contents["validation"]
    assert not contents["validation"] & contents["test"]
    assert not contents["stream"] & (contents["test"] | contents["validation"])


def test_unknown_split_is_named():
    with pytest.raises(CompanionError, match=r"'dev'.*train, validation, test"):
        questions("dev")


def test_only_the_right_claim_is_true_and_all_reasoning_is(items):
    for item in items:
        assert [is_true(claim, item.scene) for claim in item.claims] == [
            k == item.answer for k in range(len(item.options))
        ]
        assert all(is_true(statement, item.scene) for statement in item.reasoning)
        assert item.reasoning[-1] == item.claims[item.answer]


def test_every_family_and_difficulty_comes_in_turn(items):
    assert Counter(item.category for item in items) == dict.fromkeys(FAMILIES, 600)
    assert Counter(item.difficulty for item in items) == {"easy": 1350, "medium": 1350, "hard": 2700}


def test_each_family_has_at_least_three_wordings(items):
    for family in FAMILIES:
        words = list(CELLS) + list(WORDS)
        stems = set()
        for item in items:
            if item.category == family:
                stem = item.text
                for word in sorted(words, key=len, reverse=True):
                    stem = stem.replace(word, "_")
                stems.add(stem)
        assert len(stems) >= 3, family


def test_letters_are_balanced(items):
    for options in (2, 3, 4, 5):
        counts = Counter(item.letter for item in items if len(item.options) == options)
        n = sum(counts.values())
        for count in counts.values():
            assert abs(count / n - 1 / options) < 4 * np.sqrt(1 / options / n)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["option", "words and option", "words, option and letter", "options together"])
def test_a_guesser_who_reads_but_does_not_see_stays_at_chance(items, view):
    """A count of which (view of the text, option) pairs were right in training, used on the test split."""

    def features(item, k):
        option, stem = item.options[k], item.text.split()
        if view == "option":
            return [(item.category, option)]
        if view == "words and option":
            return [(item.category, word, option) for word in stem]
        if view == "words, option and letter":
            return [(item.category, word, option, k) for word in stem]
        return [(item.category, option, other) for other in item.options]

    seen, right = defaultdict(float), defaultdict(float)
    for item in questions("train", 18000):
        for k in range(len(item.options)):
            for feature in features(item, k):
                seen[feature] += 1
                right[feature] += (k == item.answer) - 1 / len(item.options)
    hits = []
    for item in items:
        scores = [sum(right[f] / (seen[f] + 5) for f in features(item, k)) for k in range(len(item.options))]
        hits.append((int(np.argmax(scores)) == item.answer) - 1 / len(item.options))
    assert abs(np.mean(hits)) < 4 * np.std(hits) / np.sqrt(len(hits))


SCENE = Scene(
    (
        Thing("red", "circle", True),
        None,
        Thing("blue", "square", False),
        None,
        Thing("green", "star", False),
        None,
        Thing("red", "square", True),
        None,
        Thing("red", "circle", False),
    ),
    "easy",
    0,
)


@pytest.mark.parametrize(
    ("sentence", "truth"),
    [
        ("The red circle is in the northwest.", True),
        ("The red circle is in the southeast.", True),
        ("The red circle is in the center.", False),
        ("The shape in the northeast is blue.", True),
        ("In the northeast there is a square.", True),
        ("In the northeast there is a circle.", False),
        ("The shape in the north is red.", False),
        ("There is a green star.", True),
        ("There is an orange star.", False),
        ("There is no green star.", False),
        ("There is no pink cross.", True),
        ("There are 3 red shapes.", True),
        ("There are 2 circles.", True),
        ("There are 2 squares.", True),
        ("There are 0 crosses.", True),
        ("The circles are in the northwest, southeast.", True),
        ("The circles are in the northwest.", False),
        ("The blue square is small.", True),
        ("The blue square is left of the green star.", False),
        ("The blue square is right of the green star.", True),
        ("The green star is below the blue square.", True),
        ("The red square is larger than the green star.", True),
        ("The blue square is the same size as the green star.", True),
        ("The green star is nearest to the blue square.", True),
        ("The red square is nearest to the blue square.", False),
        ("The shape just below the green star is red.", False),
        ("The shape just left of the green star is red.", False),
        ("But wait.", None),
        ("So the answer is red.", None),
        ("The picture is nice.", None),
    ],
)
def test_truth_of_statements(sentence, truth):
    assert is_true(sentence, SCENE) is truth


def test_true_statements_are_true(items):
    rng = random.Random(0)
    for item in items[:900]:
        assert is_true(true_statement(rng, item.scene), item.scene)
        if unique_things(item.scene):
            sentence, key = grounded_statement(rng, item.scene)
            assert is_true(sentence, item.scene), sentence
            assert sentence[key - 1] == " "


CLAIMS = {
    r"What color is the shape in the (\w+)\?": "The shape in the {0} is {answer}.",
    r"What shape is in the (\w+)\?": "In the {0} there is a {answer}.",
    r"Where is the (\w+ \w+)\?": "The {0} is in the {answer}.",
    r"Is there an? (\w+ \w+)\?": "There is {answer} {0}.",
    r"How many ([\w ]+) are there\?": "There are {answer} {0}.",
    r"How large is the (\w+ \w+) compared with the (\w+ \w+)\?": "The {0} is {answer} the {1}.",
    r"Where is the (\w+ \w+) relative to the (\w+ \w+)\?": "The {0} is {answer} the {1}.",
    r"Which shape is nearest to the (\w+ \w+)\?": "The {answer} is nearest to the {0}.",
    r"What color is the shape just ([\w ]+) the (\w+ \w+)\?": "The shape just {0} the {1} is {answer}.",
}


def test_facts_are_facts_of_every_kind(items):
    rng = random.Random(0)
    seen = set()
    for item in items[:900]:
        if len(unique_things(item.scene)) < 2:
            continue
        text, answer = fact(rng, item.scene)
        (form,) = (form for form in CLAIMS if re.fullmatch(form, text))
        words = {"yes": "a", "no": "no"}.get(answer, answer)
        assert is_true(CLAIMS[form].format(*re.fullmatch(form, text).groups(), answer=words), item.scene), text
        seen.add(form)
    assert seen == set(CLAIMS)


def test_a_lesson_of_facts_asks_nothing_twice(items):
    for seed, item in enumerate(items[:100]):
        if len(unique_things(item.scene)) >= 2:
            asked = re.findall(r"[A-Z][^?]*\?", facts(random.Random(seed), item.scene).target)
            assert 4 <= len(asked) == len(set(asked)) <= 8


@pytest.mark.parametrize("seed", range(20))
def test_a_description_says_what_is_there_in_an_order_of_its_own(seed):
    rng = random.Random(seed)
    lesson = description(rng, SCENE)
    parts = lesson.target.removesuffix(".").split(", ")
    whole = {
        f"{name} {'large' if thing.large else 'small'} {thing.name}" if thing else f"{name} nothing"
        for name, thing in zip(CELLS, SCENE.cells, strict=True)
    }
    alone = unique_things(SCENE)
    by_thing = {f"{thing.name} {'large' if thing.large else 'small'} {CELLS[cell]}" for cell, thing in alone}
    assert set(parts) in (whole, by_thing)
    assert all(lesson.target[key - 1] == " " for key in lesson.keys)


def test_each_of_two_steps_must_lead_to_a_shape():
    cells = [None] * 9
    cells[4], cells[1], cells[0] = Thing("red", "star", True), Thing("blue", "star", True), Thing("pink", "cross", True)
    scene = Scene(tuple(cells), "hard", 0)
    assert is_true("The shape just left of the shape just above the red star is pink.", scene)
    assert not is_true("The shape just above the shape just left of the red star is pink.", scene)


def test_harder_pictures_have_less_contrast_and_blank_has_none():
    spread = {
        level: np.mean([np.asarray(i.load_image()).std() for i in questions("test", 270) if i.difficulty == level])
        for level in DIFFICULTIES
    }
    assert spread["hard"] < spread["easy"] * 1.1
    assert np.asarray(blank((72, 72))).std() == 0
    assert draw(SCENE).size == (72, 72)


@pytest.mark.slow
def test_the_reference_is_taught_to_contradict_what_is_false_and_nothing_else():
    """As many captions and starts claim the right option as a wrong one; the answer is right after all of them."""
    rng, counts = random.Random(0), Counter()
    shares = replace(REFERENCE.shares, abstain=0.0, guess=0.0)
    for number in range(3000):
        item = build_item(rng, "train", list(FAMILIES)[number % 9], "easy", "")
        lesson = question(rng, item, shares)
        first = lesson.user.split("\n")[0] if item.text not in lesson.user.split("\n")[0] else ""
        given = lesson.prefill or first
        claimed = [option for option, claim in enumerate(item.claims) if claim in given]
        contradicted = "but I see something else." in lesson.target or lesson.target.startswith(
            " But I see something else."
        )
        assert f"<answer>{item.letter}</answer>" in lesson.target
        wrong = bool(claimed) and item.answer not in claimed
        assert contradicted == wrong
        kind = "start" if lesson.prefill else "caption"
        counts[kind, "wrong" if wrong else "right" if item.answer in claimed else "other"] += 1
    for place in product(("start", "caption"), ("wrong", "right")):
        assert 0.13 < counts[place] / 3000 < 0.22
    assert not counts["start", "other"]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (Shares(), "b2d8b465dda57b26"),
        (Shares(misread=0.3), "7b472e7c616c8c7b"),
        (Shares(misled=0.3, assured=0.3), "3d9a7a811fb8938b"),
        (
            Shares(
                caption=0.6,
                opener=0.4,
                recheck=0.4,
                abstain=0.4,
                blank=0.5,
                guess=0.2,
                misread=0.3,
                misled=0.3,
                assured=0.3,
            ),
            "d2ae7d8bf8ad9783",
        ),
    ],
    ids=["default", "misread", "misled", "everything"],
)
def test_the_same_seed_gives_the_same_questions_to_learn_from(shares, expected):
    """What the shipped checkpoints were trained on: every text, and how much of the random stream they take."""
    rng, seen = random.Random(0), hashlib.sha256()
    for number, item in enumerate(questions("train", 60)):
        lesson = question(rng, item, shares, at_once=number % 3 == 0, whole=number % 2 == 0)
        empty = lesson.image == blank(lesson.image.size)
        seen.update(repr((lesson.user, lesson.prefill, lesson.target, lesson.keys, empty)).encode())
    seen.update(repr(rng.random()).encode())
    assert seen.hexdigest()[:16] == expected
