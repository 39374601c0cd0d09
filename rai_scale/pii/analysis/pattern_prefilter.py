"""Which of Presidio's own patterns can match in a text, decided for all of them at once.

With ``hyperscan`` (extra ``fast``) one automaton reads the text once. It may report a pattern that
does not match, but never misses one that does. Without it, a pattern is skipped if the text has too
few digits, or lacks a character that every match contains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rai_scale.pii.analysis.automaton import Automaton
from rai_scale.pii.analysis.needed_characters import Expression, NeededCharacters


class Prefilter(Protocol):
    """Finds the expressions that can match in a text."""

    def candidates(self, text: str) -> set[int]:
        """Return the numbers of all expressions that match in a text, and possibly of others."""


class Unmatched:
    """Finds which of Presidio's own recognizers cannot match in a text.

    Recognizers that a configuration adds always run, because their syntax is unknown.
    """

    def __init__(self, recognizers: Sequence[Any]) -> None:
        expressions: list[Expression] = []
        self._numbers: dict[int, set[int]] = {}
        for number, recognizer in enumerate(recognizers):
            if _is_stock(recognizer):
                own = [(p.regex, int(recognizer.global_regex_flags)) for p in recognizer.patterns]
                self._numbers[number] = set(range(len(expressions), len(expressions) + len(own)))
                expressions += own
        self._phones = [n for n, r in enumerate(recognizers) if _is_phone(r)]
        self._digits = min(map(_digits_of_phone, (recognizers[n] for n in self._phones)), default=0)
        self._prefilter = prefilter(expressions)

    def of(self, text: str) -> list[int]:
        """Return the numbers of the recognizers that find nothing in a text."""
        candidates = self._prefilter.candidates(text)
        found = [n for n, own in self._numbers.items() if candidates.isdisjoint(own)]
        return found if _has_phone(text, self._digits) else found + self._phones


def prefilter(expressions: Sequence[Expression]) -> Prefilter:
    """Return the fastest prefilter that is installed."""
    try:
        return Automaton(expressions)
    except ImportError:
        return NeededCharacters(expressions)


def _is_stock(recognizer: Any) -> bool:
    """Return whether a recognizer and its patterns are Presidio's, and nothing else is matched."""
    from presidio_analyzer import PatternRecognizer
    from presidio_analyzer.predefined_recognizers import IbanRecognizer

    kind = type(recognizer)
    stock = {pattern.regex for pattern in getattr(kind, "PATTERNS", ())}
    return (
        kind.__module__.startswith("presidio_analyzer.predefined_recognizers.")
        and kind.analyze in (PatternRecognizer.analyze, IbanRecognizer.analyze)
        and {pattern.regex for pattern in recognizer.patterns} <= stock
    )


def _is_phone(recognizer: Any) -> bool:
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    return type(recognizer) is PhoneRecognizer


def _digits_of_phone(recognizer: Any) -> int:
    """Return the fewest digits that a number has which the recognizer can find."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    metadata: Any = PhoneMetadata

    abroad = [
        len(str(code)) + min(data.general_desc.possible_length)
        for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        for region in regions
        if (
            data := metadata.metadata_for_nongeo_region(code, None)
            if region == "001"
            else metadata.metadata_for_region(region, None)
        )
    ]
    at_home = [
        min(metadata.metadata_for_region(region).general_desc.possible_length)
        for region in recognizer.supported_regions
    ]
    return min(abroad + at_home)


def _has_phone(text: str, digits: int) -> bool:
    """Return whether a stretch of a text that can be a telephone number has enough digits."""
    from rai_scale.upstream.phonenumbers import stretches

    return any(
        sum(map(str.isdecimal, match.group())) >= digits for match in stretches().finditer(text)
    )
