"""One item that a model does not take, and answers in forms of all kinds: nothing paid for is lost, the rest is done.

The server is a scripted one, on this machine.
"""

import base64
import email.utils
import io
import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from faulty_server import Proxy, completion
from PIL import Image, ImageChops
from test_engine import Scripted

from companion.cli import main
from companion.errors import CompanionError, PictureError, Refusal
from companion.evaluation import engine, fill_missing
from companion.evaluation.engine import UnansweredError, evaluate, judge, missing_prompts
from companion.evaluation.judges.llm_judge import LLMJudge
from companion.evaluation.judges.rule_judge import Rule
from companion.evaluation.store import CLAIMS, VERDICTS, Store
from companion.evaluation.write_claims import rewrite
from companion.models import openai_client as endpoints
from companion.models.interface import Sampling
from companion.models.local import LocalModel
from companion.models.openai_client import Endpoint
from companion.models.server import EndpointModel, pack
from companion.models.server_refusals import wait_of
from companion.models.server_replies import content_and_reasoning
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.questions.question import Question


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(endpoints, "PAUSE", 0.01)


def item(k, **changes):
    image = Image.new("RGB", (8, 8), (k % 256, 0, 0))
    told = {
        "id": f"q{k}",
        "text": f"Is it number {k}?",
        "options": ("yes", "no"),
        "answer": k % 2,
        "claims": (f"It is number {k}.", f"It is not number {k}."),
        "load_image": lambda: image,
        "source": "numbers",
    }
    return Question(**told | changes)


def served(own, at_once=4, **options):
    proxy = Proxy(own=own)
    return proxy, EndpointModel(Endpoint(proxy.url, "m", at_once=at_once, retries=1, **options), "generic")


def words(body):
    """What is asked, whether in parts or as a text."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


REFUSALS = [
    (400, "The response was filtered due to the prompt triggering content management policy"),
    (400, "This model's maximum context length is 4096 tokens. However, you requested 5120 tokens"),
    (403, "Your input was flagged"),
    (413, "Request entity too large"),
    (422, "absolute aspect ratio must be smaller than 200, got 250.0"),
]


@pytest.mark.parametrize(("status", "message"), REFUSALS)
def test_one_refused_item_is_named_and_all_others_are_answered(tmp_path, status, message):
    def own(body):
        if "number 5?" in words(body):
            return status, {"error": {"message": message}}
        return 200, completion()

    items = [item(k) for k in range(40)]
    proxy, model = served(own)
    with pytest.raises(UnansweredError) as error:
        evaluate(model, items, ["plain", "wrong-caption"], Store(tmp_path), progress=False)
    assert "m gave no answer to 2 of 80 prompts" in str(error.value)
    assert f"q5 (plain, wrong-caption): HTTP {status}: {message}" in str(error.value)
    assert len(error.value.found) == len(Store(tmp_path).read()) == 78
    assert len(proxy.asked) == 80  # the refused ones once
    assert set(proxy.done.values()) == {1}
    with pytest.raises(UnansweredError, match="q5"):
        evaluate(model, items, ["plain", "wrong-caption"], Store(tmp_path), progress=False)
    assert len(proxy.asked) == 82


@pytest.mark.slow
def test_one_among_two_hundred_from_the_command_line(tmp_path, capsys):
    bad = questions("test", 200)[150]
    picture = EndpointModel(Endpoint("http://localhost:1/v1", "m"), "microworld")._packed([apply(bad, "plain")])[0]

    def own(body):
        if body["messages"][-1]["content"][0]["image_url"]["url"] == picture:
            return 400, {"error": {"message": "content_filter"}}
        return 200, completion()

    proxy = Proxy(own=own)
    command = [
        "evaluate",
        "--model",
        f"{proxy.url}#m",
        "--perturbations",
        "plain",
        "--limit",
        "200",
        "--out",
        str(tmp_path),
    ]
    assert main(command) == 2
    told = capsys.readouterr()
    assert "gave no answer to 1 of 200 prompts; the others are stored, and the same command asks for these alone:" in (
        told.err
    )
    assert told.err.endswith(f"\n  {bad.id} (plain): HTTP 400: content_filter\n")
    assert "n 199" in told.out
    assert len(Store(tmp_path).read()) == 199
    assert len(proxy.asked) == 200
    assert main(command) == 2
    assert len(proxy.asked) == 201


def test_answers_that_came_before_by_this_url_and_name_are_counted(tmp_path, capsys):
    """Whatever is served there now; under another name it is asked."""
    proxy = Proxy(own=lambda _: (200, completion()))

    def told(name, limit):
        command = ["evaluate", "--model", f"{proxy.url}#{name}", "--perturbations", "plain", "--limit", str(limit)]
        assert main([*command, "--out", str(tmp_path)]) == 0
        return [line for line in capsys.readouterr().err.splitlines() if "answered before" in line]

    assert told("m", 2) == []
    assert told("m", 3) == [
        "m on microworld: 2 of 3 prompts were answered before by this URL and name, and are not asked again; if that "
        "is another model now, give another --out or name"
    ]
    assert told("other", 3) == []
    assert len(proxy.asked) == 6


@pytest.mark.parametrize(
    ("fault", "times", "said"),
    [
        ("drop", 1, ["does not answer; each request is made up to 6 times, ever later"]),
        ("500", 2, ["wants time (HTTP 500: busy); each request is made up to 6 times, ever later"]),
        ("drop", 0, []),
    ],
)
def test_a_server_that_is_waited_for_is_told_once(monkeypatch, capsys, fault, times, said):
    monkeypatch.setattr(endpoints, "LONG_PAUSE", 0.0)
    fails = iter([True] * times)
    proxy = Proxy(script=[fault] * times, own=lambda _: None if next(fails, False) else (200, completion()))
    endpoint = Endpoint(proxy.url, "m", at_once=1)
    assert endpoint.write(["a", "b"]) == ["<answer>A</answer>"] * 2
    assert capsys.readouterr().err.splitlines() == [f"the server {proxy.url} {line}" for line in said]


def test_a_refused_item_keeps_no_other_model_or_benchmark_or_sample_from_being_asked(tmp_path, capsys):
    proxy = Proxy(own=lambda body: (200, completion()) if body["model"] == "b" else (413, {"error": {"message": "!"}}))
    command = ["evaluate", "--model", f"{proxy.url}#a,{proxy.url}#b", "--perturbations", "plain", "--limit", "3"]
    assert main([*command, "--temperature", "1", "--samples", "2", "--out", str(tmp_path)]) == 2
    assert len(Store(tmp_path).read()) == 6
    assert "a gave no answer to any of 3 prompts: HTTP 413: !; mend that first\n" in capsys.readouterr().err


def test_an_item_at_which_the_server_fails_each_time_stops_nobody_either(tmp_path):
    """A failing server is asked again, and only then left alone."""
    proxy, model = served(
        lambda body: (
            (500, {"error": {"message": "EngineCore: bad picture"}})
            if "number 2?" in words(body)
            else (200, completion())
        ),
        at_once=1,
    )
    perturbations = ["plain", "wrong-caption", "right-caption", "abstain"]  # as many as one batch of this model
    with pytest.raises(UnansweredError, match=r"q2 \(plain, wrong-caption.*HTTP 500: EngineCore: bad picture"):
        evaluate(model, [item(k) for k in range(6)], perturbations, Store(tmp_path), progress=False)
    assert len(Store(tmp_path).read()) == 20
    assert set(proxy.done.values()) == {1}


@pytest.mark.parametrize(
    ("status", "error", "what"),
    [
        (401, {"message": "no such key"}, "check the key OPENAI_API_KEY"),
        (404, {"message": "no such model"}, "check the URL and the model's name 'm'"),
        (402, {"message": "Insufficient credits"}, "nothing is left to pay with"),
        (429, {"message": "You exceeded your quota", "code": "insufficient_quota"}, "nothing is left to pay with"),
    ],
)
def test_what_is_wrong_with_all_stops_at_once(tmp_path, status, error, what):
    proxy, model = served(lambda _: (status, {"error": error}), at_once=1)
    with pytest.raises(CompanionError, match=rf"refuses \(HTTP {status}: {error['message']}\); {what}"):
        evaluate(model, [item(k) for k in range(40)], ["plain"], Store(tmp_path), progress=False)
    assert len(proxy.asked) == 1


def test_where_all_get_the_same_no_more_are_asked_but_never_for_the_perturbations_of_one(tmp_path):
    def own(body):
        return 400, {"error": {"message": f"temperature 0 is refused (request {time.monotonic_ns()})"}}

    proxy, model = served(own)
    with pytest.raises(CompanionError, match=r"32 items one after another .* temperature 0 is refused"):
        evaluate(model, [item(k) for k in range(200)], ["plain"], Store(tmp_path), progress=False)
    assert len(proxy.asked) <= 48

    def first(body):  # what is wrong with the first forty is not wrong with the last
        return own(body) if "number 1" not in words(body) else (200, completion())

    _, model = served(first)
    with pytest.raises(UnansweredError):
        evaluate(model, [item(k) for k in (1, *range(20, 60))], ["plain"], Store(tmp_path / "b"), progress=False)
    with pytest.raises(UnansweredError):  # some of these were answered, so that it is the items
        evaluate(model, [item(k) for k in (*range(20, 60), 1, 100)], ["plain"], Store(tmp_path / "b"), progress=False)
    assert len(Store(tmp_path / "b").read()) == 2


def test_the_judge_and_the_writer_finish_all_others_too(tmp_path):
    class Thinking(Scripted):
        def generate(self, prompts, sampling):
            for number, answer in super().generate(prompts, sampling):
                yield number, replace(answer, think=f"On {prompts[number].question.text}: yes.")

    def own(body):
        if "number 3?" in words(body):
            return 400, {"error": {"message": "flagged"}}
        return 200, completion('{"quote": "yes", "concludes": "A"}' if "Reasoning" in words(body) else "Well.")

    items = [item(k) for k in range(8)]
    rows = evaluate(Thinking(), items, ["plain"], Store(tmp_path), progress=False)
    proxy, model = served(own)
    with pytest.raises(
        UnansweredError, match=r"no verdict on 1 of 8 rows.*\n  q3 \(plain\): HTTP 400: flagged"
    ) as error:
        judge(LLMJudge(model.endpoint), rows, items, Store(tmp_path / "v", VERDICTS), progress=False)
    assert error.value.found["verdict"].isin(["agree", "disagree"]).sum() == 7
    assert len(proxy.asked) == 8
    with pytest.raises(CompanionError, match=r"no reply to 1 of 8 questions.*\n  q3: HTTP 400: flagged"):
        rewrite(model.endpoint, items, Store(tmp_path / "c", CLAIMS), progress=False)
    assert len(Store(tmp_path / "c", CLAIMS).read()) == 7


def test_an_error_in_the_place_of_an_answer_is_shown_and_asked_once(tmp_path):
    def own(body):
        if "number 1?" in words(body):
            return 200, {"error": {"message": "Provider returned error", "code": 502}}
        if "number 2?" in words(body):
            broken = completion("")
            broken["choices"][0]["error"] = {"message": "cut off by the provider"}
            return 200, broken
        return 200, completion()

    proxy, model = served(own)
    with pytest.raises(UnansweredError) as error:
        evaluate(model, [item(k) for k in range(6)], ["plain"], Store(tmp_path), progress=False)
    assert "q1 (plain): an error in the place of an answer: Provider returned error" in str(error.value)
    assert "q2 (plain): an error in the place of an answer: cut off by the provider" in str(error.value)
    assert len(proxy.asked) == 6


def answered(tmp_path, answer, delivery="user turn", perturbation="plain"):
    """The row of one prompt to which the server gives that answer."""
    proxy = Proxy(own=lambda _: (200, answer))
    model = EndpointModel(Endpoint(proxy.url, "m", retries=1), "generic", delivery)
    (row,) = evaluate(model, [item(0)], [perturbation], Store(tmp_path), progress=False).to_dict("records")
    return row


TAGGED = "<answer>B</answer>"


@pytest.mark.parametrize(
    ("answer", "response", "think", "letter", "finish"),
    [
        (completion(f"<think>Hm.</think>{TAGGED}"), f"<think>Hm.</think>{TAGGED}", "Hm.", "B", "stop"),
        (completion(TAGGED, reasoning_content="Hm."), f"<think>Hm.</think>{TAGGED}", "Hm.", "B", "stop"),
        (completion(TAGGED, reasoning="Hm."), f"<think>Hm.</think>{TAGGED}", "Hm.", "B", "stop"),
        (completion(TAGGED, reasoning=None, reasoning_content=None), TAGGED, "", "B", "stop"),
        (completion(f"<think>Hm.</think>{TAGGED}", reasoning="Hm."), f"<think>Hm.</think>{TAGGED}", "Hm.", "B", "stop"),
        (completion(None, "length", reasoning_content="Hm, so"), "<think>Hm, so", "Hm, so", None, "length"),
        (
            completion([{"type": "text", "text": "<answer>"}, {"type": "text", "text": "B</answer>"}]),
            TAGGED,
            "",
            "B",
            "stop",
        ),
        (
            completion(
                [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": TAGGED}]
            ),
            f"<think>Hm.</think>{TAGGED}",
            "Hm.",
            "B",
            "stop",
        ),
        (
            completion(None, refusal="I cannot help with that."),
            "I cannot help with that.",
            "I cannot help with that.",
            None,
            "stop",
        ),
        (completion(TAGGED, "max_tokens"), TAGGED, "", "B", "length"),
        (completion(TAGGED, "MAX_TOKENS"), TAGGED, "", "B", "length"),
        (completion(TAGGED, "content_filter"), TAGGED, "", "B", "stop"),
        (completion(f"half \ud83d of it {TAGGED}"), f"half \ufffd of it {TAGGED}", "half \ufffd of it", "B", "stop"),
    ],
)
def test_answers_in_forms_of_all_kinds(tmp_path, answer, response, think, letter, finish):
    row = answered(tmp_path, answer)
    assert (row["response"], row["think"], row["answer"], row["finish"]) == (response, think, letter, finish)
    (stored,) = Store(tmp_path).read().values()
    assert stored["response"] == response


def test_reasoning_beside_the_answer_goes_on_from_a_prefilled_start(tmp_path):
    row = answered(tmp_path, completion(TAGGED, reasoning="Hm."), "prefill", "wrong-think")
    assert row["response"] == f"Hm.</think>{TAGGED}"
    assert row["think"] == f"{row['prefill'].removeprefix('<think>')}Hm."
    row = answered(tmp_path, completion(TAGGED, reasoning="Hm."), "prefill", "stop-think")
    assert row["response"] == f"<think>Hm.</think>{TAGGED}"


def test_probabilities_are_read_at_the_answer_though_reasoning_stands_before_it():
    def step(token, **top):
        others = [SimpleNamespace(token=other, bytes=None, logprob=math.log(p)) for other, p in top.items()]
        return SimpleNamespace(token=token, bytes=None, logprob=math.log(top.get(token, 1.0)), top_logprobs=others)

    steps = [step("<answer>"), step("B", A=0.4, B=0.6), step("</answer>")]
    message = SimpleNamespace(content=TAGGED, reasoning="Hm.")
    choice = SimpleNamespace(message=message, logprobs=SimpleNamespace(content=steps), finish_reason="stop")
    answer = SimpleNamespace(choices=[choice], usage=None)
    found = EndpointModel(Endpoint("http://localhost:1/v1", "m"))._response(apply(item(0), "plain"), answer)
    assert found.letter_probs == pytest.approx((0.4, 0.6))


def test_what_a_writer_gets_is_the_content_alone():
    message = SimpleNamespace(content=[{"type": "reasoning", "text": "no"}, {"type": "text", "text": "yes"}])
    assert content_and_reasoning(message) == ("yes", "no")
    assert content_and_reasoning(SimpleNamespace(content="yes", reasoning="no")) == ("yes", "no")
    assert content_and_reasoning(SimpleNamespace(content=None, refusal="never")) == ("never", "")


NOW = email.utils.parsedate_to_datetime("Sat, 28 Nov 2026 18:00:00 GMT").timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": "Sat, 28 Nov 2026 18:00:30 GMT"}, 30),
        ({"retry-after": "Sat, 28 Nov 2026 18:00:30 GMT", "date": "Sat, 28 Nov 2026 18:00:10 GMT"}, 20),
        ({"retry-after": "Sat, 28 Nov 2026 17:59:00 GMT"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "nan"}, 0),
    ],
)
def test_when_a_server_says_to_come_again(headers, seconds, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)
    assert wait_of(headers) == seconds


@pytest.mark.slow  # it waits
def test_it_is_waited_for_until_the_date_that_a_server_names(tmp_path):
    until = email.utils.formatdate(time.time() + 2.5, usegmt=True)
    replies = iter([(429, {"error": {"message": "busy"}}, {"Retry-After": until})])
    proxy, model = served(lambda _: next(replies, (200, completion())))
    evaluate(model, [item(0)], ["plain"], Store(tmp_path), progress=False)
    assert proxy.asked[1] - proxy.asked[0] >= 1.0  # dates are in whole seconds


def test_a_judge_and_a_writer_that_take_only_temperature_1(tmp_path):
    said_so = "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is"

    def own(body):
        if body.get("temperature", 1) != 1:
            return 400, {"error": {"message": said_so, "param": "temperature"}}
        return 200, completion("Well.")

    proxy = Proxy(own=own)
    endpoint = Endpoint(proxy.url, "m", at_once=1)
    assert endpoint.write(["One?", "Two?"]) == ["Well."] * 2
    assert endpoint.write(["One?"], attempt=1) == ["Well."]
    assert ["temperature" in body for body in proxy.bodies] == [True, False, False, False]
    # A model under evaluation is asked as the row says, or not at all.
    model = EndpointModel(Endpoint(proxy.url, "m"), "generic")
    with pytest.raises(UnansweredError, match="Unsupported value: 'temperature'"):
        evaluate(model, [item(0)], ["plain"], Store(tmp_path), progress=False)


def test_a_refusal_that_names_a_word_of_the_prompt_changes_nothing_for_the_others():
    def own(body):
        if "flagged" in words(body):
            return 400, {"error": {"message": "flagged: 'What is the temperature of the seed?'"}}
        return 200, completion("Well.")

    proxy = Proxy(own=own)
    endpoint = Endpoint(proxy.url, "m", at_once=1)
    bad, good = endpoint.write(["flagged", "One?"])
    assert isinstance(bad, Refusal)
    assert good == "Well."
    assert "temperature" in proxy.bodies[-1]
    assert not endpoint.options.refused


def photograph(width, height):
    """A picture with as many shades as a photograph, and noise."""
    rng = np.random.default_rng(0)
    across, down = np.meshgrid(np.linspace(0, 6, width), np.linspace(0, 4, height))
    shades = np.stack([np.sin(across + down), np.cos(across), np.sin(down * 2)], axis=-1) * 90 + 128
    return Image.fromarray((shades + rng.normal(0, 4, (height, width, 1))).clip(0, 255).astype(np.uint8))


def unpacked(url):
    return Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")


def test_large_pictures_are_sent_as_jpeg_where_that_is_smaller_and_small_ones_as_they_are():
    photo, drawing = photograph(1200, 900), Image.new("RGB", (1200, 900), "white")
    assert pack(drawing, True).startswith("data:image/png")
    assert unpacked(pack(photo, False)).tobytes() == photo.tobytes()
    jpeg = pack(photo, True)
    assert jpeg.startswith("data:image/jpeg")
    assert len(jpeg) < 0.5 * len(pack(photo, False))
    difference = np.asarray(ImageChops.difference(unpacked(jpeg), photo), dtype=float)
    assert 10 * math.log10(255**2 / (difference**2).mean()) > 38  # dB


def test_a_picture_that_packing_may_change_is_another_row_and_others_keep_their_keys():
    model = EndpointModel(Endpoint("http://localhost:1/v1", "m"), "generic")
    small, large = item(0), item(0, load_image=lambda: photograph(1200, 900))
    assert [model.packing(apply(one, "plain")) for one in (small, large)] == ["", "JPEG 95"]
    assert model.packing(apply(large, "blank-image")) == ""
    told = []
    for one in (small, large):
        ((key, _),), _ = engine._plan(model, [apply(one, "plain")], Sampling(0.0), progress=False)
        model.packing, before = (lambda _: ""), model.packing
        ((plain, _),), _ = engine._plan(model, [apply(one, "plain")], Sampling(0.0), progress=False)
        model.packing = before
        told.append(key != plain)
    assert told == [False, True]
    # The profile says how large a picture is sent: below the limit it is not changed.
    model.profile = replace(model.profile, longest_side=400)
    assert model.packing(apply(large, "plain")) == ""
    assert unpacked(model._packed([apply(large, "plain")])[0]).size == (400, 300)


@pytest.mark.parametrize("text", ["What is <image> for?", "Is half a \ud83d there?"])
def test_a_local_model_names_an_item_that_it_cannot_take(checkpoint, tmp_path, text):
    items = questions("test", 12)
    items[0] = replace(items[0], text=text)  # the first, by which a picture is measured
    with pytest.raises(UnansweredError) as error:
        evaluate(LocalModel(str(checkpoint)), items, ["plain", "stop-think"], Store(tmp_path), progress=False)
    assert f"2 of 24 prompts; the others are stored, and the same command asks for these alone:\n  {items[0].id} (" in (
        str(error.value)
    )
    assert len(Store(tmp_path).read()) == 22


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        ("qwen", {"options": ("a pad", "<|image_pad|>")}, "its text holds '<|image_pad|>', which stands for a picture"),
        ("qwen", {"load_image": lambda: Image.new("RGB", (1, 250))}, "ValueError: .*aspect ratio"),
        ("internvl", {"text": "Is <IMG_CONTEXT> there?"}, "its text holds '<IMG_CONTEXT>', which stands for a picture"),
        ("idefics", {"text": "Is <image> there?"}, "its text holds '<image>', which stands for a picture"),
    ],
)
def test_each_family_names_an_item_that_it_cannot_take(family, changes, reason, request, tmp_path):
    """The last of its picture's prompts too, in which the text would be taken for a word."""
    items = [item(k, load_image=lambda: Image.new("RGB", (56, 56))) for k in range(6)]
    items[2] = replace(items[2], **changes)
    model = LocalModel(str(request.getfixturevalue(family)))
    model.profile = replace(model.profile, max_new_tokens=3)
    with pytest.raises(UnansweredError, match=rf"\n  q2 \(plain, wrong-caption\): {reason.replace('|', '.')}"):
        evaluate(model, items, ["plain", "wrong-caption"], Store(tmp_path), progress=False)
    assert len(Store(tmp_path).read()) == 10


def test_what_is_left_of_a_batch_after_an_item_was_refused_is_what_it_would_have_been(checkpoint, tmp_path):
    items = questions("test", 12)
    whole = evaluate(LocalModel(str(checkpoint)), items, ["plain"], Store(tmp_path / "a"), progress=False)
    model = LocalModel(str(checkpoint))
    ready = model.ready

    def fails(prompts):
        if any(prompt.question.id == items[7].id for prompt in prompts):
            raise ValueError("a picture that nobody can read")
        return ready(prompts)

    model.ready, model.picture = fails, 50
    with pytest.raises(
        UnansweredError, match=f"{items[7].id} .plain.: ValueError: a picture that nobody can read"
    ) as error:
        evaluate(model, items, ["plain"], Store(tmp_path / "b"), progress=False)
    expected = whole[whole["question"] != items[7].id]
    assert error.value.found["response"].tolist() == expected["response"].tolist()


def vanishing(k, reads):
    """An item whose picture is there so many times only."""
    left = [Image.new("RGB", (8, 8), (k, 0, 0))] * reads

    def load():
        if not left:
            raise PictureError(f"picture {k}: there is no picture")
        return left.pop()

    return item(k, load_image=load)


@pytest.mark.parametrize("reads", [0, 1, 2])
def test_a_picture_that_vanishes_before_it_is_sent_costs_its_own_item_alone(tmp_path, reads):
    """When the plan is made, twice, and when it is packed."""
    proxy, model = served(lambda _: (200, completion()))
    items = [*map(item, range(6)), vanishing(6, reads), item(7)]
    with pytest.raises(
        UnansweredError, match=r"1 of 8 (.*\n)+  q6 \(plain\): picture 6: there is no picture$"
    ) as error:
        evaluate(model, items, ["plain"], Store(tmp_path), progress=False)
    assert len(error.value.found) == len(Store(tmp_path).read()) == len(proxy.asked) == 7


def test_a_picture_that_cannot_be_packed_costs_its_own_item_alone(tmp_path):
    proxy, model = served(lambda _: (200, completion()))
    items = [item(0), item(1, load_image=lambda: Image.new("RGB", (70000, 8))), item(2)]
    with pytest.raises(UnansweredError, match=r"1 of 3 (.*\n)+  q1 \(plain\): ") as error:
        evaluate(model, items, ["plain"], Store(tmp_path), progress=False)
    assert len(error.value.found) == len(proxy.asked) == 2


def test_items_whose_picture_cannot_be_read_are_not_counted_as_still_to_ask(tmp_path):
    _, model = served(lambda _: (200, completion()))
    prompts = [apply(one, "plain") for one in (item(0), vanishing(1, 0), item(2))]
    missing, answered = missing_prompts(model, prompts, Store(tmp_path), Sampling())
    assert [job.question.id for job in missing] == ["q0", "q2"]
    assert answered == 0


def test_a_picture_that_vanishes_before_a_local_model_reads_it_costs_its_own_item_alone(checkpoint, tmp_path):
    items = questions("test", 6)
    whole = evaluate(LocalModel(str(checkpoint)), items, ["plain"], Store(tmp_path / "a"), progress=False)
    left = [items[4].load_image()]

    def load():
        if not left:
            raise PictureError("there is no picture")
        return left.pop()

    items[4] = replace(items[4], load_image=load)
    with pytest.raises(UnansweredError, match=rf"\n  {items[4].id} \(plain\): there is no picture$") as error:
        evaluate(LocalModel(str(checkpoint)), items, ["plain"], Store(tmp_path / "b"), progress=False)
    expected = whole[whole["question"] != items[4].id]
    assert error.value.found["response"].tolist() == expected["response"].tolist()


def test_a_value_that_parquet_refuses_costs_no_row(tmp_path):
    """A half of a character in every place that a text can stand in, and a number where a text is wanted."""
    half = "so \ud83d it is"

    class Odd(Scripted):
        def generate(self, prompts, sampling):
            for number, answer in super().generate(prompts, sampling):
                odd = prompts[number].question.id == "q7"
                yield number, replace(answer, text=half, think=half) if odd else answer

    items = [item(k) for k in range(200)]
    items[3] = item(3, category=3, difficulty=2.5)
    items[4] = item(4, text=half, options=("yes", half))
    found = evaluate(Odd(), items, ["plain"], Store(tmp_path), progress=False)
    stored = Store(tmp_path).read()
    assert len(stored) == 200
    assert [stored[key]["response"] for key in found["key"]] == found["response"].tolist()
    rows = {row["question"]: row for row in stored.values()}
    assert (rows["q3"]["category"], rows["q3"]["difficulty"]) == ("3", "2.5")
    assert rows["q4"]["options"] == ["yes", "so \ufffd it is"]
    assert rows["q7"]["response"] == rows["q7"]["think"] == "so \ufffd it is"
    again = Odd()
    evaluate(again, items, ["plain"], Store(tmp_path), progress=False)
    assert again.asked == []
    verdicts = judge(Rule(), found, items, Store(tmp_path / "v", VERDICTS), progress=False)
    assert len(verdicts) == len(Store(tmp_path / "v", VERDICTS).read()) == 200


def test_a_value_that_no_column_can_hold_is_named_and_all_else_is_stored(tmp_path):
    with pytest.raises(
        UnansweredError, match=r"q0 \(plain\); q1 \(plain\): column seed, cannot hold 99999999999 "
    ) as error:
        evaluate(Scripted(), [item(0), item(1)], ["plain"], Store(tmp_path), seed=99999999999, progress=False)
    assert "2 of 2 rows are stored without values that their columns cannot hold" in str(error.value)
    assert [row["seed"] for row in Store(tmp_path).read().values()] == [None, None]


@pytest.mark.slow
def test_one_such_value_among_two_hundred_stops_none_of_the_others(tmp_path, capsys, monkeypatch):
    """A server counts nonsense; rows are stored as they come. Of what was paid for nothing is asked for again."""
    monkeypatch.setattr(fill_missing, "FLUSH_SECONDS", 0.0)
    bad = questions("test", 200)[3]
    picture = EndpointModel(Endpoint("http://localhost:1/v1", "m"), "microworld")._packed([apply(bad, "plain")])[0]

    def own(body):
        if body["messages"][-1]["content"][0]["image_url"]["url"] != picture:
            return 200, completion()
        return 200, completion() | {"usage": {"prompt_tokens": 7, "completion_tokens": 10**12, "total_tokens": 12}}

    proxy = Proxy(own=own)
    command = [
        "evaluate",
        "--model",
        f"{proxy.url}#m",
        "--perturbations",
        "plain",
        "--limit",
        "200",
        "--out",
        str(tmp_path),
    ]
    assert main(command) == 2
    told = capsys.readouterr()
    assert f"\n  {bad.id} (plain): column tokens, cannot hold 999999999999 (" in told.err
    assert "1 of 200 rows are stored without values that their columns cannot hold, which nobody asks" in told.err
    assert "n 200" in told.out
    rows = Store(tmp_path).read().values()
    assert [row["question"] for row in rows if row["tokens"] is None] == [bad.id]
    assert sum(row["tokens"] == 4 for row in rows) == 199
    assert main(command) == 0
    assert len(proxy.asked) == 200


def test_such_a_value_is_told_too_where_the_run_is_stopped(tmp_path, capsys):
    class Stopped(Scripted):
        def generate(self, prompts, sampling):
            for number, answer in super().generate(prompts, sampling):
                yield number, replace(answer, tokens=10**12)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Stopped(), [item(0), item(1)], ["plain"], Store(tmp_path), progress=False)
    assert "1 of 2 rows are stored without values" in capsys.readouterr().err
    assert [row["tokens"] for row in Store(tmp_path).read().values()] == [None]


def test_half_a_character_in_a_question_is_refused_by_the_item(tmp_path):
    proxy, model = served(lambda _: (200, completion()))
    with pytest.raises(UnansweredError, match=r"q1 \(plain\): UnicodeEncodeError"):
        evaluate(model, [item(0), item(1, text="so \ud83d")], ["plain"], Store(tmp_path), progress=False)
    assert len(proxy.asked) == 1
    assert model.endpoint.account.aside == 0


def test_an_answer_of_a_form_that_nobody_has_thought_of_costs_no_other(tmp_path):
    odd = completion()
    odd["choices"][0]["logprobs"] = {"content": [{"token": 7, "bytes": "?", "logprob": None, "top_logprobs": 3}]}
    usage = completion() | {"usage": {"prompt_tokens": "many", "completion_tokens": [], "total_tokens": 0}}

    def own(body):
        return 200, odd if "number 1?" in words(body) else usage if "number 2?" in words(body) else completion()

    proxy, model = served(own)
    with pytest.raises(UnansweredError, match="gave no answer to 2 of 8") as error:
        evaluate(model, [item(k) for k in range(8)], ["plain"], Store(tmp_path), progress=False)
    assert "q1 (plain): its answer cannot be read (" in str(error.value)
    assert "q2 (plain): TypeError" in str(error.value)
    assert len(Store(tmp_path).read()) == 6
    assert len(proxy.asked) == 8
