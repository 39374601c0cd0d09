"""Skip work that cannot change Presidio's result for a text.

Two facts about ``AnalyzerEngine.analyze``: pattern recognizers use only the text, not spaCy; and
spaCy's tags and lemmas can only raise the score of results whose recognizer has context words. So
patterns run first, and a text without such a result is not tagged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine
    from spacy.language import Language

TAGGING = {"tagger", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer"}
FINDING = {"tok2vec", "parser", "senter", "ner"}
WORD_ATTRIBUTES = {"TAG", "POS", "MORPH", "LEMMA", "DEP"}
KNOWN_NETWORKS = {
    *("spacy.CharacterEmbed.v2", "spacy.HashEmbedCNN.v2", "spacy.MaxoutWindowEncoder.v2"),
    *("spacy.MishWindowEncoder.v2", "spacy.MultiHashEmbed.v2", "spacy.Tagger.v2"),
    *("spacy.Tok2Vec.v2", "spacy.Tok2VecListener.v1", "spacy.TransitionBasedParser.v2"),
}


class Look(NamedTuple):
    """Whether a pattern matched in a text, and how many scores context words can raise."""

    matched: bool
    raised: int


class PatternsFirst:
    """Runs the pattern recognizers of an engine before spaCy, and gives the engine their results.

    ``only`` is True if the engine has no other recognizers for the entities.
    """

    def __init__(self, engine: AnalyzerEngine, language: str, entities: list[str] | None) -> None:
        from presidio_analyzer import PatternRecognizer
        from presidio_analyzer.predefined_recognizers import PhoneRecognizer

        asked = engine.registry.get_recognizers(
            language=language, entities=entities, all_fields=not entities
        )
        self._recognizers: list[Any] = [
            r for r in asked if isinstance(r, PatternRecognizer | PhoneRecognizer)
        ]
        self.only = len(self._recognizers) == len(asked)
        self._found: dict[tuple[int, str], list[Any]] = {}
        for number, recognizer in enumerate(self._recognizers):
            recognizer.analyze = partial(self._once, recognizer.analyze, number)

    def look(self, text: str) -> Look:
        """Run the recognizers on a text; their errors propagate."""
        found = [
            (bool(r.context), len(r.analyze(text, r.supported_entities, None)))
            for r in self._recognizers
        ]
        return Look(any(n for _, n in found), sum(n for context, n in found if context))

    def forget(self) -> None:
        """Drop the cached results."""
        self._found.clear()

    def _once(self, analyze: Any, number: int, text: str, *args: Any, **kwargs: Any) -> list[Any]:
        key = (number, text)
        if key not in self._found:
            self._found[key] = analyze(text, *args, **kwargs)
        return self._found[key]


def tagging_components(nlp: Language) -> list[str]:
    """Return the components that a spaCy pipeline can skip and still find the same entities.

    Empty unless all components and networks are known, and no network reads the skipped output.
    """
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    components = {name: nlp.config["components"][name] for name in factories}
    known = set(factories.values()) <= TAGGING | FINDING
    networks = set(_entries(components, "@architectures"))
    read = set(_entries(components, "attrs")) | set(_entries(components, "feature"))
    if not known or not networks <= KNOWN_NETWORKS or read & WORD_ATTRIBUTES:
        return []
    if not all(_writes_words_only(nlp.get_pipe(name)) for name in factories):
        return []
    return [name for name, factory in factories.items() if factory in TAGGING]


def _writes_words_only(component: Any) -> bool:
    patterns = getattr(component, "patterns", ())  # an attribute ruler has patterns
    written = {name for pattern in patterns for name in pattern.get("attrs", ())}
    return written <= WORD_ATTRIBUTES


def _entries(config: Any, key: str) -> Iterator[str]:
    """Yield all texts under ``key``, at any level of a nested configuration."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            if name == key:
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _entries(value, key)
