"""Supervised training of a microworld model, from random weights on 2 CPU cores within 90 minutes.

A curriculum, because questions alone teach nothing for a long time: *look-up* (which letter has which option), *sight*
(visual tokens come to lie where the words for what they show lie, as those of pretrained towers do), *description* and
*statements* (what the picture holds), *facts* (the same, asked for), and in between and at the end *questions*,
reasoned and answered at once.
Every batch depends on (seed, stage, step) alone, so that a run which was interrupted goes on as if it had not been.

Left out: mixed precision and compilation, which are slower or no faster at this size on a CPU.
Run: `companion train base --out checkpoints/base`.
"""

from __future__ import annotations

import csv
import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from tqdm.auto import tqdm
from transformers import AutoProcessor, LlavaForConditionalGeneration, PreTrainedTokenizerFast

from companion.errors import CompanionError
from companion.locks import atomic_write
from companion.models.weights import save_model, unmap
from companion.questions.microworld.families import FAMILIES
from companion.questions.microworld.grammar import unique_things
from companion.questions.microworld.items import MicroworldQuestion, build_item, questions
from companion.questions.microworld.scenes import CELLS, COLORS, SHAPES, Scene, draw
from companion.training.lessons import Lesson, Shares, description, facts, look_up, question, statements
from companion.training.muon import Muon
from companion.training.recipes import Stage, SupervisedRecipe
from companion.training.tiny_llava import build_model, build_processor, build_tokenizer, render

SAVE_EVERY = 100
CHUNK = 48
MUON_RATE = 10
"""Muon's rate, as a multiple of AdamW's."""
LOOK_SEED, LOOKED_AT = 1, 180
"""So many validation items of this seed are looked at while a model is trained. No evaluation counts them."""
CURVE = ("stage", "step", "seconds", "loss", "keys", "reasoned", "at_once")


def train_supervised(
    recipe: SupervisedRecipe,
    out: Path,
    device: str = "cpu",
    report: Callable[[], None] | None = None,
) -> Path:
    """Train by a recipe and write the checkpoint, its processor and its training curve to `out`.

    report: called after each step, in place of a progress bar. The state of an unfinished run is kept in
    `out/training/`; the same call takes it up again. Raises CompanionError where that folder holds the training of
    another recipe or seed, and FloatingPointError on a non-finite loss.
    """
    # 1) The model, and how far an earlier call has come with it.
    state, curve = out / "training", out / "training_curve.csv"
    state.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model, tokenizer = _start(recipe)
    model = model.to(device)
    optimizers = _optimizers(model)
    progress = _restore(model, optimizers, state)
    recipe_as_saved = json.loads(json.dumps(asdict(recipe)))
    if progress.setdefault("recipe", recipe_as_saved) != recipe_as_saved:
        raise CompanionError(f"{out} holds the training of another recipe or seed; choose another --out, or remove it")
    _rewind(curve, recipe, progress)

    # 2) Stage by stage, from the step that comes next.
    for number, stage in enumerate(recipe.stages):
        first, total = _next_step(progress, number, stage.steps), stage.steps
        bar = tqdm(
            range(first, total), initial=first, total=total, desc=stage.name, mininterval=2, disable=report is not None
        )
        since_saved: list[tuple[float, float]] = []  # the loss of each step, and its share of right keys
        began = time.monotonic()
        for step in bar:
            since_saved.append(_update(model, tokenizer, optimizers, recipe, stage, step))
            bar.set_postfix(loss=f"{np.mean(since_saved[-50:], axis=0)}", refresh=False)
            if report:
                report()
            # 3) Now and then: the state is saved, and then a line of the curve is written.
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == total:
                progress["seconds"] += time.monotonic() - began
                progress |= {"stage": number, "step": step + 1}
                scores = _look(model, tokenizer) if "reasoned" in stage.lessons else ("", "")
                _save(model, optimizers, progress, state)
                means = (f"{value:.4f}" for value in np.mean(since_saved, axis=0))
                _log(curve, (stage.name, step + 1, round(progress["seconds"]), *means, *scores))
                since_saved, began = [], time.monotonic()

    # 4) The checkpoint, as transformers opens it, and what it was made by.
    model.config.companion_profile = "microworld"
    save_model(model, build_processor(tokenizer), out)
    record = {"recipe": asdict(recipe), "seconds": round(progress["seconds"])}
    (out / "recipe.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return out


def _next_step(progress: dict, number: int, total: int) -> int:
    """The step of a stage that comes next: its first, or none of `total` where the run has left that stage behind.
    number: of the stage. progress: the stage and the step that were reached."""
    if number == progress["stage"]:
        return progress["step"]
    return 0 if number > progress["stage"] else total


def _update(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    optimizers: Optimizers,
    recipe: SupervisedRecipe,
    stage: Stage,
    step: int,
) -> tuple[float, float]:
    """One step of the optimizers; returns the loss of its batch and its share of right keys. Raises FloatingPointError
    on a loss that is not finite."""
    for optimizer, scale in zip(optimizers, (MUON_RATE, 1), strict=True):
        optimizer.param_groups[0]["lr"] = scale * _rate(stage, step)
    loss, hits = _gradients(model, tokenizer, recipe, stage, step)
    if not math.isfinite(loss):
        raise FloatingPointError(f"stage {stage.name}, step {step}: the loss is {loss}; lower its rate")
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss, hits


def _start(recipe: SupervisedRecipe) -> tuple[LlavaForConditionalGeneration, PreTrainedTokenizerFast]:
    """The model that a recipe begins with, and its tokenizer."""
    if recipe.start:
        model = LlavaForConditionalGeneration.from_pretrained(recipe.start, attn_implementation="eager")
        unmap(model)
        return model.train(), AutoProcessor.from_pretrained(recipe.start).tokenizer
    tokenizer = build_tokenizer()
    return build_model(tokenizer, recipe.width, recipe.vision_layers, recipe.text_layers), tokenizer


Optimizers = tuple[torch.optim.Optimizer, torch.optim.Optimizer]


def _optimizers(model: LlavaForConditionalGeneration) -> Optimizers:
    """Muon for the matrices of hidden layers, AdamW for all else."""
    hidden: list[torch.nn.Parameter] = []
    other: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (hidden if parameter.ndim == 2 and "embed" not in name else other).append(parameter)
    return Muon(hidden), torch.optim.AdamW(other, betas=(0.9, 0.98), weight_decay=0.01)


def _rate(stage: Stage, step: int) -> float:
    """AdamW's learning rate: a linear warm-up, then constant, or a cosine down to a twentieth at step `decay`."""
    warm = min(1.0, (step + 1) / stage.warmup)
    return stage.rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / stage.decay)) if stage.decay else 1)


def _gradients(
    model: LlavaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    recipe: SupervisedRecipe,
    stage: Stage,
    step: int,
) -> tuple[float, float]:
    """Gradients of one batch, summed over chunks of like length; returns its loss and its share of right keys."""
    rng = random.Random(f"{recipe.seed}/{stage.name}/{step}")
    kinds = rng.choices(list(stage.lessons), list(stage.lessons.values()), k=recipe.batch)
    if kinds[0] == "sight":
        loss = _sight(model, tokenizer, [_item(rng, recipe).scene for _ in kinds])
        loss.backward()
        return loss.item(), math.nan
    lessons = [_lesson(rng, kind, recipe, stage.whole) for kind in kinds]
    batch = sorted((_encode(lesson, tokenizer, recipe.key_weight) for lesson in lessons), key=lambda e: len(e[0]))
    weight = sum(sum(weights) for _, weights, _ in batch)
    total, keys = 0.0, []
    for start in range(0, len(batch), CHUNK):
        loss, hits = _loss(model, batch[start : start + CHUNK])
        (loss / weight).backward()
        total += loss.item() / weight
        keys.append(hits)
    return total, torch.cat(keys).float().mean().item()


def _item(rng: random.Random, recipe: SupervisedRecipe) -> MicroworldQuestion:
    level = rng.choices(list(recipe.difficulties), list(recipe.difficulties.values()))[0]
    return build_item(rng, "train", rng.choice(list(FAMILIES)), level, "")


def _lesson(rng: random.Random, kind: str, recipe: SupervisedRecipe, whole: bool) -> Lesson:
    if kind == "look-up":
        return look_up(rng)
    item = _item(rng, recipe)
    if kind in ("reasoned", "at-once"):
        return question(rng, item, recipe.shares, kind == "at-once", whole)
    kinds = {"description": (description, 1), "statements": (statements, 1), "facts": (facts, 2)}
    lesson, needed = kinds[kind]
    while len(unique_things(item.scene)) < needed:
        item = _item(rng, recipe)
    return lesson(rng, item.scene)


Encoded = tuple[list[int], list[float], "np.ndarray | None"]


def _encode(lesson: Lesson, tokenizer: PreTrainedTokenizerFast, key_weight: float) -> Encoded:
    """Token ids, the weight of each as a target (0 where it is given) and the pixels, if any."""
    given, learned = render(lesson)
    ids = tokenizer(given, add_special_tokens=False)["input_ids"]
    encoding = tokenizer(learned, add_special_tokens=False, return_offsets_mapping=True)
    weights = [
        key_weight if any(start <= key < end for key in lesson.keys) else 1.0
        for start, end in encoding["offset_mapping"]
    ]
    image = None if lesson.image is None else pixels(lesson.image)
    return ids + encoding["input_ids"], [0.0] * len(ids) + weights, image


def pixels(image: Image.Image) -> np.ndarray:
    """(3, height, width) in [-1, 1], as the processor gives them."""
    return ((np.asarray(image, dtype=np.float32) / 255 - 0.5) / 0.5).transpose(2, 0, 1)


def _loss(model: LlavaForConditionalGeneration, batch: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted cross-entropy, summed over a chunk, and for each key whether it is the likeliest token.

    Logits are computed only where something is learned.
    """
    length = max(len(ids) for ids, _, _ in batch)
    tokens = torch.full((len(batch), length), model.config.pad_token_id)
    weights = torch.zeros(len(batch), length)
    for row, (ids, weight, _) in enumerate(batch):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(weight)
    images = [image for _, _, image in batch if image is not None]
    tokens, weights = tokens.to(model.device), weights.to(model.device)
    hidden = model.model(
        input_ids=tokens,
        attention_mask=(tokens != model.config.pad_token_id).long(),
        pixel_values=torch.from_numpy(np.stack(images)).to(model.device) if images else None,
        use_cache=False,
    ).last_hidden_state
    learned = weights[:, 1:] > 0
    logits, wanted, importance = model.lm_head(hidden[:, :-1][learned]), tokens[:, 1:][learned], weights[:, 1:][learned]
    losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    hits = (logits.argmax(dim=-1) == wanted)[importance > 1]
    return (losses * importance).sum(), hits


def _sight(
    model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, scenes: list[Scene]
) -> torch.Tensor:
    """Cross-entropy of name, size, colour and shape of each cell, read off its projected visual token.

    The score of a word is the inner product with its embedding, which stays as it is: visual tokens come to lie where
    the words for what they show lie, as those of pretrained towers do after alignment.
    """
    colors, shapes = [*COLORS, "nothing"], [*SHAPES, "nothing"]
    empty = (-1, colors.index("nothing"), shapes.index("nothing"))
    truth = torch.tensor(
        [
            [
                (cell, *((int(t.large), colors.index(t.color), shapes.index(t.shape)) if t else empty))
                for cell, t in enumerate(scene.cells)
            ]
            for scene in scenes
        ]
    ).to(model.device)
    images = torch.from_numpy(np.stack([pixels(draw(scene)) for scene in scenes])).to(model.device)
    features = model.model.multi_modal_projector(model.model.vision_tower(images).last_hidden_state).flatten(0, 1)
    losses = []
    for place, words in enumerate((CELLS, ("small", "large"), colors, shapes)):
        ids = [tokenizer.encode(f" {word}", add_special_tokens=False)[0] for word in words]
        scores = features @ model.lm_head.weight.detach()[ids].T
        losses.append(torch.nn.functional.cross_entropy(scores, truth[..., place].flatten(), ignore_index=-1))
    return torch.stack(losses).sum()


@torch.inference_mode()
def _look(model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> tuple[str, str]:
    """Validation accuracy, (reasoned, at once): greedy, and the likeliest letter after an empty think block."""
    items = questions("validation", LOOKED_AT, LOOK_SEED)
    lessons = [question(random.Random(0), item, _PLAIN) for item in items]
    images = torch.from_numpy(np.stack([pixels(item.load_image()) for item in items])).to(model.device)
    scores = []
    for prefill, new in (("", 80), ("<think></think><answer>", 1)):
        texts = [render(lesson)[0] + prefill for lesson in lessons]
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
        written = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            pixel_values=images,
            max_new_tokens=new,
            do_sample=False,
        )[:, inputs["input_ids"].shape[1] :]
        answers = [text.split("<answer>")[-1][:1] for text in tokenizer.batch_decode(written)]
        right = [answer == item.letter for answer, item in zip(answers, items, strict=True)]
        scores.append(f"{np.mean(right):.4f}")
    return scores[0], scores[1]


_PLAIN = Shares(caption=0, abstain=0, guess=0)


def _save(model: LlavaForConditionalGeneration, optimizers: Optimizers, progress: dict, state: Path) -> None:
    """Weights and moments as safetensors, replaced whole; the step is written into the same file. The state before
    this one is kept, for the case that the disk has lost a part of this."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items() if "lm_head" not in name}
    for which, optimizer in enumerate(optimizers):
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{which}/{index}/{name}": value for name, value in moments.items()}
    part, newest = state / "state.part", state / STATES[0]
    save_file(tensors, part, metadata={"progress": json.dumps(progress)})
    if newest.exists():
        newest.replace(state / STATES[1])
    part.replace(newest)


STATES = ("state.safetensors", "state-before.safetensors")
"""What is saved of an unfinished run, the newest first."""


def _read(file: Path) -> tuple[dict, dict[str, torch.Tensor]] | None:
    """Where a saved state stands, and its tensors; None where there is none, or not the whole of it."""
    try:
        with safe_open(file, "pt") as opened:
            progress = json.loads(opened.metadata()["progress"])
        return progress, load_file(file)
    except (OSError, SafetensorError, ValueError, TypeError, KeyError):
        return None


def _restore(model: LlavaForConditionalGeneration, optimizers: Optimizers, state: Path) -> dict:
    """Take up the last state that was saved whole, if any; returns where it stands."""
    found = next((found for name in STATES if (found := _read(state / name))), None)
    if found is None:
        return {"stage": 0, "step": 0, "seconds": 0.0}
    progress, tensors = found
    model.load_state_dict(
        {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")},
        strict=False,
    )
    for which, optimizer in enumerate(optimizers):
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith(f"optimizer/{which}/"):
                *_, index, moment = name.split("/")
                moments.setdefault(int(index), {})[moment] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return progress


def _rewind(file: Path, recipe: SupervisedRecipe, progress: dict) -> None:
    """Leave those lines of a training curve that a restored state has behind it; what comes after is run again."""
    if not file.exists():
        return
    order = {stage.name: number for number, stage in enumerate(recipe.stages)}
    reached = progress["stage"], progress["step"]
    with file.open(newline="", encoding="utf-8") as opened:
        lines = [line for line in csv.reader(opened) if len(line) == len(CURVE) and line[0] in order]
    with atomic_write(file) as part, part.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([CURVE, *(line for line in lines if (order[line[0]], int(line[1])) <= reached)])


def _log(file: Path, row: tuple) -> None:
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        if new:
            writer.writerow(CURVE)
        writer.writerow(row)
