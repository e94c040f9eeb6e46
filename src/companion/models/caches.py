"""How prompts can be read together, by what a model remembers of the tokens before: its cache.

Keys and values of layers that see all tokens can be copied, moved and cut (`decode`, `prefix_tree`). Layers with a
window (Gemma 3) or chunks (Llama 4) see the last tokens alone: transformers keeps no others of them, in an order of its
own. With a cache that keeps all, the mask alone says what they see, by columns; so between the columns of a text there
must be no gap, as branches of a tree have. What other layers remember (linear attention, convolutions, pictures that
are looked at in each layer) has a form of its own: such models are asked by `generate` alone (`one_by_one`).
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields
from functools import cache
from typing import Any, Literal

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer
from transformers.modeling_outputs import BaseModelOutputWithPast

from companion.errors import CompanionError

CACHE = next(
    name
    for name in ("cache", "past_key_values")  # the latter before transformers 5.24
    if name in {field.name for field in fields(BaseModelOutputWithPast)}
)
"""What transformers calls the keys and values of the tokens before, among a model's arguments and in its output."""

Reading = Literal["tree", "rows", "single"]
"""tree: what prompts have in common is read once. rows: each prompt by itself, many at once. single: one at a time."""

SLOWER = {
    "rows": "some of its layers see a window of tokens alone, so each prompt is read by itself, its picture included",
    "single": "what its layers remember cannot be shared among prompts, so they are asked one at a time",
}


def reading_of(model: Any) -> Reading:
    """How a model's prompts are read. Raises CompanionError for an encoder-decoder, whose answer cannot be begun."""
    if getattr(model.config, "is_encoder_decoder", False):
        raise CompanionError(
            f"{type(model).__name__} is an encoder-decoder, whose answer cannot be begun with a reasoning prefix; "
            "choose a model that goes on from its prompt"
        )
    taken = inspect.signature(model.forward).parameters
    continues = {"input_ids", "attention_mask", "position_ids", CACHE} <= taken.keys()
    if not continues or "cross_attention_mask" in taken or getattr(model, "_is_stateful", False):
        return "single"
    try:
        kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    except (AttributeError, KeyError, TypeError):  # of layers that transformers itself has no cache for
        return "single"
    if kinds <= {DynamicLayer}:
        return "tree"
    return "rows" if kinds <= {DynamicLayer, DynamicSlidingWindowLayer} else "single"


def whole_cache(model: Any) -> dict[str, Any]:
    """The argument by which a model keeps the keys and values of all tokens, also in layers that see a window alone."""
    return {CACHE: DynamicCache()} if reading_of(model) == "rows" else {}


@cache
def tell_slower(label: str, reading: Reading) -> None:
    """Say, once of each model, why it is slower than others."""
    if reading in SLOWER:
        print(f"{label}: {SLOWER[reading]}; that is slower, and the numbers are the same", file=sys.stderr)
