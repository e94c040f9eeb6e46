"""From questions to rows, and from rows to verdicts: what is planned, what a row holds, what is said of those missing.

Left out: how a plan is worked off, in batches, stored as one goes, beside other processes (`fill_missing`).

Run: `companion evaluate --model … --benchmark … --perturbations … --out …`, then `companion judge …`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd
from tqdm import tqdm

from companion.errors import CompanionError, PictureError, Refusal
from companion.evaluation.current_rows import note_asked
from companion.evaluation.fill_missing import Job, Row, Work, fill_missing, is_one_reason, lost_values, unanswered
from companion.evaluation.judges.verdicts import CASE, Case, Judge, Verdict, case_of
from companion.evaluation.store import VERDICTS, Store, content_key, to_frame
from companion.measures import normalised_entropy
from companion.models.interface import Model, Response, Sampling
from companion.models.profiles import BEGIN
from companion.perturbations.perturbation import Prompt, apply
from companion.questions.question import LETTERS, Question

NOISE = 1e-3
"""By so much a letter's probability may be above that of a greedy answer: servers round, and some tell probabilities of
another pass than the one that chose the token. Equal ones, as bfloat16 often has, are below it."""

NAMED = 5
"""Rows without probabilities that are named."""


def evaluate(
    model: Model,
    questions: Sequence[Question],
    perturbations: Sequence[str],
    store: Store,
    sampling: Sampling | None = None,
    seed: int = 0,
    batch_tokens: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """One row for each question × perturbation, in that order (see `store.ROWS`).

    seed draws the wrong option and the wordings. What the store holds already is not computed again; what is computed
    is stored about every ten seconds (where rows come batch by batch, at the end of one), and at once when the run is
    interrupted or terminated. The prompts of an item go together, since they share its picture. batch_tokens: how many
    tokens, of prompts and responses, go into a batch (default: what the model says fits into memory); it is halved when
    a batch does not fit, down to single prompts. What another process asks the same model for at the same time is
    waited for. Raises UnansweredError, which names them, where some have no answer, since a model gave none or their
    picture cannot be read, or a value that its column cannot hold, without which they are stored; all others are stored
    then.
    """
    prompts = [apply(question, perturbation, seed) for question in questions for perturbation in perturbations]
    return evaluate_prompts(model, prompts, store, sampling, batch_tokens, progress)


def evaluate_prompts(
    model: Model,
    prompts: Sequence[Prompt],
    store: Store,
    sampling: Sampling | None = None,
    batch_tokens: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """One row for each prompt, in their order: what `evaluate` does with the prompts that it makes."""
    sampling = (sampling or Sampling()).of(model.profile)
    plan, unread = _plan(model, prompts, sampling, progress)
    readable = [(key, prompt) for key, prompt in plan if key not in unread]
    note_asked(store, readable, _asked(model, sampling))

    contradicted: list[str] = []

    def compute(batch: Sequence[tuple[str, Prompt]]) -> Iterator[tuple[int, Row | Refusal | None]]:
        for number, response in model.generate([prompt for _, prompt in batch], sampling):
            key, prompt = batch[number]
            if not isinstance(response, Response):
                yield number, response
                continue
            if _contradicts(response, sampling):
                contradicted.append(f"{prompt.question.id} under {prompt.perturbation}")
                response = replace(response, letter_probs=None, letter_mass=None)
            yield number, _row(key, model, prompt, response, sampling)

    try:
        work = fill_missing(
            readable,
            compute,
            store,
            item=lambda prompt: prompt.question.id,
            capacity=lambda: batch_tokens or model.capacity,
            weigh=lambda prompt: model.tokens(prompt, sampling),
            label=model.label if progress else None,
        )
    finally:
        if contradicted:
            print(f"{model.label}: {_without_probabilities(contradicted)}", file=sys.stderr)
    work.refused |= unread
    work.items |= {key: prompt.question.id for key, prompt in plan if key in unread}
    found = to_frame([work.rows[key] for key, _ in plan if key in work.rows])
    _complete(f"{model.label} gave no answer to", "prompts", plan, work, found, lambda prompt: prompt.perturbation)
    return found


def missing_prompts(
    model: Model, prompts: Sequence[Prompt], store: Store, sampling: Sampling
) -> tuple[list[Prompt], int]:
    """The prompts that `ask` has still to put to the model, those aside whose picture cannot be read; and how many were
    answered before."""
    plan, unread = _plan(model, prompts, sampling.of(model.profile))
    stored = store.read(key for key, _ in plan)
    missing = [prompt for key, prompt in plan if key not in stored and key not in unread]
    return missing, len(plan) - len(missing) - len(unread)


def _plan(
    model: Model, prompts: Sequence[Prompt], sampling: Sampling, progress: bool = True
) -> tuple[list[tuple[str, Prompt]], dict[str, Refusal]]:
    """Each prompt with the key of its row; and, by key, why those are not asked whose picture cannot be read. Their
    keys are no row's, since the picture is a part of that."""
    asked = _asked(model, sampling)
    plan: list[tuple[str, Prompt]] = []
    unread: dict[str, Refusal] = {}
    looked_at = tqdm(prompts, desc="pictures", unit="prompt", delay=3, leave=False, disable=not progress)
    for number, prompt in enumerate(looked_at):
        try:
            key = _key(asked | _packing(model, prompt), prompt)
        except PictureError as error:
            key = f"prompt {number}"
            unread[key] = Refusal(str(error))
        plan.append((key, prompt))
    return plan, unread


def _asked(model: Model, sampling: Sampling) -> dict[str, Any]:
    """What is the same in the keys of all rows of a model that is asked in one way."""
    asked = {
        "model": model.identity,
        "profile": model.profile.content(),
        "delivery": model.delivery,
        "sampling": sampling.content(),
    }
    if model.precision not in ("", "float32"):  # rows from before it was told are of single precision
        asked["precision"] = model.precision
    if model.delivery == "user turn" and model.profile.begin != BEGIN:
        asked["begin"] = model.profile.begin
    return asked


def _packing(model: Model, prompt: Prompt) -> dict[str, str]:
    """How a picture is changed on its way, where it is: other rows keep the keys that they had before it was told."""
    packing = model.packing(prompt)
    return {"packing": packing} if packing else {}


def judge(
    judge: Judge,
    rows: pd.DataFrame,
    questions: Sequence[Question],
    store: Store,
    batch_size: int = 64,
    progress: bool = True,
) -> pd.DataFrame:
    """One verdict for each row, in their order (see `store.VERDICTS`).

    questions: those that the rows are about. store: of verdicts. The same guarantees as those of `evaluate`.
    """
    by_id = {question.id: question for question in questions}
    plan = []
    for row in rows[["key", "perturbation", *CASE]].to_dict("records"):
        case = case_of(row, by_id[row["question"]])
        key = content_key(judge=judge.identity, row=row["key"], think=case.think, answer=case.answer)
        plan.append((key, ToJudge(case, row["key"], case.question.id, row["perturbation"])))
    work = judge_missing(judge, plan, store, batch_size, progress)
    found = to_frame([work.rows[key] for key, _ in plan if key in work.rows], VERDICTS)
    _complete(f"the judge {judge.name} gave no verdict on", "rows", plan, work, found, lambda job: job.perturbation)
    return found


class ToJudge(NamedTuple):
    """A case of a plan. row: the key of what is judged. item: what it is about, in words."""

    case: Case
    row: str
    item: str
    perturbation: str = ""


def judge_missing(
    judge: Judge, plan: Sequence[tuple[str, ToJudge]], store: Store, batch_size: int, progress: bool
) -> Work:
    """What a store of verdicts holds of a plan, and a judge's verdicts on the others, stored as they come."""

    def compute(batch: Sequence[tuple[str, ToJudge]]) -> Iterator[tuple[int, Row | Refusal | None]]:
        verdicts = judge.judge([job.case for _, job in batch])
        for number, ((key, job), verdict) in enumerate(zip(batch, verdicts, strict=True)):
            yield number, _verdict_row(key, job.row, judge, verdict) if isinstance(verdict, Verdict) else verdict

    return fill_missing(
        plan,
        compute,
        store,
        item=lambda job: job.item,
        capacity=batch_size,
        label=judge.name if progress else None,
    )


class UnansweredError(CompanionError):
    """Some have no answer; the message names them. found: what the call would have returned, of all the others.
    items: those of which some or all have none."""

    def __init__(self, said: str, found: pd.DataFrame, items: Iterable[str]) -> None:
        super().__init__(said)
        self.found, self.items = found, frozenset(items)


def _complete(
    gave: str, what: str, plan: Sequence[tuple[str, Job]], work: Work, found: pd.DataFrame, part: Callable[[Job], str]
) -> None:
    """Raises UnansweredError where something of a plan has no row, or one without some of its values. part: which of
    its item's jobs one is."""
    parts = {key: part(job) for key, job in plan}
    told = []
    if len(work.refused) == len(plan) and is_one_reason(work.refused, work.items):
        told.append(f"{gave} any of {len(plan)} {what}: {next(iter(work.refused.values())).reason}; mend that first")
    elif work.refused:
        told.append(
            f"{gave} {len(work.refused)} of {len(plan)} {what}; the others are stored, and the same command asks for "
            f"these alone:\n{unanswered(work.items, work.refused, parts)}"
        )
    if work.lost:
        told.append(lost_values(work, len(plan), parts))
    if told:
        raise UnansweredError("\n".join(told), found, (work.items[key] for key in (*work.refused, *work.lost)))


def _key(asked: Mapping[str, Any], prompt: Prompt) -> str:
    question = prompt.question
    return content_key(
        **asked,
        question=question.id,
        source=question.source,
        image=question.image_hash,
        perturbation=prompt.perturbation,
        text=prompt.text,
        prefill=prompt.prefill,
        options=prompt.options,
        answer=question.answer,
    )


def _contradicts(response: Response, sampling: Sampling) -> bool:
    """Whether a greedy response's answer is not the most probable letter, ties and `NOISE` aside.

    The token that wrote the answer was the likeliest of all, so either the probabilities are not those of its place, or
    another letter is ahead only with several forms together (P("A") = .4, P("B") = P(" B") = .3): accuracy and
    P(correct) would then speak of different answers. In either case the row has no distribution. Answers that are given
    by an option's text have none anyway, and a sample need not be the likeliest.
    """
    probs, answer = response.letter_probs, response.answer
    return not sampling.temperature and probs is not None and answer is not None and probs[answer] < max(probs) - NOISE


def _without_probabilities(contradicted: Sequence[str]) -> str:
    named = ", ".join(contradicted[:NAMED]) + (", …" if len(contradicted) > NAMED else "")
    return (
        f"{len(contradicted)} greedy rows have an answer that is not their most probable letter, and carry no letter "
        f"probabilities: {named}"
    )


def _row(key: str, model: Model, prompt: Prompt, response: Response, sampling: Sampling) -> Row:
    question = prompt.question
    probs = response.letter_probs
    return {
        "key": key,
        "model": model.label,
        "model_hash": model.identity,
        "profile": model.profile.name,
        "precision": model.precision,
        "system": model.profile.system,
        "benchmark": question.source,
        "question": question.id,
        "group": question.group or question.id,
        "category": question.category,
        "difficulty": question.difficulty,
        "n_options": len(question.options),
        "options": list(prompt.options),
        "perturbation": prompt.perturbation,
        "wording": prompt.wording,
        "delivery": model.delivery if prompt.prefill else "",
        "suggested": _letter(prompt.suggested),
        "temperature": sampling.temperature,
        "sample": sampling.sample,
        "seed": prompt.seed,
        "prompt": prompt.text,
        "prefill": prompt.prefill,
        "response": response.text,
        "think": response.think,
        "tokens": response.tokens,
        "finish": response.finish,
        "answer": _letter(response.answer),
        "right": question.letter,
        "correct": response.answer == question.answer,
        "letter_probs": None if probs is None else list(probs),
        "letter_mass": response.letter_mass,
        "p_correct": None if probs is None else probs[question.answer],
        "entropy": None if probs is None else float(normalised_entropy([probs])[0]),
    }


def _verdict_row(key: str, row: str, judge: Judge, verdict: Verdict) -> Row:
    """A verdict as it is stored. row: the key of what was judged."""
    return {
        "key": key,
        "row": row,
        "judge": judge.name,
        "judge_hash": judge.identity,
        "verdict": verdict.verdict,
        "concluded": _letter(verdict.concluded),
        "reason": verdict.reason,
        "details": json.dumps(verdict.details, sort_keys=True, ensure_ascii=False),
    }


def _letter(index: int | None) -> str | None:
    return None if index is None else LETTERS[index]
