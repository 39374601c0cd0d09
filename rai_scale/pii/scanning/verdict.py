"""Turn counts into a verdict: the share of rows, the confidence and the evidence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rai_scale.pii.data_classes.kinds import OWN, DataClass, class_of, is_indirect
from rai_scale.pii.scanning.claims import Claim
from rai_scale.pii.scanning.guarantee import Guarantee
from rai_scale.statistics.wilson import wilson

NAME_WEIGHT = 0.6
"""Confidence from the name of a column alone."""

WEAK = {"DATE_TIME": 0.3, "URL": 0.3, "UUID": 0.3, "NRP": 0.8, "LOCATION": 0.8, "ORGANIZATION": 0.5}
"""Factors for types whose values are often not personal, if the name does not imply the type."""

BY_MODEL = {"PERSON", "LOCATION", "NRP", "ORGANIZATION", "DATE_TIME"}
"""Found by the language model, which is unreliable for values that are not sentences."""

CHANCE = {
    **dict.fromkeys(("PHONE_NUMBER", "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_PASSPORT"), 0.5),
    **{"MEDICAL_LICENSE": 0.1},
    **dict.fromkeys(("CREDIT_CARD", "US_SSN", "US_ITIN"), 0.05),
    **dict.fromkeys(("IBAN_CODE", "CRYPTO", "IP_ADDRESS", "MAC_ADDRESS"), 0.02),
}
COUNTRY_CODE, CHANCE_OF_CODE = re.compile(r"[A-Z]{2}_"), 0.15
"""Share of arbitrary codes and numbers in which a type is found by chance, rounded up. It follows
from check digits (1 in 10 for one digit) and from the telephone formats of many countries."""

BY_CHANCE = 0.5
"""Highest score of findings that chance can explain, so that they are at most “possible”."""

FIELD_WORDS = 5.0
"""A column with at most this many words per value is a field, whose values are of one type."""

PERSONAL, POSSIBLE = 0.7, 0.3
_RARE = 0.3
"""Factor for a type that another one, which fills the column, makes implausible."""
_CERTAIN = 0.9

_OF_STATE = ("first_detected", "last_detected", "change")
Evidence = Literal["name", "values", "both", "reviewer"]
Verdict = Literal["personal", "secret", "indirect", "possible", "unlikely"]


@dataclass(frozen=True)
class Finding:
    """One type of personal data in one column.

    Attributes
    ----------
    entity : str
    rows_with : int
        Rows in which the type was found.
    share : float or None
        ``rows_with`` divided by the rows that have a value; None if values were not searched.
    share_low, share_high : float or None
        Bounds of ``share`` in the whole table; they hold together with all claims of the run.
    mean_score : float or None
        Mean of the best score per row, from 0 to 1.
    confidence : float
        See :func:`judge`.
    decided_by : {"name", "values", "both", "reviewer"}
    verdict : {"personal", "secret", "indirect", "possible", "unlikely"}
        "secret" and "indirect" are as certain as "personal". Indirect data is about a person and
        identifies one only together with other data: quasi-identifiers, health, finance.
    frequency, frequency_low, frequency_high : float or None
        Share of all rows of the table, and its bounds.
    claim : {"complete", "share", "at most"} or None
        What is claimed about ``frequency``: that it is exact because all rows were analysed, that
        it differs by ``error`` at most, or that it is ``frequency_high`` at most. None if too few
        rows were analysed for a claim, or if values cannot be searched.
    first_detected, last_detected : str or None
        When the first and the last run that found it started (ISO 8601); None without a state.
    change : {"new", "risen", "fallen"} or None
        Since the last finished run.
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
    frequency: float | None = None
    frequency_low: float | None = None
    frequency_high: float | None = None
    claim: Claim | None = None
    first_detected: str | None = None
    last_detected: str | None = None
    change: str | None = None

    @property
    def data_class(self) -> DataClass:
        """The class of the type."""
        return class_of(self.entity)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the class as plain values."""
        found = {**asdict(self), "class": self.data_class}
        return {k: v for k, v in found.items() if v is not None or k not in _OF_STATE}


@dataclass(frozen=True)
class Seen:
    """Counts of a column or leaf: rows with a value, and words in all values.

    ``read`` is False if values were not searched, as in a column of dates; only the name counts.
    """

    values: int
    words: int
    read: bool = True

    @property
    def is_field(self) -> bool:
        """Whether the values are short, as in a form, and not sentences."""
        return self.words <= FIELD_WORDS * self.values


def judge(
    names: Collection[str], seen: Seen, found: Mapping[str, tuple[int, float]]
) -> list[Finding]:
    """Judge one column or leaf.

    Parameters
    ----------
    names : collection of str
        The entities that the name of the column or leaf implies.
    seen : Seen
    found : mapping of str to (int, float)
        Per entity, the rows with it and the sum of their best scores.

    Returns
    -------
    list of Finding
        The most certain one first. The confidence is ``1 - (1 - v)(1 - m)``. ``v`` is the mean
        score times ``hits / (hits + 1)``, because a single hit may be an accident, weighted by
        :func:`by_share` and :func:`consistency`; for the types of :data:`OWN` other than secrets,
        by the lower end of the interval of the share. ``m`` is the weight of the name.
    """
    named = set(names) if seen.values else set()
    if not named and not found:
        return []
    top = max((hits for entity, (hits, _) in found.items() if entity not in OWN), default=0)
    findings = []
    listed = any(
        entity in OWN and 2 * hits >= seen.values and scores >= _CERTAIN * hits
        for entity, (hits, scores) in found.items()
    )
    for entity in sorted(named | set(found)):
        hits, scores = found.get(entity, (0, 0.0))
        by_values = 0.0
        if hits and entity in OWN:
            by_values = scores / (hits + 1)
            if class_of(entity) != "secret":
                by_values *= float(wilson(hits, seen.values)[0])
        elif hits:
            by_values = by_share(entity, hits, scores / (hits + 1), seen)
            by_values *= consistency(entity, hits, top, seen)
            by_values *= 1.0 if entity in named else WEAK.get(entity, 1.0)
            if listed and seen.is_field and entity in BY_MODEL - named:
                by_values *= _RARE  # a list of words knows better: Koch is an occupation and a name
        # if no value can be searched, the name is the only evidence and must suffice
        by_name = 0.0 if entity not in named else NAME_WEIGHT if seen.read else 0.8
        confidence = 1 - (1 - by_values) * (1 - by_name)
        evidence: Evidence = "values" if entity not in named else "both" if hits else "name"
        share: float | None = None
        low: float | None = None
        high: float | None = None
        if seen.read:
            share = hits / seen.values
            low, high = map(float, wilson(hits, seen.values))
        mean = scores / hits if hits else None
        verdict, confidence = verdict_of(confidence, entity), round(confidence, 6)
        findings.append(
            Finding(entity, hits, share, low, high, mean, confidence, evidence, verdict)
        )
    return sorted(findings, key=lambda f: (-f.confidence, f.entity))


def by_share(entity: str, hits: int, score: float, seen: Seen) -> float:
    """Return a score adjusted by how much more often a type occurs than by chance.

    A type that occurs in nearly all values of a field is what the field holds, even if the score
    of each hit is low. A type that occurs no more often than by chance is at most possible.
    """
    if not seen.is_field or entity in WEAK:
        return score
    chance = CHANCE.get(entity, CHANCE_OF_CODE if COUNTRY_CODE.match(entity) else 0.0)
    low = float(wilson(hits, seen.values)[0])
    if low <= chance:
        return min(score, BY_CHANCE)
    return score + (1 - score) * max(0.0, 2 * (low - chance) / (1 - chance) - 1)


def consistency(entity: str, hits: int, top: int, seen: Seen) -> float:
    """Return how well the hits fit the column, from 0 to 1; always 1 for sentences.

    A type that the language model finds in few values of a field is likely an error, such as a
    product code taken for a name. So is a type in few values if another type is in most of them.
    """
    if not seen.is_field:
        return 1.0
    share = hits / max(1, seen.values)
    fits = min(1.0, 2 * share) if entity in BY_MODEL else 1.0
    rare = 2 * top >= seen.values and top >= 5 * hits
    return fits * (_RARE if rare else 1.0)


def verdict_of(confidence: float, entity: str = "") -> Verdict:
    """Return the verdict for a confidence from 0 to 1 in a type."""
    if confidence >= PERSONAL:
        return "indirect" if is_indirect(entity) else "secret" if entity in OWN else "personal"
    return "possible" if confidence >= POSSIBLE else "unlikely"


def limits_of(guarantee: Guarantee) -> list[str]:
    """Return what a scan with this guarantee cannot find."""
    limits = [
        "A recognizer can miss personal data, and can report it where there is none. “Clean” "
        "means that nothing was recognised, not that a column holds no personal data. Claims about "
        "shares of rows are about what the recognizers find.",
        "Columns of dates and times are judged by their names only, and columns of true/false "
        "values not at all. Numbers with a fraction are assumed not to identify anyone.",
        "Quasi-identifiers, secrets, and data on health and finance are recognised by names of "
        "columns, lists of words and patterns; other words and forms are missed.",
        "Placeholders of an earlier redaction, such as <PERSON>, are treated as missing.",
    ]
    if guarantee.mode == "sample":
        limits.append(
            "Of large tables, a random sample of the rows was analysed: a type of data in at most "
            f"{100 * guarantee.absent_below:g} % of the rows may be missed."
        )
    return limits
