"""What FINDINGS.md and the README's results are written from: tables of tests, and the manifest of figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from companion.analysis.findings.rule import MISSING, joint_verdicts
from companion.analysis.findings.wording import delivered
from companion.errors import CompanionError

NAME = "FINDINGS.md"

STUDY, GAP, DELIVERY, COVERAGE = "study_tests", "findings_gap", "gap_delivery", "coverage"
"""Tables of the study's tests, of F4's, of what delivery alone does, and of what the intervals cover in simulation."""

OVER_RL, SURVIVAL, KINDS, BY_PATH = "over_rl", "survival_after_rl", "drift_by_kind", "by_path"
"""Tables of levels before and after RL, and of what is told beside the tests of F10, of H3 and of H5."""

SINGLE = "your_model_claims"
"""The table of tests of one checkpoint, with the item as the unit: of `base`, or of the model of a report."""

FIGURES = {
    "F1": ("perturbation_drops", "remedies_accuracy"),
    "F2": ("confidence",),
    "F3": ("shrinking",),
    "F4": ("gap",),
    "F5": ("tradeoff", "three_shares"),
    "F6": ("sharpening",),
    "F7": ("remedies", "remedies_accuracy"),
    "F8": ("remedies", "remedies_agreement"),
    "F9": ("reasoning_length",),
    "F10": ("survival_auroc",),
    "F11": ("failure_types",),
    "F12": ("perturbation_drops",),
    "F13": ("perturbation_drops", "where_answers_go"),
    "F14": ("seeds_and_recipes",),
    "H1": ("dose_response",),
    "H2": ("tradeoff",),
    "H3": ("drift_by_kind",),
    "H4": ("overrides",),
    "H5": (),
    "H6": ("pressure",),
    "H7": ("tradeoff", "one_transcript"),
}
"""Finding or hypothesis → the figures that show it."""


@dataclass(frozen=True)
class Findings:
    """What the page is written from.

    tests: planned tests with their estimates and verdicts, those of F4 among them. figures: the folder of tables and
    manifest. run: the tests of a report. prefix: from the page to the project.
    """

    figures: Path
    tests: pd.DataFrame
    manifest: dict[str, Any]
    run: pd.DataFrame | None = None
    prefix: str = ""

    @property
    def initials(self) -> list[str]:
        """Initial checkpoints from which findings are tested, by themselves."""
        return [name for name in self.tests["initial"].unique() if name]

    @property
    def joint(self) -> pd.Series:
        """(of, initial) → verdict."""
        return joint_verdicts(self.tests, ["of", "initial"])

    def of(self, name: str) -> pd.DataFrame:
        """The tests of a finding or hypothesis."""
        return self.tests[self.tests["of"] == name]

    def see(self, name: str, origin: str) -> str:
        """Links to the figures of a finding, and to the notebooks that made them and its numbers."""
        figures = [figure for figure in FIGURES[name] if figure in self.manifest]
        links = [
            f"[{figure.replace('_', ' ')}]({self.prefix}figures/{figure}.png){self._of_one_model(figure)}"
            for figure in figures
        ]
        notebooks = dict.fromkeys(self.notebook(entry) for entry in (origin, *figures))
        shown = f"Figures: {', '.join(links)}. " if links else ""
        return f"{shown}Made in {' and '.join(notebooks)}."

    def _of_one_model(self, figure: str) -> str:
        """That a figure shows one model, where it does, and not the runs of the study."""
        model = self.manifest[figure].get("model")
        return f" (of `{model}` alone)" if model else ""

    def notebook(self, entry: str) -> str:
        """A link to the notebook that made an entry of the manifest."""
        name = self.manifest[entry]["notebook"]
        return f"[notebook {name.partition('_')[0]}]({self.prefix}executed/{name}.ipynb)"


def load(figures: Path, run: pd.DataFrame | None = None, prefix: str = "") -> Findings:
    """Read tables and manifest. Raises CompanionError for one that is missing."""
    study = read_table(figures, STUDY).fillna({"initial": "", "prompt": ""})
    gap = read_table(figures, GAP).fillna({"delivery": ""}).rename(columns={"finding": "of"}).assign(initial="")
    told = gap["delivery"].map(lambda way: f" (prefix {delivered(way)})" if way else "")
    tests = pd.concat([study, gap.assign(what=gap["what"] + told)], ignore_index=True)
    tests = tests.sort_values("of", key=lambda names: names.map(_place), kind="stable")
    manifest = json.loads(_there(figures / "manifest.json").read_text("utf-8"))
    return Findings(figures, tests, manifest, run, prefix)


def read_table(figures: Path, name: str, command: str = "make figures") -> pd.DataFrame:
    """A table of a folder of figures. Raises CompanionError, with the command that makes it, where it is missing."""
    return pd.read_csv(_there(figures / f"{name}.csv", command))


def incomplete(found: Findings) -> bool:
    """Whether runs of any test are still missing."""
    return bool((found.tests["verdict"] == MISSING).any())


def _place(name: str) -> tuple[int, int]:
    return name[0] != "H", int(name[1:])


def _there(file: Path, command: str = "make figures") -> Path:
    if not file.exists():
        raise CompanionError(f"{file} is missing; make it with `{command}`")
    return file
