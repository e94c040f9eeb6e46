"""Models that vLLM runs on the GPUs of this machine, asked exactly as `local` asks them.

vLLM itself encodes each picture once (its multimodal cache) and reads what prompts begin with once (its prefix cache).
Its logprobs are those before any temperature; of the whole vocabulary it tells the `TOP` likeliest tokens at each step.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from companion.errors import CompanionError, Refusal
from companion.models import vllm_engine, weights
from companion.models.interface import Response, Sampling
from companion.models.local import LocalModel
from companion.perturbations.perturbation import Prompt

TOP = 20
"""Tokens whose probability is asked for at each step: the most that vLLM gives unless told otherwise."""

AT_ONCE = 512
"""Prompts handed over together; vLLM makes its own batches of them."""


class VLLMModel(LocalModel):
    """A model as `LocalModel` names it. gpus: that one copy of it is spread over (tensor parallelism). settings: of
    vLLM's engine, by the names of its EngineArgs; those that may change what it writes make another model of it. The
    engine ends with this object.

    capacity, tokens: counted in prompts. Raises CompanionError where vLLM is missing, or does not start.
    """

    capacity = AT_ONCE

    def __init__(
        self, name: str, profile: str = "auto", gpus: int = 1, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.gpus, self.settings = gpus, dict(settings or {})
        super().__init__(name, "auto", profile)
        self.half = torch.cuda.is_available()  # its CPU build computes as transformers does there
        for own in self.settings.keys() & vllm_engine.OURS:
            raise CompanionError(f"--vllm {own} cannot be given: {vllm_engine.OURS[own]}")
        self.identity += "@vllm"  # whose numbers are not quite those of transformers
        telling = {key: self.settings[key] for key in sorted(self.settings.keys() - vllm_engine.HARMLESS)}
        if telling:
            self.identity += json.dumps(telling, sort_keys=True)
            self.label += f" ({', '.join(f'{key}={value}' for key, value in telling.items())})"

    def tokens(self, prompt: Prompt, sampling: Sampling) -> int:
        return 1

    @cached_property
    def model(self) -> Any:
        pixels = self.profile.pixels
        limits = {"min_pixels": pixels[0], "max_pixels": pixels[1]} if pixels else None
        settings = {
            "model": self.folder,
            "tensor_parallel_size": self.gpus,
            "enable_prefix_caching": True,
            "max_logprobs": TOP,
            "limit_mm_per_prompt": {"image": 1},
            "mm_processor_kwargs": limits,
            "dtype": "auto" if self.half else self.dtype,
            **self.revision,
        }
        model = vllm_engine.start(self.name, settings, self.settings)
        weakref.finalize(self, model.llm_engine.engine_core.shutdown)  # at once: the next model may need the memory
        return model

    @property
    def dtype(self) -> str:
        """That of the settings, or of the model's config; but vLLM reads float32 as bfloat16 unless told otherwise."""
        if "dtype" in self.settings:
            return str(self.settings["dtype"])
        if not self.half:
            return "float32"
        text = self.config.get("text_config") or {}
        own = next((one[name] for one in (self.config, text) for name in ("dtype", "torch_dtype") if one.get(name)), "")
        return own if own not in ("", "float32") else "bfloat16"

    @cached_property
    def folder(self) -> str:
        """The model's name, or a view of its folder, gone with this object, where vLLM cannot read names of weights."""
        given = Path(self.name)
        if not given.is_dir() or not weights.lacks_inner(given):
            return self.name
        self._view = TemporaryDirectory(prefix="companion-vllm-")
        weights.view(given, Path(self._view.name))
        return self._view.name

    def answers(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[tuple[int, Response | Refusal]]:
        model = self.model
        from vllm import SamplingParams

        texts, images, shown = self.ready(prompts)
        sampling = sampling.of(self.profile)
        most = sampling.max_new_tokens or self.profile.max_new_tokens
        settings = [
            SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=most,
                logprobs=TOP,
                seed=sampling.stream(prompt),
                skip_special_tokens=False,
            )
            for prompt in prompts
        ]
        asked = [
            {"prompt": text, "multi_modal_data": {"image": images[name]}}
            for text, name in zip(texts, shown, strict=True)
        ]
        try:
            outputs = [request.outputs[0] for request in model.generate(asked, settings, use_tqdm=False)]
        except Exception as error:
            if type(error).__name__ != "EngineDeadError":
                raise
            raise CompanionError(f"vLLM's engine of {self.name} ended; what it wrote above says why") from error
        for number, (prompt, output) in enumerate(zip(prompts, outputs, strict=True)):
            if "max_model_len" in self.settings and output.finish_reason == "length" and len(output.token_ids) < most:
                yield number, Refusal("prompt and answer are longer than --vllm max_model_len; give a larger one")
            else:
                yield number, self._told(prompt, output)

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
        """Tokens at which it ends; of a model without generation settings, its tokenizer's."""
        from transformers import GenerationConfig

        try:
            ends = GenerationConfig.from_pretrained(self.name, **self.revision).eos_token_id
        except OSError:
            ends = self.processor.tokenizer.eos_token_id
        return ends if isinstance(ends, list) else [ends]
