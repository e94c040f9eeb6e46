"""Model cards say what the recipe says."""

import json
from dataclasses import asdict, replace

import pytest

from companion.training import model_card
from companion.training.lessons import Shares
from companion.training.recipes import BASE, FOLLOWED, MISREAD_20, OVERRIDDEN


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (BASE, "All captions and all reasoning in the data are true of the picture."),
        (MISREAD_20, "Of the reasoning 20% misreads the picture, half of that being answered rightly all the same."),
        (FOLLOWED, "Of the reasoning 20% misreads the picture, none of that being answered rightly all the same."),
        (OVERRIDDEN, "Of the reasoning 20% misreads the picture, all of that being answered rightly all the same."),
        (
            replace(MISREAD_20, shares=Shares(misread=0.1, despite=0.3)),
            "Of the reasoning 10% misreads the picture, 30% of that being answered rightly all the same.",
        ),
    ],
)
def test_how_misread_reasoning_is_answered_is_read_from_the_recipe(recipe, said):
    assert f" {said} " in model_card._training({"recipe": asdict(recipe)})


def test_the_shipped_cards_say_what_their_recipes_say(root):
    cards = sorted((root / "checkpoints").glob("*/README.md"))
    assert cards
    for card in cards:
        record = json.loads((card.parent / "recipe.json").read_text(encoding="utf-8"))
        assert model_card._training(record) in card.read_text(encoding="utf-8"), card.parent.name
