"""Beside the peers, same machine, data, batches and weights: python bench/peers.py NAME…

    train     tokens per second (source and target, no padding) and peak memory of a training step, against
              transformers' MarianMTModel in a plain loop over the same batches, fp32 and bf16
    widths    training at widths of 128, 256 and 512
    decode    sentences and tokens per second, greedy and beam 5, against generate() and CTranslate2
    latency   one sentence at a time: median and 95th percentile in milliseconds
    recipe    BLEU of MarianMTModel after ten minutes of training by our recipe, from our first weights

Needs the extra "exchange" and --multi30k DIR (train.en, val.de, …). Decoding takes --run, a post-norm run
trained on it, or trains one for ten minutes first. Every measurement is a process of its own, and rounds
alternate A B A B; the table shows the median and the range. The figures go to bench/out/peers.json too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
SHAPE = {"encoder_layers": 3, "decoder_layers": 3, "width": 256, "heads": 4, "feed_forward": 1024}
TOKENS, WARM, STEPS = 4096, 8, 20
NAMES = ["train", "widths", "decode", "latency", "recipe"]
TRAINERS = ("seqformer fp32", "transformers fp32", "seqformer bf16", "transformers bf16")
WIDTHS = ("seqformer bf16 128", "seqformer bf16 256", "seqformer bf16 512")
DECODERS = (
    "seqformer fp32", "seqformer bf16", "ctranslate2 float32", "ctranslate2 int8", "transformers fp32",
)  # fmt: skip


def child_train(name: str, scratch: Path) -> dict[str, float]:
    """One round of training steps: tokens per second and peak memory."""
    from seqformer.text import prepared as store
    from seqformer.text.batches import PairBatches

    manifest = store.read_manifest(scratch / "prepared/m30k")
    batches = PairBatches(store.open_pairs(scratch / "prepared/m30k", "train", manifest), TOKENS, 1)
    plan = batches.plan(0)[: WARM + STEPS]
    stepper = {"seqformer": _our_steps, "transformers": _their_steps}[name.split()[0]]
    tokens, begin = 0, 0.0
    vocabulary = manifest.vocabulary["target"]
    for number, _ in enumerate(stepper(batches, plan, vocabulary, *name.split()[1:])):
        if number == WARM - 1:
            begin = time.perf_counter()
        if number >= WARM:
            batch = batches.load(plan[number])
            tokens += int((batch.source != 0).sum() + (batch.target_out != 0).sum())
    seconds = time.perf_counter() - begin
    return {"tokens/s": tokens / seconds, "GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def _our_steps(
    batches: Any, plan: Any, vocabulary: int, precision: str, width: str = "256"
) -> Iterator[None]:
    import torch

    from seqformer.config import ModelConfig
    from seqformer.device import DTYPES, choose_device
    from seqformer.models import build
    from seqformer.training.optimizer import FlatAdam

    choose_device("cpu")
    torch.manual_seed(1)
    shape = SHAPE | {"width": int(width), "feed_forward": 4 * int(width)}
    model = build(ModelConfig(vocabulary, vocabulary, **shape)).to(DTYPES[precision])
    optimizer = FlatAdam(model, 1.0)
    for item in plan:
        loss, units = model.loss(batches.load(item), 0.1)
        loss.backward()
        optimizer.collect()
        optimizer.step(units, 1e-4)
        yield


def _their_steps(batches: Any, plan: Any, vocabulary: int, precision: str) -> Iterator[None]:
    import torch
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(1)
    config = MarianConfig(
        vocab_size=vocabulary, d_model=256, encoder_layers=3, decoder_layers=3, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=1024, decoder_ffn_dim=1024, activation_function="relu",
        dropout=0.1, scale_embedding=True, pad_token_id=0, eos_token_id=3, decoder_start_token_id=2,
        max_position_embeddings=512,
    )  # fmt: skip
    model = MarianMTModel(config).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9)
    for item in plan:
        _their_step(model, optimizer, batches.load(item), precision)
        yield


def _their_step(model: Any, optimizer: Any, batch: Any, precision: str) -> None:
    import torch

    pad = model.config.pad_token_id
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = model(
            input_ids=batch.source,
            attention_mask=(batch.source != pad).long(),
            decoder_input_ids=batch.target_in,
        ).logits
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.target_out.flatten(), ignore_index=pad, label_smoothing=0.1
        )
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def child_recipe(precision: str, scratch: Path, minutes: float) -> dict[str, float]:
    """Train MarianMTModel as we train: first weights, batches, rates, smoothing, dropout and clipping."""
    import torch
    from transformers import MarianMTModel

    from seqformer.runs.run import Run
    from seqformer.text import prepared as store
    from seqformer.text.batches import Batch, PairBatches
    from seqformer.training.optimizer import learning_rate

    begin = time.monotonic()
    run = Run((scratch / "first").resolve())
    config, vocabulary = run.train_config, run.manifest.vocabulary["target"]
    pairs = store.open_pairs(scratch / "prepared/m30k", "train", run.manifest)
    batches = PairBatches(pairs, config.tokens_per_batch, 1)
    torch.manual_seed(1)
    model = MarianMTModel.from_pretrained(scratch / "theirs").train()
    theirs = torch.tensor(
        [vocabulary - 2, 1, vocabulary - 2, 0, *range(2, vocabulary - 2)]
    )  # PAD UNK BOS EOS …
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    steps, epoch = 0, 0
    while True:
        for item in batches.plan(epoch):
            progress = (time.monotonic() - begin) / (60 * minutes)
            if progress >= 1:
                model.save_pretrained(scratch / "theirs")
                return {"steps": steps, "epochs": epoch}
            optimizer.param_groups[0]["lr"] = learning_rate(config, steps, progress)
            ours = batches.load(item)
            batch = Batch(theirs[ours.source], theirs[ours.target_in], theirs[ours.target_out])
            _their_step(model, optimizer, batch, precision)
            with torch.no_grad():  # decoding starts from this row, a vector of zeros
                model.model.shared.weight[model.config.pad_token_id] = 0
            steps += 1
        epoch += 1


def recipe(scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    """BLEU (beam 5, cased) of what MarianMTModel has learned, translated by seqformer."""
    import sacrebleu
    from run import seqformer

    first = ("--preset", "small", "--max-steps", 1, "--run", "first")
    seqformer(scratch, "train", "--data", "prepared/m30k", *first)
    seqformer(scratch, "export", "theirs", "--to", "marian", "--run", "first")
    figures = measure(scratch, "recipe", "fp32", options.minutes)
    seqformer(scratch, "import", "theirs", "--run", "learned")
    told = seqformer(scratch, "translate", "--input", "test.src", "--run", "learned")[0].splitlines()
    references = (options.multi30k / "test_2016_flickr.de").read_text("utf-8").splitlines()
    return figures | {"BLEU": round(sacrebleu.corpus_bleu(told, [references]).score, 1)}


def child_decode(name: str, scratch: Path, beam: int, one_by_one: bool) -> dict[str, Any]:
    """Decode the test set once: figures and the output, for comparison."""
    lines = (scratch / "test.src").read_text("utf-8").splitlines()
    lines = lines[:100] if one_by_one else lines
    engine, precision = name.split()
    translate = {"seqformer": _ours, "transformers": _hugging, "ctranslate2": _ctranslate}[engine](
        scratch, precision, beam, one_by_one
    )
    groups = [[line] for line in lines] if one_by_one else [lines]
    for group in groups[:5] if one_by_one else groups:
        translate(group)  # so that all measure what long files get: the second time over
    times, said, tokens = [], [], 0
    for group in groups:
        begin = time.perf_counter()
        texts, count = translate(group)
        times.append(time.perf_counter() - begin)
        said, tokens = said + texts, tokens + count
    whole = sum(times)
    figures: dict[str, Any] = {"output": said}
    if one_by_one:
        ranked = sorted(times)
        return figures | {"median ms": 1000 * statistics.median(times), "p95 ms": 1000 * ranked[94]}
    return figures | {"sentences/s": len(lines) / whole, "tokens/s": tokens / whole}


def _ours(scratch: Path, precision: str, beam: int, one_by_one: bool) -> Any:
    from seqformer.config import DecodeConfig
    from seqformer.decoding.workers import Workers
    from seqformer.runs.run import Run

    run = Run((scratch / "run").resolve())
    if one_by_one:
        translator: Any = run.translator("cpu", precision)
    else:
        translator = Workers(run, "cpu", precision, os.cpu_count() or 1)
    config = DecodeConfig(beam=beam, early_stopping=True, max_length=LONGEST)

    def translate(lines: list[str]) -> tuple[list[str], int]:
        best = [found[0] for found in translator.translate(lines, config)]
        return [t.text for t in best], sum(len(t.ids) + 1 for t in best)

    return translate


LONGEST = 80  # pieces of a translation, in every engine


def _hugging(scratch: Path, precision: str, beam: int, one_by_one: bool) -> Any:
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    model = MarianMTModel.from_pretrained(scratch / "marian").eval()
    tokenizer = MarianTokenizer.from_pretrained(scratch / "marian")

    def translate(lines: list[str]) -> tuple[list[str], int]:
        order = sorted(range(len(lines)), key=lambda i: -len(lines[i]))
        said, tokens = [""] * len(lines), 0
        for begin in range(0, len(lines), 64):
            some = order[begin : begin + 64]
            given = tokenizer([lines[i] for i in some], return_tensors="pt", padding=True)
            with torch.inference_mode():
                made = model.generate(
                    **given, num_beams=beam, max_new_tokens=LONGEST, early_stopping=beam > 1
                )
            tokens += int((made[:, 1:] != model.config.pad_token_id).sum())
            for i, text in zip(some, tokenizer.batch_decode(made, skip_special_tokens=True), strict=True):
                said[i] = text
        return said, tokens

    return translate


def _ctranslate(scratch: Path, precision: str, beam: int, one_by_one: bool) -> Any:
    import ctranslate2
    import sentencepiece

    from seqformer.runs.run import Run

    cores = os.cpu_count() or 1
    threads = {"inter_threads": 1, "intra_threads": 1}
    if not one_by_one:
        threads = {"inter_threads": cores, "intra_threads": 1}
    engine = ctranslate2.Translator(str(scratch / "ctranslate2"), compute_type=precision, **threads)
    run = Run((scratch / "run").resolve())
    tokenizer, normalize = run.tokenizer, run.manifest.normalize()
    decoder = sentencepiece.SentencePieceProcessor(model_file=str(scratch / "ctranslate2/target.spm"))

    def translate(lines: list[str]) -> tuple[list[str], int]:
        encoded = tokenizer.source.encode([normalize(line) for line in lines])
        pieces = [[*tokenizer.source.pieces(ids), "</s>"] for ids in encoded]
        made = engine.translate_batch(
            pieces, beam_size=beam, max_decoding_length=LONGEST, max_batch_size=32 if beam > 1 else 128
        )
        best = [result.hypotheses[0] for result in made]
        texts = [" ".join(text.split()) for text in decoder.decode(best)]
        return texts, sum(len(found) + 1 for found in best)

    return translate


def measure(scratch: Path, what: str, name: str, *more: object) -> dict[str, Any]:
    """One round, in a process of its own."""
    command = [sys.executable, __file__, "--child", what, name, str(scratch), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rounds(scratch: Path, what: str, names: tuple[str, ...], count: int, *more: object) -> dict[str, Any]:
    """Every system ``count`` times, A B C A B C; figure -> values, a system."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(count):
        for name in names:
            found[name].append(measure(scratch, what, name, *more))
    merged: dict[str, Any] = {}
    for name, results in found.items():
        merged[name] = {k: [r[k] for r in results] for k in results[0] if k != "output"}
        merged[name]["output"] = results[0].get("output")
    return merged


def show(title: str, found: dict[str, Any]) -> None:
    """A Markdown table: median and range of each figure, and the ratio to the first figure of each peer."""
    print(f"\n{title}\n")
    figures = [k for k in next(iter(found.values())) if k != "output"]
    print(f"| | {' | '.join(figures)} |\n|---|{'---|' * len(figures)}")
    for name, values in found.items():
        cells = [
            f"{_short(statistics.median(values[k]))} ({_short(min(values[k]))}–{_short(max(values[k]))})"
            for k in figures
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    sys.stdout.flush()


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def agreement(found: dict[str, Any], reference: str) -> None:
    """How many lines of each system equal those of the reference, and every system's BLEU."""
    for name, values in found.items():
        same = sum(a == b for a, b in zip(values["output"], found[reference]["output"], strict=True))
        print(f"{name}: {same} of {len(values['output'])} lines as {reference}")


def prepare(scratch: Path, options: argparse.Namespace) -> None:
    """Prepared data, and for decoding a run in three forms."""
    from run import _prepare, seqformer

    _prepare(scratch, options)
    (scratch / "test.src").write_text((options.multi30k / "test_2016_flickr.en").read_text("utf-8"), "utf-8")
    if not {"decode", "latency"} & set(options.names):
        return
    if options.run:
        (scratch / "run").symlink_to(options.run.resolve())
    else:
        how = ("--preset", "small", "--max-minutes", 10)
        seqformer(scratch, "train", "--data", "prepared/m30k", *how, "--run", "run")
    seqformer(scratch, "export", "marian", "--to", "marian", "--run", "run")
    seqformer(scratch, "export", "ctranslate2", "--to", "ctranslate2", "--run", "run")


def main() -> None:
    """Measure what was named, all by default."""
    if sys.argv[1:2] == ["--child"]:
        what, name, scratch, *more = sys.argv[2:]
        if what == "train":
            found = child_train(name, Path(scratch))
        elif what == "recipe":
            found = child_recipe(name, Path(scratch), float(more[0]))
        else:
            found = child_decode(name, Path(scratch), int(more[0]), what == "latency")
        print(json.dumps(found))
        return
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []])
    parser.add_argument("--multi30k", type=Path, required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10, help="of the recipe's training")
    options = parser.parse_args()
    options.names = options.names or NAMES
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        prepare(scratch, options)
        if "train" in options.names:
            figures["train"] = rounds(scratch, "train", TRAINERS, options.rounds)
            show(f"Training, batches of {TOKENS:,} tokens", figures["train"])
        if "widths" in options.names:
            figures["widths"] = rounds(scratch, "train", WIDTHS, options.rounds)
            show(f"Training by width, batches of {TOKENS:,} tokens", figures["widths"])
        if "recipe" in options.names:
            learned = recipe(scratch, options)
            print(f"\nMarianMTModel by our recipe: {learned}")
            figures["recipe"] = {"transformers fp32": learned}
        for beam in (1, 5):
            for what in ("decode", "latency"):
                if what not in options.names:
                    continue
                found = rounds(scratch, what, DECODERS, options.rounds, beam)
                show(f"{what}, beam {beam}", found)
                agreement(found, "ctranslate2 float32")
                figures[f"{what} {beam}"] = found
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    for found in figures.values():
        for values in found.values():
            values.pop("output", None)
    (out / "peers.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
