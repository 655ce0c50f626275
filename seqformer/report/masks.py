"""The two masks of a Transformer: padding hidden from every query, the future from every target position.

B sentences, S words of the longest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text
from torch import Tensor

from seqformer.console import visible
from seqformer.errors import SeqformerError
from seqformer.models.attention import causal_mask, padding_mask
from seqformer.report.heatmap import labelled
from seqformer.report.panels import Figure, Matrix, Panel
from seqformer.symbols import PAD

SENTENCES = ("the cat sleeps", "go")
MOST = 16  # words of a sentence: cells of four columns beside the labels


@dataclass(frozen=True)
class Masks(Figure):
    """The masks of a batch of sentences. Made by :func:`masks`."""

    sentences: list[list[str]]  # the words of each
    padding: list[list[bool]]  # (B, S): which keys every query may see
    causal: list[list[bool]]  # (S, S): which keys (columns) the query of a row may see

    @property
    def title(self) -> str:
        """What the colours mean."""
        return "Masks: a query may see the blue keys"

    @property
    def answer(self) -> str:
        """What each mask is for."""
        return (
            "Sentences of a batch are filled up to one length, and the padding mask keeps every query from "
            "the filling, so that a sentence has the same result in any batch. The causal mask keeps a "
            "target position from what comes after it: so all positions can be learned at once, each as if "
            "the rest were not yet written."
        )

    @property
    def longest(self) -> list[str]:
        """The words of the longest sentence."""
        return max(self.sentences, key=len)

    def matrices(self) -> list[Matrix]:
        """Return the padding mask of each sentence, the same in each row, and the causal mask.

        The decoder is fed <s> and all words of the longest sentence but the last.
        """
        drawn = []
        for number, (words, keys) in enumerate(zip(self.sentences, self.padding, strict=True), 1):
            padded = words + ["pad"] * (len(self.longest) - len(words))
            drawn.append(_matrix(f"Padding mask of sentence {number}", padded, [keys] * len(padded)))
        return [*drawn, _matrix("Causal mask", ["<s>", *self.longest[:-1]], self.causal)]

    def panels(self) -> list[list[Panel]]:
        """Return the masks, three in a row."""
        drawn = self.matrices()
        return [list(drawn[first : first + 3]) for first in range(0, len(drawn), 3)]

    def tables(self) -> list[RenderableType]:
        """Return the masks as tables of ■ and ·; of a padding mask one row, as all are alike."""
        words = [word for sentence in self.sentences for word in sentence]
        width = max(4, min(8, 64 // len(self.longest), 1 + max(cell_len(visible(word)) for word in words)))
        *padding, causal = self.matrices()
        drawn: list[RenderableType] = [
            _drawn(f"Padding mask: any query may see the ■ of sentence {number}", ["query"], panel, width)
            for number, panel in enumerate(padding, 1)
        ]
        title = "Causal mask: a row sees ■, itself and what came before"
        return [*drawn, _drawn(title, causal.rows, causal, width)]


def _matrix(title: str, words: list[str], seen: list[list[bool]]) -> Matrix:
    values = [[float(each) for each in row] for row in seen]
    return Matrix(title, "keys", "queries", values, words, words, written=".0f")


def _drawn(title: str, rows: list[str], mask: Matrix, width: int) -> RenderableType:
    shown = mask.values[: len(rows)]
    cells = [[Text(("■" if seen else "·").center(width - 1)) for seen in row] for row in shown]
    names, columns = ([visible(word) for word in words] for words in (rows, mask.columns))
    return labelled(title, names, columns, cells, width)


def masks(texts: list[str] | None = None, length: int | None = None) -> Masks:
    """Return the masks of sentences, made by the models' own functions; words are set apart by spaces.

    ``length`` takes numbered words instead: a sentence of so many beside one of half. Raises
    :class:`SeqformerError` for both, for a blank sentence and for one too long to show.
    """
    sentences = _sentences(texts, length)
    longest = max(map(len, sentences))
    ids = torch.tensor([[1] * len(words) + [PAD] * (longest - len(words)) for words in sentences])
    padding: Tensor = padding_mask(ids)[:, 0, 0]  # (B, S)
    return Masks(sentences, padding.tolist(), causal_mask(longest).view(longest, longest).tolist())


def _sentences(texts: list[str] | None, length: int | None) -> list[list[str]]:
    if texts and length is not None:
        raise SeqformerError("give either sentences or a length, not both")
    if length is not None:
        if not 1 <= length <= MOST:
            raise SeqformerError(f"length {length}: give a number between 1 and {MOST}")
        words = [str(number) for number in range(1, length + 1)]
        return [words, words[: (length + 1) // 2]]
    sentences = [text.split() for text in texts or SENTENCES]
    if not all(sentences):
        raise SeqformerError("there is nothing to mask: a sentence is blank")
    if max(map(len, sentences)) > MOST:
        raise SeqformerError(f"a sentence has more than {MOST} words: it would not fit a terminal")
    return sentences
