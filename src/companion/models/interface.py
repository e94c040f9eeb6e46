"""Models that can be asked: one protocol, whatever runs them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from companion.errors import CompanionError, Refusal
from companion.models.profiles import Profile
from companion.perturbations.perturbation import Prompt


@dataclass(frozen=True)
class Sampling:
    """temperature 0 is greedy. top_p: samples are drawn from the likeliest tokens that together have this share of the
    probability. What is None is the profile's. sample: which of several samples of one prompt this is. Each prompt has
    a random stream of its own, so that a sample does not depend on what else is in its batch."""

    temperature: float | None = None
    sample: int = 0
    seed: int = 0
    max_new_tokens: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and self.temperature < 0:
            raise CompanionError(f"temperature {self.temperature:g}: give 0 (greedy) or more")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise CompanionError(f"top-p {self.top_p:g}: give a share above 0, and 1 at most")

    def of(self, profile: Profile) -> Sampling:
        """With what the profile says in the place of None; max_new_tokens stays."""
        return replace(
            self,
            temperature=profile.temperature if self.temperature is None else self.temperature,
            top_p=profile.top_p if self.top_p is None else self.top_p,
        )

    def content(self) -> dict[str, Any]:
        """What stands for it in the key of a row: top_p only where it matters, so that rows from before it was there
        keep their keys."""
        told = asdict(self)
        if not self.temperature or self.top_p == 1.0:
            del told["top_p"]
        return told

    def stream(self, prompt: Prompt) -> int:
        """The seed of a prompt's own random stream."""
        name = f"{self.seed}/{self.sample}/{prompt.perturbation}/{prompt.question.id}"
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")


@dataclass(frozen=True)
class Response:
    """What a model wrote after the prefill.

    tokens: how many it wrote, hidden reasoning among them and the token that ends the turn not. finish: "stop" or
    "length". letter_probs: over the letters of the prompt's options, summing to 1, read at the token that wrote the
    answer's letter in this same generation (see `letters`); None where there is no answer, one that is given by the
    option's text, or a letter that cannot be compared with the others. letter_mass: the share of the whole vocabulary's
    probability that these letters had, in (0, 1]; None where letter_probs is.
    """

    text: str
    tokens: int
    finish: str
    think: str
    answer: int | None
    letter_probs: tuple[float, ...] | None
    letter_mass: float | None


class Model(Protocol):
    """label: for people. identity: hash of the weights; NAME@COMMIT of a model of the Hub, MODEL@URL of a server's.
    delivery: how a think start reaches the model. precision: in which it computes, and how its weights are quantised if
    they are; "" where that cannot be known.

    capacity: how many tokens, of prompts and responses, it can hold at once.
    """

    label: str
    identity: str
    profile: Profile
    delivery: str
    device: str

    @property
    def precision(self) -> str: ...

    @property
    def capacity(self) -> int: ...

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        """About how many tokens a prompt and its response are."""
        ...

    def packing(self, prompt: Prompt) -> str:
        """How the picture of a prompt is changed on its way to the model, as the key of a row tells; "" for not."""
        ...

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling
    ) -> Iterator[tuple[int, Response | Refusal | None]]:
        """Each prompt's number and response, as soon as it is finished; why it has none, or None where that is not
        known."""
        ...


def out_of_memory(error: Exception) -> bool:
    """Whether a batch was too large for the memory."""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def responses(model: Model, prompts: Sequence[Prompt], sampling: Sampling) -> list[Response | None]:
    """The responses to prompts, in the order of these. Raises CompanionError where the model refuses one."""
    found = dict(model.generate(prompts, sampling))
    given: list[Response | None] = []
    for number, prompt in enumerate(prompts):
        response = found[number]
        if isinstance(response, Refusal):
            raise CompanionError(
                f"{model.label} refuses question {prompt.question.id} ({prompt.perturbation}): {response.reason}"
            )
        given.append(response)
    return given
