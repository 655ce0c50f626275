"""Every number on the way through a model, for one sentence or one image, by the model's own layers.

S source length, T target length, D width, H heads, K head width, F inner width, V vocabulary, P patches,
N pixels of a patch. Nothing is padded, and nothing is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.models.attention import (
    MultiHeadAttention,
    causal_mask,
    masked_softmax,
    padding_mask,
    score_additive,
    score_dot_product,
    split_heads,
)
from seqformer.models.bahdanau import Bahdanau
from seqformer.models.blocks import DecoderBlock, EncoderBlock, FeedForward, Residual
from seqformer.models.seq2seq import Seq2Seq
from seqformer.models.transformer import Transformer
from seqformer.models.vit import VisionTransformer
from seqformer.symbols import BOS, PAD

SOURCE, TARGET = "source", "target"


@dataclass(frozen=True)
class Traced:
    """One result on the way: what the box ``name`` of a part of the model puts out."""

    part: str  # such as "encoder 2, self-attention"
    name: str
    values: Tensor
    axes: tuple[str, ...]  # what the rows and columns are


Traces = Generator[Traced, None, Tensor]  # of a part, and what it passes on


def trace(model: Seq2Seq, source: Tensor, target_in: Tensor) -> list[Traced]:
    """Return all results for one sentence, in order: source (S,) with EOS, target_in (T,) with BOS.

    The target is read at once, as in training; row t is what step t of decoding computes.
    """
    with torch.no_grad():
        if isinstance(model, Transformer):
            return list(_transformer(model, source[None], target_in[None]))
        assert isinstance(model, Bahdanau)
        return list(_bahdanau(model, source[None], target_in[None]))


def trace_image(model: VisionTransformer, image: Tensor) -> list[Traced]:
    """Return all results for one image (C, height, width), values from 0 to 1."""
    with torch.no_grad():
        return list(_vit(model, image[None]))


def _transformer(model: Transformer, source: Tensor, target: Tensor) -> Iterator[Traced]:
    x = yield from _embedded(model, SOURCE, model.source_embedding(source))
    for number, block in enumerate(model.encoder, 1):
        assert isinstance(block, EncoderBlock)
        x = yield from _encoder_block(block, x, number, SOURCE)
    if isinstance(model.encoder_norm, nn.LayerNorm):
        x = model.encoder_norm(x)
        yield Traced("encoder", "norm", x[0], (SOURCE, "D"))
    memory = x
    yield Traced("encoder", "memory", memory[0], (SOURCE, "D"))
    x = yield from _embedded(model, TARGET, model.target_rows(target))
    mask = causal_mask(target.shape[1], target.device) if model.config.causal else None
    for number, block in enumerate(model.decoder, 1):
        assert isinstance(block, DecoderBlock)
        part = f"decoder {number}"
        x = yield from _sublayer(
            block.attention, block.first, x, None, mask, f"{part}, self-attention", TARGET
        )
        x = yield from _sublayer(
            block.cross, block.second, x, memory, None, f"{part}, cross-attention", TARGET
        )
        x = yield from _feed_forward(block.feed_forward, block.third, x, part, TARGET)
    if isinstance(model.decoder_norm, nn.LayerNorm):
        x = model.decoder_norm(x)
        yield Traced("decoder", "norm", x[0], (TARGET, "D"))
    yield from _output(model, x)


def _embedded(model: Transformer, side: str, embedded: Tensor) -> Traces:
    axes = (side, "D")
    yield Traced(side, "embedding", embedded[0], axes)
    scaled = embedded * math.sqrt(model.config.width)
    yield Traced(side, "scaled embedding", scaled[0], axes)
    yield Traced(side, "positions", model.positions(torch.zeros_like(scaled))[0], axes)
    placed: Tensor = model.positions(scaled)
    yield Traced(side, "input", placed[0], axes)
    return placed


def _encoder_block(block: EncoderBlock, x: Tensor, number: int, side: str) -> Traces:
    part = f"encoder {number}"
    x = yield from _sublayer(block.attention, block.first, x, None, None, f"{part}, self-attention", side)
    x = yield from _feed_forward(block.feed_forward, block.second, x, part, side)
    return x


def _sublayer(
    layer: MultiHeadAttention,
    residual: Residual,
    x: Tensor,
    memory: Tensor | None,
    mask: Tensor | None,
    part: str,
    side: str,
) -> Traces:
    """Attention with its residual sum; over itself, or over a memory."""
    read = residual.before(x)
    if residual.pre:
        yield Traced(part, "norm", read[0], (side, "D"))
    keys_of = side if memory is None else SOURCE
    if memory is None:
        query, key, value = split_heads(layer.project(read), layer.heads, 3)
    else:
        (query,) = split_heads(layer.projected(read, slice(read.shape[-1])), layer.heads, 1)
        key, value = layer.keys_and_values(memory)
    for name, heads, of in (("query", query, side), ("key", key, keys_of), ("value", value, keys_of)):
        yield Traced(part, name, heads[0], ("head", of, "K"))
    scores = score_dot_product(query, key)
    yield Traced(part, "scores", scores[0], ("head", side, keys_of))
    if mask is not None:
        yield Traced(part, "mask", mask, (side, keys_of))
    weights = masked_softmax(scores, mask)
    yield Traced(part, "weights", weights[0], ("head", side, keys_of))
    heads = weights @ value
    yield Traced(part, "heads", heads[0], ("head", side, "K"))
    joined = layer.merge(heads)
    yield Traced(part, "joined heads", joined[0], (side, "D"))
    x = yield from _residual(residual, x, joined, part, side)
    return x


def _feed_forward(layer: FeedForward, residual: Residual, x: Tensor, block: str, side: str) -> Traces:
    part = f"{block}, feed-forward"
    read = residual.before(x)
    if residual.pre:
        yield Traced(part, "norm", read[0], (side, "D"))
    inner = layer.activation(layer.inner(read))
    yield Traced(part, "inner", inner[0], (side, "F"))
    outer = layer.outer(inner)
    yield Traced(part, "outer", outer[0], (side, "D"))
    x = yield from _residual(residual, x, outer, part, side)
    return x


def _residual(residual: Residual, x: Tensor, y: Tensor, part: str, side: str) -> Traces:
    yield Traced(part, "residual", (x + y)[0], (side, "D"))
    after = residual.after(x, y)
    if not residual.pre:
        yield Traced(part, "norm", after[0], (side, "D"))
    return after


def _output(model: Seq2Seq, hidden: Tensor) -> Iterator[Traced]:
    logits = model.logits(hidden)[0]
    yield Traced("output", "logits", logits, (TARGET, "V"))
    logits = logits.clone()
    logits[:, [PAD, BOS]] = float("-inf")  # they never come
    yield Traced("output", "probabilities", logits.softmax(-1), (TARGET, "V"))


def _bahdanau(model: Bahdanau, source: Tensor, target: Tensor) -> Iterator[Traced]:
    mask = padding_mask(source)
    yield Traced(SOURCE, "embedding", model.source_embedding(source)[0], (SOURCE, "D"))
    memory = model.encode(source, mask)
    yield Traced("encoder", "states", memory[0], (SOURCE, "D"))
    state = model.start(memory, mask)
    yield Traced("attention", "key", state.keys[0], (SOURCE, "D"))
    yield Traced("decoder", "first state", state.hidden[:, 0], ("layer", "D"))
    embedded = model.target_embedding(target)
    yield Traced(TARGET, "embedding", embedded[0], (TARGET, "D"))
    rows: dict[str, list[Tensor]] = {}
    for t in range(target.shape[1]):
        query = model.attend.query(state.hidden[-1])  # (1, D)
        scores = score_additive(query, state.keys[0], model.attend.vector)  # (1, S)
        weights = masked_softmax(scores, None)
        context = weights @ memory[0]
        fed = torch.cat((context, embedded[:, t]), -1)[:, None]  # (1, 1, 2D)
        hidden, state.hidden = model.units(fed, state.hidden)
        found = {"query": query, "scores": scores, "weights": weights, "context": context}
        for name, row in (found | {"state": hidden[0]}).items():
            rows.setdefault(name, []).append(row)
    ends = {"query": "D", "scores": SOURCE, "weights": SOURCE, "context": "D", "state": "D"}
    parts = {"state": "decoder"}
    for name, found_rows in rows.items():
        yield Traced(parts.get(name, "attention"), name, torch.cat(found_rows), (TARGET, ends[name]))
    yield from _output(model, torch.cat(rows["state"])[None])


def _vit(model: VisionTransformer, image: Tensor) -> Iterator[Traced]:
    config = model.config
    if config.resize:
        image = functional.interpolate(image, config.size, mode="bilinear", antialias=True)
    pixels = functional.unfold(image, config.patch, stride=config.patch)[0].T  # (P, N)
    yield Traced("image", "patches", pixels, ("patch", "N"))
    embedded = model.patches(image.to(model.positions.dtype)).flatten(2).transpose(1, 2)
    yield Traced("image", "embedding", embedded[0], ("patch", "D"))
    x = torch.cat((model.class_token.expand(1, -1, -1), embedded), 1)
    yield Traced("image", "with class token", x[0], ("token", "D"))
    yield Traced("image", "positions", model.positions.detach(), ("token", "D"))
    x = x + model.positions
    yield Traced("image", "input", x[0], ("token", "D"))
    for number, block in enumerate(model.encoder, 1):
        assert isinstance(block, EncoderBlock)
        x = yield from _encoder_block(block, x, number, "token")
    token = model.norm(x[:, 0])
    yield Traced("output", "class token", token, ("class token", "D"))
    logits = model.head(token)
    yield Traced("output", "logits", logits, ("class token", "Y"))
    yield Traced("output", "probabilities", logits.softmax(-1), ("class token", "Y"))
