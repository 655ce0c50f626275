"""SentencePiece models: lines to ids and back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sentencepiece

from seqformer.errors import DamagedError, DataError
from seqformer.storage.files import read_bytes
from seqformer.storage.manifest import Manifest
from seqformer.symbols import BOS, EOS, PAD, SPECIALS, UNK
from seqformer.text import characters
from seqformer.text.normalize import Normalizer
from seqformer.text.pieces import Extras, drawn, fragments

IMPORTED, LIKE = "imported", "as it was"  # what manifests say of a vocabulary that was not learned here
MOST_BYTES = 64 << 20  # of a model; 32,000 pieces take less than 1 MiB
SAMPLE = 200_000  # lines a model is learned from at most, drawn at random, to bound memory
LARGEST, ALPHABET = 32_000, 500  # pieces of an automatic size; different characters that it has room for
_BYTE = re.compile("<0x([0-9A-F]{2})>")  # how SentencePiece writes a byte
UNSEEN = 0.5  # share of a line's letters in no piece, from which on the line is called unreadable


class Vocabulary:
    """One SentencePiece model: lines to ids and back.

    Ids are pieces only: BOS and EOS are added where batches are made. With bytes among the pieces no text
    is unknown: a character in no piece is spelled by the bytes of its UTF-8.
    """

    def __init__(self, model: bytes, where: str, size: int | None = None) -> None:
        """Open a model; pieces beyond ``size`` are cut from text as others are, and then unknown."""
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.load_from_serialized_proto(model)
            specials = [self._processor.pad_id(), self._processor.unk_id()]
            specials += [self._processor.bos_id(), self._processor.eos_id()]
            self._has_bytes = bool(self._processor.is_byte(self._processor.piece_to_id("<0x00>")))
        except (RuntimeError, ValueError, TypeError):
            raise DamagedError(f"{where}: not a SentencePiece model") from None
        if specials != [PAD, UNK, BOS, EOS]:
            raise DamagedError(f"{where}: its special symbols are {specials}, not {[PAD, UNK, BOS, EOS]}")
        self._all = int(self._processor.get_piece_size())
        self._size = self._all if size is None else min(size, self._all)

    def __len__(self) -> int:
        return self._size

    def encode(self, lines: list[str]) -> list[list[int]]:
        """Return the ids of each line, without BOS and EOS; adjacent unknown words stay separate."""
        encoded: list[list[int]] = self._processor.encode(lines)
        if self._size < self._all:
            encoded = [[i if i < self._size else UNK for i in ids] for ids in encoded]
            return encoded
        return [
            self._apart(line, ids) if UNK in ids else ids for line, ids in zip(lines, encoded, strict=True)
        ]

    def _apart(self, line: str, ids: list[int]) -> list[int]:
        """Give each word in a run of unknown words its own UNK: SentencePiece makes one of the run."""
        pieces: list[str] = self._processor.encode(line, out_type=str)  # ▁ begins each word of a run
        words = [piece.count("▁") if i == UNK else 1 for i, piece in zip(ids, pieces, strict=True)]
        return [i for i, count in zip(ids, words, strict=True) for _ in range(max(1, count))]

    def words(self, line: str) -> list[str]:
        """Return for each id of a line the word (between spaces) that it is of, or begins in."""
        words, of, at = line.split(" "), [], -1
        for piece in self._spelled(line):
            at += "▁" in piece
            of.append(words[min(max(at, 0), len(words) - 1)])
        return of

    def spans(self, line: str) -> tuple[str, list[tuple[int, int]]]:
        """Return a line as its ids spell it, without spaces, and the characters there that each id is for.

        The bytes of a character are all for that character, and a space is for the one after it.
        """
        text, spans, bytes_ = "", list[tuple[int, int]](), b""
        for piece in self._spelled(line):
            if self._has_bytes and (byte := _BYTE.fullmatch(piece)):
                bytes_ += bytes.fromhex(byte[1])
                spans.append((len(text), len(text) + 1))
                if character := bytes_.decode("utf-8", "ignore"):
                    text, bytes_ = text + character, b""
                continue
            letters = piece.replace("▁", "")
            spans.append((len(text), len(text) + max(1, len(letters))))
            text += letters
        return text, spans

    def _spelled(self, line: str) -> Iterator[str]:
        """Yield for each id of a line what it is for, ▁ for a space: of unknown ids the text itself."""
        ids, pieces = self._processor.encode(line), self._processor.encode(line, out_type=str)
        for i, piece in zip(ids, pieces, strict=True):
            if i == UNK and self._size == self._all:  # as in ``_apart``
                first, *others = piece.split("▁")
                yield "▁".join([first, *others[:1]])
                yield from ("▁" + word for word in others[1:])
            else:
                yield piece

    def decode(self, ids: list[list[int]]) -> list[str]:
        """Return the text of each list of ids; special symbols are left out, UNK shows as ⁇.

        Bytes that are no character show as U+FFFD; and since bytes can spell line
        ends and control characters too, their text is normalised like any other.
        """
        texts: list[str] = self._processor.decode(
            [[i for i in line if i not in (PAD, BOS, EOS)] for line in ids]
        )
        return [_NORMAL(text) if self._has_bytes else " ".join(text.split()) for text in texts]

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Return the piece of each id, as SentencePiece writes it (▁ begins a word)."""
        return [str(self._processor.id_to_piece(int(i))) for i in ids]

    @cached_property
    def first_merge(self) -> int | None:
        """The first piece made by a merge; None if these are no BPE pieces as SentencePiece learns them.

        In a BPE model the pieces from there on are numbered by their scores: 0, -1, -2 …
        """
        scores = [self._processor.get_score(i) for i in range(len(self))]
        first = scores.index(-1) - 1 if -1 in scores else len(self)
        numbered = scores[first:] == [-number for number in range(len(self) - first)]
        return first if SPECIALS <= first < len(self) and numbered else None

    @cached_property
    def _characters(self) -> frozenset[str]:
        """The characters that are in a piece."""
        texts = [i for i in range(SPECIALS, len(self)) if not self._processor.is_byte(i)]
        return frozenset().union(*self.pieces(texts))

    def unseen(self, line: str) -> str:
        """Return the script of a normalised line of which at least half the letters are in no piece.

        '' for any other line. The model has never seen such letters and can only guess.
        """
        if self._characters.issuperset(line):
            return ""
        letters = [character for character in line if character.isalpha()]
        strange = [character for character in letters if character not in self._characters]
        if len(set(strange)) < 2 or len(strange) < UNSEEN * len(letters):  # one alone may be a sign, like µ
            return ""
        if self._characters.issuperset("".join(strange).lower()):
            return "capitals"
        return characters.script("".join(strange)) or characters.MIXED


_NORMAL = Normalizer()


@dataclass(frozen=True)
class Tokenizer:
    """The two vocabularies of a corpus; they are one object if the vocabulary is joint."""

    source: Vocabulary
    target: Vocabulary

    @property
    def joint(self) -> bool:
        """Whether source and target share one vocabulary."""
        return self.source is self.target

    def files(self) -> dict[str, bytes]:
        """Return file name -> content, as :func:`load` reads them."""
        if self.joint:
            return {"tokenizer.model": self.source.model}
        return {"source.model": self.source.model, "target.model": self.target.model}


def load(folder: Path, manifest: Manifest) -> Tokenizer:
    """Return the tokenizer of a prepared folder or a run, checked by its digest.

    The check comes before SentencePiece reads a byte: it trusts its models, and a damaged one can
    end the process. Raises :class:`DamagedError`.
    """

    # of an imported model: its SentencePiece model may have pieces that its vocabulary lacks
    foreign = getattr(manifest, "vocabulary_asked", "") in (IMPORTED, LIKE)
    sizes: dict[str, int] = getattr(manifest, "vocabulary", {}) if foreign else {}

    def read(name: str, side: str) -> Vocabulary:
        content = read_bytes(folder / name, MOST_BYTES)
        manifest.check_digest(folder, name)
        return Vocabulary(content, str(folder / name), sizes.get(side))

    if "tokenizer.model" in manifest.digests:
        shared = read("tokenizer.model", "source")
        return Tokenizer(shared, shared)
    return Tokenizer(read("source.model", "source"), read("target.model", "target"))


def auto_size(length: int, alphabet: int = 0) -> int:
    """Return a vocabulary size for a text of ``length`` characters, ``alphabet`` of them different.

    It is 1,000 to 32,000 and grows with the square root of the length: Multi30k English-German (3.7 million
    characters) gets 8,000. Every character is a piece, so where there are thousands of them, as in Chinese,
    those beyond ``ALPHABET`` come on top: otherwise they alone fill the vocabulary, and the other side is
    spelled letter by letter (10,000 Chinese-English pairs: 37 pieces an English sentence, with them 11).
    """
    size = round(8000 * (length / 3.7e6) ** 0.5 / 500) * 500
    return int(min(LARGEST, max(1000, size) + max(0, alphabet - ALPHABET)))


def train(
    lines: Callable[[], Iterator[str]],
    model_type: str,
    size: int,
    seed: int,
    extras: Extras | None = None,
    count: int | None = None,
) -> Vocabulary:
    """Learn a vocabulary of at most ``size`` pieces, fewer if the text has fewer.

    ``lines`` is called for each attempt: if the size is below what the characters and the extras alone
    need, a second attempt uses the size that SentencePiece asks for. ``count`` is how many lines there are,
    if SentencePiece takes each as it is. Raises :class:`DataError`.
    """
    extras = extras or Extras()
    options: dict[str, Any] = {
        "model_type": model_type,
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "normalization_rule_name": "identity",  # ours is applied already, and saved
        "character_coverage": 1.0 if model_type == "word" else extras.character_coverage,
        "hard_vocab_limit": False,
        "input_sentence_size": SAMPLE,
        "num_threads": 4,  # fixed: the sums of the unigram model depend on it
        "minloglevel": 2,
        **extras.options(),
    }
    taken = lines if count is not None else lambda: fragments(lines())
    count = sum(1 for _ in taken()) if count is None else count
    if not count:
        raise DataError("there is no text to learn pieces from")
    size = max(size, SPECIALS + extras.size)
    while True:
        out = io.BytesIO()
        sentencepiece.set_random_generator_seed(seed)
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=drawn(taken(), count, SAMPLE, seed),
                model_writer=out,
                vocab_size=size,
                **options,
            )
            return Vocabulary(out.getvalue(), "the tokenizer just trained")
        except RuntimeError as error:
            wanted = re.search(r"value <= (\d+)|required_chars\. \d+ vs (\d+)", str(error))
            fits = int(wanted.group(1) or wanted.group(2)) if wanted else size
            if fits == size:
                raise DataError(
                    f"SentencePiece cannot learn {size:,} pieces of the type {model_type} from this text; "
                    "try another size (--vocab-size) or type (--model-type)"
                ) from None
            size = fits
