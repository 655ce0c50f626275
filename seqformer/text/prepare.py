"""From raw pairs to a prepared folder: clean, split, learn the pieces, encode, describe."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from seqformer.errors import DataError, nearest
from seqformer.files import whole_folder
from seqformer.text import corpus, store, tasks, tokenizer
from seqformer.text.corpus import Cleaner, Filter, Normalizer
from seqformer.text.store import Manifest, Writer
from seqformer.text.tasks import Pair
from seqformer.text.tokenizer import SPECIALS, UNK, Tokenizer

CHUNK = 10_000  # lines in memory at a time
SIDES = ("source", "target")
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
    max_pairs: int = 0
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
) -> Manifest:
    """Prepare pairs into the folder ``out``, which appears whole or not at all.

    ``held_out`` may hold ``valid`` and ``test`` pairs of their own; a part not given is split off
    by source sentence. Raises :class:`DataError` for a corpus that cannot be used.
    """
    with whole_folder(out, replaces=store.MANIFEST) as folder:
        cleaner = Cleaner(options.normalizer, options.filter, options.max_pairs)
        given = {
            part: corpus.write_pairs(folder / f"{part}.tsv", _both_sides(rows, options.normalizer))
            for part, rows in held_out.items()
        }
        for part, count in given.items():
            if not count:
                raise DataError(f"the {part} files hold no pair with both sides")
        taken = frozenset(corpus.fingerprint(s) for part in given for s, _ in _rows(folder / f"{part}.tsv"))
        spool = folder / "spool.tsv"
        if not corpus.write_pairs(spool, cleaner(pairs, taken)):
            why = ", ".join(f"{reason}: {n}" for reason, n in cleaner.dropped.most_common())
            raise DataError("no pair is left to train on" + (f" ({why})" if why else ": the corpus is empty"))
        if options.in_order:
            split_in_order(spool, folder, options.valid_size)
        else:
            split(spool, folder, given, options)
        spool.unlink()
        return _encode(folder, out.name, "translation", options, cleaner, files or [])


def prepare_task(name: str, out: Path, seed: int) -> Manifest:
    """Prepare a toy task: its own splits, word pieces, no filter."""
    parts = tasks.generate(name, seed)
    with whole_folder(out, replaces=store.MANIFEST) as folder:
        for part in SPLITS:
            corpus.write_pairs(folder / f"{part}.tsv", getattr(parts, part))
        options = Options(model_type="word", seed=seed)
        cleaner = Cleaner(options.normalizer, options.filter)
        cleaner.seen = sum(len(getattr(parts, part)) for part in SPLITS)
        return _encode(folder, out.name, name, options, cleaner, [])


def _both_sides(pairs: Iterable[Pair], normalizer: Normalizer) -> Iterator[Pair]:
    for raw_source, raw_target in pairs:
        source, target = normalizer(raw_source), normalizer(raw_target)
        if source and target:
            yield source, target


def _rows(path: Path) -> Iterator[Pair]:
    for line in corpus.read_lines(path):
        source, _, target = line.partition("\t")
        yield source, target


def split(spool: Path, folder: Path, given: dict[str, int], options: Options) -> None:
    """Write train.tsv and those of valid.tsv and test.tsv that were not given."""
    valid, test = corpus.choose_held_out(
        (source for source, _ in _rows(spool)),
        0 if "valid" in given else options.valid_size,
        0 if "test" in given else options.test_size,
        options.seed,
    )
    parts: dict[str, list[Pair]] = {"valid": [], "test": []}

    def rest() -> Iterator[Pair]:
        for source, target in _rows(spool):
            mark = corpus.fingerprint(source, options.seed)
            if mark in valid:
                parts["valid"].append((source, target))
            elif mark in test:
                parts["test"].append((source, target))
            else:
                yield source, target

    corpus.write_pairs(folder / "train.tsv", rest())
    for part, rows in parts.items():
        if part not in given:
            corpus.write_pairs(folder / f"{part}.tsv", rows)


def split_in_order(spool: Path, folder: Path, valid_size: int) -> None:
    """The last pairs become valid and also test; a source may stand on both sides of the edge."""
    edge = sum(1 for _ in _rows(spool)) - valid_size
    if edge < 1:
        raise DataError(
            f"{edge + valid_size} pairs are too few to train on: the last {valid_size} are held out"
        )
    rows = _rows(spool)
    corpus.write_pairs(folder / "train.tsv", islice(rows, edge))
    corpus.write_pairs(folder / "valid.tsv", rows)
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
        "train": counts.encode(folder, "train", cleaner.dropped),
        "valid": counts.encode(folder, "valid", Counter()),
        "test": sum(1 for _ in _rows(folder / "test.tsv")),
    }
    if not pairs["train"]:
        raise DataError(
            f"no training pair has at most {options.max_pieces} pieces a side; raise --max-pieces"
        )
    (folder / "train.tsv").unlink()
    manifest = Manifest(
        name=name,
        kind=kind,
        normalizer=asdict(options.normalizer),
        model_type=options.model_type,
        seed=options.seed,
        pairs=pairs,
        seen=cleaner.seen,
        dropped=dict(cleaner.dropped),
        dtype=counts.dtype,
        vocabulary=vocabulary,
        vocabulary_asked=str(options.vocab_size or "auto"),
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

    def lines(*columns: int) -> Iterator[str]:
        return (row[column] for row in _rows(train) for column in columns)

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


class Encoded:
    """Encodes the splits of a folder and counts what it sees."""

    def __init__(self, learned: Tokenizer, max_pieces: int, cut: bool, dtype: str) -> None:
        self.sides = {"source": learned.source, "target": learned.target}
        self.max_pieces = max_pieces
        self.cut = cut
        self.dtype = dtype
        self.tokens: Counter[str] = Counter()  # in train
        self.all_tokens: Counter[str] = Counter()  # in train and valid
        self.unknown: Counter[str] = Counter()
        self.longest: dict[str, int] = dict.fromkeys(SIDES, 0)
        self.length_ratio = 1.0
        self.hash = hashlib.blake2b()

    def encode(self, folder: Path, split: str, dropped: Counter[str]) -> int:
        """Encode ``{split}.tsv`` into the store; returns how many pairs were kept."""
        writers = [Writer(folder, f"{split}.{side}", self.dtype) for side in SIDES]
        rows, count = _rows(folder / f"{split}.tsv"), 0
        while chunk := list(islice(rows, CHUNK)):
            encoded = [self.sides[side].encode([row[i] for row in chunk]) for i, side in enumerate(SIDES)]
            if self.cut:
                encoded = [[line[: self.max_pieces] for line in lines] for lines in encoded]
            pairs = list(zip(*encoded, strict=True))
            if split == "train":
                fitting = [p for p in pairs if max(map(len, p)) <= self.max_pieces]
                if len(fitting) < len(pairs):
                    dropped[f"longer than {self.max_pieces} pieces"] += len(pairs) - len(fitting)
                pairs = fitting
                for source, target in pairs:
                    self.length_ratio = max(self.length_ratio, (len(target) + 1) / (len(source) + 1))
            for i, side in enumerate(SIDES):
                self._count(split, side, [pair[i] for pair in pairs])
                writers[i].extend([pair[i] for pair in pairs])
            count += len(pairs)
        for writer in writers:
            writer.close()
        return count

    def _count(self, split: str, side: str, lines: list[list[int]]) -> None:
        tokens = sum(map(len, lines))
        self.all_tokens[side] += tokens
        self.unknown[side] += sum(line.count(UNK) for line in lines)
        if split == "train":
            self.tokens[side] += tokens
            self.longest[side] = max([self.longest[side], *map(len, lines)])
            self.hash.update(repr(lines).encode())
