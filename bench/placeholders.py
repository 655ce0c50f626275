"""What becomes of placeholders: python bench/placeholders.py --run RUN --train F F --test F F --lines 500

Words of test sentences that translate each other (as the training pairs show) get placeholders in
their place or around them, in the sentence and in its reference alike: ``{name}``, ``%s``, a tag, a link, a
mail address. Prints how many sentences keep all of them, each once: by the search alone, and with the second
search for those that lost one; and BLEU, of the same sentences plain and with placeholders.

``--without RUN`` is a run of the same data prepared with --no-placeholders, to see what they cost.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from common import arguments, keep
from sacrebleu import corpus_bleu

import seqformer
from seqformer.decoding.translator import Translator
from seqformer.formats.corpus import read_aligned
from seqformer.text import teaching
from seqformer.text.placeholders import SYMBOLS, find
from seqformer.text.rows import write_rows

KINDS = ("{{field{}}}", "%{}$s", "<br id='{}'/>", "https://example.org/{}", "mail{}@example.org")


class OneSearch(Translator):
    """A translator that does not search again for what lost a placeholder."""

    def _holding(self, parts: Any, limits: Any, config: Any, steerer: Any) -> Any:
        return self._search(parts, steerer.limits(parts, limits), config, steerer)


def disguised(line: str, names: dict[str, str]) -> str:
    """Return a line with other names for its symbols."""
    for symbol, name in names.items():
        line = line.replace(symbol, name)
    return line


def kept(sources: list[str], texts: list[str]) -> int:
    """Return how many translations hold the placeholders of their sources, each as often."""
    return sum(
        Counter(s.key for s in find(source)) == Counter(s.key for s in find(text))
        for source, text in zip(sources, texts, strict=True)
    )


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs=2, required=True, metavar="F")
    parser.add_argument("--test", type=Path, nargs=2, required=True, metavar="F")
    parser.add_argument("--without", type=Path, metavar="RUN")
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--beam", type=int, default=5)
    options = parser.parse_args()
    pairs = list(read_aligned(*options.test))[: options.lines]
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "train.tsv"
        known = teaching.translations(rows, write_rows(rows, read_aligned(*options.train)))
    draw = random.Random(1)
    marked = [teaching.with_symbols(source, target, known, draw) for source, target in pairs]
    names = [{s: draw.choice(KINDS).format(s[1:-1]) for s in SYMBOLS} for _ in pairs]
    sources, references = (
        [disguised(pair[i], n) for pair, n in zip(marked, names, strict=True)] for i in (0, 1)
    )
    count = sum(len(find(line)) for line in sources)
    print(
        f"{len(pairs)} sentences, {count} placeholders\n\n| | sentences that keep all | BLEU |\n|---|---|---|"
    )
    figures: dict[str, Any] = {}

    def tell(name: str, model: Any, lines: list[str], wanted: list[str], *, plain: bool = False) -> None:
        texts = [t.text for t in model.translate(lines, beam=options.beam)]
        back = [{v: k for k, v in each.items()} for each in names]
        shown, right = (
            [disguised(text, {} if plain else b) for text, b in zip(some, back, strict=True)]
            for some in (texts, wanted)
        )
        bleu = corpus_bleu(shown, [right]).score
        figures[name] = {"bleu": round(bleu, 2)} | ({} if plain else {"kept": kept(lines, texts)})
        print(f"| {name} | {'' if plain else kept(lines, texts)} | {bleu:.1f} |", flush=True)

    model = seqformer.load(options.run)
    plain = [source for source, _ in pairs], [target for _, target in pairs]
    if options.without:
        tell("plain, a run without them", seqformer.load(options.without), *plain, plain=True)
    tell("plain", model, *plain, plain=True)
    tell("with placeholders", model, sources, references)
    one = model.predictor
    model.predictor = OneSearch(one.model, one.tokenizer, one.manifest, one.device)
    tell("with placeholders, one search only", model, sources, references)
    if options.without:
        tell("with placeholders, a run without them", seqformer.load(options.without), sources, references)
    keep("placeholders", figures)


if __name__ == "__main__":
    main()
