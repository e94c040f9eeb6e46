"""An untrained vision-language model for the microworld: a stock LLaVA, small, with a tokenizer of its own.

SigLIP vision tower, linear projector, Qwen3 decoder. One visual token for each cell. The tokenizer is byte-level, so
that it can read anything a user types, and each word of the microworld is a single token of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from companion.questions.microworld.items import stream
from companion.questions.microworld.scenes import CELL_SIZE, IMAGE_SIZE
from companion.training.lessons import Lesson, Shares, description, look_up, question

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

IMAGE_TOKENS = (IMAGE_SIZE // CELL_SIZE) ** 2
SPECIAL = ("<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<image>")
INIT = 0.05
"""Standard deviation of the first weights. The usual 0.02 did no worse in short trials (docs/LOG.md)."""
TAGS = ("<think>", "</think>", "<answer>", "</answer>")

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{{ '<image>' if part.type == 'image' else part.text }}{% endfor %}{% endif %}"
    "{% if not (loop.last and message.role == 'assistant') %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt and messages[-1].role != 'assistant' %}<|assistant|>{% endif %}"
)
"""A last message of the assistant stays open: the model goes on from it."""


def render(lesson: Lesson) -> tuple[str, str]:
    """(given, learned): the two halves of a lesson's text, as the chat template would put them."""
    image = "<image>" * IMAGE_TOKENS if lesson.image is not None else ""
    return f"<|user|>{image}{lesson.user}<|end|><|assistant|>{lesson.prefill}", f"{lesson.target}<|end|>"


def build_tokenizer(samples: int = 3000) -> PreTrainedTokenizerFast:
    """Byte-level BPE, merged until every word of the lessons is one token."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8000,
        special_tokens=list(SPECIAL),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_corpus(samples), trainer)
    # The tags are ordinary tokens: a decoder that skips special tokens must still show them.
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        padding_side="left",
        extra_special_tokens={"image_token": "<image>"},
        model_max_length=512,
    )


def _corpus(samples: int) -> Iterator[str]:
    rng = random.Random("corpus")
    items = stream(0, {"easy": 1, "medium": 1, "hard": 1})
    markers = (*SPECIAL, *TAGS)
    for _ in range(samples):
        item = next(items)
        for lesson in (
            look_up(rng),
            description(rng, item.scene),
            question(rng, item, Shares(abstain=0.3)),
        ):
            text = "".join(render(lesson))
            for marker in markers:
                text = text.replace(marker, "\n")
            yield text


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """The processor that `AutoProcessor` loads again, without torchvision."""
    from transformers import LlavaProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    images = SiglipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=CELL_SIZE,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=CHAT_TEMPLATE,
    )


def build_model(
    tokenizer: PreTrainedTokenizerFast, width: int = 128, vision_layers: int = 3, text_layers: int = 5
) -> LlavaForConditionalGeneration:
    """A model with random weights from torch's current seed, eager attention, fp32."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration, Qwen3Config, SiglipVisionConfig

    heads, size = width // 32, len(tokenizer)
    vision = SiglipVisionConfig(
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=vision_layers,
        num_attention_heads=heads,
        image_size=IMAGE_SIZE,
        patch_size=CELL_SIZE,
        vision_use_head=False,
        initializer_range=INIT,
    )
    text = Qwen3Config(
        vocab_size=size,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=text_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        use_sliding_window=False,
        initializer_range=INIT,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=IMAGE_TOKENS,
        projector_hidden_act="gelu",
        tie_word_embeddings=True,
        attn_implementation="eager",
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlavaForConditionalGeneration(config)
