"""What lmms-eval asks of its task `microworld`. A doc is a prompt: image (a file), text, prefill, answer (a letter)."""

import re
from typing import Any

from PIL import Image

Doc = dict[str, Any]


def pictures(doc: Doc) -> list[Image.Image]:
    with Image.open(doc["image"]) as image:
        return [image.convert("RGB")]


def messages(doc: Doc) -> list[dict[str, Any]]:
    """A prefill is the start of an assistant's turn, which the chat template of the checkpoint leaves open."""
    (image,) = pictures(doc)
    content = [{"type": "image", "url": image}, {"type": "text", "text": doc["text"]}]
    turns = [{"role": "user", "content": content}]
    if doc["prefill"]:
        turns.append({"role": "assistant", "content": [{"type": "text", "text": doc["prefill"]}]})
    return turns


def score(doc: Doc, results: list[str]) -> dict[str, float]:
    said = re.search(r"<answer>\s*([A-Z])\b", results[0])
    return {"accuracy": float(said is not None and said[1] == doc["answer"])}
