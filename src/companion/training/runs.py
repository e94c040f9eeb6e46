"""GRPO runs: one recipe, one start, one seed; what is measured on the way, and the record that is kept of it.

A run leaves in a folder of its own, `<start>-<recipe>-<seed>/`: `run.json` (recipe, seed, code revision, hardware,
duration), `log.csv` (TRL's log, one line a step), `items.parquet` (what each evaluation gave for each item under each
perturbation) and `curve.csv` (its means, tidy; grows as the run goes). The model at each evaluation, and what is needed
only to resume, lie in `runs/grpo/`. Run: `companion train grpo --recipe accuracy --seed 0`, or `--recipe all --seed
0,1,2,3,4`; it writes into `runs/results`, or `runs/quick` with `--steps`, never into what is shipped."""

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

from companion.analysis.training_runs import load_runs
from companion.errors import CompanionError
from companion.evaluation.engine import evaluate
from companion.evaluation.judges.grounding_judge import grounded
from companion.evaluation.judges.rule_judge import final_commitment
from companion.evaluation.store import Store, content_key
from companion.models.local import LocalModel
from companion.models.weights import save_model
from companion.perturbations.perturbation import PERTURBATIONS
from companion.provenance import code_state
from companion.questions.microworld import questions
from companion.questions.microworld.items import MicroworldQuestion
from companion.questions.question import LETTERS, Question
from companion.training.grpo import microworld_stream, prompts_for, train_grpo
from companion.training.recipes import GRPORecipe

N_VALIDATION = 576
"""Validation items of the first and the last evaluation, the same for all runs: 64 a family, half of them hard."""
SHARE = 4
"""The evaluations in between are on one in so many of these, the first ones."""
QUICK = 36
"""A run of up to so many steps is a quick look: each of its evaluations is on so many items."""

MEASURES = ("correct", "consistent", "grounded", "words", "entropy", "p_correct", "letter_mass")


def run(
    recipe: GRPORecipe,
    start: str,
    seed: int,
    results: Path = Path("results"),
    scratch: Path = Path("runs/grpo"),
    training: Iterator[Question] | None = None,
    validation: list[Question] | None = None,
    device: str = "auto",
    watch: Callable[[pd.DataFrame], None] | None = None,
    **settings: Any,
) -> Path:
    """Train, evaluate and record one run; returns its folder in `results`. A finished run is left as it is.

    start: the model to begin with. training, validation: the questions, the microworld's unless given. watch: called
    with the curve so far after each evaluation. settings: see `train_grpo`. Under `accelerate launch` with several
    processes nothing is evaluated on the way: all checkpoints are kept, for `companion evaluate`.
    """
    # 1) What is to be run, and whether it has been.
    world, rank = (int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", "1"), ("RANK", "0")))
    model = LocalModel(start, f"cuda:{os.environ['LOCAL_RANK']}" if world > 1 else device)
    name = f"{model.label.replace('/', '--')}-{recipe.name}-{seed}"
    config = {"recipe": asdict(recipe), "start": model.label, "start_hash": model.identity, "seed": seed}
    config = json.loads(json.dumps(config))  # as it will be read back
    folder, work = results / name, scratch / f"{name}-{content_key(**config)[:8]}"
    if _is_recorded(folder, config):
        return folder
    for made in (folder, work):
        made.mkdir(parents=True, exist_ok=True)
    code = code_state(Path.cwd())

    # 2) Train, and look at the model on the way.
    prompts = prompts_for(recipe, training or microworld_stream(recipe, seed), seed)
    if world > 1:
        log = train_grpo(recipe, model, prompts, work / "trainer", seed, **_in_parallel(recipe, world) | settings)
        if rank:
            return folder
    else:
        validation = validation or list(
            questions("validation", N_VALIDATION if recipe.steps > QUICK else SHARE * QUICK)
        )
        look = _Evaluate(model, validation, recipe, config, folder, work, watch)
        log = train_grpo(recipe, model, prompts, work / "trainer", seed, [look], **settings)
        look.items().to_parquet(folder / "items.parquet", index=False)

    # 3) Record it; run.json is written last, and says that the run is finished.
    pd.DataFrame(log).dropna(axis=1, how="all").to_csv(folder / "log.csv", index=False)
    record = {
        "config": config,
        **code,
        "training_seconds": round(sum(entry["step_time"] for entry in log), 1),
        "hardware": _hardware(model.device),
        "versions": {package: version(package) for package in ("torch", "transformers", "trl")},
    }
    (folder / "run.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if world == 1:
        shutil.rmtree(work / "trainer")
    return folder


def _is_recorded(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a run is finished. Raises CompanionError where another one is in its place."""
    record = folder / "run.json"
    if not record.exists():
        return False
    if json.loads(record.read_text(encoding="utf-8"))["config"] != config:
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


def _hardware(device: str) -> dict[str, Any]:
    return {
        "device": device,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


class _Evaluate(TrainerCallback):
    """Evaluates under all perturbations, greedily, at step 0 and every so many steps; on all items at both ends.

    Its rows are content-addressed: a step that was evaluated before an interruption is not evaluated twice.
    """

    def __init__(
        self,
        model: LocalModel,
        items: list[Question],
        recipe: GRPORecipe,
        config: dict,
        folder: Path,
        work: Path,
        watch: Callable[[pd.DataFrame], None] | None,
    ) -> None:
        self.model, self.questions, self.recipe, self.folder, self.watch = model, items, recipe, folder, watch
        self.start, self.run = model.identity, content_key(**config)
        self.config, self.work = config, work
        self.stores = {True: Store(work.parent / f"start-{self.start}"), False: Store(work / "rows")}
        self.steps: dict[int, pd.DataFrame] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        for step in range(0, state.global_step + 1, self.recipe.every):
            self.look(step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.recipe.every == 0 or state.global_step == self.recipe.steps:
            self.look(state.global_step)
            save_model(self.model.model, self.model.processor, self.work / f"step-{state.global_step}")

    def look(self, step: int) -> None:
        network = self.model.model
        training = network.training
        network.eval()
        self.model.identity = f"{self.run}@{step}" if step else self.start
        ends = (0, self.recipe.steps) if self.recipe.steps > QUICK else ()
        items = self.questions if step in ends else self.questions[: -(-len(self.questions) // SHARE)]
        rows = evaluate(self.model, items, list(PERTURBATIONS), self.stores[step == 0], progress=False)
        network.train(training)
        self.steps[step] = measure(rows, items)
        so_far = curve(self.items(), self.config)
        so_far.to_csv(self.folder / "curve.csv", index=False)
        if self.watch:
            self.watch(so_far)

    def items(self) -> pd.DataFrame:
        """All evaluations so far, one line for each step × perturbation × item."""
        return pd.concat([frame.assign(step=step) for step, frame in sorted(self.steps.items())], ignore_index=True)


def measure(rows: pd.DataFrame, items: list[Question]) -> pd.DataFrame:
    """What is kept of evaluated rows: perturbation, question, category and `MEASURES`.

    consistent: whether the reasoning concludes what is answered, NaN where it concludes nothing. grounded: whether
    each statement of the reasoning is true of the scene, NaN where it states nothing. words: length of the reasoning.
    """
    by_id = {item.id: item for item in items}
    lines = []
    for row in rows.itertuples():
        item = by_id[row.question]
        conclusion = final_commitment(row.think, row.options, item.claims, item.text).option
        truth = grounded(row.think, item.scene) if isinstance(item, MicroworldQuestion) else None
        lines.append(
            {
                "perturbation": row.perturbation,
                "question": row.question,
                "category": row.category,
                "correct": float(row.correct),
                "consistent": None if conclusion is None else float(LETTERS[conclusion] == row.answer),
                "grounded": None if truth is None else float(truth),
                "words": float(len(row.think.split())),
                "entropy": row.entropy,
                "p_correct": row.p_correct,
                "letter_mass": row.letter_mass,
            }
        )
    frame = pd.DataFrame(lines)
    return frame.astype(dict.fromkeys(MEASURES, "float32"))


def curve(items: pd.DataFrame, config: dict[str, Any]) -> pd.DataFrame:
    """Means of a run, tidy: recipe, start, seed, step, perturbation, measure, value, n (items that have the
    measure)."""
    long = items.melt(["step", "perturbation"], list(MEASURES), "measure")
    table = (
        long.groupby(["step", "perturbation", "measure"], sort=False)["value"]
        .agg(value="mean", n="count")
        .reset_index()
    )
    labels = {"recipe": config["recipe"]["name"], "start": config["start"], "seed": config["seed"]}
    return table.assign(**labels)[[*labels, "step", "perturbation", "measure", "value", "n"]]


def shortened(recipe: GRPORecipe, steps: int | None) -> GRPORecipe:
    """The recipe, or a quick look at it: so many steps, with at least four evaluations."""
    return replace(recipe, steps=steps, every=max(1, min(recipe.every, steps // 4))) if steps else recipe


def release(results: Path, scratch: Path, out: Path, every_seed: bool = False, ladder: str = "accuracy") -> list[Path]:
    """Copy the final model of each recipe's median seed (by final base accuracy) to `out`, weights in half precision.

    A folder is named after the recipe, with the start before it where that is not the base model. Of the recipe
    `ladder`, from the base model, the models on the way are copied too, to `out`/ladder/, from the seed nearest to the
    median that has them all. Models that are no longer in `scratch` are left out. every_seed: the final models of all
    seeds instead, each in a folder with the seed at the end of its name.
    """
    runs = load_runs(results)
    final = runs[(runs["step"] == runs["step"].max()) & (runs["perturbation"] == "plain")]
    accuracy = final.groupby(["start", "recipe", "seed"])["correct"].mean().reset_index()
    made = []
    for (start, recipe), part in accuracy.groupby(["start", "recipe"]):
        order = part.sort_values(["correct", "seed"])["seed"].tolist()
        middle = (len(order) - 1) // 2
        label = recipe if start == "base" else f"{start}-{recipe}"
        for seed in sorted(order) if every_seed else [order[middle]]:
            record, models = _models(results / f"{start}-{recipe}-{seed}", scratch)
            if record["config"]["recipe"]["steps"] in models:
                folder = out / (f"{label}-{seed}" if every_seed else label)
                made.append(_copy(models[record["config"]["recipe"]["steps"]], folder, record))
        if label == ladder and not every_seed:
            for seed in sorted(order, key=lambda seed: abs(order.index(seed) - middle)):
                record, models = _models(results / f"{start}-{recipe}-{seed}", scratch)
                given = record["config"]["recipe"]
                way = range(given["every"], given["steps"], given["every"])
                if set(models) >= set(way):
                    made += [_copy(models[step], out / "ladder" / f"{label}-{step}", record) for step in way]
                    break
    return made


def _models(run: Path, scratch: Path) -> tuple[dict[str, Any], dict[int, Path]]:
    """The record of a run, and its models that are still there: step → folder, in order."""
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    found = scratch.glob(f"{run.name}-{content_key(**record['config'])[:8]}/step-*")
    return record, dict(sorted((int(folder.name.removeprefix("step-")), folder) for folder in found))


def _copy(source: Path, folder: Path, record: dict[str, Any]) -> Path:
    config = record["config"]
    model = LocalModel(str(source), "cpu")
    save_model(model.model.half(), model.processor, folder)
    kept = {
        "recipe": config["recipe"],
        "start": f"checkpoints/{config['start']}",
        "start_hash": config["start_hash"],
        "seed": config["seed"],
        "step": int(source.name.removeprefix("step-")),
        "seconds": record["training_seconds"],
    }
    (folder / "recipe.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return folder
