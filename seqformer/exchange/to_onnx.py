"""Export of a run to ONNX: an encoder, and a decoder that is fed the keys and values of earlier steps.

B sentences, S source length, T target pieces so far, D width, H heads, K head width, V vocabulary, L layers.

    encoder.onnx  source (B, S)  ->  for each decoder layer memory.N.key, memory.N.value (B, H, S, K)
    decoder.onnx  token (B,), position (1,), source (B, S), the memory,
                  for each layer past.N.key, past.N.value (B, H, T, K)
                  ->  logits (B, V), for each layer present.N.key, present.N.value (B, H, T + 1, K)

Decoding begins with BOS at position 0 and a past of T = 0; what is present is the past of the next step. Ids
that never come have the logit -inf, so greedy search is an argmax until EOS.
"""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqformer.errors import MissingExtra, RunError
from seqformer.exchange.names import BESIDE, LONGEST, beside
from seqformer.models.attention import padding_mask
from seqformer.models.cache import KeyValueCache
from seqformer.models.positions import position_table
from seqformer.models.transformer import Transformer, TransformerConfig
from seqformer.runs.run import Run
from seqformer.storage.files import whole_folder, write_json
from seqformer.symbols import BOS, EOS, PAD, UNK
from seqformer.tasks import text_task

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
OPSET = 18


class _Past(KeyValueCache):
    """Keys and values that were handed in, with those of this step behind them."""

    def __init__(self, key: Tensor, value: Tensor) -> None:
        super().__init__()
        self.key, self.value = key, value

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Return all keys and values (B, H, T + 1, K)."""
        self.key, self.value = torch.cat((self.key, key), 2), torch.cat((self.value, value), 2)
        return self.key, self.value


class _Part(nn.Module):
    """What encoder and decoder share: the model and its table of positions."""

    table: Tensor  # (longest, D)

    def __init__(self, model: Transformer, table: Tensor) -> None:
        super().__init__()
        self.model = model
        self.scale = math.sqrt(model.config.width)
        self.register_buffer("table", table)


class _Encoder(_Part):
    """Source ids to the keys and values of the memory."""

    def forward(self, source: Tensor) -> tuple[Tensor, ...]:
        model, mask = self.model, padding_mask(source)
        x = model.source_embedding(source) * self.scale + self.table[: source.shape[1]]  # (B, S, D)
        for block in model.encoder:
            x, _ = block(x, mask)
        memory = model.encoder_norm(x)
        pairs = (block.cross.keys_and_values(memory) for block in model.decoder)  # type: ignore[operator, union-attr]
        return tuple(each for pair in pairs for each in pair)


class _Decoder(_Part):
    """One step of the target."""

    never: Tensor  # (V,): added to the logits

    def __init__(self, model: Transformer, table: Tensor) -> None:
        super().__init__(model, table)
        never = torch.zeros(model.config.target_vocabulary)
        never[[PAD, BOS]] = -math.inf
        self.register_buffer("never", never)

    def forward(
        self, token: Tensor, position: Tensor, source: Tensor, memory: list[Tensor], past: list[Tensor]
    ) -> tuple[Tensor, ...]:
        model, mask = self.model, padding_mask(source)
        x = model.target_embedding(token[:, None])  # (B, 1, D)
        if not model.config.learned_start:
            x = x * (position > 0).to(x.dtype)
        x, present = x * self.scale + self.table[position], []
        for n, block in enumerate(model.decoder):
            cache = _Past(past[2 * n], past[2 * n + 1])
            x, _, _ = block(x, None, (memory[2 * n], memory[2 * n + 1]), mask, cache)
            present += [cache.key, cache.value]
        return (model.logits(model.decoder_norm(x)[:, 0]) + self.never, *present)


def write(run: Run, out: Path) -> None:
    """Write a run as two ONNX models, with its pieces and how to use them, into the folder ``out``.

    The folder is then complete or absent. Raises :class:`RunError` for a model that is no Transformer.
    """
    _check_installed()
    model = run.load_model(torch.device("cpu")).requires_grad_(False)
    if not isinstance(model, Transformer):
        raise RunError(f"{run.folder} is of architecture {model.config.arch}; only Transformers are exported")
    task, table = text_task(run.task), position_table(model.positions, LONGEST, model.config.width)
    names = [f"{n}.{kind}" for n in range(model.config.decoder_layers) for kind in ("key", "value")]
    with whole_folder(out, replaces=ENCODER) as folder:
        _export(model, table, names, folder)
        for name in task.tokenizer.files():
            (folder / name).write_bytes((run.folder / name).read_bytes())
        write_json(folder / BESIDE, _description(run, model.config, names))


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingExtra("onnx and onnxscript are", "onnx") from None


def _export(model: Transformer, table: Tensor, names: list[str], folder: Path) -> None:
    config = model.config
    batch, sources, targets = (torch.export.Dim(name) for name in ("batch", "source_length", "past_length"))
    source = torch.full((2, 3), EOS)
    shape = (2, config.heads, 3, config.width // config.heads)
    memory, past = ([torch.zeros(shape) for _ in names] for _ in range(2))
    memories, presents = ([f"{what}.{name}" for name in names] for what in ("memory", "present"))
    of_source, of_memory, of_past = {0: batch, 1: sources}, {0: batch, 2: sources}, {0: batch, 2: targets}
    with _silent(), torch.no_grad():
        torch.onnx.export(
            _Encoder(model, table),
            (source,),
            folder / ENCODER,
            input_names=["source"],
            output_names=memories,
            dynamic_shapes=(of_source,),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        torch.onnx.export(
            _Decoder(model, table),
            (torch.full((2,), EOS), torch.full((1,), 3), source, memory, past),
            folder / DECODER,
            input_names=["token", "position", "source", *memories, *(f"past.{name}" for name in names)],
            output_names=["logits", *presents],
            dynamic_shapes=({0: batch}, None, of_source, [of_memory] * len(names), [of_past] * len(names)),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hide the exporter's warnings and its log."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _description(run: Run, config: TransformerConfig, names: list[str]) -> dict[str, Any]:
    """Return how the two models are used, in the words of their inputs and outputs."""
    task = text_task(run.task)
    files = list(task.tokenizer.files())
    past = [len(names) // 2, config.heads, config.width // config.heads]
    return {
        "encoder": {"file": ENCODER, "inputs": ["source"], "outputs": [f"memory.{name}" for name in names]},
        "decoder": {
            "file": DECODER,
            "inputs": [
                "token", "position", "source",
                *(f"{what}.{name}" for what in ("memory", "past") for name in names),
            ],
            "outputs": ["logits", *(f"present.{name}" for name in names)],
        },
        "past": dict(zip(("layers", "heads", "head_width"), past, strict=True)),
        "ids": {"pad": PAD, "unknown": UNK, "begin": BOS, "end": EOS},
        "longest": config.max_positions if config.positions == "learned" else LONGEST,  # pieces of a side
        "tokenizer": {"source": files[0], "target": files[-1]},
        "text": beside(task.manifest),
    }  # fmt: skip
