"""The Vision Transformer (Dosovitskiy et al. 2021, section 3.1; d2l, section 11.8), top to bottom.

B images, C channels, H image height (or heads, in weights), W image width, P patches, D width, L layers,
Y classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.config import Config, number, one_of
from seqformer.errors import SeqformerError
from seqformer.models.blocks import (
    ACTIVATIONS,
    MOST_FEED_FORWARD,
    MOST_LAYERS,
    MOST_WIDTH,
    NORMS,
    EncoderBlock,
    check_heads,
    hidden_matrices,
    initialize,
)
from seqformer.models.consistency import divergence
from seqformer.models.dropout import Dropout
from seqformer.models.loss import Loss

MOST_PIXELS, MOST_CLASSES = 1 << 16, 1 << 20


@dataclass(frozen=True, kw_only=True)
class VitConfig(Config):
    """The shape of a Vision Transformer (Dosovitskiy et al. 2021, section 3.1)."""

    arch: ClassVar = "vit"
    # the second is that of d2l, section 11.8
    presets: ClassVar = {
        "vit-small": {"tokens_per_batch": 128 * 17, "learning_rate": 2e-3, "max_epochs": 20},
        "vit-d2l": {
            "resize": 96, "patch": 16, "encoder_layers": 2, "width": 512, "heads": 8, "feed_forward": 2048,
            "tokens_per_batch": 128 * 37, "learning_rate": 3e-4, "max_epochs": 10,
        },
    }  # fmt: skip
    image_height: int = number(least=1, most=MOST_PIXELS)  # of the images as they are given, in pixels
    image_width: int = number(least=1, most=MOST_PIXELS)
    channels: int = number(least=1, most=MOST_PIXELS)
    classes: int = number(least=2, most=MOST_CLASSES)
    patch: int = number(7, least=1, most=MOST_PIXELS)  # side of a patch, in pixels
    resize: int = number(0, most=MOST_PIXELS)  # side of the square that images are resized to; 0: not at all
    encoder_layers: int = number(3, least=1, most=MOST_LAYERS)
    width: int = number(96, least=1, most=MOST_WIDTH)  # D
    heads: int = number(4, least=1)  # H
    feed_forward: int = number(192, least=1, most=MOST_FEED_FORWARD)
    dropout: float = number(0.1, below=1)
    norm: str = one_of("pre", NORMS)
    activation: str = one_of("gelu", tuple(ACTIVATIONS))
    attention_bias: bool = True  # in the projections of attention
    attention_dropout: float = number(0.0, below=1)  # of attention weights

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads(self.width, self.heads)
        height, width = self.size
        if height % self.patch or width % self.patch:
            raise SeqformerError(
                f"images of {height}x{width} pixels cannot be cut into patches of {self.patch}x{self.patch}; "
                f"scale them first, or take a preset that resizes them: vit-d2l"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image that is cut into patches."""
        return (self.resize, self.resize) if self.resize else (self.image_height, self.image_width)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.size[0] // self.patch, self.size[1] // self.patch

    @property
    def tokens(self) -> int:
        """Length of the sequence an image becomes, its class token included."""
        return 1 + self.grid[0] * self.grid[1]

    def describe(self) -> str:
        """Return the shape in words."""
        resized = f", resized to {self.resize}x{self.resize}" if self.resize else ""
        return (
            f"Vision Transformer, {self.tokens - 1} patches of {self.patch}x{self.patch}{resized}, "
            f"{self.encoder_layers} layers, width {self.width}, heads {self.heads}, "
            f"feed forward {self.feed_forward}"
        )

    @staticmethod
    def preset_for(examples: int) -> str:
        """Return the preset that suits this many training images."""
        return "vit-small"


class LabelledImages(Protocol):
    """Images and their labels, as training needs them."""

    @property
    def images(self) -> Tensor: ...  # (B, C, H, W), values from 0 to 1
    @property
    def labels(self) -> Tensor: ...  # (B,)


class VisionTransformer(nn.Module):
    """An image as a class token and a sequence of patches; the class is read from the token alone.

    z = [class; x₁E; … ; x_P E] + positions       equation 1
    z = blocks(z), pre-norm                       equations 2 and 3
    logits = LayerNorm(z₀) W                      equation 4 and the head
    """

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        # a convolution whose stride is its width applies one matrix E to every patch
        self.patches = nn.Conv2d(config.channels, config.width, config.patch, stride=config.patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.positions = nn.Parameter(torch.empty(config.tokens, config.width))
        self.dropout = Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.encoder_layers))
        # post-norm blocks end in a LayerNorm of their own
        self.norm = nn.LayerNorm(config.width) if config.norm == "pre" else nn.Identity()
        self.head = nn.Linear(config.width, config.classes)
        self.apply(initialize)
        nn.init.normal_(self.positions, std=0.02)

    def hidden_matrices(self) -> dict[str, int]:
        """Return the matrices of the blocks by name, and how many are stacked in each."""
        return hidden_matrices(self)

    def classify(self, images: Tensor) -> Tensor:
        """Classify images (B, C, H, W) with values from 0 to 1 -> logits (B, Y)."""
        return self._read(images)[0]

    def loss(self, batch: LabelledImages, smoothing: float = 0.0, consistency: float = 0.0) -> Loss:
        """Return the cross-entropy in nats, summed over the images, and their number.

        With ``consistency`` the batch passes twice, and that much of how the passes differ is added
        (:mod:`seqformer.models.consistency`).
        """
        images, labels, passes = batch.images, batch.labels, 2 if consistency else 1
        logits = self.classify(images.repeat(passes, *[1] * (images.dim() - 1))).float()
        labels = labels.repeat(passes)
        plain = functional.cross_entropy(logits, labels, reduction="sum") / passes
        objective = plain
        if smoothing:
            smoothed = functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
            objective = smoothed / passes
        if consistency:
            objective = objective + consistency / 2 * divergence(*logits.chunk(2))
        return Loss(objective, plain.detach(), len(batch.labels))

    def attention(self, images: Tensor) -> Tensor:
        """Return the weights (L, B, H, 1+P, 1+P) of every layer and head; the class token is the first."""
        return torch.stack(self._read(images, weights=True)[1])

    def _read(self, images: Tensor, weights: bool = False) -> tuple[Tensor, list[Tensor]]:
        x, maps = self._embed(images), []
        for block in self.encoder:
            x, block_weights = block(x, None, weights)
            maps.append(block_weights)
        logits: Tensor = self.head(self.norm(x[:, 0]))  # (B, Y)
        return logits, maps

    def _embed(self, images: Tensor) -> Tensor:
        if self.config.resize:
            images = functional.interpolate(images, self.config.size, mode="bilinear", antialias=True)
        patches = self.patches(images.to(self.positions.dtype))  # (B, D, rows, columns)
        rows = patches.flatten(2).transpose(1, 2)  # (B, P, D)
        x = torch.cat((self.class_token.expand(len(rows), -1, -1), rows), 1)  # (B, 1+P, D)
        embedded: Tensor = self.dropout(x + self.positions)
        return embedded
