"""From counts to a verdict: in what share of rows, how sure, and by what evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Literal

from rai_scale.pii.names import entities_of_name

Z = 1.959963984540054
"""95 % of a normal distribution lies within this many standard deviations."""

NAME_WEIGHT = 0.6
"""What a column's name alone is worth: it is a promise, not a value."""

WEAK = {"DATE_TIME": 0.5, "URL": 0.5, "NRP": 0.8, "LOCATION": 0.8, "ORGANIZATION": 0.5}
"""Values of these types are often not personal; without a telling name they are at most possible."""

PERSONAL, POSSIBLE = 0.7, 0.3

Evidence = Literal["name", "values", "both"]


@dataclass(frozen=True)
class Finding:
    """One type of personal data in one column.

    ``share`` is of the rows with a value; ``share_low`` and ``share_high`` are its 95 % Wilson
    interval; both are None where only the name speaks.
    """

    entity: str
    rows_with: int
    share: float | None
    share_low: float | None
    share_high: float | None
    mean_score: float | None
    confidence: float
    decided_by: Evidence
    verdict: Literal["personal", "possible", "unlikely"]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def judge(
    path: str, values: int, found: Mapping[str, tuple[int, float]], cells_read: bool
) -> list[Finding]:
    """Judge one column or leaf.

    Parameters
    ----------
    path : str
        Name of the column or path of the leaf.
    values : int
        Rows with a value.
    found : mapping of entity to (rows with it, sum of their best scores)
    cells_read : bool
        False where the type of the column (a date, say) leaves only the name to go by.

    Returns
    -------
    list of Finding
        Surest first. Confidence is ``1 - (1 - v)(1 - m)``: ``v`` the mean score times
        ``hits / (hits + 1)`` (one hit alone may be an accident), ``m`` the weight of the name.
    """
    named = set(entities_of_name(path)) if values else set()
    findings = [
        _judge_one(entity, values, *found.get(entity, (0, 0.0)), entity in named, cells_read)
        for entity in sorted(named | set(found))
    ]
    return sorted(findings, key=lambda f: (-f.confidence, f.entity))


def _judge_one(
    entity: str, values: int, hits: int, scores: float, named: bool, cells_read: bool
) -> Finding:
    by_values = scores / hits * hits / (hits + 1) * WEAK.get(entity, 1.0) if hits else 0.0
    # where no value can be read, a telling name is all there is and must suffice
    by_name = (NAME_WEIGHT if cells_read else 0.8) if named else 0.0
    confidence = 1 - (1 - by_values) * (1 - by_name)
    measured = cells_read and (hits > 0 or not named or values > 0)
    low, high = wilson(hits, values)
    return Finding(
        entity=entity,
        rows_with=hits,
        share=hits / values if measured else None,
        share_low=low if measured else None,
        share_high=high if measured else None,
        mean_score=scores / hits if hits else None,
        confidence=round(confidence, 6),
        decided_by="both" if named and hits else "name" if named else "values",
        verdict="personal"
        if confidence >= PERSONAL
        else "possible"
        if confidence >= POSSIBLE
        else "unlikely",
    )
