"""Translate a file by one engine, and print its speed and the translations, for peers.py.

    python bench/peers_decode.py RUN FILE all|latency BEAM seqformer|transformers|ctranslate2 PRECISION

The exported forms of the run lie beside it, in the folders ``marian`` and ``ctranslate2`` of where this is
called. ``all`` translates the file at once, on every core; ``latency`` its first 100 lines one by one.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import seqformer

LONGEST = 80  # pieces of a translation, in every engine
Translate = Callable[[list[str]], tuple[list[str], int]]  # lines -> translations, and how many pieces


def ours(run: Path, precision: str, beam: int, cores: int) -> Translate:
    """Return how seqformer translates."""
    model = seqformer.load(run, device="cpu", precision=precision, workers=cores)

    def translate(lines: list[str]) -> tuple[list[str], int]:
        best = model.translate(lines, beam=beam, early_stopping=True, max_length=LONGEST)
        return [t.text for t in best], sum(len(t.ids) + 1 for t in best)

    return translate


def hugging_face(run: Path, precision: str, beam: int, cores: int) -> Translate:
    """Return how transformers translates, in batches of 64 lines of about the same lengths."""
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    model = MarianMTModel.from_pretrained("marian").eval()
    tokenizer = MarianTokenizer.from_pretrained("marian")
    settings = {"num_beams": beam, "max_new_tokens": LONGEST, "early_stopping": beam > 1}

    def translate(lines: list[str]) -> tuple[list[str], int]:
        order = sorted(range(len(lines)), key=lambda i: -len(lines[i]))
        said, tokens = [""] * len(lines), 0
        for begin in range(0, len(lines), 64):
            some = order[begin : begin + 64]
            given = tokenizer([lines[i] for i in some], return_tensors="pt", padding=True)
            with torch.inference_mode():
                made = model.generate(**given, **settings)
            tokens += int((made[:, 1:] != model.config.pad_token_id).sum())
            for i, text in zip(some, tokenizer.batch_decode(made, skip_special_tokens=True), strict=True):
                said[i] = text
        return said, tokens

    return translate


def ctranslate(run: Path, precision: str, beam: int, cores: int) -> Translate:
    """Return how CTranslate2 translates."""
    import ctranslate2
    import sentencepiece

    engine = ctranslate2.Translator(
        "ctranslate2", compute_type=precision, inter_threads=cores, intra_threads=1
    )
    task = seqformer.Run(run).task
    source, normalize = task.tokenizer.source, task.manifest.normalizer("source")
    decoder = sentencepiece.SentencePieceProcessor(model_file="ctranslate2/target.spm")
    settings = {"beam_size": beam, "max_decoding_length": LONGEST, "max_batch_size": 32 if beam > 1 else 128}

    def translate(lines: list[str]) -> tuple[list[str], int]:
        encoded = source.encode([normalize(line) for line in lines])
        pieces = [source.pieces(ids) for ids in encoded]  # the engine adds </s>
        best = [result.hypotheses[0] for result in engine.translate_batch(pieces, **settings)]
        texts = [" ".join(text.split()) for text in decoder.decode(best)]
        return texts, sum(len(found) + 1 for found in best)

    return translate


def main(run: str, file: str, what: str, beam: str, engine: str, precision: str) -> None:
    """Translate once so that all are warm, and measure the second time."""
    lines = Path(file).read_text("utf-8").splitlines()
    groups = [[line] for line in lines[:100]] if what == "latency" else [lines]
    start = {"seqformer": ours, "transformers": hugging_face, "ctranslate2": ctranslate}[engine]
    cores = 1 if what == "latency" else os.cpu_count() or 1
    translate = start(Path(run), precision, int(beam), cores)
    for group in groups[:5]:
        translate(group)
    times, said, tokens = [], [], 0
    for group in groups:
        begin = time.perf_counter()
        texts, count = translate(group)
        times.append(time.perf_counter() - begin)
        said, tokens = said + texts, tokens + count
    figures = {"sentences/s": len(said) / sum(times), "tokens/s": tokens / sum(times)}
    if what == "latency":
        figures = {"median ms": 1000 * statistics.median(times), "p95 ms": 1000 * sorted(times)[94]}
    print(json.dumps(figures | {"output": said}))


if __name__ == "__main__":
    main(*sys.argv[1:])
