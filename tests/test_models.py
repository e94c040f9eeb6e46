"""The local backend on the shipped checkpoint: what it says must not depend on how it is batched."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from companion.errors import CompanionError
from companion.models.choose_tokens import TokenChooser, nucleus
from companion.models.interface import Sampling, responses
from companion.models.language import CausalLM
from companion.models.local import LocalModel
from companion.models.weights import hash_folder
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.microworld import questions
from companion.questions.question import LETTERS

GREEDY = Sampling()


@pytest.fixture(scope="module")
def model(checkpoint):
    return LocalModel(str(checkpoint))


@pytest.fixture(scope="module")
def prompts():
    """64 prompts in which every perturbation, family and difficulty occurs."""
    names = list(PERTURBATIONS)
    return [apply(item, names[i % len(names)]) for i, item in enumerate(questions("test", 64, seed=3))]


@pytest.fixture(scope="module")
def together(model, prompts):
    return responses(model, prompts, GREEDY)


def same(a, b):
    assert (a.text, a.answer, a.finish, a.tokens) == (b.text, b.answer, b.finish, b.tokens)
    if a.letter_probs is None:
        assert b.letter_probs is None
    else:
        assert a.letter_probs == pytest.approx(b.letter_probs, abs=1e-4)
        assert a.letter_mass == pytest.approx(b.letter_mass, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 7])
def test_batch_size_changes_nothing(model, prompts, together, size):
    apart = [r for k in range(0, len(prompts), size) for r in responses(model, prompts[k : k + size], GREEDY)]
    for a, b in zip(together, apart, strict=True):
        same(a, b)


def test_batch_order_changes_nothing(model, prompts, together):
    order = list(range(len(prompts)))
    random.Random(0).shuffle(order)
    shuffled = responses(model, [prompts[i] for i in order], GREEDY)
    for place, i in enumerate(order):
        same(together[i], shuffled[place])


def test_letters_are_those_of_a_forward_pass_over_the_whole_text(model, prompts, together):
    """Slow reference: no cache, no padding, the logits at the token before the letter."""
    checked = 0
    for prompt, response in zip(prompts[:24], together[:24], strict=True):
        if response.letter_probs is None:
            continue
        from companion.models.profiles import messages

        head = model.processor.apply_chat_template(messages(prompt, model.profile), add_generation_prompt=True)
        written = response.text[: response.text.index("<answer>") + len("<answer>")]
        image = prompt.load_image()
        inputs = model.processor(text=head + prompt.prefill + written, images=[image], return_tensors="pt")
        with torch.inference_mode():
            probs = model.model(**inputs).logits[0, -1].softmax(-1)
        tokenizer = model.processor.tokenizer
        letters = []
        for letter in LETTERS[: len(prompt.options)]:
            forms = {tuple(tokenizer.encode(form, add_special_tokens=False)) for form in (letter, f" {letter}")}
            letters.append(sum(float(probs[form[0]]) for form in forms if len(form) == 1))
        assert response.letter_mass == pytest.approx(sum(letters), abs=1e-4)
        assert response.letter_probs == pytest.approx([p / sum(letters) for p in letters], abs=1e-4)
        checked += 1
    assert checked > 12


def test_what_is_said_is_what_generate_says(model, prompts, together):
    from companion.models.profiles import messages

    prompt, response = prompts[0], together[0]
    head = model.processor.apply_chat_template(messages(prompt, model.profile), add_generation_prompt=True)
    inputs = model.processor(text=head, images=[prompt.question.load_image()], return_tensors="pt")
    ids = model.model.generate(**inputs, max_new_tokens=96, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert model.processor.tokenizer.decode(ids, skip_special_tokens=True) == response.text


def test_a_sample_does_not_depend_on_its_batch_and_samples_differ(model, prompts):
    warm = Sampling(temperature=1.5, seed=1)
    batch = responses(model, prompts[:9], warm)
    for one, prompt in zip(batch, prompts[:9], strict=True):
        same(one, responses(model, [prompt], warm)[0])
    other = responses(model, prompts[:9], Sampling(temperature=1.5, seed=1, sample=1))
    assert [r.text for r in other] != [r.text for r in batch]


@pytest.mark.slow
def test_samples_follow_the_distribution(model):
    """The letter of an answer at once, drawn 300 times, against the probabilities that the model reports."""
    item = next(q for q in questions("validation", 200) if q.difficulty == "hard" and len(q.options) == 4)
    prompt = apply(item, "stop-think")
    true = responses(model, [prompt], GREEDY)[0].letter_probs
    counts = [0] * len(item.options)
    for k in range(300):
        answer = responses(model, [prompt], Sampling(temperature=1.0, sample=k, max_new_tokens=4))[0].answer
        if answer is not None:
            counts[answer] += 1
    for count, p in zip(counts, true, strict=True):
        assert abs(count / 300 - p) < 4 * (p * (1 - p) / 300) ** 0.5 + 0.02


@pytest.mark.parametrize("top_p", [0.001, 0.3, 0.9, 0.999])
def test_the_nucleus_is_that_of_transformers(top_p):
    from transformers import TopPLogitsWarper

    logits = 4 * torch.randn(40, 500, generator=torch.Generator().manual_seed(0))
    found, expected = nucleus(logits, top_p), TopPLogitsWarper(top_p)(None, logits)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert found.isfinite().any(dim=-1).all()


def test_samples_of_a_nucleus_follow_the_distribution_of_transformers(prompts):
    """Four thousand tokens drawn from the same logits, at a temperature."""
    from transformers import TopPLogitsWarper

    logits = torch.tensor([[2.0, 1.0, 1.5, -1.0, 0.0, -3.0]])
    chooser = TokenChooser([0], prompts[:1], Sampling(temperature=1.3, top_p=0.8), "cpu")
    drawn = torch.cat([chooser.choose(logits, torch.tensor([0])) for _ in range(4000)])
    true = TopPLogitsWarper(0.8)(None, logits / 1.3).softmax(-1)[0]
    assert (true > 0).sum() == 3
    found = drawn.bincount(minlength=6) / 4000
    assert (found[true == 0] == 0).all()
    assert ((found - true).abs() <= 4 * (true * (1 - true) / 4000).sqrt()).all()


@pytest.mark.slow
def test_a_sample_of_a_nucleus_does_not_depend_on_its_batch(model, prompts):
    warm = Sampling(temperature=1.5, seed=1, top_p=0.8)
    batch = responses(model, prompts[:9], warm)
    for one, prompt in zip(batch, prompts[:9], strict=True):
        same(one, responses(model, [prompt], warm)[0])
    assert [r.text for r in responses(model, prompts[:9], Sampling(temperature=1.5, seed=1))] != [r.text for r in batch]
    least = responses(model, prompts[:9], Sampling(temperature=1.5, top_p=1e-6))
    assert [r.text for r in least] == [r.text for r in responses(model, prompts[:9], GREEDY)]


def test_a_profile_says_how_its_model_samples(checkpoint, prompts):
    model = LocalModel(str(checkpoint))
    model.profile = replace(model.profile, temperature=2.0, top_p=0.99)
    found = responses(model, prompts[:9], Sampling())
    assert [r.text for r in found] == [r.text for r in responses(model, prompts[:9], Sampling(2.0, top_p=0.99))]
    assert [r.text for r in found] != [r.text for r in responses(model, prompts[:9], Sampling(0.0))]


def test_a_word_has_no_distribution_over_letters(model):
    prompt = apply(next(q for q in questions("test", 50) if q.options[1].isalpha()), "plain")
    for said, read in ((prompt.options[1], False), ("B", True)):
        ids = model.processor.tokenizer.encode(f"<think></think><answer>{said}</answer>", add_special_tokens=False)
        response = model.response(prompt, ids, "stop", lambda step: dict.fromkeys(model.letter_tokens, -3.0))
        assert response.answer == 1
        assert (response.letter_probs is not None, response.letter_mass is not None) == (read, read)


def test_an_untrained_model_gives_no_answer_but_no_error(random_checkpoint, prompts):
    model = LocalModel(str(random_checkpoint))
    found = responses(model, prompts[:6], GREEDY)
    assert all(r.finish == "length" and r.tokens == 96 for r in found if r.answer is None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "\nQwen2VLVideoProcessor requires the Torchvision library but it was not found in your environment. Check",
            "needs torchvision; install it with pip install torchvision",
        ),
        ("No module named 'timm'", "needs what is not installed (No module named 'timm'); install it"),
    ],
)
def test_a_library_that_a_model_needs_is_named(monkeypatch, checkpoint, said, told):
    from transformers import AutoProcessor

    def fail(*_, **__):
        raise ImportError(said)

    monkeypatch.setattr(AutoProcessor, "from_pretrained", fail)
    with pytest.raises(CompanionError, match=re.escape(f"the model {str(checkpoint)!r} {told}")):
        _ = LocalModel(str(checkpoint)).processor


@pytest.mark.filterwarnings("error::FutureWarning")
@pytest.mark.parametrize("name", ["random_checkpoint", "idefics"])
def test_nothing_is_used_that_transformers_will_drop(name, request, prompts):
    model = LocalModel(str(request.getfixturevalue(name)), "cpu")
    responses(model, prompts[:3], Sampling(max_new_tokens=4))


def test_missing_model_and_unknown_device(random_checkpoint, tmp_path):
    with pytest.raises(CompanionError, match=r"no model '.*nothing'.*no such folder; check the path"):
        LocalModel(str(tmp_path / "nothing"))
    with pytest.raises(CompanionError, match="unknown device 'gpu9'"):
        LocalModel(str(random_checkpoint), device="gpu9")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_said_before_anything_is_loaded(random_checkpoint, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(CompanionError, match=f"no device '{device}': torch .* sees 0 GPUs here; give auto or cpu"):
        LocalModel(str(random_checkpoint), device=device)
    with pytest.raises(CompanionError, match=f"no device '{device}'"):
        _ = CausalLM("a-model", device).loaded
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    assert LocalModel(str(random_checkpoint), device=device).device == device


def cut(file):
    """As a download that stopped half-way leaves it."""
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("harm", [Path.unlink, cut])
@pytest.mark.parametrize("name", ["processor_config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_is_not_whole_is_one_sentence(checkpoint, prompts, tmp_path, name, harm):
    """Of transformers it is an OSError, a ValueError, or an error of another package."""
    folder = tmp_path / "own"
    shutil.copytree(checkpoint, folder)
    harm(folder / name)
    with pytest.raises(CompanionError, match=r"the model '.*own' cannot be loaded: [^\n]*; it needs a whole folder"):
        responses(LocalModel(str(folder)), prompts[:1], GREEDY)


def test_weights_that_are_written_anew_leave_an_opened_model_as_it_was(random_checkpoint, prompts, tmp_path):
    """In place, as `save_pretrained` does: a model whose weights are mapped from the file ends its process."""
    folder = tmp_path / "own"
    shutil.copytree(random_checkpoint, folder)
    model = LocalModel(str(folder), "cpu")
    before = responses(model, prompts[:2], GREEDY)
    (folder / "model.safetensors").write_bytes(b"half")
    assert responses(model, prompts[:2], GREEDY) == before
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(folder) not in maps.read_text()


def test_identity_follows_the_weights(random_checkpoint, checkpoint):
    assert LocalModel(str(random_checkpoint)).identity != LocalModel(str(checkpoint)).identity
    assert LocalModel(str(checkpoint)).identity == LocalModel(str(checkpoint)).identity


def test_identity_of_an_adapter_follows_the_weights_that_it_is_for(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(tmp_path / "base")})
    )
    found = set()
    for content in ("before", "after"):
        (tmp_path / "base" / "model.safetensors").write_text(content)
        found.add(hash_folder(tmp_path / "adapter"))
    assert len(found) == 2


def test_shipped_checkpoints_keep_their_keys(root):
    """Of each model of which rows are shipped, the identity in these is that of its folder as it is now."""
    weights = (root / "checkpoints").rglob("model.safetensors")
    now = {file.parent.name: hash_folder(file.parent) for file in weights}
    shipped = {file.stem: pq.read_table(file)["model_hash"][0].as_py() for file in root.glob("results/rows/*.parquet")}
    shipped["base"] = pq.read_table(root / "results/gap/opened/base.parquet")["model_hash"][0].as_py()
    assert len(shipped) > 9
    assert {name: now[name] for name in shipped} == shipped


def test_what_a_model_computes_in_is_told_with_the_quantisation_of_its_weights(random_checkpoint, tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(random_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    for method, half, expected in (
        (None, False, "float32"),
        (None, True, "bfloat16"),
        ("awq", True, "bfloat16, awq"),
        ("gptq", False, "float32, gptq"),
    ):
        more = {"quantization_config": {"quant_method": method}} if method else {}
        (folder / "config.json").write_text(json.dumps(config | more))
        model = LocalModel(str(folder), "cpu")
        model.half = half
        assert model.precision == expected


HUB = """
import shutil, sys
from pathlib import Path
from companion.models.language import CausalLM
from companion.models.local import LocalModel
from companion.models.weights import hash_folder
cache = Path(sys.argv[2]) / "hub" / "models--some--model"
for commit in ("a" * 40, "b" * 40):
    shutil.copytree(sys.argv[1], cache / "snapshots" / commit)
    (cache / "refs").mkdir(exist_ok=True)
    (cache / "refs" / "main").write_text(commit)
    model = LocalModel("some/model", "cpu")
    print(model.identity, CausalLM("some/model").identity)
(cache / "refs" / "main").write_text("a" * 40)  # moved on while it was used
shutil.rmtree(cache / "snapshots" / ("a" * 40))
print(type(model.processor).__name__, type(model.model).__name__)
"""
"""What is at hand of the Hub: a model, then a newer commit of it, then an older one in its place."""


@pytest.mark.slow
def test_a_model_of_the_hub_is_named_by_its_commit_and_loaded_from_it(random_checkpoint, tmp_path):
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", HUB, str(random_checkpoint), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    first, second = (f"some/model@{letter * 40}" for letter in "ab")
    expected = [f"{first} {first}", f"{second} {second}", "LlavaProcessor LlavaForConditionalGeneration"]
    assert done.stdout.splitlines() == expected, done.stderr


@pytest.mark.parametrize(
    ("name", "beside", "counts"),
    [
        ("model.safetensors", "", True),
        ("pytorch_model.bin", "tokenizer.json", True),
        ("pytorch_model-00001-of-00002.bin", "", True),
        ("pytorch_model.bin", "model.safetensors", False),
        ("merges.txt", "model.safetensors", True),
        ("tokenizer.model", "", True),
        ("merges.txt", "tokenizer.json", False),
        ("chat_template.json", "", True),
        ("added_tokens.json", "tokenizer.json", True),
        ("special_tokens_map.json", "tokenizer.json", True),
        ("tokenizer.model", "tokenizer.json", True),
        ("tekken.json", "", True),
        ("generation_config.json", "", True),
        ("preprocessor_config.json", "", True),
        ("video_preprocessor_config.json", "", True),
        ("model.safetensors.index.json", "", True),
        ("adapter_model.safetensors", "model.safetensors", True),
        ("adapter_model.bin", "model.safetensors", True),
        ("adapter_model.bin", "adapter_model.safetensors", False),
        ("pytorch_model.bin", "adapter_model.safetensors", True),
        ("training_args.bin", "", False),
        ("README.md", "", False),
    ],
)
def test_identity_follows_all_that_is_read_of_a_folder(tmp_path, name, beside, counts):
    """Weights in torch's own format were passed over: a model that was trained further had its rows from before."""
    (tmp_path / "config.json").write_text("{}")
    if beside:
        (tmp_path / beside).write_text("beside")
    identities = set()
    for content in ("before", "after"):
        (tmp_path / name).write_text(content)
        identities.add((LocalModel(str(tmp_path), "cpu").identity, CausalLM(str(tmp_path)).identity))
    assert len(identities) == 1 + counts
    assert all(model == judge for model, judge in identities)
