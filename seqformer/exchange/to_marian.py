"""Export of a run as a Marian checkpoint, which Hugging Face transformers opens.

D model width, V our vocabulary (PAD UNK BOS EOS pieces), M Marian's (eos unk pieces pad).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from seqformer.errors import RunError
from seqformer.exchange.names import (
    ACTIVATIONS,
    ATTENTION_BIASES,
    BESIDE,
    CARD,
    CONFIG,
    HIDDEN,
    LANGUAGE,
    LONGEST,
    MODEL,
    TARGET_VOCABULARY,
    VOCABULARY,
    beside,
    block_names,
    reordered,
    sizes,
)
from seqformer.models.transformer import TransformerConfig
from seqformer.runs.run import Run
from seqformer.storage.files import whole_folder, write_json
from seqformer.symbols import BOS, EOS, SPECIALS, UNK
from seqformer.tasks import text_task
from seqformer.text.tokenizer import Tokenizer


def write(run: Run, out: Path, card: str = "") -> None:
    """Write a run as a checkpoint into the folder ``out``, which is then complete or absent.

    ``card`` is the model card to put there, of :func:`seqformer.recipes.card.text`. Raises
    :class:`RunError` for a model that Marian cannot represent.
    """
    config = check_form(run)
    model = run.load_model(torch.device("cpu"))
    weights = _in_halves({name: tensor.detach() for name, tensor in model.named_parameters()}, config)
    order = {side: _their_order(size) for side, size in sizes(config).items()}
    theirs = dict(_blocks_to_theirs(weights, config))
    start = [-1]  # their padding, which starts their decoding, is a zero vector
    if config.joint:
        shared = weights["source_embedding.weight"]
        theirs["model.shared.weight"] = reordered(shared, order["target"], start)
    else:
        for side, stack in (("source", "encoder"), ("target", "decoder")):
            rows = reordered(weights[f"{side}_embedding.weight"], order[side], start)
            theirs[f"model.{stack}.embed_tokens.weight"] = rows
    bias = weights.get("output_bias", torch.zeros(config.target_vocabulary))[order["target"]]
    bias[-1] = HIDDEN
    theirs["final_logits_bias"] = bias[None]
    with whole_folder(out, replaces=MODEL) as folder:
        save_file(
            {name: tensor.contiguous() for name, tensor in theirs.items()}, folder / MODEL, {"format": "pt"}
        )
        write_json(folder / CONFIG, _their_config(config))
        write_json(folder / "generation_config.json", _generation(config))
        task = text_task(run.task)
        _write_tokenizer(folder, task.tokenizer, order, joint=config.joint)
        write_json(folder / BESIDE, beside(task.manifest))
        if card:
            (folder / CARD).write_text(card, "utf-8")


def check_form(run: Run) -> TransformerConfig:
    """Return the configuration of a run if Marian can represent it; :class:`RunError` if not."""
    config = run.configs.model
    if not isinstance(config, TransformerConfig):
        raise RunError(f"{run.folder} is of architecture {config.arch}, and Marian has Transformers only")
    if config.norm != "post":
        raise RunError(f"{run.folder} has norm '{config.norm}' and Marian has a form for 'post' only")
    if not config.causal:
        raise RunError(
            f"{run.folder} was trained without the causal mask and Marian has it; train one with it"
        )
    if not config.positions.startswith("sinusoidal"):
        raise RunError(f"{run.folder} has positions '{config.positions}' and Marian has sinusoids only")
    if not config.tie_output:
        raise RunError(f"{run.folder} has its own output matrix and Marian takes the target embeddings")
    if config.learned_start:
        raise RunError(f"{run.folder} decodes from a learned vector and Marian from zeros")
    return config


def _their_order(size: int) -> list[int]:
    """Return our ids in Marian's order; its padding, a zero vector, takes the place of BOS."""
    return [EOS, UNK, *range(SPECIALS, size), BOS]


def _halves(width: int) -> list[int]:
    """Return the columns of interleaved sines and cosines in the order of halves."""
    return [*range(0, width, 2), *range(1, width, 2)]


def _axis(name: str) -> int | None:
    """Return which axis of one of our weights runs over the width of the model, if any."""
    if name.endswith(("project.weight", "inner.weight", "embedding.weight")):
        return 1
    return None if name.endswith(("project.bias", "inner.bias", "output_bias")) else 0


def _in_halves(weights: dict[str, Tensor], config: TransformerConfig) -> dict[str, Tensor]:
    """Return the same model with its columns in the order of sinusoids in halves."""
    if config.positions == "sinusoidal-split":
        return weights
    columns = torch.tensor(_halves(config.width))

    def ordered(name: str, weight: Tensor) -> Tensor:
        axis = _axis(name)
        return weight if axis is None else weight.index_select(axis, columns)

    return {name: ordered(name, weight) for name, weight in weights.items()}


def _blocks_to_theirs(weights: dict[str, Tensor], config: TransformerConfig) -> Iterator[tuple[str, Tensor]]:
    for ours, theirs in block_names(config):
        if not config.attention_bias and ours.endswith(ATTENTION_BIASES):  # theirs may be zeros
            weight = torch.zeros(len(theirs) * config.width)
        else:
            weight = weights[ours]
        yield from zip(theirs, weight.chunk(len(theirs)), strict=True)


def _their_config(config: TransformerConfig) -> dict[str, Any]:
    pad = config.target_vocabulary - 2
    return {
        "architectures": ["MarianMTModel"],
        "model_type": "marian",
        "vocab_size": config.source_vocabulary - 1,
        "decoder_vocab_size": config.target_vocabulary - 1,
        "share_encoder_decoder_embeddings": config.joint,
        "tie_word_embeddings": True,
        "d_model": config.width,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.heads,
        "decoder_attention_heads": config.heads,
        "encoder_ffn_dim": config.feed_forward,
        "decoder_ffn_dim": config.feed_forward,
        "activation_function": ACTIVATIONS[config.activation],
        "dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": 0.0,
        "scale_embedding": True,
        "static_position_embeddings": True,
        "max_position_embeddings": LONGEST,
        "is_encoder_decoder": True,
        "dtype": "float32",
        **_generation(config),
        "pad_token_id": pad,
    }


def _generation(config: TransformerConfig) -> dict[str, Any]:
    pad = config.target_vocabulary - 2
    return {
        "decoder_start_token_id": pad,
        "eos_token_id": 0,
        "pad_token_id": pad,
        "bad_words_ids": [[pad]],
        "forced_eos_token_id": None,
        "max_length": LONGEST // 2,
    }


def _their_piece(piece: str) -> str:
    """Return a piece as their vocabulary names it: a language has no mark of a word's start there."""
    bare = piece.removeprefix("▁")
    return bare if LANGUAGE.fullmatch(bare) else piece


def _write_tokenizer(folder: Path, tokenizer: Tokenizer, order: dict[str, list[int]], *, joint: bool) -> None:
    sides = {"source": tokenizer.source, "target": tokenizer.target}
    for side, vocabulary in sides.items():
        (folder / f"{side}.spm").write_bytes(vocabulary.model)
        pieces = [*map(_their_piece, vocabulary.pieces(order[side][:-1])), "<pad>"]
        if side == "source" or not joint:
            name = VOCABULARY if side == "source" else TARGET_VOCABULARY
            write_json(folder / name, {piece: number for number, piece in enumerate(pieces)})
    settings = {
        "tokenizer_class": "MarianTokenizer",
        "unk_token": "<unk>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "model_max_length": LONGEST // 2,
        "separate_vocabs": not joint,
    }
    write_json(folder / "tokenizer_config.json", settings)
