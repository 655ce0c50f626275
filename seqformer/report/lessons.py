"""Everything that ``seqformer show`` can show without a run, as it is shown first."""

from __future__ import annotations

from seqformer.config import TrainConfig
from seqformer.report import heads, masks, pooling, positions, schedules, smoothing, softmax
from seqformer.report.report import Lesson

STEPS = 2000  # the budget of the schedules
AMOUNTS = (0.0, 0.1, 0.2, 0.5)  # of label smoothing
HEAD_WIDTHS = (4, 16, 64, 256)
QUESTIONS = {
    "pooling": "What is attention, before anything is learned?",
    "softmax": "Why are scores divided by √K?",
    "mask": "What may a position see?",
    "heads": "How is a width split into heads, and what does attention cost?",
    "positions": "How does a model know the order of words?",
    "smoothing": "What does label smoothing do to targets, to the loss, and to padding?",
    "schedule": "Why does the learning rate first rise and then fall?",
    "pieces": "How is a sentence cut into pieces?",
    "weights": "Where are the parameters of a model?",
}


def lessons() -> dict[str, Lesson]:
    """Return each by its name, in the order of :data:`QUESTIONS`."""
    return {
        "pooling": pooling.pooling(),
        "softmax": softmax.measure(list(HEAD_WIDTHS)),
        "mask": masks.masks(),
        "heads": heads.split(),
        "positions": positions.positions(),
        "smoothing": smoothing.smoothing(list(AMOUNTS)),
        "schedule": schedules.schedules(TrainConfig(max_steps=STEPS)),
    }
