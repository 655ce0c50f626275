"""SentencePiece models: lines to ids and back."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece

from seqformer.errors import DamagedError, DataError
from seqformer.storage.files import read_bytes
from seqformer.storage.manifest import Manifest
from seqformer.symbols import BOS, EOS, PAD, UNK

MOST_BYTES = 64 << 20  # of a model; 32,000 pieces take less than 1 MiB
SAMPLE = 200_000  # lines a model is learned from at most, drawn at random, to bound memory


class Vocabulary:
    """One SentencePiece model: lines to ids and back.

    Ids are pieces only: BOS and EOS are added where batches are made.
    """

    def __init__(self, model: bytes, where: str) -> None:
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.load_from_serialized_proto(model)
            specials = [self._processor.pad_id(), self._processor.unk_id()]
            specials += [self._processor.bos_id(), self._processor.eos_id()]
        except (RuntimeError, ValueError, TypeError):
            raise DamagedError(f"{where}: not a SentencePiece model") from None
        if specials != [PAD, UNK, BOS, EOS]:
            raise DamagedError(f"{where}: its special symbols are {specials}, not {[PAD, UNK, BOS, EOS]}")

    def __len__(self) -> int:
        return int(self._processor.get_piece_size())

    def encode(self, lines: list[str]) -> list[list[int]]:
        """Return the ids of each line, without BOS and EOS; adjacent unknown words stay separate."""
        encoded: list[list[int]] = self._processor.encode(lines)
        return [
            self._apart(line, ids) if UNK in ids else ids for line, ids in zip(lines, encoded, strict=True)
        ]

    def _apart(self, line: str, ids: list[int]) -> list[int]:
        """Give each word in a run of unknown words its own UNK: SentencePiece makes one of the run."""
        pieces: list[str] = self._processor.encode(line, out_type=str)  # ▁ begins each word of a run
        words = [piece.count("▁") if i == UNK else 1 for i, piece in zip(ids, pieces, strict=True)]
        return [i for i, count in zip(ids, words, strict=True) for _ in range(max(1, count))]

    def decode(self, ids: list[list[int]]) -> list[str]:
        """Return the text of each list of ids; special symbols are left out, UNK shows as ⁇."""
        texts: list[str] = self._processor.decode(
            [[i for i in line if i not in (PAD, BOS, EOS)] for line in ids]
        )
        return [" ".join(text.split()) for text in texts]

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Return the piece of each id, as SentencePiece writes it (▁ begins a word)."""
        return [str(self._processor.id_to_piece(int(i))) for i in ids]


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

    def read(name: str) -> Vocabulary:
        content = read_bytes(folder / name, MOST_BYTES)
        manifest.check_digest(folder, name)
        return Vocabulary(content, str(folder / name))

    if "tokenizer.model" in manifest.digests:
        shared = read("tokenizer.model")
        return Tokenizer(shared, shared)
    return Tokenizer(read("source.model"), read("target.model"))


def auto_size(characters: int) -> int:
    """Return a vocabulary size for a text: 1,000 to 32,000, growing with the square root of its characters.

    Multi30k English-German (3.7 million characters) gets 8,000.
    """
    size = 8000 * (characters / 3.7e6) ** 0.5
    return int(min(32_000, max(1000, round(size / 500) * 500)))


def train(lines: Callable[[], Iterator[str]], model_type: str, size: int, seed: int) -> Vocabulary:
    """Learn a vocabulary of at most ``size`` pieces, fewer if the text has fewer.

    ``lines`` is called for each attempt: if the size is below what the characters alone need,
    a second attempt uses the size that SentencePiece asks for.
    """
    options: dict[str, Any] = {
        "model_type": model_type,
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "normalization_rule_name": "identity",  # ours is applied already, and saved
        "character_coverage": 1.0 if model_type == "word" else 0.9999,
        "hard_vocab_limit": False,
        "input_sentence_size": SAMPLE,
        "num_threads": 4,  # fixed: the sums of the unigram model depend on it
        "minloglevel": 2,
    }
    while True:
        out = io.BytesIO()
        sentencepiece.set_random_generator_seed(seed)
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=lines(), model_writer=out, vocab_size=size, **options
            )
            return Vocabulary(out.getvalue(), "the tokenizer just trained")
        except RuntimeError as error:
            wanted = re.search(r"value <= (\d+)|required_chars\. \d+ vs (\d+)", str(error))
            fits = int(wanted.group(1) or wanted.group(2)) if wanted else size
            if fits == size:
                raise DataError(f"no vocabulary of {size} pieces can be learned here: {error}") from None
            size = fits
