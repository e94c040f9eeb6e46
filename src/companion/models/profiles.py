"""How a model is asked: what it is told about the form of its answer, how it samples, how large its pictures are.

Each of the paper's open models has a profile, after what its authors' own repository does and in our own words. Left
out: the system prompts of their authors, for those that have one; name a file that holds it (`--system FILE`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from PIL import Image

from companion.errors import CompanionError
from companion.models.read_answer import Reading
from companion.perturbations.perturbation import Prompt

INSTRUCTION = "Think, then answer."
"""Ends every question to a microworld model, as its supervised training did; real models are asked in more words."""

BEGIN = "{text}\nBegin your reasoning with exactly these words, and go on from there:\n{start}"
"""How a model that follows instructions is given a start of its reasoning where its turn cannot be begun for it."""


@dataclass(frozen=True)
class Profile:
    """instruction: last line of the user's turn, or "". max_new_tokens: room for reasoning and answer. reading: where
    the answer may stand. temperature, top_p: of its samples, unless `Sampling` says otherwise; 0 is greedy.
    pixels: the fewest and the most of a picture as the model sees it; None leaves its processor as it is. longest_side:
    in pixels; larger pictures are made smaller. system: the system prompt, or "" for none. begin: the words of the
    user's turn (text) with a start of the reasoning in it (start).
    """

    name: str
    instruction: str
    max_new_tokens: int
    reading: Reading = "tag"
    temperature: float = 0.0
    top_p: float = 1.0
    pixels: tuple[int, int] | None = None
    longest_side: int | None = None
    system: str = ""
    begin: str = BEGIN

    def content(self) -> dict[str, Any]:
        """What stands for it in the key of a row: fields with a default only where they differ from it, so that rows
        keep their keys when one is added. How it samples is told by the sampling, and `begin` where it is used."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            field.name: told[field.name]
            for field in fields(self)
            if told[field.name] != field.default and field.name not in ("temperature", "top_p", "begin")
        }


TAGS = (
    "First reason about the picture between <think> and </think>, then give the letter of the right option between "
    "<answer> and </answer>."
)
ALOUD = (
    "Think about the picture and the question as a person would who talks to himself, doubts his first idea and checks "
    "it, between <think> and </think>. Then put the letter of the right option, and nothing else, between <answer> and "
    "</answer>."
)
TEXT = (
    "Reason step by step between <think> and </think>, with the (x, y) coordinates of what each step is about. Then "
    "give the text of the right option, without its letter, between <answer> and </answer>."
)
FINAL = (
    "First reason about the picture between <think> and </think>. Then write, as the last line, Final answer: and the "
    "letter of the right option."
)

SQUARE = 28 * 28
"""Pixels that Qwen2.5-VL makes one token of."""

PIXELS = (1280 * SQUARE, 16384 * SQUARE)
"""Of Qwen2.5-VL-7B-Instruct and VLAA-Thinker in open-compass/VLMEvalKit: vlmeval/config.py. (lmms-eval has 256 to 2048
squares: lmms_eval/models/simple/qwen2_5_vl.py.) The others that were trained from Qwen2.5-VL see the same picture here:
their authors evaluate them on videos (SpaceR, Video-R1), or leave it to the processor (Vision-R1)."""

PROFILES = {
    profile.name: profile
    for profile in (
        # Its models know no instruction but their own: the start is a sentence before the question, as captions are.
        Profile("microworld", INSTRUCTION, 96, begin="{start}\n{text}"),
        # Not trained on the tags, or nobody knows.
        Profile("generic", TAGS, 1024, "tag or final statement"),
        Profile("qwen2.5-vl", TAGS, 1024, "tag or final statement", pixels=PIXELS),
        # OuyangKun10/SpaceR: SpaceR-Eval/data_utils/stibench.py (its prompt "thinking", temperature, 1,024 tokens; the
        # map is asked for in vsi_util.py), SpaceR-Eval/util.py (the answer is the first block).
        Profile("spacer", ALOUD, 1024, temperature=0.01, pixels=PIXELS),
        # tulerfeng/Video-R1: src/eval_bench.py.
        Profile("video-r1", ALOUD, 1024, temperature=0.1, top_p=0.001, pixels=PIXELS),
        # Osilly/Vision-R1: README.md (sampling, 4,096 tokens, only question and choices in the prompt),
        # evaluation/evalscope/vlmeval/inference.py ("Final Answer:" inside the block).
        Profile("vision-r1", "", 4096, temperature=0.6, top_p=0.95, pixels=PIXELS),
        # UCSC-VLAA/VLAA-Thinking: inference.py (greedy, 1,000 tokens, a system prompt that asks for the tags; README.md
        # says that it was trained with it).
        Profile("vlaa-thinker", TAGS, 1000, pixels=PIXELS),
        # Gabesarch/grounded-rl: scripts/evaluation/eval_spatial.sh (sampling, 2,048 tokens, longest side, a system
        # prompt that asks for coordinates and the option's text), scripts/vllm/serve_qwen.sh (pixels).
        Profile("vigorl", TEXT, 2048, temperature=0.5, pixels=(4096, 12960000), longest_side=1260),
        # open-compass/VLMEvalKit: vlmeval/vlm/internvl/internvl_chat.py (its reasoning prompt has think tags and none
        # for the answer; greedy, 4,096 tokens), vlmeval/vlm/internvl/utils.py ("Final answer:").
        Profile("internvl3", FINAL, 4096, "tag or final statement"),
    )
}

_NAMED = (
    ("video-r1", r"video-r1|qwen2\.5-vl-7b-cot-sft"),  # the latter is what its RL began with
    ("qwen2.5-vl", r"qwen2\.5-vl-\d+b"),
    ("spacer", r"spacer(?![a-z])"),
    ("vision-r1", r"vision-r1(?!-llama)"),
    ("vlaa-thinker", r"vlaa-thinker"),
    ("vigorl", r"vigorl-.*spatial"),
    ("generic", r"vigorl-"),  # whatever their kind: ViGoRL's others point at things
    ("internvl3", r"internvl3-\d+b"),
)
"""What the name of a model begins with: the first that fits. InternVL3.5 is another model."""

_KINDS = {"qwen2_5_vl": "qwen2.5-vl"}
"""What the config of a model calls its kind, where its name says nothing."""

_PERHAPS = {"internvl": "internvl3"}
"""A kind of which some models have that profile: InternVL3.5 is of InternVL3's."""


def get_profile(name: str, model: str = "", config: Mapping[str, Any] | None = None) -> Profile:
    """The profile of that name; "auto": the one that fits the last part of a model's path or id, else its kind, as its
    config tells it, else generic.

    Raises CompanionError, which lists the names, for an unknown one.
    """
    if name == "auto":
        return PROFILES[_named(model) or _KINDS.get(str((config or {}).get("model_type")), "generic")]
    if name not in PROFILES:
        raise CompanionError(f"unknown profile {name!r}; choose from {', '.join(PROFILES)}, or auto")
    return PROFILES[name]


def _named(model: str) -> str | None:
    """The profile that fits the last part of a model's path or id."""
    last = Path(model).name
    return next((profile for profile, begins in _NAMED if re.match(begins, last, re.IGNORECASE)), None)


def chosen(profile: Profile, label: str, config: Mapping[str, Any]) -> str:
    """A sentence on the profile that "auto" has found for a model. config: the model's, empty where nobody knows it."""
    said = f"{label} is asked with the profile {profile.name}"
    if profile.name != "generic":
        return said
    if "companion_profile" in config or _named(label):
        says = "config" if "companion_profile" in config else "name"
        return f"{said}, as its {says} says; --profile names another"
    if other := _PERHAPS.get(str(config.get("model_type"))):
        return f"{said}, though its config says {config['model_type']}: if it is an InternVL3, give --profile {other}"
    return f"{said}, as {'its name and config tell' if config else 'its name tells'} no other; --profile names one"


def read_system(file: Path) -> str:
    """A system prompt from a file, without blanks around it. Raises CompanionError where there is none."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CompanionError(f"--system {file} cannot be read as text ({error}); name a file in UTF-8") from error
    if not text:
        raise CompanionError(f"--system {file} is empty; put the system prompt into it, or leave the option out")
    return text


def user_text(prompt: Prompt, profile: Profile, begin: bool = False) -> str:
    """The words of the user's turn. begin: a start of the reasoning, if there is one, stands among them."""
    text = "\n".join(filter(None, (prompt.text, profile.instruction)))
    return profile.begin.format(text=text, start=prompt.prefill) if begin and prompt.prefill else text


def messages(prompt: Prompt, profile: Profile, begin: bool = False) -> list[dict[str, Any]]:
    """Chat messages: the system prompt, if any, and the user's turn, the picture and then the text. The prefill is
    added to the rendered prompt, unless it is among the words of the user's turn (begin)."""
    user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": user_text(prompt, profile, begin)}]}
    if not profile.system:
        return [user]
    return [{"role": "system", "content": [{"type": "text", "text": profile.system}]}, user]


_BLOCK = re.compile(r"<think>\s*(</think>\s*)?\Z")
"""What some chat templates end a rendered prompt with: a think block that the model goes on in, or an empty one."""


def opening(rendered: str) -> str:
    """The tag of a think block that a chat template leaves open, for the model to go on in; "" where there is none."""
    block = _BLOCK.search(rendered)
    return "<think>" if block and not block[1] else ""


def begin_turn(rendered: str, prefill: str) -> str:
    """A rendered prompt, and after it the start of the assistant's turn. A think block that the chat template has begun
    is not begun again: a start of the reasoning stands in it, and so does what closes it."""
    block = _BLOCK.search(rendered)
    if not block or not prefill.startswith("<think>"):
        return rendered + prefill
    if block[1]:  # empty, and closed
        return rendered[: block.start()] + prefill
    return rendered + prefill.removeprefix("<think>")


def fit(image: Image.Image, side: int | None, pixels: tuple[int, int] | None = None) -> Image.Image:
    """The picture, no longer than `side` and within the fewest and the most pixels, its proportions kept."""
    size = fitted(image.size, side, pixels)
    return image if size == image.size else image.resize(size)


def fitted(size: tuple[int, int], side: int | None, pixels: tuple[int, int] | None = None) -> tuple[int, int]:
    """The (width, height) that `fit` gives a picture of that size."""
    scale = min(1.0, side / max(size)) if side else 1.0
    area = math.prod(size) * scale**2
    if pixels:
        scale *= math.sqrt(min(max(area, pixels[0]), pixels[1]) / area)
    rounded = math.ceil if scale > 1 else math.floor
    width, height = (max(1, rounded(round(length * scale, 6))) for length in size)
    return width, height
