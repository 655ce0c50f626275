"""The same weights elsewhere: equal logits, equal output, there and back again."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, Command, MakeRun, new_run, toy_pairs
from safetensors.torch import load_file, save_file
from torch import Tensor

from seqformer.config import DecodeConfig, PrepareConfig
from seqformer.decoding import translator as translating
from seqformer.decoding.search import Hypothesis, search
from seqformer.decoding.translator import Translator
from seqformer.errors import RunError
from seqformer.exchange import ctranslate2 as for_ctranslate2
from seqformer.exchange import from_marian, marian_npz, to_marian
from seqformer.exchange.names import MODEL
from seqformer.models import build
from seqformer.runs.layout import WEIGHTS
from seqformer.runs.run import Run
from seqformer.storage.tensors import save_weights
from seqformer.symbols import BOS, EOS, PAD, UNK
from seqformer.text import prepare
from seqformer.text.batches import pad_sources

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the other engines
LINES = [" ".join(WORDS[(i * 7 + j) % len(WORDS)] for j in range(2 + i % 6)) for i in range(20)]
LIMIT = 12
KINDS: list[dict[str, object]] = [
    {},
    {"positions": "sinusoidal-split", "activation": "silu", "encoder_layers": 2},
    {"activation": "gelu", "decoder_layers": 2, "output_bias": True},
    {"attention_bias": False, "attention_dropout": 0.2, "initialization": "torch"},
]


def random_run(make_run: MakeRun, **model: object) -> Run:
    """A run whose weights were never trained, but are nowhere zero or one."""
    run = make_run(model={"norm": "post"} | model)
    torch.manual_seed(5)
    weights = dict(build(run.configs.model).named_parameters())
    save_weights(run.folder / WEIGHTS, {k: w + 0.3 * torch.randn_like(w) for k, w in weights.items()})
    return run


def to_theirs(ids: list[int], size: int) -> list[int]:
    order = to_marian._their_order(size)
    return [order.index(i) for i in ids]


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_computes_the_same(kind: dict[str, object], make_run: MakeRun, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    run = random_run(make_run, **kind)
    to_marian.write(run, tmp_path / "there")
    theirs = transformers.MarianMTModel.from_pretrained(tmp_path / "there").eval()
    tokenizer = transformers.MarianTokenizer.from_pretrained(tmp_path / "there")
    translator, size = run.predictor("cpu"), run.configs.model.target_vocabulary
    encoded = run.task.tokenizer.source.encode(LINES)
    given = tokenizer(LINES, return_tensors="pt", padding=True)
    assert given["input_ids"][3, : len(encoded[3])].tolist() == to_theirs(encoded[3], size)

    target = encoded[0][:4]
    with torch.inference_mode():
        hidden = translator.model.decode(pad_sources(encoded[:1]), torch.tensor([[BOS, *target]]))
        ours = translator.model.logits(hidden)[0]
        begin = theirs.config.decoder_start_token_id
        fed = torch.tensor([[begin, *to_theirs(target, size)]])
        others = theirs(
            input_ids=given["input_ids"][:1, : len(encoded[0]) + 1], decoder_input_ids=fed
        ).logits[0]
    order = to_marian._their_order(size)[:-1]
    assert (ours[:, order] - others[:, :-1]).abs().max() < 1e-4

    for beam in (1, 5):
        config = DecodeConfig(beam=beam, early_stopping=True)
        found = search(translator.model, pad_sources(encoded), torch.full((len(LINES),), LIMIT), config)
        made = theirs.generate(**given, num_beams=beam, max_new_tokens=LIMIT, early_stopping=beam > 1)
        for hypotheses, row in zip(found, made.tolist(), strict=True):
            ended = [i for i in row[1:] if i not in (0, begin)]
            assert to_theirs(hypotheses[0].ids, size) == ended


def test_bytes_and_symbols_are_the_same_pieces_there_and_back(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("google.protobuf")
    config = PrepareConfig(byte_fallback=True, symbols="<X>", digits="split", valid_size=5, test_size=5)
    prepare.prepare([(f"{s} <X> 12", t) for s, t in toy_pairs()], {}, tmp_path / "data", config)
    run = random_run(lambda **settings: new_run(tmp_path / "run", tmp_path / "data", settings["model"], {}))
    to_marian.write(run, tmp_path / "there")
    vocabulary = run.task.tokenizer.source
    lines = ["le chat<X> 12", "<X> кот 犬"]
    encoded = vocabulary.encode(lines)
    assert UNK not in encoded[1] and vocabulary.pieces(encoded[0])[-3:] == ["▁", "1", "2"]
    theirs = transformers.MarianTokenizer.from_pretrained(tmp_path / "there")
    assert [ids[:-1] for ids in theirs(lines)["input_ids"]] == [
        to_theirs(ids, run.configs.model.target_vocabulary) for ids in encoded
    ]
    assert [theirs.decode(ids, skip_special_tokens=True) for ids in theirs(lines)["input_ids"]] == lines
    back = from_marian.read(tmp_path / "there", tmp_path / "back").task.tokenizer.source
    assert back.encode(lines) == encoded and back.decode(encoded) == lines


@pytest.mark.parametrize("kind", KINDS)
def test_ctranslate2_finds_the_same(kind: dict[str, object], make_run: MakeRun, tmp_path: Path) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    run = random_run(make_run, **kind)
    for_ctranslate2.convert(run, tmp_path / "there", None)
    engine = ctranslate2.Translator(str(tmp_path / "there"), compute_type="float32")
    encoded = run.task.tokenizer.source.encode(LINES)
    pieces = [run.task.tokenizer.source.pieces(ids) for ids in encoded]  # the engine adds </s>
    for beam in (1, 5):
        config = DecodeConfig(beam=beam, early_stopping=True)
        found = search(
            run.predictor("cpu").model, pad_sources(encoded), torch.full((len(LINES),), LIMIT), config
        )
        made = engine.translate_batch(pieces, beam_size=beam, max_decoding_length=LIMIT, return_scores=True)
        for hypotheses, result in zip(found, made, strict=True):
            assert run.task.tokenizer.target.pieces(hypotheses[0].ids) == result.hypotheses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back_is_the_same_model(kind: dict[str, object], make_run: MakeRun, tmp_path: Path) -> None:
    pytest.importorskip("google.protobuf")
    run = random_run(make_run, **kind)
    to_marian.write(run, tmp_path / "there")
    back = from_marian.read(tmp_path / "there", tmp_path / "back")
    assert back.task.tokenizer.source.encode(LINES) == run.task.tokenizer.source.encode(LINES)
    source = pad_sources(run.task.tokenizer.source.encode(LINES))
    target = torch.cat((torch.full((len(LINES), 1), BOS), source), 1)
    with torch.inference_mode():
        logits: list[Any] = [r.predictor("cpu").model for r in (run, back)]
        logits = [model.logits(model.decode(source, target)) for model in logits]
    real = [1, *range(3, logits[0].shape[-1])]
    assert (logits[0] - logits[1])[target != PAD][:, real].abs().max() < 1e-4
    assert (logits[1][:, :, [PAD, BOS]] < -1e3).all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_a_checkpoint_in_half_precision_is_opened(
    half: torch.dtype, make_run: MakeRun, tmp_path: Path
) -> None:
    pytest.importorskip("google.protobuf")
    run = random_run(make_run, output_bias=True)
    to_marian.write(run, tmp_path / "there")
    whole = from_marian.read(tmp_path / "there", tmp_path / "whole").load_model(torch.device("cpu"))
    held = load_file(tmp_path / "there" / MODEL)
    save_file({name: tensor.to(half) for name, tensor in held.items()}, tmp_path / "there" / MODEL)
    back = from_marian.read(tmp_path / "there", tmp_path / "back").load_model(torch.device("cpu"))
    for one, other in zip(whole.parameters(), back.parameters(), strict=True):
        assert torch.equal(one.to(half), other.to(half)) and other.dtype == torch.float32


def test_what_has_no_form_is_told(make_run: MakeRun, tmp_path: Path, command: Command) -> None:
    for number, (model, word) in enumerate(
        [
            ({"norm": "pre"}, "norm 'pre'"),
            ({"positions": "learned"}, "positions 'learned'"),
            ({"causal": False}, "without the causal mask"),
            ({"tie_output": False}, "its own output matrix"),
            ({"learned_start": True}, "from a learned vector"),
            ({"arch": "bahdanau"}, "architecture bahdanau"),
        ]
    ):
        run = make_run(name=f"odd{number}", model=model)
        code, _, err = command("export", "--to", "marian", tmp_path / "there", "--run", run.folder)
        assert code == 2 and word in err and err.count("\n") == 1
        assert not (tmp_path / "there").exists()
    code, _, err = command("export", "--to", "tflite", tmp_path / "there")
    assert code == 2 and "choose one of marian, ctranslate2, onnx" in err
    code, _, err = command("export", "--to", "marian", tmp_path / "there", "--quantization", "int8")
    assert code == 2 and "--quantization does nothing with --to marian" in err


def test_what_is_no_checkpoint_is_told(make_run: MakeRun, tmp_path: Path, command: Command) -> None:
    assert command("import", tmp_path)[0] == 2
    run = random_run(make_run)
    to_marian.write(run, tmp_path / "there")
    config = json.loads((tmp_path / "there" / "config.json").read_text())
    for change in ({"model_type": "bart"}, {"decoder_ffn_dim": 7}, {"encoder_layers": 5}, {"d_model": "x"}):
        (tmp_path / "there" / "config.json").write_text(json.dumps(config | change))
        code, _, err = command("import", tmp_path / "there", "--run", tmp_path / "back")
        assert code == 2 and err.count("\n") == 1, err
        assert not (tmp_path / "back").exists()
    with pytest.raises(RunError):
        from_marian.read(tmp_path / "there", tmp_path / "run")  # exists


def test_a_run_can_be_trained_on_with_other_data(make_run: MakeRun, tmp_path: Path, command: Command) -> None:
    """Imported or not: the same pieces, the same first weights, and then it learns."""
    pytest.importorskip("google.protobuf")
    run = random_run(make_run)
    to_marian.write(run, tmp_path / "there")
    assert command("import", tmp_path / "there", "--run", "back")[0] == 0
    (tmp_path / "new.tsv").write_text("\n".join(f"{line}\t{line[::-1]}" for line in LINES * 2), "utf-8")
    assert command("prepare", "new.tsv", "--like", "back", "--max-ratio", 50)[0] == 0
    limits = ("--max-steps", 2, "--device", "cpu", "--precision", "fp32", "--validate-every", 1)
    code, _, err = command("train", "--data", "prepared/new", "--init", "back", "--run", "on", *limits)
    assert code == 0, err
    on, back = Run(tmp_path / "on"), Run(tmp_path / "back")
    assert on.task.tokenizer.files() == back.task.tokenizer.files()
    assert on.configs.model == back.configs.model
    first, begun = back.load_model(torch.device("cpu")), on.first_model()
    for (name, ours), (_, theirs) in zip(begun.named_parameters(), first.named_parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    for options, word in (
        (("--data", "prepared/new", "--width", 32), "width does nothing here"),
        (("--data", run.info.data), "has other pieces than back; prepare it like back"),
        (("--data", "prepared/new", "--preset", "tiny"), "preset does nothing here"),
    ):
        code, _, err = command("train", "--init", "back", "--run", "x", *options)
        assert code == 2 and word in err and not (tmp_path / "x").exists(), err
    code, _, err = command("prepare", "new.tsv", "--like", "back", "--lowercase")
    assert code == 2 and "--like" in err


def echoed(translator: Translator, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The signs at a translation of as many pieces as its source has, and sure of each."""
    line = " ".join(WORDS[:9])

    def said(model: object, source: Tensor, *others: object, **_: object) -> list[list[Hypothesis]]:
        return [[Hypothesis(row.tolist()[-2::-1], -0.1, -0.1)] for row in source]

    with monkeypatch.context() as patched:
        patched.setattr(translating, "search", said)
        ((found,),) = translator.translate([line], DecodeConfig())
    assert len(found.ids) == len(translator.tokenizer.source.encode([line])[0]) == 9
    return found.warnings


def test_no_translation_is_too_long_where_the_usual_length_is_not_known(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest of an imported run counts no training data."""
    translator = random_run(make_run).predictor("cpu")
    assert translator.manifest.usual_ratio > 0 and echoed(translator, monkeypatch) == ()
    unknown = dataclasses.replace(translator.manifest, tokens={"source": 0, "target": 0})
    assert unknown.usual_ratio == 1
    assert echoed(dataclasses.replace(translator, manifest=unknown), monkeypatch) == ()


def test_an_imported_run_calls_no_translation_too_long_that_is_as_long_as_its_source(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.protobuf")
    to_marian.write(random_run(make_run), tmp_path / "there")
    imported = from_marian.read(tmp_path / "there", tmp_path / "back")
    assert imported.task.manifest.tokens == {"source": 0, "target": 0}
    assert echoed(imported.predictor("cpu"), monkeypatch) == ()


def test_an_imported_run_says_what_it_cannot_do(make_run: MakeRun, tmp_path: Path, command: Command) -> None:
    pytest.importorskip("google.protobuf")
    run = random_run(make_run)
    to_marian.write(run, tmp_path / "there")
    command("import", tmp_path / "there", "--run", "back")
    assert command("translate", "le chat", "--run", "back", "--max-length", 4)[0] == 0
    assert command("attention", "le chat", "--run", "back")[0] == 0
    for verb in (("evaluate", "--bleu"), ("train", "--resume")):
        code, _, err = command(*verb, "--run", "back")
        assert code == 2 and err.count("\n") == 1, err


def test_how_text_is_normalised_goes_there_and_back(
    make_run: MakeRun, tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("google.protobuf")
    run = random_run(make_run)
    settings = {"lowercase": True, "split_punctuation": True, "languages": "fr-en"}
    manifest = run.task.manifest
    manifest = dataclasses.replace(manifest, config=manifest.config | settings)
    manifest.write(run.folder)
    code, _, err = command("export", "--to", "marian", tmp_path / "there", "--run", run.folder)
    assert code == 0 and "lower case" in err and "punctuation" in err
    back = from_marian.read(tmp_path / "there", tmp_path / "back")
    assert {name: back.task.manifest.prepare_settings[name] for name in settings} == settings
    assert back.task.manifest.longest == manifest.longest
    line = "Le Chat, dort!"
    one, other = (
        r.predictor("cpu").translate([line], DecodeConfig())[0][0].text for r in (Run(run.folder), back)
    )
    assert one == other


def test_a_language_is_one_piece_as_in_transformers(make_run: MakeRun, tmp_path: Path) -> None:
    """And pieces that the vocabulary lacks are unknown, as there."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("google.protobuf")
    run = random_run(make_run)
    to_marian.write(run, tmp_path / "there")
    path = tmp_path / "there" / "vocab.json"
    pieces = json.loads(path.read_text())
    first, second = (p for p in ("▁le", "▁chat"))
    assert first in pieces and second in pieces
    # one piece gives its place to a language, another to one that no text is cut into
    swapped = {{first: ">>fra<<", second: "unheard"}.get(p, p): i for p, i in pieces.items()}
    path.write_text(json.dumps(swapped))
    back = from_marian.read(tmp_path / "there", tmp_path / "back")
    theirs = transformers.MarianTokenizer.from_pretrained(tmp_path / "there")
    names = {number: piece for piece, number in swapped.items()}
    for line in (">>fra<< le chat dort", "le chat", ">>fra<< un chien"):
        (ids,) = back.task.tokenizer.source.encode([line])
        ours = [p.removeprefix("▁") if ">>" in p else p for p in back.task.tokenizer.source.pieces(ids)]
        assert ours == [names[i] for i in theirs(line)["input_ids"]][:-1]
    to_marian.write(back, tmp_path / "again")
    assert ">>fra<<" in json.loads((tmp_path / "again" / "vocab.json").read_text())


def test_an_output_matrix_of_its_own_is_used_and_what_has_no_place_is_named(
    make_run: MakeRun, tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("google.protobuf")
    run = random_run(make_run)
    to_marian.write(run, tmp_path / "there")
    held = load_file(tmp_path / "there" / MODEL)
    own = torch.randn_like(held["model.shared.weight"])
    save_file(held | {"lm_head.weight": own}, tmp_path / "there" / MODEL)
    path = tmp_path / "there" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tie_word_embeddings": False}))
    back = from_marian.read(tmp_path / "there", tmp_path / "back")
    assert not back.configs.model.tie_output
    weights = dict(back.load_model(torch.device("cpu")).named_parameters())
    assert torch.equal(weights["output.weight"][EOS], own[0])
    save_file(held | {"model.adapter.weight": own}, tmp_path / "there" / MODEL)
    code, _, err = command("import", tmp_path / "there", "--run", tmp_path / "other")
    assert code == 2 and "model.adapter.weight" in err and not (tmp_path / "other").exists()


def test_the_older_form_of_weights_is_opened_and_nothing_else(
    make_run: MakeRun, tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("google.protobuf")
    run = random_run(make_run)
    to_marian.write(run, tmp_path / "there")
    whole = from_marian.read(tmp_path / "there", tmp_path / "whole").load_model(torch.device("cpu"))
    held = load_file(tmp_path / "there" / MODEL)
    (tmp_path / "there" / MODEL).unlink()
    torch.save(held, tmp_path / "there" / "pytorch_model.bin")
    back = from_marian.read(tmp_path / "there", tmp_path / "back").load_model(torch.device("cpu"))
    for one, other in zip(whole.parameters(), back.parameters(), strict=True):
        assert torch.equal(one, other)
    for bad in ({"x": Path("here")}, [1]):
        torch.save(bad, tmp_path / "there" / "pytorch_model.bin")
        code, _, err = command("import", tmp_path / "there", "--run", tmp_path / "other")
        assert code == 2 and err.count("\n") == 1 and not (tmp_path / "other").exists()


def as_marian_writes(there: Path, out: Path) -> None:
    """Write a checkpoint of transformers in Marian's own form."""
    config = json.loads((there / "config.json").read_text())
    pieces = json.loads((there / "vocab.json").read_text())
    held = load_file(there / MODEL)
    arrays = {}
    for stack in ("encoder", "decoder"):
        for layer in range(config[f"{stack}_layers"]):
            for theirs, ours in marian_npz.PARTS.items():
                if f"model.{stack}.layers.{layer}.{ours}" not in held:
                    continue
                value = held[f"model.{stack}.layers.{layer}.{ours}"]
                value = value.T if value.ndim == 2 else value[None]
                arrays[f"{stack}_l{layer + 1}_{theirs}"] = value.contiguous().numpy()
    arrays["Wemb"] = held["model.shared.weight"][:-1].numpy()
    arrays["decoder_ff_logit_out_b"] = held["final_logits_bias"][:, :-1].numpy()
    settings = {
        "type": "transformer", "dim-emb": config["d_model"], "enc-depth": config["encoder_layers"],
        "dec-depth": config["decoder_layers"], "transformer-heads": config["encoder_attention_heads"],
        "transformer-dim-ffn": config["encoder_ffn_dim"], "tied-embeddings-all": True,
        "transformer-ffn-activation": config["activation_function"], "transformer-postprocess": "dan",
    }  # fmt: skip
    written = json.dumps(settings).encode() + b"\0"  # JSON is YAML
    arrays["special:model.yml"] = np.frombuffer(written, np.int8)
    out.mkdir()
    np.savez(out / "model.npz", **arrays)
    vocabulary = {piece: number for piece, number in pieces.items() if piece != "<pad>"}
    (out / "opus.vocab.yml").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    for name in ("source.spm", "target.spm"):
        shutil.copy(there / name, out / name)


def test_marians_own_files_are_opened(make_run: MakeRun, tmp_path: Path, command: Command) -> None:
    pytest.importorskip("google.protobuf")
    pytest.importorskip("yaml")
    run = random_run(make_run, output_bias=True)
    to_marian.write(run, tmp_path / "there")
    whole = from_marian.read(tmp_path / "there", tmp_path / "whole").load_model(torch.device("cpu"))
    as_marian_writes(tmp_path / "there", tmp_path / "own")
    back = from_marian.read(tmp_path / "own", tmp_path / "back")
    theirs = dict(whole.named_parameters())
    for name, weights in back.load_model(torch.device("cpu")).named_parameters():
        assert torch.equal(weights, theirs[name]), name
    assert back.task.tokenizer.source.encode(LINES) == run.task.tokenizer.source.encode(LINES)
    with np.load(tmp_path / "own" / "model.npz") as file:
        arrays = {name: file[name] for name in file.files}
    for change, word in (
        ({"extra": np.zeros(1)}, "extra"),
        ({"special:model.yml": np.frombuffer(b"type: s2s\n", np.int8)}, "s2s"),
        ({"special:model.yml": np.frombuffer(b"{", np.int8)}, "YAML"),
        ({"Wemb": np.array([Path()], dtype=object)}, "not weights"),
    ):
        np.savez(tmp_path / "own" / "model.npz", **(arrays | change))
        code, _, err = command("import", tmp_path / "own", "--run", tmp_path / "other")
        assert code == 2 and word in err and err.count("\n") == 1, err
