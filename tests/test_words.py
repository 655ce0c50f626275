"""What a word is to BLEU, and error rates: perfect is perfect in every script, and all else as it was."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, new_run, toy_pairs
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from seqformer.config import PrepareConfig
from seqformer.decoding.translator import Translator
from seqformer.errors import SeqformerError
from seqformer.inference.evaluation import evaluate
from seqformer.report import moses, scores, significance, words
from seqformer.report.learning import Learning
from seqformer.runs import assemble
from seqformer.text import prepare

# the sentences of each script, and the tokenizer that suits them
SCRIPTS = {
    "zh": (["我昨天在图书馆看了一本很有意思的书。", "他们明天要去北京参加会议。", "这只小猫喜欢在窗边睡觉。"], "zh"),
    "zh, mixed": (["我用 Python 写了一个小程序。", "请把文件发到我的邮箱。", "这家の店卖 iPhone 手机壳。"], "zh"),
    "ja": (["昨日は図書館で面白い本を読みました。", "猫は窓のそばで寝るのが好きです。", "明日東京へ行きます。"], "ja-mecab"),
    "ko": (["어제 도서관에서 책을 읽었습니다.", "고양이는 창가에서 잠을 잡니다.", "내일 서울에 갑니다."], "ko-mecab"),
    "th": (["เมื่อวานฉันอ่านหนังสือที่ห้องสมุด", "แมวชอบนอนข้างหน้าต่าง", "พรุ่งนี้เราจะไปตลาด"], "char"),
    "lo": (["ຂ້ອຍອ່ານປຶ້ມຢູ່ຫ້ອງສະໝຸດ", "ແມວມັກນອນຢູ່ຂ້າງປ່ອງຢ້ຽມ", "ມື້ອື່ນພວກເຮົາຈະໄປຕະຫຼາດ"], "char"),
    "km": (["ខ្ញុំអានសៀវភៅនៅបណ្ណាល័យ។", "ឆ្មាចូលចិត្តគេងក្បែរបង្អួច។", "ស្អែកយើងនឹងទៅផ្សារ។"], "char"),
    "my": (["ကျွန်တော်စာအုပ်ဖတ်သည်။", "ကြောင်သည်ပြတင်းပေါက်နားတွင်အိပ်သည်။", "မနက်ဖြန်ဈေးသို့သွားမည်။"], "char"),
    "bo": (["ང་དེ་རིང་དཔེ་ཆ་ཀློག་གི་ཡོད།", "ཞི་མི་ཉལ་གྱི་འདུག", "སང་ཉིན་ང་ཚོ་ཁྲོམ་ལ་འགྲོ།"], "char"),
    "en": (["I read an odd book (in 日本) there.", "The cat sleeps near the window.", "We go to Rome, too."], "13a"),
    "fr": (["J'ai lu un livre étrange hier.", "Le chat dort près de la fenêtre.", "Nous allons à Rome."], "13a"),
    "de": (["Gestern las ich ein Buch.", "Die Katze schläft gern am Fenster.", "Wir fahren nach Rom."], "13a"),
    "ru": (["Вчера я читал странную книгу.", "Кошка любит спать у окна.", "Завтра мы едем в Рим."], "13a"),
    "ar": (["قرأت كتابا غريبا في المكتبة.", "تحب القطة النوم قرب النافذة.", "سنذهب غدا إلى السوق."], "13a"),
    "hi": (["मैंने कल एक किताब पढ़ी।", "बिल्ली खिड़की के पास सोती है।", "हम कल बाज़ार जाएँगे।"], "13a"),
    "single words": (["kitten", "gate", "window", "wander"], "char"),
    "phonemes": (["k ɪ t ə n", "g eɪ t", "w ɪ n d oʊ", "w ɒ n d ə"], "13a"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_perfect_is_perfect_in_every_script_and_a_mixture_is_not(name: str) -> None:
    lines, suiting = SCRIPTS[name]
    assert words.suiting(lines) == suiting
    if name != "single words":
        assert words.suiting([" ".join([*lines, *lines])]) == suiting, "some spaces change nothing"
    assert scores.corpus_score("bleu", lines, lines).score == pytest.approx(100)
    assert scores.corpus_score("bleu", lines[1:] + lines[:1], lines).score < 20
    assert scores.corpus_score("ter", lines, lines).score == 0
    if suiting == "13a":
        usual = BLEU()
        said = [line.split(" ", 1)[-1] for line in lines]
        own = scores.corpus_score("bleu", said, lines)
        assert own.score == usual.corpus_score(said, [lines]).score
        assert own.signature == str(usual.get_signature())


def test_a_few_lines_decide_wherever_they_stand() -> None:
    chinese, english = SCRIPTS["zh"][0] * 1000, SCRIPTS["en"][0] * 1000
    assert words.suiting(english[:400] + chinese) == "zh"
    assert words.suiting(chinese[:400] + english) == "13a"
    assert words.suiting([]) == words.suiting(["", "  "]) == "13a"
    assert words.suiting(["書" * 1_000_000, *english[:300]]) == "13a", "one long line decides"


def test_every_tokenizer_is_one_of_sacrebleus() -> None:
    assert set(words.TOKENIZERS) - {moses.NAME} < set(BLEU.TOKENIZERS)
    assert "spm" not in words.TOKENIZERS, "sacreBLEU warns of it"


@pytest.mark.parametrize(("language", "module"), [("ja", "ja_mecab"), ("ko", "ko_mecab")])
def test_without_the_extra_characters_are_counted_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, language: str, module: str
) -> None:
    monkeypatch.setattr(f"sacrebleu.tokenizers.tokenizer_{module}.MeCab", None)
    lines = SCRIPTS[language][0]
    for asked in ("", f"{language}-mecab"):
        chosen = words.choose(asked, lines)
        assert chosen.tokenizer == "char" and f"pip install 'seqformer[{language}]'" in chosen.remark
        found = scores.corpus_score("bleu", lines, lines, tokenize=asked)
        assert found.score == pytest.approx(100) and "|tok:char|" in found.signature


@pytest.mark.parametrize(("language", "package"), [("ja", "MeCab"), ("ko", "mecab_ko")])
def test_with_the_extra_scores_are_sacrebleus(language: str, package: str) -> None:
    pytest.importorskip(package)
    lines, name = SCRIPTS[language]
    said = [line[:-3] for line in lines]
    assert words.choose("", lines) == words.Words(name)
    own = scores.corpus_score("bleu", said, lines)
    assert own.score == BLEU(tokenize=name).corpus_score(said, [lines]).score
    assert f"|tok:{name}-" in own.signature
    assert lines[0][:2] in words.bleu(name).tokenizer(f"a\0{lines[0]}").replace(" ", "")


def test_mecab_is_handed_long_lines_in_parts() -> None:
    """A line of 200,000 letters without a space makes it fail, after half a minute."""
    parts: list[str] = []

    def mecab(line: str) -> str:
        parts.append(line)
        return line

    line = "".join(random.Random(1).choices("ab c", k=200_000))
    assert words._in_parts(mecab, line).split(" ")[0] == line.split(" ")[0]
    assert "".join(parts) == line and max(map(len, parts)) <= 10_000


@pytest.mark.parametrize("name", words.MODELS)
def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    from sacrebleu.tokenizers import tokenizer_spm

    def network(*_: object) -> None:
        raise AssertionError("it would have downloaded")

    monkeypatch.setattr(tokenizer_spm, "download_file", network)
    for module in ("sacrebleu.utils", "sacrebleu.tokenizers.tokenizer_spm"):
        monkeypatch.setattr(f"{module}.SACREBLEU_DIR", str(tmp_path))
    with pytest.raises(SeqformerError, match="nothing is downloaded; put https://"):
        words.choose(name, ["a b c d"])
    model = tmp_path / "models" / str(tokenizer_spm.SPM_MODELS[name]["url"]).rsplit("/", 1)[-1]
    model.parent.mkdir()
    model.write_bytes(b"rubbish")
    with pytest.raises(SeqformerError, match="no model of SentencePiece"):
        words.choose(name, ["a b c d"])


def test_a_model_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Path) -> None:
    for module in ("sacrebleu.utils", "sacrebleu.tokenizers.tokenizer_spm"):
        monkeypatch.setattr(f"{module}.SACREBLEU_DIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models/flores200sacrebleuspm").write_bytes((data / "tokenizer.model").read_bytes())
    line = "le petit chat rouge dort et le chien mange"
    found = scores.corpus_score("bleu", [line], [line], tokenize="flores200")
    assert found.score == pytest.approx(100) and "|tok:flores200|" in found.signature


def test_a_comparison_counts_the_same_words() -> None:
    lines = SCRIPTS["th"][0] * 10
    first = [line[:-2] for line in lines]
    for asked, shown in (("", "|tok:char|"), ("13a", "|tok:13a|")):
        (test,) = significance.compare(["bleu"], first, lines, lines, asked)
        assert all(shown in signature for signature in test.signatures)
        assert test.first == scores.corpus_score("bleu", first, lines, tokenize=asked).score


@pytest.mark.parametrize(
    ("said", "wanted", "wer", "cer"),
    [
        (["the cat sat"], ["the cat sat"], 0, 0),
        (["the cat"], ["the cat sat"], 100 / 3, 400 / 11),  # a word less; four characters, the space included
        (["the bat sat down"], ["the cat sat"], 200 / 3, 600 / 11),  # a substitution and a word more
        (["b a"], ["a b"], 100, 200 / 3),
        (["kitten", "go"], ["sitting", "go"], 50, 300 / 9),
        ([" a  b "], ["a b"], 0, 100 / 3),  # spaces between words count as characters
        (["a"], [""], 100, 100),
        ([""], [""], 0, 0),
        (["", "x"], ["a b", "x"], 200 / 3, 75),
    ],
)  # fmt: skip
def test_error_rates_worked_by_hand(said: list[str], wanted: list[str], wer: float, cer: float) -> None:
    assert scores.corpus_score("wer", said, wanted).score == pytest.approx(wer)
    assert scores.corpus_score("cer", said, wanted).score == pytest.approx(cer)


LINE = st.text("ab c", max_size=8)


@given(st.lists(st.tuples(LINE, LINE, LINE), min_size=1, max_size=4))
def test_laws_of_error_rates(rows: list[tuple[str, str, str]]) -> None:
    def edits(name: str, said: list[str], wanted: list[str]) -> float:
        metric = scores.metric_for(name, wanted)
        return float(sum(edits for edits, _ in metric._extract_corpus_statistics(said, [wanted])))

    first, second, third = ([row[i] for row in rows] for i in range(3))
    for name, units in (("wer", str.split), ("cer", str.strip)):
        longest = sum(max(len(units(a)), len(units(b))) for a, b in zip(first, second, strict=True))
        equal = all(units(a) == units(b) for a, b in zip(first, second, strict=True))
        assert (edits(name, first, second) == 0) == equal
        assert edits(name, first, second) == edits(name, second, first) <= longest
        assert edits(name, first, third) <= edits(name, first, second) + edits(name, second, third)


def test_of_single_words_the_word_error_rate_is_what_is_not_exact() -> None:
    said, wanted = ["gate", "gait", "wander"], ["gate", "gate", "wonder"]
    rate = scores.corpus_score("wer", said, wanted, interval=True)
    assert rate.score == pytest.approx(100 * (1 - scores.exact_match(said, wanted)))
    assert rate.interval is not None and rate.interval[0] < rate.score < rate.interval[1]
    assert rate.signature.startswith("nrefs:1|bs:1000|seed:12345|case:mixed|edits:word|version:rapidfuzz-")


def test_fewer_errors_are_better() -> None:
    wanted = [target for _, target in toy_pairs(40)]
    wreck = [line[2:-2] for line in wanted]
    for name in ("wer", "cer", "ter"):
        (test,) = significance.compare([name], wreck, wanted, wanted)
        assert test.shown and "right is better" in test.verdict(("wreck", "right"), 40)


def test_scores_that_need_spaces_say_so() -> None:
    assert "WER counts" in words.remark_on_spaces(("ter", "wer"), SCRIPTS["ja"][0])
    assert "TER and WER count " in words.remark_on_spaces(("bleu", "ter", "wer", "cer"), SCRIPTS["th"][0])
    for name in ("en", "ko", "single words"):
        assert words.remark_on_spaces(("ter", "wer"), SCRIPTS[name][0]) == ""
    assert words.remark_on_spaces(("bleu", "chrf", "cer"), SCRIPTS["th"][0]) == ""


def test_training_counts_the_words_that_suit_its_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    stems = ["แมว", "สุนัข", "บ้าน", "ปลา", "เรือ", "ดาว", "ถนน", "ฝน"]
    pairs = [(f"s{n}", "".join(chance.choices(stems, k=4)) + stems[n % 8]) for n in range(80)]
    answers = dict(pairs)
    prepare.prepare(pairs, {}, tmp_path / "data", PrepareConfig(vocab_size=60, valid_size=10, test_size=10))

    def right(self: Any, lines: list[str], *_: object) -> list[Any]:
        return [[type("Best", (), {"text": answers[line]})()] for line in lines]

    monkeypatch.setattr(Translator, "translate", right)
    run = new_run(tmp_path / "run", tmp_path / "data", {}, {"max_steps": 1, "precision": "fp32"})
    training = assemble.begin(run, "cpu")
    assert training.remarks == ["BLEU counts with sacreBLEU's tokenizer char, which suits the targets."]
    assert training.trainer.validate().values["bleu"] == pytest.approx(100)
    assert run.task.counts_characters
    training.trainer.store.close()


def test_usual_targets_are_not_remarked_on(make_run: Any) -> None:
    run = make_run()
    training = assemble.begin(run, "cpu")
    training.trainer.store.close()
    assert training.remarks == [] and not run.task.counts_characters


def test_of_characters_more_must_be_right() -> None:
    learning = Learning.of([{"step": 1, "bleu": 15.0}, {"step": 2, "bleu": 25.0, "best": True}], "bleu")
    assert learning.verdict(0.0)[0].startswith("It learned")
    assert learning.verdict(0.0, characters=True)[0].startswith("It has begun")


def test_the_command_counts_as_asked(command: Command, trained: Path, tmp_path: Path) -> None:
    sources, references = tmp_path / "s.txt", tmp_path / "r.txt"
    sources.write_text("".join(f"{s}\n" for s, _ in toy_pairs(6)), "utf-8")
    references.write_text("".join(f"{line}\n" for line in SCRIPTS["ja"][0] * 2), "utf-8")
    usual = ("evaluate", "--run", trained, "--beam", 1, "--source", sources, "--reference", references)
    code, out, err = command(*usual, "--bleu", "--wer", "--cer", "--tokenize", "char", "--json")
    said = json.loads(out)
    assert code == 0 and "|tok:char|" in said["bleu"]["signature"]
    assert said["wer"]["score"] > 0 and "edits:character" in said["cer"]["signature"]
    assert said["remarks"] == ["WER counts what stands between spaces, of which this script has few; "
                               "CER and chrF count characters"]  # fmt: skip
    assert said["remarks"][0] in err
    assert evaluate(trained, split="test", metrics="wer", beam=1).to_json()["wer"]["score"] > 0
    for options, message in (
        (("--tokenize", "charr"), "there is no tokenizer 'charr': did you mean 'char'?"),
        (("--chrf", "--tokenize", "zh"), "the tokenizer zh is for BLEU, which is not asked for"),
    ):
        code, out, err = command(*usual, *options)
        assert code == 2 and out == "" and message in err and err.count("\n") == 1, err


def test_the_command_says_what_is_missing(
    command: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    sources, references = tmp_path / "s.txt", tmp_path / "r.txt"
    sources.write_text("le chat\n" * 3, "utf-8")
    references.write_text("".join(f"{line}\n" for line in SCRIPTS["ja"][0]), "utf-8")
    code, out, err = command(
        "evaluate", "--run", trained, "--beam", 1, "--source", sources, "--reference", references, "--bleu",
        "--compare", references,
    )  # fmt: skip
    assert code == 0 and out.count("tok:char") == 3, out
    assert "pip install 'seqformer[ja]'" in err
