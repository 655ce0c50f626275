"""Learn, train, trust and ship encoder-decoder models.

>>> import seqformer
>>> model = seqformer.load("runs/en-fr")
>>> model.translate(["i'm home ."])
['je suis chez moi .']

Importing this package imports nothing heavy; torch is loaded with the first name that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Attention", "Model", "SeqformerError", "load"]

if TYPE_CHECKING:
    from seqformer.errors import SeqformerError
    from seqformer.run import Attention, Model, load


def __getattr__(name: str) -> Any:
    if name == "SeqformerError":
        from seqformer.errors import SeqformerError

        return SeqformerError
    if name in __all__:
        from seqformer import run

        return getattr(run, name)
    raise AttributeError(f"module 'seqformer' has no attribute '{name}'")
