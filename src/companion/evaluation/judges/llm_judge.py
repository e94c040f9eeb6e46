"""The LLM judge: a language model reads the reasoning and says which option it commits to.

It is asked blind: it sees the question, the options and the reasoning, neither the picture nor the answer, so that it
cannot be swayed by either. The paper's judge was Qwen3-32B; any model behind an OpenAI-compatible server will do, or
a causal language model on this machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from companion.errors import Refusal
from companion.evaluation.judges.verdicts import Case, Verdict, verdict_on
from companion.evaluation.store import content_key
from companion.models.language import Writer, insist
from companion.questions.question import LETTERS

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


class LLMJudge:
    """Cases that read the same are asked once. A reply that is not the JSON asked for is asked for again, up to
    `language.ATTEMPTS` times in all; then the verdict is *unusable*, with the last reply as its reason."""

    name = "llm"

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.identity = content_key(judge="llm", writer=writer.identity, instruction=INSTRUCTION)
        self._replies: dict[str, str] = {}

    def judge(self, cases: Sequence[Case]) -> list[Verdict | Refusal | None]:
        prompts = [instruct(case) for case in cases]
        counts = {prompt: len(case.options) for prompt, case in zip(prompts, cases, strict=True)}
        new = [prompt for prompt in counts if prompt not in self._replies]
        replies = insist(
            self.writer,
            new,
            lambda prompt, reply: parse(reply, counts[prompt]) is not None,
            lambda prompt: form(counts[prompt]),
        )
        self._replies |= {prompt: given[-1] for prompt, given in replies.items() if isinstance(given, list)}
        return [self._verdict(case, prompt, replies.get(prompt)) for case, prompt in zip(cases, prompts, strict=True)]

    def _verdict(self, case: Case, prompt: str, given: list[str] | Refusal | None) -> Verdict | Refusal | None:
        if isinstance(given, Refusal):
            return given
        if prompt not in self._replies:
            return None
        reply = self._replies[prompt]
        found = parse(reply, len(case.options))
        if found is None:
            return Verdict("unusable", None, reply[:500], {"writer": self.writer.label})
        concluded, quote = found
        return verdict_on(case, concluded, quote, writer=self.writer.label)


def instruct(case: Case) -> str:
    """What the judge is asked about a case."""
    letters = LETTERS[: len(case.options)]
    options = "\n".join(f"{letter}. {option}" for letter, option in zip(letters, case.options, strict=True))
    return INSTRUCTION.format(
        question=case.question.text, options=options, think=case.think or "(none)", letters=", ".join(letters)
    )


def form(n_options: int) -> dict[str, Any]:
    """The JSON schema of a judge's reply about so many options."""
    concludes = {"type": "string", "enum": [*LETTERS[:n_options], "none"]}
    return {
        "type": "object",
        "properties": {"quote": {"type": "string"}, "concludes": concludes},
        "required": ["quote", "concludes"],
        "additionalProperties": False,
    }


_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|[A-Za-z]+(?=\{)|.)", re.DOTALL)
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")


def parse(reply: str, n_options: int) -> tuple[int | None, str] | None:
    r"""The option that a judge names (None: none) and its quotation; None where the reply is not what was asked for.

    The last JSON object that concludes counts, after the judge's own think block, if it wrote one. It may quote LaTeX,
    as \boxed{A}, with a backslash as JSON wants it or without.
    """
    said = _last_conclusion(_ESCAPE.sub(_escaped, reply.rsplit("</think>", 1)[-1]))
    if said is None:
        return None
    letter = _BOXED.sub(r"\1", str(said["concludes"])).strip(" ().").upper()
    quote = str(said.get("quote", "")).replace("\b", r"\b").replace("\f", r"\f")
    if letter == "NONE":
        return None, quote
    if len(letter) == 1 and letter in LETTERS[:n_options]:
        return LETTERS.index(letter), quote
    return None


def _escaped(found: re.Match[str]) -> str:
    """A backslash as JSON writes it, unless it begins one of JSON's own escapes."""
    own = (len(found[1]) == 5 and found[1][0] == "u") or found[1] in set('"\\/bfnrt')
    return found[0] if own else "\\" + found[0]


def _last_conclusion(text: str) -> dict[str, Any] | None:
    """The last JSON object in a text that concludes something."""
    decoder, found, start = json.JSONDecoder(strict=False), None, text.find("{")
    while start >= 0:
        end = start + 1
        try:
            said, stop = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            pass
        else:
            if "concludes" in said:
                found, end = said, stop
        start = text.find("{", end)
    return found
