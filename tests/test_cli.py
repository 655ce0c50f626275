"""The command line as a person meets it: the whole road, and the mistakes people make."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seqformer.console import Clipped, cut
from seqformer.errors import WriteError
from seqformer.runs.state import RunStore


def write_pairs(path: Path, count: int = 60) -> Path:
    from conftest import toy_pairs

    path.write_text("".join(f"{s}\t{t}\n" for s, t in toy_pairs(count)), "utf-8")
    return path


SMALL = [
    "--preset",
    "toy",
    "--width",
    "16",
    "--heads",
    "2",
    "--feed-forward",
    "32",
    "--precision",
    "fp32",
    "--tokens-per-batch",
    "128",
]


def test_the_whole_road(command: Command, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "mine.tsv")
    code, out, _ = command("prepare", pairs, "--vocab-size", 80, "--lowercase")
    assert code == 0 and "train" in out and (tmp_path / "prepared/mine/manifest.json").is_file()
    code, out, err = command("train", *SMALL, "--max-steps", 6)
    assert code == 0 and out == "" and "valid loss" in err and "seqformer translate" in err
    assert (tmp_path / "runs/mine/weights.safetensors").is_file()

    code, out, _ = command("translate", "Le chat mange", "", "un chien")
    assert code == 0 and len(out.split("\n")) == 4 and out.split("\n")[1] == ""
    assert command("translate", "le  CHAT mange")[1] == command("translate", "le chat mange")[1]
    code, out, _ = command("translate", "--json", "--n-best", 2, "--beam", 3, "le chat")
    assert len(json.loads(out)["translations"]) == 2

    code, out, _ = command("evaluate", "--bleu", "--chrf", "--ter", "--json")
    found = json.loads(out)
    assert code == 0 and found["sentences"] == 6 and set(found["bleu"]) == {"score", "interval", "signature"}
    assert {"chrf", "ter", "exact_match", "token_accuracy", "seconds"} <= set(found)
    assert command("evaluate")[0] == 0

    code, out, _ = command("attention", "le chat", "--kind", "all", "--json")
    kinds = {m["kind"] for m in json.loads(out)["maps"]}
    assert code == 0 and kinds == {"cross", "encoder", "decoder"}
    code, out, _ = command("attention", "le chat", "--average", "--png", "maps.png")
    assert code == 0 and "mean of heads" in out and (tmp_path / "maps.png").is_file()


def test_the_recurrent_model_takes_the_same_road(command: Command, data: Path, tmp_path: Path) -> None:
    small = ["--arch", "bahdanau", "--bidirectional", "--width", 16, "--decoder-layers", 1]
    code, _, err = command("train", "--data", data, *small, "--max-steps", 4, "--precision", "fp32")
    assert code == 0 and "bahdanau" in err and ", bidirectional" in err
    assert command("train", "--resume", "--run", tmp_path / "runs/toy", "--max-steps", 6)[0] == 0
    code, out, _ = command("translate", "le chat mange", "", "un chien", "--beam", 3)
    assert code == 0 and out.count("\n") == 3
    code, out, _ = command("evaluate", "--json")
    assert code == 0 and json.loads(out)["sentences"] == 5
    code, out, _ = command("attention", "le chat", "--kind", "all", "--json")
    assert code == 0 and [m["kind"] for m in json.loads(out)["maps"]] == ["cross"]
    code, _, err = command("attention", "le chat", "--kind", "encoder")
    assert code == 2 and "no encoder attention" in err


def test_the_books_experiment(command: Command, tmp_path: Path) -> None:
    lines = [f"{s}\t{t}\n" for s, t in [("Go.", "Va !"), ("I lost.", "J'ai perdu.")] * 70]
    (tmp_path / "fra.txt").write_text("".join(lines), "utf-8")
    code, out, err = command("prepare", "fra.txt", "--style", "d2l")
    assert code == 0 and "both valid and test" in err and "dropped" not in out
    assert "140 pairs in prepared/fra" in out and "the same as valid" in out  # the last 128 count once
    code, _, err = command("train", "--preset", "d2l-bahdanau", "--width", 32, "--max-epochs", 25)
    assert code == 0 and "bahdanau" in err and "25 epochs" in err
    code, out, _ = command("evaluate", "--reference-sentences", "--json")
    found = json.loads(out)
    assert code == 0 and found["sentences"][0]["source"] == "go ."
    assert [s["bleu"] for s in found["sentences"]][:2] == [1, 1] and found["exact"] == 2
    code, out, _ = command("evaluate", "--reference-sentences")
    assert code == 0 and "va !" in out and "2 of 4 exact" in out


def test_what_is_asked_for_is_stronger_than_a_preset_and_that_than_the_task(command: Command) -> None:
    def configured(*arguments: object) -> dict[str, Any]:
        assert command("train", "--task", "alternating", "--width", 16, "--max-steps", 1, *arguments)[0] == 0
        newest = max(Path("runs").iterdir(), key=lambda folder: (len(folder.name), folder.name))
        both = json.loads((newest / "config.json").read_text())
        return both["model"] | both["train"]  # type: ignore[no-any-return]

    usual = configured()
    assert (usual["norm"], usual["dropout"], usual["max_steps"]) == ("post", 0.0, 1)
    book = configured("--preset", "d2l", "--dropout", 0.3)
    assert (book["dropout"], book["learning_rate"], book["schedule"]) == (0.3, 1.5e-3, "constant")
    assert (book["max_steps"], book["max_epochs"]) == (1, 0)  # a limit given replaces those of the preset


def test_lines_in_lines_out(command: Command, trained: Path, tmp_path: Path) -> None:
    lines = ["le chat", "", "  ", "un chien mange et dort", "le\u2028chat", "x" * 50, "la maison"]
    code, out, err = command("translate", "--run", trained, stdin="\n".join(lines).encode())
    assert code == 0 and out.count("\n") == len(lines) and err == ""
    alone = [command("translate", "--run", trained, line)[1] for line in lines]
    assert out == "".join(alone)
    (tmp_path / "in.txt").write_bytes("\r\n".join(lines[:2]).encode() + b"\r\n\xff\n")
    code, _, err = command("translate", "--run", trained, "--input", "in.txt", "--output", "out.txt")
    assert code == 0 and (tmp_path / "out.txt").read_text("utf-8").count("\n") == 3
    assert "line 3: not UTF-8" in err


def test_resume_keeps_the_run_and_takes_a_new_budget(command: Command, data: Path, tmp_path: Path) -> None:
    assert command("train", "--data", data, *SMALL, "--max-steps", 4)[0] == 0
    run = tmp_path / "runs/toy"
    code, _, err = command("train", "--resume", "--run", run, "--width", 32)
    assert code == 2 and "begun with 16" in err
    assert command("train", "--resume")[0] == 2  # nothing is unfinished
    assert command("train", "--resume", "--run", run, "--max-steps", 7)[0] == 0
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 7
    assert command("train", "--data", data, *SMALL, "--max-steps", 2)[0] == 0
    assert (tmp_path / "runs/toy-2").is_dir()


def test_a_part_left_out_is_said_in_the_run_and_kept_in_it(
    command: Command, data: Path, tmp_path: Path
) -> None:
    run, left_out = tmp_path / "bare", ["--no-positions", "--no-causal-mask"]
    assert command("train", "--data", data, *SMALL, "--max-steps", 2, *left_out, "--run", run)[0] == 0
    model = json.loads((run / "config.json").read_text())["model"]
    assert model["positions"] == "none" and model["causal"] is False
    assert command("translate", "le chat", "--run", run)[0] == 0
    usual = tmp_path / "usual"
    assert command("train", "--data", data, *SMALL, "--max-steps", 2, "--run", usual)[0] == 0
    for folder, options, begun in (
        (run, ["--positions", "sinusoidal"], "positions sinusoidal: {} was begun with none"),
        (usual, ["--no-positions"], "positions none: {} was begun with sinusoidal"),
        (usual, ["--no-causal-mask"], "causal False: {} was begun with True"),
    ):
        code, _, err = command("train", "--resume", "--run", folder, "--max-steps", 3, *options)
        assert code == 2 and begun.format(folder) in err and err.count("\n") == 1
    assert command("train", "--resume", "--run", run, "--max-steps", 3, *left_out)[0] == 0  # as it was begun


def test_learned_positions_have_an_end(command: Command, data: Path, tmp_path: Path) -> None:
    assert command("train", "--data", data, *SMALL, "--max-steps", 2, "--positions", "learned")[0] == 0
    code, _, err = command("attention", "chat " * 600, "--whole")
    assert code == 2 and "511 at most" in err and err.count("\n") == 1
    code, out, err = command("attention", "chat " * 600)
    assert code == 0 and "too many for tables" in out
    code, out, err = command("translate", "chat " * 600, "--max-length", 10_000)  # in parts
    assert code == 0 and out.count("\n") == 1 and "line 1: far longer" in err
    lines = "".join(f"{'chat ' * 600}{n}\t{'chien ' * 600}{n}\n" for n in range(30))
    (tmp_path / "long.tsv").write_text(lines, "utf-8")
    assert (
        command("prepare", "long.tsv", "--max-pieces", 2000, "--vocab-size", 40, "--model-type", "word")[0]
        == 0
    )
    code, _, err = command(
        "train", "--data", "prepared/long", *SMALL, "--max-steps", 2, "--positions", "learned"
    )
    assert code == 2 and "at most 511 pieces" in err and not (tmp_path / "runs/long").exists()


MISTAKES: list[tuple[list[str], str]] = [
    (["prepare", "no.tsv"], "no.tsv: there is no such file"),
    (["prepare", "empty.tsv"], "the corpus is empty"),
    (["prepare", "column.tsv"], "column.tsv, line 1: one column"),
    (["prepare", "latin.tsv"], "latin.tsv: not in UTF-8 but, it seems, in Windows-1252"),
    (["prepare", "good.tsv", "--report", "no/faults.json"], "there is no folder no"),
    (["prepare", "fault.tsv", "--strict"], "fault.tsv, line 1"),
    (["prepare", "good.tsv", "--vocab-size", "many"], "give a number"),
    (["prepare", "good.tsv", "--model-type", "bep"], "did you mean 'bpe'"),
    (["prepare", "good.tsv", "--source", "one.tsv"], "go together"),
    (["prepare", "good.tsv", "--source", "one.tsv", "--target", "one.tsv"], "not both"),
    (["prepare", "--source", "one.tsv"], "go together"),
    (["prepare", "--source", "good.tsv", "--target", "one.tsv"], "one.tsv ends after line 1"),
    (["prepare", "good.tsv", "--out", "full"], "holds something else"),
    (["train", "--task", "revers"], "did you mean 'reverse'"),
    (["train", "--task", "copy", "--preset", "tinny"], "did you mean 'tiny'"),
    (["train", "--task", "copy", "--arch", "rnn"], "architecture 'rnn'"),
    (["train", "--task", "copy", "--positions", "lerned"], "did you mean 'learned'"),
    (["train", "--task", "copy", "--positions", "learned", "--no-positions"], "not both"),
    (["train", "--task", "copy", "--heads", "3"], "cannot be shared"),
    (["train", "--task", "copy", "--arch", "bahdanau", "--heads", "2"], "heads does nothing"),
    (["train", "--task", "copy", "--bidirectional"], "bidirectional does nothing"),
    (["train", "--task", "copy", "--preset", "d2l-bahdanau", "--norm", "pre"], "norm does nothing"),
    (["prepare", "good.tsv", "--style", "d2"], "did you mean 'd2l'"),
    (["prepare", "good.tsv", "--style", "d2l"], "too few to train on"),
    (["prepare", "good.tsv", "--style", "d2l", "--lowercase"], "--lowercase does nothing beside --style d2l"),
    (["evaluate", "--reference-sentences", "--beam", "2"], "--beam does nothing beside"),
    (["train", "--task", "copy", "--device", "cuda"], "no NVIDIA GPU"),
    (["train", "--task", "copy", "--device", "tpu"], "no device 'tpu'"),
    (["train", "--task", "copy", "--learning-rate", "0"], "learning rate"),
    (["train", "--data", "full"], "not a prepared folder"),
    (["train", "--resume", "--run", "full"], "not a run"),
    (["translate", "hello"], "seqformer train"),
    (["translate", "hello", "--run", "full"], "not a run"),
    (["translate", "--input", "no.txt"], "no such file"),
    (["evaluate", "--run", "nowhere"], "not a run"),
    (["show", "pooling", "--width", "0"], "width 0: the width of a kernel"),
    (["show", "positions", "--width", "-4"], "width -4: give a number"),
    (["attention", "hello", "--kind", "crosss"], "did you mean 'cross'"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    if "cuda" in arguments:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
    write_pairs(tmp_path / "good.tsv")
    (tmp_path / "empty.tsv").write_bytes(b"")
    (tmp_path / "one.tsv").write_text("a b\tc d\n")
    (tmp_path / "column.tsv").write_text("just one\na\tb\n")
    (tmp_path / "latin.tsv").write_bytes("été\tsummer\n".encode("latin1"))
    (tmp_path / "fault.tsv").write_bytes(b"\xff\tsummer\n" + (tmp_path / "good.tsv").read_bytes())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = command(*arguments)
    assert code == 2 and out == "", err
    assert message in err and err.startswith("seqformer: ") and err.count("\n") == 1, err
    assert sorted(tmp_path.rglob("*")) == before or sorted(tmp_path.rglob("*")) == sorted(
        [*before, tmp_path / "prepared"]
    )


USAGE = [
    (["train", "--lr", "1"], "seqformer train: there is no option --lr; it is called --learning-rate here"),
    (["train", "--epochs", "3"], "--max-epochs"),
    (["train", "--batch-size", "64"], "--tokens-per-batch"),
    (["train", "--config", "r.toml"], "--recipe"),
    (["train", "--layers", "2"], "--encoder-layers and --decoder-layers"),
    (["translate", "x", "--model", "runs/x"], "it is called --run here"),
    (["translate", "x", "--beam-size", "4"], "it is called --beam here"),
    (["evaluate", "--src", "a", "--ref", "b"], "it is called --source here"),
    (["prepare", "--vocab", "80"], "it is called --vocab-size here"),
    (["train", "--widht", "8"], "seqformer train: no such option: --widht"),
    (["train", "--max-steps", "many"], "seqformer train: "),
    (["trian"], "seqformer: no such command 'trian'"),
    (["runs", "curve"], "seqformer runs curve: missing argument"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), USAGE, ids=lambda x: " ".join(x) if isinstance(x, list) else ""
)
def test_an_option_of_another_tool_is_told_what_it_is_called_here(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, out, err = command(*arguments)
    assert code == 2 and out == "" and message in err and err.count("\n") == 1, err
    assert " --help)" in err and not list(tmp_path.iterdir())


def test_what_comes_next_is_of_the_runs_own_data_and_can_be_pasted(command: Command, tmp_path: Path) -> None:
    write_pairs(tmp_path / "mine.tsv")
    code, out, _ = command("prepare", "mine.tsv", "--vocab-size", 80, "--out", "prepared/my pairs")
    assert code == 0
    (proposed,) = [shlex.split(line.split("next: ")[1]) for line in out.splitlines() if "next: " in line]
    assert proposed == ["seqformer", "train", "--data", "prepared/my pairs"]
    code, _, err = command(*proposed[1:], *SMALL, "--max-steps", 1, "--run", "runs/it's mine")
    assert code == 0 and "until" in err and " 1 step\n" in re.sub(" +\n", "\n", err)
    commands = [shlex.split(line) for line in err.split("Next:\n")[1].splitlines()]
    assert [c[1] for c in commands] == ["translate", "evaluate", "attention"]
    held_out = [
        line.split("\t")[0] for line in Path("runs/it's mine/test.tsv").read_text("utf-8").splitlines()
    ]
    for words in commands:
        assert words[0] == "seqformer" and words[-2:] == ["--run", "runs/it's mine"]
        assert words[1] == "evaluate" or words[2] in held_out
        assert command(*words[1:])[0] == 0


def test_what_comes_next_after_the_pieces_of_a_run(command: Command, trained: Path) -> None:
    write_pairs(Path("mine.tsv"))
    shutil.copytree(trained, "runs/first one")
    code, out, _ = command("prepare", "mine.tsv", "--like", "runs/first one")
    (proposed,) = [shlex.split(line.split("next: ")[1]) for line in out.splitlines() if "next: " in line]
    assert code == 0 and proposed[1:] == ["train", "--data", "prepared/mine", "--init", "runs/first one"]
    assert command(*proposed[1:], "--max-steps", 1)[0] == 0


def test_sample_pairs_take_two_lines_each(command: Command) -> None:
    """A valid set of long lines, and of characters that are two cells wide."""
    write_pairs(Path("mine.tsv"))
    Path("a").write_text("chat " * 3000 + "\n" + "犬今日雨" * 2000 + "\nle chat\n", "utf-8")
    Path("b").write_text("un\n" + "dort" * 3000 + "\nle chien\n", "utf-8")
    code, out, err = command(
        "prepare", "mine.tsv", "--vocab-size", 80, "--valid-source", "a", "--valid-target", "b"
    )
    assert code == 0
    samples = out.split("Some pairs as pieces")[1].split("next: ")[0].splitlines()
    assert sum(bool(line.strip()) for line in samples) == 2 + 2 + 2 + 1 + 1, (
        samples
    )  # header and rule; the rest
    assert max(map(cell_len, (out + err).replace("next: ", "\n").splitlines())) <= 120


@given(st.text(), st.integers(1, 40), st.integers(1, 3))
def test_clipped_text_fits_its_column(text: str, width: int, lines: int) -> None:
    console = Console(width=width, file=io.StringIO(), emoji=False, highlight=False)
    text = "".join(filter(str.isprintable, text)).strip()
    console.print(Clipped(text * 3, lines))
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(printed) <= lines and max(map(cell_len, printed), default=0) <= max(width, 2)
    assert cell_len(cut(text, width)) <= width
    if not cell_len(text):  # a mark that colours the sign before it, alone: nothing is seen of it
        return
    if cell_len(text * 3) <= width:
        assert [line.rstrip() for line in printed] == [(text * 3).rstrip()] and cut(text, width) == text
    else:
        assert printed[-1].rstrip().endswith("…") or "".join(printed).replace(" ", "") == (text * 3).replace(
            " ", ""
        )


def test_a_full_disk_says_how_to_go_on(
    command: Command, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = RunStore.save

    def save(store: RunStore, tensors: Any, progress: Any) -> None:
        if progress.step:
            raise WriteError("state.safetensors: cannot be written (No space left on device)")
        kept(store, tensors, progress)

    monkeypatch.setattr(RunStore, "save", save)
    code, _, err = command("train", "--data", data, *SMALL, "--max-steps", 4, "--run", "runs/my run")
    assert code == 2 and "No space left on device" in err and "the state of step 0 is kept" in err
    last = err.splitlines()[-1]
    assert last.startswith("seqformer: ") and last.endswith("seqformer train --resume --run 'runs/my run'"), (
        last
    )
    monkeypatch.setattr(RunStore, "save", kept)
    assert command(*shlex.split(last.split("with: ")[1])[1:])[0] == 0


def test_broken_runs_are_told_in_one_line(command: Command, trained: Path, tmp_path: Path) -> None:
    import shutil

    for name, content, message in (
        ("weights.safetensors", b"junk", "not a whole safetensors file"),
        ("tokenizer.model", b"junk", "changed since it was made"),
        ("config.json", b"{}", "three parts"),
        ("run.json", b"{", "not valid JSON"),
        ("manifest.json", b"[]", "not a manifest"),
    ):
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(trained, broken)
        (broken / name).write_bytes(content)
        code, _, err = command("translate", "le chat", "--run", broken)
        assert code == 2 and message in err and err.count("\n") == 1, (name, err)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ctrl_c_saves_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    import signal

    arguments = [
        sys.executable,
        "-m",
        "seqformer",
        "train",
        "--data",
        str(data),
        *SMALL,
        "--max-steps",
        "100000",
    ]
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if "until" in line:
                break
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
        assert child.wait(60) == 130, rest
    assert "seqformer train --resume --run runs/toy" in rest and "Traceback" not in rest
    done = subprocess.run(
        [sys.executable, "-m", "seqformer", "train", "--resume", "--max-steps", "3"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [[], ["show"]])
def test_who_asks_for_nothing_gets_the_help(command: Command, words: list[str]) -> None:
    code, out, err = command(*words)
    assert code == 0 and "Usage" in out and not err


def test_an_option_without_its_argument_is_told_with_its_command(command: Command) -> None:
    code, out, err = command("translate", "--beam")
    assert code == 2 and not out and err.startswith("seqformer translate: option '--beam' requires")


def test_a_closed_pipe_is_no_error(trained: Path) -> None:
    shell = f"yes 'le chat' | head -3000 | {sys.executable} -m seqformer translate --beam 1 --engine torch --run {trained} | head -1; echo ${{PIPESTATUS[2]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=120)
    assert done.stdout.count("\n") == 2 and done.stdout.endswith("\n0\n") and done.stderr == ""
