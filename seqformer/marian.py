"""The same weights elsewhere: runs as Marian checkpoints of Hugging Face transformers, and back.

A checkpoint holds config.json, generation_config.json, model.safetensors, source.spm, target.spm,
vocab.json and tokenizer_config.json; any OPUS-MT model has this form. Marian (Junczys-Dowmunt et al.
2018) is the paper's model: LayerNorm after each sum, sinusoids in halves, decoding from a zero vector.

D model width, V our vocabulary (PAD UNK BOS EOS pieces), M Marian's (eos unk pieces pad).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from seqformer import __version__
from seqformer.config import ModelConfig, TrainConfig
from seqformer.errors import MissingExtra, RunError
from seqformer.fields import from_json
from seqformer.files import read_json, whole_folder, write_json
from seqformer.run import Run
from seqformer.run_folder import INFO, check_new, new_info, write_configs
from seqformer.text import store
from seqformer.text.corpus import Normalizer
from seqformer.text.tokenizer import BOS, EOS, PAD, SPECIALS, UNK, Tokenizer, Vocabulary
from seqformer.training.checkpoint import ANY, WEIGHTS, load_weights, save_weights

CONFIG, MODEL = "config.json", "model.safetensors"
VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"
ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "silu": "swish"}  # ours -> theirs
LONGEST = 1024  # positions that transformers and CTranslate2 make room for
HIDDEN = -1e4  # the logit of a symbol that is never said

# a block's parts: ours -> theirs
_ATTENTIONS = {"attention": "self_attn", "cross": "encoder_attn"}
_OTHERS = {"feed_forward.inner": "fc1", "feed_forward.outer": "fc2"}
_NORMS = {
    "encoder": {"first.norm": "self_attn_layer_norm", "second.norm": "final_layer_norm"},
    "decoder": {
        "first.norm": "self_attn_layer_norm",
        "second.norm": "encoder_attn_layer_norm",
        "third.norm": "final_layer_norm",
    },
}
_STACKED = ("q_proj", "k_proj", "v_proj")  # what our one projection holds, in its order


def write(run: Run, out: Path) -> None:
    """Write a run as a checkpoint into the folder ``out``, which appears whole or not at all.

    Raises :class:`RunError` for a model that Marian has no form for.
    """
    config = run.model_config
    _check_form(run)
    model = run.load_model(torch.device("cpu"))
    weights = _in_halves({name: tensor.detach() for name, tensor in model.named_parameters()}, config)
    order = {side: _their_order(size) for side, size in _sizes(config).items()}
    theirs = dict(_blocks_to_theirs(weights, config))
    start = [-1]  # their padding, which they start from, is a zero vector
    if config.joint:
        shared = weights["source_embedding.weight"]
        theirs["model.shared.weight"] = _rows(shared, order["target"], start)
    else:
        for side, stack in (("source", "encoder"), ("target", "decoder")):
            rows = _rows(weights[f"{side}_embedding.weight"], order[side], start)
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
        _write_tokenizer(folder, run.tokenizer, order, joint=config.joint)


def _check_form(run: Run) -> None:
    config = run.model_config
    wants = {"arch": "transformer", "norm": "post"}
    for name, wanted in wants.items():
        if getattr(config, name) != wanted:
            raise RunError(
                f"{run.folder} has {name} '{getattr(config, name)}' and Marian has a form for '{wanted}' "
                f"only; train a run to be exported with: seqformer train --{name} {wanted}"
            )
    if not config.causal:
        raise RunError(
            f"{run.folder} was trained without the causal mask and Marian has it; train one with it"
        )
    if not config.positions.startswith("sinusoidal"):
        raise RunError(f"{run.folder} has positions '{config.positions}' and Marian has sinusoids only")


def _sizes(config: ModelConfig) -> dict[str, int]:
    return {"source": config.source_vocabulary, "target": config.target_vocabulary}


def _their_order(size: int) -> list[int]:
    """Our ids in Marian's order; the zero vector that it starts from, its padding, takes the place of BOS."""
    return [EOS, UNK, *range(SPECIALS, size), BOS]


def _halves(width: int) -> list[int]:
    """Columns of interleaved sines and cosines in the order of halves."""
    return [*range(0, width, 2), *range(1, width, 2)]


def _axis(name: str) -> int | None:
    """Which axis of one of our weights runs over the width of the model."""
    if name.endswith(("project.weight", "inner.weight", "embedding.weight")):
        return 1
    return None if name.endswith(("project.bias", "inner.bias", "output_bias")) else 0


def _in_halves(weights: dict[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The same model with its columns in another order, that of sinusoids in halves."""
    if config.positions == "sinusoidal-split":
        return weights
    columns = torch.tensor(_halves(config.width))

    def ordered(name: str, weight: Tensor) -> Tensor:
        axis = _axis(name)
        return weight if axis is None else weight.index_select(axis, columns)

    return {name: ordered(name, weight) for name, weight in weights.items()}


def _rows(matrix: Tensor, order: list[int], empty: list[int]) -> Tensor:
    """The rows of an embedding matrix in another order, and zeros where they are ``empty``."""
    rows = matrix[order]
    rows[empty] = 0
    return rows


def _names(config: ModelConfig) -> Iterator[tuple[str, list[str]]]:
    """Our name of each weight in a block, and theirs: three for a stacked projection."""
    for stack, count in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        for layer in range(count):
            ours, theirs = f"{stack}.{layer}", f"model.{stack}.layers.{layer}"
            attentions = {k: v for k, v in _ATTENTIONS.items() if k == "attention" or stack == "decoder"}
            for kind in ("weight", "bias"):
                for mine, its in attentions.items():
                    yield f"{ours}.{mine}.project.{kind}", [f"{theirs}.{its}.{p}.{kind}" for p in _STACKED]
                    yield f"{ours}.{mine}.output.{kind}", [f"{theirs}.{its}.out_proj.{kind}"]
                for mine, its in (_OTHERS | _NORMS[stack]).items():
                    yield f"{ours}.{mine}.{kind}", [f"{theirs}.{its}.{kind}"]


def _blocks_to_theirs(weights: dict[str, Tensor], config: ModelConfig) -> Iterator[tuple[str, Tensor]]:
    for ours, theirs in _names(config):
        yield from zip(theirs, weights[ours].chunk(len(theirs)), strict=True)


def _their_config(config: ModelConfig) -> dict[str, Any]:
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
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "scale_embedding": True,
        "static_position_embeddings": True,
        "max_position_embeddings": LONGEST,
        "is_encoder_decoder": True,
        "dtype": "float32",
        **_generation(config),
        "pad_token_id": pad,
    }


def _generation(config: ModelConfig) -> dict[str, Any]:
    pad = config.target_vocabulary - 2
    return {
        "decoder_start_token_id": pad,
        "eos_token_id": 0,
        "pad_token_id": pad,
        "bad_words_ids": [[pad]],
        "forced_eos_token_id": None,
        "max_length": LONGEST // 2,
    }


def _write_tokenizer(folder: Path, tokenizer: Tokenizer, order: dict[str, list[int]], *, joint: bool) -> None:
    sides = {"source": tokenizer.source, "target": tokenizer.target}
    for side, vocabulary in sides.items():
        (folder / f"{side}.spm").write_bytes(vocabulary.model)
        pieces = [*vocabulary.pieces(order[side][:-1]), "<pad>"]
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


def convert(run: Run, out: Path, quantization: str | None) -> None:
    """Write a run as a CTranslate2 model, by CTranslate2's own converter of Marian checkpoints."""
    try:
        from ctranslate2.converters import TransformersConverter
    except ImportError:
        raise MissingExtra(
            "CTranslate2 is not installed; get it with: pip install 'seqformer[exchange]'"
        ) from None
    if not run.model_config.joint:
        raise RunError(f"{run.folder} has two vocabularies, and CTranslate2's converter of Marian knows one")
    with whole_folder(out, replaces="model.bin") as folder:
        checkpoint = folder / "marian"
        write(run, checkpoint)
        try:
            converter = TransformersConverter(str(checkpoint), copy_files=["source.spm", "target.spm"])
            converter.convert(str(folder / "made"), quantization=quantization)
        except (ValueError, RuntimeError) as error:
            raise RunError(f"CTranslate2 could not convert {run.folder}: {error}") from None
        for file in (folder / "made").iterdir():
            file.rename(folder / file.name)
        (folder / "made").rmdir()
        for file in checkpoint.iterdir():
            file.unlink()
        checkpoint.rmdir()


def read(checkpoint: Path, out: Path) -> Run:
    """Open a checkpoint as the new run ``out``; :class:`RunError` where we have no form for it."""
    check_new(out)
    values = _read_config(checkpoint)
    vocabularies = _read_vocabularies(checkpoint, values)
    config = _our_config(values, {side: len(found) + 1 for side, found in vocabularies.items()}, checkpoint)
    found = load_weights(checkpoint / MODEL, ANY)
    orders = {
        side: _our_order(ids, int(values["pad_token_id"]), int(values["eos_token_id"]))
        for side, ids in vocabularies.items()
    }
    weights = _our_weights(found, config, orders, checkpoint)
    models = {side: _spm(checkpoint, side, vocabularies[side], orders[side]) for side in vocabularies}
    with whole_folder(out, replaces=INFO) as folder:
        for side, model in models.items():
            (folder / f"{side}.model").write_bytes(model)
        for part in ("valid.tsv", "test.tsv"):
            (folder / part).touch()
        manifest = _manifest(checkpoint, config, store.digests(folder))
        store.write_manifest(folder, manifest)
        write_json(folder / INFO, new_info(out, manifest.kind, checkpoint, manifest.fingerprint))
        write_configs(folder, config, TrainConfig())
        save_weights(folder / WEIGHTS, weights)
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


def _our_config(values: dict[str, Any], sizes: dict[str, int], checkpoint: Path) -> ModelConfig:
    """Their configuration as ours; what we have no form for is refused by name."""
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
    return from_json(ModelConfig, ours, str(where))


def _read_vocabularies(checkpoint: Path, values: dict[str, Any]) -> dict[str, dict[str, int]]:
    """piece -> their id, for each side."""
    shared = values.get("share_encoder_decoder_embeddings", True)
    names = {"source": VOCABULARY, "target": VOCABULARY if shared else TARGET_VOCABULARY}
    found = {side: read_json(checkpoint / name) for side, name in names.items()}
    for side, pieces in found.items():
        where = f"{checkpoint / names[side]}"
        if not isinstance(pieces, dict) or "<unk>" not in pieces:
            raise RunError(f"{where}: not a vocabulary of pieces with <unk>")
        if set(pieces.values()) != set(range(len(pieces))):
            raise RunError(f"{where}: its pieces are not numbered from 0 without gaps")
    return found


def _our_order(ids: dict[str, int], pad: int, eos: int) -> list[int]:
    """Their ids in our order: PAD UNK BOS EOS pieces. PAD and BOS are both their padding."""
    special = [pad, ids["<unk>"], pad, eos]
    return special + [number for number in sorted(ids.values()) if number not in special]


def _our_weights(
    found: dict[str, Tensor], config: ModelConfig, orders: dict[str, list[int]], checkpoint: Path
) -> dict[str, Tensor]:
    try:
        weights = {
            ours: torch.cat([found[name] for name in theirs]) if len(theirs) > 1 else found[theirs[0]]
            for ours, theirs in _names(config)
        }
        if config.joint:
            shared = next(
                n for n in ("model.shared.weight", "model.encoder.embed_tokens.weight") if n in found
            )
            weights["source_embedding.weight"] = _rows(found[shared], orders["target"], [PAD, BOS])
        else:
            for side, stack in (("source", "encoder"), ("target", "decoder")):
                rows = _rows(found[f"model.{stack}.embed_tokens.weight"], orders[side], [PAD, BOS])
                weights[f"{side}_embedding.weight"] = rows
        bias = found["final_logits_bias"].flatten()[orders["target"]]
    except (KeyError, StopIteration, IndexError) as error:
        raise RunError(f"{checkpoint / MODEL}: not the weights of its {CONFIG} ({error})") from None
    bias[[PAD, BOS]] = HIDDEN
    weights["output_bias"] = bias
    return weights


def _spm(checkpoint: Path, side: str, ids: dict[str, int], order: list[int]) -> bytes:
    """Their SentencePiece model with its pieces in our order; pieces of the other side are never made."""
    try:
        from sentencepiece import sentencepiece_model_pb2 as proto
    except ImportError:
        raise MissingExtra(
            "importing needs protobuf; get it with: pip install 'seqformer[exchange]'"
        ) from None
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
    kept = [kind.FromString(piece.SerializeToString()) for piece in ordered]
    del model.pieces[:]
    model.pieces.extend(kept)
    spec = model.trainer_spec
    spec.pad_id, spec.unk_id, spec.bos_id, spec.eos_id = PAD, UNK, BOS, EOS
    spec.pad_piece, spec.unk_piece, spec.bos_piece, spec.eos_piece = "<pad>", "<unk>", "<s>", "</s>"
    made: bytes = model.SerializeToString()
    Vocabulary(made, str(path))  # it opens
    return made


def _manifest(checkpoint: Path, config: ModelConfig, digests: dict[str, str]) -> store.Manifest:
    sizes = _sizes(config)
    return store.Manifest(
        name=checkpoint.resolve().name,
        kind="translation",
        normalizer=vars(Normalizer()),
        model_type="imported",
        seed=0,
        pairs={"train": 0, "valid": 0, "test": 0},
        seen=0,
        dropped={},
        dtype=store.dtype_for(sizes.values()),
        vocabulary=sizes,
        vocabulary_asked="imported",
        tokens={"source": 0, "target": 0},
        longest={"source": LONGEST // 4, "target": LONGEST // 4},
        unknown={"source": 0.0, "target": 0.0},
        length_ratio=2.0,
        fingerprint=f"imported by {__version__}",
        digests=digests,
    )
