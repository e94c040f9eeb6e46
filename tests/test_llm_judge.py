"""The LLM judge: how replies are read, and that a failing server costs no row and no second verdict.

The server is a real one (`transformers serve`) with a model small enough to be written by hand: each of its tokens has
one successor, so that after any prompt it writes the same verdict. A proxy in front of it fails in every way that
servers do.
"""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest
import torch
from test_engine import Scripted

from companion import engine
from companion.cli import main
from companion.endpoint import Endpoint
from companion.engine import evaluate, judge
from companion.errors import CompanionError
from companion.judges import Case
from companion.judges.llm import CausalLM, LLMJudge, instruct, parse
from companion.microworld import questions
from companion.store import VERDICTS, Store

ITEMS = questions("test", 24)
SAID = '{ "quote": "so", "concludes": "B" }'


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"quote": "so B", "concludes": "B"}', (1, "so B")),
        ('{"quote": "", "concludes": "none"}', (None, "")),
        ('<think>{"concludes": "A"}?</think>\n```json\n{"concludes": "(C)"}\n```', (2, "")),
        ('{"concludes": "A"} or rather {"concludes": "b"}', (1, "")),
        ('{"quote": "E", "concludes": "E"}', None),
        ('{"quote": "B"}', None),
        ("The reasoning concludes B.", None),
        ("{concludes: B}", None),
        ("[1]", None),
        ("", None),
    ],
)
def test_parse(reply, found):
    assert parse(reply, 4) == found


def test_the_judge_is_asked_blind():
    item = ITEMS[0]
    first, second = (instruct(Case(item, "", item.options, "It is so.", answer)) for answer in (0, 1))
    assert first == second
    assert "It is so." in first
    assert all(option in first for option in item.options)


class Told:
    """A writer that says what it is told to, attempt by attempt."""

    label = identity = "told"

    def __init__(self, *attempts):
        self.attempts, self.asked = attempts, []

    def write(self, prompts, attempt=0):
        self.asked.append(list(prompts))
        return [self.attempts[attempt]] * len(prompts)


def cases(*answers, think="So it is."):
    return [Case(ITEMS[0], "", ITEMS[0].options, think, answer) for answer in answers]


def test_cases_that_read_the_same_are_asked_once_and_a_bad_reply_again():
    writer = Told("Well, B.", SAID)
    verdicts = LLMJudge(writer).judge(cases(1, 0, None))
    assert [verdict.verdict for verdict in verdicts] == ["agree", "disagree", "no answer"]
    assert [len(asked) for asked in writer.asked] == [1, 1]


def test_a_reply_that_stays_bad_is_unusable_and_one_that_never_came_is_no_verdict():
    assert LLMJudge(Told("Well.", "", "Hm.")).judge(cases(0))[0].verdict == "unusable"
    assert LLMJudge(Told(None, None, None)).judge(cases(0)) == [None]


@pytest.fixture(scope="module")
def parrot(tmp_path_factory):
    """A Qwen3 whose only sentence is `SAID`."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    chain = ["<go>", *SAID.split(" "), "<end>"]
    vocabulary = {word: index for index, word in enumerate(["<unk>", *chain])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>", pad_token="<end>", padding_side="left"
    )
    wrapped.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %} <go>"
    size = len(vocabulary)
    config = Qwen3Config(
        vocab_size=size, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, head_dim=16, tie_word_embeddings=False, eos_token_id=size - 1, pad_token_id=size - 1,
        bos_token_id=None, max_position_embeddings=4096,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        layer = model.model.layers[0]
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size, 16))
        model.lm_head.weight.zero_()
        for word, following in pairwise(chain):
            model.lm_head.weight[vocabulary[following], vocabulary[word]] = 10.0
    folder = tmp_path_factory.mktemp("models") / "parrot"
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def test_a_causal_language_model_of_this_machine_judges_too(parrot):
    writer = CausalLM(str(parrot), "cpu")
    assert [verdict.verdict for verdict in LLMJudge(writer).judge(cases(1, 0))] == ["agree", "disagree"]
    with pytest.raises(CompanionError, match="no language model 'no/where' to judge with"):
        CausalLM("no/where", "cpu").write(["?"])


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture(scope="module")
def server(parrot):
    """The URL of `transformers serve` with the parrot."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(parrot), "--port", str(port)]
    process = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5)
            break
        except OSError:
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.5)
    yield url, str(parrot)
    process.kill()
    process.wait()


FAULTS = ("slow", "429", "500", "malformed", "empty", "prose", "cut")


class Proxy:
    """Stands before a server and, for the nth POST, does what `script` says; without an entry it only passes on."""

    def __init__(self, server, script):
        self.server, self.script = server, iter(script)
        self.lock, self.done, self.given = threading.Lock(), Counter(), Counter()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with proxy.lock:
                    fault = next(proxy.script, None)
                    proxy.given[fault] += 1
                if fault == "slow":
                    time.sleep(3)
                if fault in ("429", "500"):
                    return self.reply(int(fault), b'{"error": {"message": "busy"}}', {"Retry-After": "0"})
                if fault == "malformed":
                    return self.reply(200, b"<html>gateway</html>")
                if fault == "cut":
                    return self.reply(200, b'{"choices": [{"mess')
                request = urllib.request.Request(
                    f"{proxy.server}{self.path}", body, {"Content-Type": "application/json"}
                )
                answer = urllib.request.urlopen(request).read()
                if fault in ("empty", "prose"):
                    said = json.loads(answer)
                    said["choices"][0]["message"]["content"] = "" if fault == "empty" else "It says B."
                    answer = json.dumps(said).encode()
                elif fault is None:
                    with proxy.lock:
                        proxy.done[json.loads(body)["messages"][0]["content"]] += 1
                return self.reply(200, answer)

            def reply(self, status, body, headers=None):
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client no longer waits

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


class Thinking(Scripted):
    """Reasons about each question in words of its own."""

    def generate(self, prompts, sampling):
        answers = zip(prompts, super().generate(prompts, sampling), strict=True)
        return [replace(answer, think=f"On {prompt.question.id}: B.") for prompt, answer in answers]


def test_a_failing_server_loses_no_row_and_judges_none_twice(server, tmp_path, monkeypatch):
    url, model = server
    rows = evaluate(Thinking(), ITEMS, ["base"], Store(tmp_path), progress=False)
    proxy = Proxy(url, [fault for fault in FAULTS for _ in range(2)] + [None, "500", None, None, "429"])
    store = Store(tmp_path / "verdicts", VERDICTS)
    monkeypatch.setattr(engine, "FLUSH_SECONDS", 0.0)

    def run():
        writer = Endpoint(proxy.url, model, timeout=2, retries=4, at_once=4)
        return judge(LLMJudge(writer), rows, ITEMS, store, batch_size=6, progress=False)

    verdicts = run()
    assert set(proxy.given) >= set(FAULTS)
    assert verdicts["row"].tolist() == rows["key"].tolist()
    assert set(verdicts["concluded"]) == {"B"}
    assert (verdicts["verdict"] == "agree").tolist() == (rows["answer"] == "B").tolist()
    assert len(proxy.done) == len(ITEMS)
    assert set(proxy.done.values()) == {1}
    run()
    assert sum(proxy.done.values()) == len(ITEMS)  # what is stored is not asked again


def test_a_server_that_is_gone_keeps_what_was_judged(server, tmp_path, monkeypatch):
    url, model = server
    rows = evaluate(Thinking(), ITEMS, ["base"], Store(tmp_path), progress=False)
    store = Store(tmp_path / "verdicts", VERDICTS)
    dying = Proxy(url, [None] * 12 + ["malformed"] * 1000)
    with pytest.raises(CompanionError, match=r"answered none of 12 requests.*what was finished is kept"):
        judge(LLMJudge(Endpoint(dying.url, model, retries=1)), rows, ITEMS, store, batch_size=12, progress=False)
    well = Proxy(url, [])
    verdicts = judge(LLMJudge(Endpoint(well.url, model)), rows, ITEMS, store, progress=False)
    assert len(verdicts) == 24


def test_judge_from_the_command_line(server, tmp_path, capsys):
    url, model = server
    evaluate(Thinking(), ITEMS, ["base"], Store(tmp_path), progress=False)
    arguments = ["judge", str(tmp_path), "--judge", "llm", "--endpoint", f"{url}/v1", "--endpoint-model", model]
    assert main(arguments) == 0
    assert "agree" in capsys.readouterr().out
    assert main(["judge", str(tmp_path), "--judge", "llm", "--endpoint", f"http://127.0.0.1:{free_port()}/v1"]) == 2
    assert "does not list its models" in capsys.readouterr().err
