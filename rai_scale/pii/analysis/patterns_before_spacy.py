"""Skip work that cannot change Presidio's result for a text.

Two facts about ``AnalyzerEngine.analyze``: pattern recognizers use only the text, not spaCy; and
spaCy's tags and lemmas can only raise the score of results whose recognizer has context words. So
patterns run first, and a text without such a result is not tagged.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rai_scale.pii.analysis.pattern_prefilter import Unmatched

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

Hits = list[tuple[Any, Any]]
"""Results, each with the recognizer that gave it."""


class PatternsFirst:
    """Runs the pattern recognizers of an engine before spaCy, and gives the engine their results.

    ``only`` is True if the engine has no other recognizers for the entities; ``need_tags`` is True
    if spaCy's tags and lemmas may change what one of the others finds.
    """

    def __init__(self, engine: AnalyzerEngine, language: str, entities: list[str] | None) -> None:
        from presidio_analyzer import PatternRecognizer
        from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer

        asked = engine.registry.get_recognizers(
            language=language, entities=entities, all_fields=not entities
        )
        self._recognizers: list[Any] = [
            r
            for r in asked
            if isinstance(r, PatternRecognizer | PhoneRecognizer) and _is_presidios(r)
        ]
        others = [r for r in asked if r not in self._recognizers]
        self.only = not others and not any(map(_enhances, asked))
        self.need_tags = any(map(_enhances, asked)) or not all(
            isinstance(r, SpacyRecognizer) and _is_presidios(r) and not r.context for r in others
        )
        self._found: dict[tuple[int, str], list[Any]] = {}
        self._cannot_match = Unmatched(self._recognizers)
        for number, recognizer in enumerate(self._recognizers):
            recognizer.analyze = partial(self._once, recognizer.analyze, number)

    def look(self, text: str) -> Hits:
        """Return what the recognizers find in a text; their errors are raised."""
        for number in self._cannot_match.of(text):
            self._found[number, text] = []
        return [
            (recognizer, result)
            for recognizer in self._recognizers
            for result in recognizer.analyze(text, recognizer.supported_entities, None)
        ]

    def forget(self) -> None:
        """Drop the cached results."""
        self._found.clear()

    def _once(self, analyze: Any, number: int, text: str, *args: Any, **kwargs: Any) -> list[Any]:
        key = (number, text)
        if key not in self._found:
            self._found[key] = analyze(text, *args, **kwargs)
        return self._found[key]


def _is_presidios(recognizer: Any) -> bool:
    """Return whether Presidio's own code analyses: a subclass may read what spaCy adds."""
    home = str(type(recognizer).analyze.__module__)
    return home.startswith("presidio_analyzer.")


def _enhances(recognizer: Any) -> bool:
    """Return whether a recognizer changes scores by a method of its own, which may read lemmas."""
    from presidio_analyzer import EntityRecognizer

    own = type(recognizer).enhance_using_context
    return own is not EntityRecognizer.enhance_using_context
