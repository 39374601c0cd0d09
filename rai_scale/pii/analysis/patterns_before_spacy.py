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
    if one of the others may read spaCy's tags and lemmas.
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
        self.only = len(self._recognizers) == len(asked)
        others = [r for r in asked if r not in self._recognizers]
        self.need_tags = not all(
            isinstance(r, SpacyRecognizer) and _is_presidios(r) for r in others
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
