"""Models that vLLM runs.

Its part is played by transformers: what is asked, how answers and logprobs are read. One test asks vLLM itself, in the
Python that COMPANION_VLLM_PYTHON names, or in this one where vLLM is installed; its build for the CPU will do.
"""

import gc
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from companion.cli import main
from companion.cli.options import setting
from companion.errors import CompanionError, Refusal
from companion.evaluation.store import VERDICTS, Store
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.open import open_model
from companion.models.vllm_engine import overheard, reason
from companion.models.weights import lacks_inner, save_model, view
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.folder import write_folder
from companion.questions.microworld import questions


class LLM:
    """The part of vLLM's class that is used, with one prompt after the other. events: of all engines, in order."""

    events: ClassVar[list[str]] = []

    def __init__(self, model, **settings):
        self.inner, self.settings = LocalModel(model, "cpu"), settings
        number = len(self.events) // 2
        self.events.append(f"start {number}")
        ended = partial(self.events.append, f"end {number}")
        self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=ended))

    @torch.inference_mode()
    def generate(self, asked, settings, use_tqdm):
        self.sampling = settings
        outputs = []
        for one, sampling in zip(asked, settings, strict=True):
            inputs = self.inner.processor(
                text=[one["prompt"]], images=[[one["multi_modal_data"]["image"]]], return_tensors="pt"
            )
            written = self.inner.model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=sampling.max_tokens,
                output_scores=True,
                return_dict_in_generate=True,
            )
            ids = written.sequences[0, inputs["input_ids"].shape[1] :].tolist()
            told = []
            for scores in written.scores:
                top = scores[0].log_softmax(-1).topk(sampling.logprobs)
                told.append({t: SimpleNamespace(logprob=p) for p, t in zip(*(x.tolist() for x in top), strict=True)})
            reason = "stop" if ids[-1] in self.inner.ends else "length"
            output = SimpleNamespace(token_ids=tuple(ids), logprobs=told, finish_reason=reason)
            outputs.append(SimpleNamespace(outputs=[output]))
        return outputs


@dataclass
class EngineArgs:
    """A few of vLLM's."""

    model: str = ""
    dtype: str = "auto"
    enforce_eager: bool = False
    gpu_memory_utilization: float = 0.9
    max_model_len: int | None = None
    max_logprobs: int = 20
    quantization: str | None = None
    tensor_parallel_size: int = 1


TEXT, SIGHT = "language_model.model.", "vision_tower.vision_model."
BOTH = ("weight", "bias")
EXPECTED = {
    f"{TEXT}embed_tokens.weight",
    f"{TEXT}norm.weight",
    *(f"{TEXT}layers.N.{part}_layernorm.weight" for part in ("input", "post_attention")),
    *(f"{TEXT}layers.N.mlp.{part}_proj.weight" for part in ("down", "gate", "up")),
    *(
        f"{TEXT}layers.N.self_attn.{part}.weight"
        for part in ("q_norm", "k_norm", "q_proj", "k_proj", "v_proj", "o_proj")
    ),
    *(f"multi_modal_projector.linear_{number}.{kind}" for number in (1, 2) for kind in BOTH),
    *(f"{SIGHT}{part}.{kind}" for part in ("embeddings.patch_embedding", "post_layernorm") for kind in BOTH),
    f"{SIGHT}embeddings.position_embedding.weight",
    *(f"{SIGHT}encoder.layers.N.layer_norm{number}.{kind}" for number in (1, 2) for kind in BOTH),
    *(f"{SIGHT}encoder.layers.N.mlp.fc{number}.{kind}" for number in (1, 2) for kind in BOTH),
    *(f"{SIGHT}encoder.layers.N.self_attn.{part}_proj.{kind}" for part in ("q", "k", "v", "out") for kind in BOTH),
}
"""What vLLM 0.32 reads of a LLaVA with a SigLIP tower and a Qwen3 decoder, N standing for a layer's number."""


def names(folder):
    with safe_open(folder / "model.safetensors", "pt") as opened:
        written = opened.keys()
    return {re.sub(r"\.\d+\.", ".N.", name) for name in written}


@pytest.fixture
def vllm(monkeypatch):
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams, module.EngineArgs = LLM, SimpleNamespace, EngineArgs
    monkeypatch.setitem(sys.modules, "vllm", module)
    LLM.events.clear()
    return module


@pytest.mark.slow
@pytest.mark.parametrize("most", [96, 6])
def test_the_same_responses_as_here(vllm, checkpoint, most):
    here, there = LocalModel(str(checkpoint), "cpu"), open_model(f"vllm:{checkpoint}", gpus=2)
    prompts = [apply(item, name) for item in questions("test", 2) for name in PERTURBATIONS]
    sampling = Sampling(max_new_tokens=most)
    for ours, theirs in zip(responses(here, prompts, sampling), responses(there, prompts, sampling), strict=True):
        assert (ours.text, ours.tokens, ours.finish, ours.answer) == (
            theirs.text,
            theirs.tokens,
            theirs.finish,
            theirs.answer,
        )
        if ours.letter_probs:
            assert theirs.letter_probs == pytest.approx(ours.letter_probs, abs=1e-3)
    assert there.model.settings["enable_prefix_caching"]
    assert there.model.settings["dtype"] == ("auto" if torch.cuda.is_available() else "float32")
    assert lacks_inner(checkpoint)
    assert names(Path(there.model.inner.name)) == EXPECTED
    assert there.model.settings["tensor_parallel_size"] == 2
    assert here.identity != there.identity


def test_the_limits_and_the_sampling_of_a_profile_are_told(vllm, checkpoint):
    prompts = [apply(questions("test", 1)[0], "stop-think")]
    plain, there = open_model(f"vllm:{checkpoint}"), open_model(f"vllm:{checkpoint}")
    there.profile = replace(there.profile, temperature=0.6, top_p=0.95)
    for model, sampling in ((plain, (0.0, 1.0)), (there, (0.6, 0.95))):
        responses(model, prompts, Sampling(max_new_tokens=4))
        (told,) = model.model.sampling
        assert (told.temperature, told.top_p) == sampling
    responses(there, prompts, Sampling(0.9, top_p=0.5))
    (told,) = there.model.sampling
    assert (told.temperature, told.top_p) == (0.9, 0.5)
    limited = open_model(f"vllm:{checkpoint}", profile="vigorl")
    assert plain.model.settings["mm_processor_kwargs"] is None
    assert limited.model.settings["mm_processor_kwargs"] == {"min_pixels": 4096, "max_pixels": 12960000}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_model_len=8192", ("max_model_len", 8192)),
        ("gpu-memory-utilization=0.5", ("gpu_memory_utilization", 0.5)),
        ("enforce_eager=true", ("enforce_eager", True)),
        ("enforce_eager=False", ("enforce_eager", False)),
        ("quantization=None", ("quantization", None)),
        ("dtype=half", ("dtype", "half")),
        ("dtype=", ("dtype", "")),
        ('limit_mm_per_prompt={"image": 1}', ("limit_mm_per_prompt", {"image": 1})),
        ("hf_overrides={'a': [1]}", ("hf_overrides", {"a": [1]})),
    ],
)
def test_a_setting_is_typed_as_it_is_written(text, told):
    key, value = setting(text)
    assert (key, value, type(value)) == (*told, type(told[1]))


@pytest.mark.parametrize("text", ["max_model_len", "=3"])
def test_a_setting_without_key_or_value(text):
    with pytest.raises(ArgumentTypeError, match="give KEY=VALUE"):
        setting(text)


def test_settings_reach_the_engine_and_are_over_ours(vllm, checkpoint):
    model = open_model(f"vllm:{checkpoint}", vllm={"gpu_memory_utilization": 0.5, "dtype": "half"})
    told = model.model.settings
    assert (told["gpu_memory_utilization"], told["dtype"], told["max_logprobs"]) == (0.5, "half", 20)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_model_length": 5}, "--vllm max_model_length: .* did you mean max_model_len"),
        ({"zzz": 1}, "--vllm zzz: vLLM has no such setting; it takes those of vLLM's EngineArgs"),
        ({"tensor_parallel_size": 2}, "--vllm tensor_parallel_size .* give --gpus"),
        ({"model": "x"}, "give --model"),
    ],
)
def test_settings_that_cannot_be_given(vllm, checkpoint, given, said):
    with pytest.raises(CompanionError, match=said):
        _ = open_model(f"vllm:{checkpoint}", vllm=given).model


def test_settings_are_for_models_of_vllm(checkpoint, capsys):
    assert main(["evaluate", "--model", str(checkpoint), "--limit", "1", "--vllm", "max_model_len=9"]) == 2
    assert "--vllm is for models named vllm:" in capsys.readouterr().err


def test_a_setting_that_may_change_what_is_written_makes_another_model(checkpoint):
    plain, lean, half = (
        open_model(f"vllm:{checkpoint}", vllm=given)
        for given in ({}, {"gpu_memory_utilization": 0.5, "enforce_eager": True}, {"dtype": "half"})
    )
    assert (lean.identity, lean.label) == (plain.identity, plain.label)
    assert half.identity not in (plain.identity, open_model(f"vllm:{checkpoint}", vllm={"dtype": "bfloat16"}).identity)
    assert half.label == f"{plain.label} (dtype=half)"


def test_rows_of_vllm_are_replayed_by_it(vllm, checkpoint, tmp_path, capsys):
    """With the settings that made another model of it; without these they are not its rows."""
    model = ["--perturbations", "plain", "--model", f"vllm:{checkpoint}"]
    settings = ["--vllm", "dtype=float32"]
    assert main(["evaluate", *model, *settings, "--limit", "1", "--out", str(tmp_path)]) == 0
    judge = ["judge", str(tmp_path), "--judge", "replay", *model]
    assert main([*judge, *settings]) == 0
    (verdict,) = Store(tmp_path / "verdicts", VERDICTS).read().values()
    assert set(json.loads(verdict["details"])) >= {"blank", "empty", "half"}
    capsys.readouterr()
    assert main(judge) == 2
    assert "with --vllm KEY=VALUE if they were made so" in capsys.readouterr().err


def test_one_engine_a_model_which_ends_before_the_next_one_starts(vllm, checkpoint, random_checkpoint, tmp_path):
    own = tmp_path / "own"
    write_folder(questions("test", 2, seed=5), own)
    command = ["evaluate", "--model", f"vllm:{checkpoint},vllm:{random_checkpoint}", "--limit", "2"]
    command += ["--benchmark", f"microworld,{own}", "--perturbations", "plain", "--max-new-tokens", "8"]
    assert main([*command, "--out", str(tmp_path / "rows")]) == 0
    gc.collect()
    assert LLM.events == ["start 0", "end 0", "start 1", "end 1"]


CUT = (
    "[type=value_error, input_value=ArgsKwargs((), {}), input_type=ArgsKwargs]\n"
    "    For further information visit https://errors.pydantic.dev/2.14/v/value_error"
)
STARTED = "Engine core initialization failed. See root cause above. Failed core proc(s): {}"


@pytest.mark.parametrize(
    ("error", "written", "said"),
    [
        (
            STARTED,
            "(VllmWorker-0 pid=14546) ERROR 11-28 21:09:20 [multiproc_executor.py:953] ValueError: Available memory on "
            "node 0 (17.2/23.54 GiB) on startup is less than desired CPU memory utilization (0.99, 23.31 GiB). On",
            "0.99 of the memory, and only 17.2 of 23.54 GiB are free; give --vllm gpu_memory_utilization=0.69",
        ),
        (
            "Free memory on device cuda:0 (20.0/80.0 GiB) on startup is less than desired GPU memory utilization "
            "(0.92, 73.6 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
            "",
            "only 20.0 of 80.0 GiB are free; give --vllm gpu_memory_utilization=0.24",
        ),
        (
            "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when",
            "",
            "give a larger --vllm gpu_memory_utilization, or more --gpus",
        ),
        (
            STARTED,
            "(EngineCore pid=1) ERROR 11-28 21:20:58 [core.py:1510] RuntimeError: Worker failed with error 'Available "
            "memory on node 0 (17.27/23.54 GiB) on kv cache allocation is less than requested memory for kv "
            "(-0.54/0.24 GiB). Reduce CPU memory used by other processes.', please check the stack trace above",
            "give a larger --vllm gpu_memory_utilization, or more --gpus",
        ),
        (
            "To serve at least one request with the model's max seq len (128000), (7.00 GiB KV cache is needed, which "
            "is larger than the available KV cache memory (1.50 GiB). Based on the available memory, the estimated "
            "maximum model length is 27424. Try increasing",
            "",
            "give --vllm max_model_len=27424, or a larger",
        ),
        (
            "1 validation error for ModelConfig\n  Value error, User-specified max_model_len (100000) is greater than "
            "the derived max_model_len (max_position_embeddings=512.0 or model_max_length=None in model's config.json) "
            + CUT,
            "",
            "takes 512 tokens, not 100000; give --vllm max_model_len=512, or less",
        ),
        (
            "1 validation error for ModelConfig\n  Value error, Model architectures ['NoSuchForConditionalGeneration'] "
            f"are not supported for now. Supported architectures: dict_keys([]) {CUT}",
            "",
            "does not know the architecture 'NoSuchForConditionalGeneration'; leave out vllm:",
        ),
        (
            "1 validation error for ModelConfig\nenforce_eager\n  Input should be a valid boolean, unable to interpret "
            "input [type=bool_parsing, input_value='maybe', input_type=str]",
            "",
            "--vllm enforce_eager: Input should be a valid boolean, unable to interpret input",
        ),
        (
            f"1 validation error for VllmConfig\n  Value error, Total number of attention heads (4) must be divisible "
            f"by tensor parallel size (3). {CUT}",
            "",
            "its 4 attention heads cannot be shared by 3 GPUs alike; give",
        ),
        (
            f"1 validation error for ModelConfig\n  Value error, Unknown quantization method: nosuch. Must be one of "
            f"[] {CUT}",
            "",
            "Unknown quantization method: nosuch. Must be one of []",
        ),
        (
            STARTED.replace("{}", "{'EngineCore': -9}"),
            "",
            "killed, most likely since this machine's memory ran out",
        ),
        (
            STARTED,
            "(VllmWorker-0 pid=1) ERROR 11-28 21:25:14 [multiproc_executor.py:953] ValueError: something of its own\n"
            "(EngineCore pid=2) ERROR 11-28 21:25:15 [core.py:1510] Exception: WorkerProc initialization failed due to",
            "ValueError: something of its own; its settings are changed with --vllm KEY=VALUE",
        ),
        ("no words known", "", "RuntimeError: no words known; its settings are changed with --vllm KEY=VALUE"),
    ],
)
def test_why_an_engine_does_not_start(error, written, said):
    """What vLLM 0.32 says, as its CPU build wrote it or, of GPUs, as its source has it."""
    told = reason(RuntimeError(error), written)
    assert said in told
    assert "\n" not in told


def test_what_a_process_of_the_engine_wrote_is_found(vllm, checkpoint, monkeypatch, capfd):
    """The error that arrives here says nothing: another process had it."""

    class Broken(LLM):
        def __init__(self, model, **settings):
            subprocess.run(["sh", "-c", "echo 'ValueError: No available memory for the cache blocks. Try'"], check=True)
            raise RuntimeError(STARTED)

    vllm.LLM = Broken
    with pytest.raises(CompanionError, match=r"^vLLM cannot start .*give a larger --vllm gpu_memory_utilization"):
        _ = open_model(f"vllm:{checkpoint}").model
    print("after")
    written = capfd.readouterr()
    assert "No available memory" in written.err
    assert written.out == "after\n"


def test_what_is_written_goes_on_to_standard_error_for_as_long_as_somebody_writes(capfd):
    with overheard() as said:
        os.write(1, b"here\n")
        late = subprocess.Popen(["sh", "-c", "echo early; read line; echo $line"], stdin=subprocess.PIPE, text=True)
        while "early" not in said():
            pass
        assert "here" in said()
    late.communicate("late\n")
    print("out")
    os.write(2, b"err\n")
    deadline, errors = time.monotonic() + 300, ""
    while "late" not in errors and time.monotonic() < deadline:
        written = capfd.readouterr()
        errors += written.err
    assert "late" in errors


def test_an_answer_cut_by_the_users_own_limit_is_none(vllm, checkpoint, monkeypatch):
    model = open_model(f"vllm:{checkpoint}", vllm={"max_model_len": 100})
    generate = LLM.generate

    def cut(self, asked, settings, use_tqdm):
        return generate(self, asked, [SimpleNamespace(**vars(one) | {"max_tokens": 3}) for one in settings], use_tqdm)

    monkeypatch.setattr(LLM, "generate", cut)
    ((_, said),) = model.generate([apply(questions("test", 1)[0], "plain")], Sampling(max_new_tokens=9))
    assert isinstance(said, Refusal)
    assert "--vllm max_model_len" in said.reason


def test_an_engine_that_dies_is_asked_once(vllm, checkpoint, monkeypatch):
    class EngineDeadError(Exception):
        pass

    asked = []

    def die(self, prompts, settings, use_tqdm):
        asked.append(len(prompts))
        raise EngineDeadError

    monkeypatch.setattr(LLM, "generate", die)
    with pytest.raises(CompanionError, match=r"engine of .* ended"):
        responses(open_model(f"vllm:{checkpoint}"), [apply(q, "plain") for q in questions("test", 3)], Sampling())
    assert asked == [3]


def test_what_is_saved_has_names_that_vllm_reads(random_checkpoint, tmp_path):
    """From names of either kind; transformers reads the same weights back."""
    given, made, again = LocalModel(str(random_checkpoint), "cpu"), tmp_path / "made", tmp_path / "again"
    assert lacks_inner(random_checkpoint)
    save_model(given.model, given.processor, made)
    back = LocalModel(str(made), "cpu")
    save_model(back.model, back.processor, again)
    for folder in (made, again):
        assert names(folder) == EXPECTED
        assert not lacks_inner(folder)
        assert not list(folder.glob("*.part"))
    weights = given.model.state_dict()
    assert all(torch.equal(weights[name], weight) for name, weight in back.model.state_dict().items())


def test_a_view_of_a_folder_is_the_folder_under_other_names(random_checkpoint, tmp_path):
    before = (random_checkpoint / "model.safetensors").read_bytes()
    view(random_checkpoint, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in random_checkpoint.iterdir()}
    assert names(tmp_path) == EXPECTED
    old, new = load_file(random_checkpoint / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    for name, weight in new.items():
        assert torch.equal(weight, old[name.replace("vision_model.", "")])
    assert (random_checkpoint / "model.safetensors").read_bytes() == before


def test_other_folders_are_opened_as_they_are(vllm, qwen):
    assert not lacks_inner(qwen)
    assert open_model(f"vllm:{qwen}").folder == str(qwen)


def test_vllm_itself_answers_as_transformers_does(checkpoint):
    python = os.environ.get("COMPANION_VLLM_PYTHON") or (importlib.util.find_spec("vllm") and sys.executable)
    if not python:
        pytest.skip("no vLLM here; put the Python of an environment that has it into COMPANION_VLLM_PYTHON")
    tests = Path(__file__).parent
    done = subprocess.run(
        [python, tests / "probe_vllm.py", checkpoint, "6", "plain,stop-think,wrong-think,wrong-caption"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tests.parent / 'src'}:{tests}"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    here, there = json.loads(done.stdout.splitlines()[-1])
    assert len(here) == 24
    for (*said, ours), (*same, theirs) in zip(here, there, strict=True):
        assert said == same
        assert ours
        assert theirs == pytest.approx(ours, abs=1e-4)


def test_without_vllm(checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(CompanionError, match=r"pip install -e '\.\[paper\]'"):
        responses(open_model(f"vllm:{checkpoint}"), [apply(questions("test", 1)[0], "plain")], Sampling())
