"""Dataclasses read back from JSON: every field by name and type, at any depth, and nothing else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from seqformer.errors import DamagedError, SeqformerError, nearest

_KINDS: dict[str, Callable[[object], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
    "Scalar": lambda value: isinstance(value, (int, float, str)),
}
_INSIDE = re.compile(r"(list|dict)\[(?:str, )?(\w+)\]")  # what a list or an object holds


Scalar = int | float | str  # bool is an int


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Kind = TypeVar("Kind", bound=_Dataclass)


def from_json(kind: type[Kind], values: object, where: str) -> Kind:
    """Return a dataclass read back; refuse by name an unknown key or a value of another type."""
    if not isinstance(values, dict):
        raise DamagedError(f"{where}: expected an object with the fields of {kind.__name__}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key, value in values.items():
        if key not in fields:
            raise DamagedError(f"{where}: {key!r} is not a field of {kind.__name__}: {nearest(key, fields)}")
        check(str(fields[key].type), key, value, where)
    missing = [n for n, f in fields.items() if n not in values and _is_required(f)]
    if missing:
        raise DamagedError(f"{where}: '{missing[0]}' is missing")
    try:
        return kind(**values)
    except SeqformerError as error:  # of its own checks, which do not know the file
        raise DamagedError(f"{where}: {error}") from None


def check(kind: str, key: str, value: object, where: str) -> None:
    """Refuse a value that is not of the type ``kind``, spelled like ``dict[str, int]``."""
    if not any(_fits(part, value) for part in kind.split(" | ")):
        text = repr(value)
        raise DamagedError(
            f"{where}: {key!r} is {text if len(text) < 60 else text[:57] + '…'}, expected {kind}"
        )


def _fits(kind: str, value: object) -> bool:
    inside = _INSIDE.fullmatch(kind)
    if inside is None:
        return _KINDS[kind](value)
    if inside[1] == "list":
        return isinstance(value, list) and all(map(_KINDS[inside[2]], value))
    return isinstance(value, dict) and all(map(_KINDS[inside[2]], value.values()))


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
