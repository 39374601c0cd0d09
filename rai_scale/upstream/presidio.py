"""Presidio's private method that settles overlapping spans."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any

from rai_scale.errors import MissingExtraError


@cache
def noting_engine() -> type[Any]:
    """Return Presidio's anonymizer with the spans that it settled on as ``resolved``.

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
        """Presidio's engine, which notes the spans that it has settled on.

        Of two spans that overlap it replaces the one to the left only up to the other, by what
        the operator makes of all of it. That is garbled where the operator keeps the text, which
        then stands there twice: a kept span ends where the next one begins.
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
