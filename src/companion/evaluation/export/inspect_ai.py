"""What Inspect needs beside the data: `tasks.py`, whose tasks `inspect eval` finds. Held to inspect-ai 0.3.285.

A provider of Inspect may take a `<think>` block out of a response before it is scored, so that an answer inside of one
is not seen there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TITLE = "Inspect"
CODE = "companion_tasks.py"

USE = """```bash
inspect eval path/of/this/folder/tasks.py --model …                      # all perturbations, one task each
inspect eval path/of/this/folder/tasks.py@{one} --model …   # one
inspect eval path/of/this/folder/tasks.py --model vllm/… -T delivery=prefill
```

Each task has the parameter `delivery`: `user turn` (the default), or `prefill`, where the start of the reasoning is the
last message, the assistant's. Of Inspect's own providers vllm, sglang and sagemaker ask their server to go on from it;
others pass it on as it is, and the server may refuse it, or take it for a finished turn and begin anew. Written for
inspect-ai 0.3.285."""


def write_tasks(group: str, tasks: Mapping[str, str], max_new_tokens: int, folder: Path) -> None:
    """The tasks of the data that lies in the folder. tasks: their names, by perturbation."""
    text = _HEAD + "".join(
        _TASK.format(
            task=task, function=perturbation.replace("-", "_"), perturbation=perturbation, max_tokens=max_new_tokens
        )
        for perturbation, task in tasks.items()
    )
    (folder / "tasks.py").write_text(text, encoding="utf-8")


_HEAD = '''"""Inspect's tasks: one for each perturbation. `inspect eval` of this file runs them all."""

from pathlib import Path

from companion_tasks import perturbed
from inspect_ai import Task, task

DATA = Path(__file__).parent / "data"
'''

_TASK = """

@task(name="{task}")
def {function}(delivery: str = "user turn") -> Task:
    return perturbed(DATA / "{perturbation}.jsonl", delivery, {max_tokens})
"""
