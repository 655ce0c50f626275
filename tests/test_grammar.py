"""Laws of the grammar that writes data/grammar.tsv."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "data" / "grammar.py"
VOWEL = "[aeiouàâéèêîôœ]"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grammar_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(SCRIPT.parent))  # where the script finds its lexicon
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


grammar = load()


@pytest.fixture(scope="module")
def corpus() -> list[tuple[str, str]]:
    return grammar.generate()


def test_size_and_length(corpus: list[tuple[str, str]]) -> None:
    assert 24_000 <= len(corpus) <= 28_000
    assert all(2 <= len(en.split()) <= 12 for en, _ in corpus)
    assert sum(len(f"{en}\t{fr}\n".encode()) for en, fr in corpus) < 2_000_000


def test_each_english_sentence_has_one_translation(corpus: list[tuple[str, str]]) -> None:
    assert len({en.lower() for en, _ in corpus}) == len(corpus)


def test_same_seed_same_pairs() -> None:
    assert grammar.generate(2000, seed=5) == grammar.generate(2000, seed=5)
    assert grammar.generate(2000, seed=5) != grammar.generate(2000, seed=6)


def test_the_file_is_what_the_script_writes(corpus: list[tuple[str, str]]) -> None:
    written = SCRIPT.with_name("grammar.tsv").read_bytes()
    assert written == "".join(f"{en}\t{fr}\n" for en, fr in corpus).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        rf"\b(?:je|me|te|se|ne|de|que) {VOWEL}",
        rf"\b(?:le|la) {VOWEL}(?!nze)",
        rf"\bce {VOWEL}(?!h)",
        r"\b[Cc]e est\b|\bsi ils?\b",
        r"\b(?:de|à) les?\b(?! \w+(?:er|ir|re)\b)",
        r"\b(?:du|au|des|aux) \w+(?:endre|voir)\b",
        rf"\b(?:ma|ta|sa) {VOWEL}",
        rf"\b(?:un|ce|mon|ton|son) (?:beau|nouveau|vieux) {VOWEL}",
        r"\b(?:l'|d'|qu'|j'|n')(?:héros|hibou|hérisson|haricot|hache|honte|huit|onze|yaourt)",
        r"\bde de\b|\bplus plus\b|[][{}*_’]|  | [,.]",
        r"\S[!?]$",
    ],
)
def test_no_french_sentence_breaks_a_rule(corpus: list[tuple[str, str]], wrong: str) -> None:
    assert [fr for _, fr in corpus if re.search(wrong, fr)] == []


def test_marks_and_capitals(corpus: list[tuple[str, str]]) -> None:
    for en, fr in corpus:
        assert en[0].isupper() and (fr[0].isupper() or fr[0] == "Œ")
        assert en[-1] == fr[-1] and en[-1] in ".!?"
        assert not re.search(r"[][{}*_’]|  | [,.!?]", en)
        assert not re.search(r"\ba [aeio]|\ban [^aeiouh]", en)


def test_negation_takes_de(corpus: list[tuple[str, str]]) -> None:
    for _, fr in corpus:
        if " est " not in fr and " sont " not in fr and "était" not in fr and "'est " not in fr:
            assert not re.search(r"\b(?:ai|as|a|avons|ont) (?:pas|jamais|plus) (?:un|une|des|du) ", fr)


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("manger", "mange manges mange mangeons mangent"),
        ("acheter", "achète achètes achète achetons achètent"),
        ("préférer", "préfère préfères préfère préférons préfèrent"),
        ("nettoyer", "nettoie nettoies nettoie nettoyons nettoient"),
        ("finir", "finis finis finit finissons finissent"),
        ("apprendre", "apprends apprends apprend apprenons apprennent"),
        ("éteindre", "éteins éteins éteint éteignons éteignent"),
    ],
)
def test_present_tense(verb: str, forms: str) -> None:
    assert " ".join(grammar.conjugate(verb).present) == forms


@pytest.mark.parametrize(
    ("verb", "mood", "person", "form"),
    [
        ("manger", "imperfect", 3, "mangions"),
        ("manger", "imperfect", 0, "mangeais"),
        ("être", "imperfect", 2, "était"),
        ("venir", "future", 0, "viendrai"),
        ("acheter", "future", 4, "achèteront"),
        ("vouloir", "conditional", 0, "voudrais"),
    ],
)
def test_simple_tenses(verb: str, mood: str, person: int, form: str) -> None:
    assert grammar.finite(verb, mood, person) == form


@pytest.mark.parametrize(
    ("masculine", "forms"),
    [
        ("beau", "beau belle beaux belles"),
        ("heureux", "heureux heureuse heureux heureuses"),
        ("jaloux", "jaloux jalouse jaloux jalouses"),
        ("blanc", "blanc blanche blancs blanches"),
        ("marron", "marron marron marron marron"),
        ("normal", "normal normale normaux normales"),
        ("sec", "sec sèche secs sèches"),
    ],
)
def test_adjective_forms(masculine: str, forms: str) -> None:
    adjective = grammar.ADJECTIVES[masculine]
    assert " ".join(adjective.form(g, p) for p in (False, True) for g in "mf") == forms


@pytest.mark.parametrize(
    ("noun", "det", "adjective", "plural", "french"),
    [
        ("friend", "my", None, False, "mon ami"),
        ("friend", "my", None, True, "mes amis"),
        ("car", "his", None, False, "sa voiture"),
        ("school", "her", None, False, "son école"),
        ("hero", "the", None, False, "le héros"),
        ("bird", "this", None, False, "cet oiseau"),
        ("hotel", "a", "nouveau", False, "un nouvel hôtel"),
        ("bird", "a", "vieux", False, "un vieil oiseau"),
        ("flower", "some", "beau", True, "de belles fleurs"),
        ("car", "a", "rouge", False, "une voiture rouge"),
        ("water", "some", None, False, "de l'eau"),
        ("bread", "some", None, False, "du pain"),
        ("horse", "two", None, False, "deux chevaux"),
    ],
)
def test_noun_phrases(noun: str, det: str, adjective: str | None, plural: bool, french: str) -> None:
    chosen = grammar.ADJECTIVES[adjective] if adjective else None
    phrase = grammar.noun_phrase(grammar.BY_NAME[noun], det, chosen, plural)
    assert grammar.finish(("x", phrase.fr))[1].lower() == french + "."


def test_elision_and_contraction() -> None:
    assert grammar.elide("je ne ai pas de ami que il y a") == "je n'ai pas d'ami qu'il y a"
    assert grammar.elide("le *héros et le homme , si il est là , ce est le *onze") == (
        "le *héros et l'homme , s'il est là , c'est le *onze"
    )
    assert grammar.contract("à le parc, à les gares, de le pain, de les amis") == (
        "au parc, aux gares, du pain, des amis"
    )


@pytest.mark.parametrize(
    ("subject", "verb", "french"),
    [
        ("ELLE", "partir", "elle est partie"),
        ("ILS", "arriver", "ils sont arrivés"),
        ("NOUS", "se lever", "nous nous sommes levés"),
        ("JE", "manger", "j'ai mangé"),
    ],
)
def test_participles_agree(subject: str, verb: str, french: str) -> None:
    phrase = grammar.Phrase(grammar.make_verb("x", verb))
    assert grammar.elide(grammar.french(getattr(grammar, subject), phrase, "past")) == french


def test_a_feminine_object_before_the_verb_agrees() -> None:
    phrase = grammar.Phrase(grammar.make_verb("see", "voir"), "her", "", "la_", ("f", False))
    assert grammar.elide(grammar.french(grammar.JE, phrase, "past")) == "je l'ai vue"
