"""How long and how dear a study is on GPUs, before it is started: an estimate from counts, and what it rests on.

Counted: items, perturbations, models, training steps. Assumed, unless measured rows are given: the length of responses.
The rest is arithmetic on data sheets: reading is bound by arithmetic (2 × parameters floating-point operations a
token), writing by memory (each step reads the weights once and the keys and values of the whole batch), training by
arithmetic again (6 × parameters, and 2 more for what is recomputed). Nothing here was timed on a GPU.

Run: `companion plan`; with `--rows RUN` the lengths are those of rows that are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from companion.training.recipes import GRPO, GRPORecipe, at_paper_scale


@dataclass(frozen=True)
class GPU:
    """flops: dense bfloat16, per second. bandwidth: bytes per second. memory: bytes."""

    name: str
    flops: float
    bandwidth: float
    memory: float


GPUS = {
    gpu.name: gpu
    for gpu in (
        GPU("a100", 312e12, 2.039e12, 80e9),
        GPU("h100", 989e12, 3.35e12, 80e9),
        GPU("h200", 989e12, 4.8e12, 141e9),
    )
}
"""NVIDIA's data sheets of the A100 80GB SXM, the H100 SXM and the H200 SXM."""

READING, WRITING, TRAINING = 0.4, 0.5, 0.35
"""The share of a data sheet's number that is reached, of arithmetic, of bandwidth, and of arithmetic in training:
assumed, as common for engines and trainers in good order."""


@dataclass(frozen=True)
class Size:
    """parameters; a_token: bytes of the keys and values of one token, in bfloat16 (2 × 2 × layers × heads × width)."""

    parameters: float
    a_token: int


VLM = Size(8.3e9, 2 * 2 * 28 * 4 * 128)
"""Qwen2.5-VL-7B: 8.3 billion with its vision tower; 28 layers, 4 heads of 128 for keys and values (its config)."""

JUDGE = Size(32.8e9, 2 * 2 * 64 * 8 * 128)
"""Qwen3-32B: 64 layers, 8 heads of 128 (its config)."""

OPEN_MODELS = 7
PAPERS_BENCHMARKS = (
    "3dsrbench",
    "cv-bench",
    "spatial-mm",
    "spatial-mm-multihop",
    "whatsup",
    "vstar",
    "mme-realworld-lite",
    "mmbench",
)
PAPERS_RECIPES = ("rl-correct", "rl-more-tasks", "rl-augmented", "rl-consistent", "rl-augmented-consistent")

BATCH = 256
"""Responses that are written at a time, at most."""

PIXELS_A_TOKEN = 28 * 28
"""Of Qwen2.5-VL."""

PIXELS = {"vstar": 2246 * 1582, "mme-realworld-lite": 2000 * 1500}
"""Mean size of a picture where it is large, from the benchmarks' own papers; else `USUAL`."""
USUAL = 640 * 480

QUESTION, RESPONSE = 120, 300
"""Tokens of a question with its options and instruction, and of a response: assumed."""

ASKED, VERDICT = 500, 120
"""Tokens that a judge reads beside the response, and that it writes: assumed."""


@dataclass(frozen=True)
class Workload:
    """Some requests to one model. read, kept: tokens that are read, and that each request keeps in memory."""

    what: str
    size: Size
    requests: int
    read: float
    written: float
    kept: float

    def hours(self, gpu: GPU) -> float:
        """GPU-hours. A model that does not fit on one GPU is spread over as many as it needs."""
        weights = 2 * self.size.parameters
        spread = math.ceil(weights / (0.7 * gpu.memory))
        room = 0.9 * spread * gpu.memory - weights
        batch = max(1, min(BATCH, int(room / (self.kept * self.size.a_token))))
        reading = 2 * self.size.parameters * self.read / (READING * gpu.flops)
        a_step = (weights + batch * self.kept * self.size.a_token) / (WRITING * gpu.bandwidth)
        return (reading + self.written / batch * a_step) / 3600


def evaluation(items: Mapping[str, int], perturbations: int, response: float = RESPONSE) -> list[Workload]:
    """One model on each benchmark. items: by benchmark. A picture is read once for all perturbations, and a blank
    one."""
    found = []
    for name, count in items.items():
        picture = PIXELS.get(name, USUAL) / PIXELS_A_TOKEN
        read = count * ((2 if perturbations > 1 else 1) * picture + perturbations * QUESTION)
        requests = count * perturbations
        found.append(Workload(name, VLM, requests, read, requests * response, picture + QUESTION + response))
    return found


def judging(requests: int, response: float = RESPONSE) -> Workload:
    """The paper's judge on finished rows."""
    read, kept = ASKED + response, ASKED + response + VERDICT
    return Workload("all rows", JUDGE, requests, requests * read, requests * VERDICT, kept)


def training(recipe: GRPORecipe, gpu: GPU, response: float = RESPONSE) -> tuple[Workload, float]:
    """One GRPO run: what it samples, and the GPU-hours of its updates."""
    picture = USUAL / PIXELS_A_TOKEN
    groups = recipe.steps * recipe.prompts
    rollouts = groups * recipe.rollouts
    kept = picture + QUESTION + response
    sampling = Workload("rollouts", VLM, rollouts, groups * (picture + QUESTION), rollouts * response, kept)
    return sampling, 8 * VLM.parameters * rollouts * kept / (TRAINING * gpu.flops) / 3600


def hours_table(
    items: Mapping[str, int],
    perturbations: int,
    gpu: GPU,
    models: int = OPEN_MODELS,
    seeds: int = 5,
    response: float = RESPONSE,
) -> pd.DataFrame:
    """stage, what, requests, tokens read and written (millions), GPU-hours; the last line is the sum.

    The stages of the paper's full grid: every model on every benchmark, the judge on all rows, the training of each of
    the paper's recipes under each seed, and the evaluation of its checkpoints.
    """
    own = evaluation(items, perturbations, response)
    judge = judging(sum(work.requests for work in own), response)
    recipe = at_paper_scale(GRPO[PAPERS_RECIPES[0]])
    sampling, updates = training(recipe, gpu, response)
    runs, checkpoints = len(PAPERS_RECIPES) * seeds, recipe.steps // recipe.every
    lines = []

    def line(stage: str, what: str, works: Sequence[Workload], times: int, more: float = 0.0) -> None:
        lines.append(
            {
                "stage": stage,
                "what": what,
                "requests": times * sum(work.requests for work in works),
                "read (M)": times * sum(work.read for work in works) / 1e6,
                "written (M)": times * sum(work.written for work in works) / 1e6,
                "GPU-hours": times * (more + sum(work.hours(gpu) for work in works)),
            }
        )

    for work in own:
        line("evaluate", f"{work.what}, {models} models", [work], models)
    line("judge", f"{judge.what} of {models} models", [judge], models)
    line("train", f"{len(PAPERS_RECIPES)} recipes × {seeds} seeds, {recipe.steps} steps", [sampling], runs, updates)
    line("evaluate", f"{checkpoints} checkpoints of {runs} runs", own, checkpoints * runs)
    line("judge", f"{judge.what} of {checkpoints} checkpoints of {runs} runs", [judge], checkpoints * runs)
    found = pd.DataFrame(lines)
    whole = {"stage": "all", "what": "", **found.select_dtypes("number").sum()}
    return pd.concat([found, pd.DataFrame([whole])], ignore_index=True)


def basis(gpu: GPU, perturbations: int, response: float, measured: bool) -> str:
    """What the numbers rest on, in words."""
    length = "the mean of the rows given" if measured else "assumed; --rows RUN takes what a model really wrote"
    return (
        f"Counted: items, {perturbations} perturbations of each, models, training steps. {response:.0f} tokens a "
        f"response ({length}). Assumed: {QUESTION} tokens of question and options; pictures of {USUAL:,} pixels, "
        f"larger ones of {' and '.join(PIXELS)}, at {PIXELS_A_TOKEN} pixels a token, each read once for all "
        f"perturbations; for the judge {ASKED} more tokens to read and {VERDICT} to write. "
        f"{gpu.name.upper()}: {gpu.flops / 1e12:.0f} TFLOP/s, "
        f"{gpu.bandwidth / 1e12:.1f} TB/s, {gpu.memory / 1e9:.0f} GB by its data sheet; {READING:.0%} of the "
        f"arithmetic, {WRITING:.0%} of the bandwidth, and in training {TRAINING:.0%} of the arithmetic are assumed to "
        f"be reached, by models of {VLM.parameters / 1e9:.1f} billion parameters and a judge of "
        f"{JUDGE.parameters / 1e9:.1f}. This is an estimate: nothing was timed on a GPU."
    )
