"""Keys and values of the positions decoded so far, in an object that the caller passes in.

B sentences, H heads, K head width.

    cache = KeyValueCache()
    keys, values = cache.append(key, value)   # adds those of the newest step; returns all so far
    cache.select(sentences)                   # drops the others
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 32  # keys to make room for at a time


class KeyValueCache:
    """Room for the keys and values of one layer, (B, H, capacity, K) each, of which ``length`` is used."""

    def __init__(self) -> None:
        self.length = 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add keys and values (B, H, W, K); return all so far, as views."""
        end = self.length + key.shape[2]
        self._keys = self._with_room(self._keys, key, end)
        self._values = self._with_room(self._values, value, end)
        self._keys[:, :, self.length : end] = key
        self._values[:, :, self.length : end] = value
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]

    def select(self, sentences: Tensor) -> None:
        """Keep the keys and values of these sentences, in this order."""
        if self._keys is not None and self._values is not None:
            self._keys = self._picked(self._keys, sentences)
            self._values = self._picked(self._values, sentences)

    def _picked(self, old: Tensor, sentences: Tensor) -> Tensor:
        new = old.new_empty(len(sentences), *old.shape[1:])
        torch.index_select(old[:, :, : self.length], 0, sentences, out=new[:, :, : self.length])
        return new

    def _with_room(self, old: Tensor | None, like: Tensor, end: int) -> Tensor:
        if old is not None and old.shape[2] >= end:
            return old
        sentences, heads, _, width = like.shape
        capacity = max(-(-end // BLOCK) * BLOCK, 2 * self.length)
        new = like.new_empty(sentences, heads, capacity, width)
        if old is not None:
            new[:, :, : self.length] = old[:, :, : self.length]
        return new
