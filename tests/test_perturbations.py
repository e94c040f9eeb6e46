from dataclasses import replace

import pytest

from companion.errors import CompanionError
from companion.perturbations.perturbation import ABSTAIN, PERTURBATIONS, apply, parse_perturbations, with_abstain
from companion.questions.microworld import questions

ITEMS = questions("test", 180)


def test_all_wrong_perturbations_of_an_item_assert_the_same_wrong_option():
    wrong = [name for name, plan in PERTURBATIONS.items() if "wrong" in (plan.caption, plan.think)]
    for item in ITEMS:
        suggested = {apply(item, name).suggested for name in wrong}
        assert len(suggested) == 1
        assert suggested.pop() not in (item.answer, None)


def test_a_wrong_perturbation_holds_the_claim_of_its_option_and_the_right_one_that_of_the_answer():
    for item in ITEMS:
        wrong = apply(item, "wrong-think")
        assert item.claims[wrong.suggested] in wrong.prefill
        assert item.claims[item.answer] in apply(item, "right-think").prefill
        assert item.claims[wrong.suggested] in apply(item, "wrong-caption").text
        assert item.claims[item.answer] in apply(item, "right-caption").text


def test_perturbations_differ_in_nothing_but_what_their_names_say():
    for item in ITEMS:
        base, think, but = (apply(item, name) for name in ("plain", "wrong-think", "wrong-think-but"))
        assert base.prefill == ""
        assert think.text == but.text == base.text
        assert but.prefill.startswith(think.prefill + " ")
        caption, hedged = apply(item, "wrong-caption"), apply(item, "wrong-caption-disclaimer")
        assert caption.text.endswith(base.text)
        assert hedged.text.startswith(caption.text.removesuffix("\n" + base.text))
        assert hedged.text.endswith(base.text)
        assert apply(item, "blank-image").text == base.text
        assert apply(item, "blank-image").blank
        assert apply(item, "abstain").options == (*item.options, ABSTAIN)
        assert not apply(item, "stop-think").prefill.removesuffix("</think>").endswith("</think>")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("red", "blue"), ("red", "blue", ABSTAIN)),
        (("red", "I'm not sure."), ("red", "I'm not sure.")),
        (("i'm not sure", "red"), ("i'm not sure", "red")),
        (("I'm not sure of red", "red"), ("I'm not sure of red", "red", ABSTAIN)),
    ],
)
def test_im_not_sure_is_offered_once(options, shown):
    assert with_abstain(options) == shown
    item = replace(ITEMS[0], options=options, claims=options, answer=0)
    assert apply(item, "abstain").options == shown


@pytest.mark.parametrize(
    "perturbation", [name for name in PERTURBATIONS if name not in ("plain", "abstain", "blank-image")]
)
def test_each_perturbation_has_three_wordings_all_of_which_occur(perturbation):
    assert len({apply(item, perturbation).wording for item in ITEMS}) >= 3


def test_the_seed_changes_the_draws():
    assert [apply(item, "wrong-think", 0).suggested for item in ITEMS] != [
        apply(item, "wrong-think", 1).suggested for item in ITEMS
    ]


def test_parse_perturbations():
    assert parse_perturbations("all") == list(PERTURBATIONS)
    assert parse_perturbations("wrong-think, plain") == ["plain", "wrong-think"]
    with pytest.raises(CompanionError, match="unknown perturbation 'wrong-thought'; choose from plain"):
        parse_perturbations("plain,wrong-thought")
    with pytest.raises(CompanionError, match="no perturbation given"):
        parse_perturbations(" ,")
