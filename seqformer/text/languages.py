"""Languages by their codes: what a pair of them is written as, and the names that headers give them.

A code is that of BCP 47 (RFC 5646), with ISO 639-1 where there is one, and ``_`` between its parts, so that
a pair of codes can be written with a hyphen: ``en-fr``, ``pt_BR-zh_Hant``. The table holds the languages that
people name in files; any other code of two or three letters is taken as it is.
"""

from __future__ import annotations

import re

from seqformer.errors import DataError

Languages = tuple[str, str]  # codes of source and target, each '' if unknown

# code, other codes (ISO 639-2/3), names in English and in the language itself
_TABLE = """
af afr afrikaans|am amh amharic አማርኛ|ar ara arabic العربية|az aze azerbaijani|be bel belarusian беларуская
bg bul bulgarian български|bn ben bengali bangla বাংলা|bo tib bod tibetan|bs bos bosnian|ca cat catalan català
cs cze ces czech čeština česky|cy wel cym welsh cymraeg|da dan danish dansk|de ger deu german deutsch
el gre ell greek ελληνικά|en eng english|eo epo esperanto|es spa spanish español castellano
et est estonian eesti|eu baq eus basque euskara|fa per fas persian farsi فارسی|fi fin finnish suomi
fr fre fra french français francais|ga gle irish gaeilge|gl glg galician galego|gu guj gujarati ગુજરાતી
he heb hebrew עברית|hi hin hindi हिन्दी|hr hrv croatian hrvatski|hu hun hungarian magyar
hy arm hye armenian հայերեն|ia ina interlingua|id ind indonesian|is ice isl icelandic íslenska
it ita italian italiano|ja jpn japanese 日本語|ka geo kat georgian ქართული|kk kaz kazakh қазақ
km khm khmer ខ្មែរ|kn kan kannada ಕನ್ನಡ|ko kor korean 한국어|ku kur kurdish|ky kir kyrgyz|la lat latin
lo lao lao ລາວ|lt lit lithuanian lietuvių|lv lav latvian latviešu|mk mac mkd macedonian македонски
ml mal malayalam മലയാളം|mn mon mongolian монгол|mr mar marathi मराठी|ms may msa malay|mt mlt maltese
my bur mya burmese မြန်မာ|nb nob bokmål|ne nep nepali नेपाली|nl dut nld dutch nederlands|nn nno nynorsk
no nor norwegian norsk|pa pan punjabi ਪੰਜਾਬੀ|pl pol polish polski|ps pus pashto پښتو
pt por portuguese português portugues|ro rum ron romanian română|ru rus russian русский|sa san sanskrit
si sin sinhala සිංහල|sk slo slk slovak slovenčina|sl slv slovenian slovene slovenščina
sq alb sqi albanian shqip|sr srp serbian српски srpski|sv swe swedish svenska|sw swa swahili kiswahili
ta tam tamil தமிழ்|te tel telugu తెలుగు|th tha thai ไทย|tl tgl tagalog|tr tur turkish türkçe|tt tat tatar
ug uig uyghur|uk ukr ukrainian українська|ur urd urdu اردو|uz uzb uzbek|vi vie vietnamese
yi yid yiddish|zh chi zho cmn chinese mandarin 中文|zu zul zulu
"""
_LANGUAGES = [line.split() for line in _TABLE.strip().replace("\n", "|").split("|")]
_CODES = {name: names[0] for names in _LANGUAGES for name in names}
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")


def named(text: str) -> str:
    """Return the code of a language in the table, from a code or a name of it; '' if it is not there.

    ``English``, ``eng``, ``EN`` and ``en`` are ``en``; ``pt-br`` is ``pt_BR``.
    """
    word = text.strip().casefold()
    if word in _CODES:
        return _CODES[word]
    if not _TAG.fullmatch(word):
        return ""
    first, *rest = re.split("[-_]", word)
    return "_".join([_CODES[first], *map(_subtag, rest)]) if first in _CODES else ""


def code(text: str) -> str:
    """Return the code of a language, of the table or not; '' where the text is no code at all."""
    return named(text) or ("_".join(re.split("[-_]", text.strip())) if _TAG.fullmatch(text.strip()) else "")


def _subtag(text: str) -> str:
    return text.title() if len(text) == 4 else text.upper() if len(text) < 4 else text


def parse(text: str) -> Languages:
    """Return source and target of ``en-fr``; two empty codes for ''. Raises :class:`DataError`."""
    if not text:
        return "", ""
    sides = text.replace("→", "-").replace(":", "-").split("-")
    codes = tuple(map(code, sides))
    if len(codes) != 2 or not all(codes):
        raise DataError(
            f"languages {text!r}: expected two codes with a hyphen between them, such as en-fr or pt_BR-de"
        )
    return codes[0], codes[1]


def joined(source: str, target: str) -> str:
    """Return a pair as it is written; '' unless both are known."""
    return f"{source}-{target}" if source and target else ""


def alike(one: str, other: str) -> bool:
    """Return whether two codes are of one language, whatever the region or the script."""
    return bool(one) and primary(one) == primary(other)


def primary(language: str) -> str:
    """Return the first part of a code: ``pt`` of ``pt_BR``."""
    return language.split("_")[0]


def english_name(language: str) -> str:
    """Return the English name of a code, as ``Portuguese (BR)``; the code itself where it is not known."""
    first, *rest = language.split("_")
    names = next((names for names in _LANGUAGES if names[0] == first), None)
    if names is None:
        return language
    name = next((name for name in names[1:] if len(name) > 3), names[-1])
    return name.capitalize() + (f" ({', '.join(rest)})" if rest else "")
