"""Presidio's private names: settling of overlapping spans, what spaCy says of a text, context."""

from __future__ import annotations

from bisect import bisect_right
from copy import copy
from functools import cache
from typing import Any

from rai_scale.errors import MissingExtraError


@cache
def noting_engine() -> type[Any]:
    """Return a subclass of Presidio's anonymizer that stores its resolved spans in ``resolved``.

    Raises
    ------
    MissingExtraError
        If presidio-anonymizer is not installed.
    """
    try:
        from presidio_anonymizer import AnonymizerEngine
    except ImportError:
        raise MissingExtraError("presidio-anonymizer", "pii") from None

    class NotingEngine(AnonymizerEngine):
        """Presidio's engine, which also stores its resolved spans.

        If two spans overlap, it replaces the left one only up to the start of the right one, by the
        operator's result for the whole left span. If the operator keeps the text, or makes a token
        that can be restored, the overlap would occur twice, so the left span then ends where the
        next span begins.
        """

        keeps: Any
        resolved: list[Any]

        def _operate(self, text: str, pii_entities: list[Any], *args: Any, **kwargs: Any) -> Any:
            self.resolved = [copy(entity) for entity in pii_entities]
            begin = len(text)
            for entity in sorted(pii_entities, reverse=True):
                if self.keeps(entity.entity_type):
                    entity.end = min(entity.end, max(begin, entity.start))
                begin = entity.start
            return super()._operate(text, pii_entities, *args, **kwargs)

    return NotingEngine


def artifacts_of(nlp_engine: Any, doc: Any, language: str, tagged: bool) -> Any:
    """Return what Presidio's recognizers receive for a text that spaCy has read.

    Without tags there are no lemmas, which only context words are compared with.
    """
    from presidio_analyzer.nlp_engine import NlpArtifacts

    if tagged:
        return nlp_engine._doc_to_nlp_artifact(doc, language)
    entities, scores = nlp_engine._get_updated_entities(
        nlp_engine._get_entities(doc), nlp_engine._get_scores_for_entities(doc)
    )
    starts = [word.idx for word in doc]
    return NlpArtifacts(entities, doc, starts, [], None, language, scores)  # type: ignore[arg-type]


@cache
def linear_context() -> type[Any]:
    """Return Presidio's use of context words, in time linear in the text.

    Presidio looks for the word of each hit from the start of the text, and for each word before it
    among all words. The answer is the same.
    """
    from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer

    class LinearContext(LemmaContextAwareEnhancer):
        """Presidio's enhancer; where no word has a lemma, only the caller's context counts."""

        def enhance_using_context(
            self,
            text: str,
            raw_results: Any,
            nlp_artifacts: Any,
            recognizers: Any,
            context: Any = None,
        ) -> Any:
            if not (nlp_artifacts.lemmas or context):
                return raw_results
            return super().enhance_using_context(
                text, raw_results, nlp_artifacts, recognizers, context
            )

        def _extract_surrounding_words(self, nlp_artifacts: Any, word: str, start: int) -> Any:
            if not isinstance(nlp_artifacts.keywords, frozenset):
                nlp_artifacts.keywords = frozenset(nlp_artifacts.keywords)
            return super()._extract_surrounding_words(nlp_artifacts, word, start)

        @staticmethod
        def _find_index_of_match_token(word: str, start: int, tokens: Any, starts: Any) -> int:
            number = bisect_right(starts, start) - 1
            if number < 0 or start >= starts[number] + len(tokens[number]):
                number += 1
            if number == len(starts):
                raise ValueError("no word of the text stands at the place of the hit")
            return number

    return LinearContext
