"""Constraints and samples from the command line and from Python: what is asked for is there, or one line says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Command

from seqformer import api
from seqformer.decoding.constraints import pattern
from seqformer.decoding.mbr import ordered
from seqformer.decoding.translator import Translation
from seqformer.errors import SeqformerError

LINE = "le chat mange et dort"


def words(trained: Path) -> list[str]:
    """Return target words of the tokenizer, each of one piece."""
    target = api.load(trained).run.task.tokenizer.target  # type: ignore[attr-defined]
    pieces = target.pieces(range(4, len(target)))
    return [piece[1:] for piece in pieces if piece.startswith("▁") and piece[1:].isalpha() and len(piece) > 3]


def test_the_words_of_a_glossary_come(trained: Path, tmp_path: Path, command: Command) -> None:
    word = words(trained)[0]
    (tmp_path / "g.tsv").write_text(f"chat\t{word}\nvache\t{word}\n")
    options = ("--run", trained, "--glossary", tmp_path / "g.tsv", "--max-length", 12)
    code, out, err = command("translate", *options, LINE, "un chien dort")
    assert code == 0 and word in out.splitlines()[0].split()
    assert "1 of 2 terms occurred, 1 time" in err
    model = api.load(trained)
    same = model.translate(LINE, glossary={"chat": word, "vache": word}, max_length=12)
    assert same.text == out.splitlines()[0]


def test_words_to_avoid_never_come(trained: Path, tmp_path: Path, command: Command) -> None:
    usual = api.load(trained).translate(LINE, max_length=8).text
    wrong = {word for word in usual.split() if word.isalpha()}
    assert wrong
    (tmp_path / "words").write_text("\n".join(wrong) + "\n")
    options = ("--run", trained, "--avoid", tmp_path / "words", "--max-length", 8)
    code, out, _ = command("translate", *options, LINE)
    assert code == 0 and not wrong & set(out.split())


def test_a_begun_translation_is_gone_on_with(trained: Path, command: Command) -> None:
    word = max(words(trained), key=len)
    for prefix in (word, word[:-1], f"{word} {word[:2]}"):
        code, out, _ = command("translate", "--run", trained, "--prefix", prefix, "--max-length", 20, LINE)
        assert code == 0 and out.startswith(prefix)
    code, out, _ = command("translate", "--run", trained, "--prefix", f"{word} ", "--max-length", 9, LINE)
    assert code == 0 and out.split()[0] == word


def test_alternatives_differ_in_the_next_word(trained: Path, command: Command) -> None:
    word = words(trained)[0]
    for prefix in ("", word):
        code, out, _ = command(
            "translate", "--run", trained, "--alternatives", 3, "--prefix", prefix, "--max-length", 9, LINE
        )
        lines = out.split("\n")[:-1]
        assert code == 0 and len(lines) == 3
        following = [
            line[len(prefix) :].split(" ")[0 if line[len(prefix) :][:1] != " " else 1]
            for line in lines
            if line
        ]
        assert len(set(following)) == len(following) >= 2
        assert all(line.startswith(prefix) for line in lines if line)


def test_samples_are_the_same_for_the_same_seed(trained: Path, tmp_path: Path, command: Command) -> None:
    def drawn(*options: object) -> str:
        code, out, err = command("translate", "--run", trained, "--sample", "--max-length", 6, *options)
        assert code == 0, err
        return out

    one = drawn("--n-best", 4, LINE)
    assert len(one.splitlines()) == 4 and one == drawn("--n-best", 4, LINE)
    assert one != drawn("--n-best", 4, "--seed", 2, LINE)
    (tmp_path / "in").write_text(f"un chien\n{LINE}\n")
    assert drawn("--n-best", 4, "--input", tmp_path / "in").splitlines()[4:] == one.splitlines()
    model = api.load(trained)
    assert [t.text for t in model.translate(LINE, sample=True, n_best=4, max_length=6)] == one.splitlines()
    best = model.translate(LINE, mbr=4, max_length=6)
    assert best.text in one.splitlines()


def test_minimum_bayes_risk_takes_what_is_most_like_all() -> None:
    texts = ["a red house", "a red horse", "a red house", "blue"]
    made = ordered([Translation(text, [], [], 0.0, 0.0) for text in texts])
    assert [t.text for t in made] == ["a red house", "a red horse", "blue"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--temperature", 0), "temperature is 0"),
        (("--temperature", 0.5), "does nothing without sampling"),
        (("--top-k", 3), "does nothing without sampling"),
        (("--sample", "--beam", 3), "a beam does nothing for samples"),
        (("--mbr", 1), "at least 2 samples"),
        (("--sample", "--top-p", 1.5), "at most 1"),
        (("--sample", "--diversity", 1), "leave out diversity"),
        (("--min-length", 5, "--max-length", 5), "no room for the end"),
        (("--prefix", "日本"), "has no pieces for"),
        (("--alternatives", 0), "at least 1"),
        (("--alternatives", 2, "--n-best", 2), "leave out --n-best"),
        (("--glossary", "missing.tsv"), "missing.tsv"),
    ],
)
def test_what_cannot_be_is_one_line(
    trained: Path, command: Command, options: tuple[object, ...], word: str
) -> None:
    code, out, err = command("translate", "--run", trained, *options, LINE)
    assert code == 2 and not out and word in err and err.count("\n") == 1, err


def test_constraints_that_contradict_each_other(trained: Path, tmp_path: Path, command: Command) -> None:
    one, other = words(trained)[:2]
    files = {
        "two.tsv": (f"chat\t{one}\nchat\t{other}\n", "--glossary", "has two translations"),
        "none.tsv": (f"girafe\t{one}\n", "--glossary", "no term of the glossary occurs"),
        "head.tsv": ("chat\n", "--glossary", "line 1: expected a source term"),
        "empty": ("\n", "--avoid", "no words to avoid"),
    }
    for name, (content, flag, word) in files.items():
        (tmp_path / name).write_text(content)
        code, out, err = command("translate", "--run", trained, flag, tmp_path / name, LINE)
        assert code == 2 and not out and word in err and err.count("\n") == 1, err
    (tmp_path / "good.tsv").write_text(f"chat\t{one}\n")
    (tmp_path / "avoid").write_text(f"{one}\n")
    both = ("--glossary", tmp_path / "good.tsv", "--avoid", tmp_path / "avoid")
    code, _, err = command("translate", "--run", trained, *both, LINE)
    assert code == 2 and "is to be avoided" in err
    long = ("--glossary", tmp_path / "good.tsv", "--max-length", 1, "--output", tmp_path / "out")
    code, _, err = command("translate", "--run", trained, *long, LINE)
    assert code == 2 and "max length is 1" in err and not (tmp_path / "out").exists()


def test_terms_are_whole_words_and_the_longest_first() -> None:
    terms = pattern(["cat", "cat food", "猫"])
    assert terms.findall("cat food for a cat, not cats; 小猫") == ["cat food", "cat", "猫"]


def test_processes_share_constrained_work(trained: Path, tmp_path: Path, command: Command) -> None:
    word = words(trained)[0]
    (tmp_path / "in").write_text(f"{LINE}\nun chien dort\n" * 3)
    (tmp_path / "g.tsv").write_text(f"chat\t{word}\n")
    options = ("--run", trained, "--glossary", tmp_path / "g.tsv", "--max-length", 9, "--json")
    one = command("translate", *options, "--input", tmp_path / "in")
    two = command("translate", *options, "--input", tmp_path / "in", "--workers", 2)
    assert one[0] == two[0] == 0
    assert [json.loads(line)["translations"][0]["text"] for line in one[1].splitlines()] == [
        json.loads(line)["translations"][0]["text"] for line in two[1].splitlines()
    ]


def test_an_unknown_piece_becomes_the_word_it_looked_at(trained: Path) -> None:
    model = api.load(trained)
    words_of = model.run.task.tokenizer.source.words  # type: ignore[attr-defined]
    for line in (LINE, "le zzqqxx chat"):
        (ids,) = model.run.task.tokenizer.source.encode([line])  # type: ignore[attr-defined]
        assert len(words_of(line)) == len(ids)
        assert list(dict.fromkeys(words_of(line))) == line.split()
    with pytest.raises(SeqformerError):
        model.translate(LINE, glossary={"chat": "日本"})


def test_samples_with_a_glossary_are_refused_whatever_the_line(trained: Path) -> None:
    model = api.load(trained)
    word = words(trained)[0]
    for line in ("le chat mange", "rien de tel"):
        with pytest.raises(SeqformerError, match="samples cannot be made"):
            model.translate(line, sample=True, glossary={"chat": word})
