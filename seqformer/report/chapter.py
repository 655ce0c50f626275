"""The table that Dive into Deep Learning prints: four sentences, their translations, its BLEU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from seqformer.console import table
from seqformer.report.evaluation import Evaluation
from seqformer.report.scores import chapter_bleu, exact_match

# "The Bahdanau Attention Mechanism" and "The Transformer Architecture" use the same four
SENTENCES = {
    "go .": "va !",
    "i lost .": "j'ai perdu .",
    "he's calm .": "il est calme .",
    "i'm home .": "je suis chez moi .",
}
STEPS = 9  # pieces at most, EOS included
ORDER = 2  # BLEU up to bigrams


@dataclass(frozen=True, repr=False)
class ChapterEvaluation(Evaluation):
    """The four sentences, translated greedily, beside the book's references."""

    system: str
    translations: list[str]
    references: list[str]

    @property
    def title(self) -> str:
        """System and data."""
        return f"{self.system}: the book's four sentences"

    @property
    def rows(self) -> list[tuple[str, str, str, float]]:
        """Source, translation, reference and the book's BLEU of each sentence."""
        scores = (chapter_bleu(t, r, ORDER) for t, r in zip(self.translations, self.references, strict=True))
        return list(zip(SENTENCES, self.translations, self.references, scores, strict=True))

    @property
    def exact(self) -> int:
        """The number of translations that equal the book's."""
        return round(exact_match(self.translations, self.references) * len(SENTENCES))

    @property
    def mean(self) -> float:
        """The mean BLEU."""
        return sum(row[3] for row in self.rows) / len(SENTENCES)

    def to_json(self) -> dict[str, Any]:
        """Return the table as plain JSON values."""
        names = ("source", "translation", "reference", "bleu")
        sentences = [dict(zip(names, row, strict=True)) for row in self.rows]
        return {"sentences": sentences, "exact": self.exact, "bleu": self.mean}

    def tables(self) -> list[RenderableType]:
        """Return the table."""
        shown = table(
            f"{self.title}: the book's four sentences", "source", "translation", "reference", "BLEU"
        )
        shown.columns[1].justify = shown.columns[2].justify = "left"
        for source, text, reference, score in self.rows:
            shown.add_row(source, Text(text), reference, f"{score:.3f}")
        mean = f"mean BLEU {self.mean:.3f} (bigrams, the book's formula)"
        shown.caption = f"{self.exact} of {len(SENTENCES)} exact, {mean}"
        return [shown]
