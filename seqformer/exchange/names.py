"""Names of the same weights here and in Marian checkpoints of Hugging Face transformers.

A checkpoint holds config.json, generation_config.json, model.safetensors, source.spm, target.spm,
vocab.json and tokenizer_config.json; any OPUS-MT model has this form. Marian (Junczys-Dowmunt et al.
2018) is the paper's model: LayerNorm after each sum, sinusoids in halves, decoding from a zero vector.
What of a run Marian has no word for is in a file beside, seqformer.json: how text is normalised, and how
long it was in training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from seqformer.config import PrepareConfig
from seqformer.models.transformer import TransformerConfig
from seqformer.text.normalize import NORMALIZATION
from seqformer.text.prepared import TextManifest

BESIDE, CARD = "seqformer.json", "README.md"
CONFIG, MODEL = "config.json", "model.safetensors"
VOCABULARY, TARGET_VOCABULARY = "vocab.json", "target_vocab.json"
ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "silu": "swish"}  # ours -> theirs
LONGEST = 1024  # positions that transformers and CTranslate2 make room for
LANGUAGE = re.compile(">>.+<<")  # what begins a source, in a multilingual model, and is one piece
HIDDEN = -1e4  # the logit of a symbol that is never produced

_NORMAL_FORMS = {
    "nfkc": "Unicode NFKC",
    "lowercase": "lower case",
    "split_punctuation": "a space on each side of a punctuation mark",
}
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
ATTENTION_BIASES = tuple(f"{ours}.{part}.bias" for ours in _ATTENTIONS for part in ("project", "output"))
_STACKED = ("q_proj", "k_proj", "v_proj")  # what our one projection holds, in its order


def block_names(config: TransformerConfig) -> Iterator[tuple[str, list[str]]]:
    """Yield our name of each weight in a block, and theirs: three for a stacked projection."""
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


def reordered(matrix: Tensor, order: list[int], empty: list[int]) -> Tensor:
    """Return the rows of an embedding matrix in another order, with zeros in the rows ``empty``."""
    rows = matrix[order]
    rows[empty] = 0
    return rows


def normal_form(config: PrepareConfig) -> str:
    """Return in words how a text must be normalised before it is cut into pieces."""
    asked = [what for name, what in _NORMAL_FORMS.items() if getattr(config, name)]
    return ", ".join(asked if config.nfkc else ["Unicode NFC", *asked])


def sizes(config: TransformerConfig) -> dict[str, int]:
    return {"source": config.source_vocabulary, "target": config.target_vocabulary}


def beside(manifest: TextManifest) -> dict[str, Any]:
    """Return what of the text Marian has no word for: the settings of its normalisation, and lengths."""
    settings = manifest.prepare_settings
    return {
        "normalization": {name: settings[name] for name in ("languages", *NORMALIZATION)},
        "longest": manifest.longest,
        "length_ratio": manifest.length_ratio,
        "single_sentences": manifest.single_sentences,
        "commands": sorted(manifest.shield().exempt),
    }
