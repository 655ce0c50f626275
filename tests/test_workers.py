"""Processes that share a file give what one gives, in the order of the lines."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import Command


def test_two_workers_are_one(trained: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "in.txt").write_text("le chat dort\n\nun chien\nla maison rouge mange\n" * 5, "utf-8")
    given = ("translate", "--input", "in.txt", "--run", trained, "--beam", 2, "--device", "cpu")
    code, alone, _ = command(*given)
    assert code == 0 and alone.count("\n") == 20
    assert command(*given, "--workers", 2)[:2] == (0, alone)


def test_a_run_without_weights_is_told(trained: Path, tmp_path: Path, command: Command) -> None:
    shutil.copytree(trained, tmp_path / "bare")
    for name in ("weights.safetensors", "state.safetensors"):
        (tmp_path / "bare" / name).unlink()
    code, out, err = command("translate", "le chat", "--run", "bare", "--workers", 2)
    assert (code, out) == (2, "") and "one process alone will show what is wrong" in err
