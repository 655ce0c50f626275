"""Input files as nobody would write them, for tests and for bench/robust.py: a hypothesis strategy."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from hypothesis import strategies as st

from seqformer.cli.stream import Printer, chunks, translate_lines
from seqformer.config import DecodeConfig
from seqformer.decoding.translator import Translator
from seqformer.models import build
from seqformer.models.transformer import TransformerConfig
from seqformer.tasks import open_task, text_task

# each is a trap for somebody: line ends that are none, a byte order mark, no width, right to left, marks
# without a letter, four bytes, the symbols of tokenizers, and bytes that are not UTF-8
ODD = [
    *(c.encode() for c in ("\0", "\r", "\v", "\f", "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\ufeff")),
    *(c.encode() for c in ("\u200b", "\u202e", "\xa0", "\u3000", "שלום", "مرحبا", "😀", "👩‍👩‍👧", "e\u0301\u0316", "\u0301")),
    *(c.encode() for c in ("⁇", "▁", "<s>", "</s>", "<unk>", "<pad>", "。", "、", "…", "?!", '."', " – ", "\t")),
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f", b"\xc0\xaf",
]  # fmt: skip
WORDS = [b"le", b"chat", b"mange", b"et", b"un chien", b"maison.", b"dort,"]
LINES = st.lists(
    st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from(ODD),
        st.sampled_from([b" ", b" ", b"  "]),
        st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass").replace(b"\n", b"")),
        st.binary(max_size=4).map(lambda raw: raw.replace(b"\n", b"")),
        st.tuples(st.sampled_from(WORDS + ODD), st.integers(2, 40)).map(lambda pair: pair[0] * pair[1]),
    ),
    max_size=12,
).map(b" ".join)
FILES = st.tuples(
    st.lists(st.one_of(LINES, st.just(b"")), max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.booleans()
).map(lambda parts: parts[1].join(parts[0]) + (parts[1] if parts[2] and parts[0] else b""))


CONFIGS = st.builds(
    DecodeConfig, beam=st.integers(1, 3), n_best=st.just(1), max_length=st.sampled_from([1, 3, 6])
)


def random_translator(data: Path, **changes: object) -> Translator:
    """A small model with random weights over the tokenizer of a prepared folder."""
    torch.manual_seed(7)
    task = text_task(open_task(data))
    values: dict[str, object] = {"encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2}
    shape = TransformerConfig(**(task.sizes() | values | {"feed_forward": 16} | changes))  # type: ignore[arg-type]
    return task.predictor(build(shape).eval().requires_grad_(False), torch.device("cpu"))


class Sink:
    """Output as a terminal or a file takes it: text that is UTF-8."""

    def __init__(self) -> None:
        self.raw = bytearray()

    def write(self, text: str) -> int:
        """Strict: a lone surrogate raises."""
        self.raw += text.encode("utf-8")
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def check(translator: Translator, content: bytes, config: DecodeConfig, as_json: bool) -> int:
    """Translate a file as the command does and assert what must hold; returns how many lines it has."""
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    pieces = [line + b"\n" for line in expected]
    if pieces and not content.endswith(b"\n"):
        pieces[-1] = expected[-1]
    sink = Sink()
    show = Printer(as_json=as_json, warn=True)
    translate_lines(lambda lines: translator.translate(lines, config), chunks(pieces), show, sink)  # type: ignore[arg-type]
    out = sink.raw.decode("utf-8")
    assert out.count("\n") == len(out.splitlines()) == len(expected), "as many lines as went in"
    for number, (line, given) in enumerate(zip(out.splitlines(), expected, strict=True)):
        source = given.removesuffix(b"\r").decode("utf-8", errors="replace")
        if as_json:
            assert json.loads(line)["source"] == source, f"line {number} is in its place"
        elif not translator.normalizer(source):
            assert line == "", f"blank line {number} stays blank"
    return len(expected)
