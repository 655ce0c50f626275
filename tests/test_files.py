"""Files and folders are whole or not there, whatever fails on the way; tensors are what a public tool reads."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seqformer.errors import RunError, WriteError
from seqformer.runs.state import Metrics
from seqformer.storage.files import whole_folder, write_whole
from seqformer.storage.tensors import write_tensors


def full(path: Path) -> None:
    """What writing to a full disk does: a part is there, then an error without a name."""
    path.write_bytes(b"part")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_write_that_fails_leaves_what_was(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(WriteError, match=r"f: cannot be written \(No space left on device\)"):
        write_whole(path, full)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_replaced_and_a_link_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.write_text("mine")
    folder.mkdir()
    (folder / "f.tmp").symlink_to(outside)
    write_whole(folder / "f", lambda beside: beside.write_text("new"))
    assert outside.read_text() == "mine"
    assert (folder / "f").read_text() == "new" and not (folder / "f").is_symlink()
    (folder / "metrics").symlink_to(outside)
    Metrics(folder / "metrics", 0).close()
    assert not (folder / "metrics").is_symlink()
    assert outside.read_text() == "mine"


def test_an_error_in_reading_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="source"):
        write_whole(tmp_path / "f", lambda beside: (tmp_path / "source").read_bytes())


def test_a_folder_is_put_back_after_a_death_between_the_renames(tmp_path: Path) -> None:
    out, old = tmp_path / "out", tmp_path / "out.old"
    old.mkdir()
    (old / "mark").write_text("old")
    with pytest.raises(ValueError, match="broken off"), whole_folder(out, "mark"):
        raise ValueError("broken off")
    assert (out / "mark").read_text() == "old" and not old.exists()
    with whole_folder(out, "mark") as new:
        (new / "mark").write_text("new")
    assert (out / "mark").read_text() == "new" and list(tmp_path.iterdir()) == [out]


def test_a_full_disk_leaves_no_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(WriteError, match="out: cannot be written"),
        whole_folder(tmp_path / "out", "m") as new,
    ):
        full(new / "ids")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("metadata", [{}, {"progress": '{"é": 1}'}])
def test_tensors_are_written_as_the_library_writes_them(tmp_path: Path, metadata: dict[str, str]) -> None:
    tensors = {
        "b/é": torch.arange(6, dtype=torch.uint8),
        "b": torch.randn(3, 5),
        "a": torch.randn(7, 2).T,  # not contiguous
        "none": torch.zeros(0),
        "one": torch.tensor(1.0),
    }
    write_tensors(tmp_path / "ours", tensors, metadata)
    save_file({k: v.contiguous() for k, v in tensors.items()}, tmp_path / "theirs", metadata or None)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_metrics_that_were_cut_are_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("{}\n")
    with pytest.raises(RunError, match="cut to 3 of the 7 bytes"):
        Metrics(tmp_path / "m", 7)
    assert (tmp_path / "m").read_text() == "{}\n"
