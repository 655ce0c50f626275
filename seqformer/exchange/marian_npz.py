"""Marian's own checkpoints, as OPUS-MT hands them out: model.npz, a vocabulary in YAML, two .spm files.

They are read as the configuration, the vocabulary and the weights of a checkpoint of transformers. Names and
order are those of Marian 1.9 and later (src/models/transformer.h).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqformer.errors import MissingExtra, RunError
from seqformer.storage.files import read_bytes

SETTINGS = "special:model.yml"  # the configuration, in the file of the weights
MOST_YAML = 64 << 20
ATTENTIONS = {"self": "self_attn", "context": "encoder_attn"}
PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
NORM = {"scale": "weight", "bias": "bias"}
# theirs -> transformers', of a block
PARTS = {
    f"{a}_{kind}{p}": f"{b}.{q}.{name}"
    for a, b in ATTENTIONS.items()
    for p, q in PROJECTIONS.items()
    for kind, name in (("W", "weight"), ("b", "bias"))
}
PARTS |= {f"{a}_Wo_ln_{k}": f"{b}_layer_norm.{q}" for a, b in ATTENTIONS.items() for k, q in NORM.items()}
PARTS |= {f"ffn_{k}{n}": f"fc{n}.{q}" for n in (1, 2) for k, q in (("W", "weight"), ("b", "bias"))}
PARTS |= {f"ffn_ffn_ln_{k}": f"final_layer_norm.{q}" for k, q in NORM.items()}
# what makes another model of the same names
MUST_BE: dict[str, tuple[Any, ...]] = {
    "type": ("transformer",),
    "transformer-postprocess": ("dan",),
    "transformer-preprocess": ("",),
    "transformer-train-position-embeddings": (False,),
    "transformer-decoder-autoreg": ("self-attention",),
    "transformer-ffn-depth": (2,),
    "transformer-no-projection": (False,),
    "tied-embeddings-all": (True,),
    "lemma-dim-emb": (0,),
}


def find(folder: Path) -> Path | None:
    """Return the file of weights in a folder of Marian's own, or None."""
    found = sorted(folder.glob("*.npz"))
    return found[0] if found else None


def read(path: Path) -> tuple[dict[str, Any], dict[str, int], dict[str, Tensor]]:
    """Return configuration, vocabulary (piece -> id) and weights, as transformers has them.

    Raises :class:`RunError` for a model of another form. Nothing in the file is executed.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: not weights of Marian ({error})") from None
    if SETTINGS not in arrays:
        raise RunError(f"{path}: no configuration ({SETTINGS}) among the weights; Marian writes it there")
    settings = _yaml(arrays.pop(SETTINGS).tobytes().rstrip(b"\0"), str(path))
    for name, allowed in MUST_BE.items():
        if settings.get(name, allowed[0]) not in allowed:
            raise RunError(f"{path}: {name} is {settings[name]!r}, and only {allowed[0]!r} has a form here")
    vocabularies = sorted(path.parent.glob("*vocab*.yml"))
    if not vocabularies:
        raise RunError(f"{path.parent} has no vocabulary (….vocab.yml) beside the weights")
    vocabulary = _yaml(read_bytes(vocabularies[0], MOST_YAML), str(vocabularies[0]))
    if not all(isinstance(name, str) and type(number) is int for name, number in vocabulary.items()):
        raise RunError(f"{vocabularies[0]}: not a vocabulary (a line for each piece: its name and number)")
    try:
        tensors, config = _tensors(arrays, settings), _config(settings, len(vocabulary))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: {error} is missing, or not as Marian writes it") from None
    vocabulary["<pad>"] = len(vocabulary)
    return config, vocabulary, tensors


def _yaml(content: bytes, where: str) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise MissingExtra("Marian's own files need PyYAML, which is", "exchange") from None
    try:
        values = yaml.load(content, yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunError(f"{where}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise RunError(f"{where}: not what Marian writes")
    return values


def _tensors(arrays: dict[str, Any], settings: dict[str, Any]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for stack, depth in (("encoder", "enc-depth"), ("decoder", "dec-depth")):
        for layer in range(int(settings[depth])):
            for theirs, ours in PARTS.items():
                name = f"{stack}_l{layer + 1}_{theirs}"
                if theirs.startswith("context") and stack == "encoder":
                    continue
                value = torch.from_numpy(np.ascontiguousarray(arrays.pop(name), np.float32))
                matrix = "_W" in theirs and "_ln_" not in theirs
                tensors[f"model.{stack}.layers.{layer}.{ours}"] = value.T if matrix else value.flatten()
    embeddings = torch.from_numpy(np.ascontiguousarray(arrays.pop("Wemb"), np.float32))
    bias = torch.from_numpy(np.ascontiguousarray(arrays.pop("decoder_ff_logit_out_b"), np.float32)).flatten()
    # their padding, which starts the decoder, is a zero vector that Marian does not store
    tensors["model.shared.weight"] = torch.cat((embeddings, torch.zeros(1, embeddings.shape[1])))
    tensors["final_logits_bias"] = torch.cat((bias, torch.zeros(1)))[None]
    if left := sorted(name for name in arrays if not name.startswith("special:")):
        raise KeyError(f"a place for {', '.join(left[:4])}")
    return tensors


def _config(settings: dict[str, Any], pieces: int) -> dict[str, Any]:
    heads, width = int(settings["transformer-heads"]), int(settings["transformer-dim-ffn"])
    return {
        "model_type": "marian",
        "d_model": int(settings["dim-emb"]),
        "encoder_layers": int(settings["enc-depth"]),
        "decoder_layers": int(settings["dec-depth"]),
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": width,
        "decoder_ffn_dim": width,
        "activation_function": str(settings.get("transformer-ffn-activation", "swish")),
        "scale_embedding": True,
        "share_encoder_decoder_embeddings": True,
        "eos_token_id": 0,
        "pad_token_id": pieces,
    }
