"""English without a parser: where a subject ends, a question's clause as a statement, articles, agreement.

Closed classes are listed whole; of verbs, mass nouns and adjectives those that questions about pictures use. A clause
whose parts these words do not settle has no statement (None), and `template` quotes its question instead. A parser
would know more words; what comes without a download (lemminflect, inflect) knows words and not where a subject ends,
and spaCy's model of English is at no package registry under its authors' name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


def word_set(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


BE = "is|are|was|were"
AUX = rf"(?:{BE}|does|do|did|can|cannot|could|will|would|has|have|had|should|may|might|must)"
DET = (
    "(?:the|a|an|this|that|these|those|his|her|its|their|your|my|our|each|every|both|any|some|all|no|two|three|four|"
    "five|six|several|many)"
)
PRONOUN = "(?:i|you|he|she|it|they|we|someone|somebody|one|people|there)"
PREPOSITIONS = word_set("""
    in on at to under behind above below over inside outside beside near next between beneath underneath from away
    far around against towards toward within across along by among through into onto upon off with without for of
    about as during after before past beyond up down out besides
""")
ADVERBS = word_set("""
    often also always never sometimes just now most still already perhaps either together even almost
""")
LY_NOUNS = word_set("""
    family fly butterfly dragonfly jelly lily belly bully ally assembly reply supply italy july early only
    imply apply rely comply multiply
""")
"""Words in -ly that are nouns, adjectives or verbs."""
STATES = word_set("""
    visible open closed empty full parallel perpendicular similar present same shown seen worn held made able closer
    farther further higher lower taller shorter bigger larger smaller more less not supposed ready allowed available
    missing alone happy sad wet dry hot cold clean dirty safe dangerous older younger longer wider brighter darker
    heavier lighter thicker thinner touching facing edible
""")
"""What may begin what is said of a subject, beside prepositions and participles."""
VERBS = word_set("""
    be have look appear seem contain show include wear hold face belong need cover touch stand sit want mean represent
    depict describe say express indicate tell do point lie match get see use like move turn become happen go come
    carry feature convey suggest think infer keep stop slow run walk wait take make eat drink play try block reach
    ride drive work live sleep read write sell buy serve throw catch hit kick jump fly swim grow feel give help find
    bring put cut cook bake prepare clean wash provide produce support connect lead open close protect prevent start
    begin end enjoy watch listen hear speak talk call share resemble refer relate travel visit pull push lift climb
    fall lean rest lay hang pose smile laugh cry consume graze land park pass separate specialize depend attach fit
    fill require create cause allow let avoid attract advertise promote offer receive win lose know learn teach study
    perform participate compete practice celebrate symbolize signify signal warn warm cool heat freeze melt burn break
    fix repair build drop pick pour mix add remove expect plan hope intend prefer love hate fear chase hunt bite chew
    lick swing spin slide roll skate surf ski sail row fish dance sing direct order pay cost measure weigh store fold
    wrap tie reflect emit shine blow rain snow utilize transport arrive depart leave enter exit approach cross follow
    guide steer ask answer surround differ originate reside occupy emphasize spell stick gain resort board engage yell
    shout scream sniff scratch sip taste step steal stretch scoop stir spray squeeze strike swallow sweep trim trap
    type unload weave wipe wish advise adjust aim apply arrange attack attend balance bark beg behave benefit bounce
    bow brush bump bury camp charge check choose clip collect combine communicate compare complete concentrate consist
    contact control count crash crawl deliver desire destroy dig dine dip discuss display dive drain drape drift
    employ entertain escape evoke examine exercise exhibit explain explore export extend fasten feed fetch fight fire
    float flow focus force form gather generate greet grab grip guard handle harvest haul imply import imitate improve
    inform inspect install invite judge kneel label launch load locate mark mention mow notice obey observe obstruct
    operate own pack paddle paint peel permit pet photograph pretend propel purchase raise recommend recycle reduce
    refuse release remind replace respond reveal rub satisfy scare secure select send set shake shape shoot shop spot
    state steam strap succeed supply switch target tend threaten trade train transfer treat trust understand wander
    wave utter
""")
"""Verbs as they stand after "does" or "can"."""
_AMBIGUOUS = word_set("""
    drink cover play show work walk stop call move ride run turn touch watch board park store face point stand cut
    fish swing train set shop shape label load mark form fire pet paint pack brush bow bark camp check clip count
    display drain exercise focus force guard handle judge match notice spot spray state steam strap switch target
    trade treat trust wave type step trap balance charge control supply order plan
""")
"""Verbs that are nouns as often."""
PARTICIPLES = word_set("""
    made worn held shown seen built kept known written taken hung cut put set found used drawn driven eaten thrown
    given told meant bought sold caught hit led lit lost born done gone grown sewn spread stuck struck tied woven
    wrapped cast fed fought paid read spent stood torn bent broken chosen frozen hidden ridden stolen
""")
NOT_PARTICIPLES = word_set("""
    bed red shed sled seed weed reed breed feed need speed hundred sacred naked bleed greed deed bobsled infrared
    flatbed moped unlimited tweed aged kindred newlywed steed screed unplugged
""")
"""Words in -ed that are nouns, adjectives or bare verbs."""
NOUNS = word_set("""
    building painting ceiling clothing king ring string thing wing swing spring evening morning earring railing
    awning pudding dressing duckling sibling lightning being icing topping sling wedding stuffing meeting
    frosting landing drawing wiring lettering flooring seasoning filling clearing bearing lighting covering
    something nothing anything everything shopping parking
""")
"""Nouns that end like participles."""
_REST = word_set("""
    standing sitting lying walking leaning hanging flying parked located placed running resting going
""")
PLURAL_ONLY = "sunglasses|glasses|headphones|scissors|pants|trousers|shorts|jeans|goggles|binoculars|tweezers|pliers"
_IRREGULAR_PLURALS = "people|children|men|women|feet|teeth|mice|geese|sheep|police|cattle|legos"
MASS = word_set("""
    water food grass snow sand wood metal plastic glass paper ice mud dirt rain fog hail steam smoke wind milk juice
    coffee tea wine beer soda coke bread cheese butter rice pasta meat beef pork ham turkey bacon lettuce cabbage
    spinach broccoli celery corn garlic parsley basil mint salt sugar pepper mayo ketchup mustard cream icing frosting
    chocolate honey syrup oil gas electricity coal steel iron leather cotton wool silk denim rubber concrete cement
    brick stone clay furniture clothing jewelry luggage equipment money mail trash garbage traffic fire air hair fur
    skin dust paint rust powder propane cardboard fabric foam gold silver wax weather acrylic music art football
    basketball baseball tennis soccer hockey golf volleyball badminton lacrosse rugby cricket polo chess poker skiing
    surfing fun safety decoration protection transportation advertising exercise balance fashion visibility tradition
    privacy storage breakfast lunch dinner brunch noon dusk dawn midnight night summer winter spring autumn fall
    graffiti feta mozzarella cheddar parmesan brie christmas halloween easter thanksgiving hearing home
""")
ADJECTIVES = word_set("""
    red green blue yellow black white brown pink purple orange gray grey beige gold silver teal tan maroon navy old
    young new big small large tall short long wide thin thick round square oval flat deep high low hot cold warm cool
    wet dry clean dirty full empty open closed happy sad angry calm bored tired scared afraid alone asleep awake hard
    soft smooth rough sharp dull bright dark light heavy fast slow early late good bad safe free male female ancient
    formal informal casual urban suburban residential digital analog plain striped plaid floral fresh raw ripe rotten
    sweet sour spicy salty bitter wild tame dead alive sick healthy fat skinny wooden golden greek french dutch welsh
    swiss mexican asian african european chilly mad drunk central sober upset pleased sunny cloudy windy rainy snowy
    stormy foggy hilly grassy sandy muddy rocky busy crowded fancy furry curly wavy messy arid humid solar electric
    manual parallel diagonal real fake
""")
COMPARATIVES = word_set("""
    bigger smaller larger taller shorter longer wider higher lower older younger newer softer harder darker brighter
    warmer colder hotter faster slower heavier thinner thicker closer farther more less better worse further
""")
LIKE_ADJECTIVES = word_set("""
    table vegetable cable stable constable turntable fish dish goldfish swordfish catfish jellyfish radish cheese
    geese lantern pattern fern tern attic crucible bible mystic critic
""")
"""Nouns that end like adjectives."""
_ADJECTIVE = r".*(?:[^aeiou]ish|ional|cial|ural|ese|ous|ful|less|able|ible|[a-z]{3}ical|[a-z]{2}tic|ern)"


@dataclass(frozen=True)
class Clause:
    """An inverted clause in its parts: "is the cup on it" → `is`, `the cup`, `on it`; "is this" has no predicate."""

    auxiliary: str
    subject: str
    predicate: str

    def said(self, negated: bool = False) -> str:
        """As a statement: "the cup is on it"."""
        rest = self.predicate.split()
        own = agreeing(self.auxiliary, self.subject)
        if negated:
            auxiliary = "cannot" if own == "can" else f"{own} not"
            return " ".join([self.subject, auxiliary, *rest])
        if own in ("do", "does"):
            if own == "does":
                verb = next((k for k, word in enumerate(rest) if not adverb(word)), 0)
                rest[verb] = third(rest[verb])
            return " ".join([self.subject, *rest])
        return " ".join([self.subject, own, *rest])


def parsed(text: str, gap: bool = False) -> Clause | None:
    """A clause that begins with its auxiliary; None where its subject's end is not found. gap: it lacks the object that
    is asked for ("are they holding"), so that its last verb without an object is the predicate's."""
    auxiliary, *rest = text.split() or [""]
    auxiliary = auxiliary.lower()
    if not re.fullmatch(AUX, auxiliary) or not rest:
        return None
    words = [re.sub(r"[^\w'-]", "", word.lower()) for word in rest]
    be = re.fullmatch(BE, auxiliary) is not None
    if gap and be and not _pronoun(words):
        end = _gap(words)
    else:
        end = _subject_end(words) if be else _verb_begins(words, auxiliary in ("has", "have", "had"))
    if end is None or (end == len(words) and not be):
        return None
    determined = re.fullmatch("the|an?|his|her|its|their|my|your|our|no|every", words[0])
    nameless = determined and all(adverb(word) for word in words[1:end])
    if auxiliary in ("do", "does") and "not" in words[end : end + 2]:
        return None
    within = [word for word in words[1 : end - 1] if re.fullmatch(AUX, word)]
    relative = any(word in ("that", "which", "who", "whose") for word in words[:end])
    if be and within and not relative and not gap:
        return None
    if nameless or re.fullmatch(BE, words[end - 1]) or (words[end : end + 1] and re.fullmatch(BE, words[end])):
        return None
    return Clause(auxiliary, " ".join(rest[:end]), " ".join(rest[end:]))


def adverb(word: str) -> bool:
    """Whether a word is an adverb that may stand before a verb."""
    word = word.lower()
    return word in ADVERBS or (word.endswith("ly") and word not in LY_NOUNS)


def _pronoun(words: Sequence[str]) -> bool:
    """Whether a clause's subject is its first word alone: "they", or "this" before no noun."""
    if re.fullmatch(PRONOUN, words[0]):
        return words[0] not in ("people", "one") or len(words) == 1 or _verbal(words[1]) or words[1] in PREPOSITIONS
    if words[0] not in ("this", "that", "these", "those"):
        return False
    after = words[1] if len(words) > 1 else ""
    return (
        not after
        or after in ("a", "an", "the", "not", "being", "like")
        or after in PREPOSITIONS
        or (adverb(after) and (len(words) < 3 or words[2] not in VERBS))
        or after in ("used", "made", "called", "known", "found", "happening", "going")
    )


def _verbal(word: str) -> bool:
    """Whether a word may be a participle: "holding", "parked", "worn"."""
    if word.endswith("ing"):
        return word not in NOUNS and len(word) > 4
    return word in PARTICIPLES or (word.endswith("ed") and word not in NOT_PARTICIPLES and len(word) > 3)


_BOUND = rf"{DET}|and|or|of|with|to|than|very|'s"
_GOVERNED = word_set("""
    of without than to by for while when after before and or is are was were been being be has have that who which from
    in
""")
"""Words after which a participle is not a clause's own."""


def _subject_end(words: Sequence[str]) -> int | None:
    """Where the predicate begins, in a clause after a form of to be."""
    if _pronoun(words):
        return 1
    if len(words) < 2:
        return None
    compared = [k for k in range(1, len(words) - 1) if words[k + 1] == "than" and words[k] in COMPARATIVES]
    if compared:
        return compared[0] - (compared[0] > 1 and words[compared[0] - 1] in ("more", "less", "much"))
    final = _verbal(words[-1]) and not re.fullmatch(_BOUND, words[-2]) and words[-2] not in (*_GOVERNED, *ADJECTIVES)
    if final and not any(_verbal(word) or adverb(word) or word in STATES for word in words[1:-1]):
        return len(words) - 1
    for k in range(1, len(words)):
        word, after = words[k], words[k + 1] if k + 1 < len(words) else ""
        if re.fullmatch(_BOUND, words[k - 1]):
            continue
        if word in ("of", "with", "without"):
            continue
        verbs = [j for j in range(k + 2, len(words)) if _verbal(words[j]) and words[j - 1] not in _GOVERNED]
        if word == "in" and verbs and not re.fullmatch(DET, after):
            return verbs[0]
        placed = [j for j in verbs if words[j] in _PLACED]
        if word in PREPOSITIONS and placed:
            return placed[0]
        told_apart = word == "in" and words[k + 2 : k + 3] and words[k + 2] in _APART | ADJECTIVES
        if told_apart and verbs and words[verbs[0]].endswith("ing"):
            return verbs[0]
        if word in ("a", "an", "the") and words[k - 1] in PREPOSITIONS:
            continue
        if word in ("a", "an", "the") and any(re.fullmatch(AUX, later) for later in words[k:]):
            return None
        if word in ("that", "which", "who", "whose") and any(re.fullmatch(AUX, later) for later in words[k:]):
            return None
        if word.endswith("ing") and _verbal(word) and after not in PREPOSITIONS and after:
            later = [j for j in verbs if not re.fullmatch(_BOUND, words[j - 1]) and words[j] not in ("being", "facing")]
            later = [j for j in later if not (re.fullmatch(DET, words[j - 2]) and words[j - 3] in PREPOSITIONS)]
            return later[0] if later else k
        if final and _verbal(word) and word not in _PLACED | _REST and verbs:
            own = verbs[-1]
            return own - 1 if adverb(words[own - 1]) and own - 1 > k else own
        if _begins(word, after) and not re.match(IN_PICTURE, f" {' '.join(words[k : k + 3])}"):
            return k
    last = words[-1]
    if last in ADJECTIVES and not re.fullmatch(_BOUND, words[-2]):
        return len(words) - (2 if words[-2] in ("light", "dark", "bright", "pale") and len(words) > 2 else 1)
    return None


IN_PICTURE = " (?:in|on) (?:the|this) (?:picture|image|photo|scene)"


def _begins(word: str, after: str) -> bool:
    """Whether a word after a subject may begin what is said of it."""
    if word in PREPOSITIONS or word in STATES or word in ("a", "an", "the"):
        return True
    if adverb(word):
        return word != "most" or adverb(after)
    if word in ("left", "right"):
        return after in ("of", "")
    if word == "being":
        return _verbal(after)
    if word.endswith("ing"):
        return _verbal(word)
    return _verbal(word) and (after in PREPOSITIONS or not after or adverb(after))


def _verb_begins(words: Sequence[str], perfect: bool) -> int | None:
    """Where the verb, or an adverb before it, begins after "does", "can" or (perfect) "has"."""
    if _pronoun(words) or re.fullmatch(PRONOUN, words[0]):
        return 1
    verb = next((word for word in words[1:] if not adverb(word)), "")
    if words[0] in ("this", "that", "these", "those") and verb in VERBS and verb not in _AMBIGUOUS:
        return 1
    if words[0] in VERBS or words[0] in PREPOSITIONS or adverb(words[0]):
        return None
    relative = next((k for k, word in enumerate(words) if word in ("that", "who", "which") and k), None)
    fits = (lambda word: word == "been" or _verbal(word)) if perfect else (lambda word: word in VERBS)
    first = 1 if relative is None else relative + 3
    for k in range(first, len(words)):
        word, before = words[k], words[k - 1]
        if re.fullmatch(_BOUND, before) or before in PREPOSITIONS or before.endswith("'s"):
            continue
        if before in ADJECTIVES and word in _AMBIGUOUS:
            continue
        if word == "like" and words[k + 1 : k + 2] and words[k + 1] in ("this", "that", "these", "those"):
            continue
        if fits(word):
            if word in _AMBIGUOUS and k + 1 < len(words) and fits(words[k + 1]):
                continue
            start = k
            while start > 1 and adverb(words[start - 1]):
                start -= 1
            return start
    bare = not perfect and re.fullmatch(DET, words[0]) and len(words) in (3, 4) and words[1] not in ADJECTIVES
    if bare and (len(words) == 3 or words[3] in PREPOSITIONS) and words[2] not in PREPOSITIONS:
        return 2
    return None


def _gap(words: Sequence[str]) -> int | None:
    """Where the predicate begins whose object is asked for, after a form of to be: at the last verb without one."""
    last = len(words) - 1
    if words[0] in PREPOSITIONS or _verbal(words[0]) or adverb(words[0]) or words[0] in STATES | ADJECTIVES:
        return None
    raised = next((k for k in range(1, last) if words[k] in _RAISING and words[k + 1] == "to"), None)
    if raised is not None and not re.fullmatch(_BOUND, words[raised - 1]) and words[raised - 1] not in _GOVERNED:
        while raised > 1 and (adverb(words[raised - 1]) or words[raised - 1] in ("being", "getting")):
            raised -= 1
        return raised
    named = re.fullmatch(f"{DET}|{PRONOUN}", words[0]) or words[0].endswith("'s") or is_plural(words[0])
    if not named and len(words) > 3:
        return None
    for k in range(last, 0, -1):
        before = words[k - 1]
        governed = re.fullmatch(DET, before) or (before in _GOVERNED and before != "being")
        if governed or words[k] == "being" or not _verbal(words[k]) or not _lacks_object(words, k):
            continue
        relative = any(re.fullmatch(AUX, word) for word in words[1:k])
        if relative and not (_verbal(before) or before == "being" or before in PREPOSITIONS or adverb(before)):
            return None
        while k > 1 and (adverb(words[k - 1]) or words[k - 1] in ("being", "getting", "seen", "shown")):
            k -= 1
        earlier = [j for j in range(1, k) if adverb(words[j]) and words[j] != "most" and _verbal(words[j + 1])]
        return min([k, *earlier])
    if words[last] in ("above", "below") and (words[last - 1] in _POINTED or "of" in words):
        return None
    if words[last] in PREPOSITIONS and last > 0 and not any(re.fullmatch(AUX, word) for word in words):
        first = last
        complex_one = re.search(_COMPLEX, " ".join(words))
        if complex_one:
            first = last + 1 - len(complex_one[0].split())
        while first > 1 and words[first - 1] in ("next", "out", "on", "in", "close", "up") and words[last] != "in":
            first -= 1
        while first > 1 and (words[first - 1] in STATES | _CALLING or words[first - 1].endswith("est")):
            first -= 1
        adverbs = (k for k in range(2, first) if adverb(words[k]) and (words[k] != "most" or adverb(words[k + 1])))
        return next(adverbs, first)
    return None


_PLACED = word_set("located placed positioned situated")
"""Participles that are a clause's own, after whatever else stands behind its subject."""
_APART = word_set("back front middle foreground background")
"""What, like a colour, tells one of several subjects apart: "the men in the back", "the man in the green shirt"."""
_POINTED = word_set("pictured shown seen mentioned listed")
"""Participles that only point to a thing: "the hat pictured above"."""
_RAISING = word_set("""
    about supposed able ready likely going intended said meant believed thought expected designed known considered
    trying
""")
"""What an infinitive follows as the predicate's own: "these are intended to tell"."""
_CALLING = word_set("useful famous known fond afraid scared proud capable similar good safe responsible")
"""Adjectives that call for a preposition: "famous for"."""
_COMPLEX = (
    r"\b(?:on top of|in front of|next to|close to|out of|off of|part of|up against|made of|made up of|made out of|"
    r"on the (?:left|right|side|back|front|top|bottom) of)$"
)
"""Prepositions of several words at a clause's end."""


def _lacks_object(words: Sequence[str], k: int) -> bool:
    """Whether the participle at k has no object of its own."""
    after, last = words[k + 1] if k + 1 < len(words) else "", words[-1]
    stranded = any(
        words[n] in ("for", "of", "with", "from", "at") and words[n + 1] in (*PREPOSITIONS, "when", "while", "if")
        for n in range(k + 1, len(words) - 1)
    )
    if words[k] in _POINTED and last in ("above", "below"):
        return False
    purpose = k < len(words) - 2 and words[-2] == "to" and last in VERBS
    trailing = (last in PREPOSITIONS and k < len(words) - 1) or stranded or purpose
    if words[k] in ("called", "named"):
        return not after or after in ("in", "by", "when", "if")
    if words[k].endswith("ing") and words[k] not in _REST:
        own = after in PREPOSITIONS or after in ("while", "and", "right", "most", "here", "together") or adverb(after)
        return not after or own or trailing or (last in VERBS and "to" in words[k:])
    return trailing or (after == "to" and last in VERBS)


def third(verb: str) -> str:
    """The third person of a verb."""
    if verb == "have":
        return "has"
    if re.search(r"[^aeiou]y$", verb):
        return f"{verb[:-1]}ies"
    return verb + ("es" if re.search(r"(?:s|sh|ch|x|o|z)$", verb) else "s")


def base(verb: str) -> str:
    """A verb of the third person as it stands with a plural: "goes" → "go"; others as they are."""
    return next(
        (stem for stem in (verb[:-1], verb[:-2], f"{verb[:-3]}y") if third(stem) == verb and stem in VERBS), verb
    )


def ambiguous(verb: str) -> bool:
    """Whether a verb in its third person may be a noun in the plural as well: "stops", "signs"."""
    return verb.endswith("s") and bool({verb[:-1], verb[:-2]} & _AMBIGUOUS)


def finite(word: str) -> bool:
    """Whether a word is a verb that a subject in the singular may have: "is", "holds", "made"."""
    word = word.lower()
    if re.fullmatch(AUX, word):
        return True
    stems = (word[:-1], word[:-2], f"{word[:-3]}y") if word.endswith("s") else ()
    past = word in ("made", "won", "wrote", "left", "built", "took", "gave", "came", "went", "led") or (
        word.endswith("ed") and _verbal(word)
    )
    return any(stem in VERBS for stem in stems) or past


def is_plural(noun: str) -> bool:
    """Whether a noun phrase is in the plural."""
    head = re.split(rf" (?:that|which|who|{'|'.join(PREPOSITIONS)})\b", noun)[0].split(" ")[-1].lower()
    return re.fullmatch(rf".*[^sui]s|{_IRREGULAR_PLURALS}", head) is not None and head not in (
        "gas", "lens", "tennis", "christmas", "this", "its", "chess", "canvas", "texas", "paris", "yes", "always",
    )  # fmt: skip


_NUMBERS = {"is": "are", "was": "were", "does": "do", "has": "have"}


def agreeing(verb: str, subject: str) -> str:
    """A form of be, do or have in the number of its subject, where the subject tells it for sure."""
    if many(subject):
        return _NUMBERS.get(verb, verb)
    return {many: one for one, many in _NUMBERS.items()}.get(verb, verb) if _single(subject) else verb


def _single(subject: str) -> bool:
    """Whether a subject is in the singular: "the truck", but not "the sheep" or "the dice"."""
    determined = re.match("(?:the|this|that|an?) [a-z]", subject, re.IGNORECASE)
    before = re.split(rf" (?:that|which|who|{'|'.join(PREPOSITIONS)})\b", subject)[0]
    maybe_many = re.search(
        r"(?:s|men|people|children|feet|teeth|geese|mice|dice|police|cattle|sheep|deer|fish|ia|i|majority|rest|most|"
        r"number|couple|pair|lot|group|two|three|four|five|six|and|or)\b", before.removeprefix("this"),
    )  # fmt: skip
    return determined is not None and not maybe_many


def many(subject: str) -> bool:
    """Whether a subject with a determiner is in the plural, whatever the question's own verb says ("is the plates").
    Behind words that are not surely adjectives nothing is told: "the girl whit blue shoes" has a misspelt "with".
    """
    if " " not in subject:
        return subject.islower() and is_plural(subject)
    if not re.match(r"(?:the|these|those|his|her|their|its|two|three|some|any)\b", subject, re.IGNORECASE):
        return False
    words = subject.split(" ")
    cut = next((k for k in range(2, len(words)) if _verbal(words[k])), len(words))
    noun = re.split(rf" (?:that|which|who|{'|'.join(PREPOSITIONS)})\b", " ".join(words[:cut]))[0]
    described = all(map(adjectival, noun.split(" ")[1:-2]))
    return described and is_plural(noun) and " and " not in subject


def adjectival(option: str) -> bool:
    """Whether an option is an adjective, or a phrase that ends in one."""
    first, last = option.lower().split(" ")[0], option.lower().split(" ")[-1] if option else ""
    if first in ("very", "too", "more", "less", "not", "so"):
        return True
    if last in ADJECTIVES or last in COMPARATIVES:
        return True
    if last not in LIKE_ADJECTIVES and re.fullmatch(_ADJECTIVE, last):
        return True
    return " " not in option and _verbal(last) and not last.endswith("ing")


def indefinite(noun: str) -> str:
    """With "a" or "an", unless it is in the plural, a mass, an adjective or has a determiner."""
    if noun in ("sun", "moon", "earth", "sky"):
        return f"the {noun}"
    if is_plural(noun) or mass(noun) or adjectival(noun) or not noun[:1].isalpha() or noun[:1].isupper():
        return noun
    return f"{article(noun)} {noun}"


def mass(noun: str) -> bool:
    """Whether a noun phrase names what is not counted: "orange juice", but not "pint glass"."""
    last = noun.lower().split(" ")[-1]
    if last.endswith(("ism", "ness")):
        return True
    return last in MASS and (" " not in noun or last not in ("glass", "paper", "iron", "home", "cream", "fire"))


def article(noun: str) -> str:
    """ "a" or "an", by the first sound as spelling tells it."""
    vowel = re.match(r"(?!uni(?!n|m)|use|usu|eu|one\b|once|ur[aio]n)(?:[aeiou]|hour|hono|heir)", noun, re.IGNORECASE)
    return "an" if vowel else "a"


def mended(sentence: str) -> str:
    """With "an" before a vowel, and no article before a noun that has no singular ("a sunglasses")."""
    sentence = re.sub(rf"\ban? ({PLURAL_ONLY})\b", r"\1", sentence)
    return re.sub(
        r"(^A|\ba) (?!(?:is|are|of|in|on|at|and|or|as)\b)([aeiou]\w+)",
        lambda found: f"{found[1]}{article(found[2])[1:]} {found[2]}", sentence,
    )  # fmt: skip
