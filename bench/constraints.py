"""What a glossary keeps and costs: python bench/constraints.py --run RUN --source F --reference F --lines 500

Each sentence gets a glossary of one entry: one of its words, with a word of its reference that the usual
translation lacks. Prints how many of these words come, BLEU without and with them (both against the same
references, so a gain is due to the given words), and BLEU where one other word of the training vocabulary,
which fits nowhere, must come instead; and the seconds of each.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from common import arguments
from sacrebleu import corpus_bleu

import seqformer
from seqformer.formats.corpus import read_aligned


def constrained(model: Any, lines: list[str], terms: list[tuple[str, str] | None]) -> tuple[list[str], float]:
    """Return translations with an entry each, and the seconds they took."""
    begin, texts = time.perf_counter(), []
    for line, term in zip(lines, terms, strict=True):
        texts.append(model.translate(line, glossary=dict([term]) if term else None).text)
    return texts, time.perf_counter() - begin


def given(line: str, reference: str, usual: str) -> tuple[str, str] | None:
    """Return a word of the line and one of the reference that the usual translation lacks, None for none."""
    wanted = [w for w in reference.split() if w.isalpha() and len(w) > 3 and w not in usual.split()]
    own = [w for w in line.split() if w.isalpha() and len(w) > 3]
    return (max(own, key=len), wanted[0]) if wanted and own else None


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--source", type=Path, required=True, metavar="F")
    parser.add_argument("--reference", type=Path, required=True, metavar="F")
    parser.add_argument("--lines", type=int, default=500)
    options = parser.parse_args()
    pairs = list(read_aligned(options.source, options.reference))[: options.lines]
    lines, references = [p[0] for p in pairs], [p[1] for p in pairs]
    model = seqformer.load(options.run)
    usual, seconds = constrained(model, lines, [None] * len(lines))
    terms: list[tuple[str, str] | None] = []
    for line, reference, text in zip(lines, references, usual, strict=True):
        term = given(line, reference, text)
        try:
            model.constraints(dict([term]) if term else None)
        except seqformer.SeqformerError:  # a letter that the vocabulary lacks
            term = None
        terms.append(term)
    words = sorted({term[1] for term in terms if term})
    draw = random.Random(1)
    strange = [(term[0], draw.choice(words)) if term else None for term in terms]
    print("| | kept | BLEU | seconds |\n|---|---|---|---|")
    for name, entries in (
        ("as usual", None),
        ("a word of the reference", terms),
        ("a strange word", strange),
    ):
        texts, took = (usual, seconds) if entries is None else constrained(model, lines, entries)
        asked = [(t, e[1]) for t, e in zip(texts, entries or [], strict=False) if e]
        kept = f"{sum(word in text for text, word in asked)} of {len(asked)}" if asked else ""
        print(f"| {name} | {kept} | {corpus_bleu(texts, [references]).score:.1f} | {took:.0f} |", flush=True)


if __name__ == "__main__":
    main()
