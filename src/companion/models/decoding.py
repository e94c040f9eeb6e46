"""Autoregressive decoding of small models on a CPU: the prompt is read once, finished texts leave the batch.

`transformers.generate` reads a prompt as often as it is sampled and carries finished texts along until the longest
ends. For a model of a few million parameters, whose texts differ in length threefold, that is most of the time.
For decoders whose positions are plain counts (`has_plain_positions`); others are left to `generate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Choose = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits (rows, vocabulary), rows: their numbers in the whole batch) → the next token of each row."""


def has_plain_positions(model: Any) -> bool:
    """Whether positions are counts from 0, without the picture's rows and columns in them (as in Qwen-VL)."""
    return model.config.model_type == "llava"


@torch.no_grad()
def decode(
    model: Any, inputs: dict[str, torch.Tensor], copies: int, max_new_tokens: int, ends: set[int], choose: Choose
) -> list[list[int]]:
    """The new tokens of each prompt × copy, an end token included where there is one; copies stand side by side.

    inputs: what the processor made of the prompts, padded on the left.
    """
    mask = inputs["attention_mask"]
    prompts = len(mask)
    read = model(**inputs, position_ids=(mask.cumsum(dim=-1) - 1).clamp(min=0), use_cache=True, logits_to_keep=1)
    cache, logits = read.past_key_values, read.logits[:, -1]
    if copies > 1:
        cache.batch_repeat_interleave(copies)
        logits, mask = logits.repeat_interleave(copies, dim=0), mask.repeat_interleave(copies, dim=0)
    rows = torch.arange(prompts * copies, device=mask.device)
    stop = torch.tensor(sorted(ends), device=mask.device)
    texts: list[list[int]] = [[] for _ in rows]
    for step in range(max_new_tokens):
        tokens = choose(logits, rows)
        for row, token in zip(rows.tolist(), tokens.tolist(), strict=True):
            texts[row].append(token)
        going = ~torch.isin(tokens, stop)
        if step + 1 == max_new_tokens or not going.any():
            break
        if not going.all():
            kept = going.nonzero().flatten()
            rows, tokens, mask = rows[kept], tokens[kept], mask[kept]
            cache.batch_select_indices(kept)
        positions = mask.sum(dim=-1, keepdim=True)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        logits = model(
            input_ids=tokens[:, None],
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]
    return texts


def sampler(rows: int, temperature: float) -> Choose:
    """Samples with torch's global generator, and draws the same as `transformers.generate` does for the same batch."""

    def choose(logits: torch.Tensor, alive: torch.Tensor) -> torch.Tensor:
        noise = torch.empty(rows, logits.shape[-1], device=logits.device).exponential_()
        return ((logits.float() / temperature).softmax(dim=-1) / noise[alive]).argmax(dim=-1)

    return choose
