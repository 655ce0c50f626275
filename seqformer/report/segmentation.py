"""How a sentence is cut into pieces, merge by merge where the vocabulary was learned by BPE."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from rich.console import RenderableType
from rich.text import Text

from seqformer.console import counted, table
from seqformer.report.report import Lesson
from seqformer.symbols import UNK

ANSWERS = {
    "bpe": "Each word begins as characters; again and again the two neighbours are merged whose merge was "
    "learned first, which has the smallest id, until none is left (Sennrich et al. 2016, section 3.2).",
    "unigram": "Each piece has a probability, and of all ways to cut a line the most probable one is taken "
    "(Kudo 2018, section 3.2): nothing is merged.",
    "word": "Each word is one piece, and a word that is not in the vocabulary is unknown.",
    "char": "Each character is one piece: the vocabulary is small, and every sentence is long.",
    "unknown": "How these pieces were learned is not on record, as in imported models: no merges are shown.",
}
LONGEST = 1000  # characters of a line whose merges can be shown
WIDEST = (20, 42)  # cells of a merge and of the symbols of a word, in a line
UNKNOWN = "'<unk>' stands for characters that no piece has: the model cannot tell them apart."


@dataclass(frozen=True)
class Piece:
    """A piece of a vocabulary; ▁ begins a word."""

    text: str
    id: int


@dataclass(frozen=True)
class Segmentation(Lesson):
    """A sentence and its pieces."""

    text: str  # as it was given
    line: str  # as it is cut: normalised, placeholders replaced by their symbols
    model_type: str  # bpe, unigram, word, char or unknown
    vocabulary: int  # pieces
    pieces: list[Piece]  # of the line
    words: list[list[list[Piece]]]  # bpe: of each word its symbols before and after each merge

    @property
    def title(self) -> str:
        """How many pieces, and of how many."""
        known = f"{self.vocabulary:,} in the vocabulary ({self.model_type})"
        return f"{counted(len(self.pieces), 'piece')}, of {known}"

    @property
    def answer(self) -> str:
        """How the cut is found, and what the model gets of it."""
        return (
            f"{ANSWERS[self.model_type]} "
            "The model sees nothing but the ids, so what two words share must be a piece of its own, or be "
            "learned from the company that they keep."
        )

    def tables(self) -> list[RenderableType]:
        """Return the pieces and their ids, and below, for BPE, the merges of each word."""
        cut = table("Pieces", "piece", "id")
        for piece in self.pieces:
            cut.add_row(piece.text, f"{piece.id:,}")
        merges = [self._merges()] if self.words else []
        return [Text(self.title, style="bold"), "", cut, *merges]

    def _merges(self) -> RenderableType:
        """Return a row for the characters of each word, and below it one for each merge."""
        rows = table("Merge by merge", "merge", "id", "symbols of the word")
        rows.columns[2].justify = "left"
        rows.columns[0].max_width, rows.columns[2].max_width = WIDEST
        for states in self.words:
            rows.add_row("", "", _spaced(states[0]))
            for before, after in pairwise(states):
                at = next(i for i, piece in enumerate(after) if piece != before[i])
                pair = f"{before[at].text} + {before[at + 1].text}"
                rows.add_row(pair, f"{after[at].id:,}", _spaced(after))
            rows.add_section()
        return rows

    def notes(self) -> list[str]:
        """Return the answer, and what unknown pieces are."""
        remarks = super().notes()
        if self.line != self.text:
            remarks.insert(0, f"What is cut is the line as it was normalised: {self.line}")
        if any(piece.id == UNK for piece in self.pieces):
            remarks.append(UNKNOWN)
        return remarks


def _spaced(pieces: list[Piece]) -> str:
    return " ".join(piece.text for piece in pieces)
