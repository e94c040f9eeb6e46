"""A vision-language model behind an OpenAI-compatible server: it can be asked, but not opened.

Letter probabilities are those of the server's `top_logprobs`, where it offers them. A start of the reasoning is
delivered as the beginning of the assistant's turn where the server goes on from one (vLLM's `continue_final_message`;
llama.cpp does so by itself), else in the user's turn, as the profile's `begin` says; rows tell which. A reasoning
effort, where one is given, is sent as `reasoning_effort`, and is a part of the model's name: at another effort it is
another model.

Pictures are as large as the profile says, and packed by `pack`. Reasoning that a server tells beside the answer is the
response's think block.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from companion.errors import CompanionError, Refusal, one_line
from companion.models import letters
from companion.models.interface import Response, Sampling
from companion.models.openai_client import HEADROOM, Endpoint, Room
from companion.models.picture_tokens import picture_tokens
from companion.models.prices import Price
from companion.models.profiles import fit, fitted, get_profile, messages, user_text
from companion.models.read_answer import Reading, parse_answer
from companion.models.server_replies import content_and_reasoning, ran_out, tokens
from companion.perturbations.perturbation import Prompt

DELIVERIES = ("user turn", "prefill")

EFFORTS = ("low", "medium", "high")

TOP = 20
"""Tokens whose probability is asked for at each step: the most that servers give."""

LOSSLESS = 512 * 512
"""Pixels of a picture up to which it is always sent as it is."""

QUALITY = 95
"""Of JPEG, with colours as fine as the picture: what it changes is not seen."""

BYTES = 3
"""Of a token of text, at least: English has more, and a character of Chinese has as many."""

SAME = 1e-3
"""How far two logarithms of one token's probability may be apart: servers tell that of what was written twice."""


@dataclass(frozen=True)
class Estimate:
    """What requests will about take. read, written: tokens, the latter at most. price: or None, where there is none.
    answered: how many prompts are not asked, since they were answered before."""

    requests: int
    read: int
    written: int
    price: Price | None
    answered: int = 0

    @property
    def dollars(self) -> float:
        """At most."""
        return self.price.of(HEADROOM * self.read, self.written) if self.price else 0.0

    def __str__(self) -> str:
        price = f": at most ${self.dollars:.4f}, at {self.price}" if self.price else ""
        return (
            f"{self.requests} requests, about {self.read:,} tokens to read and up to {self.written:,} to write{price}"
        )


class EndpointModel:
    """A model of an endpoint, asked as a profile says ("auto": the one that fits its name).

    effort: of its hidden reasoning, one of `EFFORTS`, or None for the server's own, which is not asked for then.
    capacity, tokens: counted in requests here, so that some are always waiting while others are under way.
    """

    device = "endpoint"
    precision = ""

    def __init__(
        self, endpoint: Endpoint, profile: str = "auto", delivery: str = "user turn", effort: str | None = None
    ) -> None:
        if delivery not in DELIVERIES:
            raise CompanionError(f"unknown delivery {delivery!r}; choose from {', '.join(DELIVERIES)}")
        if effort not in (None, *EFFORTS):
            raise CompanionError(f"unknown reasoning effort {effort!r}; choose from {', '.join(EFFORTS)}")
        self.endpoint, self.delivery, self.effort = endpoint, delivery, effort
        self.label, self.identity = endpoint.label, endpoint.identity
        if effort:
            self.label, self.identity = f"{self.label} ({effort} effort)", f"{self.identity}?reasoning_effort={effort}"
        self.profile = get_profile(profile, endpoint.label)
        self.capacity = 4 * endpoint.at_once
        self._sizes: dict[str, tuple[int, int]] = {}

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        return 1

    def estimate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Estimate:
        """What prompts will about take."""
        most = len(prompts) * (sampling.max_new_tokens or self.profile.max_new_tokens)
        read = sum(map(self._length, prompts))
        return Estimate(len(prompts), read, most, self.endpoint.price)

    def packing(self, prompt: Prompt) -> str:
        """How the picture of a prompt may be changed by being packed; "" where it is not."""
        large = math.prod(self._size(prompt)) > LOSSLESS
        return f"JPEG {QUALITY}" if large and not prompt.blank else ""

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Response | Refusal | None]]:
        """A Refusal or None as in `Endpoint.ask`, whose errors are raised, too; a Refusal also where a picture cannot
        be packed, which is then not sent."""
        sampling = sampling.of(self.profile)
        packed: dict[int, str] = {}
        for number, url in enumerate(self._packed(prompts)):
            if isinstance(url, Refusal):
                yield number, url
            else:
                packed[number] = url
        if not packed:
            return
        options: dict[str, Any] = {"temperature": sampling.temperature, "logprobs": True, "top_logprobs": TOP}
        if sampling.temperature:
            stream = f"{sampling.seed}/{sampling.sample}".encode()
            options["seed"] = int.from_bytes(hashlib.blake2b(stream, digest_size=3).digest(), "big")
            if sampling.top_p != 1.0:  # which some servers refuse to be told
                options["top_p"] = sampling.top_p
        if self.effort:
            options["reasoning_effort"] = self.effort
        if self.delivery == "prefill":
            options["extra_body"] = {"add_generation_prompt": False, "continue_final_message": True}
        answers = self.endpoint.ask(
            [self._turns(prompts[number], url) for number, url in packed.items()],
            max(self._length(prompts[number]) for number in packed),
            Room(sampling.max_new_tokens or self.profile.max_new_tokens),
            **options,
        )
        for number, answer in zip(packed, answers, strict=True):
            unread = answer is None or isinstance(answer, Refusal)
            yield number, answer if unread else self._read(prompts[number], answer)

    def _length(self, prompt: Prompt) -> int:
        """About how many tokens a request is, and hardly fewer: a token of text has three bytes and more."""
        begin = self.delivery == "user turn"
        said = self.profile.system + user_text(prompt, self.profile, begin) + ("" if begin else prompt.prefill)
        picture = picture_tokens(self.endpoint.label, self._size(prompt))
        return picture + len(said.encode(errors="replace")) // BYTES + 100

    def _size(self, prompt: Prompt) -> tuple[int, int]:
        """The (width, height) of a prompt's picture as it is sent."""
        name = prompt.question.image_hash
        if name not in self._sizes:
            self._sizes[name] = prompt.load_image().size
        return fitted(self._sizes[name], self.profile.longest_side, self.profile.pixels)

    def _packed(self, prompts: Sequence[Prompt]) -> list[str | Refusal]:
        """The picture of each prompt as a URL, or why it has none; those of prompts that have the same one are packed
        once."""
        urls: dict[tuple[str, bool], str] = {}
        packed: list[str | Refusal] = []
        for prompt in prompts:
            try:
                name = prompt.question.image_hash, prompt.blank
                if name not in urls:
                    image = fit(prompt.load_image(), self.profile.longest_side, self.profile.pixels)
                    urls[name] = pack(image, bool(self.packing(prompt)))
                packed.append(urls[name])
            except Exception as error:  # of whatever kind, it is one picture's, and the others can be sent
                packed.append(Refusal(one_line(error)))
        return packed

    def _turns(self, prompt: Prompt, url: str) -> list[dict[str, Any]]:
        turns = messages(prompt, self.profile, begin=self.delivery == "user turn")
        picture, _ = turns[-1]["content"]
        picture.clear()
        picture.update(type="image_url", image_url={"url": url})
        if self.delivery == "prefill":
            turns.append({"role": "assistant", "content": prompt.prefill})
        return turns

    def _read(self, prompt: Prompt, answer: Any) -> Response | Refusal:
        """A response; a Refusal where the answer has a form that nobody has thought of: the others are paid for too."""
        try:
            return self._response(prompt, answer)
        except Exception as error:
            return Refusal(f"its answer cannot be read ({one_line(error)})")

    def _response(self, prompt: Prompt, answer: Any) -> Response:
        choice = answer.choices[0]
        prefill = prompt.prefill if self.delivery == "prefill" else ""
        finish = "length" if ran_out(answer) else "stop"
        steps, found = getattr(choice.logprobs, "content", None), None
        content, thought = content_and_reasoning(choice.message)
        text = _written(content, thought, prefill, finish, steps or ())
        reply = parse_answer(text, prefill, prompt.options, self.profile.reading)
        if reply.letter and reply.position is not None and steps:
            found = _letters(steps, text, reply.position, prompt.options, prefill, self.profile.reading)
        probs, mass = found or (None, None)
        _, count = tokens(answer)
        ended = choice.finish_reason == "stop"  # by a token that servers count, and `Response` does not
        return Response(text, max(0, count - ended), finish, reply.think, reply.answer, probs, mass)


def _letters(
    steps: Sequence[Any], text: str, position: int, options: Sequence[str], prefill: str, reading: Reading
) -> tuple[tuple[float, ...], float] | None:
    """`letters.distribution` of what a server tells of its tokens, at the step that wrote the character at position."""
    number = letters.step_at([_bytes(step) for step in steps], text, position)
    if number is None:
        return None
    previous = _step(steps[number - 1]) if number else None
    return letters.distribution(_step(steps[number]), text, position, options, prefill, reading, previous)


def _step(step: Any) -> letters.Step:
    """What was written mostly stands among the likeliest too, which must not count it twice."""
    written = _bytes(step).decode(errors="replace")
    told = [
        (_bytes(other).decode(errors="replace"), other.logprob)
        for other in step.top_logprobs or []
        if other.logprob is not None
    ]
    if step.logprob is not None and not any(token == written and abs(p - step.logprob) < SAME for token, p in told):
        told.append((written, step.logprob))
    probs = [math.exp(p) for _, p in told]
    return letters.Step(written, told, max(0.0, min([*probs, 1 - math.fsum(probs)])))


def _bytes(token: Any) -> bytes:
    """What a server says that a token is."""
    return bytes(token.bytes) if getattr(token, "bytes", None) else token.token.encode(errors="replace")


def _written(content: str, thought: str, prefill: str, finish: str, steps: Sequence[Any]) -> str:
    """What a model wrote after the prefill, reasoning that came beside the content first.

    llama.cpp tells the prefill again, in the content or in the reasoning, but no logprobs of it: where the steps show
    that the model itself wrote those words once more, they stay.
    """
    whole = _block(thought, "", content, finish) + content
    if prefill and whole.startswith(prefill):
        by_itself = "".join(_bytes(step).decode(errors="replace") for step in steps).lstrip()
        if not by_itself.startswith(prefill):
            return whole.removeprefix(prefill)
    return _block(thought, prefill, content, finish) + content


def _block(thought: str, prefill: str, content: str, finish: str) -> str:
    """The think block of reasoning that came beside the content, as it would stand before that: not opened again where
    the prefill has opened it, and not closed where there was no room left for more."""
    if not thought or "<think>" in content:
        return ""
    opened = prefill.rpartition("<think>")[2] if "<think>" in prefill else "</think>"
    start = "<think>" if "</think>" in opened else ""
    return f"{start}{thought}" + ("" if finish == "length" and not content else "</think>")


def pack(image: Image.Image, may_change: bool) -> str:
    """A picture as a data URL: as PNG, or as JPEG where that is smaller and may change it a little."""
    files = {"png": io.BytesIO()}
    image.save(files["png"], "PNG")
    if may_change:
        files["jpeg"] = io.BytesIO()
        image.save(files["jpeg"], "JPEG", quality=QUALITY, subsampling=0)
    kind, smallest = min(((kind, file.getvalue()) for kind, file in files.items()), key=lambda file: len(file[1]))
    return f"data:image/{kind};base64," + base64.b64encode(smallest).decode()
