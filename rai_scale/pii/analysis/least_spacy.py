"""Run only the parts of spaCy that can change Presidio's result for a text.

spaCy's tags and lemmas are only compared with context words. Its entity recognizer uses one result
of the parser: an entity never continues across the start of a sentence. Without the parser it makes
the same moves up to the first that this rule forbids, and such a move lies inside an entity of
several words. So the recognizer runs first, then the parser on texts with such entities, and then
the recognizer again on texts in which a sentence starts inside one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rai_scale.pii.analysis.context_words import ContextWords
from rai_scale.pii.analysis.patterns_before_spacy import Hits

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

TAGGING = {"tagger", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer"}
FINDING = {"tok2vec", "parser", "senter", "ner"}
WORD_ATTRIBUTES = {"TAG", "POS", "MORPH", "LEMMA", "DEP"}
KNOWN_NETWORKS = {
    "spacy.CharacterEmbed.v2",
    "spacy.HashEmbedCNN.v2",
    "spacy.MaxoutWindowEncoder.v2",
    "spacy.MishWindowEncoder.v2",
    "spacy.MultiHashEmbed.v2",
    "spacy.Tagger.v2",
    "spacy.Tok2Vec.v2",
    "spacy.Tok2VecListener.v1",
    "spacy.TransitionBasedParser.v2",
}


class LeastSpacy:
    """Runs the components of a spaCy pipeline that a text needs; all of them if in doubt."""

    def __init__(
        self,
        nlp: Language,
        batch: int,
        words_before: int,
        words_after: int = 0,
        tag_all: bool = False,
    ) -> None:
        self.nlp = nlp
        self._batch = batch
        self._tagging = [] if tag_all else tagging_components(nlp)
        self._recognizer = entity_recognizer(nlp) if self._tagging else None
        self._context = ContextWords(nlp, words_before, words_after)

    def read(self, hits: Mapping[str, Hits], only_patterns: bool) -> Iterator[tuple[Doc, bool]]:
        """Yield each text as spaCy read it, and whether its words have tags.

        Parameters
        ----------
        hits : dict of str to list of (recognizer, result)
            The texts, with what patterns find in them.
        only_patterns : bool
            Whether nobody asks for spaCy's entities.
        """
        tagged: list[Doc] = []
        untagged: list[Doc] = []
        for text, found in hits.items():
            doc = self.nlp.make_doc(text)
            (tagged if self._needs_tags(doc, found) else untagged).append(doc)
        for doc in self.nlp.pipe(tagged, batch_size=self._batch):
            yield doc, True
        for doc in untagged if only_patterns else self._entities(untagged):
            yield doc, False

    def _needs_tags(self, doc: Doc, found: Hits) -> bool:
        raised = [(recognizer, result) for recognizer, result in found if recognizer.context]
        if not (raised and self._tagging and self._context.usable):
            return bool(raised) or not self._tagging
        return self._context.can_raise(doc, [word.idx for word in doc], raised)

    def _entities(self, docs: list[Doc]) -> Iterator[Doc]:
        """Yield the texts with the entities that the whole pipeline finds."""
        with self.nlp.select_pipes(disable=self._tagging):
            if self._recognizer is None:
                yield from self.nlp.pipe(docs, batch_size=self._batch)
                return
        recognizer: Any = self.nlp.get_pipe(self._recognizer)
        found = list(recognizer.pipe(docs, batch_size=self._batch))
        doubtful = [doc for doc in found if any(len(entity) > 1 for entity in doc.ents)]
        with self.nlp.select_pipes(disable=[self._recognizer, *self._tagging]):
            list(self.nlp.pipe(doubtful, batch_size=self._batch))
        for doc in found:
            yield self._again(doc) if _is_split(doc) else doc

    def _again(self, doc: Doc) -> Doc:
        with self.nlp.select_pipes(disable=self._tagging):
            return self.nlp(doc.text)


def is_plain_spacy(nlp_engine: Any) -> bool:
    """Return whether an NLP engine is Presidio's own around spaCy, and no other one."""
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    return type(nlp_engine) is SpacyNlpEngine


def _is_split(doc: Doc) -> bool:
    return any(word.is_sent_start for entity in doc.ents for word in entity[1:])


def entity_recognizer(nlp: Language) -> str | None:
    """Return the entity recognizer that may run ahead of the rest of a pipeline of known parts.

    None unless there is one, with a network of its own, behind one component that finds sentences.
    """
    factories = [nlp.get_pipe_meta(name).factory for name in nlp.pipe_names]
    sentences = [n for n, f in enumerate(factories) if f in ("parser", "senter")]
    recognizers = [n for n, f in enumerate(factories) if f == "ner"]
    if len(sentences) != 1 or len(recognizers) != 1 or sentences > recognizers:
        return None
    name = nlp.pipe_names[recognizers[0]]
    shares = "spacy.Tok2VecListener.v1" in _entries(
        nlp.config["components"][name], "@architectures"
    )
    return None if shares else name


def tagging_components(nlp: Language) -> list[str]:
    """Return the components of a spaCy pipeline without which it finds the same entities.

    Empty unless every component and network is a known one, and no network reads what they write.
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
    patterns = getattr(component, "patterns", ())  # those of an attribute ruler
    written = {name for pattern in patterns for name in pattern.get("attrs", ())}
    return written <= WORD_ATTRIBUTES


def _entries(config: Any, key: str) -> Iterator[str]:
    """Yield the texts under ``key`` anywhere in a nested configuration."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            if name == key:
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _entries(value, key)
