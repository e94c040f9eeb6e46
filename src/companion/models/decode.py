"""Autoregressive decoding: texts that end leave the batch, and small models on a CPU do not wait for their framework.

`transformers.generate` carries finished texts along until the longest ends and copies all keys and values at each
step. Here a prompt is read by the model's own forward pass (`prefix_tree`); then `write` goes on, a token a step, with
the rows that are still going; prompts that wait take the places of finished ones (continuous batching). For LLaVA with
a decoder of the Llama family (`can_decode`) each token goes through the model's layers directly, with keys and values
written in place; for all others through its forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

import torch

from companion.models.caches import CACHE

Choose = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits (rows, vocabulary), rows: their numbers in the whole batch) → the next token of each row."""

CROWDED = 0.75
"""Finished texts leave the batch when no more than this share of it is still being written."""

TOGETHER = 64
"""Stretches of like length that go through the layers together."""

ROOM = 32
"""Places by which keys and values grow."""


def can_decode(model: Any) -> bool:
    """Whether this module knows the model: positions are plain counts, and layers, which see all tokens, are
    those of Llama or Qwen."""
    config, text = model.config, model.config.get_text_config()
    sees_all = set(getattr(text, "layer_types", None) or ()) <= {"full_attention"}
    return config.model_type == "llava" and text.model_type in ("llama", "qwen2", "qwen3") and sees_all


class State(Protocol):
    """What a model has read so far, in rows."""

    def extend(self, source: Sequence[int], stretches: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read stretches of tokens, each after the row of that number; these are the rows from now on.

        source, stretches: one a new row; several may go on from one row, and a stretch may be empty. Returns the logits
        after each, (rows, vocabulary); what it is for an empty stretch means nothing.
        """
        ...

    def keep(self, kept: torch.Tensor) -> None:
        """Go on with these rows only. kept: (rows left,), the numbers of these among the rows as they are."""
        ...

    def take(self, places: torch.Tensor, other: Any) -> None:
        """Go on with the rows of another state of the same model in the places of these rows, (other's rows,)."""
        ...

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take in one token a row, (rows,); returns the logits of the next, (rows, vocabulary)."""
        ...


def state_of(model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor) -> State:
    """What a forward pass left behind.

    cache: its keys and values. mask: (rows, read), 1 where there is a token. positions: (rows,), of the next token.
    """
    return _Layers(model, cache, mask) if can_decode(model) else _Forward(model, cache, mask, positions)


def write(
    read: Callable[[int], tuple[State, torch.Tensor]],
    sizes: Sequence[int],
    max_new_tokens: int,
    ends: set[int],
    choose: Choose,
) -> Iterator[tuple[int, list[int]]]:
    """The number of each row as soon as it is finished, and its new tokens, an end token included where there is one.

    Rows come in groups of these sizes; read: the state after a group, by its number, and the logits of its first new
    tokens, (rows, vocabulary). A group is read when as many rows as it has are finished, and takes their places. Once
    all have come, finished rows leave.
    """
    texts: list[list[int]] = [[] for _ in range(sum(sizes))]  # by the number of the row
    begins = [0, *accumulate(sizes)]  # the number of each group's first row
    groups_read = step = 0
    # Of each place in the batch: the row there, whether it is still being written, and at which step it was finished.
    rows = going = finished_at = torch.tensor([])
    while True:
        # 1) Where nothing is being written, the next group is the batch; without one, all are finished.
        if not going.any():
            if groups_read == len(sizes):
                return
            state, logits = read(groups_read)
            rows = torch.arange(begins[groups_read], begins[groups_read + 1], device=logits.device)
            going, finished_at = torch.ones_like(rows, dtype=torch.bool), torch.zeros_like(rows)
            end_tokens = torch.tensor(sorted(ends), device=logits.device)
            groups_read += 1

        # 2) Choose a token for each place, (places,). A finished row gets one too, which no text takes.
        tokens = choose(logits, rows)

        # 3) Add them to the texts that go on, and hand out those that end with them.
        writing = going.nonzero().flatten()
        is_end = torch.isin(tokens[writing], end_tokens).tolist()
        for place, row, token, ends_here in zip(
            writing.tolist(), rows[writing].tolist(), tokens[writing].tolist(), is_end, strict=True
        ):
            texts[row].append(token)
            if ends_here or len(texts[row]) == max_new_tokens:
                going[place], finished_at[place] = False, step
                yield row, texts[row]
        if not going.any():
            continue

        # 4) No group is left to take the places of finished rows: they leave, when there are enough of them to be worth
        #    copying the others.
        if groups_read == len(sizes) and going.sum() <= CROWDED * len(rows):
            kept = going.nonzero().flatten()
            rows, tokens, going, finished_at = rows[kept], tokens[kept], going[kept], finished_at[kept]
            state.keep(kept)

        # 5) One step of the model.
        logits = state.next(tokens)
        step += 1

        # 6) Groups that fit into places of finished rows come in, where rows were finished first.
        while groups_read < len(sizes) and len(free := (~going).nonzero().flatten()) >= sizes[groups_read]:
            places = free[finished_at[free].argsort()[: sizes[groups_read]]]
            newcomers, logits[places] = read(groups_read)
            state.take(places, newcomers)
            rows[places] = torch.arange(begins[groups_read], begins[groups_read + 1], device=rows.device)
            going[places] = True
            groups_read += 1


@torch.inference_mode()
def decode(
    model: Any, inputs: dict[str, torch.Tensor], copies: int, max_new_tokens: int, ends: set[int], choose: Choose
) -> list[list[int]]:
    """The new tokens of each prompt × copy; copies stand side by side, and a prompt is read once for all of them.

    inputs: what the processor made of the prompts, padded on the left. For models that `can_decode`.
    """
    mask = inputs["attention_mask"]
    read = model(**inputs, position_ids=(mask.cumsum(dim=-1) - 1).clamp(min=0), use_cache=True, logits_to_keep=1)
    read[CACHE].batch_repeat_interleave(copies)
    mask = mask.repeat_interleave(copies, dim=0)
    state = state_of(model, read[CACHE], mask, mask.sum(dim=-1))
    logits = read.logits[:, -1].repeat_interleave(copies, dim=0)
    texts = dict(write(lambda _: (state, logits), [len(mask)], max_new_tokens, ends, choose))
    return [texts[row] for row in range(len(mask))]


class _Forward:
    """The state of any model, which goes on by its own forward pass. Rows end at the right, padded on the left.

    mask: (rows, columns), 1 where there is a token. positions: (rows,), of the next token.
    """

    def __init__(self, model: Any, cache: Any, mask: torch.Tensor, positions: torch.Tensor) -> None:
        self.model, self.cache, self.positions, self.mask = model, cache, positions, mask

    def extend(self, source: Sequence[int], stretches: Sequence[Sequence[int]]) -> torch.Tensor:
        # 1) Each stretch has a copy of its row, to which it is added, padded on the left: (rows, longest).
        chosen = torch.tensor(source, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        longest = max(map(len, stretches))
        ids = self.mask.new_tensor([[0] * (longest - len(part)) + list(part) for part in stretches])
        new = self.mask.new_tensor([[0] * (longest - len(part)) + [1] * len(part) for part in stretches])
        mask = torch.cat([self.mask[chosen], new], dim=1)

        # 2) One forward pass over the stretches.
        begin = self.positions[chosen]
        read = self.model(
            input_ids=ids,
            attention_mask=mask,
            use_cache=True,
            logits_to_keep=1,
            position_ids=spread(self.model, begin[:, None] + (new.cumsum(dim=-1) - 1).clamp(min=0)),
            **{CACHE: self.cache},
        )
        self.positions = begin + new.sum(dim=-1)

        # 3) Move the padding between a row and its stretch to the left, and cut off what no row needs.
        order = mask.argsort(dim=1, stable=True)[:, -int(mask.sum(dim=1).max()) :]
        for layer in self.cache.layers:
            index = order[:, None, :, None].expand(-1, layer.keys.shape[1], -1, layer.keys.shape[3])
            layer.keys, layer.values = layer.keys.gather(2, index), layer.values.gather(2, index)
        self.mask = mask.gather(1, order)
        return read.logits[:, -1]

    def keep(self, kept: torch.Tensor) -> None:
        self.cache.batch_select_indices(kept)
        self.mask, self.positions = self.mask[kept], self.positions[kept]

    def take(self, places: torch.Tensor, other: _Forward) -> None:
        width = max(self.mask.shape[1], other.mask.shape[1])
        own_missing, other_missing = width - self.mask.shape[1], width - other.mask.shape[1]

        def padded(tensor: torch.Tensor, missing: int, dims_behind: int = 0) -> torch.Tensor:
            """With so many columns more on the left; columns are the last dimension but `dims_behind`."""
            return torch.nn.functional.pad(tensor, (0, 0) * dims_behind + (missing, 0)) if missing else tensor

        for layer, other_layer in zip(self.cache.layers, other.cache.layers, strict=True):
            for name in ("keys", "values"):  # (rows, key heads, columns, head size)
                tensor = padded(getattr(layer, name), own_missing, 1)
                tensor[places] = padded(getattr(other_layer, name), other_missing, 1)
                setattr(layer, name, tensor)
        self.mask = padded(self.mask, own_missing)
        self.mask[places], self.positions[places] = padded(other.mask, other_missing), other.positions

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        self.mask = torch.nn.functional.pad(self.mask, (0, 1), value=1)
        read = self.model(
            input_ids=tokens[:, None],
            attention_mask=self.mask,
            use_cache=True,
            logits_to_keep=1,
            position_ids=spread(self.model, self.positions[:, None]),
            **{CACHE: self.cache},
        )
        self.positions = self.positions + 1
        return read.logits[:, -1]


def spread(model: Any, positions: torch.Tensor) -> torch.Tensor:
    """Positions of text as the model wants them: (rows, n), or (3, rows, n) where time, height and width are told."""
    return positions.expand(3, *positions.shape) if hasattr(model.model, "get_rope_index") else positions


class _Layers:
    """The state of a model that `can_decode`. Rows begin at the left, so that a token's place is its position.

    keys, values: per layer, (rows, key heads, places, head size). lengths: (rows,), how many places are taken. cos,
    sin: (places, head size), rotary embedding of each place. bias: (rows, 1, 1, places), of the attention. Only tokens
    that are there go through the layers; rows of different length meet in the attention alone.
    """

    def __init__(self, model: Any, cache: Any, mask: torch.Tensor) -> None:
        self.text, self.head = model.model.language_model, model.get_output_embeddings()
        self.lengths = mask.sum(dim=1)
        # Tokens first, in their order, and the padding behind them.
        order = mask.argsort(dim=1, stable=True, descending=True)[:, None, : int(self.lengths.max()), None]

        def left_aligned(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.gather(2, order.expand(-1, tensor.shape[1], -1, tensor.shape[3]))

        self.keys = [left_aligned(layer.keys) for layer in cache.layers]
        self.values = [left_aligned(layer.values) for layer in cache.layers]
        self._see()

    def _see(self) -> None:
        """Turns of the places and, for each row, 0 where a place is taken and −∞ where none is."""
        places = torch.arange(self.keys[0].shape[2], device=self.lengths.device)
        self.cos, self.sin = (table[0] for table in self.text.rotary_emb(self.keys[0], places[None]))
        self.bias = self.keys[0].new_zeros(len(self.lengths), 1, 1, len(places))
        self.bias.masked_fill_(places >= self.lengths[:, None, None, None], -torch.inf)

    def extend(self, source: Sequence[int], stretches: Sequence[Sequence[int]]) -> torch.Tensor:
        # 1) Each stretch has a copy of its row, with places for it.
        device = self.lengths.device
        chosen = torch.tensor(source, device=device)
        counts = torch.tensor([len(part) for part in stretches], device=device)
        before = self.lengths[chosen]
        self.lengths = before + counts
        self._move(chosen, int(before.max()), int(self.lengths.max()) + ROOM)
        self._see()

        # 2) Stretches of like length go through the layers together, the shortest first, and empty ones not at all.
        last_hidden = self.keys[0].new_zeros(len(chosen), self.head.in_features)
        by_length = counts.argsort()
        for rows in by_length[counts[by_length] > 0].split(TOGETHER):
            own_stretches = [stretches[row] for row in rows.tolist()]
            last_hidden[rows] = self._read(rows, own_stretches, before[rows], counts[rows])
        return self.head(self.text.norm(last_hidden))

    def _read(
        self, rows: torch.Tensor, stretches: list[Sequence[int]], before: torch.Tensor, counts: torch.Tensor
    ) -> torch.Tensor:
        """What the layers make of the last token of each stretch, (rows, width).

        rows: (rows,), their numbers in the cache, where the keys and values of the stretches are written. before,
        counts: (rows,), how many tokens a row has before its stretch, and in it.
        """
        device = rows.device
        longest, places = int(counts.max()), int((before + counts).max())

        # 1) All stretches are one line of tokens, without padding. Of each token, (tokens,): its stretch, how far along
        #    it is in it, its place in the cache, and its row there.
        stretch = torch.arange(len(rows), device=device).repeat_interleave(counts)
        step = torch.arange(len(stretch), device=device) - (counts.cumsum(0) - counts)[stretch]
        place, row = before[stretch] + step, rows[stretch]
        cos, sin = self.cos[place][:, None], self.sin[place][:, None]

        # 2) The causal mask, (rows, 1, longest, places): the token of each step sees its own place and those before it.
        own_place = before[:, None] + torch.arange(longest, device=device)
        hidden = torch.arange(places, device=device) > own_place[..., None]
        bias = self.keys[0].new_zeros(hidden.shape).masked_fill_(hidden, -torch.inf)[:, None]

        # 3) The layers. In the attention alone stretches stand side by side, (rows, heads, longest, head size).
        x = self.text.embed_tokens(torch.tensor([token for part in stretches for token in part], device=device))
        for layer, keys, values in zip(self.text.layers, self.keys, self.values, strict=True):
            attention = layer.self_attn
            query, key, value = self._project(attention, layer.input_layernorm(x), cos, sin)
            keys[row, :, place], values[row, :, place] = key, value
            padded = query.new_zeros(len(rows), query.shape[1], longest, query.shape[2])
            padded[stretch, :, step] = query
            seen = torch.nn.functional.scaled_dot_product_attention(
                padded, keys[rows, :, :places], values[rows, :, :places], bias, scale=attention.scaling, enable_gqa=True
            )
            x = x + attention.o_proj(seen[stretch, :, step].flatten(1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return x[counts.cumsum(0) - 1]

    def _move(self, rows: torch.Tensor, used: int, places: int) -> None:
        """Go on with these rows, as they are numbered now. places: how many each has from now on, of which the first
        `used` may be taken."""

        def moved(tensor: torch.Tensor) -> torch.Tensor:
            new = tensor.new_empty(len(rows), tensor.shape[1], places, tensor.shape[3])
            torch.index_select(tensor[:, :, :used], 0, rows, out=new[:, :, :used])
            new[:, :, used:] = 0
            return new

        for tensors in (self.keys, self.values):
            tensors[:] = [moved(tensor) for tensor in tensors]

    def keep(self, kept: torch.Tensor) -> None:
        self._move(kept, int(self.lengths.max()), self.keys[0].shape[2])
        self.lengths, self.bias = self.lengths[kept], self.bias[kept]

    def take(self, places: torch.Tensor, other: _Layers) -> None:
        used = int(other.lengths.max())
        if used > self.keys[0].shape[2]:
            every = torch.arange(len(self.lengths), device=places.device)
            self._move(every, int(self.lengths.max()), used + ROOM)
        for own_layers, other_layers in ((self.keys, other.keys), (self.values, other.values)):
            for own, new in zip(own_layers, other_layers, strict=True):
                own[:, :, :used].index_copy_(0, places, new[:, :, :used])
        self.lengths[places] = other.lengths
        self._see()

    def next(self, tokens: torch.Tensor) -> torch.Tensor:
        # 1) Each row's token goes to the place behind its last one, and is seen from now on.
        places = int(self.lengths.max()) + 1
        if places > self.keys[0].shape[2]:
            self._move(torch.arange(len(tokens), device=tokens.device), places - 1, places + ROOM)
            self._see()
        row = torch.arange(len(tokens), device=tokens.device)
        self.bias[row, 0, 0, self.lengths] = 0
        bias = self.bias[..., :places]
        cos, sin = self.cos[self.lengths][:, None], self.sin[self.lengths][:, None]

        # 2) The layers. The attention's one query a row is (rows, key heads, heads a key head, head size).
        x = self.text.embed_tokens(tokens)
        for layer, keys, values in zip(self.text.layers, self.keys, self.values, strict=True):
            attention = layer.self_attn
            query, key, value = self._project(attention, layer.input_layernorm(x), cos, sin)
            keys[row, :, self.lengths], values[row, :, self.lengths] = key, value
            query = query.view(len(tokens), keys.shape[1], -1, keys.shape[3]) * attention.scaling
            weights = (query @ keys[:, :, :places].transpose(2, 3)).add_(bias).softmax(dim=-1)
            x = x + attention.o_proj((weights @ values[:, :, :places]).flatten(1))
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
