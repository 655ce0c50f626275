"""Signs and log-probability against references: what they are worth, and the threshold set by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from conftest import Command

from seqformer import api
from seqformer.errors import RunError
from seqformer.report.quality import BAD, FEWEST, SURE, calibrate


def lines(count: int, bad_below: float) -> tuple[list[float], list[float]]:
    """Log-probabilities, and quality that is bad below one of them."""
    confidences = [-2 + 2 * i / count for i in range(count)]
    return confidences, [BAD - 20 if c < bad_below else BAD + 20 for c in confidences]


def test_the_threshold_is_the_highest_that_is_sure_enough() -> None:
    confidences, quality = lines(200, -1.5)
    made = calibrate("run", "valid", confidences, quality, [()] * 200)
    assert made.threshold is not None and made.unsure is not None and made.bad == 50
    below = [q for c, q in zip(confidences, quality, strict=True) if c < made.threshold]
    assert made.unsure.lines == len(below) and made.unsure.bad == sum(q < BAD for q in below)
    assert made.unsure.bad >= SURE * made.unsure.lines
    further = sorted(confidences)[len(below) + 1]
    more = [q for c, q in zip(confidences, quality, strict=True) if c < further]
    assert sum(q < BAD for q in more) < SURE * len(more)
    assert all(a[1].lines <= b[1].lines for a, b in zip(made.curve, made.curve[1:], strict=False))


def test_nothing_is_set_where_nothing_is_sure() -> None:
    confidences, quality = lines(200, -3)
    made = calibrate("run", "valid", confidences, quality, [("loop",)] + [()] * 199)
    assert made.threshold is None and "stays as it was" in made.advice
    assert [(f.name, f.lines, f.bad) for f in made.signs] == [("loop", 1, 0), ("any of them", 1, 0)]
    few = calibrate("run", "valid", *lines(FEWEST, 0), [()] * FEWEST)
    assert few.threshold is None


def test_a_run_is_calibrated_until_its_weights_change(
    trained: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    copytree(trained, folder)
    before = api.load(folder).translate("le chat mange")
    code, out, err = command("evaluate", "--run", folder, "--calibrate", "--json")
    told = json.loads(out)
    assert code == 0 and told["sentences"] == 5, err
    api.Run(folder).unsure = before.log_probability / before.length + 0.1
    assert "unsure" in api.load(folder).translate("le chat mange").warnings
    api.Run(folder).unsure = before.log_probability / before.length - 0.1
    assert "unsure" not in api.load(folder).translate("le chat mange").warnings
    assert api.load(folder).translate("le chat mange").text == before.text
    signs = folder / "signs.json"
    signs.write_text(signs.read_text().replace('"weights": "', '"weights": "0'))
    assert api.Run(folder).unsure is None  # of other weights
    signs.write_text("{}")
    with pytest.raises(RunError, match=r"signs\.json"):
        api.load(folder)


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--bleu",), "--bleu"), (("--split", "valid"), "--split"), (("--run", "RUN"), "one run")],
)
def test_what_calibration_does_not_take(
    trained: Path, command: Callable[..., tuple[int, str, str]], options: tuple[str, ...], why: str
) -> None:
    given = [str(trained) if o == "RUN" else o for o in options]
    code, _, err = command("evaluate", "--run", trained, "--calibrate", *given)
    assert code == 2 or (code and why in err)
    assert why in err
