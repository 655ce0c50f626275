"""The house: which part may import which, what importing costs, and the command line, frozen."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import seqformer
from seqformer.cli import app

ROOT = Path(seqformer.__file__).parent
LAYERS = {
    "config": 0, "errors": 0, "fields": 0, "console": 0, "files": 0, "device": 0, "__init__": 0,
    "text": 1, "images": 1, "models": 2, "training": 3, "decoding": 3, "report": 3, "run": 4, "learn": 4,
    "figures": 4, "run_folder": 4, "image_run": 4, "image_learn": 4, "resuming": 4, "marian": 4, "workers": 4, "cli": 5, "__main__": 5,
}  # fmt: skip
MAY_NOT = {
    ("models", "text"),
    ("training", "text"),
    ("training", "models"),
    ("models", "images"),
    ("training", "images"),
}


def imports() -> list[tuple[str, str, str]]:
    """(file, its part, the part it imports), lazy imports included."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        own = relative.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "seqformer":
                parts = (node.module or "").split(".")
                names = parts[1:2] or [a.name if a.name in LAYERS else "__init__" for a in node.names]
                found += [(str(relative), own, name) for name in names]
    return found


def test_imports_go_downward_only() -> None:
    seen = imports()
    assert len(seen) > 60
    for file, own, other in seen:
        if own in ("__init__", other):
            continue
        assert LAYERS[other] < LAYERS[own] or (LAYERS[own] in (0, 4, 5) and LAYERS[other] == LAYERS[own]), (
            f"{file} imports {other}"
        )
        assert (own, other) not in MAY_NOT, f"{file} imports {other}"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["show", "--help"], ["show", "pooling", "--help"], ["--version"]],
)
def test_help_does_not_import_torch(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['seqformer', *sys.argv[1:]]\n"
        "from seqformer.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules or 'sacrebleu' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "seqformer" in done.stdout


def test_opening_a_run_loads_no_compiler(trained: Path) -> None:
    """It would cost more than a second each time."""
    code = (
        "import sys; from pathlib import Path; from seqformer.runs.run import Run\n"
        "Run(Path(sys.argv[1])).translator('cpu').translate(['le chat'], __import__('seqformer.config')"
        ".config.DecodeConfig())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(trained)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


COMMANDS = {
    "prepare": """pairs --source --target --valid-source --valid-target --test-source --test-target --out --swap
        --lowercase --split-punctuation --vocab-size --model-type --separate --like --max-pairs --max-pieces --max-ratio
        --valid-size --test-size --seed --style --strict --report""",
    "train": """--task --images --data --run --init --resume --device --max-minutes --max-steps --max-epochs --patience
        --validate-every --arch --preset --encoder-layers --decoder-layers --width --heads --feed-forward --dropout
        --norm --activation --tokens-per-batch --accumulate --learning-rate --warmup --schedule --label-smoothing
        --clip --precision --seed --positions --no-positions --no-causal-mask --bidirectional""",
    "translate": """text --run --input --output --beam --length-penalty --n-best --max-length --scores --warn
        --json --device --precision --workers""",
    "evaluate": """--run --bleu --chrf --ter --split --source --reference --compare --beam --length-penalty --json --device
        --precision        --reference-sentences""",
    "attention": "text --run --kind --layer --head --average --png --json --beam --device",
    "export": "folder --to --run --quantization",
    "import": "checkpoint --run",
    "show pooling": "--kernel --width --points --seed --png",
    "show positions": "--length --width --positions --png",
    "show mask": "text --length",
}


def commands() -> dict[str, Any]:
    """Every command by its words: those of a group are two."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}": c for sub, c in inner.items()} if inner else {name: command}
    return found


def test_the_command_line_is_frozen() -> None:
    """A new command or option is a decision: it is made by changing this list."""
    found = {
        name: {p.opts[0] if p.param_type_name == "option" else p.name for p in command.params}
        for name, command in commands().items()
    }
    assert found == {name: set(text.split()) for name, text in COMMANDS.items()}


def test_every_option_says_what_it_does() -> None:
    for name, command in commands().items():
        assert "Example" in (command.epilog or ""), name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


def test_the_public_names() -> None:
    assert sorted(seqformer.__all__) == ["Attention", "Model", "SeqformerError", "load"]
    for name in seqformer.__all__:
        assert getattr(seqformer, name).__doc__
    with pytest.raises(AttributeError):
        seqformer.nothing  # noqa: B018


def test_no_pickle() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "torch.load(" not in text and "torch.save(" not in text and "import pickle" not in text, path
