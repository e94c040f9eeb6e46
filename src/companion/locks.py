"""Processes that share a folder: one at a time (`locked`), or each at what no other is at (`claim`); and files that no
reader finds half-written (`atomic_write`).

The first two rest on the locks of the system, which go with the process that holds them, however it ends: none is ever
stale. Where the system has none (Windows, some network drives), nobody is held up.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from companion.errors import CompanionError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ENDING = ".claim"

_held: set[int] = set()
"""Files whose locks this process holds. A forked child would hold them too, and longer."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder against other processes that do the same."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """A hidden file beside `file`, which takes its place when the block has ended; until then that is as it was.

    Where the block raises an error, it stays so, and the hidden file is removed. A link is followed. What is there and
    no file, such as /dev/stdout, is written as it is.
    """
    target = file.resolve()
    if target.exists() and not target.is_file():
        yield target
        return
    unfinished = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        yield unfinished
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Holder:
    """Another process that is at work. who: in words. keys: what it works on, as it claimed them."""

    file: Path
    who: str
    keys: frozenset[str]

    def wait(self) -> None:
        """Until it has finished, or died."""
        with suppress(FileNotFoundError), self.file.open("rb") as opened:
            _lock(opened.fileno(), fcntl.LOCK_SH)


@contextmanager
def claim(folder: Path, keys: Iterable[str]) -> Iterator[tuple[set[str], list[Holder]]]:
    """Those of the keys that no other process has claimed, held while the block runs, and who has the others.

    Whoever waits for a holder does it outside of the block, so that no two wait for each other. Raises CompanionError
    where nothing can be written into the folder.
    """
    wanted = set(keys)
    file = folder / f".{uuid.uuid4().hex}{ENDING}"
    with locked(folder):
        holders = [] if fcntl is None else [holder for holder in _holders(folder) if holder.keys & wanted]
        own = wanted.difference(*(holder.keys for holder in holders))
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError as error:
            raise CompanionError(f"cannot write into {folder}: {error.strerror}; choose another --out") from error
        _held.add(handle)
        try:
            if fcntl is not None:
                _lock(handle, fcntl.LOCK_EX)
            who = f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%H:%M:%S')}"
            _write(handle, json.dumps({"who": who, "keys": sorted(own)}).encode(), folder)
        except BaseException:
            _let_go(file, handle)
            raise
    try:
        yield own, holders
    finally:
        _let_go(file, handle)


def _holders(folder: Path) -> list[Holder]:
    """Processes with a claim in a folder; the claims of those that have died are removed."""
    found = []
    for file in folder.glob(f".*{ENDING}"):
        with suppress(FileNotFoundError), file.open("rb") as opened:
            if _is_free(opened.fileno()):
                file.unlink()
            else:
                said = json.loads(opened.read())
                found.append(Holder(file, said["who"], frozenset(said["keys"])))
    return found


def _is_free(handle: int) -> bool:
    """Whether nobody holds a lock on an open file."""
    try:
        _lock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(handle: int, how: int) -> None:
    """Lock an open file, where its file system can do that. Raises BlockingIOError where it is held and not waited."""
    try:
        fcntl.flock(handle, how)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL):
            raise


def _write(handle: int, said: bytes, folder: Path) -> None:
    try:
        with open(handle, "wb", closefd=False) as opened:
            opened.write(said)
    except OSError as error:
        raise CompanionError(f"cannot write into {folder}: {error.strerror}; free some space there") from error


def _let_go(file: Path, handle: int) -> None:
    file.unlink(missing_ok=True)
    _held.discard(handle)
    os.close(handle)


def _forget() -> None:
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
