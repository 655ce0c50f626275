"""Given translations are scored as the search scores its own; runs are averaged; references are several."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
import torch
from conftest import Command, MakeRun

from seqformer import api
from seqformer.errors import RunError
from seqformer.runs import assemble
from seqformer.runs.several import average, predictor

LINES = ["le chat mange", "un grand chien dort", "la maison rouge"]


def test_a_translation_is_scored_as_it_was_found(trained: Path) -> None:
    model = api.load(trained)
    found = [best for line in model.translate(LINES, n_best=3, beam=3, max_length=40) for best in line]
    sources = [line for line in LINES for _ in range(3)]
    for best, scored in zip(
        found, model.score(list(zip(sources, (b.text for b in found), strict=True))), strict=True
    ):
        if best.length == len(best.ids) + 1 and scored.tokens[:-1] == best.tokens:  # it ended by itself
            assert abs(scored.log_probability - best.log_probability) < 1e-3
        assert len(scored.each) == len(scored.tokens) and scored.mean == scored.log_probability / len(
            scored.each
        )


def test_scores_do_not_depend_on_the_batch_and_come_in_order(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = api.load(trained)
    pairs = [("le chat", "the cat"), ("un chien dort", ""), ("", "a"), ("le chat " * 9, "the cat " * 9)]
    at_once = model.score(pairs)
    monkeypatch.setattr("seqformer.decoding.scoring.NUMBERS", 1)
    for one, other in zip(at_once, model.score(pairs), strict=True):
        assert one.each == pytest.approx(other.each, abs=1e-4)


def test_score_prints_a_line_for_each_pair(trained: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "pairs.tsv").write_text("le chat\tthe cat\nun chien\t\n")
    code, out, _ = command("score", tmp_path / "pairs.tsv", "--run", trained)
    assert code == 0
    lines = [line.split("\t") for line in out.split("\n")[:-1]]
    assert [line[1:] for line in lines] == [["le chat", "the cat"], ["un chien", ""]]
    code, out, _ = command("score", tmp_path / "pairs.tsv", "--run", trained, "--json")
    values = [json.loads(line) for line in out.splitlines()]
    assert [f"{v['log_probability']:.4f}" for v in values] == [line[0] for line in lines]
    assert all(abs(sum(v["each"]) - v["log_probability"]) < 1e-6 for v in values)
    (tmp_path / "s").write_text("le chat\nun chien\n")
    (tmp_path / "t").write_text("the cat\n")
    code, out, err = command("score", tmp_path / "s", tmp_path / "t", "--run", trained)
    assert code == 2 and not out and "ends after line 1" in err
    (tmp_path / "bad.tsv").write_text("le chat\tthe cat\nno tab\n")
    code, out, err = command("score", tmp_path / "bad.tsv", "--run", trained)
    assert code == 2 and "line 2" in err and err.count("\n") == 1


def test_an_average_is_the_mean_of_the_weights(make_run: MakeRun, tmp_path: Path, command: Command) -> None:
    runs = [make_run(name, {}, seed=seed) for seed, name in enumerate("abc", 1)]
    for run in runs:
        list(assemble.begin(run, "cpu").trainer.run())
    code, _, err = command("average", *(run.folder for run in runs), "--out", tmp_path / "mean")
    assert code == 0 and "seqformer translate" in err
    models = [dict(run.load_model(torch.device("cpu")).named_parameters()) for run in runs]
    mean = api.load(tmp_path / "mean").run.load_model(torch.device("cpu"))
    for name, weights in mean.named_parameters():
        torch.testing.assert_close(weights, sum(m[name] for m in models) / 3)
    with pytest.raises(RunError, match="exists"):
        average(runs, tmp_path / "mean")
    with pytest.raises(RunError, match="at least two"):
        average(runs[:1], tmp_path / "other")
    wider = make_run("wider", {"feed_forward": 24})
    with pytest.raises(RunError, match="feed forward"):
        average([runs[0], wider], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_ensemble_of_one_run_twice_is_that_run(trained: Path) -> None:
    alone = api.load(trained).translate(LINES, n_best=2, beam=4)
    twice = api.load([trained, trained]).translate(LINES, n_best=2, beam=4)
    assert [[b.text for b in line] for line in alone] == [[b.text for b in line] for line in twice]


def test_an_ensemble_is_evaluated(trained: Path, command: Command) -> None:
    code, alone, _ = command("evaluate", "--run", trained, "--chrf", "--json")
    code, twice, err = command("evaluate", "--run", trained, "--run", trained, "--chrf", "--json")
    assert code == 0, err
    assert json.loads(alone)["chrf"] == json.loads(twice)["chrf"]


def test_old_and_new_test_sets_stand_side_by_side(
    trained: Path, data: Path, tmp_path: Path, make_run: MakeRun, command: Command
) -> None:
    pairs = [(f"le chat {i} dort", f"dort {i} chat le") for i in range(60)]
    new = api.prepare(pairs, out=tmp_path / "new", like=trained, valid_size=4, test_size=4)
    tuned = api.train(new, run=tmp_path / "tuned", init=trained, max_steps=2)
    both = ("--data", data, "--data", new.folder)
    options = ("--run", tuned.folder, "--compare", trained, "--chrf")
    code, out, err = command("evaluate", *options, *both, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert list(values) == [str(data), str(new.folder)]
    assert values[str(new.folder)]["sentences"] == new.task.manifest.pairs["test"]
    alone = json.loads(command("evaluate", "--run", tuned.folder, "--chrf", "--json", "--data", data)[1])
    assert alone["chrf"] == values[str(data)]["chrf"]
    code, out, err = command("evaluate", *options, *both)
    assert code == 0 and "p (bootstrap)" in out and f"{data}: chrF" in out


def test_runs_of_other_pieces_are_no_ensemble(trained: Path, tmp_path: Path) -> None:
    pairs = [(f"x{i} y", f"z{i} w") for i in range(40)]
    other = api.train(
        api.prepare(pairs, out=tmp_path / "other", valid_size=2, test_size=2), run=tmp_path / "run",
        max_steps=1, preset="toy",
    )  # fmt: skip
    with pytest.raises(RunError, match="has other pieces than"):
        predictor([api.load(trained).run, other])


def test_several_references_and_those_normalised_otherwise(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    model = api.load(trained)
    sources = [line for line in LINES if model.translate(line).text]  # no reference is blank
    perfect = [t.text + "é" for t in model.translate(sources)]
    (tmp_path / "s").write_text("\n".join(sources) + "\n")
    (tmp_path / "wrong").write_text("rien\n" * len(sources))
    (tmp_path / "right").write_text("\n".join(t.text for t in model.translate(sources)) + "\n")
    both = ("--reference", tmp_path / "wrong", "--reference", tmp_path / "right")
    code, out, _ = command(
        "evaluate", "--run", trained, "--chrf", "--source", tmp_path / "s", *both, "--json"
    )
    assert code == 0 and json.loads(out)["exact_match"] == 1.0
    (tmp_path / "nfd").write_text("\ufeff" + unicodedata.normalize("NFD", "\n".join(perfect)) + "\n", "utf-8")
    code, out, err = command(
        "evaluate",
        "--run",
        trained,
        "--chrf",
        "--source",
        tmp_path / "s",
        "--reference",
        tmp_path / "nfd",
        "--json",
    )
    values = json.loads(out)
    assert code == 0 and f"Unicode form ({len(sources)})" in err
    assert values["normalised"]["chrf"]["score"] > values["chrf"]["score"]


def test_the_most_probable_pairs_of_a_corpus_are_kept(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    pairs = [(f"le chat {i}", "the cat" if i % 4 else "x q z w v j k" * 3) for i in range(80)]
    (tmp_path / "pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs))
    options = ("--score-with", trained, "--score-keep", 0.75, "--vocab-size", 60, "--valid-size", 5)
    code, _, err = command("prepare", tmp_path / "pairs.tsv", *options, "--out", tmp_path / "kept")
    assert code == 0, err
    manifest = api.existing(tmp_path / "kept").manifest
    assert manifest.dropped["improbable"] == 20 and manifest.read == 80
    scored = api.load(trained).score(pairs)
    best = sorted(range(80), key=lambda i: -scored[i].mean)[:60]
    kept = set(manifest.pairs.values())
    assert kept and manifest.read - manifest.dropped["improbable"] == len(best)
    again = command("prepare", tmp_path / "pairs.tsv", *options, "--out", tmp_path / "kept")
    assert again[0] == 0 and "nothing to do" in again[2]
    for wrong, word in (((*options[:2],), "share to keep"), (("--score-keep", 0.5), "without a run")):
        code, _, err = command("prepare", tmp_path / "pairs.tsv", *wrong, "--out", tmp_path / "other")
        assert code == 2 and word in err and err.count("\n") == 1, err
