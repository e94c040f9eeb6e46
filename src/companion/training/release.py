"""Copies the models of recorded runs out of the scratch folder, with their weights in half precision.

Run: `companion release --results results/study --scratch runs/study --seed 25`; then `companion card` measures each.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from companion.analysis.panel import INITIAL
from companion.models.local import LocalModel
from companion.models.weights import hash_folder, save_model

LADDER = "rl-correct"
"""The recipe whose models on the way are released too."""


def release(results: Path, scratch: Path, out: Path, seeds: Sequence[int], initial: str = "misread-20") -> list[Path]:
    """Copy the initial checkpoints and the final models of the recorded runs of these seeds to `out`.

    An initial checkpoint keeps its name. A model is named after its recipe where RL began from `initial`, else after
    both. Of the recipe `LADDER`, from `initial`, the models on the way are copied too, to `out`/ladder. Several seeds
    are told apart by their number at the end, without initial checkpoints and ladder. Models whose weights are no
    longer in `scratch`, or are others than those that were recorded, are left out.
    """
    made = []
    for seed in seeds:
        for file in sorted(results.glob(f"*-{seed}/*/run.json")):
            record = json.loads(file.read_text(encoding="utf-8"))
            began, recipe = file.parent.parent.name.removesuffix(f"-{seed}"), file.parent.name
            kept = dict(_weights(file.parent, scratch, record["hashes"]))
            last = max(map(int, record["hashes"]))
            supervised = recipe.startswith(INITIAL)
            name = began if supervised else recipe if began == initial else f"{began}-{recipe}"
            if last not in kept or (supervised and len(seeds) > 1):
                continue
            made.append(_copy(kept.pop(last), out / (f"{name}-{seed}" if len(seeds) > 1 else name), record, last))
            if name == LADDER and len(seeds) == 1:
                made += [_copy(kept[step], out / "ladder" / f"{name}-{step}", record, step) for step in sorted(kept)]
    return made


def _weights(record: Path, scratch: Path, hashes: dict[str, str]) -> Iterator[tuple[int, Path]]:
    """Step → folder of those recorded weights that are still there."""
    of_seed, recipe = scratch / record.parent.name, record.name
    for step, identity in hashes.items():
        places = [of_seed / INITIAL] if recipe.startswith(INITIAL) else sorted(of_seed.glob(f"{recipe}*/step-{step}"))
        found = [folder for folder in places if folder.exists() and hash_folder(folder) == identity]
        if found:
            yield int(step), found[0]


def _copy(source: Path, folder: Path, record: dict[str, Any], step: int) -> Path:
    model = LocalModel(str(source), "cpu")
    save_model(model.model.half(), model.processor, folder)
    supervised = "recipe" not in record
    kept = {
        "recipe": record["initial" if supervised else "recipe"],
        "start": record["initial"]["start"] if supervised else f"checkpoints/{record['initial']['name']}",
        "start_hash": record["start_hash" if supervised else "initial_hash"],
        "seed": record["seed"],
        "step": step,
        "seconds": record["seconds"]["training"],
    }
    if (curve := source / "training_curve.csv").exists():
        shutil.copy(curve, folder)
    (folder / "recipe.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return folder
