"""A recipe that others are to repeat: its files of data, its settings, its scores and what is on record.

Those that come with the package lie beside this module, a TOML file each; anybody can write another. Beside
the settings (:mod:`seqformer.presets`) such a file has three tables: [data], [evaluate] and [expected].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from seqformer.errors import DataError, SeqformerError, nearest
from seqformer.presets import Recipe, read_recipe
from seqformer.recipes.measure import MEASURES, TOKENS
from seqformer.storage.manifest import SPLITS

FOLDER = Path(__file__).resolve().parent
PACKED = ("", ".gz", ".xz", ".bz2", ".zst")  # endings that a file of the data may have besides its own
Found = dict[str, tuple[Path, ...]]  # split -> its files


@dataclass(frozen=True)
class Expected:
    """What is on record for the deciding score of a recipe; nothing, as long as it was not measured."""

    score: float | None = None  # the mean over seeds …
    spread: float | None = None  # … and their standard deviation
    seeds: int = 0
    tolerance: float | None = None
    minutes: float | None = None
    machine: str = ""
    published: float | None = None  # by others
    source: str = ""
    others: dict[str, float] = field(default_factory=dict)  # further scores, by name

    @property
    def within(self) -> float:
        """How far from the mean a score may be and still be the same."""
        return self.tolerance if self.tolerance is not None else 2 * (self.spread or 0.0)

    def __str__(self) -> str:
        if self.score is None:
            return "not on record yet"
        return f"{self.score:.2f}" + (f" ± {self.spread:.2f}" if self.spread is not None else "")


@dataclass(frozen=True)
class Experiment:
    """A recipe that says everything. Made by :func:`open_experiment`."""

    name: str
    recipe: Recipe
    path: Path
    scores: tuple[str, ...]  # of which the first decides
    expected: Expected

    @property
    def task(self) -> str:
        """What is learned, in words."""
        return str(self.recipe.data.get("task", ""))

    @property
    def split(self) -> str:
        """The split that is scored."""
        return str(self.recipe.evaluate.get("split", "test"))

    def wishes(self) -> str:
        """Return which files it wants, and where people usually get them."""
        names = ", ".join(name for split in SPLITS for name in self.recipe.data.get(split, ()))
        return f"{self.name} wants {names}, packed or not{self._where()}"

    def _where(self) -> str:
        where = self.recipe.data.get("where")
        return f"; people usually get them from {where}" if where else ""

    def files(self, folder: Path) -> Found:
        """Return the files of each split. Raises :class:`DataError` that names those that are missing."""
        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder of data; {self.wishes()}")
        found: Found = {}
        missing = []
        for split in SPLITS:
            paths = {name: _packed_or_not(folder / name) for name in self.recipe.data.get(split, ())}
            missing += [name for name, path in paths.items() if path is None]
            if paths:
                found[split] = tuple(path for path in paths.values() if path)
        if missing:
            raise DataError(f"{folder} has no {', '.join(missing)}, packed or not{self._where()}")
        return found

    def tokens(self, folder: Path) -> Path | None:
        """Return the file of references as tokens; None where there is none."""
        name = self.recipe.data.get("tokens")
        return _packed_or_not(folder / name) if name else None

    def to_json(self) -> dict[str, Any]:
        """Return what a list of recipes shows, as plain JSON values."""
        on_record = {each.name: getattr(self.expected, each.name) for each in fields(Expected)}
        return {
            "name": self.name,
            "task": self.task,
            "scores": list(self.scores),
            "expected": on_record | {"within": None if self.expected.score is None else self.expected.within},
            "wants": {split: names for split, names in self.recipe.data.items() if split in SPLITS},
            "where": self.recipe.data.get("where", ""),
            "file": str(self.path),
        }


def _packed_or_not(path: Path) -> Path | None:
    paths = (path.with_name(path.name + ending) for ending in PACKED)
    return next((each for each in paths if each.is_file()), None)


def names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def packaged() -> Iterator[Experiment]:
    """Yield the recipes that come with the package."""
    return map(open_experiment, names())


def open_experiment(recipe: str | Path) -> Experiment:
    """Return the recipe of this name, or of this file. Raises :class:`SeqformerError`."""
    known = names()
    if str(recipe) in known:
        path = FOLDER / f"{recipe}.toml"
    else:
        path = Path(recipe)
        if path.suffix != ".toml" and not path.is_file():
            raise SeqformerError(f"there is no recipe '{recipe}': {nearest(str(recipe), known)}")
    read = read_recipe(path)
    for split in SPLITS:
        if split in read.data and len(read.data[split]) not in (1, 2):
            raise SeqformerError(
                f"{path}, [data]: '{split}' must name one file of pairs, or two aligned files"
            )
    if "train" not in read.data:
        raise SeqformerError(
            f"{path}: it cannot be reproduced, for it does not name its files (train in [data])"
        )
    scores = tuple(read.evaluate.get("scores", ()))
    for score in scores:
        if score not in MEASURES:
            raise SeqformerError(
                f"{path}, [evaluate]: there is no score '{score}': {nearest(score, MEASURES)}"
            )
    if not scores:
        raise SeqformerError(f"{path}: it cannot be reproduced, for it names no scores ([evaluate])")
    if TOKENS in scores and not read.prepare.get("languages"):
        raise SeqformerError(f"{path}: the score '{TOKENS}' needs to know the languages ([prepare])")
    if read.evaluate.get("split", "test") not in SPLITS[1:]:
        raise SeqformerError(f"{path}, [evaluate]: 'split' must be test or valid")
    return Experiment(path.stem, read, path, scores, _expected(read.expected, scores, path))


def _expected(values: dict[str, Any], scores: tuple[str, ...], path: Path) -> Expected:
    first, where = scores[0], f"{path}, [expected]"
    for name in ("spread", "tolerance"):
        if name in values and first not in values:
            raise SeqformerError(f"{where}: '{name}' means nothing without '{first}', the score that decides")
        if values.get(name, 0) < 0:
            raise SeqformerError(f"{where}: '{name}' is {values[name]}: it must be at least 0")
    if first in values and "spread" not in values and "tolerance" not in values:
        raise SeqformerError(f"{where}: '{first}' needs 'spread' or 'tolerance' beside it, to be judged by")
    own = {each.name: values[each.name] for each in fields(Expected) if each.name in values}
    others = {name: value for name, value in values.items() if name in MEASURES and name != first}
    return Expected(score=values.get(first), others=others, **own)
