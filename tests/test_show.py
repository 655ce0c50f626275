"""``seqformer show``: what it draws, that it fits 80 columns, and the mistakes people make."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from conftest import model_config, random_model, toy_pairs
from rich.cells import cell_len
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from seqformer.cli import app
from seqformer.config import SCHEDULES, PrepareConfig, TrainConfig
from seqformer.errors import MissingExtra, SeqformerError
from seqformer.models import build
from seqformer.models.attention import MultiHeadAttention
from seqformer.report import (
    booklet,
    fonts,
    heads,
    lessons,
    masks,
    positions,
    schedules,
    smoothing,
    softmax,
    weights,
)
from seqformer.report.panels import Bars, Curves, Figure, Matrix, paint
from seqformer.runs import assemble
from seqformer.runs.overview import lessons_of
from seqformer.runs.run import Run
from seqformer.symbols import PAD, UNK
from seqformer.tasks import open_task
from seqformer.tasks.classification import Classification
from seqformer.tasks.translation import Translation
from seqformer.text import prepare
from seqformer.training.events import Stepped

MakeRun = Callable[..., Run]
WITHOUT_RUN = tuple(lessons.lessons())


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["show", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    if "--json" in arguments:
        return result.stdout
    assert max(cell_len(line.rstrip()) for line in result.stdout.splitlines()) <= 80
    assert not re.search(r"\bnan\b", result.stdout.lower())
    return result.stdout


def test_pooling_draws_every_kernel_and_says_where_no_estimate_is() -> None:
    out = shown("pooling")
    for title in ("gaussian, width 1", "boxcar, width 1", "constant", "epanechnikov, width 1"):
        assert f"\n{title}   o points" in out and f"\n{title}: weights" in out
    assert out.count("\n  gaussian ") == out.count("\n  boxcar ") == 4 and out.count("\n  constant ") == 1
    assert "no estimate" in shown("pooling", "--kernel", "boxcar", "--width", 1e-6, "--points", 2)
    out = shown("pooling", "--kernel", "epanechnikov", "--width", 0.1, "--width", 2, "--seed", 5)
    assert "no point is near x = " in out and "epanechnikov, width 2" in out and " of 101" in out
    assert out == shown("pooling", "--kernel", "epanechnikov", "--width", 0.1, "--width", 2, "--seed", 5)


@pytest.mark.parametrize("kind", ["sinusoidal", "sinusoidal-split"])
def test_positions_are_drawn_beside_a_binary_counter(kind: str) -> None:
    out = shown("positions", "--positions", kind)
    for part in ("The matrix", "Columns", "bit 0, period 2 ", "bit 4, period 32 ", "column 0, period 6.3 "):
        assert part in out
    assert ("column 4, period 62.8" if kind == "sinusoidal-split" else "column 8, period 62.8") in out
    for length, width in ((2, 2), (7, 4), (1000, 1000)):
        shown("positions", "--positions", kind, "--length", length, "--width", width)


def test_the_counter_counts() -> None:
    counter = positions.positions(4, 8).panels()[-1][0]
    assert isinstance(counter, Matrix)
    for t in range(32):
        assert sum((counter.values[bit][t] > 0) << bit for bit in range(5)) == t
    for row, pair in zip(counter.values[5:], range(4), strict=True):
        assert math.isclose(row[9], math.sin(9 / 10_000 ** (2 * pair / 8)), abs_tol=1e-6)


def test_the_masks_are_those_of_the_model() -> None:
    out = shown("mask", "a b c", "d")
    marks = [
        "".join(mark for mark in line if mark in "■·") for line in out.splitlines() if "Mask" not in line
    ]
    drawn = [row for row, line in zip(marks, out.splitlines(), strict=True) if row and "mask" not in line]
    assert drawn == ["■■■", "■··", "■··", "■■·", "■■■"]
    assert "pad" in out and "<s>" in out
    assert shown("mask", "--length", 16).count("■") == 16 + 8 + 16 * 17 // 2 + 3  # and those of the titles


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for verb in WITHOUT_RUN:
        shown(verb, "--png", tmp_path / f"{verb}.png")
        assert (tmp_path / f"{verb}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_wide_matrix_is_drawn_so_that_it_can_be_read() -> None:
    for kind in positions.KINDS:
        *matrices, curves, counter = (row[0] for row in positions.positions(60, 512, kind).panels())
        table = torch.tensor(positions.positions(60, 512, kind).matrix)
        columns: list[int] = []
        for each in matrices:
            assert isinstance(each, Matrix)
            numbers = list(map(int, each.columns))
            assert torch.equal(torch.tensor(each.values), table[:, numbers])
            steps = (torch.tensor(each.values).diff(dim=1)).abs().mean()
            assert steps < 0.1 or kind == "sinusoidal-split", "neighbours are alike"
            columns += numbers
        assert sorted(columns) == list(range(512)), "each column once"
        assert isinstance(curves, Curves) and isinstance(counter, Matrix)
        for line in curves.lines.values():
            signs = [y > 0 for _, y in line]
            assert sum(a != b for a, b in pairwise(signs)) <= 5, "a wave or two, no thicket"
        periods = [float(name.rpartition(" ")[2]) for name in counter.rows[5:]]
        assert all(b > 1.5 * a for a, b in pairwise(periods)), "each is slower, as bits are"


def test_everything_is_one_page_that_asks_for_nothing(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "show.html"
    result = CliRunner().invoke(app, ["show", "--all", "--html", str(page), "--run", str(trained)])
    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    names = re.findall(r'<section id="([a-z]+)">', text)
    assert set(names) == set(lessons.QUESTIONS) == {*WITHOUT_RUN, "pieces", "weights"}
    every = {**lessons.lessons(), **lessons_of(Run(trained))}
    plain = html.unescape(text)
    assert all(each.answer in plain and each.title in plain for each in every.values())
    drawn = [
        panel for each in every.values() if isinstance(each, Figure) for row in each.panels() for panel in row
    ]
    assert text.count("<svg") == len(drawn) and all(
        f'aria-label="{html.escape(p.title)}"' in text for p in drawn
    )
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(ids)
    asked = re.findall(r'(?:src|href|url)[=(]"?((?!#|data:)[^") ]+)', text)
    assert not asked and "<script" not in text and "default-src 'none'" in text
    assert booklet.INK not in text and "currentColor" in text, "pictures have the colour of the text"
    assert booklet._section("heads", every["heads"]) in text, "the same lesson, the same bytes"


def test_without_a_run_its_part_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["show", "--all"])
    assert result.exit_code == 0 and "Pieces and weights are left out" in result.stderr
    assert "Error of the estimates" in result.stdout and "Causal mask" in result.stdout


def test_masks_are_painted_as_the_model_has_them() -> None:
    first, second, causal = masks.masks(["a b c", "d"]).matrices()
    assert first.values == [[1, 1, 1]] * 3 and second.values == [[1, 0, 0]] * 3
    assert causal.values == [[1, 0, 0], [1, 1, 0], [1, 1, 1]] and causal.rows == ["<s>", "a", "b"]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [-1, 3])
def test_the_rates_shown_are_those_of_a_training(make_run: MakeRun, schedule: str, warmup: int) -> None:
    run = make_run(schedule=schedule, warmup=warmup, max_steps=8)
    events = assemble.begin(run, "cpu").trainer.run()
    used = [event.rate for event in events if isinstance(event, Stepped)]
    report = schedules.schedules(run.configs.train)
    assert report.steps == list(range(1, 9)) and report.rates[schedule] == used


def test_the_papers_schedule_is_inverse_sqrt() -> None:
    width, warmup = 512, 40
    config = TrainConfig(max_steps=900, warmup=warmup, learning_rate=(width * warmup) ** -0.5)
    report = schedules.schedules(config)
    assert report.warm == warmup and len(report.steps) >= schedules.POINTS
    for step, rate in zip(report.steps, report.rates["inverse-sqrt"], strict=True):
        assert rate == pytest.approx(width**-0.5 * min(step**-0.5, step * warmup**-1.5))  # equation 3
    assert schedules.schedules(TrainConfig(max_steps=20, warmup=50)).warm is None
    assert "beyond the end" in shown("schedule", "--max-steps", 20, "--warmup", 50)


@pytest.mark.parametrize("vocabulary", [8, 300])
def test_smoothed_targets_are_a_distribution_that_the_loss_is_lowest_at(vocabulary: int) -> None:
    report = smoothing.smoothing([0.0, 0.1, 0.7], vocabulary)
    right, rest = report.pieces.index(report.right), vocabulary - len(report.pieces)
    for case in report.cases:
        assert sum(case.targets) + rest * case.targets[0] == pytest.approx(1)
        even = case.epsilon / vocabulary
        for at, target in enumerate(case.targets):  # <pad>, the first, too
            assert target == pytest.approx(1 - case.epsilon + even if at == right else even, abs=1e-7)
        targets = torch.full((vocabulary,), even, dtype=torch.double)
        targets[right] = case.targets[right]
        assert case.lowest == pytest.approx(float(-torch.special.xlogy(targets, targets).sum()), abs=1e-6)
        assert min(case.losses) >= case.lowest - 1e-6
        for p, loss in zip(report.probabilities, case.losses, strict=True):
            model = torch.full_like(targets, (1 - p) / (vocabulary - 1))
            model[right] = p
            assert loss == pytest.approx(
                float(functional.cross_entropy(model.log(), targets)), rel=1e-4, abs=1e-6
            )


def test_padded_positions_have_no_loss_however_smooth_the_targets() -> None:
    model = random_model()
    source, words = torch.tensor([[4, 5, 6]]), torch.tensor([[2, 7, 8]])

    def loss(padding: int) -> float:
        fed, wanted = (functional.pad(ids, (0, padding), value=PAD) for ids in (words, words.roll(-1, 1)))
        batch = SimpleNamespace(source=source, target_in=fed, target_out=wanted)
        return float(model.loss(batch, smoothing=0.3).objective)

    assert loss(5) == pytest.approx(loss(0), rel=1e-6)


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_variance_of_a_dot_product_is_the_width_and_divided_it_is_one(seed: int) -> None:
    report = softmax.measure([4, 64, 256], keys=12, seed=seed)
    assert report == softmax.measure([4, 64, 256], keys=12, seed=seed)
    assert report.cases[:2] != softmax.measure([4], 12, seed + 1).cases
    for raw, divided in zip(report.cases[::2], report.cases[1::2], strict=True):
        assert (raw.divided, divided.divided) == (False, True)
        assert abs(raw.variance - raw.head_width) < 5 * raw.error < 0.3 * raw.head_width
        assert abs(divided.variance - 1) < 5 * divided.error < 0.3
        assert raw.variance == pytest.approx(raw.head_width * divided.variance, rel=1e-4)
        assert raw.entropy < divided.entropy < math.log(12) and raw.slope < divided.slope
        for case in (raw, divided):
            assert sum(case.weights) == pytest.approx(1) and case.weights == sorted(case.weights)[::-1]
    raws = report.cases[::2]
    assert all(a.entropy > b.entropy and a.weights[0] < b.weights[0] for a, b in pairwise(raws))


@pytest.mark.parametrize(("length", "width", "count"), [(3, 8, 2), (10, 10, 5), (1, 6, 1), (4, 9, 9)])
def test_heads_are_what_the_model_attends_by(length: int, width: int, count: int) -> None:
    report = heads.split(length, width, count)
    x = torch.tensor(report.x, dtype=torch.float)
    layer = MultiHeadAttention(width, count, bias=False)
    layer.project.weight = torch.nn.Parameter(torch.eye(width).repeat(3, 1))
    key, _ = layer.keys_and_values(x[None])
    assert key[0].tolist() == report.split
    assert torch.cat(list(torch.tensor(report.split)), -1).tolist() == report.x


@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_cost_is_that_of_a_self_attention_with_any_number_of_heads(count: int) -> None:
    length, width = 24, 32
    layer = MultiHeadAttention(width, count)
    with FlopCounterMode(display=False) as flops:
        layer(torch.randn(1, length, width), None, weights=True)
    cost = heads.cost(length, width)
    assert flops.get_total_flops() == 2 * (cost.projections + cost.attention)  # a product and a sum each


TEXTS = ("Le chat mange", "chien et chien", "☃ où", "un {nom} dort", "la  maison")


def test_pieces_are_merged_to_those_of_the_translator(trained: Path) -> None:
    run = Run(trained)
    translator = run.predictor("cpu")
    for text in TEXTS:
        report = run.task.segmentation(text)
        line = translator.normalizer(translator.shield.hide(text).text)
        ((part,),) = [each.parts for each in translator.divider.divide([line], [line], whole=True)]
        assert [piece.id for piece in report.pieces] == part.ids and report.line == line
        assert [piece for word in report.words for piece in word[-1]] == report.pieces
        assert len(report.words) == len(line.split())
        for states in report.words:
            whole = "".join(piece.text for piece in states[0])
            assert all(len(piece.text) == 1 or piece.id == UNK or "nom" in text for piece in states[0])
            made = []
            for before, after in pairwise(states):
                assert "".join(piece.text for piece in after) == whole and len(after) == len(before) - 1
                made += [piece.id for piece in after if piece not in before]
            assert made == sorted(made), "the merge learned first is made first"
    assert ("<unk>" in " ".join(run.task.segmentation("☃").notes())) and len(
        run.task.segmentation("le").notes()
    ) == 1


def test_a_text_without_pieces_is_refused(trained: Path) -> None:
    for text, message in ((" \u200b", "blank"), ("a" * 1001, "1,001 characters: .* at most 1,000")):
        with pytest.raises(SeqformerError, match=message):
            Run(trained).task.segmentation(text)


@pytest.mark.parametrize("kind", ["unigram", "char", "word"])
def test_pieces_that_are_not_merged_are_shown_alone(kind: str, tmp_path: Path) -> None:
    config = PrepareConfig(
        vocab_size=80 if kind != "unigram" else 60, valid_size=5, test_size=5, model_type=kind
    )
    prepare.prepare(toy_pairs(), {}, tmp_path / "p", config)
    task = open_task(tmp_path / "p")
    assert isinstance(task, Translation)
    report = task.segmentation("le chat dort")
    assert [piece.id for piece in report.pieces] == task.tokenizer.source.encode(["le chat dort"])[0]
    assert report.words == [] and report.model_type == kind and len(report.tables()) == 3
    if kind == "unigram":  # as of an import, whose manifest cannot say how its pieces were learned
        task.manifest.config["model_type"] = "bpe"
        assert "not on record" in task.segmentation("le").answer


def test_images_have_no_pieces(tmp_path: Path) -> None:
    manifest: Any = SimpleNamespace(pairs={}, classes=["3", "4"])
    task = Classification(tmp_path, manifest, SeqformerError, "")
    with pytest.raises(SeqformerError, match="2 classes of images: there is no text"):
        task.segmentation("3")


SIZES: dict[str, Any] = {"source_vocabulary": 31, "target_vocabulary": 31}
PIXELS = {"image_height": 14, "image_width": 14, "channels": 1, "classes": 3}
MODELS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("transformer", SIZES, ["source embedding", "target embedding", "output layer"]),
    ("transformer", SIZES | {"tie_output": False}, ["source embedding", "target embedding"]),
    ("transformer", SIZES | {"joint": False, "norm": "pre"}, ["target embedding", "output layer"]),
    ("transformer", SIZES | {"joint": False, "tie_output": False, "positions": "learned"}, []),
    ("bahdanau", SIZES | {"bidirectional": True}, ["source embedding", "target embedding"]),
    ("vit", PIXELS, []),
]


@pytest.mark.parametrize(("arch", "changes", "tied"), MODELS, ids=str)
def test_every_parameter_is_counted_once(arch: str, changes: dict[str, Any], tied: list[str]) -> None:
    layers = {"encoder_layers": 3} if arch == "vit" else {"encoder_layers": 3, "decoder_layers": 2}
    model = build(model_config(arch, **(layers | changes)))
    report = weights.count("m", "a model", model)
    everything = {id(each): each.numel() for each in model.parameters()}
    assert report.parameters == sum(everything.values()) == sum(part.parameters for part in report.parts)
    assert report.tied == tied and ("shared embedding" in {part.name for part in report.parts}) == bool(tied)
    for part in report.parts:
        assert part.layers in (0, 3 if part.name.startswith("encoder") else 2)
        assert not part.layers or part.parameters % part.layers == 0
    if arch == "transformer":
        sizes = {part.name: part.parameters for part in report.parts}
        assert sizes["decoder cross-attention"] == 2 * sum(
            each.numel() for each in model.decoder[0].cross.parameters()
        )
        feed_forward = [block.feed_forward for block in model.encoder]
        assert sizes["encoder feed-forward"] == sum(w.numel() for f in feed_forward for w in f.parameters())


def test_weights_and_pieces_of_a_run(trained: Path, tmp_path: Path) -> None:
    out = " ".join(shown("weights", "--run", trained).split())  # a long path breaks the line
    count = Run(trained).weights()
    assert f"{count:,} parameters" in out and "shared embedding" in out and "100.0%" in out
    assert json.loads(shown("weights", "--run", trained, "--json"))["parameters"] == count
    out = shown("pieces", "le chat", "--run", trained)
    assert "Merge by merge" in out and "symbols of the word" in out
    told = json.loads(shown("pieces", "-3 chats", "--run", trained, "--json"))
    assert told["pieces"] and told["text"] == "-3 chats" and told["words"]
    shown("pieces", "anticonstitutionnellement" * 9, "--run", trained)
    if pytest.importorskip("matplotlib"):
        shown("weights", "--run", trained, "--png", tmp_path / "w.png")
        assert (tmp_path / "w.png").is_file()


@pytest.mark.parametrize("verb", WITHOUT_RUN)
def test_json_and_screen_say_the_same_and_answer(verb: str) -> None:
    told = json.loads(shown(verb, "--json"))
    assert len(re.findall(r"[.)] [A-Z]|[.)]$", told["answer"])) >= 2
    note = CliRunner().invoke(app, ["show", verb]).stderr
    assert " ".join(note.split()) == told["answer"] and max(map(cell_len, note.splitlines())) <= 80


@pytest.mark.parametrize("verb", [*WITHOUT_RUN, "weights"])
def test_without_matplotlib_one_line_says_what_to_install(
    verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"seqformer\[png\]"):
        shown(verb, "--png", tmp_path / "x.png")


def test_bars_are_as_long_as_their_shares() -> None:
    drawn = Bars("b", "share", {"half": 0.5, "all of it": 1.0, "none": 0.0}).draw(80).plain.split("\n")
    assert abs(2 * drawn[1].count("█") - drawn[2].count("█")) <= 1 < drawn[2].count("█")
    assert "█" not in drawn[3] and max(map(len, drawn)) <= 80


def test_long_labels_stand_upright_and_lie_over_no_other() -> None:
    pytest.importorskip("matplotlib")
    for words, rotation in ((["a", "b"], 0), (["misunderstandings"] * 8, 90)):
        picture = paint(masks.masks([" ".join(words)]).panels(), "masks")
        picture.figure.canvas.draw()
        for axes in picture.figure.axes:
            boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
            assert all(label.get_rotation() == rotation for label in axes.get_xticklabels())
            assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize("verb", ["mask", "heads"])
def test_what_a_picture_cannot_show_is_told(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(fonts.Fonts, "remarks", lambda self: ["no font has these"])
    result = CliRunner().invoke(app, ["show", verb, "--png", str(tmp_path / "x.png")])
    assert result.exit_code == 0 and "no font has these\n" in result.stderr


def test_a_matrix_is_shaded_from_its_lowest_to_its_highest_number() -> None:
    drawn = Matrix("m", "columns", "rows", [[0.0, 1.0], [0.5, 0.3]], ["a", "bb"], ["0", "1"]).draw(80).plain
    assert " a     ████" in drawn and "bb ▒▒▒▒░░░░" in drawn and "rows: rows; columns: columns" in drawn
    nothing = Matrix("m", "c", "r", [[0.0]], ["a"], ["0"], high=0.0).draw(80).plain
    assert "█" not in nothing.split("\n")[1]


def test_a_curve_leaves_gaps() -> None:
    curves = Curves("c", "x", "y", {"line": [(0, 0.0), (1, math.nan), (2, 1.0)]}, remark="a gap")
    assert curves.draw(40).plain.count("●") == 2 and "a gap" in curves.draw(40).plain


MISTAKES = [
    (["pooling", "--kernel", "gausian"], "did you mean 'gaussian'"),
    (["pooling", "--width", "0"], "width 0"),
    (["pooling", "--width", "-1"], "width -1"),
    (["pooling", "--points", "1"], "1 points"),
    (["pooling", "--seed", "-1"], "seed -1"),
    (["pooling", "--png", "x.jpg"], r"end in \.png"),
    (["pooling", "--for", "slide"], "--for does nothing without --figure"),
    (["pooling", "--figure", "x.svg", "--for", "slides"], "did you mean 'slide'"),
    (["positions", "--width", "0"], "width 0"),
    (["positions", "--width", "7"], "width 7 is odd"),
    (["positions", "--length", "-3"], "length -3"),
    (["positions", "--positions", "sinusodal"], "did you mean 'sinusoidal'"),
    (["positions", "--positions", "learned"], "learned positions are numbers that a training finds"),
    (["mask", "--length", "0"], "length 0"),
    (["mask", "a b", "--length", "3"], "not both"),
    (["mask", " "], "a sentence is blank"),
    (["mask", "a " * 17], "more than 16 words"),
    (["mask", "--png", "x.jpg"], r"end in \.png"),
    (["schedule", "--max-steps", "1"], "--max-steps 1"),
    (["schedule", "--warmup", "-1"], "--warmup -1"),
    (["schedule", "--learning-rate", "0"], "learning rate"),
    (["schedule", "--learning-rate", "nan"], "learning rate"),
    (["smoothing", "--label-smoothing", "1"], "label smoothing is 1.0"),
    (["smoothing", "--vocab-size", "3"], "from 8 to 100,000"),
    (["smoothing", *(f"--label-smoothing=0.{n}" for n in range(6))], "given 6 times"),
    (["softmax", "--head-width", "0"], "head width 0"),
    (["softmax", "--keys", "1"], "keys 1"),
    (["softmax", "--seed", "-1"], "seed -1"),
    (["heads", "--heads", "3"], "width 8 cannot be shared among 3 heads"),
    (["heads", "--width", "11"], "width 11"),
    (["heads", "--font", "x.ttf"], "--font does nothing without --figure"),
    (["pieces", "le chat"], "no run that reads text .* seqformer train"),
    (["pieces", "le chat", "--run", "nowhere"], "not a run"),
    (["weights"], "no run to look into .* seqformer train"),
    (["--html", "x.html"], "--all shows everything"),
    (["--all", "heads"], "and no other command"),
    (["--all", "--html", "x.pdf"], r"end in \.html"),
    (["--all", "--run", "nowhere"], "not a run"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else ""
)
def test_a_mistake_is_told(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SeqformerError, match=message) as told:
        CliRunner().invoke(app, ["show", *arguments], catch_exceptions=False)
    assert "\n" not in str(told.value) and not list(tmp_path.iterdir())
