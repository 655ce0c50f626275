"""The model card of an exported run: what it does, on what it was trained, how well, and how to repeat it.

It is Markdown with metadata in YAML before it, as the Hugging Face Hub reads them. The Hub's own library
reads the metadata and writes them back unchanged, which a test holds.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from seqformer import __version__
from seqformer.exchange.names import normal_form
from seqformer.inference.evaluation import evaluate
from seqformer.presets import Resolved, recipe_of
from seqformer.report.evaluation import TextEvaluation
from seqformer.report.scores import TITLES
from seqformer.runs.run import Run
from seqformer.tasks import text_task
from seqformer.text.prepared import TextManifest

USE = """\
```python
from transformers import MarianMTModel, MarianTokenizer

tokenizer, model = (kind.from_pretrained({name}) for kind in (MarianTokenizer, MarianMTModel))
output = model.generate(**tokenizer([{example}], return_tensors="pt"))
print(tokenizer.batch_decode(output, skip_special_tokens=True))
```"""
# what YAML reads as a text without quotes, but for the words below, which mean something else to it
_PLAIN = re.compile(r"[^\W\d_][\w.+/|:=-]*(?<!:)( [\w.+/|=-]+)*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def scored(run: Run, device: str = "auto") -> TextEvaluation | None:
    """Translate the test split and score it, as evaluate does; None where nothing is held out."""
    manifest = text_task(run.task).manifest
    if manifest.by_heart or not manifest.pairs["test"]:
        return None
    result = evaluate(run, device=device)
    assert isinstance(result, TextEvaluation)
    return result


def text(run: Run, result: TextEvaluation | None) -> str:
    """Return the model card of a run, with the scores of :func:`scored`."""
    manifest = text_task(run.task).manifest
    parts = [
        "---\n" + "\n".join(_yaml(metadata(run, result))) + "\n---",
        f"# {run.folder.name}",
        f"{_purpose(manifest)} It is a {run.configs.model.describe()}, trained with seqformer {__version__}.",
        "## Use",
        USE.format(name=json.dumps(run.folder.name), example=json.dumps(text_task(run.task).example or "…")),
        _normalisation(manifest),
        "## Data",
        *_data(manifest),
        "## Scores",
        _scores(result),
        "## How it was trained",
        *_how(run, manifest),
    ]
    return "\n\n".join(parts) + "\n"


def metadata(run: Run, result: TextEvaluation | None) -> dict[str, Any]:
    """Return what the card says in the Hub's own words; the licence of the model is its maker's to add."""
    manifest = text_task(run.task).manifest
    spoken = [code for code in manifest.languages if code]
    values: dict[str, Any] = {"language": list(dict.fromkeys(spoken))} if spoken else {}
    values["library_name"] = "transformers"
    values |= {"pipeline_tag": "translation", "tags": ["translation", "marian", "seqformer"]}
    if result is None:
        return values
    metrics: list[dict[str, Any]] = [
        {
            "type": score.name,
            "value": round(score.score, 2),
            "name": TITLES[score.name],
            "args": {"signature": score.signature, "interval": [round(b, 2) for b in score.interval or ()]},
        }
        for score in result.scores
    ]
    metrics.append(
        {"type": "exact_match", "value": round(100 * result.exact_match, 2), "name": "exact match"}
    )
    values["metrics"] = [metric["type"] for metric in metrics]
    return values | {
        "model-index": [
            {
                "name": run.folder.name,
                "results": [
                    {
                        "task": {"type": "translation", "name": "Translation"},
                        "dataset": {"name": manifest.name, "type": manifest.name, "split": result.data},
                        "metrics": metrics,
                    }
                ],
            }
        ]
    }


def _purpose(manifest: TextManifest) -> str:
    if manifest.toy:
        return f"This model has learned the toy task {manifest.toy}."
    source, target = manifest.languages
    return f"This model translates{f' {source} to {target}' if source and target else ''}."


def _normalisation(manifest: TextManifest) -> str:
    """Return what has to be done with a text first, as its training data had it."""
    config = manifest.prepare_config()
    symbols = " Tags, `{names}` and addresses must be replaced by ⟦1⟧ … ⟦9⟧." if config.placeholders else ""
    return f"Text must first be normalised as the training data were: {normal_form(config)}.{symbols}"


def _data(manifest: TextManifest) -> Iterator[str]:
    counts = ", ".join(f"{count:,} for {split}" for split, count in manifest.pairs.items())
    files = ", ".join(f"`{PurePath(file).name}`" for file in manifest.files)
    yield f"{manifest.name}: sentence pairs, {counts}{f'; from {files}' if files else ''}."
    yield f"Licence of the data: {manifest.licence or 'not known; see where they come from'}."
    if manifest.citation:
        yield f"```bibtex\n{manifest.citation.strip()}\n```"


def _scores(result: TextEvaluation | None) -> str:
    if result is None:
        return "None: no test sentences were held out."
    rows = [f"On {len(result.sources):,} sentences that were held out ({result.data}):", ""]
    rows += ["| score | value | 95 % | signature |", "|---|---|---|---|"]
    for score in result.scores:
        low, high = score.interval or (score.score, score.score)
        signature = score.signature.replace("|", "\\|")
        rows.append(f"| {TITLES[score.name]} | {score.score:.1f} | {low:.1f}–{high:.1f} | `{signature}` |")
    rows.append(f"| exact match | {result.exact_match:.1%} | | |")
    return "\n".join(rows)


def _how(run: Run, manifest: TextManifest) -> Iterator[str]:
    """Yield the command that made the run and, where it was trained here, how to repeat it."""
    yield f"`seqformer {shlex.join(run.info.command)}` made this run."
    if run.progress() is None:  # imported
        return
    configs = run.configs
    recipe = recipe_of(run.task, Resolved(configs.model, configs.train, configs.decode, []))
    yield "To repeat it, save these settings as `recipe.toml`:"
    yield f"```toml\n{recipe.to_toml().rstrip()}\n```"
    if manifest.toy:
        yield f"```console\n$ seqformer train --task {manifest.toy} --recipe recipe.toml\n```"
        return
    yield (
        "Then, with the data in place of DATA:\n\n"
        "```console\n$ seqformer prepare DATA --recipe recipe.toml --out prepared/again\n"
        "$ seqformer train --data prepared/again --recipe recipe.toml\n```"
    )


def _yaml(values: Any) -> Iterator[str]:
    """Yield the lines of plain values as YAML: a list or an object has more lines, further in."""
    if isinstance(values, dict):
        for name, value in values.items():
            if isinstance(value, (dict, list)) and value:
                yield f"{name}:"
                yield from (line if isinstance(value, list) else f"  {line}" for line in _yaml(value))
            else:
                yield f"{name}: {_scalar(value)}"
        return
    for value in values:
        lines = list(_yaml(value)) if isinstance(value, (dict, list)) else [_scalar(value)]
        yield from (f"{'  ' if number else '- '}{line}" for number, line in enumerate(lines))


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return "'" + value.replace("'", "''") + "'"
