"""The models again in NumPy, from the equations of the papers, with nothing of the package: for comparison.

Each function takes the weights by name and returns every number on the way as (part, name) -> array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]
Numbers = dict[tuple[str, str], Array]


def softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def layer_norm(x: Array, scale: Array, shift: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + shift


def sinusoids(length: int, width: int) -> Array:
    table = np.zeros((length, width))
    for t in range(length):
        for i in range(0, width, 2):
            table[t, i] = math.sin(t / 10000 ** (i / width))
            table[t, i + 1] = math.cos(t / 10000 ** (i / width))
    return table


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
}


def linear(x: Array, weights: Weights, name: str, rows: slice = slice(None)) -> Array:
    bias = weights.get(f"{name}.bias")
    return x @ weights[f"{name}.weight"][rows].T + (0 if bias is None else bias[rows])


class Pass:
    """One pass through a stack of blocks."""

    def __init__(self, weights: Weights, config: Any) -> None:
        self.weights, self.config, self.numbers = weights, config, Numbers()

    def norm(self, x: Array, name: str) -> Array:
        return layer_norm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def heads(self, x: Array) -> Array:
        parts = np.split(x, self.config.heads, -1)  # one after the other
        return np.stack(parts)

    def attention(self, x: Array, keys_from: Array, mask: Array | None, part: str, name: str) -> Array:
        width = x.shape[-1]
        query, key, value = (
            self.heads(linear(of, self.weights, f"{name}.project", slice(n * width, (n + 1) * width)))
            for n, of in enumerate((x, keys_from, keys_from))
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        weights = softmax(scores if mask is None else np.where(mask, scores, -np.inf))
        answers = weights @ value
        joined = linear(np.concatenate(list(answers), -1), self.weights, f"{name}.output")
        found = {
            "query": query, "key": key, "value": value, "scores": scores, "weights": weights,
            "heads": answers, "joined heads": joined,
        }  # fmt: skip
        self.numbers |= {(part, of): values for of, values in found.items()}
        if mask is not None:
            self.numbers[part, "mask"] = mask.astype(float)
        return joined

    def around(self, x: Array, part: str, name: str, sublayer: Any) -> Array:
        """The residual sum and LayerNorm around a sublayer."""
        if self.config.norm == "pre":
            normed = self.norm(x, f"{name}.norm")
            self.numbers[part, "norm"] = normed
            total = x + sublayer(normed)
            self.numbers[part, "residual"] = total
            return total
        total = x + sublayer(x)
        self.numbers[part, "residual"] = total
        self.numbers[part, "norm"] = self.norm(total, f"{name}.norm")
        return self.numbers[part, "norm"]

    def feed_forward(self, x: Array, part: str, name: str) -> Array:
        inner = ACTIVATIONS[self.config.activation](linear(x, self.weights, f"{name}.inner"))
        outer = linear(inner, self.weights, f"{name}.outer")
        self.numbers |= {(part, "inner"): inner, (part, "outer"): outer}
        return outer

    def encoder(self, x: Array) -> Array:
        for n in range(self.config.encoder_layers):
            name = f"encoder.{n}"
            part = f"encoder {n + 1}, self-attention"
            x = self.around(
                x, part, f"{name}.first",
                lambda y, p=part, m=name: self.attention(y, y, None, p, f"{m}.attention"),
            )  # fmt: skip
            part = f"encoder {n + 1}, feed-forward"
            x = self.around(
                x,
                part,
                f"{name}.second",
                lambda y, p=part, m=name: self.feed_forward(y, p, f"{m}.feed_forward"),
            )
        return x


def transformer(weights: Weights, config: Any, source: list[int], target: list[int]) -> Numbers:
    run = Pass(weights, config)
    numbers = run.numbers

    def embedded(rows: Array, side: str) -> Array:
        if config.positions == "learned":
            places = weights["positions.table.weight"][: len(rows)]
        else:
            places = sinusoids(len(rows), config.width)
        scaled = rows * math.sqrt(config.width)
        numbers.update({
            (side, "embedding"): rows, (side, "scaled embedding"): scaled, (side, "positions"): places,
            (side, "input"): scaled + places,
        })  # fmt: skip
        return scaled + places

    target_matrix = weights.get("target_embedding.weight", weights["source_embedding.weight"])
    x = run.encoder(embedded(weights["source_embedding.weight"][source], "source"))
    if config.norm == "pre":
        x = numbers["encoder", "norm"] = run.norm(x, "encoder_norm")
    memory = numbers["encoder", "memory"] = x
    rows = target_matrix[target].copy()
    if not config.learned_start:
        rows[0] = 0
    x = embedded(rows, "target")
    past = np.tril(np.ones((len(target), len(target)), bool))
    for n in range(config.decoder_layers):
        name, part = f"decoder.{n}", f"decoder {n + 1}"
        own, cross, feed = (
            f"{part}, {kind}" for kind in ("self-attention", "cross-attention", "feed-forward")
        )
        x = run.around(
            x, own, f"{name}.first", lambda y, p=own, m=name: run.attention(y, y, past, p, f"{m}.attention")
        )
        x = run.around(
            x,
            cross,
            f"{name}.second",
            lambda y, p=cross, m=name: run.attention(y, memory, None, p, f"{m}.cross"),
        )
        x = run.around(
            x, feed, f"{name}.third", lambda y, p=feed, m=name: run.feed_forward(y, p, f"{m}.feed_forward")
        )
    if config.norm == "pre":
        x = numbers["decoder", "norm"] = run.norm(x, "decoder_norm")
    matrix = target_matrix if config.tie_output else weights["output.weight"]
    return numbers | output(x @ matrix.T + weights.get("output_bias", 0))


def output(logits: Array) -> Numbers:
    possible = logits.copy()
    possible[:, [0, 2]] = -np.inf  # PAD and BOS
    return {("output", "logits"): logits, ("output", "probabilities"): softmax(possible)}


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def gru(x: Array, first: Array, weights: Weights, name: str, end: str) -> Array:
    """Cho et al. 2014, with the reset gate after the product, as in cuDNN: states (T, D)."""
    states, h = [], first
    for row in x:
        given = weights[f"{name}.weight_ih_{end}"] @ row + weights[f"{name}.bias_ih_{end}"]
        kept = weights[f"{name}.weight_hh_{end}"] @ h + weights[f"{name}.bias_hh_{end}"]
        (r_in, z_in, n_in), (r_h, z_h, n_h) = np.split(given, 3), np.split(kept, 3)
        reset, update = sigmoid(r_in + r_h), sigmoid(z_in + z_h)
        h = (1 - update) * np.tanh(n_in + reset * n_h) + update * h
        states.append(h)
    return np.stack(states)


def bahdanau(weights: Weights, config: Any, source: list[int], target: list[int]) -> Numbers:
    numbers: Numbers = {}
    width = config.width
    x = numbers["source", "embedding"] = weights["source_embedding.weight"][source]
    half = width // 2 if config.bidirectional else width
    for n in range(config.encoder_layers):
        forward = gru(x, np.zeros(half), weights, "encoder.units", f"l{n}")
        if config.bidirectional:
            backward = gru(x[::-1], np.zeros(half), weights, "encoder.units", f"l{n}_reverse")[::-1]
            forward = np.concatenate((forward, backward), -1)
        x = forward
    memory = numbers["encoder", "states"] = x
    keys = numbers["attention", "key"] = memory @ weights["attend.key.weight"].T
    whole = np.concatenate((memory[-1, :half], memory[0, half:])) if config.bidirectional else memory[-1]
    states = np.tanh(linear(whole, weights, "bridge")).reshape(config.decoder_layers, width)
    numbers["decoder", "first state"] = states.copy()
    matrix = weights.get("target_embedding.weight", weights["source_embedding.weight"])
    words = numbers["target", "embedding"] = matrix[target]
    found: dict[str, list[Array]] = {}
    for word in words:
        query = weights["attend.query.weight"] @ states[-1]
        scores = np.tanh(query + keys) @ weights["attend.vector"]
        alignment = softmax(scores)
        context = alignment @ memory
        row = np.concatenate((context, word))
        for n in range(config.decoder_layers):
            row = states[n] = gru(row[None], states[n], weights, "units", f"l{n}")[0]
        for name, values in (
            ("query", query), ("scores", scores), ("weights", alignment), ("context", context), ("state", row),
        ):  # fmt: skip
            found.setdefault(name, []).append(values.copy())
    for name, rows in found.items():
        numbers["decoder" if name == "state" else "attention", name] = np.stack(rows)
    return numbers | output(linear(numbers["decoder", "state"], weights, "output"))


def vit(weights: Weights, config: Any, image: Array) -> Numbers:
    size = config.patch
    patches = [
        image[:, i : i + size, j : j + size].ravel()
        for i in range(0, image.shape[1], size)
        for j in range(0, image.shape[2], size)
    ]
    run = Pass(weights, config)
    pixels = np.stack(patches)
    matrix = weights["patches.weight"].reshape(config.width, -1)
    embedded = pixels @ matrix.T + weights["patches.bias"]
    tokens = np.concatenate((weights["class_token"][0], embedded))
    run.numbers |= {
        ("image", "patches"): pixels, ("image", "embedding"): embedded, ("image", "with class token"): tokens,
        ("image", "positions"): weights["positions"], ("image", "input"): tokens + weights["positions"],
    }  # fmt: skip
    x = run.encoder(tokens + weights["positions"])[:1]
    token = run.norm(x, "norm") if config.norm == "pre" else x
    logits = linear(token, weights, "head")
    return run.numbers | {
        ("output", "class token"): token, ("output", "logits"): logits, ("output", "probabilities"): softmax(logits)
    }  # fmt: skip
