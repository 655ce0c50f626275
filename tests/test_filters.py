"""Each filter drops what it is for, counts it under a name of its own, and does nothing unless asked for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from conftest import Command, toy_pairs

import seqformer
from seqformer.config import PrepareConfig
from seqformer.errors import DataError, MissingExtra
from seqformer.tasks import open_task
from seqformer.text import characters, clean, identify, rows
from seqformer.text.clean import Cleaner, Filter
from seqformer.text.faults import Faults
from seqformer.text.normalize import Normalizer
from seqformer.text.rows import read_rows

needs_py3langid = pytest.mark.skipif(
    importlib.util.find_spec("py3langid") is None, reason="py3langid is not installed"
)
Rows = list[tuple[str, str]]

COPIES: Rows = [("le chat dort", "le chat dort"), ("un chien", "un chien")]
LENGTHS: Rows = [("a", "un chat"), ("va !", "b"), ("la maison " * 6, "le petit chat " * 4)]
SCRIPTS: Rows = [
    ("кот", "un chat"),
    ("un chat", "дом"),
    ("дом", "кот"),
    ("3 + 4", "= 7"),
    ("abc где", "un chat"),
]
REPEATED: Rows = [("x y", "a b"), ("x y", "c d"), ("z", "a b"), ("x y", "a b")]


def cleaned(
    pairs: Rows, folder: Path, **settings: object
) -> tuple[Rows, dict[str, int], dict[str, list[int]]]:
    """The pairs left, how many were dropped for which reason, and on which lines."""
    faults = Faults()
    config = PrepareConfig(**settings)  # type: ignore[arg-type]
    cleaner = Cleaner(
        (Normalizer(), Normalizer()), Filter.of(config, faults), faults, keeping=not config.filter
    )
    clean.clean(rows.numbered(pairs, faults), cleaner, folder / "clean")
    left = [(row[0], row[1]) for row in read_rows(folder / "clean")]
    return left, dict(faults.dropped), {fault.kind: list(fault.lines) for fault in faults.entries()}


CASES: dict[str, tuple[Rows, dict[str, object], dict[str, list[int]]]] = {
    "copies": (COPIES, {}, {"copy of the source": [1, 2]}),
    "copies kept": (COPIES, {"keep_copies": True}, {}),
    "any length": (LENGTHS, {}, {}),
    "short": (LENGTHS, {"min_length": 2}, {"too few characters": [1, 2]}),
    "long": (LENGTHS, {"max_length": 55}, {"too many characters": [3]}),
    "as long as may be": (LENGTHS, {"min_length": 1, "max_length": 59}, {}),
    "any script": (SCRIPTS, {}, {}),
    "Latin": (SCRIPTS, {"scripts": "latin"}, {"other script": [1, 2, 3, 5]}),
    "Cyrillic and Latin": (SCRIPTS, {"scripts": "Cyrillic,Latn"}, {"other script": [2, 3, 5]}),
    "Latin only in targets": (SCRIPTS, {"scripts": ",Latin"}, {"other script": [2, 3]}),
    "pairs": (REPEATED, {}, {"duplicate": [4]}),
    "sources": (REPEATED, {"deduplicate": "source"}, {"duplicate source": [2, 4]}),
    "targets": (REPEATED, {"deduplicate": "target"}, {"duplicate target": [3, 4]}),
    "repeated": (REPEATED, {"deduplicate": "none"}, {}),
    "no filter": (COPIES + REPEATED, {"filter": False}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_filter_drops_what_it_is_for(tmp_path: Path, case: str) -> None:
    pairs, settings, expected = CASES[case]
    left, dropped, lines = cleaned(pairs, tmp_path, **settings)
    assert dropped == {kind: len(numbers) for kind, numbers in expected.items()}
    if settings.get("filter", True):
        assert lines == expected
    gone = {number for numbers in expected.values() for number in numbers}
    normal = Normalizer()
    assert left == [(normal(s), normal(t)) for number, (s, t) in enumerate(pairs, 1) if number not in gone]


ODD: Rows = [*toy_pairs(60), ("кот и дом", "un chat")]


def test_odd_scripts_can_stay(tmp_path: Path) -> None:
    assert cleaned(ODD, tmp_path)[2] == {"odd script": [61]}
    assert cleaned(ODD, tmp_path, any_script=True)[2] == {}


@pytest.mark.parametrize(
    ("text", "scripts"),
    [("", ("", "")), ("Latin", ("Latin", "Latin")), ("Latin, cyrillic", ("Latin", "Cyrillic")),
     ("Hiragana,Old_Italic", ("Han", "Old Italic")), ("jpan,", None), ("Klingon", None), ("a,b,c", None), ("common", None)],
)  # fmt: skip
def test_scripts_by_name(text: str, scripts: tuple[str, str] | None) -> None:
    if scripts:
        assert characters.parse_scripts(text) == scripts
        return
    with pytest.raises(DataError, match="scripts"):
        characters.parse_scripts(text)
    with pytest.raises(DataError, match="did you mean Cyrillic"):
        characters.parse_scripts("Cyrilic")


EN = ["the weather is very nice in the mountains today", "my brother works in a small shop near the station",
      "we would like to drink a cup of tea in the garden", "she reads a book about the history of the old town"]  # fmt: skip
FR = ["il fait très beau aujourd'hui dans les montagnes", "mon frère travaille dans un petit magasin près de la gare",
      "nous aimerions boire une tasse de thé dans le jardin", "elle lit un livre sur l'histoire de la vieille ville"]  # fmt: skip
DE = ["das Wetter in den Bergen ist heute wirklich sehr schön"]
GOOD = list(zip(EN, FR, strict=True))


@needs_py3langid
@pytest.mark.parametrize(
    ("pairs", "dropped"),
    [
        (GOOD, []),
        ([(t, s) for s, t in GOOD], [1, 2, 3, 4]),  # the wrong way round
        ([(EN[0], EN[0].upper()), GOOD[1]], [1]),  # not translated
        ([(DE[0], FR[0]), (EN[0], DE[0])], [1, 2]),
        ([("Berlin", "ja"), ("no .", "nein"), ("3.5 + 17.25 = 20.75 (100 %)", "???????????????????????")], []),
    ],
)  # fmt: skip
def test_other_languages(tmp_path: Path, pairs: Rows, dropped: list[int]) -> None:
    settings = {"languages": "en-fr", "check_languages": True}
    assert cleaned(pairs, tmp_path, **settings)[2].get("other language", []) == dropped
    assert "other language" not in cleaned(pairs, tmp_path, languages="en-fr")[2]


@needs_py3langid
def test_languages_that_are_alike_are_not_told_apart(tmp_path: Path) -> None:
    line = "vi skal spise middag med vennene våre i kveld"
    for code in ("nb", "no", "nn", "nb_NO"):
        settings = {"languages": f"en-{code}", "check_languages": True}
        assert cleaned([(EN[0], line), (EN[1], FR[1])], tmp_path, **settings)[1] == {"other language": 1}


@needs_py3langid
def test_what_can_be_checked(tmp_path: Path) -> None:
    faults = Faults()
    Filter.of(PrepareConfig(languages="en-tlh", check_languages=True), faults)
    assert len(faults.remarks) == 1 and "tlh" in faults.remarks[0]
    for languages, message in (("", "is not known; name them"), ("tlh-qya", "knows none of tlh and qya")):
        with pytest.raises(DataError, match=message):
            Filter.of(PrepareConfig(languages=languages, check_languages=True), faults)


@needs_py3langid
def test_the_languages_of_a_line_of_a_megabyte(tmp_path: Path) -> None:
    line = EN[0] + " " + FR[0] * 20_000
    settings = {"languages": "en-fr", "check_languages": True}
    assert cleaned([(line, line)], tmp_path, keep_copies=True, **settings)[1] == {"other language": 1}


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    identify.load_model.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(MissingExtra, match=r"seqformer\[filters\]"):
        Filter.of(PrepareConfig(languages="en-fr", check_languages=True), Faults())


def test_filters_by_option(command: Command) -> None:
    """Each option has its count in the table; the options do what the settings do from Python."""
    pairs = [*toy_pairs(60), *COPIES, ("кот", "un chat"), ("x", "un chat gris")]
    Path("p.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs), "utf-8")
    code, out, err = command("prepare", "p.tsv", "--vocab-size", 80, "--keep-copies", "--scripts", "Latin", "--min-length", 2,
                             "--max-length", 200, "--deduplicate", "source", "--out", "prepared/a")  # fmt: skip
    assert code == 0, err
    for kind in ("other script", "too few characters"):
        assert f"dropped: {kind}" in " ".join(out.split()) and kind in err
    settings = {
        "keep_copies": True,
        "scripts": "Latin",
        "min_length": 2,
        "max_length": 200,
        "deduplicate": "source",
    }
    seqformer.prepare("p.tsv", out="prepared/b", vocab_size=80, **settings)  # type: ignore[arg-type]
    one, other = (open_task(Path(f"prepared/{name}")).manifest for name in "ab")
    assert one.fingerprint == other.fingerprint
    assert one.dropped == other.dropped == {"other script": 1, "too few characters": 1}
    code, _, err = command("prepare", "p.tsv", "--vocab-size", 80, "--any-script", "--out", "prepared/c")
    assert code == 0 and "odd script" not in err
    code, out, err = command("prepare", "p.tsv", "--deduplicate", "sorce")
    assert code == 2 and out == "" and "did you mean 'source'" in err and err.count("\n") == 1
    code, out, err = command("prepare", "p.tsv", "--scripts", "Latein")
    assert code == 2 and out == "" and "did you mean Latin" in err and err.count("\n") == 1
    assert not Path("prepared/p").exists()
