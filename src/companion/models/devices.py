"""Where a model of this machine runs."""

from __future__ import annotations

import torch

from companion.errors import CompanionError


def find_device(name: str) -> str:
    """A device as torch calls it; "auto" is a GPU where torch sees one, else the CPU.

    Raises CompanionError for one that torch does not know, and for a GPU that it does not see.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise CompanionError(f"unknown device {name!r}; give auto, cpu, cuda or cuda:0") from error
    if device.type == "cuda" and (device.index or 0) >= (seen := torch.cuda.device_count()):
        other = "auto" if seen else "auto or cpu, or install a CUDA build of torch"
        raise CompanionError(f"no device {name!r}: torch {torch.__version__} sees {seen} GPUs here; give {other}")
    return str(device)
