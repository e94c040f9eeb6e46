"""Autoregressive decoding: texts that end leave the batch, and small models on a CPU do not wait for their framework.

`transformers.generate` carries finished texts along until the longest ends and copies all keys and values at each
step. Here a prompt is read by the model's own forward pass (`companion.models.reading`); then `write` goes on, a token
a step, with the rows that are still going. For LLaVA with a decoder of the Llama family (`can_decode`) each token goes
through the model's layers directly, with keys and values written in place; for all others through its forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """What a model has read so far, in rows."""

    def extend(self, source: Sequence[int], stretches: Sequence[Sequence[int]], room: int = 0) -> torch.Tensor:
        """Read stretches of tokens, each after the row of that number; these are the rows from now on.

        room: how many tokens will be taken in by `next`. Returns the logits after each, (rows, vocabulary).
        """
        ...

    def keep(self, kept: torch.Tensor) -> None:
        """Go on with these rows only."""
        ...

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take in one token a row; returns the logits of the next, (rows, vocabulary)."""
        ...


def state_of(model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor, room: int = 0) -> State:
    """What a forward pass left behind, ready for `room` more tokens a row.

    cache: its keys and values. mask: (rows, read), 1 where there is a token. positions: (rows,), of the next token.
    """
    return _Layers(model, cache, mask, room) if can_decode(model) else _Forward(model, cache, mask, positions, room)


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
    """The state of any model, which goes on by its own forward pass. Rows end at the right, padded on the left."""

    def __init__(self, model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor, room: int) -> None:
        self.model, self.cache, self.positions, self.mask = model, cache, positions, mask
        self._make_room(room)

    def _make_room(self, room: int) -> None:
        self.length = self.mask.shape[1]
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(self.mask), room)], dim=1)

    def extend(self, source: Sequence[int], stretches: Sequence[Sequence[int]], room: int = 0) -> torch.Tensor:
        chosen = torch.tensor(source, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        longest = max(map(len, stretches))
        ids = self.mask.new_tensor([[0] * (longest - len(part)) + list(part) for part in stretches])
        new = self.mask.new_tensor([[0] * (longest - len(part)) + [1] * len(part) for part in stretches])
        mask = torch.cat([self.mask[chosen, : self.length], new], dim=1)
        begin = self.positions[chosen]
        read = self.model(
            input_ids=ids, attention_mask=mask, past_key_values=self.cache, use_cache=True, logits_to_keep=1,
            position_ids=spread(self.model, begin[:, None] + (new.cumsum(dim=-1) - 1).clamp(min=0)),
        )  # fmt: skip
        self.positions = begin + new.sum(dim=-1)
        order = mask.argsort(dim=1, stable=True)[:, -int(mask.sum(dim=1).max()) :]  # no empty places inside a row
        for layer in self.cache.layers:
            index = order[:, None, :, None].expand(-1, layer.keys.shape[1], -1, layer.keys.shape[3])
            layer.keys, layer.values = layer.keys.gather(2, index), layer.values.gather(2, index)
        self.mask = mask.gather(1, order)
        self._make_room(room)
        return read.logits[:, -1]

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
    """The state of a model that `can_decode`. Rows begin at the left, so that a token's place is its position.

    keys, values: per layer, (rows, key heads, places, head size). lengths: (rows,), how many places are taken. Only
    tokens that are there go through the layers; rows of different length meet in the attention alone.
    """

    def __init__(self, model: Any, cache: Any, mask: torch.Tensor, room: int) -> None:
        self.text, self.head = model.model.language_model, model.get_output_embeddings()
        self.lengths = mask.sum(dim=1)
        places = int(self.lengths.max())
        order = mask.argsort(dim=1, stable=True, descending=True)[:, :places, None]

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            own = tensor.gather(2, order[:, None].expand(-1, tensor.shape[1], -1, tensor.shape[3]))
            return torch.cat([own, own.new_zeros(*own.shape[:2], room, own.shape[3])], dim=2)

        self.keys = [moved(layer.keys) for layer in cache.layers]
        self.values = [moved(layer.values) for layer in cache.layers]
        self._see()

    def _see(self) -> None:
        """Turns of the places and, for each row, 0 where a place is taken and −∞ where none is."""
        places = torch.arange(self.keys[0].shape[2], device=self.lengths.device)
        self.cos, self.sin = (table[0] for table in self.text.rotary_emb(self.keys[0], places[None]))
        self.bias = self.keys[0].new_zeros(len(self.lengths), 1, 1, len(places))
        self.bias.masked_fill_(places >= self.lengths[:, None, None, None], -torch.inf)

    def extend(self, source: Sequence[int], stretches: Sequence[Sequence[int]], room: int = 0) -> torch.Tensor:
        device = self.lengths.device
        chosen, counts = (torch.tensor(x, device=device) for x in (source, [len(part) for part in stretches]))
        before = self.lengths[chosen]
        self.lengths = before + counts
        places, longest = int(self.lengths.max()), int(counts.max())
        row = torch.arange(len(chosen), device=device).repeat_interleave(counts)
        step = torch.arange(len(row), device=device) - (counts.cumsum(0) - counts)[row]
        place = before[row] + step

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            whole = tensor.new_zeros(len(chosen), tensor.shape[1], places + room, tensor.shape[3])
            old = min(tensor.shape[2], places)
            whole[:, :, :old] = tensor[chosen, :, :old]
            return whole

        self.keys, self.values = [moved(keys) for keys in self.keys], [moved(values) for values in self.values]
        self._see()
        cos, sin = self.cos[place][:, None], self.sin[place][:, None]
        until = before[:, None] + torch.arange(longest, device=device)  # what the token of each step may see
        hidden = torch.arange(places, device=device) > until[..., None]
        bias = self.keys[0].new_zeros(hidden.shape).masked_fill_(hidden, -torch.inf)[:, None, None]
        x = self.text.embed_tokens(torch.tensor([token for part in stretches for token in part], device=device))
        for layer, keys, values in zip(self.text.layers, self.keys, self.values, strict=True):
            attention = layer.self_attn
            query, key, value = self._project(attention, layer.input_layernorm(x), cos, sin)
            keys[row, :, place], values[row, :, place] = key, value
            heads, size = keys.shape[1], keys.shape[3]
            padded = query.new_zeros(len(chosen), longest, query.shape[1], size)
            padded[row, step] = query
            padded = padded.view(len(chosen), longest, heads, -1, size).permute(0, 2, 3, 1, 4)
            scores = padded @ keys[:, :, None, :places].transpose(3, 4) * attention.scaling + bias
            seen = (scores.softmax(dim=-1) @ values[:, :, None, :places]).permute(0, 3, 1, 2, 4)[row, step]
            x = x + attention.o_proj(seen.flatten(1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        ends = (counts.cumsum(0) - 1).clamp(min=0)
        return self.head(self.text.norm(x[ends]))

    def keep(self, kept: torch.Tensor) -> None:
        used = int(self.lengths.max())
        for tensors in (self.keys, self.values):
            for layer, tensor in enumerate(tensors):
                tensor[: len(kept), :, :used] = tensor[kept, :, :used]  # places not yet taken stay zero
                tensors[layer] = tensor[: len(kept)]
        self.lengths, self.bias = self.lengths[kept], self.bias[kept]

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.text.embed_tokens(tokens)
        cos, sin = self.cos[self.lengths][:, None], self.sin[self.lengths][:, None]
        row = torch.arange(len(tokens), device=tokens.device)
        self.bias[row, 0, 0, self.lengths] = 0
        places = int(self.lengths.max()) + 1
        bias = self.bias[..., :places]
        for layer, keys, values in zip(self.text.layers, self.keys, self.values, strict=True):
            attention = layer.self_attn
            query, key, value = self._project(attention, layer.input_layernorm(x), cos, sin)
            keys[row, :, self.lengths], values[row, :, self.lengths] = key, value
            query = query.view(len(tokens), keys.shape[1], -1, keys.shape[3])
            scores = query @ keys[:, :, :places].transpose(2, 3) * attention.scaling + bias
            seen = scores.softmax(dim=-1) @ values[:, :, :places]
            x = x + attention.o_proj(seen.flatten(1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        self.lengths = self.lengths + 1
        return self.head(self.text.norm(x))

    def _project(
        self, attention: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Query, key and value of tokens, each (tokens, heads, head size), turned to their positions."""
        size = self.keys[0].shape[3]
        query, key, value = (
            project(x).view(len(x), -1, size) for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        if hasattr(attention, "q_norm"):
            query, key = attention.q_norm(query), attention.k_norm(key)
        return _turn(query, cos, sin), _turn(key, cos, sin), value


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
