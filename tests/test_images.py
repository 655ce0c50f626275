"""Images: the files they come in, the Vision Transformer, and the road of a run of images."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from conftest import Command, Result
from torch.testing import assert_close

from seqformer import api
from seqformer.config import TrainConfig
from seqformer.errors import DataError, RunError, SeqformerError
from seqformer.images import idx, prepare
from seqformer.images.batches import ImageBatch, ImageBatches, Labelled, as_tensor
from seqformer.images.prepare import read_dataset
from seqformer.models import build, to_json
from seqformer.models.vit import VisionTransformer, VitConfig
from seqformer.report import picture
from seqformer.report.best import LOSS
from seqformer.report.classification import confusion
from seqformer.report.picture import Panel
from seqformer.runs import assemble
from seqformer.runs.create import create
from seqformer.runs.layout import Configs
from seqformer.runs.run import Run
from seqformer.storage.files import digest
from seqformer.storage.records import from_json
from seqformer.storage.tensors import save_weights
from seqformer.tasks import open_task
from seqformer.training.events import Ended, Stepped

Array = npt.NDArray[np.uint8]
SIZES = {"image_height": 8, "image_width": 8, "channels": 1, "classes": 3}
SMALL = VitConfig(**SIZES, patch=4, encoder_layers=2, width=16, heads=2, feed_forward=32)


def stripes(count: int, seed: int) -> tuple[Array, Array]:
    """Noisy 8x8 pictures of a lit row block, a lit column block, or a lit middle: classes 0, 1 and 2."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pictures = rng.integers(0, 60, (count, 8, 8))
    for image, label in zip(pictures, labels, strict=True):
        image[
            (slice(0, 4), slice(None), slice(2, 6))[label], (slice(None), slice(0, 4), slice(2, 6))[label]
        ] += 190
    return pictures.astype(np.uint8), labels.astype(np.uint8)


def idx_bytes(array: Array) -> bytes:
    """The format as its description has it, written independently of the reader."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, train: int = 60, test: int = 12, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, count, seed in (("train", train, 0), ("t10k", test, 1)):
        for kind, array in zip(("images-idx3", "labels-idx1"), stripes(count, seed), strict=True):
            content = idx_bytes(array)
            name = f"{stem}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return folder


def write_png(path: Path, array: Array) -> None:
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(array).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_idx(tmp_path_factory.mktemp("images") / "stripes")


def prepare_images(folder: Path, out: Path) -> None:
    prepare.prepare(prepare.read_dataset(folder, 1), [str(folder)], out)


@pytest.fixture(scope="module")
def prepared(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "stripes"
    prepare_images(folder, out)
    return out


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(prepared: Path, tmp_path: Path) -> MakeRun:
    def make(name: str, data: Path = prepared, **recipe: object) -> Run:
        usual: dict[str, object] = {"max_steps": 12, "tokens_per_batch": 50, "warmup": 2, "precision": "fp32"}
        config = TrainConfig(**(usual | recipe))  # type: ignore[arg-type]
        return create(tmp_path / name, open_task(data), Configs(SMALL, config))

    return make


# --- every step, box by box


def test_an_image_is_explained_as_it_is_classified(make_run: MakeRun) -> None:
    run = make_run("explained")
    finish(run)
    model = api.load(run)
    told, label = model.explain("0"), model.classify([run.task.test.images[0]])[0].label
    assert told.answer == label and len(told.pieces["token"]) == 1 + len(told.pieces["patch"])
    assert "class token" in "".join(map(str, [box.name for box in told.boxes]))
    assert told._repr_html_() and told.select(box="weights", head=1)._repr_html_()
    for answer in (model.explain, model.attention, lambda _, beam: api.evaluate(run, beam=beam)):
        with pytest.raises(RunError, match="leave out beam"):
            answer("0", beam=2)


# --- files


@pytest.mark.parametrize("packed", [False, True])
def test_idx_holds_what_was_written(tmp_path: Path, packed: bool) -> None:
    read = read_dataset(write_idx(tmp_path / "d", packed=packed), 1)
    for part, (images, labels) in ((read.train, stripes(60, 0)), (read.test, stripes(12, 1))):
        assert (part.images[:, 0] == images).all() and (part.labels == labels).all()
    assert read.classes == ("0", "1", "2")


DAMAGE = {
    "cut short": (lambda b: b[:-1], "promises 60x8x8 = 3,840 bytes and 3,839 bytes follow"),
    "header alone": (lambda b: b[:9], "cut short in its header"),
    "nothing": (lambda b: b"", "begins with nothing"),
    "too long": (lambda b: b + b"x", "and more follow"),
    "of floats": (lambda b: b"\0\0\x0d" + b[3:], "not an IDX file of unsigned bytes"),
    "flat": (lambda b: b[:3] + b"\1" + b[4:], "has 1 dimensions where 3"),
    "of no pictures": (lambda b: b[:4] + bytes(4) + b[8:], "holds nothing"),
    "a lie": (lambda b: b[:4] + b"\xff" * 12 + b[16:], "more than the 4 GiB"),
    "a smaller lie": (lambda b: b[:4] + struct.pack(">3I", 4 << 20, 32, 32) + b[16:], "3,840 bytes follow"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_idx_is_refused_before_memory_is_taken(tmp_path: Path, damage: str) -> None:
    path = write_idx(tmp_path) / "train-images-idx3-ubyte"
    change, message = DAMAGE[damage]
    path.write_bytes(change(path.read_bytes()))  # type: ignore[no-untyped-call]
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(DataError, match=re.escape(message)):
        idx.read_idx(path, 3)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("content", [b"\x1f\x8bjunk", b"", gzip.compress(bytes(99), mtime=0)[:-9]])
def test_damaged_gz_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="train-images"):
        idx.read_idx(path, 3)


def test_idx_files_must_agree(tmp_path: Path) -> None:
    write_idx(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx_bytes(np.zeros(59, np.uint8)))
    with pytest.raises(DataError, match="60 images and train-labels-idx1-ubyte 59 labels"):
        read_dataset(tmp_path, 1)
    labels.write_bytes(idx_bytes(np.zeros(60, np.uint8)))
    with pytest.raises(DataError, match="test label 2 never occurs"):
        read_dataset(tmp_path, 1)
    labels.unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte is missing"):
        read_dataset(tmp_path, 1)


def test_a_folder_of_pngs(tmp_path: Path) -> None:
    images, labels = stripes(40, 0)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        write_png(tmp_path / f"all/{'abc'[label]}/{number}.png", image)
        part = "test" if number < 6 else "train"
        write_png(tmp_path / f"split/{part}/{'abc'[label]}/{number}.png", image)
    given = read_dataset(tmp_path / "split", 1)
    assert given.classes == ("a", "b", "c") and (len(given.train), len(given.test)) == (34, 6)
    assert sorted(map(bytes, given.test.images)) == sorted(map(bytes, images[:6]))

    drawn = read_dataset(tmp_path / "all", 1)
    everything = sorted(map(bytes, np.concatenate((drawn.train.images, drawn.test.images))))
    assert everything == sorted(map(bytes, images)) and len(drawn.test)
    before = set(map(bytes, drawn.test.images))
    assert before != set(map(bytes, read_dataset(tmp_path / "all", 2).test.images))
    write_png(tmp_path / "all/a/new.png", images[0] // 2)
    assert before <= set(map(bytes, read_dataset(tmp_path / "all", 1).test.images))

    write_png(tmp_path / "all/b/wide.png", np.zeros((8, 9), np.uint8))
    with pytest.raises(DataError, match=r"wide\.png is 8x9 pixels"):
        read_dataset(tmp_path / "all", 1)
    (tmp_path / "all/b/wide.png").write_bytes((tmp_path / "all/b/1.png").read_bytes()[:50])
    with pytest.raises(DataError, match="not a"):
        read_dataset(tmp_path / "all", 1)


def test_coloured_pngs_have_three_channels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("x", "y"):
            write_png(tmp_path / part / name / "1.png", rng.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    assert read_dataset(tmp_path, 1).train.images.shape == (2, 3, 4, 6)


def test_batches_hold_each_image_once_an_epoch() -> None:
    images, labels = stripes(50, 0)
    batches = ImageBatches(Labelled(images[:, None], labels.astype(np.int64)), 8, seed=3)
    for epoch in range(2):
        plan = batches.plan(epoch)
        assert sorted(np.concatenate(plan)) == list(range(50)) and max(map(len, plan)) == 8
    same = [a.tolist() for a in batches.plan(1)]
    assert same == [a.tolist() for a in batches.plan(1)] != [a.tolist() for a in batches.plan(0)]
    batch = batches.load(np.array([4, 2]))
    assert_close(batch.images[1, 0], torch.from_numpy(images[2] / np.float32(255)))
    assert batch.labels.tolist() == [1, 2] and batch.images.min() >= 0 and batch.images.max() <= 1


# --- the model


def shape(**changes: object) -> dict[str, object]:
    """The small configuration as plain values."""
    return {name: value for name, value in to_json(SMALL).items() if name != "arch"} | changes


def vit(**changes: object) -> VisionTransformer:
    """A random model in double precision."""
    torch.manual_seed(5)
    config = from_json(VitConfig, shape(dropout=0.0, **changes), "test")
    model = VisionTransformer(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.requires_grad_(False)


def test_the_logits_are_the_papers_equations() -> None:
    """Equations 1 to 4 of the paper, with torch's own encoder layer and patches cut out by hand."""
    model = vit()
    images = torch.rand(2, 1, 8, 8, dtype=torch.double)
    cut = [images[:, :, r : r + 4, c : c + 4].flatten(1) for r in (0, 4) for c in (0, 4)]
    matrix = model.patches.weight.flatten(1).T  # E, (C * patch², D)
    rows = [model.class_token[0].expand(2, -1), *(x @ matrix + model.patches.bias for x in cut)]
    z = torch.stack(rows, 1) + model.positions
    for block in model.encoder:
        layer = torch.nn.TransformerEncoderLayer(
            16, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.double
        )
        named = {
            "self_attn.in_proj_weight": block.attention.project.weight,
            "self_attn.in_proj_bias": block.attention.project.bias,
            "self_attn.out_proj.weight": block.attention.output.weight,
            "self_attn.out_proj.bias": block.attention.output.bias,
            "linear1.weight": block.feed_forward.inner.weight,
            "linear1.bias": block.feed_forward.inner.bias,
            "linear2.weight": block.feed_forward.outer.weight,
            "linear2.bias": block.feed_forward.outer.bias,
            "norm1.weight": block.first.norm.weight,
            "norm1.bias": block.first.norm.bias,
            "norm2.weight": block.second.norm.weight,
            "norm2.bias": block.second.norm.bias,
        }
        layer.load_state_dict(named)
        z = layer.train()(z)
    expected = model.head(model.norm(z[:, 0]))
    assert_close(model.classify(images), expected)


def test_attention_sums_to_one_and_is_what_the_model_used() -> None:
    model, images = vit(), torch.rand(3, 1, 8, 8, dtype=torch.double)
    maps = model.attention(images)
    assert maps.shape == (2, 3, 2, 5, 5)
    assert_close(maps.sum(-1), torch.ones_like(maps[..., 0]))
    assert_close(model.attention(images[1:2])[:, 0], maps[:, 1])


def test_patches_are_told_apart_by_their_positions_alone() -> None:
    """Without positions the class token sees a set: moving the patches about changes nothing."""
    model, images = vit(), torch.rand(1, 1, 8, 8, dtype=torch.double)
    moved = images.roll(4, -1)  # by one patch: the columns of patches change places
    assert not torch.allclose(model.classify(images), model.classify(moved))
    model.positions[1:] = model.positions[1]
    assert_close(model.classify(images), model.classify(moved))


def test_resizing_is_part_of_the_model() -> None:
    model = vit(resize=16)
    assert model.config.grid == (4, 4) and model.attention(torch.rand(1, 1, 8, 8)).shape[-1] == 17
    flat = torch.full((1, 1, 8, 8), 0.4, dtype=torch.double)
    seen = model.patches(torch.full((1, 1, 16, 16), 0.4, dtype=torch.double))
    model.class_token[:] = 0
    assert_close(model._embed(flat)[:, 1:] - model.positions[1:], seen.flatten(2).transpose(1, 2))


def test_the_loss_is_the_cross_entropy_summed() -> None:
    model, images = vit(), torch.rand(4, 1, 8, 8, dtype=torch.double)
    labels = torch.tensor([0, 2, 1, 1])
    loss = model.loss(ImageBatch(images, labels))
    by_hand = -sum(
        float(row.softmax(0)[k].log()) for row, k in zip(model.classify(images), labels, strict=True)
    )
    assert loss.units == 4 and math.isclose(float(loss.objective), by_hand, rel_tol=1e-5)
    smoothed = model.loss(ImageBatch(images, labels), smoothing=0.3)
    spread = -float(model.classify(images).log_softmax(-1).mean(-1).sum())
    assert math.isclose(float(smoothed.objective), 0.7 * by_hand + 0.3 * spread, rel_tol=1e-5)
    assert math.isclose(float(smoothed.plain), by_hand, rel_tol=1e-5)


def test_the_chapters_preset() -> None:
    """d2l, section 11.8: 96x96 pixels in patches of 16 are 36 patches, and a class token."""
    preset = {name: value for name, value in VitConfig.presets["vit-d2l"].items() if name in shape()}
    chapter = VitConfig(image_height=28, image_width=28, channels=1, classes=10, **preset)
    assert (chapter.tokens, chapter.width, chapter.heads, chapter.encoder_layers) == (37, 512, 8, 2)
    assert (chapter.feed_forward, chapter.dropout, chapter.norm, chapter.activation) == (
        2048,
        0.1,
        "pre",
        "gelu",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 3}, "8x8 pixels cannot be cut into patches of 3x3"),
        ({"width": 0}, "width is 0"),
        ({"heads": 3}, "among 3 heads"),
        ({"classes": 1}, "at least 2"),
        ({"activation": "gleu"}, "did you mean 'gelu'"),
        ({"pach": 3}, "did you mean 'patch'"),
    ],
)
def test_a_wrong_shape_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(SeqformerError, match=message):
        from_json(VitConfig, shape(**change), "x")


# --- training


def finish(run: Run, resumed: bool = False, stop_at: int = 0) -> None:
    trainer = (assemble.resume if resumed else assemble.begin)(run, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == stop_at:
            trainer.stop("test")
    assert isinstance(event, Ended) and event.interrupted == bool(stop_at)


@pytest.mark.parametrize("stop_at", [1, 6, 9])
def test_resumed_equals_uninterrupted(make_run: MakeRun, stop_at: int) -> None:
    whole, cut = (make_run(name, validate_every=4, accumulate=2) for name in ("whole", "cut"))
    finish(whole)
    finish(cut, stop_at=stop_at)
    torch.manual_seed(99)
    finish(cut, resumed=True)
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (whole.folder / name).read_bytes() == (cut.folder / name).read_bytes()


@pytest.mark.parametrize(
    ("best_by", "first"), [("auto", "accuracy"), ("accuracy", "accuracy"), ("loss", LOSS)]
)
def test_the_best_is_what_was_asked_for(make_run: MakeRun, best_by: str, first: str) -> None:
    run = make_run("run", best_by=best_by, validate_every=2, max_steps=16, learning_rate=0.02)
    finish(run)
    records = [record for record in run.metrics() if "best" in record]
    assert run.score == first and {record["best_by"] for record in records} == {first}

    def rank(record: dict[str, Any]) -> tuple[float, ...]:
        return (-record[LOSS],) if first == LOSS else (record["accuracy"], -record[LOSS])

    progress = run.progress()
    assert progress and progress.best_step == max(records, key=rank)["step"]


@pytest.mark.parametrize("best_by", ["bleu", "exact-match"])
def test_a_score_that_images_have_not_is_refused(
    command: Command, prepared: Path, tmp_path: Path, best_by: str
) -> None:
    code, out, err = command("train", "--data", prepared, "--preset", "vit-d2l", "--best-by", best_by)
    assert code == 2 and out == "" and err.count("\n") == 1 and not list(tmp_path.iterdir())
    assert f"best by '{best_by}' is not for 3 classes of images: choose one of accuracy, loss" in err


def test_easy_pictures_are_learned(make_run: MakeRun) -> None:
    run = make_run("easy", max_steps=120, tokens_per_batch=100, learning_rate=3e-3)
    finish(run)
    classifier, test = run.predictor("cpu"), run.task.test
    assert classifier.classify(test.images).argmax(-1).tolist() == test.labels.tolist()
    seen = classifier.look("one", test.images[1])
    assert_close(seen.patches.sum((-1, -2)) + seen.itself, torch.ones(2, 2))


def test_other_images_are_not_resumed(make_run: MakeRun, prepared: Path, tmp_path: Path) -> None:
    data = shutil.copytree(prepared, tmp_path / "data")
    folder = make_run("run", data).folder
    prepare_images(write_idx(tmp_path / "other", train=30), data)
    with pytest.raises(RunError, match="prepared anew since this run began"):
        assemble.begin(Run(folder), "cpu")
    prepare_images(write_idx(tmp_path / "same"), data)  # the same images from elsewhere
    assemble.begin(Run(folder), "cpu").trainer.store.close()


# --- what is shown


def test_confusion_worked_by_hand() -> None:
    found = confusion(["a", "b", "c"], [0, 0, 0, 1, 1], [0, 0, 1, 1, 0])
    assert found.counts == [[2, 1, 0], [1, 1, 0], [0, 0, 0]] and found.accuracy == 3 / 5
    assert found.recall(0) == 2 / 3 and found.precision(1) == 1 / 2
    assert found.recall(2) is None and found.precision(2) is None


def test_patches_cover_their_part_of_the_picture() -> None:
    weights = np.array([[1.0, 0.0], [0.0, 0.5]])
    assert picture.sample(weights, 4, 6).tolist() == [[1, 1, 1, 0, 0, 0]] * 2 + [[0, 0, 0, 0.5, 0.5, 0.5]] * 2
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    image = np.zeros((1, 4, 6), np.uint8)
    panels = [Panel("image"), *(Panel(f"layer 1, head {h}", weights, 0.2, 1, h) for h in (1, 2, 3))]
    console.print(picture.draw(image, panels, colour=False))
    text = console.export_text(clear=False)
    assert "layer 1, head 1, to 100%" in text and "███   " in text and "   ▒▒▒" in text
    console.print(picture.draw(np.zeros((1, 64, 64), np.uint8), panels, colour=True))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80 and "▀▀▀" in text


TINY = (
    "--preset", "vit-d2l", "--width", 16, "--heads", 2, "--feed-forward", 32, "--encoder-layers", 1,
    "--max-steps", 3, "--precision", "fp32",
)  # fmt: skip


def train(command: Command, folder: Path, *more: object) -> Result:
    return command("train", "--task", "images", "--images", folder, *TINY, *more)


def test_the_whole_road(command: Command, folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "mine")
    code, out, err = train(command, moved)
    assert code == 0 and out == "" and "accuracy" in err and "seqformer attention 0" in err, err
    for option in ("--bpe-dropout", "--word-dropout", "--guide"):  # of text
        code, _, err = command("train", "--data", "prepared/mine", "--run", "runs/no", *TINY, option, 0.1)
        assert code == 2 and "does nothing for images" in err and not (tmp_path / "runs/no").exists()
    shutil.rmtree(moved)  # the run needs nothing else, …
    shutil.rmtree(tmp_path / "prepared")  # … to be used
    code, out, _ = command("evaluate", "--json")
    found = json.loads(out)
    assert code == 0 and found["images"] == 12 and sum(map(sum, found["confusion"])) == 12
    assert set(found) == {"accuracy", "per_class", "confusion", "images", "seconds"}
    code, out, _ = command("evaluate")
    assert code == 0 and "recognised" in out and "taken for" in out

    code, out, _ = command("attention", "3", "--json")
    maps = json.loads(out)["maps"]
    assert code == 0 and len(maps) == 2 and json.loads(out)["label"] == "0"
    assert math.isclose(maps[0]["class_token"] + sum(map(sum, maps[0]["patches"])), 1, rel_tol=1e-4)
    write_png(tmp_path / "one.png", stripes(1, 7)[0][0])
    code, out, err = command("attention", "one.png", "--average", "--png", "seen.png")
    assert code == 0 and "mean of heads" in out and "one.png: taken for" in err
    assert (tmp_path / "seen.png").read_bytes()[:4] == b"\x89PNG"

    code, _, err = command("translate", "hello")
    assert code == 2 and "no run that translates" in err  # a run of images does not translate
    code, _, err = command("translate", "hello", "--run", "runs/mine")
    assert code == 2 and "classifies images" in err and err.count("\n") == 1
    with pytest.raises(RunError, match="classifies images"):
        api.load("runs/mine").translate("hello")
    with pytest.raises(RunError, match="classifies images"):
        api.load("runs/mine", workers=2)


def write_pngs(folder: Path) -> Path:
    for number, (image, label) in enumerate(zip(*stripes(40, 0), strict=True)):
        write_png(folder / f"{'abc'[label]}/{number}.png", image)
    return folder


WRITE: dict[str, Callable[[Path], Path]] = {
    "idx": write_idx, "gz": lambda folder: write_idx(folder, packed=True), "png": write_pngs
}  # fmt: skip


def test_prepared_by_name_or_on_the_way_is_the_same_training(command: Command, tmp_path: Path) -> None:
    write_idx(tmp_path / "raw")
    assert command("prepare", "raw", "--out", "prepared/x")[0] == 0
    assert command("train", "--data", "prepared/x", *TINY)[0] == 0
    assert train(command, Path("raw"))[0] == 0
    one, other = (tmp_path / "runs" / name for name in ("x", "raw"))
    for name in ("weights.safetensors", "metrics.jsonl", "config.json", "test-images.npy"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert Run(one).info.data_fingerprint == Run(other).info.data_fingerprint


def test_training_with_another_seed_leaves_an_earlier_run_its_data(command: Command, tmp_path: Path) -> None:
    write_idx(tmp_path / "raw")
    for seed in (1, 2):
        assert train(command, Path("raw"), "--seed", seed, "--run", f"runs/{seed}")[0] == 0
    for seed in (1, 2):
        code, _, err = command("train", "--resume", "--run", f"runs/{seed}", "--max-steps", 4)
        assert code == 0, err


@pytest.mark.parametrize("kind", WRITE)
def test_a_prepared_folder_is_all_that_a_training_needs(command: Command, tmp_path: Path, kind: str) -> None:
    raw = WRITE[kind](tmp_path / "raw")
    code, out, err = command("prepare", "raw")
    assert code == 0 and err == "" and "next: seqformer train --data prepared/raw" in out
    pairs = open_task(Path("prepared/raw")).manifest.pairs
    assert sum(pairs.values()) == (40 if kind == "png" else 72) and f"{sum(pairs.values())} images" in out
    shutil.rmtree(raw)
    assert command("train", "--data", "prepared/raw", *TINY)[0] == 0
    assert command("train", "--resume", "--run", "runs/raw", "--max-steps", 4)[0] == 0
    code, out, _ = command("evaluate", "--json")
    assert code == 0 and json.loads(out)["images"] == pairs["test"]
    assert list(json.loads(out)["per_class"]) == list("abc" if kind == "png" else "012")
    assert command("attention", 0, "--json")[0] == 0


def test_resuming_by_name(command: Command, folder: Path, tmp_path: Path) -> None:
    assert train(command, folder)[0] == 0
    code, _, err = command("train", "--resume", "--run", "runs/stripes", "--width", 32)
    assert code == 2 and "begun with 16" in err
    assert command("train", "--resume", "--run", "runs/stripes", "--max-steps", 5)[0] == 0
    assert json.loads((tmp_path / "runs/stripes/metrics.jsonl").read_text().splitlines()[-1])["step"] == 5


MISTAKES: list[tuple[list[object], str]] = [
    (["train", "--task", "images"], "--images DIR"),
    (["train", "--images", "data"], "goes with --task images"),
    (["train", "--task", "images", "--images", "nowhere"], "no such folder"),
    (["train", "--task", "images", "--images", "empty"], "neither IDX files"),
    (["train", "--task", "images", "--images", "broken"], "bytes follow"),
    (
        ["train", "--task", "images", "--images", "data", "--arch", "transformer"],
        "architecture transformer is not for",
    ),
    (["train", "--task", "images", "--images", "data", "--preset", "vit-smal"], "did you mean 'vit-small'"),
    (["train", "--task", "images", "--images", "data", "--preset", "vit-d2l", "--width", 0], "width is 0"),
    (["train", "--task", "images", "--images", "data"], "patches of 7x7"),
    (["attention", "12", "--run", "run"], "has 0 to 11"),
    (["attention", "٣" * 12, "--run", "run"], "no test image"),
    (["attention", "le chat", "--run", "run"], "a .png file"),
    (["attention", "wide.png", "--run", "run"], "wide.png is 8x9 pixels"),
    (["attention", "no.png", "--run", "run"], "no such file"),
    (["attention", "letter.png", "--run", "run"], "not a PNG"),
    (["attention", "1", "--run", "run", "--kind", "cross"], "--kind does nothing"),
    (["attention", "1", "--run", "run", "--layer", 3], "layers 1 to 2"),
    (["attention", "1", "--run", "run"], "no weights yet"),
    (["evaluate", "--run", "run", "--bleu"], "--bleu does nothing"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda x: str(x))
def test_a_mistake_is_one_line_and_leaves_nothing(
    command: Command, make_run: MakeRun, tmp_path: Path, arguments: list[object], message: str
) -> None:
    run = make_run("run")
    if message != "no weights yet":
        model = build(run.configs.model)
        save_weights(run.folder / "weights.safetensors", dict(model.named_parameters()))
    broken = write_idx(tmp_path / "broken") / "train-images-idx3-ubyte"
    broken.write_bytes(broken.read_bytes()[:-7])
    write_idx(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    write_png(tmp_path / "wide.png", np.zeros((8, 9), np.uint8))
    (tmp_path / "letter.png").write_text("dear")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = command(*arguments)
    if message == "patches of 7x7":  # only the data, once prepared, tell their size
        assert (tmp_path / "prepared/data/manifest.json").is_file() and not (tmp_path / "runs").exists()
        shutil.rmtree(tmp_path / "prepared/data")
        err = err[err.index("seqformer: ") :]
    assert code == 2 and out == "" and message in err, err
    assert err.startswith("seqformer: ") and err.count("\n") == 1, err
    left = set(tmp_path.rglob("*")) - {tmp_path / "prepared"}
    assert left == set(before)


def test_broken_runs_are_told_in_one_line(command: Command, make_run: MakeRun) -> None:
    folder = make_run("run").folder
    finish(Run(folder))
    manifest = folder / "manifest.json"
    pixels = (folder / "test-images.npy").read_bytes()
    for name, content, message in (
        ("test-images.npy", b"junk", "changed since it was made"),
        ("test-images.npy", b"junk", "not a whole .npy"),
        ("test-images.npy", pixels[:-5], "not a whole .npy"),
        ("test-labels.npy", pixels, "expected a .npy file of int64"),
        ("manifest.json", manifest.read_bytes().replace(b'"2"', b'"2", "3"'), "classes"),
        ("manifest.json", b"[]", "not a manifest"),
        (
            "config.json",
            b'{"model": {"arch": "vit"}, "train": {}, "decode": {}}',
            "'image_height' is missing",
        ),
        ("weights.safetensors", b"junk", "not a whole safetensors"),
    ):
        kept, signed = (folder / name).read_bytes(), manifest.read_bytes()
        (folder / name).write_bytes(content)
        if message != "changed since it was made" and name.endswith(".npy"):
            values = json.loads(signed)
            values["digests"][name] = digest(folder / name)
            manifest.write_text(json.dumps(values))
        code, _, err = command("evaluate", "--run", folder)
        assert code == 2 and message in err and err.count("\n") == 1, (name, err)
        assert "the run is damaged" in err and "prepare" not in err, (name, err)
        manifest.write_bytes(signed)
        (folder / name).write_bytes(kept)
    assert command("evaluate", "--run", folder)[0] == 0


def test_bytes_become_numbers_from_0_to_1() -> None:
    assert as_tensor(np.array([[[[0, 51, 255]]]], np.uint8)).flatten().tolist() == pytest.approx([0, 0.2, 1])
