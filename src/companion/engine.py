"""From questions to rows: plan all prompts, skip those that are stored, batch the others by length, store as one goes.

Run: `companion evaluate --model … --benchmark … --variants … --out …`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from tqdm import tqdm

from companion.measures import normalised_entropy
from companion.models import Model, Response, Sampling
from companion.questions import LETTERS, Question, image_hash
from companion.store import Store, content_key, to_frame
from companion.variants import Prompt, apply

FLUSH_SECONDS = 10.0


def evaluate(
    model: Model,
    questions: Sequence[Question],
    variants: Sequence[str],
    store: Store,
    sampling: Sampling | None = None,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = True,
) -> pd.DataFrame:
    """One row for each question × variant, in that order (see `store.SCHEMA`).

    seed draws the wrong option and the wordings. What the store holds already is not computed again; what is computed
    is stored at least every few seconds, and when the run is interrupted. A batch that does not fit into memory is
    halved, down to single prompts.
    """
    sampling = sampling or Sampling()
    images = {question.id: image_hash(question.load_image()) for question in questions}
    plan = [apply(question, variant, seed) for question in questions for variant in variants]
    keys = [_key(model, prompt, images[prompt.question.id], sampling) for prompt in plan]
    rows = store.read(keys)
    todo = [(key, prompt) for key, prompt in zip(keys, plan, strict=True) if key not in rows]
    # Answers differ in length far more than prompts do: what must be answered at once goes together.
    todo.sort(key=lambda pair: (pair[1].variant == "stop-think", len(pair[1].text) + len(pair[1].prefill)))
    buffer: list[dict[str, Any]] = []
    flushed = time.monotonic()
    bar = tqdm(total=len(plan), initial=len(plan) - len(todo), desc=model.label, unit="row", disable=not progress)
    try:
        while todo:
            batch = todo[:batch_size]
            try:
                responses = model.generate([prompt for _, prompt in batch], sampling)
            except RuntimeError as error:
                if len(batch) == 1 or not _out_of_memory(error):
                    raise
                batch_size = max(1, len(batch) // 2)
                continue
            for (key, prompt), response in zip(batch, responses, strict=True):
                buffer.append(_row(key, model, prompt, response, sampling, seed))
            del todo[: len(batch)]
            bar.update(len(batch))
            if time.monotonic() - flushed > FLUSH_SECONDS:
                _flush(store, buffer, rows)
                flushed = time.monotonic()
    finally:
        bar.close()
        _flush(store, buffer, rows)
    return to_frame([rows[key] for key in keys])


def _flush(store: Store, buffer: list[dict[str, Any]], rows: dict[str, dict[str, Any]]) -> None:
    finished, buffer[:] = buffer[:], []
    store.append(finished)
    rows.update((row["key"], row) for row in finished)


def _out_of_memory(error: RuntimeError) -> bool:
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def _key(model: Model, prompt: Prompt, image: str, sampling: Sampling) -> str:
    question = prompt.question
    return content_key(
        model=model.identity, profile=asdict(model.profile), delivery=model.delivery, question=question.id,
        source=question.source, image=image, variant=prompt.variant, text=prompt.text, prefill=prompt.prefill,
        options=prompt.options, answer=question.answer, sampling=asdict(sampling),
    )  # fmt: skip


def _row(key: str, model: Model, prompt: Prompt, response: Response, sampling: Sampling, seed: int) -> dict[str, Any]:
    question = prompt.question
    probs = response.letter_probs
    return {
        "key": key, "model": model.label, "model_hash": model.identity, "profile": model.profile.name,
        "benchmark": question.source, "question": question.id, "group": question.group or question.id,
        "category": question.category, "difficulty": question.difficulty, "n_options": len(question.options),
        "options": list(prompt.options), "variant": prompt.variant, "wording": prompt.wording,
        "delivery": model.delivery if prompt.prefill else "", "suggested": _letter(prompt.suggested),
        "temperature": sampling.temperature, "sample": sampling.sample, "seed": seed,
        "prompt": prompt.text, "prefill": prompt.prefill, "response": response.text, "think": response.think,
        "tokens": response.tokens, "finish": response.finish, "answer": _letter(response.answer),
        "right": question.letter, "correct": response.answer == question.answer,
        "letter_probs": None if probs is None else list(probs), "letter_mass": response.letter_mass,
        "p_correct": None if probs is None else probs[question.answer],
        "entropy": None if probs is None else float(normalised_entropy([probs])[0]),
    }  # fmt: skip


def _letter(index: int | None) -> str | None:
    return None if index is None else LETTERS[index]
