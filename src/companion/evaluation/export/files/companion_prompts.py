"""What lmms-eval asks of these tasks. A doc is a line of data/*.jsonl; a picture lies in images/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

Doc = dict[str, Any]


def pictures(doc: Doc) -> list[Image.Image]:
    with Image.open(Path(__file__).parent / doc["image"]) as image:
        return [image.convert("RGB")]


def text(doc: Doc) -> str:
    """The user's turn, with the words to begin the reasoning with where they are delivered in it."""
    return doc["begun"] if doc["delivery"] == "user turn" else doc["text"]


def messages(doc: Doc) -> list[dict[str, Any]]:
    """The turns: a prefill is the start of an assistant's turn, for chat templates that leave such a turn open."""
    (picture,) = pictures(doc)
    content = [{"type": "image", "url": picture}, {"type": "text", "text": text(doc)}]
    turns = [{"role": "user", "content": content}]
    if doc["system"]:
        turns.insert(0, {"role": "system", "content": [{"type": "text", "text": doc["system"]}]})
    if doc["delivery"] == "prefill":
        turns.append({"role": "assistant", "content": [{"type": "text", "text": doc["prefill"]}]})
    return turns
