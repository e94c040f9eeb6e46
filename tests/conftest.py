"""Shared fixtures: the shipped checkpoint, and a model of the same class with random weights."""

import importlib.util
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent

if importlib.util.find_spec("torchvision") and not torch.cuda.is_available():
    # Beside a CPU build of torch the registry's torchvision imports only once the operators of its compiled part are
    # declared. Here, because transformers and trl import it wherever they find it.
    TORCHVISION = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            TORCHVISION.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


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

    from companion.microworld.model import build_model, build_processor, build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer(samples=300)
    model = build_model(tokenizer, width=32, vision_layers=1, text_layers=1)
    model.config.companion_profile = "microworld"
    folder = tmp_path_factory.mktemp("models") / "random"
    model.save_pretrained(folder)
    build_processor(tokenizer).save_pretrained(folder)
    return folder
