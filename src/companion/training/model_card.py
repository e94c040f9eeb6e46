"""The model card of a microworld checkpoint: every number in it measured or read from the recipe by this command.

Run: `companion card checkpoints/base`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from companion.analysis import tables
from companion.errors import CompanionError
from companion.evaluation.engine import evaluate
from companion.evaluation.store import Store
from companion.locks import atomic_write
from companion.models.local import LocalModel
from companion.questions.registry import load_benchmark

PERTURBATIONS = ("plain", "stop-think", "blank-image")


def write_card(checkpoint: Path, n_items: int, store: Store) -> Path:
    """Measure a checkpoint on test items and write its card, `README.md` in its folder."""
    recipe_file = checkpoint / "recipe.json"
    if not recipe_file.is_file():
        raise CompanionError(f"{recipe_file} is missing; a card is written for a checkpoint of `companion train` only")
    record = json.loads(recipe_file.read_text(encoding="utf-8"))
    model = LocalModel(str(checkpoint), device="cpu")
    rows = evaluate(model, load_benchmark("microworld", n_items), PERTURBATIONS, store)
    parameters = sum(weight.numel() for weight in model.model.parameters())
    recipe = record["recipe"]
    text = _CARD.format(
        label=model.label,
        identity=model.identity,
        parameters=parameters / 1e6,
        n=n_items,
        origin=_origin(record),
        minutes=record["seconds"] / 60,
        recipe=json.dumps(recipe, indent=1),
        training=_training(record),
        seed=record.get("seed", recipe.get("seed")),
        overall=_overall(rows),
        families=_parts(rows, "category"),
        difficulties=_parts(rows, "difficulty"),
    )
    card = checkpoint / "README.md"
    with atomic_write(card) as part:
        part.write_text(text, encoding="utf-8")
    return card


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _overall(rows: pd.DataFrame) -> str:
    table = tables.accuracy(rows, _rng())
    chance = (1 / rows.loc[rows["perturbation"] == "plain", "n_options"]).mean()
    lines = ["| perturbation | accuracy, % | 95 % interval | no answer, % |", "|---|---|---|---|"]
    for name in PERTURBATIONS:
        line = table[table["perturbation"] == name].set_index("measure")
        value, low, high = line.loc["accuracy", ["value", "low", "high"]] * 100
        lines.append(f"| {name} | {value:.1f} | {low:.1f}–{high:.1f} | {line.loc['no_answer', 'value'] * 100:.1f} |")
    lines.append(f"| (chance) | {chance * 100:.1f} | | |")
    return "\n".join(lines)


def _parts(rows: pd.DataFrame, column: str) -> str:
    table = tables.by_column(rows, column, _rng())
    table = table[table["measure"] == "accuracy"]
    lines = [f"| {column} | " + " | ".join(PERTURBATIONS) + " | chance | n |", "|---" * (len(PERTURBATIONS) + 3) + "|"]
    for value in dict.fromkeys(table[column]):
        part = table[table[column] == value].set_index("perturbation")
        cells = [f"{part.loc[name, 'value'] * 100:.1f}" for name in PERTURBATIONS]
        chance, n = part["chance"].iloc[0] * 100, part["n"].iloc[0]
        lines.append(f"| {value} | " + " | ".join(cells) + f" | {chance:.1f} | {n} |")
    return "\n".join(lines)


def _origin(record: dict) -> str:
    recipe = record["recipe"]
    if "stages" not in recipe:
        return f"trained by GRPO (`companion train grpo --recipe {recipe['name']}`) from `{record['start']}`"
    start = f"from `{recipe['start']}`" if recipe["start"] else "from random weights"
    return f"trained {start} by `companion train {recipe['name']}`"


def _training(record: dict) -> str:
    recipe = record["recipe"]
    if "stages" not in recipe:
        gates = " and ".join(recipe["gates"])
        lies = ", ".join(f"{name} {share:.0%}" for name, share in recipe["variants"].items())
        return (
            f"{recipe['steps']} steps of GRPO on TRL's trainer, {recipe['prompts']} prompts of {recipe['rollouts']} "
            f"rollouts each, rate {recipe['rate']:g}. Reward: 0.1 for the form and 1.0 for the right answer"
            + (f", counted only with {gates}" if gates else "")
            + (f". Perturbed prompts: {lies}" if lies else "")
            + ". This is one seed; what all seeds of a recipe give is in FINDINGS.md."
        )
    lines = ["| stage | steps | batch | texts | lessons |", "|---|---|---|---|---|"]
    for stage in recipe["stages"]:
        texts = stage["steps"] * recipe["batch"]
        mix = ", ".join(f"{kind} {share:.0%}" for kind, share in stage["lessons"].items())
        lines.append(f"| {stage['name']} | {stage['steps']} | {recipe['batch']} | {texts:,} | {mix} |")
    misread, misled, assured = (recipe["shares"].get(name, 0) for name in ("misread", "misled", "assured"))
    truth = "All captions and all reasoning in the data are true of the picture."
    if misread:
        truth = (
            f"Of the reasoning {misread:.0%} misreads the picture, {_part(recipe['shares']['despite'])} of that being "
            "answered rightly all the same."
        )
    if misled:
        truth = (
            f"{misled:.0%} of the questions come with a false caption or a false start, which is then contradicted, "
            f"{assured:.0%} with one that claims the right option, about which nothing is said."
        )
    lines += [
        "",
        f"Every picture and text is made anew from the seed; train, validation and test share no scene. {truth} In the "
        'lessons "at-once" an empty think block stands before the answer, so that the model can answer without '
        "reasoning. The curve is in `training_curve.csv`.",
    ]
    return "\n".join(lines)


def _part(share: float) -> str:
    """A share in words, where there are words for it."""
    return {0.0: "none", 0.5: "half", 1.0: "all"}.get(share, f"{share:.0%}")


_CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---
# {label}: a small vision-language model of the microworld

A LLaVA (SigLIP tower, projector, Qwen3 decoder) of {parameters:.2f} million parameters,
{origin},
on procedurally made pictures of coloured shapes. It exists to make measurable what is hard to measure in large models:
whether an answer follows from the picture, from the prompt, or from the model's own reasoning.

Checkpoint hash `{identity}`, seed {seed}, {minutes:.0f} minutes of training. Written by `companion card`.

## Measured on {n} test items (one checkpoint, one seed)

{overall}

Intervals: paired bootstrap over items, 2,000 resamples. `blank-image` shows an even grey picture.

Accuracy by family, %:

{families}

By difficulty, % (`hard` scenes are fuller, paler, noisier and cluttered; none was in the supervised data):

{difficulties}

## How it was trained

{training}

The whole recipe:

```json
{recipe}
```

## Limits

It knows nothing but this microworld: 8 colours, 6 shapes, 9 positions, a vocabulary of some 600 tokens. Do not use it
for any task on real pictures, do not take its accuracy for that of any other model, and do not quote one checkpoint of
one seed as a finding about vision-language models. Licence: Apache-2.0, weights included.
"""
