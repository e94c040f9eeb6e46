"""GRPO: the same numbers as plain TRL, whatever is not computed twice; runs that stop and go on; their records."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from companion.analysis.panel import Checkpoints, RunsPanel
from companion.analysis.single_run import recorded_curves
from companion.errors import CompanionError
from companion.evaluation.records import write_items
from companion.models.local import LocalModel
from companion.questions.microworld import questions
from companion.training import grpo
from companion.training.recipes import GRPO
from companion.training.release import release
from companion.training.runs import run

pytestmark = pytest.mark.slow

SMALL = replace(GRPO["rl-augmented-consistent"], prompts=4, rollouts=4, steps=4, every=2, warmup=1)


def train(checkpoint, out, recipe=SMALL, callbacks=(), **settings):
    model = LocalModel(str(checkpoint))
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    settings = {"disable_tqdm": True, "save_strategy": "no"} | settings
    return grpo.train_grpo(recipe, model, prompts, out, 0, callbacks, **settings)


def test_losses_and_gradients_are_those_of_plain_trl(checkpoint, tmp_path, monkeypatch):
    ours = train(checkpoint, tmp_path / "ours")
    for shortcut in ("_generate_single_turn", "_compute_loss", "_get_per_token_logps_and_entropies"):
        monkeypatch.delattr(grpo._Trainer, shortcut)
    plain = train(checkpoint, tmp_path / "plain")
    assert len(ours) == len(plain) == 4
    for one, other in zip(ours, plain, strict=True):
        for name in ("loss", "grad_norm", "reward", "completions/mean_length"):
            assert one[name] == pytest.approx(other[name], abs=1e-3), (one["step"], name)
    assert any(abs(entry["loss"]) > 1e-3 for entry in ours)


@pytest.mark.filterwarnings("error::FutureWarning")
def test_nothing_is_used_that_transformers_will_drop(checkpoint, tmp_path):
    train(checkpoint, tmp_path, replace(SMALL, steps=1, every=1))


def test_shared_prompts_give_the_logits_and_gradients_of_one_pass(checkpoint):
    model = LocalModel(str(checkpoint))
    network, tokenizer = model.model, model.processor.tokenizer
    recipe = replace(SMALL, steps=1)
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 1), 1)[:2]
    from companion.models.profiles import messages

    texts = [
        model.processor.apply_chat_template(messages(p, model.profile), add_generation_prompt=True) + p.prefill
        for p in prompts
    ]
    order = [0, 1, 0, 1, 1]
    given = model.processor(
        text=[texts[k] for k in order],
        images=[[prompts[k].question.load_image()] for k in order],
        padding=True,
        return_tensors="pt",
    )
    rng = torch.Generator().manual_seed(0)
    written = torch.randint(300, 400, (5, 7), generator=rng)
    keep = torch.ones_like(written)
    keep[1, 4:] = keep[3, 2:] = 0
    ids = torch.cat([given["input_ids"], written], dim=1)
    mask = torch.cat([given["attention_mask"], keep], dim=1)
    positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
    whole = network(input_ids=ids, attention_mask=mask, pixel_values=given["pixel_values"], position_ids=positions)
    expected = whole.logits[:, -8:-1]
    found = torch.zeros_like(expected)
    for rows, logits in grpo.completion_logits(network, ids, mask, 7, given["pixel_values"]):
        found[rows, : logits.shape[1]] = logits
    assert tokenizer.padding_side == "left"
    chosen = keep.bool()
    torch.testing.assert_close(found[chosen], expected[chosen], atol=1e-4, rtol=1e-4)
    gradients = []
    for logits in (found, expected):
        network.zero_grad()
        logits[chosen].log_softmax(dim=-1)[..., 7].sum().backward(retain_graph=True)
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)


class Stop(TrainerCallback):
    """An interruption in the middle of a step."""

    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **_):
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.slow(25)
def test_an_interrupted_run_resumes_without_a_gap_or_a_double_step(checkpoint, tmp_path, monkeypatch):
    """Stopped after step 3 (saved at 2), then gone on: the records equal those of a run in one go."""
    places = {name: {"results": tmp_path / name, "scratch": tmp_path / f"{name}-work"} for name in ("whole", "broken")}
    monkeypatch.setattr("companion.training.runs.QUICK", 9)
    whole = run(SMALL, str(checkpoint), 0, **places["whole"], disable_tqdm=True)

    train_once = grpo.train_grpo
    monkeypatch.setattr(
        "companion.training.runs.train_grpo",
        lambda *arguments, **settings: train_once(*arguments[:-1], [*arguments[-1], Stop(3)], **settings),
    )
    with pytest.raises(KeyboardInterrupt):
        run(SMALL, str(checkpoint), 0, **places["broken"], disable_tqdm=True)
    monkeypatch.setattr("companion.training.runs.train_grpo", train_once)
    broken = run(SMALL, str(checkpoint), 0, **places["broken"], disable_tqdm=True)

    logs = [pd.read_parquet(folder / "log.parquet") for folder in (whole, broken)]
    assert logs[1]["step"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(logs[0]["loss"], logs[1]["loss"], atol=1e-5)
    answers = [pd.read_parquet(folder / "answers.parquet") for folder in (whole, broken)]
    assert not answers[1].duplicated(["step", "perturbation", "item"]).any()
    assert sorted(set(answers[1]["step"])) == [2, 4]
    pd.testing.assert_frame_equal(*answers)
    panel = RunsPanel(tmp_path / "broken")
    cell = Checkpoints(checkpoint.name, SMALL.name, 4)
    assert panel.seeds([cell, cell.before()]) == [0]
    assert panel.values(cell, "plain", "right", [0]).shape == panel.values(cell.before(), "plain", "right", [0]).shape
    curves = recorded_curves(broken)
    assert sorted(set(curves["step"])) == [0, 2, 4]
    end = curves[(curves["step"] == 4) & (curves["perturbation"] == "plain")].set_index("measure")["value"]
    assert end["agrees"] == pytest.approx(panel.values(cell, "plain", "agrees", [0]).mean())
    assert not list((tmp_path / "broken-work").rglob("*.pt"))


def test_a_finished_run_is_left_alone_by_the_same_and_by_another_configuration(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("companion.training.runs.QUICK", 9)
    tiny = replace(SMALL, steps=2, every=1)
    folder = run(tiny, str(checkpoint), 0, tmp_path / "r", tmp_path / "w", disable_tqdm=True)
    before = (folder / "run.json").stat().st_mtime_ns
    assert run(tiny, str(checkpoint), 0, tmp_path / "r", tmp_path / "w") == folder
    assert (folder / "run.json").stat().st_mtime_ns == before
    with pytest.raises(CompanionError, match="another configuration; move it away"):
        run(replace(tiny, rate=1e-5), str(checkpoint), 0, tmp_path / "r", tmp_path / "w")
    assert (folder / "run.json").stat().st_mtime_ns == before
    monkeypatch.setattr("companion.training.release.LADDER", tiny.name)
    released, *ladder = release(tmp_path / "r", tmp_path / "w", tmp_path / "checkpoints", [0], initial=checkpoint.name)
    assert [(step.parent.name, step.name) for step in ladder] == [("ladder", f"{tiny.name}-1")]
    kept = load_file(released / "model.safetensors")
    trained = load_file(next((tmp_path / "w").glob("*/*/step-2")) / "model.safetensors")
    assert all(torch.equal(kept[name], weights.half()) for name, weights in trained.items())
    assert json.loads((released / "recipe.json").read_text())["seed"] == 0


def test_weights_other_than_those_recorded_are_not_released(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("companion.training.runs.QUICK", 9)
    tiny = replace(SMALL, steps=1, every=1)
    run(tiny, str(checkpoint), 0, tmp_path / "r", tmp_path / "w", disable_tqdm=True)
    weights = next((tmp_path / "w").glob("*/*/step-1")) / "model.safetensors"
    changed = {name: value + 1e-3 for name, value in load_file(weights).items()}
    save_file(changed, weights, {"format": "pt"})
    assert release(tmp_path / "r", tmp_path / "w", tmp_path / "checkpoints", [0], initial=checkpoint.name) == []


def test_a_folder_with_the_records_of_other_items_is_refused(checkpoint, tmp_path):
    items = questions("validation", 6, seed=3)
    write_items(tmp_path / "r", items)
    write_items(tmp_path / "r", items[:4])
    assert len(pd.read_parquet(tmp_path / "r" / "items.parquet")) == 6
    with pytest.raises(
        CompanionError, match=r"items\.parquet has other items than these runs are asked; give the records"
    ):
        run(replace(SMALL, steps=1, every=1), str(checkpoint), 0, tmp_path / "r", tmp_path / "w", disable_tqdm=True)


def test_a_loss_that_is_no_number_stops_with_its_step(checkpoint, tmp_path):
    class Break(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **_):
            if state.global_step == 2:
                with torch.no_grad():
                    next(model.parameters()).fill_(float("nan"))

    with pytest.raises(FloatingPointError, match=r"step 3: .* is nan; lower the rate"):
        train(checkpoint, tmp_path, callbacks=[Break()])


def test_prefilled_prompts_end_with_their_prefill(checkpoint, tmp_path):
    recipe = replace(SMALL, variants={"wrong-think": 1.0}, steps=1)
    model = LocalModel(str(checkpoint))
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 0), 0)
    seen = []

    original = grpo._Trainer._tokenize_prompts

    def spy(self, turns):
        ids, images, fields = original(self, turns)
        seen.extend(model.processor.tokenizer.decode(one) for one in ids)
        return ids, images, fields

    grpo._Trainer._tokenize_prompts = spy
    try:
        grpo.train_grpo(recipe, model, prompts, tmp_path, 0, disable_tqdm=True, save_strategy="no")
    finally:
        grpo._Trainer._tokenize_prompts = original
    assert [text.split("<|assistant|>")[1] for text in seen[:: recipe.rollouts]] == [p.prefill for p in prompts]
    assert all(text.count("<image>") == 9 for text in seen)


def test_recipes_draw_their_perturbations_and_families():
    recipe = replace(GRPO["rl-augmented"], steps=200, prompts=8)
    prompts = grpo.prompts_for(recipe, grpo.microworld_stream(recipe, 3), 3)
    counts = pd.Series([prompt.perturbation for prompt in prompts]).value_counts(normalize=True)
    assert counts["plain"] == pytest.approx(0.6, abs=0.05)
    assert all(counts[name] == pytest.approx(0.1, abs=0.03) for name in recipe.variants)
    assert {prompt.question.category for prompt in prompts} == set(recipe.families)
    assert all(prompt.question.scene.split == "train" for prompt in prompts)


FIRST_STEPS = (
    {"loss": -0.0441, "grad_norm": 0.2592, "reward": 0.7875, "completions/mean_length": 26.625},
    {"loss": -0.0097, "grad_norm": 0.5699, "reward": 0.8016, "completions/mean_length": 27.5156},
)
"""Of `rl-correct` from `base`, seed 0, as a machine of another kind logged them."""


def test_the_first_steps_of_a_run_come_out_again(root, tmp_path):
    again = train(root / "checkpoints" / "base", tmp_path, replace(GRPO["rl-correct"], steps=2))
    for step, (entry, recorded) in enumerate(zip(again, FIRST_STEPS, strict=True)):
        for name, value in recorded.items():
            assert entry[name] == pytest.approx(value, abs=2e-3), (step, name)


def fake_checkpoint(out, step):
    folder = out / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    save_file({"w": torch.zeros(100)}, folder / "model.safetensors")
    torch.save({"step": step}, folder / "optimizer.pt")
    torch.save({"step": step}, folder / "rng_state.pth")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


DAMAGES = {
    "an empty folder": lambda folder: [file.unlink() for file in folder.iterdir()],
    "no state": lambda folder: (folder / "trainer_state.json").unlink(),
    "a cut state": lambda folder: (folder / "trainer_state.json").write_text('{"global_st'),
    "an empty state": lambda folder: (folder / "trainer_state.json").write_text(""),
    "cut weights": lambda folder: (folder / "model.safetensors").write_bytes(
        (folder / "model.safetensors").read_bytes()[:-8]
    ),
    "empty weights": lambda folder: (folder / "model.safetensors").write_bytes(b""),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "a cut optimizer": lambda folder: (folder / "optimizer.pt").write_bytes(
        (folder / "optimizer.pt").read_bytes()[:-40]
    ),
    "empty random states": lambda folder: (folder / "rng_state.pth").write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_checkpoint_that_is_not_whole_gives_way_to_the_one_before(tmp_path, damage):
    older, newest = (fake_checkpoint(tmp_path, step) for step in (8, 16))
    assert grpo.last_whole_checkpoint(tmp_path) == newest
    DAMAGES[damage](newest)
    assert grpo.last_whole_checkpoint(tmp_path) == older
    assert not newest.exists()
    DAMAGES[damage](older)
    assert grpo.last_whole_checkpoint(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow(20)
def test_a_run_whose_newest_checkpoint_is_cut_goes_on_from_the_one_before(checkpoint, tmp_path):
    """The real trainer's checkpoints: the steps after the older one are taken again, and are the same."""
    saving = {"save_strategy": "steps", "save_steps": 2, "save_total_limit": 2}
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint, tmp_path / "cut", replace(SMALL, steps=5), [Stop(4)], **saving)
    newest = tmp_path / "cut" / "checkpoint-4"
    weights = newest / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    resumed = train(checkpoint, tmp_path / "cut", replace(SMALL, steps=5), **saving)
    whole = train(checkpoint, tmp_path / "whole", replace(SMALL, steps=5))
    assert [entry["step"] for entry in resumed] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose([entry["loss"] for entry in resumed], [entry["loss"] for entry in whole], atol=1e-5)


def test_all_that_has_a_column_a_token_is_cut_to_the_longest_row_that_is_kept(monkeypatch):
    """With vLLM, probabilities of the sampled tokens come too; they kept their width where the longest row went."""
    monkeypatch.setattr(grpo, "can_decode", lambda _: True)
    monkeypatch.setattr(grpo.GRPOTrainer, "_compute_loss", lambda _, __, inputs: inputs)
    trainer = object.__new__(grpo._Trainer)
    trainer.model, trainer.loss_type, trainer.beta, trainer._entropy_bonus_enabled = None, "dapo", 0.0, False
    lengths = torch.tensor([9, 5, 4])
    inputs = {name: torch.rand(3, 9) for name in grpo.OF_TOKENS}
    inputs |= {"completion_mask": (torch.arange(9) < lengths[:, None]).long(), "advantages": torch.tensor([0.0, 1, -1])}
    inputs |= {"prompt_ids": torch.ones(3, 9), "ref_per_token_logps": None}
    kept = trainer._compute_loss(None, inputs)
    assert kept["prompt_ids"].shape == (2, 9)
    for name in set(grpo.OF_TOKENS) - {"ref_per_token_logps"}:
        torch.testing.assert_close(kept[name], inputs[name][1:, :5])
