"""Whether a text denies: words of denial in some languages, to see where a translation lost one or made one.

Two lists for each language: words that deny, and besides them what may stand for a denial of another language
(English ``without``, ``hardly``, ``refuse``). A pair disagrees if one side holds a word of its first list and
the other none of either. Of good pairs 0.0 to 1.3 % disagree (everyday sentences of Tatoeba, of which a fifth
deny, English with each of the others), of captions 0.04 %; of denials with a translation that denies nothing
69 to 84 % are seen.
"""

from __future__ import annotations

import re
from functools import cache

from seqformer.text import languages

# Sure, and possible. Patterns of whole words; an apostrophe may follow or come before.
_WORDS: dict[str, tuple[str, str]] = {
    "en": (
        r"not never nothing nobody cannot nowhere none neither",
        r"""
        no nor without hardly barely scarcely unable fail(s|ed)? refus\w+ ignor\w+ den(y|ies|ied)
        lack\w* few little except only but unless until before stop\w* un\w+ im(possible|possibly)
        in(correct|visible) dis\w+ \w+less than too mind anymore longer out miss\w* doubt\w* forget
        forgot prevent\w* avoid\w* yet or if dont \w+nt else otherwise beyond ever since just off wrong
        """,
    ),
    "fr": (
        r"ne n aucune? jamais nulle",
        r"""
        pas rien personne ni sans non nul nuls plus guère point refus\w+ ignor\w+ impossible\w* manqu\w+
        arrêt\w+ cess\w+ évit\w+ empêch\w+ in\w+ im\w+ peu sauf avant oubli\w+ dé\w+ trop mal
        """,
    ),
    "de": (
        r"nicht nichts kein\w* niemals niemand\w* nirgends nirgendwo",
        r"""
        nie nein ohne weder noch un\w+ kaum weniger? außer ehe bevor hör\w* \w+los\w* verweiger\w+
        fehl\w+ anders leer\w* ab zu mehr sonst nur
        """,
    ),
    "es": (
        r"no nunca nadie ningun[oa]s? ningún",
        r"""
        nada ni sin jamás tampoco im\w+ in\w+ des\w+ falt\w+ dej\w+ evit\w+ apenas antes poc[oa]s? sino
        ya demasiado neg\w+ rechaz\w+ ignor\w+
        """,
    ),
    "it": (
        r"non mai nessun\w*",
        r"""
        niente nulla né senza no neanche nemmeno im\w+ dis\w+ manc\w+ smett\w+ evit\w+ prima poc\w+ più
        troppo rifiut\w+ ignor\w+
        """,
    ),
    "pt": (
        r"não nunca ninguém nenhum\w*",
        r"""
        nada nem sem jamais tampouco im\w+ in\w+ des\w+ falt\w+ deix\w+ evit\w+ antes pouc\w+ demais
        recus\w+ ignor\w+ mal
        """,
    ),
    "nl": (
        r"niet niets nooit niemand geen nergens",
        r"""
        nee zonder noch on\w+ amper nauwelijks weinig behalve voordat stop\w* weiger\w+ te anders meer
        \w+loos \w+loze pas alleen
        """,
    ),
    "ru": (
        r"не нет никогда никто ничего нельзя никого",
        r"""
        ни без не\w+ ни\w+ бес\w+ без\w+ мало едва кроме пока отказ\w+ прежде слишком
        """,
    ),
}


@cache
def _patterns(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    sure, possible = (words.split() for words in _WORDS[language])
    if language == "en":
        sure = [*sure, r"\w+n['’]t"]
    one, other = (
        re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)
        for words in (sure, [*sure, *possible])
    )
    return one, other


def disagree(source: str, translation: str, spoken: tuple[str, str]) -> bool:
    """Return whether just one of two texts denies; False where a language is not known here."""
    codes = [languages.primary(code) for code in spoken]
    if not all(code in _WORDS for code in codes):
        return False
    (sure, any_source), (sure_there, any_there) = map(_patterns, codes)
    if sure.search(source):
        return not any_there.search(translation)
    return bool(sure_there.search(translation)) and not any_source.search(source)
