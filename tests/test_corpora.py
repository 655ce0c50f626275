"""Corpora by name, from a stand-in on the loopback: mtdata with an index of its own, and Multi30k's files."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Command, toy_pairs

import seqformer
from seqformer.errors import DataError, MissingExtra, SeqformerError
from seqformer.formats import corpora, multi30k
from seqformer.tasks import open_task, text_task

PAIRS = toy_pairs()
LICENCE = "Free for all who name the makers.\nOf this corpus, that is us."
needs_mtdata = pytest.mark.skipif(
    importlib.util.find_spec("mtdata") is None, reason="mtdata is not installed"
)
SMALL = ("--vocab-size", 80)

# mtdata keeps its index as a file; this makes one of a few entries, in place of its hundreds of thousands
MAKE_INDEX = """
import importlib, sys, types
url, entries = sys.argv[1], sys.argv[2:]
def load_all(index):
    from mtdata.entry import Entry
    for line in entries:
        did, path, *inside = line.split(",")
        index.add_entry(Entry(did=did, url=url + path, in_paths=inside, in_ext="txt", cite=("tiedemann2012parallel",)))
real = importlib.import_module
def imported(name, package=None):
    if package != "mtdata.index":
        return real(name, package)
    return types.SimpleNamespace(load_all=load_all if name == ".other" else lambda index: None)
importlib.import_module = imported
import mtdata.index
"""
ENTRIES = (
    "OPUS-tatoeba-v2-eng-fra,v2/en-fr.txt.zip,*.en,*.fr",
    "OPUS-tatoeba-v20230412-eng-fra,new/en-fr.txt.zip,*.en,*.fr",
    "OPUS-tatoeba-v20230412-eng-fra_CA,none/en-fr_CA.txt.zip,*.en,*.fr_CA",
    "OPUS-tatoeba-v20230412-cmn-eng,none/cmn-en.txt.zip,*.cmn,*.en",
    "OPUS-ted2020-v1-deu-eng,gone/de-en.txt.zip,*.de,*.en",
    "OPUS-ted2020-v1-eng-fra,v2/en-fr.txt.zip,*.en,*.fr",
)


def archive(pairs: list[tuple[str, str]], licence: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for side, name in enumerate(("Made.en-fr.en", "Made.en-fr.fr")):
            file.writestr(name, "".join(pair[side] + "\n" for pair in pairs))
        if licence:
            file.writestr("LICENSE", licence)
    return content.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server on the loopback: its address, and the folder it serves."""
    folder = tmp_path_factory.mktemp("served")
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/", folder
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture(scope="module")
def index(server: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of mtdata, with the index of the stand-in."""
    address, folder = server
    for name, pairs, licence in (("new", PAIRS, LICENCE), ("v2", PAIRS[:50], "")):
        (folder / name).mkdir()
        (folder / name / "en-fr.txt.zip").write_bytes(archive(pairs, licence))
    cache = tmp_path_factory.mktemp("mtdata")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTDATA", str(cache))
        subprocess.run(
            [sys.executable, "-c", MAKE_INDEX, address, *ENTRIES], check=True, capture_output=True, cwd=cache
        )
    assert list(cache.glob("mtdata.index.*.pkl"))
    return cache


@pytest.fixture
def cache(index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTDATA", str(index))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return index


@needs_mtdata
def test_a_corpus_by_name(command: Command, cache: Path, server: tuple[str, Path]) -> None:
    """The newest version, in the direction asked for; licence and citation are kept; then from the cache."""
    code, out, err = command("prepare", "tatoeba:en-fr", *SMALL)
    assert code == 0, err
    assert "INFO" not in err + out, "what mtdata says is not shown"
    assert "Free for all who name the makers. Of this corpus, that is us." in err and "tiedemann" in err
    task = text_task(open_task(Path("prepared/tatoeba-en-fr")))
    manifest = task.manifest
    assert manifest.read == 60 and manifest.languages == ("en", "fr")
    assert manifest.files == [f"OPUS-tatoeba-v20230412-eng-fra, {server[0]}new/en-fr.txt.zip"]
    assert (
        manifest.licence.startswith("Free for all")
        and "@inproceedings{tiedemann" in manifest.citation.lower()
    )
    assert set(task.pairs("valid")) <= set(PAIRS)

    (server[1] / "new/en-fr.txt.zip").rename(server[1] / "new/away")
    try:
        code, _, err = command("prepare", "tatoeba:fr-en", *SMALL)
    finally:
        (server[1] / "new/away").rename(server[1] / "new/en-fr.txt.zip")
    assert code == 0, err
    task = text_task(open_task(Path("prepared/tatoeba-fr-en")))
    assert task.manifest.languages == ("fr", "en")
    assert set(task.pairs("valid")) <= {(target, source) for source, target in PAIRS}


@needs_mtdata
def test_a_version_by_name_without_a_licence_in_it(cache: Path, tmp_path: Path) -> None:
    corpus = corpora.fetch("opus:Tatoeba-v2:en-fr")
    assert corpus.title.startswith("OPUS-tatoeba-v2-eng-fra") and corpus.terms.licence == "CC BY 2.0 FR"
    with gzip.open(corpus.files[0], "rt", encoding="utf-8") as file:
        assert file.read().splitlines() == [source for source, _ in PAIRS[:50]]
    corpus = corpora.fetch("opus:TED2020:fr-en")
    assert corpus.languages == "fr-en" and corpus.files[0].name.endswith(".fra.gz")
    assert "not stated" in corpus.terms.licence


@needs_mtdata
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("opus:en-fr", "where CORPUS is one of tatoeba, ted2020"),
        ("opus:TED2019:en-fr", "the nearest names of its 2 are ted2020"),
        ("opus:TED2020:de-en", "127.0.0.1 has no http"),  # not found
        ("tatoeba:en-fr_CA", "127.0.0.1 has no http"),  # a region is another corpus
        ("tatoeba:zh-en", "none/cmn-en.txt.zip"),  # found under the other code that OPUS has
        ("tatoeba:en-fr_BE", "no corpus of en-fr_BE"),
        ("tatoeba:en-xx", "does not know one of the languages en and xx"),
    ],
)  # fmt: skip
def test_a_corpus_that_is_not_to_be_had(command: Command, cache: Path, name: str, message: str) -> None:
    code, out, err = command("prepare", name)
    assert code == 2 and out == "" and message in err.splitlines()[-1] and err.count("\n") == 2, err
    assert not Path("prepared").exists() and not list((cache / "seqformer").glob("*.partial"))


@needs_mtdata
def test_without_a_network(
    command: Command, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("MTDATA", str(cache))
    with socket.socket() as bound:  # a port where nobody listens
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        making = [sys.executable, "-c", MAKE_INDEX, address, ENTRIES[0]]
        subprocess.run(making, check=True, capture_output=True, cwd=cache)
        code, out, err = command("prepare", "tatoeba:en-fr")
    assert code == 2 and out == "" and "127.0.0.1 could not be reached" in err.splitlines()[-1]
    assert err.count("\n") == 2 and not Path("prepared").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tatoba:en-fr", "did you mean 'tatoeba'"),
        ("tatoeba:en", "such as tatoeba:en-de"),
        ("opus:a:b:en-fr", "such as opus:TED2020:en-fr"),
        ("multi30k:en-cs", "two of en, de, fr"),
        ("multi30k:de-de", "two of en, de, fr"),
        ("tatoeba:english-1", "expected two codes"),
    ],
)  # fmt: skip
def test_a_name_that_is_none(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        seqformer.prepare(name)


def test_files_are_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (
        "p.tsv",
        "C:\\p.tsv",
        "a.zip:train.en",
        "a.zip:en-fr",
        "p:q",
        "folder/p.tsv",
        "https://a.b/c",
    ):
        assert corpora.name_of(text) == "", text
    assert corpora.name_of([Path("tatoeba:en-fr")]) == "tatoeba:en-fr" == corpora.name_of("tatoeba:en-fr")
    assert corpora.name_of(["tatoeba:en-fr", "p.tsv"]) == "" == corpora.name_of([("a", "b")])
    Path("tatoeba:en-fr").write_text("a\tb\n")
    assert corpora.name_of("tatoeba:en-fr") == ""


def test_what_does_nothing_beside_a_name(tmp_path: Path) -> None:
    with pytest.raises(SeqformerError, match="the other way round"):
        seqformer.prepare("tatoeba:en-fr", swap=True)
    with pytest.raises(SeqformerError, match="not both"):
        seqformer.prepare("tatoeba:en-fr", files=("a", "b"))


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"seqformer\[corpora\]"):
        corpora.fetch("tatoeba:en-fr")


@pytest.fixture
def captions(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Multi30k's files, with other sentences, at the stand-in."""
    address, folder = server
    (folder / "captions").mkdir(exist_ok=True)
    digests = {}
    for split, pairs in (("train", PAIRS[:40]), ("val", PAIRS[40:45]), ("test_2016_flickr", PAIRS[45:52])):
        for side, language in enumerate(("en", "de")):
            text = "".join(pair[side] + "\n" for pair in pairs).encode()
            (folder / "captions" / f"{split}.{language}.gz").write_bytes(gzip.compress(text))
            digests[f"{split}.{language}"] = hashlib.sha256(text).hexdigest()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(multi30k, "URL", address + "captions")
    monkeypatch.setattr(multi30k, "DIGESTS", digests)
    monkeypatch.setenv("MTDATA", str(tmp_path / "cache"))
    return folder / "captions"


def test_multi30k_has_its_own_held_out_files(command: Command, captions: Path) -> None:
    code, _, err = command("prepare", "multi30k:de-en", *SMALL)
    assert code == 0 and "none stated" in err and "elliott-etal-2016" in err
    task = text_task(open_task(Path("prepared/multi30k-de-en")))
    assert task.manifest.pairs == {"train": 40, "valid": 5, "test": 7}
    assert task.pairs("test") == [(target, source) for source, target in PAIRS[45:52]]
    assert task.manifest.languages == ("de", "en") and "citation is asked" in task.manifest.licence
    (captions / "train.de.gz").unlink()
    prepared = seqformer.prepare("multi30k:en-de", vocab_size=80, languages="en-de_AT")
    assert prepared.task.manifest.languages == (
        "en",
        "de_AT",
    )  # from the cache; what the user says is stronger


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"another text\n", mtime=0), "another text than expected"),
        (b"no gzip", "not a whole gzip file"),
        (gzip.compress(b"x" * 100, mtime=0)[:-3], "not a whole gzip file"),
        (None, "status 404"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_multi30ks(
    command: Command, captions: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is None:
        (captions / "val.de.gz").unlink()
    else:
        (captions / "val.de.gz").write_bytes(content)
    code, out, err = command("prepare", "multi30k:en-de")
    assert code == 2 and out == "" and message in err.splitlines()[-1] and err.count("\n") == 2
    assert not Path("prepared").exists() and not list((tmp_path / "cache/seqformer/multi30k").iterdir())


def test_an_older_manifest_has_no_licence(data: Path, tmp_path: Path) -> None:
    values = json.loads((data / "manifest.json").read_text("utf-8"))
    del values["licence"], values["citation"]
    for name in ("keep_copies", "min_length", "max_length", "scripts", "any_script", "deduplicate"):
        del values["config"][name]
    older = tmp_path / "older"
    older.mkdir()
    for file in data.iterdir():
        (older / file.name).write_bytes(file.read_bytes())
    (older / "manifest.json").write_text(json.dumps(values), "utf-8")
    manifest = open_task(older).manifest
    assert manifest.licence == "" and manifest.prepare_config().deduplicate == "pair"
