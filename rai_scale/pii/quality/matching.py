"""Compare what was found in one text with its labels, by characters or by spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

ANY = "*"
"""The entity, and the column, of a sum over all."""
IOU = 0.9
"""Overlap that makes a finding and a label one match: presidio-evaluator's default."""


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (exclusive) of a text. Entity None: not evaluated."""

    entity: str | None
    start: int
    end: int


class Matches(NamedTuple):
    """Counts of one entity in one text, in characters or spans.

    Attributes
    ----------
    labelled, found : int
        By the labels, and by the detector.
    hits : int
        Both labelled and found as this entity.
    covered : int
        Labelled as this entity, and found as any entity.
    """

    labelled: int
    found: int
    hits: int
    covered: int


def outermost(findings: Sequence[Any]) -> list[Span]:
    """Return the findings that are not inside of another, as Presidio's anonymizer keeps them.

    Of two with the same characters, the one with the higher score is kept.
    """
    ordered = sorted(findings, key=lambda r: (r.start, -r.end, -r.score, r.entity_type))
    kept: list[Span] = []
    end = -1
    for found in ordered:
        if found.end > end:
            kept.append(Span(found.entity_type, found.start, found.end))
            end = found.end
    return kept


def renamed(spans: Iterable[Span], names: Mapping[str, str | None]) -> list[Span]:
    """Return spans with their entities renamed; names that are not in ``names`` stay."""
    return [span._replace(entity=names.get(str(span.entity), span.entity)) for span in spans]


def match_characters(
    length: int, labels: Sequence[Span], found: Sequence[Span]
) -> dict[str, Matches]:
    """Return the counts of characters per entity, and of all entities together.

    Characters under a label without an entity are not counted at all.
    """
    left_out = _mask(length, [s for s in labels if s.entity is None])
    all_found = _mask(length, _named(found)) & ~left_out
    counted: dict[str, Matches] = {}
    for entity in entities_of(labels, found):
        wanted = _mask(length, _of(labels, entity)) & ~left_out
        own = all_found if entity == ANY else _mask(length, _of(found, entity)) & ~left_out
        masks = (wanted, own, wanted & own, wanted & all_found)
        counted[entity] = Matches(*(int(mask.sum()) for mask in masks))
    return counted


def match_spans(labels: Sequence[Span], found: Sequence[Span]) -> dict[str, Matches]:
    """Return the counts of spans per entity, and of all entities together.

    A finding and a label match if they share at least 90 % of the characters that either has
    (intersection over union). Each takes part in one match at most; the best overlaps come first.
    Findings that overlap a label without an entity are not counted.
    """
    left_out = [s for s in labels if s.entity is None]
    found = [s for s in _named(found) if not any(_overlap(s, other) > 0 for other in left_out)]
    counted: dict[str, Matches] = {}
    for entity in entities_of(labels, found):
        wanted, own = _of(labels, entity), _of(found, entity)
        pairs = (len(wanted), len(own), _pairs(wanted, own), _pairs(wanted, found))
        counted[entity] = Matches(*pairs)
    return counted


def entities_of(labels: Sequence[Span], found: Sequence[Span]) -> list[str]:
    """Return the entities that are labelled or found, and :data:`ANY`."""
    return [ANY, *sorted({str(span.entity) for span in (*_named(labels), *_named(found))})]


def _named(spans: Iterable[Span]) -> list[Span]:
    return [span for span in spans if span.entity is not None]


def _of(spans: Iterable[Span], entity: str) -> list[Span]:
    return [span for span in _named(spans) if entity in (ANY, span.entity)]


def _mask(length: int, spans: Iterable[Span]) -> np.ndarray:
    mask = np.zeros(length, bool)
    for span in spans:
        mask[span.start : span.end] = True
    return mask


def _pairs(labels: Sequence[Span], found: Sequence[Span]) -> int:
    overlaps = [
        (overlap, i, j)
        for i, label in enumerate(labels)
        for j, other in enumerate(found)
        if (overlap := _overlap(label, other)) >= IOU
    ]
    used: tuple[set[int], set[int]] = (set(), set())
    for _, i, j in sorted(overlaps, key=lambda pair: (-pair[0], *pair[1:])):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
    return len(used[0])


def _overlap(a: Span, b: Span) -> float:
    shared = min(a.end, b.end) - max(a.start, b.start)
    return max(0, shared) / (max(a.end, b.end) - min(a.start, b.start))
