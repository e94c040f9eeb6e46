"""Claims by a language model: one request a question, checked sentence by sentence, and stored.

The model sees the question and its options, not the picture and not which option is right. A reply that fails a check
is asked for again, up to `language.ATTEMPTS` times in all; then the question keeps the claims that it came with. What
is written is stored as it comes (`store.CLAIMS`): a run that was stopped goes on, and a second one asks nothing.

Run: `companion export-prompts --writer llm --endpoint … --out prompts.jsonl`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.errors import CompanionError, Refusal
from companion.evaluation.fill_missing import Row, fill_missing, unanswered
from companion.evaluation.judges.rule_judge import final_commitment
from companion.evaluation.judges.words import plain
from companion.evaluation.store import Store, content_key
from companion.models.language import Writer, insist
from companion.questions.claims.written import TEMPLATE, Written
from companion.questions.question import LETTERS, Question

INSTRUCTION = """\
Below are a question about a picture and its possible answers. For each answer write what someone who saw that this \
answer is the right one would have put under the picture: one sentence, two at most, plain English, stated as a fact. \
It must be clear from the sentence alone which answer is meant, and no other answer may fit it. Write about the \
picture, not about the question; name no answer by a letter or by its place in the list.

Question: {question}
Answers:
{options}

Reply with one JSON list of {count} strings, in the order of the answers, and nothing else."""


def rewrite(writer: Writer, questions: Sequence[Question], store: Store, progress: bool = True) -> list[Written]:
    """Each question with the claims that the writer gives it, now or in an earlier run.

    store: of `store.CLAIMS`. Raises CompanionError where the writer gave no reply to some, which a failing server may
    do; those that it gave are stored.
    """
    plan = [(_key(writer, question), question) for question in questions]

    def compute(batch: Sequence[tuple[str, Question]]) -> Iterator[tuple[int, Row | Refusal | None]]:
        asked = {instruct(question): question for _, question in batch}
        replies = insist(
            writer,
            asked,
            lambda prompt, reply: not objection(reply, asked[prompt]),
            lambda prompt: form(len(asked[prompt].options)),
        )
        for number, (key, question) in enumerate(batch):
            given = replies.get(instruct(question))
            yield number, _row(key, writer, question, given) if isinstance(given, list) else given

    work = fill_missing(
        plan,
        compute,
        store,
        item=lambda question: question.id,
        label=writer.label if progress else None,
    )
    if work.refused:
        raise CompanionError(
            f"{writer.label} gave no reply to {len(work.refused)} of {len(plan)} questions; the others are stored, and "
            f"the same command asks for these alone:\n"
            f"{unanswered(work.items, work.refused, dict.fromkeys(work.refused, ''))}"
        )
    rows = [work.rows[key] for key, _ in plan]
    return [
        Written(replace(question, claims=tuple(row["claims"])), row["writer"])
        for row, (_, question) in zip(rows, plan, strict=True)
    ]


def instruct(question: Question) -> str:
    """What the model is asked about a question."""
    options = "\n".join(f"- {option}" for option in question.options)
    return INSTRUCTION.format(question=question.text, options=options, count=len(question.options))


def form(count: int) -> dict[str, Any]:
    """The JSON schema of a reply with so many sentences; its list stands in an object, which more servers take."""
    sentences = {"type": "array", "items": {"type": "string"}, "minItems": count, "maxItems": count}
    return {
        "type": "object",
        "properties": {"sentences": sentences},
        "required": ["sentences"],
        "additionalProperties": False,
    }


def parse_claims(reply: str, count: int) -> list[str] | None:
    """The last JSON list of so many strings in a reply, after the model's own think block; None where there is none."""
    text = reply.rsplit("</think>", 1)[-1]
    found = None
    for opened in re.finditer(r"\[", text):
        try:
            said, _ = json.JSONDecoder().raw_decode(text, opened.start())
        except json.JSONDecodeError:
            continue
        if len(said) == count and all(isinstance(one, str) for one in said):
            found = [re.sub(r"\s+", " ", one).strip() for one in said]
    return found


def objection(reply: str, question: Question) -> str:
    """What is wrong with a reply, naming the option whose sentence it is; "" where nothing is."""
    sentences = parse_claims(reply, len(question.options))
    if sentences is None:
        return f"no JSON list of {len(question.options)} strings"
    if len({" ".join(plain(sentence)) for sentence in sentences}) < len(sentences):
        return "two sentences are the same"
    for index, sentence in enumerate(sentences):
        if wrong := _wrong(sentence, index, question):
            return f"{question.options[index]}: {wrong}"
    return ""


def _wrong(sentence: str, index: int, question: Question) -> str:
    """What is wrong with the sentence of an option."""
    if not re.search(r"^\W?[A-Z0-9].*[.!][”\"']?$", sentence):
        return "not a sentence from capital to full stop"
    if len(re.findall(r"[.!?][”\"']?(?=\s+[A-Z]|$)", sentence)) > 2:
        return "more than two sentences"
    own = _lone_letters(" ".join([question.text, *question.options]))
    if _LETTER.search(sentence) or _lone_letters(sentence) - own:
        return "names a letter or a place in the list"
    # The rule judge would read "vitamin C" as the third option.
    found = None if own else final_commitment(sentence, question.options, (), question.text).option
    if found is not None and found != index:
        return f"reads as {question.options[found]}"
    if found is None and not (_is_yes_or_no(question) or _holds_only(sentence, index, question)):
        return "does not tell which option is meant"
    return ""


_LETTER = re.compile(
    r"\b(?i:option|answer|choice|letter)s? \(?[A-F]\b|\([A-Fa-f]\)|^[A-F][.):]"
    r"|(?i:\b(?:first|second|third|fourth|fifth|last) (?:option|answer|choice)\b|\b(?:option|answer|choice) \d)"
)


def _lone_letters(text: str) -> set[str]:
    """Option letters that stand as words; not A, which is one."""
    return set(re.findall(rf"(?<![\w'’])[{LETTERS[1:]}](?![\w'’])", text))


def _is_yes_or_no(question: Question) -> bool:
    """Whether no sentence about the picture can hold the words of the options."""
    return {plain(option)[0] if plain(option) else "" for option in question.options} <= {"yes", "no"}


def _holds_only(sentence: str, index: int, question: Question) -> bool:
    """Whether the text of this option stands in a sentence, and of no other that is not a part of it."""
    said = f" {' '.join(plain(sentence))} "
    forms = [f" {' '.join(plain(option))} " for option in question.options]
    others = [form for k, form in enumerate(forms) if k != index and form not in forms[index]]
    return forms[index] in said and not any(form in said for form in others)


def _key(writer: Writer, question: Question) -> str:
    return content_key(
        writer=writer.identity,
        instruction=INSTRUCTION,
        question=question.id,
        source=question.source,
        text=question.text,
        options=question.options,
        claims=question.claims,
    )


def _row(key: str, writer: Writer, question: Question, given: list[str]) -> Row:
    refused = [wrong for reply in given if (wrong := objection(reply, question))]
    sentences = None if objection(given[-1], question) else parse_claims(given[-1], len(question.options))
    label = Path(writer.label).name if Path(writer.label).is_dir() else writer.label  # no path of this machine
    return {
        "key": key,
        "benchmark": question.source,
        "question": question.id,
        "claims": sentences or list(question.claims),
        "writer": label if sentences else TEMPLATE,
        "asked": label,
        "attempts": len(given),
        "refused": refused[-1] if refused else "",
    }
