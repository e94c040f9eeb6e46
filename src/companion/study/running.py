"""Works through a protocol: trains, evaluates and records every run, two one-thread processes side by side.

A run is: its initial checkpoint (supervised, made once on a machine for all runs that begin from it), RL, the
evaluation of each kept step, its record. All of it can be killed at any moment and goes on from there: training from
its last checkpoint, evaluation from the rows that are stored, and what is recorded is left alone. Where there is a GPU,
one process uses it.
Run: `companion study`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm
from transformers import TrainerCallback

from companion.analysis.panel import INITIAL, initial_record, place_of_initial
from companion.errors import CompanionError
from companion.evaluation.engine import evaluate
from companion.evaluation.records import PERTURBATIONS, compact, write_items, write_record
from companion.evaluation.store import Store
from companion.locks import atomic_write, locked
from companion.models.local import LocalModel
from companion.models.weights import save_model
from companion.provenance import code_state
from companion.study.protocol import PROTOCOL, Protocol, Run
from companion.training.grpo import microworld_stream, prompts_for, train_grpo
from companion.training.runs import circumstances, shorten_log
from companion.training.supervised import train_supervised

SAVE_EVERY = 50
"""Steps of RL between two states from which it can go on."""

SLICE = 252
"""Items that are evaluated between two reports of progress."""

SECONDS = {"supervised": 0.9, "rl": 1.1, "row": 0.008}
"""About what a supervised step, an RL step and an evaluated row take on one thread: to tell what remains."""

Report = Callable[[float], None]
"""Called with seconds of work, as of `SECONDS`, that are done."""


def run_study(
    results: Path,
    scratch: Path,
    protocol: Protocol = PROTOCOL,
    workers: int | None = None,
    device: str = "auto",
    arms: Sequence[str] = (),
) -> None:
    """Make every record of the protocol that is not there yet.

    results: of the records. scratch: of checkpoints and rows, which are needed to go on. workers: processes; two, or
    one where a GPU is used. arms: only these, if given. One run that fails does not keep the others from being made:
    CompanionError, which names it, comes at the end.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    workers = workers or (2 if device == "cpu" else 1)
    write_items(results, protocol.items())
    runs = [run for run in protocol.runs() if not arms or run.arm in arms]
    costs = _costs(runs, protocol)
    finished = sum(cost for name, cost in costs.items() if (results / name / "run.json").exists())
    context = multiprocessing.get_context("spawn")  # a forked torch hangs
    reports = context.Queue()
    if device == "cpu":
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    pool = ProcessPoolExecutor(workers, context, _begin, (reports, os.getpid(), device))
    bar = tqdm(
        total=round(sum(costs.values())), initial=round(finished), desc="study", unit="s", smoothing=0, mininterval=5
    )
    try:
        futures = {pool.submit(_work, run, protocol, results, scratch, device): run for run in runs}
        failed = _watch(futures, reports, bar)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        bar.close()
    pool.shutdown()
    if failed:
        raise CompanionError("not every run could be made: " + "; ".join(failed))


def _costs(runs: Sequence[Run], protocol: Protocol) -> dict[str, float]:
    """Name of each record → seconds that it takes."""
    row = len(PERTURBATIONS) * SECONDS["row"]
    costs = {}
    for run in runs:
        supervised = SECONDS["supervised"] * sum(stage.steps for stage in run.initial.stages)
        costs[f"{run.initial_name}/initial"] = supervised + row * protocol.n_items
        evaluated = sum(protocol.evaluated(run.recipe).values())
        costs[run.name] = SECONDS["rl"] * run.recipe.steps + row * evaluated
    return costs


def _watch(futures: dict[Future, Run], reports: Any, bar: tqdm) -> list[str]:
    """Shows progress until all is done; returns what failed, in sentences."""
    failed: list[str] = []
    waiting = set(futures)
    done_seconds = 0.0
    while waiting:
        done, waiting = wait(waiting, timeout=1)
        try:
            while True:
                done_seconds += reports.get_nowait()
        except queue.Empty:
            bar.update(int(done_seconds))
            done_seconds -= int(done_seconds)
        for future in done:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                raise CompanionError("a process of the study was killed; the same command goes on") from error
            if error:
                failed.append(f"{futures[future].name} ({type(error).__name__}: {error})")
                tqdm.write(f"failed: {failed[-1]}")
            else:
                tqdm.write(f"{time.strftime('%H:%M')} done: {futures[future].name}")
    return failed


_worker: dict[str, Any] = {}


def _begin(reports: Any, parent: int, device: str) -> None:
    """Sets up a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once; what is stored is enough to go on
    if device == "cpu":
        torch.set_num_threads(1)
    _worker.update(reports=reports, parent=parent)


def _report(seconds: float) -> None:
    if os.getppid() != _worker["parent"]:
        os._exit(1)  # nobody waits for this any more, and another process may have gone on with it
    _worker["reports"].put(seconds)


@contextmanager
def _phase(seconds: float) -> Iterator[Report]:
    """Reports what its block reports, and at its end what is missing to `seconds`."""
    told = 0.0

    def report(part: float) -> None:
        nonlocal told
        part = min(part, seconds - told)
        told += part
        _report(part)

    yield report
    _report(seconds - told)


def _work(run: Run, protocol: Protocol, results: Path, scratch: Path, device: str) -> None:
    """Make the record of a run, and that of its initial checkpoint if it is the first to need it."""
    if (results / run.name / "run.json").exists():
        return  # before its initial checkpoint is made again, for nothing
    work = scratch / run.initial_name
    work.mkdir(parents=True, exist_ok=True)
    with locked(work):
        initial = _initial(run, protocol, results, work, device)
    folder = work / run.recipe.name
    folder.mkdir(exist_ok=True)
    with locked(folder):
        if (results / run.name / "run.json").exists():
            return
        code = code_state(Path.cwd())
        log, seconds = _train(run, initial, folder, device)
        began = time.monotonic()
        evaluated = protocol.evaluated(run.recipe)
        models = {step: LocalModel(str(folder / f"step-{step}"), device) for step in evaluated}
        answers = {step: _answers(model, evaluated[step], protocol, folder) for step, model in models.items()}
        record = {
            "protocol": protocol.identity,
            "arm": run.arm,
            "recipe": asdict(run.recipe),
            "seed": run.seed,
            "initial": asdict(run.initial),
            "initial_hash": LocalModel(str(initial)).identity,
            "hashes": {step: model.identity for step, model in models.items()},
            "items": _items(protocol, {0: protocol.n_items} | evaluated),
            **code,
            "seconds": {"training": round(seconds, 1), "evaluation": round(time.monotonic() - began, 1)},
            **circumstances(device),
        }
        write_record(results / run.name, answers, log, record)


def _initial(run: Run, protocol: Protocol, results: Path, work: Path, device: str) -> Path:
    """The initial checkpoint of a run, trained, evaluated and recorded where that is still to be done.

    Another processor rounds otherwise, and training ends with other weights: what these answer is recorded beside what
    those answered from which other runs began (docs/study.md, Amendments).
    """
    folder = work / INITIAL
    code = code_state(Path.cwd())
    steps = sum(stage.steps for stage in run.initial.stages)
    of_seed = results / run.initial_name
    if not (folder / "recipe.json").exists():
        with _phase(0 if (of_seed / INITIAL).exists() else SECONDS["supervised"] * steps) as report:
            train_supervised(run.initial, folder, device=device, report=lambda: report(SECONDS["supervised"]))
    model = LocalModel(str(folder), device)
    if initial_record(of_seed, model.identity) is None:
        began = time.monotonic()
        answers = {0: _answers(model, protocol.n_items, protocol, work)}
        seconds = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))["seconds"]
        record = {
            "protocol": protocol.identity,
            "initial": asdict(run.initial),
            "seed": run.seed,
            "start_hash": LocalModel(run.initial.start).identity,
            "hashes": {0: model.identity},
            "items": _items(protocol, {0: protocol.n_items}),
            **code,
            "seconds": {"training": seconds, "evaluation": round(time.monotonic() - began, 1)},
            **circumstances(device),
        }
        write_record(place_of_initial(of_seed, model.identity), answers, None, record)
    return folder


def _train(run: Run, initial: Path, folder: Path, device: str) -> tuple[pd.DataFrame, float]:
    """RL, with the model of each evaluated step in `folder`/step-N; the log, and the seconds of all steps."""
    file = folder / "log.parquet"
    with _phase(SECONDS["rl"] * run.recipe.steps) as report:
        if not file.exists():
            model = LocalModel(str(initial), device)
            prompts = prompts_for(run.recipe, microworld_stream(run.recipe, run.seed), run.seed)
            log = train_grpo(
                run.recipe,
                model,
                prompts,
                folder / "trainer",
                run.seed,
                [_Keep(model, run, folder, report)],
                save_steps=SAVE_EVERY,
                disable_tqdm=True,
            )
            with atomic_write(file) as part:
                shorten_log(log).to_parquet(part, index=False)
            shutil.rmtree(folder / "trainer")
    log = pd.read_parquet(file)
    return log, float(log["step_time"].sum())


class _Keep(TrainerCallback):
    """Reports each step, and saves the model at every evaluated one."""

    def __init__(self, model: LocalModel, run: Run, folder: Path, report: Report) -> None:
        self.model, self.recipe, self.folder, self.report = model, run.recipe, folder, report

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.report(SECONDS["rl"])
        if state.global_step % self.recipe.every == 0 or state.global_step == self.recipe.steps:
            save_model(self.model.model, self.model.processor, self.folder / f"step-{state.global_step}")


def _answers(model: LocalModel, n_items: int, protocol: Protocol, work: Path) -> pd.DataFrame:
    """The compact answers of a model to the first items, under every perturbation, greedily."""
    items = protocol.items()[:n_items]
    store = Store(work / f"rows-{model.identity}")
    cost = len(PERTURBATIONS) * SECONDS["row"]
    kept = []
    with _phase(cost * n_items) as report:
        for begin in range(0, n_items, SLICE):
            part = items[begin : begin + SLICE]
            rows = evaluate(model, part, list(PERTURBATIONS), store, progress=False)
            found = compact(rows, part)
            kept.append(found.assign(item=found["item"] + np.int16(begin)))
            report(cost * len(part))
    return pd.concat(kept, ignore_index=True)


def _items(protocol: Protocol, steps: dict[int, int]) -> dict[str, Any]:
    return {"split": protocol.split, "seed": protocol.item_seed, "steps": steps}
