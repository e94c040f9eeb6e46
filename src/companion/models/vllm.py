"""Models that vLLM runs on the GPUs of this machine, asked exactly as `local` asks them.

vLLM itself encodes each picture once (its multimodal cache) and reads what prompts begin with once (its prefix cache).
Its logprobs are those before any temperature; of the whole vocabulary it tells the `TOP` likeliest tokens at each step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from companion.errors import CompanionError
from companion.models import weights
from companion.models.interface import Response, Sampling
from companion.models.local import LocalModel
from companion.perturbations.table import Prompt

TOP = 20
"""Tokens whose probability is asked for at each step: the most that vLLM gives unless told otherwise."""

AT_ONCE = 512
"""Prompts handed over together; vLLM makes its own batches of them."""


class VLLMModel(LocalModel):
    """A model as `LocalModel` names it. gpus: that one copy of it is spread over (tensor parallelism).

    budget, tokens: counted in prompts. Raises CompanionError where vLLM is missing.
    """

    budget = AT_ONCE

    def __init__(self, name: str, profile: str = "auto", gpus: int = 1) -> None:
        super().__init__(name, "cuda", profile)
        self.identity += "@vllm"  # whose numbers are not quite those of transformers
        self.gpus = gpus

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        return 1

    @cached_property
    def model(self) -> Any:
        try:
            from vllm import LLM
        except ImportError as error:
            raise CompanionError(f"vllm:{self.name} needs vLLM: pip install 'companion[paper]'") from error
        pixels = self.profile.pixels
        limits = {"min_pixels": pixels[0], "max_pixels": pixels[1]} if pixels else None
        return LLM(
            model=self.folder, tensor_parallel_size=self.gpus, enable_prefix_caching=True, max_logprobs=TOP,
            limit_mm_per_prompt={"image": 1}, mm_processor_kwargs=limits, dtype=self.dtype,
        )  # fmt: skip

    @property
    def dtype(self) -> str:
        """vLLM reads float32 as bfloat16 unless told otherwise; its CPU build computes as transformers does there."""
        return "auto" if torch.cuda.is_available() else "float32"

    @cached_property
    def folder(self) -> str:
        """The model's name, or a view of its folder, gone with this object, where vLLM cannot read names of weights."""
        given = Path(self.name)
        if not given.is_dir() or not weights.lacks_inner(given):
            return self.name
        self._view = TemporaryDirectory(prefix="companion-vllm-")
        weights.view(given, Path(self._view.name))
        return self._view.name

    def answers(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[tuple[int, Response]]:
        model = self.model
        from vllm import SamplingParams

        texts, images, shown = self.ready(prompts)
        sampling = sampling.of(self.profile)
        most = sampling.max_new_tokens or self.profile.max_new_tokens
        settings = [
            SamplingParams(
                temperature=sampling.temperature, top_p=sampling.top_p, max_tokens=most, logprobs=TOP,
                seed=sampling.stream(prompt), skip_special_tokens=False,
            )
            for prompt in prompts
        ]  # fmt: skip
        asked = [
            {"prompt": text, "multi_modal_data": {"image": images[name]}}
            for text, name in zip(texts, shown, strict=True)
        ]
        outputs = [request.outputs[0] for request in model.generate(asked, settings, use_tqdm=False)]
        yield from enumerate(self._told(prompt, output) for prompt, output in zip(prompts, outputs, strict=True))

    def _told(self, prompt: Prompt, output: Any) -> Response:
        stopped = output.finish_reason == "stop"
        ids = list(output.token_ids)
        if stopped and ids and ids[-1] in self.ends:
            ids.pop()

        def told(step: int) -> dict[int, float]:
            return {id: token.logprob for id, token in output.logprobs[step].items()}

        return self.response(prompt, ids, "stop" if stopped else "length", told)

    @cached_property
    def ends(self) -> list[int]:
        from transformers import GenerationConfig

        ends = GenerationConfig.from_pretrained(self.name).eos_token_id
        return ends if isinstance(ends, list) else [ends]
