"""Models of any kind that transformers can `generate` with, one prompt at a time: slow, and right for all of them.

For those whose memory of the tokens before has a form of its own (see `caches`). Left out: everything that is faster
(`decode`, `prefix_tree`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from companion.models.decode import Choose
from companion.models.prefix_tree import encode, on_device


def write_one_by_one(
    model: Any,
    processor: Any,
    texts: Sequence[str],
    images: Sequence[Image.Image],
    max_new_tokens: int,
    ends: set[int],
    choose: Choose,
) -> Iterator[tuple[int, list[int]]]:
    """The number of each prompt as soon as it is finished, and its new tokens, as of `decode.write`.

    texts: as the chat template renders them, one picture in each; images: these.
    """
    settings = GenerationConfig(
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(ends),
        pad_token_id=processor.tokenizer.pad_token_id,
        repetition_penalty=1.0,  # not that of the model's own settings: `choose` sees the logits as they are
    )
    for number, (text, image) in enumerate(zip(texts, images, strict=True)):
        inputs = on_device(encode(processor, [text], [image]), model)
        chosen = LogitsProcessorList([_Chosen(choose, number)])
        output = model.generate(**inputs, generation_config=settings, logits_processor=chosen)
        yield number, output[0, inputs["input_ids"].shape[1] :].tolist()


class _Chosen(LogitsProcessor):
    """Leaves `generate` the token that `choose` takes. row: the number of the prompt."""

    def __init__(self, choose: Choose, row: int) -> None:
        self.choose, self.row = choose, row

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token = self.choose(scores, torch.tensor([self.row], device=scores.device))
        return torch.full_like(scores, -torch.inf).scatter(1, token[:, None], 0.0)
