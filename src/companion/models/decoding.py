"""Autoregressive decoding: texts that end leave the batch, and small models on a CPU do not wait for their framework.

`transformers.generate` carries finished texts along until the longest ends and copies all keys and values at each
step. Here a prompt is read by the model's own forward pass (`companion.models.reading`); then `write` goes on, a token
a step, with the rows that are still going. For LLaVA with a decoder of the Llama family (`can_decode`) each token goes
through the model's layers directly, with keys and values written in place; for all others through its forward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

Choose = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits (rows, vocabulary), rows: their numbers in the whole batch) → the next token of each row."""

CROWDED = 0.75
"""Finished texts leave the batch when no more than this share of it is still being written."""


def can_decode(model: Any) -> bool:
    """Whether this module knows the model: positions are plain counts, and layers are those of Llama or Qwen."""
    config = model.config
    return config.model_type == "llava" and config.text_config.model_type in ("llama", "qwen2", "qwen3")


class State(Protocol):
    """What a model has read so far."""

    def keep(self, kept: torch.Tensor) -> None:
        """Go on with these rows only."""
        ...

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take in one token a row; returns the logits of the next, (rows, vocabulary)."""
        ...


def state_of(model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor, room: int) -> State:
    """What a forward pass left behind, made ready for up to `room` more tokens a row.

    cache: its keys and values. mask: (rows, read), 1 where there is a token. positions: (rows,), of the next token.
    """
    return (_Layers if can_decode(model) else _Forward)(model, cache, mask, positions, room)


def write(state: State, logits: torch.Tensor, max_new_tokens: int, ends: set[int], choose: Choose) -> list[list[int]]:
    """The new tokens of each row, an end token included where there is one.

    logits: of the first of them, (rows, vocabulary).
    """
    rows = torch.arange(len(logits), device=logits.device)
    going = torch.ones_like(rows, dtype=torch.bool)
    stop = torch.tensor(sorted(ends), device=logits.device)
    texts: list[list[int]] = [[] for _ in rows]
    for step in range(max_new_tokens):
        tokens = choose(logits, rows)
        for row, token, written in zip(rows.tolist(), tokens.tolist(), going.tolist(), strict=True):
            if written:
                texts[row].append(token)
        going &= ~torch.isin(tokens, stop)
        if step + 1 == max_new_tokens or not going.any():
            break
        if going.sum() <= CROWDED * len(rows):
            kept = going.nonzero().flatten()
            rows, tokens, going = rows[kept], tokens[kept], going[kept]
            state.keep(kept)
        logits = state.next(tokens)
    return texts


@torch.inference_mode()
def decode(
    model: Any, inputs: dict[str, torch.Tensor], copies: int, max_new_tokens: int, ends: set[int], choose: Choose
) -> list[list[int]]:
    """The new tokens of each prompt × copy; copies stand side by side, and a prompt is read once for all of them.

    inputs: what the processor made of the prompts, padded on the left. For models that `can_decode`.
    """
    mask = inputs["attention_mask"]
    read = model(**inputs, position_ids=(mask.cumsum(dim=-1) - 1).clamp(min=0), use_cache=True, logits_to_keep=1)
    read.past_key_values.batch_repeat_interleave(copies)
    mask = mask.repeat_interleave(copies, dim=0)
    state = state_of(model, read.past_key_values, mask, mask.sum(dim=-1), max_new_tokens)
    return write(state, read.logits[:, -1].repeat_interleave(copies, dim=0), max_new_tokens, ends, choose)


class _Forward:
    """The state of any model, which goes on by its own forward pass."""

    def __init__(self, model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor, room: int) -> None:
        self.model, self.cache, self.positions = model, cache, positions
        self.length = mask.shape[1]
        self.mask = torch.cat([mask, mask.new_ones(len(mask), room)], dim=1)

    def keep(self, kept: torch.Tensor) -> None:
        self.cache.batch_select_indices(kept)
        self.mask, self.positions = self.mask[kept], self.positions[kept]

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        self.length += 1
        read = self.model(
            input_ids=tokens[:, None], attention_mask=self.mask[:, : self.length], past_key_values=self.cache,
            position_ids=spread(self.model, self.positions[:, None]), use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        self.positions = self.positions + 1
        return read.logits[:, -1]


def spread(model: Any, positions: torch.Tensor) -> torch.Tensor:
    """Positions of text as the model wants them: (rows, n), or (3, rows, n) where time, height and width are told."""
    return positions.expand(3, *positions.shape) if hasattr(model.model, "get_rope_index") else positions


class _Layers:
    """The state of a model that `can_decode`. keys, values: per layer, (rows, key heads, read + room, head size)."""

    def __init__(self, model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor, room: int) -> None:
        self.text, self.head = model.model.language_model, model.get_output_embeddings()
        self.length, self.positions = mask.shape[1], positions

        def roomy(tensor: torch.Tensor) -> torch.Tensor:
            whole = tensor.new_zeros(*tensor.shape[:2], self.length + room, tensor.shape[3])
            whole[:, :, : self.length] = tensor
            return whole

        self.keys = [roomy(layer.keys) for layer in cache.layers]
        self.values = [roomy(layer.values) for layer in cache.layers]
        self.bias = self.keys[0].new_zeros(len(mask), 1, 1, self.length + room)
        self.bias[..., : self.length].masked_fill_(mask[:, None, None, :] == 0, torch.finfo(self.bias.dtype).min)
        every = torch.arange(self.length + room, device=mask.device)[None]
        self.cos, self.sin = (table[0] for table in self.text.rotary_emb(self.keys[0], every))

    def keep(self, kept: torch.Tensor) -> None:
        used = self.length
        for tensors in (self.keys, self.values):
            for layer, tensor in enumerate(tensors):
                part = tensor.new_empty(len(kept), *tensor.shape[1:])
                part[:, :, :used] = tensor[kept, :, :used]
                tensors[layer] = part
        self.positions, self.bias = self.positions[kept], self.bias[kept]

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.text.embed_tokens(tokens)
        cos, sin = self.cos[self.positions][:, None], self.sin[self.positions][:, None]
        for layer, keys, values in zip(self.text.layers, self.keys, self.values, strict=True):
            x = x + self._attend(layer.self_attn, layer.input_layernorm(x), keys, values, cos, sin)
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        self.length += 1
        self.positions = self.positions + 1
        return self.head(self.text.norm(x))

    def _attend(
        self,
        attention: Any,
        x: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
    ) -> torch.Tensor:
        rows, heads, _, size = keys.shape
        query = attention.q_proj(x).view(rows, -1, size)
        key = attention.k_proj(x).view(rows, -1, size)
        if hasattr(attention, "q_norm"):
            query, key = attention.q_norm(query), attention.k_norm(key)
        keys[:, :, self.length] = _turn(key, cos, sin)
        values[:, :, self.length] = attention.v_proj(x).view(rows, -1, size)
        query = _turn(query, cos, sin).view(rows, heads, -1, size)
        scores = query @ keys[:, :, : self.length + 1].transpose(2, 3) * attention.scaling
        weights = (scores + self.bias[..., : self.length + 1]).softmax(dim=-1)
        return attention.o_proj((weights @ values[:, :, : self.length + 1]).reshape(rows, -1))


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding of (rows, heads, head size)."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sin


def sampler(rows: int, temperature: float) -> Choose:
    """Samples with torch's global generator, and draws the same as `transformers.generate` does for the same batch."""

    def choose(logits: torch.Tensor, alive: torch.Tensor) -> torch.Tensor:
        noise = torch.empty(rows, logits.shape[-1], device=logits.device).exponential_()
        return ((logits.float() / temperature).softmax(dim=-1) / noise[alive]).argmax(dim=-1)

    return choose
