"""Presidio's analyzer, built once per worker process and applied to batches of texts.

The result for a text is the one that ``AnalyzerEngine.analyze`` gives for that text alone. Batches
only save work: spaCy runs over 256 texts at a time, equal texts are analysed once, and patterns run
before spaCy. If only pattern recognizers are requested, spaCy runs only on the texts in which a
pattern matched, because all it can do is raise their scores.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.analysis.least_spacy import LeastSpacy, is_plain_spacy
from rai_scale.pii.analysis.patterns_before_spacy import Hits, PatternsFirst
from rai_scale.pii.analysis.presidio_engine import engine_over, shared_nlp_engine
from rai_scale.pii.analysis.recognizers import (
    check_countries,
    check_entities,
    check_lists,
    predefined_entities,
)
from rai_scale.pii.analysis.text_limits import RegexTimeout, TextTooLong, check_unbroken
from rai_scale.pii.values.text_leaves import exponent_digits
from rai_scale.upstream.presidio import artifacts_of, linear_context

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerResult

NLP_BATCH = 256
WINDOW = 2_048  # texts whose pattern results are kept at a time
_ANALYZERS: dict[tuple[str, str], ValueAnalyzer] = {}
_ENGINES: dict[str, AnalyzerEngine] = {}
_BUILDING = threading.Lock()


class Analysis(NamedTuple):
    """The results for one text; ``error`` is the type of the exception if the analysis failed."""

    results: tuple[RecognizerResult, ...]
    error: str | None


def get_analyzer(config: AnalyzerConfig, language: str | None = None) -> ValueAnalyzer:
    """Return this process's analyzer for a configuration; the first call builds it.

    Parameters
    ----------
    config : AnalyzerConfig
        Equal configurations share one analyzer per language, and one Presidio engine.
    language : str, optional
        One of the languages that have a model; the configuration's by default.

    Returns
    -------
    ValueAnalyzer

    Raises
    ------
    ConfigError
        If a list, a pattern or an entity of the configuration is invalid.
    MissingExtraError, MissingModelError
        If Presidio or the spaCy model is not installed.
    """
    key = config.model_dump_json()
    language = language or config.language
    with _BUILDING:
        if (key, language) not in _ANALYZERS:
            made = ValueAnalyzer(config, language, _ENGINES.get(key))
            _ANALYZERS[key, language], _ENGINES[key] = made, made.engine
        return _ANALYZERS[key, language]


class ValueAnalyzer:
    """Analyses many texts of one language per call; thread-safe, one call after the other."""

    def __init__(
        self,
        config: AnalyzerConfig,
        language: str | None = None,
        engine: AnalyzerEngine | None = None,
    ) -> None:
        self.config = config
        self.language = language = language or config.language
        check_lists(config)
        check_countries(config)
        shared = shared_nlp_engine(config)
        self.engine = engine = engine or engine_over(shared.engine, config)
        check_entities(config, engine, language)
        supported = frozenset(engine.get_supported_entities(language))
        self.found = frozenset(config.entities or supported)
        self.entities = supported | predefined_entities()
        self._patterns = PatternsFirst(
            engine, language, list(config.entities) if config.entities else None
        )
        nlp_engine: Any = self.engine.nlp_engine
        self.engine.context_aware_enhancer = linear_context()(
            **config.context_enhancer.model_dump()
        )
        self._spacy: LeastSpacy | None = None
        if is_plain_spacy(nlp_engine):
            self._spacy = LeastSpacy(
                nlp_engine.get_nlp(language),
                NLP_BATCH,
                config.context_enhancer.context_prefix_count,
                config.context_enhancer.context_suffix_count,
                tag_all=self._patterns.need_tags,
            )
        self._arguments = analyze_arguments(config)
        self._lock = shared.lock  # spaCy's memory zones cannot be nested

    def analyze(self, texts: Sequence[str], context: str | None = None) -> list[Analysis]:
        """Return one :class:`Analysis` per text, in the order of ``texts``.

        Parameters
        ----------
        texts : sequence of str
        context : str, optional
            Context word (the name of the column); ignored unless ``column_context`` is set.
        """
        words = [*self.config.context]
        words += [context] if context and self.config.column_context else []
        distinct = list(dict.fromkeys(texts))
        found: dict[str, Analysis] = {}
        with self._lock:
            for start in range(0, len(distinct), WINDOW):
                found.update(self._distinct(distinct[start : start + WINDOW], words or None))
        return [found[text] for text in texts]

    def analyze_values(
        self, texts: Sequence[str], context: str | None = None
    ) -> list[tuple[str, Analysis]]:
        """Return, for each text, the text that was analysed and its :class:`Analysis`.

        The analysed text is the text itself. The exception is an integer in exponent form: if
        something is found in its plain digits, the analysed text is these digits.
        """
        found = zip(texts, self.analyze(texts, context), strict=True)
        plain = [exponent_digits(text) for text in texts]
        digits = list(dict.fromkeys(text for text in plain if text is not None))
        of_digits = dict(zip(digits, self.analyze(digits, context), strict=True))
        return [
            (number, of_digits[number])
            if number is not None and of_digits[number].results
            else analysis
            for number, analysis in zip(plain, found, strict=True)
        ]

    def _distinct(self, texts: list[str], context: list[str] | None) -> dict[str, Analysis]:
        done: dict[str, Analysis] = {}
        hits: dict[str, Hits] = {}
        for text in texts:
            try:
                hits[text] = self._look(text)
            except Exception as error:
                done[text] = Analysis((), type(error).__name__)
                continue
            if not text or (self._patterns.only and not hits[text]):
                del hits[text]
                done[text] = Analysis((), None)
        asked = list(hits)
        for start in range(0, len(asked), NLP_BATCH):
            chunk = asked[start : start + NLP_BATCH]
            done.update(self._batch({text: hits[text] for text in chunk}, context))
        self._patterns.forget()
        return done

    def _look(self, text: str) -> Hits:
        """Return what patterns find in a text."""
        if len(text) > self.config.max_chars:
            raise TextTooLong
        if not text:
            return []
        check_unbroken(text)
        with _timeouts_raise():
            return self._patterns.look(text)

    def _batch(self, hits: dict[str, Hits], context: list[str] | None) -> dict[str, Analysis]:
        """Analyse texts for which the hits of patterns are known."""
        done: dict[str, Analysis] = {}
        try:
            for text, artifacts in self._artifacts(hits):
                done[text] = self._one(text, context, artifacts)
        except Exception:  # one text made the batch fail: analyse the others one by one
            left = [text for text in hits if text not in done]
            done.update((text, self._one(text, context, None)) for text in left)
        return done

    def _artifacts(self, hits: dict[str, Hits]) -> Iterator[tuple[str, Any]]:
        """Yield each text with what the NLP engine finds in it."""
        nlp_engine: Any = self.engine.nlp_engine
        if self._spacy is None:  # not known well enough to skip anything
            yield from nlp_engine.process_batch([*hits], self.language, batch_size=NLP_BATCH)
            return
        with self._spacy.nlp.memory_zone():
            for doc, tagged in self._spacy.read(hits, only_patterns=self._patterns.only):
                yield doc.text, artifacts_of(nlp_engine, doc, self.language, tagged)

    def _one(self, text: str, context: list[str] | None, artifacts: Any) -> Analysis:
        try:
            with _timeouts_raise():
                results = self.engine.analyze(
                    text, self.language, nlp_artifacts=artifacts, context=context, **self._arguments
                )
            return Analysis(tuple(results), None)
        except Exception as error:
            return Analysis((), type(error).__name__)


def analyze_arguments(config: AnalyzerConfig) -> dict[str, Any]:
    """Return the keyword arguments of ``AnalyzerEngine.analyze``, which are equal for all texts."""
    by_entity = bool(config.score_thresholds)  # then it is the default of the engine
    return {
        "entities": list(config.entities) if config.entities else None,
        "score_threshold": None if by_entity else config.score_threshold,
        "return_decision_process": config.decision_process,
        "allow_list": list(config.allow_list) or None,
        "allow_list_match": config.allow_list_match,
    }


class _CatchTimeouts(logging.Filter):
    """Raises an error where Presidio only warns about a timeout, and drops its DEBUG log.

    After a timeout the result is incomplete, and each further pattern may take as long again. The
    DEBUG log quotes words of the text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.state = threading.local()
        self.least = logging.INFO

    def filter(self, record: logging.LogRecord) -> bool:
        if "timed out" in str(record.msg) and getattr(self.state, "raises", False):
            raise RegexTimeout
        return record.levelno >= self.least


_TIMEOUTS = _CatchTimeouts()


@contextmanager
def _timeouts_raise() -> Iterator[None]:
    logger = logging.getLogger("presidio-analyzer")
    if _TIMEOUTS not in logger.filters:
        logger.addFilter(_TIMEOUTS)
    if not logger.isEnabledFor(logging.WARNING):  # a silenced warning would hide the timeout
        _TIMEOUTS.least = max(logging.INFO, logger.getEffectiveLevel())
        logger.setLevel(logging.WARNING)
    _TIMEOUTS.state.raises = True
    try:
        yield
    finally:
        _TIMEOUTS.state.raises = False
