"""Import of a Marian checkpoint, such as any OPUS-MT model, as a run."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqformer import __version__
from seqformer.config import PrepareConfig, TrainConfig
from seqformer.errors import MissingExtra, RunError
from seqformer.exchange import marian_npz
from seqformer.exchange.names import (
    ACTIVATIONS,
    BESIDE,
    CONFIG,
    HIDDEN,
    LANGUAGE,
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
from seqformer.text.tokenizer import IMPORTED, Vocabulary

PICKLED = "pytorch_model.bin"  # the older form of the weights
OUTPUT = "lm_head.weight"
EMBEDDINGS = {OUTPUT, "final_logits_bias", "model.shared.weight"}
EMBEDDINGS |= {f"model.{stack}.embed_tokens.weight" for stack in ("encoder", "decoder")}
COMPUTED = ("embed_positions.weight",)  # sinusoids
LENGTHS = ("longest", "length_ratio", "single_sentences")


def read(checkpoint: Path, out: Path) -> Run:
    """Import a checkpoint as the new run ``out``; :class:`RunError` if it has what we do not support."""
    check_new(out)
    own = marian_npz.find(checkpoint) if not (checkpoint / CONFIG).is_file() else None
    if own:
        values, vocabulary, tensors = marian_npz.read(own)
        vocabularies = {"source": vocabulary, "target": vocabulary}
    else:
        values = _read_config(checkpoint)
        vocabularies = _read_vocabularies(checkpoint, values)
        tensors = _read_tensors(checkpoint)
    config = _our_config(values, {side: len(v) + 1 for side, v in vocabularies.items()}, checkpoint)
    config = replace(config, tie_output=not _is_untied(values, tensors))
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
        manifest = _manifest(checkpoint, config, _read_beside(checkpoint))
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
    if not any((checkpoint / name).is_file() for name in (MODEL, PICKLED)):
        raise RunError(
            f"{checkpoint} has neither {MODEL} nor {PICKLED}; give the folder of a whole checkpoint"
        )
    return values


def _read_tensors(checkpoint: Path) -> dict[str, Tensor]:
    """Read all weights, of the older form by torch's loader that takes nothing else."""
    if (checkpoint / MODEL).is_file():
        return load_weights(checkpoint / MODEL, ANY)
    path = checkpoint / PICKLED
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in held.items()}
    except Exception as error:  # of many kinds, as the file says
        reason = str(error).partition("\n")[0]
        raise RunError(f"{path}: holds something else than weights, or is damaged ({reason[:80]})") from None


def _is_untied(values: dict[str, Any], tensors: dict[str, Tensor]) -> bool:
    """Return whether the output matrix is its own; transformers ties it unless the configuration says no."""
    return values.get("tie_word_embeddings", True) is False and OUTPUT in tensors


def _read_beside(checkpoint: Path) -> dict[str, Any]:
    """Return what a run of ours has said beside, {} where nothing is."""
    path = checkpoint / BESIDE
    if not path.is_file():
        return {}
    values = read_json(path)
    wanted = {"normalization", *LENGTHS}
    if not isinstance(values, dict) or not wanted <= set(values) <= wanted | {"commands"}:
        raise RunError(f"{path}: not what seqformer writes beside a checkpoint; remove it to import without")
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
        if not config.tie_output:
            weights["output.weight"] = reordered(tensors[OUTPUT], orders["target"], [PAD, BOS])
    except (KeyError, StopIteration, IndexError) as error:
        raise RunError(f"{checkpoint}: not the weights of its {CONFIG} ({error})") from None
    used = {name for _, theirs in block_names(config) for name in theirs} | EMBEDDINGS
    left = sorted(name for name in tensors if name not in used and not name.endswith(COMPUTED))
    if left:
        shown = ", ".join(left[:4]) + (", …" if len(left) > 4 else "")
        raise RunError(f"{checkpoint}: {len(left)} weights have no place in the model here: {shown}")
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
        if usable:
            ordered.append(piece)
        elif LANGUAGE.fullmatch(names[number]):
            ordered.append(kind(piece=f"▁{names[number]}", type=kind.USER_DEFINED))
        else:
            ordered.append(kind(piece=names[number], type=kind.UNUSED))
    # a piece that the vocabulary lacks is cut all the same, and then unknown, as in transformers
    ordered += [p for p in model.pieces if p.piece not in ids and p.type in (kind.NORMAL, kind.USER_DEFINED)]
    copies = [kind.FromString(piece.SerializeToString()) for piece in ordered]
    del model.pieces[:]
    model.pieces.extend(copies)
    spec = model.trainer_spec
    spec.pad_id, spec.unk_id, spec.bos_id, spec.eos_id = PAD, UNK, BOS, EOS
    spec.pad_piece, spec.unk_piece, spec.bos_piece, spec.eos_piece = "<pad>", "<unk>", "<s>", "</s>"
    content: bytes = model.SerializeToString()
    Vocabulary(content, str(path), len(order))  # check that it opens
    return content


def _manifest(checkpoint: Path, config: TransformerConfig, beside: dict[str, Any]) -> TextManifest:
    vocabulary = sizes(config)
    where = str(checkpoint / BESIDE)
    prepared = from_json(PrepareConfig, {"placeholders": False} | beside.get("normalization", {}), where)
    lengths: dict[str, Any] = {
        "longest": {"source": LONGEST // 4, "target": LONGEST // 4},
        "length_ratio": 2.0,
        "single_sentences": False,
    }
    lengths |= {name: beside[name] for name in (*LENGTHS, "commands") if name in beside}
    return TextManifest(
        task=TASK,
        toy="",
        name=checkpoint.resolve().name,
        config=asdict(prepared),
        seed=0,
        pairs={"train": 0, "valid": 0, "test": 0},
        read=0,
        dropped={},
        dtype=dtype_for(vocabulary.values()),
        vocabulary=vocabulary,
        vocabulary_asked=IMPORTED,
        tokens={"source": 0, "target": 0},
        unknown={"source": 0.0, "target": 0.0},
        **lengths,
        fingerprint=f"imported by {__version__}",
    )
