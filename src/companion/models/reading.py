"""Reading prompts: each picture is encoded once, and what its prompts begin with is read once for all of them.

The variants of an item differ in a sentence, and share its picture, which is most of their tokens. So a picture's
prompts are a tree: a *trunk*, up to where they part, is read with the picture; its keys and values are copied to the
*branches*, which are then read side by side. The numbers are those of reading each prompt by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image

from companion.models.decoding import State, spread, state_of


def read(
    model: Any, processor: Any, texts: Sequence[str], images: Mapping[Any, Image.Image], shown: Sequence[Any],
    room: int,
) -> tuple[State, torch.Tensor]:  # fmt: skip
    """The state after all prompts, ready for `room` more tokens a row, and the logits of the first, (rows, vocabulary).

    texts: prompts as the chat template renders them, one picture in each. shown: for each the name of its picture.
    """
    bos = processor.tokenizer.bos_token
    special = not (bos and texts[0].startswith(bos))
    first = [shown.index(name) for name in images]
    inputs = processor(
        text=[texts[row] for row in first], images=[[image] for image in images.values()], padding=True,
        return_tensors="pt", add_special_tokens=special,
    )  # fmt: skip
    plain = processor.tokenizer(list(texts), add_special_tokens=special)["input_ids"]
    place = {name: number for number, name in enumerate(images)}
    tree = [place[name] for name in shown]
    whole = [ids[mask > 0].tolist() for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
    rows = [_expanded(ids, plain[first[number]], whole[number]) for ids, number in zip(plain, tree, strict=True)]
    trunks = [len(row) - 1 for row in whole]
    for row, number in zip(rows, tree, strict=True):
        trunks[number] = min(trunks[number], _shared(row, whole[number]), len(row) - 1)
    return _branch(model, inputs, rows, trunks, torch.tensor(tree), room)


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


def _branch(
    model: Any, inputs: Mapping[str, Any], rows: list[list[int]], trunks: list[int], tree: torch.Tensor, room: int
) -> tuple[State, torch.Tensor]:
    """inputs: what the processor made of one prompt of each picture. trunks: how many tokens of it are read first."""
    device = next(model.parameters()).device
    tree = tree.to(device)
    shape, own = inputs["input_ids"].shape, inputs["attention_mask"].sum(dim=-1)
    longest = max(trunks)
    columns = torch.stack([
        torch.arange(length - longest, length) + (shape[1] - int(n)) for length, n in zip(trunks, own, strict=True)
    ])  # fmt: skip
    there = columns >= (shape[1] - own)[:, None]
    dtype = next(model.parameters()).dtype
    ready = {}
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.shape == shape:  # something of each token
            value = value.gather(1, columns.clamp(min=0)).masked_fill(~there, 0)
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            value = value.to(dtype)
        ready[name] = value.to(device) if isinstance(value, torch.Tensor) else value
    mask = ready["attention_mask"]
    told = hasattr(model.model, "get_rope_index")  # a model that finds the positions in a picture itself
    positions = {} if told else {"position_ids": (mask.cumsum(dim=-1) - 1).clamp(min=0)}
    cache = model(**ready, **positions, use_cache=True, logits_to_keep=1).past_key_values
    begin = mask.sum(dim=-1) + (model.model.rope_deltas.flatten() if told else 0)

    cache.batch_select_indices(tree)
    rests = [row[trunks[number] :] for row, number in zip(rows, tree.tolist(), strict=True)]
    longest = max(map(len, rests))
    ids = torch.tensor([[0] * (longest - len(rest)) + rest for rest in rests], device=device)
    new = torch.tensor([[0] * (longest - len(rest)) + [1] * len(rest) for rest in rests], device=device)
    mask = torch.cat([mask[tree], new], dim=1)
    at = begin[tree, None] + (new.cumsum(dim=-1) - 1).clamp(min=0)
    found = model(
        input_ids=ids, attention_mask=mask, past_key_values=cache, position_ids=spread(model, at), use_cache=True,
        logits_to_keep=1,
    )  # fmt: skip
    return state_of(model, cache, mask, at[:, -1] + 1, room), found.logits[:, -1]
