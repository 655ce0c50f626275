"""The few knobs, in frozen dataclasses, checked when made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seqformer.errors import SeqformerError, nearest

NORMS = ("post", "pre")
POSITIONS = ("sinusoidal", "sinusoidal-split", "learned", "none")
ACTIVATIONS = ("relu", "gelu", "silu")
SCHEDULES = ("linear", "inverse-sqrt", "constant")
PRECISIONS = ("auto", "fp32", "bf16")
LIMITS = ("max_minutes", "max_steps", "max_epochs")
CHANGEABLE = (*LIMITS, "patience", "validate_every")  # by a resumed run; all else stays as it was begun


def _choose(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SeqformerError(f"{name} {value!r} is not known: {nearest(value, known)}")


# what a model may ask for at most, far beyond what any machine trains: a damaged number is told as such
MOST = {
    "layers": 256, "width": 1 << 16, "feed_forward": 1 << 18, "vocabulary": 1 << 24, "positions": 1 << 24,
    "pixels": 1 << 16, "classes": 1 << 20,
}  # fmt: skip


def _at_most(kind: str, **values: int) -> None:
    for name, value in values.items():
        if value > MOST[kind]:
            raise SeqformerError(f"{name.replace('_', ' ')} is {value}: it can be at most {MOST[kind]:,}")


def _at_least(low: float, **values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value) or value < low:
            raise SeqformerError(f"{name.replace('_', ' ')} is {value}: it must be at least {low:g}")


def _fraction(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:
            raise SeqformerError(f"{name.replace('_', ' ')} is {value}: it must be at least 0 and below 1")


@dataclass(frozen=True)
class ModelConfig:
    """The shape of an encoder-decoder (Vaswani et al. 2017, section 3 and table 3)."""

    source_vocabulary: int  # pieces, special symbols included
    target_vocabulary: int
    joint: bool = True  # one matrix for source, target and output embeddings (section 3.4)
    arch: str = "transformer"
    encoder_layers: int = 3
    decoder_layers: int = 3
    width: int = 256  # D, the paper's d_model
    heads: int = 4  # H
    feed_forward: int = 1024  # the paper's d_ff
    dropout: float = 0.1
    norm: str = "post"  # LayerNorm after each residual sum (the paper), or before each sublayer
    positions: str = "sinusoidal"
    max_positions: int = 512  # pieces, of learned positions; sinusoids have no end
    causal: bool = True  # False, an experiment: in training each target position sees those after it
    activation: str = "relu"
    output_bias: bool = False  # added to the logits; Marian's models have one
    bidirectional: bool = False  # a recurrent encoder reads the source in both directions

    def __post_init__(self) -> None:
        _at_least(
            1,
            source_vocabulary=self.source_vocabulary,
            target_vocabulary=self.target_vocabulary,
            encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers,
            width=self.width,
            heads=self.heads,
            feed_forward=self.feed_forward,
            max_positions=self.max_positions,
        )
        _at_most("layers", encoder_layers=self.encoder_layers, decoder_layers=self.decoder_layers)
        _at_most("width", width=self.width)
        _at_most("feed_forward", feed_forward=self.feed_forward)
        _at_most("positions", max_positions=self.max_positions)
        _at_most(
            "vocabulary", source_vocabulary=self.source_vocabulary, target_vocabulary=self.target_vocabulary
        )
        _fraction(dropout=self.dropout)
        _choose("architecture", self.arch, tuple(ARCHITECTURES))
        _choose("norm", self.norm, NORMS)
        _choose("positions", self.positions, POSITIONS)
        _choose("activation", self.activation, ACTIVATIONS)
        if self.width % self.heads and "heads" in ARCHITECTURES[self.arch]:
            raise SeqformerError(f"width {self.width} cannot be shared among {self.heads} heads evenly")
        if self.width % 2 and (self.positions.startswith("sinusoidal") or self.bidirectional):
            raise SeqformerError(
                f"width {self.width} is odd: sines and cosines, and directions, need an even one"
            )
        if self.joint and self.source_vocabulary != self.target_vocabulary:
            raise SeqformerError("a joint vocabulary has one size for source and target")


@dataclass(frozen=True)
class VitConfig:
    """The shape of a Vision Transformer (Dosovitskiy et al. 2021, section 3.1)."""

    image_height: int  # of the images as they are given, in pixels
    image_width: int
    channels: int
    classes: int
    patch: int = 7  # side of a patch, in pixels
    resize: int = 0  # side of the square that images are resized to first; 0: they stay as they are
    encoder_layers: int = 3
    width: int = 96  # D
    heads: int = 4  # H
    feed_forward: int = 192
    dropout: float = 0.1
    norm: str = "pre"
    activation: str = "gelu"

    def __post_init__(self) -> None:
        _at_least(
            1,
            image_height=self.image_height,
            image_width=self.image_width,
            channels=self.channels,
            patch=self.patch,
            encoder_layers=self.encoder_layers,
            width=self.width,
            heads=self.heads,
            feed_forward=self.feed_forward,
        )
        _at_least(2, classes=self.classes)
        _at_most("layers", encoder_layers=self.encoder_layers)
        _at_most("width", width=self.width)
        _at_most("feed_forward", feed_forward=self.feed_forward)
        _at_most("classes", classes=self.classes)
        sides = {"image_height": self.image_height, "image_width": self.image_width, "patch": self.patch}
        _at_most("pixels", resize=self.resize, channels=self.channels, **sides)
        _at_least(0, resize=self.resize)
        _fraction(dropout=self.dropout)
        _choose("norm", self.norm, NORMS)
        _choose("activation", self.activation, ACTIVATIONS)
        if self.width % self.heads:
            raise SeqformerError(f"width {self.width} cannot be shared among {self.heads} heads evenly")
        height, width = self.size
        if height % self.patch or width % self.patch:
            raise SeqformerError(
                f"images of {height}x{width} pixels cannot be cut into patches of {self.patch}x{self.patch}; "
                f"scale them first, or take a preset that resizes them: vit-d2l"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what is cut into patches."""
        return (self.resize, self.resize) if self.resize else (self.image_height, self.image_width)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.size[0] // self.patch, self.size[1] // self.patch

    @property
    def tokens(self) -> int:
        """Length of the sequence an image becomes, its class token included."""
        return 1 + self.grid[0] * self.grid[1]


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. A limit of 0 means none."""

    max_steps: int = 0
    max_epochs: int = 0
    max_minutes: float = 0.0  # wall clock, last validation included
    tokens_per_batch: int = 2048  # max(source, target) length x sentences; patches x images
    accumulate: int = 1  # batches per optimizer step
    learning_rate: float = 2e-3  # the peak, reached after the warm-up
    warmup: int = 200  # steps
    schedule: str = "linear"
    label_smoothing: float = 0.1
    clip: float = 1.0  # largest gradient norm
    validate_every: int = 0  # steps; 0: ten times in the budget
    patience: int = 0  # validations without a better score before stopping; 0: never stop early
    seed: int = 1
    precision: str = "auto"

    def __post_init__(self) -> None:
        _at_least(
            0,
            max_steps=self.max_steps,
            max_epochs=self.max_epochs,
            max_minutes=self.max_minutes,
            warmup=self.warmup,
            validate_every=self.validate_every,
            patience=self.patience,
            seed=self.seed,
        )
        _at_least(1, tokens_per_batch=self.tokens_per_batch, accumulate=self.accumulate)
        if self.seed >= 1 << 63:
            raise SeqformerError(f"seed is {self.seed}: it must have at most 63 bits")
        _at_least(1e-9, learning_rate=self.learning_rate, clip=self.clip)
        _fraction(label_smoothing=self.label_smoothing)
        _choose("schedule", self.schedule, SCHEDULES)
        _choose("precision", self.precision, PRECISIONS)


@dataclass(frozen=True)
class DecodeConfig:
    """How translations are searched for."""

    beam: int = 5
    length_penalty: float = 1.0  # A: hypotheses are ranked by log-probability / length ** A
    n_best: int = 1
    max_length: int = 0  # target pieces; 0: from the source length and the training data
    early_stopping: bool = False  # end once W hypotheses have ended, though one alive may score better

    def __post_init__(self) -> None:
        _at_least(1, beam=self.beam, n_best=self.n_best)
        _at_least(0, length_penalty=self.length_penalty, max_length=self.max_length)
        if self.n_best > self.beam:
            raise SeqformerError(
                f"an n-best list of {self.n_best} needs a beam of at least {self.n_best}, not {self.beam}"
            )


# the experiment of Dive into Deep Learning, "The Bahdanau Attention Mechanism" and "The Transformer
# Architecture": 512 pairs in four batches (here of similar lengths), 30 epochs at one learning rate, nothing
# smoothed, and the last weights kept: the only validation is that of the 120th and last step
_CHAPTER = {
    "width": 256, "dropout": 0.2, "encoder_layers": 2, "decoder_layers": 2, "max_epochs": 30,
    "validate_every": 120, "tokens_per_batch": 800, "schedule": "constant", "warmup": 0,
    "label_smoothing": 0.0, "clip": 1.0, "precision": "fp32",
}  # fmt: skip

# preset -> what it sets, of model and recipe: the paper's base model, smaller ones that learn on two
# processor cores, one that suits the recurrent model, and the chapter's two
PRESETS: dict[str, dict[str, Any]] = {
    "toy": {"encoder_layers": 2, "decoder_layers": 2, "width": 128, "heads": 8, "feed_forward": 256},
    "tiny": {"encoder_layers": 4, "decoder_layers": 4, "width": 128, "heads": 4, "feed_forward": 256},
    "small": {"encoder_layers": 3, "decoder_layers": 3, "width": 256, "heads": 4, "feed_forward": 1024},
    "base": {"encoder_layers": 6, "decoder_layers": 6, "width": 512, "heads": 8, "feed_forward": 2048},
    "gru": {"arch": "bahdanau", "encoder_layers": 2, "decoder_layers": 2, "width": 256, "dropout": 0.2},
    "d2l": _CHAPTER | {"norm": "post", "heads": 4, "feed_forward": 64, "learning_rate": 1e-3},
    "d2l-bahdanau": _CHAPTER | {"arch": "bahdanau", "learning_rate": 5e-3},
}

# Vision Transformers; the first is taken where none is named, the second is that of d2l, section 11.8
VIT_PRESETS: dict[str, dict[str, int]] = {
    "vit-small": {"patch": 7, "encoder_layers": 3, "width": 96, "heads": 4, "feed_forward": 192},
    "vit-d2l": {
        "resize": 96, "patch": 16, "encoder_layers": 2, "width": 512, "heads": 8, "feed_forward": 2048
    },
}  # fmt: skip
VIT_RECIPES: dict[str, dict[str, Any]] = {
    "vit-small": {"tokens_per_batch": 128 * 17, "learning_rate": 2e-3, "max_epochs": 20},
    "vit-d2l": {"tokens_per_batch": 128 * 37, "learning_rate": 3e-4, "max_epochs": 10},
}

# what toy tasks are trained with where nothing else is asked for: they have one right answer, so
# nothing is smoothed or dropped, and lengths are told apart more finely in fp32
_EXACT = {"dropout": 0.0, "label_smoothing": 0.0, "precision": "fp32"}
TASK_RECIPES: dict[str, dict[str, Any]] = {
    "alternating": _EXACT | {"learning_rate": 5e-4, "tokens_per_batch": 1024, "max_steps": 1000},
    "copy": _EXACT | {"learning_rate": 1e-3, "tokens_per_batch": 1024, "max_steps": 1500},
    "reverse": _EXACT | {"learning_rate": 1e-3, "tokens_per_batch": 1024, "max_steps": 1500},
    "sort": _EXACT | {"learning_rate": 1e-3, "tokens_per_batch": 1024, "max_steps": 1500},
}

# architecture -> the fields of ModelConfig that only it uses
ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "transformer": (
        "heads",
        "feed_forward",
        "norm",
        "positions",
        "max_positions",
        "causal",
        "activation",
        "output_bias",
    ),
    "bahdanau": ("bidirectional",),
}


def check_used(arch: str, given: Iterable[str]) -> None:
    """Refuse a field of another architecture, which would change nothing."""
    for name in given:
        owners = [kind for kind, fields in ARCHITECTURES.items() if name in fields]
        if owners and arch not in owners:
            raise SeqformerError(
                f"{name.replace('_', ' ')} does nothing in architecture '{arch}'; it belongs to {owners[0]}"
            )


def preset_for(arch: str, pairs: int) -> str:
    """The preset that suits an architecture and a corpus of so many pairs."""
    if arch == "bahdanau":
        return "gru"
    return "tiny" if pairs < 20_000 else "small" if pairs < 300_000 else "base"


def peak_rate(width: int) -> float:
    """A peak learning rate that suits a model of this width: 2e-3 at 256, less for wider ones."""
    return float(round(2e-3 * math.sqrt(256 / max(width, 128)), 6))


def epochs_for(pairs: int) -> int:
    """Epochs for a corpus of so many pairs, where nothing else limits a training."""
    return min(60, max(3, 600_000 // pairs))


def check_preset(name: str, known: dict[str, dict[str, int]] = PRESETS) -> str:
    """The name itself, or a :class:`SeqformerError` that suggests the nearest one."""
    _choose("preset", name, tuple(known))
    return name


def to_json(config: ModelConfig | VitConfig | TrainConfig | DecodeConfig) -> dict[str, Any]:
    """The configuration as plain JSON values."""
    return dataclasses.asdict(config)
