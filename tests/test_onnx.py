"""The ONNX form, run by onnxruntime and NumPy alone: the same logits, the same ids."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, Command, MakeRun
from test_marian import LINES, random_run

from seqformer.config import DecodeConfig
from seqformer.decoding.search import search
from seqformer.exchange import to_onnx
from seqformer.exchange.names import LONGEST
from seqformer.models.attention import padding_mask
from seqformer.models.positions import position_table
from seqformer.symbols import BOS, EOS, PAD, UNK
from seqformer.text.batches import pad_sources

LIMIT = 12
KINDS: list[dict[str, object]] = [
    {"decoder_layers": 2},
    {
        "norm": "pre", "positions": "learned", "activation": "gelu", "tie_output": False, "output_bias": True,
        "learned_start": True, "attention_bias": False,
    },
]  # fmt: skip


class Engine:
    """What a user writes: greedy search over the two files, by what seqformer.json says."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        import sentencepiece

        self.how = json.loads((folder / "seqformer.json").read_text("utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(folder / self.how[name]["file"]), options)
            for name in ("encoder", "decoder")
        )
        self.source, self.target = (
            sentencepiece.SentencePieceProcessor(model_file=str(folder / self.how["tokenizer"][side]))
            for side in ("source", "target")
        )

    def batch(self, lines: list[str]) -> Any:
        ids = [[*self.source.encode(line), self.how["ids"]["end"]] for line in lines]
        longest = max(map(len, ids))
        return np.array([row + [self.how["ids"]["pad"]] * (longest - len(row)) for row in ids], np.int64)

    def greedy(self, source: Any, limit: int) -> tuple[list[list[int]], list[Any]]:
        """Return the ids of each row without EOS, and the logits of each step."""
        how, count = self.how, len(source)
        fixed = {"source": source}
        fixed |= dict(zip(how["encoder"]["outputs"], self.encoder.run(None, fixed), strict=True))
        empty = np.zeros((count, how["past"]["heads"], 0, how["past"]["head_width"]), np.float32)
        past = {name: empty for name in how["decoder"]["inputs"] if name.startswith("past.")}
        token, rows, steps = np.full(count, how["ids"]["begin"], np.int64), [], []
        for position in range(limit):
            fed = {"token": token, "position": np.array([position], np.int64)} | fixed | past
            logits, *present = self.decoder.run(None, fed)
            past = dict(zip(past, present, strict=True))
            token = logits.argmax(-1)
            rows.append(token)
            steps.append(logits)
        ids = [row[: row.index(how["ids"]["end"])] if how["ids"]["end"] in row else row
               for row in np.stack(rows, 1).tolist()]  # fmt: skip
        return ids, steps


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_steps_as_the_model_does(kind: dict[str, object], make_run: MakeRun) -> None:
    """In torch itself, for every kind of model; the files hold the same operations."""
    model = random_run(make_run, **kind).load_model(torch.device("cpu")).requires_grad_(False)
    table = position_table(model.positions, LONGEST, model.config.width)
    source, target = (
        torch.tensor([[5, 6, 7, EOS], [8, EOS, PAD, PAD]]),
        torch.tensor([[BOS, 9], [5, 6], [4, 8]]),
    )
    memory = list(to_onnx._Encoder(model, table)(source))
    empty = torch.zeros(2, model.config.heads, 0, model.config.width // model.config.heads)
    past, decoder = [empty] * len(memory), to_onnx._Decoder(model, table)
    state = model.start(model.encode(source, padding_mask(source)), padding_mask(source))
    for position, token in enumerate(target):
        logits, *past = decoder(token, torch.tensor([position]), source, memory, past)
        assert (logits - model.step(token, state))[:, [UNK, *range(EOS, logits.shape[1])]].abs().max() < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_onnxruntime_computes_the_same(make_run: MakeRun, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    run = random_run(make_run, **KINDS[0])
    to_onnx.write(run, tmp_path / "there")
    engine, model = Engine(tmp_path / "there"), run.predictor("cpu").model
    encoded = run.task.tokenizer.source.encode(LINES)
    for lines in (LINES, LINES[:1]):  # a batch with padding, and a sentence alone
        source = engine.batch(lines)
        ours = pad_sources(encoded[: len(lines)])
        assert np.array_equal(source, ours.numpy())
        ids, steps = engine.greedy(source, LIMIT)
        found = search(model, ours, torch.full((len(lines),), LIMIT), DecodeConfig(beam=1))
        assert [best[0].ids for best in found] == ids
        assert len(lines) == 1 or len(set(map(tuple, ids))) > 3
        mask = padding_mask(ours)
        with torch.inference_mode():
            state = model.start(model.encode(ours, mask), mask)
            token = torch.full((len(lines),), BOS)
            for theirs in steps:
                mine = model.step(token, state)
                token = torch.from_numpy(theirs.argmax(-1))
                real = [i for i in range(mine.shape[1]) if i not in (PAD, BOS)]
                assert np.abs(mine.numpy()[:, real] - theirs[:, real]).max() < 1e-4
                assert np.isneginf(theirs[:, [PAD, BOS]]).all()
    assert engine.how["ids"]["end"] == EOS and engine.target.decode(encoded[0]).split()[0] in WORDS


def test_what_cannot_be_exported_is_refused_in_a_line(
    make_run: MakeRun, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")
    run = make_run("gru", {"arch": "bahdanau"}, max_steps=1)
    code, _, err = command("export", "--to", "onnx", "out", "--run", run.folder)
    assert (code, err.count("\n")) == (2, 1)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    code, _, err = command("export", "--to", "onnx", "out", "--run", run.folder)
    assert (code, err.count("\n")) == (2, 1) and "pip install 'seqformer[onnx]'" in err
    assert not (tmp_path / "out").exists()
