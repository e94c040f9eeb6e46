"""lmms-eval's own evaluation of exported tasks, timed. Executed with the Python of an environment that has it.

For each folder of tasks, from the command line or line by line from standard input, one line of JSON: rows per second
of its generation alone and of its whole evaluation, accuracy, and the texts by perturbation and question. Not timed:
imports, loading the model, reading the tasks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import tiny_models

tiny_models.declare_torchvision()


def load(name: str, checkpoint: str, batch: int) -> Any:
    from lmms_eval.models import get_model

    model = get_model(name)(pretrained=checkpoint, device="cpu", device_map="cpu", batch_size=batch)
    if name == "huggingface":
        repair(model, checkpoint)
    return model


def repair(model: Any, checkpoint: str) -> None:
    """With transformers 5, `huggingface` loads a model without the head that writes, and asks its processor for sounds.

    Its bfloat16 becomes float32, which gives the texts of the other ways; on a CPU it is faster, too.
    """
    from transformers import AutoModelForImageTextToText

    class Processor(type(model.processor)):
        def __call__(self, *args: Any, **media: Any) -> Any:
            return super().__call__(*args, **{name: given for name, given in media.items() if given != []})

    model.processor.__class__ = Processor
    model._model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32).eval()


def evaluate(model: Any, folder: str) -> dict[str, Any]:
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    manager = TaskManager(include_path=folder, include_defaults=False)
    (group,) = manager.load_task_or_group(manager.all_groups, "chat").values()
    seconds = []
    generate, weights = model.generate_until, model._model

    def timed(requests: list[Any]) -> list[Any]:
        began = time.perf_counter()
        written = generate(requests)
        seconds.append(time.perf_counter() - began)
        return written

    model.generate_until = timed
    began = time.perf_counter()
    found = simple_evaluate(model, tasks=list(group.values()), task_manager=manager)
    whole = time.perf_counter() - began
    model.generate_until, model._model = generate, weights  # it has dropped its weights
    samples = [sample for name in group for sample in found["samples"][name]]
    return {
        "generation": len(samples) / sum(seconds),
        "evaluation": len(samples) / whole,
        "accuracy": statistics.mean(sample["accuracy"] for sample in samples),
        "texts": {
            f"{sample['doc']['perturbation']}/{sample['doc']['id']}": sample["resps"][0][0] for sample in samples
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("tasks", nargs="*", help="folders; default: read their names from standard input")
    parser.add_argument("--model", default="llava_hf", help="one of lmms-eval's (default: llava_hf)")
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        model = load(options.model, options.checkpoint, options.batch)
    for name in options.tasks or map(str.strip, sys.stdin):
        with contextlib.redirect_stdout(sys.stderr):
            found = evaluate(model, name)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
