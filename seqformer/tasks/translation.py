"""Translation: sentence pairs, those of toy tasks included."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import cached_property
from itertools import zip_longest
from typing import Any

import torch
from rich.console import RenderableType

from seqformer.config import DecodeConfig, TrainConfig
from seqformer.console import Clipped, table
from seqformer.decoding.lines import LineTranslator
from seqformer.decoding.translator import Translator
from seqformer.errors import DamagedError, SeqformerError, nearest
from seqformer.formats.corpus import read_aligned
from seqformer.models.seq2seq import Seq2Seq, SequenceModel
from seqformer.models.transformer import TransformerConfig
from seqformer.report import scores, words
from seqformer.report.attention import Attention
from seqformer.report.evaluation import Evaluation
from seqformer.report.explanation import Explanation
from seqformer.report.segmentation import Segmentation
from seqformer.tasks import inside, text_scores
from seqformer.tasks.task import Question, Task, TrainingData
from seqformer.tasks.validation import VALID_PAIRS, VALID_WORDS, Measures, Sample, drawn, validator
from seqformer.text import familiar, languages, prepared, tokenizer, toys
from seqformer.text.batches import PairBatches
from seqformer.text.encode import SIDES
from seqformer.text.prepared import TextManifest
from seqformer.text.rows import Pair
from seqformer.text.sampling import Sampling
from seqformer.text.split import HELD_OUT, TRAINED, Earlier, read_bits
from seqformer.training.distributed import Processes
from seqformer.training.events import Validation

SPLITS = ("test", "valid")


class Translation(Task[TextManifest]):
    """Sentence pairs, learned by an encoder-decoder."""

    manifest_kind = TextManifest
    units = "tokens"
    architectures = ("transformer", "bahdanau")
    metrics = tuple(scores.TITLES)
    reads_text = True
    inputs = "pieces"
    best_by = ("bleu", "chrf", "ter", "wer", "cer", "exact-match", "token-accuracy", "loss")

    @property
    def title(self) -> str:
        """What is learned."""
        return self.manifest.toy or "translation"

    @property
    def score(self) -> str:
        """The value that says whether it learned."""
        return "exact_match" if self.manifest.toy else "bleu"

    @property
    def usual_best_by(self) -> str:
        """A sentence is the better the higher its BLEU; a word, or a toy's answer, is right or wrong."""
        return "exact-match" if self.manifest.toy or self.learns_words else "bleu"

    @cached_property
    def learns_words(self) -> bool:
        """Whether not sentences but words are learned: their sounds, their forms, their translations."""
        return not self.manifest.toy and any(map(words.are_alone, zip(*self.pairs("valid"), strict=True)))

    @property
    def recipe(self) -> dict[str, Any]:
        """Settings that suit a toy task."""
        return toys.RECIPES.get(self.manifest.toy, {})

    @property
    def preset(self) -> str:
        """The preset of a toy task."""
        return "toy" if self.manifest.toy else ""

    def batches(self, tokens: int) -> int:
        """Return about how many batches an epoch has, padding aside."""
        held = self.manifest
        return max(1, (max(held.tokens.values()) + held.pairs["train"]) // tokens)

    @property
    def units_in_epoch(self) -> int:
        """The pieces of all training targets, and an EOS for each."""
        return self.manifest.tokens["target"] + self.manifest.pairs["train"]

    def sizes(self) -> dict[str, Any]:
        """Return the sizes of the vocabularies, and whether they are one."""
        sizes = {f"{side}_vocabulary": size for side, size in self.manifest.vocabulary.items()}
        return sizes | {"joint": "tokenizer.model" in self.manifest.digests}

    def reads_like(self, other: Task[Any]) -> bool:
        """Return whether both have the same pieces."""
        return isinstance(other, Translation) and self.tokenizer.files() == other.tokenizer.files()

    def check(self, model: Any) -> None:
        """Refuse learned positions for fewer pieces than sentences have."""
        longest = max(self.manifest.longest.values())
        is_learned = isinstance(model, TransformerConfig) and model.positions == "learned"
        if is_learned and longest >= model.max_positions:  # BOS or EOS takes a place too
            raise SeqformerError(
                f"positions are learned for {model.max_positions} pieces and {self.folder} has sentences of "
                f"{longest}; prepare it with at most {model.max_positions - 1} pieces (max_pieces)"
            )

    def check_training(self, config: TrainConfig) -> None:
        """Refuse to leave out merges where pieces are made otherwise, and to be guided without links."""
        if config.guide and not self.manifest.linked:
            raise SeqformerError(
                f"guide {config.guide:g}: {self.folder} was prepared without word links; prepare the data "
                "with a guide, a file of them, or leave it out"
            )
        if config.guide and config.bpe_dropout:
            raise SeqformerError(
                "guide and bpe dropout do not go together: word links are those of the usual pieces; leave "
                "one of them out"
            )
        vocabularies = (self.tokenizer.source, self.tokenizer.target) if config.bpe_dropout else ()
        if any(vocabulary.first_merge is None for vocabulary in vocabularies):
            raise SeqformerError(
                f"bpe dropout does nothing for the pieces of {self.folder}, which merges did not make "
                f"(model type '{self.manifest.prepare_config().model_type}'); leave it out, or prepare the "
                "data with model type 'bpe'"
            )

    def kept_files(self) -> list[str]:
        """Return the held-out pairs and the tokenizer."""
        known = [name for name in (TRAINED, familiar.PAIRS) if name in self.manifest.digests]
        return ["valid.tsv", "test.tsv", *known, *self.tokenizer.files()]

    def seen(self, swap: bool = False) -> Earlier:
        """Return what a run has held out and was trained on, with the sides exchanged on request."""
        pairs: dict[str, list[Pair]] = {}
        if not self.manifest.by_heart:
            splits = {split: self.pairs(split) for split in HELD_OUT}
            pairs = {split: [(t, s) for s, t in p] if swap else p for split, p in splits.items()}
        if TRAINED not in self.manifest.digests:
            return Earlier(str(self.folder), pairs)
        with self.reading():
            self.manifest.check_digest(self.folder, TRAINED)
            return Earlier(str(self.folder), pairs, read_bits(self.folder / TRAINED))

    def describe(self) -> str:
        """Return the data in words."""
        held = self.manifest
        spoken = languages.joined(*held.languages)
        known = f" ({spoken.replace('-', ' → ')})" if spoken and spoken != held.name else ""
        return f"{held.name}{known}: {held.pairs['train']:,} pairs, {held.vocabulary['target']:,} pieces"

    def tables(self) -> list[RenderableType]:
        """Return what was kept, what was dropped and why, and what the pieces look like."""
        held = self.manifest
        spoken = languages.joined(*held.languages).replace("-", " → ")
        pairs = table(f"Pairs, {spoken}" if spoken else "Pairs", "", "pairs")
        pairs.add_row("read", f"{held.read:,}")
        for reason, count in sorted(held.dropped.items(), key=lambda item: -item[1]):
            pairs.add_row(f"dropped: {reason}", f"{count:,}")
        for part, count in held.pairs.items():
            same = " (the same as valid)" if part == "test" and held.test_is_valid else ""
            pairs.add_row(
                part + (" (the training pairs)" if held.by_heart and part != "train" else same), f"{count:,}"
            )
            if part == "train" and held.linked:
                pairs.add_row("  of them with word links", f"{held.linked:,}")
            if part == "train" and held.with_placeholders:
                pairs.add_row("  of them with symbols for placeholders", f"{held.with_placeholders:,}")

        sides = table("Pieces", "", "source", "target")
        numbers: list[tuple[str, dict[str, int]]] = [
            (f"vocabulary (asked: {held.vocabulary_asked})", held.vocabulary),
            ("pieces in train", held.tokens),
            ("longest line", held.longest),
        ]
        for name, values in numbers:
            sides.add_row(name, *(f"{values[side]:,}" for side in SIDES))
        mean = (held.tokens[side] / max(1, held.pairs["train"]) for side in SIDES)
        sides.add_row("mean length", *(f"{value:.1f}" for value in mean))
        sides.add_row("unknown pieces", *(f"{held.unknown[side]:.2%}" for side in SIDES))

        examples = table("Some pairs as pieces", "source", "target")
        examples.columns[1].justify = "left"
        for pair in self.pairs("valid")[:4]:
            sides_of = zip((self.tokenizer.source, self.tokenizer.target), pair, strict=True)
            examples.add_row(*(Clipped(" ".join(v.pieces(v.encode([line])[0]))) for v, line in sides_of))
        return [pairs, sides, examples]

    def next_commands(self, run: str) -> list[str]:
        """Return what can be done with a trained run."""
        example = shlex.quote(self.example) if self.example else '"…"'
        return [
            f"seqformer translate {example} --run {run}",
            f"seqformer evaluate{'' if self.manifest.toy else ' --bleu'} --run {run}",
            f"seqformer attention {example} --run {run}",
        ]

    @cached_property
    def example(self) -> str:
        """A held-out source of about ten pieces or less; '' where there is none."""
        sources = [source for source, _ in self.pairs("test")] if self.manifest.pairs["test"] else []
        return min(sources[:200], key=lambda source: ("'" in source, abs(len(source) - 24)), default="")

    @cached_property
    def tokenizer(self) -> tokenizer.Tokenizer:
        """The tokenizer of the folder."""
        with self.reading():
            loaded = tokenizer.load(self.folder, self.manifest)
            sizes = {"source": len(loaded.source), "target": len(loaded.target)}
            if sizes != self.manifest.vocabulary:
                raise DamagedError(
                    f"{self.folder}: the tokenizer has {sizes} pieces, expected {self.manifest.vocabulary}"
                )
        return loaded

    @cached_property
    def familiar(self) -> familiar.Familiar | None:
        """The neighbours in the training sources, where they are known."""
        with self.reading():
            return familiar.kept(self.folder, self.manifest)

    @cached_property
    def bleu_words(self) -> words.Words:
        """How BLEU cuts the targets of ``valid`` into words."""
        return words.choose("", [target for _, target in self.pairs("valid")])

    @property
    def counts_characters(self) -> bool:
        """Whether the score is a BLEU of characters."""
        return self.score == "bleu" and self.bleu_words.are_characters

    def pairs(self, split: str) -> list[Pair]:
        """Return the held-out pairs of ``valid`` or ``test``, normalised."""
        with self.reading():
            return prepared.read_split(self.folder, split, self.manifest)

    def training_data(
        self, model: Seq2Seq, config: TrainConfig, device: torch.device, processes: Processes
    ) -> TrainingData:
        """Return the pairs in batches, and a validation that translates some."""
        with self.reading():
            train = prepared.open_pairs(
                self.folder, "train", self.manifest, config.share, linked=config.guide > 0
            )
            valid = prepared.open_pairs(self.folder, "valid", self.manifest)
        sampling = self._sampling(model, config)
        batches = PairBatches(
            train, config.tokens_per_batch, config.seed, sampling, config.sentences_per_batch
        )
        held_out = PairBatches(valid, config.tokens_per_batch, 0)
        most, unit = config.tokens_per_batch, "tokens"
        if config.sentences_per_batch:
            most, unit = config.sentences_per_batch, "random sentences"
        remarks = self._remarks(self.judged_by(config.best_by))
        if config.bpe_dropout:
            more = f"{batches.growth():.2f} times as many"
            remarks += (f"Training text is cut into other pieces in each epoch, {more} as usual.",)
        return TrainingData(
            batches=batches,
            validate=self._validator(self.predictor(model, device), held_out, config.best_by, processes),
            size=f"{most * config.accumulate:,} {unit} at most, {batches.padding():.1%} padding",
            remarks=(*self.share_remarks(config), *remarks),
        )

    def _sampling(self, model: Seq2Seq, config: TrainConfig) -> Sampling | None:
        """Return what changes training pairs at random, if anything does.

        No line becomes longer by it than lines were let in at, than a batch, or than the model reads.
        """
        if not config.bpe_dropout and not config.word_dropout:
            return None
        most = [self.manifest.prepare_config().max_pieces, config.tokens_per_batch - 1]
        most += [model.longest - 1] if model.longest else []  # BOS or EOS takes a place too
        return Sampling(self.tokenizer, config, min(most))

    def _remarks(self, best_by: str) -> tuple[str, ...]:
        """Return how words are counted, where that is not as usual."""
        spaces = words.remark_on_spaces((best_by,), [target for _, target in self.pairs("valid")])
        if self.manifest.toy or self.bleu_words.tokenizer == words.USUAL:
            return (f"{spaces}.",) if spaces else ()
        suits = f"BLEU counts with sacreBLEU's tokenizer {self.bleu_words.tokenizer}, which suits the targets"
        return tuple(f"{each}." for each in (self.bleu_words.remark or suits, spaces) if each)

    def _validator(
        self, translator: Translator, batches: PairBatches, best_by: str, processes: Processes
    ) -> Callable[[], Validation]:
        most = VALID_WORDS if self.learns_words else VALID_PAIRS
        sample = Sample.of(self.sentences("valid", most), translator)
        order = drawn(self.pairs("valid"))
        return validator(translator, batches, order, sample, self._measures(best_by), processes)

    def _measures(self, best_by: str) -> Measures:
        """Return what a validation measures, if that is what the best weights are chosen by."""
        judge = self.judged_by(best_by)
        if self.manifest.toy:
            names = ("exact_match", "token_accuracy")
            return Measures(names, judge, names[1:] if judge == names[0] else ())
        return Measures(("bleu",), judge, tokenizer=self.bleu_words.tokenizer)

    def predictor(self, model: SequenceModel, device: torch.device) -> Translator:
        """Return the translator."""
        return Translator(model, self.tokenizer, self.manifest, device, self.familiar)

    def evaluate(self, predictor: LineTranslator, system: str, question: Question) -> Evaluation:
        """Return scores of translations of a split, of files, or of the chapter's four sentences."""
        if question.chapter:
            return text_scores.of_chapter(self.manifest, predictor, system)
        return text_scores.scored(self.manifest, predictor, system, question, self._asked(question))

    def held_out_score(self, predictor: LineTranslator, config: DecodeConfig) -> scores.Score:
        """Return the BLEU of all of valid, or the share of it that a toy task has right."""
        metrics = () if self.manifest.toy else ("bleu",)
        question = Question("valid", metrics, decode=config)
        result = text_scores.scored(self.manifest, predictor, "", question, self._asked(question))
        if not self.manifest.toy:
            return result["bleu"]
        interval = scores.proportion_interval(result.exact_match, len(result.sources))
        return scores.Score("exact_match", result.exact_match, "", interval)

    def sentences(self, split: str, most: int | None = None) -> list[list[str]]:
        """Return held-out sources, their references, and further references, '' where there is none.

        The pairs of one source are one sentence with several references where the split was made here.
        ``most`` asks for a sample of so many sentences, drawn from all of them.
        """
        pairs = self.pairs(split)
        if most is not None:
            pairs = [pairs[i] for i in drawn(pairs)]
        if split not in self.manifest.grouped:
            return [[pair[side] for pair in pairs[:most]] for side in (0, 1)]
        targets: dict[str, list[str]] = {}
        for source, target in pairs:
            targets.setdefault(source, []).append(target)
        chosen = list(targets.items())[:most]
        columns = zip_longest(*(references for _, references in chosen), fillvalue="")
        return [[source for source, _ in chosen], *map(list, columns)]

    def _asked(self, question: Question) -> list[list[str]]:
        """Return sources, references, and further references."""
        if question.source is None and not question.references:
            if question.split not in SPLITS:
                raise SeqformerError(
                    f"there is no split '{question.split}': {nearest(question.split, SPLITS)}"
                )
            held = question.held if isinstance(question.held, Translation) else self
            columns = held.sentences(question.split)
            if not columns[0]:
                raise SeqformerError(
                    f"{held.folder} holds no {question.split} pairs; give files of sources and references"
                )
            return columns
        if question.source is None or not question.references:
            raise SeqformerError("a file of sources and one of references go together")
        rows = [list(read_aligned(question.source, file)) for file in question.references]
        if not rows[0]:
            raise SeqformerError(f"{question.source}: the file is empty")
        return [[source for source, _ in rows[0]], *([target for _, target in each] for each in rows)]

    def look(self, predictor: Translator, what: str, config: DecodeConfig) -> Attention:
        """Translate a line and return what every head of every layer looked at."""
        return inside.look(predictor, what, config)

    def explain(self, predictor: Translator, what: str, config: DecodeConfig) -> Explanation:
        """Translate a line and return every number on the way; of several sentences, of the first."""
        return inside.explain(predictor, what, config)

    def segmentation(self, text: str) -> Segmentation:
        """Return how a source line is cut into pieces, as :class:`Translator` cuts it when it is one part."""
        return inside.segmentation(self.tokenizer, self.manifest, text)
