"""Corpora by name, fetched into a cache: ``tatoeba:en-fr``, ``opus:TED2020:en-fr``, ``multi30k:en-de``.

The corpora of OPUS, Tatoeba among them, come through the tool mtdata, which is called as a command. It knows
without a network which corpora there are, and keeps what it downloads in its own cache (``$MTDATA``, or else
~/.mtdata). Multi30k, which mtdata does not know, has a module of its own.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from seqformer.errors import DataError, MissingExtra, WriteError, nearest
from seqformer.formats import multi30k
from seqformer.storage.files import locked, new_folder
from seqformer.text import languages
from seqformer.text.prepared import Terms

COLLECTIONS = ("tatoeba", "opus", "multi30k")
INDEX_SECONDS = 600  # the first time, mtdata makes its index, which takes about 20 seconds
REFERENCES = "references.bib"  # written by mtdata, last of all
LICENCES = {"tatoeba": "CC BY 2.0 FR"}  # of a corpus whose archive does not hold a licence
MOST_LICENCE = 300  # characters shown and kept
_NAME = re.compile(r"[A-Za-z]\w*(?::[\w.+-]+)?:[A-Za-z]{2,3}(?:_\w+)?-[A-Za-z]{2,3}(?:_\w+)?")
_OTHER_CODES = {"zh": "cmn"}  # what OPUS calls a language in some of its corpora

Files = tuple[Path, Path]


@dataclass(frozen=True)
class NamedCorpus:
    """The files of a corpus, source and target, and what is to be known of it."""

    name: str  # for a folder: tatoeba-en-fr
    title: str  # exactly which it is, with its version
    languages: str
    files: Files
    terms: Terms
    valid: Files | None = None  # its own held-out files
    test: Files | None = None


@dataclass(frozen=True)
class Entry:
    """A corpus in the index of mtdata."""

    id: str  # OPUS-tatoeba-v20230412-eng-fra
    name: str
    version: str
    sides: tuple[str, str]  # as mtdata writes them
    url: str

    @property
    def age(self) -> tuple[tuple[int, ...], str]:
        """What versions are ordered by: v2 comes before v20190709."""
        return tuple(map(int, re.findall(r"\d+", self.version))), self.version


def name_of(pairs: object) -> str:
    """Return the name of a corpus that stands in the place of a file; '' for a file, and for all else."""
    if isinstance(pairs, (list, tuple)) and len(pairs) == 1:
        pairs = pairs[0]
    if not isinstance(pairs, (str, Path)):
        return ""
    text = str(pairs)
    known = text.partition(":")[0].lower() in COLLECTIONS and ":" in text
    return text if (known or _NAME.fullmatch(text)) and not os.path.exists(text) else ""


def fetch(name: str) -> NamedCorpus:
    """Return the files of a corpus, downloaded unless they are in the cache. Raises :class:`DataError`."""
    collection, *middle, pair = name.split(":")
    collection = collection.lower()
    if collection not in COLLECTIONS:
        raise DataError(f"{name}: there is no such file, and no collection of corpora '{collection}': "
                        f"{nearest(collection, COLLECTIONS)}")  # fmt: skip
    if len(middle) > (collection == "opus") or "-" not in pair:
        example = "opus:TED2020:en-fr" if collection == "opus" else f"{collection}:en-de"
        raise DataError(f"{name}: a corpus is named together with its two languages, such as {example}")
    source, target = languages.parse(pair)
    try:
        if collection == "multi30k":
            return _multi30k(name, source, target)
        return _opus(
            name, middle[0] if middle else "" if collection == "opus" else collection, source, target
        )
    except OSError as error:
        raise WriteError(f"{cache()}: cannot be written ({error.strerror or error})") from None


def cache() -> Path:
    """Return the folder that mtdata keeps its downloads in."""
    return Path(os.environ.get("MTDATA", "~/.mtdata")).expanduser().absolute()


def _multi30k(name: str, source: str, target: str) -> NamedCorpus:
    folder = multi30k.fetch(name, source, target, cache() / "seqformer" / "multi30k")

    def files(split: str) -> Files:
        return folder / f"{split}.{source}.gz", folder / f"{split}.{target}.gz"

    pair = languages.joined(source, target)
    return NamedCorpus(
        name=f"multi30k-{pair}",
        title=f"Multi30k task 1, {multi30k.URL}",
        languages=pair,
        files=files("train"),
        terms=Terms(multi30k.LICENCE, multi30k.citation(source, target)),
        valid=files("val"),
        test=files("test_2016_flickr"),
    )


def _opus(name: str, corpus: str, source: str, target: str) -> NamedCorpus:
    if importlib.util.find_spec("mtdata") is None:
        raise MissingExtra("corpora of OPUS come through mtdata, which is", "corpora")
    entry, is_swapped = _choose(name, corpus, source, target)
    folder = cache() / "seqformer" / entry.id
    with locked(folder):
        if not (folder / REFERENCES).is_file():
            with new_folder(folder) as partial:
                made = _mtdata(
                    "get", "-l", "-".join(entry.sides), "-tr", entry.id, "--compress", "-o", partial
                )
                if made.returncode or not (partial / REFERENCES).is_file():
                    raise DataError(f"{name}: {_reason(made.stderr, entry.url)}")
    first, second = (folder / "train-parts" / f"{entry.id}.{side}.gz" for side in entry.sides)
    for file in (first, second):
        if not file.is_file():
            raise DataError(f"{name}: mtdata left no {file}; remove {folder} and try again")
    pair = languages.joined(source, target)
    return NamedCorpus(
        name=f"{entry.name}-{pair}",
        title=f"{entry.id}, {entry.url}",
        languages=pair,
        files=(second, first) if is_swapped else (first, second),
        terms=Terms(_licence(entry), _citation(folder / REFERENCES)),
    )


def _choose(name: str, corpus: str, source: str, target: str) -> tuple[Entry, bool]:
    """Return the newest version of a corpus in exactly these languages, and whether target comes first."""
    asked, wanted = (source, target), re.sub(r"\W", "_", corpus).lower()
    other = tuple(_OTHER_CODES.get(side, side) for side in asked)
    entries: list[tuple[Entry, bool]] = []
    for listed in dict.fromkeys((asked, other)):
        entries += _entries(name, asked, "-".join(listed))
        fitting = [each for each in entries if wanted in (each[0].name, f"{each[0].name}_{each[0].version}")]
        if fitting:
            return max(fitting, key=lambda each: each[0].age)
    pair, names = languages.joined(source, target), sorted({entry.name for entry, _ in entries})
    if not names:
        raise DataError(f"{name}: mtdata knows no corpus of {pair} in OPUS")
    if not corpus:
        raise DataError(
            f"{name}: which corpus? opus:CORPUS:{pair}, where CORPUS is one of {', '.join(names)}"
        )
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) or names[:3]
    raise DataError(
        f"{name}: mtdata knows no such corpus of {pair} in OPUS; the nearest names of its {len(names)} "
        f"are {', '.join(close)} (opus:{pair} lists all)"
    )


def _entries(name: str, asked: tuple[str, str], listed: str) -> list[tuple[Entry, bool]]:
    """Return what mtdata has of OPUS in the languages asked for, and which of it has the target first."""
    made = _mtdata("list", "-g", "OPUS", "-l", listed)
    if "invalid Langs value" in made.stderr:
        raise DataError(f"{name}: mtdata does not know one of the languages {' and '.join(asked)}")
    if made.returncode:
        raise DataError(f"{name}: mtdata gave no list of corpora ({_last_line(made.stderr)})")
    entries = []
    for row in made.stdout.splitlines():
        columns = row.split("\t")
        parts = columns[0].split("-")
        if len(parts) == 5 and len(columns) > 1:
            entry = Entry(columns[0], parts[1], parts[2], (parts[3], parts[4]), columns[1])
            entries += [(entry, swapped) for swapped in (False, True) if _fits(entry, asked, swapped)]
    return entries


def _fits(entry: Entry, asked: tuple[str, str], swapped: bool) -> bool:
    """Return whether an entry is in exactly the languages asked for, regions too, and in this order.

    A language that is not in our table may have another code at mtdata; then the other side decides.
    """
    sides = [languages.code(side) for side in (reversed(entry.sides) if swapped else entry.sides)]
    same = [side == code for side, code in zip(sides, asked, strict=True)]
    unknown = [
        not languages.named(side) and not languages.named(code)
        for side, code in zip(sides, asked, strict=True)
    ]
    return any(same) and all(one or other for one, other in zip(same, unknown, strict=True))


def _mtdata(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run mtdata in its own cache folder, so that no Python file of the user's folder is run with it."""
    cache().mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mtdata", "-no-pb", *map(str, arguments)]
    try:
        return subprocess.run(
            command,
            cwd=cache(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            # mtdata itself gives up a download that is silent for ten seconds
            timeout=INDEX_SECONDS if arguments[0] == "list" else None,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"mtdata gave no list of corpora within {INDEX_SECONDS // 60} minutes") from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:MOST_LICENCE] if lines else "it said nothing"


def _reason(stderr: str, url: str) -> str:
    """Return why a download failed, from the last line that mtdata printed."""
    last, host = _last_line(stderr), urlparse(url).hostname
    if re.search(r"NameResolution|Max retries|Connect|Timeout|timed out", last):
        return f"{host} could not be reached; is there a network? Files on disk need none"
    if status := re.fullmatch(r"AssertionError: (\d{3})", last):
        return f"{host} has no {url} (status {status[1]})"
    return f"mtdata could not fetch {url} ({last})"


def _licence(entry: Entry) -> str:
    """Return the licence in the archive that mtdata downloaded, in one line."""
    digest = hashlib.md5(entry.url.encode(), usedforsecurity=False).hexdigest()
    folder = cache() / str(urlparse(entry.url).hostname) / digest[:4] / digest[4:]
    text = ""
    for archive in folder.glob("*.zip"):
        try:
            with zipfile.ZipFile(archive) as opened, opened.open("LICENSE") as file:
                text = " ".join(file.read(4 * MOST_LICENCE).decode("utf-8", "replace").split())
        except (KeyError, OSError, zipfile.BadZipFile, NotImplementedError):
            continue
    shown = "".join(filter(str.isprintable, text))
    if len(shown) > MOST_LICENCE:
        return shown[: MOST_LICENCE - 1] + "…"
    unknown = f"not stated in the archive; look for {entry.name} at https://opus.nlpl.eu"
    return shown or LICENCES.get(entry.name, unknown)


def _citation(references: Path) -> str:
    lines: Iterable[str] = references.read_text("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.startswith("%%"))
