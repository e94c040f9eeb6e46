"""Language models that answer user turns, for the LLM judge and the LLM writer: a server's, or one of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from companion.errors import CompanionError, Refusal, first_line
from companion.models.weights import folder_hint, hash_folder, hub_config, no_folder, unmap

ATTEMPTS = 3
"""How often a prompt is put to a model before its last reply is left as it is."""

BRIEF = 512
"""Tokens of a reply, at most, of a model that does not reason, unless told otherwise."""

BATCH = 16
"""Prompts that a `CausalLM` replies to at once."""


class Writer(Protocol):
    """A language model that answers user turns: `openai_client.Endpoint`, or `CausalLM`."""

    label: str
    identity: str

    def write(
        self, prompts: Sequence[str], attempt: int = 0, schemas: Sequence[Mapping[str, Any]] = ()
    ) -> Sequence[str | Refusal | None]:
        """Its answers, in order; why there is none, or None for one that cannot be had now. schemas: a JSON schema of
        each answer, for a writer that can be held to one."""
        ...


Replies = dict[str, list[str] | Refusal]
"""The replies to each prompt, one an attempt, or why it got none."""


def insist(
    writer: Writer,
    prompts: Iterable[str],
    accepts: Callable[[str, str], bool],
    schema: Callable[[str], Mapping[str, Any]],
) -> Replies:
    """The replies to each prompt, of which the last was accepted or is the last that is asked for.

    accepts: of prompt and reply. schema: of the reply to a prompt, as a JSON schema. The first reply is free, since one
    that is held to a form leaves a model no words to think in; only where it was not accepted is the next held to it. A
    prompt that got no reply now is left out. Raises what stops the writer at its first attempt; later, only what was
    accepted is returned, and the next call raises.
    """
    replies: dict[str, list[str]] = {}
    refused: dict[str, Refusal] = {}
    asked = list(dict.fromkeys(prompts))
    for attempt in range(ATTEMPTS):
        if not asked:
            break
        try:
            found = writer.write(asked, attempt, [schema(prompt) for prompt in asked] if attempt else ())
        except (CompanionError, KeyboardInterrupt):
            if not attempt:
                raise
            return {prompt: given for prompt, given in replies.items() if prompt not in asked} | refused
        for prompt, reply in zip(asked, found, strict=True):
            if isinstance(reply, Refusal):
                refused[prompt] = reply
            elif reply is not None:
                replies.setdefault(prompt, []).append(reply)
        asked = [
            prompt
            for prompt in asked
            if prompt not in refused and (prompt not in replies or not accepts(prompt, replies[prompt][-1]))
        ]
    return refused | replies  # one that was refused at a later attempt keeps what it wrote before


def capped(identity: str, max_new_tokens: int | None) -> str:
    """The identity of a model whose replies have a length of their own: at another they may be others."""
    return f"{identity}?max_new_tokens={max_new_tokens}" if max_new_tokens else identity


class CausalLM:
    """A causal language model of transformers, from a folder or the Hub; greedy. Stock classes only.

    max_new_tokens: of a reply, or None for `BRIEF`.
    """

    def __init__(self, name: str, device: str = "auto", max_new_tokens: int | None = None) -> None:
        self.label, self._asked = name, max_new_tokens
        self.device, self.max_new_tokens = device, max_new_tokens or BRIEF

    @cached_property
    def commit(self) -> str | None:
        """Of a model on the Hub. Raises CompanionError where there is no such model."""
        if Path(self.label).is_dir():
            return None
        if wrong := no_folder(self.label):
            raise CompanionError(f"no language model {self.label!r}: {wrong}")
        try:
            return hub_config(self.label)[1]
        except OSError as error:
            raise self._missing(error) from error

    @cached_property
    def identity(self) -> str:
        name = f"{self.label}@{self.commit}" if self.commit else hash_folder(Path(self.label))
        return capped(name, self._asked)

    def _missing(self, error: Exception) -> CompanionError:
        hint = folder_hint(self.label)
        return CompanionError(f"no language model {self.label!r} ({first_line(error)}); {hint}check the path or the id")

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer. Raises CompanionError where there is no such model or device."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from companion.models.devices import find_device

        device = find_device(self.device)
        revision = {"revision": self.commit} if self.commit else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.label, padding_side="left", **revision)
            model = AutoModelForCausalLM.from_pretrained(self.label, dtype="auto", **revision)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # of files that lack or are damaged transformers says so in errors of many kinds
            raise self._missing(error) from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        if device == "cpu":
            unmap(model)
        return model.to(device).eval(), tokenizer

    def write(
        self, prompts: Sequence[str], attempt: int = 0, schemas: Sequence[Mapping[str, Any]] = ()
    ) -> list[str | None]:
        """Greedy, so another attempt would say the same: prompts are answered once, then with nothing."""
        if attempt:
            return [None] * len(prompts)
        model, tokenizer = self.loaded
        texts: list[str | None] = []
        for first in range(0, len(prompts), BATCH):
            turns = [[{"role": "user", "content": prompt}] for prompt in prompts[first : first + BATCH]]
            inputs = tokenizer.apply_chat_template(
                turns,
                add_generation_prompt=True,
                tokenize=True,
                padding=True,
                return_tensors="pt",
                return_dict=True,
                enable_thinking=False,
            ).to(model.device)
            output = model.generate(
                **inputs,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=self.max_new_tokens,
                pad_token_id=tokenizer.pad_token_id,
            )
            texts += tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return texts
