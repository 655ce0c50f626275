"""Import of a Marian checkpoint, such as any OPUS-MT model, as a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqformer import __version__
from seqformer.config import PrepareConfig, TrainConfig
from seqformer.errors import MissingExtra, RunError
from seqformer.exchange.names import (
    ACTIVATIONS,
    CONFIG,
    HIDDEN,
    LONGEST,
    MODEL,
    TARGET_VOCABULARY,
    VOCABULARY,
    block_names,
    reordered,
    sizes,
)
from seqformer.models.transformer import TransformerConfig
from seqformer.runs import layout
from seqformer.runs.create import check_new
from seqformer.runs.layout import Configs
from seqformer.runs.run import Run
from seqformer.storage.files import new_folder, read_json
from seqformer.storage.records import from_json
from seqformer.storage.tensors import ANY, load_weights, save_weights
from seqformer.symbols import BOS, EOS, PAD, SPECIALS, UNK
from seqformer.text.prepare import TASK
from seqformer.text.prepared import TextManifest, dtype_for
from seqformer.text.tokenizer import Vocabulary


def read(checkpoint: Path, out: Path) -> Run:
    """Import a checkpoint as the new run ``out``; :class:`RunError` if it has what we do not support."""
    check_new(out)
    values = _read_config(checkpoint)
    vocabularies = _read_vocabularies(checkpoint, values)
    config = _our_config(values, {side: len(v) + 1 for side, v in vocabularies.items()}, checkpoint)
    tensors = load_weights(checkpoint / MODEL, ANY)
    orders = {
        side: _our_order(ids, int(values["pad_token_id"]), int(values["eos_token_id"]))
        for side, ids in vocabularies.items()
    }
    weights = _our_weights(tensors, config, orders, checkpoint)
    models = {side: _spm(checkpoint, side, vocabularies[side], orders[side]) for side in vocabularies}
    with new_folder(out) as folder:
        for side, model in models.items():
            (folder / f"{side}.model").write_bytes(model)
        for part in ("valid.tsv", "test.tsv"):
            (folder / part).touch()
        manifest = _manifest(checkpoint, config)
        manifest.write(folder)
        layout.write_info(folder, layout.new_info(out, manifest.task, checkpoint, manifest.fingerprint))
        layout.write_configs(folder, Configs(config, TrainConfig()))
        save_weights(folder / layout.WEIGHTS, weights)
    return Run(out)


def _read_config(checkpoint: Path) -> dict[str, Any]:
    if not (checkpoint / CONFIG).is_file():
        raise RunError(f"{checkpoint} is not a checkpoint (no {CONFIG}); give the folder of a Marian model")
    values = read_json(checkpoint / CONFIG)
    if not isinstance(values, dict) or values.get("model_type") != "marian":
        raise RunError(f"{checkpoint / CONFIG}: not the configuration of a Marian model")
    if not (checkpoint / MODEL).is_file():
        raise RunError(
            f"{checkpoint} has no {MODEL}; make one with transformers: "
            "MarianMTModel.from_pretrained(DIR).save_pretrained(DIR)"
        )
    return values


def _our_config(values: dict[str, Any], sizes: dict[str, int], checkpoint: Path) -> TransformerConfig:
    """Return their configuration as ours; refuse by name what we do not support."""
    where = checkpoint / CONFIG
    activations = {theirs: ours for ours, theirs in ACTIVATIONS.items()} | {"silu": "silu"}
    try:
        same = (
            ("encoder_attention_heads", "decoder_attention_heads"),
            ("encoder_ffn_dim", "decoder_ffn_dim"),
        )
        for one, other in same:
            if values[one] != values[other]:
                raise RunError(
                    f"{where}: {one} and {other} differ; here encoder and decoder blocks are alike"
                )
        if not values["scale_embedding"]:
            raise RunError(f"{where}: scale_embedding is off; here embeddings are always scaled")
        ours = {
            "source_vocabulary": sizes["source"],
            "target_vocabulary": sizes["target"],
            "joint": values.get("share_encoder_decoder_embeddings", True),
            "encoder_layers": values["encoder_layers"],
            "decoder_layers": values["decoder_layers"],
            "width": values["d_model"],
            "heads": values["encoder_attention_heads"],
            "feed_forward": values["encoder_ffn_dim"],
            "dropout": values.get("dropout", 0.1),
            "norm": "post",
            "positions": "sinusoidal-split",
            "activation": activations[values["activation_function"]],
            "output_bias": True,
        }
    except KeyError as error:
        raise RunError(f"{where}: {error} is missing or not known here") from None
    return from_json(TransformerConfig, ours, str(where))


def _read_vocabularies(checkpoint: Path, values: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Read piece -> their id, for each side."""
    shared = values.get("share_encoder_decoder_embeddings", True)
    names = {"source": VOCABULARY, "target": VOCABULARY if shared else TARGET_VOCABULARY}
    vocabularies = {side: read_json(checkpoint / name) for side, name in names.items()}
    for side, pieces in vocabularies.items():
        where = f"{checkpoint / names[side]}"
        if not isinstance(pieces, dict) or "<unk>" not in pieces:
            raise RunError(f"{where}: not a vocabulary of pieces with <unk>")
        if set(pieces.values()) != set(range(len(pieces))):
            raise RunError(f"{where}: its pieces are not numbered from 0 without gaps")
    return vocabularies


def _our_order(ids: dict[str, int], pad: int, eos: int) -> list[int]:
    """Return their ids in our order: PAD UNK BOS EOS pieces. PAD and BOS are both their padding."""
    special = [pad, ids["<unk>"], pad, eos]
    return special + [number for number in sorted(ids.values()) if number not in special]


def _our_weights(
    tensors: dict[str, Tensor], config: TransformerConfig, orders: dict[str, list[int]], checkpoint: Path
) -> dict[str, Tensor]:
    try:
        weights = {
            ours: torch.cat([tensors[name] for name in theirs]) if len(theirs) > 1 else tensors[theirs[0]]
            for ours, theirs in block_names(config)
        }
        if config.joint:
            shared = next(
                n for n in ("model.shared.weight", "model.encoder.embed_tokens.weight") if n in tensors
            )
            weights["source_embedding.weight"] = reordered(tensors[shared], orders["target"], [PAD, BOS])
        else:
            for side, stack in (("source", "encoder"), ("target", "decoder")):
                rows = reordered(tensors[f"model.{stack}.embed_tokens.weight"], orders[side], [PAD, BOS])
                weights[f"{side}_embedding.weight"] = rows
        bias = tensors["final_logits_bias"].flatten()[orders["target"]]
    except (KeyError, StopIteration, IndexError) as error:
        raise RunError(f"{checkpoint / MODEL}: not the weights of its {CONFIG} ({error})") from None
    bias[[PAD, BOS]] = HIDDEN
    weights["output_bias"] = bias
    return weights


def _spm(checkpoint: Path, side: str, ids: dict[str, int], order: list[int]) -> bytes:
    """Return their SentencePiece model with pieces in our order; those of the other side are unused."""
    try:
        from sentencepiece import sentencepiece_model_pb2 as proto
    except ImportError:
        raise MissingExtra("importing needs protobuf, which is", "exchange") from None
    path = checkpoint / f"{side}.spm"
    model = proto.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception:  # protobuf's own DecodeError has no public base
        raise RunError(f"{path}: not a SentencePiece model") from None
    kind = proto.ModelProto.SentencePiece
    known = {piece.piece: piece for piece in model.pieces}
    names = {number: piece for piece, number in ids.items()}
    ordered = [kind(piece=p, type=kind.CONTROL) for p in ("<pad>", "<unk>", "<s>", "</s>")]
    ordered[UNK].type = kind.UNKNOWN
    for number in order[SPECIALS:]:
        piece = known.get(names[number])
        usable = piece is not None and piece.type not in (kind.CONTROL, kind.UNKNOWN)
        ordered.append(piece if usable else kind(piece=names[number], type=kind.UNUSED))
    copies = [kind.FromString(piece.SerializeToString()) for piece in ordered]
    del model.pieces[:]
    model.pieces.extend(copies)
    spec = model.trainer_spec
    spec.pad_id, spec.unk_id, spec.bos_id, spec.eos_id = PAD, UNK, BOS, EOS
    spec.pad_piece, spec.unk_piece, spec.bos_piece, spec.eos_piece = "<pad>", "<unk>", "<s>", "</s>"
    content: bytes = model.SerializeToString()
    Vocabulary(content, str(path))  # check that it opens
    return content


def _manifest(checkpoint: Path, config: TransformerConfig) -> TextManifest:
    vocabulary = sizes(config)
    return TextManifest(
        task=TASK,
        toy="",
        name=checkpoint.resolve().name,
        config=asdict(PrepareConfig()),
        seed=0,
        pairs={"train": 0, "valid": 0, "test": 0},
        read=0,
        dropped={},
        dtype=dtype_for(vocabulary.values()),
        vocabulary=vocabulary,
        vocabulary_asked="imported",
        tokens={"source": 0, "target": 0},
        longest={"source": LONGEST // 4, "target": LONGEST // 4},
        unknown={"source": 0.0, "target": 0.0},
        length_ratio=2.0,
        fingerprint=f"imported by {__version__}",
    )
