"""Folders of models: what identifies one, and names of weights that transformers and vLLM both read.

transformers 5 takes `vision_model` out of the names of a SigLIP tower and puts it back where it was read with them;
vLLM knows only names that have it, as LLaVA's published checkpoints do. transformers reads both alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

TOWER, INNER = "vision_tower.", "vision_tower.vision_model."
WEIGHTS = "model.safetensors"


READ = (
    ".safetensors",
    ".index.json",  # which shards are loaded
    ".jinja",
    "config.json",  # also of generation, processors, tokenizer and adapters
    "chat_template.json",
    "tokenizer.json",
    "tekken.json",
    "added_tokens.json",
    "special_tokens_map.json",
    ".model",  # of SentencePiece, which some tokenizers read beside tokenizer.json
)
"""How the files of a checkpoint end that change what a model reads or writes."""

VOCABULARY = ("vocab.json", "merges.txt", "vocab.txt")
"""Read where there is no tokenizer.json."""


def hash_folder(folder: Path) -> str:
    """Sixteen hex digits of everything in a checkpoint that changes what the model says: of an adapter, also what its
    own folder holds of the model that it is for."""
    files = sorted(folder.iterdir())
    weights = {file.name for file in files if file.suffix == ".safetensors"}
    read = list(READ)
    if all(name.startswith("adapter_") for name in weights):  # then they are in torch's own format
        torch_weights = r"pytorch_model-.*\.bin|(?!adapter_).*model\.bin"
        read += [file.name for file in files if re.fullmatch(torch_weights, file.name)]
    if "adapter_model.safetensors" not in weights:
        read.append("adapter_model.bin")
    if not (folder / "tokenizer.json").is_file():
        read += VOCABULARY
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        if file.name.endswith(tuple(read)):
            digest.update(file.name.encode())
            with file.open("rb") as opened:
                while block := opened.read(1 << 22):
                    digest.update(block)
    if (base := _adapted(folder)) is not None:
        digest.update(hash_folder(base).encode())
    return digest.hexdigest()


def _adapted(folder: Path) -> Path | None:
    """The other folder whose model an adapter is for, where there is one."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return None
    base = Path(json.loads(config.read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    return base if base.is_dir() and not base.samefile(folder) and not base.samefile(Path()) else None


def no_folder(name: str) -> str | None:
    """Why a name that means a folder is no model's, and what to do; None where it may be an id of the Hub."""
    path = Path(name)
    if path.is_dir():
        return "the folder holds no config.json; give the one that a whole model was saved in"
    if path.exists():
        return "it is a file; give the folder of the model"
    if path.is_absolute() or name.startswith((".", "~")) or "\\" in name or name.count("/") > 1:
        return "there is no such folder; check the path"
    return None


def folder_hint(name: str) -> str:
    """What is said of a name that the Hub does not know where the folder in it is here, else nothing."""
    path = Path(name)
    return f"{path.parent} is a folder here, without {path.name}; " if "/" in name and path.parent.is_dir() else ""


def hub_config(name: str) -> tuple[Path, str]:
    """The config.json of a model on the Hub, as it was fetched, and the commit that it is of: what is loaded later is
    loaded from that commit, and rows of another are another model's. Raises OSError where the Hub gives none."""
    from transformers.utils.hub import cached_file, extract_commit_hash  # slow to import

    file = cached_file(name, "config.json")
    commit = extract_commit_hash(file, None)
    if file is None or commit is None:
        raise OSError(f"the Hub told no commit of {name}")
    return Path(file), commit


def unmap(model: Any) -> None:
    """Copy the weights of a model on a CPU, which transformers leaves in the file, mapped into memory: where that is
    written anew while the model is used, the process ends with a bus error."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


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
