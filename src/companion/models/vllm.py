"""Models that vLLM runs on the GPUs of this machine, asked exactly as `local` asks them.

vLLM itself encodes each picture once (its multimodal cache) and reads what prompts begin with once (its prefix cache).
Its logprobs are those before any temperature; of the whole vocabulary it tells the `TOP` likeliest tokens at each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch

from companion.errors import CompanionError
from companion.models import Response, Sampling
from companion.models.local import LocalModel
from companion.variants import Prompt

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
        return LLM(
            model=self.name, tensor_parallel_size=self.gpus, enable_prefix_caching=True, max_logprobs=TOP,
            limit_mm_per_prompt={"image": 1},
        )  # fmt: skip

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Response]:
        model = self.model
        from vllm import SamplingParams

        texts, images, shown = self.ready(prompts)
        most = sampling.max_new_tokens or self.profile.max_new_tokens
        settings = [
            SamplingParams(
                temperature=sampling.temperature, max_tokens=most, logprobs=TOP, seed=sampling.stream(prompt),
                skip_special_tokens=False,
            )
            for prompt in prompts
        ]  # fmt: skip
        asked = [
            {"prompt": text, "multi_modal_data": {"image": images[name]}}
            for text, name in zip(texts, shown, strict=True)
        ]
        outputs = [request.outputs[0] for request in model.generate(asked, settings, use_tqdm=False)]
        return [self._told(prompt, output) for prompt, output in zip(prompts, outputs, strict=True)]

    def _told(self, prompt: Prompt, output: Any) -> Response:
        stopped = output.finish_reason == "stop"
        ids = list(output.token_ids)
        if stopped and ids and ids[-1] in self.ends:
            ids.pop()
        letters = torch.zeros(len(ids), len(self.letter_tokens))
        for step, told in enumerate(output.logprobs[: len(ids)]):
            for letter, tokens in enumerate(self.letter_tokens):
                letters[step, letter] = torch.tensor([told[t].logprob for t in tokens if t in told]).exp().sum()
        return self.response(prompt, ids, "stop" if stopped else "length", letters)

    @cached_property
    def ends(self) -> list[int]:
        from transformers import GenerationConfig

        ends = GenerationConfig.from_pretrained(self.name).eos_token_id
        return ends if isinstance(ends, list) else [ends]
