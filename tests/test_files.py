"""Files and folders are whole or not there, whatever fails on the way; tensors are what a public tool reads."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seqformer.errors import DamagedError, WriteError
from seqformer.runs.metrics import Metrics
from seqformer.storage.files import locked, whole_folder, write_whole
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
    assert (out / "mark").read_text() == "new"
    assert list(tmp_path.iterdir()) == [out]


def test_a_full_disk_leaves_no_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(WriteError, match="out: cannot be written"),
        whole_folder(tmp_path / "out", "m") as new,
    ):
        full(new / "ids")
    assert not list(tmp_path.iterdir())


def test_a_lock_lets_in_one_process_at_a_time_and_leaves_no_file(tmp_path: Path) -> None:
    path, times = tmp_path / "counted", 12
    path.write_text("0")
    script = (
        "import sys; from pathlib import Path; from seqformer.storage.files import locked\n"
        "path = Path(sys.argv[1])\n"
        f"for _ in range({times}):\n"
        "    with locked(path): path.write_text(str(int(path.read_text()) + 1))"
    )
    command = [sys.executable, "-c", script, str(path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [writer.communicate(timeout=60)[1] for writer in writers] == ["", "", ""]
    assert path.read_text() == str(3 * times) and list(tmp_path.iterdir()) == [path]
    with pytest.raises(KeyError), locked(path), locked(path):  # by one process twice, and left by an error
        raise KeyError
    assert list(tmp_path.iterdir()) == [path]


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
    with pytest.raises(DamagedError, match="cut to 3 of the 7 bytes"):
        Metrics(tmp_path / "m", 7)
    assert (tmp_path / "m").read_text() == "{}\n"
