"""GRPO on TRL's trainer: one call, for the microworld's models on 2 CPU cores and for larger ones on GPUs.

What is added to TRL: prompts with a prefilled think block, evaluation under all perturbations every few steps, a
stop on a loss that is no number, and, for models that `decode.can_decode`, three ways not to compute
things twice, none of which changes a gradient: a prompt is read once for all its rollouts, both when these are
sampled and when they are scored; finished texts leave the batch; and groups whose rewards are all the same, which
GRPO learns nothing from, are not scored at all.

Left out of GRPO, as in TRL's defaults: the KL term and the reference model (beta = 0).
Run: `companion train grpo --recipe rl-correct --model checkpoints/base --seed 0`; the same call resumes.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors import SafetensorError, safe_open
from transformers import DynamicCache, PrinterCallback, ProgressCallback, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from trl import GRPOConfig, GRPOTrainer, apply_chat_template

from companion.models.decode import CACHE, can_decode, decode, sampler
from companion.models.local import LocalModel
from companion.models.profiles import Profile, user_text
from companion.perturbations.perturbation import Prompt, apply
from companion.questions.microworld.items import stream
from companion.questions.question import Question
from companion.training.recipes import GRPORecipe
from companion.training.rewards import GATES, answer, format, reward

CHECKPOINTING = next(
    name
    for name in ("activation_checkpointing", "gradient_checkpointing")  # the latter before transformers 5.23
    if name in {field.name for field in fields(GRPOConfig)}
)


OF_TOKENS = (
    "completion_ids",
    "completion_mask",
    "old_per_token_logps",
    "sampling_per_token_logps",
    "ref_per_token_logps",
    "importance_sampling_ratio",
)
"""What TRL hands to the loss with a column for each token of a completion."""


def prompts_for(recipe: GRPORecipe, questions: Iterator[Question], seed: int) -> list[Prompt]:
    """The training prompts of a run, in order: each question once, under a perturbation drawn by the recipe's
    shares."""
    rng = random.Random(f"grpo/{seed}")
    names = [*recipe.variants, "plain"]
    shares = [*recipe.variants.values(), 1 - sum(recipe.variants.values())]
    n = recipe.steps * recipe.prompts
    return [apply(question, rng.choices(names, shares)[0], seed) for question in islice(questions, n)]


def microworld_stream(recipe: GRPORecipe, seed: int) -> Iterator[Question]:
    """Endless training scenes of the recipe's families and difficulties."""
    return (item for item in stream(seed, recipe.difficulties) if item.category in recipe.families)


def train_grpo(
    recipe: GRPORecipe,
    model: LocalModel,
    prompts: list[Prompt],
    out: Path,
    seed: int,
    callbacks: Sequence[TrainerCallback] = (),
    **settings: Any,
) -> list[dict[str, float]]:
    """Train `model` in place, checkpoints in `out`, and return the trainer's log, one entry a step.

    prompts: `recipe.steps * recipe.prompts` of them. settings: fields of TRL's GRPOConfig, such as `use_vllm`, over
    ours. A run that was interrupted goes on from its last checkpoint.
    Raises FloatingPointError on a loss that is not finite.
    """
    # 1) TRL's trainer, of our settings and those that are given.
    ours = _settings(recipe, model.profile, model.device == "cpu", out, seed)
    trainer = _Trainer(
        model=model.model,
        processing_class=model.processor,
        args=GRPOConfig(**ours | settings),
        train_dataset=dataset(prompts, model.profile),
        reward_funcs=[Reward(prompts, recipe.gates)],
        callbacks=[Seed(), _StopOnNaN(), *callbacks],
    )
    model.model.config.companion_profile = model.profile.name  # whose checkpoints are asked as it was trained
    trainer.remove_callback(PrinterCallback)
    if trainer.pop_callback(ProgressCallback):
        trainer.add_callback(_Bar())

    # 2) Where an interrupted run had got to. The trainer restores weights by their names on disk, and passes over those
    #    that transformers renames on loading, as it does LLaVA's vision tower.
    checkpoint = last_whole_checkpoint(out)
    if checkpoint:
        network = type(model.model).from_pretrained(checkpoint, dtype=model.model.dtype)
        model.model.load_state_dict(network.state_dict())

    # 3) Train.
    with warnings.catch_warnings():
        # TRL 1.16 asks the model by a name that transformers 6 will not have, at every step.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    model.model.eval()
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def _settings(recipe: GRPORecipe, profile: Profile, on_cpu: bool, out: Path, seed: int) -> dict[str, Any]:
    """A recipe as fields of TRL's GRPOConfig."""
    return {
        "output_dir": str(out),
        "seed": seed,
        "use_cpu": on_cpu,
        "bf16": not on_cpu,
        "per_device_train_batch_size": recipe.prompts * recipe.rollouts,
        "num_generations": recipe.rollouts,
        "max_completion_length": profile.max_new_tokens,
        "temperature": recipe.temperature,
        "top_k": 0,
        "learning_rate": recipe.rate,
        "warmup_steps": recipe.warmup,
        "lr_scheduler_type": "constant_with_warmup",
        "max_steps": recipe.steps,
        "beta": 0.0,
        "loss_type": "dapo",
        "scale_rewards": "group",
        "mask_truncated_completions": False,
        "max_grad_norm": 1.0,
        "shuffle_dataset": False,
        "remove_unused_columns": False,
        CHECKPOINTING: not on_cpu,
        "logging_steps": 1,
        "save_steps": recipe.every,
        "save_total_limit": 1,
        "report_to": [],
    }


def last_whole_checkpoint(out: Path) -> Path | None:
    """The newest of the trainer's checkpoints that is there to its end; newer ones, cut short by a kill or a disk, are
    removed."""
    steps = {int(folder.name.rpartition("-")[2]): folder for folder in out.glob(f"{PREFIX_CHECKPOINT_DIR}-*")}
    for _, folder in sorted(steps.items(), reverse=True):
        if _is_whole(folder):
            return folder
        shutil.rmtree(folder)
    return None


def _is_whole(folder: Path) -> bool:
    """Whether a checkpoint holds the trainer's state, which is written last, weights, and no file that was cut."""
    weights = list(folder.glob("*.safetensors"))
    try:
        json.loads((folder / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
        for file in weights:
            with safe_open(file, "pt"):  # compares the length of the file with what its header says
                pass
    except (OSError, ValueError, SafetensorError):
        return False
    return bool(weights) and all(zipfile.is_zipfile(file) for file in folder.glob("*.pt*"))


def dataset(prompts: list[Prompt], profile: Profile) -> Dataset:
    """One record a prompt, made when it is asked for; a last message of the assistant is a prefill."""

    @lru_cache(maxsize=256)
    def record(number: int) -> dict[str, Any]:
        prompt = prompts[number]
        turns = [{"role": "user", "content": user_text(prompt, profile)}]
        if prompt.prefill:
            turns.append({"role": "assistant", "content": prompt.prefill})
        return {"prompt": turns, "image": prompt.question.load_image(), "number": number}

    def records(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        made = [record(number) for number in batch["number"]]
        return {name: [entry[name] for entry in made] for name in ("prompt", "image", "number")}

    return Dataset.from_dict({"number": list(range(len(prompts)))}).with_transform(records)


@dataclass
class Reward:
    """The recipe's reward as TRL calls it; the shares of its parts go to the log."""

    prompts: list[Prompt]
    gates: tuple[str, ...]
    __name__ = "reward"

    def __call__(self, completions: list[Any], number: list[int], log_metric: Any, **_: Any) -> list[float]:
        pairs = [(self.prompts[k], turns[0]["content"]) for k, turns in zip(number, completions, strict=True)]
        for part in (format, answer, *(GATES[gate] for gate in self.gates)):
            log_metric(part.__name__, sum(part(*pair) for pair in pairs) / len(pairs))
        return [reward(*pair, self.gates) for pair in pairs]


class Seed(TrainerCallback):
    """What is sampled at a step depends on (seed, step) alone, not on what was drawn before: a run can be resumed."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        torch.manual_seed(args.seed * 1_000_003 + state.global_step)


class _Bar(ProgressCallback):
    """The trainer's progress bar with the reward beside it, in place of a printed line a step."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if self.training_bar is not None and logs and "reward" in logs:
            self.training_bar.set_postfix(reward=f"{logs['reward']:.2f}", refresh=False)


class _StopOnNaN(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        for name in ("loss", "grad_norm"):
            if not math.isfinite(float((logs or {}).get(name, 0.0))):
                raise FloatingPointError(f"step {state.global_step}: {name} is {(logs or {})[name]}; lower the rate")


class _Trainer(GRPOTrainer):
    """TRL's trainer with prefilled prompts, which computes nothing twice where the model's positions are plain."""

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], list[Any], dict[str, Any]]:
        """As TRL's, but a last message of the assistant stays open, whatever the chat template."""
        texts = [apply_chat_template({"prompt": prompt}, self.processing_class)["prompt"] for prompt in prompts]
        images = [
            [part["image"] for turn in prompt for part in turn["content"] if part["type"] == "image"]
            for prompt in prompts
        ]
        tokenized = self.processing_class(text=texts, images=images)
        fields = {name: value for name, value in tokenized.items() if name not in ("input_ids", "attention_mask")}
        return tokenized["input_ids"], images, fields

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], images: Any, multimodal_fields: dict[str, Any], num_generations: int, *_: Any
    ) -> tuple[list[list[int]], None]:
        if not can_decode(self.model) or self.use_vllm:
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations)
        once = prompt_ids[::num_generations]
        padded = self._tokenizer.pad({"input_ids": once}, padding_side="left", return_tensors="pt")
        pixels = torch.from_numpy(np.stack(multimodal_fields["pixel_values"][::num_generations]))
        inputs = dict(padded) | {"pixel_values": pixels}
        inputs = {name: value.to(self.accelerator.device) for name, value in inputs.items()}
        model = self.accelerator.unwrap_model(self.model)
        model.eval()
        texts = decode(
            model,
            inputs,
            num_generations,
            self.max_completion_length,
            set(self.eos_token_ids),
            sampler(len(prompt_ids), self.temperature),
        )
        model.train()
        return texts, None

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        pixels = inputs.get("pixel_values")
        if not can_decode(self.model) or self.loss_type != "dapo" or self.beta or self._entropy_bonus_enabled:
            return super()._compute_loss(model, inputs)
        rows = len(inputs["completion_ids"])
        telling = inputs["advantages"].abs() > 1e-6
        if not telling.any():
            telling[0] = True  # a loss of zero, but with a graph
        kept = {
            name: value[telling] if isinstance(value, torch.Tensor) and value.ndim and len(value) == rows else value
            for name, value in inputs.items()
        }
        if pixels is not None:
            kept["num_images"] = [1] * int(telling.sum())
        longest = int(kept["completion_mask"].sum(dim=1).max())
        kept |= {name: kept[name][:, :longest] for name in OF_TOKENS if kept.get(name) is not None}
        return super()._compute_loss(model, kept)

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, logits_to_keep: int, **inputs: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        pixels = inputs.get("pixel_values")
        if not can_decode(self.model) or pixels is None:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, **inputs
            )
        shape = len(input_ids), logits_to_keep
        logps, entropies = input_ids.new_zeros(shape, dtype=torch.float32), None
        if inputs.get("compute_entropy"):
            entropies = torch.zeros_like(logps)
        for rows, logits in completion_logits(model, input_ids, attention_mask, logits_to_keep, pixels):
            logs, n = (logits / self.temperature).log_softmax(dim=-1), logits.shape[1]
            targets = input_ids[rows, -logits_to_keep:][:, :n, None]
            padding = (0, logits_to_keep - n)
            own = torch.nn.functional.pad(logs.gather(-1, targets).squeeze(-1), padding)
            logps = logps.index_copy(0, rows, own.float())
            if entropies is not None:
                plain = logs.detach()
                entropies[rows, :n] = -(plain.exp() * plain).sum(dim=-1).float()
        return logps, entropies, None


PARTS = 4
"""Into how many parts completions are sorted by length: the fewer in a part, the less of it is padding."""


def completion_logits(
    model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, n_completion: int, pixels: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Logits that predict the last `n_completion` tokens of each row, with gradients: the numbers of one forward pass
    over everything, for less.

    Rows of the same prompt and picture share the reading of it: the picture and the prompt run through the model
    once, and the completions attend to their keys and values. Completions come in parts of like length, each as
    (numbers of its rows, logits (rows, longest completion of the part, vocabulary)).
    """
    length = input_ids.shape[1] - n_completion

    # 1. Which rows have the same prompt and picture.
    first: dict[bytes, int] = {}
    group = []
    for row in range(len(input_ids)):
        content = input_ids[row, :length].cpu().numpy().tobytes() + pixels[row].cpu().numpy().tobytes()
        group.append(first.setdefault(hashlib.blake2b(content).digest(), len(first)))
    prompt_of = torch.tensor(group, device=input_ids.device)
    chosen = torch.tensor([group.index(k) for k in range(len(first))], device=input_ids.device)

    # 2. Read each prompt once.
    prompt_mask = attention_mask[chosen, :length]
    read = model(
        input_ids=input_ids[chosen, :length],
        attention_mask=prompt_mask,
        pixel_values=pixels[chosen],
        position_ids=(prompt_mask.cumsum(dim=-1) - 1).clamp(min=0),
        use_cache=True,
        logits_to_keep=1,
    )
    prompt_cache = [(layer.keys, layer.values) for layer in read[CACHE].layers]

    # 3. Read the completions after it, the short ones apart from the long ones.
    lengths = attention_mask[:, length:].sum(dim=-1)
    for rows in lengths.argsort(stable=True).chunk(PARTS):
        longest, index = int(lengths[rows].max()), prompt_of[rows]
        mask = attention_mask[rows, : length + longest]
        written = model(
            input_ids=input_ids[rows, length : length + longest],
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=-1) - 1).clamp(min=0)[:, length:],
            use_cache=True,
            **{CACHE: DynamicCache([(keys[index], values[index]) for keys, values in prompt_cache])},
        ).logits
        yield rows, torch.cat([read.logits[index], written[:, :-1]], dim=1)
