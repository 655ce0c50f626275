"""Laws that every encoder-decoder keeps, whatever is inside."""

from __future__ import annotations

import re

import pytest
import torch
from conftest import model_config, random_model
from torch.testing import assert_close

from seqformer.models import build
from seqformer.models.attention import padding_mask
from seqformer.models.seq2seq import Seq2Seq, lay_out
from seqformer.symbols import BOS, EOS, PAD
from seqformer.text.batches import Batch

BOOKS: dict[str, dict[str, object]] = {  # what the models of d2l have that ours usually have not
    "transformer": {
        "initialization": "torch",
        "tie_output": False,
        "output_bias": True,
        "attention_bias": False,
        "attention_dropout": 0.3,
        "learned_start": True,
    },
    "bahdanau": {
        "initialization": "xavier",
        "output_bias": True,
        "attention_dropout": 0.3,
        "dropout_embeddings": False,
    },
}
KINDS: list[dict[str, object]] = [
    {"norm": "post"},
    {"norm": "pre"},
    {"joint": False},
    {"activation": "gelu"},
    {"positions": "learned"},
    {"arch": "bahdanau"},
    {"arch": "bahdanau", "bidirectional": True, "joint": False, "encoder_layers": 1, "decoder_layers": 3},
    *({"arch": arch} | book for arch, book in BOOKS.items()),
]
SOURCE = torch.tensor([[5, 6, 7, EOS], [8, EOS, PAD, PAD]])
TARGET = torch.tensor([[BOS, 4, 9, 4], [BOS, 7, 10, PAD]])


def all_logits(model: Seq2Seq, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return model.logits(model.decode(source, target))


def stepwise(model: Seq2Seq, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    mask = padding_mask(source)
    state = model.start(model.encode(source, mask), mask)
    return torch.stack([model.step(column, state) for column in target.T], 1)


@pytest.mark.parametrize("kind", KINDS)
class TestLaws:
    def test_cached_equals_uncached(self, kind: dict[str, object]) -> None:
        model = random_model(**kind)
        assert_close(stepwise(model, SOURCE, TARGET), all_logits(model, SOURCE, TARGET))

    def test_laid_out_for_answers_it_gives_the_same(self, kind: dict[str, object]) -> None:
        model = random_model(**kind).float()
        before = all_logits(model, SOURCE, TARGET)
        lay_out(model)
        assert model.laid_out is not None and model.laid_out.data_ptr() != model.projection().data_ptr()
        assert_close(stepwise(model, SOURCE, TARGET), before)

    def test_more_padding_changes_nothing(self, kind: dict[str, object]) -> None:
        model = random_model(**kind)
        more = torch.nn.functional.pad(SOURCE, (0, 3), value=PAD)
        assert_close(all_logits(model, more, TARGET), all_logits(model, SOURCE, TARGET))
        alone = all_logits(model, SOURCE[1:, :2], TARGET[1:, :3])
        assert_close(alone, all_logits(model, SOURCE, TARGET)[1:, :3])

    def test_the_future_never_leaks(self, kind: dict[str, object]) -> None:
        model = random_model(**kind)
        changed = TARGET.clone()
        changed[:, 2] = 5
        before, after = all_logits(model, SOURCE, TARGET), all_logits(model, SOURCE, changed)
        assert_close(before[:, :2], after[:, :2])
        assert not torch.allclose(before[:, 2], after[:, 2])

    def test_attention_rows_sum_to_one_and_see_no_padding(self, kind: dict[str, object]) -> None:
        maps = random_model(**kind).attention(SOURCE, TARGET)
        for part in (maps.cross, maps.encoder, maps.decoder):
            if part is not None:
                assert_close(part.sum(-1), torch.ones_like(part[..., 0]))
        assert (maps.cross[:, 1, :, :, 2:] == 0).all()
        if maps.decoder is not None:
            assert (maps.decoder.triu(1) == 0).all()

    def test_a_selected_state_goes_on_as_its_row_would(self, kind: dict[str, object]) -> None:
        model = random_model(**kind)
        mask = padding_mask(SOURCE)
        state = model.start(model.encode(SOURCE, mask), mask)
        model.step(TARGET[:, 0], state)
        state.select(torch.tensor([1, 1]), torch.tensor([1]))  # the second sentence twice, the first dropped
        twice = model.step(torch.tensor([7, 4]), state)
        alone = stepwise(model, SOURCE[1:, :2], torch.tensor([[BOS, 7]]))[:, 1]
        assert_close(twice[:1], alone)

    def test_loss_is_the_cross_entropy_of_real_tokens(self, kind: dict[str, object]) -> None:
        model = random_model(**kind)
        wanted = torch.tensor([[4, 9, 4, EOS], [7, 10, EOS, PAD]])
        found = model.loss(Batch(SOURCE, TARGET, wanted), smoothing=0.1)
        logits = all_logits(model, SOURCE, TARGET)
        smoothed, plain = (
            torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD, reduction="sum", label_smoothing=e
            )
            for e in (0.1, 0.0)
        )
        assert found.units == 7
        assert_close(found.objective, smoothed.float(), rtol=1e-5, atol=1e-5)
        assert_close(found.plain, plain.float(), rtol=1e-5, atol=1e-5)


def test_without_the_causal_mask_training_sees_the_answer_and_search_cannot() -> None:
    model = random_model(causal=False)
    changed = TARGET.clone()
    changed[0, 3] = 5
    before, after = all_logits(model, SOURCE, TARGET), all_logits(model, SOURCE, changed)
    assert not torch.allclose(before[0, :3], after[0, :3])
    assert_close(before[1, :3], all_logits(model, SOURCE[1:, :2], TARGET[1:, :3])[0])  # padding stays hidden
    together, apart = all_logits(model, SOURCE, TARGET), stepwise(model, SOURCE, TARGET)
    assert not torch.allclose(together[0, 0], apart[0, 0])
    own = model.attention(SOURCE, TARGET).decoder
    assert own is not None and (own[:, 0] > 0).all() and (own[:, 1, :, :, 3] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_hypotheses_of_a_sentence_go_on_as_they_would_alone(kind: dict[str, object]) -> None:
    """Two hypotheses for each of two sentences share the memory of their sentence."""
    model = random_model(**kind)
    mask = padding_mask(SOURCE)
    state = model.start(model.encode(SOURCE, mask), mask)
    model.step(TARGET[:, 0], state)
    state.select(torch.tensor([0, 0, 1, 1]))
    together = model.step(torch.tensor([4, 9, 7, 5]), state)
    for row, (sentence, word) in enumerate([(0, 4), (0, 9), (1, 7), (1, 5)]):
        alone = stepwise(model, SOURCE[sentence : sentence + 1], torch.tensor([[BOS, word]]))[0, 1]
        assert_close(together[row], alone)


@pytest.mark.parametrize("book", [False, True])
@pytest.mark.parametrize("arch", ["transformer", "bahdanau"])
def test_every_weight_learns(arch: str, book: bool) -> None:
    model = random_model(arch=arch, joint=False, **(BOOKS[arch] if book else {})).requires_grad_(True)
    wanted = torch.tensor([[4, 9, 4, EOS], [7, 10, EOS, PAD]])
    model.loss(Batch(SOURCE, TARGET, wanted)).objective.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_joint_embeddings_are_one_matrix() -> None:
    names = dict(random_model().named_parameters())
    assert "source_embedding.weight" in names and "target_embedding.weight" not in names
    assert "target_embedding.weight" in dict(random_model(joint=False).named_parameters())


def test_an_output_matrix_of_its_own_and_a_start_that_is_learned() -> None:
    usual, book = random_model(joint=False), random_model(joint=False, **BOOKS["transformer"])
    assert usual.projection() is usual.target_embedding.weight
    assert book.projection() is book.output.weight is not book.target_embedding.weight  # type: ignore[union-attr]
    assert not [name for name, _ in book.named_parameters() if re.search("(attention|cross)[.].*bias", name)]
    for model, matters in ((usual, False), (book, True)):
        before = all_logits(model, SOURCE, TARGET)
        model.target_embedding.weight[BOS] += 1
        changed = (all_logits(model, SOURCE, TARGET) - before)[:, 0, EOS:].abs().max() > 1e-6
        assert changed == matters


@pytest.mark.parametrize("arch", ["transformer", "bahdanau"])
def test_attention_weights_are_dropped_in_training_alone(arch: str) -> None:
    model = random_model(arch=arch, attention_dropout=0.3)
    steady = all_logits(model, SOURCE, TARGET)
    assert_close(steady, all_logits(random_model(arch=arch), SOURCE, TARGET))
    model.train()
    one, other = (all_logits(model, SOURCE, TARGET) for _ in range(2))
    assert not torch.allclose(one, other)


def test_first_weights() -> None:
    """PyTorch's own: a matrix within 1/√(inputs), embeddings of unit variance; the usual ones are smaller."""
    sizes = {"source_vocabulary": 400, "target_vocabulary": 400, "width": 64, "heads": 4, "feed_forward": 128}
    torch.manual_seed(1)
    book, usual = (build(model_config(**sizes, initialization=kind)) for kind in ("torch", "small"))
    for model, spread in ((book, 1.0), (usual, 1 / 8)):
        assert model.source_embedding.weight.std().item() == pytest.approx(spread, rel=0.05)
    inner = [model.encoder[0].feed_forward.inner for model in (book, usual)]
    assert inner[0].weight.abs().max().item() == pytest.approx(1 / 8, rel=0.02)
    assert inner[0].bias.abs().sum() > 0 and inner[1].bias.abs().sum() == 0
    recurrent = build(
        model_config("bahdanau", **{k: sizes[k] for k in list(sizes)[:3]}, initialization="xavier")
    )
    edge = (6 / (64 + 3 * 64)) ** 0.5  # of the three gates as one matrix
    assert recurrent.encoder.units.weight_hh_l0.abs().max().item() == pytest.approx(edge, rel=0.02)


def test_cost_of_a_step_grows_only_with_attention() -> None:
    """A step feeds one token: no state it keeps is recomputed, so its keys grow by exactly one."""
    model = random_model()
    mask = padding_mask(SOURCE)
    state = model.start(model.encode(SOURCE, mask), mask)
    for length in range(1, 40):
        model.step(TARGET[:, 0], state)
        assert all(cache.length == length for cache in state.caches)  # type: ignore[attr-defined]
