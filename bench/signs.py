"""How many translations carry signs of being bad: of a good test set, and of garbage.

    python bench/signs.py --run runs/m30k --source test_2016_flickr.en --foreign test_2016_flickr.de

``--foreign`` is text in the target language, fed to the source side. All garbage is made from the two files
by a seeded generator. A table goes to stdout: for each kind of input the share of translations with any
sign, and with each of them.
"""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from common import arguments

import seqformer
from seqformer.decoding.signs import SIGNS
from seqformer.formats.corpus import read_lines

EACH = 80  # lines of garbage of a kind


def garbage(good: list[str], foreign: list[str], chance: random.Random) -> dict[str, list[str]]:
    """Make kinds of input that no translation can be made of."""
    words = sorted({word for line in good for word in line.split()})

    def letters(known: str, low: int, high: int) -> str:
        return "".join(chance.choice(known) for _ in range(chance.randint(low, high)))

    def shuffled() -> str:
        line = chance.choice(good).split()
        chance.shuffle(line)
        return " ".join(line)

    symbols = string.digits + string.punctuation
    host = string.ascii_lowercase
    kinds: dict[str, Callable[[], str]] = {
        "random letters": lambda: " ".join(letters(host, 2, 9) for _ in range(chance.randint(4, 12))),
        "random symbols": lambda: " ".join(letters(symbols, 2, 6) for _ in range(chance.randint(4, 12))),
        "one word again and again": lambda: " ".join([chance.choice(words)] * chance.randint(8, 30)),
        "links and numbers": lambda: (
            f"https://{letters(host, 4, 9)}.com/{letters(host, 3, 9)}?id={letters(string.digits, 4, 9)}"
        ),
        "another script": lambda: "".join(chr(chance.randint(0x4E00, 0x9FA5)) for _ in range(20)),
        "words at random": lambda: " ".join(chance.choices(words, k=chance.randint(8, 25))),
        "words of a line shuffled": shuffled,
        "no space, 200 letters": lambda: letters(host, 200, 200),
        "very long lines": lambda: " ".join(chance.choices(words, k=120)),
    }
    made = {kind: [make() for _ in range(EACH)] for kind, make in kinds.items()}
    return made | {"the target language": chance.sample(foreign, min(EACH, len(foreign)))}


def main() -> None:
    """Translate, count, print."""
    parser = arguments(__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--source", type=Path, required=True, help="good text in the source language")
    parser.add_argument("--foreign", type=Path, required=True, help="text in the target language")
    parser.add_argument("--beam", type=int, default=5)
    options = parser.parse_args()
    good = list(read_lines(options.source))
    inputs = {"test set": good} | garbage(good, list(read_lines(options.foreign)), random.Random(1))
    model = seqformer.load(options.run, device="cpu")
    print(f"{'':26}{'lines':>6}{'any':>8}" + "".join(f"{name:>12}" for name in SIGNS))
    total = flagged = 0
    for kind, lines in inputs.items():
        warnings = [t.warnings for t in model.translate(lines, beam=options.beam)]
        counts = Counter(name for names in warnings for name in names)
        marked = sum(map(bool, warnings))
        if kind != "test set":
            total, flagged = total + len(lines), flagged + marked
        shares = "".join(f"{counts[name] / len(lines):>12.1%}" for name in SIGNS)
        print(f"{kind:26}{len(lines):>6}{marked / len(lines):>8.1%}{shares}", flush=True)
    print(f"{'all garbage':26}{total:>6}{flagged / total:>8.1%}")


if __name__ == "__main__":
    main()
