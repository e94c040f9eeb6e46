"""What Inspect makes of exported tasks. Executed with the Python of an environment that has it (see test_export.py).

Arguments: the folder, the delivery, and a file with a response for each task and line of data. Prints as JSON the
messages that reach the model, its settings, and what the responses score.
"""

import base64
import contextlib
import json
import sys
import tempfile
from pathlib import Path

with contextlib.redirect_stdout(sys.stderr):
    from inspect_ai import eval, list_tasks
    from inspect_ai.model import ModelOutput, ModelUsage, get_model


def encoded(image):
    """A picture's file as base64: it comes as that, or as a path."""
    return image.partition(",")[2] if image.startswith("data:") else base64.b64encode(Path(image).read_bytes()).decode()


def shown(message):
    if isinstance(message.content, str):
        return [message.role, message.content]
    parts = [part.text if part.type == "text" else {"file": encoded(part.image)} for part in message.content]
    return [message.role, *parts]


def run(task, responses, delivery):
    asked = []

    def respond(messages, tools, choice, config):
        asked.append([shown(message) for message in messages])
        usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return ModelOutput.from_content("mockllm", responses[len(asked) - 1]).model_copy(update={"usage": usage})

    (log,) = eval(
        task,
        get_model("mockllm/model", custom_outputs=respond),
        task_args={"delivery": delivery},
        max_samples=1,
        display="none",
        log_dir=tempfile.mkdtemp(),
    )
    if log.status != "success":
        raise SystemExit(str(log.error))
    asked_of = zip(asked, log.samples, strict=True)
    return {
        "prompts": [
            {"turns": turns, "target": one.target, "options": one.choices, "delivery": one.metadata["delivery"]}
            for turns, one in asked_of
        ],
        "results": {score.name: next(iter(score.metrics.values())).value for score in log.results.scores},
        "settings": log.plan.config.model_dump(exclude_none=True),
    }


folder, delivery, texts = sys.argv[1:]
with contextlib.redirect_stdout(sys.stderr):
    responses = json.loads(Path(texts).read_text())
    found = {
        task.name: run(f"{folder}/tasks.py@{task.name}", responses[task.name], delivery)
        for task in list_tasks(root_dir=Path(folder))
    }
print(json.dumps(found))
