"""The paper's model class, tiny and with random weights: Qwen2.5-VL with its real processor takes GRPO steps.

Needs torchvision, which the default install does not have: `pip install --no-deps torchvision==0.28.0` beside torch
2.13.0 (see tiny_models.py).
"""

from dataclasses import replace

import pytest
import torch

from companion.training import grpo
from companion.training.recipes import GRPO


def test_two_grpo_steps_with_the_right_loss(qwen, tmp_path, monkeypatch):
    """On policy every ratio is 1, so the loss is −Σ A·length / Σ length, with A the group's normalised rewards."""
    from companion.models.local import LocalModel

    model = LocalModel(str(qwen))
    recipe = replace(GRPO["rl-augmented"], prompts=2, rollouts=4, steps=2, warmup=1, variants={"wrong-think": 1.0})
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    worth = []

    def count(prompt, response, gates=()):
        worth.append(float(response.count("e")))
        return worth[-1]

    monkeypatch.setattr(grpo, "reward", count)
    seen = []
    original = grpo._Trainer._generate_single_turn

    def spy(self, *arguments):
        texts, extra = original(self, *arguments)
        seen.append([len(text) for text in texts])
        return texts, extra

    monkeypatch.setattr(grpo._Trainer, "_generate_single_turn", spy)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    log = grpo.train_grpo(
        recipe,
        model,
        prompts,
        tmp_path,
        0,
        max_completion_length=12,
        save_strategy="no",
        disable_tqdm=True,
        **{grpo.CHECKPOINTING: False},
    )
    assert len(log) == 2
    assert model.model.config.companion_profile == "generic"
    for step in range(2):
        rewards = torch.tensor(worth[8 * step : 8 * step + 8]).view(2, 4)
        advantages = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
        lengths = torch.tensor(seen[step], dtype=torch.float32)
        expected = -(advantages.flatten() * lengths).sum() / lengths.sum()
        assert log[step]["loss"] == pytest.approx(float(expected), abs=1e-4)
    assert log[0]["grad_norm"] > 0
    moved = [name for name, value in model.model.state_dict().items() if not torch.equal(value, before[name])]
    assert any("visual" in name for name in moved)
    assert any("language_model" in name for name in moved)


def test_a_prefill_stays_open_under_a_template_that_closes_every_turn(qwen):
    from companion.models.local import LocalModel

    model = LocalModel(str(qwen))
    recipe = replace(GRPO["rl-correct"], steps=1, prompts=2, variants={"wrong-think": 1.0})
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    records = grpo.dataset(prompts, model.profile)[:2]
    from trl import apply_chat_template

    for turns, prompt in zip(records["prompt"], prompts, strict=True):
        text = apply_chat_template({"prompt": turns}, model.processor)["prompt"]
        assert text.endswith(prompt.prefill)


def test_it_is_evaluated_too(qwen, tmp_path):
    from companion.evaluation.engine import evaluate
    from companion.evaluation.store import Store
    from companion.models.interface import Sampling
    from companion.models.local import LocalModel
    from companion.questions.microworld import questions

    few, short = questions("test", 2), Sampling(max_new_tokens=5)
    rows = evaluate(LocalModel(str(qwen)), few, ["plain", "wrong-think"], Store(tmp_path), short, progress=False)
    assert len(rows) == 4
