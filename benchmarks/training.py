"""GRPO throughput of `companion.training.grpo` against plain TRL with its default settings: same model, prompts, seeds.

Both in fp32: TRL's default on a CPU, bf16, is slower still and gives other losses.

Prints completions per second of both (the first step left out), their ratio, and by how much the losses differ.
Run: `python benchmarks/training.py`, a few minutes on 2 CPU cores.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from trl import GRPOConfig, GRPOTrainer

from companion.models.local import LocalModel
from companion.training import grpo
from companion.training.recipes import GRPO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="checkpoints/base")
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    recipe = replace(GRPO["rl-correct"], steps=options.steps)
    model = LocalModel(options.model, device="cpu")
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    with tempfile.TemporaryDirectory() as folder:
        ours = grpo.train_grpo(recipe, model, prompts, Path(folder) / "ours", 0, save_strategy="no", disable_tqdm=True)
        plain = GRPOTrainer(
            model=options.model,
            processing_class=model.processor,
            reward_funcs=grpo.Reward(prompts, ()),
            train_dataset=grpo.dataset(prompts, model.profile),
            callbacks=[grpo.Seed()],
            args=GRPOConfig(
                output_dir=f"{folder}/plain",
                use_cpu=True,
                seed=0,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
                per_device_train_batch_size=recipe.prompts * recipe.rollouts,
                num_generations=recipe.rollouts,
                max_completion_length=model.profile.max_new_tokens,
                max_steps=recipe.steps,
                logging_steps=1,
                learning_rate=recipe.rate,
                warmup_steps=recipe.warmup,
                lr_scheduler_type="constant_with_warmup",
                shuffle_dataset=False,
                remove_unused_columns=False,
                bf16=False,
            ),
        )
        plain.train()
    theirs = [entry for entry in plain.state.log_history if "loss" in entry]
    rates = []
    for name, log in (("companion", ours), ("plain TRL", theirs)):
        seconds = sum(entry["step_time"] for entry in log[1:])
        rates.append((len(log) - 1) * recipe.prompts * recipe.rollouts / seconds)
        print(f"{name:10} {rates[-1]:7.1f} completions/s")
    apart = max(abs(one["loss"] - other["loss"]) for one, other in zip(ours, theirs, strict=True))
    print(f"ratio {rates[0] / rates[1]:.2f}; losses differ by at most {apart:.1e} over {len(ours)} steps")


if __name__ == "__main__":
    main()
