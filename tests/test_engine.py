"""CTranslate2 prints the same lines as torch, without torch; and who cannot have it is told."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import WORDS, Command, MakeRun, new_run, toy_pairs
from test_marian import random_run

import seqformer
from seqformer.config import DecodeConfig, PrepareConfig
from seqformer.decoding.results import Translation
from seqformer.engine import converted, opening
from seqformer.engine.converted import FOLDER, RECORD
from seqformer.engine.search import Ended, _until_enough
from seqformer.errors import SeqformerError, WriteError
from seqformer.models import build
from seqformer.runs.layout import WEIGHTS
from seqformer.storage.tensors import load_weights, save_weights
from seqformer.text import prepare

ctranslate2 = pytest.importorskip("ctranslate2")
LINES = [
    "",
    *(" ".join(WORDS[(i * 7 + j * (1 + i % 3)) % len(WORDS)] for j in range(1 + i % 9)) for i in range(40)),
    "LE CHAT Où 12 кот",
    "le chat <b>mange</b> {name} . la maison dort . " * 2,
]
NEAR = 1e-3  # nats a piece


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A trained run of our own, not converted yet."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / "own"))


def same(one: list[Any], other: list[Any]) -> bool:
    """Whether all is equal but scores, which differ by rounding; checks those."""
    flat = [(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(_list(x), _list(y), strict=True)]
    for a, b in flat:
        assert a.score == pytest.approx(b.score, abs=NEAR)
    return [_but_scores(a) for a, _ in flat] == [_but_scores(b) for _, b in flat]


def _list(best: Translation | list[Translation]) -> list[Translation]:
    return best if isinstance(best, list) else [best]


def _but_scores(found: Translation) -> Translation:
    return dataclasses.replace(found, score=0.0, log_probability=0.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"beam": 1},
        {"beam": 5},
        {"beam": 4, "n_best": 4},
        {"beam": 5, "n_best": 2, "early_stopping": True},
        {"beam": 3, "length_penalty": 0.0},
        {"beam": 5, "length_penalty": 1.4, "max_length": 5},
        {"beam": 2, "whole": True},
    ],
)
def test_the_same_lines(settings: dict[str, Any], run: Path) -> None:
    """Flags, lengths, pieces, parts and order too."""
    one, other = (seqformer.load(run, engine=engine, device="cpu") for engine in ("torch", "ctranslate2"))
    assert same(one.translate(LINES, **settings), other.translate(LINES, **settings))


@pytest.mark.parametrize(
    "model",
    [
        {"norm": "pre", "activation": "gelu"},
        {"positions": "learned", "max_positions": 80, "activation": "silu"},
        {"positions": "none", "tie_output": False},
        {"positions": "sinusoidal-split", "learned_start": True, "decoder_layers": 2},
        {"attention_bias": False, "output_bias": True, "encoder_layers": 2},
    ],
)
def test_the_same_lines_of_every_form(model: dict[str, Any], make_run: MakeRun) -> None:
    run = random_run(make_run, **model)
    one, other = (seqformer.load(run, engine=engine, device="cpu") for engine in ("torch", "ctranslate2"))
    for beam in (1, 4):
        assert same(one.translate(LINES, beam=beam), other.translate(LINES, beam=beam))


def test_a_beam_wider_than_the_vocabulary_allows_is_for_torch(run: Path) -> None:
    one, other = (seqformer.load(run, engine=engine, device="cpu") for engine in ("torch", "ctranslate2"))
    assert same(one.translate(LINES[1:4], beam=50), other.translate(LINES[1:4], beam=50))
    assert "torch" in vars(other.predictor)


def test_lines_longer_than_the_positions_there_are_for_torch(run: Path) -> None:
    one, other = (seqformer.load(run, engine=engine, device="cpu") for engine in ("torch", "ctranslate2"))
    few = dataclasses.replace(other.predictor.record, room=24)
    other.predictor = dataclasses.replace(other.predictor, record=few)
    assert same(one.translate(LINES, beam=2), other.translate(LINES, beam=2))
    assert "torch" in vars(other.predictor)


def test_two_vocabularies_and_lost_placeholders(tmp_path: Path) -> None:
    """A line that lost a symbol is searched for again, by torch, for both alike."""
    pairs = [(f"{s} <b> {{name}}" if i % 2 else s, t) for i, (s, t) in enumerate(toy_pairs())]
    config = PrepareConfig(separate=True, valid_size=5, test_size=5, vocab_size=60)
    prepare.prepare(pairs, {}, tmp_path / "data", config)
    run = random_run(lambda **settings: new_run(tmp_path / "run", tmp_path / "data", settings["model"], {}))
    one, other = (seqformer.load(run, engine=engine, device="cpu") for engine in ("torch", "ctranslate2"))
    assert one.predictor.shield.on
    lines = ["le chat <i> dort", "{place} mange", "la maison"]
    found = other.translate(lines, beam=3)
    assert "torch" in vars(other.predictor)  # it was opened
    assert same(one.translate(lines, beam=3), found) and "{place}" in found[1].text


def test_a_search_ends_when_nothing_alive_is_better() -> None:
    def ended(length: int, score: float) -> Ended:
        return Ended(["x"] * (length - 1), score * length, length)

    config = DecodeConfig(beam=2)
    short, second, late = ended(2, -1.0), ended(3, -2.0), ended(6, -0.5)
    hopeful, hopeless = [-0.5 * i for i in range(1, 7)], [-0.1, -0.2, -3.5, -3.5, -3.5, -3.0]
    assert _until_enough([short, second, late], [(late, hopeful)], config) is None
    assert _until_enough([short, second, late], [(late, hopeless)], config) == [short, second]


def test_no_torch_is_imported(run: Path, command: Command) -> None:
    code, told, _ = command("translate", *LINES[1:9], "--run", run, "--engine", "ctranslate2")
    assert code == 0
    program = (
        "import sys; sys.argv = ['seqformer', 'translate', *sys.argv[1:]]\n"
        "from seqformer.cli import main\n"
        "try: main()\n"
        "except SystemExit as left: assert not left.code\n"
        "loud = {'torch', 'transformers', 'sacrebleu', 'safetensors', 'matplotlib', 'lxml'}\n"
        "sys.exit(str(loud & set(sys.modules)) if loud & set(sys.modules) else 0)"
    )
    for choice in ([], ["--run", str(run)]):  # the newest, and one that is named
        done = subprocess.run(
            [sys.executable, "-c", program, *LINES[1:9], *choice],
            cwd=run.parents[1], capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == told and "Engine: CTranslate2" in done.stderr


def test_it_is_converted_once_and_again_when_the_weights_change(run: Path) -> None:
    def translated() -> list[str]:
        return [t.text for t in seqformer.load(run, engine="ctranslate2").translate(LINES, beam=1)]

    translated()
    made = run / FOLDER / "model.bin"
    before, content = made.stat().st_mtime_ns, made.read_bytes()
    translated()
    assert made.stat().st_mtime_ns == before
    assert not list(run.glob("*.partial")) and not list(run.glob(".*"))
    made.write_bytes(content[:-9] + b"damaged!!")  # is never opened
    translated()
    assert made.read_bytes() == content
    weights = load_weights(run / WEIGHTS)
    save_weights(run / WEIGHTS, {name: -tensor for name, tensor in weights.items()})
    changed = translated()
    assert made.read_bytes() != content
    assert changed == [t.text for t in seqformer.load(run, device="cpu").translate(LINES, beam=1)]


def test_a_copy_is_not_converted_again(run: Path, tmp_path: Path) -> None:
    seqformer.load(run, engine="ctranslate2")
    copy = shutil.copytree(run, tmp_path / "copy", copy_function=shutil.copyfile)
    assert opening.ready(copy) is not None and seqformer.Run(copy)


def test_a_run_that_cannot_be_written_is_converted_elsewhere(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(out: Path, replaces: str) -> None:
        raise WriteError(f"{out}: cannot be written")

    monkeypatch.setattr(converted, "whole_folder", refused)
    one, other = (seqformer.load(run, engine=engine, device="cpu") for engine in ("torch", "ctranslate2"))
    assert same(one.translate(LINES, beam=1), other.translate(LINES, beam=1))
    assert not (run / FOLDER).exists()


def test_weights_that_change_meanwhile_are_converted_again(run: Path) -> None:
    weights, calls = load_weights(run / WEIGHTS), 0

    def write(folder: Path) -> tuple[int, int, int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            save_weights(run / WEIGHTS, {name: tensor + 1 for name, tensor in weights.items()})
        return 1, 0, 1024

    with converted.kept(run, write) as made:
        assert calls == 2 and converted.current(run) == made
    with pytest.raises(SeqformerError, match="again and again"):
        converted._make(run, run / FOLDER, lambda folder: _changing(run, weights))


def _changing(run: Path, weights: dict[str, torch.Tensor]) -> tuple[int, int, int]:
    save_weights(run / WEIGHTS, {name: torch.randn_like(tensor) for name, tensor in weights.items()})
    return 1, 0, 1024


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--prefix", "la"], "--prefix"),
        (["--min-length", "3"], "minimum length"),
        (["--sample"], "samples"),
        (["--no-repeat-ngram", "2"], "repeated"),
        (["--workers", "2"], "processes"),
        (["--precision", "bf16"], "fp32 or int8"),
        (["--device", "cuda"], "processor"),
        (["--align", "--json"], "--align"),
        (["--alternatives", "2"], "--alternatives"),
    ],
)
def test_what_it_lacks_is_for_torch(
    options: list[str], word: str, run: Path, command: Command, auto: None
) -> None:
    code, out, err = command("translate", "le chat", "--run", run, "--engine", "ctranslate2", *options)
    assert code == 2 and not out and word in err and err.count("\n") == 1
    if options[0] not in ("--workers", "--device"):
        code, out, err = command("translate", "le chat", "--run", run, *options)
        assert code == 0 and out and "Engine" not in err


def test_the_command_names_the_engine_and_prints_the_same(run: Path, command: Command, auto: None) -> None:
    stdin = "\n".join(LINES).encode()
    options = ("--run", run, "--warn", "--detokenize", "--numbers", "--n-best", "2")
    code, out, err = command("translate", *options, stdin=stdin)
    assert code == 0 and "Engine: CTranslate2" in err
    other = command("translate", *options, "--engine", "torch", stdin=stdin)
    assert out == other[1] and err.replace(f"{err.splitlines()[0]}\n", "") == other[2]
    code, _, err = command("translate", "le chat", "--run", run, "--engine", "tensorflow")
    assert code == 2 and "choose one of auto, torch, ctranslate2" in err
    code, _, err = command("evaluate", "--run", run, "--engine", "ctranslate2")
    assert code == 0


def test_other_architectures_and_other_uses_stay_with_torch(
    make_run: MakeRun, run: Path, command: Command, auto: None
) -> None:
    made = make_run(model={"arch": "bahdanau"})
    save_weights(made.folder / WEIGHTS, dict(build(made.configs.model).named_parameters()))
    gru = made.folder
    code, _, err = command("translate", "le chat", "--run", gru)
    assert code == 0 and "Engine" not in err
    code, _, err = command("translate", "le chat", "--run", gru, "--engine", "ctranslate2")
    assert code == 2 and "architecture bahdanau" in err and err.count("\n") == 1
    model = seqformer.load(run, engine="ctranslate2")
    for use in (model.attention, model.explain):
        with pytest.raises(SeqformerError, match="torch alone"):
            use("le chat")
    with pytest.raises(SeqformerError, match="torch alone"):
        model.score([("le chat", "chat")])
    with pytest.raises(SeqformerError, match="a prefix"):
        model.translate("le chat", prefix="la")


def test_int8(run: Path, tmp_path: Path, command: Command) -> None:
    model = seqformer.load(run, engine="ctranslate2", precision="int8")
    assert len(model.translate(LINES)) == len(LINES)
    code, _, err = command("translate", "le chat", "--run", run, "--engine", "torch", "--precision", "int8")
    assert code == 2 and "for the engine ctranslate2" in err
    code, _, err = command(
        "export", "--to", "ctranslate2", tmp_path / "there", "--quantization", "int8", "--run", run
    )
    assert code == 0 and "BLEU on valid (5 sentences)" in err and "in float32" in err


@pytest.mark.parametrize("version", [None, "4.8.0"])
def test_where_it_is_missing_or_old(
    version: str | None, run: Path, command: Command, auto: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version:
        monkeypatch.setattr(ctranslate2, "__version__", version)
    else:
        monkeypatch.setitem(sys.modules, "ctranslate2", None)
    code, _, err = command("translate", "le chat", "--run", run)
    assert code == 0 and "Engine" not in err
    code, _, err = command("translate", "le chat", "--run", run, "--engine", "ctranslate2")
    assert code == 2 and "CTranslate2 is" in err and err.count("\n") == 1


def test_its_own_errors_are_one_line(run: Path, command: Command) -> None:
    (run / FOLDER).mkdir()
    (run / FOLDER / "mine.txt").write_text("mine")
    code, _, err = command("translate", "le chat", "--run", run, "--engine", "ctranslate2")
    assert code == 2 and "holds something else" in err and err.count("\n") == 1
    assert (run / FOLDER / "mine.txt").exists() and not (run / FOLDER / RECORD).exists()
