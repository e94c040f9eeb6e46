"""The paper's model class, tiny and with random weights: Qwen2.5-VL with its real processor takes GRPO steps.

Needs torchvision, which the default install does not have: `pip install --no-deps torchvision==0.28.0` beside torch
2.13.0 (see conftest.py).
"""

from dataclasses import replace

import pytest
import torch

from companion.training import grpo
from companion.training.recipes import GRPO


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """A folder with a Qwen2.5-VL of a few thousand weights."""
    pytest.importorskip("torchvision")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
               "<|video_pad|>"]  # fmt: skip
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["Where is the red star? A. north B. south"], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>", padding_side="left",
        extra_special_tokens={"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"},
    )  # fmt: skip
    template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{% if message.content is string %}"
        "{{ message.content }}{% else %}{% for part in message.content %}{% if part.type == 'image' %}"
        "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{name}|>")
        for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "bos_token_id": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
            "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32,
                       "fullatt_block_indexes": [0]},
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"], vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )  # fmt: skip
    torch.manual_seed(0)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    folder = tmp_path_factory.mktemp("models") / "qwen"
    model.save_pretrained(folder)
    Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=84 * 84), tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(), chat_template=template,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_two_grpo_steps_with_the_right_loss(qwen, tmp_path, monkeypatch):
    """On policy every ratio is 1, so the loss is −Σ A·length / Σ length, with A the group's normalised rewards."""
    from companion.models.local import LocalModel

    model = LocalModel(str(qwen))
    recipe = replace(GRPO["augmented"], prompts=2, rollouts=4, steps=2, warmup=1, variants={"wrong-think": 1.0})
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
        recipe, model, prompts, tmp_path, 0, max_completion_length=12, save_strategy="no", disable_tqdm=True,
        activation_checkpointing=False,
    )  # fmt: skip
    assert len(log) == 2
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
    recipe = replace(GRPO["accuracy"], steps=1, prompts=2, variants={"wrong-think": 1.0})
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    records = grpo.dataset(prompts, model.profile)[:2]
    from trl import apply_chat_template

    for turns, prompt in zip(records["prompt"], prompts, strict=True):
        text = apply_chat_template({"prompt": turns}, model.processor)["prompt"]
        assert text.endswith(prompt.prefill)


def test_it_is_evaluated_too(qwen, tmp_path):
    from companion.engine import evaluate
    from companion.microworld import questions
    from companion.models import Sampling
    from companion.models.local import LocalModel
    from companion.store import Store

    few, short = questions("test", 2), Sampling(max_new_tokens=5)
    rows = evaluate(LocalModel(str(qwen)), few, ["base", "wrong-think"], Store(tmp_path), short, progress=False)
    assert len(rows) == 4
