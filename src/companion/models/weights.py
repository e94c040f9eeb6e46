"""Folders of weights whose names transformers and vLLM both read.

transformers 5 takes `vision_model` out of the names of a SigLIP tower and puts it back where it was read with them;
vLLM knows only names that have it, as LLaVA's published checkpoints do. transformers reads both alike.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOWER, INNER = "vision_tower.", "vision_tower.vision_model."
WEIGHTS = "model.safetensors"


def save_model(model: Any, processor: Any, folder: Path) -> None:
    """Write a model and its processor, with names that vLLM reads too."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    if lacks_inner(folder):
        _rename(folder / WEIGHTS, folder / WEIGHTS)


def lacks_inner(folder: Path) -> bool:
    """Whether a folder holds a LLaVA, its weights in one file, that vLLM cannot read because of its names."""
    from safetensors import safe_open

    config, weights = folder / "config.json", folder / WEIGHTS
    if not weights.is_file() or json.loads(config.read_text(encoding="utf-8")).get("model_type") != "llava":
        return False
    with safe_open(weights, "pt") as opened:
        names = opened.keys()
    return any(name != _inner(name) for name in names)


def view(folder: Path, into: Path) -> None:
    """The same folder with names that vLLM reads: links into an empty folder, and the weights written anew."""
    for file in folder.iterdir():
        if file.name != WEIGHTS:
            (into / file.name).symlink_to(file.resolve())
    _rename(folder / WEIGHTS, into / WEIGHTS)


def _rename(source: Path, target: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(source, "pt") as opened:
        names, metadata = opened.keys(), opened.metadata()
        weights = {_inner(name): opened.get_tensor(name) for name in names}
    part = target.with_suffix(".part")
    save_file(weights, part, metadata)
    part.replace(target)


def _inner(name: str) -> str:
    return INNER + name.removeprefix(TOWER) if name.startswith(TOWER) and not name.startswith(INNER) else name
