"""``seqformer train``: choose, train, and show it learn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli import images as image_verbs
from seqformer.cli.options import EMBEDDED, PREPARED, RUNS, DeviceOption, free, open_any
from seqformer.cli.prepare import prepare_embedded
from seqformer.config import CHANGEABLE, LIMITS
from seqformer.console import note, talk
from seqformer.errors import RunError, SeqformerError

if TYPE_CHECKING:
    from seqformer.config import TrainConfig
    from seqformer.learn import AnyRun
    from seqformer.run import Run

EXAMPLE = "Examples: seqformer train   ·   seqformer train --task reverse   ·   seqformer train --resume"
DATA, BUDGET, MODEL, RECIPE = "What to train on, and where", "Budget", "Model", "Recipe"
EXPERIMENTS = "Experiments: what a part is for, seen by leaving it out"
PRESET = "from the preset"
STARTED = time.monotonic()  # the wall-clock budget begins with the command


def _model(help: str, metavar: str = "N") -> Any:
    return typer.Option(metavar=metavar, rich_help_panel=MODEL, show_default=PRESET, help=help)


def _recipe(help: str, default: str, metavar: str = "N") -> Any:
    return typer.Option(metavar=metavar, rich_help_panel=RECIPE, show_default=default, help=help)


def _budget(help: str, default: str = "no limit", metavar: str = "N") -> Any:
    return typer.Option(metavar=metavar, rich_help_panel=BUDGET, show_default=default, help=help)


def train(
    task: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=DATA,
            help="A toy task (alternating, copy, reverse, sort), or images.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=DATA, help="For --task images: IDX files, or PNGs by class."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=DATA,
            show_default="the newest under prepared/",
            help="A prepared folder.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="DIR",
            rich_help_panel=DATA,
            show_default="runs/NAME",
            help="The run folder to make.",
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            rich_help_panel=DATA,
            help="Begin with the weights of this run, on data made by: prepare --like RUN.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", rich_help_panel=DATA, help="Go on with the run, or with the newest unfinished one."
        ),
    ] = False,
    device: DeviceOption = "auto",
    max_minutes: Annotated[
        float | None, _budget("Wall clock, from the command to the last validation.", metavar="M")
    ] = None,
    max_steps: Annotated[int | None, _budget("Optimizer steps.")] = None,
    max_epochs: Annotated[
        int | None, _budget("Passes over the training pairs.", "from the data size, if nothing else limits")
    ] = None,
    patience: Annotated[
        int | None, _budget("Stop after so many validations without a better score.", "never")
    ] = None,
    validate_every: Annotated[
        int | None, _budget("Steps between validations.", "a tenth of the budget")
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="transformer|bahdanau",
            rich_help_panel=MODEL,
            show_default="transformer",
            help="Architecture; bahdanau: recurrent, with additive attention.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="toy|tiny|small|base|gru|d2l|d2l-bahdanau|vit-small|vit-d2l",
            rich_help_panel=MODEL,
            show_default="from the data size",
            help="Sets all the dimensions below; d2l and d2l-bahdanau: the book's recipe and budget too.",
        ),
    ] = None,
    encoder_layers: Annotated[int | None, _model("Blocks of the encoder.")] = None,
    decoder_layers: Annotated[int | None, _model("Blocks of the decoder.")] = None,
    width: Annotated[int | None, _model("Width of every layer, the paper's d_model.")] = None,
    heads: Annotated[int | None, _model("Attention heads; they share the width.")] = None,
    feed_forward: Annotated[int | None, _model("Inner width of the feed-forward layers.")] = None,
    positions: Annotated[
        str | None,
        typer.Option(
            metavar="sinusoidal|sinusoidal-split|learned",
            rich_help_panel=MODEL,
            show_default="sinusoidal",
            help="Sines and cosines in turn (the paper) or in halves, or a learned table of 512.",
        ),
    ] = None,
    bidirectional: Annotated[
        bool | None,
        typer.Option(
            "--bidirectional",
            rich_help_panel=MODEL,
            show_default="one direction",
            help="A recurrent encoder (--arch bahdanau) reads both ways.",
        ),
    ] = None,
    dropout: Annotated[
        float | None, _recipe("Share of each sublayer's output dropped.", "0.1; toy tasks: 0", "P")
    ] = None,
    norm: Annotated[
        str | None,
        _recipe("LayerNorm after each residual sum (the paper), or before sublayers.", "post", "post|pre"),
    ] = None,
    activation: Annotated[
        str | None, _recipe("Of the feed-forward layers.", "relu", "relu|gelu|silu")
    ] = None,
    tokens_per_batch: Annotated[
        int | None,
        _recipe("max(source, target) length x sentences, padding included; patches x images.", "2048"),
    ] = None,
    accumulate: Annotated[int | None, _recipe("Batches added up for one step.", "1")] = None,
    learning_rate: Annotated[
        float | None, _recipe("The peak, after the warm-up.", "from the width", "LR")
    ] = None,
    warmup: Annotated[int | None, _recipe("Steps in which the rate rises.", "200")] = None,
    schedule: Annotated[
        str | None,
        _recipe(
            "Fall after the warm-up: to zero at the end of the budget, with the root of the step, or none.",
            "linear",
            "linear|inverse-sqrt|constant",
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None, _recipe("Share of each target spread over the vocabulary.", "0.1; toy tasks: 0", "P")
    ] = None,
    clip: Annotated[float | None, _recipe("Largest norm of the gradient.", "1.0", "X")] = None,
    precision: Annotated[
        str | None, _recipe("auto: bf16 where the hardware multiplies in it.", "auto", "auto|fp32|bf16")
    ] = None,
    seed: Annotated[int | None, _recipe("Of weights, dropout and order.", "1")] = None,
    no_positions: Annotated[
        bool,
        typer.Option("--no-positions", rich_help_panel=EXPERIMENTS, help="No positions: order is lost."),
    ] = False,
    no_causal_mask: Annotated[
        bool,
        typer.Option(
            "--no-causal-mask",
            rich_help_panel=EXPERIMENTS,
            help="Let the decoder see the answer in training: the loss falls and decoding fails.",
        ),
    ] = False,
) -> None:
    """Train a model and watch it learn.

    With no data prepared and no task named, the embedded English-French corpus is prepared first.
    Ctrl-C saves and says how to go on.
    """
    opened: AnyRun
    given = {name: value for name, value in locals().items() if value is not None and value is not False}
    model, recipe = _only(MODEL_FIELDS, given), _only(RECIPE_FIELDS, given)
    model |= _left_out(positions, no_positions, no_causal_mask)
    from seqformer.training import distributed

    processes = distributed.join()
    if not processes.first:  # the first process does all that is done once, and talks
        talk.quiet = True
        opened = open_any(Path(processes.tell("")))
    elif resume:
        named: list[str] = [name for name in ("task", "data", "images", "preset", "init") if name in given]
        named += ["no-positions"] * no_positions + ["no-causal-mask"] * no_causal_mask
        opened = _reopen(run, model | recipe, named)
    elif task == "images" or images:
        opened = image_verbs.create(given, recipe, LIMITS)
    else:
        if task and data:
            raise SeqformerError("give either --task or --data, not both")
        _check_names(task, preset, device, recipe | model)
        folder = _prepared(task, data, int(recipe.get("seed", 1)))
        if init:
            opened = _train_on(folder, run, init, given, model, recipe)
        else:
            opened = _create(folder, run, preset, model, recipe)
    if processes.first:
        processes.tell(str(opened.folder))
    from seqformer.cli.watch import watch

    watch(opened, device, STARTED, processes, resume=resume)


MODEL_FIELDS = (
    "arch", "encoder_layers", "decoder_layers", "width", "heads", "feed_forward", "dropout", "norm",
    "activation", "positions", "causal", "bidirectional",
)  # fmt: skip
RECIPE_FIELDS = (
    *CHANGEABLE, "tokens_per_batch", "accumulate", "learning_rate", "warmup", "schedule", "label_smoothing",
    "clip", "precision", "seed",
)  # fmt: skip


def _left_out(positions: str | None, no_positions: bool, no_causal_mask: bool) -> dict[str, Any]:
    """The fields that the experiments set."""
    if no_positions and positions:
        raise SeqformerError("give either --positions or --no-positions, not both")
    without_positions = {"positions": "none"} if no_positions else {}
    return without_positions | ({"causal": False} if no_causal_mask else {})


def _check_names(task: str | None, preset: str | None, device: str, values: dict[str, Any]) -> None:
    """Tell every wrong name and number before any folder is made."""
    from seqformer import config
    from seqformer.device import choose_device
    from seqformer.text import tasks

    choose_device(device)
    if task:
        tasks.check(task)
    if preset:
        config.check_preset(preset)
    config.TrainConfig(**_only(RECIPE_FIELDS, values))
    preset = preset or config.preset_for(values.get("arch", "transformer"), 0)
    dimensions = _only(MODEL_FIELDS, config.PRESETS[preset] | values)
    built = config.ModelConfig(source_vocabulary=8, target_vocabulary=8, **dimensions)
    config.check_used(built.arch, values)


def _prepared(task: str | None, data: Path | None, seed: int) -> Path:
    """The prepared folder to train on, made now where that is wanted."""
    from seqformer.text.prepare import prepare_task
    from seqformer.text.store import MANIFEST, read_manifest

    if task:
        folder = PREPARED / task
        prepare_task(task, folder, seed)
        return folder
    if data:
        read_manifest(data)
        return data
    found = sorted(PREPARED.glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for manifest in found:
        if read_manifest(manifest.parent).kind == "translation":
            return manifest.parent
    note("Nothing is prepared here: preparing the embedded English-French corpus.")
    prepare_embedded(PREPARED / EMBEDDED)
    return PREPARED / EMBEDDED


def _create(
    folder: Path, run: Path | None, preset: str | None, model: dict[str, Any], recipe: dict[str, Any]
) -> Run:
    from seqformer import config
    from seqformer import run as runs
    from seqformer.text.store import read_manifest

    manifest = read_manifest(folder)
    toy = manifest.kind in config.TASK_RECIPES
    arch = model.get("arch", "transformer")
    chosen = preset or ("toy" if toy else config.preset_for(arch, manifest.pairs["train"]))
    if not preset:
        note(f"Preset {chosen}, chosen for {manifest.pairs['train']:,} training pairs (--preset changes it).")
    # what was asked for is stronger than the preset, where that was asked for, and that than the task
    layers = [config.TASK_RECIPES.get(manifest.kind, {}), config.PRESETS[chosen]]
    wanted = _over(*(layers if preset else reversed(layers)))
    wanted = _over(wanted, model | recipe)
    built = config.ModelConfig(
        source_vocabulary=manifest.vocabulary["source"],
        target_vocabulary=manifest.vocabulary["target"],
        joint=(folder / "tokenizer.model").is_file(),
        **_only(MODEL_FIELDS, wanted),
    )
    longest = max(manifest.longest.values())
    if built.positions == "learned" and longest >= built.max_positions:  # BOS or EOS takes a place too
        raise SeqformerError(
            f"--positions learned: {folder} has sentences of {longest} pieces and the longest can be "
            f"{built.max_positions - 1}; prepare it with --max-pieces {built.max_positions - 1}"
        )
    learned = {"learning_rate": config.peak_rate(built.width)} | _only(RECIPE_FIELDS, wanted)
    target = run or free(RUNS / manifest.name)
    return runs.create(target, folder, built, _limited(learned, manifest.pairs["train"]))


def _train_on(
    folder: Path,
    run: Path | None,
    init: Path,
    given: dict[str, Any],
    model: dict[str, Any],
    recipe: dict[str, Any],
) -> Run:
    """A run that begins with the weights of another."""
    from dataclasses import replace

    from seqformer import config
    from seqformer import run as runs
    from seqformer.text import tokenizer
    from seqformer.text.store import read_manifest

    first = runs.Run(init)
    for name in ("task", "preset", *(name for name in MODEL_FIELDS if name != "dropout")):
        if name in given or name in model:
            raise SeqformerError(
                f"--{name.replace('_', '-')} does nothing with --init: the model is that of {init}"
            )
    if tokenizer.load(folder).files() != first.tokenizer.files():
        raise SeqformerError(
            f"{folder} has other pieces than {init}; make it with: seqformer prepare … --like {init}"
        )
    manifest = read_manifest(folder)
    built = replace(first.model_config, **_only(("dropout",), model))
    learned = {"learning_rate": config.peak_rate(built.width) / 5} | recipe  # it has learned the most already
    target = run or free(RUNS / manifest.name)
    return runs.create(target, folder, built, _limited(learned, manifest.pairs["train"]), first)


def _limited(recipe: dict[str, Any], pairs: int) -> TrainConfig:
    """The recipe, with epochs that suit so many pairs where nothing limits it."""
    from seqformer import config

    if not any(recipe.get(name) for name in LIMITS):
        recipe["max_epochs"] = config.epochs_for(pairs)
        note(f"No limit given: {recipe['max_epochs']} epochs (a --max-… option sets one).")
    return config.TrainConfig(**recipe)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values with stronger ones over them; a limit among those replaces every limit below."""
    if any(above.get(name) for name in LIMITS):
        below = {name: value for name, value in below.items() if name not in LIMITS}
    return below | above


def _only(names: tuple[str, ...], values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _reopen(folder: Path | None, changes: dict[str, Any], named: Sequence[str]) -> AnyRun:
    """The run to resume, with its budget changed where that was asked for."""
    from dataclasses import replace

    from seqformer.run_folder import unfinished

    found = folder or unfinished(RUNS)
    if found is None:
        raise RunError(f"there is no unfinished run under {RUNS}/; name one with --run to train it further")
    opened = open_any(found)
    for name in named:
        raise SeqformerError(f"--{name} cannot be given with --resume: the run {opened.folder} has its own")
    current = opened.configuration()
    for name, value in changes.items():
        had = current.get(name, "none")
        if name not in CHANGEABLE and had != value:
            allowed = ", ".join("--" + n.replace("_", "-") for n in CHANGEABLE)
            raise SeqformerError(
                f"--{name.replace('_', '-')} {value}: {opened.folder} was begun with {had}, and a "
                f"resumed run keeps it; only {allowed} and --device may change"
            )
    budget = {name: value for name, value in changes.items() if name in CHANGEABLE}
    if budget:
        opened.change(replace(opened.train_config, **budget))
    return opened
