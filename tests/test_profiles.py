"""Profiles: whose they are, what they say, how they sample, and that keys of older rows stay as they are."""

from dataclasses import fields, replace
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from PIL import Image

from companion.errors import CompanionError
from companion.evaluation import engine
from companion.evaluation.store import Store
from companion.models.interface import Sampling
from companion.models.local import LocalModel
from companion.models.open import open_model
from companion.models.profiles import (
    PIXELS,
    PROFILES,
    Profile,
    begin_turn,
    chosen,
    fit,
    get_profile,
    messages,
    opening,
    read_system,
)
from companion.models.server import EndpointModel
from companion.models.vllm import VLLMModel
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.microworld import questions

PROMPT = apply(questions("test", 1)[0], "wrong-caption")


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("/models/qwen2.5-vl-3b-instruct/", "qwen2.5-vl"),
        ("Qwen/Qwen2.5-VL-72B-Instruct-AWQ", "qwen2.5-vl"),
        ("RUBBISHLIKE/SpaceR", "spacer"),
        ("RUBBISHLIKE/SpaceR-SFT-7B", "spacer"),
        ("Video-R1/Video-R1-7B", "video-r1"),
        ("Video-R1/Qwen2.5-VL-7B-COT-SFT", "video-r1"),
        ("Osilly/Vision-R1-7B", "vision-r1"),
        ("Osilly/Vision-R1-CI-7B", "vision-r1"),
        ("UCSC-VLAA/VLAA-Thinker-Qwen2.5VL-7B", "vlaa-thinker"),
        ("UCSC-VLAA/VLAA-Thinker-Qwen2.5VL-3B", "vlaa-thinker"),
        ("gsarch/ViGoRL-7b-Spatial", "vigorl"),
        ("gsarch/ViGoRL-MCTS-SFT-3b-Spatial", "vigorl"),
        ("OpenGVLab/InternVL3-8B-hf", "internvl3"),
        ("internvl3-2b", "internvl3"),
        ("gsarch/ViGoRL-7b-Web-Grounding", "generic"),
        ("Osilly/Vision-R1-LlamaV-CI-11B", "generic"),
        ("OpenGVLab/InternVL3_5-8B-HF", "generic"),
        ("Qwen/Qwen2-VL-7B-Instruct", "generic"),
        ("someone/spacerunner", "generic"),
        ("Qwen2.5-VL-7B-Instruct/final", "generic"),
        ("o3", "generic"),
        ("", "generic"),
    ],
)
def test_a_model_is_known_by_the_last_part_of_its_name(name, profile):
    assert get_profile("auto", name) is PROFILES[profile]


def test_a_checkpoint_that_names_its_profile_is_asked_so_whatever_it_is_called(random_checkpoint, tmp_path):
    folder = tmp_path / "Qwen2.5-VL-7B-Instruct"
    folder.symlink_to(random_checkpoint)
    assert LocalModel(str(folder)).profile.name == "microworld"
    assert LocalModel(str(folder), profile="vigorl").profile.name == "vigorl"


@pytest.mark.parametrize(
    ("name", "kind", "profile", "said"),
    [
        ("runs/checkpoint-500", "qwen2_5_vl", "qwen2.5-vl", "m is asked with the profile qwen2.5-vl"),
        ("SpaceR", "qwen2_5_vl", "spacer", "m is asked with the profile spacer"),
        (
            "runs/checkpoint-500",
            "internvl",
            "generic",
            "m is asked with the profile generic, though its config says internvl: if it is an InternVL3, give "
            "--profile internvl3",
        ),
        (
            "runs/checkpoint-500",
            "llava",
            "generic",
            "m is asked with the profile generic, as its name and config tell no other; --profile names one",
        ),
        ("o3", None, "generic", "m is asked with the profile generic, as its name tells no other; --profile names one"),
        (
            "gsarch/ViGoRL-7b-Web-Grounding",
            "qwen2_5_vl",
            "generic",
            "m is asked with the profile generic, as its name says; --profile names another",
        ),
    ],
)
def test_a_name_that_says_nothing_leaves_it_to_the_kind_of_the_model(name, kind, profile, said):
    config = {"model_type": kind} if kind else {}
    found = get_profile("auto", name, config)
    assert found is PROFILES[profile]
    assert chosen(found, name, config) == said.replace("m is", f"{name} is", 1)


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "internvl", "llava"])
def test_a_config_that_names_the_generic_profile_is_said_to(tmp_path, kind):
    (tmp_path / "config.json").write_text(f'{{"model_type": "{kind}", "companion_profile": "generic"}}')
    model = LocalModel(str(tmp_path))
    assert model.profile.name == "generic"
    said = f"{tmp_path.name} is asked with the profile generic, as its config says; --profile names another"
    assert chosen(model.profile, model.label, model.config) == said


def test_a_folder_is_asked_as_its_config_says_whatever_it_is_called(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_5_vl"}')
    assert LocalModel(str(tmp_path)).profile.name == "qwen2.5-vl"
    assert LocalModel(str(tmp_path), profile="generic").profile.name == "generic"


def test_a_served_model_is_asked_as_its_name_says():
    endpoint = SimpleNamespace(label="Osilly/Vision-R1-7B", identity="x", at_once=1)
    assert EndpointModel(endpoint).profile.name == "vision-r1"
    assert EndpointModel(endpoint, "generic").profile.name == "generic"


def test_unknown_profile():
    with pytest.raises(CompanionError, match=r"unknown profile 'qwen'; choose from microworld, generic, qwen2\.5-vl"):
        get_profile("qwen")


def test_the_users_turn_ends_with_the_instruction_if_there_is_one():
    for profile in PROFILES.values():
        (turn,) = messages(PROMPT, profile)
        assert [part["type"] for part in turn["content"]] == ["image", "text"]
        expected = PROMPT.text + "\n" + profile.instruction if profile.instruction else PROMPT.text
        assert turn["content"][1]["text"] == expected


def rendered(model, system=""):
    model.profile = replace(model.profile, system=system)
    return model.ready([PROMPT])[0][0]


SYSTEM = "You look twice.\nThen you answer."


def chat_ml(picture, profile, system=""):
    start = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    text = f"{PROMPT.text}\n{profile.instruction}"
    return f"{start}<|im_start|>user\n{picture}{text}<|im_end|>\n<|im_start|>assistant\n"


def test_the_rendered_prompt_of_a_qwen(qwen):
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    for system in ("", SYSTEM):
        model = LocalModel(str(qwen), profile="vlaa-thinker")
        assert rendered(model, system) == chat_ml(picture, PROFILES["vlaa-thinker"], system)


def test_a_system_prompt_stands_before_the_users_turn(idefics):
    expected = chat_ml("<image>", PROFILES["generic"], SYSTEM)
    assert rendered(LocalModel(str(idefics)), SYSTEM) == expected
    assert open_model(str(idefics), system=SYSTEM).ready([PROMPT])[0][0] == expected


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content[1].text }}{% endif %}{% endfor %}",
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ messages[0].content[1].text }}",
    ],
)
def test_a_chat_template_without_a_system_role_is_an_error_and_no_other_prompt(idefics, template):
    model = LocalModel(str(idefics))
    model.processor.chat_template = template
    assert PROMPT.text in rendered(model)
    with pytest.raises(CompanionError, match="has no place for a system prompt; leave out --system"):
        rendered(model, SYSTEM)


def test_a_system_prompt_comes_from_a_file(tmp_path):
    file = tmp_path / "system.txt"
    file.write_text(f"\n{SYSTEM}\n\n", encoding="utf-8")
    assert read_system(file) == SYSTEM
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CompanionError, match=r"system\.txt cannot be read as text .* name a file in UTF-8"):
        read_system(file)
    file.write_text(" \n", encoding="utf-8")
    with pytest.raises(CompanionError, match=r"system\.txt is empty; put the system prompt into it"):
        read_system(file)
    with pytest.raises(CompanionError, match=r"gone\.txt cannot be read"):
        read_system(tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("size", "side", "pixels", "expected"),
    [
        ((640, 480), None, None, (640, 480)),
        ((640, 480), 1260, None, (640, 480)),
        ((2520, 1000), 1260, None, (1260, 500)),
        ((1000, 2000), 1260, None, (630, 1260)),
        ((100, 50), None, (20000, 90000), (200, 100)),
        ((600, 300), None, (1, 45000), (300, 150)),
        ((600, 300), 600, (1, 180000), (600, 300)),
        ((5000, 100), 1000, (1, 10000), (707, 14)),
        ((3000, 1), 100, None, (100, 1)),
    ],
)
def test_pictures_keep_their_proportions_within_the_limits(size, side, pixels, expected):
    assert fit(Image.new("RGB", size), side, pixels).size == expected


def tokens(model):
    texts, images, _ = model.ready([PROMPT])
    return model.processor(text=texts, images=[list(images.values())], return_tensors="pt")


def test_the_limits_of_a_profile_are_those_of_its_processor(qwen):
    plain = LocalModel(str(qwen))
    limited = LocalModel(str(qwen))
    limited.profile = replace(limited.profile, pixels=(60 * 784, 80 * 784))
    squares = [int(tokens(model)["image_grid_thw"].prod()) // 4 for model in (plain, limited)]
    assert squares[0] <= 9  # its own processor says 84 × 84
    assert 60 <= squares[1] <= 80


def test_a_processor_that_has_no_such_limits_is_an_error(idefics):
    model = LocalModel(str(idefics), profile="qwen2.5-vl")
    with pytest.raises(CompanionError, match=r"profile qwen2\.5-vl limits the pixels .* choose another --profile"):
        model.ready([PROMPT])


def test_large_pictures_are_made_smaller_before_the_processor(idefics):
    model = LocalModel(str(idefics))
    model.profile = replace(model.profile, longest_side=20)
    (image,) = model.ready([PROMPT])[1].values()
    assert max(image.size) == 20


def test_what_is_none_in_a_sampling_is_the_profiles():
    warm = PROFILES["vision-r1"]
    assert Sampling().of(warm) == Sampling(temperature=0.6, top_p=0.95)
    assert Sampling(temperature=0.0, top_p=0.5).of(warm) == Sampling(temperature=0.0, top_p=0.5)
    assert Sampling(seed=3, max_new_tokens=7).of(PROFILES["generic"]) == Sampling(0.0, 0, 3, 7, 1.0)
    with pytest.raises(CompanionError, match="temperature -1: give 0"):
        Sampling(temperature=-1)
    for share in (0.0, 1.5):
        with pytest.raises(CompanionError, match=r"top-p .*: give a share above 0, and 1 at most"):
            Sampling(top_p=share)


def test_the_key_of_a_row_is_what_it_was_before_there_were_more_fields():
    profile = PROFILES["microworld"]
    told = {"name": "microworld", "instruction": profile.instruction, "max_new_tokens": profile.max_new_tokens}
    assert profile.content() == told
    sampling = Sampling(seed=5, max_new_tokens=9).of(PROFILES["microworld"])
    assert sampling.content() == {"temperature": 0.0, "sample": 0, "seed": 5, "max_new_tokens": 9}


def test_whatever_changes_a_response_is_in_the_key():
    base = PROFILES["microworld"]
    changes = {
        "name": "x",
        "instruction": "x",
        "max_new_tokens": 1,
        "reading": "tag or final statement",
        "pixels": PIXELS,
        "longest_side": 9,
        "system": "x",
    }
    assert {field.name for field in fields(Profile)} == {*changes, "temperature", "top_p", "begin"}
    found = [base.content(), *(replace(base, **{name: value}).content() for name, value in changes.items())]
    assert all(one not in found[:number] for number, one in enumerate(found))
    samplings = [Sampling(), Sampling(0.5), Sampling(0.5, top_p=0.9), Sampling(0.5, top_p=0.8), Sampling(0.5, sample=1)]
    told = [sampling.of(base).content() for sampling in samplings]
    assert all(one not in told[:number] for number, one in enumerate(told))
    assert Sampling(0.0, top_p=0.9).of(base).content() == told[0]  # greedy is greedy


def test_shipped_rows_are_found_under_their_keys(root, tmp_path):
    """From its parts, the key of a shipped row is the one that it has: nothing of the RL checkpoints is asked again."""
    file = root / "results" / "rows" / "rl-correct.parquet"
    rows = pq.read_table(file).to_pylist()
    items = {item.id: item for item in questions("test", 500)}
    shipped = [row for row in rows if row["question"] in items][::50]
    assert {row["perturbation"] for row in shipped} <= set(PERTURBATIONS)
    assert len(shipped) > 50
    for row in shipped:
        profile = get_profile(row["profile"])
        model = SimpleNamespace(
            identity=row["model_hash"],
            profile=profile,
            delivery="prefill",
            precision="float32",
            packing=lambda _: "",
        )
        sampling = Sampling().of(profile)
        prompt = apply(items[row["question"]], row["perturbation"], row["seed"])
        ((key, _),), _ = engine._plan(model, [prompt], sampling)
        assert (key, prompt.text) == (row["key"], row["prompt"])


def test_a_shipped_checkpoint_computes_nothing(root, tmp_path):
    model = LocalModel(str(root / "checkpoints" / "rl-correct"))
    store = Store(tmp_path, shipped=[root / "results" / "rows"])
    rows = engine.evaluate(model, questions("test", 5), ["plain", "wrong-think"], store, progress=False)
    assert len(rows) == 10
    assert not list(tmp_path.iterdir())
    assert "model" not in vars(model)  # its weights were not even loaded


OPEN, EMPTY = "user: ?\nassistant: <think>\n", "user: ?\nassistant: <think>\n\n</think>\n\n"


@pytest.mark.parametrize(
    ("rendered", "prefill", "expected", "left_open"),
    [
        ("assistant: ", "<think>It is red.", "assistant: <think>It is red.", ""),
        ("assistant: ", "", "assistant: ", ""),
        (OPEN, "<think>It is red.", OPEN + "It is red.", "<think>"),
        (OPEN, "<think></think>", OPEN + "</think>", "<think>"),
        (OPEN, "<think>No need to think.</think>", OPEN + "No need to think.</think>", "<think>"),
        (OPEN, "", OPEN, "<think>"),
        (OPEN, "It is red.", OPEN + "It is red.", "<think>"),
        (EMPTY, "<think>It is red.", "user: ?\nassistant: <think>It is red.", ""),
        (EMPTY, "<think></think>", "user: ?\nassistant: <think></think>", ""),
        (EMPTY, "", EMPTY, ""),
        ("What is <think>?\nassistant: ", "<think>x", "What is <think>?\nassistant: <think>x", ""),
    ],
)
def test_a_think_block_that_the_template_has_begun_is_not_begun_again(rendered, prefill, expected, left_open):
    assert (begin_turn(rendered, prefill), opening(rendered)) == (expected, left_open)


@pytest.mark.parametrize("kind", [LocalModel, VLLMModel])
def test_a_model_whose_template_opens_the_block(random_checkpoint, kind):
    """What is given to it, and that what it writes is read as a reasoning that is already under way."""
    model = kind(str(random_checkpoint))
    model.processor.chat_template += "{% if add_generation_prompt %}<think>{% endif %}"
    item = questions("test", 1)[0]
    for perturbation, ends in (("plain", "<think>"), ("stop-think", "</think>"), ("wrong-think", "")):
        prompt = apply(item, perturbation)
        (text,), *_ = model.ready([prompt])
        assert text.count("<think>") == 1
        assert text.endswith(ends or prompt.prefill.removeprefix("<think>"))
    ids = model.processor.tokenizer.encode("It is red.", add_special_tokens=False)
    for written, think in (("It is red.", "It is red."), ("It is red.</think><answer>B</answer>", "It is red.")):
        ids = model.processor.tokenizer.encode(written, add_special_tokens=False)
        assert model.response(apply(item, "plain"), ids, "length", lambda step: {}).think == think
    model.profile = replace(model.profile, reading="tag or final statement")
    ids = model.processor.tokenizer.encode("The answer is B", add_special_tokens=False)
    assert model.response(apply(item, "plain"), ids, "length", lambda step: {}).answer is None  # still thinking
