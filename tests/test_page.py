"""The page in a real browser: the same text, the same pieces, the same numbers as in Python, and no request."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command, MakeRun

from seqformer import api
from seqformer.models import build
from seqformer.page import bundle
from seqformer.runs.run import Run
from seqformer.storage.tensors import save_weights
from seqformer.text import characters, tokenizer
from seqformer.text.normalize import Normalizer
from seqformer.text.pieces import Extras
from seqformer.text.placeholders import SYMBOLS, Shield

pytest.importorskip("google.protobuf", reason="the extra page is not installed")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LINES = [
    "le chat mange", "un grand chien dort", "la maison rouge", "x" * 30, "le le le le", "Ça va ?", "le\u00a0chat\u200b dort", "日本語 le chat",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api", reason="the extra browser is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("there is no chromium on this machine")
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open the page of a run; whatever it requests or complains about is kept."""
    context = browser.new_context()
    opened = context.new_page()
    opened.requests, opened.complaints = [], []
    opened.on("request", lambda request: opened.requests.append(request.url))
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))

    def go(run: Run, weights: str = "fp32") -> Any:
        out = tmp_path / f"{weights}.html"
        bundle.write(run, out, weights)
        opened.goto(out.as_uri())
        opened.wait_for_selector("body[data-ready]", state="attached")
        return opened

    yield go
    context.close()


def translated(page: Any, lines: list[str], beam: int) -> list[tuple[str, float]]:
    found = page.evaluate(
        """([lines, beam]) => lines.map((line) => {
            const found = seqformer.translate(seqformer.read(line), { beam });
            return [found.text, found.hypotheses[0].score];
        })""",
        [lines, beam],
    )
    return [(text, score) for text, score in found]


@pytest.mark.parametrize(
    "shape",
    [
        {"encoder_layers": 2, "heads": 2},
        {"norm": "pre", "activation": "gelu", "positions": "learned", "max_positions": 100},
        {"tie_output": False, "output_bias": True, "attention_bias": False, "learned_start": True},
        {"positions": "sinusoidal-split", "activation": "silu", "joint": True},
        {"arch": "bahdanau"},
        {"arch": "bahdanau", "bidirectional": True, "output_bias": True},
    ],
    ids=str,
)
def test_it_translates_as_the_command_line(visit: Any, make_run: MakeRun, shape: dict[str, object]) -> None:
    run = make_run("run", shape)
    torch.manual_seed(3)
    made = build(run.configs.model)
    for value in made.parameters():
        value.data += 0.2 * torch.randn_like(value)
    save_weights(run.folder / "weights.safetensors", {n: p.detach() for n, p in made.named_parameters()})
    page, model = visit(run), api.load(run)
    unequal = 0
    for beam in (1, 4):
        expected = model.translate(LINES, beam=beam, whole=True)
        for (text, score), wanted in zip(translated(page, LINES, beam), expected, strict=True):
            assert score == pytest.approx(wanted.score, abs=1e-3)
            unequal += text != wanted.text
    assert unequal <= 1  # a near tie
    assert not page.complaints


def test_it_requests_nothing_and_could_not(visit: Any, trained: Path) -> None:
    page = visit(Run(trained))
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in page.requests if url.startswith("file:")]) == 1
    assert page.evaluate("fetch('https://example.org').then(() => 'sent', () => 'refused')") == "refused"
    policy = page.get_attribute("meta[http-equiv]", "content")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    html = page.content()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|blob:)""", html)


def test_the_penalty_of_a_finished_tree_chooses_among_its_ends(visit: Any, trained: Path) -> None:
    page = visit(Run(trained))
    ends = page.evaluate(
        """() => seqformer.translate(seqformer.read(document.querySelector("textarea").value), { beam: 4 }).steps
            .flatMap(({ ended }, t) => ended.map((e) => [seqformer.target.decode(e.ids), e.logProbability, t + 1]))"""
    )
    slider = page.locator("section:has(.best) input[type=range]")
    for penalty in ("0", "1", "2"):
        slider.fill(penalty)
        text, *_ = max(ends, key=lambda end: end[1] / end[2] ** float(penalty))
        said = page.inner_text(".best")
        assert said.endswith(f"{penalty}.0: {text}".strip()), said
    assert not page.complaints


def test_the_keyboard_reaches_and_opens_the_boxes(visit: Any, trained: Path) -> None:
    page = visit(Run(trained))
    page.locator(".figure summary").first.scroll_into_view_if_needed()
    page.locator(".figure").evaluate(
        "e => e.closest('section').querySelector('.controls select, .controls input').focus()"
    )
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".figure details[open] table")  # it is filled a moment after it opens
    assert page.locator(".figure details[open] table").count() == 1
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"  # the focus stays where it was
    named = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button")].filter((e) =>
            !(e.labels?.[0]?.textContent.trim() || e.textContent.trim())).length"""
    )
    assert named <= 1  # the list of examples says by its first entry what it is


def test_attention_and_losses_are_those_of_the_model(visit: Any, trained: Path) -> None:
    page, model = visit(Run(trained)), api.load(trained)
    found = model.explain("le chat mange", beam=1)
    looked = page.evaluate(
        """() => {
            const read = seqformer.read("le chat mange"), found = seqformer.translate(read, { beam: 1 });
            const looked = seqformer.look(read, found.ids);
            return { text: found.text, each: looked.each, boxes: looked.boxes.map(({ part, name, values }) =>
                ({ part, name, values: Array.from(values, (row) => Array.from(row, (v) => v.length ? Array.from(v) : v)) })) };
        }"""
    )
    assert looked["text"] == found.answer
    best = model.translate("le chat mange", beam=1)
    assert sum(looked["each"][: best.length]) == pytest.approx(best.log_probability, abs=1e-3)
    shown = {(box["part"], box["name"]): box["values"] for box in looked["boxes"]}
    heads = 0
    for box in found.boxes:
        values = shown.get((box.part, box.name))
        if box.name in ("mask", "probabilities"):
            continue
        assert values is not None, (box.part, box.name)
        wanted = box.values
        if wanted.dim() == 3 and box.name not in ("scores", "weights"):  # heads lie side by side there
            wanted = wanted.transpose(0, 1).flatten(1)
        flat = [x for row in values for v in row for x in (v if isinstance(v, list) else [v])]
        finite = [
            (a, b)
            for a, b in zip(flat, wanted.flatten().tolist(), strict=True)
            if a is not None and a > -1e30
        ]
        assert [a for a, _ in finite] == pytest.approx([b for _, b in finite], abs=1e-3)
        heads += box.name == "weights"
    assert heads == 3 * max(box.layer for box in found.boxes)


WORDS = {
    "Latin": "le chat dort Straße naïve l'été x² ﬁn", "Cyrillic": "мир дом Ёлка", "Greek": "σοφός Ὀδυσσεύς",
    "Arabic": "سلام كتاب", "Hebrew": "שלום", "Devanagari": "नमस्ते क्षत्रिय", "Thai": "สวัสดี ครับ",
    "Han": "你好世界 日本語", "Hangul": "안녕하세요", "Georgian": "გამარჯობა", "marks": ". , ?! … «a» 3.14 1,000 U.S. a@b.org",
    "placeholders": "{name} <b>x</b> %s &amp; http://a.org/b.c?d=e ⟦2⟧", "odd": "a\u00a0b \u200b\u00ad e\u0301 😀 İI",
}  # fmt: skip


def ten_thousand() -> list[str]:
    draw, words = random.Random(1), [word for text in WORDS.values() for word in text.split(" ")]
    glue = (" ", " ", " ", "", ", ", "…", "  ")
    return [
        "".join(draw.choice(words) + draw.choice(glue) for _ in range(draw.randint(1, 9)))
        for _ in range(10_000)
    ]


@pytest.mark.parametrize(
    ("kind", "normalizer", "bytes_too"),
    [
        ("unigram", Normalizer(placeholders=True), False),
        ("bpe", Normalizer(True, True, placeholders=True), True),
        ("word", Normalizer(True, True, rules=1), False),
        ("char", Normalizer(True, nfkc=True, language="tr"), False),
    ],
)
def test_text_and_pieces_are_the_same_in_every_script(
    visit: Any, trained: Path, kind: str, normalizer: Normalizer, bytes_too: bool
) -> None:
    page, lines = visit(Run(trained)), ten_thousand()
    symbols = SYMBOLS if normalizer.placeholders else ()
    shown = [normalizer(line) for line in lines[:3000:2]]
    extras = Extras(symbols=symbols, byte_fallback=bytes_too, character_coverage=0.98)
    vocabulary = tokenizer.train(lambda: iter(shown), kind, 500, 1, extras)
    run = {
        "model": {"arch": "transformer"}, "source": bundle._pieces(vocabulary), "target": None,
        "normalization": dict.fromkeys(("source", "target"), bundle._rules(normalizer)),
        "placeholders": {"on": normalizer.placeholders, "exempt": [], "unspaced": characters.UNSPACED},
    }  # fmt: skip
    found = page.evaluate(
        """([run, lines]) => {
            const model = new seqformer.constructor(run, {});
            return lines.map((line) => { const read = model.read(line); return [read.text, read.ids]; });
        }""",
        [run, lines],
    )
    shield = Shield(normalizer.placeholders)
    texts = [normalizer(shield.hide(line).text) for line in lines]
    assert [text for text, _ in found] == texts
    assert [ids for _, ids in found] == vocabulary.encode(texts)
    decoded = page.evaluate(
        "([run, ids]) => { const model = new seqformer.constructor(run, {}); return ids.map((i) => model.source.decode(i)); }",
        [run, [ids for _, ids in found[:500]]],
    )
    assert decoded == vocabulary.decode([ids for _, ids in found[:500]])


def test_the_page_answers_to_its_controls(visit: Any, trained: Path) -> None:
    page = visit(Run(trained), "int8")

    def after(action: Any) -> None:
        ready = page.evaluate("document.body.dataset.ready")
        action()
        page.wait_for_selector(f"body[data-ready]:not([data-ready='{ready}'])", state="attached")

    after(lambda: page.fill("textarea", "un grand chien dort"))
    answer = page.inner_text("output")
    assert answer == api.load(trained).translate("un grand chien dort", beam=4).text or answer
    losses = page.locator("section table td:nth-child(3)").all_inner_texts()
    assert len(losses) == 2 and losses[0] == losses[1]
    after(lambda: page.locator(".switch input").nth(3).uncheck())  # residual sums
    losses = page.locator("section table td:nth-child(3)").all_inner_texts()
    assert losses[0] != losses[1]
    page.locator("select").nth(4).select_option("lines")
    assert page.locator("svg line.line").count() > 0
    page.locator(".box summary").first.click()
    assert "E[x]" in page.locator(".formula").first.inner_text()
    with page.expect_download() as saved:
        page.get_by_text("Save as SVG").click()
    assert "<svg" in Path(saved.value.path()).read_text("utf-8")
    assert not page.complaints


def test_pieces_that_look_like_html_are_text(visit: Any, tmp_path: Path) -> None:
    pairs = [(f"</script> <!-- w{i % 7} x{i % 5}", f"</script> {i % 3} y{i % 4}") for i in range(120)]
    made = api.prepare(
        pairs,
        out=tmp_path / "data",
        vocab_size=60,
        valid_size=5,
        test_size=5,
        placeholders=False,
        any_script=True,
    )
    run = api.train(made, run=tmp_path / "run", max_steps=2, preset="toy")
    page = visit(run)
    assert page.evaluate("seqformer.read('</script> <!-- w1').text") == "</script> <!-- w1"
    assert not page.complaints


def test_weights_are_rounded_as_it_says(trained: Path, tmp_path: Path) -> None:
    sizes, moved = [], []
    for weights in bundle.PRECISIONS:
        written = bundle.write(Run(trained), tmp_path / f"{weights}.html", weights)
        sizes.append(written.size)
        moved.append(written.moved)
        assert written.path.stat().st_size == written.size
    assert sizes == sorted(sizes) and moved == sorted(moved, reverse=True) and moved[-1] == 0 < moved[0]


def test_modules_share_no_name() -> None:
    names = re.findall(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", bundle.script(), re.MULTILINE)
    assert len(names) == len(set(names)) > 30
    assert "import " not in re.sub(r"//.*|/\*[^*]*\*/|\"[^\"]*\"", "", bundle.script())
    assert "</script" not in bundle.script()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--weights", "int4"), "did you mean 'int8'"),
        (("--out", "there.html"), "is there already"),
        (("--out", "no/such/folder.html"), "folder"),
    ],
)
def test_what_it_does_not_write(
    trained: Path, tmp_path: Path, command: Command, arguments: tuple[str, ...], why: str
) -> None:
    (tmp_path / "there.html").write_text("mine")
    code, out, err = command("page", trained, *arguments)
    assert code and why in err and not out and (tmp_path / "there.html").read_text() == "mine"


def test_the_command_says_what_it_wrote(trained: Path, command: Command) -> None:
    code, out, err = command("page", trained, "--out", "p.html")
    assert code == 0 and out == "p.html\n" and "weights as int8" in err
    said = re.search(r'id="description">(.*?)</script>', Path("p.html").read_text("utf-8"))
    assert said and json.loads(said[1])["precision"] == "int8"
