"""How BLEU cuts a text into words: with the tokenizer of sacreBLEU that suits the references.

The usual one, 13a, cuts at spaces and punctuation. To it a sentence of a language without spaces is one
long word. BLEU counts runs of one to four words, so a perfect translation of such sentences scores 0; and so
it does where all lines are single words, as in spelling tasks.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seqformer.errors import SeqformerError, nearest
from seqformer.report import moses

USUAL, CHARACTERS = "13a", "char"
EXTRAS = {"ja-mecab": "ja", "ko-mecab": "ko"}  # what to install for them
MODELS = ("flores200", "flores101", "spBLEU-1K")  # sacreBLEU downloads a file for each of these
TOKENIZER_OF = {"Chinese": "zh", "Japanese": "ja-mecab", "Korean": "ko-mecab", "unspaced": CHARACTERS}
TOKENIZERS = (USUAL, "intl", "zh", *EXTRAS, CHARACTERS, "none", *MODELS, moses.NAME)
SAMPLE, LENGTH = 300, 1000  # references that decide, and characters of each
# An English word has about five letters and a Chinese one two: from this share of the letters on, more than
# half of the words are written without spaces.
SHARE = 1 / 3
JAPANESE = 0.1  # share of kana among kana and Han
RUN, LONG_ENOUGH = 4, 0.02  # words in a row that BLEU counts, and share of the lines that must have them
KANA, HAN = ("Hira", "Kana"), ("Hani", "Bopo")
# Scripts whose words stand without spaces: those that Unicode's line breaking (UAX #14) breaks by dictionary,
# between syllables or anywhere. Codes of ISO 15924.
UNSPACED = {
    "Thai", "Laoo", "Khmr", "Mymr", "Tale", "Talu", "Lana", "Tavt", "Ahom", "Tibt", "Java", "Bali", "Yiii",
    "Nshu", "Tang", "Kits",
}  # fmt: skip
PART = 4000  # characters of a line that MeCab is handed at once: it fails on megabytes, or takes minutes


@dataclass(frozen=True)
class Words:
    """The tokenizer by which BLEU counts words."""

    tokenizer: str
    remark: str = ""  # on what is missing

    @property
    def are_characters(self) -> bool:
        """Whether characters are counted, of which more are right by chance."""
        return self.tokenizer in (CHARACTERS, "zh")


def choose(asked: str, references: Sequence[str], language: str = "") -> Words:
    """Return the tokenizer asked for, or the one that suits the references where ``asked`` is ''.

    Where what it needs is not installed, characters are counted, and the remark says so. A tokenizer whose
    model would have to be downloaded is refused: :class:`SeqformerError`. Moses tokens, which are those of a
    ``language``, are made as asked for or not at all: :class:`MissingExtra`.
    """
    if moses.is_name(asked):
        name = moses.with_language(asked, language)
        bleu(name)
        return Words(name)
    if asked and asked not in TOKENIZERS:
        raise SeqformerError(f"there is no tokenizer '{asked}': {nearest(asked, TOKENIZERS)}")
    name = asked or suiting(references)
    if name in MODELS:
        _expect_model(name)
    elif name in EXTRAS and not _opens(name):
        return Words(
            CHARACTERS,
            f"sacreBLEU's tokenizer {name} is not installed, so BLEU counts characters; "
            f"get it with: pip install 'seqformer[{EXTRAS[name]}]'",
        )
    return Words(name)


def suiting(references: Sequence[str]) -> str:
    """Return the name of the tokenizer that suits the references.

    Chinese: zh. Japanese and Korean: those of MeCab, as sacreBLEU recommends; Korean has spaces, but what
    stands between them is a word with its particles. Other scripts without spaces, and lines too short for
    BLEU: characters. All else: 13a.
    """
    sample = _sample(references)
    if writing := _writing(sample):
        return TOKENIZER_OF[writing]
    cut = bleu(USUAL).tokenizer
    long = sum(len(cut(line).split()) >= RUN for line in sample)
    return USUAL if long >= LONG_ENOUGH * len(sample) else CHARACTERS


def are_alone(lines: Sequence[str]) -> bool:
    """Return whether nearly all lines are single words, of a script that sets words apart by spaces."""
    sample = _sample(lines)
    several = sum(len(line.split()) > 1 for line in sample)
    return several < LONG_ENOUGH * len(sample) and _writing(sample) in ("", "Korean")


def has_asian_rules(references: Sequence[str]) -> bool:
    """Return whether TER has rules of its own for the script: that of Chinese and Japanese."""
    return _writing(_sample(references)) in ("Chinese", "Japanese")


def remark_on_spaces(names: Sequence[str], references: Sequence[str]) -> str:
    """Return which of the scores count what stands between spaces, where the script has few; '' for none."""
    writing = _writing(_sample(references))
    counting = [name.upper() for name in names if name == "wer" or (name == "ter" and writing == "unspaced")]
    if writing in ("", "Korean") or not counting:
        return ""
    return (
        f"{' and '.join(counting)} count{'s' * (len(counting) == 1)} what stands between spaces, "
        "of which this script has few; CER and chrF count characters"
    )


def bleu(tokenizer: str) -> Any:
    """Return sacreBLEU's BLEU with this tokenizer, and otherwise its defaults."""
    from sacrebleu.metrics import BLEU

    if moses.is_name(tokenizer):
        metric = BLEU(force=True, tokenize="none", lowercase=True)
        metric.tokenizer = moses.Moses(tokenizer)
        metric.tokenizer_signature = metric.tokenizer.signature()
        return metric
    # text prepared with split punctuation ends in " .", and sacreBLEU would warn of it each time
    metric = BLEU(force=True, tokenize=tokenizer)
    if tokenizer in EXTRAS:
        metric.tokenizer = partial(_in_parts, metric.tokenizer)
    return metric


def _in_parts(mecab: Callable[[str], str], line: str) -> str:
    line = line.replace("\0", " ")  # to MeCab the line ends there
    return " ".join(mecab(line[begin : begin + PART]) for begin in range(0, len(line), PART))


def _sample(references: Sequence[str]) -> list[str]:
    """Return the beginnings of some lines, taken from all over, without blank ones."""
    step = max(1, len(references) // SAMPLE)
    return [line[:LENGTH] for line in references[::step][:SAMPLE] if line.strip()]


def _writing(sample: list[str]) -> str:
    """Return ``Chinese``, ``Japanese``, ``Korean``, ``unspaced`` (others without spaces), '' for the rest."""
    from fontTools import unicodedata

    counts: Counter[str] = Counter()
    for character, count in Counter(itertools.chain.from_iterable(sample)).items():
        if unicodedata.category(character).startswith("L"):
            counts[unicodedata.script(character)] += count
    kana = sum(counts[code] for code in KANA)
    chinese = kana + sum(counts[code] for code in HAN)
    shares = {
        "Japanese" if kana >= JAPANESE * chinese else "Chinese": chinese,
        "Korean": counts["Hang"],
        "unspaced": sum(counts[code] for code in UNSPACED),
    }
    writing = max(shares, key=shares.__getitem__)
    return writing if shares[writing] >= SHARE * max(1, counts.total()) else ""


def _opens(name: str) -> bool:
    try:
        bleu(name)
    except (ImportError, RuntimeError, AssertionError, OSError):  # sacreBLEU checks the dictionary by assert
        return False
    return True


def _expect_model(name: str) -> None:
    """Refuse a tokenizer whose file is not where sacreBLEU keeps it, which would download it."""
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    url = str(SPM_MODELS[name]["url"])
    path = Path(SACREBLEU_DIR) / "models" / url.rsplit("/", 1)[-1]
    if not path.is_file():
        raise SeqformerError(
            f"the tokenizer {name} needs a model that is not here, and nothing is downloaded; "
            f"put {url} at {path}, or take another tokenizer"
        )
    if not _opens(name):
        raise SeqformerError(f"{path} is no model of SentencePiece; put {url} there")
