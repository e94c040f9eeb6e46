"""Where a figure comes from: each is written with its table, and entered into one manifest.

The table is what can be compared byte by byte; the manifest says which notebook, parameters, code, packages and
checkpoint made it, on what, and how long that took. No path of the machine is written: `without_paths`.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from companion import __version__
from companion.locks import alone

MANIFEST = "manifest.json"
GENERATED = tuple(
    f":(exclude){name}"
    for name in ("figures", "executed", "runs", "results", "README.md", "FINDINGS.md", "docs/teaching.md")
)


@dataclass
class Gallery:
    """The figures of one notebook run. `facts` (model, checkpoint hash, items, seeds, device …) go with each."""

    folder: Path
    notebook: str
    parameters: Mapping[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    code: dict[str, Any] = field(default_factory=lambda: code_state(Path.cwd()))

    def add(self, name: str, figure: Figure | None, table: pd.DataFrame, claim: str) -> str:
        """Write `name`.png, .svg and .csv and the entry of the figure; without a figure, that of the table alone.

        claim: what the figure shows, in a sentence. Returns the alt text, which the picture files hold too: the claim,
        and what the figure's title says below its first line.
        """
        alt = claim
        self.folder.mkdir(parents=True, exist_ok=True)
        if figure:
            alt = f"{claim} ({'; '.join(figure.get_suptitle().splitlines()[1:])})"
            said = {"Title": claim, "Description": alt}
            figure.savefig(self.folder / f"{name}.png", dpi=150, metadata=said | {"Software": None})
            figure.set_layout_engine("none")  # what the first layout found serves the second file
            figure.savefig(self.folder / f"{name}.svg", metadata=said | {"Date": None, "Creator": None})
        table.to_csv(self.folder / f"{name}.csv", index=False, float_format="%.6f", lineterminator="\n")
        entry = {
            "claim": claim, "notebook": self.notebook, "parameters": without_paths(self.parameters),
            **without_paths(self.facts), **self.code, "seconds": round(time.monotonic() - self.began, 1),
        }  # fmt: skip
        manifest = self.folder / MANIFEST
        with alone(self.folder):
            entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
            entries[name] = entry
            unfinished = manifest.with_suffix(".part")
            text = json.dumps(dict(sorted(entries.items())), indent=1, ensure_ascii=False) + "\n"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(manifest)
        return alt


def without_paths(value: Any) -> Any:
    """Values, each absolute path in them as seen from the project, or its last part alone where it lies elsewhere.

    Paths stand alone, in lists, with commas between them, after "vllm:" or after the "#" of a server's URL.
    """
    if isinstance(value, Mapping):
        return {name: without_paths(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(one) for one in value]
    if not isinstance(value, str):
        return value
    return "".join(_without_path(part) for part in re.split(r"(,|#|^vllm:|(?<=,)vllm:)", value))


def _without_path(text: str) -> str:
    path, root = Path(text), project_root(Path.cwd())
    if not path.is_absolute():
        return text
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name or text


def project_root(start: Path) -> Path:
    """The folder above `start` that holds the lock file, or `start` where there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / "requirements.lock").exists()), start)


def code_state(start: Path) -> dict[str, Any]:
    """code_revision and dirty (whether files other than generated ones differ from it), and lock_hash.

    None for what cannot be told, as outside a git checkout.
    """
    root = project_root(start)
    revision = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", ".", *GENERATED)
    lock = root / "requirements.lock"
    return {
        "code_revision": revision,
        "dirty": None if changes is None else bool(changes),
        "lock_hash": hashlib.blake2b(lock.read_bytes(), digest_size=8).hexdigest() if lock.exists() else None,
    }


def made_by() -> str:
    """The version of companion, and the revision of its code where that is a checkout."""
    state = code_state(Path(__file__).parent)
    known = state["lock_hash"] and state["code_revision"]  # without the lock the checkout is another project's
    changed = " with uncommitted changes" if state["dirty"] else ""
    return f"companion {__version__}" + (f", code revision `{known}`{changed}" if known else "")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, check=True, encoding="utf-8", errors="replace"
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
