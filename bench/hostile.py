"""Damaged, swapped and edited files of run folders, prepared folders and image folders, by the thousand.

    python bench/hostile.py --cases 20000 --seed 1

Each case damages one file and opens its folder with the package's own readers: it translates a line,
resumes a training, reads every batch, classifies an image. Only two ends are allowed: a SeqformerError of
one line, or success. Everything happens in a process that is watched: 10 seconds a case, 2 GB of address
space above what it begins with, and a folder outside the run that must stay as it is.

Half of the damage to files that the manifest has a digest of is signed anew, as a hostile hand would; the
tokenizer alone never is, for SentencePiece trusts the bytes of its models (--signed-tokenizers does it).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqformer import image_run
from seqformer.config import ModelConfig, TrainConfig, VitConfig
from seqformer.errors import MissingExtra, SeqformerError
from seqformer.images import png as image_folder
from seqformer.images.batches import ImageBatches
from seqformer.runs import assemble as learn
from seqformer.runs import run
from seqformer.runs.state import METRICS, read_metrics
from seqformer.storage.files import digest
from seqformer.text import prepare
from seqformer.text import prepared as store
from seqformer.text.batches import PairBatches
from seqformer.training.distributed import ALONE

SECONDS, MEMORY = 10.0, 2 << 30
OUTCOMES = ("refused", "harmless", "traceback", "crash", "hang", "over memory", "written outside")
GOOD = OUTCOMES[:2]
Files = dict[str, bytes]
Result = tuple[str, str, str]  # reader, outcome, what was seen


# --- the folders that are damaged -----------------------------------------------------------------------


def build(root: Path) -> None:
    """A prepared folder, two runs on it, IDX files and a run on them, PNGs where Pillow is there."""
    words = [a + b + c for a in "lmpt" for b in "aeiu" for c in ("", "n")][:15]
    chance = random.Random(1)
    lines = [" ".join(chance.choices(words, k=2 + n % 5)) + f" {words[n % 15]}" for n in range(60)]
    pairs = [(line, " ".join(reversed(line.split()))) for line in lines]
    options = prepare.Options(vocab_size=80, valid_size=3, test_size=3)
    pieces = prepare.prepare(pairs, {}, root / "prepared", options).vocabulary["source"]
    small: dict[str, Any] = {"encoder_layers": 1, "decoder_layers": 1, "heads": 2, "feed_forward": 8}
    recipe = TrainConfig(max_steps=2, tokens_per_batch=256, warmup=1, precision="fp32")
    for name, width in (("run", 8), ("other", 16)):
        config = ModelConfig(pieces, pieces, width=width, **small)
        made = run.create(root / name, root / "prepared", config, recipe)
        for _ in learn.begin(made, "cpu").trainer.run():
            pass
    _build_images(root, recipe)


def _build_images(root: Path, recipe: TrainConfig) -> None:
    rng = np.random.default_rng(1)
    (root / "idx").mkdir()
    for stem, count in (("train", 12), ("t10k", 4)):
        pixels, labels = rng.integers(0, 256, (count, 8, 8), np.uint8), np.arange(count, dtype=np.uint8) % 3
        for kind, values in (("images-idx3", pixels), ("labels-idx1", labels)):
            sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
            content = bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()
            (root / "idx" / f"{stem}-{kind}-ubyte").write_bytes(content)
    (root / "gz").mkdir()
    import gzip

    for path in (root / "idx").iterdir():
        (root / "gz" / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    dataset = image_folder.read_dataset(root / "idx", 1)
    vit = VitConfig(8, 8, 1, 3, patch=4, encoder_layers=1, width=8, heads=2, feed_forward=8)
    made = image_run.create(root / "seen", root / "idx", dataset, vit, recipe)
    for _ in learn.begin(made, "cpu").trainer.run():
        pass
    with contextlib.suppress(ImportError):
        from PIL import Image

        for number in range(12):
            path = root / "png" / ("train" if number < 8 else "test") / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)


# --- what is done with them -----------------------------------------------------------------------------


def translate(root: Path) -> None:
    """Open a run, translate a line, look inside, read its test pairs."""
    model = run.load(root / "run", "cpu")
    model.translate(["le chat"], beam=2)
    model.attention("un chien", beam=1)
    model.run.pairs("test")
    model.run.describe()


def resume(root: Path) -> None:
    """Resume a training for one step, and read its metrics."""
    opened = run.Run(root / "run")
    config = json.loads((root / "run" / "config.json").read_text("utf-8"))
    config["train"]["max_steps"] = 3
    (root / "run" / "config.json").write_text(json.dumps(config), "utf-8")
    opened = run.Run(root / "run")
    for _ in learn.resume(opened, "cpu").trainer.run():
        pass
    read_metrics(root / "run" / METRICS)


def batches(root: Path) -> None:
    """Read every batch of a prepared folder through a model of its size, and make a run of it."""
    manifest = store.read_manifest(root / "prepared")
    for split in ("train", "valid"):
        some = PairBatches(store.open_pairs(root / "prepared", split, manifest), 256, 1)
        sizes = [manifest.vocabulary[side] for side in ("source", "target")]
        for plan in some.plan(0):
            batch = some.load(plan)
            assert int(batch.source.max()) < sizes[0] and int(batch.target_in.max()) < sizes[1]
    opened = run.Run(root / "run")
    with torch.inference_mode():
        learn.text_lessons(opened, opened.build().eval(), torch.device("cpu"), ALONE).validate()


def images(kind: str) -> Callable[[Path], None]:
    """Read a folder of images, every batch of it."""

    def read(root: Path) -> None:
        train, valid = image_folder.read_dataset(root / kind, 1).split(1)
        for part in (train, valid):
            some = ImageBatches(part, 4, 1)
            for plan in some.plan(0):
                some.load(plan)

    return read


def classify(root: Path) -> None:
    """Open a run of images and classify its test images."""
    opened = image_run.ImageRun(root / "seen")
    classifier, test = opened.classifier("cpu"), opened.test
    answers = classifier.classify(test.images).argmax(-1).tolist()
    assert {opened.classes[answer] for answer in answers} <= set(opened.classes)
    classifier.look(test.images[0])


def readers(root: Path) -> list[tuple[str, Path, Callable[[Path], None]]]:
    """(its name, the file that is damaged, what opens it)."""
    found: list[tuple[str, Path, Callable[[Path], None]]] = []
    opened = (
        "config.json",
        "run.json",
        "manifest.json",
        "tokenizer.model",
        "weights.safetensors",
        "test.tsv",
    )
    found += [(name, root / "run" / name, translate) for name in opened]
    resumed = ("state.safetensors", "metrics.jsonl", "config.json", "run.json", "valid.tsv")
    found += [(f"{name}, resumed", root / "run" / name, resume) for name in resumed]
    found.append(("manifest.json, prepared", root / "prepared" / "manifest.json", batches))
    for suffix in (".ids", ".offsets"):
        found += [
            (f"store {suffix}", path, batches) for path in sorted((root / "prepared").glob(f"*{suffix}"))
        ]
    for kind in ("idx", "gz"):
        found += [(f"images {kind}", path, images(kind)) for path in sorted((root / kind).iterdir())]
    found += [("images png", path, images("png")) for path in sorted((root / "png").rglob("*.png"))[:4]]
    for path in sorted((root / "seen").iterdir()):
        if path.suffix in (".npy", ".json") or path.name == "weights.safetensors":
            found.append((f"image run {path.suffix}", path, classify))
    return found


# --- how they are damaged -------------------------------------------------------------------------------

EXTREMES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 7, 10**9, 10**17, -(10**17), 2**31, 2**53, 0.5, 1e300, -0.0, 5e-324,
    "", "x", "../../outside/note", "/dev/zero", "a\x00b", "é\ud800", "x" * 5000, "object", "uint32",
    "translation", "images", [], {}, [[]], {"x": 1}, [1, "a", None],
]  # fmt: skip
RAW = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 5000,
    "[" * 100_000,
    '{"a":1,"a":2}',
    "1_0",
    "01",
    '"\\ud800"',
]


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
    """Damages one file, opens it and puts everything back."""

    def __init__(self, root: Path, outside: Path, seed: int, signed_tokenizers: bool) -> None:
        self.root, self.outside, self.seed, self.signed = root, outside, seed, signed_tokenizers
        self.readers = readers(root)
        self.kept = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        self.before = _snapshot(outside)

    def __call__(self, number: int) -> Result:
        chance = random.Random(f"{self.seed}/{number}")
        name, path, open_with = self.readers[number % len(self.readers)]
        self._restore()
        how = self._damage(path, chance)
        outcome, seen = "harmless", how
        try:
            open_with(self.root)
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

    def _damage(self, path: Path, chance: random.Random) -> str:
        if chance.random() < 0.06:
            damage_link(path, self.outside, chance)
            return "link"
        content = self.kept[path]
        kind = chance.random()
        if path.suffix == ".json" and kind < 0.7:
            how, made = "json", damage_json(content, chance)
        elif path.suffix == ".safetensors" and kind < 0.4:
            how, made = "header", damage_header(content, chance)
        else:
            twin = self.kept.get(self.root / "other" / path.name, b"")
            others = [twin, chance.choice(list(self.kept.values()))]
            how, made = "bytes", damage_bytes(content, chance, others)
        path.write_bytes(made)
        manifest = path.with_name(store.MANIFEST)
        tokenizer = path.suffix == ".model" and not self.signed
        if manifest in self.kept and manifest != path and not tokenizer and chance.random() < 0.5:
            values = json.loads(self.kept[manifest])
            if path.name in values["digests"]:
                values["digests"][path.name] = digest(path)
                manifest.write_text(json.dumps(values), "utf-8")
        return how

    def _restore(self) -> None:
        for folder in {path.parent for path in self.kept}:
            for entry in os.scandir(folder):
                path = Path(entry.path)
                if path not in self.kept or entry.is_symlink() or not entry.is_file():
                    if entry.is_dir(follow_symlinks=False):
                        if not any(path in known.parents for known in self.kept):
                            shutil.rmtree(path)
                        elif path in self.kept:
                            path.rmdir()
                    else:
                        path.unlink()
        for path, content in self.kept.items():
            if not path.is_file() or path.stat().st_nlink > 1 or path.read_bytes() != content:
                if path.is_dir():
                    path.rmdir()
                path.unlink(missing_ok=True)
                path.write_bytes(content)


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
    """Every case in a process of its own kind; one that dies or hangs is replaced after its case."""
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
    cases: int, seed: int, *, signed_tokenizers: bool = False
) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How often each reader came to each end, and what was seen at the bad ones."""
    counts: Counter[tuple[str, str]] = Counter()
    bad: list[str] = []
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        root, outside = Path(scratch) / "inside", Path(scratch) / "outside"
        root.mkdir()
        _fill(outside)
        build(root)
        for name, outcome, seen in watched(Case(root, outside, seed, signed_tokenizers), cases):
            counts[name, outcome] += 1
            if outcome not in GOOD:
                bad.append(f"{name}: {outcome}: {seen}")
    return counts, bad


def main() -> None:
    """Print a table, and the first of what must not be; exit with 1 where there is any."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--signed-tokenizers", action="store_true")
    options = parser.parse_args()
    begin = time.monotonic()
    counts, bad = attack(options.cases, options.seed, signed_tokenizers=options.signed_tokenizers)
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
