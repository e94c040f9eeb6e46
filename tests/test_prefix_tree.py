"""Reading a picture once for all its prompts changes no token and no probability, whatever the model and the batch."""

import random
from dataclasses import replace

import pytest
import tiny_models
import torch

from companion.models import decode
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.profiles import messages
from companion.perturbations.perturbation import PERTURBATIONS, apply
from companion.questions.microworld import questions

pytestmark = pytest.mark.slow

ROOM = 40


def by_generate(model, prompt):
    """Slow reference: one prompt through the processor and `generate`. Its tokens, and the probabilities of those of
    `letter_tokens` at each step."""
    text = model.processor.apply_chat_template(messages(prompt, model.profile), add_generation_prompt=True)
    image = prompt.load_image()
    inputs = model.processor(text=[text + prompt.prefill], images=[[image]], return_tensors="pt")
    found = model.model.generate(
        **inputs,
        max_new_tokens=ROOM,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
        eos_token_id=model.ends,
    )
    probs = [step[0].float().softmax(-1) for step in found.logits]
    letters = torch.stack([p[list(model.letter_tokens)] for p in probs])
    ids = found.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    return (ids[:-1] if ids[-1] in model.ends else ids), letters


def batch(rng):
    """Prompts of one to four items, each under some perturbations, in any order; questions of very different length."""
    items = rng.sample(questions("test", 40), rng.randint(1, 4))
    prompts = []
    for item in items:
        item = replace(item, text=item.text + rng.randint(0, 9) * " Look twice.")
        prompts += [apply(item, name) for name in rng.sample(list(PERTURBATIONS), rng.randint(1, 7))]
    rng.shuffle(prompts)
    return prompts


def tokens_and_letters(folder, rng):
    """A model that gives as its response the tokens, and the probabilities of all tokens at each step."""
    model = LocalModel(str(folder), device="cpu")
    model.letter_tokens = dict.fromkeys(range(len(model.processor.tokenizer)), "A")  # so that all are kept
    model.response = lambda prompt, ids, finish, told: (ids, [list(told(step).values()) for step in range(len(ids))])
    if folder.name != "base":  # random weights that mean what they say: a wrong position shows
        with torch.no_grad():
            for parameter in model.model.parameters():
                parameter.mul_(4)
        model.ends = rng.sample(range(len(model.processor.tokenizer)), 30)  # so that texts end, at different lengths
    return model


def assert_same(model, prompts):
    found = responses(model, prompts, Sampling(max_new_tokens=ROOM))
    for prompt, (ids, letters) in zip(prompts, found, strict=True):
        expected, probs = by_generate(model, prompt)
        assert ids == expected, prompt.perturbation
        kept = torch.tensor(letters).exp().view(len(ids), probs.shape[1])
        torch.testing.assert_close(kept, probs[: len(ids)], atol=1e-5, rtol=0)


@pytest.mark.slow(30)
@pytest.mark.parametrize(
    "name", ["checkpoint", "checkpoint, by its forward pass", "idefics", "gemma", "qwen", "internvl"]
)
def test_reading_in_trees_is_reading_one_by_one(name, request, monkeypatch):
    if "forward" in name:
        monkeypatch.setattr(decode, "can_decode", lambda model: False)
    rng = random.Random(name)
    model = tokens_and_letters(request.getfixturevalue(name.split(",")[0]), rng)
    taken = []
    for state in (decode._Forward, decode._Layers):
        take = state.take
        monkeypatch.setattr(state, "take", lambda *given, take=take: (taken.append(len(given[1])), take(*given))[1])
    for _ in range(3 if name == "gemma" else 10):
        prompts = batch(rng)
        model.at_once = rng.choice([1, 4, 8, 64]) * model.tokens(prompts[0], Sampling(max_new_tokens=ROOM))
        assert_same(model, prompts)
    assert taken


@pytest.mark.parametrize(
    ("decoder", "why"),
    [("window", "a window"), ("some windows", "a window"), ("chunks", "a window")]
    + [(name, "one at a time") for name in ("convolution", "linear")],
)
def test_decoders_that_do_not_remember_all_tokens_alike_are_read_right(decoder, why, checkpoint, tmp_path, capsys):
    """Mistral's window, Llama 4's chunks, and layers whose memory has no columns."""
    tiny_models.save_llava(checkpoint, decoder, tmp_path / decoder)
    rng = random.Random(decoder)
    model = tokens_and_letters(tmp_path / decoder, rng)
    items = questions("test", 3)
    prompts = [
        apply(items[k], name) for k, name in [(0, "plain"), (1, "wrong-think"), (0, "wrong-caption"), (2, "plain")]
    ]
    model.at_once = 2 * model.tokens(prompts[0], Sampling(max_new_tokens=ROOM))
    for _ in range(2):
        assert_same(model, prompts)
    (said,) = [line for line in capsys.readouterr().err.splitlines() if decoder in line]
    assert why in said
    assert "the numbers are the same" in said


def test_letters_of_a_model_with_a_window_are_those_of_a_forward_pass_over_the_whole_text(gemma):
    """Without any cache: prompt and answer are read at once, the picture's tokens looking both ways."""
    model = tokens_and_letters(gemma, random.Random(0))
    model.ends = [model.processor.tokenizer.eos_token_id]
    prompts = [apply(item, name) for item in questions("test", 2) for name in ("plain", "wrong-caption", "wrong-think")]
    found = responses(model, prompts, Sampling(max_new_tokens=6))
    for prompt, (ids, letters) in zip(prompts, found, strict=True):
        texts, images, _ = model.ready([prompt])
        given = model.processor(text=texts, images=[list(images.values())], return_tensors="pt")
        length = given["input_ids"].shape[1]
        assert length > 3 * model.model.config.text_config.sliding_window
        given["input_ids"] = torch.cat([given["input_ids"], torch.tensor([ids])], dim=1)
        for name, more in (("attention_mask", 1), ("token_type_ids", 0)):
            given[name] = torch.nn.functional.pad(given[name], (0, len(ids)), value=more)
        with torch.inference_mode():
            logits = model.model(**given, use_cache=False).logits[0, length - 1 : -1]
        torch.testing.assert_close(torch.tensor(letters).exp(), logits.softmax(-1), atol=1e-5, rtol=0)


def test_a_picture_is_encoded_once(checkpoint):
    """Five items under all twelve perturbations: five pictures and five blank ones, and their tokens once each."""
    model = LocalModel(str(checkpoint))
    seen = []
    model.model.model.vision_tower.register_forward_hook(lambda tower, given, out: seen.append(len(out[0])))
    prompts = [apply(item, name) for item in questions("test", 5) for name in PERTURBATIONS]
    responses(model, prompts, Sampling(max_new_tokens=2))
    assert seen == [10]
