"""Shared fixtures: models and a study, made once for all processes of pytest-xdist, and a server; and slow tests.

A test that is marked `slow` is left out by `make test FAST=1`. With the seconds that it took on two cores, `slow(40)`,
it is one of the long ones, which start first: the one that started last would run on alone.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from faulty_server import free_port

from companion.locks import locked

ROOT = Path(__file__).parent.parent

tiny_models.declare_torchvision()


_running: list[pytest.Item] = []
"""The test that runs, and nothing between tests."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.clear()


def _hold_to_its_mark(event: str, arguments: tuple[Any, ...]) -> None:
    """Another Python, which a command and a kernel are, takes seconds to import what it needs: such a test is slow."""
    if event == "subprocess.Popen" and _running and not _running[0].get_closest_marker("slow"):
        program = arguments[1][0] if isinstance(arguments[1], list | tuple) else arguments[1]
        if os.fsdecode(program) == sys.executable:
            pytest.fail(f"{_running[0].name} starts another Python: mark it slow")


sys.addaudithook(_hold_to_its_mark)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Tests that need a server are slow; long tests come first."""
    for item in items:
        if "serving" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    yield  # slow ones are left out, where they are to be
    seconds = {item: mark.args[0] for item in items for mark in item.iter_markers("slow") if mark.args}
    items[:] = dealt_out(items, seconds, getattr(config, "workerinput", {}).get("workercount", 1))


def dealt_out(items: list[Any], seconds: dict[Any, float], processes: int) -> list[Any]:
    """Items in an order in which each process of pytest-xdist begins with long ones, the longest first: with
    `--dist worksteal` each is given an equal part of the list, and what it has not begun others can take from its end.

    seconds: of the long ones.
    """
    long = sorted(seconds, key=lambda item: -seconds[item])
    others = [item for item in items if item not in seconds]
    order: list[Any] = []
    for process in range(processes):
        own = long[process::processes]
        room = (len(items) - len(order)) // (processes - process) - len(own)
        order += own + others[: max(0, room)]
        del others[: max(0, room)]
    return order


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """(name, make) → a folder of that name, to be read only, which `make` was given to fill: in the first process of
    pytest-xdist that asks for it, while the others wait."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "made-once"

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, part, lock = (shared / kind / name for kind in ("whole", "part", "lock"))
        for needed in (folder.parent, part.parent, lock):
            needed.mkdir(parents=True, exist_ok=True)
        with locked(lock):
            if not folder.exists():
                shutil.rmtree(part, ignore_errors=True)
                make(part)
                part.rename(folder)
        return folder

    return made_once


@pytest.fixture(scope="session")
def whole_study(made_once) -> Path:
    """The records of a made-up study that has all its runs."""
    from made_up_study import write_study

    return made_once("whole-study", write_study)


@pytest.fixture(scope="session")
def tests_of_study(made_once, whole_study) -> Any:
    """The table of tests of that study, a DataFrame."""
    import pandas as pd

    from companion.study.results import study_tests

    def make(folder: Path) -> None:
        folder.mkdir()
        study_tests(whole_study).to_parquet(folder / "tests.parquet")

    return pd.read_parquet(made_once("tests-of-study", make) / "tests.parquet")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    return ROOT / "checkpoints" / "base"


@pytest.fixture(scope="session")
def random_checkpoint(made_once) -> Path:
    """A checkpoint that has learned nothing."""

    def make(folder: Path) -> None:
        import torch

        from companion.training.tiny_llava import build_model, build_processor, build_tokenizer

        torch.manual_seed(0)
        tokenizer = build_tokenizer(samples=300)
        model = build_model(tokenizer, width=32, vision_layers=1, text_layers=1)
        model.config.companion_profile = "microworld"
        model.save_pretrained(folder)
        build_processor(tokenizer).save_pretrained(folder)

    return made_once("random", make)


@pytest.fixture(scope="session")
def qwen(made_once) -> Path:
    """A folder with a tiny Qwen2.5-VL."""
    pytest.importorskip("torchvision")
    return made_once("qwen", tiny_models.save_qwen)


@pytest.fixture(scope="session")
def internvl(made_once) -> Path:
    """A folder with a tiny InternVL."""
    pytest.importorskip("torchvision")
    return made_once("internvl", tiny_models.save_internvl)


@pytest.fixture(scope="session")
def idefics(made_once) -> Path:
    """A folder with a tiny Idefics3."""
    return made_once("idefics", tiny_models.save_idefics)


@pytest.fixture(scope="session")
def gemma(made_once) -> Path:
    """A folder with a tiny Gemma 3, whose first layer sees fewer tokens than a prompt has."""
    return made_once("gemma", tiny_models.save_gemma)


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a `transformers serve`, which loads the models that it is asked for."""
    port = free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--port", str(port)]
    command += ["--device", "cpu", "--dtype", "float32"]
    log = tmp_path_factory.mktemp("serve") / "log"
    process = subprocess.Popen(
        command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=log.open("wb"), stderr=subprocess.STDOUT
    )
    url = f"http://localhost:{port}"
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5)
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.5)
    yield url
    process.kill()
    process.wait()
