"""A few hundred damaged files: every one is refused in a line or does no harm; and some by name."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from seqformer import api
from seqformer.errors import DamagedError, DataError, RunError
from seqformer.runs import assemble
from seqformer.runs.run import Run
from seqformer.storage import files
from seqformer.tasks import open_task
from seqformer.text.prepared import open_pairs

PATH = Path(__file__).parents[1] / "bench/hostile.py"


def bench() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("bench_hostile", PATH)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_hostile"] = module
    spec.loader.exec_module(module)
    return module


def test_damaged_files_are_refused_or_harmless() -> None:
    """In a process of its own: it forks, and limits memory."""
    counts, bad = bench().attack(250, 7)
    assert not bad
    assert sum(counts.values()) == 250 and sum(n for (_, o), n in counts.items() if o == "refused") > 100


@pytest.mark.parametrize(
    "text",
    ['{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "9" * 50, "[" * 100_000, '"\\ud800"', "\xff", ""],
)
def test_json_that_this_package_does_not_write(text: str) -> None:
    with pytest.raises(DamagedError, match="x: not valid JSON"):
        files.parse_json(text, "x")


def edit(path: Path, *place: str, value: object) -> None:
    """Set one value inside a JSON file."""
    values = node = json.loads(path.read_text("utf-8"))
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    path.write_text(json.dumps(values), "utf-8")


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("config.json", ("model", "width"), 10**9, "width is 1000000000"),
        ("config.json", ("model", "width"), 60_000, "have the shape"),
        ("config.json", ("model", "encoder_layers"), 200, "missing"),
        ("config.json", ("model", "depth"), 1, "not a field"),
        ("config.json", ("model", "arch"), "transformed", "did you mean 'transformer'"),
        ("config.json", ("decode", "beam"), 0, "beam is 0"),
        ("config.json", ("decode", "beams"), 5, "did you mean 'beam'"),
        ("run.json", ("data",), 3, "'data' is 3, expected str"),
        ("run.json", ("versions",), {"a": 1}, "expected dict"),
        ("manifest.json", ("pairs", "train"), "many", "expected dict"),
        ("manifest.json", ("length_ratio",), 1e9, "length_ratio"),
        ("manifest.json", ("config", "lowercase"), 1, "'lowercase' is 1, expected bool"),
        ("manifest.json", ("config", "lower"), True, "did you mean 'lowercase'"),
        ("manifest.json", ("task",), "translate", "did you mean 'translation'"),
        ("manifest.json", ("digests",), {}, "digests"),
        ("manifest.json", ("digests", "tokenizer.model"), "0", "changed since it was made"),
    ],
)
def test_an_edited_value_is_named(
    trained: Path, tmp_path: Path, name: str, place: tuple[str, ...], value: object, message: str
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    edit(tmp_path / "run" / name, *place, value=value)
    with pytest.raises(RunError, match=message) as told:
        api.load(tmp_path / "run", device="cpu")
    assert any(file in str(told.value) for file in (name, place[-1], "weights.safetensors"))
    assert "the run is damaged" in str(told.value) and "prepare" not in str(told.value)


def test_a_header_of_ten_gigabytes_is_not_read(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    path = tmp_path / "run" / "weights.safetensors"
    path.write_bytes((10 << 30).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(RunError, match="10,737,418,240 bytes long"):
        api.load(tmp_path / "run", device="cpu")


def test_nothing_is_written_through_links(make_run: MakeRun, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text("kept")
    folder = make_run(max_steps=2).folder
    list(assemble.begin(Run(folder), "cpu").trainer.run())
    (folder / "state.safetensors.tmp").symlink_to(note)
    with pytest.raises(RunError, match="is a link"):
        Run(folder)
    files.write_json(folder / "state.safetensors", {})  # and were it not refused, the link would go
    assert note.read_text() == "kept" and not (folder / "state.safetensors").is_symlink()


def test_pieces_beyond_the_vocabulary_are_told(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(data, folder)
    path = folder / "train.source.ids"
    path.write_bytes(b"\xff\xff" + path.read_bytes()[2:])
    with pytest.raises(DamagedError, match="changed since it was made"):
        open_pairs(folder, "train", open_task(folder).manifest)
    edit(folder / "manifest.json", "digests", path.name, value=files.digest(path))
    with pytest.raises(DamagedError, match="piece 65535 of a vocabulary"):
        open_pairs(folder, "train", open_task(folder).manifest)


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("manifest.json", ("config", "vocab_size"), -1, "vocab size is -1"),
        ("manifest.json", ("format",), 2, "another version"),
        ("manifest.json", ("vocabulary",), {"source": 7, "target": 7}, "the tokenizer has"),
        ("manifest.json", ("digests", "tokenizer.model"), "0", "changed since it was made"),
        ("manifest.json", ("digests", "train.source.ids"), "0", "changed since it was made"),
    ],
)
def test_a_damaged_prepared_folder_is_told_to_be_prepared_again(
    data: Path, tmp_path: Path, name: str, place: tuple[str, ...], value: object, message: str
) -> None:
    shutil.copytree(data, tmp_path / "prepared")
    edit(tmp_path / "prepared" / name, *place, value=value)
    with pytest.raises(DataError, match=message) as told:
        api.train(tmp_path / "prepared", run=tmp_path / "run", device="cpu", max_steps=1, preset="toy")
    assert str(told.value).endswith("prepare the data again")
