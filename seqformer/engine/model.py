"""What translates lines and documents with a trained run, whatever engine searches, without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from seqformer.config import DecodeConfig, asked
from seqformer.decoding.constraints import Constrained, Constraints
from seqformer.decoding.lines import LineTranslator
from seqformer.decoding.results import Translation
from seqformer.errors import RunError, SeqformerError
from seqformer.text.detokenize import Detokenizer
from seqformer.text.encode import SIDES
from seqformer.text.languages import parse
from seqformer.text.prepared import TextManifest
from seqformer.text.tokenizer import Tokenizer

CONSTRAINTS = ("glossary", "avoid", "prefix")  # keywords of translations beside the fields of DecodeConfig
CHUNK = 2000  # lines of a document that are translated at a time
PathLike = str | Path

if TYPE_CHECKING:  # documents and lists of words are seldom asked for
    from seqformer.formats.units import Document


class LineModel(ABC):
    """A trained run that translates lines."""

    predictor: Any

    @property
    @abstractmethod
    def folders(self) -> tuple[Path, ...]:
        """The folders of the runs."""

    @property
    @abstractmethod
    def manifest(self) -> TextManifest:
        """What the run was trained on."""

    @property
    @abstractmethod
    def tokenizer(self) -> Tokenizer:
        """What cuts lines into pieces."""

    @property
    @abstractmethod
    def decode(self) -> DecodeConfig:
        """How the run's recipe says to search."""

    @abstractmethod
    def close(self) -> None:
        """End the worker processes, where there are some."""

    @abstractmethod
    def expect(self, *, text: bool) -> None:
        """Refuse a run that does not translate, or that does; :class:`RunError`."""

    @property
    def detokenizer(self) -> Detokenizer:
        """What makes ordinary text of a translation."""
        return self.manifest.detokenizer()

    def decode_config(self, **settings: Any) -> DecodeConfig:
        """Return how to search: as the run's recipe says, but for what is not None among ``settings``."""
        given = asked(DecodeConfig, settings)
        if (given.get("sample") or given.get("mbr")) and "beam" in given:
            raise SeqformerError("a beam does nothing for samples; leave it out")
        return replace(self.decode, **given)

    def constraints(
        self,
        glossary: Mapping[str, str] | PathLike | None = None,
        avoid: Iterable[str] | PathLike | None = None,
        prefix: str = "",
    ) -> Constraints:
        """Return constraints on translations, checked against the pieces of this model.

        ``glossary`` maps source terms to the words they are translated by, ``avoid`` lists words that never
        come; a path is a file of them, tab-separated and a line each. Raises :class:`SeqformerError`.
        """
        self.expect(text=True)
        entries: Iterable[tuple[str, str]] = glossary.items() if isinstance(glossary, Mapping) else ()
        words: Iterable[str] = () if avoid is None or isinstance(avoid, (str, Path)) else avoid
        if isinstance(glossary, (str, Path)) or isinstance(avoid, (str, Path)):
            from seqformer.formats.words import read_glossary, read_words

            entries = read_glossary(glossary) if isinstance(glossary, (str, Path)) else entries
            words = read_words(avoid) if isinstance(avoid, (str, Path)) else words
        made = Constraints(tuple(entries), tuple(words), prefix)
        self.constrained(made)
        return made

    def constrained(self, constraints: Constraints) -> Constrained:
        """Return constraints for the pieces and the normalisation of this model; refuse what cannot be."""
        source, target = (self.manifest.normalizer(side) for side in SIDES)
        prefix = self.manifest.shield().hide(constraints.prefix).text
        return Constrained(replace(constraints, prefix=prefix), self.tokenizer.target, source, target)

    @overload
    def translate(self, text: str, *, detokenize: bool = False, **settings: Any) -> Any: ...
    @overload
    def translate(self, text: Iterable[str], *, detokenize: bool = False, **settings: Any) -> list[Any]: ...
    def translate(self, text: str | Iterable[str], *, detokenize: bool = False, **settings: Any) -> Any:
        """Translate a sentence, or each of several in their order; blank ones stay blank.

        Returns a :class:`Translation` for a sentence (its str is the text), the ``n_best`` best, best first,
        where more than one is asked for, and a list of that for several sentences. ``settings`` are fields of
        :class:`seqformer.config.DecodeConfig`, such as ``beam``, ``length_penalty``, ``n_best``,
        ``max_length``, ``sample``; or ``glossary``, ``avoid`` and ``prefix`` as for :meth:`constraints`.
        ``detokenize`` makes ordinary text of each translation: punctuation at its words, capitals at sentence
        starts (:mod:`seqformer.text.detokenize`).
        """
        self.expect(text=True)
        constraints = self.constraints(**{k: settings.pop(k) for k in CONSTRAINTS if k in settings})
        config = self.decode_config(**settings)
        lines = [text] if isinstance(text, str) else list(text)
        best: list[list[Translation]] = self.predictor.translate(lines, config, constraints=constraints)
        if detokenize:
            ordinary = self.detokenizer
            best = [[replace(t, text=ordinary(t.text)) for t in several] for several in best]
        answers = [b[0] for b in best] if config.n_best == 1 else best
        return answers[0] if isinstance(text, str) else answers

    def translate_document(
        self,
        document: PathLike | bytes,
        output: PathLike | None = None,
        *,
        languages: str = "",
        retranslate: bool = False,
        detokenize: bool = False,
        name: str = "",
        report: Callable[[int, str, list[Translation]], object] | None = None,
        **settings: Any,
    ) -> Document:
        """Fill a TMX, XLIFF or PO file with translations, and write it to ``output`` if that is given.

        Units without a translation get one (a fuzzy one of PO is none), with ``retranslate`` the others too;
        with ``detokenize`` it is ordinary text.
        All else of the file is kept. What is filled is marked as machine translation, as the modules ``po``,
        ``xliff`` and ``tmx`` of :mod:`seqformer.text` say.

        ``document`` is a path, or the content of a file with a ``name`` for messages. ``languages``, such as
        en-fr, are needed where neither the file nor the run knows them. ``report`` is called with each line
        that was translated: the number of its unit, the line, its translation in a list. ``settings`` are as
        for :meth:`translate`. Raises :class:`SeqformerError`; then nothing is written.
        """
        from seqformer.formats import documents

        self.expect(text=True)
        if isinstance(document, bytes):
            content, name = document, name or "the document"
        else:
            content, name = documents.read(Path(document)), name or str(document)
        filled = documents.open_document(
            content,
            name,
            asked=parse(languages),
            known=self.manifest.languages,
            retranslate=retranslate,
        )
        if self.manifest.shield().on:
            filled.show_elements()
        ordinary = self.detokenizer if detokenize else str
        constraints = self.constraints(**{k: settings.pop(k) for k in CONSTRAINTS if k in settings})
        config = replace(self.decode_config(**settings), n_best=1)
        lines, texts = list(zip(filled.numbers, filled.sources, strict=True)), []
        for begin in range(0, len(lines), CHUNK):
            chunk = lines[begin : begin + CHUNK]
            best = self.predictor.translate([line for _, line in chunk], config, constraints=constraints)
            for (number, line), found in zip(chunk, best, strict=True):
                texts.append(ordinary(found[0].text))
                if report is not None:
                    report(number, line, found)
        filled.fill(texts)
        if output is not None:
            filled.save(Path(output))
        return filled


class FastModel(LineModel):
    """A run whose lines CTranslate2 translates. Made by :mod:`seqformer.engine.opening`."""

    def __init__(self, folder: Path, translator: LineTranslator, decode: DecodeConfig) -> None:
        self.folder, self.predictor, self._decode = folder, translator, decode

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder of the run."""
        return (self.folder,)

    @property
    def manifest(self) -> TextManifest:
        """What the run was trained on."""
        manifest: TextManifest = self.predictor.manifest
        return manifest

    @property
    def tokenizer(self) -> Tokenizer:
        """What cuts lines into pieces."""
        tokenizer: Tokenizer = self.predictor.tokenizer
        return tokenizer

    @property
    def decode(self) -> DecodeConfig:
        """How the run's recipe says to search."""
        return self._decode

    def expect(self, *, text: bool) -> None:
        """Refuse to classify."""
        if not text:
            raise RunError(f"{self.folder} translates; name another run")

    def close(self) -> None:
        """Do nothing: there are no worker processes."""
