"""What vLLM's and llama.cpp's own servers do, as they were recorded, played by a scripted one on this machine."""

import json
import math
import threading
import time
from collections import Counter

import pytest
from faulty_server import Proxy, completion
from test_refusals import item, served, words

from companion.cli import main
from companion.errors import CompanionError, Refusal
from companion.evaluation.engine import UnansweredError, evaluate
from companion.evaluation.judges.llm_judge import LLMJudge
from companion.evaluation.judges.verdicts import Case
from companion.evaluation.store import Store
from companion.evaluation.write_claims import form, instruct, objection
from companion.models import openai_client as endpoints
from companion.models.interface import Sampling
from companion.models.openai_client import Endpoint
from companion.models.server import EndpointModel
from companion.models.server_refusals import is_too_long, room_for
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions

SAID = '{"quote": "so", "concludes": "A"}'


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(endpoints, "PAUSE", 0.01)


def context(length, body, prompt):
    """How vLLM 0.2x refuses a request that its context has no room for; None where it has."""
    if body["max_tokens"] > length:
        told = f"max_tokens={body['max_tokens']} cannot be greater than max_model_len=max_total_tokens={length}."
    elif body["max_tokens"] + prompt > length:
        told = (
            f"This model's maximum context length is {length} tokens. However, you requested {body['max_tokens']} "
            f"output tokens and your prompt contains at least {length - body['max_tokens'] + 1} input tokens, for a "
            f"total of at least {length + 1} tokens. Please reduce the length of the input prompt."
        )
    else:
        return None
    return 400, {"error": {"message": told, "type": "BadRequestError", "param": None, "code": 400}}


LLAMA_FULL = {
    "code": 400,
    "message": "request (2061 tokens) exceeds the available context size (2048 tokens), try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 2061,
    "n_ctx": 2048,
}


@pytest.mark.parametrize(
    ("said", "most", "fits"),
    [
        ("max_tokens=4096 cannot be greater than max_model_len=max_total_tokens=2048. Please", 4096, 1024),
        (
            "This model's maximum context length is 2048 tokens. However, you requested 4196 tokens (100 in the "
            "messages, 4096 in the completion). Please reduce the length of the messages or completion.",
            4096,
            1948,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 2048 "
            "tokens and your request has 31 input tokens (4096 > 2048 - 31).",
            4096,
            2017,
        ),
        (
            "This model's maximum context length is 2048 tokens. However, you requested 2048 output tokens and your "
            "prompt contains at least 1 input tokens, for a total of at least 2049 tokens.",
            2048,
            1024,
        ),
        (
            "This model's maximum context length is 2048 tokens. However, you requested 1948 output tokens and your "
            "prompt contains 200 input tokens, for a total of 2148 tokens.",
            1948,
            1848,
        ),
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of "
            "4200 tokens: 104 tokens from the input messages and 4096 tokens for the completion.",
            4096,
            3992,
        ),
        ("max_tokens is too large: 100000. This model supports at most 16384 completion tokens", 100000, 16384),
        ("max_tokens: 9000 > 8192, which is the maximum allowed number of output tokens for the model", 9000, 8192),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 9000, 8192),
        ("The decoder prompt (length 3000) is longer than the maximum model length of 2048.", 512, -952),
        (json.dumps(LLAMA_FULL), 512, -13),
        ("the context length is exceeded", 512, 256),
    ],
)
def test_what_still_fits(said, most, fits):
    assert is_too_long(said)
    assert room_for(said, most) == fits


@pytest.mark.parametrize(
    "said",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "top_logprobs must be less than or equal to 5",
        "The response was filtered",
        "Invalid value for max_tokens",
    ],
)
def test_what_is_no_refusal_for_length(said):
    assert not is_too_long(said)


def test_where_there_is_no_room_a_judge_is_asked_for_less_and_an_item_without_any_is_named(capsys):
    def own(body):
        if "number 3?" in words(body):
            return 400, {"error": LLAMA_FULL}
        return context(700, body, 100) or (200, completion(SAID))

    proxy = Proxy(own=own)
    endpoint = Endpoint(proxy.url, "m", at_once=1, max_new_tokens=4096)
    found = LLMJudge(endpoint).judge([Case(one, "", one.options, "So.", 0) for one in map(item, range(6))])
    assert [isinstance(one, Refusal) for one in found] == [k == 3 for k in range(6)]
    assert "exceeds the available context size (2048 tokens), try increasing it; too long to be answered" in (
        found[3].reason
    )
    assert [body["max_tokens"] for body in proxy.bodies[:4]] == [4096, 350, 4096, 350]
    told = capsys.readouterr().err
    assert told == (
        "too long for m (HTTP 400: max_tokens=4096 cannot be greater than max_model_len=max_total_tokens=700.); as "
        "many tokens are asked for as there is room\n"
    )


def test_a_model_under_evaluation_is_asked_as_its_row_says_or_not_at_all(tmp_path):
    proxy, model = served(lambda body: context(700, body, 100))
    with pytest.raises(
        UnansweredError, match=r"any of 3 prompts: HTTP 400: max_tokens=1024 .*; give fewer --max-new-t"
    ):
        evaluate(model, [item(k) for k in range(3)], ["plain"], Store(tmp_path), progress=False)
    assert len(proxy.asked) == 3


def looping(late, loops):
    """A server whose model never ends on some prompts."""

    def own(body):
        if loops(words(body)):
            time.sleep(late)
        return 200, completion(SAID)

    return Proxy(own=own)


@pytest.mark.slow  # it waits
def test_a_reply_that_never_ends_is_asked_for_twice_and_costs_no_other(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "part": "p",
            "style": "s",
            "question": f"Number {k}?",
            "options": ["yes", "no"],
            "think": "So yes.",
            "answer": "A",
            "concludes": "A",
        }
        for k in range(12)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    proxy = looping(1.6, lambda text: "Number 7?" in text)
    command = ["judge", "pairs.jsonl", "--judge", "llm", "--endpoint", proxy.url, "--endpoint-model", "m"]
    assert main([*command, "--timeout", "1"]) == 2
    told = capsys.readouterr()
    assert "gave no verdict on 1 of 12 pairs; the others are kept" in told.err
    assert "line 8: no answer within 1 s, 2 times; give it longer with --timeout, or less to write with" in told.err
    assert " 11\n" in told.out
    assert Counter("Number 7?" in words(body) for body in proxy.bodies) == {True: 2, False: 11}
    assert main([*command, "--timeout", "60"]) == 0
    assert len(proxy.bodies) == 14


@pytest.mark.slow  # it waits
def test_a_server_that_answers_nothing_in_time_is_given_up():
    proxy = looping(2, lambda _: True)
    endpoint = Endpoint(proxy.url, "m", timeout=0.2, at_once=4)
    judge = LLMJudge(endpoint)

    def judge_all():
        for first in range(0, 80, 8):
            judge.judge([Case(one, "", one.options, "So.", 0) for one in map(item, range(first, first + 8))])

    with pytest.raises(CompanionError, match=r"16 requests to .* no answer within 0.2 s; see whether it runs, give it"):
        judge_all()
    assert len(proxy.bodies) <= 2 * 24


@pytest.mark.slow  # it waits
def test_a_server_that_answers_in_between_is_not_given_up(monkeypatch):
    monkeypatch.setattr(endpoints, "SILENT", 3)
    proxy = looping(1, lambda text: int(text) % 2)
    found = Endpoint(proxy.url, "m", timeout=0.3, at_once=1).write([str(k) for k in range(8)])
    assert [isinstance(one, Refusal) for one in found] == [False, True] * 4


@pytest.mark.parametrize(
    "reasoning",
    [
        lambda: completion(None, "length", reasoning_content="Hm, so"),
        lambda: completion("<think>Hm, so", "length"),
        lambda: completion("", "length"),
        lambda: (
            completion("So", "length") | {"usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 520}}
        ),
    ],
)
def test_a_model_that_reasons_has_more_room_from_the_first_reply_on_that_shows_it(reasoning):
    proxy = Proxy(own=lambda body: (200, reasoning() if body["max_tokens"] < 4096 else completion("Well.")))
    endpoint = Endpoint(proxy.url, "m", at_once=1)
    assert endpoint.write(["One?", "Two?"]) == ["Well."] * 2
    assert [body["max_tokens"] for body in proxy.bodies] == [512, 4096, 4096]
    few = Endpoint(proxy.url, "m", max_new_tokens=100)
    assert few.write(["One?"]) != ["Well."]
    assert (proxy.bodies[-1]["max_tokens"], len(proxy.bodies)) == (100, 4)
    assert (endpoint.identity, few.identity) == (f"m@{proxy.url}", f"m@{proxy.url}?max_new_tokens=100")


def test_a_model_that_does_not_reason_but_goes_on_and_on_is_cut():
    proxy = Proxy(own=lambda _: (200, completion("and on " * 512, "length")))
    (reply,) = Endpoint(proxy.url, "m").write(["One?"])
    assert reply.startswith("and on and on")
    assert [body["max_tokens"] for body in proxy.bodies] == [512]


def test_more_room_than_the_context_has_leaves_the_reply_that_was_cut():
    proxy = Proxy(own=lambda body: context(600, body, 50) or (200, completion("<think>Hm", "length")))
    assert Endpoint(proxy.url, "m", at_once=1).write(["One?"]) == ["<think>Hm"]
    assert [body["max_tokens"] for body in proxy.bodies] == [512, 4096]


def test_a_reply_in_another_form_is_asked_for_again_in_the_form_that_is_wanted(capsys):
    """What a small model needs, and keeps none from thinking aloud: the first reply is free."""
    proxy = Proxy(own=lambda body: (200, completion(SAID if "response_format" in body else "Let me see: yes.")))
    one = item(0)
    (verdict,) = LLMJudge(Endpoint(proxy.url, "m")).judge([Case(one, "", one.options, "So.", 0)])
    assert verdict.verdict == "agree"
    schema = proxy.bodies[1]["response_format"]["json_schema"]["schema"]
    assert ["response_format" in body for body in proxy.bodies] == [False, True]
    assert schema["properties"]["concludes"]["enum"] == ["A", "B", "none"]
    assert capsys.readouterr().err == ""
    held = form(2)["properties"]["sentences"]
    assert (held["minItems"], held["maxItems"]) == (2, 2)
    assert not objection(json.dumps({"sentences": ["It is so: yes.", "It is not so: no."]}), item(0, text="Which?"))
    assert instruct(one)


def test_a_server_that_tells_no_probabilities_is_asked_without_and_it_is_said_once(tmp_path, capsys):
    refusal = "You are not allowed to request logprobs from this model"

    def own(body):
        return (403, {"error": {"message": refusal}}) if "logprobs" in body else (200, completion())

    model = EndpointModel(Endpoint(Proxy(own=own).url, "m"), "microworld")
    evaluate(model, questions("test", 6), ["plain"], Store(tmp_path), progress=False)
    said = f"m is asked without logprobs, which it refuses (HTTP 403: {refusal}); its rows have no probabilities\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "refusal",
    [
        "This response_format type is unavailable now",
        "This model does not support response format `json_schema`",
        "Unable to generate parser for this template. JSON schema error at #: unrecognized type",
    ],
)
def test_a_server_that_can_hold_its_model_to_no_form_is_asked_without_and_says_so(refusal, capsys):
    def own(body):
        if "response_format" in body:
            return 400, {"error": {"message": refusal}}
        return 200, completion("Well." if body["temperature"] == 0 else SAID)

    proxy = Proxy(own=own)
    judge = LLMJudge(Endpoint(proxy.url, "m", at_once=1))
    for k in range(2):
        (verdict,) = judge.judge([Case(item(k), "", ("yes", "no"), "So.", 0)])
        assert verdict.verdict == "agree"
    assert ["response_format" in body for body in proxy.bodies] == [False, True, False, False, False]
    assert capsys.readouterr().err == f"m is asked without response_format, which it refuses (HTTP 400: {refusal})\n"


def llama(prefill, *written, finish="stop"):
    """An answer of llama.cpp's server: the prefill in the content, logprobs of what it wrote alone, the end of the turn
    among them and counted. written: tokens, or (token, probabilities of others)."""
    steps = []
    for one in (*written, ("", {"": 1.0})):
        token, probs = one if isinstance(one, tuple) else (one, {one: 1.0})
        others = [{"id": 1, "token": t, "bytes": list(t.encode()), "logprob": math.log(p)} for t, p in probs.items()]
        own = next(other["logprob"] for other in others if other["token"] == token)
        steps.append({"id": 1, "token": token, "bytes": list(token.encode()), "logprob": own, "top_logprobs": others})
    told = completion(prefill + "".join(one if isinstance(one, str) else one[0] for one in written), finish)
    told["choices"][0]["logprobs"] = {"content": steps}
    told["usage"] = {"prompt_tokens": 72, "completion_tokens": len(steps), "total_tokens": 72 + len(steps)}
    return told


@pytest.mark.parametrize("perturbation", ["wrong-think", "stop-think"])
def test_a_prefill_that_llama_cpp_tells_again_is_no_part_of_what_was_written(tmp_path, perturbation):
    letter = ("B", {"B": 0.6, "A": 0.4})
    start = apply(item(0), perturbation).prefill
    rest = [] if start.endswith("</think>") else [" So", "</think>"]
    answer = llama(start, *rest, "<answer>", letter, "</", "answer", ">")
    proxy = Proxy(own=lambda _: (200, answer))
    model = EndpointModel(Endpoint(proxy.url, "m"), "generic", "prefill")
    (row,) = evaluate(model, [item(0)], [perturbation], Store(tmp_path), progress=False).to_dict("records")
    assert proxy.bodies[0]["messages"][-1] == {"role": "assistant", "content": start}
    assert row["response"] == "".join(rest) + "<answer>B</answer>"
    assert row["think"] == ("" if not rest else start.removeprefix("<think>") + " So")
    assert list(row["letter_probs"]) == pytest.approx([0.4, 0.6])
    assert row["tokens"] == len(rest) + 5  # without the end of the turn


def test_a_start_that_the_model_itself_repeats_stays():
    prompt = apply(item(0), "wrong-think")
    answer = llama("", prompt.prefill, "</think>", "<answer>", "B", "</answer>")
    proxy = Proxy(own=lambda _: (200, answer))
    model = EndpointModel(Endpoint(proxy.url, "m"), "generic", "prefill")
    ((_, response),) = model.generate([prompt], Sampling())
    assert response.text == f"{prompt.prefill}</think><answer>B</answer>"


@pytest.mark.parametrize(("finish", "tokens"), [("stop", 4), ("length", 5)])
def test_the_end_of_the_turn_is_not_counted(tmp_path, finish, tokens):
    proxy = Proxy(own=lambda _: (200, completion(finish=finish)))
    model = EndpointModel(Endpoint(proxy.url, "m"), "generic")
    (row,) = evaluate(model, [item(0)], ["plain"], Store(tmp_path), progress=False).to_dict("records")
    assert row["tokens"] == tokens


BLIND = {"code": 500, "message": "image input is not supported - hint: you may need to provide the mmproj"}


@pytest.mark.parametrize(("n", "said"), [(20, "no answer to any of 20 prompts"), (200, "32 items one after another")])
def test_a_server_that_fails_at_every_picture_is_told_in_one_sentence_after_few_requests(tmp_path, n, said):
    proxy = Proxy(own=lambda _: (500, {"error": BLIND}))
    model = EndpointModel(Endpoint(proxy.url, "m", at_once=4), "generic")
    with pytest.raises(CompanionError, match=f"{said}.*HTTP 500: image input is not supported") as error:
        evaluate(model, [item(k) for k in range(n)], ["plain"], Store(tmp_path), progress=False)
    assert "\n" not in str(error.value)
    assert len(proxy.asked) == 3 * n if n < 32 else len(proxy.asked) <= 3 * 48


def test_one_item_at_which_a_server_fails_at_first_stops_none_that_come_later(tmp_path):
    """It never answered before, so that it is given up early, but asked again in the end."""
    lock, left = threading.Lock(), [3]

    def own(body):
        with lock:
            left[0] -= "number 0?" in words(body)
        return (500, {"error": BLIND}) if "number 0?" in words(body) and left[0] >= 0 else (200, completion())

    proxy = Proxy(own=own)
    model = EndpointModel(Endpoint(proxy.url, "m", at_once=1), "generic")
    assert len(evaluate(model, [item(k) for k in range(6)], ["plain"], Store(tmp_path), progress=False)) == 6
    assert len(proxy.asked) == 9
