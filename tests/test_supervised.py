from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from companion.errors import CompanionError
from companion.training import supervised
from companion.training.muon import orthogonal
from companion.training.recipes import BASE, Stage
from companion.training.tiny_llava import build_tokenizer

TINY = replace(
    BASE,
    batch=8,
    width=32,
    vision_layers=1,
    text_layers=1,
    stages=(
        Stage("sight", 3, {"sight": 1}, 1e-3),
        Stage("facts", 3, {"facts": 0.5, "look-up": 0.2, "description": 0.3}, 1e-3),
        Stage("questions", 4, {"reasoned": 0.4, "at-once": 0.4, "statements": 0.2}, 1e-3, decay=4, whole=True),
    ),
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 2)
    monkeypatch.setattr(supervised, "build_tokenizer", lambda: build_tokenizer(samples=100))
    monkeypatch.setattr(supervised, "_look", lambda *_: ("0", "0"))


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch):
    whole = supervised.train_supervised(TINY, tmp_path / "whole")
    calls, step = [], supervised._gradients

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(supervised, "_gradients", interrupted)
        with pytest.raises(KeyboardInterrupt):
            supervised.train_supervised(TINY, tmp_path / "cut")
    cut = supervised.train_supervised(TINY, tmp_path / "cut")
    a, b = load_file(whole / "model.safetensors"), load_file(cut / "model.safetensors")
    assert a.keys() == b.keys()
    assert all((a[name] == b[name]).all() for name in a)
    with pytest.raises(CompanionError, match="cut holds the training of another recipe or seed; choose another --out"):
        supervised.train_supervised(replace(TINY, seed=1), tmp_path / "cut")


def test_orthogonal_keeps_the_singular_vectors_and_evens_out_the_values():
    torch.manual_seed(0)
    for shape in ((8, 8), (4, 12), (12, 4)):
        matrix = torch.randn(shape)
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        values = torch.diagonal(u.T @ orthogonal(matrix) @ v.T)
        assert ((values > 0.6) & (values < 1.3)).all()
        torch.testing.assert_close(orthogonal(matrix), u @ torch.diag(values) @ v, atol=1e-4, rtol=0)


def test_a_loss_that_is_not_finite_stops_with_its_step(tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "_gradients", lambda *_: (float("nan"), 0.0))
    with pytest.raises(FloatingPointError, match="stage sight, step 0: the loss is nan"):
        supervised.train_supervised(TINY, tmp_path)


def test_pixels_are_those_of_the_processor(random_checkpoint):
    import numpy as np
    from transformers import AutoProcessor

    from companion.questions.microworld import questions

    image = questions("test", 1)[0].load_image()
    processor = AutoProcessor.from_pretrained(random_checkpoint)
    expected = processor.image_processor(images=[image], return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(supervised.pixels(image), expected, atol=1e-6)


def test_lessons_are_laid_out_as_prompts_are(random_checkpoint):
    """What a lesson gives is what a prompt of the same question renders to: training and evaluation agree."""
    import random

    from transformers import AutoProcessor

    from companion.models.profiles import get_profile, messages
    from companion.perturbations.perturbation import apply
    from companion.questions.microworld import questions
    from companion.training.lessons import Shares, question
    from companion.training.tiny_llava import IMAGE_TOKENS, render

    processor = AutoProcessor.from_pretrained(random_checkpoint)
    plain = Shares(caption=0, abstain=0, guess=0)
    for item in questions("validation", 30):
        given, learned = render(question(random.Random(0), item, plain))
        chat = messages(apply(item, "plain"), get_profile("microworld"))
        prompt = processor.apply_chat_template(chat, add_generation_prompt=True)
        assert given == prompt.replace("<image>", "<image>" * IMAGE_TOKENS)
        assert learned.endswith(f"<answer>{item.letter}</answer><|end|>")


@pytest.mark.slow
def test_keys_mark_letters_and_all_words_are_single_tokens():
    import random

    from companion.training.lessons import WORDS, look_up

    tokenizer = build_tokenizer()
    for word in {part for words in WORDS for part in words.split()} - {"I'm"}:
        assert len(tokenizer.encode(f" {word}", add_special_tokens=False)) == 1, word
    rng = random.Random(0)
    for _ in range(50):
        lesson = look_up(rng)
        assert lesson.keys
        assert all(lesson.target[:key].endswith((" is ", "<answer>")) for key in lesson.keys)


def test_the_tokenizer_reads_anything():
    tokenizer = build_tokenizer(samples=100)
    for text in ("Ünïcödé — 日本語 🙂", "a red circle", "\t\n <think>x</think>"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("damage", ["empty", "cut", "zeros", "gone"])
@pytest.mark.parametrize("both", [False, True])
def test_a_saved_state_that_is_damaged_gives_way_to_the_one_before(tmp_path, monkeypatch, damage, both):
    """Or to the start, where that is damaged too: the end is that of a run in one go, and so is the curve."""
    whole = supervised.train_supervised(TINY, tmp_path / "whole")
    calls, step = [], supervised._gradients

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(supervised, "_gradients", interrupted)
        with pytest.raises(KeyboardInterrupt):
            supervised.train_supervised(TINY, tmp_path / "cut")
    for name in supervised.STATES[: 1 + both]:
        file = tmp_path / "cut" / "training" / name
        content = file.read_bytes()
        if damage == "gone":
            file.unlink()
        else:
            kept = {"empty": b"", "cut": content[: len(content) // 2], "zeros": bytes(len(content))}[damage]
            file.write_bytes(kept)
    done = []
    monkeypatch.setattr(supervised, "_gradients", lambda *arguments: done.append(arguments) or step(*arguments))
    cut = supervised.train_supervised(TINY, tmp_path / "cut")
    assert len(done) == (10 if both else 4)  # saved after 2 steps of a stage and at its end: 2, 3, 5, 6, 8, 10
    a, b = load_file(whole / "model.safetensors"), load_file(cut / "model.safetensors")
    assert all((a[name] == b[name]).all() for name in a)
    curves = [
        [line.split(",")[:2] for line in (out / "training_curve.csv").read_text().splitlines()] for out in (whole, cut)
    ]
    assert curves[0] == curves[1]
