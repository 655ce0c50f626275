"""The house: which part may import which, what importing costs, and the command line, frozen."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import seqformer
from seqformer.cli import ALIASES, app

ROOT = Path(seqformer.__file__).parent
# a room imports from those further down, and rooms of one line nothing from each other
ORDER = (
    ("cli", "__main__"),
    ("service",),
    ("recipes", "studies"),
    ("api", "page"),
    ("preparation",),
    ("inference",),
    ("engine",),
    ("exchange",),
    ("presets", "runs"),
    ("tasks",),
    ("report",),
    ("training", "decoding"),
    ("models",),
    ("formats",),
    ("text", "images"),
    ("storage",),
    ("device",),
    ("config",),
    ("symbols", "errors", "console"),
)
RANK = {room: rank for rank, rooms in enumerate(reversed(ORDER)) for room in rooms} | {"__main__": 99}
# what these import at most, where that is less than the order allows
AT_MOST = {
    "__main__": {"cli"},
    "service": {"inference", "page", "runs", "decoding", "formats", "text", "config", "console", "errors"},
    "page": {"runs", "tasks", "report", "models", "text", "storage", "symbols", "errors"},
    "exchange": {"runs", "tasks", "models", "text", "storage", "config", "symbols", "errors"},
    "engine": {"exchange", "runs", "decoding", "formats", "text", "storage", "config", "errors"},
    "inference": {
        "engine",
        "runs",
        "tasks",
        "report",
        "decoding",
        "formats",
        "text",
        "images",
        "device",
        "config",
        "errors",
    },
    "presets": {"tasks", "models", "storage", "config", "console", "errors"},
    # training and config: for the schedule that the trainer uses, and the settings that it refuses
    "report": {"training", "models", "images", "storage", "config", "symbols", "console", "errors"},
    "training": {"config", "errors"},
    "models": {"storage", "config", "symbols", "errors"},  # ids, pixels and masks: neither text nor images
    "formats": {"text", "storage", "config", "symbols", "errors"},
    "text": {"storage", "config", "symbols", "errors"},
    "images": {"storage", "errors"},
    "storage": {"errors"},
    "device": {"config", "errors"},
    "config": {"errors"},
}
MOST_FILES, MOST_CLI = 11, 0.20  # Python files at the top level; share of the lines
NOBODYS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}


def modules() -> dict[str, Path]:
    """Every module by its dotted name; a package is the name of its folder."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each import of ours, those in functions and under TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import, which nothing here looks for"
            if (node.module or "").split(".")[0] == "seqformer":
                yield from ((str(node.module), each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names if each.name.split(".")[0] == "seqformer")


def graph() -> dict[str, set[str]]:
    """Module -> the modules it imports. The package itself is none: it imports lazily, and names the version."""
    known = modules()
    edges: dict[str, set[str]] = {}
    for module, path in known.items():
        if module == "seqformer":
            continue
        edges[module] = set()
        for imported, name in imports(path):
            if imported == "seqformer" and f"seqformer.{name}" not in known:
                assert name == "__version__", f"{module} imports {name} from the package itself"
                continue
            full = f"{imported}.{name}"
            edges[module].add(full if full in known else imported)
    return edges


def room(module: str) -> str:
    return module.split(".")[1]


def test_imports_go_downward_only() -> None:
    edges = graph()
    assert {room(module) for module in edges} == set(RANK), "a room that the order does not tell of"
    assert sum(map(len, edges.values())) > 250
    for module, others in edges.items():
        for other in others:
            own, its = room(module), room(other)
            if own == its:
                continue
            assert RANK[its] < RANK[own], f"{module} imports {other}: upward"
            assert its in AT_MOST.get(own, RANK), f"{module} imports {other}"


def test_modules_import_each_other_in_no_circle() -> None:
    edges, gone = graph(), set[str]()
    while free := {m for m in edges if m not in gone and edges[m] <= gone}:
        gone |= free
    assert not set(edges) - gone, "these import each other, or what does"


def test_the_package_itself_imports_lazily() -> None:
    for node in ast.parse((ROOT / "__init__.py").read_text("utf-8")).body:
        names = [each.name for each in ast.walk(node) if isinstance(each, ast.alias)]
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert getattr(node, "module", "") in ("__future__", "typing"), names


def test_the_house_is_easy_to_survey() -> None:
    files = [path.name for path in ROOT.glob("*.py")]
    assert len(files) <= MOST_FILES, files
    for path in [*ROOT.rglob("*.py"), *(path for path in ROOT.rglob("*") if path.is_dir())]:
        assert path.stem not in NOBODYS, path
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in ROOT.rglob("*.py")}
    cli = sum(count for path, count in lines.items() if path.parent.name == "cli")
    assert cli <= MOST_CLI * sum(lines.values()), f"{cli:,} of {sum(lines.values()):,} lines"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "--help-all"],
        ["runs", "--help"],
        ["runs", "curve", "--help"],
        ["show", "--help"],
        ["show", "pooling", "--help"],
        ["--version"],
    ],
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


def test_a_command_reads_no_other(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['seqformer', 'runs']\n"
        "from seqformer.cli import COMMANDS, main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in COMMANDS if f'seqformer.cli.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "['runs']", done.stderr


def test_opening_a_run_loads_no_compiler(trained: Path) -> None:
    """It would cost more than a second each time."""
    code = (
        "import sys; from seqformer.config import DecodeConfig; from seqformer.runs.run import Run\n"
        "Run(sys.argv[1]).predictor('cpu').translate(['le chat'], DecodeConfig())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(trained)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


COMMANDS = {
    "": "--version",
    "prepare": """pairs --source --target --valid-source --valid-target --test-source --test-target --out --swap --columns
        --lowercase --split-punctuation --vocab-size --model-type --separate --like --max-pairs --max-pieces --max-ratio
        --valid-size --test-size --seed --style --strict --report --recipe --split-digits --byte-fallback --symbols
        --character-coverage --min-length --max-length --deduplicate --keep-copies --scripts --any-script
        --check-languages --languages --nfkc --score-with --score-keep --placeholders --guide""",
    "train": """--task --images --data --run --init --resume --device --max-minutes --max-steps --max-epochs --patience
        --validate-every --arch --preset --encoder-layers --decoder-layers --width --heads --feed-forward --dropout
        --norm --activation --tokens-per-batch --accumulate --learning-rate --warmup --schedule --label-smoothing
        --clip --precision --seed --positions --no-positions --no-causal-mask --bidirectional --recipe --print-recipe
        --help-all --initialization --tie-output --output-bias --attention-bias --learned-start --attention-dropout
        --dropout-embeddings --adam-beta2 --optimizer --sentences-per-batch --share
        --ema --keep-last --consistency --consistency-from --bpe-dropout --word-dropout
        --best-by --log --guide""",
    "distil": """teachers --data --monolingual --beam --keep --originals --other-pieces --out --workers --precision
        --only-data --run --preset --recipe --max-minutes --max-steps --max-epochs --patience --validate-every --seed
        --json --device""",
    "forecast": "--data --max-minutes --recipe --out --json --device",
    "translate": """text --run --input --output --beam --length-penalty --n-best --max-length --scores --warn
        --json --device --precision --workers --retranslate --languages --detokenize --whole --numbers
        --min-length --no-repeat-ngram --diversity --coverage-penalty --replace-unknown --glossary --avoid --prefix
        --alternatives --sample --temperature --top-k --top-p --seed --mbr --align --engine --shortlist""",
    "align": """--source --target --run --output --gold --reverse --symmetrize --layer --head --json --device
        --precision""",
    "score": "pairs --run --mean --json --device --precision",
    "average": "runs --out",
    "evaluate": """--run --bleu --chrf --ter --split --source --reference --compare --beam --length-penalty --json --device
        --precision --calibrate --reference-sentences --wer --cer --tokenize --whole --data --engine""",
    "attention": """text --run --kind --layer --head --average --words --figure --figures --for --json --beam --device
        --font --whole""",
    "explain": "text --run --box --layer --head --step --beam --json --device",
    "page": "run --out --weights",
    "serve": """runs --host --port --keys --allow-origin --beam --detokenize --device --precision --engine --workers --max-wait --batch-pieces
        --queue --max-characters --timeout""",
    "export": "folder --to --run --quantization --shortlist",
    "import": "checkpoint --run",
    "reproduce": "recipe --data --run --seed --json",
    "runs": "--json",
    "runs curve": "runs --figure --for --font",
    "runs compare": """runs --bleu --chrf --ter --wer --cer --tokenize --split --data --source --reference --beam
        --length-penalty --whole --json --device --precision""",
    "runs remove": "runs --yes",
    "show": "--all --html --run",
    "show pooling": "--kernel --width --points --seed --json --figure --for --font",
    "show positions": "--length --width --positions --json --figure --for --font",
    "show mask": "text --length --json --figure --for --font",
    "show softmax": "--head-width --keys --seed --json --figure --for --font",
    "show heads": "--width --heads --length --json --figure --for --font",
    "show pieces": "text --run --json",
    "show smoothing": "--label-smoothing --vocab-size --json --figure --for --font",
    "show schedule": "--max-steps --warmup --learning-rate --json --figure --for --font",
    "show weights": "--run --json --figure --for --font",
}
# what ``train --help`` shows; --help-all shows the others too
SHORT = """--task --images --data --run --init --resume --recipe --print-recipe --device --max-minutes --max-steps
    --max-epochs --patience --validate-every --preset --help-all"""


def commands() -> dict[str, Any]:
    """Every command by its words, groups of them included; the program itself has none."""
    found: dict[str, Any] = {}

    def walk(words: str, command: Any) -> None:
        found[words] = command
        for name, inner in getattr(command, "commands", {}).items():
            walk(f"{words} {name}".strip(), inner)

    walk("", typer.main.get_command(app))
    return found


def options(command: Any) -> set[str]:
    names = {p.opts[0] if p.param_type_name == "option" else p.name for p in command.params}
    return names - {"--install-completion", "--show-completion"}  # typer's own


def test_the_command_line_is_frozen() -> None:
    """A new command or option is a decision: it is made by changing this list."""
    found = {name: options(command) for name, command in commands().items()}
    assert found == {name: set(text.split()) for name, text in COMMANDS.items()}
    shown = {p.opts[0] for p in commands()["train"].params if not p.hidden}
    assert shown == set(SHORT.split())


def test_the_names_that_other_tools_use_lead_to_options_that_exist() -> None:
    known = set[str]().union(*(options(command) for command in commands().values()))
    for alias, here in ALIASES.items():
        assert alias not in known, f"{alias} is an option"
        assert set(re.findall("--[a-z-]+", here)) and set(re.findall("--[a-z-]+", here)) <= known, here


def test_help_all_shows_every_option_and_help_a_few() -> None:
    shown = {}
    for flag in ("--help", "--help-all"):
        result = CliRunner().invoke(app, ["train", flag], env={"COLUMNS": "200"})
        assert result.exit_code == 0
        shown[flag] = {o for o in options(commands()["train"]) if f"{o} " in result.stdout}
    assert shown == {"--help": set(SHORT.split()), "--help-all": options(commands()["train"])}


def test_every_option_says_what_it_does() -> None:
    for name, command in commands().items():
        assert re.search("Example|Start with", command.epilog or ""), name
        for parameter in command.params:
            if parameter.name not in ("install_completion", "show_completion"):
                assert parameter.help, f"{name} {parameter.name}"
                switch = getattr(parameter, "is_flag", False)
                assert switch or parameter.metavar, f"{name} {parameter.name}: what does it take?"


def test_the_public_names() -> None:
    assert seqformer.__all__ == [
        "Attention", "DataError", "Interrupted", "Model", "Prepared", "Run", "RunError", "SeqformerError",
        "Translation", "average", "calibrate", "compare", "distil", "evaluate", "forecast", "load", "prepare", "reproduce", "resume", "train",
    ]  # fmt: skip
    for name in seqformer.__all__:
        assert getattr(seqformer, name).__doc__
    assert issubclass(seqformer.RunError, seqformer.SeqformerError)
    with pytest.raises(AttributeError):
        seqformer.nothing  # noqa: B018


def test_no_pickle() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name in (
            "from_marian.py",
            "test_marian.py",
        ):  # weights of others, by the loader of weights alone
            text = re.sub(r"torch\.load\([^()]*weights_only=True\)|torch\.save\(.*\)", "", text)
        assert "torch.load(" not in text and "torch.save(" not in text and "import pickle" not in text, path
