"""Any bytes in, as many lines out, in order; long lines in parts; batches within their bound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from any_text import CONFIGS, FILES, Sink, check, random_translator
from conftest import Command, model_config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqformer import api
from seqformer.cli import stream
from seqformer.config import DecodeConfig
from seqformer.decoding import lines as lines_of
from seqformer.decoding import translator as module
from seqformer.decoding.search import Hypothesis
from seqformer.decoding.translator import Translation, Translator
from seqformer.errors import SeqformerError
from seqformer.models import build
from seqformer.models.seq2seq import Seq2Seq
from seqformer.tasks import open_task, text_task
from seqformer.text.normalize import Normalizer

SENTENCE = "le chat mange et dort où le grand chien rouge dort."


@pytest.fixture(scope="module")
def small(data: Path) -> Translator:
    """A translator with random weights."""
    return random_translator(data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, CONFIGS, st.booleans())
def test_any_file_keeps_its_lines(
    small: Translator, capsys: pytest.CaptureFixture[str], content: bytes, config: DecodeConfig, as_json: bool
) -> None:
    check(small, content, config, as_json)


def test_a_line_of_a_million_characters(small: Translator, capsys: pytest.CaptureFixture[str]) -> None:
    """Of words, and one letter with accents; bench/robust.py has more of them."""
    longs = ["chat, " * 170_000, "e" + "\u0315\u0300" * 100_000]
    config = DecodeConfig(beam=1, max_length=1)
    far = replace(small, manifest=replace(small.manifest, longest={"source": 400, "target": 400}))
    for long in longs:
        begin, sink = time.perf_counter(), Sink()
        stream.translate_lines(
            lambda lines: far.translate(lines, config),
            [[b"\n", long.encode() + b"\n", b"\n"]],
            stream.Printer(),
            sink,  # type: ignore[arg-type]
        )
        lines = sink.raw.decode().split("\n")
        assert lines[0] == lines[2] == lines[3] == "" and len(lines) == 4
        assert time.perf_counter() - begin < 60  # of a busy machine; quadratic would be an hour
    assert "line 2: far longer than any in training" in capsys.readouterr().err


def test_a_long_line_is_its_sentences_one_by_one(small: Translator) -> None:
    config = DecodeConfig(beam=3, n_best=2, length_penalty=0.5)
    sentences = ["le chat mange et dort.", "la maison voit un chien.", "une maison!"]
    line = " ".join(sentences)
    assert small.divider.reach < len(small.tokenizer.source.encode([line])[0])
    alone = [small.translate([sentence], config)[0] for sentence in sentences]
    assert all(best[0].parts == 1 for best in alone)
    joined = small.translate(["la", line, ""], config)[1]
    for rank, found in enumerate(joined):
        chosen = [best[rank] for best in alone]
        total, length = sum(t.log_probability for t in chosen), sum(t.length for t in chosen)
        assert found.text == " ".join(t.text for t in chosen if t.text)
        assert found.ids == [i for t in chosen for i in t.ids] and found.parts == 3
        assert found.tokens == [token for t in chosen for token in t.tokens]
        assert found.log_probability == pytest.approx(total, abs=1e-3)
        assert found.score == pytest.approx(total / length**0.5, abs=1e-3)
        assert set(found.warnings) == {name for t in chosen for name in t.warnings}


def test_the_score_is_over_the_pieces_that_count(small: Translator) -> None:
    for best in small.translate([SENTENCE[:20], "chat"], DecodeConfig(beam=4, n_best=4, max_length=7)):
        for found in best:
            assert found.length == min(len(found.ids) + 1, 7)
            assert found.score == pytest.approx(found.log_probability / found.length)
            assert found.tokens == small.tokenizer.target.pieces(found.ids)


def test_batches_stay_within_their_bound(small: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from outside: every batch that search is given, at the most it may grow to."""
    monkeypatch.setattr(lines_of, "CACHE", 1 << 20)
    monkeypatch.setattr(lines_of, "LOGITS", 4000)
    seen: list[tuple[int, int, int]] = []

    def watched(
        model: object,
        source: torch.Tensor,
        limits: torch.Tensor,
        config: DecodeConfig,
        *others: object,
        **_: object,
    ) -> list[list[Hypothesis]]:
        rows = len(source) * config.beam
        seen.append((len(source), rows * (source.shape[1] + int(limits.max())), rows))
        return [[Hypothesis([], -1.0, -1.0)] for _ in source]

    monkeypatch.setattr(module, "search", watched)
    shape: Any = small.model.config
    lines = ["chat " * n for n in (1, 2, 30, 3, 1000, 5, 200)] * 9
    for max_length in (0, 7, 100, 10**9):
        for beam in (1, 5):
            seen.clear()
            small.translate(lines, DecodeConfig(beam=beam, max_length=max_length))
            assert sum(count for count, _, _ in seen) > len(lines)
            for _, positions, rows in seen:
                # keys and values of 4 bytes; the cache may have made twice the room
                assert positions * 2 * 2 * 4 * shape.width * shape.decoder_layers <= 1 << 20
                assert rows * shape.target_vocabulary <= 4000
    with pytest.raises(SeqformerError, match="at most here"):
        small.translate(["chat"], DecodeConfig(beam=100))


def test_batches_are_bounded_by_what_the_model_says_of_a_position(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recurrent decoder keeps nothing for its own positions, so its layers do not make batches smaller."""
    monkeypatch.setattr(lines_of, "CACHE", 1 << 20)
    seen: list[tuple[int, int]] = []

    def watched(
        model: Seq2Seq,
        source: torch.Tensor,
        limits: torch.Tensor,
        config: DecodeConfig,
        *others: object,
        **_: object,
    ) -> list[list[Hypothesis]]:
        seen.append((len(source), int(limits.max())))
        positions = len(source) * config.beam * (source.shape[1] + int(limits.max()))
        assert positions * model.position_bytes <= 1 << 20
        return [[Hypothesis([], -1.0, -1.0)] for _ in source]

    monkeypatch.setattr(module, "search", watched)
    task = text_task(open_task(data))
    batches: dict[tuple[str, int, int], list[tuple[int, int]]] = {}
    for arch, width, layers in [("bahdanau", 256, 1), ("bahdanau", 256, 6), ("bahdanau", 128, 1)] + [
        ("transformer", 256, layers) for layers in (1, 3)
    ]:
        config = model_config(arch, **(task.sizes() | {"width": width, "decoder_layers": layers}))
        seen.clear()
        translator = task.predictor(build(config).eval(), torch.device("cpu"))
        translator.translate(["chat " * n for n in (1, 2, 7)] * 20, DecodeConfig(beam=4, max_length=25))
        batches[arch, width, layers] = seen.copy()
    assert batches["bahdanau", 256, 1] == batches["bahdanau", 256, 6]
    assert len(batches["bahdanau", 128, 1]) < len(batches["bahdanau", 256, 1])
    assert len(batches["transformer", 256, 1]) < len(batches["transformer", 256, 3])


def test_chunks_are_bounded_by_lines_and_by_bytes() -> None:
    lines = [b"x" * n for n in (0, stream.CHUNK_BYTES, 5, 3 * stream.CHUNK_BYTES)] + [b"y"] * 5000
    made = list(stream.chunks(iter(lines)))
    assert [line for chunk in made for line in chunk] == lines
    for chunk in made:
        assert len(chunk) <= stream.CHUNK_LINES
        assert sum(map(len, chunk[:-1])) < stream.CHUNK_BYTES
    assert all(chunk for chunk in made) and list(stream.chunks([])) == []
    sizes = list(map(len, stream.chunks([b"x"] * 9000)))
    assert sizes[0] == stream.FIRST_LINES and max(sizes) == stream.CHUNK_LINES and sum(sizes) == 9000
    assert all(after <= 2 * before for before, after in pairwise(sizes))


def test_lines_of_a_pipe_come_as_they_arrive_and_all_of_them() -> None:
    def slowly() -> Iterator[bytes]:
        yield from (b"a", b"b")
        time.sleep(10 * stream.GRACE)
        yield b"c"

    assert list(stream.Arriving(slowly())) == [[b"a", b"b"], [b"c"]]
    many = [b"%d" % i for i in range(3 * stream.CHUNK_LINES)]
    made = list(stream.Arriving(many))
    assert [line for chunk in made for line in chunk] == many
    assert max(map(len, made)) <= stream.CHUNK_LINES
    assert list(stream.Arriving([])) == []


def test_what_goes_wrong_in_reading_a_pipe_is_raised_after_the_lines_before_it() -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise SeqformerError("broken")

    arriving = iter(stream.Arriving(broken()))
    assert next(arriving) == [b"a"]
    with pytest.raises(SeqformerError, match="broken"):
        next(arriving)


def test_a_co_process_is_answered_line_by_line(trained: Path) -> None:
    arguments = [sys.executable, "-m", "seqformer", "translate", "--run", str(trained), "--max-length", "3"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for sentence in ("le chat dort", "", "un chien"):
            process.stdin.write(sentence.encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer.endswith(b"\n") and (answer == b"\n") == (sentence == "")
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_closed_standard_input_is_one_line(trained: Path) -> None:
    line = f"{sys.executable} -m seqformer translate --run {trained} <&-"
    made = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert made.returncode == 2 and made.stderr.count("\n") == 1
    assert "standard input is closed" in made.stderr


@pytest.mark.parametrize("text", ["- le chat dort", "-5", "-1,5", "-3%"])
def test_text_that_begins_with_a_dash(command: Command, trained: Path, text: str) -> None:
    code, out, _ = command("translate", "--run", trained, "--max-length", 3, "--json", text)
    assert code == 0 and json.loads(out)["source"] == text


def test_a_mistyped_option_is_still_refused(command: Command, trained: Path) -> None:
    code, out, err = command("translate", "--run", trained, "--baem", "le chat")
    assert code == 2 and not out and "--baem" in err


def test_n_best_is_always_so_many_lines(command: Command, trained: Path) -> None:
    content = b"le chat\n\nun chien\n"
    options = ("--beam", 3, "--n-best", 3, "--max-length", 1, "--numbers")
    code, out, _ = command("translate", "--run", trained, *options, stdin=content)
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [*"111222333"]


def test_many_warnings_become_a_count(command: Command, trained: Path) -> None:
    content = b"\xff\n" * 50 + b"chat " * 50 + b"\n"
    code, out, err = command("translate", "--run", trained, "--max-length", 1, stdin=content)
    lines = err.splitlines()
    assert code == 0 and out.count("\n") == 51
    assert sum("not UTF-8; the" in line for line in lines) == stream.SHOWN
    assert lines[-1] == f"seqformer: not UTF-8: {50 - stream.SHOWN} more lines"
    assert "line 51: far longer than any in training; translated in " in err


def test_signs_in_json_and_as_warnings(command: Command, trained: Path) -> None:
    content = "chat\n\nle ☃☃☃ mange\n".encode()
    code, out, err = command("translate", "--run", trained, "--json", "--n-best", 2, stdin=content)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and err == "" and rows[1]["translations"][0]["signs"] == []
    assert all("unknown" in t["signs"] for t in rows[2]["translations"]) and rows[2]["parts"] == 1
    code, plain, err = command("translate", "--run", trained, "--warn", stdin=content)
    told = [line for line in err.splitlines() if line.startswith("seqformer: line 3: ")]
    assert plain.count("\n") == 3 and len(told) == 1 and "unknown" in told[0] and "line 2" not in err


@pytest.mark.skipif(os.name != "posix", reason="bytes as arguments")
def test_in_a_locale_that_is_not_utf8(trained: Path) -> None:
    """Arguments that are no text, a locale that knows ASCII only: UTF-8 all the same."""
    surroundings = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    arguments = [sys.executable, "-m", "seqformer", "translate", "--json", "--run", str(trained)]
    done = subprocess.run(
        [*map(os.fsencode, arguments), "où été".encode(), b"\xff\n\nchat"],
        capture_output=True, env=surroundings | {"PYTHONCOERCECLOCALE": "0"}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and b"line 2: not UTF-8" in done.stderr, done.stderr
    sources = [json.loads(line)["source"] for line in done.stdout.decode("utf-8").splitlines()]
    assert sources == ["où été", "\ufffd", "", "chat"]


def test_python_takes_the_same_road(trained: Path) -> None:
    model = api.load(trained, device="cpu")
    found = model.translate(["chat " * 500, "", "a\nb", "\udcff"], beam=1)
    assert len(found) == 4 and found[1].text == "" and not any("\n" in best.text for best in found)
    maps = model.attention(SENTENCE + " " + SENTENCE)  # one look at the whole line
    assert len(maps.source) > model.run.task.manifest.longest["source"] + 1


def test_normalising_long_words_is_what_it_is_for_short_ones() -> None:
    words = ["e\u0301te\u0301", "\u1100\u1161", "a\u0316\u0301\u0300"]
    text = " ".join(words * 2000)
    normalize = Normalizer()
    assert normalize(text) == " ".join([normalize(word) for word in words] * 2000)


def test_translations_in_rank_order(small: Translator) -> None:
    best: list[Translation] = small.translate(
        [" ".join([SENTENCE] * 4)], DecodeConfig(beam=5, n_best=5, length_penalty=0.3)
    )[0]
    assert all(a.score >= b.score for a, b in pairwise(best)) and len(best) == 5


def test_a_file_is_not_written_over_while_it_is_read(command: Command, trained: Path) -> None:
    Path("in.txt").write_text("le chat\n")
    os.link("in.txt", "same.txt")
    for name in ("in.txt", "same.txt", "./in.txt"):
        code, out, err = command("translate", "--run", trained, "--input", "in.txt", "--output", name)
        assert code == 2 and out == "" and "is the file to translate" in err.splitlines()[-1]
    assert Path("in.txt").read_text() == "le chat\n"
