"""Claims by a language model: what is accepted, and that a failing server loses nothing and is asked nothing twice."""

import json

import pytest
from faulty_server import Proxy
from test_llm_judge import FAULTS, Told
from tiny_models import save_parrot

from companion.errors import CompanionError
from companion.evaluation import fill_missing
from companion.evaluation.store import CLAIMS, Store
from companion.evaluation.write_claims import instruct, objection, parse_claims, rewrite
from companion.models.language import CausalLM
from companion.models.openai_client import Endpoint
from companion.questions.claims.template import claims
from companion.questions.claims.written import TEMPLATE
from companion.questions.question import Question, blank

SAID = '["The ball is red.", "It looks blue."]'


def question(text="What color is the ball?", options=("red", "blue"), id="q"):
    return Question(id, text, options, 0, claims(text, options), lambda: blank((4, 4)), source="balls", group=id)


ITEMS = [question(f"What color is ball number {k}?", id=f"q{k}") for k in range(16)]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('["a", "b"]', ["a", "b"]),
        ('<think>["x", "y"]</think>Here you are:\n```json\n["a",\n "b"]\n```', ["a", "b"]),
        ('["a", "b", "c"]', None),
        ('["a", 1]', None),
        ('[["a", "b"]]', ["a", "b"]),
        ("[a, b]", None),
        ("", None),
    ],
)
def test_read(reply, found):
    assert parse_claims(reply, 2) == found


SIDES = question("Where is the cup?", ("left", "right", "top left"))
STARS = question("Is there a star?", ("Yes", "No"))
VITAMIN = question("Which vitamin is on the label?", ("vitamin B", "vitamin C"))


@pytest.mark.parametrize(
    ("item", "sentences", "wrong"),
    [
        (ITEMS[0], ["The ball is red.", "A blue ball lies there."], ""),
        (ITEMS[0], ["The ball is red. It shines.", "The ball is blue."], ""),
        (ITEMS[0], ["The ball is red. It shines. It rolls.", "It is blue."], "red: more than two sentences"),
        (ITEMS[0], ["The ball is red", "It is blue."], "red: not a sentence"),
        (ITEMS[0], ["the ball is red.", "It is blue."], "red: not a sentence"),
        (ITEMS[0], ["", "It is blue."], "red: not a sentence"),
        (ITEMS[0], ["The ball is red.", "The ball is red."], "two sentences are the same"),
        (ITEMS[0], ["The ball is blue.", "The ball is red."], "red: reads as blue"),
        (ITEMS[0], ["The ball is round.", "It is blue."], "red: does not tell"),
        (ITEMS[0], ["The ball is red, as option A says.", "It is blue."], "red: names a letter"),
        (ITEMS[0], ["The ball is red (A).", "It is blue."], "red: names a letter"),
        (ITEMS[0], ["The ball is red.", "It is B."], "blue: names a letter"),
        (ITEMS[0], ["The first option, red, fits.", "It is blue."], "red: names a letter"),
        (ITEMS[0], ["A red ball answers a call.", "It is blue."], ""),
        (SIDES, ["It is on the left.", "It is on the right.", "It is at the top left."], ""),
        (
            SIDES,
            ["It is on the left or right.", "It is on the right.", "It is at the top left."],
            "left: does not tell",
        ),
        (STARS, ["A star shines.", "Nothing shines in it."], ""),
        (STARS, ["There is no star.", "Nothing shines in it."], "Yes: reads as No"),
        (VITAMIN, ["The label says vitamin B.", "The label says vitamin C."], ""),
    ],
)
def test_what_is_accepted(item, sentences, wrong):
    found = objection(json.dumps(sentences), item)
    assert found.startswith(wrong)
    assert bool(found) == bool(wrong)


def test_the_request_holds_question_and_options_and_tells_neither_letters_nor_the_answer():
    first = instruct(question())
    assert "What color is the ball?" in first
    assert "- red\n- blue" in first
    assert "A." not in first
    assert first == instruct(Question("q", "What color is the ball?", ("red", "blue"), 1, ("x", "y"), lambda: None))


def test_a_refused_reply_is_asked_for_again_and_then_the_question_keeps_its_claims(tmp_path):
    store = Store(tmp_path, CLAIMS)
    (late,) = rewrite(Told("Well.", '["It is blue.", "It is red."]', SAID), ITEMS[:1], store, progress=False)
    assert (late.writer, late.question.claims) == ("told", tuple(json.loads(SAID)))
    (never,) = rewrite(Told("Well.", "", '["Red.", "Red."]'), ITEMS[1:2], store, progress=False)
    assert (never.writer, never.question.claims) == (TEMPLATE, ITEMS[1].claims)
    rows = {row["question"]: row for row in store.read().values()}
    assert (rows["q0"]["attempts"], rows["q0"]["writer"], rows["q0"]["refused"]) == (3, "told", "red: reads as blue")
    assert (rows["q1"]["attempts"], rows["q1"]["writer"], rows["q1"]["asked"]) == (3, TEMPLATE, "told")
    assert rows["q1"]["refused"] == "two sentences are the same"


def test_no_reply_at_all_is_an_error_that_stores_nothing_of_it(tmp_path):
    store = Store(tmp_path, CLAIMS)
    with pytest.raises(CompanionError, match="told gave no reply to 2 of 2 questions"):
        rewrite(Told(None, None, None), ITEMS[:2], store, progress=False)
    assert store.read() == {}


@pytest.fixture(scope="module")
def parrot(tmp_path_factory):
    return save_parrot(SAID, tmp_path_factory.mktemp("models") / "claims-parrot")


def test_a_model_of_this_machine_writes_and_is_named_without_its_path(parrot, tmp_path):
    (written,) = rewrite(CausalLM(str(parrot), "cpu"), ITEMS[:1], Store(tmp_path, CLAIMS), progress=False)
    assert (written.writer, written.question.claims) == ("claims-parrot", tuple(json.loads(SAID)))


def test_a_failing_server_loses_no_claim_and_is_asked_nothing_twice(serving, parrot, tmp_path, monkeypatch):
    monkeypatch.setattr(fill_missing, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(fill_missing, "MOST", 6)
    proxy = Proxy(serving, [*FAULTS, None, "500", None, "wrong", "429"], '["It is green.", "It is blue."]')
    store = Store(tmp_path, CLAIMS)

    def run():
        writer = Endpoint(proxy.url, str(parrot), timeout=2, retries=4, at_once=4)
        return rewrite(writer, ITEMS, store, progress=False)

    written = run()
    assert set(proxy.given) >= set(FAULTS)
    assert [one.question.id for one in written] == [item.id for item in ITEMS]
    assert {one.question.claims for one in written} == {tuple(json.loads(SAID))}
    assert {one.writer for one in written} == {"claims-parrot"}
    assert len(proxy.done) == len(ITEMS)
    assert set(proxy.done.values()) == {1}
    assert run() == written
    assert sum(proxy.done.values()) == len(ITEMS)


def test_a_server_that_is_gone_keeps_what_was_written(serving, parrot, tmp_path, monkeypatch):
    monkeypatch.setattr(fill_missing, "MOST", 8)
    store = Store(tmp_path, CLAIMS)
    proxy = Proxy(serving, [None] * 8 + ["malformed"] * 16)
    with pytest.raises(CompanionError, match=r"answered none of 8 requests.*what was finished is kept"):
        rewrite(Endpoint(proxy.url, str(parrot), retries=1), ITEMS, store, progress=False)
    assert len(store.read()) == 8
    assert len(rewrite(Endpoint(proxy.url, str(parrot)), ITEMS, store, progress=False)) == 16
    assert sum(proxy.done.values()) == 16
