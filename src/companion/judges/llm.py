"""The LLM judge: a language model reads the reasoning and says which option it commits to.

It is asked blind: it sees the question, the options and the reasoning, neither the picture nor the answer, so that it
cannot be swayed by either. The paper's judge was Qwen3-32B; any model behind an OpenAI-compatible server will do, or
a causal language model on this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

from companion.errors import CompanionError
from companion.judges import Case, Verdict, compare
from companion.questions import LETTERS
from companion.store import content_key

INSTRUCTION = """\
Someone was asked a question about a picture and thought aloud. To which of the options does the reasoning finally \
commit? Go by its words alone: do not answer the question yourself, and do not ask whether the reasoning is right. \
What it takes back does not count; what it says last does. If it commits to no option, or leaves several open, that \
is "none".

Question: {question}
{options}

Reasoning:
<reasoning>
{think}
</reasoning>

Reply with one line of JSON and nothing else, quoting the words that commit:
{{"quote": "...", "concludes": "one of {letters}, or none"}}"""

ATTEMPTS = 3
"""How often a case is asked before its verdict counts as unusable."""


class Writer(Protocol):
    """A language model that answers user turns: `endpoint.Endpoint`, or `CausalLM`."""

    label: str
    identity: str

    def write(self, prompts: Sequence[str], attempt: int = 0) -> list[str | None]:
        """Its answers, in order; None for one that cannot be had now."""
        ...


class LLMJudge:
    """Cases that read the same are asked once. A reply that is not the JSON asked for is asked for again, up to
    `ATTEMPTS` times in all; then the verdict is *unusable*, with the last reply as its reason."""

    name = "llm"

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.identity = content_key(judge="llm", writer=writer.identity, instruction=INSTRUCTION)
        self._replies: dict[str, str] = {}

    def judge(self, cases: Sequence[Case]) -> list[Verdict | None]:
        prompts = [instruct(case) for case in cases]
        counts = {prompt: len(case.options) for prompt, case in zip(prompts, cases, strict=True)}
        for attempt in range(ATTEMPTS):
            ask = [p for p, n in counts.items() if p not in self._replies or parse(self._replies[p], n) is None]
            if not ask:
                break
            try:
                replies = self.writer.write(ask, attempt)
            except (CompanionError, KeyboardInterrupt):
                if not attempt:
                    raise
                break  # keep the verdicts that are there; what stops the writer stops the next batch
            for prompt, reply in zip(ask, replies, strict=True):
                if reply is not None:
                    self._replies[prompt] = reply
        return [self._verdict(case, prompt) for case, prompt in zip(cases, prompts, strict=True)]

    def _verdict(self, case: Case, prompt: str) -> Verdict | None:
        if prompt not in self._replies:
            return None
        reply = self._replies[prompt]
        found = parse(reply, len(case.options))
        if found is None:
            return Verdict("unusable", None, reply[:500], {"writer": self.writer.label})
        concluded, quote = found
        return compare(case, concluded, quote, writer=self.writer.label)


def instruct(case: Case) -> str:
    """What the judge is asked about a case."""
    letters = LETTERS[: len(case.options)]
    options = "\n".join(f"{letter}. {option}" for letter, option in zip(letters, case.options, strict=True))
    return INSTRUCTION.format(
        question=case.question.text, options=options, think=case.think or "(none)", letters=", ".join(letters)
    )


_OBJECT = re.compile(r"\{[^{}]*\}")


def parse(reply: str, n_options: int) -> tuple[int | None, str] | None:
    """The option that a judge names (None: none) and its quotation; None where the reply is not what was asked for.

    The last JSON object counts, after the judge's own think block, if it wrote one.
    """
    objects = _OBJECT.findall(reply.rsplit("</think>", 1)[-1])
    try:
        said = json.loads(objects[-1])
        letter = str(said["concludes"]).strip(" ().").upper()
    except (IndexError, KeyError, json.JSONDecodeError):
        return None
    quote = str(said.get("quote", ""))
    if letter == "NONE":
        return None, quote
    if len(letter) == 1 and letter in LETTERS[:n_options]:
        return LETTERS.index(letter), quote
    return None


class CausalLM:
    """A causal language model of transformers, from a folder or the Hub; greedy. Stock classes only."""

    def __init__(self, name: str, device: str = "auto", max_new_tokens: int = 256, batch_size: int = 16) -> None:
        self.label = self.identity = name
        self.device, self.max_new_tokens, self.batch_size = device, max_new_tokens, batch_size

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer. Raises CompanionError where there is no such model."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.label, padding_side="left")
            model = AutoModelForCausalLM.from_pretrained(self.label, dtype="auto").to(device).eval()
        except (OSError, ValueError) as error:
            first = str(error).strip().split("\n")[0]
            raise CompanionError(f"no language model {self.label!r} to judge with ({first}); check the path") from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return model, tokenizer

    def write(self, prompts: Sequence[str], attempt: int = 0) -> list[str | None]:
        """Greedy, so another attempt would say the same: prompts are answered once, then with nothing."""
        if attempt:
            return [None] * len(prompts)
        model, tokenizer = self.loaded
        texts: list[str | None] = []
        for first in range(0, len(prompts), self.batch_size):
            turns = [[{"role": "user", "content": prompt}] for prompt in prompts[first : first + self.batch_size]]
            inputs = tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=True, padding=True, return_tensors="pt", return_dict=True,
                enable_thinking=False,
            ).to(model.device)  # fmt: skip
            output = model.generate(
                **inputs, do_sample=False, temperature=None, top_p=None, top_k=None,
                max_new_tokens=self.max_new_tokens, pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
            texts += tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return texts
