"""What was read to make something, by content, so that it is made again where that has changed and only there.

A compiler writes down which headers it read (`gcc -MD`), and make runs it again where one of them is newer. Here a run
writes down what its Python opens, lists and imports, with a hash of what stood there, since after a checkout all files
are new; nobody declares anything, so nothing can be forgotten. Code that reads natively (Parquet, safetensors) opens
files unseen, and whether a file is there is asked unseen: so whatever is opened or listed in a folder of data stands
for all of it, `results/NAME` or `checkpoints/NAME`.

Imported into the kernel of every notebook, so by itself it imports little.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from companion.locks import atomic_write

PACKAGE = Path(__file__).parents[1]

DATA = ("results", "checkpoints")
"""Folders of the project whose folders are taken as wholes."""

CACHES = ("runs", "runs/verdicts", "runs/asked", "runs/made")
"""Folders of the project whose files stand under the hash of what they were made from: none of them can be stale."""

MANIFEST = "manifest.json"
"""A file that several share: `FOLDER/manifest.json#NAME` are the entries in it that notebook NAME made."""

Hashes = dict[str, str]


def digest(path: str) -> str:
    """A hash of a file, of all files below a folder, or of the names in it (`FOLDER/`); "" of what is not there."""
    folder, _, last = path.rpartition("/")
    file, _, notebook = path.partition("#")
    found = hashlib.blake2b(digest_size=16)
    try:
        if not last:
            found.update(json.dumps(sorted(name for name in os.listdir(folder) if not _ignored(name))).encode())
        elif notebook:
            entries = json.loads(Path(file).read_text(encoding="utf-8"))
            own = {name: entry for name, entry in entries.items() if entry.get("notebook") == notebook}
            found.update(json.dumps(own, sort_keys=True).encode())
        elif os.path.isdir(path):
            for below, folders, files in os.walk(path):
                folders[:] = sorted(name for name in folders if not _ignored(name))
                for name in sorted(name for name in files if not _ignored(name)):
                    whole = os.path.join(below, name)
                    found.update(f"{os.path.relpath(whole, path)}\0{digest(whole)}\0".encode())
        else:
            with open(path, "rb") as opened:
                return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except (OSError, ValueError):
        return ""
    return found.hexdigest()


def trace(record: str, outside: Iterable[str] = ()) -> None:
    """From now on, write into the file `record` what this Python reads and writes: a line of JSON each, hash included.

    What counts lies in the current folder (the project), in the package, or in the folders `outside`; what is read is
    hashed before it is opened.
    """
    seen: set[tuple[str, str]] = set()
    hashing = threading.local()
    project = Path.cwd()
    wholes = [os.path.abspath(folder) for folder in outside]
    out = open(record, "a", encoding="utf-8", buffering=1)  # noqa: SIM115  # as long as the process

    def note(did: str, path: str) -> None:
        where = _named(path, did, project, wholes)
        if where and (did, where) not in seen:
            seen.add((did, where))
            was = "" if did == "wrote" else digest(os.path.join(project, where))
            out.write(json.dumps([did, where, was]) + "\n")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or getattr(hashing, "now", False):
            return
        hashing.now = True
        try:
            if event == "open":
                path, flags = arguments[0], arguments[2] or 0
                did = "wrote" if flags & (os.O_WRONLY | os.O_RDWR) else "read"
            elif event == "os.rename":
                path, did = arguments[1], "wrote"
            else:
                path, did = arguments[0] or ".", "listed"
            if isinstance(path, str | bytes | os.PathLike):
                note(did, os.path.abspath(os.fsdecode(path)))
        finally:
            hashing.now = False

    for module in [one for name, one in sys.modules.items() if name.partition(".")[0] == PACKAGE.name]:
        if file := getattr(module, "__file__", None):
            note("read", file)
    sys.addaudithook(hook)


_EVENTS = ("open", "os.rename", "os.listdir", "os.scandir")


def _ignored(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _named(path: str, did: str, project: Path, wholes: Iterable[str]) -> str:
    """What a path stands for, as `digest` takes it; "" where it does not count."""
    file = Path(path)
    if file.is_relative_to(PACKAGE):
        if file.suffix == ".pyc":
            file = Path(importlib.util.source_from_cache(path))
        if did != "read" or file.parent.name == "__pycache__":
            return ""
        return file.relative_to(project).as_posix() if file.is_relative_to(project) else file.as_posix()
    for folder in wholes:
        if file.is_relative_to(folder):
            return folder
    own = file.relative_to(project).parts if file.is_relative_to(project) else ()
    name = "/".join(own)
    if not own or any(map(_ignored, own)) or name in CACHES or "/".join(own[:-1]) in CACHES:
        return ""
    if did == "wrote":
        return name
    if own[0] in DATA and len(own) > 1 and (project / own[0] / own[1]).is_dir():
        return "/".join(own[:2])
    if did == "listed":
        return "" if path in sys.path else f"{name}/"  # imports list those
    return "" if file.is_dir() else name  # a folder is opened to lock it


@cache
def installed() -> str:
    """A hash of Python's version and of those of the packages that the lock file names, as they are installed."""
    lock = Path("requirements.lock")
    names = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE) if lock.exists() else []
    found = [sys.version]
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return hashlib.blake2b("\n".join(found).encode(), digest_size=16).hexdigest()


def current(stamp: Path, made_with: Mapping[str, Any]) -> bool:
    """Whether what a stamp speaks of was made with these settings, from what is there now, and is there still."""
    try:
        known = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return known["made with"] == made_with and all(
        digest(path) == was for hashes in (known["read"], known["wrote"]) for path, was in hashes.items()
    )


def write_stamp(stamp: Path, made_with: Mapping[str, Any], record: Path, also: Iterable[str] = ()) -> None:
    """Write, whole or not at all, what a record tells. also: further files that were made.

    What was written is no input: it is compared as it is now, which is after the last that was written to it.
    """
    read: Hashes = {}
    wrote = list(also)
    for line in record.read_text(encoding="utf-8").splitlines():
        did, path, was = json.loads(line)
        if did == "wrote":
            wrote.append(path)
        else:
            read.setdefault(path, was)
    made = {
        f"{path}#{stamp.stem}" if path.endswith(f"/{MANIFEST}") else path: "" for path in wrote if os.path.exists(path)
    }
    told = {
        "made with": made_with,
        "read": {path: was for path, was in sorted(read.items()) if path not in wrote},
        "wrote": {path: digest(path) for path in sorted(made)},
    }
    if read:  # else nothing was traced, and nothing is known
        with atomic_write(stamp) as part:
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
