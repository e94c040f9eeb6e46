"""Rows on disk: Parquet parts that are only ever added, each row under a key made of its content.

The key covers all that can change a row (model, prompt, picture, options, sampling), so that a run which was
interrupted goes on where it stood and a finished one computes nothing. A part is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from companion.errors import CompanionError, legible, one_line
from companion.locks import Holder, claim

KEY_VERSION = b"2"
"""What row keys are made of, written into each part; 2 since perturbations have the names that they have now."""

ROWS = pa.schema(
    [
        ("key", pa.string()),
        ("model", pa.string()),
        ("model_hash", pa.string()),
        ("profile", pa.string()),
        ("precision", pa.string()),
        ("system", pa.string()),
        ("benchmark", pa.string()),
        ("question", pa.string()),
        ("group", pa.string()),
        ("category", pa.string()),
        ("difficulty", pa.string()),
        ("n_options", pa.int32()),
        ("options", pa.list_(pa.string())),
        ("perturbation", pa.string()),
        ("wording", pa.string()),
        ("delivery", pa.string()),
        ("suggested", pa.string()),
        ("temperature", pa.float64()),
        ("sample", pa.int32()),
        ("seed", pa.int32()),
        ("prompt", pa.string()),
        ("prefill", pa.string()),
        ("response", pa.string()),
        ("think", pa.string()),
        ("tokens", pa.int32()),
        ("finish", pa.string()),
        ("answer", pa.string()),
        ("right", pa.string()),
        ("correct", pa.bool_()),
        ("letter_probs", pa.list_(pa.float64())),
        ("letter_mass", pa.float64()),
        ("p_correct", pa.float64()),
        ("entropy", pa.float64()),
    ],
    metadata={b"key_version": KEY_VERSION},
)
"""One row per question × perturbation × model × sample. `answer`, `right` and `suggested` are letters, or null;
`precision` is "" where it cannot be known and `system` where there is no system prompt; both are null in rows from
before 2026-11-29. `options` are those shown, an added "I'm not sure" included; `entropy` is normalised to [0, 1] by the
number of options shown; `tokens` are without the one that ends the turn, but with it in rows of servers from before
2026-11-28."""

VERDICTS = pa.schema(
    [
        ("key", pa.string()),
        ("row", pa.string()),
        ("judge", pa.string()),
        ("judge_hash", pa.string()),
        ("verdict", pa.string()),
        ("concluded", pa.string()),
        ("reason", pa.string()),
        ("details", pa.string()),
    ]
)
"""One line per judge × row (`row` is its key). `concluded` is a letter, or null; `details` is JSON."""

CLAIMS = pa.schema(
    [
        ("key", pa.string()),
        ("benchmark", pa.string()),
        ("question", pa.string()),
        ("claims", pa.list_(pa.string())),
        ("writer", pa.string()),
        ("asked", pa.string()),
        ("attempts", pa.int32()),
        ("refused", pa.string()),
    ]
)
"""One line per writer × question. `asked` is the model that was asked; `writer` is it too, or "template" where none of
its `attempts` replies was accepted. `refused`: what was wrong with the last that was not, or ""."""


def content_key(**content: Any) -> str:
    """Thirty-two hex digits that stand for the content."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


class UnstorableError(CompanionError):
    """Some rows are stored without values that their columns cannot hold; the message names them. rows: as they are
    stored. lost: what is wrong with these, by key."""

    def __init__(self, rows: list[dict[str, Any]], lost: dict[str, str]) -> None:
        told = "; ".join(f"row {key}, {wrong}" for key, wrong in lost.items())
        super().__init__(f"{told}: stored without, as is all else; mend where that comes from")
        self.rows, self.lost = rows, lost


class Store:
    """A folder of Parquet parts of one schema. Rows may come from several models, benchmarks and runs.

    shipped: folders of the same kind that are read too, and never written.
    """

    def __init__(self, folder: Path, schema: pa.Schema = ROWS, shipped: Sequence[Path] = ()) -> None:
        self.folder, self.schema, self.shipped = folder, schema, tuple(shipped)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CompanionError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from error

    def read(self, keys: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """The rows that are there, by key, among `keys` if given.

        Raises CompanionError, naming the file, where a part is damaged.
        """
        wanted = None if keys is None else set(keys)
        rows: dict[str, dict[str, Any]] = {}
        for part in (part for folder in (self.folder, *self.shipped) for part in parts(folder)):
            try:
                if wanted is not None and wanted.isdisjoint(pq.read_table(part, columns=["key"])["key"].to_pylist()):
                    continue
                if "variant" in pq.read_schema(part).names:
                    raise CompanionError(
                        f"{part} has no keys of version {KEY_VERSION.decode()}: it was written before perturbations "
                        "had the names that they have now; give another --out, or delete it"
                    )
                table = pq.read_table(part, schema=self.schema)
            except (pa.ArrowException, OSError) as error:
                raise CompanionError(
                    f"{part} is damaged and cannot be read; delete it and run the same command again: "
                    "only the rows that it held are computed anew"
                ) from error
            if wanted is not None:
                table = table.filter(pa.array([key in wanted for key in table["key"].to_pylist()], pa.bool_()))
            rows |= {row["key"]: row for row in table.to_pylist()}
        return rows

    @contextmanager
    def claim(self, keys: Iterable[str]) -> Iterator[tuple[set[str], list[Holder]]]:
        """The keys that no other process is making rows of, and who makes the others: see `locks.claim`."""
        with claim(self.folder, keys) as claimed:
            yield claimed

    def append(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Write rows as a new part: a hidden file first, then renamed, so that no reader sees half of it.

        Returns them as they are stored: where text was wanted and something else was there, it is told as text, and
        half a character is "\ufffd". Raises UnstorableError, once all is stored, that names a row with another value
        that its column cannot hold; it is stored without that value.
        """
        if not rows:
            return rows
        lost: dict[str, str] = {}
        try:
            table = pa.Table.from_pylist(rows, schema=self.schema)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            rows = [self._storable(row, lost) for row in rows]
            table = pa.Table.from_pylist(rows, schema=self.schema)
        self._write(table, rows)
        if lost:
            raise UnstorableError(rows, lost)
        return rows

    def _storable(self, row: dict[str, Any], lost: dict[str, str]) -> dict[str, Any]:
        """The row with values that its columns can hold. lost: is told by key which of them are left out."""
        own = dict(row)
        for column in self.schema:
            value = row.get(column.name)
            try:
                pa.array([value], column.type)
                continue
            except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                wrong = one_line(error)
            if pa.types.is_string(column.type):
                own[column.name] = _as_text(value)
            elif column.type == pa.list_(pa.string()) and isinstance(value, list | tuple):
                own[column.name] = [_as_text(one) for one in value]
            else:
                own[column.name] = None
                told = f"column {column.name}, cannot hold {value!r} ({wrong})"
                lost[row["key"]] = ", ".join(filter(None, (lost.get(row["key"]), told)))
        return own

    def _write(self, table: pa.Table, rows: list[dict[str, Any]]) -> None:
        part = self.folder / f"{content_key(keys=[row['key'] for row in rows])}.parquet"
        unfinished = self.folder / f".{part.name}.{os.getpid()}"
        try:
            pq.write_table(table, unfinished)
            unfinished.replace(part)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise CompanionError(
                f"cannot write {part}: {error.strerror or error}; {len(rows)} rows of the last minute are lost, all "
                "earlier ones are kept: free some space and run the same command again"
            ) from error

    def pack(self, column: str) -> list[Path]:
        """Bring all parts into one file for each value of a column, named after it; returns them.

        Stopped half-way, rows may be there twice, which does no harm; none is ever lost.
        """
        before = parts(self.folder)
        table = pa.Table.from_pylist(list(self.read().values()), schema=self.schema)
        values = table[column].unique().to_pylist()
        stems = dict(zip(values, _stems(values), strict=True))
        # All rows stand in new files before an old one goes, since a new file may have the name of an old one.
        for value, stem in stems.items():
            unfinished = self.folder / f".{stem}.parquet.{os.getpid()}"
            own = table.filter(pa.compute.equal(table[column], value)).sort_by("key")
            pq.write_table(own, unfinished, compression="zstd")
            unfinished.replace(self.folder / f"{stem}{_PACKED}")
        for part in before:
            if not part.name.endswith(_PACKED) or part.name.removesuffix(_PACKED) not in stems.values():
                part.unlink()
        return [(self.folder / f"{stem}{_PACKED}").replace(self.folder / f"{stem}.parquet") for stem in stems.values()]


_PACKED = ".packed.parquet"
"""How a file's name ends until those that it takes the place of are gone."""


def _stems(values: Sequence[str]) -> list[str]:
    """A file name for each value, without its ending, with a hash where several would have the same one (as they do
    where a file system does not tell small letters from capitals)."""
    plain = [value.replace("/", "--") for value in values]
    often = Counter(stem.casefold() for stem in plain)
    return [
        stem if often[stem.casefold()] == 1 else f"{stem}-{content_key(value=value)[:8]}"
        for stem, value in zip(plain, values, strict=True)
    ]


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return legible(value if isinstance(value, str) else str(value))


def parts(folder: Path) -> list[Path]:
    """The parts in a folder. What macOS puts beside a file on foreign disks, as "._name", is none."""
    return sorted(part for part in folder.glob("*.parquet") if not part.name.startswith("._"))


def to_frame(rows: list[dict[str, Any]], schema: pa.Schema = ROWS) -> pd.DataFrame:
    """Rows as a data frame, in their order; a letter that is missing is None."""
    return pd.DataFrame(rows, columns=schema.names)
