"""From questions to rows, and from rows to verdicts: plan all, skip what is stored, batch the rest, store as one goes.

Run: `companion evaluate --model … --benchmark … --perturbations … --out …`, then `companion judge …`.
"""

from __future__ import annotations

import bisect
import itertools
import json
import re
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd
from tqdm import tqdm

from companion.errors import CompanionError, PictureError, Refusal, one_line
from companion.evaluation.current_rows import note_asked
from companion.evaluation.judges.verdicts import CASE, Case, Judge, Verdict, case_of
from companion.evaluation.store import VERDICTS, Store, UnstorableError, content_key, to_frame
from companion.measures import normalised_entropy
from companion.models.interface import Model, Response, Sampling, out_of_memory
from companion.models.profiles import BEGIN
from companion.perturbations.table import Prompt, apply
from companion.questions.question import LETTERS, Question

FLUSH_SECONDS = 10.0

MOST = 4096
"""Jobs in one batch, however light they are."""

ALIKE = 32
"""Items that are refused one after another, with the same words and none answered: it is not the items then."""

NAMED = 20
"""Items without an answer that a message names for each reason, and reasons, at most."""

NOISE = 1e-3
"""By so much a letter's probability may be above that of a greedy answer: servers round, and some tell probabilities of
another pass than the one that chose the token. Equal ones, as bfloat16 often has, are below it."""

WARNED = 5
"""Rows that a warning names."""

Row = dict[str, Any]
Job = TypeVar("Job")


def evaluate(
    model: Model,
    questions: Sequence[Question],
    perturbations: Sequence[str],
    store: Store,
    sampling: Sampling | None = None,
    seed: int = 0,
    token_budget: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """One row for each question × perturbation, in that order (see `store.ROWS`).

    seed draws the wrong option and the wordings. What the store holds already is not computed again; what is computed
    is stored at least every few seconds, and when the run is interrupted. The prompts of an item go together, since
    they share its picture. token_budget: how many tokens, of prompts and responses, go into a batch (default: what the
    model says fits into memory); it is halved when a batch does not fit, down to single prompts. What another process
    asks the same model for at the same time is waited for. Raises UnansweredError, which names them, where some have no
    answer, since a model gave none or their picture cannot be read, or a value that its column cannot hold, without
    which they are stored; all others are stored then.
    """
    prompts = [apply(question, perturbation, seed) for question in questions for perturbation in perturbations]
    return evaluate_prompts(model, prompts, store, sampling, token_budget, progress)


def evaluate_prompts(
    model: Model, prompts: Sequence[Prompt], store: Store, sampling: Sampling | None = None,
    token_budget: int | None = None, progress: bool = True,
) -> pd.DataFrame:  # fmt: skip
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

    def weigh(prompt: Prompt) -> int:
        return model.tokens(prompt, sampling)

    try:
        work = fill_missing(
            readable, compute, store, lambda: token_budget or model.budget, weigh, lambda prompt: prompt.question.id,
            model.label if progress else None,
        )  # fmt: skip
    finally:
        if contradicted:
            named = ", ".join(contradicted[:WARNED]) + (", …" if len(contradicted) > WARNED else "")
            warnings.warn(
                f"{model.label}: {len(contradicted)} greedy rows have an answer that is not their most probable "
                f"letter, and carry no letter probabilities: {named}",
                stacklevel=2,
            )
    work.refused |= unread
    work.items |= {key: prompt.question.id for key, prompt in plan if key in unread}
    found = to_frame([work.rows[key] for key, _ in plan if key in work.rows])
    _complete(f"{model.label} gave no answer to", "prompts", plan, work, found, lambda prompt: prompt.perturbation)
    return found


def missing_prompts(model: Model, prompts: Sequence[Prompt], store: Store, sampling: Sampling) -> list[Prompt]:
    """The prompts that `ask` has still to put to the model, those aside whose picture cannot be read."""
    plan, unread = _plan(model, prompts, sampling.of(model.profile))
    stored = store.read(key for key, _ in plan)
    return [prompt for key, prompt in plan if key not in stored and key not in unread]


def _plan(
    model: Model, prompts: Sequence[Prompt], sampling: Sampling, progress: bool = True
) -> tuple[list[tuple[str, Prompt]], dict[str, Refusal]]:  # fmt: skip
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
        "model": model.identity, "profile": model.profile.content(), "delivery": model.delivery,
        "sampling": sampling.content(),
    }  # fmt: skip
    if model.delivery == "user turn" and model.profile.begin != BEGIN:
        asked["begin"] = model.profile.begin
    return asked


def _packing(model: Model, prompt: Prompt) -> dict[str, str]:
    """How a picture is changed on its way, where it is: other rows keep the keys that they had before it was told."""
    packing = model.packing(prompt)
    return {"packing": packing} if packing else {}


def judge(
    judge: Judge, rows: pd.DataFrame, questions: Sequence[Question], store: Store, batch_size: int = 64,
    progress: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """One verdict for each row, in their order (see `store.VERDICTS`).

    questions: those that the rows are about. store: of verdicts. The same guarantees as those of `evaluate`.
    """
    by_id = {question.id: question for question in questions}
    plan = []
    for row in rows[["key", "perturbation", *CASE]].to_dict("records"):
        case = case_of(row, by_id[row["question"]])
        key = content_key(judge=judge.identity, row=row["key"], think=case.think, answer=case.answer)
        plan.append((key, (row, case)))

    def compute(batch: Sequence[tuple[str, tuple[Row, Case]]]) -> Iterator[tuple[int, Row | Refusal | None]]:
        verdicts = judge.judge([case for _, (_, case) in batch])
        for number, ((key, (row, _)), verdict) in enumerate(zip(batch, verdicts, strict=True)):
            yield number, verdict_row(key, row["key"], judge, verdict) if isinstance(verdict, Verdict) else verdict

    work = fill_missing(
        plan, compute, store, lambda: batch_size, lambda _: 1, lambda job: job[1].question.id,
        judge.name if progress else None,
    )  # fmt: skip
    found = to_frame([work.rows[key] for key, _ in plan if key in work.rows], VERDICTS)
    _complete(
        f"the judge {judge.name} gave no verdict on", "rows", plan, work, found, lambda job: job[0]["perturbation"]
    )
    return found


class UnansweredError(CompanionError):
    """Some have no answer; the message names them. found: what the call would have returned, of all the others.
    items: those of which some or all have none."""

    def __init__(self, said: str, found: pd.DataFrame, items: Iterable[str]) -> None:
        super().__init__(said)
        self.found, self.items = found, frozenset(items)


@dataclass
class Work:
    """What became of a plan. rows, refused: by key. lost: why a row is stored without some of its values, by key.
    items: of those refused and of those that lost something, by key."""

    rows: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    lost: dict[str, Refusal] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)


def _complete(
    gave: str, what: str, plan: Sequence[tuple[str, Job]], work: Work, found: pd.DataFrame, part: Callable[[Job], str]
) -> None:
    """Raises UnansweredError where something of a plan has no row, or one without some of its values. part: which of
    its item's jobs one is."""
    parts = {key: part(job) for key, job in plan}
    told = []
    if len(work.refused) == len(plan) and _is_one_reason(work.refused, work.items):
        told.append(f"{gave} any of {len(plan)} {what}: {next(iter(work.refused.values())).reason}; mend that first")
    elif work.refused:
        told.append(
            f"{gave} {len(work.refused)} of {len(plan)} {what}; the others are stored, and the same command asks for "
            f"these alone:\n{unanswered(work.items, work.refused, parts)}"
        )
    if work.lost:
        told.append(_without(work, len(plan), parts))
    if told:
        raise UnansweredError("\n".join(told), found, (work.items[key] for key in (*work.refused, *work.lost)))


def _without(work: Work, planned: int, parts: Mapping[str, str]) -> str:
    """What is said of rows that lost something. parts: which of its item's jobs one is, by key, or ""."""
    return (
        f"{len(work.lost)} of {planned} rows are stored without values that their columns cannot hold, which nobody "
        f"asks for again; mend where these come from:\n{unanswered(work.items, work.lost, parts)}"
    )


def unanswered(items: Mapping[str, str], refused: Mapping[str, Refusal], parts: Mapping[str, str]) -> str:
    """A line for each reason, with the items that have it. items, refused, parts: by key the item, its reason, and
    which of the item's jobs it is, or ""."""
    by_reason: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, refusal in refused.items():
        by_reason[refusal.reason][items[key]].append(parts[key])
    lines = []
    for reason, concerned in by_reason.items():
        named = [
            f"{item} ({', '.join(dict.fromkeys(own))})" if any(own) else item
            for item, own in itertools.islice(concerned.items(), NAMED)
        ]
        more = len(concerned) - len(named)
        lines.append(f"  {'; '.join(named)}{f'; and {more} more' if more else ''}: {reason}")
    if len(lines) > NAMED:
        lines[NAMED:] = [f"  and {len(lines) - NAMED} more reasons"]
    return "\n".join(lines)


def fill_missing(
    plan: Sequence[tuple[str, Job]],
    compute: Callable[[Sequence[tuple[str, Job]]], Iterable[tuple[int, Row | Refusal | None]]],
    store: Store,
    capacity: Callable[[], int],
    weigh: Callable[[Job], int],
    item: Callable[[Job], str],
    label: str | None = None,
) -> Work:
    """Rows that the store holds, and the others, computed batch by batch and stored as they come; and what was refused.

    compute: of a batch the number and the row of each job, in any order; why it has none, or None where that is not
    known. Jobs that may have one later come again once, at the end, unless none had one and all for the same reason.
    capacity: of a batch, asked for once and only if there is something to do; it is halved when a batch does not fit
    into memory, down to single jobs, of which one that does not fit is refused. weigh: how much of it a job takes.
    item: what a job is about. label: of the progress bar, or None for none.

    What another process works on is left to it, and waited for once all else is done; what that has not stored is then
    done here. Raises CompanionError where items are refused all alike, as if something were wrong with all.
    """
    work = Work(store.read(key for key, _ in plan))
    room = 0
    with tqdm(total=len(plan), initial=len(work.rows), desc=label, unit="row", disable=label is None) as bar:
        while todo := [pair for pair in plan if pair[0] not in work.rows and pair[0] not in work.refused]:
            with store.claim(key for key, _ in todo) as (own, holders):
                work.rows |= store.read(own)  # what was finished before it was claimed
                mine = [pair for pair in todo if pair[0] in own and pair[0] not in work.rows]
                room = room or (capacity() if mine else 0)
                try:
                    room = _work_off(mine, compute, store, room, weigh, item, work, bar)
                except BaseException:
                    if work.lost:  # which the next command would take for whole
                        print(_without(work, len(plan), dict.fromkeys(work.lost, "")), file=sys.stderr)
                    raise
            for holder in holders:
                others = len(holder.keys & {key for key, _ in todo})
                print(f"{others} of {len(plan)} are being worked on by {holder.who}; waiting for them", file=sys.stderr)
                holder.wait()
            work.rows |= store.read(key for key, _ in todo if key not in own)
            bar.update(len(work.rows) - bar.n)
    return work


def _work_off(
    mine: list[tuple[str, Job]],
    compute: Callable[[Sequence[tuple[str, Job]]], Iterable[tuple[int, Row | Refusal | None]]],
    store: Store,
    room: int,
    weigh: Callable[[Job], int],
    item: Callable[[Job], str],
    work: Work,
    bar: Any,
) -> int:
    """Works off what this process has claimed, into `work` and the store. room: capacity; returns what is left of it.
    The other arguments are those of `work_off`."""
    todo, full = list(mine), room
    items = {key: item(job) for key, job in mine}
    buffer: list[Row] = []
    flushed = time.monotonic()
    again: list[tuple[str, Job]] | None = []
    waiting: dict[str, Refusal] = {}
    alike: dict[str, set[str]] = defaultdict(set)
    try:
        while todo:
            weights = list(itertools.accumulate(weigh(job) for _, job in todo[:MOST]))
            batch = todo[: max(1, bisect.bisect_right(weights, room))]
            done = set()
            try:
                for number, row in compute(batch):
                    done.add(number)
                    key, _ = batch[number]
                    refusal = row if isinstance(row, Refusal) else NO_ANSWER
                    if isinstance(row, dict):
                        buffer.append(row)
                        alike.clear()
                        bar.update()
                    elif refusal.passes and again is not None:
                        again.append(batch[number])
                        waiting[key] = refusal
                    else:
                        work.refused[key], work.items[key] = refusal, items[key]
                    if again is not None and isinstance(row, Refusal) and (row.passes or not (buffer or work.rows)):
                        _suspect(alike, row, items[key])
                    if time.monotonic() - flushed > FLUSH_SECONDS:
                        _flush(store, buffer, work, items)
                        flushed = time.monotonic()
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                if len(batch) > 1:
                    room = weights[len(batch) - 1] // 2
                else:
                    (key, _), room = batch[0], full
                    done.add(0)
                    work.refused[key], work.items[key] = Refusal(one_line(error)), items[key]
                    if not (buffer or work.rows):
                        _suspect(alike, work.refused[key], items[key])
            todo[: len(batch)] = [pair for number, pair in enumerate(batch) if number not in done]
            if not todo and again:
                if not (buffer or work.rows or work.refused) and _is_one_reason(waiting, items):
                    work.refused, work.items = waiting, {key: items[key] for key in waiting}
                    break
                todo, again = again, None
    finally:
        _flush(store, buffer, work, items)
    return room


NO_ANSWER = Refusal("no answer came", passes=True)


def _suspect(alike: dict[str, set[str]], refusal: Refusal, item: str) -> None:
    """Raises CompanionError where too many items have been refused alike. alike: items by reason, without numbers."""
    same = alike[re.sub(r"\w*\d\w*", "#", refusal.reason)]
    same.add(item)
    if len(same) == ALIKE:
        raise CompanionError(
            f"{ALIKE} items one after another had no answer for the same reason, so that no more are asked: "
            f"{refusal.reason}; mend that and give the same command again: what was finished is kept"
        )


def _is_one_reason(refused: Mapping[str, Refusal], items: Mapping[str, str]) -> bool:
    """Whether several items are refused for the same reason, and one that is known. refused, items: by key."""
    reasons = set(refused.values())
    return len(reasons) == 1 and NO_ANSWER not in reasons and len({items[key] for key in refused}) > 1


def _flush(store: Store, buffer: list[Row], work: Work, items: Mapping[str, str]) -> None:
    """Stores what has come. items: by key; one with a value that no column can hold stops none of the others."""
    finished, buffer[:] = buffer[:], []
    try:
        stored = store.append(finished)
    except UnstorableError as error:
        stored = error.rows
        work.lost |= {key: Refusal(wrong) for key, wrong in error.lost.items()}
        work.items |= {key: items[key] for key in error.lost}
    work.rows |= {row["key"]: row for row in stored}


def _key(asked: Mapping[str, Any], prompt: Prompt) -> str:
    question = prompt.question
    return content_key(
        **asked, question=question.id, source=question.source, image=question.image_hash,
        perturbation=prompt.perturbation, text=prompt.text, prefill=prompt.prefill,
        options=prompt.options, answer=question.answer,
    )  # fmt: skip


def _contradicts(response: Response, sampling: Sampling) -> bool:
    """Whether a greedy response's answer is not the most probable letter, ties and `NOISE` aside.

    The token that wrote the answer was the likeliest of all, so either the probabilities are not those of its place, or
    another letter is ahead only with several forms together (P("A") = .4, P("B") = P(" B") = .3): accuracy and
    P(correct) would then speak of different answers. In either case the row has no distribution. Answers that are given
    by an option's text have none anyway, and a sample need not be the likeliest.
    """
    probs, answer = response.letter_probs, response.answer
    return not sampling.temperature and probs is not None and answer is not None and probs[answer] < max(probs) - NOISE


def _row(key: str, model: Model, prompt: Prompt, response: Response, sampling: Sampling) -> Row:
    question = prompt.question
    probs = response.letter_probs
    return {
        "key": key, "model": model.label, "model_hash": model.identity, "profile": model.profile.name,
        "benchmark": question.source, "question": question.id, "group": question.group or question.id,
        "category": question.category, "difficulty": question.difficulty, "n_options": len(question.options),
        "options": list(prompt.options), "perturbation": prompt.perturbation, "wording": prompt.wording,
        "delivery": model.delivery if prompt.prefill else "", "suggested": _letter(prompt.suggested),
        "temperature": sampling.temperature, "sample": sampling.sample, "seed": prompt.seed,
        "prompt": prompt.text, "prefill": prompt.prefill, "response": response.text, "think": response.think,
        "tokens": response.tokens, "finish": response.finish, "answer": _letter(response.answer),
        "right": question.letter, "correct": response.answer == question.answer,
        "letter_probs": None if probs is None else list(probs), "letter_mass": response.letter_mass,
        "p_correct": None if probs is None else probs[question.answer],
        "entropy": None if probs is None else float(normalised_entropy([probs])[0]),
    }  # fmt: skip


def verdict_row(key: str, row: str, judge: Judge, verdict: Verdict) -> Row:
    """A verdict as it is stored. row: the key of what was judged."""
    return {
        "key": key, "row": row, "judge": judge.name, "judge_hash": judge.identity, "verdict": verdict.verdict,
        "concluded": _letter(verdict.concluded), "reason": verdict.reason,
        "details": json.dumps(verdict.details, sort_keys=True, ensure_ascii=False),
    }  # fmt: skip


def _letter(index: int | None) -> str | None:
    return None if index is None else LETTERS[index]
