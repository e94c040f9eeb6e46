"""Do what is missing of a plan: skip what is stored, batch the rest, store as one goes, share it among processes.

A plan is a list of jobs, each with the key under which its row is stored. What a job is (a prompt, a case to be judged,
a question whose claims are to be written) and how rows come from a batch is the caller's. Left out: what the user
is told at the end about those without a row, since that depends on what was asked for (`engine.UnansweredError`).
"""

from __future__ import annotations

import bisect
import itertools
import re
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tqdm import tqdm

from companion.errors import CompanionError, Refusal, one_line
from companion.evaluation.store import Store, UnstorableError
from companion.models.interface import out_of_memory

FLUSH_SECONDS = 10.0
"""Finished rows are stored when the first of them has waited that long as another comes, or at the end of a batch with
which they took that long to make: those of a server come all at once, and the next may take minutes."""

MOST = 4096
"""Jobs in one batch, however light they are."""

ALIKE = 32
"""Items that are refused one after another, with the same words and none answered: it is not the items then."""

NAMED = 20
"""Items without an answer that a message names for each reason, and reasons, at most."""

NO_ANSWER = Refusal("no answer came", passes=True)
"""Of a job that has no row, and nobody knows why."""

Row = dict[str, Any]
Job = TypeVar("Job")


@dataclass
class Work:
    """What became of a plan. rows, refused: by key. lost: why a row is stored without some of its values, by key.
    items: of those refused and of those that lost something, by key."""

    rows: dict[str, Row] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    lost: dict[str, Refusal] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)


def fill_missing(
    plan: Sequence[tuple[str, Job]],
    compute: Callable[[Sequence[tuple[str, Job]]], Iterable[tuple[int, Row | Refusal | None]]],
    store: Store,
    *,
    item: Callable[[Job], str],
    capacity: int | Callable[[], int] = 64,
    weigh: Callable[[Job], int] = lambda _: 1,
    label: str | None = None,
) -> Work:
    """Rows that the store holds, and the others, computed batch by batch and stored as they come; and what was refused.

    compute: of a batch the number and the row of each job, in any order; why it has none, or None where that is not
    known. Jobs that may have one later come again once, at the end, unless none had one and all for the same reason.
    item: what a job is about. capacity: of a batch; what tells it is asked once, and only if there is something to do.
    It is halved when a batch does not fit into memory, down to single jobs, of which one that does not fit is refused.
    weigh: how much of it a job takes. label: of the progress bar, or None for none.

    What another process works on is left to it, and waited for once all else is done; what that has not stored is then
    done here. Raises CompanionError where items are refused all alike, as if something were wrong with all.
    """
    # 1) What an earlier run has stored is not done again.
    work = Work(store.read(key for key, _ in plan))
    room = 0
    with tqdm(total=len(plan), initial=len(work.rows), desc=label, unit="row", disable=label is None) as bar:
        while missing := [(key, job) for key, job in plan if key not in work.rows and key not in work.refused]:
            # 2) Claim what no other process has claimed, and do that, apart from what was finished meanwhile.
            with store.claim(key for key, _ in missing) as (own_keys, holders):
                work.rows |= store.read(own_keys)
                own = [(key, job) for key, job in missing if key in own_keys and key not in work.rows]
                if own and not room:
                    room = capacity() if callable(capacity) else capacity
                own_work = _OwnWork(own, compute, store, room, weigh, item, work, bar)
                try:
                    with _terminated_as_interrupted():
                        own_work.finish()
                except BaseException:
                    if work.lost:  # which the next command would take for whole
                        print(lost_values(work, len(plan), dict.fromkeys(work.lost, "")), file=sys.stderr)
                    raise
                room = own_work.room
            # 3) Wait for the other processes, and take what they have stored; what they have not is missing still.
            for holder in holders:
                others = len(holder.keys & {key for key, _ in missing})
                print(f"{others} of {len(plan)} are being worked on by {holder.who}; waiting for them", file=sys.stderr)
                holder.wait()
            work.rows |= store.read(key for key, _ in missing if key not in own_keys)
            bar.update(len(work.rows) - bar.n)
    return work


class _OwnWork(Generic[Job]):
    """The jobs that this process has claimed. What becomes of them goes into `work`, and rows into the store.

    Arguments as in `fill_missing`. room: of a batch, as far as memory has shown.
    """

    def __init__(
        self,
        claimed: Sequence[tuple[str, Job]],
        compute: Callable[[Sequence[tuple[str, Job]]], Iterable[tuple[int, Row | Refusal | None]]],
        store: Store,
        room: int,
        weigh: Callable[[Job], int],
        item: Callable[[Job], str],
        work: Work,
        bar: Any,
    ) -> None:
        self.compute, self.store, self.weigh, self.work, self.bar = compute, store, weigh, work, bar
        self.room = self.whole_room = room
        self.items = {key: item(job) for key, job in claimed}
        self.todo = list(claimed)
        self.first_round = True
        self.once_more: list[tuple[str, Job]] = []  # jobs of the second round
        self.refused_at_first: dict[str, Refusal] = {}  # why these had no row in the first, by key
        self.finished: list[Row] = []  # and not yet stored
        self.begun = self.first_came = time.monotonic()  # the work on these, and when the first of them was there
        self.refused_alike: dict[str, set[str]] = defaultdict(set)  # items by reason, since a row came

    def finish(self) -> None:
        """Do all jobs, in two rounds. Whatever ends this early, but SIGKILL or a second interruption while they are
        written, the rows that have come are stored."""
        try:
            self._do_rounds()
            self._flush()
        finally:
            self._flush()  # what an error or an interruption has left, also one of a flush

    def _do_rounds(self) -> None:
        self._do_round()
        if not self.once_more:
            return
        if not (self._any_row or self.work.refused) and is_one_reason(self.refused_at_first, self.items):
            self._refuse(self.refused_at_first)  # something is wrong with all of them
            return
        self.todo, self.first_round = self.once_more, False
        self._do_round()

    @property
    def _any_row(self) -> bool:
        """Whether anything of the plan has a row."""
        return bool(self.finished or self.work.rows)

    def _do_round(self) -> None:
        while self.todo:
            # 1) As many jobs as there is room for, but at least one.
            weights = list(itertools.accumulate(self.weigh(job) for _, job in self.todo[:MOST]))
            batch = self.todo[: max(1, bisect.bisect_right(weights, self.room))]
            # 2) Their rows, as they come. Where memory is too short, those that had none yet stay to be done.
            done: set[int] = set()
            try:
                for number, row in self.compute(batch):
                    done.add(number)
                    self._take(batch[number], row)
                    self._flush_if_due(self.first_came)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                if len(batch) > 1:
                    self.room = weights[len(batch) - 1] // 2
                else:
                    done.add(0)
                    self._refuse_too_large(batch[0][0], error)
            self._flush_if_due(self.begun)
            # 3) The others are done.
            self.todo[: len(batch)] = [pair for number, pair in enumerate(batch) if number not in done]

    def _take(self, pair: tuple[str, Job], row: Row | Refusal | None) -> None:
        """What came of a job, with its key: a row, why there is none, or None."""
        key, _ = pair
        if isinstance(row, dict):
            if not self.finished:
                self.first_came = time.monotonic()
            self.finished.append(row)
            self.refused_alike.clear()
            self.bar.update()
            return
        refusal = row or NO_ANSWER
        if refusal.passes and self.first_round:
            self.once_more.append(pair)
            self.refused_at_first[key] = refusal
        else:
            self._refuse({key: refusal})
        if row and self.first_round and (row.passes or not self._any_row):
            self._suspect(key, row)

    def _refuse(self, refused: Mapping[str, Refusal]) -> None:
        self.work.refused |= refused
        self.work.items |= {key: self.items[key] for key in refused}

    def _refuse_too_large(self, key: str, error: RuntimeError) -> None:
        """Of a single job that does not fit into memory; others may need less of it."""
        self.room = self.whole_room
        refusal = Refusal(one_line(error))
        self._refuse({key: refusal})
        if not self._any_row:
            self._suspect(key, refusal)

    def _suspect(self, key: str, refusal: Refusal) -> None:
        """Raises CompanionError where too many items have been refused alike, whatever numbers the reason holds."""
        same = self.refused_alike[re.sub(r"\w*\d\w*", "#", refusal.reason)]
        same.add(self.items[key])
        if len(same) == ALIKE:
            raise CompanionError(
                f"{ALIKE} items one after another had no answer for the same reason, so that no more are asked: "
                f"{refusal.reason}; mend that and give the same command again: what was finished is kept"
            )

    def _flush_if_due(self, since: float) -> None:
        if time.monotonic() - since >= FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        """Store what has come. A row with a value that no column can hold stops none of the others.

        Rows count as unstored until all is done: an interruption may fall anywhere, and a second write of the same rows
        takes the place of the first.
        """
        if not self.finished:
            return
        try:
            stored = self.store.append(self.finished)
        except UnstorableError as error:
            stored = error.rows
            self.work.lost |= {key: Refusal(wrong) for key, wrong in error.lost.items()}
            self.work.items |= {key: self.items[key] for key in error.lost}
        self.work.rows |= {row["key"]: row for row in stored}
        self.finished, self.begun = [], time.monotonic()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Within it SIGTERM, which `kill`, `timeout` and job schedulers send, interrupts as Ctrl-C does, unless something
    else is done with it already. Threads other than the first cannot be given a signal."""
    first = threading.current_thread() is threading.main_thread()
    if not first or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def is_one_reason(refused: Mapping[str, Refusal], items: Mapping[str, str]) -> bool:
    """Whether several items are refused for the same reason, and one that is known. refused, items: by key."""
    reasons = set(refused.values())
    return len(reasons) == 1 and NO_ANSWER not in reasons and len({items[key] for key in refused}) > 1


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


def lost_values(work: Work, planned: int, parts: Mapping[str, str]) -> str:
    """What is said of rows that lost something. planned: jobs of the plan. parts: which of its item's jobs one is, by
    key, or ""."""
    return (
        f"{len(work.lost)} of {planned} rows are stored without values that their columns cannot hold, which nobody "
        f"asks for again; mend where these come from:\n{unanswered(work.items, work.lost, parts)}"
    )
