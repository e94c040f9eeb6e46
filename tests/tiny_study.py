"""The study in very small, as a command that can be killed: `python tests/tiny_study.py CHECKPOINT FOLDER`."""

import multiprocessing
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from tqdm import tqdm

from companion.evaluation import fill_missing
from companion.study import protocol, running
from companion.training import supervised
from companion.training.recipes import FURTHER, Stage


def save_at_every_step() -> None:
    supervised.SAVE_EVERY = 2
    running.SAVE_EVERY = 1
    running.SLICE = 4
    fill_missing.FLUSH_SECONDS = 0.0


# In the command and the processes that it starts, but not in the tests that import this.
if __name__ in ("__main__", "__mp_main__"):
    save_at_every_step()


def tiny(checkpoint: str) -> protocol.Protocol:
    """Two initial checkpoints, two recipes, steps and items that one can count."""
    stage = Stage("continuation", 6, FURTHER, 2e-4, warmup=2, decay=6, whole=True)
    clean, misread = (
        replace(recipe, start=checkpoint, stages=(stage,), batch=8)
        for recipe in (protocol.MISREAD_0, protocol.MISREAD_20)
    )
    correct, consistent = (
        replace(recipe, steps=4, every=2, prompts=2, rollouts=4) for recipe in (protocol.CORRECT, protocol.CONSISTENT)
    )
    planned = (
        protocol.PlannedRuns("A", misread, correct, (21,)),
        protocol.PlannedRuns("A", clean, correct, (21,)),
        protocol.PlannedRuns("D", misread, consistent, (21,)),
    )
    return protocol.Protocol(planned, n_items=12, n_on_the_way=6, full=(0, 4))


def run(checkpoint: str, folder: Path) -> None:
    running.run_study(folder / "results", folder / "scratch", tiny(checkpoint))


def run_in_a_fork(checkpoint: str, folder: Path) -> None:
    """What the command does, in a fork of a process that has imported all of this and done nothing with it: three
    processes begin at once, where the command's need half a minute to import torch, transformers and TRL each."""
    os.setsid()  # killed together with its workers
    folder.mkdir(exist_ok=True)
    os.dup2(os.open(folder / "errors", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    tqdm.monitor_interval = 0  # its thread would be in the way of the workers' forks
    running.multiprocessing = SimpleNamespace(get_context=lambda _: multiprocessing.get_context("fork"))
    save_at_every_step()
    run(checkpoint, folder)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
