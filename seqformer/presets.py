"""What is trained where several sources say something: one order of precedence, in this file alone.

    weakest     the defaults of the configurations, and what suits the size of the data
                what the task recommends      (toy tasks: no dropout, no smoothing)
                the preset                    named, or chosen by architecture and size of the data
                the recipe file               TOML: [prepare] [model] [train] [decode]
    strongest   what is asked for             flags of the command line, keywords in Python

A limit (minutes, steps, epochs) replaces every limit of the layers below it, and so does one size of a batch,
in tokens or in sentences, the other.

A recipe that others are to repeat says in [data], [evaluate] and [expected] what it is trained on and what
comes of it. Only :mod:`seqformer.recipes` reads these tables; here they are checked.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from seqformer.config import LIMITS, Config, DecodeConfig, PrepareConfig, TrainConfig, names, only
from seqformer.console import counted
from seqformer.errors import SeqformerError, nearest
from seqformer.models import ARCHITECTURES, ModelConfig, to_json
from seqformer.storage import share
from seqformer.storage.files import read_bytes
from seqformer.storage.records import check
from seqformer.tasks.classification import Classification
from seqformer.tasks.task import Task, chosen_best_by
from seqformer.tasks.translation import Translation

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# the tables of a recipe that are no settings: what may stand in them, and of which type
TABLES: dict[str, dict[str, str]] = {
    "data": {
        "task": "str",  # in words
        "train": "list[str]",  # two aligned files, or one of pairs
        "valid": "list[str]",  # likewise; without them a split is made of train
        "test": "list[str]",
        "tokens": "str",  # references of the test as tokens, where there are such
        "where": "str",  # people usually get the files
    },
    "evaluate": {"split": "str", "scores": "list[str]"},  # of the scores the first decides
    "expected": {
        **dict.fromkeys(("bleu", "bleu_tok_lc", "chrf", "ter", "wer", "cer"), "float"),
        **dict.fromkeys(("exact_match", "wrong_lines", "token_accuracy", "accuracy"), "float"),
        **dict.fromkeys(("chapter_exact", "chapter_bleu"), "float"),
        "spread": "float",  # standard deviation of the first score over seeds …
        "seeds": "int",  # … so many
        "tolerance": "float",  # within which it is reproduced; twice the spread where it is not named
        "minutes": "float",  # of training …
        "machine": "str",  # … on this
        "published": "float",  # the first score, as others have published it …
        "source": "str",  # … there
    },
}
DATA_DECIDES: tuple[str, ...] = (
    "source_vocabulary",
    "target_vocabulary",
    "joint",
    "image_height",
    "image_width",
    "channels",
)
DATA_DECIDES += ("classes",)
PRESETS: dict[str, str] = {  # preset -> the architecture that it is for
    preset: arch for arch, (config, _) in ARCHITECTURES.items() for preset in config.presets
}


MOST_BYTES = 1 << 20  # of a recipe file
FEWEST_STEPS = 240  # of a training without a limit: 200 pairs are reproduced after about 120


@dataclass(frozen=True)
class Recipe:
    """What a recipe file says, checked by name and type."""

    data: dict[str, Any] = field(default_factory=dict)
    prepare: dict[str, Any] = field(default_factory=dict)  # "style" among them
    model: dict[str, Any] = field(default_factory=dict)  # "arch" and "preset" among them
    train: dict[str, Any] = field(default_factory=dict)
    decode: dict[str, Any] = field(default_factory=dict)
    evaluate: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)

    def to_toml(self) -> str:
        """Return the text of the file."""
        tables = []
        for name, values in vars(self).items():
            if values:  # JSON's strings, numbers and truth values are TOML's too
                lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
                tables.append("\n".join([f"[{name}]", *lines]))
        return "\n\n".join(tables) + "\n"


@dataclass(frozen=True)
class Resolved:
    """What is trained."""

    model: ModelConfig
    train: TrainConfig
    decode: DecodeConfig
    remarks: list[str]  # on what was chosen or replaced


def read_recipe(path: Path) -> Recipe:
    """Return what a recipe file says. Raises :class:`SeqformerError` that names what is not known."""
    try:
        tables = tomllib.loads(read_bytes(path, MOST_BYTES).decode())
    except (ValueError, RecursionError) as error:
        raise SeqformerError(f"{path}: not TOML ({error})") from None
    known = [each.name for each in dataclasses.fields(Recipe)]
    for name, values in tables.items():
        if name not in known:
            raise SeqformerError(f"{path}: there is no table [{name}]: {nearest(name, known)}")
        if not isinstance(values, dict):
            raise SeqformerError(f"{path}: {name!r} must be a table: [{name}]")
    model = tables.get("model", {})
    _check_arch(model, str(path))
    kinds = {"prepare": (PrepareConfig,), "train": (TrainConfig,), "decode": (DecodeConfig,)}
    arch = model.get("arch") or PRESETS.get(model.get("preset", ""))
    configs = tuple(config for name, (config, _) in ARCHITECTURES.items() if arch in (None, name))
    for table, values in tables.items():
        _check_table(values, kinds.get(table, configs), table, f"{path}, [{table}]")
    return Recipe(**tables)


def recipe_from(recipe: str | Path | Recipe | None) -> Recipe:
    """Return a recipe, that of a file, or for None one that says nothing."""
    if recipe is None:
        return Recipe()
    return recipe if isinstance(recipe, Recipe) else read_recipe(Path(recipe))


def _check_table(values: dict[str, Any], kinds: tuple[type[Config], ...], table: str, where: str) -> None:
    types = {each.name: str(each.type) for kind in reversed(kinds) for each in dataclasses.fields(kind)}
    types = TABLES.get(table, types)
    if table == "prepare":
        types |= {"style": "str"}
    if table == "model":
        types = {name: kind for name, kind in types.items() if name not in DATA_DECIDES}
        types |= {"arch": "str", "preset": "str"}
    for name, value in values.items():
        if name not in types:
            raise SeqformerError(f"{where}: {name!r} is not known: {nearest(name, types)}")
        check(types[name], name, value, where)
    if values.get("style"):
        for name in values:
            if name not in ("style", "languages"):
                raise SeqformerError(f"{where}: {name!r} does nothing beside 'style'; leave one of them out")
    if table in ("prepare", "train", "decode"):
        try:
            kinds[0](**{name: value for name, value in values.items() if name != "style"})
        except SeqformerError as error:
            raise SeqformerError(f"{where}: {error}") from None


def _check_arch(values: dict[str, Any], where: str) -> None:
    for name, known in (("arch", ARCHITECTURES), ("preset", PRESETS)):
        value = values.get(name)
        if value is not None and value not in known:
            what = "architecture" if name == "arch" else name
            raise SeqformerError(
                f"{where + ': ' if where else ''}{what} {value!r} is not known: {nearest(str(value), known)}"
            )


class Learnable(Protocol):
    """What the settings of a training depend on; every :class:`Task` offers it."""

    @property
    def title(self) -> str: ...
    @property
    def architectures(self) -> tuple[str, ...]: ...
    @property
    def preset(self) -> str: ...
    @property
    def recipe(self) -> dict[str, Any]: ...
    @property
    def examples(self) -> int: ...
    @property
    def best_by(self) -> tuple[str, ...]: ...
    @property
    def usual_best_by(self) -> str: ...
    def batches(self, tokens: int) -> int: ...
    def sizes(self) -> dict[str, Any]: ...
    def check(self, model: Any) -> None: ...
    def check_training(self, config: TrainConfig) -> None: ...


@dataclass(frozen=True)
class Unprepared:
    """Data that are not prepared yet (text, if nothing is said), to try names and numbers on."""

    title: str = "text"
    architectures: tuple[str, ...] = ("transformer", "bahdanau")
    preset: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    examples: int = 1
    best_by: tuple[str, ...] = Translation.best_by
    usual_best_by: str = "auto"
    dimensions: dict[str, Any] = field(
        default_factory=lambda: {"source_vocabulary": 8, "target_vocabulary": 8, "joint": True}
    )

    def batches(self, tokens: int) -> int:
        """Return that an epoch is one batch."""
        return 1

    def sizes(self) -> dict[str, Any]:
        """Return sizes that fit every setting."""
        return self.dimensions

    def check(self, model: Any) -> None:
        """Accept every configuration."""

    def check_training(self, config: TrainConfig) -> None:
        """Accept all settings of training."""


UNPREPARED_IMAGES = Unprepared(  # of a size that every patch up to 10 divides
    "images",
    ("vit",),
    best_by=Classification.best_by,
    dimensions={"image_height": 5040, "image_width": 5040, "channels": 1, "classes": 2},
)


def resolve(
    task: Learnable,
    settings: dict[str, Any],
    recipe: Recipe | None = None,
    initial: ModelConfig | None = None,
) -> Resolved:
    """Return what is trained on the data of a task.

    ``settings`` holds what is asked for: ``arch``, ``preset`` and fields of the configurations.
    ``initial`` is the model of a run to begin with; only its dropout can change then.
    Raises :class:`SeqformerError` for a name that is not known, or that would change nothing.
    """
    recipe = recipe or Recipe()
    _check_arch(settings, "")
    if settings.get("tokens_per_batch") and settings.get("sentences_per_batch"):
        raise SeqformerError(
            "a batch has so many tokens or so many sentences: give tokens_per_batch or sentences_per_batch"
        )
    remarks: list[str] = []
    asked = recipe.model | recipe.train, settings
    arch, preset, chosen = _architecture(task, recipe.model | settings, initial)
    if chosen and not task.preset:
        examples = counted(task.examples, "training example")
        remarks.append(f"Preset {preset}, chosen for {examples}.")
    kind = ARCHITECTURES[arch][0]
    for values_asked in (recipe.model, settings):
        _check_names(kind, values_asked, initial)
    layers = [task.recipe, kind.presets[preset] if preset else {}, *asked]
    values: dict[str, Any] = {}
    for layer, name in zip(layers, ("task", "preset", "recipe", ""), strict=True):
        values = _over(values, {k: v for k, v in layer.items() if v is not None}, name, remarks)
    if initial:
        model = dataclasses.replace(initial, **only(("dropout",), values))
    else:
        model = kind(**task.sizes(), **only(names(kind), values))
    task.check(model)
    usual = {"learning_rate": peak_rate(model.width) / (5 if initial else 1)}  # it is trained already
    train = usual | only(names(TrainConfig), values)
    config = TrainConfig(**train)
    task.check_training(config)
    config = dataclasses.replace(config, best_by=chosen_best_by(task, config.best_by))
    if not config.limits:
        count = share.size(task.examples, config.share)
        sentences = config.sentences_per_batch
        by_tokens = max(1, round(config.share * task.batches(config.tokens_per_batch)))
        batches = -(-count // sentences) if sentences else by_tokens
        epochs = epochs_for(count, -(-batches // config.accumulate))
        config = dataclasses.replace(config, max_epochs=epochs)
        remarks.append(f"No limit given: {counted(config.max_epochs, 'epoch')}.")
    return Resolved(model, config, DecodeConfig(**recipe.decode), remarks)


def _architecture(
    task: Learnable, asked: dict[str, Any], initial: ModelConfig | None
) -> tuple[str, str, bool]:
    """Return architecture and preset, and whether the preset was chosen here."""
    if initial:
        return initial.arch, "", False
    preset = asked.get("preset")
    arch = asked.get("arch") or (PRESETS[preset] if preset else task.architectures[0])
    if arch not in task.architectures:
        wrong = f"preset {preset}" if preset and not asked.get("arch") else f"architecture {arch}"
        raise SeqformerError(f"{wrong} is not for {task.title}: {nearest(arch, task.architectures)}")
    kind = ARCHITECTURES[arch][0]
    if preset and preset not in kind.presets:
        raise SeqformerError(f"preset {preset} is of another architecture: {nearest(preset, kind.presets)}")
    usual = task.preset if task.preset in kind.presets else kind.preset_for(task.examples)
    return arch, preset or usual, not preset and "width" not in asked


def _check_names(kind: type[ModelConfig], settings: dict[str, Any], initial: ModelConfig | None) -> None:
    own, train = [name for name in names(kind) if name not in DATA_DECIDES], names(TrainConfig)
    for name, value in settings.items():
        if value is None or name in train:
            continue
        if initial and name != "dropout" and (name in own or name in ("arch", "preset")):
            raise SeqformerError(f"{name} does nothing here: the model is that of the run to begin with")
        if name in own or name in ("arch", "preset"):
            continue
        owners = [arch for arch, (config, _) in ARCHITECTURES.items() if name in names(config)]
        if owners and name not in DATA_DECIDES:
            raise SeqformerError(
                f"{name.replace('_', ' ')} does nothing in architecture '{kind.arch}'; "
                f"it belongs to {owners[0]}"
            )
        raise SeqformerError(f"there is no setting {name!r}: {nearest(name, (*own, *train))}")


def _over(below: dict[str, Any], above: dict[str, Any], name: str, remarks: list[str]) -> dict[str, Any]:
    """Return values with stronger ones over them; a limit, or a size of batches, replaces every one below."""
    if above.get("tokens_per_batch"):
        below = {key: value for key, value in below.items() if key != "sentences_per_batch"}
    if any(above.get(limit) for limit in LIMITS):
        old = [f"{below[limit]:g} {limit.removeprefix('max_')}" for limit in LIMITS if below.get(limit)]
        below = {key: value for key, value in below.items() if key not in LIMITS}
        if old and not name:
            remarks.append(f"The limit given replaces the usual one ({', '.join(old)}).")
    return below | above


def peak_rate(width: int) -> float:
    """Return a peak learning rate that suits a model of this width: 2e-3 at 256, less for wider ones."""
    return float(round(2e-3 * math.sqrt(256 / max(width, 128)), 6))


def epochs_for(examples: int, steps: int) -> int:
    """Return epochs for so many training examples, where nothing else limits a training.

    ``steps`` is how many an epoch has: a handful of examples needs more epochs to learn anything at all.
    """
    return max(min(60, max(3, 600_000 // examples)), -(-FEWEST_STEPS // steps))


def recipe_of(task: Task[Any], resolved: Resolved) -> Recipe:
    """Return the recipe with which the same is trained from the same data, whatever the defaults are."""
    model = {name: value for name, value in to_json(resolved.model).items() if name not in DATA_DECIDES}
    values = [dataclasses.asdict(config) for config in (resolved.train, resolved.decode)]
    return Recipe(prepare=task.manifest.prepare_settings, model=model, train=values[0], decode=values[1])
