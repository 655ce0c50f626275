"""Small things that many tests need: a prepared folder, a trained run, a random model."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqformer.cli import main
from seqformer.config import PrepareConfig, TrainConfig
from seqformer.engine import opening
from seqformer.models import ARCHITECTURES, build
from seqformer.models.seq2seq import Seq2Seq
from seqformer.runs import assemble
from seqformer.runs.create import create
from seqformer.runs.layout import Configs
from seqformer.runs.run import Run
from seqformer.tasks import open_task
from seqformer.text import prepare

WORDS = [
    "le",
    "la",
    "un",
    "une",
    "chat",
    "chien",
    "maison",
    "rouge",
    "grand",
    "petit",
    "mange",
    "voit",
    "dort",
    "et",
    "où",
]
SMALL = {"encoder_layers": 1, "decoder_layers": 1, "width": 16, "heads": 2, "feed_forward": 32}


def toy_pairs(count: int = 60) -> list[tuple[str, str]]:
    """Distinct sentences and their words reversed."""
    made = []
    for number in range(count):
        words = [WORDS[(number * 7 + i * (number % 5 + 1)) % len(WORDS)] for i in range(2 + number % 6)]
        source = " ".join([*words, WORDS[number % len(WORDS)], WORDS[number // len(WORDS)]])
        made.append((source, " ".join(reversed(source.split()))))
    return made


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of sixty pairs."""
    folder = tmp_path_factory.mktemp("data") / "toy"
    prepare.prepare(toy_pairs(), {}, folder, PrepareConfig(vocab_size=80, valid_size=5, test_size=5))
    return folder


@pytest.fixture(autouse=True)
def by_torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands translate by torch, whether CTranslate2 is installed or not, unless a test asks for ``auto``."""
    if "auto" in request.fixturenames:
        return
    known = opening.lacks

    def lacks(engine: str, **how: Any) -> str:
        return "a test is by torch" if engine == opening.AUTO else known(engine, **how)

    monkeypatch.setattr(opening, "lacks", lacks)


@pytest.fixture
def auto() -> None:
    """Let ``translate`` take the engine that it takes outside of tests."""


MakeRun = Callable[..., Run]
Result = tuple[int, str, str]  # exit code, stdout, stderr
Command = Callable[..., Result]


def model_config(arch: str = "transformer", **changes: object) -> Any:
    """A small model's configuration."""
    kind = ARCHITECTURES[arch][0]
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**({name: value for name, value in SMALL.items() if name in known} | changes))


def new_run(folder: Path, data: Path, model: dict[str, object], recipe: dict[str, object]) -> Run:
    """A new run over a prepared folder, not yet trained."""
    task = open_task(data)
    config = model_config(**(task.sizes() | model))
    return create(folder, task, Configs(config, TrainConfig(**recipe)))  # type: ignore[arg-type]


@pytest.fixture
def make_run(data: Path, tmp_path: Path) -> MakeRun:
    """A new run over the prepared folder, not yet trained."""

    def make(name: str = "run", model: dict[str, object] | None = None, **recipe: object) -> Run:
        usual: dict[str, object] = {"max_steps": 8, "tokens_per_batch": 64, "warmup": 2, "precision": "fp32"}
        return new_run(tmp_path / name, data, model or {}, usual | recipe)

    return make


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained for a moment; its translations are poor, which no test minds."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    recipe: dict[str, object] = {"max_steps": 20, "tokens_per_batch": 128, "warmup": 5, "precision": "fp32"}
    list(assemble.begin(new_run(folder, data, {}, recipe), "cpu").trainer.run())
    return folder


def random_model(arch: str = "transformer", seed: int = 3, **changes: object) -> Seq2Seq:
    """An untrained model in double precision, so that equal means equal to 1e-9."""
    torch.manual_seed(seed)
    sizes = {"source_vocabulary": 11, "target_vocabulary": 11}
    own = {"heads": 4} if arch == "transformer" else {}
    shape = {"encoder_layers": 2, "decoder_layers": 2, "dropout": 0.0} | own
    model: Seq2Seq = build(model_config(arch, **(sizes | shape | changes))).double().eval()
    with torch.no_grad():  # biases and norms that are not at their start
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.requires_grad_(False)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run ``seqformer …`` in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "argv", ["seqformer", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(bool(left.code))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return invoke
