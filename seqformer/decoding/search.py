"""Beam search; greedy search is a beam of one, and so is a sample. It works with any encoder-decoder.

What else is asked of a search stands beside the loop (:mod:`seqformer.decoding.rules`).
B sentences, W beam, R rows (hypotheses), V vocabulary, L target length so far, C candidates of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from seqformer.config import DecodeConfig
from seqformer.decoding.results import Hypothesis
from seqformer.decoding.rules import NEVER, Grown, Steering
from seqformer.errors import SeqformerError
from seqformer.models.attention import padding_mask
from seqformer.models.seq2seq import SequenceModel
from seqformer.symbols import BOS, EOS, PAD

ENCODED = 2048  # source pieces encoded at a time
APART = 1e6  # between the ranks of hypotheses in a bank; far more than log-probabilities differ
BLOCK, ROWS = 64, 32  # pieces, hypotheses
FEW = 7 / 8  # of the sentences; if no more of them still grow, the others are removed


@dataclass
class Beams:
    """The hypotheses that still grow, W for each sentence that is not done."""

    sentences: list[int]  # which sentence of the batch each group of W belongs to
    scores: Tensor  # (B, W) log-probabilities
    history: Tensor  # (B, W, L) ids so far
    limits: Tensor  # (B,) pieces at most
    finished: list[list[Hypothesis]] = field(default_factory=list)  # for each sentence of the batch

    def grown(self) -> Grown:
        """Return the hypotheses as rules see them."""
        width = self.history.shape[1]
        return Grown(self.history.flatten(0, 1), [s for s in self.sentences for _ in range(width)])


@torch.inference_mode()
def search(
    model: SequenceModel,
    source: Tensor,
    limits: Tensor,
    config: DecodeConfig,
    steering: Steering = Steering(),  # noqa: B008 (it is immutable)
    watch: Callable[[Beams], None] | None = None,
    pieces: Tensor | None = None,
) -> list[list[Hypothesis]]:
    """Return the best hypotheses for each source, best first; ``watch`` is called after each step.

    source (B, S) ids, limits (B,) target pieces at most, EOS included. A sentence is done when W
    hypotheses have ended and none that still grows scores better than them, or at its limit; those
    that have not ended by then are cut there. A sample is done when it ends. ``pieces`` (C,) are the ids that
    alone may come, ascending, special symbols among them (None: all); they share all the probability.
    """
    state = model.start(_encoded(model, source), padding_mask(source), pieces)
    count = len(source)
    beams = Beams(
        sentences=list(range(count)),
        scores=torch.zeros(count, 1, device=source.device),
        history=torch.full((count, 1, 1), BOS, device=source.device),
        limits=limits.to(source.device),
        finished=[[] for _ in range(count)],
    )
    while beams.sentences:
        logits = model.step(beams.history[:, :, -1].flatten(), state)  # (R, V)
        rows, sentences = _grow(beams, logits, config, steering, pieces)
        if watch:
            watch(beams)
        everything = torch.arange(len(logits), device=rows.device)
        if beams.sentences and not torch.equal(rows, everything):
            state.select(rows, sentences)
    if not all(beams.finished):
        why = "nothing fits all that is asked for" if steering else "its weights are damaged"
        raise SeqformerError(f"the model gives no translation a probability: {why}")
    best = [sorted(f, key=lambda h: h.score, reverse=True)[: config.n_best] for f in beams.finished]
    return best


def _encoded(model: SequenceModel, source: Tensor) -> Tensor:
    """Return the memory (B, S, D), encoding few sentences at a time with no more padding than they need.

    The sentences of a batch may differ in length; and small pieces of memory are reused, while large
    ones are returned to the system each time.
    """
    parts = []
    for rows in torch.split(source, max(1, ENCODED // source.shape[1])):
        rows = rows[:, : int((rows != PAD).sum(1).max())]
        memory = model.encode(rows, padding_mask(rows))
        parts.append(functional.pad(memory, (0, 0, 0, source.shape[1] - rows.shape[1])))
    return torch.cat(parts)


def _grow(
    beams: Beams, logits: Tensor, config: DecodeConfig, steering: Steering, pieces: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Add one piece to every hypothesis; collect those that end; drop sentences that are done.

    Returns which rows the next step continues, and which sentences remain (None: all of them).
    """
    groups, width = beams.scores.shape
    # twice the beam, so that W continue even if W of the candidates end
    if steering:
        everywhere = logits if pieces is None else _spread(logits, pieces)
        log_p, ids, banks = _steered(beams, everywhere, 2 * config.beam, steering)
    else:
        log_p, ids = _best_pieces(logits, 2 * config.beam)  # (R, C)
        ids, banks = ids if pieces is None else pieces[ids], None
    joint = (beams.scores.view(-1, 1) + log_p).view(groups, -1)  # (B, W * C)
    ranked = _ranked(joint, log_p.shape[1], banks, steering)
    keys, chosen = ranked.topk(min(2 * config.beam, joint.shape[1]))  # (B, 2W)
    totals = joint.gather(1, chosen) if ranked is not joint else keys
    parents, tokens = chosen // log_p.shape[1], ids.view(groups, -1).gather(1, chosen)
    length = beams.history.shape[2]  # of a hypothesis with its new piece, BOS not counted
    last = (beams.limits <= length)[:, None]
    ends = tokens == EOS
    alive, order = keys.masked_fill(ends, NEVER).topk(min(config.beam, totals.shape[1]))  # (B, W)
    if ranked is not joint:
        alive = totals.masked_fill(ends, NEVER).gather(1, order)
    among_best = torch.arange(totals.shape[1], device=ends.device) < config.beam
    possible, cut = among_best & (totals > NEVER), last
    if banks is not None:  # at the limit what lacks a required word is only taken if all do
        held = banks.gather(1, chosen).masked_fill(~possible, -1)
        cut = last & (held == held.amax(1, keepdim=True))
    _collect(beams, config, totals, (ends | cut) & possible, parents, tokens)

    hopes = (alive.amax(1) / length**config.length_penalty).tolist()
    enough = [
        _enough(beams.finished[i], hope, config) for i, hope in zip(beams.sentences, hopes, strict=True)
    ]
    done = torch.tensor(enough, device=last.device) | last[:, 0] | (alive[:, 0] == NEVER)
    keep = (~done).nonzero()[:, 0]  # (B',)
    if len(keep) > FEW * groups:  # leave those that are done in place, scored -inf: moving costs more
        alive = alive.masked_fill(done[:, None], NEVER)
        keep = torch.arange(groups, device=done.device)
    parents, tokens = parents.gather(1, order)[keep], tokens.gather(1, order)[keep]  # (B', W)
    beams.scores = alive[keep]
    rows = keep[:, None] * width + parents  # (B', W)
    past = beams.history.flatten(0, 1)[rows]  # (B', W, L)
    beams.history = torch.cat([past, tokens[:, :, None]], -1)
    if len(keep) == groups:
        return rows.flatten(), None
    beams.limits = beams.limits[keep]
    beams.sentences = [beams.sentences[i] for i in keep.tolist()]
    return rows.flatten(), keep


def _spread(logits: Tensor, pieces: Tensor) -> Tensor:
    """Return logits of some pieces (R, C) as those of all up to the last of them: rules know ids alone."""
    everywhere = logits.new_full((len(logits), int(pieces[-1]) + 1), NEVER)
    everywhere[:, pieces] = logits
    return everywhere


def _steered(
    beams: Beams, logits: Tensor, count: int, steering: Steering
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the candidates of each row as :func:`_best_pieces` does, and their banks (B, W * C), if any.

    Log-probabilities stay those of the model, whatever rules forbid beside.
    """
    grown = beams.grown()
    logits[:, PAD] = logits[:, BOS] = NEVER
    log_p = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1)  # (R, V)
    for rule in steering.rules:
        rule(log_p, grown)
    if steering.sampler:
        return *steering.sampler(log_p, grown), None
    required = steering.required
    if not required:
        return *log_p.topk(min(count, log_p.shape[1])), None
    required(log_p, grown)
    wanted = required.wanted(grown)  # (R, E)
    wanted_p = log_p.gather(1, wanted)
    log_p.scatter_(1, wanted, NEVER)
    best, ids = log_p.topk(min(count, log_p.shape[1]))
    best, ids = torch.cat((wanted_p, best), 1), torch.cat((wanted, ids), 1)
    return best, ids, required.banks(grown, ids).view(len(beams.scores), -1)


def _ranked(joint: Tensor, candidates: int, banks: Tensor | None, steering: Steering) -> Tensor:
    """Return what candidates (B, W * C) are chosen by: their log-probabilities, if nothing else is asked."""
    if steering.diversity:
        joint = joint - steering.diversity * (torch.arange(joint.shape[1], device=joint.device) % candidates)
    if banks is None:
        return joint
    better = (joint[:, None] > joint[:, :, None]) & (banks[:, None] == banks[:, :, None])
    return joint - APART * better.sum(-1)  # the best of each bank come first, then the second best, …


def _best_pieces(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the ``count`` best pieces of each row: log-probabilities and ids, (R, count), best first.

    logits (R, V) are overwritten; PAD and BOS are never chosen. The best pieces are in the blocks with
    the largest maxima, so that only those few blocks are searched, and not the whole vocabulary.
    """
    logits[:, PAD] = logits[:, BOS] = NEVER
    # a few rows at a time stay in the processor's cache
    kind = torch.promote_types(logits.dtype, torch.float32)
    parts = [_best_of_rows(rows.to(kind), min(count, logits.shape[1])) for rows in torch.split(logits, ROWS)]
    best, ids = zip(*parts, strict=True)
    return torch.cat(best), torch.cat(ids)


def _best_of_rows(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    rows, size = logits.shape
    blocks = size // BLOCK
    if blocks <= 2 * count:
        best, ids = logits.topk(count)
    else:
        tail = size - blocks * BLOCK  # pieces after the last full block are all searched
        chosen = logits[:, : blocks * BLOCK].view(rows, blocks, BLOCK).amax(-1).topk(count)[1]  # (R, count)
        ids = (chosen[:, :, None] * BLOCK + torch.arange(BLOCK, device=logits.device)).flatten(1)
        if tail:
            last = torch.arange(size - tail, size, device=logits.device).expand(rows, -1)
            ids = torch.cat((ids, last), 1)
        best, places = logits.gather(1, ids).topk(count)
        ids = ids.gather(1, places)
    above = best - best[:, :1]
    divisor = logits.sub_(best[:, :1]).exp_().sum(-1, keepdim=True)  # softmax's divisor, in place
    return above - divisor.log(), ids


def _enough(finished: list[Hypothesis], hope: float, config: DecodeConfig) -> bool:
    """Return whether W hypotheses have ended, the n best scoring at least as much as any alive now."""
    if len(finished) < config.beam or config.early_stopping:
        return len(finished) >= config.beam
    return sorted((h.score for h in finished), reverse=True)[config.n_best - 1] >= hope


def _collect(
    beams: Beams, config: DecodeConfig, totals: Tensor, which: Tensor, parents: Tensor, tokens: Tensor
) -> None:
    """Keep the candidates (B, 2W) that end here as finished hypotheses."""
    if not which.any():
        return
    length = beams.history.shape[2]
    for group, candidate in which.nonzero().tolist():
        ids = beams.history[group, parents[group, candidate], 1:].tolist()
        token, total = int(tokens[group, candidate]), float(totals[group, candidate])
        if token != EOS:
            ids.append(token)
        score = total / length**config.length_penalty
        beams.finished[beams.sentences[group]].append(Hypothesis(ids, total, score))
