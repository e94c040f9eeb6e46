"""Known logits over real vocabularies: letter probabilities to 1e-6, from this machine, from vLLM and from a server.

Each script says which tokens are written and, at the one that writes the letter, what probability some tokens have; the
rest is that of "the", but for a billionth that all others share. Runs after `pip install 'companion[vocabularies]'`.
"""

import json
import math
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType, SimpleNamespace

import pytest
import torch
import vocabularies

from companion.models import local
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.openai_client import Endpoint
from companion.models.profiles import get_profile
from companion.models.server import EndpointModel
from companion.models.vllm import VLLMModel
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions

ITEM = next(item for item in questions("test", 40) if len(item.options) == 4)
PROFILE = get_profile("internvl3")  # tag or final statement
TAG = "<think>It is red.</think><answer>%s</answer>"
OTHERS = 1e-9
"""What all tokens that a script does not name have together."""


@pytest.fixture(scope="module", params=["qwen", "mistral", "tekken"])
def vocabulary(request, tmp_path_factory):
    """Its name, the tokenizer, and a function that encodes as the vocabulary's own library does."""
    return (request.param, *vocabularies.load(request.param, tmp_path_factory.mktemp("vocabulary")))


class Script:
    """What a model writes, and what it might have. tokens: strings. at: steps → probabilities of tokens, by string."""

    def __init__(self, tokenizer, tokens, at):
        self.tokenizer = tokenizer
        self.ids = [*self.named(tokens), tokenizer.eos_token_id]
        self.at = {step: dict(zip(self.named(own), own.values(), strict=True)) for step, own in at.items()}

    def named(self, tokens):
        tokens = list(tokens)
        found = self.tokenizer.convert_tokens_to_ids(tokens)
        missing = [token for token, id in zip(tokens, found, strict=True) if id in (None, self.tokenizer.unk_token_id)]
        assert not missing
        return found

    def logits(self, step):
        """(1, vocabulary), not normalised."""
        size = len(self.tokenizer)
        own = self.at.get(step, {self.ids[step]: 0.98})
        probs = torch.full((1, size), OTHERS / size, dtype=torch.float64)
        (the,) = self.named(["the"])
        for id, p in {the: 1 - math.fsum(own.values()), **own}.items():
            probs[0, id] = p
        return probs.log().float() + 3.0

    def top(self, step, many):
        """The likeliest tokens' ids and the logarithms of their probabilities."""
        logs = self.logits(step)[0].double().log_softmax(-1)
        best = logs.topk(many).indices.tolist()
        return {id: float(logs[id]) for id in dict.fromkeys([self.ids[step], *best])}


class State:
    """Plays the part of what a model has read."""

    def __init__(self, script):
        self.script, self.step = script, 0

    def next(self, tokens):
        assert tokens.tolist() == [self.script.ids[self.step]]
        self.step += 1
        return self.script.logits(self.step)

    def keep(self, kept):
        raise AssertionError("one row is all that there is")


def here(script, kind, folder, monkeypatch):
    model = kind(str(folder))
    model.processor = SimpleNamespace(
        tokenizer=script.tokenizer, apply_chat_template=lambda turns, **_: ["user: ? assistant: "] * len(turns)
    )
    model.ends, model.picture, model.at_once, model.profile = [script.tokenizer.eos_token_id], 1, 1 << 12, PROFILE
    return model


def by_transformers(script, folder, monkeypatch):
    model = here(script, LocalModel, folder, monkeypatch)
    model.model = None
    monkeypatch.setattr(local, "reading_of", lambda _: "tree")
    monkeypatch.setattr(local.prefix_tree, "prepare", lambda *_: None)
    monkeypatch.setattr(local.prefix_tree, "fill_cache", lambda *_: (State(script), script.logits(0)))
    return model


def by_vllm(script, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    sys.modules["vllm"].SamplingParams = SimpleNamespace
    model = here(script, VLLMModel, folder, monkeypatch)

    def generate(asked, settings, use_tqdm):
        told = [
            {id: SimpleNamespace(logprob=p) for id, p in script.top(step, settings[0].logprobs).items()}
            for step in range(len(script.ids))
        ]
        output = SimpleNamespace(token_ids=tuple(script.ids), logprobs=told, finish_reason="stop")
        return [SimpleNamespace(outputs=[output])]

    model.model = SimpleNamespace(generate=generate)
    return model


def by_server(script, folder, monkeypatch):
    tokenizer = script.tokenizer

    def told(id, p):
        token = tokenizer.decode([id])  # each by itself, as vLLM's server does: SentencePiece loses its blank
        return {"token": token, "bytes": list(token.encode()), "logprob": p}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            steps = []
            for step, id in enumerate(script.ids):
                top = script.top(step, body["top_logprobs"])
                steps.append(told(id, top[id]) | {"top_logprobs": [told(*pair) for pair in top.items()]})
            hidden = [told(id, -0.1) | {"top_logprobs": []} for id in tokenizer.encode("So <answer>B</answer>\n\n")]
            content = tokenizer.decode(script.ids, skip_special_tokens=True).strip()
            message = {"role": "assistant", "content": content}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": hidden + steps}}
            answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            packed = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    model = EndpointModel(Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", "m"))
    model.profile = PROFILE
    return model


BACKENDS = {"transformers": by_transformers, "vllm": by_vllm, "server": by_server}

P = {"A": 0.4, "B": 0.3, "C": 0.12, "D": 0.06}
"""Of the written form; what other forms have is told by the case."""


def among(form, *probs):
    return {form % letter: p for letter, p in zip("ABCD", probs or P.values(), strict=False)}


CASES = {
    # vocabulary: text, the token that holds the letter, probabilities there, distribution (None: there is none), mass
    "qwen": [
        (TAG % "A", ">A", among(">%s") | {">": 0.05, "A": 0.02}, P, 0.88),
        ("Answer: A", "ĠA", among("Ġ%s") | {"ĠAnswer": 0.04, "Ġ(": 0.02, "A": 0.01}, P | {"A": 0.41}, 0.89),
        ("Answer:A", ":A", among(":%s") | {":": 0.04, "ĠB": 0.03}, P | {"B": 0.33}, 0.91),
        ("Answer: (A)", "A", among("%s") | {"ĠB": 0.03, "Answer": 0.02}, P | {"B": 0.33}, 0.91),
        ("The answer is **A**", "A", among("%s"), P, 0.88),
    ],
    "mistral": [
        (
            TAG % "A",
            "A",
            among("%s") | {"▁A": 0.02, "▁B": 0.05, "▁An": 0.02, "▁C": 0.01},
            {"A": 0.42, "B": 0.35, "C": 0.13, "D": 0.06},
            0.96,
        ),
        ("Answer: A", "▁A", among("▁%s") | {"A": 0.03, "▁An": 0.02}, P | {"A": 0.43}, 0.91),
        ("Answer: (A)", "A", among("%s") | {"▁B": 0.03}, P | {"B": 0.33}, 0.91),
        ("A", "▁A", among("▁%s") | {"B": 0.02}, P | {"B": 0.32}, 0.90),
    ],
    "tekken": [
        (TAG % "A", ">A", {">A": 0.7, ">": 0.28}, None, None),
        (TAG % "B", "B", among("%s", 0.001, 0.6, 0.2, 0.1), {"A": 0.2005, "B": 0.3, "C": 0.1, "D": 0.05}, 0.6505 / 0.7),
        ("Answer: A", "ĠA", among("Ġ%s") | {"ĠAnswer": 0.04, "A": 0.01}, P | {"A": 0.41}, 0.89),
        ("Answer: (A)", "A", among("%s") | {"ĠB": 0.03}, P | {"B": 0.33}, 0.91),
        ("\\boxed{A}", "{A", among("{%s") | {"{": 0.05}, P, 0.88),
    ],
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_known_logits_give_the_letters_to_a_millionth(backend, vocabulary, random_checkpoint, monkeypatch):
    name, tokenizer, _ = vocabulary
    for text, token, probs, expected, mass in CASES[name]:
        tokens = tokenizer.convert_ids_to_tokens(tokenizer.encode(text, add_special_tokens=False))
        step = len(tokens) - 1 - tokens[::-1].index(token)
        at = {step: probs}
        if name == "tekken" and tokens[step - 1] == ">":  # after which A would have been one token with it
            at[step - 1] = {">": 0.5, ">A": 0.2}
        model = BACKENDS[backend](Script(tokenizer, tokens, at), random_checkpoint, monkeypatch)
        (found,) = responses(model, [apply(ITEM, "plain")], Sampling(max_new_tokens=64))
        assert found.text == text
        assert found.answer == "ABCD".index(token[-1])
        if expected is None:
            assert (found.letter_probs, found.letter_mass) == (None, None), text
            continue
        total = math.fsum(expected.values())
        assert found.letter_probs == pytest.approx([p / total for p in expected.values()], abs=1e-6), text
        assert found.letter_mass == pytest.approx(mass, abs=1e-6), text


def test_they_cut_texts_as_their_own_libraries_do(vocabulary):
    _, tokenizer, own = vocabulary
    for text in (TAG % "A", "Answer: (B)", "The answer is **C**", "答案是D", '\n"A"\n', "\\boxed{A}"):
        assert tokenizer.encode(text, add_special_tokens=False) == own(text)
