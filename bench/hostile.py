"""Damaged, swapped and edited files of runs, prepared folders, images, recipes and corpora, by the thousand.

    python bench/hostile.py --cases 20000 --seed 1
    python bench/hostile.py --cases 20000 --only corpus

Each case damages one file and takes a road of the package that reads it: it translates a line, resumes a
training, prepares images, trains and looks at an image. Only two ends are allowed: a SeqformerError of one
line, or success. Everything happens in a process that is watched: 10 seconds a case, 2 GB of address space
above what it begins with, and a folder outside the run that must stay as it is.

Half of the damage to files that the manifest has a digest of is signed anew, as a hostile hand would; the
tokenizer alone never is, for SentencePiece trusts the bytes of its models (--signed-tokenizers does it).
"""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import importlib.util
import json
import lzma
import multiprocessing
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import any_document
import numpy as np
import torch

from seqformer import api
from seqformer.errors import DataError, MissingExtra, SeqformerError
from seqformer.formats.corpus import open_corpus
from seqformer.presets import recipe_of
from seqformer.runs.layout import METRICS
from seqformer.runs.overview import Overview
from seqformer.storage.files import digest
from seqformer.storage.manifest import MANIFEST
from seqformer.text.faults import Faults

HAS_LXML = importlib.util.find_spec("lxml") is not None
SECONDS, MEMORY = 10.0, 2 << 30
OUTCOMES = ("refused", "harmless", "traceback", "crash", "hang", "over memory", "written outside")
GOOD = OUTCOMES[:2]
Result = tuple[str, str, str]  # reader, outcome, what was seen
Reader = tuple[str, Path, Callable[[Path], None]]  # its name, the file that is damaged, what reads it


# --- the folders that are damaged -----------------------------------------------------------------------

WORDS = [a + b + c for a in "lmpt" for b in "aeiu" for c in ("", "n")][:15]
SMALL: dict[str, Any] = {"width": 8, "heads": 2, "feed_forward": 8, "encoder_layers": 1}
SMALL |= {"max_steps": 2, "tokens_per_batch": 256, "warmup": 1, "precision": "fp32", "device": "cpu"}
TEXT, IMAGES = SMALL | {"decoder_layers": 1}, SMALL | {"patch": 4}


def pairs() -> list[tuple[str, str]]:
    """Return sixty lines, and their words reversed."""
    chance = random.Random(1)
    lines = [" ".join(chance.choices(WORDS, k=2 + n % 5)) + f" {WORDS[n % 15]}" for n in range(60)]
    return [(line, " ".join(reversed(line.split()))) for line in lines]


def build(root: Path) -> None:
    """Make prepared text and images, runs on both, the image files they are made of, and a recipe."""
    text = api.prepare(pairs(), out=root / "text", vocab_size=80, valid_size=3, test_size=3)
    api.train(text, run=root / "run", **TEXT)
    api.train(text, run=root / "other", **TEXT | {"width": 16})
    planned = api.plan(text, **TEXT)
    (root / "recipe.toml").write_text(recipe_of(planned.task, planned.resolved).to_toml(), "utf-8")
    draw(root)
    write_corpora(root / "corpus")
    api.train(api.prepare(root / "idx", out=root / "images"), run=root / "seen", **IMAGES)
    (root / "documents").mkdir()
    for name, content in any_document.SAMPLES.items():
        (root / "documents" / name).write_text(content, "utf-8")


def draw(root: Path) -> None:
    """Make IDX files, plain and compressed, and PNGs where Pillow is there."""
    rng = np.random.default_rng(1)
    for folder in ("idx", "gz"):
        (root / folder).mkdir()
    for stem, count in (("train", 12), ("t10k", 4)):
        pixels, labels = rng.integers(0, 256, (count, 8, 8), np.uint8), np.arange(count, dtype=np.uint8) % 3
        for kind, values in (("images-idx3", pixels), ("labels-idx1", labels)):
            sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
            content = bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()
            (root / "idx" / f"{stem}-{kind}-ubyte").write_bytes(content)
            (root / "gz" / f"{stem}-{kind}-ubyte.gz").write_bytes(gzip.compress(content, mtime=0))
    with contextlib.suppress(ImportError):
        from PIL import Image

        for number in range(12):
            path = root / "png" / ("train" if number < 8 else "test") / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)


def write_corpora(folder: Path) -> None:
    """Write pairs as people have them: tables of every kind, in UTF-16, packed in every way."""
    folder.mkdir()
    lines = [(f"{one}, “{n}”", f'{other}; "{n}" é') for n, (one, other) in enumerate(pairs())]
    plain = "".join(f"{one}\t{other}\n" for one, other in lines)
    tables = {
        "plain.tsv": plain,
        "columns.tsv": "".join(f"{n * 7}\t{s}\t{n}\t{t}\n" for n, (s, t) in enumerate(lines)),
        "header.tsv": "English\tfrançais\n" + plain,
        "keys.jsonl": "".join(json.dumps({"translation": {"en": s, "fr": t}}) + "\n" for s, t in lines),
    }
    for name, text in tables.items():
        (folder / name).write_text(text, "utf-8")
    for name, delimiter in (("comma.csv", ","), ("semicolon.csv", ";"), ("excel.tsv", "\t")):
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows((s, f"{t}\n{s}") for s, t in lines)
    for encoding in ("utf-16", "utf-16-be", "utf-32", "cp1252"):
        (folder / f"{encoding}.tsv").write_bytes(plain.encode(encoding))
    packers = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
    with contextlib.suppress(ImportError):
        from backports import zstd

        packers["zst"] = zstd.compress
    for ending, pack in packers.items():
        (folder / f"packed.{ending}").write_bytes(pack(plain.encode()))
    for name, contents in (("one.zip", {"a.tsv": 0}), ("two.zip", {"a.en": 1, "a.fr": 2})):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, column in contents.items():
                texts = [pair[column - 1] for pair in lines] if column else [plain]
                archive.writestr(member, "".join(f"{text}\n" for text in texts))


# --- what is done with them -----------------------------------------------------------------------------


def translate(root: Path) -> None:
    """Open a run, translate a line, look inside, read its test pairs, and list all runs."""
    model = api.load(root / "run", device="cpu")
    model.translate(["le chat"], beam=2)
    model.attention("un chien", beam=1)
    model.run.task.next_commands("run")
    Overview.of(root).tables()


def classify(root: Path) -> None:
    """Open a run of images, classify its test images, and look at one."""
    model = api.load(root / "seen", device="cpu")
    api.evaluate(model.run, device="cpu")
    model.attention("0")


def resume(root: Path) -> None:
    """Resume a training for one step, and read its metrics."""
    api.resume(root / "run", device="cpu", max_steps=3).metrics()


def train(data: str, settings: dict[str, Any]) -> Callable[[Path], None]:
    """Return what trains a new run on all of a prepared folder, and looks at a held-out example."""
    whole = settings | {"tokens_per_batch": 4096, "max_steps": 1}

    def read(root: Path) -> None:
        made = api.train(root / data, run=root / "new", **whole)
        made.task.next_commands("new")
        api.load(made, device="cpu").attention("0")

    return read


def prepare(kind: str) -> Callable[[Path], None]:
    """Return what prepares a folder of images."""

    def read(root: Path) -> None:
        api.prepare(root / kind, out=root / "new")

    return read


def follow(root: Path) -> None:
    """Prepare by a recipe, and plan a training by it."""
    recipe = root / "recipe.toml"
    data = api.prepare(pairs(), out=root / "new", recipe=recipe)
    api.plan(data, recipe=recipe, device="cpu")


def read(path: Path) -> Callable[[Path], None]:
    """Return what reads a corpus to its end, and sees that each pair is two lines of text."""

    def read(root: Path) -> None:
        for pair in open_corpus([path], Faults()).pairs:
            assert all("\n" not in text.encode("utf-8").decode("utf-8") for text in pair), pair

    return read


def fill(name: str) -> Callable[[Path], None]:
    """Return what reads the pairs of a TMX, XLIFF or PO file, fills it, and opens it again."""

    def read(root: Path) -> None:
        path = root / "documents" / name
        if not path.is_file() or any_document.check(path.read_bytes()) == "refused":
            raise DataError("refused in a line, or a link or a pipe, which a command reads to its end")

    return read


def readers(root: Path) -> list[Reader]:
    """Return every file that is damaged, with a road that reads it."""
    opened = "config.json run.json manifest.json tokenizer.model weights.safetensors test.tsv"
    resumed = "state.safetensors metrics.jsonl config.json run.json valid.tsv"
    found: list[Reader] = [(name, root / "run" / name, translate) for name in opened.split()]
    found += [(f"{name}, resumed", root / "run" / name, resume) for name in resumed.split()]
    found.append(("recipe", root / "recipe.toml", follow))
    for data, settings in (("text", TEXT), ("images", IMAGES)):
        kept = [path for path in sorted((root / data).iterdir()) if path.suffix != ".model"]
        found += [(f"prepared {data} {path.suffix}", path, train(data, settings)) for path in kept]
    for kind in ("idx", "gz", "png"):
        kept = [path for path in sorted((root / kind).rglob("*")) if path.is_file()]
        found += [(f"images {kind}", path, prepare(kind)) for path in kept[:4]]
    usable = [path for path in sorted((root / "documents").iterdir()) if path.suffix == ".po" or HAS_LXML]
    found += [(f"document {path.suffix}", path, fill(path.name)) for path in usable]
    kept = [path for path in sorted((root / "seen").iterdir()) if path.suffix in (".npy", ".json")]
    kept.append(root / "seen" / "weights.safetensors")
    found += [(f"image run {path.suffix}", path, classify) for path in kept]
    return found + [(f"corpus {path.name}", path, read(path)) for path in sorted((root / "corpus").iterdir())]


# --- how they are damaged -------------------------------------------------------------------------------

EXTREMES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 7, 10**9, 10**17, -(10**17), 2**31, 2**53, 0.5, 1e300, -0.0, 5e-324,
    "", "x", "../../outside/note", "/dev/zero", "a\x00b", "é\ud800", "x" * 5000, "object", "uint32",
    "translation", "images", [], {}, [[]], {"x": 1}, [1, "a", None],
]  # fmt: skip
RAW = [
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * 100_000, '{"a":1,"a":2}', "1_0", "01",
    '"\\ud800"', "nan", "-inf", "1979-05-27",
]  # fmt: skip


def damage_json(content: bytes, chance: random.Random) -> bytes:
    """Edit one place of a JSON text, at any depth."""
    values = json.loads(content)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    walk(values)
    node, key = chance.choice(places)
    what = chance.randrange(6)
    if what == 0:
        del node[key]
    elif what == 1 and isinstance(node, dict):
        node[chance.choice(["x", key + "x", "", key.upper(), "../x", "a\nb"])] = node.pop(key)
    elif what == 2 and isinstance(node[key], (int, float)):
        node[key] = chance.choice(
            [-node[key], node[key] * 1000, node[key] + 1, node[key] * 0.5, str(node[key])]
        )
    elif what == 3:
        other, name = chance.choice(places)
        node[key] = json.loads(json.dumps(other[name]))
    elif what == 4:
        node[key] = "MARK"
        return json.dumps(values).encode().replace(b'"MARK"', chance.choice(RAW).encode())
    else:
        node[key] = chance.choice(EXTREMES)
    return json.dumps(values).encode()


def damage_bytes(content: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Flip, cut, insert, repeat, overwrite or swap."""
    made, size = bytearray(content), len(content)
    at, long = chance.randrange(size + 1), chance.choice([1, 4, 16, 256])
    what = chance.randrange(8)
    if what == 0 and size:
        for _ in range(chance.choice([1, 1, 2, 8, 64])):
            made[chance.randrange(size)] ^= 1 << chance.randrange(8)
    elif what == 1:
        del made[at:]
    elif what == 2:
        made[at:at] = chance.randbytes(long)
    elif what == 3:
        made[at:at] = bytes(made[at : at + long]) * chance.choice([1, 3, 500])
    elif what == 4:
        place = chance.choice([at, 0, 0, 4, 8])
        huge = chance.choice([10_000_000_000, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1, 0])
        made[place : place + 8] = huge.to_bytes(8, chance.choice(["little", "big"]))
    elif what == 5:
        del made[at : at + long]
    elif what == 6:
        made[at : at + long] = bytes(min(long, size - at))
    else:
        return chance.choice(others)
    return bytes(made)


def damage_header(content: bytes, chance: random.Random) -> bytes:
    """Edit the list of tensors of a safetensors file, or the progress in it; its length stays right."""
    size = int.from_bytes(content[:8], "little")
    header, rest = content[8 : 8 + size], content[8 + size :]
    values = json.loads(header)
    inner = values.get("__metadata__", {}).get("progress")
    if inner and chance.random() < 0.5:
        values["__metadata__"]["progress"] = damage_json(inner.encode(), chance).decode()
        header = json.dumps(values).encode()
    else:
        header = damage_json(header, chance)
    return len(header).to_bytes(8, "little") + header + rest


def damage_npy(content: bytes, chance: random.Random) -> bytes:
    """Write another type, order, shape or name into the header of a .npy file; its length stays right."""
    size = int.from_bytes(content[8:10], "little")
    header, rest = content[10 : 10 + size].decode().rstrip(), content[10 + size :]
    place = chance.choice(list(re.finditer(r"'[^']*'|\(.*\)|\w+", header)))
    new = chance.choice(["'O'", "'<f8'", "-1", "9" * 18, "(2, 3)", "()", "None", "True", "(" * 500, "''", ""])
    made = (header[: place.start()] + new + header[place.end() :]).ljust(size - 1).encode() + b"\n"
    return content[:8] + len(made).to_bytes(2, "little") + made + rest


def damage_toml(content: bytes, chance: random.Random) -> bytes:
    """Edit one line of a recipe."""
    lines = content.decode().splitlines()
    at, other = chance.randrange(len(lines)), chance.choice(lines)
    name, _, value = lines[at].partition(" = ")
    wrong = chance.choice(
        [json.dumps(chance.choice(EXTREMES)), chance.choice(RAW), f"-{value}", f"{value}000"]
    )
    edited = [f"{name}x = {value}", f"x.{name} = {value}", f"[{name}]", f"{name} = {other}", "", other]
    lines[at] = f"{name} = {wrong}" if chance.random() < 0.5 else chance.choice(edited)
    return "\n".join(lines).encode()


EDITS: dict[str, tuple[float, Callable[[bytes, random.Random], bytes]]] = {  # of which share of the damage
    ".json": (0.7, damage_json), ".safetensors": (0.4, damage_header), ".npy": (0.4, damage_npy),
    ".toml": (0.7, damage_toml), ".tmx": (0.8, any_document.damaged), ".xlf": (0.8, any_document.damaged),
    ".po": (0.8, any_document.damaged),
}  # fmt: skip


def damage_link(path: Path, outside: Path, chance: random.Random) -> None:
    """Put a link in the place of the file, or where it would be written before it is put in place."""
    target = chance.choice([outside / "note", outside / "new", Path("/dev/zero"), outside])
    place = chance.choice([path, path.with_name(path.name + ".tmp"), path.with_name(METRICS + ".tmp")])
    place.unlink(missing_ok=True)
    what = chance.randrange(6)
    if what == 0:
        os.link(outside / "note", place)
    elif what == 1:
        os.mkfifo(place)
    elif what == 2:
        place.mkdir()
    else:
        place.symlink_to(target)


# --- one process that is watched ------------------------------------------------------------------------


class Case:
    """Damages one file, takes the road that reads it, and puts everything back."""

    def __init__(self, root: Path, outside: Path, seed: int, signed_tokenizers: bool, only: str) -> None:
        self.root, self.outside, self.seed, self.signed = root, outside, seed, signed_tokenizers
        self.readers = [each for each in readers(root) if each[0].startswith(only)]
        self.kept = root.with_name("kept")
        shutil.copytree(root, self.kept)
        self.files = sorted(path for path in root.rglob("*") if path.is_file())
        self.before = _snapshot(outside)

    def __call__(self, number: int) -> Result:
        chance = random.Random(f"{self.seed}/{number}")
        name, path, read = self.readers[number % len(self.readers)]
        how = self._damage(path, chance, is_corpus=name.startswith("corpus"))
        outcome, seen = "harmless", how
        try:
            read(self.root)
        except MissingExtra:
            raise
        except SeqformerError as error:
            outcome = "refused" if "\n" not in str(error) else "traceback"
            seen = f"{how}: {error}"
        except MemoryError:
            outcome = "over memory"
        except Exception as error:
            seen = f"case {number}, {how}: {error!r} {traceback.format_exc(limit=-3)}"
            outcome = "over memory" if "allocate memory" in str(error) else "traceback"
        if _snapshot(self.outside) != self.before:
            outcome = "written outside"
            _fill(self.outside)
            self.before = _snapshot(self.outside)
        return name, outcome, seen

    def _damage(self, path: Path, chance: random.Random, *, is_corpus: bool) -> str:
        if is_corpus:  # nothing else is read, and a pipe in its place may be meant
            shutil.copytree(self.kept / "corpus", self.root / "corpus", dirs_exist_ok=True)
        else:
            shutil.rmtree(self.root)
            shutil.copytree(self.kept, self.root)
        if not is_corpus and chance.random() < 0.06:
            damage_link(path, self.outside, chance)
            return "link"
        content = path.read_bytes()
        share, edit = EDITS.get(path.suffix, (0.0, damage_json))
        if chance.random() < share:
            how, made = path.suffix.lstrip("."), edit(content, chance)
        else:
            twin = self.root / "other" / path.name
            others = [file.read_bytes() for file in (twin, chance.choice(self.files)) if file.is_file()]
            how, made = "bytes", damage_bytes(content, chance, others)
        path.write_bytes(made)
        manifest = path.with_name(MANIFEST)
        is_tokenizer = path.suffix == ".model" and not self.signed
        if manifest.is_file() and manifest != path and not is_tokenizer and chance.random() < 0.5:
            values = json.loads(manifest.read_bytes())
            if path.name in values["digests"]:
                values["digests"][path.name] = digest(path)
                manifest.write_text(json.dumps(values), "utf-8")
        return how


def _fill(outside: Path) -> None:
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    (outside / "note").write_text("stays as it is\n", "utf-8")


def _snapshot(outside: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted(outside.iterdir())]


def _work(link: Connection, case: Case, begin: int, end: int) -> None:
    torch.set_num_threads(1)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for number in range(begin, end):
        link.send(case(number))
    link.close()


def watched(case: Case, cases: int) -> Iterator[Result]:
    """Yield the result of every case; a process that dies or hangs is replaced after its case."""
    names = [name for name, _, _ in case.readers]
    context, done = multiprocessing.get_context("fork"), 0
    while done < cases:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(theirs, case, done, cases), daemon=True)
        worker.start()
        theirs.close()
        try:
            while done < cases:
                if not ours.poll(SECONDS):
                    yield names[done % len(names)], "hang", f"case {done}"
                    done += 1
                    break
                yield ours.recv()
                done += 1
        except EOFError:
            yield names[done % len(names)], "crash", f"case {done}"
            done += 1
        worker.kill()
        worker.join()


def attack(
    cases: int, seed: int, *, signed_tokenizers: bool = False, only: str = ""
) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Return how often each reader came to each end, and what was seen at the bad ones."""
    counts: Counter[tuple[str, str]] = Counter()
    bad: list[str] = []
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        root, outside = Path(scratch) / "inside", Path(scratch) / "outside"
        root.mkdir()
        _fill(outside)
        build(root)
        for name, outcome, seen in watched(Case(root, outside, seed, signed_tokenizers, only), cases):
            counts[name, outcome] += 1
            if outcome not in GOOD:
                bad.append(f"{name}: {outcome}: {seen}")
    return counts, bad


def main() -> None:
    """Print a table, and the first of what must not be; exit with 1 where there is any."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--signed-tokenizers", action="store_true")
    parser.add_argument("--only", default="", help="readers whose names begin so")
    options = parser.parse_args()
    begin = time.monotonic()
    counts, bad = attack(
        options.cases, options.seed, signed_tokenizers=options.signed_tokenizers, only=options.only
    )
    print(f"{'reader':26}{'cases':>7}" + "".join(f"{name:>16}" for name in OUTCOMES))
    for reader in [*dict.fromkeys(name for name, _ in counts), "all"]:
        row = [
            sum(n for (name, o), n in counts.items() if o == out and reader in (name, "all"))
            for out in OUTCOMES
        ]
        print(f"{reader:26}{sum(row):7,}" + "".join(f"{n:16,}" for n in row))
    print(f"{options.cases:,} cases, seed {options.seed}, {time.monotonic() - begin:.0f} s")
    for line in bad[:12]:
        print(line, file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
