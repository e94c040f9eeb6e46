"""The forms of questions by which `template` turns them into statements, and the words that tell what an option is."""

from __future__ import annotations

import re

from companion.questions.statements.english import (
    AUX,
    BE,
    DET,
    IN_PICTURE,
    NOT_PARTICIPLES,
    NOUNS,
    PRONOUN,
    word_set,
)

Wordings = tuple[str, str, str]

_SUBJECT = rf"(?!the (?:same|only|most|least|\w+est)\b)(?:{DET}|{PRONOUN})\b"
_ANY_SUBJECT = rf"(?:{DET}|{PRONOUN}|\w+'s)\b"
SIDE = "(?:left|right|front|back|top|bottom|middle|upper|lower|up|down|rear|center)"
SIDES = f"{SIDE}(?:[ -]{SIDE})?"
COLOUR = "(?:(?:light|dark) )?(?:red|green|blue|yellow|black|white|brown|pink|purple|orange|gr[ae]y|beige|gold|silver)"
_VIEW = r"(?P<view> (?:from|in) [^,]*?(?:perspective|viewpoint|point of view)s?(?: of .+)?)?"
_PARTICIPLE = rf"(?!(?:{'|'.join(sorted(NOT_PARTICIPLES))})\b)\w+ed"
_PLACED = rf"(?P<part> (?:{_PARTICIPLE}|place|lying|sitting|standing|hung)(?: (?:on|at|in|to))?)?(?: at)?"
_RELATION = r"(?: (?:in (?:the )?relation (?:to|with)|with respect to|relative to|compared (?:to|with)) (?P<ref>.+?))?"
_FACING = "(?P<verb>facing|looking|heading|headed|pointing|moving|turned|walking|driving|flying|going)"
_ATTRIBUTE = (
    "(?:hair )?colou?r|shape|size|material|brand|gender|texture|position|direction|breed|pattern|make|style|flavou?r|"
    "age|species|sex|type|kind|genre"
)
_TITLE = (
    "(?:name|title|term|word|phrase|purpose|function|reason|cause|colou?r|shape|size|material|brand|style|pattern|type|"
    "kind|number|age|breed|species|relationship|relation|profession|occupation|gender|job|role|goal|theme)"
)
THING = "(?:objects?|items?|things?|animals?|vehicles?|fruits?|devices?|instruments?|creatures?)"
_BEFORE = "in|on|at|to|from|with|towards?|for|by|of|under|during|into|through"
_K = r"(?!(?:one|of)\b)(?P<k>\S+(?: \S+)*?)"

SAID = ("{said}", "it is clear that {said}", "as the picture shows, {said}")
THERE = ("there {be} clearly {rest}", "there {be} definitely {rest}", "there {be} indeed {rest}")
NOT_THERE = ("there {be} no {rest}", "there {be} not any {rest}", "there {be} no {rest} at all")
SHOWN = ("this picture shows {o}", "one can see {o}", "what this picture shows is {o}")
COUNTED = ("the number of {n} is {o}", "counting {counted} gives {o}", "in all, the number of {n} comes to {o}")
EQUATED = ("{s} {be} {one}", "here {s} {be} {one}", "as one can see, {s} {be} {one}")
CLEFT = ("what {said} is {the}", "here, what {said} is {the}", "as one can see, what {said} is {the}")
CHOSEN = ("{which} {vp}", "it is {which} that {vp}", "here {which} {vp}")
KIND = (
    "the {k} that {vp} {is} {one}",
    "here the {k} that {vp} {is} {one}",
    "as one can see, the {k} that {vp} {is} {one}",
)
KIND_IN = (
    "the {k} {p} which {said} {is} {one}", "here the {k} {p} which {said} {is} {one}",
    "as one can see, the {k} {p} which {said} {is} {one}",
)  # fmt: skip
EVENT = ("what {event} is {the}", "here, what {event} is {the}", "as one can see, what {event} is {the}")
HERE = ("the {k} here {be} {one}", "the {k} in this picture {be} {one}", "as one can see, the {k} here {be} {one}")
REASON = (
    "the reason why {said} is {o}", "here the reason why {said} is {o}", "as one can see, the reason why {said} is {o}",
)  # fmt: skip
NAMED_REASON = (
    "the reason why {said} is this: {o}", "here the reason why {said} is this: {o}",
    "as one can see, the reason why {said} is this: {o}",
)  # fmt: skip
PURPOSE = re.compile(r"(?:.*\b(?:us(?:e|es|ed|eful|ing)|meant|intended|designed|made|taken|built|dressed)\b.* )?for")
"""What is said of a thing whose purpose is asked for: "is used for"."""
NAMED_WAY = (
    "the way in which {said} is this: {o}", "here the way in which {said} is this: {o}",
    "as one can see, the way in which {said} is this: {o}",
)  # fmt: skip
PLACE = (
    "the place where {said} is {the}", "here the place where {said} is {the}",
    "as one can see, the place where {said} is {the}",
)  # fmt: skip
PLACE_OF = (
    "the place where {s} {be} is {the}", "here the place where {s} {be} is {the}",
    "as one can see, the place where {s} {be} is {the}",
)  # fmt: skip
ACTED = ("{s} {o}", "it is clear that {s} {o}", "as one can see, {s} {o}")
SO = ("{said} {o}", "it is clear that {said} {o}", "as one can see, {said} {o}")
QUOTED = (
    "in this picture, the answer to “{q}” is clearly {o}",
    "asked “{q}”, anyone who looks at this picture says {o}",
    "to the question “{q}”, this picture answers {o}",
)
FORMS: list[tuple[re.Pattern[str], Wordings]] = [
    (re.compile(pattern, re.IGNORECASE), three)
    for pattern, three in (
        (r"(?:which|what)\b.*\b(?:captions?|descriptions?|sentences?)\b.*"
         r"|(?:which|what)\b.*\bdescribes? (?:the|this) (?:picture|image|photo|scene)\b.*"
         r"|what does (?:the|this) (?:picture|image|photo) (?:\w+ )?(?:show|depict|describe)", SHOWN),
        (rf"how many (?:of )?(?P<n>.+?)(?: (?:{BE}) there| (?:do|can) you see| can be seen| exist| appear)"
         r"(?P<tail>|(?! to\b) .*)", COUNTED),
        (rf"how many (?:of )?(?P<n>.+?) (?P<gap>{AUX} {_SUBJECT}.*)", COUNTED),
        (rf"how many (?:of )?(?P<n>.+?) (?P<vp>{AUX} .+)", COUNTED),
        (r"how many (?:of )?(?P<kind>.+)", COUNTED),
        (rf"(?:(?:in|to|towards?) )?(?:which|what) (?:direction|way|side) (?P<be>{BE}) (?P<s>.+?) {_FACING}"
         rf"(?: at| to| towards?| in)?{_VIEW}",
         ("{s} {be} {verb} {to}{view}", "here {s} {be} {verb} {to}{view}",
          "as one can see, {s} {be} {verb} {to}{view}")),
        (rf"where (?P<be>{BE}) (?P<s>.+?){_PLACED}{_RELATION}(?:{IN_PICTURE})?{_VIEW}",
         ("{s} {be}{part} {at}{view}", "here {s} {be}{part} {at}{view}", "one can see {s}{part} {at}{view}")),
        (rf"where (?P<inverted>{AUX} {_ANY_SUBJECT}.*)", PLACE),
        (rf"where (?P<be>{BE}) (?P<s>{_ANY_SUBJECT}(?!.*\b(?:location|place|spot)\b).*)", PLACE_OF),
        (rf"why (?P<inverted>{AUX} {_ANY_SUBJECT}.*)", REASON),
        (rf"why (?P<inverted>{AUX} {_ANY_SUBJECT}.*)", NAMED_REASON),
        (rf"what (?P<be>{BE}) (?P<s>{_ANY_SUBJECT}.*?)(?P<called> (?:usually |often |typically )?(?:called|named))",
         ("{s} {be}{called} “{o}”", "here {s} {be}{called} “{o}”", "as one can see, {s} {be}{called} “{o}”")),
        (rf"(?:what|which) (?:is the (?=(?:{_ATTRIBUTE}) of )|(?=(?:{_ATTRIBUTE}) (?:{BE}) ))"
         rf"(?P<a>{_ATTRIBUTE}) (?:(?P<whole>{BE})|of) (?P<s>(?:{_ANY_SUBJECT}|\w+ from\b).*)",
         ("the {a} of {s} is {o}", "{o} is the {a} of {s}", "one can see that the {a} of {s} is {o}")),
        (rf"what (?P<event>(?:{AUX}|seems to be|appears to be) (?:(?:most|likely|probably|possibly|about to|going to|"
         r"be|being|currently|now|have|also) )*(?:happen\w*|done|going on|taking place)\b.*)", EVENT),
        (r"what (?P<event>(?:best|most \w+|likely|probably) \w+s .+)", EVENT),
        (rf"what (?P<be>{BE}) (?P<s>.+) (?P<like>like)",
         ("{s} {be} {o}", "here {s} {be} {o}", "as one can see, {s} {be} {o}")),
        (rf"(?:what|who|which) (?P<be>{BE}|can be) (?P<s>(?:the|a) (?:\w+ )??{_TITLE} (?:of|for|between|on) .+"
         r"(?<!ing)(?<! for)(?<! from)(?<! with)(?<! of)(?<! in)(?<! on)(?<! at)(?<! as)(?<! to)(?<! called))",
         EQUATED),
        (rf"(?:what|(?P<who>whom?)) (?P<gap>(?:{BE}) .+)", CLEFT),
        (rf"(?:what|who|which) (?P<be>{BE}|can be) (?P<s>{DET} (?:\w+ ){{1,2}}of .+)", EQUATED),
        (rf"(?:what|who|whom) (?P<gap>(?!{BE}){AUX} .+)", CLEFT),
        (rf"(?:what|who|which) (?P<be>{BE}|can be) (?P<s>(?!the (?:same|only)\b){_ANY_SUBJECT}.*(?<! like)(?<! do))",
         EQUATED),
        (rf"(?:which|what) {_K} (?P<be>{BE}) (?:this|that|these|those|it)(?: (?:most )?likely| probably)?", HERE),
        (rf"(?P<sided>(?P<p>(?:{_BEFORE}) )?)(?:which|what) (?P<n>.+?) (?P<gap>{AUX} {_ANY_SUBJECT}.*)",
         ("it is {p}{which} that {said}", "here it is {p}{which} that {said}",
          "as one can see, it is {p}{which} that {said}")),
        (rf"(?P<p>{_BEFORE}) (?:which|what) {_K} (?P<inverted>{AUX} {_ANY_SUBJECT}.*)", KIND_IN),
        (rf"(?:which|what) {_K} (?P<gap>{AUX} {_ANY_SUBJECT}.*)", KIND),
        (rf"(?:which|what) {_K} (?P<be>{BE}) (?P<s>(?!an? ){_SUBJECT}.*)", EQUATED),
        (r"(?:what|(?P<picked>which)) (?P<kind>.+)", KIND),
        (r"(?:which|what) (?P<chosen>.+)", CHOSEN),
        (r"(?:who|what) (?P<n>)(?P<vp>\S+ .+)", CHOSEN),
        (rf"how (?P<tall>tall|wide|long|old|deep) (?P<be>{BE}) (?P<s>.+)",
         ("{s} {be} {o} {tall}", "here {s} {be} {o} {tall}", "as one can see, {s} {be} {o} {tall}")),
        (r"how (?:did|does|do) (?P<s>(?:the|this) \w+|i|you|it)\b.*",
         ACTED),
        (rf"how (?P<inverted>{AUX} {_ANY_SUBJECT}.*)", SO),
        (rf"how (?P<inverted>{AUX} {_ANY_SUBJECT}.*)", NAMED_WAY),
        (r"(?:please )?(?:identify|select|choose|find|name|determine) (?P<s>the .+)",
         ("{s} is {o}", "here {s} is {o}", "as one can see, {s} is {o}")),
    )
]  # fmt: skip
"""Question forms, of which the first that fits counts, and how each is worded.

{o}: the option; {the}, {one}: with its article; {which}: with the noun that is asked for; {at}, {to}: as a place or a
direction; {said}: what was `inverted`, or lacked its object (`gap`), as a statement; {n}: what is counted; {k}: what is
asked for; the others: parts of the question. `sided` fits where the options are sides or colours, `kind` and `chosen`
are taken apart where the verb begins.
"""


NAMED = word_set("""
    name title term word letter number digit color colour size material brand make model gender sex race texture
    position direction purpose function reason cause use weather season sport game activity action occupation
    profession job career relationship relation emotion feeling mood expression language time hour day month year date
    holiday decade age height length width country continent nation nationality state city town region county territory
    company airline manufacturer team league agency corporation firm organization chain religion meal cuisine flavor
    flavour fabric pattern design breed species genus temperature climate terrain transportation transport travel
    century currency capital value score price amount percentage percent liquid beverage alcohol condition status hobby
    level stage phase subject topic theme motion artist author president sponsor maker designer player star singer
    actor actress celebrity hero band movie film show character store restaurant hotel university street neighborhood
    ethnicity style service precipitation landscape element gas metal wood maintenance technology software system
    social gathering industry way branch diet fuel energy power lighting phrase attraction
""")
"""Nouns whose kinds go without an article: "the colour is red", "the country is Peru"."""
KINDS = word_set("type kind sort category class form style types kinds sorts styles")
ITEMS = word_set("""
    animal bird vehicle room building fruit vegetable utensil tool instrument device appliance item object toy insect
    hat garment container structure place location venue event party machine weapon person creature furniture boat
    plane truck dog cat pet footwear accessory establishment area facility celebration ceremony shop kitchen tree
    flower plant mammal reptile product computer bag bed chair table lamp display resort dwelling house home symbol
    document mirror window door bottle board trick shot bike business body environment setting habitat clock lounge
    ball shape move stroke jump
""")
"""Nouns whose kinds are counted: "the animal is a cat"."""
NOUNS_TOO = word_set("""
    cook drink fish dance fall show park cover play store board rain snow stick bite lead bake clean chase fear hope
    plan order swing slide sail ski surf skate help need use work walk talk call look touch taste watch stand point
    lie match move turn face block cut mix ride drive kick jump throw catch laugh smile love hate rest pose stop start
    end slow land brush fire pet train wave
""")
"""Verbs that an option names as a thing as often: "walk", "drink"."""
LIVING = word_set("""
    animal bird fruit vegetable insect utensil tool instrument mammal reptile creature pet fish
""")
"""Nouns whose kinds are named by nouns alone, so that they are counted even after "kind of"."""
ACTIONS = word_set("activity action task")
JOBS = word_set("profession occupation job career")
"""Nouns whose kinds are what somebody is: "the man is a nurse"."""
COMPOUND = word_set("""
    man woman person room pan lot ball pool board bag machine area meter mall cart boots shoes shoe table hall bell
    car station court stick oven sink plate truck center rack ground track dress suit
""")
"""Last words of options that begin with a word in -ing and are nouns: "frying pan", but not "frying fish"."""
AIMS = word_set("state purpose goal function plan intention use job task aim role intent duty reason cause")
"""Nouns that an infinitive follows: "the purpose is to cool"."""
PLACES = word_set("""
    africa asia europe australia america antarctica china japan france germany italy spain england britain scotland
    ireland wales russia canada mexico brazil india usa us uk london paris rome berlin madrid tokyo beijing moscow
    chicago boston seattle miami philadelphia california texas florida hawaii alaska arizona nevada egypt kenya greece
    turkey poland sweden norway denmark finland portugal switzerland austria thailand vietnam korea peru chile
    argentina nepal nigeria york angeles francisco vegas jersey zealand mercury venus mars jupiter saturn
""")
"""Last words of places' names in small letters."""
UNNAMED = PLACES | word_set("""
    indoors outdoors outside inside home upstairs downstairs downtown here there everywhere nowhere nothing nobody
    anything anyone someone everyone everything none where sideways neither both all christmas halloween easter
    thanksgiving
""")
"""Last words of options that go without an article: names, and adverbs of place."""
SMALL = re.compile(
    rf"(?:{DET}|{SIDE}|{COLOUR}|yes|no|none|one|five|six|seven|eight|nine|ten|zero|in|on|at|under|behind|above|below|"
    r"over|inside|outside|beside|near|next|between|to|from|there|circle|square|triangle|rectangle)",
    re.IGNORECASE,
)
"""First words of options that are no names."""
NAMING = re.compile(
    r"\b(?:who|where|names?|titles?|capital|cit(?:y|ies)|countr(?:y|ies)|states?|brand|author|language|word|"
    r"written|say|says|text|read|company|logo|museum|movie|continent|ocean|colony|month|day|bird|species)\b",
    re.IGNORECASE,
)
"""Questions whose answers may be names."""
FINITE = (
    "is|are|was|were|has|have|had|do|does|did|can|cannot|could|will|would|should|may|might|must|isn't|doesn't|don't"
)
ALONE = re.compile(
    rf"(?:{DET}|{PRONOUN}|neither|none|no|nothing|nobody|zero|one|seven|eight|nine|ten|eleven|twelve|twenty|thirty|"
    rf"[A-Z\W\d].*|being|(?!(?:{'|'.join(sorted(NOUNS))})\b)\w+ing|in|on|at|to|for|by|under|behind|because|"
    r"none of)\b(?!-)"
)
"""Options that stand without an article."""

_ASKING = rf"(?:please|(?:in |on )?(?:which|what)|where|who|how|{AUX})"
LEAD = re.compile(rf"^((?:[^,]+, )+?)({_ASKING}\b.*)", re.IGNORECASE)
"""What stands before a question, and the question."""
POINTING = re.compile(
    r"^(?:consider|looking|estimat|based|according|(?:in|from) (?:this|the) (?:image|picture|photo|figure|map)\b)",
    re.IGNORECASE,
)
"""What stands before a question and only points to the picture."""
ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|no|vs|etc|approx|ave|jr|sr|prof|fig|e\.g|i\.e)|\b[A-Za-z])\.$", re.IGNORECASE
)
"""A full stop that ends no sentence."""
