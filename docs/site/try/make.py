"""The page *Try it*: `python docs/site/try/make.py runs/site/html/try`, run by `make site` and, alone, by `make try`.

Copies what stands beside this file, and adds what the page loads: the weights of the shipped checkpoints as they are,
the tokenizer that they share, pictures of the microworld and, in `setup.json`, all that the package knows of prompts
and questions, so that the page has no copy of its own. `--items`: how many of the test split's (default 27: nine
families × three difficulties).

Beside `index.html`, which a server must bring, stands `one-file.html`: the same page with all that it loads within it.
It opens from a disk, where browsers load neither modules nor weights; in a frame of JupyterLab, which shuts a page out
of all its other files; and as an attachment.

Pictures are uncompressed BMP: the page reads their bytes itself, where a canvas would give other pixels in browsers
that blur what a page reads from one.
"""

import argparse
import json
import mimetypes
import re
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Any

from companion.errors import CompanionError
from companion.figures.phrases import enumeration
from companion.models.local import LocalModel
from companion.models.profiles import user_text
from companion.perturbations.perturbation import apply
from companion.questions.microworld import MicroworldQuestion, questions
from companion.questions.microworld.scenes import CELLS
from companion.teaching.lab.steps import ladder

HERE = Path(__file__).parent
CHECKPOINTS = HERE.parents[2] / "checkpoints"

INITIAL = "misread-20"
"""What RL began from: some of the reasoning that it was shown misread the picture, as the page says."""

OTHERS = {
    "rl-consistent": "after RL with a reward for consistency",
    "misread-0-rl-correct": "after RL that began from true reasoning alone",
}
"""Models beside those of the run → what the page calls them."""

FIRST = "test-0-4"
"""The item that the page opens with: after RL, the first of `ADDED` moves the answer, and not the reasoning."""

ADDED = {
    "wrong-caption": "a wrong caption",
    "wrong-caption-disclaimer": "a wrong caption that doubts itself",
    "wrong-think": "a wrong reasoning prefix",
    "wrong-think-but": "a wrong reasoning prefix, and a doubt",
    "right-caption": "a right caption",
    "right-think": "a right reasoning prefix",
    "stop-think": "an end to the reasoning, at once",
}
"""Perturbation → what the page calls it."""


def make(out: Path, items: int = 27) -> None:
    """Writes the page's folder anew. Raises CompanionError where checkpoints differ in their tokenizers."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(HERE, out, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    rungs = ladder(INITIAL, "rl-correct", CHECKPOINTS)
    named = {rungs[0].step: "before RL", rungs[-1].step: "after RL"}
    models: list[dict[str, Any]] = [
        {
            "name": rung.folder.relative_to(CHECKPOINTS).as_posix(),
            "step": rung.step,
            "label": named.get(rung.step, f"RL, step {rung.step:,}"),
        }
        for rung in rungs
    ]
    models += [{"name": name, "step": None, "label": label} for name, label in OTHERS.items()]
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
    steps = [f"{rung.step:,}" for rung in rungs[1:]]
    setup = {
        **_frame(asked[0]),
        "models": models,
        "stepNote": f"The models of RL are those of steps {enumeration(steps)} of one run.",
        "added": ADDED,
        "first": FIRST,
        "items": [_item(question) for question in asked],
    }
    (out / "setup.json").write_text(json.dumps(setup, ensure_ascii=False), encoding="utf-8")
    (out / "one-file.html").write_text(_one_file(out), encoding="utf-8")


def _one_file(folder: Path) -> str:
    """The page of a folder with its style, modules and data within it. Links to other pages are mere words."""
    modules = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js"))}
    for name, code in modules.items():  # a module that is data has no address that "./" could be relative to
        modules[name] = re.sub(r'(from "|import\(")\./', r"\1", code)
    main = modules.pop("page.js")
    imports = {name: _data_url(name, code.encode()) for name, code in modules.items()}
    read = [folder / "setup.json", folder / "tokenizer.json", *folder.rglob("*/*.*")]
    files = {path.relative_to(folder).as_posix(): _data_url(path.name, path.read_bytes()) for path in sorted(read)}
    parts = (
        f"<style>{(folder / 'try.css').read_text(encoding='utf-8')}</style>",
        f'<script type="importmap">{json.dumps({"imports": imports})}</script>',
        f'<script type="application/json" id="files">{json.dumps(files)}</script>',
        f'<script type="module">{main}</script>',
    )
    before, rest = (folder / "index.html").read_text(encoding="utf-8").split("<!-- parts", 1)
    after = rest.split("<!-- end of parts -->", 1)[1]
    return before + "\n".join(parts) + re.sub(r'<a href="\.\.[^"]*">(.*?)</a>', r"\1", after)


def _data_url(name: str, content: bytes) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{b64encode(content).decode()}"


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
