"""Shared fixtures: the shipped checkpoint, and a model of the same class with random weights."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_models
from faulty_server import free_port

ROOT = Path(__file__).parent.parent

tiny_models.declare_torchvision()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    return ROOT / "checkpoints" / "base"


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that has learned nothing."""
    import torch

    from companion.training.tiny_llava import build_model, build_processor, build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer(samples=300)
    model = build_model(tokenizer, width=32, vision_layers=1, text_layers=1)
    model.config.companion_profile = "microworld"
    folder = tmp_path_factory.mktemp("models") / "random"
    model.save_pretrained(folder)
    build_processor(tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Qwen2.5-VL."""
    pytest.importorskip("torchvision")
    folder = tmp_path_factory.mktemp("models") / "qwen"
    tiny_models.save_qwen(folder)
    return folder


@pytest.fixture(scope="session")
def internvl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny InternVL."""
    pytest.importorskip("torchvision")
    folder = tmp_path_factory.mktemp("models") / "internvl"
    tiny_models.save_internvl(folder)
    return folder


@pytest.fixture(scope="session")
def idefics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Idefics3."""
    folder = tmp_path_factory.mktemp("models") / "idefics"
    tiny_models.save_idefics(folder)
    return folder


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
