"""A run as one HTML file: weights, pieces, text rules and the JavaScript that runs them, offline.

The modules of ``js/`` have the names of the Python ones they follow. Here they are put one after the other,
without their imports, so that the file opens from a disk as from a server; a Content-Security-Policy lets
nothing be loaded, and nothing run but this script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqformer.errors import MissingExtra, RunError, SeqformerError, nearest
from seqformer.models import to_json
from seqformer.report.explanation import TOLD
from seqformer.runs.run import Run
from seqformer.storage.files import write_whole
from seqformer.symbols import BOS, EOS
from seqformer.tasks import text_task
from seqformer.text import characters, languages, normalize, punctuation
from seqformer.text.normalize import Normalizer
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Vocabulary

PRECISIONS = ("int8", "fp16", "fp32")
# in the order in which they need each other
MODULES = (
    "numbers", "attention", "transformer", "bahdanau", "search", "tokenizer", "placeholders", "normalizer",
    "words", "model", "texts", "drawing", "panels", "main",
)  # fmt: skip
EXAMPLES = 5  # sentences of the test that the page offers
LARGEST = 256 << 20  # bytes of weights; a browser should not be asked for more
NORMAL, CONTROL, DEFINED, UNUSED, BYTE = range(5)  # kinds of pieces, as tokenizer.js has them
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


@dataclass(frozen=True)
class Written:
    """A page, and what became of the weights."""

    path: Path
    size: int  # bytes
    weights: str
    moved: float  # largest difference of a logit on the examples, by the weights as they are in the page


def write(run: Run, out: Path, weights: str = "int8") -> Written:
    """Write the page of a run, ``weights`` in a form of :data:`PRECISIONS`; no file is replaced.

    Raises :class:`SeqformerError`.
    """
    if weights not in PRECISIONS:
        raise SeqformerError(f"--weights {weights}: {nearest(weights, PRECISIONS)}")
    if not run.task.reads_text:
        raise RunError(f"{run.folder} classifies images, and the page is for text")
    if out.exists():
        raise SeqformerError(f"{out} is there already; name another file, or remove it")
    description = describe(run)
    model = run.load_model(torch.device("cpu"))
    parts, content, rounded = packed(model.state_dict(), weights)
    if len(content) > LARGEST:
        raise SeqformerError(
            f"{run.folder} has {len(content) >> 20:,} MiB of weights, and a page holds {LARGEST >> 20:,} at "
            "most; take a smaller precision, or a smaller model"
        )
    moved = _moved(run, model, rounded)
    text = page(description | {"parts": parts, "precision": weights}, content)
    write_whole(out, lambda path: path.write_text(text, encoding="utf-8"))
    return Written(out, len(text.encode()), weights, moved)


def describe(run: Run) -> dict[str, Any]:
    """Return what the page says and needs of a run, but for the weights."""
    task = text_task(run.task)
    manifest, tokenizer = task.manifest, task.tokenizer
    config = manifest.prepare_config()
    return {
        "name": run.info.name,
        "shape": run.configs.model.describe(),
        "languages": list(manifest.languages),
        "model": to_json(run.configs.model),
        "source": _pieces(tokenizer.source),
        "target": None if tokenizer.joint else _pieces(tokenizer.target),
        "normalization": {side: _rules(manifest.normalizer(side)) for side in ("source", "target")},
        "placeholders": {
            "on": config.placeholders,
            "exempt": sorted(manifest.shield().exempt),
            "unspaced": characters.UNSPACED,
        },
        "told": {key: list(value) for key, value in TOLD.items()},
        "lengthRatio": manifest.length_ratio,
        "longest": manifest.longest["source"],
        "examples": _examples(task.pairs("test") if manifest.pairs["test"] else [], manifest),
    }  # fmt: skip


def _examples(pairs: list[tuple[str, str]], manifest: TextManifest) -> list[list[str]]:
    chosen = sorted(pairs[:200], key=lambda pair: abs(len(pair[0].split()) - 6))[:EXAMPLES]
    return [list(pair) for pair in chosen]


def _pieces(vocabulary: Vocabulary) -> dict[str, Any]:
    """Return a SentencePiece model as the page reads it: its type, and pieces with score and kind."""
    try:
        from sentencepiece import sentencepiece_model_pb2 as proto
    except ImportError:
        raise MissingExtra("the page needs protobuf, which is", "page") from None
    model: Any = proto.ModelProto()
    model.ParseFromString(vocabulary.model)
    kinds = {2: CONTROL, 3: CONTROL, 4: DEFINED, 5: UNUSED, 6: BYTE}  # of SentencePiece's own; 2 is unknown
    types = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
    pieces = [[p.piece, p.score, kinds.get(p.type, NORMAL)] for p in model.pieces]
    return {"type": types[model.trainer_spec.model_type], "pieces": pieces[: len(vocabulary)]}


def _rules(normalizer: Normalizer) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "lowercase": normalizer.lowercase,
        "split_punctuation": normalizer.split_punctuation,
        "nfkc": normalizer.nfkc,
        "placeholders": normalizer.placeholders,
        "rules": normalizer.rules,
        "dotless": normalizer.rules > 1 and languages.primary(normalizer.language) in normalize.DOTLESS,
        "table": {chr(code): to or "" for code, to in normalize.TABLES[normalizer.rules].items()},
        "southeast": characters.SOUTHEAST,
    }
    if normalizer.split_punctuation:
        rules["punctuation"] = {
            "marks": "".join(sorted(punctuation.marks())),
            "paired": "".join(sorted(punctuation.paired())),
            "inWords": punctuation.IN_WORDS,
            "inNumbers": punctuation.IN_NUMBERS,
            "exclamations": punctuation.EXCLAMATIONS,
            "inverted": punctuation.INVERTED,
            "east": characters.EAST,
        }
    return rules


def packed(state: dict[str, Tensor], precision: str) -> tuple[list[Any], bytes, dict[str, Tensor]]:
    """Return weights as [name, shape, type], their bytes, and the weights that these bytes stand for.

    Matrices are rounded, to whole numbers with one scale a row for int8; vectors stay fp32. A matrix that
    has two names is written once.
    """
    parts: list[Any] = []
    content = bytearray()
    rounded: dict[str, Tensor] = {}
    seen: dict[int, str] = {}
    for name, value in state.items():
        tensor = value.float().contiguous()
        if (first := seen.get(value.data_ptr())) is not None and rounded[first].shape == tensor.shape:
            rounded[name] = rounded[first]
            continue
        seen[value.data_ptr()] = name
        kind = precision if tensor.dim() == 2 else "fp32"
        if kind == "int8":
            scales = (tensor.abs().amax(1) / 127).clamp(min=1e-12)
            small = (tensor / scales[:, None]).round().clamp(-127, 127)
            content += scales.numpy().astype("<f4").tobytes() + small.numpy().astype(np.int8).tobytes()
            rounded[name] = small * scales[:, None]
        else:
            stored = tensor.numpy().astype({"fp32": "<f4", "fp16": "<f2"}[kind])
            content += stored.tobytes()
            rounded[name] = torch.from_numpy(stored.astype(np.float32))
        content += bytes(-len(content) % 4)
        parts.append([name, list(tensor.shape), kind])
    return parts, bytes(content), rounded


@torch.inference_mode()
def _moved(run: Run, model: Any, rounded: dict[str, Tensor]) -> float:
    """Return how far a logit moves at most, on some examples and their references."""
    task = text_task(run.task)
    pairs = (task.pairs("test") or task.pairs("valid"))[:EXAMPLES]
    exact = {name: value.clone() for name, value in model.state_dict().items()}
    moved = 0.0
    for source, target in pairs:
        shown = (
            [[*task.tokenizer.source.encode([source])[0], EOS]],
            [[BOS, *task.tokenizer.target.encode([target])[0]]],
        )
        ids = [torch.tensor(each) for each in shown]
        logits = []
        for weights in (exact, rounded):
            model.load_state_dict(weights)
            logits.append(model.logits(model.decode(*ids)))
        moved = max(moved, float((logits[0] - logits[1]).abs().max()))
    return moved


def script() -> str:
    """Return all modules as one script."""
    folder = resources.files("seqformer.page") / "js"
    parts = []
    for name in MODULES:
        text = (folder / f"{name}.js").read_text("utf-8")
        parts.append(_EXPORT.sub("", _IMPORT.sub("", text)))
    return "\n".join(parts)


def page(description: dict[str, Any], weights: bytes) -> str:
    """Return the HTML of a page."""
    folder = resources.files("seqformer.page")
    code, style = script(), (folder / "page.css").read_text("utf-8")
    said = json.dumps(description, ensure_ascii=False).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src '{_digest(code)}'; style-src '{_digest(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    values = {
        "policy": policy,
        "title": html.escape(f"{description['name']}: a translator, seen from inside"),
        "style": style,
        "description": said,
        "weights": base64.b64encode(weights).decode(),
        "script": code,
    }
    frame = (folder / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], frame)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
