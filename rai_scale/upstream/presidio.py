"""Presidio's private method that replaces the resolved spans."""

from __future__ import annotations

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
