"""Files as people have them: the same pairs come out however they are packed, encoded and laid out."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, toy_pairs

import seqformer
from seqformer.errors import DataError
from seqformer.formats import columns, corpus, encodings, streams
from seqformer.formats.corpus import open_corpus, read_aligned, read_lines
from seqformer.text.faults import Faults
from seqformer.text.rows import Pair

ENGLISH = [f"The cat {n} is in the {word} house." for n, word in enumerate(["big", "small", "red"] * 8)]
FRENCH = [f"Le chat {n} est « {word} » où ?" for n, word in enumerate(["grand", "petit", "rouge"] * 8)]
PAIRS = list(zip(ENGLISH, FRENCH, strict=True))


def tsv(rows: list[Any]) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def spreadsheet(rows: list[Any], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def zipped(members: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return made.getvalue()


def read(path: Path, content: bytes | str, **how: Any) -> tuple[list[Pair], tuple[str, str], Faults]:
    """What is read from a file with this content: pairs, languages, faults."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    faults = Faults()
    opened = open_corpus([path], faults, **how)
    return list(opened.pairs), opened.languages, faults


PLAIN = tsv(PAIRS)
LAYOUTS: dict[str, str] = {
    "TSV": PLAIN,
    "TSV, a header": "Source\tTarget\n" + PLAIN,
    "TSV, further columns": tsv([(*pair, "CC-BY 2.0 (France) Attribution: tatoeba.org") for pair in PAIRS]),
    "TSV, identities between": tsv([(7 * n, s, 3 * n, t) for n, (s, t) in enumerate(PAIRS)]),
    "TSV, a score first": tsv([(f"0.{n}7", *pair) for n, pair in enumerate(PAIRS)]),
    "TSV, a header that says where": tsv([("id", "English", "French"), *((n, *p) for n, p in enumerate(PAIRS))]),
    "CSV": spreadsheet(PAIRS, ","),
    "CSV, all in quotes": "".join(f'"{s}","{t}"\r\n' for s, t in PAIRS),
    "CSV, semicolons and a header": spreadsheet([("English text", "French text"), *PAIRS], ";"),
    "TSV as Excel writes it": "".join(f'"{s}"\t"{t}"\n' for s, t in PAIRS),
    "JSON lines": "".join(json.dumps({"target": t, "source": s, "id": 5}) + "\n" for s, t in PAIRS),
    "JSON lines, languages": "".join(json.dumps({"id": "a", "en": s, "fr": t}) + "\n" for s, t in PAIRS),
    "JSON lines, Hugging Face": "".join(
        json.dumps({"translation": {"en": s, "fr": t}}, ensure_ascii=False) + "\n" for s, t in PAIRS
    ),
}  # fmt: skip
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zip": lambda content: zipped({"_about.txt": "Where it is from.", "folder/pairs.tsv": content.decode()}),
    "two xz streams": lambda content: lzma.compress(content[:200]) + lzma.compress(content[200:]) + bytes(4),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_pairs_in_every_layout(tmp_path: Path, layout: str) -> None:
    pairs, languages, faults = read(tmp_path / "file", LAYOUTS[layout])
    assert pairs == PAIRS and not faults.entries() and not faults.unread
    told = {"TSV, a header that says where", "CSV, semicolons and a header", *list(LAYOUTS)[-2:]}
    assert languages == (("en", "fr") if layout in told else ("", ""))


@pytest.mark.parametrize("packer", PACKERS)
def test_the_same_pairs_however_packed(tmp_path: Path, packer: str) -> None:
    """A file is what it holds, whatever it is called."""
    for name in ("pairs.tsv", "pairs.gz"):
        assert read(tmp_path / name, PACKERS[packer](PLAIN.encode()))[0] == PAIRS


def test_zst_is_read(tmp_path: Path) -> None:
    zstd = pytest.importorskip("backports.zstd")
    assert read(tmp_path / "pairs.zst", zstd.compress(PLAIN.encode()))[0] == PAIRS


RUSSIAN = [(f"Дом {n} стоит на горе", f"The house {n} is on the hill") for n in range(30)]
CHINESE = [(f"这只猫在大房子里第{n}次睡觉。一　", f"“猫”{n}！") for n in range(30)]
HINDI = [(f"बिल्ली घर में है {n}", f"ਬਿੱਲੀ ਘਰ ਵਿੱਚ ਹੈ {n}") for n in range(30)]
UNICODE = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", UNICODE)
@pytest.mark.parametrize("pairs", [PAIRS, RUSSIAN, CHINESE, HINDI], ids=["fr", "ru", "zh", "hi"])
def test_the_same_pairs_in_every_encoding_of_unicode(
    tmp_path: Path, encoding: str, pairs: list[Pair]
) -> None:
    found, _, faults = read(tmp_path / "p", tsv(pairs).encode(encoding))
    assert found == pairs and not faults.entries()


def test_a_file_of_utf_8_with_odd_bytes_stays_one() -> None:
    lines = [f"a line\0 with {n}".encode() for n in range(20)]
    assert encodings.recognise(b"\n".join(lines)) == ("utf-8", 0)
    assert encodings.recognise(b"\0" * 100)[0] == encodings.recognise(b"")[0] == "utf-8"
    rng = random.Random(1)
    for size in (1, 2, 3, 100):  # any bytes give lines, and half a character at the end is a fault
        for encoding in ("utf-16", "utf-32", "utf-8"):
            content = "a\nb".encode(encoding) + rng.randbytes(size)
            joined = b"\n".join(encodings.utf8_lines(io.BytesIO(content), "x"))
            assert joined.startswith(b"a\nb")


@pytest.mark.parametrize(
    ("name", "codec", "text"),
    [
        ("Windows-1252", "cp1252", "Où est l'été ? Là-bas, à côté de la forêt."),
        ("Windows-1252", "latin-1", "Die größte Tür ist schön, natürlich für Köche."),
        ("Windows-1250", "cp1250", "Zażółć gęślą jaźń, proszę cię, może później."),
        ("Windows-1254", "cp1254", "Işık açık, çiçek küçük, ağaç yeşil, güneş doğdu."),
        ("Windows-1251", "cp1251", "Дом стоит на высокой горе, а кошка спит."),
        ("KOI8-R", "koi8-r", "Дом стоит на высокой горе, а кошка спит."),
        ("Windows-1253", "cp1253", "Το σπίτι είναι στον λόφο και η γάτα κοιμάται."),
        ("GB18030", "gb18030", "我们的房子在山上，他不是一个人来的，你说到了这里。"),
        ("Big5", "big5", "我們的房子在山上，他不是一個人來的，你說到了這裡。"),
        ("Shift-JIS", "shift-jis", "この家は山の上にあります。猫はもう寝ています。"),
        ("EUC-JP", "euc-jp", "この家は山の上にあります。猫はもう寝ています。"),
        ("EUC-KR", "euc-kr", "그 집은 산 위에 있고 고양이는 이미 자고 있다."),
    ],
)  # fmt: skip
def test_another_encoding_is_refused_by_name(tmp_path: Path, name: str, codec: str, text: str) -> None:
    content = "".join(f"{text} {n}\tnumber {n}\n" for n in range(20)).encode(codec)
    with pytest.raises(DataError, match="not in UTF-8") as told:
        read(tmp_path / "a b.tsv", content)
    assert f"it seems, in {name} (" in str(told.value) and "\n" not in str(told.value)
    assert f"-t UTF-8 '{tmp_path}/a b.tsv' > '{tmp_path}/a b.utf8.tsv'" in str(told.value)
    plain = tsv([(n, f"{n} in words") for n in range(40, 0, -1)])
    _, _, faults = read(tmp_path / "one.tsv", plain.encode() + f"{text}\tx\n".encode(codec))
    assert [(f.kind, list(f.lines)) for f in faults.entries()] == [("not UTF-8", [41])]
    few, _, faults = read(tmp_path / "few.tsv", PLAIN.encode() + f"{text}\tx\n".encode(codec))
    assert few == PAIRS and [(f.kind, list(f.lines)) for f in faults.entries()] == [("not UTF-8", [25])]


def test_columns_by_number_by_name_and_by_key(tmp_path: Path) -> None:
    rows = [("No.", "Satz", "English", "Übersetzung"), *((n, "x", s, t) for n, (s, t) in enumerate(PAIRS, 1))]
    for how, skipped in (("3,4", 1), ((3, 4), 1), ("English,Übersetzung", 0), ("en,übersetzung", 0)):
        found, _, faults = read(tmp_path / "t.tsv", tsv(rows), columns=how)
        assert found == [("English", "Übersetzung")] * skipped + PAIRS
        assert len(faults.remarks) == 1 - skipped
    backwards = [(t, s) for s, t in PAIRS]
    assert read(tmp_path / "t.csv", spreadsheet(PAIRS, ","), columns="2,1")[0] == backwards
    for keys in ("fr,en", "translation.fr,translation.en"):
        found, languages, _ = read(tmp_path / "j", LAYOUTS["JSON lines, Hugging Face"], columns=keys)
        assert found == backwards and languages == ("fr", "en")
    numbers = tsv([(n, f"{n} in words") for n in range(1, 31)])
    assert read(tmp_path / "n.tsv", numbers, columns="1,2")[0][0] == ("1", "1 in words")


def test_the_languages_asked_for_choose(tmp_path: Path) -> None:
    rows = [("de", "en", "fr"), *(("Haus", s, t) for s, t in PAIRS)]
    for layout in (
        tsv(rows),
        spreadsheet(rows, ","),
        "".join(json.dumps(dict(zip(rows[0], row, strict=True))) + "\n" for row in rows[1:]),
    ):
        with pytest.raises(
            DataError, match=r"has the languages de, en, fr; choose two \(--languages de-en\)"
        ):
            read(tmp_path / "t", layout)
        with pytest.raises(DataError, match="has the languages de, en, fr, not en-ru"):
            read(tmp_path / "t", layout, asked=("en", "ru"))
        found, languages, _ = read(tmp_path / "t", layout, asked=("fr", "en"))
        assert found == [(t, s) for s, t in PAIRS] and languages == ("fr", "en")


def test_names_say_languages(tmp_path: Path) -> None:
    for name, content, languages in (
        ("corpus.en-fr.tsv", PLAIN, ("en", "fr")),
        ("fra-eng.txt", PLAIN, ("en", "fr")),  # its English side is the first, whatever the name says
        ("fra-deu.txt", PLAIN, ("fr", "de")),
        ("a-better-corpus.tsv", PLAIN, ("", "")),
        ("pairs.zip", zipped({"train.en": "\n".join(ENGLISH), "train.fr": "\n".join(FRENCH)}), ("en", "fr")),
        ("sides.zip", zipped({"target.txt": "\n".join(FRENCH), "source.txt": "\n".join(ENGLISH)}), ("", "")),
    ):
        found, said, _ = read(tmp_path / name, content)
        assert found == PAIRS and said == languages, name
    turned, said, _ = read(tmp_path / "pairs.zip", (tmp_path / "pairs.zip").read_bytes(), asked=("fr", "en"))
    assert turned == [(t, s) for s, t in PAIRS] and said == ("fr", "en")
    for side, lines in (("en", ENGLISH), ("fr", FRENCH)):
        (tmp_path / f"train.{side}").write_bytes(gzip.compress("\n".join(lines).encode()))
    pair = [tmp_path / "train.en", tmp_path / "train.fr"]
    opened = open_corpus(pair, Faults())
    assert list(opened.pairs) == PAIRS and opened.languages == ("en", "fr")
    assert corpus.corpus_name(pair) == "train.en-fr" and corpus.corpus_name([tmp_path / "a.tsv.xz"]) == "a"
    member = Path(f"{tmp_path}/pairs.zip:train.en")
    assert list(read_lines(member)) == ENGLISH
    member.write_text("a file of that name")
    assert list(read_lines(member)) == ["a file of that name"]


NUMERIC = {
    "bits": [("1 0 1 0", "0 1 0 1"), ("1 1 0 1", "0 0 1 0")] * 10,
    "digits": [(str(n * 7 % 31), str(n * 5 % 17)) for n in range(30)],
    "dates": [(f"{n % 28 + 1}/05/2021", f"the {n % 28 + 1}th of May") for n in range(30)],
    "three": [(1, "one"), (2, "two"), (3, "three")],
    "quotations": [*[(f'"Go {n}!"', f"« Va {n} ! »") for n in range(25)], ('He said "no".', "Non.")],
    "a quotation": [('"Go!"', "« Va ! »"), ('He said "no".', "Non."), *PAIRS],
    "headings in the text": [("source", "Quelle"), ("English", "anglais"), ("text", "texte")],
}


@pytest.mark.parametrize("kind", NUMERIC)
def test_what_is_meant_stays(tmp_path: Path, kind: str) -> None:
    """Two columns are used as they are, numbers too, and quotes that belong to the text stay."""
    rows = [tuple(map(str, row)) for row in NUMERIC[kind]]
    found, _, faults = read(tmp_path / "p.tsv", tsv(rows))
    assert found == rows and not faults.remarks


REFUSED: dict[str, tuple[bytes | str, dict[str, Any], str]] = {
    "numbers in order": (tsv(list(enumerate(ENGLISH))), {}, r"column 1 holds numbers, column 2 holds text; .*--columns 1,2"),
    "one value": (tsv([(s, "CC0") for s in ENGLISH]), {}, "column 1 holds text, column 2 holds "),
    "three texts": (tsv([(n, *p, p[0] + "!") for n, p in enumerate(PAIRS)]), {}, r"columns 2, 3 and 4 hold text; .*--columns 2,3"),
    "no such number": (PLAIN, {"columns": "1,4"}, "no column 4; it has 2 columns"),
    "no such name": ("a\tb\n" + PLAIN, {"columns": "a,c"}, "no column c; its first row is: a, b"),
    "no such key": (LAYOUTS["JSON lines"], {"columns": "source,fr"}, "no key fr; its objects have target, source"),
    "one column named": (PLAIN, {"columns": "2"}, "name two, source first"),
    "a column twice": (PLAIN, {"columns": "2,2"}, "name two"),
    "keys that say nothing": ('{"a": "x", "b": "y"}\n', {}, "its objects have a, b; say which"),
    "two headers": ("source\ttarget\nEnglish\tFrench\n" + PLAIN, {}, "first two rows are both headers"),
    "one column": ("\nHello\nWorld\n", {}, "line 2: one column where two are needed"),
    "a JSON array": (json.dumps([{"source": "a", "target": "b"}] * 3, indent=1), {}, "JSON document; give JSON lines"),
    "truncated gzip": (gzip.compress(PLAIN.encode())[:-9], {}, "not a whole gzip file"),
    "truncated xz": (lzma.compress(PLAIN.encode())[:-30], {}, "not a whole xz file"),
    "truncated bzip2": (bz2.compress(PLAIN.encode())[:-30], {}, "not a whole bz2 file"),
    "truncated zip": (zipped({"a.txt": PLAIN})[:-40], {}, "not a whole zip file"),
    "xz and something": (lzma.compress(PLAIN.encode()) + b"junk", {}, "not a whole xz file"),
    "three members": (zipped({"a.en": "a", "a.fr": "b", "a.de": "c"}), {}, r"holds 3 files: a.en, a.fr, a.de; name one, such as .*:a.en"),
    "two that do not belong together": (zipped({"a.en": "a", "b.fr": "b"}), {}, "holds 2 files: a.en, b.fr"),
    "an empty zip": (zipped({}), {}, "holds 0 files; there is nothing to read"),
    "a member without a name": (zipped({"a.en": "a"}).replace(b"a.en", b"\0.en"), {}, "holds 0 files"),
    "a name of two lines": (zipped({"a\n.en": "a"}), {}, "a name that cannot be shown"),
    "a workbook": (zipped({"xl/a.xml": "", "docs": "", "[Content_Types].xml": ""}), {}, "an Office file; save its table as CSV"),
    "an archive in an archive": (gzip.compress(bz2.compress(PLAIN.encode())), {}, "a bz2 archive inside another"),
    "a PDF": (b"%PDF-1.7\n\xff", {}, "a PDF"),
    "no text": (bytes(range(256)) * 20, {}, "not text"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, kind: str) -> None:
    content, how, message = REFUSED[kind]
    with pytest.raises(DataError, match=message) as told:
        read(tmp_path / "file", content, **how)
    assert "\n" not in str(told.value) and str(told.value).startswith((f"{tmp_path}/file", "columns"))


def test_a_bomb_is_refused_and_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LEAST_BOUND", 1 << 18)
    monkeypatch.setattr(streams, "MOST_TIMES", 30)
    monkeypatch.setattr(encodings, "MOST_LINE", 1 << 16)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        with pytest.raises(DataError, match="unpacks to more than 30 times its size; if that is meant"):
            read(tmp_path / "bomb", pack(b"a\tb\n" * (1 << 18)), columns="1,2")
    for encoding in ("utf-8", "utf-16"):
        content = ("a\tb\n" + "x" * (1 << 17) + "\tb\n").encode(encoding)
        with pytest.raises(DataError, match="line 2: longer than"):
            read(tmp_path / "long", content)
    assert read(tmp_path / "same", gzip.compress(b"a\tb\n" * 9), columns="1,2")[0] == [("a", "b")] * 9


def test_faults_of_records_have_their_first_line(tmp_path: Path) -> None:
    lines = [
        "source,target",
        '"a,',
        'b","c"',
        "d,e,f",
        '"x" y,z',
        "",
        "g",
        'h,"i',
        "",
        'j"',
        'k,"open',
        *["l,m", "o,p"] * 50,
    ]
    found, _, faults = read(tmp_path / "t.csv", "\r\n".join(lines).encode() + b"\r\n\xff,n\r\n")
    assert found == [("a, b", "c"), ("h", "i j"), *[("l", "m"), ("o", "p")] * 50]
    assert {(f.kind, *f.lines) for f in faults.entries()} == {
        ("stray comma", 4), ("broken quotes", 5, 11), ("empty side", 6), ("no comma", 7), ("not UTF-8", 112)
    }  # fmt: skip
    objects = [
        {"source": "a", "target": "b\nc"},
        {"source": 1, "target": "b"},
        {"source": "\ud800", "target": "b"},
    ]
    found, _, faults = read(
        tmp_path / "j", "\n".join([*map(json.dumps, objects), "{", "", "[" * 10**5]) + "\n"
    )
    assert found == [("a", "b c")]
    assert {(f.kind, *f.lines) for f in faults.entries()} == {
        ("no text under a key", 2), ("half a character", 3), ("no JSON object", 4, 6), ("empty side", 5)
    }  # fmt: skip
    excel = ['a\t"b ""c"""', 'd\t"e', 'f"', "g\th\ti", "j", *["k\tl"] * 5]
    found, _, faults = read(tmp_path / "e.tsv", "\n".join(excel))
    assert found == [("a", 'b "c"'), ("d", "e f"), ("g", "h"), *[("k", "l")] * 5]
    assert {(f.kind, *f.lines) for f in faults.entries()} == {("stray tab", 4), ("no tab", 5)}


def test_a_header_that_is_wider_than_the_rows(tmp_path: Path) -> None:
    found, _, faults = read(tmp_path / "t.tsv", "en\tnotes\tfr\n" + PLAIN)
    assert found == [("en", "notes"), *PAIRS] and [list(f.lines) for f in faults.entries()] == [[1]]
    assert read(tmp_path / "t.tsv", "en\tfr\tnotes\n" + PLAIN)[0] == PAIRS


def test_a_row_that_is_shifted_is_dropped(tmp_path: Path) -> None:
    rows: list[Any] = [(n, s, t) for n, (s, t) in enumerate(PAIRS)]
    rows[4], rows[6] = (4, "a", "b", "c"), (6, "a")
    found, _, faults = read(tmp_path / "t.tsv", tsv(rows))
    assert found == [pair for n, pair in enumerate(PAIRS) if n not in (4, 6)]
    assert {(f.kind, *f.lines) for f in faults.entries()} == {("stray tab", 5), ("missing column", 7)}


@pytest.mark.parametrize("cell", ["a@" * 10**5, "1" * 10**6, "1," * 10**6, "x" * 10**6, '"' * 10**6])
def test_a_long_field_is_looked_at_in_time(tmp_path: Path, cell: str) -> None:
    found, _, _ = read(tmp_path / "t.tsv", f"{cell}\tb\n{cell}\tb\n", columns="1,2")
    assert len(found) in (0, 2)


def test_many_files_are_one_corpus_of_one_pair_of_languages(tmp_path: Path) -> None:
    for name, head in (("a", "en\tfr"), ("b", "English\tFrench"), ("c", "en\tde")):
        (tmp_path / name).write_text(f"{head}\n{PLAIN}", "utf-8")
    opened = open_corpus([tmp_path / "a", tmp_path / "b"], Faults())
    assert list(opened.pairs) == PAIRS * 2 and opened.languages == ("en", "fr")
    with pytest.raises(DataError, match=r"c is en-de and .*a en-fr"):
        list(open_corpus([tmp_path / "a", tmp_path / "c"], Faults()).pairs)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    import threading

    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(PLAIN.encode() * 200,))
    writer.start()
    assert list(open_corpus([tmp_path / "pipe"], Faults()).pairs) == PAIRS * 200
    writer.join()


def test_evaluation_files_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes("\n".join(ENGLISH).encode("utf-16"))
    (tmp_path / "t").write_bytes(bz2.compress("\r\n".join(FRENCH).encode("utf-8-sig")))
    assert list(read_aligned(tmp_path / "s", tmp_path / "t")) == PAIRS
    (tmp_path / "t").write_bytes("\n".join(FRENCH).encode("latin-1"))
    with pytest.raises(DataError, match="Windows-1252"):
        list(read_aligned(tmp_path / "s", tmp_path / "t"))


def test_kinds_of_columns() -> None:
    for kind, cells in (
        ("URLs", ["https://a.org/x?y=1"]),
        ("e-mail addresses", ["a.b@c.org"]),
        ("dates", ["2021-05-12 10:00:01", "12.5.2021"]),
        ("numbers", ["1", "-0.5", "1e-7", "12,5", "30%"]),
        ("ids", ["ab-12", "c/3", "doc.7:1"]),
        ("nothing", ["", " "]),
        ("attributions", ["CC-BY 2.0 (France)"]),
        ("text", ["1 0 1", "12 May", "see http://x.y", "word", "été"]),
    ):
        assert columns.kind(cells * 5) == kind, cells
    assert columns.kind(["en", "en", "fr"] * 20) == "codes of languages"
    assert columns.kind(["same"] * 20) == "one value" and columns.kind(["same"] * 3) == "text"


def test_prepare_takes_columns_and_says_what_it_read(command: Command, tmp_path: Path) -> None:
    pairs = toy_pairs()
    rows = [(n, s, t) for n, (s, t) in enumerate(pairs)]
    Path("p.tsv").write_text(tsv([("id", "French", "German"), *rows]), "utf-8")
    Path("q.csv").write_bytes(gzip.compress(spreadsheet(rows, ";").encode("utf-16")))
    settings: dict[str, Any] = {"vocab_size": 80, "valid_size": 5, "test_size": 5}
    flags = ("--vocab-size", 80, "--valid-size", 5, "--test-size", 5)
    code, _, err = command("prepare", "p.tsv", "--out", "one", *flags)
    assert code == 0 and "a header (id, French, German) and is left out; columns 2 and 3 are used" in err
    code, _, err = command("prepare", "q.csv", "--out", "two", *flags, "--columns", "3,2", "--swap")
    assert code == 0 and "read as CSV with semicolons" in err
    made = [seqformer.prepare("p.tsv", out="three", columns=(2, 3), **settings)]
    made += [seqformer.prepare("p.tsv", out="four", swap=True, columns="German,French", **settings)]
    made += [seqformer.prepare("p.tsv", out="five", swap=True, languages="fr-de", **settings)]
    folders = [Path("one"), Path("two"), *(each.folder for each in made)]
    assert len({(folder / "valid.tsv").read_bytes() for folder in folders}) == 1
    config = made[0].task.manifest.config
    assert config["languages"] == "fr-de" == made[1].task.manifest.config["languages"]
    for arguments in (("p.tsv", "--columns", "2,9"), ("--columns", "1,2"), ("three.zip",), ("no.zip:a",)):
        Path("three.zip").write_bytes(zipped({"a.en": "", "b.fr": "", "c.de": ""}))
        code, out, err = command("prepare", *arguments, "--out", "no")
        assert code == 2 and out == "" and err.count("\n") == 1 and not Path("no").exists(), err
    assert err == "seqformer: no.zip:a: there is no such file\n"  # no emoji


def test_translate_reads_utf16_and_packed_files(command: Command, trained: Path) -> None:
    text = "le chat\n\nla maison été\n"
    code, expected, _ = command("translate", "--run", trained, stdin=text.encode())
    assert code == 0 and expected.count("\n") == 3
    assert command("translate", "--run", trained, stdin=text.encode("utf-16")) == (0, expected, "")
    Path("in.gz").write_bytes(gzip.compress(text.encode("utf-16")))
    Path("in.zip").write_bytes(zipped({"a.txt": text, "b.txt": "x"}))
    assert command("translate", "--run", trained, "--input", "in.gz") == (0, expected, "")
    code, out, err = command("translate", "--run", trained, "--input", "in.zip")
    assert code == 2 and out == "" and "holds 2 files" in err
