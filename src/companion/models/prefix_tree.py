"""Reading prompts: each picture is encoded once, and what prompts begin with is read once for all that share it.

The perturbations of an item share its picture, which is most of their tokens, and after it a caption or the whole
question. So its prompts are a tree. It is read level by level: first the pictures, up to where their prompts part, then
what several of these go on with together, at last what is left of each; keys and values are copied where the tree
branches. The numbers are those of reading each prompt by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from PIL import Image

from companion.models.caches import CACHE, reading_of, whole_cache
from companion.models.decode import State, state_of

WORTH = 24
"""Tokens that a shared stretch must save to be read by itself: each level is one more forward pass."""


@dataclass(frozen=True)
class Prepared:
    """What the processor made of prompts: inputs of the first prompt of each picture, and how many tokens of each are
    common to all of its prompts (trunks). rows: the tokens of each prompt; source: the number of its picture."""

    inputs: Mapping[str, Any]
    trunks: list[int]
    rows: list[list[int]]
    source: list[int]


def prepare(
    model: Any, processor: Any, texts: Sequence[str], images: Mapping[Any, Image.Image], shown: Sequence[Any]
) -> Prepared:
    """Pictures and texts as tokens; of the model only its configuration is asked, so that it may be busy.

    texts: prompts as the chat template renders them, one picture in each. shown: for each the name of its picture.
    """
    if reading_of(model) == "rows":
        images = {number: images[name] for number, name in enumerate(shown)}
        shown = list(images)
    first = [shown.index(name) for name in images]
    inputs = encode(processor, [texts[row] for row in first], list(images.values()))
    plain = processor.tokenizer(list(texts), add_special_tokens=_adds_special(processor, texts[0]))["input_ids"]
    place = {name: number for number, name in enumerate(images)}
    source = [place[name] for name in shown]
    whole = [ids[mask > 0].tolist() for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
    rows = [_expanded(ids, plain[first[number]], whole[number]) for ids, number in zip(plain, source, strict=True)]
    trunks = [len(row) - 1 for row in whole]
    for row, number in zip(rows, source, strict=True):
        trunks[number] = min(trunks[number], _shared(row, whole[number]), len(row) - 1)
    return Prepared(inputs, trunks, rows, source)


def fill_cache(model: Any, prepared: Prepared) -> tuple[State, torch.Tensor]:
    """The state after all prompts, and the logits of the token after each, (rows, vocabulary)."""
    rows, source = prepared.rows, list(prepared.source)
    state = _pictures(model, prepared.inputs, prepared.trunks)
    done = [prepared.trunks[number] for number in source]
    while stretches := _stretches(rows, done, source):
        state.extend([node for node, _, _ in stretches], [tokens for _, tokens, _ in stretches])
        for node, (_, tokens, members) in enumerate(stretches):
            for member in members:
                source[member], done[member] = node, done[member] + len(tokens)
    logits = state.extend(source, [row[n:] for row, n in zip(rows, done, strict=True)])
    return state, logits


def encode(processor: Any, texts: Sequence[str], images: Sequence[Image.Image]) -> Mapping[str, Any]:
    """What the processor makes of rendered prompts with one picture each, padded on the left."""
    return processor(
        text=list(texts),
        images=[[image] for image in images],
        padding=True,
        return_tensors="pt",
        add_special_tokens=_adds_special(processor, texts[0]),
    )


def on_device(inputs: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """What a processor made, where the model is, and in its precision."""
    weight = next(model.parameters())
    return {
        name: value.to(weight.device, weight.dtype if value.is_floating_point() else None)
        if isinstance(value, torch.Tensor)
        else value
        for name, value in inputs.items()
    }


def _adds_special(processor: Any, text: str) -> bool:
    """Whether the tokenizer adds what a text begins with; not where the chat template has written it."""
    bos = processor.tokenizer.bos_token
    return not (bos and text.startswith(bos))


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
    """Sorted rows in groups that go on together from `start`, and up to where: `start` for those that do not."""
    shortest = min(len(rows[row]) for row in members) - 1
    end = min(_shared(rows[members[0]], rows[members[-1]]), shortest)
    if (end - start) * (len(members) - 1) >= WORTH:
        return [(members, end)]
    if len(members) == 1 or end == shortest:
        return [(members, start)]
    groups = groupby(members, key=lambda row: rows[row][end])
    return [part for _, group in groups for part in _parts(rows, list(group), start)]


def _pictures(model: Any, inputs: Mapping[str, Any], trunks: list[int]) -> State:
    """The state after the first tokens of one prompt of each picture, trunks: how many; inputs: from the processor."""
    told = hasattr(model.model, "get_rope_index")  # where time, height and width are told, the model finds them itself
    length, own = inputs["input_ids"].shape[1], inputs["attention_mask"].sum(dim=-1)
    columns = (length - own + torch.tensor(trunks))[:, None] + torch.arange(-max(trunks), 0)
    there = columns >= (length - own)[:, None]
    ready = {}
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.shape == inputs["input_ids"].shape:  # something of each token
            value = value.gather(1, columns.clamp(min=0)).masked_fill(~there, 0)
        ready[name] = value
    ready = on_device(ready, model)
    mask = ready["attention_mask"]
    positions = {} if told else {"position_ids": (mask.cumsum(dim=-1) - 1).clamp(min=0)}
    cache = model(**ready, **positions, **whole_cache(model), use_cache=True, logits_to_keep=1)[CACHE]
    return state_of(model, cache, mask, mask.sum(dim=-1) + (model.model.rope_deltas.flatten() if told else 0))
