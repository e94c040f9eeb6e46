"""Figures on disk: each is drawn from its table, written with it, and entered into one manifest.

The manifest says which notebook, parameters, code, packages and checkpoint made it, and on what. All of these files
change with their content alone, so that drawing once more leaves them as they were.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from companion.errors import CompanionError
from companion.figures.theme import png, set_theme
from companion.locks import atomic_write, locked
from companion.provenance import loaded_code, lock_hash, without_paths

MANIFEST = "manifest.json"

FROM_PROBABILITIES = ("calibration", "confidence", "survival_auroc", "your_model_confidence")
"""Tables of the probabilities of a model that is asked as a notebook runs. On another processor these differ in the
seventh digit and their means in the sixth, so three digits are written: intervals are ten times as wide and more. All
other tables count answers, or read what is recorded, and are the same everywhere to the sixth digit."""


@dataclass
class Gallery:
    """The figures of one notebook run. `facts` (model, checkpoint hash, items, seeds, device …) go with each."""

    folder: Path
    notebook: str
    parameters: Mapping[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, figure: ModuleType, table: pd.DataFrame, about: str) -> str:
        """Write the table of a module of `companion.figures` and draw it; returns the picture's alt text.

        about: which models, items and seeds the table is of: the second line of the title.
        """
        name = figure.__name__.rpartition(".")[2]
        self.add_table(name, table, description(figure), about=about)
        return redraw(self.folder, name)

    def add_table(self, name: str, table: pd.DataFrame, description: str, **facts: Any) -> None:
        """Write `name`.csv, and its entry into the manifest. description: what it shows, in a
        sentence; the manifest calls it caption."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digits = 3 if name in FROM_PROBABILITIES else 6
        floats = table.select_dtypes("float")
        table = table.assign(**(floats.round(digits) + 0.0))  # −0 becomes 0
        with atomic_write(self.folder / f"{name}.csv") as part:
            table.to_csv(part, index=False, float_format=f"%.{digits}f", lineterminator="\n")
        entry = {
            "caption": description,
            **facts,
            "notebook": self.notebook,
            "parameters": without_paths(self.parameters),
            **without_paths(self.facts),
            "code_hash": loaded_code(),
            "lock_hash": lock_hash(Path.cwd()),
        }
        manifest = self.folder / MANIFEST
        with locked(self.folder):
            entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
            entries[name] = entry
            with atomic_write(manifest) as part:
                part.write_text(_manifest_text(entries), encoding="utf-8")

    def remove(self, figure: ModuleType) -> None:
        """Take a figure out of the folder and the manifest, where an earlier run has left one."""
        name = figure.__name__.rpartition(".")[2]
        manifest = self.folder / MANIFEST
        if not manifest.exists():
            return
        with locked(self.folder):
            entries = json.loads(manifest.read_text(encoding="utf-8"))
            entries.pop(name, None)
            with atomic_write(manifest) as part:
                part.write_text(_manifest_text(entries), encoding="utf-8")
        for suffix in ("csv", "png", "svg"):
            (self.folder / f"{name}.{suffix}").unlink(missing_ok=True)


def _manifest_text(entries: Mapping[str, Any]) -> str:
    return json.dumps(dict(sorted(entries.items())), indent=1, ensure_ascii=False) + "\n"


def description(figure: ModuleType) -> str:
    """What the figure of a module of `companion.figures` shows: its docstring's first paragraph, without full stop."""
    first = (figure.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(first.split()).removesuffix(".")


def redraw(folder: Path, name: str) -> str:
    """Draw `name`.png and .svg from `name`.csv and its entry in the manifest; returns the alt text.

    The pictures hold it too: the description, the title and the small print. The look is that of the
    module as it is now: nothing is measured again. Raises CompanionError where there is no such figure.
    """
    entries = json.loads((folder / MANIFEST).read_text(encoding="utf-8")) if (folder / MANIFEST).exists() else {}
    drawn = [known for known, entry in entries.items() if "about" in entry]
    if name not in drawn:
        raise CompanionError(
            f"no figure {name!r} in {folder}; there are {', '.join(drawn) or 'none'} (for a notebook's parameter write "
            "NAME=VALUE)"
        )
    set_theme()
    module = importlib.import_module(f"companion.figures.{name}")
    table = pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])
    figure = module.draw(table, entries[name]["about"])
    said = description(module)
    alt = f"{said} ({'; '.join(figure.get_label().splitlines())})"
    metadata = {"Title": said, "Description": alt}
    with atomic_write(folder / f"{name}.png") as part:
        part.write_bytes(png(figure, dpi=150, metadata=metadata))
    figure.set_layout_engine("none")  # what the first layout found serves the second file
    with atomic_write(folder / f"{name}.svg") as part:
        figure.savefig(part, metadata=metadata | {"Date": None, "Creator": None})
    return alt
