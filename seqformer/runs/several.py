"""Several runs of the same pieces: as an ensemble, or averaged to one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from seqformer.device import DTYPES, choose_device, choose_precision
from seqformer.errors import RunError
from seqformer.models import to_json
from seqformer.models.ensemble import Ensemble
from seqformer.models.seq2seq import lay_out
from seqformer.runs import layout
from seqformer.runs.create import check_new
from seqformer.runs.run import Run
from seqformer.runs.shortlist import kept, shortened
from seqformer.storage.files import locked, new_folder
from seqformer.storage.manifest import MANIFEST
from seqformer.storage.tensors import save_weights


def predictor(
    runs: Sequence[Run], device: str = "auto", precision: str = "fp32", shortlist: bool = False
) -> Any:
    """Return what answers for one run, or a translator that has the mean of the probabilities of several.

    ``shortlist`` has the translator of one run take only likely target pieces. Raises :class:`RunError`.
    """
    if shortlist:
        check_single(runs)
    if len(runs) == 1:
        lines = kept(runs[0]) if shortlist else None
        own = runs[0].predictor(device, precision)
        return own if lines is None else shortened(own, lines)
    _check_pieces(runs)
    chosen = choose_device(device)
    dtype = DTYPES[choose_precision(precision, chosen)]
    model = Ensemble([run.load_model(chosen).to(dtype) for run in runs]).eval()
    lay_out(model)
    return runs[0].task.predictor(model, chosen)


def check_single(runs: Sequence[Run]) -> None:
    """Refuse a shortlist for several runs. Raises :class:`RunError`."""
    if len(runs) > 1:
        raise RunError("a shortlist is of one run, and not of an ensemble")


def open_predictor(folders: tuple[Path, ...], device: str, precision: str, shortlist: bool) -> Any:
    """Return the predictor of the runs in these folders: a function that other processes can be handed."""
    return predictor([Run(folder) for folder in folders], device, precision, shortlist)


def average(runs: Sequence[Run], out: Path) -> Run:
    """Make a run of the mean of the weights of several, which must be of one shape, and return it.

    That helps where they began alike: the last states of one training, or fine-tunings of one run (Wortsman
    et al. 2022); the mean of models that were trained apart is none. Raises :class:`RunError`.
    """
    if len(runs) < 2:
        raise RunError("an average needs at least two runs")
    _check_pieces(runs)
    first = runs[0]
    for other in runs[1:]:
        mine, theirs = to_json(first.configs.model), to_json(other.configs.model)
        for name in mine:
            if name != "dropout" and mine[name] != theirs.get(name):
                raise RunError(
                    f"{other.folder} has {name.replace('_', ' ')} {theirs.get(name)} and {first.folder} has "
                    f"{mine[name]}: only runs of one shape can be averaged"
                )
    total: dict[str, torch.Tensor] = {}
    for run in runs:
        for name, weights in run.load_model(torch.device("cpu")).named_parameters():
            total[name] = total[name] + weights.detach() if name in total else weights.detach()
    mean = {name: weights / len(runs) for name, weights in total.items()}
    with locked(out):
        check_new(out)
        with new_folder(out) as new:
            info = layout.new_info(out, first.info.task, first.data, first.info.data_fingerprint)
            layout.write_info(new, info)
            layout.write_configs(new, first.configs)
            for name in (MANIFEST, *first.task.kept_files()):
                shutil.copyfile(first.folder / name, new / name)
            save_weights(new / layout.WEIGHTS, mean)
    return Run(out)


def _check_pieces(runs: Sequence[Run]) -> None:
    first = runs[0]
    for other in runs:
        if not other.task.reads_text:
            raise RunError(f"{other.folder} classifies images: only runs that translate can be joined")
        if not first.task.reads_like(other.task):
            raise RunError(
                f"{other.folder} has other {first.task.inputs} than {first.folder}; train both on data "
                f"prepared alike (prepare --like {first.folder})"
            )
