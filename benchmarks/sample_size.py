"""How many samples are enough for a model that shows no probabilities: the tables of `analysis.samples_needed`.

Run: `python benchmarks/sample_size.py --csv results/sample_size.csv`, some minutes on 2 CPU cores. Rows are kept in
runs/: a second run only draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from companion.analysis.samples_needed import ITEMS, enough, study
from companion.evaluation.store import Store
from companion.models.local import LocalModel
from companion.questions.microworld import questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default="checkpoints/base,checkpoints/rl-correct", help="with commas between them")
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--csv", type=Path, help="a file to write the table of checks to")
    options = parser.parse_args()
    models = [LocalModel(name, device="cpu") for name in options.models.split(",")]
    checks, truths = study(models, questions("test", options.items), Store(Path("runs")))
    print(truths.T.to_string())
    print(checks.to_string(index=False, float_format="{:.4f}".format, na_rep=""))
    print(f"enough: {enough(checks)}")
    if options.csv:
        checks.to_csv(options.csv, index=False, float_format="%.6f", lineterminator="\n")


if __name__ == "__main__":
    main()
