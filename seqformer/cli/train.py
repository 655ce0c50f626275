"""``seqformer train``: choose, train, and show it learn."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from seqformer.cli.options import DeviceOption, RecipeOption, option
from seqformer.console import data as print_data
from seqformer.errors import SeqformerError, WriteError

EXAMPLE = "Examples: seqformer train   ·   seqformer train --task reverse   ·   seqformer train --resume"
DATA, BUDGET, MODEL, TRAINING = "What to train on, and where", "Budget", "Model", "Training"
EXPERIMENTS = "Experiments: what a part is for, seen by leaving it out"


def _show_all(context: typer.Context, wanted: bool) -> None:
    if wanted:
        for parameter in context.command.params:
            parameter.hidden = False  # type: ignore[attr-defined]
        sys.stdout.write(context.get_help())
        raise typer.Exit


def _model(help: str, metavar: str = "N", shown: str = "from the preset", *names: str) -> Any:
    return option(MODEL, help, metavar, shown, *names, hidden=True)


def _training(help: str, shown: str, metavar: str = "N") -> Any:
    return option(TRAINING, help, metavar, shown, hidden=True)


def _budget(help: str, shown: str = "no limit", metavar: str = "N") -> Any:
    return option(BUDGET, help, metavar, shown)


def train(
    context: typer.Context,
    task: Annotated[
        str | None, option(DATA, "A toy task (alternating, copy, reverse, sort), or images.", "NAME")
    ] = None,
    images: Annotated[
        Path | None, option(DATA, "For --task images: IDX files, or PNGs by class.", "DIR")
    ] = None,
    data: Annotated[
        list[str] | None,
        option(
            DATA,
            "A prepared folder; several of the same pieces are mixed, with weights if they are named.",
            "DIR[:WEIGHT]",
            "the newest under prepared/",
        ),
    ] = None,
    run: Annotated[
        Path | None, option(DATA, "The run folder to make, or to resume.", "DIR", "runs/NAME", "--run")
    ] = None,
    init: Annotated[
        Path | None,
        option(DATA, "Begin with the weights of this run, on data made by: prepare --like RUN.", "RUN"),
    ] = None,
    resume: Annotated[
        bool,
        option(
            DATA, "Go on with the run, or with the newest unfinished one, exactly.", "", False, "--resume"
        ),
    ] = False,
    recipe: RecipeOption = None,
    print_recipe: Annotated[
        bool,
        option(
            None, "Print what would be trained as a recipe file; train nothing.", "", False, "--print-recipe"
        ),
    ] = False,
    device: DeviceOption = "auto",
    max_minutes: Annotated[
        float | None,
        _budget(
            "Wall clock since the run's start, last validation included; earlier sessions count.", metavar="M"
        ),
    ] = None,
    max_steps: Annotated[int | None, _budget("Optimizer steps.")] = None,
    max_epochs: Annotated[
        int | None,
        _budget("Passes over the training examples.", "from the data size, if nothing else limits"),
    ] = None,
    patience: Annotated[
        int | None, _budget("Stop after so many validations without a better score.", "never")
    ] = None,
    validate_every: Annotated[
        int | None, _budget("Steps between validations.", "a tenth of the budget")
    ] = None,
    preset: Annotated[
        str | None,
        option(
            MODEL,
            "Sets all dimensions of the model; the d2l presets set the book's training and budget too.",
            "toy|tiny|small|base|deep-shallow|deep-shallow-2|gru|d2l|d2l-bahdanau|d2l-best|vit-small|vit-d2l",
            "from the data size",
        ),
    ] = None,
    arch: Annotated[
        str | None,
        _model(
            "Architecture; bahdanau: recurrent, with additive attention.",
            "transformer|bahdanau",
            "transformer",
        ),
    ] = None,
    encoder_layers: Annotated[int | None, _model("Blocks of the encoder.")] = None,
    decoder_layers: Annotated[int | None, _model("Blocks of the decoder.")] = None,
    width: Annotated[int | None, _model("Width of every layer, the paper's d_model.")] = None,
    heads: Annotated[int | None, _model("Attention heads; they share the width.")] = None,
    feed_forward: Annotated[int | None, _model("Inner width of the feed-forward layers.")] = None,
    positions: Annotated[
        str | None,
        _model(
            "Sines and cosines in turn (the paper) or in halves, or a learned table of 512.",
            "sinusoidal|sinusoidal-split|learned",
            "sinusoidal",
        ),
    ] = None,
    bidirectional: Annotated[
        bool | None,
        _model(
            "A recurrent encoder (--arch bahdanau) reads both ways.", "", "one direction", "--bidirectional"
        ),
    ] = None,
    initialization: Annotated[
        str | None,
        _model(
            "First weights; torch: PyTorch's defaults; xavier: the gates of a layer drawn as one matrix.",
            "small|torch, bahdanau: glorot|xavier",
        ),
    ] = None,
    tie_output: Annotated[
        bool | None,
        _model(
            "The target embeddings are the output matrix too, or it has one of its own.",
            "",
            "tie, or from the preset",
            "--tie-output/--own-output",
        ),
    ] = None,
    output_bias: Annotated[
        bool | None,
        _model("Add a bias to the logits.", "", "none, or from the preset", "--output-bias/--no-output-bias"),
    ] = None,
    attention_bias: Annotated[
        bool | None,
        _model(
            "Biases in the projections of attention.",
            "",
            "there, or from the preset",
            "--attention-bias/--no-attention-bias",
        ),
    ] = None,
    learned_start: Annotated[
        bool | None,
        _model(
            "Decoding begins from a learned vector, or from zeros.",
            "",
            "zeros, or from the preset",
            "--learned-start/--zero-start",
        ),
    ] = None,
    dropout: Annotated[
        float | None, _training("Share of each sublayer's output dropped.", "0.1; toy tasks: 0", "P")
    ] = None,
    norm: Annotated[
        str | None,
        _training("LayerNorm after each residual sum (the paper), or before sublayers.", "post", "post|pre"),
    ] = None,
    activation: Annotated[
        str | None, _training("Activation of the feed-forward layers.", "relu", "relu|gelu|silu")
    ] = None,
    tokens_per_batch: Annotated[
        int | None,
        _training("max(source, target) length x sentences, padding included; patches x images.", "2048"),
    ] = None,
    accumulate: Annotated[int | None, _training("Batches per optimizer step.", "1")] = None,
    learning_rate: Annotated[
        float | None, _training("The peak, after the warm-up.", "from the width", "LR")
    ] = None,
    warmup: Annotated[
        int | None, _training("Steps in which the learning rate rises.", "200; half of a short budget")
    ] = None,
    schedule: Annotated[
        str | None,
        _training(
            "After warm-up: linear decay to 0 at the end of the budget, 1/√step, or constant.",
            "linear",
            "linear|inverse-sqrt|constant",
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None, _training("Share of each target spread over the vocabulary.", "0.1; toy tasks: 0", "P")
    ] = None,
    clip: Annotated[float | None, _training("Largest norm of the gradient.", "1.0", "X")] = None,
    precision: Annotated[
        str | None,
        _training("Number format; auto: bf16 if the hardware supports it.", "auto", "auto|fp32|bf16"),
    ] = None,
    seed: Annotated[int | None, _training("Seed for weights, dropout and batch order.", "1")] = None,
    ema: Annotated[
        float | None,
        _training(
            "Also validate a moving average of the weights, with this decay (0.999), and keep the better.",
            "none",
            "DECAY",
        ),
    ] = None,
    consistency: Annotated[
        float | None,
        _training(
            "Pass each batch twice, and add A times the difference of the two (R-Drop; 5 is usual).",
            "0: one pass",
            "A",
        ),
    ] = None,
    consistency_from: Annotated[
        float | None, _training("Share of the budget after which --consistency begins.", "0", "SHARE")
    ] = None,
    keep_last: Annotated[
        int | None,
        _training(
            "Also validate the mean of the weights of the last N validations, and keep the better.", "none"
        ),
    ] = None,
    share: Annotated[
        float | None,
        _training("Train on a share of the training examples, the same ones each time.", "1", "X"),
    ] = None,
    bpe_dropout: Annotated[
        float | None,
        _training(
            "Cut training text into other pieces in each epoch: the share of merges left out, such as 0.1.",
            "0",
            "P",
        ),
    ] = None,
    word_dropout: Annotated[
        float | None,
        _training("Share of the pieces of source and target that are hidden from the model.", "0", "P"),
    ] = None,
    guide: Annotated[
        float | None,
        _training(
            "Teach a head the word links of the data (prepare --guide F), with this factor, such as 0.5.",
            "0",
            "A",
        ),
    ] = None,
    attention_dropout: Annotated[
        float | None, _training("Share of attention weights dropped.", "0, or from the preset", "P")
    ] = None,
    dropout_embeddings: Annotated[
        bool | None,
        option(
            TRAINING,
            "In a recurrent model, drop shares of the embeddings too.",
            "",
            "drop, or from the preset",
            "--dropout-embeddings/--keep-embeddings",
            hidden=True,
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        _training(
            "Adam for all weights, or Muon for the matrices of hidden layers and Adam for the rest.",
            "adam, or from the preset",
            "adam|muon",
        ),
    ] = None,
    adam_beta2: Annotated[
        float | None,
        _training("How slowly Adam's mean of squared gradients changes.", "0.98, or from the preset", "B"),
    ] = None,
    sentences_per_batch: Annotated[
        int | None,
        _training("So many random sentences, or images, instead of --tokens-per-batch.", "by tokens"),
    ] = None,
    best_by: Annotated[
        str | None,
        _training(
            "Score on held-out data by which the best weights are chosen.",
            "bleu; toy tasks and single words: exact-match; images: accuracy",
            "bleu|chrf|ter|wer|cer|exact-match|token-accuracy|accuracy|loss",
        ),
    ] = None,
    log: Annotated[
        str | None,
        _training(
            "Follow the training with this logger too; none: with none any more.",
            "none; a resumed run: the one it had",
            "tensorboard|trackio|wandb|none",
        ),
    ] = None,
    no_positions: Annotated[
        bool, option(EXPERIMENTS, "No positions: order is lost.", "", False, "--no-positions", hidden=True)
    ] = False,
    no_causal_mask: Annotated[
        bool,
        option(
            EXPERIMENTS,
            "Let the decoder see the answer in training: the loss falls and decoding fails.",
            "",
            False,
            "--no-causal-mask",
            hidden=True,
        ),
    ] = False,
    help_all: Annotated[
        bool,
        typer.Option(
            "--help-all",
            is_eager=True,
            callback=_show_all,
            help="Show every option: model, training, experiments.",
        ),
    ] = False,
) -> None:
    """Train a model and watch it learn.

    With no data prepared and no task named, the embedded English-French corpus is prepared first. Ctrl-C
    saves and says how to go on.
    """
    started = time.monotonic()  # the wall-clock budget begins with the command
    given = {name: value for name, value in context.params.items() if name in SETTINGS and value is not None}
    if no_positions and positions:
        raise SeqformerError("give either --positions or --no-positions, not both")
    given |= ({"positions": "none"} if no_positions else {}) | ({"causal": False} if no_causal_mask else {})
    from seqformer import api
    from seqformer.cli.watch import Screen

    screen = Screen()
    where: dict[str, Any] = {"device": device, "events": screen, "log": log}
    try:
        if resume:
            for name in ("task", "images", "init", "recipe", "print_recipe"):
                if context.params[name]:
                    raise SeqformerError(f"--{name.replace('_', '-')} cannot be given with --resume")
            if data and len(data) > 1:
                raise SeqformerError("--resume goes on with the data of the run; name one folder, or none")
            made = api.resume(run, data=data[0] if data else None, started=started, **where, **given)
        else:
            if images and task != "images":
                raise SeqformerError("--images DIR goes with --task images")
            if task == "images" and not images:
                raise SeqformerError("--task images: say where the images are, with --images DIR")
            toy = "" if task in (None, "images") else task
            chosen = {"toy": toy, "images": images, "init": init, "recipe": recipe, **where, **given}
            if print_recipe:
                from seqformer.presets import recipe_of

                del chosen["log"]  # of one training, and not of the recipe
                plan = api.plan(folders(data), **chosen)
                print_data(recipe_of(plan.task, plan.resolved).to_toml().rstrip())
                return
            made = api.train(folders(data), run=run, started=started, **chosen)
    except api.Interrupted as stopped:
        screen.interrupted(stopped)
        raise typer.Exit(130 if stopped.reason == "Ctrl-C" else 143) from None
    except WriteError as error:
        folder = shlex.quote(str(screen.run.folder)) if screen.run else ""
        at = f" with: seqformer train --resume --run {folder}" if folder else ""
        raise WriteError(f"{error}{at}") from None
    screen.summarize(made)


def folders(data: list[str] | None) -> str | dict[str, float] | None:
    """Return the prepared folder that is named, or several with their weights."""
    if not data:
        return None
    weights: dict[str, float] = {}
    for each in data:
        folder, colon, weight = each.rpartition(":")
        if Path(each).exists() or not colon:
            folder, weight = each, "1"
        try:
            weights[folder] = float(weight)
        except ValueError:
            raise SeqformerError(f"--data {each}: the weight {weight!r} is no number") from None
    if len(weights) < len(data):
        raise SeqformerError("--data: a folder is named twice; give it one weight")
    return weights if len(weights) > 1 else next(iter(weights))


SETTINGS = (
    "max_minutes", "max_steps", "max_epochs", "patience", "validate_every", "preset", "arch",
    "encoder_layers", "decoder_layers", "width", "heads", "feed_forward", "positions", "bidirectional",
    "dropout", "norm", "activation", "tokens_per_batch", "accumulate", "learning_rate", "warmup", "schedule",
    "label_smoothing", "clip", "precision", "seed", "initialization", "tie_output", "output_bias",
    "attention_bias", "learned_start", "attention_dropout", "dropout_embeddings", "adam_beta2", "optimizer",
    "sentences_per_batch", "ema", "keep_last", "consistency", "consistency_from", "share", "bpe_dropout",
    "word_dropout", "guide", "best_by",
)  # fmt: skip
