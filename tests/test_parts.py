"""A file translated in parts: killed at any moment and begun again, no line is lost, doubled, or made twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Command, toy_pairs
from filelock import FileLock

from seqformer.cli import stream
from seqformer.errors import SeqformerError
from seqformer.storage import parts

KILLS = 4
LINES, CHUNK = 22, 4  # six parts, the last of them shorter
ALL = -(-LINES // CHUNK)
# imports once, then a child for each line of JSON: a kill before which access to the output, and the command;
# of anything else, a process that is left alone by one that is killed
FORKED = f"""
import json, os, sys, time
from multiprocessing import get_context
import seqformer.api
from seqformer.cli import main, stream
from seqformer.decoding.parent import end_with_parent
ACCESS = "open", "os.remove", "os.rename", "os.mkdir", "os.rmdir"
stream.CHUNK_LINES, plain, accesses = {CHUNK}, stream.translated, 0

def recorded(translate, chunk, before, show):
    with open("made", "a") as file:
        print(before, file=file)
    return plain(translate, chunk, before, show)

def left_alone():
    end_with_parent()
    time.sleep(60)

stream.translated = recorded
for line in sys.stdin:
    if not line.strip():
        get_context("fork").Process(target=left_alone).start()
        os.kill(os.getpid(), 9)
    kill, sys.argv = json.loads(line)
    def watch(event, arguments):
        global accesses
        if event in ACCESS and "out.txt" in str(arguments[0]):
            accesses += 1
            if accesses == kill:
                os.kill(os.getpid(), 9)
    child = os.fork()
    if not child:
        sys.addaudithook(watch)
        try:
            main()
        finally:
            with open("accesses", "w") as file:
                print(accesses, file=file)
            os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def given(tmp_path: Path, trained: Path) -> list[str]:
    """The command that translates in.txt to out.txt."""
    text = "".join(f"{source}\n" for source, _ in toy_pairs()[:LINES])
    (tmp_path / "in.txt").write_text(text, "utf-8")
    options = ["--input", "in.txt", "--engine", "torch", "--device", "cpu", "--beam", "1", "--numbers"]
    return ["translate", *options, "--run", str(trained), "--output", "out.txt"]


@pytest.fixture
def whole(given: list[str], command: Command) -> str:
    """What the output has to be."""
    code, printed, _ = command(*given[:-2])
    assert code == 0 and printed.count("\n") == LINES
    return printed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_killed_at_any_moment(given: list[str], whole: str, tmp_path: Path) -> None:
    command, pipe = [sys.executable, "-c", FORKED], subprocess.PIPE
    quiet = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=tmp_path, env=quiet) as server:
        assert server.stdin and server.stdout

        def run(kill: int) -> int:
            print(json.dumps([kill, ["seqformer", *given]]), file=server.stdin, flush=True)
            return int(server.stdout.readline())  # type: ignore[union-attr]

        def check(most: int) -> None:
            assert (tmp_path / "out.txt").read_text("utf-8") == whole
            made = [int(line) for line in (tmp_path / "made").read_text().split()]
            assert {*made} == {*range(0, LINES, CHUNK)} and len(made) <= most
            assert {path.name for path in tmp_path.iterdir()} == {"in.txt", "out.txt", "made", "accesses"}
            for name in ("out.txt", "made"):
                (tmp_path / name).unlink()

        assert run(0) == 0
        moments = int((tmp_path / "accesses").read_text())
        check(ALL)
        for moment in random.Random(moments).sample(range(1, moments + 1), KILLS):
            assert run(moment) == -9
            finished = (tmp_path / "out.txt").exists()
            assert not finished or (tmp_path / "out.txt").read_text("utf-8") == whole
            assert run(0) == 0
            check(2 * ALL if finished else ALL + 1)  # it is begun anew, or the part that was broken off is
        begin = time.monotonic()
        print(file=server.stdin, flush=True)  # a worker process ends with the one that began it
        assert server.stdout.read() == "" and time.monotonic() - begin < 30


@pytest.fixture
def stopped(
    given: list[str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], None]]:
    """Begin the command, which something stops before the part of this number."""
    plain = stream.translated
    monkeypatch.setattr(stream, "CHUNK_LINES", CHUNK)

    def stop(at: int, *more: str) -> None:
        def failing(
            translate: stream.Translate, chunk: list[bytes], before: int, show: stream.Printer
        ) -> Iterator[str]:
            if before == at * CHUNK:
                raise SeqformerError("stopped")
            return plain(translate, chunk, before, show)

        with monkeypatch.context() as patched:
            patched.setattr(stream, "translated", failing)
            code, _, said = command(*given, *more)
        assert code == 2 and "stopped" in said and ("kept in out.txt.parts" in said) == (at > 0)

    yield stop


def test_what_is_kept_is_not_made_again(
    given: list[str], whole: str, stopped: Callable[..., None], command: Command, tmp_path: Path
) -> None:
    """A glossary's terms are counted in what was kept, too; a part that is damaged is made again."""
    (tmp_path / "words.tsv").write_text("chat\tchat\n", "utf-8")
    more = ("--glossary", "words.tsv")
    uninterrupted = command(*given, *more)
    expected = (tmp_path / "out.txt").read_bytes()
    stopped(4, *more)
    assert (tmp_path / "out.txt").read_bytes() == expected  # what was there stays until there is a new one
    (tmp_path / "out.txt").unlink()
    part = tmp_path / "out.txt.parts" / "000002.txt"
    part.write_bytes(part.read_bytes()[:-5])
    code, _, said = command(*given, *more)
    assert code == 0 and "Going on with line 9: those before are kept in out.txt.parts" in said
    assert said.splitlines()[-1] == uninterrupted[2].splitlines()[-1]  # the terms
    assert (tmp_path / "out.txt").read_bytes() == expected and not part.parent.exists()


@pytest.mark.parametrize("other", ["--input", "--run", "--detokenize"])
def test_parts_of_something_else_are_dropped(
    given: list[str],
    trained: Path,
    stopped: Callable[..., None],
    command: Command,
    tmp_path: Path,
    other: str,
) -> None:
    stopped(0)
    assert not (tmp_path / "out.txt.parts").exists()  # nothing was kept
    stopped(3)
    arguments = list(given)
    if other == "--input":
        (tmp_path / "in.txt").write_text("le chat\n" + (tmp_path / "in.txt").read_text("utf-8"), "utf-8")
    elif other == "--run":
        shutil.copytree(trained, tmp_path / "other")
        path = tmp_path / "other" / "weights.safetensors"
        content = bytearray(path.read_bytes())
        content[-2] ^= 1  # of the last weight
        path.write_bytes(content)
        arguments[arguments.index("--run") + 1] = "other"
    else:
        arguments.append(other)
    code, _, said = command(*arguments)
    assert code == 0
    assert (
        f"out.txt.parts: parts made with another {other} are dropped; every line is translated anew" in said
    )
    shown = [each for each in arguments if each not in ("--output", "out.txt")]
    assert (tmp_path / "out.txt").read_text("utf-8") == command(*shown)[1]


def test_another_process_and_another_folder_are_left_alone(
    given: list[str], command: Command, tmp_path: Path
) -> None:
    with FileLock(tmp_path / ".out.txt.parts.lock"):
        code, _, said = command(*given)
    assert code == 2 and "out.txt is being made by another process" in said
    (tmp_path / "out.txt.parts").mkdir()
    (tmp_path / "out.txt.parts" / "mine").write_text("dear to me")
    code, _, said = command(*given)
    assert code == 2 and "out.txt.parts is in the way" in said and not (tmp_path / "out.txt").exists()
    assert (tmp_path / "out.txt.parts" / "mine").read_text() == "dear to me"
    with pytest.raises(SeqformerError, match="it is a folder"), parts.making(tmp_path, {}):
        pass
