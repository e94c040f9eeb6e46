"""GRPO runs: one recipe, one initial checkpoint, one seed; what is measured on the way, and the record that is kept.

Records have the study's form (`evaluation/records.py`), so that the same notebooks show them. `INITIAL-SEED/RECIPE/`
holds `run.json` (recipe, seed, code revision, hardware, duration), `log.parquet` (TRL's log, a line a step) and
`answers.parquet` (the answers at each evaluated step); `INITIAL-SEED/initial/` has those of the initial checkpoint. The
model of each evaluated step, and what is needed only to resume, lie in `runs/grpo/`. Run: `companion train grpo
--recipe rl-correct --seed 0`, or `--recipe all --seed 0,1,2,3,4`; it writes into `runs/results`, or `runs/quick` with
`--steps`, never into what is shipped.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import TrainerCallback

from companion.analysis.panel import initial_record, place_of_initial
from companion.analysis.single_run import run_curves
from companion.errors import CompanionError
from companion.evaluation.engine import evaluate
from companion.evaluation.records import compact, describe_items, join_items, write_items, write_record
from companion.evaluation.store import Store, content_key
from companion.models.local import LocalModel
from companion.models.weights import hash_folder, save_model
from companion.perturbations.perturbation import PERTURBATIONS
from companion.provenance import code_state
from companion.questions.microworld import questions
from companion.questions.question import Question
from companion.training.grpo import microworld_stream, prompts_for, train_grpo
from companion.training.recipes import GRPORecipe

N_VALIDATION = 576
"""Validation items of the first and the last evaluation, the same for all runs: 64 a family, half of them hard."""
SHARE = 4
"""The evaluations in between are on one in so many of these, the first ones."""
QUICK = 36
"""A run of up to so many steps is a quick look: each of its evaluations is on so many items."""

LOGGED = (
    "step",
    "loss",
    "grad_norm",
    "reward",
    "answer",
    "format",
    "consistency",
    "groundedness",
    "entropy",
    "frac_reward_zero_std",
    "completions/mean_length",
    "completions/max_length",
    "step_time",
)
"""What is kept of the trainer's log."""


def run(
    recipe: GRPORecipe,
    start: str,
    seed: int,
    results: Path,
    scratch: Path = Path("runs/grpo"),
    training: Iterator[Question] | None = None,
    validation: list[Question] | None = None,
    device: str = "auto",
    watch: Callable[[pd.DataFrame], None] | None = None,
    **settings: Any,
) -> Path:
    """Train, evaluate and record one run; returns its folder in `results`. A finished run is left as it is.

    start: the model to begin with. training, validation: the questions, the microworld's unless given. watch: called
    with the curves so far (`single_run.run_curves`) after each evaluation. settings: see `train_grpo`. Under
    `accelerate launch` with several processes nothing is evaluated on the way: all checkpoints are kept, for `companion
    evaluate`. Raises CompanionError where `results` holds other items, or another run of this name.
    """
    # 1) What is to be run, and whether it has been.
    world, rank = (int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", "1"), ("RANK", "0")))
    model = LocalModel(start, f"cuda:{os.environ['LOCAL_RANK']}" if world > 1 else device)
    of_seed = f"{model.label.replace('/', '--')}-{seed}"
    config = {"recipe": json.loads(json.dumps(asdict(recipe))), "initial_hash": model.identity, "seed": seed}
    folder = results / of_seed / recipe.name
    work = scratch / of_seed / f"{recipe.name}-{content_key(**config)[:8]}"
    if _is_recorded(folder, config):
        return folder
    work.mkdir(parents=True, exist_ok=True)
    code = code_state(Path.cwd())
    record = config | {"initial": {"name": model.label, "start": start}} | code

    # 2) Several processes train alone.
    prompts = prompts_for(recipe, training or microworld_stream(recipe, seed), seed)
    if world > 1:
        log = train_grpo(recipe, model, prompts, work / "trainer", seed, **_in_parallel(recipe, world) | settings)
        if not rank:
            write_record(
                folder, {}, shorten_log(log), record | {"seconds": _seconds(log)} | circumstances(model.device)
            )
        return folder

    # 3) One process looks at the model on the way, too.
    validation = validation or list(questions("validation", N_VALIDATION if recipe.steps > QUICK else SHARE * QUICK))
    write_items(results, validation)
    look = _Evaluate(model, validation, recipe, work, watch)
    log = train_grpo(recipe, model, prompts, work / "trainer", seed, [look], **settings)

    # 4) Record the initial checkpoint, unless another run has, and the run.
    if initial_record(results / of_seed, look.hashes[0]) is None:
        place = place_of_initial(results / of_seed, look.hashes[0])
        of_initial = {"seed": seed, "initial": record["initial"], "hashes": {0: look.hashes[0]}, **code}
        write_record(place, {0: look.steps[0]}, None, of_initial | circumstances(model.device))
    hashes = {step: identity for step, identity in look.hashes.items() if step}
    found = {step: answers for step, answers in look.steps.items() if step}
    record |= {"hashes": hashes, "seconds": _seconds(log)} | circumstances(model.device)
    write_record(folder, found, shorten_log(log), record)
    shutil.rmtree(work / "trainer")
    return folder


def _is_recorded(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a run is finished. Raises CompanionError where another one is in its place."""
    file = folder / "run.json"
    if not file.exists():
        return False
    record = json.loads(file.read_text(encoding="utf-8"))
    if {name: record.get(name) for name in config} != config:
        raise CompanionError(f"{folder} holds a run of another configuration; move it away, or give another --out")
    return True


def _in_parallel(recipe: GRPORecipe, world: int) -> dict[str, Any]:
    """Settings of `train_grpo` for several processes: a response of their share at a time, and every checkpoint is
    kept."""
    return {
        "save_total_limit": None,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": recipe.prompts * recipe.rollouts // world,
    }


def _seconds(log: list[dict[str, Any]]) -> dict[str, float]:
    return {"training": round(sum(entry["step_time"] for entry in log), 1)}


def shorten_log(log: list[dict[str, Any]]) -> pd.DataFrame:
    """What is kept of a trainer's log, a line a step."""
    lines = pd.DataFrame(log)
    return lines[[name for name in LOGGED if name in lines]].astype("float32").astype({"step": "int16"})


def circumstances(device: str) -> dict[str, Any]:
    """What a run was made on and with."""
    return {
        "hardware": {
            "device": device,
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
        "versions": {package: version(package) for package in ("torch", "transformers", "trl")},
    }


class _Evaluate(TrainerCallback):
    """Evaluates under all perturbations, greedily, at step 0 and every so many steps; on all items at both ends.

    Its rows are content-addressed: a step that was evaluated before an interruption is not evaluated twice. steps: step
    → its answers (`records.compact`). hashes: step → hash of its weights.
    """

    def __init__(
        self,
        model: LocalModel,
        items: list[Question],
        recipe: GRPORecipe,
        work: Path,
        watch: Callable[[pd.DataFrame], None] | None,
    ) -> None:
        self.model, self.questions, self.recipe, self.work, self.watch = model, items, recipe, work, watch
        self.items = describe_items(items)
        self.stores = {True: Store(work.parent / f"rows-{model.identity}"), False: Store(work / "rows")}
        self.steps: dict[int, pd.DataFrame] = {}
        self.hashes = {0: model.identity}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        for step in range(0, state.global_step + 1, self.recipe.every):
            self.look(step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.recipe.every == 0 or state.global_step == self.recipe.steps:
            save_model(self.model.model, self.model.processor, self.work / f"step-{state.global_step}")
            self.look(state.global_step)

    def look(self, step: int) -> None:
        """Evaluate the model of a step; after an interruption, what its stored rows say."""
        if step:
            self.hashes[step] = hash_folder(self.work / f"step-{step}")
        network = self.model.model
        training = network.training
        network.eval()
        self.model.identity = self.hashes[step]
        ends = (0, self.recipe.steps) if self.recipe.steps > QUICK else ()
        items = self.questions if step in ends else self.questions[: -(-len(self.questions) // SHARE)]
        rows = evaluate(self.model, items, list(PERTURBATIONS), self.stores[step == 0], progress=False)
        network.train(training)
        self.steps[step] = compact(rows, items)
        if self.watch:
            self.watch(run_curves(join_items(self.answers(), self.items)))

    def answers(self) -> pd.DataFrame:
        """Those of all evaluations so far."""
        return pd.concat([answers.assign(step=step) for step, answers in sorted(self.steps.items())], ignore_index=True)


def shortened(recipe: GRPORecipe, steps: int | None) -> GRPORecipe:
    """The recipe, or a quick look at it: so many steps, with at least four evaluations."""
    return replace(recipe, steps=steps, every=max(1, min(recipe.every, steps // 4))) if steps else recipe
