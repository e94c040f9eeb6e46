"""Models that transformers runs on this machine: a local folder or a Hub id, stock classes only.

The prefill is appended to the rendered chat prompt, which works with any chat template. The letter distribution is read
inside the generation, from the logits before any temperature, as `companion.models.letters` says. Left out: how tokens
are chosen (`choose_tokens`), and how many prompts are written at once (`decode`, `prefix_tree`).
"""

from __future__ import annotations

import ctypes
import json
import math
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil
import torch
from PIL import Image

from companion.errors import CompanionError, PictureError, Refusal, first_line, one_line
from companion.models import letters, prefix_tree
from companion.models.caches import reading_of, tell_slower
from companion.models.choose_tokens import TokenChooser
from companion.models.decode import Choose, State, write
from companion.models.devices import find_device
from companion.models.interface import Response, Sampling, out_of_memory
from companion.models.one_by_one import write_one_by_one
from companion.models.profiles import begin_turn, fit, get_profile, messages, opening
from companion.models.read_answer import parse_answer
from companion.models.weights import folder_hint, hash_folder, hub_config, no_folder, unmap
from companion.perturbations.perturbation import Prompt

MOST_TOKENS = 1 << 17
"""At once: more make it no faster."""

AHEAD = 4
"""How many times as many the engine hands over, so that there are prompts to take the places of those finished."""

GROUPS = 4
"""The share of the places, as its inverse, that is filled anew at a time."""

SHARE = 0.5
"""Of the memory that is free, for a batch."""

RESERVED = ("image_token", "video_token")
"""What processors call the text that a picture is put in the place of, wherever it stands."""

CHARACTERS = 3
"""Of a token of English, at least."""

_BYTE = re.compile("<0x4[1-7]>")
"""A letter of the alphabet's first seven as the token of a byte."""


class LocalModel:
    """A vision-language model and its processor. The weights are loaded when the first prompt comes.

    device: "auto", "cpu", "cuda", "mps" …; profile: a name from `profiles.PROFILES`, or "auto": the one that the
    checkpoint's config names, else the one that fits its own name, else its kind. Raises CompanionError where there is
    no such model or device. half: whether it computes in half precision (bfloat16), as rows tell.
    """

    delivery = "prefill"

    def __init__(self, name: str, device: str = "auto", profile: str = "auto") -> None:
        self.name = name
        folder = Path(name)
        self.label = folder.name if folder.is_dir() else name
        self.device = find_device(device)
        self.config, commit = read_config(name)
        own = self.config.get("companion_profile", "auto") if profile == "auto" else profile
        self.profile = get_profile(own, name, self.config)
        self.half = self.device != "cpu"  # a CPU has no use for less than single precision
        self.pictures: dict[str, int | None] = {}  # by benchmark: how many tokens one is, with a prompt
        self.revision = {"revision": commit} if commit else {}  # what is loaded is of the commit that names the rows
        self.identity = f"{name}@{commit}" if commit else hash_folder(folder)

    @property
    def dtype(self) -> str:
        """The type of numbers in which it computes, by torch's name."""
        return "bfloat16" if self.half else "float32"

    @property
    def precision(self) -> str:
        """The dtype, and the method by which the model's config says that its weights are quantised, if they are."""
        method = (self.config.get("quantization_config") or {}).get("quant_method")
        return ", ".join(filter(None, (self.dtype, method)))

    @contextmanager
    def _loading(self) -> Iterator[None]:
        """Around what transformers loads: it tells of missing and damaged files in errors of many kinds."""
        try:
            yield
        except MemoryError:
            raise
        except ImportError as error:
            lacks = re.search(r"requires the (\w+) library", str(error))
            if lacks and lacks[1].lower() == "torchvision":
                told = "torchvision; install it with pip install torchvision"
            else:
                told = f"what is not installed ({first_line(error)}); install it"
            raise CompanionError(f"the model {self.name!r} needs {told}") from error
        except Exception as error:
            raise CompanionError(
                f"the model {self.name!r} cannot be loaded: {first_line(error)}; it needs a whole folder, or an id, "
                "that AutoProcessor and AutoModelForImageTextToText of transformers load"
            ) from error

    @cached_property
    def processor(self) -> Any:
        from transformers import AutoProcessor  # slow to import, and not needed where all rows are stored

        with self._loading():
            processor = AutoProcessor.from_pretrained(self.name, **self.revision)
        processor.tokenizer.padding_side = "left"
        if processor.tokenizer.pad_token is None:
            processor.tokenizer.pad_token = processor.tokenizer.eos_token
        if self.profile.pixels:
            images, (fewest, most) = processor.image_processor, self.profile.pixels
            if "min_pixels" not in images.valid_kwargs.__annotations__:
                raise CompanionError(
                    f"the profile {self.profile.name} limits the pixels of a picture, which the processor of "
                    f"{self.label} cannot be told; choose another --profile"
                )
            images.size = {"shortest_edge": fewest, "longest_edge": most}  # transformers' names for the two
        return processor

    @cached_property
    def model(self) -> Any:
        from transformers import AutoModelForImageTextToText
        from transformers.utils import logging as transformers_logging

        on_cpu = self.device == "cpu"
        transformers_logging.disable_progress_bar()
        with self._loading():
            model = AutoModelForImageTextToText.from_pretrained(
                self.name,
                dtype=getattr(torch, self.dtype),
                attn_implementation="eager" if on_cpu else "sdpa",
                **self.revision,
            )
        if on_cpu:
            _keep_memory()
            unmap(model)
        return model.to(self.device).eval()

    @cached_property
    def letter_tokens(self) -> dict[int, str]:
        """The tokens of the vocabulary that hold one option letter by itself, and those that are such a token up to its
        letter: by id, as they stand behind a word."""
        tokenizer = self.processor.tokenizer
        word = tokenizer.encode("a", add_special_tokens=False)
        length = len(self._decode(word))
        ids = [id for piece, id in tokenizer.get_vocab().items() if letters.split(piece) or _BYTE.fullmatch(piece)]
        found = {id: self._decode([*word, id])[length:] for id in ids}
        found = {id: token for id, token in found.items() if letters.split(token)}
        for before in {own.before for token in found.values() if (own := letters.split(token)) and own.before}:
            *first, last = tokenizer.encode(f"a{before}", add_special_tokens=False)
            if first == word and last not in found:
                found[last] = before
        return dict(sorted(found.items()))

    @cached_property
    def at_once(self) -> int:
        """How many tokens fit beside the weights: keys and values, three times for copies and what layers need."""
        text, weight = self.model.config.get_text_config(), next(self.model.parameters())
        heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        a_token = 4 * 2 * text.num_hidden_layers * heads * size * weight.element_size()
        if weight.device.type == "cuda":
            free = torch.cuda.mem_get_info(weight.device)[0]
        else:
            free = psutil.virtual_memory().available
        return max(1, min(MOST_TOKENS, int(SHARE * free) // a_token))

    @property
    def capacity(self) -> int:
        return AHEAD * self.at_once

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        """About how many a prompt and its response are, a picture taken to be as long as that of its benchmark's first
        prompt."""
        benchmark = prompt.question.source
        if self.pictures.get(benchmark) is None:
            self.pictures[benchmark] = self._measured(prompt)
        picture, said = self.pictures[benchmark] or 0, len(prompt.text) + len(prompt.prefill)
        return picture + said // CHARACTERS + (sampling.max_new_tokens or self.profile.max_new_tokens)

    def _measured(self, prompt: Prompt) -> int | None:
        """How many tokens a prompt is; None for one that the processor does not take."""
        try:
            text, images, _ = self.ready([prompt])
            given = self.processor(text=text, images=[list(images.values())], return_tensors="pt")
        except Exception:  # a processor says in its own way that it takes no such picture; `generate` tells which way
            return None
        return int(given["input_ids"].shape[1])

    def packing(self, prompt: Prompt) -> str:
        return ""

    def ready(self, prompts: Sequence[Prompt]) -> tuple[list[str], dict[Any, Image.Image], list[Any]]:
        """The texts of prompts, their pictures by name, each once, and for each prompt the name of its picture."""
        rendered = self._rendered([messages(prompt, self.profile) for prompt in prompts])
        texts = [begin_turn(text, prompt.prefill) for text, prompt in zip(rendered, prompts, strict=True)]
        shown = [(prompt.question.image_hash, prompt.blank) for prompt in prompts]
        images: dict[Any, Image.Image] = {}
        for prompt, name in zip(prompts, shown, strict=True):
            if name not in images:
                images[name] = fit(prompt.load_image(), self.profile.longest_side)
        return texts, images, shown

    @cached_property
    def opening(self) -> str:
        """What of a think block the chat template begins the assistant's turn with: see `profiles.opening`."""
        system = [{"role": "system", "content": [{"type": "text", "text": self.profile.system}]}]
        user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]}
        return opening(self._rendered([[*(system if self.profile.system else []), user]])[0])

    def _rendered(self, turns: list[list[dict[str, Any]]]) -> list[str]:
        """Raises CompanionError where the chat template leaves out a system prompt, or refuses it."""
        from jinja2 import TemplateError

        try:
            texts: list[str] = self.processor.apply_chat_template(turns, add_generation_prompt=True)
        except TemplateError:
            if not self.profile.system:
                raise
            texts = [""]
        if self.profile.system not in texts[0]:
            raise CompanionError(
                f"the chat template of {self.label} has no place for a system prompt; leave out --system"
            )
        return texts

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[tuple[int, Response | Refusal]]:
        """Each response when it is finished; a Refusal for a prompt that the processor or the model does not take, or
        whose picture is gone since the plan was made.

        Where an error comes with several prompts, they are halved until it comes with one alone. Raises
        torch.OutOfMemoryError, or RuntimeError on a CPU, where memory was too short; the next call then takes half.
        """
        _ = self.processor, self.model  # what is wrong with these is wrong with every prompt
        reserved = {token for name in RESERVED if (token := getattr(self.processor, name, None))}
        good = []
        for number, prompt in enumerate(prompts):
            if held := sorted(token for token in reserved if token in prompt.text + prompt.prefill):
                yield number, Refusal(f"its text holds {held[0]!r}, which stands for a picture with {self.label}")
            else:
                good.append(number)
        waiting = [good] if good else []
        while waiting:
            numbers = waiting.pop()
            done = set()
            try:
                for place, response in self.answers([prompts[number] for number in numbers], sampling):
                    done.add(place)
                    yield numbers[place], response
                continue
            except Exception as error:
                of_all = isinstance(error, CompanionError) and not isinstance(error, PictureError)
                if of_all or out_of_memory(error) or len(done) == len(numbers):
                    raise
                reason = one_line(error)
            rest = [number for place, number in enumerate(numbers) if place not in done]
            if len(rest) == 1:
                yield rest[0], Refusal(reason)
            else:
                half = len(rest) // 2
                waiting += [rest[half:], rest[:half]]

    @torch.inference_mode()
    def answers(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[tuple[int, Response | Refusal]]:
        """What `generate` gives, but that an error with one prompt is one with all that are not yet finished."""
        chooser = TokenChooser(self.letter_tokens, prompts, sampling.of(self.profile), self.device)
        reading = reading_of(self.model)
        tell_slower(self.label, reading)
        written = self._one_by_one if reading == "single" else self._together
        try:
            for number, ids in written(prompts, sampling, chooser.choose):
                stopped = ids[-1] in self.ends
                finish = "stop" if stopped else "length"
                yield number, self.response(prompts[number], ids[:-1] if stopped else ids, finish, chooser.told(number))
        except RuntimeError as error:
            if out_of_memory(error):
                self.at_once = max(1, self.at_once // 2)
            raise

    def _one_by_one(
        self, prompts: Sequence[Prompt], sampling: Sampling, choose: Choose
    ) -> Iterator[tuple[int, list[int]]]:
        """The number of each prompt as soon as it is finished, and its new tokens."""
        texts, images, shown = self.ready(prompts)
        pictures = [images[name] for name in shown]
        most = sampling.max_new_tokens or self.profile.max_new_tokens
        return write_one_by_one(self.model, self.processor, texts, pictures, most, set(self.ends), choose)

    def _together(
        self, prompts: Sequence[Prompt], sampling: Sampling, choose: Choose
    ) -> Iterator[tuple[int, list[int]]]:
        """As `_one_by_one`, but many at once."""
        parts = self._parts(prompts, sampling)

        def prepared(number: int) -> prefix_tree.Prepared:
            return prefix_tree.prepare(self.model, self.processor, *self.ready(parts[number]))

        def begin(number: int) -> tuple[State, torch.Tensor]:
            now = coming.pop().result()
            if number + 1 < len(parts):  # made ready while the model is busy
                coming.append(worker.submit(prepared, number + 1))
            return prefix_tree.fill_cache(self.model, now)

        most = sampling.max_new_tokens or self.profile.max_new_tokens
        with ThreadPoolExecutor(1) as worker:
            coming = [worker.submit(prepared, 0)]
            yield from write(begin, [len(part) for part in parts], most, set(self.ends), choose)

    def _parts(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[list[Prompt]]:
        """Prompts in groups: first as many as memory holds, then fewer, to take the places of those that are finished.
        Neighbours with the same picture stay together."""
        parts: list[list[Prompt]] = [[]]
        room, most = self.at_once, len(prompts)
        for _, own in groupby(prompts, key=lambda prompt: prompt.question.image_hash):
            item = list(own)
            weight = sum(self.tokens(prompt, sampling) for prompt in item)
            if parts[-1] and (weight > room or len(parts[-1]) + len(item) > most):
                room, most = self.at_once // GROUPS, len(parts[0]) // GROUPS
                parts.append([])
            parts[-1] += item
            room -= weight
        return parts

    @cached_property
    def ends(self) -> list[int]:
        """The tokens that end a turn."""
        ends = self.model.generation_config.eos_token_id
        return ends if isinstance(ends, list) else [ends]

    def response(
        self, prompt: Prompt, ids: list[int], finish: str, told: Callable[[int], Mapping[int, float]]
    ) -> Response:
        """What was written, without its end token. told: of a step, the logarithms of tokens' probabilities, by id."""
        text = self._decode(ids)
        prefill = prompt.prefill or self.opening
        reply = parse_answer(text, prefill, prompt.options, self.profile.reading)
        found = None
        if reply.letter and reply.position is not None:
            number = self._step_of(reply.position, ids)
            step, previous = (self._step(ids[k], told(k)) for k in (number, max(0, number - 1)))
            found = letters.distribution(
                step,
                text,
                reply.position,
                prompt.options,
                prefill,
                self.profile.reading,
                previous if number else None,
                self.letter_tokens.values(),
            )
        probs, mass = found or (None, None)
        return Response(text, len(ids), finish, reply.think, reply.answer, probs, mass)

    def _step(self, written: int, told: Mapping[int, float]) -> letters.Step:
        """A step, its letter tokens alone. told: by id, logarithms of the probabilities of all of these, or of the
        likeliest tokens."""
        own = [(self.letter_tokens[id], p) for id, p in told.items() if id in self.letter_tokens]
        untold = math.exp(min(told.values())) if told and len(own) < len(self.letter_tokens) else 0.0
        return letters.Step(self.letter_tokens.get(written, ""), own, untold)

    def _decode(self, ids: list[int]) -> str:
        return self.processor.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _step_of(self, position: int, ids: list[int]) -> int:
        """The step whose token wrote the character at `position`, by search from the end, where answers stand."""
        low = high = len(ids) - 1
        while low and len(self._decode(ids[:low])) > position:
            low, high = max(0, 2 * low - len(ids)), low - 1
        while low < high:
            middle = (low + high) // 2
            if len(self._decode(ids[: middle + 1])) > position:
                high = middle
            else:
                low = middle + 1
        return low


def _keep_memory() -> None:
    """Have this process keep the memory that tensors free. glibc gives it back, and pages it in anew for the next."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def read_config(name: str) -> tuple[dict[str, Any], str | None]:
    """The config.json of a model, and the commit that it is of where the model is on the Hub. Raises CompanionError
    where there is none, of what can be no id without asking the Hub."""
    file, commit = Path(name) / "config.json", None
    if not file.is_file() and (wrong := no_folder(name)):
        raise CompanionError(f"no model {name!r}: {wrong}")
    try:
        if not file.is_file():
            file, commit = hub_config(name)
        return json.loads(file.read_text(encoding="utf-8")), commit
    except (OSError, ValueError) as error:
        raise CompanionError(
            f"no model {name!r}: it is no folder with a config.json, and the Hub gave none; "
            f"{folder_hint(name)}check the path or the id ({first_line(error)})"
        ) from error
