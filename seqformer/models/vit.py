"""The Vision Transformer (Dosovitskiy et al. 2021, section 3.1; d2l, section 11.8), top to bottom.

B images, C channels, H image height (or heads, in weights), W image width, P patches, D width, L layers,
Y classes.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqformer.config import VitConfig
from seqformer.models.dropout import Dropout
from seqformer.models.transformer import EncoderBlock, initialize


class LabelledImages(Protocol):
    """Images and what they show, as training needs them."""

    @property
    def images(self) -> Tensor: ...  # (B, C, H, W), values from 0 to 1
    @property
    def labels(self) -> Tensor: ...  # (B,)


class VisionTransformer(nn.Module):
    """An image as a sequence of patches behind a class token, which alone is asked what it shows.

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

    def classify(self, images: Tensor) -> Tensor:
        """images (B, C, H, W) with values from 0 to 1 -> logits (B, Y)."""
        return self._read(images)[0]

    def loss(self, batch: LabelledImages, smoothing: float = 0.0) -> tuple[Tensor, int]:
        """Summed cross-entropy in nats, and over how many images."""
        logits = self.classify(batch.images).float()
        loss = functional.cross_entropy(logits, batch.labels, reduction="sum", label_smoothing=smoothing)
        return loss, len(batch.labels)

    def attention(self, images: Tensor) -> Tensor:
        """The weights (L, B, H, 1+P, 1+P) of every layer and head; the class token is the first."""
        return torch.stack(self._read(images, weights=True)[1])

    def _read(self, images: Tensor, weights: bool = False) -> tuple[Tensor, list[Tensor]]:
        x, maps = self._embed(images), []
        for block in self.encoder:
            x, seen = block(x, None, weights)
            maps.append(seen)
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
