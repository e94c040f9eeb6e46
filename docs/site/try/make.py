"""The page *Try it*: `python docs/site/try/make.py runs/site/html/try`, run by `make site`.

Copies what stands beside this file, and adds what the page loads: the weights of the shipped checkpoints as they are,
the tokenizer that they share, pictures of the microworld and, in `setup.json`, all that the package knows of prompts
and questions, so that the page has no copy of its own. `--items`: how many of the test split's (default 27: nine
families × three difficulties).

Pictures are uncompressed BMP: the page reads their bytes itself, where a canvas would give other pixels in browsers
that blur what a page reads from one.
"""

import argparse
import json
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.models.local import LocalModel
from companion.models.profiles import user_text
from companion.perturbations.table import apply
from companion.questions.microworld import MicroworldQuestion, questions
from companion.questions.microworld.scenes import CELLS
from companion.teaching.lab.steps import ladder

HERE = Path(__file__).parent
CHECKPOINTS = HERE.parents[2] / "checkpoints"

FIRST = "test-0-4"
"""The item that the page opens with: after RL, the first of `ADDED` moves the answer, and not the reasoning."""

ADDED = {
    "wrong-caption": "a wrong caption",
    "wrong-caption-disclaimer": "a wrong caption that doubts itself",
    "wrong-think": "a wrong start of the reasoning",
    "wrong-think-but": "a wrong start of the reasoning, and a doubt",
    "right-caption": "a right caption",
    "right-think": "a right start of the reasoning",
    "stop-think": "an end to the reasoning, at once",
}
"""Perturbation → what the page calls it."""


def make(out: Path, items: int = 27) -> None:
    """Writes the page's folder anew. Raises CompanionError where checkpoints differ in their tokenizers."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(HERE, out, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    rungs = ladder("base", "accuracy", CHECKPOINTS)
    named = {rungs[0].step: "before RL", rungs[-1].step: "after RL"}
    models: list[dict[str, Any]] = [
        {
            "name": rung.folder.relative_to(CHECKPOINTS).as_posix(),
            "step": rung.step,
            "label": named.get(rung.step, f"RL, step {rung.step}"),
        }
        for rung in rungs
    ]
    models.append({"name": "faithful", "step": None, "label": "after RL with a reward for consistency"})
    tokenizer = (CHECKPOINTS / "base" / "tokenizer.json").read_bytes()
    (out / "tokenizer.json").write_bytes(tokenizer)
    for model in models:
        source, target = CHECKPOINTS / model["name"], out / "models" / model["name"]
        if (source / "tokenizer.json").read_bytes() != tokenizer:
            raise CompanionError(f"{source} has another tokenizer than base; the page loads one for all")
        target.mkdir(parents=True)
        for file in ("config.json", "model.safetensors"):
            shutil.copyfile(source / file, target / file)
        model["bytes"] = (target / "model.safetensors").stat().st_size
    asked = questions("test", items)
    (out / "pictures").mkdir()
    for question in asked:
        question.load_image().save(out / "pictures" / f"{question.id}.bmp")
    runs = [
        f"{', '.join(str(rung.step) for rung in run)} of a run with seed {seed}"
        for seed, run in groupby(rungs[1:], key=lambda rung: rung.seed)
    ]
    note = f"The models of RL are those of steps {', and '.join(runs)}."
    setup = {
        **_frame(asked[0]),
        "models": models,
        "stepNote": note,
        "added": ADDED,
        "first": FIRST,
        "items": [_item(question) for question in asked],
    }
    (out / "setup.json").write_text(json.dumps(setup, ensure_ascii=False), encoding="utf-8")


def _frame(question: MicroworldQuestion) -> dict[str, Any]:
    """How a prompt is put together, from one that the package has rendered."""
    model = LocalModel(str(CHECKPOINTS / "base"))
    prompt = apply(question, "plain")
    rendered = model.ready([prompt])[0][0]
    before, after = rendered.split(user_text(prompt, model.profile))
    image = model.processor.image_token
    config = json.loads((CHECKPOINTS / "base" / "config.json").read_text(encoding="utf-8"))
    return {
        "frame": [before.replace(image, image * config["image_seq_length"]), after],
        "imageToken": image,
        "instruction": model.profile.instruction,
        "mostTokens": model.profile.max_new_tokens,
        "letterTokens": model.letter_tokens,
    }


def _item(question: MicroworldQuestion) -> dict[str, Any]:
    """A question, and what each perturbation adds to it: a caption above it, or a start of the reasoning."""
    plain = apply(question, "plain").text
    added = {}
    for name in ADDED:
        prompt = apply(question, name)
        caption = prompt.text.removesuffix(plain).removesuffix("\n")
        added[name] = {"caption": caption, "start": prompt.prefill, "suggested": prompt.suggested}
    things = [
        f"a {'large' if thing.large else 'small'} {thing.name} in the {CELLS[cell]}"
        for cell, thing in question.scene.things()
    ]
    return {
        "id": question.id,
        "difficulty": question.difficulty,
        "family": question.category,
        "text": question.text,
        "options": question.options,
        "answer": question.answer,
        "claims": question.claims,
        "added": added,
        "holds": ", ".join(things),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--items", type=int, default=27)
    given = parser.parse_args()
    make(given.out, given.items)
