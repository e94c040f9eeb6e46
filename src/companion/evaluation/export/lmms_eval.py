"""What lmms-eval needs beside the data: a YAML file a task, one of the group, and the functions they name.

Held to lmms-eval 0.7.3. Its tasks cut a response at an empty line, and its command line takes `<think>` blocks out
before scoring, unless a task says otherwise: these do, since our reading is of the whole response.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TITLE = "lmms-eval"
CODE = "companion_prompts.py"
COMMON = "_companion_yaml"
"""What the tasks share; its name does not end in .yaml, or it would be taken for a task."""

USE = """```bash
python -m lmms_eval --include_path path/of/this/folder --tasks {group} --model … --model_args … \\
    --batch_size 1 --log_samples --output_path logs
```

`{group}` is the group of all tasks, `{one}` one of them. Written for lmms-eval 0.7.3, which breaks by itself
with filelock 4: `pip install 'lmms-eval==0.7.3' 'filelock<4'`."""


def write_tasks(group: str, tasks: Mapping[str, str], max_new_tokens: int, folder: Path) -> None:
    """The tasks of the data that lies in the folder. tasks: their names, by perturbation."""
    (folder / COMMON).write_text(_COMMON.format(max_new_tokens=max_new_tokens), encoding="utf-8")
    for perturbation, task in tasks.items():
        (folder / f"{task}.yaml").write_text(
            f"include: {COMMON}\ntask: {task}\ndataset_kwargs:\n  data_files: data/{perturbation}.jsonl\n",
            encoding="utf-8",
        )
    listed = "".join(f"  - {task}\n" for task in tasks.values())
    (folder / f"{group}.yaml").write_text(f"group: {group}\ntask:\n{listed}", encoding="utf-8")


_COMMON = """dataset_path: json
test_split: train
output_type: generate_until
doc_to_messages: !function companion_prompts.messages
doc_to_visual: !function companion_prompts.pictures
doc_to_text: !function companion_prompts.text
doc_to_target: target
process_results: !function companion_reading.score
reasoning_tags: none
generation_kwargs:
  max_new_tokens: {max_new_tokens}
  temperature: 0
  until: []
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
  - metric: no_answer
    aggregation: mean
    higher_is_better: false
"""
