"""Which runs there are, and how their trainings went: data, then tables and curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from seqformer.console import table
from seqformer.errors import SeqformerError
from seqformer.report import weights
from seqformer.report.best import LOSS
from seqformer.report.learning import Learning, label, value
from seqformer.report.panels import Curves
from seqformer.report.report import Lesson
from seqformer.report.weights import Weights
from seqformer.runs.find import folders, trained_at
from seqformer.runs.layout import WEIGHTS
from seqformer.runs.lock import is_training
from seqformer.runs.run import Run
from seqformer.tasks import text_task


@dataclass(frozen=True)
class Overview:
    """The runs of a folder, the one trained last first, and what is wrong with those that do not open."""

    rows: list[dict[str, Any]]
    damaged: list[str]

    @classmethod
    def of(cls, root: Path) -> Overview:
        """Return the runs under ``root``."""
        rows, faults = [], []
        for folder in folders(root):
            try:
                rows.append(_row(Run(folder), trained_at(folder)))
            except (SeqformerError, OSError) as error:
                faults.append(str(error))
        return cls(rows, faults)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rows as plain JSON values."""
        return self.rows

    def tables(self) -> list[Table]:
        """Return a row for each run."""
        rows = table("Runs", "run", "learned", "trained", "score", "weights", "state")
        rows.columns[0].no_wrap = True
        for index in (1, 2, 3, 5):
            rows.columns[index].justify = "left"
        for row in self.rows:
            score = "" if row["value"] is None else value(row["score"], row["value"])
            when = datetime.fromisoformat(row["trained"]).strftime("%Y-%m-%d %H:%M")
            rows.add_row(
                row["run"],
                f"{row['learned']}, {row['arch']}",
                when,
                score,
                f"{row['weights']:,}",
                row["state"],
            )
        return [rows]


def _row(run: Run, touched: float) -> dict[str, Any]:
    name = run.score
    return {
        "run": str(run.folder),
        "learned": f"{run.task.title} ({run.task.manifest.name})",
        "arch": run.configs.model.arch,
        "trained": datetime.fromtimestamp(touched).astimezone().isoformat(timespec="seconds"),
        "score": name,
        "value": Learning.of(run.metrics(), name).kept,
        "weights": run.weights(),
        "state": _state(run),
    }


def _state(run: Run) -> str:
    if is_training(run.folder):
        return "being trained"
    progress = run.progress()
    if progress is None:
        return "imported" if (run.folder / WEIGHTS).is_file() else "not begun"
    return (
        f"finished at step {progress.step:,}" if progress.finished else f"stopped at step {progress.step:,}"
    )


def learning_panels(runs: Sequence[Run]) -> list[Curves]:
    """Return the losses and the score of runs, over each other; none where nothing was logged."""
    learnings = {str(run.folder): Learning.of(run.metrics(), run.score, run.task.score) for run in runs}
    many = len(learnings) > 1

    def named(run: str, what: str) -> str:
        return f"{run} {what}" if many else what

    losses = {named(run, "train"): each.loss for run, each in learnings.items()}
    losses |= {named(run, each.labelled(LOSS)): each.valid for run, each in learnings.items()}
    drawn = [Curves("loss", "step", "nats", losses)]
    for name in dict.fromkeys(name for each in learnings.values() for name in each.drawn):
        scores = {
            named(run, each.labelled(name)): each.drawn[name]
            for run, each in learnings.items()
            if name in each.drawn
        }
        drawn.append(Curves(f"{label(name)} on valid", "step", label(name), scores))
    return [panel for panel in drawn if any(panel.lines.values())]


def weights_of(run: Run) -> Weights:
    """Return where the parameters of a run are."""
    return weights.count(str(run.folder), run.configs.model.describe(), run.outline())


def lessons_of(run: Run) -> dict[str, Lesson]:
    """Return what ``seqformer show`` shows of a run: a sentence of its own as pieces, and its weights."""
    lessons: dict[str, Lesson] = {}
    if run.task.reads_text and (example := text_task(run.task).example):
        lessons["pieces"] = run.task.segmentation(example)
    return {**lessons, "weights": weights_of(run)}
