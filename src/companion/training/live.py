"""A short GRPO run to watch: limited by the clock, stopped at any time, and always leaving a whole model or none.

The trainer and rewards are those of `grpo`, the measures those of all records. What differs: it goes on until its time
is up rather than for a number of steps, its rate is higher, it is evaluated on few items, and it is not resumed. It
leaves `runs/lab/<name>/`, a checkpoint like any other, with `recipe.json` (what was done), `curve.csv` (the evaluations
with intervals over items) and `log.csv` (the reward of each step). One seed on a few items shows how RL moves a model;
it measures nothing.
Run: the panel of `train_yourself`, or `train("checkpoints/misread-20", recipe(), "mine")`.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import TrainerCallback

from companion.analysis.single_run import run_curves
from companion.errors import CompanionError
from companion.evaluation.engine import evaluate
from companion.evaluation.records import compact, describe_items, join_items
from companion.evaluation.store import Store
from companion.models.local import LocalModel
from companion.models.weights import save_model
from companion.perturbations.perturbation import PERTURBATIONS, THREE_PROMPTS
from companion.questions.microworld import questions
from companion.questions.question import Question
from companion.training.grpo import microworld_stream, prompts_for, train_grpo
from companion.training.recipes import GRPORecipe
from companion.training.rewards import GATES
from companion.training.supervised import LOOK_SEED

FOLDER = Path("runs/lab")
N_ITEMS = 54
"""Validation items of each evaluation: six a family, a third each easy, medium and hard."""
STEPS_A_SECOND = 2
"""More than any machine was seen to make; so many training questions are drawn beforehand."""

_alone = threading.Lock()


def recipe(
    gates: Sequence[str] = (), perturbations: Mapping[str, float] | None = None, seconds: int = 120
) -> GRPORecipe:
    """A recipe for so many seconds. gates: names from `rewards.GATES`; perturbations: perturbation → share of the
    prompts.

    Raises CompanionError for an unknown gate or perturbation, shares above 1, and less than a second.
    """
    shares = dict(perturbations or {})
    for kind, given, known in (("reward", gates, list(GATES)), ("perturbation", shares, list(PERTURBATIONS))):
        if unknown := [name for name in given if name not in known]:
            raise CompanionError(f"unknown {kind} {unknown[0]!r}; choose from {', '.join(known)}")
    if min(shares.values(), default=0) < 0 or sum(shares.values()) > 1:
        raise CompanionError(
            f"the shares of the perturbations sum to {sum(shares.values()):g}; give shares from 0 to 1"
        )
    if seconds < 1:
        raise CompanionError(f"{seconds} seconds of training: give at least 1, such as 120")
    return GRPORecipe("live", tuple(gates), shares, rate=2e-4, warmup=3, steps=STEPS_A_SECOND * seconds, every=8)


Watch = Callable[[float, pd.DataFrame, pd.DataFrame], None]
"""Told after each step: seconds so far, the curves (`single_run.run_curves`), and the log (step, reward)."""


def train(
    start: str,
    recipe: GRPORecipe,
    name: str,
    seconds: float = 120,
    folder: Path = FOLDER,
    seed: int = 0,
    stop: threading.Event | None = None,
    watch: Watch | None = None,
) -> Path:
    """Train from the checkpoint `start` until `seconds` have passed, the recipe's steps are done, or `stop` is set.

    Returns the folder of the model: `folder`/name, with a number behind where there is one already. The clock runs from
    the first evaluation on; those on the way count. A loss that is no number ends the training with the last good
    model. Raises CompanionError, and leaves nothing, for bad input, while another training runs in this process, and
    where it ended before the first step was done.
    """
    if not (Path(start) / "config.json").is_file():
        raise CompanionError(f"no checkpoint in {start!r}; start from checkpoints/misread-20 or checkpoints/base")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise CompanionError(f"the name {name!r}: use letters, digits, - and _, as in my-model")
    if not seconds > 0:
        raise CompanionError(f"{seconds:g} seconds of training: give at least 1, such as 120")
    if not _alone.acquire(blocking=False):
        raise CompanionError("a training is under way in this kernel; stop it, or wait until it has ended")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".training-", dir=folder))
        try:
            with _quiet(), _one_thread():
                made = _train(start, recipe, seconds, work, seed, stop or threading.Event(), watch)
            return _move(made, folder, name)
        finally:
            shutil.rmtree(work)
    finally:
        _alone.release()


def _train(
    start: str, recipe: GRPORecipe, seconds: float, work: Path, seed: int, stop: threading.Event, watch: Watch | None
) -> Path:
    model = LocalModel(start, "cpu")
    prompts = prompts_for(recipe, microworld_stream(recipe, seed), seed)
    live = _Live(model, recipe, work, seconds, stop, watch)
    try:
        train_grpo(recipe, model, prompts, work / "trainer", seed, [live], save_strategy="no", disable_tqdm=True)
        ended, steps = live.ended, len(live.log)
    except FloatingPointError as error:
        ended, steps = str(error), len(live.log) - 1
        if steps < 1:
            raise CompanionError(f"{error}; there is no new model") from error
        model.model.load_state_dict(live.good)
    made = work / "model"
    save_model(model.model, model.processor, made)
    record = {
        "recipe": asdict(recipe),
        "start": start,
        "start_hash": live.start,
        "seed": seed,
        "step": steps,
        "seconds": round(live.seconds, 1),
        "ended": ended,
        "items": N_ITEMS,
        "perturbations": THREE_PROMPTS,
    }
    (made / "recipe.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    live.curve[live.curve["step"] <= steps].to_csv(made / "curve.csv", index=False)
    pd.DataFrame(live.log[:steps]).dropna(axis=1, how="all").to_csv(made / "log.csv", index=False)
    return made


def _move(made: Path, folder: Path, name: str) -> Path:
    """Give a finished folder its name, or the first that is free with a number behind."""
    number = 1
    while True:
        place = folder / (name if number == 1 else f"{name}-{number}")
        try:
            return made.rename(place)
        except OSError:
            if not place.exists():
                raise
        number += 1


class _Live(TrainerCallback):
    """Evaluates every few steps, watches clock and `stop`, and keeps the last weights that gave a finite loss.

    ended: why the training ended. curve: means of all evaluations. log: of the trainer, one entry a step.
    """

    def __init__(
        self,
        model: LocalModel,
        recipe: GRPORecipe,
        work: Path,
        limit: float,
        stop: threading.Event,
        watch: Watch | None,
    ) -> None:
        self.model, self.recipe, self.limit, self.stop, self.watch = model, recipe, limit, stop, watch
        self.items: list[Question] = list(questions("validation", N_ITEMS, LOOK_SEED))
        self.store = Store(work / "rows")
        self.start = model.identity
        self.evaluated: list[pd.DataFrame] = []
        self.curve = pd.DataFrame()
        self.log: list[dict[str, float]] = []
        self.ended = "all steps were done"
        self.began = time.monotonic()
        self.before: dict[str, torch.Tensor] = {}
        self.good: dict[str, torch.Tensor] = {}

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began = time.monotonic()
        if not self.stop.is_set():
            self._evaluate(0)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0 and self.stop.is_set():
            raise CompanionError("stopped before the first step; there is no new model")
        self.before = {name: tensor.clone() for name, tensor in self.model.model.state_dict().items()}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """After a step whose loss was finite: the trainer's check comes before this."""
        if not logs or "loss" not in logs:  # the summary at the end
            return
        self.good = self.before
        self.log.append({"step": state.global_step, **logs})
        over = self.seconds > self.limit
        due = over or state.global_step == self.recipe.steps or state.global_step % self.recipe.every == 0
        if due and not self.stop.is_set():
            self._evaluate(state.global_step)
        self._tell()
        if over or self.stop.is_set():
            self.ended = "stopped" if self.stop.is_set() else "its time was up"
            control.should_training_stop = True

    def _evaluate(self, step: int) -> None:
        network = self.model.model
        training = network.training
        network.eval()
        self.model.identity = f"{self.start}@{step}"
        rows = evaluate(self.model, self.items, THREE_PROMPTS, self.store, progress=False)
        network.train(training)
        self.evaluated.append(compact(rows, self.items).assign(step=step))
        self.curve = run_curves(join_items(pd.concat(self.evaluated, ignore_index=True), describe_items(self.items)))
        self._tell()

    def _tell(self) -> None:
        if self.watch:
            self.watch(self.seconds, self.curve, pd.DataFrame(self.log, columns=["step", "reward"]))


@contextmanager
def _one_thread() -> Iterator[None]:
    """On two cores, a second thread makes a step of so small a model a third faster at best, and many times slower when
    a browser or another program wants that core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _quiet() -> Iterator[None]:
    """What the libraries would warn of has no place beside a panel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
