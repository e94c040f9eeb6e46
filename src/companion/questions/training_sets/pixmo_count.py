"""PixMo-Count: how many of a thing are there? Pictures of the web, of which the set has only addresses and hashes.

The first use fetches them into `data/pixmo-count/images/`, each under its SHA-256, and keeps only those whose content
has that hash. What is dead or shows something else is noted in `data/pixmo-count/missing.json` and not tried again
(delete the file for that); what was too slow, or whose server failed, is. Stopped half-way, it goes on from there. With
HF_HUB_OFFLINE the pictures that are there are all.

A count's options are four numbers in a row, with the right one at any place among them.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import socket
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from urllib.error import HTTPError, URLError

from tqdm import tqdm

from companion.errors import CompanionError
from companion.questions.public.benchmark import Benchmark, Copy, MalformedError, Row, accuracy, collect
from companion.questions.public.files import Table, in_cell
from companion.questions.question import Question

NAME = "pixmo-count"
IMAGES, MISSING = "images", "missing.json"

PATIENCE = 20.0
"""Seconds in which a picture must have come whole."""

AT_ONCE = 16
"""Pictures under way at any time."""

OPTIONS = 4

HASH = re.compile(r"[0-9a-f]{64}")

DEAD, OTHER, LATER = "dead link", "other content", "not now"
"""Why a picture is not there; what is not there now is tried again the next time."""

PASSING = (408, 425, 429)
"""Statuses below 500 that may be others later."""


def read_questions(copy: Copy, known_bad: bool) -> list[Question]:
    """The questions of the training split whose pictures are there, or can be fetched."""
    rows = list(Table(NAME, copy, ("image_url", "image_sha256", "label", "count"), "image_url"))
    urls = {str(row.values["image_sha256"]): str(row.values["image_url"]) for row in rows}
    gone = fetch({sha: url for sha, url in urls.items() if HASH.fullmatch(sha)}, copy.beside)
    if gone:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(gone.items()))
        print(
            f"{NAME}: {gone.total()} of {len(urls)} pictures are not there, and their questions are left out: {told}",
            file=sys.stderr,
        )
    there = {file.name for file in (copy.beside / IMAGES).iterdir()}
    if there.isdisjoint(urls):
        raise CompanionError(
            f"{NAME}: none of its {len(urls)} pictures could be fetched; see whether there is a network"
        )
    return collect(NAME, rows, lambda row: _question(row, copy.beside / IMAGES, there))


def _question(row: Row, images: Path, there: set[str]) -> Question | None:
    """None where there is no picture. Questions about the same picture are a group."""
    sha, count, id = row.text("image_sha256"), row.text("count"), f"{NAME}-{row.number}"
    if not HASH.fullmatch(sha):
        raise MalformedError("image_sha256", f"{sha!r} is not 64 hex digits")
    if not count.isdecimal():
        raise MalformedError("count", f"{count!r} is not a whole number")
    if sha not in there:
        return None
    answer = random.Random(id).randint(0, min(int(count), OPTIONS - 1))
    first = int(count) - answer
    options = tuple(str(number) for number in range(first, first + OPTIONS))
    text = f"How many {row.text('label')} are there in the picture?"
    picture = partial(in_cell, (images / sha).read_bytes, f"{row.place}, column image_url")
    return replace(row, picture=picture).question(id, text, options, answer, group=f"{NAME}-{sha[:16]}")


def fetch(urls: Mapping[str, str], folder: Path) -> Counter[str]:
    """Fetch the pictures of these addresses, by hash, that are not in `folder` yet; says how many are not, and why."""
    from huggingface_hub import is_offline_mode

    images, note = folder / IMAGES, folder / MISSING
    images.mkdir(parents=True, exist_ok=True)
    missing: dict[str, str] = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    there = {file.name for file in images.iterdir()}
    wanted = [sha for sha in urls if sha not in there and sha not in missing]
    later = dict.fromkeys(wanted, LATER)
    if wanted and not is_offline_mode():
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            futures = {pool.submit(_fetch, urls[sha], sha, images): sha for sha in wanted}
            for future in tqdm(as_completed(futures), f"{NAME}: pictures", len(futures), unit="picture"):
                reason = future.result()
                if reason != LATER:
                    del later[futures[future]]
                if reason in (DEAD, OTHER):
                    missing[futures[future]] = reason
        finally:
            pool.shutdown(cancel_futures=True)
            unfinished = note.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(missing, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            unfinished.replace(note)
    return Counter(reason for sha, reason in (missing | later).items() if sha in urls)


def _fetch(url: str, sha: str, images: Path) -> str | None:
    """Why a picture cannot be had, or None once it is there."""
    try:
        content = _content(url)
    except (OSError, HTTPException, ValueError) as error:
        return DEAD if _for_good(error) else LATER
    if hashlib.sha256(content).hexdigest() != sha:
        return OTHER
    unfinished = images / f".{sha}.{os.getpid()}"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(images / sha)
    except OSError as error:
        raise CompanionError(f"cannot write into {images}: {error.strerror or error}; free some space") from error
    return None


def _content(url: str) -> bytes:
    """What is at an address. Raises TimeoutError where it does not come whole in time."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no web address")
    end = time.monotonic() + PATIENCE
    found = b""
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"User-Agent": "companion"}), None, PATIENCE
    ) as page:
        while part := page.read1(1 << 20):
            found += part
            if time.monotonic() > end:
                raise TimeoutError
        if page.length:
            raise IncompleteRead(found, page.length)
    return found


def _for_good(error: Exception) -> bool:
    """Whether another try would fail alike: no such page, no such server, no address."""
    if isinstance(error, HTTPError):
        return error.code < 500 and error.code not in PASSING
    if isinstance(error, URLError):
        reason = error.reason  # a string where the address is no good
        return isinstance(reason, str) or (isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME)
    return isinstance(error, ValueError)


# Count, licence and commit: the dataset's card and history at the Hub.
PIXMO_COUNT = Benchmark(
    name=NAME,
    title="PixMo-Count (training)",
    home="allenai/pixmo-count",
    files=("data/train-*.parquet",),
    revision="ebf51cf70e45d12374e64d475862e4f8d21d31d0",
    licence="ODC-BY",
    items=36916,
    options="4",
    note="Its pictures are fetched from the web by their hash; many are dead, and how many is told.",
    read=read_questions,
    scores=accuracy,
)
