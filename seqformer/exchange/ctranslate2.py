"""Export of a run to CTranslate2: its weights by the names of that engine's Transformer.

D model width, V vocabulary, N positions that the engine makes room for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seqformer.errors import MissingExtra, RunError
from seqformer.exchange.names import BESIDE, HIDDEN, LONGEST, beside
from seqformer.models.positions import position_table
from seqformer.models.transformer import Transformer, TransformerConfig
from seqformer.runs import shortlist as shortlists
from seqformer.runs.run import Run
from seqformer.storage.files import whole_folder, write_json
from seqformer.symbols import BOS, PAD
from seqformer.tasks import text_task

QUANTIZATIONS = ("int8", "int8_float32", "int8_bfloat16", "int16", "bfloat16", "float16", "float32")
MODEL = "model.bin"
_ACTIVATIONS = {"relu": "RELU", "gelu": "GELU", "silu": "SWISH"}  # ours -> theirs
Weights = Mapping[str, npt.NDArray[np.float32]]


def convert(run: Run, out: Path, quantization: str | None, shortlist: bool = False) -> None:
    """Write a run as a CTranslate2 model, with the pieces that it is fed.

    ``shortlist`` writes the run's, made now where there is none, as the vocabulary mapping that
    ``use_vmap=True`` takes.

    Raises :class:`RunError` for a model that CTranslate2 cannot represent, and then makes nothing.
    """
    check_form(run)
    task = text_task(run.task)
    lines = shortlists.kept(run) if shortlist else None
    with whole_folder(out, replaces=MODEL) as folder:
        write(run, folder, quantization)
        for side, vocabulary in (("source", task.tokenizer.source), ("target", task.tokenizer.target)):
            (folder / f"{side}.spm").write_bytes(vocabulary.model)
        if lines is not None:
            (folder / shortlists.VMAP).write_bytes(shortlists.as_file(lines))
        write_json(folder / BESIDE, beside(task.manifest))


def check_form(run: Run) -> TransformerConfig:
    """Return the configuration of a run if CTranslate2 can represent it; :class:`RunError` if not."""
    config = run.configs.model
    if not isinstance(config, TransformerConfig):
        raise RunError(
            f"{run.folder} is of architecture {config.arch}, and CTranslate2 runs Transformers only"
        )
    if not config.causal:
        raise RunError(
            f"{run.folder} was trained without the causal mask and CTranslate2 has it; train one with it"
        )
    return config


def write(run: Run, folder: Path, quantization: str | None = None) -> None:
    """Write model.bin, config.json and the vocabularies of a run into a folder."""
    spec = _specification(run)
    tokenizer = text_task(run.task).tokenizer
    for vocabulary, register in (
        (tokenizer.source, spec.register_source_vocabulary),
        (tokenizer.target, spec.register_target_vocabulary),
    ):
        pieces = vocabulary.pieces(range(len(vocabulary)))
        if len(set(pieces)) < len(pieces):
            raise RunError(f"{run.folder} has pieces of the same name, and CTranslate2 knows them by it")
        register(pieces)
    names = tokenizer.target.pieces(range(4))
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = names[1:]
    spec.config.decoder_start_token = spec.config.bos_token
    spec.config.add_source_eos = True  # who feeds it SentencePiece's pieces need not know of </s>
    try:
        spec.validate()
        spec.optimize(quantization=quantization)
        spec.save(str(folder))
    except (ValueError, RuntimeError) as error:
        raise RunError(f"CTranslate2 could not convert {run.folder}: {error}") from None


def _specification(run: Run) -> Any:
    """Return the weights of a run as CTranslate2 names them."""
    config = check_form(run)
    try:
        from ctranslate2 import specs
    except ImportError:
        raise MissingExtra("CTranslate2 is", "exchange") from None
    model: Transformer = run.load_model(torch.device("cpu"))
    weights = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
    spec = specs.TransformerSpec.from_config(
        (config.encoder_layers, config.decoder_layers),
        config.heads,
        pre_norm=config.norm == "pre",
        activation=specs.common_spec.Activation[_ACTIVATIONS[config.activation]],
    )
    table = position_table(model.positions, LONGEST, config.width).numpy()  # (N, D)
    for stack, name in ((spec.encoder, "encoder"), (spec.decoder, "decoder")):
        stack.scale_embeddings = float(config.width**0.5)
        stack.position_encodings.encodings = table
        for number, layer in enumerate(stack.layer):
            _block(layer, weights, f"{name}.{number}", config.width)
        if config.norm == "pre":
            _norm(stack.layer_norm, weights, f"{name}_norm")
    spec.encoder.embeddings[0].weight = model.source_embedding.weight.detach().numpy()
    spec.decoder.embeddings.weight = model.target_embedding.weight.detach().numpy()
    spec.decoder.start_from_zero_embedding = not config.learned_start
    spec.decoder.projection.weight = model.projection().detach().numpy()
    bias = model.bias()
    never = torch.zeros(config.target_vocabulary) if bias is None else bias.detach().clone()
    never[[PAD, BOS]] = HIDDEN
    spec.decoder.projection.bias = never.numpy()
    return spec


def _block(layer: Any, weights: Weights, name: str, width: int) -> None:
    """Fill a block: queries, keys and values are stacked there as here, but for queries of the memory."""
    own = layer.self_attention
    _linear(own.linear[0], weights, f"{name}.attention.project", slice(None))
    _linear(own.linear[1], weights, f"{name}.attention.output", slice(None))
    _norm(own.layer_norm, weights, f"{name}.first.norm")
    cross = getattr(layer, "attention", None)
    if cross is not None:
        _linear(cross.linear[0], weights, f"{name}.cross.project", slice(None, width))
        _linear(cross.linear[1], weights, f"{name}.cross.project", slice(width, None))
        _linear(cross.linear[2], weights, f"{name}.cross.output", slice(None))
        _norm(cross.layer_norm, weights, f"{name}.second.norm")
    _linear(layer.ffn.linear_0, weights, f"{name}.feed_forward.inner", slice(None))
    _linear(layer.ffn.linear_1, weights, f"{name}.feed_forward.outer", slice(None))
    _norm(layer.ffn.layer_norm, weights, f"{name}.{'third' if cross is not None else 'second'}.norm")


def _linear(spec: Any, weights: Weights, name: str, rows: slice) -> None:
    spec.weight = weights[f"{name}.weight"][rows]
    if f"{name}.bias" in weights:
        spec.bias = weights[f"{name}.bias"][rows]


def _norm(spec: Any, weights: Weights, name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]
