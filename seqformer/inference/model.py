"""A trained run that answers: translations, classes, attention, log-probabilities, alignments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from seqformer.config import DecodeConfig, asked
from seqformer.decoding import alignment, scoring
from seqformer.decoding.alignment import Aligner, BothAligner
from seqformer.decoding.constraints import Constraints
from seqformer.decoding.results import Translation
from seqformer.decoding.scoring import Scored
from seqformer.decoding.symmetrize import GROW_DIAG_FINAL
from seqformer.decoding.translator import Translator
from seqformer.decoding.workers import Workers
from seqformer.device import choose_device
from seqformer.engine import opening
from seqformer.engine.model import LineModel, PathLike
from seqformer.engine.opening import TORCH
from seqformer.engine.translator import FastTranslator
from seqformer.errors import RunError, SeqformerError
from seqformer.images.batches import Bytes
from seqformer.report.attention import Attention, ClassAttention
from seqformer.report.explanation import Explanation
from seqformer.runs import several
from seqformer.runs import shortlist as shortlists
from seqformer.runs.run import Run
from seqformer.tasks import text_task
from seqformer.tasks.classification import Classification, Classifier
from seqformer.text.languages import joined
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer


def open_run(run: PathLike | Run) -> Run:
    """Return a run that is open already, or that of a folder."""
    return run if isinstance(run, Run) else Run(run)


def open_runs(runs: PathLike | Run | Sequence[PathLike | Run]) -> list[Run]:
    """Return one run, or several, opened."""
    several_runs = [runs] if isinstance(runs, (str, Path, Run)) else list(runs)
    if not several_runs:
        raise SeqformerError("name at least one run")
    return [open_run(run) for run in several_runs]


@dataclass(frozen=True)
class Classified:
    """What one image was taken for."""

    label: str
    probability: float
    probabilities: dict[str, float]  # a class; they sum to 1

    def __str__(self) -> str:
        return self.label


class Model(LineModel):
    """A trained run that answers, or several as one. Made by :func:`load`."""

    def __init__(self, runs: Sequence[Run], predictor: Any) -> None:
        self.run, self.runs, self.predictor = runs[0], runs, predictor
        self._aligner: Aligner | BothAligner | None = None  # of translations

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the runs."""
        return tuple(run.folder for run in self.runs)

    @property
    def manifest(self) -> TextManifest:
        """What the run was trained on."""
        return text_task(self.run.task).manifest

    @property
    def tokenizer(self) -> Tokenizer:
        """What cuts lines into pieces."""
        return text_task(self.run.task).tokenizer

    @property
    def decode(self) -> DecodeConfig:
        """How the run's recipe says to search."""
        return self.run.configs.decode

    def decode_config(self, **settings: Any) -> DecodeConfig:
        """Return how to search: as the run's recipe says, but for what is not None among ``settings``."""
        if (given := asked(DecodeConfig, settings)) and not self.run.task.reads_text:
            said = " and ".join(name.replace("_", " ") for name in given)
            raise RunError(f"{self.run.folder} classifies images, and searches for nothing: leave out {said}")
        return super().decode_config(**settings)

    def __repr__(self) -> str:
        return f"<Model of {', '.join(map(repr, self.runs))}>"

    def alternatives(
        self,
        lines: Sequence[str],
        count: int,
        constraints: Constraints = Constraints(),  # noqa: B008 (it is immutable)
        config: DecodeConfig | None = None,
    ) -> list[list[Translation]]:
        """Return for each line up to ``count`` translations that differ in the word after the prefix.

        They come in the order of that word's probability; without a prefix it is the first word.
        """
        translator = self._single("finds alternatives")
        return translator.alternatives(list(lines), count, config or self.decode_config(), constraints)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Scored]:
        """Return how probable the target of each pair is as the translation of its source, in nats, with EOS.

        Both are normalised as in training; nothing is split or cut.
        """
        return scoring.score(self._single("scores"), pairs)

    def align(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        reverse: PathLike | Run | Model | None = None,
        symmetrize: str = GROW_DIAG_FINAL,
        layer: int | None = None,
        head: int | None = None,
    ) -> list[list[tuple[int, int]]]:
        """Return the word alignment of each pair: links (source word, target word), from 0, in their order.

        Words are those of the lines as given, between spaces. A pair with a blank side, or one too long for
        the model, has no links. ``reverse`` is a run that translates the other way: then links of both are
        symmetrized. ``layer`` and ``head``, from 1, replace the choice that :meth:`aligner` makes. To align
        many pairs batch by batch, make the aligner once. Raises :class:`SeqformerError`.
        """
        made = self.aligner(reverse=reverse, symmetrize=symmetrize, layer=layer, head=head, pairs=pairs)
        return [sorted(links or ()) for links in made.align(pairs)]

    def aligner(
        self,
        *,
        reverse: PathLike | Run | Model | None = None,
        symmetrize: str = GROW_DIAG_FINAL,
        layer: int | None = None,
        head: int | None = None,
        pairs: Sequence[tuple[str, str]] = (),
    ) -> Aligner | BothAligner:
        """Return what aligns pairs, after it has chosen which attention weights say the links.

        A run whose training was guided by word links has a head for it. Otherwise it chooses on validation
        pairs of the run, or where it has none on the first of ``pairs``, by the rules of
        :mod:`seqformer.decoding.alignment`. Raises :class:`SeqformerError`.
        """
        if len(self.runs) > 1:
            raise RunError("an ensemble has no attention of its own; align with one of its runs")
        forward, backward = self._single("aligns"), None
        guided, guided_reverse = self.run.configs.train.guide > 0, False
        if reverse is not None:
            other = reverse if isinstance(reverse, Model) else load(reverse, device=forward.device.type)
            backward = other._single("aligns")
            guided_reverse = other.run.configs.train.guide > 0
            if (spoken := forward.manifest.languages) == backward.manifest.languages and all(spoken):
                raise RunError(
                    f"{other.run.folder} translates {joined(*spoken)} too: the reverse must be a run of "
                    f"{joined(*reversed(spoken))}"
                )
        held = text_task(self.run.task)
        if held.manifest.pairs["valid"]:
            pairs = list(zip(*held.sentences("valid", alignment.SAMPLE)[:2], strict=True))
        sample = pairs[: alignment.SAMPLE]
        guides = (guided, guided_reverse)
        return alignment.aligner(forward, backward, sample, symmetrize, layer=layer, head=head, guided=guides)

    def aligned(
        self, lines: Sequence[str], best: list[list[Translation]], shown: Callable[[str], str] = str
    ) -> list[list[Translation]]:
        """Return the translations of each line with ``alignment``: for each word the words of the line.

        ``shown`` returns a text as it is printed, whose words these are. A line is aligned as one, even if it
        was translated in parts. Raises :class:`SeqformerError`.
        """
        if self._aligner is None:
            pairs = [(line, each.text) for line, of_line in zip(lines, best, strict=True) for each in of_line]
            self._aligner = self.aligner(pairs=pairs)
        return alignment.with_alignments(self._aligner, lines, best, shown)

    def _single(self, does: str) -> Translator:
        """Return the translator of this process. Raises :class:`SeqformerError` for several processes."""
        self.expect(text=True)
        if isinstance(self.predictor, Workers):
            raise SeqformerError(f"one process {does}; leave out workers")
        self._by_torch(does)
        assert isinstance(self.predictor, Translator)
        return self.predictor

    def _by_torch(self, does: str) -> None:
        """Refuse what CTranslate2 does not do; :class:`SeqformerError`."""
        if isinstance(self.predictor, FastTranslator):
            raise SeqformerError(f"torch alone {does}; load the run with that engine")

    def explain(self, what: str, **settings: Any) -> Explanation:
        """Return every number on the way of one input through the model, box by box.

        ``what`` and ``settings`` are as for :meth:`attention`. Raises :class:`SeqformerError` for several
        models, and several processes.
        """
        if len(self.runs) > 1 or isinstance(self.predictor, Workers):
            raise SeqformerError("one model is explained, in one process")
        self._by_torch("explains")
        return self.run.task.explain(self.predictor, what, self.decode_config(**settings))

    def attention(self, what: str, **settings: Any) -> Attention | ClassAttention:
        """Return what every head of every layer looked at in one input.

        ``what`` is a sentence, which is translated; or the number of a test image, or a PNG. ``settings`` are
        as for :meth:`translate`.
        """
        self._by_torch("shows attention")
        config = self.decode_config(**settings)
        return self.run.task.look(self.predictor, what, config)  # type: ignore[return-value]

    @overload
    def classify(self, images: PathLike | Bytes) -> Classified: ...
    @overload
    def classify(self, images: list[Any]) -> list[Classified]: ...
    def classify(self, images: Any) -> Any:
        """Classify an image, or each of a list: paths of PNGs, or bytes (C, H, W) or (H, W)."""
        self.expect(text=False)
        task, classifier = self.run.task, self.predictor
        assert isinstance(task, Classification) and isinstance(classifier, Classifier)
        several = isinstance(images, list)
        pixels = [self._pixels(task, image) for image in (images if several else [images])]
        answers = []
        for row in classifier.classify(np.stack(pixels)).tolist() if pixels else []:
            best = max(range(len(row)), key=row.__getitem__)
            answers.append(
                Classified(
                    classifier.classes[best], row[best], dict(zip(classifier.classes, row, strict=True))
                )
            )
        return answers if several else answers[0]

    @staticmethod
    def _pixels(task: Classification, image: Any) -> Bytes:
        if isinstance(image, (str, Path)):
            return task.read_png(Path(image))
        held = task.manifest
        pixels = np.asarray(image)
        pixels = pixels[None] if pixels.ndim == 2 else pixels
        expected = (held.channels, held.image_height, held.image_width)
        if pixels.dtype != np.uint8 or pixels.shape != expected:
            raise SeqformerError(
                f"an image must be bytes of the shape {expected}, not {pixels.dtype} of {pixels.shape}"
            )
        return pixels

    def expect(self, *, text: bool) -> None:
        """Refuse a run that does not translate, or that does; :class:`RunError`."""
        if self.run.task.reads_text != text:
            does = "translates" if self.run.task.reads_text else "classifies images"
            raise RunError(f"{self.run.folder} {does}; name another run")

    def close(self) -> None:
        """End the worker processes, where there are some."""
        if isinstance(self.predictor, Workers):
            self.predictor.close()


def load(
    run: PathLike | Run | Sequence[PathLike | Run],
    *,
    device: str = "auto",
    precision: str = "fp32",
    workers: int = 1,
    engine: str = TORCH,
    shortlist: bool = False,
) -> Model:
    """Open a run as a model that translates or classifies; or several of the same pieces as one ensemble.

    ``precision`` is what it computes in: fp32, bf16, or auto for the faster one here. ``workers`` are
    processes that share many sentences. ``engine`` is torch, ctranslate2, or auto for CTranslate2 where it is
    installed and can translate this run; it translates the same lines, and does nothing else. Its precision
    is fp32 or int8. ``shortlist`` leaves out target pieces that are unlikely for a batch, by the run's
    shortlist (:mod:`seqformer.decoding.shortlist`), which is made from its training pairs now where it keeps
    none. Raises :class:`RunError`.
    """
    if workers < 1:
        raise SeqformerError(f"workers is {workers}: it must be at least 1")
    opened = open_runs(run)
    if workers > 1 and not opened[0].task.reads_text:
        raise RunError(f"{opened[0].folder} classifies images, in one process")
    chosen = opening.choose(engine, opened, device=device, precision=precision, workers=workers)
    if chosen != TORCH:
        return Model(opened, opening.translator(opened[0], precision, shortlist))
    if workers == 1:
        return Model(opened, several.predictor(opened, device, precision, shortlist))
    choose_device(device)
    if shortlist:
        several.check_single(opened)
        shortlists.kept(opened[0])  # made once, before each process asks for it
    folders = tuple(run.folder for run in opened)
    opens = partial(several.open_predictor, folders, device, precision, shortlist)
    return Model(opened, Workers(opens, workers))


def average(runs: Sequence[PathLike | Run], out: PathLike) -> Run:
    """Make the run ``out`` of the mean of the weights of several runs of one shape and the same pieces.

    It helps for trainings that began alike, such as fine-tunings of one run. Raises :class:`RunError`.
    """
    return several.average(open_runs(runs), Path(out))
