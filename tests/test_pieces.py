"""What vocabularies are learned from, and what they hold besides pieces of text."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
import sentencepiece
from conftest import Command, toy_pairs
from hypothesis import given, settings
from hypothesis import strategies as st

from seqformer.config import MODEL_TYPES, PrepareConfig
from seqformer.errors import DataError, SeqformerError
from seqformer.formats.corpus import open_corpus
from seqformer.symbols import BOS, EOS, PAD, SPECIALS, UNK
from seqformer.tasks import open_task, text_task
from seqformer.text import pieces, prepare, tokenizer
from seqformer.text.normalize import Normalizer
from seqformer.text.pieces import LONGEST, Extras, Statistics, fragments, measure
from seqformer.text.rows import embedded
from seqformer.text.tokenizer import Vocabulary, auto_size

LINES = [line for pair in toy_pairs() for line in pair]
CHINESE = "".join(chr(0x4E00 + n * n % 97) for n in range(3000))
NORMAL = Normalizer()


def learned(model_type: str = "bpe", size: int = 400, extras: Extras | None = None) -> Vocabulary:
    """A vocabulary of the toy lines."""
    return tokenizer.train(lambda: iter(LINES), model_type, size, 1, extras)


# Long lines


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["a", "é", "字", "😀", "▅", "ab "]), st.integers(0, 3000)), max_size=5
        ).map(lambda parts: NORMAL("".join(text * count for text, count in parts))),
        max_size=3,
    )
)
def test_fragments_hold_all_of_the_text(lines: list[str]) -> None:
    cut = list(fragments(lines))
    assert all(0 < len(each.encode()) <= LONGEST for each in cut)
    text = "".join(lines).replace(" ", "").replace("▅", "")
    assert "".join(cut).replace(" ", "") == text
    short = [line for line in lines if line and len(line.encode()) <= LONGEST and "▅" not in line]
    assert not short or [line for line in cut if line in short]


def test_words_are_cut_only_where_they_must_be() -> None:
    line = "chien " * 2000 + "x" * 5000 + " chat"
    cut = list(fragments([line]))
    assert {word for each in cut for word in each.split()} - {"chien", "chat"} == {"x" * 4192, "x" * 808}
    assert list(fragments(["y" * LONGEST, "", "chat"])) == ["y" * LONGEST, "chat"]


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_what_sentencepiece_takes_anyway_gives_the_model_it_makes_itself(model_type: str) -> None:
    out = io.BytesIO()
    sentencepiece.set_random_generator_seed(1)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=out, vocab_size=60, model_type=model_type,
        pad_id=PAD, unk_id=UNK, bos_id=BOS, eos_id=EOS, normalization_rule_name="identity",
        character_coverage=1.0 if model_type == "word" else 0.9999, hard_vocab_limit=False,
        input_sentence_size=tokenizer.SAMPLE, num_threads=4, minloglevel=2,
    )  # fmt: skip
    assert learned(model_type, 60).model == out.getvalue()


@pytest.mark.parametrize("model_type", MODEL_TYPES)
@pytest.mark.parametrize("line", ["le chat mange " * 700, CHINESE, "x" * 9000, "le ▅ chat"])
def test_a_corpus_of_one_such_line_is_learned(model_type: str, line: str) -> None:
    line = NORMAL(line)
    vocabulary = tokenizer.train(lambda: iter([line, line]), model_type, 400, 1)
    known = [line] if model_type != "word" or " " in line else []
    for text in known:
        assert UNK not in vocabulary.encode([text.replace("▅", "chat")])[0]


@pytest.mark.parametrize("lines", [[], [""], ["▅", "▅▅"]])
def test_no_text_is_refused_in_words(lines: list[str]) -> None:
    for model_type in MODEL_TYPES:
        with pytest.raises(DataError, match="no text to learn"):
            tokenizer.train(lambda: iter(lines), model_type, 100, 1)


@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=4),
    st.sampled_from(MODEL_TYPES),
    st.sampled_from([1, 8, 400]),
    st.sampled_from([Extras(), Extras(("Z",), True), Extras(("Z", "{0}"), byte_fallback=True)]),
)
@settings(deadline=None, max_examples=40)
def test_no_inner_error_reaches_the_user(lines: list[str], kind: str, size: int, extras: Extras) -> None:
    lines = [NORMAL(line) for line in lines]
    extras = Extras() if kind == "word" else extras
    try:
        vocabulary = tokenizer.train(lambda: iter(lines), kind, size, 1, extras)
    except DataError as error:
        assert "no text" in str(error) and not any(line.replace("▅", "") for line in lines)
    else:
        assert len(vocabulary) >= SPECIALS + extras.size


def test_an_error_that_nobody_thought_of_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("INTERNAL: src/trainer.cc(1)\nno")

    monkeypatch.setattr(sentencepiece.SentencePieceTrainer, "train", fail)
    with pytest.raises(DataError, match=r"cannot learn 400 pieces of the type bpe from this text"):
        learned()


def test_lines_are_drawn_alike_in_every_process() -> None:
    drawn = [list(pieces.drawn(range(1000), 1000, 100, seed)) for seed in (1, 1, 2)]  # type: ignore[type-var]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 100 and drawn[0] == sorted(drawn[0])
    assert list(pieces.drawn(iter("abc"), 3, 3, 1)) == ["a", "b", "c"]
    code = (
        "import hashlib\nfrom seqformer.text import tokenizer\ntokenizer.SAMPLE = 300\n"
        "lines = [f'w{n * n % 91} w{n * 7 % 83} w{n % 13}' for n in range(2000)]\n"
        "print(hashlib.md5(tokenizer.train(lambda: iter(lines), 'bpe', 200, 1).model).hexdigest())"
    )
    done = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(2)]
    assert done[0].stdout == done[1].stdout


# Sizes


def test_sizes_grow_with_the_text_and_with_a_large_alphabet() -> None:
    assert [auto_size(int(n)) for n in (0, 1e4, 3.7e6, 1e9)] == [1000, 1000, 8000, 32_000]
    assert auto_size(3_700_000, 250) == 8000  # an alphabet is no reason
    assert auto_size(487_029, 3500) == 6000 and auto_size(10**9, 6000) == 32_000


def test_beside_chinese_the_other_side_is_not_spelled_letter_by_letter(tmp_path: Path) -> None:
    def sentence(number: int) -> str:
        return "".join(chr(0x4E00 + (number * 31 + i * 7) % 1500) for i in range(8))

    pairs = [(sentence(n), source) for n, (source, _) in enumerate(toy_pairs(220))]
    manifest = prepare.prepare(pairs, {}, tmp_path / "zh", PrepareConfig(valid_size=5, test_size=5))
    assert manifest.vocabulary["target"] > 1300
    words = sum(len(target.split()) for _, target in pairs)
    assert manifest.tokens["target"] < 1.2 * words


# Digits


def test_digits_are_split_where_numbers_are_frequent() -> None:
    few = measure([["the 12 dogs", "5 chiens"]] + [["a dog", "un chien"]] * 9)
    assert (few.numbers, few.lines) == (1, 20) and few.numbers_are_frequent
    assert not Statistics(lines=21, numbers=1).numbers_are_frequent
    assert not Statistics().numbers_are_frequent
    assert not measure(
        list(pair) for pair in open_corpus(embedded(), prepare.Faults()).pairs
    ).numbers_are_frequent


def numbers() -> list[tuple[str, str]]:
    return [(f"page {n * 37 % 1000} chat", f"seite {n * 37 % 1000} katze") for n in range(60)]


@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
@pytest.mark.parametrize(("digits", "split"), [("auto", True), ("keep", False), ("split", True)])
def test_each_digit_is_a_piece(tmp_path: Path, model_type: str, digits: str, split: bool) -> None:
    config = PrepareConfig(model_type=model_type, digits=digits, vocab_size=120)
    faults = prepare.Faults()
    prepare.prepare(prepare.rows.numbered(numbers(), faults), {}, tmp_path / "n", config, faults=faults)
    vocabulary = text_task(open_task(tmp_path / "n")).tokenizer.source
    several = [p for p in vocabulary.pieces(range(SPECIALS, len(vocabulary))) if p[-1].isdigit() and p[1:]]
    assert bool(several) != split
    assert any("Numbers" in remark for remark in faults.remarks) == (digits == "auto")
    assert vocabulary.decode(vocabulary.encode(["page 407 chat"])) == ["page 407 chat"]


@pytest.mark.parametrize(
    ("model_type", "values"),
    [
        ("word", {"digits": "split"}),
        ("char", {"digits": "split"}),
        ("word", {"byte_fallback": True}),
        ("word", {"symbols": "X"}),
        ("word", {"character_coverage": 0.99}),
    ],
)
def test_what_would_do_nothing_is_refused(model_type: str, values: dict[str, object]) -> None:
    with pytest.raises(SeqformerError, match="nothing to do for model type"):
        PrepareConfig(model_type=model_type, **values)  # type: ignore[arg-type]
    PrepareConfig(model_type=model_type)


# Bytes

BYTES = {kind: learned(kind, 400, Extras(byte_fallback=True)) for kind in ("bpe", "unigram", "char")}


@given(st.text(), st.sampled_from(sorted(BYTES)))
def test_with_bytes_no_text_is_unknown(text: str, kind: str) -> None:
    line = NORMAL(text)
    (ids,) = BYTES[kind].encode([line])
    assert UNK not in ids and BYTES[kind].decode([ids]) == [line]


@given(st.lists(st.integers(0, len(BYTES["bpe"]) - 1), max_size=30))
def test_any_bytes_are_decoded_to_one_line_of_normal_text(ids: list[int]) -> None:
    (text,) = BYTES["bpe"].decode([ids])
    assert NORMAL(text) == text and len(text.splitlines()) <= 1


def test_bytes_that_are_no_character_are_shown() -> None:
    vocabulary = BYTES["bpe"]
    byte = {vocabulary.pieces([i])[0]: i for i in range(len(vocabulary))}
    assert vocabulary.decode([[byte["<0xD0>"]], [byte["<0x0A>"], byte["<0x1B>"]]]) == ["\ufffd", ""]
    assert len(vocabulary) >= SPECIALS + pieces.BYTES


# Symbols


@pytest.mark.parametrize("model_type", ["bpe", "unigram", "char"])
def test_a_symbol_is_one_piece_wherever_it_stands(model_type: str) -> None:
    vocabulary = learned(model_type, 400, Extras(symbols=("<name>", "{0}", "日本")))
    for text in ("<name>", "le <name> dort", "un<name>et{0}", "<name><name> {0}", "日本le chat日本"):
        (ids,) = vocabulary.encode([text])
        assert vocabulary.decode([ids]) == [text]
        found = vocabulary.pieces(ids)
        for symbol in ("<name>", "{0}", "日本"):
            assert found.count(symbol) == text.count(symbol)
    assert UNK in vocabulary.encode(["le <nam dort"])[0]


def test_symbols_are_normalised_like_text_and_kept_in_the_manifest(tmp_path: Path) -> None:
    config = PrepareConfig(symbols="<NAME> {0}", lowercase=True, valid_size=5, test_size=5)
    pairs = [(f"{s} <NAME>", f"{t} {{0}}") for s, t in toy_pairs()]
    manifest = prepare.prepare(pairs, {}, tmp_path / "s", config)
    task = text_task(open_task(tmp_path / "s"))
    assert task.manifest.prepare_config() == config and manifest.unknown == {"source": 0, "target": 0}
    vocabulary = task.tokenizer.source
    assert "<NAME>" in vocabulary.pieces(vocabulary.encode(["le <NAME>"])[0])


@pytest.mark.parametrize(
    ("symbols", "why"),
    [
        ("<s>", "special piece"),
        ("X </s>", "special piece"),
        ("<unk>", "special piece"),
        ("<pad>", "special piece"),
        ("▁x", "for itself"),
        ("a▅", "for itself"),
        ("X X", "twice"),
        ("Ab aB", "'Ab' is the same"),
        ("x" * 101, "at most 100 characters"),
        (" ".join(f"s{n}" for n in range(1001)), "at most 1,000"),
        ("ok\u200b \u2060\u2060", "nothing is left"),
        ("{0}!", "more than one word"),
    ],
)
def test_a_symbol_that_cannot_be_one_is_refused(tmp_path: Path, symbols: str, why: str) -> None:
    config = PrepareConfig(symbols=symbols, lowercase=True, split_punctuation=True)
    with pytest.raises(DataError, match=why):
        prepare.prepare(toy_pairs(), {}, tmp_path / "s", config)
    assert not list(tmp_path.iterdir())


def test_a_file_of_symbols(tmp_path: Path) -> None:
    file = tmp_path / "symbols.txt"
    file.write_bytes("\ufeff<name>\r\n\n  {0}\n日本".encode())
    assert pieces.read_symbols(file) == "<name> {0} 日本"
    for content, why in (
        (b"", "no symbol"),
        (b" \n\n", "no symbol"),
        (b"ok\na b\n", "line 2"),
        (b"\xff", "UTF-8"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=why):
            pieces.read_symbols(file)


# The commands


def test_from_the_command_line(command: Command, tmp_path: Path, trained: Path) -> None:
    (tmp_path / "p.tsv").write_text(
        "".join(f"{s} <X> 1{n}\t{t} <X> 1{n}\n" for n, (s, t) in enumerate(toy_pairs()))
    )
    (tmp_path / "s.txt").write_text("<X>\n")
    options = ("--symbols", "s.txt", "--byte-fallback", "--keep-digits", "--character-coverage", "0.999")
    code, _, err = command("prepare", "p.tsv", *options, "--out", "made")
    assert code == 0, err
    config = text_task(open_task(tmp_path / "made")).manifest.prepare_config()
    assert (config.symbols, config.byte_fallback, config.digits) == ("<X>", True, "keep")
    assert config.character_coverage == 0.999
    for option in (
        ("--symbols", "s.txt"),
        ("--split-digits",),
        ("--byte-fallback",),
        ("--character-coverage", "1"),
    ):
        code, out, err = command("prepare", "p.tsv", "--like", trained, *option, "--out", "other")
        assert (code, out, err.count("\n")) == (2, "", 1) and "beside --like" in err, err
    assert not (tmp_path / "other").exists()


# Letters never seen


def test_letters_that_the_vocabulary_never_saw() -> None:
    vocabulary = learned()
    assert vocabulary.unseen("Собака спит .") == "Cyrillic"
    assert vocabulary.unseen("犬が眠る 。") == "Han"
    assert vocabulary.unseen("le chat Жуков dort") == ""  # a name
    assert vocabulary.unseen("LE CHAT DORT") == "capitals"
    assert vocabulary.unseen("le chat zz kwj") == ""
    assert vocabulary.unseen("µ") == vocabulary.unseen("ж" * 50) == ""  # a sign
    assert vocabulary.unseen("12 !?") == vocabulary.unseen("") == ""
    assert vocabulary.unseen("жук кот") and BYTES["bpe"].unseen("жук кот")
    assert learned("word", 400).unseen("tige magnat") == ""  # unknown words in known letters


def test_a_line_in_such_letters_is_reported(command: Command, tmp_path: Path, trained: Path) -> None:
    (tmp_path / "in.txt").write_text("le chat\n" + "собака спит\n" * 25)
    code, out, err = command("translate", "--input", "in.txt", "--run", trained)
    assert code == 0 and out.count("\n") == 26
    assert "line 2: written in letters that the vocabulary never saw (Cyrillic)" in err
    assert "line 1:" not in err and err.count("Cyrillic") == 20 and "letters never seen: 5 more" in err
    (tmp_path / "ref.txt").write_text("chat le\n" * 26)
    code, out, err = command("evaluate", "--source", "in.txt", "--reference", "ref.txt", "--run", trained)
    assert code == 0 and "25 of 26 sources: written in letters that the vocabulary never saw" in err, err
    code, _, err = command("evaluate", "--run", trained)
    assert code == 0 and "never saw" not in err
