"""From counts to a verdict: in what share of rows, how sure, and by what evidence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rai_scale.statistics.wilson import wilson

NAME_WEIGHT = 0.6
"""What a column's name alone is worth: it is a promise, not a value."""

WEAK = {"DATE_TIME": 0.3, "URL": 0.3, "UUID": 0.3, "NRP": 0.8, "LOCATION": 0.8, "ORGANIZATION": 0.5}
"""Values of these types are often not personal; without a telling name: at most possible."""

BY_MODEL = {"PERSON", "LOCATION", "NRP", "ORGANIZATION", "DATE_TIME"}
"""Found by the language model, which guesses in cells that are no sentences."""

CHANCE = {
    "PHONE_NUMBER": 0.5,
    "US_BANK_NUMBER": 0.5,
    "US_DRIVER_LICENSE": 0.5,
    "US_PASSPORT": 0.5,
    "MEDICAL_LICENSE": 0.1,
    "CREDIT_CARD": 0.05,
    "US_SSN": 0.05,
    "US_ITIN": 0.05,
    "IBAN_CODE": 0.02,
    "CRYPTO": 0.02,
    "IP_ADDRESS": 0.02,
    "MAC_ADDRESS": 0.02,
}
COUNTRY_CODE, CHANCE_OF_CODE = re.compile(r"[A-Z]{2}_"), 0.15
"""Share of cells of codes and numbers in which a type may be seen by accident, rounded up: what a
check digit leaves (1 in 10 for one digit), what the telephone rules of many countries allow."""

BY_CHANCE = 0.5
"""What may be chance is at most possible, however sure the recognizer was of each hit."""

FIELD_WORDS = 5.0
"""A column of at most so many words per value is a field; its cells should be of one type."""

PERSONAL, POSSIBLE = 0.7, 0.3

Evidence = Literal["name", "values", "both"]
Verdict = Literal["personal", "possible", "unlikely"]


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
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """What was counted in a column or leaf: rows with a value, and words in all of them.

    ``read`` is False where the type of the column (a date, say) leaves only the name to go by.
    """

    values: int
    words: int
    read: bool = True

    @property
    def is_field(self) -> bool:
        """Whether cells are short, as in a form, and not sentences."""
        return self.words <= FIELD_WORDS * self.values


def judge(
    names: Collection[str], seen: Seen, found: Mapping[str, tuple[int, float]]
) -> list[Finding]:
    """Judge one column or leaf.

    Parameters
    ----------
    names : collection of str
        The entities that the column or leaf is named after.
    seen : Seen
    found : mapping of entity to (rows with it, sum of their best scores)

    Returns
    -------
    list of Finding
        Surest first. Confidence is ``1 - (1 - v)(1 - m)``: ``v`` the mean score times
        ``hits / (hits + 1)`` (one hit alone may be an accident), weighed by :func:`by_share` and
        :func:`consistency`, ``m`` the weight of the name.
    """
    named = set(names) if seen.values else set()
    top = max((hits for hits, _ in found.values()), default=0)
    findings = []
    for entity in sorted(named | set(found)):
        hits, scores = found.get(entity, (0, 0.0))
        by_values = 0.0
        if hits:
            by_values = by_share(entity, hits, scores / (hits + 1), seen)
            by_values *= consistency(entity, hits, top, seen)
            by_values *= 1.0 if entity in named else WEAK.get(entity, 1.0)
        # where no value can be read, a telling name is all there is and must suffice
        by_name = 0.0 if entity not in named else NAME_WEIGHT if seen.read else 0.8
        confidence = 1 - (1 - by_values) * (1 - by_name)
        evidence: Evidence = "values" if entity not in named else "both" if hits else "name"
        findings.append(_finding(entity, (hits, scores), seen, confidence, evidence))
    return sorted(findings, key=lambda f: (-f.confidence, f.entity))


def by_share(entity: str, hits: int, score: float, seen: Seen) -> float:
    """Weigh a score by the share of cells that have the type, against the share by chance.

    In a field, a type that stands in nearly all cells is what the field holds, even where a single
    hit says little; one that stands in no more cells than chance explains is at most possible.
    """
    if not seen.is_field or entity in WEAK:
        return score
    chance = CHANCE.get(entity, CHANCE_OF_CODE if COUNTRY_CODE.match(entity) else 0.0)
    low = float(wilson(hits, seen.values)[0])
    if low <= chance:
        return min(score, BY_CHANCE)
    return score + (1 - score) * max(0.0, 2 * (low - chance) / (1 - chance) - 1)


def consistency(entity: str, hits: int, top: int, seen: Seen) -> float:
    """Return how well the hits fit the column, from 0 to 1; sentences may hold anything.

    In a field, what the language model sees in few cells is likely a guess (a product code read as
    a name), and so is what stands in few cells beside a type that stands in most.
    """
    if not seen.is_field:
        return 1.0
    share = hits / max(1, seen.values)
    fits = min(1.0, 2 * share) if entity in BY_MODEL else 1.0
    beside = 2 * top >= seen.values and top >= 5 * hits
    return fits * (0.3 if beside else 1.0)


def _finding(
    entity: str, hits: tuple[int, float], seen: Seen, confidence: float, evidence: Evidence
) -> Finding:
    rows, scores = hits
    low, high = map(float, wilson(rows, seen.values))
    return Finding(
        entity=entity,
        rows_with=rows,
        share=rows / seen.values if seen.read else None,
        share_low=low if seen.read else None,
        share_high=high if seen.read else None,
        mean_score=scores / rows if rows else None,
        confidence=round(confidence, 6),
        decided_by=evidence,
        verdict=verdict_of(confidence),
    )


def verdict_of(confidence: float) -> Verdict:
    """Return the word for a confidence."""
    if confidence >= PERSONAL:
        return "personal"
    return "possible" if confidence >= POSSIBLE else "unlikely"
