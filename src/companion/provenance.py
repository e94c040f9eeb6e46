"""Which code made something: its version, revision and locked packages. No path of the machine is written."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion import __version__

PAGES = ("README.md", "FINDINGS.md", "docs/commands.md", "docs/one_item.png", "docs/teaching.md")
"""Files beside the folders of results that `make figures` writes."""

GENERATED = tuple(f":(exclude){name}" for name in ("figures", "executed", "runs", "results", *PAGES))


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
    return {
        "code_revision": revision,
        "dirty": None if changes is None else bool(changes),
        "lock_hash": lock_hash(root),
    }


def lock_hash(start: Path) -> str | None:
    """Stands for the locked packages; None without a lock file."""
    lock = project_root(start) / "requirements.lock"
    return hashlib.blake2b(lock.read_bytes(), digest_size=8).hexdigest() if lock.exists() else None


def loaded_code() -> str:
    """Stands for the modules of companion that are loaded, by their names and sources.

    Unlike a revision it is the same before a commit and after it, and where code that was not used has changed. The
    commit that brought it into a file: `git log -S HASH -- FILE`.
    """
    package = __name__.partition(".")[0]
    modules = [(name, one) for name, one in sys.modules.items() if name.partition(".")[0] == package]
    own = {name: file for name, one in modules if (file := getattr(one, "__file__", None))}
    own.pop(f"{package}.teaching.stamps", None)  # which only looks on, where a notebook is run by `make figures`
    found = hashlib.blake2b(digest_size=8)
    for name, file in sorted(own.items()):
        found.update(f"{name}\0".encode() + Path(file).read_bytes() + b"\0")
    return found.hexdigest()


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
