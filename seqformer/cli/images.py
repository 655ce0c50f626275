"""What the verbs do where images are concerned."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer.cli.options import RUNS, free
from seqformer.console import data, note, page, table
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.image_run import ImageRun, Seen
    from seqformer.report.classification import Confusion
    from seqformer.report.picture import Panel

TASK = "images"
MODEL_FIELDS = ("encoder_layers", "width", "heads", "feed_forward", "dropout", "norm", "activation")
CONFUSIONS = 3  # named below the table


def is_picture(text: str) -> bool:
    """Whether an argument means an image, by its number or as a file, and not a sentence."""
    return text.isdecimal() or text.lower().endswith(".png")


def create(given: dict[str, Any], recipe: dict[str, Any], limits: tuple[str, ...]) -> ImageRun:
    """A new run for the options ``given`` to ``train --task images``."""
    from seqformer import config, image_run
    from seqformer.device import choose_device
    from seqformer.images.folder import read_dataset

    folder, preset = given.get("images"), given.get("preset", "vit-small")
    if given.get("task") != TASK:
        raise SeqformerError("--images DIR goes with --task images")
    if folder is None:
        raise SeqformerError("--task images: say where the images are, with --images DIR")
    fitting = {"task", "images", "run", "resume", "device", "preset", *MODEL_FIELDS, *recipe}
    for name in sorted(set(given) - fitting):
        raise SeqformerError(f"--{name.replace('_', '-')} has no meaning for --task images")
    choose_device(given["device"])
    config.check_preset(preset, config.VIT_PRESETS)
    usual = dict(config.VIT_RECIPES[preset])
    limited = any(recipe.get(name) for name in limits)
    if limited:
        usual.pop("max_epochs")
    learned = config.TrainConfig(**(usual | recipe))
    shape = config.VIT_PRESETS[preset] | {name: given[name] for name in MODEL_FIELDS if name in given}
    dataset = read_dataset(folder, learned.seed)
    _, channels, height, width = dataset.train.images.shape
    built = config.VitConfig(height, width, channels, len(dataset.classes), **shape)
    place = given.get("run") or free(RUNS / (folder.resolve().name or TASK))
    made = image_run.create(place, folder, dataset, built, learned)
    if not limited:
        note(f"No limit given: {learned.max_epochs} epochs (a --max-… option sets one).")
    return made


def evaluate(run: ImageRun, as_json: bool, device: str) -> None:
    """Accuracy, class by class, and what is taken for what."""
    from seqformer.report.classification import confusion

    classifier, test, classes = run.classifier(device), run.test, run.classes
    begin = time.perf_counter()
    answers = classifier.classify(test.images).argmax(-1).tolist()
    seconds = time.perf_counter() - begin
    found = confusion(classes, test.labels.tolist(), answers)
    if as_json:
        values = {
            "accuracy": found.accuracy,
            "per_class": {name: found.recall(i) for i, name in enumerate(classes)},
            "confusion": found.counts,
            "images": len(test),
            "seconds": seconds,
        }
        data(json.dumps(values, ensure_ascii=False))
        return
    _show(found, f"{run.folder} on test: {len(test):,} images")
    note(f"{found.accuracy:.2%} right, in {seconds:.1f} s ({len(test) / seconds:,.0f} images/s)")
    for true, taken, count in _worst(found):
        note(f"  {count:,} times {classes[true]} was taken for {classes[taken]}")


def _show(found: Confusion, title: str) -> None:
    from rich.text import Text

    scores = table(title, "class", "images", "recognised", "of those named so")
    for i, name in enumerate(found.classes):
        shares = ("–" if share is None else f"{share:.1%}" for share in (found.recall(i), found.precision(i)))
        scores.add_row(name, f"{sum(found.counts[i]):,}", *shares)
    scores.add_section()
    scores.add_row("all", f"{sum(map(sum, found.counts)):,}", f"{found.accuracy:.2%}", "")
    marks = [_mark(name) for name in found.classes]
    taken = table("What is taken for what: a row for each class, a column for each answer", "", *marks)
    for i, row in enumerate(found.counts):
        cells = (Text(str(n) if n else "·", style="bold" if i == j else "") for j, n in enumerate(row))
        taken.add_row(found.classes[i], *cells)
    page(scores, taken)


def _mark(name: str) -> str:
    return name if len(name) <= 6 else name[:5] + "…"


def _worst(found: Confusion) -> list[tuple[int, int, int]]:
    """(class, taken for, how often) of the commonest mistakes."""
    wrong = [(i, j, n) for i, row in enumerate(found.counts) for j, n in enumerate(row) if i != j and n]
    return sorted(wrong, key=lambda item: -item[2])[:CONFUSIONS]


def attention(
    run: ImageRun,
    what: str,
    *,
    layer: int | None,
    head: int | None,
    average: bool,
    png: Path | None,
    as_json: bool,
    device: str,
) -> None:
    """Show what the class token looks at, over the picture."""
    from rich.console import Console

    from seqformer.report import heatmap, picture

    if png:
        heatmap.check(png)
    image, label, name = _image(run, what)
    seen = run.classifier(device).look(image)
    panels = _panels(seen, layer, head, average)
    title = f"{name}: {_answer(seen, run.classes, label)}"
    last = [p for p in panels if p.layer == panels[-1].layer]
    if png:
        picture.draw_png(png, image, panels, title)
    if as_json:
        data(json.dumps(_json(seen, panels, run.classes, label), ensure_ascii=False))
        return
    colour = Console().color_system is not None
    page(picture.draw(image, [picture.Panel("image"), *last], colour))
    note(
        f"What the class token looks at in layer {last[0].layer} (brightest patch: the share named above it)."
    )
    note("It looks at itself with " + ", ".join(f"{p.itself:.0%} ({p.title})" for p in last))
    note(title)


def _image(run: ImageRun, what: str) -> tuple[Any, int | None, str]:
    """An image of the test set by its number, or a PNG; its class where that is known, and its name."""
    if not what.isdecimal():
        if not is_picture(what):
            raise SeqformerError(
                f"{run.folder} looks at images: give the number of a test image or a .png file"
            )
        return run.picture(Path(what)), None, what
    test = run.test
    if len(what) > 9 or int(what) >= len(test):
        raise SeqformerError(f"there is no test image {what}: {run.folder} has 0 to {len(test) - 1}")
    return test.images[int(what)], int(test.labels[int(what)]), f"test image {what}"


def _panels(seen: Seen, layer: int | None, head: int | None, average: bool) -> list[Panel]:
    from seqformer.report.picture import Panel

    layers, heads = seen.itself.shape
    if head is not None and average:
        raise SeqformerError("--head and --average exclude each other")
    for name, number, most in (("layer", layer, layers), ("head", head, heads)):
        if number is not None and not 1 <= number <= most:
            raise SeqformerError(f"--{name} {number}: this model has {name}s 1 to {most}")
    patches, itself = seen.patches.double(), seen.itself.double()
    if average:
        patches, itself = patches.mean(1, keepdim=True), itself.mean(1, keepdim=True)
    made = []
    for of_layer in [layer] if layer else range(1, layers + 1):
        for h in [head] if head else range(1, itself.shape[1] + 1):
            title = f"layer {of_layer}, " + ("mean of heads" if average else f"head {h}")
            at = (of_layer - 1, h - 1)
            weights = patches[at].numpy()
            made.append(Panel(title, weights, float(itself[at]), of_layer, 0 if average else h))
    return made


def _answer(seen: Seen, classes: list[str], label: int | None) -> str:
    best = max(range(len(classes)), key=seen.probabilities.__getitem__)
    taken = f"{classes[best]} ({seen.probabilities[best]:.0%})"
    if label is None:
        return f"taken for {taken}"
    return f"rightly taken for {taken}" if best == label else f"{classes[label]}, taken for {taken}"


def _json(seen: Seen, panels: list[Panel], classes: list[str], label: int | None) -> dict[str, Any]:
    return {
        "label": None if label is None else classes[label],
        "probabilities": dict(zip(classes, seen.probabilities, strict=True)),
        "maps": [
            {
                "layer": p.layer,
                "head": p.head or None,
                "class_token": p.itself,
                "patches": None if p.weights is None else p.weights.tolist(),
            }
            for p in panels
        ],
    }
