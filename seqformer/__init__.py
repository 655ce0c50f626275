"""Learn, train, trust and ship encoder-decoder models.

>>> import seqformer
>>> model = seqformer.load("runs/en-fr")
>>> print(model.translate("i'm home ."))
je suis chez moi .

Importing this package imports nothing heavy; torch is loaded with the first name that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = [
    "Attention", "DataError", "Interrupted", "Model", "Prepared", "Run", "RunError", "SeqformerError",
    "Translation", "average", "calibrate", "compare", "distil", "evaluate", "forecast", "load", "prepare",
    "reproduce",
    "resume", "train",
]  # fmt: skip

if TYPE_CHECKING:
    from seqformer.api import (
        Interrupted,
        Model,
        Prepared,
        average,
        calibrate,
        evaluate,
        load,
        prepare,
        resume,
        train,
    )
    from seqformer.decoding.results import Translation
    from seqformer.errors import DataError, RunError, SeqformerError
    from seqformer.recipes.reproduction import reproduce
    from seqformer.report.attention import Attention
    from seqformer.runs.run import Run
    from seqformer.studies.comparison import compare
    from seqformer.studies.distil import distil
    from seqformer.studies.forecast import forecast


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'seqformer' has no attribute '{name}'")
    from seqformer import api, errors
    from seqformer.inference import model
    from seqformer.recipes import reproduction
    from seqformer.studies import comparison, distil, forecast

    homes = (errors, api, model, comparison, distil, forecast, reproduction)
    return next(getattr(home, name) for home in homes if hasattr(home, name))
