"""Write grammar.tsv: everyday English-French sentence pairs from a small grammar.

How the corpus is made.  The words are in lexicon.py; this file holds the rules of the
two languages (one function per rule) and about forty sentence patterns, which are the
functions marked ``@pattern``.  Some write a sentence; the others give an idea, a subject
with something to say about it, which is then stated, denied, asked or reported.  Words
are drawn with a seeded random generator and both languages are built together, so that
the same seed always writes the same bytes.  An English sentence is kept only once, with
one French translation.

Conventions: "you" is "tu", "they" is "ils", "I" and "we" are masculine, the English
simple past is the passé composé, the past of a state and "was ...ing" the imparfait.

Marks used inside unfinished ("raw") French and English text:
    *word    aspirated start: no elision, no liaison form (le *héros, le *onze)
    [une]    article that turns into "de" under negation (English [some] -> any)
    le_      object pronoun, which never contracts (de le voir)
    {mon}    word that agrees with the subject (mon/ton/son; {moi}, {me}, {my}...)
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

import lexicon as lex

Pair = tuple[str, str]
NONE: Pair = ("", "")


# --- Words and phrases ----------------------------------------------------------------


@dataclass(frozen=True)
class Noun:
    """A noun in both languages; kind is the lexicon section it came from."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    gender: str
    kind: str

    @property
    def mass(self) -> bool:
        return self.kind in lex.MASS_KINDS


@dataclass(frozen=True)
class Adjective:
    """An adjective; front ones stand before the French noun."""

    en: str
    masculine: str
    feminine: str
    front: bool
    invariable: bool

    def form(self, gender: str, plural: bool = False) -> str:
        if self.invariable:
            return self.masculine
        return agree(self.masculine, gender, plural, self.feminine)


@dataclass(frozen=True)
class Verb:
    """English forms, French infinitive (with its fixed tail) and usage flags."""

    en: str
    past: str
    participle: str
    particle: str
    fr: str
    tail: str
    reflexive: bool
    flags: str


@dataclass(frozen=True)
class Phrase:
    """A verb with its complements.  direct is the gender and number of an object placed
    before the verb (the participle agrees); french_verb is set when it is another verb."""

    verb: Verb
    en: str = ""
    fr: str = ""
    clitic: str = ""
    direct: tuple[str, bool] | None = None
    french_verb: Verb | None = None

    @property
    def in_french(self) -> tuple[Verb, str]:
        """The French verb and the pronoun before it."""
        verb = self.french_verb or self.verb
        return verb, "{me}" if verb.reflexive else self.clitic


@dataclass(frozen=True)
class Setting:
    """A tense with an adverb at the end and one in the middle, in both languages."""

    tense: str
    end: Pair = NONE
    mid: Pair = NONE


@dataclass(frozen=True)
class Np:
    """A noun phrase or pronoun; person is 0 je, 1 tu, 2 il/elle, 3 nous, 4 ils/elles."""

    en: str
    fr: str
    person: int = 2
    gender: str = "m"
    pronoun: bool = False

    @property
    def plural(self) -> bool:
        return self.person >= 3

    @property
    def forms(self) -> list[str]:
        feminine_forms = lex.FEMININE_FORMS if self.gender == "f" else {}
        return feminine_forms.get(self.person) or lex.PERSON_FORMS[self.person]

    @property
    def strong(self) -> Pair:
        """The stressed pronoun: me/moi, you/toi..."""
        return self.forms[5], self.forms[6]

    def fill(self, text: str) -> str:
        """Replace {my}, {mon}, {ma}, {mes}, {moi} and {me} by the forms of this subject."""
        my, mon, ma, mes, me, _, moi = self.forms
        return text.format(my=my, mon=mon, ma=ma, mes=mes, me=me, moi=moi) if "{" in text else text


# --- French rules ---------------------------------------------------------------------


def vowel_start(word: str) -> bool:
    """True before a vowel or a mute h; "*" marks the aspirated exceptions."""
    word = word.lower()
    return word == "y" or word[:1] in tuple("aeiouhàâéèêîïôœ")


def elide(text: str) -> str:
    """je + ai -> j'ai, le + ami -> l'ami, ce + est -> c'est, si + il -> s'il."""
    words = text.split()
    out = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        base = word.rstrip("_")
        elided = (
            (base in {"je", "me", "te", "se", "le", "la", "de", "ne", "que"} and vowel_start(following))
            or (word == "ce" and following in {"est", "était"})
            or (word == "si" and following in {"il", "ils"})
        )
        out += base[:-1] + "'" if elided else word + " "
    return out.strip()


def contract(text: str) -> str:
    """à + le -> au, à + les -> aux, de + le -> du, de + les -> des."""
    forms = {"à le": "au", "à les": "aux", "de le": "du", "de les": "des"}
    return re.sub(r"(?<![\w'])(?:à|de) les?(?= )", lambda match: forms[match[0]], text)


def negate(text: str) -> str:
    """Under negation an indefinite or partitive article becomes "de"."""
    return re.sub(r"\[[^]]*\]", "de", text)


def plain(text: str) -> str:
    """Keep the bracketed articles as they are."""
    return text.replace("[", "").replace("]", "")


def feminine(word: str) -> str:
    """Regular feminine of an adjective or participle."""
    for end, new in (("e", "e"), ("x", "se"), ("er", "ère"), ("f", "ve"), ("ien", "ienne")):
        if word.endswith(end):
            return word.removesuffix(end) + new
    return word + "e"


def plural_fr(word: str) -> str:
    """Regular plural of a French noun or adjective."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith("eau"):
        return word + "x"
    return word[:-2] + "aux" if word.endswith("al") else word + "s"


def agree(word: str, gender: str, plural: bool, feminine_form: str = "") -> str:
    """Adjective or participle agreement in gender and number."""
    if gender == "f":
        word = feminine_form or feminine(word)
    return plural_fr(word) if plural else word


def determiner(det: str, noun: Noun, plural: bool, following: str, front: bool) -> str:
    """The French article, demonstrative, possessive or number before "following"."""
    column = 2 if plural else int(noun.gender == "f")
    vowel = vowel_start(following)
    if det in lex.DETERMINERS:  # ma sœur, mon amie
        form = lex.DETERMINERS[det][column]
        return lex.EUPHONIC.get(form, form) if vowel else form
    if det in NUMBERS:
        return NUMBERS[det]
    if plural:  # de belles fleurs
        return "[de]" if front else "[des]"
    if noun.mass:
        return "[de la]" if vowel or column else "[du]"
    return "[une]" if column else "[un]"


@dataclass(frozen=True)
class Conjugation:
    """The French forms from which all tenses are made."""

    present: tuple[str, ...]
    participle: str
    future: str


@cache
def conjugate(infinitive: str) -> Conjugation:
    *present, participle, future = lex.IRREGULAR.get(infinitive) or regular_forms(infinitive)
    return Conjugation(tuple(present), participle, future)


def regular_forms(verb: str) -> list[str]:
    """Present, participle and future stem of a regular -er, -ir or -re verb."""
    stem = verb[:-2]
    if verb.endswith("ir"):
        return [stem + end for end in ("is", "is", "it", "issons", "issent", "i", "ir")]
    if verb.endswith("re"):
        return [stem + end for end in ("s", "s", "", "ons", "ent", "u", "r")]
    mute = stem  # the stem before a silent ending
    if stem.endswith("y"):  # nettoyer, il nettoie
        mute = stem[:-1] + "i"
    elif re.search(r"[eé][^aeiouy]$", stem):  # acheter, il achète; préférer, il préfère
        mute = stem[:-2] + "è" + stem[-1]
    future = (stem if stem[-2] == "é" else mute) + "er"  # il achètera, il préférera
    nous = stem + "e" if stem.endswith("g") else re.sub("c$", "ç", stem)
    return [mute + "e", mute + "es", mute + "e", nous + "ons", mute + "ent", stem + "é", future]


def finite(infinitive: str, mood: str, person: int) -> str:
    """A simple French form: present, future, imperfect or conditional."""
    forms = conjugate(infinitive)
    if mood == "present":
        return forms.present[person]
    stem = forms.future
    if mood == "imperfect":
        stem = "ét" if infinitive == "être" else forms.present[3].removesuffix("ons")
        if person == 3:  # mangeais but mangions, commençais but commencions
            stem = re.sub("ç$", "c", re.sub("ge$", "g", stem))
    return stem + lex.ENDINGS[mood][person]


def french(
    subject: Np, phrase: Phrase, tense: str, negation: str | None = None, mid: str = "", end: str = ""
) -> str:
    """The French clause; negation is None, "" (bare ne) or pas, jamais, plus..."""
    verb, clitic = phrase.in_french
    complements = f"{verb.tail} {phrase.fr}"
    if negation is not None:
        complements = negate(complements)
    head, participle = verb.fr, ""
    mood = {"past": "imperfect", "was": "imperfect", "future": "future"}.get(tense, "present")
    if verb.en in {"would", "should"}:
        mood = "conditional"
    elif tense in {"past", "perfect"} and "b" not in verb.flags:
        head = "être" if verb.reflexive or verb.fr in lex.ETRE_VERBS else "avoir"
        mood, participle = "present", conjugate(verb.fr).participle
        if phrase.direct:
            participle = agree(participle, *phrase.direct)
        elif head == "être" and not (verb.reflexive and phrase.fr.startswith(("le", "la"))):
            participle = agree(participle, subject.gender, subject.plural)
    opening = f"{subject.fr} {'' if negation is None else 'ne'} {clitic}"
    form = finite(head, mood, subject.person)
    return subject.fill(" ".join([opening, form, negation or "", mid, participle, complements, end]))


# --- English rules --------------------------------------------------------------------


def add_s(word: str) -> str:
    """Plural of a noun, third person of a verb."""
    if word == "have":
        return "has"
    if re.search(r"(s|x|z|ch|sh|[^aeiou]o|^go)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def add_ing(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word in lex.DOUBLED:
        return word + word[-1] + "ing"
    return word[:-1] + "ing" if re.search(r"[^e]e$", word) and word != "be" else word + "ing"


def add_ed(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if word in lex.DOUBLED:
        return word + word[-1] + "ed"
    return word[:-1] + "ied" if re.search(r"[^aeiou]y$", word) else word + "ed"


def a_or_an(following: str) -> str:
    vowel = following[0].lower() in "aeiou" and not following.startswith("uni")
    return "an" if vowel or following.startswith("hon") else "a"


def comparative(word: str) -> str:
    """taller, happier, more expensive."""
    if word in {"good", "bad"}:
        return {"good": "better", "bad": "worse"}[word]
    if word.endswith("y"):
        return word[:-1] + "ier"
    if len(re.findall(r"[aeiouy]+", word.removesuffix("e"))) > 1:
        return "more " + word
    if re.search(r"[^aeiou][aeiou][dgtn]$", word):
        word += word[-1]
    return word.removesuffix("e") + "er"


def be_form(subject: Np, past: bool = False) -> str:
    if past:
        return "were" if subject.plural or subject.person == 1 else "was"
    return ("am", "are", "is", "are", "are")[subject.person]


def auxiliary(subject: Np, verb: Verb, tense: str) -> Pair:
    """The English auxiliary (or be, do) of a tense, and the form that follows it."""
    third = subject.person == 2
    if tense in {"progressive", "was"}:
        return be_form(subject, tense == "was"), add_ing(verb.en)
    if tense == "perfect":
        return "has" if third else "have", verb.participle
    if tense == "future":
        return "will", verb.en
    if verb.en == "be":
        return be_form(subject, tense == "past"), ""
    if verb.en in lex.AUXILIARIES:
        return verb.en, ""
    return "did" if tense == "past" else "does" if third else "do", verb.en


def auxiliary_not(aux: str, style: int, after_pronoun: bool) -> str:
    """(I)'m not, (he) isn't, (he)'s not, (she) does not, (they) can't..."""
    if style == 0:
        return " cannot" if aux == "can" else f" {aux} not"
    if aux == "am" or (style == 2 and after_pronoun and aux in {"is", "are"}):
        return f"{lex.SHORT[aux]} not"
    return " " + {"can": "can't", "will": "won't"}.get(aux, f"{aux}n't")


def english(
    subject: Np,
    phrase: Phrase,
    tense: str,
    negative: bool = False,
    mid: str = "",
    end: str = "",
    question: bool = False,
    style: int = 1,
) -> str:
    """The English clause; style 0 is the full form, 1 and 2 are contracted."""
    verb, complement = phrase.verb, phrase.en
    aux, main = auxiliary(subject, verb, tense)
    if question or negative:
        complement = any_for_some(complement)
    if question:
        head = f"{auxiliary_not(aux, 1, False) if negative else aux} {subject.en}"
    elif negative:
        head = subject.en + auxiliary_not(aux, style, subject.pronoun)
    elif aux in {"do", "does", "did"}:
        head, main = subject.en, {"do": verb.en, "does": add_s(verb.en), "did": verb.past}[aux]
    elif subject.pronoun and style and aux in lex.SHORT:
        head = subject.en + lex.SHORT[aux]
    else:
        head = f"{subject.en} {aux}"
    return subject.fill(" ".join([head, mid, main, verb.particle, complement, end]))


def any_for_some(text: str) -> str:
    return text.replace("[some]", "any")


# --- The lexicon as words -------------------------------------------------------------


def make_noun(kind: str, en: str, fr: str, gender: str) -> Noun:
    en, _, en_plural = en.partition(":")
    fr, _, fr_plural = fr.partition(":")
    return Noun(en, en_plural or add_s(en), fr, fr_plural or plural_fr(fr), gender, kind)


def make_adjective(fr: str, en: str) -> Adjective:
    word, _, feminine_form = fr.lstrip("<=").partition(":")
    return Adjective(en, word, feminine_form or feminine(word), fr[0] == "<", fr[0] == "=")


def adjectives(words: str) -> list[Adjective]:
    """Adjectives named in a list ("petit:little" overrides the English word)."""
    out = []
    for item in words.split():
        fr, _, en = item.replace("_", " ").partition(":")
        out.append(replace(ADJECTIVES[fr], en=en) if en else ADJECTIVES[fr])
    return out


@cache
def nouns_of(names: str) -> list[Noun]:
    """Nouns of a comma-separated list of kinds, groups and English nouns."""
    out = []
    for name in names.split(","):
        out += NOUNS.get(name) or [BY_NAME[en] for en in lex.NOUN_GROUPS.get(name, name).split()]
    return out


@cache
def make_verb(en: str, fr: str, flags: str = "") -> Verb:
    """A verb from its two entries: "come+back", "se lever", "avoir besoin de"..."""
    base, _, particle = en.partition("+")
    past, participle = lex.ENGLISH_PAST.get(base, (add_ed(base), add_ed(base)))
    reflexive = fr.startswith(("se ", "s'"))
    infinitive, _, tail = fr.removeprefix("se ").removeprefix("s'").partition(" ")
    return Verb(base, past, participle, particle, infinitive, tail, reflexive, flags)


def fixed_phrase(rng: Random, table: list[list[str]], need: str = "") -> Phrase:
    """A whole phrase from a table, whose verb has all the flags in need."""
    en, fr, flags, *complements = rng.choice([row for row in table if set(need) <= set(row[2])])
    return Phrase(make_verb(en, fr, flags), *complements)


NOUNS = {kind: [make_noun(kind, *row) for row in lex.entries(text)] for kind, text in lex.NOUNS.items()}
BY_NAME = {noun.en: noun for nouns in reversed(NOUNS.values()) for noun in nouns}
ADJECTIVES = {word.masculine: word for word in (make_adjective(*row) for row in lex.ADJECTIVES)}
PREDICATE = {kind: adjectives(words) for kind, words in lex.PREDICATES.items()}
ATTRIBUTE = {kind: adjectives(words) for kind, words in lex.ATTRIBUTES.items()}
NUMBERS = dict(lex.NUMBERS)
PRONOUNS = [Np(row[0], row[1], int(row[2]), row[3], pronoun=True) for row in lex.PRONOUNS]
JE, TU, IL, ELLE, NOUS, ILS = PRONOUNS
BE, HAVE = make_verb("be", "être", "sb"), make_verb("have", "avoir", "sb")
GOING, JUST = make_verb("be+going to", "aller"), make_verb("come", "venir de")
CAN, KNOW_HOW = make_verb("can", "pouvoir", "p"), make_verb("can", "savoir", "p")


# --- Noun phrases ---------------------------------------------------------------------


def noun_phrase(noun: Noun, det: str, adjective: Adjective | None = None, plural: bool = False) -> Np:
    """Determiner, noun and adjective; det is "a", "the", "some", "zero", "this", "that",
    a possessive, "own" (the subject's possessive) or a number."""
    plural = plural or det in NUMBERS
    core_en, core_fr = (noun.en_plural, noun.fr_plural) if plural else (noun.en, noun.fr)
    front = bool(adjective and adjective.front)
    if adjective:
        form = adjective.form(noun.gender, plural)
        if front and not plural and vowel_start(core_fr):  # un vieil ami
            form = lex.EUPHONIC.get(form, form)
        core_en = f"{adjective.en} {core_en}"
        core_fr = f"{form} {core_fr}" if front else f"{core_fr} {form}"
    det_en = {"a": a_or_an(core_en), "zero": "", "some": "[some]", "own": "{my}"}.get(det, det)
    if plural and det in {"this", "that"}:
        det_en = {"this": "these", "that": "those"}[det]
    det_fr = determiner(det, noun, plural, core_fr.split()[0], front)
    return Np(f"{det_en} {core_en}".strip(), f"{det_fr} {core_fr}", 4 if plural else 2, noun.gender)


def random_object(rng: Random, spec: str) -> Np:
    """A noun phrase for an object specification such as "a+the:small some:veg"."""
    dets, _, names = rng.choice(spec.split()).partition(":")
    noun, det = rng.choice(nouns_of(names)), rng.choice(dets.split("+"))
    plural = det == "owns" or (det in {"some", "zero"} and not noun.mass)
    if det == "this":
        det, plural = rng.choice(["this", "this", "that"]), rng.random() < 0.2 and not noun.mass
    adjective = None
    if noun.kind in ATTRIBUTE and rng.random() < 0.25:
        adjective = rng.choice(ATTRIBUTE[noun.kind])
    return noun_phrase(noun, "own" if det == "owns" else det, adjective, plural)


def first_name(rng: Random, gender: str = "") -> Np:
    gender = gender or rng.choice("mf")
    given = rng.choice(lex.FIRST_NAMES[gender].split())
    return Np(given, given, 2, gender)


def relative(rng: Random, plural: bool = False) -> Np:
    """my brother, her parents, your wife..."""
    det = rng.choice(lex.OWNERS)
    noun = rng.choice(NOUNS["kin"])
    if plural:
        noun = rng.choice(nouns_of("offspring"))
    elif rng.random() < 0.1:
        noun = BY_NAME[{"his": "wife", "her": "husband"}.get(det, noun.en)]
    return noun_phrase(noun, det, None, plural)


def owned_thing(rng: Random, noun: Noun) -> Np:
    """Marie's book, my brother's car, the teacher's house."""
    owner = rng.choice([first_name(rng), relative(rng), noun_phrase(rng.choice(NOUNS["person"]), "the")])
    article = "la" if noun.gender == "f" else "le"
    return Np(f"{owner.en}'s {noun.en}", f"{article} {noun.fr} de {owner.fr}", 2, noun.gender)


def known_thing(rng: Random, noun: Noun, dets: list[str]) -> Np:
    """the car, this bag, my shoes; only belongings take a possessive."""
    det = rng.choice([*dets, *lex.OWNERS * (noun.kind in lex.OWNED_KINDS)])
    return noun_phrase(noun, det, None, not noun.mass and rng.random() < 0.25)


def random_subject(rng: Random, pronouns: float = 0.6) -> Np:
    if rng.random() < pronouns:
        return rng.choice(PRONOUNS)
    draw = rng.random()
    if draw < 0.35:
        return first_name(rng)
    if draw < 0.7:
        return relative(rng, rng.random() < 0.25)
    return noun_phrase(rng.choice(NOUNS["person"]), "the", None, rng.random() < 0.25)


def asked_subject(rng: Random) -> Np:
    """A subject for questions: often you, never I."""
    subject = random_subject(rng, 0.5)
    return TU if subject is JE or rng.random() < 0.35 else subject


# --- Verb phrases ---------------------------------------------------------------------


def embed(control: Verb, phrase: Phrase) -> Phrase:
    """A verb governing an infinitive: want to + sleep, vouloir + dormir."""
    en, (fr, clitic) = phrase.verb, phrase.in_french
    form = add_ing(en.en) if "n" in control.flags else en.en
    return Phrase(control, f"{form} {en.particle} {phrase.en}", f"{clitic} {fr.fr} {fr.tail} {phrase.fr}")


def with_object(verb: Verb, np: Np) -> Phrase:
    """A verb with a noun object (avoir besoin de + du pain -> besoin de pain)."""
    fr = np.fr
    if verb.tail.endswith("de"):
        fr = plain(re.sub(r"\[(des|du|de|de la)\] ", "", fr))
    return Phrase(verb, np.en, fr)


def with_pronoun(rng: Random, subject: Np, verb: Verb, indirect: bool = False) -> Phrase:
    """A verb with an object pronoun that is not the subject's own person."""
    own = {0: "me us", 1: "you", 3: "me us"}.get(subject.person, "").split()
    _, _, person, gender, en, direct, dative = rng.choice([row for row in lex.PRONOUNS if row[4] not in own])
    if indirect:
        return Phrase(verb, en, "", dative)
    return Phrase(verb, en, "", direct, (gender, int(person) >= 3))


def random_phrase(rng: Random, subject: Np, need: str = "") -> Phrase:
    """A verb phrase whose verb has all the flags in need."""
    while True:
        draw = rng.random()
        if draw < 0.4:
            phrase = fixed_phrase(rng, lex.FIXED)
        elif draw < 0.82:
            *verb, spec = rng.choice(lex.TRANSITIVE)
            phrase = with_object(make_verb(*verb), random_object(rng, spec))
        elif draw < 0.9:
            phrase = Phrase(make_verb("go", "aller", "hgeim"), *rng.choice(lex.DESTINATIONS))
        else:
            phrase = with_pronoun(rng, subject, make_verb(*rng.choice(lex.DIRECT)))
        allowed = subject.en not in lex.INDEFINITE or "{" not in phrase.en + phrase.fr
        if allowed and set(need) <= set(phrase.verb.flags):
            return phrase


def predicate(rng: Random, subject: Np, adjective: Adjective) -> Phrase:
    """be + adjective, with very, too, really... if it allows them."""
    degree = ["", ""]
    if rng.random() < 0.35 and adjective.masculine not in lex.UNGRADED:
        degree = rng.choice(lex.DEGREES)
    form = adjective.form(subject.gender, subject.plural)
    return Phrase(BE, f"{degree[0]} {adjective.en}", f"{degree[1]} {form}")


# --- Settings -------------------------------------------------------------------------


def tenses(names: str) -> list[Setting]:
    return [Setting(tense) for tense in names.split()]


def adverb(rng: Random, table: list[list[str]], chance: float = 1.0) -> Pair:
    en, fr = rng.choice(table)
    return (en, fr) if rng.random() < chance else NONE


def settings(rng: Random, flags: str, adverbs: float = 0.5) -> list[Setting]:
    """Settings that suit a verb's flags, with an adverb in some of them."""
    out = []
    if "s" in flags:
        out += [Setting("present")] * 3 + [Setting("past")] * ("b" in flags)
    if "h" in flags:
        often = Setting("present", mid=adverb(rng, lex.OFTEN))
        out.append(rng.choice([Setting("present", adverb(rng, lex.HABITS)), often]))
    if "g" in flags:
        now = adverb(rng, lex.NOWS[:1] if "m" in flags else lex.NOWS, adverbs / 2)
        out += [Setting("progressive", now)] * 2 + [Setting("was")]
    if "m" in flags and "g" in flags:
        out.append(Setting("progressive", adverb(rng, lex.FUTURES)))
    if "e" in flags:
        out += [Setting("past", adverb(rng, lex.PASTS, adverbs))] * 3
        out.append(Setting("perfect", mid=("already", "déjà") if rng.random() < 0.5 else NONE))
        out.append(Setting("going", adverb(rng, lex.FUTURES, adverbs)))
        out.append(Setting("future", adverb(rng, lex.FUTURES, adverbs + 0.2)))
        out.append(Setting("future", ("soon", ""), ("", "bientôt")))
        out += [Setting("just")] * (rng.random() < 0.5)
    return out


def asked(setting: Setting, keep_mid: bool = False) -> Setting:
    """The setting of a question: "did you", not "have you" (unless already)."""
    if setting.mid != NONE and not keep_mid:
        setting = Setting(setting.tense)
    if setting.tense == "just" or (setting.tense == "perfect" and setting.mid == NONE):
        return Setting("past")
    return setting


def deny(rng: Random, phrase: Phrase, setting: Setting) -> tuple[Setting, str]:
    """A negation that suits the tense, without the adverbs that it excludes."""
    if setting.tense == "present":
        never = ["never"] * ("h" in phrase.verb.flags)
        if setting.end[1] or setting.mid[0]:
            setting = Setting("present")
        anymore = ["anymore"] * (" plus " not in f" {phrase.fr}")  # ne ... plus plus
        return setting, rng.choice(["not", "not", "not", *anymore, *never])
    if setting.tense in {"perfect", "just"}:
        return Setting("perfect"), rng.choice(["never", "yet"])
    return Setting("future") if setting.end[0] == "soon" else setting, "not"


# --- Clauses and sentences ------------------------------------------------------------


def clause(
    rng: Random, subject: Np, phrase: Phrase, setting: Setting, polarity: str = "", question: bool = False
) -> Pair:
    """One clause in both languages, without capital or final mark."""
    tense, end, mid = setting.tense, setting.end, setting.mid
    if tense == "going":
        phrase, tense = embed(GOING, phrase), "present"
    fr_phrase, fr_tense = phrase, tense
    if tense == "just" and phrase.verb.fr == "aller":
        tense = fr_tense = "past"
    elif tense == "just":
        tense, mid = rng.choice(["past", "perfect"]), ("just", "")
        fr_phrase, fr_tense = embed(JUST, phrase), "present"
    mid_en = "never" if polarity == "never" else mid[0]
    end_en = polarity if polarity in {"anymore", "yet"} else end[0]
    negative, style = polarity in {"not", "anymore", "yet"}, rng.choice([0, 1, 1, 1, 2])
    en = english(subject, phrase, tense, negative, mid_en, end_en, question, style)
    fr = french(subject, fr_phrase, fr_tense, lex.POLARITIES.get(polarity), mid[1], end[1])
    return en, fr


def finish(pair: Pair, mark: str = ".") -> Pair:
    """Elide, contract, capitalise and punctuate a raw pair."""
    en = " ".join(plain(pair[0]).split()).replace(" ,", ",")
    fr = re.sub(r"[*_]", "", contract(elide(plain(pair[1]))))
    fr = re.sub(r" ([,.])", r"\1", fr)
    space = " " if mark and mark != "." else ""
    return en[0].upper() + en[1:] + mark, fr[0].upper() + fr[1:] + space + mark


def ask(
    rng: Random, subject: Np, phrase: Phrase, setting: Setting, word: Pair = NONE, polarity: str = ""
) -> Pair:
    """A question with est-ce que, after a question word or without one."""
    if word != NONE:
        phrase = replace(phrase, en=phrase.en.replace("[some] ", ""))
    en, fr = clause(rng, subject, phrase, setting, polarity, question=True)
    return finish((f"{word[0]} {en}", f"{word[1]} est-ce que {fr}"), "?")


def report(rng: Random, said: Pair, subject: Np) -> Pair:
    """I think she's tired.  He says that they're leaving."""
    en, fr = rng.choice(lex.REPORTS)
    if (subject is JE and en.startswith("I")) or subject.en in en:
        return finish(said)
    that = rng.choice(["", " that"])
    return finish((f"{en}{that} {said[0]}", f"{fr} que {said[1]}"))


def express(rng: Random, subject: Np, phrase: Phrase, options: list[Setting], mode: str) -> Pair:
    """Turn an idea into a sentence."""
    setting, polarity = rng.choice(options), ""
    if mode in "qw":
        if subject is JE and phrase.clitic != "te":
            subject = TU
        why = ("why", "pourquoi") if mode == "w" else NONE
        polarity = "not" if mode == "w" and rng.random() < 0.25 else ""
        return ask(rng, subject, phrase, asked(setting, mode == "q"), why, polarity)
    if mode == "n" and "+" not in phrase.verb.flags:
        setting, polarity = deny(rng, phrase, setting)
    said = clause(rng, subject, phrase, setting, polarity)
    return report(rng, said, subject) if mode == "r" else finish(said)


Idea = tuple[Np, Phrase, list[Setting]]
PATTERNS: list[tuple[Callable[[Random], Pair], float]] = []


def pattern(weight: float, modes: str = "") -> Callable:
    """Register a sentence pattern with its share of the corpus.  With modes, the pattern is
    an idea, which may be stated (s), denied (n), asked (q), asked why (w) or reported (r)."""

    def register(function: Callable) -> Callable:
        write = (lambda rng: express(rng, *function(rng), rng.choice(modes))) if modes else function
        PATTERNS.append((write, weight))
        return function

    return register


# --- Ideas: doing ---------------------------------------------------------------------


@pattern(30, "sssssssnnnqqqwr")
def doing(rng: Random) -> Idea:
    """I lost.  She's eating an apple.  They don't smoke.  Did you wash your car?"""
    subject = random_subject(rng)
    phrase = random_phrase(rng, subject)
    return subject, phrase, settings(rng, phrase.verb.flags) or [Setting("going")]


@pattern(5, "sssnnqw")
def pronoun_object(rng: Random) -> Idea:
    """She saw me.  I don't know him.  We bought it yesterday."""
    subject = random_subject(rng)
    phrase = with_pronoun(rng, subject, make_verb(*rng.choice(lex.DIRECT)))
    if rng.random() < 0.3:
        en, fr, plural = rng.choice([("it", "le_", False), ("them", "les_", True)])
        phrase = Phrase(make_verb(*rng.choice(lex.THINGS)), en, "", fr, ("m", plural))
    return subject, phrase, settings(rng, phrase.verb.flags, 0.3)


@pattern(5, "ssssnqw")
def indirect_object(rng: Random) -> Idea:
    """I gave her a book.  He's talking to his mother.  She sent us a letter."""
    subject = random_subject(rng)
    noun = rng.choice(nouns_of("kin,person"))
    someone = rng.choice([first_name(rng), noun_phrase(noun, "own" if noun.kind == "kin" else "the")])
    if rng.random() < 0.5:
        verb = make_verb(*rng.choice(lex.INDIRECT))
        phrase = Phrase(verb, someone.en, f"à {someone.fr}")
        if rng.random() < 0.5:
            phrase = with_pronoun(rng, subject, verb, indirect=True)
        return subject, phrase, settings(rng, verb.flags, 0.3)
    en, fr, flags, spec = rng.choice(lex.GIVE)
    thing = random_object(rng, spec)
    phrase = with_pronoun(rng, subject, make_verb(en, fr, flags), indirect=True)
    phrase = replace(phrase, en=f"{phrase.en} {thing.en}", fr=thing.fr)
    if rng.random() < 0.4:
        phrase = Phrase(phrase.verb, f"{thing.en} to {someone.en}", f"{thing.fr} à {someone.fr}")
    return subject, phrase, settings(rng, flags, 0.3)


@pattern(10, "sssssnnqqr")
def infinitive(rng: Random) -> Idea:
    """I want to sleep.  Can you open the window?  She doesn't like to cook."""
    subject = random_subject(rng)
    control = make_verb(*rng.choice(lex.CONTROLS))
    habit = "a" in control.flags
    need = "hi" if habit else "c" if control == CAN and rng.random() < 0.3 else "i"
    phrase = random_phrase(rng, subject, need)
    if control == CAN and "c" in phrase.verb.flags:
        control = KNOW_HOW
    names = {"p": "present", "b": "past", "e": "past", "f": "future", "g": "progressive"}
    tense = rng.choice([names[flag] for flag in control.flags if flag in names])
    later = adverb(rng, lex.FUTURES, 0.2)
    if tense != "present" or habit or control == KNOW_HOW:
        later = NONE
    return subject, embed(control, phrase), [Setting(tense, later)]


@pattern(3, "sssnqw")
def manner(rng: Random) -> Idea:
    """She sings well.  You work too much.  He didn't sleep well."""
    en, fr, keys = rng.choice(lex.MANNER_VERBS)
    end, mid = lex.MANNERS[rng.choice(keys)]
    options = [Setting(tense, (end, ""), ("", mid)) for tense in ("present", "present", "past")]
    return random_subject(rng), Phrase(make_verb(en, fr, "ge")), options


@pattern(4, "sssssnqqr")
def at_the_hour(rng: Random) -> Idea:
    """I get up at seven.  The train leaves at noon."""
    subject, phrase = random_subject(rng), fixed_phrase(rng, lex.ROUTINES)
    if rng.random() < 0.2:
        subject = noun_phrase(rng.choice(nouns_of("train,bus,plane,boat")), "the")
        phrase = fixed_phrase(rng, lex.ROUTINES[:2])
    en, fr = clock(rng)
    phrase = replace(phrase, en=f"{phrase.en} at {en}", fr=f"{phrase.fr} à {fr}")
    return subject, phrase, tenses("present present past going future")


@pattern(3, "sssssnq")
def animal_doing(rng: Random) -> Idea:
    """The dog is sleeping.  Our cats are playing outside."""
    noun, det = rng.choice(NOUNS["animal"]), "the"
    if rng.random() < 0.4:
        noun, det = rng.choice(nouns_of("pets")), rng.choice(lex.OWNERS)
    phrase = fixed_phrase(rng, lex.ANIMAL_VERBS)
    options = [*tenses("progressive was"), Setting("past", adverb(rng, lex.PASTS, 0.3))]
    return noun_phrase(noun, det, None, rng.random() < 0.25), phrase, options


# --- Ideas: being ---------------------------------------------------------------------


@pattern(13, "sssssnnqqwr")
def person_is(rng: Random) -> Idea:
    """He's calm.  She isn't ready.  We were at the station yesterday.  I'm at home."""
    subject = random_subject(rng, 0.55)
    kind = rng.choice(["trait", "trait", "state", "state", "state", "nation", "place", "place"])
    options = tenses("present present present present past")
    recent = [Setting("present", ("today", "aujourd'hui")), Setting("past", adverb(rng, lex.RECENT))]
    if kind == "place":
        return subject, Phrase(BE, *rng.choice(lex.PLACES)), options + recent
    adjective = rng.choice(PREDICATE[kind])
    if adjective.masculine == "beau" and subject.gender == "m":
        adjective = replace(adjective, en="handsome")
    if kind == "state" and adjective.en not in lex.LASTING_STATES:
        options += [*recent, Setting("present", mid=adverb(rng, lex.OFTEN))]
    return subject, predicate(rng, subject, adjective), options


@pattern(8, "ssssssnnqqr")
def thing_is(rng: Random) -> Idea:
    """The car is red.  My shoes are dirty.  Is the soup hot?  Marie's dress is beautiful."""
    kind = rng.choice(list(PREDICATE)[3:-1])
    noun = rng.choice(NOUNS[kind])
    subject = known_thing(rng, noun, ["the", "the", "this", "that"])
    if kind in lex.OWNED_KINDS and rng.random() < 0.2:
        subject = owned_thing(rng, noun)
    return subject, predicate(rng, subject, rng.choice(PREDICATE[kind])), tenses("present present past")


@pattern(5, "ssssnqqr")
def thing_is_there(rng: Random) -> Idea:
    """The keys are on the table.  Is your book in the bag?"""
    en, fr, kinds = rng.choice(lex.SPOTS)
    noun = rng.choice(nouns_of(rng.choice(kinds.split())))
    return known_thing(rng, noun, ["the", "the"]), Phrase(BE, en, fr), tenses("present present past")


@pattern(5, "ssssnnqq")
def this_is(rng: Random) -> Idea:
    """It's easy.  This is my brother.  That's not Marie's car.  It's a beautiful house."""
    en = rng.choice(["it", "it", "this", "that"])
    subject = Np(en, "ce", 2, "m", en != "this")
    draw = rng.random()
    if draw < 0.3:
        return subject, predicate(rng, subject, rng.choice(PREDICATE["it"])), tenses("present past")
    kind = rng.choice(["thing", "object", "animal", "building", "clothes", "text", "show", "snack"])
    noun = rng.choice(NOUNS[kind])
    np = noun_phrase(noun, "a", rng.choice([None, *ATTRIBUTE[kind]]))
    if draw < 0.5:
        np = relative(rng)
    elif kind in lex.OWNED_KINDS and rng.random() < 0.7:
        np = owned_thing(rng, noun)
    return subject, Phrase(BE, np.en, plain(np.fr)), tenses("present")


@pattern(1.5, "sssnq")
def belonging(rng: Random) -> Idea:
    """This book is mine.  Is this bag yours?"""
    subject = noun_phrase(rng.choice(nouns_of("thing,object,clothes,vehicle")), rng.choice(["this", "that"]))
    en, fr = rng.choice(lex.MINE)
    return subject, Phrase(BE, en, f"à {fr}"), tenses("present")


@pattern(4, "sssssnq")
def comparison(rng: Random) -> Idea:
    """Paul is taller than Marie.  She's less patient than me.  He's the tallest in the class."""
    subject = random_subject(rng, 0.45)
    adjective = rng.choice([a for a in PREDICATE["trait"] if a.en not in {"shy", "beautiful", "crazy"}])
    form = adjective.form(subject.gender, subject.plural)
    more = comparative(adjective.en)
    if rng.random() < 0.2:
        most = "most " + adjective.en if more.startswith("more") else more.removesuffix("r") + "st"
        le = "les" if subject.plural else "la" if subject.gender == "f" else "le"
        en, fr = rng.choice(lex.GROUPS)
        return subject, Phrase(BE, f"the {most} in the {en}", f"{le} plus {form} de {fr}"), tenses("present")
    than = rng.choice([p for p in PRONOUNS if p.person % 3 != subject.person % 3]).strong
    someone = rng.choice([first_name(rng), relative(rng)])
    if rng.random() < 0.5 and someone != subject:
        than = (someone.en, someone.fr)
    less, equal = f"less {adjective.en} than", f"as {adjective.en} as"
    plus = (f"{more} than", "plus")
    en, fr = rng.choice([plus, plus, (less, "moins"), (equal, "aussi")])
    return subject, Phrase(BE, f"{en} {than[0]}", f"{fr} {form} que {than[1]}"), tenses("present")


@pattern(2, "ssssq")
def thing_comparison(rng: Random) -> Idea:
    """This dress is more beautiful than that one.  Her car is faster than mine."""
    kind, words = rng.choice(lex.COMPARED)
    noun, adjective = rng.choice(NOUNS[kind]), rng.choice(adjectives(words))
    det, other, *ones = "this", "that one", "celui-là", "celle-là"
    if kind in lex.OWNED_KINDS and rng.random() < 0.6:
        det, other, *ones = rng.choice(lex.OWN_ONES)
    en, fr = rng.choice([(comparative(adjective.en), "plus"), (f"less {adjective.en}", "moins")])
    than = f"{fr} {adjective.form(noun.gender)} que {ones[noun.gender == 'f']}"
    return noun_phrase(noun, det), Phrase(BE, f"{en} than {other}", than), tenses("present")


@pattern(2.5, "ssssnqr")
def job(rng: Random) -> Idea:
    """She's a doctor.  My brother wants to be a lawyer."""
    en, *forms = rng.choice(lex.JOBS)
    subject = random_subject(rng, 0.6)
    fr = forms[subject.gender == "f"]
    en, fr = (add_s(en), plural_fr(fr)) if subject.plural else (f"{a_or_an(en)} {en}", fr)
    if rng.random() < 0.25:
        want = make_verb("want+to", "vouloir", "sb")
        return subject, Phrase(want, f"be {en}", f"être {fr}"), tenses("present")
    return subject, Phrase(BE, en, fr), tenses("present present past")


@pattern(1.5, "ssq")
def birth(rng: Random) -> Idea:
    """She was born in May.  Were you born in Paris?"""
    en, fr = rng.choice(lex.MONTHS)
    en, inside, _ = rng.choice([[en, f"en {fr}", ""], random_place(rng)])
    phrase = Phrase(BE, f"born in {en}", inside, french_verb=make_verb("bear", "naître"))
    return random_subject(rng), phrase, tenses("past")


# --- Ideas: having, feeling, liking ---------------------------------------------------


@pattern(4.5, "sssssnnqqwr")
def feeling(rng: Random) -> Idea:
    """I'm hungry.  She's not afraid.  You're right.  He is very cold."""
    en, fr = rng.choice(lex.FEELINGS)
    degree = rng.choice(lex.FEELING_DEGREES) if en in lex.GRADED_FEELINGS else NONE
    phrase = Phrase(BE, f"{degree[0]} {en}", f"{degree[1]} {fr}", french_verb=HAVE)
    subject, often = random_subject(rng), Setting("present", mid=adverb(rng, lex.OFTEN))
    return subject, phrase, [*tenses("present present past"), often]


@pattern(2.5, "sssssqr")
def age(rng: Random) -> Idea:
    """He's twenty years old.  My sister is thirty."""
    subject = rng.choice([rng.choice(PRONOUNS), first_name(rng), relative(rng)])
    number = rng.choice(list(NUMBERS)[2 if subject.pronoun else 12 :])
    years = rng.choice([" years old", " years old", ""])
    return subject, Phrase(BE, number + years, f"{NUMBERS[number]} ans", french_verb=HAVE), tenses("present")


@pattern(1.5, "sssnq")
def pain(rng: Random) -> Idea:
    """I have a headache.  Does she have a cold?  He has blue eyes."""
    return random_subject(rng), Phrase(HAVE, *rng.choice(lex.LOOKS)), tenses("present")


@pattern(6, "ssssnnqqr")
def having(rng: Random) -> Idea:
    """I have a dog.  She doesn't have any brothers.  We had three books."""
    np = random_object(rng, lex.HAD)
    if rng.random() < 0.25:
        noun = rng.choice(nouns_of("pets,books,friends,child,brother,sister"))
        np = noun_phrase(noun, rng.choice(list(NUMBERS)[:4]))
    return random_subject(rng), Phrase(HAVE, np.en, np.fr), tenses("present present past")


@pattern(6, "ssssnnqqr")
def liking(rng: Random) -> Idea:
    """She likes cats.  I don't like coffee.  Does he love his grandmother?"""
    subject = random_subject(rng)
    if rng.random() < 0.15:
        np = noun_phrase(rng.choice(nouns_of("kin,pets,school,city")), "own")
        return subject, Phrase(make_verb("love", "aimer", "s"), np.en, np.fr), tenses("present")
    verb = make_verb(*rng.choice(lex.LIKES), "s")
    noun = rng.choice(nouns_of(lex.LIKED_NOUNS))
    np = noun_phrase(noun, "the", None, not noun.mass)
    en, fr = np.en.removeprefix("the "), np.fr
    if rng.random() < 0.35:
        en, fr = rng.choice(lex.LIKED)
    really = Setting("present", mid=("really", "vraiment"))
    return subject, Phrase(verb, en, fr), [*tenses("present present present"), really]


@pattern(4, "sssssqq")
def quantity(rng: Random) -> Idea:
    """I drink a lot of water.  She has too many hats.  Would you like a glass of milk?"""
    en, fr, names, verbs = rng.choice(lex.CONTAINERS)
    noun = BY_NAME[rng.choice(names.split()).replace("_", " ")]
    np = Np(f"{a_or_an(en)} {en} of {noun.en}", f"{fr} de {noun.fr}")
    if rng.random() < 0.5:
        many = rng.random() < 0.5
        noun = rng.choice(nouns_of("books,friends,snack,veg,pets" if many else "staple,drink"))
        en, fr = rng.choice(lex.MANY if many else lex.MUCH)
        np = Np(f"{en} {noun.en_plural if many else noun.en}", f"{fr} {noun.fr_plural if many else noun.fr}")
        verbs = lex.TAKEN_KINDS.get(noun.kind, "have")
    verb = make_verb(*lex.TAKING[rng.choice(verbs.split())])
    return random_subject(rng), Phrase(verb, np.en, np.fr), settings(rng, verb.flags, 0.3)


# --- Ideas: places --------------------------------------------------------------------


def random_place(rng: Random) -> list[str]:
    """A city or a country with its French "in/to" and "from" phrases."""
    city = rng.choice(lex.CITIES)
    return city if rng.random() < 0.5 else rng.choice(lex.COUNTRIES)


@pattern(6, "ssssnqqr")
def in_the_world(rng: Random) -> Idea:
    """She lives in Rome.  I come from Canada.  We're going to France next week."""
    en, inside, origin = random_place(rng)
    verb = make_verb(*rng.choice(lex.WORLD_VERBS))
    place = origin if "from" in verb.particle else inside
    return random_subject(rng), Phrase(verb, en, place), settings(rng, verb.flags, 0.5 * ("m" in verb.flags))


@pattern(3, "ssssnqw")
def to_places(rng: Random) -> Idea:
    """I'm going to the station.  He went to the market by bus."""
    en, fr = rng.choice(lex.DESTINATIONS)
    way = rng.choice(lex.WAYS)
    phrase = Phrase(make_verb("go", "aller", "hgem"), f"{en} {way[0]}", f"{fr} {way[1]}")
    return random_subject(rng), phrase, settings(rng, "hgem", 0.3)


@pattern(2, "sssnqr")
def workplace(rng: Random) -> Idea:
    """My father works in a bank.  Do you work at the station?"""
    np = noun_phrase(rng.choice(NOUNS["place"]), "the")
    en, fr = f"at {np.en}", f"à {np.fr}"
    if rng.random() < 0.6:
        np = random_object(rng, "a:workplaces")
        en, fr = f"in {np.en}", f"dans {plain(np.fr)}"
    phrase = Phrase(make_verb("work", "travailler", "he"), en, fr)
    return random_subject(rng, 0.5), phrase, tenses("present past")


# --- Patterns: templates --------------------------------------------------------------


def clock(rng: Random) -> Pair:
    """half past eight -> huit heures et demie"""
    number = rng.choice(list(NUMBERS)[:10])
    hour, fr = rng.choice([(number, f"{NUMBERS[number]} heures")] * 8 + [("one", "une heure")])
    if rng.random() < 0.1:
        return rng.choice([("noon", "midi"), ("midnight", "minuit")])
    en, minutes = rng.choice(lex.MINUTES)
    return en.replace("HOUR", hour), f"{fr} {minutes}"


def exclaimed(rng: Random) -> Pair:
    """a beautiful house -> quelle belle maison"""
    kind, words = rng.choice(lex.EXCLAIMED)
    noun = rng.choice(NOUNS[kind])
    np = noun_phrase(noun, "a", rng.choice(adjectives(words)))
    return np.en, ("quelle" if noun.gender == "f" else "quel") + np.fr[np.fr.index("]") + 1 :]


def slot(rng: Random, spec: str) -> Pair:
    """What a template's slot stands for, in both languages."""
    if spec in lex.SLOTS:
        return adverb(rng, lex.SLOTS[spec])
    if spec in {"clock", "what", "in"}:
        en, fr, *_ = {"clock": clock, "what": exclaimed, "in": random_place}[spec](rng)
        return en, fr
    det, _, names = spec.partition(":")
    if names:
        dets = {"my": [*lex.OWNERS, "their"], "one": ["this", "that", "the"]}.get(det, [det])
        np = noun_phrase(rng.choice(nouns_of(names)), rng.choice(dets))
    else:
        np = relative(rng) if spec == "kin" else first_name(rng, {"man": "m", "woman": "f"}.get(spec, ""))
    return np.en, np.fr


@pattern(17)
def template(rng: Random) -> Pair:
    """How much does this hat cost?  It's raining in Paris.  What a beautiful house!"""
    en, fr = rng.choice(lex.TEMPLATES)
    for spec in dict.fromkeys(re.findall(r"\{(.*?)\}", en)):
        drawn = slot(rng, spec)
        en, fr = en.replace(f"{{{spec}}}", drawn[0]), fr.replace(f"{{{spec}}}", drawn[1])
    return finish((en, fr), "")


# --- Patterns: questions --------------------------------------------------------------


@pattern(5)
def where_when_how(rng: Random) -> Pair:
    """Where do you work?  When did she leave?  How did you open the box?"""
    en, fr, need, names = rng.choice(lex.WH_QUESTIONS)
    subject = asked_subject(rng)
    phrase = random_phrase(rng, subject, need) if need else fixed_phrase(rng, lex.ROUTINES)
    setting = asked(rng.choice(tenses(names) or settings(rng, phrase.verb.flags, 0)), keep_mid=True)
    return ask(rng, subject, phrase, Setting(setting.tense), (en, fr))


@pattern(4)
def what_whom(rng: Random) -> Pair:
    """What did you buy yesterday?  Who are you waiting for?  Who is she talking to?"""
    subject = asked_subject(rng)
    what, who, to_whom = (rng.choice(table) for table in (lex.ASKED_VERBS, lex.DIRECT, lex.INDIRECT))
    options = [(what, "what", "que")] * 3 + [(who, "who", "qui"), (to_whom, "who", "à qui")]
    row, *word = rng.choice(options)
    verb = make_verb(*row)
    setting = asked(rng.choice(settings(rng, verb.flags, 0.3)))
    return ask(rng, subject, Phrase(verb), setting, tuple(word))


@pattern(5)
def who_nobody_everybody(rng: Random) -> Pair:
    """Who broke the window?  Nobody came.  Everyone is sleeping."""
    en = rng.choice([*lex.INDEFINITE, "who"])
    subject = Np(en, lex.INDEFINITE[en])
    phrase = random_phrase(rng, subject)
    flags = phrase.verb.flags.replace("h", "")
    setting = asked(rng.choice(settings(rng, flags, 0.3) or [Setting("future")]))
    if en not in {"nobody", "no one"}:
        return finish(clause(rng, subject, phrase, setting), "?" if en == "who" else ".")
    if setting.tense == "going":
        phrase, setting = embed(GOING, phrase), replace(setting, tense="present")
    denied = replace(phrase, en=any_for_some(phrase.en))
    said = english(subject, denied, setting.tense, end=setting.end[0])
    return finish((said, french(subject, phrase, setting.tense, "", end=setting.end[1])))


@pattern(2)
def how_many(rng: Random) -> Pair:
    """How many brothers do you have?  -> Combien de frères as-tu ?"""
    subject = rng.choice([TU, TU, IL, ELLE, NOUS, ILS])
    en, fr, names = rng.choice(lex.COUNTED)
    noun = rng.choice(nouns_of(names))
    verb = finite("vouloir" if en == "want" else "avoir", "present", subject.person)
    participle = agree(conjugate(fr).participle, noun.gender, True) if fr else ""
    do = "did" if fr else "does" if subject.person == 2 else "do"
    asking = f"how many {noun.en_plural} {do} {subject.en} {en}"
    link = "-t-" if verb.endswith("a") else "-"
    return finish((asking, f"combien de {noun.fr_plural} {verb}{link}{subject.fr} {participle}"), "?")


# --- Patterns: other sentences --------------------------------------------------------


@pattern(7)
def imperative(rng: Random) -> Pair:
    """Open the door.  Don't wait for me.  Let's play cards.  Help me, please."""
    subject = TU if rng.random() < 0.75 else NOUS
    phrase = random_phrase(rng, subject, "i")
    if phrase.clitic == "te":
        return imperative(rng)
    verb, clitic = phrase.in_french
    form = finite(verb.fr, "present", subject.person)
    if subject is TU and form.endswith(("es", "vas")):
        form = form[:-1]
    en, fr = f"{verb.en} {verb.particle} {phrase.en}", f"{form} {phrase.fr}"
    if rng.random() < 0.3:
        en = ("don't " if subject is TU else "let's not ") + any_for_some(en)
        fr = f"ne {clitic} {form} pas {negate(phrase.fr)}"
    else:
        strong = {"me": "moi", "{me}": subject.strong[1]}.get(clitic, clitic)
        en, fr = ("" if subject is TU else "let's ") + en, f"{form}{strong and '-' + strong} {phrase.fr}"
    please = (" , please", " , s'il te plaît") if subject is TU and rng.random() < 0.2 else NONE
    return finish((subject.fill(en) + please[0], subject.fill(fr) + please[1]), rng.choice("........!"))


@pattern(7)
def there_is(rng: Random) -> Pair:
    """There's a cat under the bed.  There isn't any milk in the fridge."""
    spot_en, spot_fr, kinds = rng.choice(lex.SPOTS)
    noun = rng.choice(nouns_of(rng.choice(kinds.split())))
    det = "some" if noun.mass else rng.choice(["a", "a", "some", *list(NUMBERS)[:4]])
    np = noun_phrase(noun, det, None, det == "some" and not noun.mass)
    past = rng.random() < 0.2
    be, y_a = be_form(np, past), "y avait" if past else "y a"
    any_en = any_for_some(np.en)
    draw = rng.random()
    if draw < 0.2 and det not in NUMBERS:
        return finish((f"there {be}n't {any_en} {spot_en}", f"il ne {y_a} pas {negate(np.fr)} {spot_fr}"))
    if draw < 0.4:
        return finish((f"{be} there {any_en} {spot_en}", f"est-ce que il {y_a} {np.fr} {spot_fr}"), "?")
    there = "there's" if be == "is" and rng.random() < 0.6 else f"there {be}"
    return finish((f"{there} {np.en} {spot_en}", f"il {y_a} {np.fr} {spot_fr}"))


@pattern(1.5)
def hurting(rng: Random) -> Pair:
    """My back hurts.  -> J'ai mal au dos."""
    person = rng.choice([*PRONOUNS[:4], first_name(rng), relative(rng)])
    en, fr = rng.choice(lex.BODY)
    owner = person.fill("{my}") if person.pronoun else f"{person.en}'s"
    part = Np(f"{owner} {en}", "", 4 if fr.startswith("les") else 2)
    when = adverb(rng, lex.THIS_DAY, 0.4)
    denied = rng.random() < 0.2
    said = english(part, Phrase(make_verb("hurt", "avoir")), "present", denied, end=when[0])
    ache = Phrase(HAVE, "", f"mal à {fr}")
    return finish((said, french(person, ache, "present", "pas" if denied else None, end=when[1])))


@pattern(3)
def since(rng: Random) -> Pair:
    """I've been working here for two years.  -> Je travaille ici depuis deux ans."""
    *verb, en, fr, long = rng.choice(lex.LASTING)
    number = rng.choice(list(NUMBERS)[:9])
    unit = rng.choice(lex.UNITS if long else lex.HOURS)
    end = (f"for {number} {unit[0]}", f"depuis {NUMBERS[number]} {unit[1]}")
    if rng.random() < 0.3:
        day = adverb(rng, lex.DAYS) if long else ("this morning", "ce matin")
        end = (f"since {day[0]}", f"depuis {day[1]}")
    subject = random_subject(rng)
    said = english(subject, Phrase(BE, f"{add_ing(verb[0])} {en}"), "perfect", end=end[0])
    return finish((said, french(subject, Phrase(make_verb(*verb), "", fr), "present", end=end[1])))


@pattern(3)
def when_clause(rng: Random) -> Pair:
    """I was sleeping when she arrived."""
    first, second = random_subject(rng, 0.8), random_subject(rng, 0.7)
    if first.pronoun and first.person % 3 == second.person % 3:
        return when_clause(rng)
    event = Phrase(make_verb(*rng.choice(lex.EVENTS)))
    main = clause(rng, first, random_phrase(rng, first, "g"), Setting("was"))
    time = clause(rng, second, event, Setting("past"))
    return finish((f"{main[0]} when {time[0]}", f"{main[1]} quand {time[1]}"))


@pattern(3)
def if_clause(rng: Random) -> Pair:
    """If it rains tomorrow, I'll stay at home."""
    subject = random_subject(rng, 0.85)
    en, fr = rng.choice(lex.CONDITIONS)
    if rng.random() < 0.2:
        have = Phrase(HAVE, "time", "le temps")
        en, fr = english(subject, have, "present"), french(subject, have, "present")
    if subject is TU and en.startswith("you"):
        return if_clause(rng)
    phrase = fixed_phrase(rng, lex.FIXED, "ei")
    if rng.random() < 0.3:
        phrase = Phrase(make_verb("go", "aller"), *rng.choice(lex.DESTINATIONS))
    main = clause(rng, subject, phrase, Setting("future"))
    return finish((f"if {en} , {main[0]}", f"si {fr} , {main[1]}"))


@pattern(3)
def two_clauses(rng: Random) -> Pair:
    """He's sick, but he's working.  She's tired and she isn't listening."""
    subject = rng.choice(PRONOUNS)
    adjective = rng.choice(adjectives(lex.MOODS))
    polarity = rng.choice(["", "", "not"])
    first = clause(rng, subject, predicate(rng, subject, adjective), Setting("present"))
    phrase = fixed_phrase(rng, lex.FIXED, "g")
    second = clause(rng, subject, phrase, Setting("progressive"), polarity)
    en, fr = (" and", " et") if polarity or adjective.en == "happy" else (" but", " , mais")
    return finish((f"{first[0]}{en} {second[0]}", f"{first[1]}{fr} {second[1]}"))


@pattern(2)
def who_relative(rng: Random) -> Pair:
    """The man who is singing is my brother."""
    np = noun_phrase(rng.choice(NOUNS["person"]), "the")
    subject = Np(f"{np.en} who", f"{np.fr} qui", 2, np.gender)
    tense, need = rng.choice([("progressive", "g"), ("past", "e")])
    en, fr = clause(rng, subject, random_phrase(rng, subject, need), Setting(tense))
    kin = rng.choice([kin for kin in nouns_of("siblings") if kin.gender == np.gender])
    other = noun_phrase(kin, rng.choice(lex.OWNERS[:4]))
    return finish((f"{en} is {other.en}", f"{fr} est {other.fr}"))


@pattern(3)
def that_relative(rng: Random) -> Pair:
    """The dress she bought is red.  The book I'm reading is interesting."""
    en, fr, tense, names = rng.choice(lex.RELATIVE_VERBS)
    noun = rng.choice(nouns_of(names))
    phrase = Phrase(make_verb(en, fr), direct=(noun.gender, False))
    said = clause(rng, rng.choice([*PRONOUNS, first_name(rng)]), phrase, Setting(tense))
    adjective = rng.choice(PREDICATE[noun.kind])
    gone = noun.kind in {"snack", "show"} and tense == "past"
    be, etre = ("was", "était") if gone else ("is", "est")
    np, that = noun_phrase(noun, "the"), rng.choice(["", "that "])
    ending = f"{etre} {adjective.form(noun.gender)}"
    return finish((f"{np.en} {that}{said[0]} {be} {adjective.en}", f"{np.fr} que {said[1]} {ending}"))


@pattern(2)
def easy_to(rng: Random) -> Pair:
    """It's easy to learn French.  -> C'est facile d'apprendre le français."""
    adjective = rng.choice(adjectives(lex.TASKS))
    phrase = random_phrase(rng, TU, "i")
    if phrase.clitic or phrase.verb.reflexive or "{" in phrase.fr:
        return easy_to(rng)
    inner = embed(BE, phrase)
    en, fr = rng.choice(lex.IT_IS)
    return finish((f"{en} {adjective.en} to {inner.en}", f"{fr} {adjective.masculine} de {inner.fr}"))


# --- The corpus -----------------------------------------------------------------------


def generate(pairs: int = 26000, seed: int = 2024) -> list[Pair]:
    """Draw distinct sentence pairs; a pattern that runs dry is left alone."""
    rng = Random(seed)
    corpus = {en.lower(): (en, fr) for en, fr in lex.SENTENCES}
    weights, misses = [weight for _, weight in PATTERNS], [0] * len(PATTERNS)
    while len(corpus) < pairs and any(weights):
        index = rng.choices(range(len(PATTERNS)), weights)[0]
        en, fr = PATTERNS[index][0](rng)
        if en.lower() in corpus or not 2 <= len(en.split()) <= 12 or lex.UNLIKELY.search(en):
            misses[index] += 1
            if misses[index] > 150:
                weights[index] = 0
            continue
        misses[index] = 0
        corpus[en.lower()] = (en, fr)
    return list(corpus.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the grammar corpus.")
    parser.add_argument("--pairs", type=int, default=26000)
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("grammar.tsv"))
    args = parser.parse_args()
    corpus = generate(args.pairs, args.seed)
    data = "".join(f"{en}\t{fr}\n" for en, fr in corpus).encode()
    args.out.write_bytes(data)
    print(f"{len(corpus)} pairs, {len(data)} bytes -> {args.out}")


if __name__ == "__main__":
    main()
