"""A model behind a server: the same answers, nothing lost and nothing paid twice whatever fails, no cent too much.

The server is a real one (`transformers serve`) with the shipped base model, behind a proxy that fails.
"""

import base64
import io
import math
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from faulty_server import Proxy, free_port
from PIL import Image

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation import engine, fill_missing
from companion.evaluation.engine import evaluate
from companion.evaluation.store import Store
from companion.models import openai_client as endpoints
from companion.models.account import Account, OverBudgetError
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.open import ServerSettings, open_model
from companion.models.openai_client import Endpoint
from companion.models.prices import Price
from companion.models.profiles import BEGIN, get_profile
from companion.models.server import EndpointModel
from companion.models.server_options import LOGPROBS, OPTIONAL, TakenOptions
from companion.models.server_replies import tokens
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions

pytestmark = pytest.mark.slow

ITEMS = questions("test", 12)
WORDS = "Begin your reasoning with exactly these words, and go on from there:"
FAULTS = {
    "429": 30,
    "busy": 20,
    "500": 36,
    "drop": 30,
    "refused": 6,
    "short": 10,
    "cut": 10,
    "malformed": 24,
    "blank": 20,
    "schema": 10,
    "slow": 2,
    "stall": 2,
}
"""How often each is injected into one run."""
PRICE = Price(2.0, 8.0)


def asked(proxy, checkpoint, account=None, delivery="user turn", **options):
    options = {"timeout": 60, "retries": 8, "at_once": 4, "price": PRICE, **options}
    return EndpointModel(Endpoint(proxy.url, str(checkpoint), account=account, **options), "microworld", delivery)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(endpoints, "PAUSE", 0.05)


def test_a_served_model_answers_as_it_does_here(serving, checkpoint, tmp_path):
    here = evaluate(LocalModel(str(checkpoint)), ITEMS, ["plain", "wrong-caption"], Store(tmp_path), progress=False)
    model = asked(Proxy(serving), checkpoint)
    there = evaluate(model, ITEMS, ["plain", "wrong-caption"], Store(tmp_path), progress=False)
    for name in ("response", "think", "answer", "correct", "finish", "tokens"):
        assert there[name].tolist() == here[name].tolist()
    assert there["letter_probs"].isna().all()  # this server does not tell them


@pytest.mark.slow(25)
def test_two_hundred_faults_and_nothing_is_lost_or_paid_twice(serving, random_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(fill_missing, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(endpoints, "LONGEST_WAIT", 0.1)
    items = questions("test", 30)
    script = [fault for fault, times in FAULTS.items() for _ in range(times)] + ["dribble"] * 3 + [None] * 55
    random.Random(0).shuffle(script)
    script = [None, *script, None]
    proxy, account = Proxy(serving, script, late=9), Account(1.0)
    model = asked(proxy, random_checkpoint, account, timeout=8, retries=40)
    rows = evaluate(
        model, items, ["plain", "wrong-caption"], Store(tmp_path), Sampling(max_new_tokens=4), progress=False
    )
    assert proxy.given == Counter(script)
    assert sum(proxy.given[fault] for fault in FAULTS) == 200
    assert len(rows) == rows["key"].nunique() == len(Store(tmp_path).read()) == 60
    assert set(Counter(proxy.done.values())) == {1}
    assert len(proxy.done) == 60
    assert account.spent == pytest.approx(PRICE.of(*proxy.tokens))
    assert (account.prompt, account.written) == tuple(proxy.tokens)
    assert PRICE.of(*proxy.generated) <= account.spent + account.unsure <= 1.0
    assert account.aside == pytest.approx(0.0, abs=1e-12)


def test_a_budget_stops_before_it_is_exceeded_and_a_larger_one_goes_on(serving, checkpoint, tmp_path):
    proxy = Proxy(serving)
    account = Account(0.004)
    with pytest.raises(CompanionError, match=r"of the budget of \$0.004 no more than .* is left"):
        evaluate(asked(proxy, checkpoint, account), ITEMS, ["plain"], Store(tmp_path), progress=False)
    first = len(proxy.done)
    assert 0 < first < 12
    assert PRICE.of(*proxy.generated) <= 0.004
    rows = evaluate(asked(proxy, checkpoint, Account(1.0)), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(rows) == 12
    assert set(proxy.done.values()) == {1}


def test_the_server_says_when_to_come_again(serving, checkpoint):
    proxy = Proxy(serving, ["429"], retry_after="1.5")
    responses(asked(proxy, checkpoint), [apply(ITEMS[0], "plain")], Sampling())
    assert proxy.asked[1] - proxy.asked[0] >= 1.5


@pytest.fixture
def interruptible():
    """Whatever starts the tests in the background may have told them to ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_keeps_what_was_answered(interruptible, serving, checkpoint, tmp_path):
    proxy = Proxy(serving, [None] * 5 + ["slow"] * 4)
    model = asked(proxy, checkpoint, timeout=30)

    def interrupt():
        while len(proxy.asked) < 8:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises((KeyboardInterrupt, CompanionError)):
        evaluate(model, ITEMS, ["plain"], Store(tmp_path), progress=False)
    stored = len(Store(tmp_path).read())
    assert stored >= 5
    before = len(proxy.asked)
    evaluate(asked(proxy, checkpoint, timeout=30), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert len(proxy.asked) - before == 12 - stored
    assert len(Store(tmp_path).read()) == 12


def test_a_server_that_refuses_or_is_gone(checkpoint, serving, tmp_path, monkeypatch):
    nowhere = Endpoint(f"http://127.0.0.1:{free_port()}/v1", "m", retries=1)
    with pytest.raises(CompanionError, match="answered none of 12 requests"):
        evaluate(EndpointModel(nowhere), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert nowhere.account.unsure == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")
    unknown = Endpoint(f"{serving}/v1", "no/such-model")
    with pytest.raises(CompanionError, match=r"no/such-model gave no answer to any of 12 prompts: HTTP 500: ") as error:
        evaluate(EndpointModel(unknown), ITEMS, ["plain"], Store(tmp_path), progress=False)
    assert "sk-not" not in str(error.value)
    with pytest.raises(CompanionError, match=r"refuses.*continue_final_message"):
        responses(asked(Proxy(serving), checkpoint, delivery="prefill"), [apply(ITEMS[0], "wrong-think")], Sampling())


def test_an_option_that_a_server_refuses_goes_by_its_newer_name(serving, checkpoint):
    proxy = Proxy(serving, ["max_tokens"] * 3)
    model = asked(proxy, checkpoint)
    found = responses(model, [apply(item, "plain") for item in ITEMS[:2]], Sampling(max_new_tokens=4))
    assert [(response.tokens, response.finish) for response in found] == [(4, "length")] * 2


def test_probabilities_that_a_server_does_not_give_away_are_not_asked_for_again(serving, checkpoint):
    proxy = Proxy(serving, ["logprobs"] * 2)
    model = asked(proxy, checkpoint, at_once=1)
    found = responses(model, [apply(item, "plain") for item in ITEMS[:2]], Sampling(max_new_tokens=4))
    assert [response.tokens for response in found] == [4, 4]
    assert ["logprobs" in body for body in proxy.bodies] == [True, False, False]


@pytest.mark.parametrize(
    ("faults", "asked_for"),
    [
        (["top 5"], [20, 5, 5]),
        (["top 5", "top 2"], [20, 5, None, None]),  # what it says is believed once
        (["top 0"], [20, None, None]),
        (["top -"], [20, None, None]),
    ],
)
def test_a_server_that_allows_fewer_probabilities_is_asked_for_those_once(serving, checkpoint, faults, asked_for):
    proxy = Proxy(serving, faults)
    found = responses(
        asked(proxy, checkpoint, at_once=1), [apply(item, "plain") for item in ITEMS[:2]], Sampling(max_new_tokens=4)
    )
    assert [response.tokens for response in found] == [4, 4]
    assert [body.get("top_logprobs") for body in proxy.bodies] == asked_for
    assert [body.get("logprobs") for body in proxy.bodies] == [top and True for top in asked_for]


@pytest.mark.parametrize(
    ("said", "sent", "allowed"),
    [
        ("Invalid 'top_logprobs': must be less than or equal to 5.", 20, 5),
        ("Requested sample logprobs of 20, which is greater than max allowed: 10", 20, 10),
        ("top_logprobs must be between 0 and 8", 20, 8),
        ('{"loc": ["body", "top_logprobs"], "msg": "Input should be less than or equal to 5", "le": 5}', 20, 5),
        ("top_logprobs is not supported with the model gpt-5 or o3-2.5", 20, None),
        ("top_logprobs: 0 is all that there is", 20, None),
        ("logprobs of 20 tokens", 0, None),
    ],
)
def test_how_many_a_server_allows(said, sent, allowed):
    taken = TakenOptions()

    def refused(top):
        return taken.refused_in(said, {"logprobs": True, "top_logprobs": top}, OPTIONAL)

    assert refused(sent) == (LOGPROBS if allowed is None else set())
    assert taken.top == allowed
    if allowed:
        assert refused(sent) == set()  # of requests that were under way
        assert refused(allowed) == LOGPROBS


def test_a_reasoning_effort_is_sent_and_makes_another_model(serving, checkpoint):
    proxy, prompts, sampling = Proxy(serving), [apply(ITEMS[0], "plain")], Sampling(max_new_tokens=4)
    endpoint = Endpoint(proxy.url, str(checkpoint))
    plain, low, high = (EndpointModel(endpoint, "microworld", effort=effort) for effort in (None, "low", "high"))
    for model in (plain, low):
        responses(model, prompts, sampling)
    assert [body.get("reasoning_effort") for body in proxy.bodies] == [None, "low"]
    assert (plain.label, plain.identity) == (endpoint.label, endpoint.identity)
    assert low.label == f"{checkpoint} (low effort)"
    keys = {engine._plan(model, prompts, sampling)[0][0][0] for model in (plain, low, high)}
    assert len(keys) == 3
    with pytest.raises(CompanionError, match="unknown reasoning effort 'most'; choose from low, medium, high"):
        EndpointModel(endpoint, effort="most")
    with pytest.raises(CompanionError, match="for models behind a server; 'checkpoints/base' is none: leave it out"):
        open_model("checkpoints/base", server=ServerSettings(effort="low"))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}, (7, 5)),
        ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}, (20, 603)),  # hidden in the total
        ({"prompt_tokens": 7, "completion_tokens": 5}, (7, 5)),
        (None, (0, 0)),
    ],
)
def test_hidden_reasoning_is_written_and_paid(usage, expected):
    assert tokens(SimpleNamespace(usage=usage and SimpleNamespace(**usage))) == expected


def test_system_prompt_limits_and_sampling_of_a_profile_reach_the_server(serving, checkpoint):
    proxy, prompts = Proxy(serving), [apply(ITEMS[0], "plain")]
    model = asked(proxy, checkpoint)
    width, height = prompts[0].load_image().size
    for changes, sampling, size in (
        ({}, Sampling(), (width, height)),
        ({"temperature": 0.6, "top_p": 0.95}, Sampling(), (width, height)),
        ({"system": "Look twice.", "longest_side": width // 2}, Sampling(0.7), (width // 2, height // 2)),
        ({"pixels": (4 * width * height, 9 * width * height)}, Sampling(0.7, top_p=0.5), (2 * width, 2 * height)),
    ):
        model.profile = replace(get_profile("microworld"), **changes)
        responses(model, prompts, replace(sampling, max_new_tokens=4))
        body, expected = proxy.bodies[-1], sampling.of(model.profile)
        assert body["temperature"] == expected.temperature
        assert body.get("top_p", 1.0) == expected.top_p
        *system, turn = body["messages"]
        assert [one["content"] for one in system] == (
            [[{"type": "text", "text": "Look twice."}]] if "system" in changes else []
        )
        packed = base64.b64decode(turn["content"][0]["image_url"]["url"].split(",")[1])
        assert Image.open(io.BytesIO(packed)).size == size


@pytest.mark.parametrize(
    ("profile", "delivery", "form"),
    [
        ("generic", "user turn", f"{{text}}\n{WORDS}\n{{start}}"),
        ("generic", "prefill", "{text}"),
        ("microworld", "user turn", "{start}\n{text}"),
        ("microworld", "prefill", "{text}"),
    ],
)
def test_how_a_start_is_delivered(profile, delivery, form):
    model = EndpointModel(Endpoint("http://localhost:1/v1", "m"), profile, delivery)
    for perturbation in ("wrong-think", "wrong-caption"):
        prompt = apply(ITEMS[0], perturbation)
        turns = model._turns(prompt, *model._packed([prompt]))
        picture, words = turns[0]["content"]
        text = f"{prompt.text}\n{model.profile.instruction}"
        assert picture["image_url"]["url"].startswith("data:image/png;base64,")
        assert words["text"] == (form.format(text=text, start=prompt.prefill) if prompt.prefill else text)
        assert [turn["content"] for turn in turns[1:]] == ([prompt.prefill] if delivery == "prefill" else [])


def test_another_way_to_put_a_start_into_the_user_turn_is_another_row():
    """Where it is prefilled, the profile's way is not used, and rows keep their keys."""
    prompts = [apply(ITEMS[0], "wrong-think")]
    for delivery, keys in (("user turn", 2), ("prefill", 1)):
        model = EndpointModel(Endpoint("http://localhost:1/v1", "m"), "microworld", delivery)
        found = set()
        for begin in (BEGIN, model.profile.begin):
            model.profile = replace(model.profile, begin=begin)
            found |= {key for key, _ in engine._plan(model, prompts, Sampling(), progress=False)[0]}
        assert len(found) == keys


def step(token, top=None):
    others = [SimpleNamespace(token=other, logprob=math.log(p)) for other, p in (top or {}).items()]
    own = next((other.logprob for other in others if other.token == token), 0.0)
    return SimpleNamespace(token=token, bytes=list(token.encode()), logprob=own, top_logprobs=others)


def told(steps, content=None):
    """The response of a model behind a server that tells these steps. content: where it is not that of all."""
    content = "".join(step.token for step in steps) if content is None else content
    choice = SimpleNamespace(
        message=SimpleNamespace(content=content), logprobs=SimpleNamespace(content=steps), finish_reason="stop"
    )
    answer = SimpleNamespace(choices=[choice], usage=SimpleNamespace(completion_tokens=5))
    return EndpointModel(Endpoint("http://localhost:1/v1", "m"))._response(apply(ITEMS[0], "plain"), answer)


def test_letter_probabilities_of_a_server_that_tells_them():
    letter = step("B", {"B": 0.5, " B": 0.1, "A": 0.2, "x": 0.1, "y": 1e-4})
    found = told([step("<think>"), step("The B is é"), step("</think><answer>"), letter, step("</answer>")])
    assert found.answer == 1
    assert found.letter_mass == pytest.approx(0.8)
    assert found.letter_probs[:2] == pytest.approx((0.25, 0.75))
    assert not any(found.letter_probs[2:])


LETTER = step("B", {"B": 0.6, "A": 0.4})
WRONG = step("A", {"A": 1.0})
TAGGED = [step("<answer"), step(">"), LETTER, step("</answer>")]


@pytest.mark.parametrize(
    ("steps", "content", "probs"),
    [
        (TAGGED, None, (0.4, 0.6)),
        ([step("\n\n"), *TAGGED], "<answer>B</answer>", (0.4, 0.6)),
        ([step("A or B? <answer>"), WRONG, step("</answer>"), *TAGGED], "<answer>B</answer>", (0.4, 0.6)),
        ([*TAGGED, step("\n"), step("<|im_end|>")], "<answer>B</answer>", (0.4, 0.6)),
        ([step("<answer"), step(">B", {">B": 0.6, ">A": 0.4}), step("</answer>")], None, (0.4, 0.6)),
        ([step("<answer>"), WRONG, step("</answer>")], "<answer>B</answer>", None),  # another text
        ([step("<answer>"), step("B or so")], "<answer>B", None),  # the token goes on
        ([step("<answer>"), step("B"), step("</answer>")], None, (0.0, 1.0)),  # it had no other choice
        ([step("<answer>"), step("B", {"B": 0.6}), step("</answer>")], None, None),  # what others had was not told
        ([step("<answer>"), step("B", {"B": 0.6, "x": 0.2, "y": 0.1}), step("</answer>")], None, None),
        ([step("<answer>"), step("B", {"B": 0.9, "x": 0.09, "y": 0.001}), step("</answer>")], None, (0.0, 1.0)),
        ([], "<answer>B</answer>", None),
    ],
)
def test_probabilities_are_read_at_the_step_that_wrote_the_letter_or_not_at_all(steps, content, probs):
    found = told(steps, content)
    assert found.answer == 1
    assert (found.letter_probs is None, found.letter_mass is None) == (probs is None, probs is None)
    if probs:
        assert found.letter_probs[:2] == pytest.approx(probs)


def test_an_account_among_threads():
    account = Account(1.0)
    taken = []

    def take():
        for _ in range(50):
            try:
                account.set_aside(0.01)
                taken.append(0.01)
            except OverBudgetError:
                return

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) in (99, 100)
    account.settle(0.01, 0.005, 5_000)
    account.settle(0.01, lost=True)
    assert (account.spent, account.unsure) == pytest.approx((0.005, 0.01))


def test_from_the_command_line(serving, checkpoint, tmp_path, capsys, monkeypatch):
    proxy = Proxy(serving)
    command = [
        "evaluate",
        "--model",
        f"{proxy.url}#{checkpoint}",
        "--profile",
        "microworld",
        "--perturbations",
        "plain",
    ]
    command += ["--limit", "6", "--out", str(tmp_path), "--price", "2,8", "--budget"]
    assert main([*command, "0.005"]) == 2
    said = capsys.readouterr()
    assert "6 requests, about" in said.out
    assert "no more than" in said.err
    assert main([*command, "1"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert len(proxy.done) == 6
    assert main(["evaluate", "--model", "http://localhost:1/v1#m", "--budget", "1"]) == 2
    assert "a budget needs a price" in capsys.readouterr().err
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(CompanionError, match="put it into the environment variable OPENAI_API_KEY"):
        open_model("openai:o3")
