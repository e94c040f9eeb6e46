"""A model behind any OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, or a company's.

The key is read from an environment variable, or from the system's keyring, when a request is made. It is written
nowhere, and taken out of what a server says before that is shown.
"""

from __future__ import annotations

import email.utils
import json
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from companion.errors import CompanionError, Refusal, legible, one_line
from companion.models.language import BRIEF, capped
from companion.models.prices import Price

KEY = "OPENAI_API_KEY"

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


@dataclass(frozen=True)
class Room:
    """How many tokens may be written. most: at first.

    fewest: as few will do where a server has no room for more; None: `most` or none at all. reasoning: as many may be
    written where the model is seen to reason and ran out of tokens; None: no more than `most`.
    """

    most: int
    fewest: int | None = None
    reasoning: int | None = None


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
        self, url: str, model: str | None = None, timeout: float = TIMEOUT, retries: int = 5, at_once: int = 8,
        key: str = KEY, account: Account | None = None, price: Price | None = None, max_new_tokens: int | None = None,
    ) -> None:  # fmt: skip
        self.url, self.timeout, self.retries, self.at_once, self.key = url, timeout, retries, at_once, key
        self.account, self.price, self.max_new_tokens = account or Account(), price, max_new_tokens
        if self.account.budget is not None and price is None:
            raise CompanionError("a budget needs a price: give --price READ,WRITTEN in dollars per million tokens")
        self.label = model or self._first_model()
        self.identity = capped(f"{self.label}@{url}", max_new_tokens)
        self.longest = 0
        self.reasons = False  # whether the model was seen to reason
        self.refused: set[str] = set()
        self.top: int | None = None  # so many top_logprobs does the server allow, where it has said so
        self._silent = 0  # items one after another that were given up since they timed out
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._reason: BaseException | None = None
        self._stopped = threading.Event()

    @cached_property
    def client(self) -> Any:
        import openai  # slow to import

        return openai.OpenAI(base_url=self.url, api_key=secret(self.key) or NO_KEY, timeout=self.timeout, max_retries=0)

    def ask(
        self, turns: Sequence[list[dict[str, Any]]], length: int, room: Room, optional: Sequence[str] = (),
        each: Sequence[Mapping[str, Any]] = (), **options: Any,
    ) -> list[Any]:  # fmt: skip
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
        import openai

        most, fewest = (room.reasoning if self.reasons else None) or room.most, room.fewest
        attempt = late = 0
        failures: Counter[str] = Counter()
        cut: Any = None  # an answer that ran out of tokens, which the model reasoned with
        refusal: Refusal | None = None
        left_out: dict[str, str] = {}
        while attempt <= self.retries and not self._stopped.is_set():
            aside = self._dollars(max(length, HEADROOM * self.longest), most)
            try:
                self.account.set_aside(aside)
            except OverBudgetError as error:
                self._stop(error)
                return cut
            pause = PAUSE * 2**attempt
            attempt += 1
            own = self._accepted(options, left_out, most)
            refusal = None
            try:
                answer = self.client.chat.completions.create(model=self.label, messages=messages, **own)
            except openai.APIStatusError as error:
                self.account.settle(aside)
                body = error.response.text
                told = f"HTTP {error.status_code}: {self._short(_message(body))}"
                if error.status_code in (400, 413, 422) and _TOO_LONG.search(body):
                    fits = room_for(body, most)
                    if fewest is None:
                        return Refusal(f"{told}; give fewer --max-new-tokens, or serve the model with a longer context")
                    if fits < fewest:
                        return cut or Refusal(f"{told}; too long to be answered: serve the model with a longer context")
                    self._say(f"too long for {self.label} ({told}); as many tokens are asked for as there is room")
                    most, attempt = fits, attempt - 1
                    continue
                if error.status_code in (400, 403, 422) and (named := _named(error, own, optional)):
                    if named & LOGPROBS and self._allows_fewer(body, own.get("top_logprobs", 0)):
                        named -= LOGPROBS
                    left_out |= dict.fromkeys(named, told)
                    attempt -= 1
                    continue
                if wrong := _of_all(error):
                    self._stop(CompanionError(f"the server {self.url} refuses ({told}); {wrong.format(self)}"))
                    return None
                if not _passes(error):
                    return Refusal(told)
                refusal = Refusal(told, passes=True)
                failures[told] += error.status_code == 500
                if failures[told] == SAME_FAILURE and not self.longest:
                    return refusal
                pause = max(pause, wait_of(error.response.headers))
            except openai.APIConnectionError as error:  # timeouts too
                came = not _never_came(error.__cause__)
                self.account.settle(aside, lost=came)
                late += came and isinstance(error, openai.APITimeoutError)
                if late == LATE:
                    return cut or self._given_up()
            except (openai.APIError, json.JSONDecodeError):
                self.account.settle(aside, lost=True)
            except UnicodeError as error:  # half a character cannot be sent
                self.account.settle(aside)
                return Refusal(one_line(error))
            else:
                self._learn(left_out)
                read, written = tokens(answer)
                self.account.settle(aside, self._dollars(read, written), read, written, lost=not read)
                self.longest = max(self.longest, read, 1)
                if _readable(answer):
                    if not (room.reasoning and most < room.reasoning and reasons(answer) and ran_out(answer)):
                        return answer
                    self.reasons = True
                    cut, fewest, most, attempt = answer, most + 1, room.reasoning, attempt - 1
                    continue
                if wrong := error_in(answer):
                    return Refusal(f"an error in the place of an answer: {self._short(wrong)}")
            if attempt <= self.retries:
                self._stopped.wait(min(LONGEST_WAIT, pause) * random.uniform(1.0, 1.25))
        return cut or refusal

    def _learn(self, left_out: Mapping[str, str]) -> None:
        """After an answer. left_out: options without which it came, each with what the server said of it."""
        self._silent = 0
        if "response_format" in left_out and "response_format" not in self.refused:
            self._say(
                f"{self.label} is asked without response_format, which it refuses ({left_out['response_format']})"
            )
        self.refused |= left_out.keys()

    def _given_up(self) -> Refusal:
        """Of a request that timed out for the last time. What times out again and again is the server itself."""
        wanted = "give it longer with --timeout, or less to write with --max-new-tokens"
        with self._lock:
            self._silent += 1
        if self._silent >= SILENT:
            self._stop(CompanionError(
                f"{self._silent} requests to {self.url} one after another had no answer within {self.timeout:g} s; see "
                f"whether it runs, {wanted}; what was finished is kept"
            ))  # fmt: skip
        return Refusal(f"no answer within {self.timeout:g} s, {LATE} times; {wanted}")

    def _say(self, line: str) -> None:
        """Tell the user, once, how a server is asked otherwise than it was meant to be."""
        kind = re.sub(r"\d+", "#", line)
        with self._lock:
            new = kind not in self._told
            self._told.add(kind)
        if new:
            print(line, file=sys.stderr)

    def _dollars(self, read: float, written: float) -> float:
        return self.price.of(read, written) if self.price else 0.0

    def _stop(self, reason: BaseException) -> None:
        self._reason = self._reason or reason
        self._stopped.set()

    def _accepted(self, options: dict[str, Any], left_out: Mapping[str, str], most: int) -> dict[str, Any]:
        """Options as this server takes them. left_out: those that it has refused of this request. most: tokens."""
        refused = self.refused | left_out.keys()
        own = {name: value for name, value in options.items() if name not in refused}
        own["max_completion_tokens" if "max_tokens" in refused else "max_tokens"] = most
        if self.top and "top_logprobs" in own:
            own["top_logprobs"] = min(self.top, own["top_logprobs"])
        return own

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


LOGPROBS = {"logprobs", "top_logprobs"}
OPTIONAL = ("max_tokens", "seed", *sorted(LOGPROBS))
"""What some servers refuse; `max_tokens` then goes by its newer name, max_completion_tokens."""

REASONED = 4096
"""Tokens of an answer to a user turn, of a model that reasons."""

FEWEST = 64
"""Tokens that an answer to a user turn needs."""

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


def _named(error: Any, sent: Mapping[str, Any], optional: Sequence[str]) -> set[str]:
    """The options without which a request is worth making again. That a server refuses them is remembered once it has
    answered without: a refusal may name a word of the prompt."""
    told = error.response.text.lower()
    named = {name for name in optional if name in sent and (name in told or _is_called(name, told))}
    return named | LOGPROBS if named & LOGPROBS else named


def _is_called(name: str, told: str) -> bool:
    """Whether a server speaks of an option by another name."""
    return name == "response_format" and bool(
        re.search(r"response.format|json.?schema|structured|guided|grammar", told)
    )


_TOO_LONG = re.compile(
    r"context.(?:length|size|window)|max_model_len|max_total_tokens|maximum model length"
    r"|maximum (?:allowed )?number of (?:output|total) tokens"
    r"|max_(?:completion_)?tokens\W.{0,60}?(?:too (?:large|high)|less than or equal|valid range)"
    r"|at most \d+ completion tokens",
    re.IGNORECASE,
)
"""How servers say that a request and the answer to it are too long together, or the answer by itself."""

_NUMBERS = {
    "context": r"context.(?:length|size|window)(?: is| of|:)? \(?(\d+)|max_(?:model_len|total_tokens)=(\d+)"
    r"|n_ctx\W+(\d+)|maximum model length of (\d+)",
    "prompt": r"(?<!at least )\b(\d+) (?:input tokens|(?:tokens )?(?:in|from|of) the (?:input |)(?:messages|prompt))"
    r"|n_prompt_tokens\W+(\d+)|request \((\d+) tokens\)|messages resulted in (\d+) tokens|prompt \(length (\d+)\)",
    "answer": r"at most (\d+) completion tokens|> (\d+), which is the maximum|less than or equal to \W?(\d+)"
    r"|valid range of max_tokens is \[\d+, ?(\d+)\]",
}
"""Tokens that servers tell: of which the context holds so many at most, the prompt has so many, the answer may."""


def room_for(said: str, most: int) -> int:
    """How many tokens, fewer than `most`, to ask for after a refusal for length: what still fits, 0 or less for none.

    Where the server does not tell, it is half of `most`, or of the context. (vLLM counts a prompt that does not fit no
    further than it must: "at least so many" is no length.)
    """
    told = {name: re.search(pattern, said, re.IGNORECASE) for name, pattern in _NUMBERS.items()}
    found = {name: next(int(number) for number in one.groups() if number) for name, one in told.items() if one}
    fits = [found["answer"]] if "answer" in found else []
    if "context" in found and "prompt" in found:
        fits.append(found["context"] - found["prompt"])
    return min(fits) if fits and min(fits) < most else min(most, found.get("context", most)) // 2


def reasons(answer: Any) -> bool:
    """Whether a model reasons before it answers: beside the content, in a think block, or hidden in what it counts."""
    content, thought = content_and_reasoning(answer.choices[0].message)
    usage = getattr(answer, "usage", None)
    counted = getattr(getattr(usage, "completion_tokens_details", None), "reasoning_tokens", None) or 0
    hidden = counted or tokens(answer)[1] > (getattr(usage, "completion_tokens", None) or 0)
    return bool(thought or hidden or not content or "<think>" in content or "</think>" in content)


LONGER = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
"""What servers call it, in small letters, when an answer ran out of tokens."""


def ran_out(answer: Any) -> bool:
    """Whether an answer ended since no more tokens were allowed."""
    return str(answer.choices[0].finish_reason).lower() in LONGER


def _of_all(error: Any) -> str:
    """What to do about a refusal that every request would get; "" where it may be of this one alone."""
    if error.status_code == 401:
        return "check the key {0.key}"
    if error.status_code == 404:
        return "check the URL and the model's name {0.label!r}"
    if error.status_code == 402 or error.code == "insufficient_quota":
        return "nothing is left to pay with; see to the account of the key {0.key}"
    return ""


def _passes(error: Any) -> bool:
    """Whether a refusal may pass: too many requests, or a failing server."""
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def _never_came(cause: BaseException | None) -> bool:
    """Whether a request has not reached the server."""
    return type(cause).__name__ in ("ConnectError", "ConnectTimeout")


def wait_of(headers: Mapping[str, str]) -> float:
    """Seconds that a server says to wait: Retry-After-Ms, or Retry-After in seconds or as a date (by the server's own
    clock, where it tells that); 0 where it says nothing that can be read."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    until, now = (_date(headers.get(name)) for name in ("retry-after", "date"))
    return max(0.0, until - (now or time.time())) if until else 0.0


def _date(text: str | None) -> float | None:
    """Seconds since 1970 of a date as HTTP has it."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def _message(body: str) -> str:
    """What the body of a refusal says, without its braces."""
    try:
        told = json.loads(body)
    except json.JSONDecodeError:
        return body
    return error_in(told) or body


def error_in(answer: Any) -> str:
    """The message of an error object in an answer, or in its first choice; "" where there is none."""
    choices = _get(answer, "choices")
    for place in (answer, choices[0] if isinstance(choices, list) and choices else None):
        wrong = _get(place, "error")
        if isinstance(wrong, Mapping):
            wrong = wrong.get("message") or json.dumps(wrong)
        if wrong:
            return str(wrong)
    return ""


def _get(thing: Any, name: str) -> Any:
    """A field of a JSON object, whether it is a dict or the client's own."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def content_and_reasoning(message: Any) -> tuple[str, str]:
    """What a message says, and the reasoning that it tells beside that.

    Both may come as a text, or as a list of parts. Where a model declined, what it says is its refusal.
    """
    texts, thoughts = _parts(message.content)
    for name in ("reasoning_content", "reasoning"):
        beside = getattr(message, name, None)
        if not thoughts and isinstance(beside, str | list):
            thoughts = list(_texts(beside))
    declined = getattr(message, "refusal", None)
    return legible("".join(texts) or (declined if isinstance(declined, str) else "")), legible("".join(thoughts))


def _parts(content: Any) -> tuple[list[str], list[str]]:
    """The texts of a message's content, and those of the reasoning among its parts."""
    if not isinstance(content, list):
        return [content or ""], []
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        is_thought = isinstance(part, Mapping) and part.get("type") in ("thinking", "reasoning")
        (thoughts if is_thought else texts).extend(_texts(part))
    return texts, thoughts


def _texts(part: Any) -> Iterator[str]:
    """The texts in a part of a message, however deep."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, Mapping):
        for name in ("text", "refusal", "thinking", "reasoning"):
            yield from _texts(part.get(name))


def _readable(answer: Any) -> bool:
    try:
        content = answer.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        return False
    return not error_in(answer) and (content is None or isinstance(content, str | list))
