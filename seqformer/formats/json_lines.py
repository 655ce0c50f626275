"""JSON lines: an object on each line, with source and target, or languages, as its keys."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from seqformer.errors import DataError
from seqformer.formats import columns as choosing
from seqformer.formats.lines import decoded, in_line
from seqformer.text import languages
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages
from seqformer.text.rows import Pair

_DOCUMENT = re.compile(r'\[?\s*\{\s*"|\[\s*\[')
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(line: str) -> dict[str, Any] | None:
    """Return the object on a line, keys of an object inside as ``outer.inner``; None for no object."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= {f"{key}.{name}": text for name, text in inner.items()}
        else:
            flat[key] = inner
    return flat


def is_document(lines: Iterable[str]) -> bool:
    """Return whether a file that begins with these lines is one JSON value on many lines."""
    return _DOCUMENT.match("".join(line.strip() for line in lines)) is not None


def choose(objects: list[dict[str, Any]], named: list[str], asked: Languages) -> tuple[str, str, Languages]:
    """Return the keys of source and target, and their languages, of the first objects of a file.

    ``named`` are two keys, or none; ``asked`` the languages that choose where there are more than two.
    Raises :class:`DataError`.
    """
    counts = Counter(key for each in objects for key, text in each.items() if isinstance(text, str))
    keys = [key for key, count in counts.items() if count >= len(objects) / 2][: choosing.MOST_COLUMNS]
    if named:
        source, target = (_key(name, keys) for name in named)
        one, other = (languages.named(_last(key)) for key in (source, target))
        return source, target, (one, other) if one and other else ("", "")
    texts = [[str(each.get(key, "")) for key in keys] for each in objects]
    heads = choosing.headings([_last(key) for key in keys], texts)
    if not heads:
        raise DataError(
            f"its objects have {choosing.shown(keys) or 'no text'}; say which keys are source and target "
            "(--columns source,target)"
        )
    first, second, pair = choosing.by_heading(heads, asked)
    return keys[first], keys[second], pair


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _key(name: str, keys: list[str]) -> str:
    """Return the key that is named, in full or by its last part."""
    for key in (*[key for key in keys if key == name], *[key for key in keys if _last(key) == name]):
        return key
    raise DataError(f"there is no key {name}; its objects have {choosing.shown(keys)}")


def read(keys: tuple[str, ...], lines: Iterable[bytes], faults: Faults) -> Iterator[Pair]:
    """Yield the texts that two keys have on each line; lines without them are noted in ``faults``."""
    source, target = keys
    for faults.line, raw in enumerate(lines, 1):
        line = decoded(raw, faults, note_ends=False)
        if line is None:
            continue
        record = parse(line)
        if record is None:
            faults.skip("no JSON object" if line.strip() else "empty side", line)
            continue
        one, other = record.get(source), record.get(target)
        if not isinstance(one, str) or not isinstance(other, str):
            faults.skip("no text under a key", line)
        elif _SURROGATE.search(one) or _SURROGATE.search(other):
            faults.skip("half a character", line)
        else:
            yield in_line(one), in_line(other)
