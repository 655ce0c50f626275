"""From raw pairs to a prepared folder: clean, split, learn the pieces, encode, describe.

Meanwhile train.tsv has a third column: the place of each pair in the files it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from seqformer.config import SUBWORDS, PrepareConfig
from seqformer.errors import DataError, nearest
from seqformer.storage.files import whole_folder
from seqformer.storage.manifest import MANIFEST, SPLITS
from seqformer.symbols import SPECIALS
from seqformer.text import familiar, languages, pieces, prepared, rows, tokenizer, toys
from seqformer.text.clean import Cleaner, Filter, clean
from seqformer.text.encode import SIDES, Encoded
from seqformer.text.faults import DROPPED, Faults
from seqformer.text.linked import Linker
from seqformer.text.normalize import Normalizer, normalizers
from seqformer.text.placeholders import Shield
from seqformer.text.prepared import Terms, TextManifest
from seqformer.text.rows import Pair, read_rows, write_rows
from seqformer.text.sentences import are_single
from seqformer.text.split import Earlier, Splits, Splitter, split_in_order
from seqformer.text.teaching import teach
from seqformer.text.tokenizer import Tokenizer

TASK = "translation"
EMBEDDED = PrepareConfig(lowercase=True, split_punctuation=True)  # for the corpus that comes with the package

# style -> all its settings. d2l: Dive into Deep Learning, "Machine Translation and the Dataset".
# Sentences have 8 words at most, with EOS the chapter's 9 steps, and words are counted over all 640 pairs.
STYLES: dict[str, PrepareConfig] = {
    "d2l": PrepareConfig(
        lowercase=True,
        split_punctuation=True,
        filter=False,
        model_type="word",
        min_count=2,
        separate=True,
        max_pairs=640,
        max_pieces=8,
        cut=True,
        valid_size=128,
        in_order=True,
        pieces_from_valid=True,
        rules=1,  # so that a score of earlier is a score of today
    )
}


@dataclass(frozen=True)
class Provenance:
    """Where data come from."""

    files: tuple[str, ...] = ()
    origin: str = ""  # see :class:`seqformer.storage.manifest.Manifest`
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True)
class Like:
    """What is taken from a run that is to be trained further."""

    tokenizer: Tokenizer
    earlier: Earlier  # what the run has seen
    commands: list[str] = field(default_factory=list)  # placeholders of its sources that are never hidden


def style(name: str) -> PrepareConfig:
    """Return the settings called ``name``; the error for an unknown name suggests the nearest."""
    if name not in STYLES:
        raise DataError(f"there is no style '{name}': {nearest(name, STYLES)}")
    return STYLES[name]


def prepare(
    pairs: Iterable[Pair],
    held_out: dict[str, Iterable[Pair]],
    out: Path,
    config: PrepareConfig,
    *,
    like: Like | None = None,
    provenance: Provenance | None = None,
    faults: Faults | None = None,
    links: Callable[[str, str], str] | None = None,
) -> TextManifest:
    """Prepare pairs into the folder ``out``, which is then complete or absent.

    ``held_out`` may hold separate ``valid`` and ``test`` pairs; a split not given is taken from ``pairs``
    by source sentence. ``like`` is what is taken from a run instead of learned. ``faults`` is the collector
    in which the readers of the pairs note places. ``links`` returns the links of the pair that was read last,
    as :func:`seqformer.text.linked.column` does.
    Raises :class:`DataError` for a corpus that cannot be used.
    """
    if faults is None:
        faults = Faults()
        pairs = rows.numbered(pairs, faults)
    config = replace(config, placeholders=config.placeholders and config.model_type in SUBWORDS)
    if config.max_pairs:
        pairs = islice(pairs, config.max_pairs)
    faults.rules = config.rules
    both = normalizers(config)
    pieces.symbols(config, both[0])  # refused before the corpus is read
    rules = Filter.of(config, faults)
    cleaner = Cleaner(both, rules, faults, keeping=not config.filter, links=links)
    with whole_folder(out, replaces=MANIFEST) as folder:
        given = {
            part: write_rows(folder / f"{part}.tsv", _evaluation_set(given, both, rules, faults))
            for part, given in held_out.items()
        }
        for part, count in given.items():
            if not count:
                raise DataError(f"the {part} files hold no pair with both sides")
        cleaned = folder / "clean.tsv"
        count = clean(pairs, cleaner, cleaned)
        if not count:
            why = ", ".join(f"{kind}: {n}" for kind, n in faults.dropped.most_common())
            raise DataError("no pair is left to train on" + (f" ({why})" if why else ": the corpus is empty"))
        faults.settle()
        if config.in_order:
            split_in_order(cleaned, folder, config.valid_size)
            splits = Splits([])
        else:
            splits = Splitter(cleaned, count, given, faults, like.earlier if like else None).split(config)
        cleaned.unlink()
        provenance = provenance or Provenance()
        return _encode(folder, out.name, config, cleaner, splits, provenance, like=like)


def prepare_toy(name: str, out: Path, seed: int, origin: str = "") -> TextManifest:
    """Prepare a toy task into a new folder: its own splits, word pieces, no filter."""
    config = PrepareConfig(model_type="word", seed=seed, placeholders=False)
    splits = toys.generate(name, seed)
    cleaner = Cleaner((Normalizer(), Normalizer()), Filter())
    with whole_folder(out, replaces=MANIFEST) as folder:
        for part in SPLITS:
            cleaner.seen += write_rows(folder / f"{part}.tsv", getattr(splits, part))
        return _encode(folder, out.name, config, cleaner, Splits([]), Provenance(origin=origin), toy=name)


def _evaluation_set(
    pairs: Iterable[Pair], both: tuple[Normalizer, Normalizer], rules: Filter, faults: Faults
) -> Iterator[Pair]:
    """Yield pairs for validation or test: faults are noted, but only a pair with an empty side is dropped."""
    faults.keeping = True
    for raw_source, raw_target in pairs:
        faults.look(raw_source, raw_target)
        source, target = both[0](raw_source), both[1](raw_target)
        if not source or not target:
            faults.note("empty side", f"{raw_source} | {raw_target}", DROPPED)
            continue
        kind = rules.fault(source, target)
        if kind:
            faults.judge(kind, raw_source, raw_target)
        yield source, target


def _encode(
    folder: Path,
    name: str,
    config: PrepareConfig,
    cleaner: Cleaner,
    splits: Splits,
    provenance: Provenance,
    *,
    toy: str = "",
    like: Like | None = None,
) -> TextManifest:
    """Learn the vocabulary, encode, and write the manifest."""
    shield = Shield(
        config.placeholders, frozenset([*config.symbols.split(), *(like.commands if like else [])])
    )
    hold = 0
    if shield.on:
        shield, hold = teach(folder / "train.tsv", shield, config.seed)
    learned = like.tokenizer if like else _learn(folder, config, cleaner)
    for file, content in learned.files().items():
        (folder / file).write_bytes(content)
    vocabulary = {"source": len(learned.source), "target": len(learned.target)}
    linker = Linker(cleaner.normalizers, learned) if cleaner.links else None
    dtype = prepared.dtype_for(vocabulary.values())
    counts = Encoded(learned, shield, config.max_pieces, config.cut, dtype, linker)
    pairs = {
        "train": counts.encode(folder, "train", cleaner.faults),
        "valid": counts.encode(folder, "valid", cleaner.faults),
        "test": sum(1 for _ in read_rows(folder / "test.tsv")),
    }
    if not pairs["train"]:
        raise DataError(
            f"no training pair has at most {config.max_pieces} pieces a side; raise max_pieces (--max-pieces)"
        )
    if linker and not counts.linked:
        raise DataError("no pair that is left to train on has a link; are the links those of these pairs?")
    cleaner.faults.settle()
    sources = (row[0] for row in read_rows(folder / "train.tsv"))
    single = not toy and are_single(sources, languages.parse(config.languages)[0])
    (folder / "train.tsv").unlink()
    neighbours = {} if toy or splits.by_heart else familiar.learn(folder, counts.dtype, vocabulary["source"])
    manifest = TextManifest(
        task=TASK,
        toy=toy,
        name=name,
        config=asdict(config),
        seed=config.seed,
        pairs=pairs,
        read=cleaner.seen + cleaner.faults.unread,
        dropped=dict(cleaner.faults.dropped),
        dtype=counts.dtype,
        vocabulary=vocabulary,
        vocabulary_asked=tokenizer.LIKE if like else str(config.vocab_size or "auto"),
        tokens=dict(counts.tokens),
        longest=dict(counts.longest),
        unknown={side: counts.unknown[side] / max(1, counts.all_tokens[side]) for side in SIDES},
        length_ratio=min(counts.length_ratio, prepared.MOST_RATIO),
        fingerprint=counts.hash.hexdigest()[:16],
        files=list(provenance.files),
        origin=provenance.origin,
        grouped=splits.grouped,
        single_sentences=single,
        by_heart=splits.by_heart,
        neighbours=neighbours,
        with_placeholders=hold,
        linked=counts.linked,
        commands=sorted(shield.exempt.difference(config.symbols.split())),
        **asdict(provenance.terms),
    )
    manifest.write(folder)
    return manifest


def _learn(folder: Path, config: PrepareConfig, cleaner: Cleaner) -> Tokenizer:
    """Learn a joint vocabulary, or one for each side."""
    splits = ("train", "valid") if config.pieces_from_valid else ("train",)

    def pairs() -> Iterator[list[str]]:
        return (row[:2] for split in splits for row in read_rows(folder / f"{split}.tsv"))

    def lines(*columns: int) -> Iterator[str]:
        return (pair[column] for pair in pairs() for column in columns)

    text = pieces.measure(pairs())
    extras = pieces.extras(config, cleaner.normalizers[0], text)
    if extras.split_digits and config.digits == "auto":
        share = text.numbers / text.lines
        cleaner.faults.remark(
            f"Numbers are frequent (in {share:.0%} of the lines): each digit is a piece of its own; "
            "--keep-digits leaves that to the text."
        )

    def vocabulary(*columns: int) -> tokenizer.Vocabulary:
        most = config.vocab_size
        if not most and config.model_type in SUBWORDS:
            alphabet = set().union(*(text.letters[column] for column in columns))
            most = tokenizer.auto_size(text.characters, len(alphabet)) + extras.size
        if config.min_count > 1:
            # a word model takes the most frequent words first, so with a size of as many words as
            # are frequent enough exactly the rarer ones are unknown
            counted = Counter(word for line in lines(*columns) for word in line.split())
            most = SPECIALS + sum(count >= config.min_count for count in counted.values())
        most = most or tokenizer.LARGEST
        count = text.lines * len(columns) // 2 if text.all_fit else None
        return tokenizer.train(lambda: lines(*columns), config.model_type, most, config.seed, extras, count)

    if config.separate:
        return Tokenizer(vocabulary(0), vocabulary(1))
    joint = vocabulary(0, 1)
    return Tokenizer(joint, joint)
