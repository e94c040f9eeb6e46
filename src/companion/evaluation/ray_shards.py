"""Models × benchmarks on every processor of a machine or a cluster, by Ray: a shard of the items is a task.

A task is `engine.evaluate` on its share of the items, into the store that all tasks have in common. What a worker had
stored when it died is not computed again: Ray starts its task anew, and the engine goes on from there.

Run: `companion evaluate --model A,B --benchmark x,y --ray`. Needs Ray (`pip install -e '.[paper]'`).
"""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from companion.errors import CompanionError, one_line
from companion.models.interface import Model, Sampling

REACHED = 10
"""Seconds in which a cluster takes a connection; Ray itself would try for minutes."""

ITEMS = 64
"""Of a shard, at most: as many as one is ready to wait for when a worker dies."""


@dataclass(frozen=True)
class Shard:
    """Every `parts`-th item of a benchmark, from the `part`-th. opening: settings of `open_model`, as JSON. The rest
    are the arguments of `engine.evaluate`."""

    model: str
    benchmark: str
    limit: int | None
    perturbations: tuple[str, ...]
    out: str
    sampling: Sampling
    seed: int
    batch_tokens: int | None
    opening: str
    part: int
    parts: int


def sweep(
    models: Sequence[str],
    benchmarks: Sequence[str],
    limit: int | None,
    perturbations: Sequence[str],
    out: Path,
    sampling: Sampling,
    seed: int = 0,
    batch_tokens: int | None = None,
    opening: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> bool:
    """Evaluate every model on every benchmark; the rows are in the store at `out` then, as `evaluate` finds them.

    opening: settings of `open_model`; a task has as many GPUs as they say, where there are any, else a core of the CPU.
    address: of a running cluster ("auto": the one that this machine belongs to), whose machines all see `out`; None
    starts Ray on this machine. Returns whether the tasks had GPUs, and so computed in half precision. Raises
    CompanionError where there is no such cluster, Ray does not start, or a task fails for good.
    """
    from companion.questions.registry import load_benchmark

    try:
        import ray
    except ImportError as error:
        raise CompanionError("--ray needs Ray: pip install -e '.[paper]'") from error
    opening = opening or {}
    shard_of = partial(
        Shard,
        limit=limit,
        perturbations=tuple(perturbations),
        out=str(out.resolve()),
        sampling=sampling,
        seed=seed,
        batch_tokens=batch_tokens,
        opening=json.dumps(opening),
    )
    shards = []
    for benchmark in benchmarks:
        parts = math.ceil(len(load_benchmark(benchmark, limit, seed)) / ITEMS)
        shards += [shard_of(model, benchmark, part=part, parts=parts) for model in models for part in range(parts)]
    _connect(address)
    try:
        on_gpus = ray.cluster_resources().get("GPU", 0) > 0 and not opening.get("device", "auto").startswith("cpu")
        task = ray.remote(num_cpus=1, num_gpus=opening.get("gpus", 1) if on_gpus else 0, max_retries=8)(work)
        waiting = [task.remote(shard, os.getcwd()) for shard in shards]
        with tqdm(total=len(shards), unit="shard") as bar:
            while waiting:
                done, waiting = ray.wait(waiting)
                ray.get(done)
                bar.update(len(done))
    except ray.exceptions.RayError as error:
        raise CompanionError(str(getattr(error, "cause", error))) from error
    finally:
        ray.shutdown()
    return on_gpus


def _connect(address: str | None) -> None:
    """Raises CompanionError where there is no cluster at `address`, it refuses this machine, or Ray does not start."""
    import ray

    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "//" not in host:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED).close()
        except OSError as error:
            raise CompanionError(
                f"no Ray cluster answers at {address} ({one_line(error)}); give --ray the address that `ray start "
                "--head` printed on its first machine"
            ) from error
    try:
        ray.init(address=address, log_to_driver=False, include_dashboard=False, ignore_reinit_error=True)
    except ray.exceptions.AuthenticationError as error:
        raise CompanionError(
            f"Ray {f'at {address}' if address else 'here'} refuses this machine's token: set RAY_AUTH_MODE=token, and "
            "put the cluster's token into RAY_AUTH_TOKEN, or into ~/.ray/auth_token, on every machine"
        ) from error
    except Exception as error:  # of Ray's own, of the system's, and a plain one for a start that takes too long
        if address is None:
            raise CompanionError(
                f"Ray does not start here ({one_line(error)}); leave out --ray, or give it the address of a "
                "cluster that runs"
            ) from error
        raise CompanionError(
            f"no Ray cluster at {address} ({one_line(error)}); start one with `ray start --head`, or leave out the "
            "address, and Ray starts on this machine alone"
        ) from error


def work(shard: Shard, folder: str) -> None:
    """What one task does. folder: where relative paths begin."""
    from companion.evaluation.engine import UnansweredError, evaluate
    from companion.evaluation.store import Store
    from companion.questions.registry import load_benchmark

    os.chdir(folder)
    questions = load_benchmark(shard.benchmark, shard.limit, shard.seed)[shard.part :: shard.parts]
    model = _model(shard.model, shard.opening)
    store = Store(Path(shard.out))
    with suppress(UnansweredError):  # items without an answer are named by whoever reads the rows of all shards
        evaluate(
            model, questions, shard.perturbations, store, shard.sampling, shard.seed, shard.batch_tokens, progress=False
        )


@lru_cache(maxsize=1)
def _model(name: str, opening: str) -> Model:
    """A worker keeps its model from task to task."""
    from companion.models.open import open_model

    return open_model(name, **json.loads(opening))
