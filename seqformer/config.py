"""The settings of preparing, training, decoding and serving: frozen dataclasses, with bounds at each field.

The settings of a model are defined beside the model (:mod:`seqformer.models`), checked in the same way.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from seqformer.errors import SeqformerError, nearest

OPTIMIZERS = ("adam", "muon")
SCHEDULES = ("linear", "inverse-sqrt", "constant")
PRECISIONS = ("auto", "fp32", "bf16")
DEDUPLICATE = ("pair", "source", "target", "none")
RULES = 2  # the version of the text rules; manifests of before there was a number are of 1
SUBWORDS = ("unigram", "bpe")  # pieces that are parts of words: among them there can be symbols
MODEL_TYPES = (*SUBWORDS, "word", "char")
DIGITS = ("auto", "split", "keep")
BEST_BY = (
    "auto", "bleu", "chrf", "ter", "wer", "cer", "exact-match", "token-accuracy", "accuracy", "loss",
)  # fmt: skip
_KINDS: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "str": str}
LIMITS = ("max_minutes", "max_steps", "max_epochs")
CHANGEABLE = (*LIMITS, "patience", "validate_every")  # when a run is resumed; all else stays as it was


def number(
    default: Any = dataclasses.MISSING, *, least: float = 0, most: float = math.inf, below: float = math.inf
) -> Any:
    """Return a dataclass field for a number from ``least`` to ``most``, and smaller than ``below``."""
    return field(default=default, metadata={"least": least, "most": most, "below": below})


def one_of(default: str, names: tuple[str, ...]) -> Any:
    """Return a dataclass field for one of these names."""
    return field(default=default, metadata={"names": names})


@dataclass(frozen=True)
class Config:
    """Settings that are checked when created. Raises :class:`SeqformerError` that names the field."""

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value, bounds, name = getattr(self, each.name), each.metadata, each.name.replace("_", " ")
            kind = str(each.type)
            if not isinstance(value, _KINDS[kind]) or isinstance(value, bool) != (kind == "bool"):
                raise SeqformerError(f"{name} is {value!r}: expected {kind}")
            if "names" in bounds and value not in bounds["names"]:
                raise SeqformerError(f"{name} {value!r} is not known: {nearest(str(value), bounds['names'])}")
            if "least" not in bounds:
                continue
            if not math.isfinite(value) or value < bounds["least"] or value >= bounds["below"]:
                end = f" and below {bounds['below']:g}" if bounds["below"] < math.inf else ""
                raise SeqformerError(f"{name} is {value}: it must be at least {bounds['least']:g}{end}")
            if value > bounds["most"]:
                raise SeqformerError(f"{name} is {value}: it can be at most {bounds['most']:,}")


@dataclass(frozen=True)
class PrepareConfig(Config):
    """How sentence pairs are prepared."""

    languages: str = ""  # source and target, such as en-fr; '': unknown
    lowercase: bool = False
    split_punctuation: bool = False
    nfkc: bool = False  # Unicode NFKC, not NFC: full-width letters, ligatures, … become plain ones
    rules: int = number(RULES, least=1, most=RULES)  # version of the text rules, see text/normalize.py
    filter: bool = True  # drop pairs with a fault; False: every pair is kept
    max_ratio: float = number(9.0, least=1)  # one side longer than this many times the other is a fault
    model_type: str = one_of("bpe", MODEL_TYPES)
    vocab_size: int = number(0)  # 0: from the data
    min_count: int = number(1, least=1)  # of word pieces: words rarer in train are unknown
    separate: bool = False  # a vocabulary for each side instead of a joint one
    max_pairs: int = number(0)  # only the first are read; 0: all
    max_pieces: int = number(256, least=1)  # longer training pairs are dropped …
    cut: bool = False  # … or cut there, in train and valid
    valid_size: int = number(1000, least=1)  # sources
    test_size: int = number(1000, least=1)
    in_order: bool = False  # the last ``valid_size`` pairs are valid and also test
    seed: int = number(1, most=(1 << 32) - 1)  # decides the splits
    digits: str = one_of(
        "auto", DIGITS
    )  # split: each is a piece of its own; auto: where numbers are frequent
    byte_fallback: bool = False  # characters in no piece are spelled as bytes, none is unknown
    symbols: str = ""  # with spaces between them: each is always one piece
    character_coverage: float = number(0.9999, least=0.9, most=1)  # the rarest characters beyond are unknown
    keep_copies: bool = False  # pairs whose sides are equal stay
    min_length: int = number(0)  # characters of a side; 0: no bound
    max_length: int = number(0)
    scripts: str = ""  # that each side must be in: Latin,Cyrillic; one name is for both
    any_script: bool = False  # lines in another script than nearly all of their side stay
    check_languages: bool = False  # drop pairs with a side that is identified as another language
    deduplicate: str = one_of("pair", DEDUPLICATE)  # what a second pair must not repeat
    placeholders: bool = True  # tags, {names}, addresses are symbols to the model; of unigram and bpe alone
    pieces_from_valid: bool = False  # the vocabulary is learned from train and valid, not from train alone

    def __post_init__(self) -> None:
        super().__post_init__()
        coverage = self.character_coverage != type(self).character_coverage
        for name, given, useless in (
            ("digits split", self.digits == "split", ("word", "char")),
            ("byte fallback", self.byte_fallback, ("word",)),
            ("symbols", bool(self.symbols), ("word",)),
            ("character coverage", coverage, ("word",)),
        ):
            if given and self.model_type in useless:
                raise SeqformerError(
                    f"{name}: nothing to do for model type '{self.model_type}'; leave it out"
                )


@dataclass(frozen=True)
class TrainConfig(Config):
    """How a model is trained. A limit of 0 means none."""

    max_steps: int = number(0)
    max_epochs: int = number(0)
    max_minutes: float = number(0.0)  # wall clock since the run's start, last validation included
    tokens_per_batch: int = number(2048, least=1)  # max(source, target) length x sentences; patches x images
    accumulate: int = number(1, least=1)  # batches per optimizer step
    learning_rate: float = number(2e-3, least=1e-9)  # the peak, reached after the warm-up
    warmup: int = number(-1, least=-1)  # steps; -1: 200, or half of the budget where that is less
    schedule: str = one_of("linear", SCHEDULES)
    label_smoothing: float = number(0.1, below=1)
    clip: float = number(1.0, least=1e-9)  # largest gradient norm
    validate_every: int = number(0)  # steps; 0: ten times in the budget
    patience: int = number(0)  # validations without a better score before stopping; 0: never stop early
    seed: int = number(1, most=(1 << 63) - 1)
    precision: str = one_of("auto", PRECISIONS)
    optimizer: str = one_of("adam", OPTIMIZERS)  # muon: for the matrices of hidden layers, Adam for the rest
    adam_beta2: float = number(0.98, below=1)  # how slowly Adam's mean of squared gradients changes
    sentences_per_batch: int = number(0)  # or images, drawn at random; 0: as many as tokens_per_batch allow
    ema: float = number(0.0, below=1)  # decay of a moving average of the weights; 0: none
    keep_last: int = number(0)  # validations whose weights are averaged; 0: no such mean
    consistency: float = number(0.0)  # factor of the difference of two passes (R-Drop); 0: one pass
    consistency_from: float = number(0.0, below=1)  # share of the budget after which it begins
    share: float = number(1.0, least=1e-6, most=1)  # of the training examples, chosen by their content
    bpe_dropout: float = number(0.0, below=1)  # merges left out: training pairs in other pieces each epoch
    word_dropout: float = number(0.0, below=1)  # share of the input pieces hidden, of source and target
    guide: float = number(0.0)  # factor of how far a head is from the word links of the data; 0: not guided
    best_by: str = one_of("auto", BEST_BY)  # what the weights kept are best in; auto: as suits the task

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ema and self.keep_last:
            raise SeqformerError(
                "ema and keep last are two averages of the same weights; leave one of them out"
            )
        if self.keep_last == 1:
            raise SeqformerError("keep last is 1: a mean needs at least 2; leave it out for none")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by what they count: ``{"minutes": 4}``."""
        values = {name.removeprefix("max_"): getattr(self, name) for name in LIMITS}
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class DecodeConfig(Config):
    """How translations are searched for."""

    beam: int = number(5, least=1)
    length_penalty: float = number(1.0)  # A: hypotheses are ranked by log-probability / length ** A
    n_best: int = number(1, least=1)
    max_length: int = number(0)  # target pieces; 0: from the source length and the training data
    whole: bool = False  # translate each line at once, however many sentences it holds and however long it is
    early_stopping: bool = False  # end once W hypotheses have ended, even if one alive may score better
    min_length: int = number(0)  # target pieces before a translation may end
    no_repeat_ngram: int = number(0)  # no run of so many pieces comes twice; 0: they may
    diversity: float = number(0.0)  # taken off a log-probability for each better sibling (Li et al. 2016)
    coverage_penalty: float = number(
        0.0
    )  # factor of the coverage of the source (Wu et al. 2016, equation 14)
    replace_unknown: bool = False  # an unknown piece becomes the source word that it looked at most
    sample: bool = False  # draw translations at random, instead of searching for the most probable one
    temperature: float = number(1.0, least=1e-3)  # of sampling: below 1 bolder, above 1 more at random
    top_k: int = number(0)  # of sampling: only the so many most probable pieces; 0: all
    top_p: float = number(
        1.0, least=1e-6, most=1
    )  # of sampling: the fewest with this much of the probability
    seed: int = number(1, most=(1 << 63) - 1)  # of sampling
    mbr: int = number(0)  # samples, of which the one that is most like the others is taken; 0: no such choice

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mbr == 1:
            raise SeqformerError("mbr is 1: a choice needs at least 2 samples")
        if self.mbr and self.n_best > self.mbr:
            raise SeqformerError(f"an n-best list of {self.n_best} needs as many samples, not {self.mbr}")
        if not self.samples:
            for name in ("temperature", "top_k", "top_p", "seed"):
                if getattr(self, name) != getattr(type(self), name):
                    raise SeqformerError(f"{name.replace('_', '-')} does nothing without sampling")
        elif self.diversity or self.coverage_penalty:
            raise SeqformerError("samples do not compete: leave out diversity and the coverage penalty")
        if self.min_length and self.max_length and self.min_length >= self.max_length:
            raise SeqformerError(
                f"min length {self.min_length} and max length {self.max_length} leave no room for the end"
            )
        if not self.samples and self.n_best > self.beam:
            raise SeqformerError(
                f"an n-best list of {self.n_best} needs a beam of at least {self.n_best}, not {self.beam}"
            )

    @property
    def samples(self) -> int:
        """How many samples are drawn of a translation; 0: it is searched for."""
        return self.mbr or (self.n_best if self.sample else 0)


@dataclass(frozen=True)
class ServeConfig(Config):
    """How a service takes requests, and makes batches of what waits."""

    workers: int = number(1, least=1)  # processes that translate; each holds every model
    max_wait: float = number(10.0, most=60_000)  # milliseconds that a sentence waits for others at most
    batch_pieces: int = number(4096, least=1)  # source pieces, estimated, that close a batch
    queue: int = number(4000, least=1)  # sentences that may wait; one more counts for each 1,000 characters
    max_characters: int = number(100_000, least=1)  # of the texts of a request
    timeout: float = number(60.0, least=0.1, most=86_400)  # seconds to send a request, and to answer it


def names(kind: type[Config]) -> tuple[str, ...]:
    """Return the names of the settings of one kind."""
    return tuple(each.name for each in dataclasses.fields(kind))


def asked(kind: type[Config], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that are not None; a wrong name is a :class:`SeqformerError`."""
    known = names(kind)
    for name in settings:
        if name not in known:
            raise SeqformerError(f"there is no setting {name!r}: {nearest(name, known)}")
    return {name: value for name, value in settings.items() if value is not None}


def only(known: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that have a known name, in the order of the names."""
    return {name: values[name] for name in known if name in values}
