"""Which of a user's own folders the rows of a run are about, and which rows answer its questions as they are now.

A row names its benchmark by the folder's name alone, so that no path is published with it, and it stays for good. So
beside the rows of a run `asked/` notes what was asked when: rows of a question that was corrected since, or of a prompt
that is now written in other words, can be left out, and two folders of one name be told apart. Folders are noted by
their way from the run. Benchmarks that have a name of their own need no notes, and get none.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from companion.evaluation.store import Store, content_key
from companion.perturbations.perturbation import Prompt
from companion.questions.registry import PUBLIC

NAME = "asked"

ASKED = pa.schema(
    [
        ("key", pa.string()),
        ("row", pa.string()),
        ("benchmark", pa.string()),
        ("folder", pa.string()),
        ("question", pa.string()),
        ("version", pa.string()),
        ("slot", pa.string()),
        ("moment", pa.int64()),
    ]
)
"""One line each time that a prompt became the one to ask. `row`: the key of its row. `version`: stands for the question
with its options, answer and picture. `slot`: for what can have one row alone, a question under a perturbation put to a
model in one way. `moment`: nanoseconds since 1970, always rising."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Current:
    """rows: as in `store.ROWS`, each benchmark under a name of its own. folders: name → folder, where it is one.

    outdated: name → how many rows are left out, since what they answer was changed or taken away.
    """

    rows: list[Row]
    folders: dict[str, Path]
    outdated: dict[str, int]

    def told(self) -> list[str]:
        """Sentences on what is left out, and on which folder is which."""
        said = [
            f"{count} rows on {name} are left out: what they answer was changed or taken away since; `companion "
            "evaluate` asks what is new"
            for name, count in self.outdated.items()
        ]
        alike = Counter(folder.name for folder in self.folders.values())
        return said + [
            f"{name} is {folder}"
            for name, folder in self.folders.items()
            if alike[folder.name] > 1 or name != folder.name
        ]


def note_asked(store: Store, plan: Sequence[tuple[str, Prompt]], settings: Mapping[str, Any]) -> None:
    """Note that these prompts, by the keys of their rows, are what is asked of their folders now.

    settings: all that a model is asked with. Nothing is written where all of it is noted already.
    """
    if not any(prompt.question.folder for _, prompt in plan):
        return
    notes = Store(store.folder / NAME, ASKED)
    known = list(notes.read().values())
    slots, versions = _newest(known)
    moment = max([time.time_ns(), *(line["moment"] + 1 for line in known)])
    lines = []
    for row, prompt in plan:
        question = prompt.question
        if not question.folder:
            continue
        line = {
            "row": row,
            "benchmark": question.source,
            "folder": _way(question.folder, store.folder),
            "question": question.id,
            "version": content_key(
                text=question.text, options=question.options, answer=question.answer, image=question.image_hash
            ),
        }
        line["slot"] = content_key(
            **settings, folder=line["folder"], question=question.id, perturbation=prompt.perturbation, seed=prompt.seed
        )
        if slots.get(line["slot"]) != row or versions[line["folder"], question.id] != line["version"]:
            lines.append(line | {"key": content_key(**line, moment=moment), "moment": moment})
    notes.append(lines)


def current(runs: Iterable[Path]) -> Current:
    """The rows of some runs that answer the questions as they were last asked.

    A row that two folders have in common stands there for both. Where a folder is gone and another of its name is
    there, it was moved, and its notes do not count. Rows without a note are taken as they are, unless others of their
    benchmark in the same run have some.
    """
    rows: dict[str, Row] = {}
    unnoted: dict[str, Row] = {}
    lines: list[Row] = []
    for run in runs:
        own = list(Store(run / NAME, ASKED).read().values()) if (run / NAME).is_dir() else []
        lines += [
            line | {"folder": os.path.normpath(os.path.join(os.path.abspath(run), line["folder"]))} for line in own
        ]
        told = {line["benchmark"] for line in own}
        found = Store(run).read()
        rows |= found
        unnoted |= {key: row for key, row in found.items() if row["benchmark"] not in told}
    there = {line["benchmark"] for line in lines if Path(line["folder"]).is_dir()}
    lines = [line for line in lines if line["benchmark"] not in there or Path(line["folder"]).is_dir()]
    lines.sort(key=lambda line: line["moment"])
    names = numbered((line["benchmark"], line["folder"]) for line in lines)
    slots, versions = _newest(lines)
    valid = {
        (line["row"], line["folder"]): line["benchmark"]
        for line in lines
        if slots[line["slot"]] == line["row"] and versions[line["folder"], line["question"]] == line["version"]
    }
    kept = [rows[key] | {"benchmark": names[name, folder]} for (key, folder), name in valid.items() if key in rows]
    noted = {key for key, _ in valid}
    used = noted | unnoted.keys()
    return Current(
        [*(row for key, row in unnoted.items() if key not in noted), *kept],
        {name: Path(folder) for (_, folder), name in names.items()},
        dict(Counter(row["benchmark"] for key, row in rows.items() if key not in used)),
    )


def numbered(folders: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(name, folder) → a name of its own: the second folder of one name is "name (2)", and so is the first if the name
    is a public benchmark's. Without a folder it is that benchmark."""
    found: dict[tuple[str, str], str] = {}
    counts = Counter(["microworld", *PUBLIC])
    for name, folder in dict.fromkeys(folders):
        if not folder:
            found[name, folder] = name
            continue
        counts[name] += 1
        found[name, folder] = name if counts[name] == 1 else f"{name} ({counts[name]})"
    return found


def _newest(lines: Iterable[Row]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """slot → row, and (folder, question) → version, of the newest line on each."""
    slots: dict[str, str] = {}
    versions: dict[tuple[str, str], str] = {}
    for line in sorted(lines, key=lambda line: line["moment"]):
        slots[line["slot"]] = line["row"]
        versions[line["folder"], line["question"]] = line["version"]
    return slots, versions


def _way(folder: str, run: Path) -> str:
    """From the run's folder to another; where there is none, as between two drives, the path itself."""
    try:
        return os.path.relpath(folder, run)
    except ValueError:
        return folder
