"""``seqformer evaluate --compare``: another system on the same sentences, and what that proves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer.console import note, page, table
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.config import DecodeConfig
    from seqformer.report.significance import Comparison
    from seqformer.run import Run


def check(other: Path, names: list[str]) -> None:
    """Refuse, before anything is translated, what cannot be compared."""
    if not other.exists():
        raise SeqformerError(f"--compare {other}: there is no such run or file")
    if not names:
        raise SeqformerError("--compare needs a score; add --bleu, --chrf or --ter")


def translations(
    other: Path, ours: Run, sources: list[str], config: DecodeConfig, device: str, precision: str
) -> list[str]:
    """What the other system makes of the same sources: a run translates them, a file holds a line each."""
    if other.is_dir():
        from seqformer.run import Run

        run = Run(other)
        if run.info["data_fingerprint"] != ours.info["data_fingerprint"]:
            note(
                f"seqformer: {other} was trained on other pairs than {ours.folder}; "
                "it may have seen these sentences in training"
            )
        return [best[0].text for best in run.translator(device, precision).translate(sources, config)]
    from seqformer.text.corpus import read_lines

    lines = list(read_lines(other))
    if len(lines) != len(sources):
        raise SeqformerError(
            f"{other} has {len(lines):,} lines and there are {len(sources):,} sentences; "
            "line n must translate sentence n"
        )
    return lines


def to_json(other: Path, found: list[Comparison], names: tuple[str, str], count: int) -> dict[str, Any]:
    """The part of ``--json`` that tells of the comparison."""
    return {
        "with": str(other),
        **{
            c.name: {
                "score": c.second,
                "difference": c.difference,
                "p_bootstrap": c.bootstrap,
                "p_randomisation": c.randomisation,
                "signature_bootstrap": c.signatures[0],
                "signature_randomisation": c.signatures[1],
                "different": c.shown,
                "verdict": c.verdict(names, count),
            }
            for c in found
        },
    }


def show(found: list[Comparison], names: tuple[str, str], count: int) -> None:
    """A row for each score, then the verdicts and how they were come by."""
    from seqformer.report.metrics import TITLES

    made = table(
        f"A: {names[0]}, B: {names[1]}, on the same {count:,} sentences",
        "score", "A", "B", "B - A", "p (bootstrap)", "p (randomisation)",
    )  # fmt: skip
    for c in found:
        p = (f"{value:.4f}" for value in (c.bootstrap, c.randomisation))
        made.add_row(TITLES[c.name], f"{c.first:.1f}", f"{c.second:.1f}", f"{c.difference:+.2f}", *p)
    how = table("The two tests, for A and B alike", "test", "signature")
    how.columns[1].justify = "left"
    for c in found:
        how.add_row("bootstrap", f"{TITLES[c.name]} {c.signatures[0]}")
        how.add_row("randomisation", f"{TITLES[c.name]} {c.signatures[1]}")
    page(made, *(c.verdict(names, count) for c in found), "", how)
