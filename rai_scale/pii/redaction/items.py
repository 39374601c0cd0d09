"""What was replaced: the spans that Presidio settled on, and how they were found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from presidio_analyzer import RecognizerResult


class Item(NamedTuple):
    """A replaced span of the original text, after overlaps were resolved.

    ``decision`` says how the recognizer decided, if Presidio was asked for it.
    """

    entity: str
    start: int
    end: int
    score: float
    recognizer: str | None
    decision: dict[str, Any] | None = None


def items_of(entities: Iterable[Any], results: list[RecognizerResult]) -> list[Item]:
    """Return each span with the recognizer of the highest-scored result that it is made of."""
    exact = {(r.entity_type, r.start, r.end): r for r in sorted(results, key=lambda r: r.score)}
    items = []
    for e in entities:
        best = exact.get((e.entity_type, e.start, e.end)) or _nearest(e, results)
        recognizer = (best.recognition_metadata or {}).get("recognizer_name")
        why = _decision(best.analysis_explanation)
        items.append(Item(e.entity_type, e.start, e.end, float(e.score), recognizer, why))
    return items


def _decision(explanation: Any) -> dict[str, Any] | None:
    """Return what Presidio explains, without regular expressions and texts, which may quote."""
    if explanation is None:
        return None
    return {
        "pattern": explanation.pattern_name,
        "original_score": float(explanation.original_score),
        "context_word": explanation.supportive_context_word or None,
        "validated": explanation.validation_result,
    }


def _nearest(span: Any, results: list[RecognizerResult]) -> RecognizerResult:
    """Return the best result in a span, or, if another span took a part of it, around it."""
    near = [
        r
        for r in results
        if r.entity_type == span.entity_type and r.start < span.end and span.start < r.end
    ]
    within = [r for r in near if span.start <= r.start and r.end <= span.end]
    return max(within or near, key=lambda r: r.score)
