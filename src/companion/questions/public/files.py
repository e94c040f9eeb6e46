"""Where a benchmark's files come from, and how they are read: Parquet, TSV and JSON, pictures when they are asked for.

Files are looked for in `data/<name>/`, which may be any copy of the dataset's repository (the same paths, or all files
side by side), then in the Hub's cache, and else downloaded. A connection that breaks is taken up where it broke; after
a download that was stopped, the files that it had finished are not fetched again. Where no commit is pinned, the first
use notes the newest in `data/revisions.json`, and later uses take that one. With HF_HUB_OFFLINE nothing is asked of the
network.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
import sys
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from PIL import Image

from companion.errors import CompanionError, PictureError, first_line
from companion.questions.pictures import picture
from companion.questions.public.benchmark import TOLERATED, Benchmark, Copy, MalformedError, Row

DATA = Path("data")
REVISIONS = "revisions.json"

GROUPS_KEPT = 2
"""Row groups whose pictures stay in memory, of each set."""

ROWS_IN_GROUP = 32
"""Of the Parquet file that is made of a TSV file."""

STATE = b"companion: made of"
"""Key of the note in that file: size, and time of the last change, of the TSV file."""

BLOCK = 1 << 26
"""Bytes of a TSV file that are read at a time: more than any row has."""

REFERENCE = 64
"""Characters: what is shorter in the picture column of a TSV file is the index of the row that has the picture."""

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""Endings of picture files."""

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.")


def locate(benchmark: Benchmark, data: Path = DATA) -> Copy:
    """The copy of a benchmark on this machine, downloaded if need be.

    Raises CompanionError, which says what to put where, if there is none and none can be had.
    """
    found = at_hand(benchmark, data)
    if found:
        return found
    if "://" in benchmark.home:
        raise CompanionError(
            f"{benchmark.name}: no {' and '.join(benchmark.files)} in {data / benchmark.name}; get them from "
            f"{benchmark.home} and put them there"
        )
    return _download(benchmark, data)


def at_hand(benchmark: Benchmark, data: Path = DATA) -> Copy | None:
    """The copy in `data/`, or else in the Hub's cache, or None. Raises CompanionError where parts are missing."""
    own, shared = data / benchmark.name, data / (benchmark.folder or benchmark.name)
    for folder, flat in ((own, True), (shared, False)):
        for patterns in (benchmark.files, *benchmark.also):
            found = _matching(folder, patterns) or (flat and _matching(folder, [Path(one).name for one in patterns]))
            if found:
                return Copy(folder, _whole(found), own)
    revision = _revision(benchmark, data)
    if "://" in benchmark.home or not revision:
        return None

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = snapshot_download(
            benchmark.home,
            repo_type="dataset",
            revision=revision,
            allow_patterns=list(benchmark.files),
            local_files_only=True,
        )
    except LocalEntryNotFoundError:
        return None
    return _of_snapshot(benchmark, Path(cached), own)


def _download(benchmark: Benchmark, data: Path) -> Copy:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    # OSError, and what its HTTP library raises when a connection breaks
    broken = cast(tuple[type[Exception], ...], HfHubHTTPError.__bases__)
    where = f"put {' and '.join(benchmark.files)} of {benchmark.home} into {data / benchmark.name}"
    if huggingface_hub.is_offline_mode():
        raise CompanionError(
            f"{benchmark.name} is not on this machine, and HF_HUB_OFFLINE is set: unset it, or {where}"
        )
    try:
        revision = _revision(benchmark, data) or _resolve(benchmark, data)
        print(f"{benchmark.title}: {benchmark.home} at {revision[:12]}, to the Hub's cache", file=sys.stderr)
        folder = huggingface_hub.snapshot_download(
            benchmark.home, repo_type="dataset", revision=revision, allow_patterns=list(benchmark.files)
        )
    except broken as error:
        raise CompanionError(
            f"{benchmark.name} cannot be downloaded from {benchmark.home} ({first_line(error)}); give the same command "
            f"again, which goes on from here, or {where}"
        ) from error
    return _of_snapshot(benchmark, Path(folder), data / benchmark.name)


def _of_snapshot(benchmark: Benchmark, folder: Path, beside: Path) -> Copy:
    found = _matching(folder, benchmark.files)
    if not found:
        raise CompanionError(
            f"{benchmark.name}: {benchmark.home} holds no {' and '.join(benchmark.files)} at this revision"
        )
    return Copy(folder, _whole(found), beside)


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files in the order of the patterns; none where one of these has none."""
    found = [sorted(folder.glob(pattern)) for pattern in patterns]
    return [file for files in found for file in files] if all(found) else []


def _whole(files: list[Path]) -> tuple[Path, ...]:
    """Files as they are. Raises CompanionError where of "…-00000-of-00004.parquet" and so on one is missing."""
    numbered: dict[tuple[str, int], set[int]] = {}
    for file in files:
        part = _PART.search(file.name)
        if part:
            numbered.setdefault((file.name[: part.start()], int(part[2])), set()).add(int(part[1]))
    for (stem, count), numbers in numbered.items():
        missing = sorted(set(range(count)) - numbers)
        if missing:
            raise CompanionError(
                f"{files[0].parent}: part {missing[0]} of {stem} (of {count}, counted from 0) is missing; copy it there"
            )
    return tuple(files)


def _revision(benchmark: Benchmark, data: Path) -> str | None:
    noted = data / REVISIONS
    if benchmark.revision or not noted.is_file():
        return benchmark.revision
    try:
        return json.loads(noted.read_text(encoding="utf-8")).get(benchmark.home)
    except (json.JSONDecodeError, AttributeError) as error:
        raise CompanionError(f"{noted} is damaged ({error}); mend it or delete it") from error


def _resolve(benchmark: Benchmark, data: Path) -> str:
    """The newest commit of a benchmark, noted for later uses."""
    from huggingface_hub import HfApi

    revision = str(HfApi().dataset_info(benchmark.home, revision="main").sha)
    noted = data / REVISIONS
    known = json.loads(noted.read_text(encoding="utf-8")) if noted.is_file() else {}
    data.mkdir(parents=True, exist_ok=True)
    unfinished = noted.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(known | {benchmark.home: revision}, indent=2, sort_keys=True) + "\n", "utf-8")
    unfinished.replace(noted)
    return revision


class Table:
    """The rows of Parquet files, or of TSV files, in order.

    The picture column is not read with the others but row group by row group, when a picture is asked for; from several
    threads if need be. If it holds lists, rows have the paths in them instead, and the first picture counts. columns:
    what must be there; others: what may be.
    """

    def __init__(self, name: str, copy: Copy, columns: Sequence[str], picture: str, others: Sequence[str] = ()) -> None:
        self.name, self.column = name, picture
        self._values: list[dict[str, Any]] = []
        self._places: list[tuple[str, int]] = []
        self._groups: list[tuple[Path, int]] = []
        sizes = []
        for published in copy.files:
            file = _as_parquet(published) if published.suffix == ".tsv" else published
            with _readable(file):
                parquet = pq.ParquetFile(file)
            present = parquet.schema_arrow.names
            for column in (*columns, picture):
                if column not in present:
                    raise CompanionError(
                        f"{name}: {published} has no column {column!r}, only {', '.join(present)}; it is not a file of "
                        "this set, or of another version of it"
                    )
            wanted = [column for column in (*columns, *others) if column in present]
            if pa.types.is_list(parquet.schema_arrow.field(picture).type):
                leaves = [parquet.schema.column(leaf).path for leaf in range(parquet.metadata.num_columns)]
                wanted += [leaf for leaf in leaves if leaf.startswith(f"{picture}.") and leaf.endswith(".path")]
            with _readable(file):
                rows = parquet.read(columns=wanted).to_pylist()
            self._values += rows
            self._places += [(published.name, number) for number in range(len(rows))]
            self._groups += [(file, group) for group in range(parquet.num_row_groups)]
            sizes += [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
        self._firsts = [0, *accumulate(sizes)][:-1]
        self._read = lru_cache(GROUPS_KEPT)(self._read_group)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Row]:
        for number, values in enumerate(self._values):
            yield Row(self.name, *self._places[number], values, partial(self.picture, number))

    def picture(self, number: int) -> Image.Image:
        """The picture of a row, as RGB. Raises PictureError, naming set, row and column, where it is damaged."""
        value = self._cell(number)
        if isinstance(value, str) and len(value) < REFERENCE:
            value = self._cell(self._by_index.get(value, number))
        return in_cell(lambda: value, f"{self._place(number)}, column {self.column}")

    @cached_property
    def _by_index(self) -> dict[str, int]:
        return {str(values.get("index")): number for number, values in enumerate(self._values)}

    def _place(self, number: int) -> str:
        file, row = self._places[number]
        return f"{self.name}, {file}, row {row}"

    def _cell(self, number: int) -> Any:
        group = bisect_right(self._firsts, number) - 1
        with self._lock:  # so that two threads do not read the same group
            column = self._read(*self._groups[group])
        return column[number - self._firsts[group]].as_py()

    def _read_group(self, file: Path, group: int) -> pa.ChunkedArray:
        with _readable(file):
            return pq.ParquetFile(file).read_row_group(group, columns=[self.column])[self.column]


def in_cell(load: Callable[[], Any], place: str) -> Image.Image:
    """The picture of what `load` returns: a file's bytes, these in base64, a struct that has them, or a list.

    Raises PictureError, naming the place, where it is damaged.
    """

    def content() -> bytes:
        try:
            value: Any = load()
        except OSError as error:
            raise PictureError(f"{place}: the picture cannot be read ({error}); get the file anew") from error
        value = (value or [None])[0] if isinstance(value, list) else value
        value = value.get("bytes") if isinstance(value, dict) else value
        try:
            return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(memoryview(value))
        except (TypeError, ValueError) as error:
            raise PictureError(f"{place}: the picture is damaged ({error}); get the file anew") from error

    return picture(content, place, "get the file anew")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise CompanionError(f"{file} is damaged and cannot be read ({error}); get it anew") from error


def _as_parquet(file: Path) -> Path:
    """The Parquet file that is made of a TSV file once: pictures of TSV could only be read all at once.

    It lies beside the TSV file, or in the user's cache where that folder takes none, and notes of which state of that
    file it was made: one of another size or time, be it earlier, is another state.
    """
    state = f"{file.stat().st_size} {file.stat().st_mtime_ns}".encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "companion"
    digest = hashlib.blake2b(os.path.abspath(file).encode(), digest_size=8).hexdigest()
    places = (file.with_suffix(".parquet"), cache / f"{file.stem}-{digest}.parquet")
    for made in places:
        if made.exists() and _state(made) == state:
            return made
    for made in places:
        try:
            made.parent.mkdir(parents=True, exist_ok=True)
            _convert(file, made, state)
            return made
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if made != places[-1] and isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
                continue
            raise CompanionError(
                f"{file} cannot be turned into Parquet at {made} ({error}); see whether it is whole, and the disk not "
                "full"
            ) from error
    raise AssertionError("the last place either takes the file or raises")


def _state(made: Path) -> bytes | None:
    try:
        return (pq.read_schema(made).metadata or {}).get(STATE)
    except (pa.ArrowException, OSError):
        return None


def _convert(file: Path, made: Path, state: bytes) -> None:
    """Write a TSV file as Parquet: a hidden file first, then renamed."""
    with file.open(encoding="utf-8-sig") as lines:
        columns = next(lines, "").rstrip("\r\n").split("\t")
    reader = pc.open_csv(
        file,
        pc.ReadOptions(block_size=BLOCK),
        pc.ParseOptions(delimiter="\t", newlines_in_values=True),
        pc.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
    )
    unfinished = made.with_name(f".{made.name}.{os.getpid()}")
    try:
        with pq.ParquetWriter(unfinished, reader.schema.with_metadata({STATE: state})) as writer:
            for batch in reader:
                writer.write_batch(batch, row_group_size=ROWS_IN_GROUP)
        unfinished.replace(made)
    finally:
        unfinished.unlink(missing_ok=True)


def json_rows(name: str, copy: Copy, file: Path, columns: Sequence[str], path: str, source: str) -> Iterator[Row]:
    """The rows of a JSON file whose pictures lie as files anywhere in the copy's folder.

    path: the column with a picture's path, of which the last two parts count, if there are two. source: where to get
    pictures, for errors. Raises CompanionError where a column is in no row, or too many pictures are missing.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise CompanionError(f"{file} is damaged and cannot be read ({error}); get it anew") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CompanionError(f"{file} is not a list of objects; get it anew")
    for column in (*columns, path):
        if not any(column in row for row in rows):
            raise CompanionError(f"{name}: {file} has no column {column!r}; it is not a file of this set")
    pictures: dict[str, list[Path]] = {}
    for one in sorted(copy.folder.rglob("*")):
        if one.suffix.lower() in PICTURES:
            pictures.setdefault(one.name, []).append(one)
    wanted = [Path(str(row.get(path))) for row in rows]
    files = [next((one for one in pictures.get(end.name, []) if _ends(one, end)), None) for end in wanted]
    if files.count(None) > max(1, TOLERATED * len(rows)):
        raise CompanionError(
            f"{name}: {files.count(None)} of {len(rows)} pictures are not in {copy.folder} (the first: "
            f"{wanted[files.index(None)]}); get them from {source}, and put them there"
        )
    for number, (values, found) in enumerate(zip(rows, files, strict=True)):
        place = f"{name}, {file.name}, row {number}, column {path}"
        problem = None if found else MalformedError(path, f"no picture {values.get(path)} in {copy.folder}")
        load = partial(in_cell, found.read_bytes if found else bytes, place)
        yield Row(name, file.name, number, values, load, problem)


def _ends(file: Path, end: Path) -> bool:
    """Whether the last two parts of paths are the same, or as many as `end` has."""
    return file.parts[-len(end.parts[-2:]) :] == end.parts[-2:]
