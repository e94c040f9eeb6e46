"""The study in very small, as a command that can be killed: `python tests/tiny_study.py CHECKPOINT FOLDER`."""

import sys
from dataclasses import replace
from pathlib import Path

from companion.evaluation import fill_missing
from companion.study import protocol, running
from companion.training import supervised
from companion.training.recipes import Stage

# In the command and the processes that it starts, but not in the tests that import this.
if __name__ in ("__main__", "__mp_main__"):
    supervised.SAVE_EVERY = 2
    running.SAVE_EVERY = 1
    running.SLICE = 4
    fill_missing.FLUSH_SECONDS = 0.0


def tiny(checkpoint: str) -> protocol.Protocol:
    """Two initial checkpoints, two recipes, steps and items that one can count."""
    stage = Stage("continuation", 6, protocol.FURTHER, 2e-4, warmup=2, decay=6, whole=True)
    clean, misread = (
        replace(recipe, start=checkpoint, stages=(stage,), batch=8)
        for recipe in (protocol.MISREAD_0, protocol.MISREAD_20)
    )
    correct, consistent = (
        replace(recipe, steps=4, every=2, prompts=2, rollouts=4) for recipe in (protocol.CORRECT, protocol.CONSISTENT)
    )
    cells = (
        protocol.Cell("A", misread, correct, (21,)),
        protocol.Cell("A", clean, correct, (21,)),
        protocol.Cell("D", misread, consistent, (21,)),
    )
    return protocol.Protocol(cells, n_items=12, n_on_the_way=6, full=(0, 4))


if __name__ == "__main__":
    checkpoint, folder = sys.argv[1], Path(sys.argv[2])
    running.run_study(folder / "results", folder / "scratch", tiny(checkpoint))
