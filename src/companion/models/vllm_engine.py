"""Starting vLLM's engine: its settings by name, and in one sentence why it did not start.

The engine runs in processes of its own. Why one of them ended is in no error that reaches this process, but only in
what they wrote to the terminal; so that is overheard while the engine starts.
"""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from threading import Event, Thread
from typing import Any

from companion.errors import CompanionError, one_line

OURS = {
    "model": "give --model",
    "tensor_parallel_size": "give --gpus",
    "max_logprobs": "the letters' distribution is read from as many as it is",
    "logprobs_mode": "the letters' distribution is read from logarithms of probabilities before any temperature",
}
"""Settings that nobody may give, and why."""

HARMLESS = set(
    """
    block_size cpu_offload_gb disable_custom_all_reduce disable_log_stats distributed_executor_backend download_dir
    enable_chunked_prefill enable_prefix_caching enforce_eager gpu_memory_utilization hf_token kv_cache_memory_bytes
    limit_mm_per_prompt max_model_len max_num_batched_tokens max_num_seqs max_parallel_loading_workers
    mm_processor_cache_gb num_gpu_blocks_override pipeline_parallel_size seed skip_mm_profiling
    """.split()
)
"""Settings of memory and speed. With any other the model is another one, whose rows are kept apart."""

HEARD = 4000
"""Lines of what its processes wrote that are kept."""

REASONS = (
    (
        r"\((?P<free>[\d.]+)/(?P<all>[\d.]+) GiB\) on startup is less than desired [CG]PU memory utilization "
        r"\((?P<share>[\d.]+)",
        "it would take {share} of the memory, and only {free} of {all} GiB are free; give --vllm "
        "gpu_memory_utilization={fits:.2f}, or end what else uses it",
    ),
    (
        r"No available memory for the cache blocks|less than requested memory for kv",
        "beside the weights there is too little memory for its cache; give a larger --vllm gpu_memory_utilization, or "
        "more --gpus",
    ),
    (
        r"max seq len \((?P<most>\d+)\).*?KV cache is needed.*?estimated maximum model length is (?P<fits>\d+)",
        "its cache cannot hold {most} tokens, the longest prompt and answer; give --vllm max_model_len={fits}, or a "
        "larger --vllm gpu_memory_utilization",
    ),
    (
        r"max seq len \((?P<most>\d+)\).*?KV cache is needed",
        "its cache cannot hold {most} tokens, the longest prompt and answer; give a smaller --vllm max_model_len, or a "
        "larger --vllm gpu_memory_utilization",
    ),
    (
        r"max_model_len \((?P<given>\d+)\) is greater than the derived max_model_len \(\w+=(?P<most>\d+)",
        "the model takes {most} tokens, not {given}; give --vllm max_model_len={most}, or less",
    ),
    (
        r"Model architectures \[(?P<name>.*?)\] are not supported",
        "vLLM does not know the architecture {name}; leave out vllm: before the model's name, and transformers runs it",
    ),
    (
        r"Cannot find any model weights with [`'](?P<folder>.*?)[`']",
        "it finds no weights in {folder}; give a whole model",
    ),
    (
        r"World size \((?P<wanted>\d+)\) is larger than the number of available GPUs \((?P<there>\d+)\)",
        "there are {there} GPUs, not {wanted}; give --gpus {there}",
    ),
    (
        r"number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<gpus>\d+)\)",
        "its {heads} attention heads cannot be shared by {gpus} GPUs alike; give another number of --gpus",
    ),
    (r"Bfloat16 is only supported on GPUs", "this GPU does not compute in bfloat16; give --vllm dtype=half"),
    (
        r"OutOfMemoryError|CUDA out of memory",
        "the GPU has too little memory; give a smaller --vllm gpu_memory_utilization or --vllm max_num_seqs, or more "
        "--gpus",
    ),
    (
        r"Failed core proc\(s\): \{[^}]*: -9\b",
        "its process was killed, most likely since this machine's memory ran out; give a smaller --vllm "
        "gpu_memory_utilization, or end what else uses memory",
    ),
    (r"validation errors? for \w+\n\s+Value error, (?P<said>[^\n]*?)(?: \[type=|\n|$)", "{said}"),
    (r"validation errors? for \w+\n(?P<name>\w+)\n\s+(?P<said>[^\n]*?)(?: \[type=|\n|$)", "--vllm {name}: {said}"),
)
"""What vLLM says, as a pattern, and what to say about it and to do. free, all: of which fits is the share to take."""

LONGEST = 300
"""Characters of what vLLM says that are repeated."""

_ERROR = re.compile(r"(?:^|\] |\) )((?:\w+\.)*\w*(?:Error|Exception): (?!WorkerProc |Engine core ).*)$", re.MULTILINE)
"""An error's last line as a process prints or logs it, unless it only says that another process had one."""


def start(name: str, settings: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """vLLM's `LLM` of a model. settings: ours; given: the user's, over them.

    Raises CompanionError where vLLM is missing, does not know a setting, or does not start.
    """
    try:
        from vllm import LLM, EngineArgs
    except ImportError as error:
        raise CompanionError(f"vllm:{name} needs vLLM: pip install -e '.[paper]'") from error
    known = {field.name for field in fields(EngineArgs)}
    for unknown in given.keys() - known:
        near = get_close_matches(unknown, known, 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; it takes those of vLLM's EngineArgs"
        raise CompanionError(f"--vllm {unknown}: vLLM has no such setting{hint}")
    with overheard() as said:
        try:
            return LLM(**{**settings, **given})
        except Exception as error:
            raise CompanionError(f"vLLM cannot start {name}: {reason(error, said())}") from error


def reason(error: Exception, said: str) -> str:
    """Why the engine did not start, and what to change. said: what its processes wrote."""
    whole = f"{error}\n{said}"
    for pattern, sentence in REASONS:
        if found := re.search(pattern, whole, re.DOTALL):
            told: dict[str, Any] = {name: value[:LONGEST] for name, value in found.groupdict().items()}
            if "free" in told:  # a little is left to what asks for memory meanwhile
                told["fits"] = max(0.01, 0.95 * float(told["free"]) / float(told["all"]))
            return sentence.format(**told)
    errors = _ERROR.findall(said)
    return f"{errors[-1][:LONGEST] if errors else one_line(error)}; its settings are changed with --vllm KEY=VALUE"


@contextmanager
def overheard() -> Iterator[Callable[[], str]]:
    """Yields a function that tells the last lines which this process, and those that it starts meanwhile, wrote to the
    terminal. All goes on to standard error, for as long as these processes live."""
    heard: deque[bytes] = deque(maxlen=HEARD)
    caught_up, mark = Event(), b"\0\n"
    _flush()
    own = [os.dup(1), os.dup(2)]
    read, write = os.pipe()

    def pass_on(terminal: int) -> None:
        with os.fdopen(read, "rb") as pipe:
            for line in pipe:
                if line.endswith(mark):
                    caught_up.set()
                    line = line.removesuffix(mark)
                heard.append(line)
                os.write(terminal, line)

    Thread(target=pass_on, args=(os.dup(2),), daemon=True).start()
    for number in (1, 2):
        os.dup2(write, number)
    os.close(write)

    def told() -> str:
        _flush()
        os.write(1, mark)  # behind everything that was written before
        caught_up.wait(timeout=10)
        return b"".join(heard).decode(errors="replace")

    try:
        yield told
    finally:
        _flush()
        for number, terminal in zip((1, 2), own, strict=True):
            os.dup2(terminal, number)
            os.close(terminal)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
