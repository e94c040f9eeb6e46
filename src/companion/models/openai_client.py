"""A model behind any OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, or a company's.

When a request is made, made again, and given up. The key is read when a request is made, and taken out of what a server
says before that is shown. Left out: how to read what servers send back (`server_replies`, `server_refusals`), what is
asked about a picture, and how the answer to that is understood (`server`).
"""

from __future__ import annotations

import json
import random
import re
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from companion.errors import CompanionError, Refusal, one_line
from companion.models.account import Account, OverBudgetError
from companion.models.api_key import KEY, NO_KEY, secret
from companion.models.language import BRIEF, capped
from companion.models.prices import Price
from companion.models.server_options import LOGPROBS, OPTIONAL, TakenOptions
from companion.models.server_refusals import (
    advice_for_all,
    is_too_long,
    may_pass,
    message_of,
    never_came,
    room_for,
    wait_of,
)
from companion.models.server_replies import content_and_reasoning, error_in, is_readable, ran_out, reasons, tokens

TIMEOUT = 120.0
"""Seconds for one request."""

LATE = 2
"""Requests for one answer that may time out: a model that repeats itself without end does it each time."""

SILENT = 16
"""Items one after another that are given up since they time out: it is the server then."""

SAME_FAILURE = 3
"""Requests that a server which never answered yet may fail at (HTTP 500) with the same words."""

PAUSE = 0.5
"""Seconds before the second attempt; doubled before each further one."""

LONG_PAUSE = 2.0
"""Seconds from which a pause is told."""

LONGEST_WAIT = 300.0
"""Seconds between two attempts, at most, whatever the server says."""

HEADROOM = 1.25
"""How much longer than the longest prompt so far one is taken to be, before its cost is known."""


@dataclass(frozen=True)
class Room:
    """How many tokens may be written. most: at first.

    fewest: as few will do where a server has no room for more; None: `most` or none at all. reasoning: as many may be
    written where the model is seen to reason and ran out of tokens; None: no more than `most`.
    """

    most: int
    fewest: int | None = None
    reasoning: int | None = None


@dataclass
class _Request:
    """One conversation that is put to a server, and what has come of it so far. Its first fields are those of `ask`.

    most, fewest: tokens that may be written, see `Room`, as far as is known by now. cut_off: an answer that ran out of
    tokens, which the model reasoned with. timeouts: of answers, not of connecting. failures: with HTTP 500, by what
    they said. left_out: options that the server refused, with what it said of them.
    """

    messages: list[dict[str, Any]]
    room: Room
    options: Mapping[str, Any]
    optional: Sequence[str]
    most: int
    fewest: int | None
    cut_off: Any = None
    timeouts: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Again:
    """A request is worth sending once more. otherwise: in another form, and at once. wait: seconds, as the server says.
    refusal: what it said."""

    otherwise: bool = False
    wait: float = 0.0
    refusal: Refusal | None = None


class Endpoint:
    """url: up to and with /v1. model: as the server calls it, or None for the first that it lists.

    A request that is refused as too many (429), meets a failing server (5xx) or an answer that cannot be read is made
    again up to `retries` times, when the server says or ever later, with jitter; one that times out (timeout, in
    seconds) up to `LATE` times in all, and one at which a server that never answered yet fails with HTTP 500 and the
    same words, `SAME_FAILURE` times. Any other refusal is of that one request (`Refusal`), unless it says that the
    server knows neither the key nor the model (401, 404), or that nothing is left to pay with.
    at_once: requests under way at any time. key: the name of the key (see `secret`). price: or None, where nothing is
    to be paid. account: of the costs, which other endpoints may share. max_new_tokens: of what is written to a user
    turn (`write`), or None for `language.BRIEF` of a model that does not reason, and `REASONED` of one that does.
    Raises CompanionError for a budget without a price.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        timeout: float = TIMEOUT,
        retries: int = 5,
        at_once: int = 8,
        key: str = KEY,
        account: Account | None = None,
        price: Price | None = None,
        max_new_tokens: int | None = None,
    ) -> None:
        self.url, self.timeout, self.retries, self.at_once, self.key = url, timeout, retries, at_once, key
        self.account, self.price, self.max_new_tokens = account or Account(), price, max_new_tokens
        if self.account.budget is not None and price is None:
            raise CompanionError("a budget needs a price: give --price READ,WRITTEN in dollars per million tokens")
        self.label = model or self._first_model()
        self.identity = capped(f"{self.label}@{url}", max_new_tokens)
        self.longest = 0
        self.reasons = False  # whether the model was seen to reason
        self.options = TakenOptions()
        self._silent = 0  # items one after another that were given up since they timed out
        self._waits = False  # whether it was told that the server does not answer, and none came since
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._reason: BaseException | None = None
        self._stopped = threading.Event()

    @cached_property
    def client(self) -> Any:
        import openai  # slow to import

        return openai.OpenAI(base_url=self.url, api_key=secret(self.key) or NO_KEY, timeout=self.timeout, max_retries=0)

    def ask(
        self,
        turns: Sequence[list[dict[str, Any]]],
        length: int,
        room: Room,
        optional: Sequence[str] = (),
        each: Sequence[Mapping[str, Any]] = (),
        **options: Any,
    ) -> list[Any]:
        """The server's answers to conversations, in their order; where there is none, a Refusal that says why, or None
        where none came that can be read.

        length: about how many tokens the longest is, pictures included. options: of all requests, and each: of every
        single one, if given; those of `OPTIONAL` and of `optional` are left out once the server has refused them.

        What stops a batch (an interrupt, an unknown model or key, the budget) is raised by the next call, so that
        answers that were paid for can be kept; at once only if there are none. Raises CompanionError, too, where not
        one of several requests had an answer or a refusal.
        """
        if self._reason:
            raise self._reason
        answers: list[Any] = [None] * len(turns)
        futures: list[Future[Any]] = []
        with ThreadPoolExecutor(self.at_once) as pool:
            try:
                for turn, own in zip(turns, each or [{}] * len(turns), strict=True):
                    futures.append(
                        pool.submit(self._request, turn, length, room, {**options, **own}, (*OPTIONAL, *optional))
                    )
                    if self.account.budget is not None and not self.longest:
                        wait(futures)  # what one costs is known before several are under way
                wait(futures)
            except KeyboardInterrupt as stop:
                self._stop(stop)
        for number, future in enumerate(futures):
            try:
                answers[number] = future.result()
            except CompanionError:
                raise
            except Exception as error:  # in a form that nobody has thought of; the others may be paid for
                answers[number] = Refusal(one_line(error))
        if self._reason and all(answer is None or isinstance(answer, Refusal) for answer in answers):
            raise self._reason
        if len(turns) > 1 and all(answer is None for answer in answers):
            raise CompanionError(
                f"the server {self.url} answered none of {len(turns)} requests; see whether it runs, then give the "
                "same command again: what was finished is kept"
            )
        return answers

    def write(
        self, prompts: Sequence[str], attempt: int = 0, schemas: Sequence[Mapping[str, Any]] = ()
    ) -> list[str | Refusal | None]:
        """The model's answers to user turns, in their order; a Refusal or None as in `ask`.

        Greedy at first; another attempt is a sample of its own. Where the server takes no temperature but its own, all
        are samples. schemas: a JSON schema of each answer, if given, which a server that can (`response_format`) holds
        the model to. Raises what `ask` raises.
        """
        sampling = {"temperature": 0.0} if attempt == 0 else {"temperature": 0.7, "seed": attempt}
        turns = [[{"role": "user", "content": prompt}] for prompt in prompts]
        forms = [
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "reply", "strict": True, "schema": one},
                }
            }
            for one in schemas
        ]
        room = Room(self.max_new_tokens or BRIEF, FEWEST, None if self.max_new_tokens else REASONED)
        answers = self.ask(
            turns, max(map(len, prompts)) // 3, room, ("temperature", "response_format"), forms, **sampling
        )
        return [
            answer
            if answer is None or isinstance(answer, Refusal)
            else content_and_reasoning(answer.choices[0].message)[0]
            for answer in answers
        ]

    def _request(
        self, messages: list[dict[str, Any]], length: int, room: Room, options: dict[str, Any], optional: Sequence[str]
    ) -> Any:
        """The answer to one conversation, or why there is none, after `retries` more attempts where it may pass; None
        where that is not known. optional: options that may be left out."""
        request = _Request(messages, room, options, optional, room.most, room.fewest)
        if self.reasons and room.reasoning:
            request.most = room.reasoning
        attempts, refusal = 0, None
        while attempts <= self.retries and not self._stopped.is_set():
            # 1) What it may cost is set aside, or nothing is sent.
            dollars = self._dollars(max(length, HEADROOM * self.longest), request.most)
            try:
                self.account.set_aside(dollars)
            except OverBudgetError as error:
                self._stop(error)
                return request.cut_off
            # 2) Send it. An answer ends it, and so does a refusal that will not pass.
            outcome = self._send(request, dollars)
            if not isinstance(outcome, _Again):
                return outcome
            # 3) Again: at once in another form, which is no further attempt; in the same form after a pause.
            refusal = outcome.refusal
            if outcome.otherwise:
                continue
            pause = max(outcome.wait, PAUSE * 2**attempts)
            attempts += 1
            if attempts <= self.retries:
                if pause >= LONG_PAUSE:
                    self._tell_waiting(refusal)
                self._stopped.wait(min(LONGEST_WAIT, pause) * random.uniform(1.0, 1.25))
        return request.cut_off or refusal

    def _send(self, request: _Request, dollars: float) -> Any:
        """Send a request, and settle the dollars that were set aside for it. What came of it: the answer, a Refusal,
        None, or _Again where it is worth sending once more."""
        import openai

        sent = self.options.form(request.options, request.left_out, request.most)
        try:
            answer = self.client.chat.completions.create(model=self.label, messages=request.messages, **sent)
        except openai.APIStatusError as error:
            self.account.settle(dollars)
            return self._after_status(request, error, sent)
        except openai.APIConnectionError as error:  # timeouts too
            arrived = not never_came(error.__cause__)
            self.account.settle(dollars, lost=arrived)
            if arrived and isinstance(error, openai.APITimeoutError):
                request.timeouts += 1
                if request.timeouts == LATE:
                    return request.cut_off or self._given_up()
            return _Again()
        except (openai.APIError, json.JSONDecodeError):  # an answer came, and cannot be read
            self.account.settle(dollars, lost=True)
            return _Again()
        except UnicodeError as error:  # half a character cannot be sent
            self.account.settle(dollars)
            return Refusal(one_line(error))
        return self._after_answer(request, answer, dollars)

    def _after_status(self, request: _Request, error: Any, sent: Mapping[str, Any]) -> Any:
        """What comes of a request that was refused with an HTTP status: see `_send`. sent: its options."""
        body = error.response.text
        told = f"HTTP {error.status_code}: {self._short(message_of(body))}"
        # 1) Too long: as many tokens as there is room for.
        if error.status_code in (400, 413, 422) and is_too_long(body):
            fits = room_for(body, request.most)
            if request.fewest is None:
                return Refusal(f"{told}; give fewer --max-new-tokens, or serve the model with a longer context")
            if fits < request.fewest:
                return request.cut_off or Refusal(
                    f"{told}; too long to be answered: serve the model with a longer context"
                )
            self._say(f"too long for {self.label} ({told}); as many tokens are asked for as there is room")
            request.most = fits
            return _Again(otherwise=True)
        # 2) Options that it does not take: without them, or with as many probabilities as it allows.
        if error.status_code in (400, 403, 422):
            refused = self.options.refused_in(body, sent, request.optional)
            if refused is not None:
                request.left_out |= dict.fromkeys(refused, told)
                return _Again(otherwise=True)
        # 3) What every request would get stops all of them; what will not pass is of this one.
        if advice := advice_for_all(error, self.key, self.label):
            self._stop(CompanionError(f"the server {self.url} refuses ({told}); {advice}"))
            return None
        refusal = Refusal(told, passes=may_pass(error))
        if not refusal.passes:
            return refusal
        # 4) What may pass is waited for, unless the server has failed in the same way at everything so far.
        request.failures[told] += error.status_code == 500
        if request.failures[told] == SAME_FAILURE and not self.longest:
            return refusal
        return _Again(wait=wait_of(error.response.headers), refusal=refusal)

    def _after_answer(self, request: _Request, answer: Any, dollars: float) -> Any:
        """What comes of a request that was answered: see `_send`."""
        # 1) What the answer tells of the server, and what it cost.
        self._learn(request.left_out)
        read, written = tokens(answer)
        self.account.settle(dollars, self._dollars(read, written), read, written, lost=not read)
        self.longest = max(self.longest, read, 1)
        # 2) An error, or nothing at all, in the place of an answer.
        if not is_readable(answer):
            wrong = error_in(answer)
            return Refusal(f"an error in the place of an answer: {self._short(wrong)}") if wrong else _Again()
        # 3) A model that reasons, and ran out of tokens for it, is given more; this answer stands where that fails.
        reasoning = request.room.reasoning
        if reasoning and request.most < reasoning and reasons(answer) and ran_out(answer):
            self.reasons = True
            request.cut_off, request.fewest, request.most = answer, request.most + 1, reasoning
            return _Again(otherwise=True)
        return answer

    def _learn(self, left_out: Mapping[str, str]) -> None:
        """After an answer. left_out: options without which it came, each with what the server said of it."""
        self._silent, self._waits = 0, False
        if "response_format" in left_out and "response_format" not in self.options.refused:
            self._say(
                f"{self.label} is asked without response_format, which it refuses ({left_out['response_format']})"
            )
        if LOGPROBS & left_out.keys() - self.options.refused:
            self._say(
                f"{self.label} is asked without logprobs, which it refuses ({left_out['logprobs']}); its rows "
                "have no probabilities"
            )
        self.options.refused |= left_out.keys()

    def _given_up(self) -> Refusal:
        """Of a request that timed out for the last time. What times out again and again is the server itself."""
        wanted = "give it longer with --timeout, or less to write with --max-new-tokens"
        with self._lock:
            self._silent += 1
        if self._silent >= SILENT:
            self._stop(
                CompanionError(
                    f"{self._silent} requests to {self.url} one after another had no answer within "
                    f"{self.timeout:g} s; see whether it runs, {wanted}; what was finished is kept"
                )
            )
        return Refusal(f"no answer within {self.timeout:g} s, {LATE} times; {wanted}")

    def _say(self, line: str) -> None:
        """Tell the user, once, how a server is asked otherwise than it was meant to be."""
        kind = re.sub(r"\d+", "#", line)
        with self._lock:
            new = kind not in self._told
            self._told.add(kind)
        if new:
            print(line, file=sys.stderr)

    def _tell_waiting(self, refusal: Refusal | None) -> None:
        """Tell the user that requests are made again and again: once where the server says why, and each time that it
        falls silent."""
        again = f"each request is made up to {self.retries + 1} times, ever later"
        if refusal:
            self._say(f"the server {self.url} wants time ({refusal.reason}); {again}")
            return
        with self._lock:
            new, self._waits = not self._waits, True
        if new:
            print(f"the server {self.url} does not answer; {again}", file=sys.stderr)

    def _dollars(self, read: float, written: float) -> float:
        return self.price.of(read, written) if self.price else 0.0

    def _stop(self, reason: BaseException) -> None:
        self._reason = self._reason or reason
        self._stopped.set()

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


REASONED = 4096
"""Tokens of an answer to a user turn, of a model that reasons."""

FEWEST = 64
"""Tokens that an answer to a user turn needs."""
