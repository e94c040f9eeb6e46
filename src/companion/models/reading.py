"""Reading prompts: each picture is encoded once, and what prompts begin with is read once for all that share it.

The variants of an item share its picture, which is most of their tokens, and after it a caption or the whole question.
So its prompts are a tree. It is read level by level: first the pictures, up to where their prompts part, then what
several of these go on with together, at last what is left of each; keys and values are copied where the tree branches.
The numbers are those of reading each prompt by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from PIL import Image

from companion.models.decoding import State, spread, state_of

WORTH = 24
"""Tokens that a shared stretch must save to be read by itself: each level is one more forward pass."""


def read(
    model: Any, processor: Any, texts: Sequence[str], images: Mapping[Any, Image.Image], shown: Sequence[Any], room: int
) -> tuple[State, torch.Tensor]:
    """The state after all prompts, ready for `room` more tokens a row, and the logits of the first, (rows, vocabulary).

    texts: prompts as the chat template renders them, one picture in each. shown: for each the name of its picture.
    """
    if _slides(model):  # what lies in a window is told by places, which branches leave empty
        images = {number: images[name] for number, name in enumerate(shown)}
        shown = list(images)
    bos = processor.tokenizer.bos_token
    special = not (bos and texts[0].startswith(bos))
    first = [shown.index(name) for name in images]
    inputs = processor(
        text=[texts[row] for row in first], images=[[image] for image in images.values()], padding=True,
        return_tensors="pt", add_special_tokens=special,
    )  # fmt: skip
    plain = processor.tokenizer(list(texts), add_special_tokens=special)["input_ids"]
    place = {name: number for number, name in enumerate(images)}
    source = [place[name] for name in shown]
    whole = [ids[mask > 0].tolist() for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
    rows = [_expanded(ids, plain[first[number]], whole[number]) for ids, number in zip(plain, source, strict=True)]
    trunks = [len(row) - 1 for row in whole]
    for row, number in zip(rows, source, strict=True):
        trunks[number] = min(trunks[number], _shared(row, whole[number]), len(row) - 1)
    reader = _Reader(model, inputs, trunks)
    done = [trunks[number] for number in source]
    while stretches := _stretches(rows, done, source):
        reader.go_on([number for number, _, _ in stretches], [tokens for _, tokens, _ in stretches])
        for node, (_, tokens, members) in enumerate(stretches):
            for row in members:
                source[row], done[row] = node, done[row] + len(tokens)
    logits = reader.go_on(source, [row[n:] for row, n in zip(rows, done, strict=True)])
    return reader.state(room), logits


def _slides(model: Any) -> bool:
    kinds = getattr(model.config.get_text_config(), "layer_types", None) or []
    return any(kind != "full_attention" for kind in kinds)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with together."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _expanded(plain: list[int], like: list[int], whole: list[int]) -> list[int]:
    """The tokens of a prompt with its picture's in their place, made as those of another prompt of the same picture.

    like, whole: that prompt before and after the processor put in the picture.
    """
    behind = min(_shared(like[::-1], whole[::-1]), len(like) - _shared(like, whole))
    head = len(like) - behind
    if plain[:head] != like[:head]:
        raise ValueError("the prompts of a picture part before it")
    return whole[: len(whole) - behind] + plain[head:]


Stretch = tuple[int, list[int], list[int]]
"""What is read at one level: after which node of the level before, which tokens (or none), and of which rows."""


def _stretches(rows: list[list[int]], done: list[int], source: list[int]) -> list[Stretch]:
    """The next level of the tree, or nothing where no stretch is worth it. Each row keeps at least its last token."""
    level: list[Stretch] = []
    order = sorted(range(len(rows)), key=lambda row: (source[row], rows[row][done[row] :]))
    for node, own in groupby(order, key=lambda row: source[row]):
        members = list(own)
        start, aside = done[members[0]], []
        for part, end in _parts(rows, members, start):
            if end > start:
                level.append((node, rows[part[0]][start:end], part))
            else:
                aside += part
        if aside:
            level.append((node, [], aside))
    return level if any(tokens for _, tokens, _ in level) else []


def _parts(rows: list[list[int]], members: list[int], start: int) -> list[tuple[list[int], int]]:
    """Rows, sorted, in groups that go on together from `start`, and how far; as far as `start` for those that do not."""
    shortest = min(len(rows[row]) for row in members) - 1
    end = min(_shared(rows[members[0]], rows[members[-1]]), shortest)
    if (end - start) * (len(members) - 1) >= WORTH:
        return [(members, end)]
    if len(members) == 1 or end == shortest:
        return [(members, start)]
    groups = groupby(members, key=lambda row: rows[row][end])
    return [part for _, group in groups for part in _parts(rows, list(group), start)]


class _Reader:
    """What has been read so far, of each node of the level that was read last. inputs, trunks: of the pictures."""

    def __init__(self, model: Any, inputs: Mapping[str, Any], trunks: list[int]) -> None:
        self.model, self.told = model, hasattr(model.model, "get_rope_index")
        weight = next(model.parameters())
        self.device = weight.device
        length, own = inputs["input_ids"].shape[1], inputs["attention_mask"].sum(dim=-1)
        columns = (length - own + torch.tensor(trunks))[:, None] + torch.arange(-max(trunks), 0)
        there = columns >= (length - own)[:, None]
        ready = {}
        for name, value in inputs.items():
            if isinstance(value, torch.Tensor):
                if value.shape == inputs["input_ids"].shape:  # something of each token
                    value = value.gather(1, columns.clamp(min=0)).masked_fill(~there, 0)
                elif value.is_floating_point():
                    value = value.to(weight.dtype)
                value = value.to(self.device)
            ready[name] = value
        self.mask = ready["attention_mask"]
        # Where time, height and width are told, the model itself finds them in a picture.
        positions = {} if self.told else {"position_ids": (self.mask.cumsum(dim=-1) - 1).clamp(min=0)}
        self.cache = model(**ready, **positions, use_cache=True, logits_to_keep=1).past_key_values
        self.next = self.mask.sum(dim=-1) + (model.model.rope_deltas.flatten() if self.told else 0)

    def go_on(self, source: list[int], stretches: list[list[int]]) -> torch.Tensor:
        """Read stretches, each after the node of that number; they are the nodes from now on. The logits after each."""
        chosen = torch.tensor(source, device=self.device)
        self.cache.batch_select_indices(chosen)
        longest = max(map(len, stretches))
        ids = torch.tensor([[0] * (longest - len(part)) + part for part in stretches], device=self.device)
        new = torch.tensor([[0] * (longest - len(part)) + [1] * len(part) for part in stretches], device=self.device)
        self.mask = torch.cat([self.mask[chosen], new], dim=1)
        begin = self.next[chosen]
        positions = begin[:, None] + (new.cumsum(dim=-1) - 1).clamp(min=0)
        self.next = begin + new.sum(dim=-1)
        return self.model(
            input_ids=ids, attention_mask=self.mask, past_key_values=self.cache,
            position_ids=spread(self.model, positions), use_cache=True, logits_to_keep=1,
        ).logits[:, -1]  # fmt: skip

    def state(self, room: int) -> State:
        """What was read, without the empty places between stretches."""
        order = self.mask.argsort(dim=1, stable=True)[:, -int(self.mask.sum(dim=1).max()) :]
        for layer in self.cache.layers:
            index = order[:, None, :, None].expand(-1, layer.keys.shape[1], -1, layer.keys.shape[3])
            layer.keys, layer.values = layer.keys.gather(2, index), layer.values.gather(2, index)
        return state_of(self.model, self.cache, self.mask.gather(1, order), self.next, room)
