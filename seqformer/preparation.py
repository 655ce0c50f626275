"""Preparing: pairs, files, corpora by name, toy tasks or images, each into a folder of its own."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from rich.console import RenderableType

from seqformer import __version__
from seqformer.config import PrepareConfig, asked, names, only
from seqformer.console import html
from seqformer.engine.model import PathLike
from seqformer.errors import SeqformerError
from seqformer.formats import corpora, streams
from seqformer.formats import corpus as reading
from seqformer.formats.columns import Columns
from seqformer.formats.guide import Guide
from seqformer.images import prepare as image_preparing
from seqformer.inference.evaluation import Files
from seqformer.inference.model import load, open_run
from seqformer.presets import Recipe, recipe_from
from seqformer.runs.layout import WEIGHTS
from seqformer.runs.run import Run
from seqformer.storage.files import digest, locked
from seqformer.storage.manifest import destination
from seqformer.storage.share import lowest
from seqformer.tasks import open_task, text_task
from seqformer.tasks.task import Task
from seqformer.text import languages, rows
from seqformer.text import prepare as preparing
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages
from seqformer.text.mix import Share, mix, origin_of
from seqformer.text.normalize import NORMALIZATION
from seqformer.text.prepare import Like, Provenance
from seqformer.text.prepared import Terms
from seqformer.text.rows import Pair

SCORED = 2000  # pairs that are scored at a time
PREPARED = Path("prepared")
EMBEDDED = "en-fr"
PIECES = ("digits", "byte_fallback", "symbols", "character_coverage")
LIKE = (*NORMALIZATION, "model_type", "separate", "vocab_size", *PIECES)  # decided by the run
Given = PathLike | Iterable[PathLike] | Iterable[Pair] | None
HeldOut = PathLike | Files  # a file of pairs, or two aligned files


@dataclass(frozen=True)
class Prepared:
    """A prepared folder: what it holds, and the faults that were found in the data."""

    folder: Path
    task: Task[Any]
    faults: Faults = field(default_factory=Faults)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest and the faults as plain JSON values."""
        return {"folder": str(self.folder), **vars(self.task.manifest), "faults": self.faults.report()}

    def tables(self) -> list[RenderableType]:
        """Return what was kept, what was dropped, and examples, as tables."""
        return self.task.tables()

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        return f"<Prepared {self.folder}: {self.task.describe()}>"

    def _repr_html_(self) -> str:
        return html(*self.tables())


def prepare(
    pairs: Given = None,
    *,
    out: PathLike | None = None,
    files: Files | None = None,
    valid: HeldOut | None = None,
    test: HeldOut | None = None,
    swap: bool = False,
    columns: Columns = None,
    toy: str = "",
    style: str = "",
    like: PathLike | Run | None = None,
    recipe: PathLike | Recipe | None = None,
    score_with: PathLike | Run | None = None,
    score_keep: float | None = None,
    guide: PathLike | None = None,
    faults: Faults | None = None,
    **settings: Any,
) -> Prepared:
    """Prepare sentence pairs, or labelled images, for training.

    ``pairs`` is a file of pairs (:mod:`seqformer.formats.corpus` says which there are), several, or any
    iterable of pairs of strings; a folder of IDX files or of PNGs by class; the name of a corpus to fetch
    (``tatoeba:en-fr``; see :mod:`seqformer.formats.corpora`); or nothing, for the embedded English-French
    corpus. ``columns`` are those of source and target in a table that has more than two, such as ``(2, 4)``
    or ``"en,fr"``. ``files`` are two aligned files instead; ``valid`` and ``test`` are two such files, or a
    file of pairs, to validate and test on; ``swap`` translates from the second side to the first; ``toy``
    names a toy task instead. ``style="d2l"`` prepares as Dive into Deep Learning does; ``like`` takes text
    and pieces as a run has them, and holds out nothing that it was trained on. ``score_with`` is a run that
    translates the same way: of the pairs read, only the share ``score_keep`` stays whose target is the most
    probable translation of its source, by the mean log-probability of a piece. ``guide`` is a file of word
    links, such as ``0-0 1-2``, line by line with a table or two aligned files; they can guide a training.
    ``settings`` are fields of :class:`seqformer.config.PrepareConfig`, stronger than those of the ``recipe``.

    The folder ``out`` (``prepared/NAME`` where none is given) appears whole or not at all, and no folder
    that holds anything else is replaced: without ``out`` the next free name is taken, and where the same was
    prepared already there is nothing to do. Faults of the data are collected in ``faults``.
    Raises :class:`DataError` for data that cannot be used.
    """
    given = asked(PrepareConfig, settings)
    settings = recipe_from(recipe).prepare | given
    style = style or str(settings.pop("style", ""))
    images = isinstance(pairs, (str, Path)) and Path(pairs).is_dir()
    for what, used in (
        (toy and f"the toy task {toy}", ("seed",)),
        (images and "a folder of images", ("seed",)),
        (style and f"style {style}", ("languages",)),
        (like is not None and "the pieces of a run", tuple(set(names(PrepareConfig)) - set(LIKE))),
    ):
        for name in given:
            if what and name not in used:
                raise SeqformerError(f"{name} does nothing beside {what}; leave one of them out")
    if guide is not None and (toy or images):
        raise SeqformerError("word links are those of sentence pairs in files; leave them out")
    scorer = _scorer(score_with, score_keep, text=not (toy or images))
    again = faults is not None  # who collects faults wants them, whatever is there
    faults = faults or Faults()
    seed = int(settings.get("seed", 1))
    if toy:
        if any(each is not None for each in (pairs, files, valid, test, like)) or style or swap:
            raise SeqformerError(f"the toy task {toy} makes its own pairs; give it no others")
        make = partial(preparing.prepare_toy, toy, seed=seed)
        return prepare_into(PREPARED / toy, out, f"{toy}-{seed}", make, faults)
    if images:
        assert isinstance(pairs, (str, Path))
        return _images(Path(pairs), out, seed, faults)
    if style:
        config = replace(preparing.style(style), **only(("languages",), settings))
    else:
        config = replace(PrepareConfig() if pairs or files else preparing.EMBEDDED, **settings)
    base = _base(like, swap, faults)
    if base:
        config = replace(config, **base.settings(config.languages))
    data = _open(pairs, files, swap, columns, languages.parse(config.languages), faults)
    config = replace(config, languages=config.languages or languages.joined(*data.languages))
    if not style:
        valid, test = valid or data.valid, test or data.test
    links = _guide(guide, data, swap, faults)
    held_out = {
        name: _held_out(given, swap, columns, faults)
        for name, given in (("valid", valid), ("test", test))
        if given
    }

    def make_text(folder: Path, origin: str) -> None:
        preparing.prepare(
            scorer(data.pairs, faults) if scorer else data.pairs,
            held_out,
            folder,
            config,
            like=base.like if base else None,
            provenance=Provenance(data.files, origin, data.terms),
            faults=faults,
            links=links,
        )

    pieces = sorted(base.like.tokenizer.files().items()) if base else None
    how = [config, swap, columns, pieces, *([scorer.origin] if scorer else [])]
    how += [digest(links.path)] if links else []
    origin = _origin(how, data, valid, test)
    return prepare_into(PREPARED / data.name, out, origin, make_text, faults, again=again)


@dataclass(frozen=True)
class _Scorer:
    """Keeps the pairs that a run finds the most probable."""

    run: Run
    share: float

    @property
    def origin(self) -> str:
        """What identifies it: the digest of the weights, and the share."""
        return f"{digest(self.run.folder / WEIGHTS)} {self.share}"

    def __call__(self, pairs: Iterable[Pair], faults: Faults) -> Iterator[Pair]:
        """Yield the pairs to keep, in their order, each at its place; the others are noted as faults."""
        model, means = load(self.run, precision="auto"), array("f")
        placed = ((pair, faults.place) for pair in pairs)
        with TemporaryFile("w+", encoding="utf-8") as spool:
            while chunk := list(islice(placed, SCORED)):
                means.extend(scored.mean for scored in model.score([pair for pair, _ in chunk]))
                spool.writelines(json.dumps([*pair, place]) + "\n" for pair, place in chunk)
            dropped = set(lowest(means, self.share).tolist())
            spool.seek(0)
            for number, line in enumerate(spool):
                source, target, place = json.loads(line)
                faults.go_to(place)
                if number in dropped:
                    faults.skip("improbable", f"{source} | {target}")
                else:
                    yield source, target


def _scorer(run: PathLike | Run | None, share: float | None, *, text: bool) -> _Scorer | None:
    if run is None:
        if share is not None:
            raise SeqformerError("a share to keep does nothing without a run to score with; name both")
        return None
    if share is None or not 0 < share <= 1:
        raise SeqformerError(f"the share to keep is {share}: it must be above 0 and at most 1")
    opened = open_run(run)
    if not text or not opened.task.reads_text:
        raise SeqformerError(f"{opened.folder} scores sentence pairs, and nothing else")
    return _Scorer(opened, share)


def prepare_into(
    folder: Path,
    out: PathLike | None,
    origin: str,
    make: Callable[..., object],
    faults: Faults,
    *,
    again: bool = False,
) -> Prepared:
    """Prepare into ``out``, or into ``folder`` or the next free name, unless the same is there already."""
    wanted = folder if out is None else Path(out)
    with locked(wanted):
        place, there = destination(wanted, origin, fixed=out is not None)
        if there and not again:
            faults.remark(f"{place} has the same data, prepared in the same way: nothing to do.")
        else:
            if place != wanted:
                faults.remark(f"{wanted} holds other data and stays as it is; this is {place}.")
            make(place, origin=origin)
    return Prepared(place, open_task(place), faults)


def mixed(folders: Mapping[str, float] | Mapping[Path, float], seed: int = 1) -> Prepared:
    """Prepare a mixture of prepared folders, each with its weight: see :mod:`seqformer.text.mix`."""
    shares = []
    for folder, weight in folders.items():
        task = text_task(open_task(Path(folder)))
        shares.append(Share(task.folder, task.manifest, float(weight)))
    name = "+".join(share.manifest.name for share in shares)

    def make(place: Path, origin: str) -> None:
        mix(shares, place, origin, seed)

    return prepare_into(PREPARED / name, None, origin_of(shares), make, Faults())


def _images(images: Path, out: PathLike | None, seed: int, faults: Faults) -> Prepared:
    dataset = image_preparing.read_dataset(images, seed)

    def make(folder: Path, origin: str) -> None:
        image_preparing.prepare(dataset, [str(images)], folder, seed)

    origin = image_preparing.origin(dataset, seed)
    return prepare_into(PREPARED / images.resolve().name, out, origin, make, faults)


@dataclass(frozen=True)
class _Base:
    """The run that is to be trained further."""

    like: Like
    own: dict[str, Any]  # how its own data were prepared
    spoken: str  # its languages, in the new direction

    def settings(self, asked: str) -> dict[str, Any]:
        """Return the settings that it decides, and the languages, unless others are asked for."""
        return only((*NORMALIZATION, "model_type", *PIECES), self.own) | {"languages": asked or self.spoken}


def _base(like: PathLike | Run | None, swap: bool, faults: Faults) -> _Base | None:
    if like is None:
        return None
    run = open_run(like)
    text = text_task(run.task)
    earlier = text.seen(swap)
    if earlier.bits is None:
        faults.remark(
            f"What {run.folder} was trained on is not known: a sentence held out here may be among it"
        )
    source, target = text.manifest.languages
    spoken = languages.joined(*((target, source) if swap else (source, target)))
    manifest = text.manifest
    return _Base(Like(text.tokenizer, earlier, manifest.commands), manifest.prepare_settings, spoken)


@dataclass(frozen=True)
class _Data:
    """Pairs to be read once, and what is known of them."""

    pairs: Iterable[Pair]
    name: str
    files: tuple[str, ...]  # as they are shown
    digested: list[Any] | None  # what identifies them: paths, or pairs; None where they can be read only once
    languages: Languages = reading.UNKNOWN
    numbered: Path | None = None  # whose line n holds pair n, or a side of it; None: there is none such
    terms: Terms = field(default_factory=Terms)
    valid: Files | None = None  # that come with a corpus
    test: Files | None = None


def _open(
    pairs: Given, files: Files | None, swap: bool, columns: Columns, asked: Languages, faults: Faults
) -> _Data:
    """Open what is given. Languages are source and target of the translation: ``swap`` has been applied."""
    if pairs is not None and files is not None:
        raise SeqformerError("give either files of pairs, or two aligned files, not both")
    name = corpora.name_of(pairs)
    if columns and (files is not None or pairs is None or name):
        raise SeqformerError("columns are those of a table; leave them out")
    if name:
        return _named(name, swap, faults)
    if files is not None:
        source, target = (Path(path) for path in (reversed(files) if swap else files))
        paths = list(map(Path, files))
        found = reading.side_languages(source, target)
        return _files(_aligned(files, swap, faults), paths, found, source)
    given = [pairs] if isinstance(pairs, (str, Path)) else rows.embedded() if pairs is None else pairs
    if not isinstance(given, (list, tuple)) or not all(isinstance(each, (str, Path)) for each in given):
        if columns:
            raise SeqformerError("columns are those of a table; leave them out")
        read = rows.numbered(given, faults)  # type: ignore[arg-type]
        known = list(given) if isinstance(given, (list, tuple)) else None
        return _Data(_swapped(read, swap), "pairs", ("pairs",), known)
    paths = [Path(path) for path in given]
    opened = reading.open_corpus(paths, faults, asked=_turned(asked, swap), columns=columns)
    aligned = reading.aligned_files(paths, _turned(asked, swap))
    numbered = aligned[0] if aligned else paths[0] if len(paths) == 1 else None
    data = _files(_swapped(opened.pairs, swap), paths, _turned(opened.languages, swap), numbered)
    if pairs is None:
        shown = tuple(path.name for path in paths)
        return replace(data, name=EMBEDDED, files=shown, languages=_turned(("en", "fr"), swap))
    return data


def _named(name: str, swap: bool, faults: Faults) -> _Data:
    """Fetch a corpus that is named instead of a file."""
    if swap:
        raise SeqformerError(f"{name}: name its languages the other way round instead of swapping the sides")
    corpus = corpora.fetch(name)
    read = _aligned(corpus.files, swap, faults)
    paths = list(map(Path, corpus.files))
    data = _files(read, paths, languages.parse(corpus.languages), paths[0])
    return replace(
        data,
        name=corpus.name,
        files=(corpus.title,),
        terms=corpus.terms,
        valid=corpus.valid,
        test=corpus.test,
    )


def _files(read: Iterable[Pair], paths: list[Path], found: Languages, numbered: Path | None) -> _Data:
    return _Data(read, reading.corpus_name(paths), tuple(map(str, paths)), list(paths), found, numbered)


def _guide(path: PathLike | None, data: _Data, swap: bool, faults: Faults) -> Guide | None:
    if path is None:
        return None
    if data.numbered is None:
        raise SeqformerError("word links go with one file of pairs, or two aligned files; there is none such")
    return Guide(Path(path), data.numbered, faults, swap=swap)


def _aligned(files: Files, swap: bool, faults: Faults) -> Iterable[Pair]:
    source, target = (Path(path) for path in (reversed(files) if swap else files))
    streams.check([source, target])
    return reading.read_aligned(source, target, faults)


def _held_out(given: HeldOut, swap: bool, columns: Columns, faults: Faults) -> Iterable[Pair]:
    if not isinstance(given, (str, Path)):
        return _aligned(given, swap, faults)
    streams.check([Path(given)])
    return _swapped(_pairs_of(Path(given), columns, faults), swap)


def _pairs_of(path: Path, columns: Columns, faults: Faults) -> Iterator[Pair]:
    """Yield the pairs of a file, which is opened in its turn, so that faults are those of one file."""
    yield from reading.open_corpus([path], faults, columns=columns).pairs


def _swapped(pairs: Iterable[Pair], swap: bool) -> Iterable[Pair]:
    return ((target, source) for source, target in pairs) if swap else pairs


def _turned(pair: Languages, swap: bool) -> Languages:
    return (pair[1], pair[0]) if swap else pair


def _origin(settings: list[Any], data: _Data, *held_out: HeldOut | None) -> str:
    """Return a digest of settings, and of files or pairs; '' for pairs that can be read only once."""
    if data.digested is None:
        return ""
    mark = hashlib.blake2b(repr([__version__, *settings]).encode(), digest_size=16)
    for given in (data.digested, *held_out):
        for each in [given] if isinstance(given, (str, Path)) else given or ():
            is_file = isinstance(each, (str, Path))
            text = digest(streams.split_name(Path(each))[0]) if is_file else repr(each)
            mark.update(text.encode("utf-8", "surrogatepass") + b"\n")
        mark.update(b"\n")
    return mark.hexdigest()
