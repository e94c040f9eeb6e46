"""Claims by rules, on questions in the forms of the benchmarks (`question_forms.jsonl`, written for this test)."""

import ast
import inspect
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from companion.evaluation.judges.rule_judge import committed
from companion.questions.statements import english, forms
from companion.questions.statements.template import claims, wordings

SAMPLE = [json.loads(line) for line in (Path(__file__).parent / "question_forms.jsonl").read_text().splitlines()]
BENCHMARKS = {
    "3DSRBench", "CV-Bench", "Spatial-MM", "Spatial-MM multihop", "WhatsUp", "V*-Bench", "MME-RealWorld-Lite",
    "MMBench",
}  # fmt: skip


def each_claim():
    for item in SAMPLE:
        found = claims(item["question"], item["options"])
        yield from ((item, index, claim, found) for index, claim in enumerate(found))


@pytest.mark.parametrize("item", SAMPLE, ids=[item["question"][-50:] for item in SAMPLE])
def test_a_question_of_each_form(item):
    assert claims(item["question"], item["options"])[item["option"]] == item["claim"]


def test_the_sample_has_every_benchmark_and_few_of_its_questions_are_only_quoted():
    """Of Spatial-MM's own 1,576 questions with options 10 are only quoted, of its 309 multihop ones 9."""
    assert {item["benchmark"] for item in SAMPLE} >= BENCHMARKS
    assert len(SAMPLE) >= 60
    quoted = [item for item in SAMPLE if "“" in claims(item["question"], item["options"])[0]]
    assert len(quoted) < len(SAMPLE) / 10


def test_the_rule_judge_finds_the_option_in_nearly_every_claim():
    """By the words alone: what it misses is yes and no said without these words, which it knows by the claims."""
    alone = [committed(claim, item["options"], (), item["question"]).option == k for item, k, claim, _ in each_claim()]
    told = [
        committed(claim, item["options"], all, item["question"]).option == k for item, k, claim, all in each_claim()
    ]
    assert sum(alone) >= 0.95 * len(alone)
    assert all(told)


def test_every_wording_is_a_sentence_that_names_no_letter_and_is_no_other_options():
    for item in SAMPLE:
        found = wordings(item["question"], item["options"])
        for three in zip(*found, strict=True):
            assert len(set(three)) == len(item["options"])
            for sentence in three:
                assert sentence[0].isupper()
                assert sentence[-1] in ".”"
                assert "  " not in sentence
                assert "{" not in sentence
                assert not any(f" {letter}." in sentence or f"({letter})" in sentence for letter in "ABCDE")


def test_the_text_draws_the_wording_and_all_three_occur():
    drawn = set()
    for k in range(30):
        options = ["left", "right"]
        text = f"Where is the cup in relation to plate {k}?"
        three = wordings(text, options)
        found = claims(text, options)
        assert found == claims(text, options)
        (place,) = {own.index(claim) for own, claim in zip(three, found, strict=True)}
        drawn.add(place)
    assert drawn == {0, 1, 2}


@pytest.mark.parametrize(
    ("question", "options", "expected"),
    [
        ("Is the cup left of the plate?", ["Yes", "No"],
         ["The cup is left of the plate.", "The cup is not left of the plate."]),
        ("Is there a dog on the sofa?", ["yes", "no"],
         ["There is clearly a dog on the sofa.", "There is no dog on the sofa."]),
        ("Is there the dog on it?", ["no", "yes"], ["There is not the dog on it.", "There is clearly the dog on it."]),
        ("Does the man have a hat?", ["Yes", "No"], ["The man has a hat.", "The man does not have a hat."]),
        ("Can the door be locked?", ["Yes", "No"], ["The door can be locked.", "The door cannot be locked."]),
        ("Is the red cup on the table larger than the pot?", ["Yes", "No"],
         ["The red cup on the table is larger than the pot.", "The red cup on the table is not larger than the pot."]),
        ("Is this a cat?", ["True", "False"], ["This is a cat.", "This is not a cat."]),
        ("Is the man with the wooden ring holding a cup?", ["yes", "no"],
         ["The man with the wooden ring is holding a cup.", "The man with the wooden ring is not holding a cup."]),
    ],
)  # fmt: skip
def test_yes_and_no(question, options, expected):
    firsts = [three[0] for three in wordings(question, options)]
    assert firsts == expected


def test_whatever_is_asked_gets_a_sentence_for_each_option():
    """Cut, joined and empty questions, with options of every kind."""
    rng = random.Random(0)
    words = [word for item in SAMPLE for word in item["question"].split()]
    options = [option for item in SAMPLE for option in item["options"]] + ["___", "{o}", "50 %", "?", "é"]
    for _ in range(2000):
        text = " ".join(rng.choices(words, k=rng.randrange(9))) + rng.choice(["?", ":", "", " ___."])
        own = rng.sample(options, rng.randint(2, 5))
        found = claims(text, own)
        assert len(found) == len(own)
        assert all(found)


@pytest.mark.parametrize(
    ("question", "options", "expected"),
    [
        ("Is the bed next to the lamp?", ["yes", "no"],
         ["The bed is next to the lamp.", "The bed is not next to the lamp."]),
        ("Where is the bed in relation to the lamp?", ["left"], ["The bed is to the left of the lamp."]),
        ("Where is the red sled?", ["behind"], ["The red sled is behind."]),
        ("Is the shed locked?", ["no"], ["The shed is not locked."]),
        ("What does the girl try to reach?", ["kite"], ["What the girl tries to reach is the kite."]),
        ("What did the cook use to stir the soup?", ["spoon"],
         ["What the cook did use to stir the soup is the spoon."]),
        ("What can this tool be used for?", ["digging"], ["What this tool can be used for is digging."]),
        ("What has the boy stuck his fork into?", ["melon"],
         ["What the boy has stuck his fork into is the melon."]),
        ("What does Marta specialize in?", ["insurance"], ["What Marta specializes in is the insurance."]),
        ("What is the woman with no hat doing?", ["reading"], ["What the woman with no hat is doing is reading."]),
        ("What is the boy on the wall about to do?", ["jump"],
         ["What the boy on the wall is about to do is jump."]),
        ("What is the lamp the girl is holding used for?", ["reading"],
         ["What the lamp the girl is holding is used for is reading."]),
        ("What is the fence made of?", ["wood"], ["What the fence is made of is wood."]),
        ("What is the clown dressed as?", ["pirate"], ["What the clown is dressed as is a pirate."]),
        ("What are the goats standing on?", ["roof"], ["What the goats are standing on is the roof."]),
        ("What is the cat on top of?", ["crate"], ["What the cat is on top of is the crate."]),
        ("What are the birds likely looking at?", ["worm"], ["What the birds are likely looking at is the worm."]),
        ("What bird is this?", ["owl"], ["The bird here is an owl."]),
        ("What country is this?", ["Peru"], ["The country here is Peru."]),
        ("What sport is it?", ["rugby"], ["The sport here is rugby."]),
        ("What shape is it?", ["oval", "circle"], ["The shape here is oval.", "The shape here is a circle."]),
        ("What kind of bird is on the post?", ["owl"], ["The kind of bird that is on the post is an owl."]),
        ("What type of hat is the boy wearing?", ["bowler"],
         ["The type of hat that the boy is wearing is “bowler”."]),
        ("What brand of phone is on the desk?", ["Nokia"], ["The brand of phone that is on the desk is Nokia."]),
        ("What vehicle is the nun riding?", ["moped"], ["The vehicle that the nun is riding is a moped."]),
        ("What company made the boat?", ["Yamaha"], ["The company that made the boat is Yamaha."]),
        ("What item on the desk could help with a cold?", ["tissue"], ["The tissue could help with a cold."]),
        ("In which city is this tram running?", ["Lisbon"], ["The city in which this tram is running is Lisbon."]),
        ("What goats are in the field?", ["brown", "white"],
         ["The brown goats are in the field.", "The white goats are in the field."]),
        ("Is there not a cup on the shelf?", ["yes", "no"],
         ["There is no cup on the shelf.", "There is clearly a cup on the shelf."]),
        ("Does the tray not hold a cup?", ["yes", "no"],
         ["The tray does not hold a cup.", "The tray holds a cup."]),
        ("Is no cup present?", ["yes", "no"], ["A cup is not present.", "A cup is present."]),
        ("Isn't there a cup on the shelf?", ["yes", "no"],
         ["There is clearly a cup on the shelf.", "There is no cup on the shelf."]),
        ("Are there more cups than plates?", ["no"], ["There are not more cups than plates."]),
        ("Are there two cups?", ["no"], ["There are not two cups."]),
        ("Is there a cup or a plate?", ["no"], ["There is not a cup or a plate."]),
        ("Are there other cups?", ["no"], ["There are no other cups."]),
        ("Is there stones in the pond?", ["yes", "no"],
         ["There are clearly stones in the pond.", "There are no stones in the pond."]),
        ("Are there a lamps on it?", ["no"], ["There are no lamps on it."]),
        ("Is the box holding pens placed on the desk?", ["no"],
         ["The box holding pens is not placed on the desk."]),
        ("Is the man in red boots leaving?", ["no"], ["The man in red boots is not leaving."]),
        ("Where is St. Anne's chapel?", ["left"], ["St. Anne's chapel is on the left."]),
        ("Which flag is flown here?", ["The U.S."], ["The U.S. is flown here."]),
        ("What is Mr. Li holding?", ["axe"], ["What Mr. Li is holding is the axe."]),
        ("Where is the pens in relation to the cup?", ["left"], ["The pens are to the left of the cup."]),
        ("Is the scissors on the book?", ["no"], ["The scissors are not on the book."]),
        ("Where is the basket holding plums in relation to the jug?", ["left"],
         ["The basket holding plums is to the left of the jug."]),
        ("Where is the goat?", ["barn"], ["The place where the goat is is the barn."]),
        ("Where are the nuns sitting?", ["pew", "bench"],
         ["The place where the nuns are sitting is the pew.", "The place where the nuns are sitting is the bench."]),
        ("Where is the goat sleeping?", ["under the cart"],
         ["The place where the goat is sleeping is under the cart."]),
        ("Why is the boy running?", ["to win"], ["The reason why the boy is running is to win."]),
        ("Why is the street wet?", ["rain"], ["The reason why the street is wet is this: rain."]),
        ("How did they cross the river?", ["by boat"], ["They did cross the river by boat."]),
        ("How was the fish cooked?", ["fried"], ["The way in which the fish was cooked is this: fried."]),
        ("How is the boy feeling?", ["sad"], ["The boy is feeling sad."]),
        ("The nuns are all wearing what?", ["veils"], ["What the nuns are all wearing is the veils."]),
        ("The dial points to what number?", ["nine"], ["The dial points to the number nine."]),
        ("The goat is looking in what direction?", ["up"], ["The goat is looking up."]),
        ("The tram comes from what country?", ["Peru"], ["The tram comes from Peru."]),
        ("The boy must do what?", ["wait"], ["What the boy must do is wait."]),
        ("What is happening on the stage?", ["dancing"], ["What is happening on the stage is dancing."]),
        ("What best describes the soup?", ["thick"], ["What best describes the soup is thick."]),
        ("What is forbidden here?", ["changing lanes"], ["Changing lanes is forbidden here."]),
        ("What is the girl wearing?", ["swim cap"], ["What the girl is wearing is the swim cap."]),
        ("What is this dance called?", ["waltz"], ["This dance is called “waltz”."]),
        ("What is the soup like?", ["thick"], ["The soup is thick."]),
        ("Which caption describes the picture?", ["A can in front of a sunglasses", "A mug on a armchair"],
         ["This picture shows a can in front of sunglasses.", "This picture shows a mug on an armchair."]),
        ("How many people have umbrellas?", ["two"], ["The number of people that have umbrellas is two."]),
        ("How many of the goats are white?", ["two"], ["The number of the goats that are white is two."]),
        ("Is the jar that the girl holds open?", ["yes"], ["The jar that the girl holds is open."]),
        ("What would happen if it fell?", ["nothing"], ["What would happen if it fell is nothing."]),
        ("What goes on the plate?", ["cake"], ["The cake goes on the plate."]),
        ("What does it say on the sign?", ["go"], ["What it says on the sign is go."]),
        ("Which person would be coldest?", ["left", "right"],
         ["The left person would be coldest.", "The right person would be coldest."]),
        ("What is the pose of the goat?", ["standing"], ["The pose of the goat is standing."]),
        ("What is the object on the shelf?", ["vase"], ["The object on the shelf is a vase."]),
        ("What is the only airline that flies to Lund?", ["braathens", "british airways"],
         ["“Braathens” is the only airline that flies to Lund.",
          "“British airways” is the only airline that flies to Lund."]),
        ("What would be the favorite food of this goat?", ["oat crisps"],
         ["“Oat crisps” would be the favorite food of this goat."]),
        ("Where is this airline headquartered?", ["new york", "malmo"],
         ["The place where this airline is headquartered is “new york”.",
          "The place where this airline is headquartered is “malmo”."]),
        ("Where is the goat heading for?", ["sideways"], ["The place where the goat is heading for is sideways."]),
        ("What is the mat behind the cat used for?", ["scratching toy", "cleaning"],
         ["What the mat behind the cat is used for is “scratching toy”.",
          "What the mat behind the cat is used for is “cleaning”."]),
        ("What is the mat used for?", ["drying hands", "storage"],
         ["What the mat is used for is drying hands.", "What the mat is used for is storage."]),
        ("What is the nun doing in the shed?", ["feeding hen"], ["What the nun is doing in the shed is feeding hen."]),
        ("What are these dials intended to tell you?", ["time"],
         ["What these dials are intended to tell you is the time."]),
        ("What animal are these nuns said to be scared of?", ["mice"],
         ["The animal that these nuns are said to be scared of is mice."]),
        ("What is the color of the jug pictured above?", ["green"], ["The color of the jug pictured above is green."]),
        ("Is the girl whit yellow shoes on the right?", ["no"], ["The girl whit yellow shoes is not on the right."]),
        ("Is the blue floral tea cups on the left?", ["yes"], ["The blue floral tea cups are on the left."]),
        ("Where are the truck from the man's perspective?", ["behind"],
         ["The truck is behind from the man's perspective."]),
        ("Where are the sheep from the man's perspective?", ["behind"],
         ["The sheep are behind from the man's perspective."]),
        ("Where is candles in relation to jug?", ["left"], ["Candles are to the left of the jug."]),
        ("Where is the jug from the man's perspective?", ["on", "over"],
         ["The jug is on top from the man's perspective.", "The jug is overhead from the man's perspective."]),
        ("Is there a chips in the bowl?", ["yes"], ["There are clearly chips in the bowl."]),
        ("Is the man on the cart located left of the nuns?", ["no"],
         ["The man on the cart is not located left of the nuns."]),
        ("Where is the sign seen here normally located?", ["roof"],
         ["The place where the sign seen here is normally located is the roof."]),
        ("Why is the man in the green shirt holding a jug?", ["to wave"],
         ["The reason why the man in the green shirt is holding a jug is to wave."]),
        ("Why is the jug in the image light green?", ["to warn"],
         ["The reason why the jug in the image is light green is to warn."]),
        ("What does the yellow sign imply one should do?", ["wait"],
         ["What the yellow sign implies one should do is wait."]),
        ("What will happen if it falls?", ["accident"], ["What will happen if it falls is “accident”."]),
        ("The dial suggests he is going what?", ["very slow"], ["What the dial suggests he is going is very slow."]),
        ("What usually goes into the bin?", ["leaves", "peel"],
         ["The leaves usually go into the bin.", "The peel usually goes into the bin."]),
        ("Who is the nun dressed up as?", ["xena", "joan of arc"],
         ["What the nun is dressed up as is “xena”.", "What the nun is dressed up as is “joan of arc”."]),
        ("What drives the pump?", ["belt", "gears"], ["The belt drives the pump.", "The gears drive the pump."]),
        ("What type bird is shown?", ["owl"], ["The type of bird that is shown is an owl."]),
        ("What character is on the kite?", ["imp"], ["The character that is on the kite is “imp”."]),
        ("What is near the guard?", ["two-wheeler"], ["The two-wheeler is near the guard."]),
        ("What century is it from?", ["16th"], ["The century that it is from is the 16th."]),
        ("What can the prints be described as?", ["cubism"], ["What the prints can be described as is cubism."]),
        ("What language does the sign use?", ["Thai"], ["The language that the sign uses is Thai."]),
    ],
)  # fmt: skip
def test_a_question_of_each_kind_that_real_sets_ask(question, options, expected):
    """-ed that is no participle, inversion, "what X is this", negation, abbreviations, number, articles, order."""
    assert [three[0] for three in wordings(question, options)] == expected


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("What interests the child here?", ["drum"]),
        ("Does the thing he holds bend?", ["yes"]),
        ("What is the zebra doing that the goat is not?", ["eating"]),
        ("Why is the boy here?", ["is lost"]),
        ("This line is named after a mythical what?", ["horse"]),
        ("What might the two be feeling?", ["love"]),
        ("Which hand this man is using to write?", ["left"]),
        ("Where is the jug from the man's perspective?", ["under", "beneath"]),
        ("What is the name of the jug above?", ["ewer"]),
        ("What is the foal on the left referred to as at this age?", ["colt"]),
        ("Where are the carts taking the hay?", ["to market"]),
        ("What specifically is the nun tasting?", ["curd"]),
        ("Who may use this pew?", ["over 65", "choir"]),
        ("What brand of phone is the pink one?", ["nokia"]),
        ("What flavor are brown scones?", ["plum"]),
        ("The rim is made of either real or fake what?", ["gold"]),
        ("What are some of the goats standing in in the middle of the yard?", ["hay"]),
        ("How many times a day should people use these?", ["four", "twice"]),
        ("From which console is the pad on the desk used with?", ["atari"]),
    ],
)
def test_a_question_whose_parts_are_not_sure_is_quoted(question, options):
    assert question in claims(question, options)[0]


def test_a_quotation_is_of_the_question_as_it_was_asked():
    asked = "Which hand this man is is using to hold the his cup?"
    assert f"“{asked}”" in claims(asked, ["left", "right"])[0]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("A can on the table", "This picture shows a can on the table."),
        ("A can holds a brush", "A can holds a brush."),
        ("The can is open", "The can is open."),
        ("A will of iron", "This picture shows a will of iron."),
    ],
)
def test_a_noun_that_is_spelled_like_a_verb_makes_no_sentence(option, sentence):
    three = wordings("Which caption describes the picture?", [option, "A jug"])[0]
    assert three[0] == sentence


@pytest.mark.parametrize("module", [english, forms])
def test_no_list_of_words_names_a_word_twice(module):
    lists = [
        call.args[0].value.split()
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "word_set"
    ]
    assert len(lists) > 5
    assert [word for words in lists for word, times in Counter(words).items() if times > 1] == []
