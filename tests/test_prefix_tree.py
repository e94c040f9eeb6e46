"""Reading a picture once for all its prompts changes no token and no probability, whatever the model and the batch."""

import random
from dataclasses import replace

import pytest
import torch

from companion.models import decode
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.profiles import messages
from companion.perturbations.table import PERTURBATIONS, apply
from companion.questions.microworld import questions

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


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint, by its forward pass", "idefics", "qwen", "internvl"])
def test_reading_in_trees_is_reading_one_by_one(name, request, monkeypatch):
    if "forward" in name:
        monkeypatch.setattr(decode, "can_decode", lambda model: False)
    model = LocalModel(str(request.getfixturevalue(name.split(",")[0])), device="cpu")
    model.letter_tokens = dict.fromkeys(range(len(model.processor.tokenizer)), "A")  # so that all are kept
    model.response = lambda prompt, ids, finish, told: (ids, [list(told(step).values()) for step in range(len(ids))])
    rng = random.Random(name)
    if "checkpoint" not in name:  # random weights that mean what they say: a wrong position shows
        with torch.no_grad():
            for parameter in model.model.parameters():
                parameter.mul_(4)
        model.ends = rng.sample(range(len(model.processor.tokenizer)), 30)  # so that texts end, at different lengths
    taken = []
    for state in (decode._Forward, decode._Layers):
        take = state.take
        monkeypatch.setattr(state, "take", lambda *given, take=take: (taken.append(len(given[1])), take(*given))[1])
    for _ in range(10):
        prompts = batch(rng)
        model.at_once = rng.choice([1, 4, 8, 64]) * model.tokens(prompts[0], Sampling(max_new_tokens=ROOM))
        found = responses(model, prompts, Sampling(max_new_tokens=ROOM))
        for prompt, (ids, letters) in zip(prompts, found, strict=True):
            expected, probs = by_generate(model, prompt)
            assert ids == expected, prompt.perturbation
            kept = torch.tensor(letters).exp().view(len(ids), probs.shape[1])
            torch.testing.assert_close(kept, probs[: len(ids)], atol=1e-5, rtol=0)
    assert taken


def test_a_picture_is_encoded_once(checkpoint):
    """Five items under all twelve perturbations: five pictures and five blank ones, and their tokens once each."""
    model = LocalModel(str(checkpoint))
    seen = []
    model.model.model.vision_tower.register_forward_hook(lambda tower, given, out: seen.append(len(out[0])))
    prompts = [apply(item, name) for item in questions("test", 5) for name in PERTURBATIONS]
    responses(model, prompts, Sampling(max_new_tokens=2))
    assert seen == [10]
