"""Inside a translator: what its attention looked at, every number on the way, how a line is cut into pieces.

B batch, L layers, H heads, S source length, T target length.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from seqformer.config import DecodeConfig
from seqformer.decoding import results
from seqformer.decoding.splitting import Part
from seqformer.decoding.translator import Translator
from seqformer.errors import SeqformerError
from seqformer.models.bahdanau import Bahdanau
from seqformer.models.trace import trace
from seqformer.models.transformer import Transformer
from seqformer.report import segmentation as cuts
from seqformer.report.attention import Attention, beside
from seqformer.report.explanation import Beam, Explanation, explained
from seqformer.report.segmentation import Piece, Segmentation
from seqformer.symbols import BOS
from seqformer.text.batches import pad, pad_sources
from seqformer.text.merges import Merges
from seqformer.text.placeholders import Hidden
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer


def look(predictor: Translator, what: str, config: DecodeConfig) -> Attention:
    """Translate a line and return what every head of every layer looked at.

    Sentences that are translated one by one look at nothing outside themselves: zeros stand there.
    """
    hidden, parts = _parts(predictor, what, config.whole, "look at")
    alone = replace(config, whole=True, n_best=1)
    best = [b[0] for b in predictor.translate([part.text for part in parts], alone)]
    looks = [_look(predictor, p.ids, b) for p, b in zip(parts, best, strict=True)]
    answer = hidden.restored(" ".join(predictor.tokenizer.target.decode([b.ids for b in best])))
    return beside(looks, " ".join(what.split()), answer)


def explain(predictor: Translator, what: str, config: DecodeConfig) -> Explanation:
    """Translate a line and return every number on the way; of several sentences, of the first."""
    hidden, parts = _parts(predictor, what, config.whole, "explain")
    part = parts[0]
    best, steps = predictor.watched(part, replace(config, n_best=1))
    target, source = pad([best.ids], BOS, None)[0], pad_sources([part.ids])[0]
    model = predictor.model
    assert isinstance(model, Transformer | Bahdanau)
    traced = trace(model, source.to(predictor.device), target.to(predictor.device))
    pieces = predictor.tokenizer.target.pieces
    several = f"Of {len(parts)} parts, which are translated one by one, this is the first."
    return Explanation(
        given=what,
        answer=hidden.restored(predictor.tokenizer.target.decode([best.ids])[0]),
        text=part.text,
        pieces={
            "source": [*predictor.tokenizer.source.pieces(part.ids), "</s>"],
            "target": ["<s>", *pieces(best.ids)],
        },
        ids=[int(i) for i in source],
        boxes=explained(traced, model.config),
        beams=[
            Beam([(pieces(ids), p) for ids, p in alive], [(pieces(h.ids), h.score) for h in ended])
            for alive, ended in steps
        ],
        vocabulary=pieces(range(predictor.manifest.vocabulary["target"])),
        remarks=[several] if len(parts) > 1 else [],
    )


def _parts(predictor: Translator, what: str, whole: bool, does: str) -> tuple[Hidden, list[Part]]:
    """Return a line with its placeholders hidden, and the parts that the model reads; refuse a blank one."""
    hidden = predictor.shield.hide(what)
    _, (line,) = predictor.divided([hidden], whole=whole)
    if not line.parts:
        raise SeqformerError(f"there is nothing to {does}: the text is blank")
    return hidden, line.parts


def _look(predictor: Translator, source_ids: list[int], best: results.Translation) -> Attention:
    batch = pad_sources([source_ids]).to(predictor.device)
    with torch.inference_mode():
        maps = predictor.model.attention(batch, pad([best.ids], BOS, None).to(predictor.device))
    weights = {"cross": maps.cross, "encoder": maps.encoder, "decoder": maps.decoder}
    return Attention(
        weights={kind: w[:, 0].float().cpu() for kind, w in weights.items() if w is not None},
        source=[*predictor.tokenizer.source.pieces(source_ids), "</s>"],
        target_in=["<s>", *best.tokens],
        target_out=[*best.tokens, "</s>"],
    )


def segmentation(tokenizer: Tokenizer, manifest: TextManifest, text: str) -> Segmentation:
    """Return how a source line is cut into pieces, as :class:`Translator` cuts it when it is one part."""
    vocabulary, kind = tokenizer.source, manifest.prepare_config().model_type
    line = manifest.normalizer("source")(manifest.shield().hide(text).text)
    if not line:
        raise SeqformerError("there is nothing to cut: the text is blank")
    if len(line) > cuts.LONGEST:  # the symbols after each merge grow with the square
        raise SeqformerError(
            f"a text of {len(line):,} characters: give a sentence of at most {cuts.LONGEST:,}"
        )
    (ids,) = vocabulary.encode([line])
    merged = Merges(vocabulary).steps(ids) if vocabulary.first_merge is not None else []
    if not merged and kind == "bpe":
        kind = "unknown"

    def named(some: list[int]) -> list[Piece]:
        return [Piece(piece, i) for i, piece in zip(some, vocabulary.pieces(some), strict=True)]

    words = [[named(state) for state in word] for word in merged]
    return Segmentation(text, line, "bpe" if merged else kind, len(vocabulary), named(ids), words)
