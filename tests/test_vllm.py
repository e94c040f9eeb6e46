"""Models that vLLM runs.

Its part is played by transformers: what is asked, how answers and logprobs are read. One test asks vLLM itself, in the
Python that COMPANION_VLLM_PYTHON names, or in this one where vLLM is installed; its build for the CPU will do.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from companion.errors import CompanionError
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.open import open_model
from companion.models.weights import lacks_inner, save_model, view
from companion.perturbations.table import PERTURBATIONS, apply
from companion.questions.microworld import questions


class LLM:
    """The part of vLLM's class that is used, with one prompt after the other."""

    def __init__(self, model, **settings):
        self.inner, self.settings = LocalModel(model, "cpu"), settings

    @torch.inference_mode()
    def generate(self, asked, settings, use_tqdm):
        self.sampling = settings
        outputs = []
        for one, sampling in zip(asked, settings, strict=True):
            inputs = self.inner.processor(
                text=[one["prompt"]], images=[[one["multi_modal_data"]["image"]]], return_tensors="pt"
            )
            written = self.inner.model.generate(
                **inputs, do_sample=False, max_new_tokens=sampling.max_tokens, output_scores=True,
                return_dict_in_generate=True,
            )  # fmt: skip
            ids = written.sequences[0, inputs["input_ids"].shape[1] :].tolist()
            told = []
            for scores in written.scores:
                top = scores[0].log_softmax(-1).topk(sampling.logprobs)
                told.append({t: SimpleNamespace(logprob=p) for p, t in zip(*(x.tolist() for x in top), strict=True)})
            reason = "stop" if ids[-1] in self.inner.ends else "length"
            output = SimpleNamespace(token_ids=tuple(ids), logprobs=told, finish_reason=reason)
            outputs.append(SimpleNamespace(outputs=[output]))
        return outputs


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
    module.LLM, module.SamplingParams = LLM, SimpleNamespace
    monkeypatch.setitem(sys.modules, "vllm", module)


@pytest.mark.parametrize("most", [96, 6])
def test_the_same_responses_as_here(vllm, checkpoint, most):
    here, there = LocalModel(str(checkpoint), "cpu"), open_model(f"vllm:{checkpoint}", gpus=2)
    prompts = [apply(item, name) for item in questions("test", 2) for name in PERTURBATIONS]
    sampling = Sampling(max_new_tokens=most)
    for ours, theirs in zip(responses(here, prompts, sampling), responses(there, prompts, sampling), strict=True):
        assert (ours.text, ours.tokens, ours.finish, ours.answer) == (
            theirs.text, theirs.tokens, theirs.finish, theirs.answer,
        )  # fmt: skip
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
        [python, tests / "probe_vllm.py", checkpoint, "6", "base,stop-think,wrong-think,wrong-caption"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": f"{tests.parent / 'src'}:{tests}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    here, there = json.loads(done.stdout.splitlines()[-1])
    assert len(here) == 24
    for (*said, ours), (*same, theirs) in zip(here, there, strict=True):
        assert said == same
        assert ours
        assert theirs == pytest.approx(ours, abs=1e-4)


def test_without_vllm(checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(CompanionError, match=r"pip install 'companion\[paper\]'"):
        responses(open_model(f"vllm:{checkpoint}"), [apply(questions("test", 1)[0], "plain")], Sampling())
