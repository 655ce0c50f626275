"""The table that Dive into Deep Learning prints: four sentences, their translations, its BLEU."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from seqformer.errors import RunError

if TYPE_CHECKING:
    from seqformer.run import Run

# "The Bahdanau Attention Mechanism" and "The Transformer Architecture" use the same four
SENTENCES = {
    "go .": "va !",
    "i lost .": "j'ai perdu .",
    "he's calm .": "il est calme .",
    "i'm home .": "je suis chez moi .",
}
STEPS = 9  # pieces at most, EOS included
ORDER = 2  # BLEU up to bigrams


def reference_table(run: Run, device: str, *, as_json: bool) -> None:
    """Translate the four sentences greedily and print how they compare with the book's references."""
    from seqformer.config import DecodeConfig
    from seqformer.report.metrics import chapter_bleu, exact_match

    if not run.is_translation:
        raise RunError(f"{run.folder} was trained on the task {run.manifest.kind}: it reads no English")
    translator = run.translator(device)
    sources = list(SENTENCES)
    references = [run.manifest.normalize()(reference) for reference in SENTENCES.values()]
    found = [best[0].text for best in translator.translate(sources, DecodeConfig(beam=1, max_length=STEPS))]
    scores = [chapter_bleu(text, ref, ORDER) for text, ref in zip(found, references, strict=True)]
    exact, mean = round(exact_match(found, references) * len(found)), sum(scores) / len(scores)
    rows = list(zip(sources, found, references, scores, strict=True))
    if as_json:
        names = ("source", "translation", "reference", "bleu")
        sentences = [dict(zip(names, row, strict=True)) for row in rows]
        print(json.dumps({"sentences": sentences, "exact": exact, "bleu": mean}, ensure_ascii=False))
        return
    from rich.text import Text

    from seqformer.console import page, table

    shown = table(f"{run.folder}: the book's four sentences", "source", "translation", "reference", "BLEU")
    for name in ("translation", "reference"):
        shown.columns[[str(c.header) for c in shown.columns].index(name)].justify = "left"
    for source, text, reference, score in rows:
        shown.add_row(source, Text(text), reference, f"{score:.3f}")
    shown.caption = f"{exact} of {len(rows)} exact, mean BLEU {mean:.3f} (bigrams, the book's formula)"
    page(shown)
