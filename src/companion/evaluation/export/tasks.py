"""Perturbed tasks as a folder that another tool loads: `companion export-tasks`.

The folder needs no companion. `data/VARIANT.jsonl` holds the prompts, word for word those of `companion evaluate`;
`images/` the pictures, each once; `companion_reading.py` the metric, by our own reader of answers. What each tool needs
beside them is written by `lmms_eval.py` and `inspect_ai.py`. Left out: letter probabilities and verdicts on the
reasoning, which these tools do not have; and no tool but a few of Inspect's providers can begin an assistant's turn, so
a start of the reasoning goes into the user's turn, as the profile's `begin` says.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.evaluation.export import inspect_ai, lmms_eval
from companion.models import read_answer
from companion.models.profiles import Profile, messages, user_text
from companion.perturbations.perturbation import Prompt, apply
from companion.provenance import made_by
from companion.questions.question import LETTERS, Question

TOOLS = {"lmms-eval": lmms_eval, "inspect": inspect_ai}

EXPORTED = Path(__file__).parent / "files"


def export_tasks(
    tool: str,
    questions: Sequence[Question],
    perturbations: Sequence[str],
    profile: Profile,
    folder: Path,
    seed: int = 0,
    delivery: str = "user turn",
) -> None:
    """Write a task for each perturbation, of the same questions, and a group of all, for one of `TOOLS`.

    delivery: of a start of the reasoning, "user turn" or "prefill"; of lmms-eval's tasks, since Inspect's take it as
    their parameter. Raises CompanionError for a folder that holds something.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise CompanionError(f"{folder} is not empty; choose another --out, or remove it first")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir()
    for perturbation in perturbations:
        with (folder / "data" / f"{perturbation}.jsonl").open("w", encoding="utf-8") as file:
            for question in questions:
                row = record(apply(question, perturbation, seed), profile, folder)
                if tool == "lmms-eval":
                    row["delivery"] = delivery if row["prefill"] else ""
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    group = "companion_" + _word(questions[0].source)
    tasks = {perturbation: f"{group}_{_word(perturbation)}" for perturbation in perturbations}
    for code in ("companion_reading.py", TOOLS[tool].CODE):
        shutil.copy(EXPORTED / code, folder / code)
    shutil.copy(read_answer.__file__, folder / "companion_answers.py")
    TOOLS[tool].write_tasks(group, tasks, profile.max_new_tokens, folder)
    readme = _README.format(
        title=TOOLS[tool].TITLE,
        benchmark=questions[0].source,
        items=len(questions),
        perturbations=", ".join(perturbations),
        seed=seed,
        profile=profile.name,
        made_by=made_by(),
        max_new_tokens=profile.max_new_tokens,
        use=TOOLS[tool].USE.format(group=group, one=tasks[perturbations[-1]]),
        begun=profile.begin.format(text="(the question)", start="(the start)").replace("\n", "\n> "),
    )
    (folder / "README.md").write_text(readme, encoding="utf-8")


def record(prompt: Prompt, profile: Profile, folder: Path) -> dict[str, Any]:
    """A prompt as a line of data; its picture is put into the folder, unless it is there.

    text: the user's turn as a prefill follows it; begun: what it is where the start of the reasoning, prefill, is
    delivered in it, or "". target, suggested: letters of options.
    """
    *before, user = messages(prompt, profile)
    question = prompt.question
    return {
        "id": question.id,
        "group": question.group or question.id,
        "category": question.category,
        "difficulty": question.difficulty,
        "perturbation": prompt.perturbation,
        "wording": prompt.wording,
        "image": _picture(prompt, folder),
        "system": "\n".join(_text(turn) for turn in before),
        "text": _text(user),
        "begun": user_text(prompt, profile, begin=True) if prompt.prefill else "",
        "prefill": prompt.prefill,
        "reading": profile.reading,
        "options": list(prompt.options),
        "target": question.letter,
        "suggested": "" if prompt.suggested is None else LETTERS[prompt.suggested],
    }


def _text(turn: dict[str, Any]) -> str:
    """The words of a chat message, whose content is a text or a list of parts."""
    content = turn["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _picture(prompt: Prompt, folder: Path) -> str:
    """The name of a prompt's picture within the folder, after its pixels; blank ones after their size."""
    image = prompt.load_image()
    stem = "blank-{}x{}".format(*image.size) if prompt.blank else prompt.question.image_hash
    name = f"images/{stem}.png"
    if not (folder / name).exists():
        image.save(folder / name)
    return name


def _word(name: str) -> str:
    """A name as part of that of a task: letters, digits and underscores."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


_README = """# Perturbed prompts for {title}

The same questions and pictures with text around them that a person looking at the picture would ignore. From the
companion to *On Robustness and Chain-of-Thought Consistency of RL-Finetuned VLMs* (arXiv 2602.12506), and word for word
what its own `companion evaluate` asks. This folder needs no companion where it is used.

- Questions: the first {items} of *{benchmark}*
- Perturbations: {perturbations}
- Seed: {seed}, which draws the wrong options and the wordings
- Profile: `{profile}`, whose instruction on the form of the answer ends each question
- Made by: {made_by}

## Use

{use}

Greedy, at most {max_new_tokens} new tokens. `accuracy` counts the letter, or the text, of the right option where the
answer stands; `no_answer` is the share of responses without an answer that can be read (`companion_answers.py`). A
perturbation says little alone: compare it with `plain`, question by question.

Where a perturbation starts the reasoning, the start is delivered in the user's turn, which then is:

> {begun}

That is not the same measurement as a start in the assistant's own turn (a prefill); compare no rows of the two.

`data/` has one line a prompt. `begun` is `text` with the start, `prefill`, in it, for delivery in the user's turn;
`suggested` is the option that the added text asserts; `group` joins copies of one item.

## Licence

The sentences that were added are companion's, under Apache-2.0. **The questions and pictures are their authors'**: look
up the licence of *{benchmark}* before you pass this folder on.
"""
