"""From questions to rows, and from rows to verdicts: plan all, skip what is stored, batch the rest, store as one goes.

Run: `companion evaluate --model … --benchmark … --variants … --out …`, then `companion judge …`.
"""

from __future__ import annotations

import bisect
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
from tqdm import tqdm

from companion.asked import note
from companion.chat import BEGIN
from companion.errors import CompanionError
from companion.judges import CASE, Case, Judge, Verdict, case_of
from companion.measures import normalised_entropy
from companion.models import Model, Response, Sampling
from companion.questions import LETTERS, Question
from companion.store import VERDICTS, Store, content_key, to_frame
from companion.variants import Prompt, apply

FLUSH_SECONDS = 10.0

MOST = 4096
"""Jobs in one batch, however light they are."""

Row = dict[str, Any]
Job = TypeVar("Job")


def evaluate(
    model: Model,
    questions: Sequence[Question],
    variants: Sequence[str],
    store: Store,
    sampling: Sampling | None = None,
    seed: int = 0,
    token_budget: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """One row for each question × variant, in that order (see `store.ROWS`).

    seed draws the wrong option and the wordings. What the store holds already is not computed again; what is computed
    is stored at least every few seconds, and when the run is interrupted. The prompts of an item go together, since
    they share its picture. token_budget: how many tokens, of prompts and responses, go into a batch (default: what the
    model says fits into memory); it is halved when a batch does not fit, down to single prompts. Raises CompanionError
    where a model gave no answer to some, which a failing server may do; what it gave is stored.
    """
    prompts = [apply(question, variant, seed) for question in questions for variant in variants]
    return ask(model, prompts, store, sampling, token_budget, progress)


def ask(
    model: Model, prompts: Sequence[Prompt], store: Store, sampling: Sampling | None = None,
    token_budget: int | None = None, progress: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """One row for each prompt, in their order: what `evaluate` does with the prompts that it makes."""
    sampling = (sampling or Sampling()).of(model.profile)
    plan = _plan(model, prompts, sampling, progress)
    note(store, plan, _asked(model, sampling))

    def compute(batch: Sequence[tuple[str, Prompt]]) -> Iterator[tuple[int, Row | None]]:
        for number, response in model.generate([prompt for _, prompt in batch], sampling):
            key, prompt = batch[number]
            yield number, None if response is None else _row(key, model, prompt, response, sampling)

    def weigh(prompt: Prompt) -> int:
        return model.tokens(prompt, sampling)

    label = model.label if progress else None
    rows = work_off(plan, compute, store, lambda: token_budget or model.budget, weigh, label)
    if missing := sum(key not in rows for key, _ in plan):
        raise CompanionError(
            f"{model.label} gave no answer to {missing} of {len(plan)} prompts; the others are stored, and the same "
            "command asks for these alone"
        )
    return to_frame([rows[key] for key, _ in plan])


def open_jobs(model: Model, prompts: Sequence[Prompt], store: Store, sampling: Sampling) -> list[Prompt]:
    """The prompts that `ask` has still to put to the model."""
    plan = _plan(model, prompts, sampling.of(model.profile))
    stored = store.read(key for key, _ in plan)
    return [prompt for key, prompt in plan if key not in stored]


def _plan(
    model: Model, prompts: Sequence[Prompt], sampling: Sampling, progress: bool = True
) -> list[tuple[str, Prompt]]:  # fmt: skip
    asked = _asked(model, sampling)
    looked_at = tqdm(prompts, desc="pictures", unit="prompt", delay=3, leave=False, disable=not progress)
    return [(_key(asked, prompt), prompt) for prompt in looked_at]


def _asked(model: Model, sampling: Sampling) -> dict[str, Any]:
    """What is the same in the keys of all rows of a model that is asked in one way."""
    asked = {
        "model": model.identity, "profile": model.profile.content(), "delivery": model.delivery,
        "sampling": sampling.content(),
    }  # fmt: skip
    if model.delivery == "user turn" and model.profile.begin != BEGIN:
        asked["begin"] = model.profile.begin
    return asked


def judge(
    judge: Judge, rows: pd.DataFrame, questions: Sequence[Question], store: Store, batch_size: int = 64,
    progress: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """One verdict for each row, in their order (see `store.VERDICTS`); rows that could not be judged are left out.

    questions: those that the rows are about. store: of verdicts. The same guarantees as those of `evaluate`.
    """
    by_id = {question.id: question for question in questions}
    plan = []
    for row in rows[["key", *CASE]].to_dict("records"):
        case = case_of(row, by_id[row["question"]])
        key = content_key(judge=judge.identity, row=row["key"], think=case.think, answer=case.answer)
        plan.append((key, (row["key"], case)))

    def compute(batch: Sequence[tuple[str, tuple[str, Case]]]) -> Iterator[tuple[int, Row | None]]:
        verdicts = judge.judge([case for _, (_, case) in batch])
        for number, ((key, (row, _)), verdict) in enumerate(zip(batch, verdicts, strict=True)):
            yield number, None if verdict is None else _verdict_row(key, row, judge, verdict)

    found = work_off(plan, compute, store, lambda: batch_size, lambda _: 1, judge.name if progress else None)
    return to_frame([found[key] for key, _ in plan if key in found], VERDICTS)


def work_off(
    plan: Sequence[tuple[str, Job]],
    compute: Callable[[Sequence[tuple[str, Job]]], Iterable[tuple[int, Row | None]]],
    store: Store,
    capacity: Callable[[], int],
    weigh: Callable[[Job], int],
    label: str | None = None,
) -> dict[str, Row]:
    """Rows by key: those that the store holds, and the others, computed batch by batch and stored as they come.

    compute: of a batch the number and the row of each job, in any order, None where it cannot be had now; such jobs
    come again once, at the end. capacity: of a batch, asked for once and only if there is something to do; it is halved
    when a batch does not fit into memory, down to single jobs. weigh: how much of it a job takes. label: of the
    progress bar, or None for none.
    """
    rows = store.read(key for key, _ in plan)
    todo = [pair for pair in plan if pair[0] not in rows]
    buffer: list[Row] = []
    flushed = time.monotonic()
    room = capacity() if todo else 0
    again: list[tuple[str, Job]] | None = []
    bar = tqdm(total=len(plan), initial=len(plan) - len(todo), desc=label, unit="row", disable=label is None)
    try:
        while todo:
            weights = list(itertools.accumulate(weigh(job) for _, job in todo[:MOST]))
            batch = todo[: max(1, bisect.bisect_right(weights, room))]
            done = set()
            try:
                for number, row in compute(batch):
                    done.add(number)
                    if row:
                        buffer.append(row)
                        bar.update()
                    elif again is not None:
                        again.append(batch[number])
                    if time.monotonic() - flushed > FLUSH_SECONDS:
                        _flush(store, buffer, rows)
                        flushed = time.monotonic()
            except RuntimeError as error:
                if len(batch) == 1 or not _out_of_memory(error):
                    raise
                room = weights[len(batch) - 1] // 2
            todo[: len(batch)] = [pair for number, pair in enumerate(batch) if number not in done]
            if not todo and again:
                todo, again = again, None
    finally:
        bar.close()
        _flush(store, buffer, rows)
    return rows


def _flush(store: Store, buffer: list[Row], rows: dict[str, Row]) -> None:
    finished, buffer[:] = buffer[:], []
    store.append(finished)
    rows.update((row["key"], row) for row in finished)


def _out_of_memory(error: RuntimeError) -> bool:
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def _key(asked: Mapping[str, Any], prompt: Prompt) -> str:
    question = prompt.question
    return content_key(
        **asked, question=question.id, source=question.source, image=question.image_hash, variant=prompt.variant,
        text=prompt.text, prefill=prompt.prefill, options=prompt.options, answer=question.answer,
    )  # fmt: skip


def _row(key: str, model: Model, prompt: Prompt, response: Response, sampling: Sampling) -> Row:
    question = prompt.question
    probs = response.letter_probs
    return {
        "key": key, "model": model.label, "model_hash": model.identity, "profile": model.profile.name,
        "benchmark": question.source, "question": question.id, "group": question.group or question.id,
        "category": question.category, "difficulty": question.difficulty, "n_options": len(question.options),
        "options": list(prompt.options), "variant": prompt.variant, "wording": prompt.wording,
        "delivery": model.delivery if prompt.prefill else "", "suggested": _letter(prompt.suggested),
        "temperature": sampling.temperature, "sample": sampling.sample, "seed": prompt.seed,
        "prompt": prompt.text, "prefill": prompt.prefill, "response": response.text, "think": response.think,
        "tokens": response.tokens, "finish": response.finish, "answer": _letter(response.answer),
        "right": question.letter, "correct": response.answer == question.answer,
        "letter_probs": None if probs is None else list(probs), "letter_mass": response.letter_mass,
        "p_correct": None if probs is None else probs[question.answer],
        "entropy": None if probs is None else float(normalised_entropy([probs])[0]),
    }  # fmt: skip


def _verdict_row(key: str, row: str, judge: Judge, verdict: Verdict) -> Row:
    return {
        "key": key, "row": row, "judge": judge.name, "judge_hash": judge.identity, "verdict": verdict.verdict,
        "concluded": _letter(verdict.concluded), "reason": verdict.reason,
        "details": json.dumps(verdict.details, sort_keys=True, ensure_ascii=False),
    }  # fmt: skip


def _letter(index: int | None) -> str | None:
    return None if index is None else LETTERS[index]
