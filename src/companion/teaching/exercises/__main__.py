"""`python -m companion.teaching.exercises`: readers' cells; `--solutions FOLDER`: teachers' copies with answers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from companion.errors import CompanionError
from companion.teaching.exercises.writing import write_exercises, write_solutions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m companion.teaching.exercises", description=__doc__)
    parser.add_argument("--notebooks", type=Path, default=Path("notebooks"), help="(default: %(default)s)")
    parser.add_argument(
        "--solutions", type=Path, metavar="FOLDER", help="write teachers' copies there, and nothing else"
    )
    options = parser.parse_args()
    try:
        if options.solutions:
            written = write_solutions(options.notebooks, options.solutions)
        else:
            written = write_exercises(options.notebooks)
    except CompanionError as error:
        sys.exit(f"error: {error}")
    print("\n".join(map(str, written)) or "every notebook has its exercises already")


if __name__ == "__main__":
    main()
