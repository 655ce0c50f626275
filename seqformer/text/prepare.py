"""From raw pairs to a prepared folder: clean, split, learn the pieces, encode, describe.

While that goes on, train.tsv has a third column: where each pair stands in the files it came from.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from seqformer.errors import DataError, nearest
from seqformer.files import whole_folder
from seqformer.text import cleaning, corpus, store, tasks, tokenizer
from seqformer.text.cleaning import Cleaner
from seqformer.text.corpus import Filter, Normalizer
from seqformer.text.encoding import SIDES, Encoded
from seqformer.text.faults import DROPPED, Faults
from seqformer.text.store import Manifest
from seqformer.text.tasks import Pair
from seqformer.text.tokenizer import SPECIALS, Tokenizer

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Options:
    """How a corpus is prepared."""

    normalizer: Normalizer = field(default_factory=Normalizer)
    filter: Filter | None = field(default_factory=Filter)  # None: every pair is kept
    model_type: str = "bpe"
    vocab_size: int = 0  # 0: from the data
    min_count: int = 1  # of word pieces: words that training has less often are unknown
    separate: bool = False  # a vocabulary for each side instead of a joint one
    tokenizer: Tokenizer | None = None  # taken as it is, nothing is learned
    max_pairs: int = 0  # only the first are read; 0: all
    max_pieces: int = 256  # longer training pairs are dropped
    cut: bool = False  # or cut there, in train and valid
    valid_size: int = 1000  # sources
    test_size: int = 1000
    in_order: bool = False  # the last ``valid_size`` pairs of the file are valid, and test the same
    seed: int = 1


# style -> the whole of its options. d2l: Dive into Deep Learning, "Machine Translation and the Dataset".
# Sentences have 8 words at most, which EOS makes the chapter's 9 steps. The chapter counts its words
# over all 640 pairs; here, as everywhere in this package, a vocabulary is learned from train alone.
STYLES: dict[str, Options] = {
    "d2l": Options(
        normalizer=Normalizer(lowercase=True, split_punctuation=True),
        filter=None,
        model_type="word",
        min_count=2,
        separate=True,
        max_pairs=640,
        max_pieces=8,
        cut=True,
        valid_size=128,
        in_order=True,
    )
}


def style(name: str) -> Options:
    """The options called ``name``, or an error that suggests the nearest name."""
    if name not in STYLES:
        raise DataError(f"there is no style '{name}': {nearest(name, STYLES)}")
    return STYLES[name]


def prepare(
    pairs: Iterable[Pair],
    held_out: dict[str, Iterable[Pair]],
    out: Path,
    options: Options,
    files: list[str] | None = None,
    faults: Faults | None = None,
) -> Manifest:
    """Prepare pairs into the folder ``out``, which appears whole or not at all.

    ``held_out`` may hold ``valid`` and ``test`` pairs of their own; a part not given is split off
    by source sentence. ``faults`` is the collector that the readers of the pairs note places in.
    Raises :class:`DataError` for a corpus that cannot be used.
    """
    if faults is None:
        faults = Faults()
        pairs = corpus.numbered(pairs, faults)
    if options.max_pairs:
        pairs = islice(pairs, options.max_pairs)
    cleaner = Cleaner(options.normalizer, options.filter, faults)
    with whole_folder(out, replaces=store.MANIFEST) as folder:
        given = {
            part: corpus.write_rows(folder / f"{part}.tsv", _evaluation_set(rows, options, faults))
            for part, rows in held_out.items()
        }
        for part, count in given.items():
            if not count:
                raise DataError(f"the {part} files hold no pair with both sides")
        taken = frozenset(
            corpus.fingerprint(source)
            for part in given
            for source, _ in corpus.read_rows(folder / f"{part}.tsv")
        )
        clean = folder / "clean.tsv"
        if not cleaning.clean(pairs, taken, cleaner, clean):
            why = ", ".join(f"{kind}: {n}" for kind, n in faults.dropped.most_common())
            raise DataError("no pair is left to train on" + (f" ({why})" if why else ": the corpus is empty"))
        faults.settle()
        if options.in_order:
            split_in_order(clean, folder, options.valid_size)
        else:
            split(clean, folder, given, options)
        clean.unlink()
        return _encode(folder, out.name, "translation", options, cleaner, files or [])


def prepare_task(name: str, out: Path, seed: int) -> Manifest:
    """Prepare a toy task: its own splits, word pieces, no filter."""
    parts = tasks.generate(name, seed)
    options = Options(model_type="word", seed=seed)
    cleaner = Cleaner(options.normalizer, options.filter)
    with whole_folder(out, replaces=store.MANIFEST) as folder:
        for part in SPLITS:
            corpus.write_rows(folder / f"{part}.tsv", getattr(parts, part))
        cleaner.seen = sum(len(getattr(parts, part)) for part in SPLITS)
        return _encode(folder, out.name, name, options, cleaner, [])


def _evaluation_set(pairs: Iterable[Pair], options: Options, faults: Faults) -> Iterator[Pair]:
    """Pairs given to validate or test on: faults are noted, but only a pair without a side is dropped."""
    faults.keeping = True
    for raw_source, raw_target in pairs:
        faults.look(raw_source, raw_target)
        source, target = options.normalizer(raw_source), options.normalizer(raw_target)
        if not source or not target:
            faults.note("empty side", f"{raw_source} | {raw_target}", DROPPED)
            continue
        kind = (options.filter or Filter()).fault(source, target)
        if kind:
            faults.judge(kind, raw_source, raw_target)
        yield source, target


def split(clean: Path, folder: Path, given: dict[str, int], options: Options) -> None:
    """Write train.tsv and those of valid.tsv and test.tsv that were not given."""
    valid, test = corpus.choose_held_out(
        (row[0] for row in corpus.read_rows(clean)),
        0 if "valid" in given else options.valid_size,
        0 if "test" in given else options.test_size,
        options.seed,
    )
    parts: dict[str, list[list[str]]] = {"valid": [], "test": []}

    def rest() -> Iterator[list[str]]:
        for row in corpus.read_rows(clean):
            mark = corpus.fingerprint(row[0], options.seed)
            if mark in valid:
                parts["valid"].append(row[:2])
            elif mark in test:
                parts["test"].append(row[:2])
            else:
                yield row

    corpus.write_rows(folder / "train.tsv", rest())
    for part, rows in parts.items():
        if part not in given:
            corpus.write_rows(folder / f"{part}.tsv", rows)


def split_in_order(clean: Path, folder: Path, valid_size: int) -> None:
    """The last pairs become valid and also test; a source may stand on both sides of the edge."""
    edge = sum(1 for _ in corpus.read_rows(clean)) - valid_size
    if edge < 1:
        raise DataError(
            f"{edge + valid_size} pairs are too few to train on: the last {valid_size} are held out"
        )
    rows = corpus.read_rows(clean)
    corpus.write_rows(folder / "train.tsv", islice(rows, edge))
    corpus.write_rows(folder / "valid.tsv", (row[:2] for row in rows))
    shutil.copyfile(folder / "valid.tsv", folder / "test.tsv")


def _encode(
    folder: Path, name: str, kind: str, options: Options, cleaner: Cleaner, files: list[str]
) -> Manifest:
    """Learn the vocabulary from train.tsv, encode, and write the manifest."""
    learned = _learn(folder / "train.tsv", options)
    for file, content in learned.files().items():
        (folder / file).write_bytes(content)
    vocabulary = {"source": len(learned.source), "target": len(learned.target)}
    counts = Encoded(learned, options.max_pieces, options.cut, store.dtype_for(vocabulary.values()))
    pairs = {
        "train": counts.encode(folder, "train", cleaner.faults),
        "valid": counts.encode(folder, "valid", cleaner.faults),
        "test": sum(1 for _ in corpus.read_rows(folder / "test.tsv")),
    }
    if not pairs["train"]:
        raise DataError(
            f"no training pair has at most {options.max_pieces} pieces a side; raise --max-pieces"
        )
    cleaner.faults.settle()
    (folder / "train.tsv").unlink()
    manifest = Manifest(
        name=name,
        kind=kind,
        normalizer=asdict(options.normalizer),
        model_type=options.model_type,
        seed=options.seed,
        pairs=pairs,
        seen=cleaner.seen + cleaner.faults.unread,
        dropped=dict(cleaner.faults.dropped),
        dtype=counts.dtype,
        vocabulary=vocabulary,
        vocabulary_asked="as it was" if options.tokenizer else str(options.vocab_size or "auto"),
        tokens=dict(counts.tokens),
        longest=dict(counts.longest),
        unknown={side: counts.unknown[side] / max(1, counts.all_tokens[side]) for side in SIDES},
        length_ratio=min(counts.length_ratio, store.MOST_RATIO),
        fingerprint=counts.hash.hexdigest()[:16],
        files=files,
        digests=store.digests(folder),
    )
    store.write_manifest(folder, manifest)
    return manifest


def _learn(train: Path, options: Options) -> Tokenizer:
    """A joint vocabulary, or one for each side."""
    if options.tokenizer:
        return options.tokenizer

    def lines(*columns: int) -> Iterator[str]:
        return (row[column] for row in corpus.read_rows(train) for column in columns)

    size = options.vocab_size
    if not size:
        characters = sum(len(line) for line in lines(0, 1))
        size = tokenizer.auto_size(characters) if options.model_type in ("unigram", "bpe") else 32_000

    def vocabulary(*columns: int) -> tokenizer.Vocabulary:
        most = size
        if options.min_count > 1:
            # a word model takes the most frequent words first, so that a size of just as many words as
            # are frequent enough leaves exactly the rarer ones unknown
            counted = Counter(word for line in lines(*columns) for word in line.split())
            most = SPECIALS + sum(count >= options.min_count for count in counted.values())
        return tokenizer.train(lambda: lines(*columns), options.model_type, most, options.seed)

    if options.separate:
        return Tokenizer(vocabulary(0), vocabulary(1))
    joint = vocabulary(0, 1)
    return Tokenizer(joint, joint)
