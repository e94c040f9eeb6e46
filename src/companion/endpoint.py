"""A language model behind any OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, or a company's.

The key is read from an environment variable when a request is made, and written nowhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from companion.errors import CompanionError

KEY = "OPENAI_API_KEY"


class Endpoint:
    """url: up to and with /v1. model: as the server calls it, or None for the first that it lists.

    A request that times out (timeout, in seconds), is refused as too many (429) or meets a failing server (5xx) is made
    again up to `retries` times, ever later, or when the server says. at_once: requests under way at any time.
    """

    def __init__(
        self, url: str, model: str | None = None, timeout: float = 120.0, retries: int = 5, at_once: int = 8,
        key: str = KEY,
    ) -> None:  # fmt: skip
        self.url, self.timeout, self.retries, self.at_once, self.key = url, timeout, retries, at_once, key
        self.label = model or self._first_model()
        self.identity = f"{self.label}@{url}"

    @cached_property
    def client(self) -> Any:
        import openai  # slow to import

        secret = os.environ.get(self.key, "none")
        return openai.OpenAI(base_url=self.url, api_key=secret, timeout=self.timeout, max_retries=self.retries)

    def write(self, prompts: Sequence[str], attempt: int = 0) -> list[str | None]:
        """The model's answers to user turns, in their order; None where the server gave none that can be read.

        Greedy at first; another attempt is a sample of its own. Raises CompanionError where the server refuses for good
        (unknown model, missing key), or answers none of several prompts.
        """
        sampling = {"temperature": 0.0} if attempt == 0 else {"temperature": 0.7, "seed": attempt}
        with ThreadPoolExecutor(self.at_once) as pool:
            texts = list(pool.map(lambda prompt: self._chat(prompt, sampling), prompts))
        if not attempt and len(texts) > 1 and all(text is None for text in texts):
            raise CompanionError(
                f"the server {self.url} answered none of {len(texts)} requests; see whether it runs, then give the "
                "same command again: what was finished is kept"
            )
        return texts

    def _chat(self, prompt: str, sampling: dict[str, Any]) -> str | None:
        import openai

        messages: Any = [{"role": "user", "content": prompt}]
        for _ in range(self.retries + 1):
            try:
                answer = self.client.chat.completions.create(model=self.label, messages=messages, **sampling)
                return answer.choices[0].message.content or ""
            except (
                openai.APITimeoutError,
                openai.APIConnectionError,
                openai.RateLimitError,
                openai.InternalServerError,
            ):
                return None  # the client has tried again already
            except openai.APIStatusError as error:
                raise CompanionError(
                    f"the server {self.url} refuses (HTTP {error.status_code}: {_short(error.message)}); check the "
                    f"model's name {self.label!r} and the key in ${self.key}"
                ) from error
            except (openai.APIError, json.JSONDecodeError, AttributeError, IndexError, TypeError):
                continue  # an answer, but none of the protocol's
        return None

    def _first_model(self) -> str:
        import openai

        try:
            return next(iter(self.client.models.list())).id
        except (openai.OpenAIError, json.JSONDecodeError, StopIteration, AttributeError, TypeError) as error:
            raise CompanionError(
                f"the server {self.url} does not list its models ({_short(str(error))}); see whether it runs, and name "
                "the model yourself"
            ) from error


def _short(text: str) -> str:
    return text.strip().split("\n")[0][:200]
