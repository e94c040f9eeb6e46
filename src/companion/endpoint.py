"""A model behind any OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, or a company's.

The key is read from an environment variable, or from the system's keyring, when a request is made. It is written
nowhere, and taken out of what a server says before that is shown.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import Any

from companion.errors import CompanionError
from companion.prices import Price

KEY = "OPENAI_API_KEY"

PAUSE = 0.5
"""Seconds before the second attempt; doubled before each further one."""

LONGEST_WAIT = 300.0
"""Seconds between two attempts, at most, whatever the server says."""

HEADROOM = 1.25
"""How much longer than the longest prompt so far one is taken to be, before its cost is known."""


class OverBudgetError(CompanionError):
    """The next request might cost more than is left."""


class Account:
    """What was spent, on however many models, safe among threads.

    A request is set aside at the most that it can cost before it is made, and settled when its cost is known. budget:
    dollars that are never exceeded, or None. spent: dollars that the server has told. unsure: at most so many more,
    for answers that were lost on their way. prompt, written: tokens, hidden reasoning among them.
    """

    def __init__(self, budget: float | None = None) -> None:
        self.budget = budget
        self.spent = self.unsure = self.aside = 0.0
        self.prompt = self.written = 0
        self._lock = threading.Lock()

    def set_aside(self, most: float) -> None:
        """most: dollars that a request can cost. Raises OverBudgetError where that is more than is left."""
        with self._lock:
            if self.budget is not None and self.spent + self.unsure + self.aside + most > self.budget:
                raise OverBudgetError(
                    f"the next request might cost ${most:.4f}, and of the budget of ${self.budget:g} no more than "
                    f"${self.budget - self.spent - self.unsure - self.aside:.4f} is left; what was answered is kept, "
                    "and the same command with a larger --budget goes on from here"
                )
            self.aside += most

    def settle(self, most: float, spent: float = 0.0, prompt: int = 0, written: int = 0, lost: bool = False) -> None:
        """most: as set aside. lost: there was an answer, perhaps, but it or its cost never came."""
        with self._lock:
            self.aside -= most
            self.unsure += most if lost else 0.0
            self.spent += spent
            self.prompt, self.written = self.prompt + prompt, self.written + written

    def __str__(self) -> str:
        tokens = f"{self.prompt:,} tokens read and {self.written:,} written"
        if not (self.spent or self.unsure):
            return tokens
        lost = f", and at most ${self.unsure:.4f} for answers that were lost on their way" if self.unsure else ""
        return f"{tokens}: ${self.spent:.4f}{lost}"


class Endpoint:
    """url: up to and with /v1. model: as the server calls it, or None for the first that it lists.

    A request that times out (timeout, in seconds), is refused as too many (429), meets a failing server (5xx) or an
    answer that cannot be read is made again up to `retries` times, when the server says or ever later, with jitter.
    at_once: requests under way at any time. key: the name of the key (see `secret`). price: or None, where nothing is
    to be paid. account: of the costs, which other endpoints may share. Raises CompanionError for a budget without a
    price.
    """

    def __init__(
        self, url: str, model: str | None = None, timeout: float = 120.0, retries: int = 5, at_once: int = 8,
        key: str = KEY, account: Account | None = None, price: Price | None = None,
    ) -> None:  # fmt: skip
        self.url, self.timeout, self.retries, self.at_once, self.key = url, timeout, retries, at_once, key
        self.account, self.price = account or Account(), price
        if self.account.budget is not None and price is None:
            raise CompanionError("a budget needs a price: give --price READ,WRITTEN in dollars per million tokens")
        self.label = model or self._first_model()
        self.identity = f"{self.label}@{url}"
        self.longest = 0
        self.refused: set[str] = set()
        self.top: int | None = None  # so many top_logprobs does the server allow, where it has said so
        self._reason: BaseException | None = None
        self._stopped = threading.Event()

    @cached_property
    def client(self) -> Any:
        import openai  # slow to import

        return openai.OpenAI(base_url=self.url, api_key=secret(self.key) or NO_KEY, timeout=self.timeout, max_retries=0)

    def ask(self, turns: Sequence[list[dict[str, Any]]], length: int, most: int, **options: Any) -> list[Any]:
        """The server's answers to conversations, in their order; None where it gave none that can be read.

        length: about how many tokens the longest is, pictures included. most: how many may be written. options: of the
        request; those of `OPTIONAL` are left out once the server has refused them.

        What stops a batch (an interrupt, a refusal for good, the budget) is raised by the next call, so that answers
        that were paid for can be kept; at once only if there are none. Raises CompanionError where the server refuses
        for good (unknown model, missing key), or answers none of several requests.
        """
        if self._reason:
            raise self._reason
        answers: list[Any] = [None] * len(turns)
        options = {**options, "max_tokens": most}
        futures: list[Future[Any]] = []
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                for turn in turns:
                    futures.append(pool.submit(self._request, turn, length, options))
                    if self.account.budget is not None and not self.longest:
                        wait(futures)  # what one costs is known before several are under way
                wait(futures)
            except KeyboardInterrupt as stop:
                self._stop(stop)
        for number, future in enumerate(futures):
            answers[number] = future.result()
        if all(answer is None for answer in answers):
            if self._reason:
                raise self._reason
            if len(turns) > 1:
                raise CompanionError(
                    f"the server {self.url} answered none of {len(turns)} requests; see whether it runs, then give the "
                    "same command again: what was finished is kept"
                )
        return answers

    def write(self, prompts: Sequence[str], attempt: int = 0) -> list[str | None]:
        """The model's answers to user turns, in their order; None where the server gave none that can be read.

        Greedy at first; another attempt is a sample of its own. Raises what `ask` raises.
        """
        sampling = {"temperature": 0.0} if attempt == 0 else {"temperature": 0.7, "seed": attempt}
        turns = [[{"role": "user", "content": prompt}] for prompt in prompts]
        answers = self.ask(turns, max(map(len, prompts)) // 3, MOST_WRITTEN, **sampling)
        return [answer and (answer.choices[0].message.content or "") for answer in answers]

    def _request(self, messages: list[dict[str, Any]], length: int, options: dict[str, Any]) -> Any:
        """The answer to one conversation, or None after `retries` more attempts."""
        import openai

        attempt = 0
        while attempt <= self.retries and not self._stopped.is_set():
            aside = self._dollars(max(length, HEADROOM * self.longest), options["max_tokens"])
            try:
                self.account.set_aside(aside)
            except OverBudgetError as error:
                self._stop(error)
                return None
            pause = PAUSE * 2**attempt
            attempt += 1
            own = self._accepted(options)
            try:
                answer = self.client.chat.completions.create(model=self.label, messages=messages, **own)
            except openai.APIStatusError as error:
                self.account.settle(aside)
                if error.status_code in (400, 403, 422) and self._refuses(error, own):
                    attempt -= 1
                    continue
                if not _passes(error):
                    said = self._short(error.response.text)
                    self._stop(CompanionError(
                        f"the server {self.url} refuses (HTTP {error.status_code}: {said}); check the model's name "
                        f"{self.label!r} and the key {self.key}"
                    ))  # fmt: skip
                    return None
                pause = max(pause, _said(error.response.headers.get("retry-after")))
            except openai.APIConnectionError as error:  # timeouts too
                self.account.settle(aside, lost=not _never_came(error.__cause__))
            except (openai.APIError, json.JSONDecodeError):
                self.account.settle(aside, lost=True)
            else:
                read, written = tokens(answer)
                self.account.settle(aside, self._dollars(read, written), read, written, lost=not read)
                self.longest = max(self.longest, read, 1)
                if _readable(answer):
                    return answer
            if attempt <= self.retries:
                self._stopped.wait(min(LONGEST_WAIT, pause) * random.uniform(1.0, 1.25))
        return None

    def _dollars(self, read: float, written: float) -> float:
        return self.price.of(read, written) if self.price else 0.0

    def _stop(self, reason: BaseException) -> None:
        self._reason = self._reason or reason
        self._stopped.set()

    def _accepted(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options as this server takes them."""
        own = {name: value for name, value in options.items() if name not in self.refused}
        if "max_tokens" in self.refused:
            own["max_completion_tokens"] = options["max_tokens"]
        if self.top and "top_logprobs" in own:
            own["top_logprobs"] = min(self.top, own["top_logprobs"])
        return own

    def _refuses(self, error: Any, sent: dict[str, Any]) -> bool:
        """Whether a request is worth making again without what the server has just refused."""
        said = error.response.text.lower()
        named = {name for name in OPTIONAL if name in sent and name in said}
        if "logprobs" in named or "top_logprobs" in named:
            if self._allows_fewer(said, sent.get("top_logprobs", 0)):
                return True
            named |= {"logprobs", "top_logprobs"}
        self.refused |= named
        return bool(named)

    def _allows_fewer(self, said: str, sent: int) -> bool:
        """Whether a server that refuses that many top_logprobs says how many it allows, which is believed once."""
        if self.top is not None:
            return sent > self.top  # under way while another request was told
        numbers = re.findall(r"(?<![\w.])(?<![a-z]-)\d{1,4}(?!\w|\.\d)", said)  # those of models' names left out
        self.top = max((n for n in map(int, numbers) if 0 < n < sent), default=None)
        return self.top is not None

    def _first_model(self) -> str:
        import openai

        try:
            return next(iter(self.client.models.list())).id
        except (openai.OpenAIError, json.JSONDecodeError, StopIteration, AttributeError, TypeError) as error:
            raise CompanionError(
                f"the server {self.url} does not list its models ({self._short(str(error))}); see whether it runs, and "
                "name the model yourself"
            ) from None  # what the server says may hold the key

    def _short(self, said: str) -> str:
        """The first line of what a server says, without the key."""
        if self.client.api_key != NO_KEY:
            said = said.replace(self.client.api_key, "(the key)")
        return said.strip().split("\n")[0][:200]


OPTIONAL = ("max_tokens", "seed", "logprobs", "top_logprobs")
"""What some servers refuse; `max_tokens` then goes by its newer name, max_completion_tokens."""

MOST_WRITTEN = 4096
"""Tokens of a judge's answer, its reasoning included."""

NO_KEY = "none"
"""What is sent to a server where there is no key."""


def secret(name: str) -> str | None:
    """The key of that name: the environment variable, else what `keyring set companion NAME` has stored, else None.

    The keyring is asked where the package `keyring` is installed.
    """
    found = os.environ.get(name, "")
    if not found:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            return None
        try:
            found = keyring.get_password("companion", name) or ""
        except KeyringError:
            return None
    if not (found.strip().isascii() and found.strip().isprintable()):
        raise CompanionError(f"the key in {name} holds a character that no key has; copy it again")
    return found.strip() or None


def tokens(answer: Any) -> tuple[int, int]:
    """Tokens read and written for an answer, as the server tells; 0 where it does not.

    Hidden reasoning is written, and paid, wherever it is counted: OpenAI has it in the completion's tokens, others, as
    Gemini's, in nothing but the total.
    """
    usage = getattr(answer, "usage", None)
    read, written, total = (getattr(usage, f"{name}_tokens", None) or 0 for name in ("prompt", "completion", "total"))
    return read, max(written, total - read)


def _passes(error: Any) -> bool:
    """Whether a refusal may pass: too many requests, but not an empty account; a failing server."""
    return (error.status_code in (408, 409, 429) and error.code != "insufficient_quota") or error.status_code >= 500


def _never_came(cause: BaseException | None) -> bool:
    """Whether a request has not reached the server."""
    return type(cause).__name__ in ("ConnectError", "ConnectTimeout")


def _said(after: str | None) -> float:
    """Seconds of a Retry-After header; 0 where it gives none in seconds."""
    try:
        return max(0.0, float(after or 0))
    except ValueError:
        return 0.0


def _readable(answer: Any) -> bool:
    try:
        content = answer.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        return False
    return content is None or isinstance(content, str)
