"""Documents filled by a run, from the command line and from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from any_document import PO, SAMPLES, TMX
from conftest import Command

import seqformer
from seqformer.errors import SeqformerError
from seqformer.formats import documents


@pytest.fixture
def po(tmp_path: Path) -> Path:
    path = tmp_path / "it.txt"  # its content says what it is
    path.write_text(PO.replace('msgid "The %s door"', 'msgid "le chat mange"'), "utf-8")
    return path


@pytest.fixture
def english(trained: Path, tmp_path: Path) -> Path:
    """The run, from English to French as it says."""
    shutil.copytree(trained, tmp_path / "english")
    manifest = tmp_path / "english" / "manifest.json"
    values = json.loads(manifest.read_text("utf-8"))
    values["config"]["languages"] = "en-fr"
    manifest.write_text(json.dumps(values), "utf-8")
    return tmp_path / "english"


def test_a_document_is_filled_by_command_and_by_python_alike(
    command: Command, trained: Path, po: Path, tmp_path: Path
) -> None:
    code, out, said = command("translate", "--run", trained, "--input", po, "--output", "out.po", "--beam", 1)
    assert (code, out) == (0, "")
    assert "it.txt: 3 of 5 units translated (? to fr)" in said
    made = (tmp_path / "out.po").read_bytes()
    assert made != po.read_bytes() and not (tmp_path / "out.po.tmp").exists()
    lines: list[tuple[int, str, str]] = []
    model = seqformer.load(trained, device="cpu")
    document = model.translate_document(
        po,
        tmp_path / "by_python.po",
        beam=1,
        report=lambda n, line, best: lines.append((n, line, best[0].text)),
    )
    assert (tmp_path / "by_python.po").read_bytes() == made == document.to_bytes()
    assert [number for number, _, _ in lines] == document.numbers == [1, 3, 3, 4, 4]
    assert lines[0][1:] == ("le chat mange", model.translate("le chat mange", beam=1).text)
    assert f'msgstr "{lines[0][2]}"' in made.decode()
    assert model.translate_document(po.read_bytes(), beam=1).to_bytes() == made
    code, out, _ = command("translate", "--run", trained, "--beam", 1, stdin=po.read_bytes())
    assert code == 0 and out.encode() == made
    code, out, said = command("translate", "--run", trained, "--beam", 1, "--input", po, "--retranslate")
    assert code == 0 and "5 of 5 units" in said and 'msgstr "Ouvrir"' not in out


def test_warnings_name_the_unit(command: Command, trained: Path, po: Path) -> None:
    code, _, said = command(
        "translate", "--run", trained, "--input", po, "--output", "o", "--warn", "--max-length", 1
    )
    assert code == 0 and "seqformer: unit 1: " in said and "line 1" not in said


@pytest.mark.parametrize("option", [["--json"], ["--scores"], ["--n-best", 2]])
def test_what_a_document_cannot_hold_is_refused(
    command: Command, trained: Path, po: Path, tmp_path: Path, option: list[object]
) -> None:
    code, out, said = command("translate", "--run", trained, "--input", po, "--output", "o", *option)
    assert (code, out, said.count("\n")) == (2, "", 1) and f"{option[0]} does nothing" in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("option", [["--retranslate"], ["--languages", "en-fr"]])
def test_options_for_documents_are_refused_for_lines(
    command: Command, trained: Path, option: list[object]
) -> None:
    for arguments, stdin in ((["le chat"], b""), ([], b"le chat\n")):
        code, out, said = command("translate", "--run", trained, *arguments, *option, stdin=stdin)
        assert (code, out) == (2, "") and said == f"seqformer: {option[0]} is for TMX, XLIFF and PO files\n"


def test_lines_that_only_begin_like_a_document_are_lines(command: Command, trained: Path) -> None:
    lines = b'le <tmx> chat\nmsgid "a"\nun chien\n' + b"le chat\n" * 1100  # more than is looked at first
    code, out, _ = command("translate", "--run", trained, "--beam", 1, "--max-length", 3, stdin=lines)
    assert code == 0 and out.count("\n") == lines.count(b"\n")


def test_a_damaged_document_writes_nothing(command: Command, trained: Path, po: Path, tmp_path: Path) -> None:
    (tmp_path / "o").write_text("as it was")
    for content in (po.read_bytes() + b'msgid "a"\n', po.read_bytes() + b"\xff"):
        po.write_bytes(content)
        code, out, said = command("translate", "--run", trained, "--input", po, "--output", "o")
        assert (code, out, said.count("\n")) == (2, "", 1) and "it.txt" in said
    assert (tmp_path / "o").read_text() == "as it was"


def test_the_languages_of_the_run_count(command: Command, english: Path, po: Path) -> None:
    code, _, said = command("translate", "--run", english, "--input", po, "--output", "o", "--max-length", 2)
    assert code == 0 and "(en to fr)" in said
    po.write_text(PO.replace("Language: fr", "Language: de"), "utf-8")
    code, _, said = command("translate", "--run", english, "--input", po, "--output", "o")
    assert code == 2 and "it is ? to de, and this run translates en to fr" in said
    code, _, said = command(
        "translate",
        "--run",
        english,
        "--input",
        po,
        "--languages",
        "en-de",
        "--output",
        "o",
        "--max-length",
        2,
    )
    assert code == 0 and "(en to de)" in said


def test_xml_documents_are_filled_too(english: Path) -> None:
    pytest.importorskip("lxml")
    model = seqformer.load(english, device="cpu")
    for name in ("a.tmx", "a.xlf", "a2.xlf"):
        document = model.translate_document(SAMPLES[name].encode(), min_length=20)
        assert document.languages == ("en", "fr")
        assert (
            document.units
            and not documents.open_document(document.to_bytes(), "it", known=("en", "fr")).units
        )
    with pytest.raises(SeqformerError, match="no it in it"):
        model.translate_document(TMX.encode(), languages="it-fr")


def test_a_file_that_is_no_document_is_refused_in_python(trained: Path, tmp_path: Path) -> None:
    model = seqformer.load(trained, device="cpu")
    with pytest.raises(SeqformerError, match="the document: no TMX, XLIFF or PO file"):
        model.translate_document(b"le chat\n")
    with pytest.raises(SeqformerError, match=r"none\.po: there is no such file"):
        model.translate_document(tmp_path / "none.po")
