"""What lmms-eval makes of exported tasks. Executed with the Python of an environment that has it (see test_export.py).

Arguments: the folder, its group, and a file with a response for each task and line of data. Prints as JSON what each
prompt is, and what the responses score.
"""

import contextlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import tiny_models

tiny_models.declare_torchvision()

with contextlib.redirect_stdout(sys.stderr):
    from lmms_eval.api.model import lmms
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager


class Scripted(lmms):
    """Says what it was given to say, and keeps the settings it was asked with."""

    is_simple = False

    def __init__(self, texts):
        super().__init__()
        self.texts, self.settings = texts, []

    def generate_until(self, requests):
        arguments = [request.args for request in requests]
        self.settings += [settings for _, _, settings, *_ in arguments]
        return [self.texts[task][doc] for _, _, _, doc, task, _ in arguments]

    def loglikelihood(self, requests):
        raise NotImplementedError

    generate_until_multi_round = loglikelihood


def pixels(image):
    return [image.mode, *image.size, image.tobytes().hex()]


def shown(turn):
    return [turn["role"], *(pixels(part["url"]) if "url" in part else part["text"] for part in turn["content"])]


def prompts(task):
    for doc in task.test_docs():
        yield {
            "turns": [shown(turn) for turn in task.doc_to_messages(doc)],
            "text": task.doc_to_text(doc),
            "pictures": [pixels(picture) for picture in task.doc_to_visual(doc)],
            "target": task.doc_to_target(doc),
            "options": doc["options"],
            "delivery": doc["delivery"],
        }


folder, group, texts = sys.argv[1:]
with contextlib.redirect_stdout(sys.stderr):
    manager = TaskManager(include_path=folder, include_defaults=False)
    (loaded,) = manager.load_task_or_group([group], "chat").values()
    built = {name: list(prompts(task)) for name, task in loaded.items()}
    model = Scripted(json.loads(Path(texts).read_text()))
    command_line = Namespace(reasoning_tags='[["<think>", "</think>"]]', process_with_media=False)  # its defaults
    found = simple_evaluate(model, tasks=[group], task_manager=manager, cli_args=command_line)
print(json.dumps({"prompts": built, "results": found["results"], "settings": model.settings}))
