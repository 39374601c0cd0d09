"""Say where the name of a column and its values do not agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rai_scale.pii.data_classes.kinds import DIRECT
from rai_scale.pii.scanning.verdict import Finding, Seen

NOT_CHECKED = {"NATIONAL_ID", "LOCATION", "NRP", "DATE_TIME"}
"""Types that are known by name only, or that the language model misses without context."""

_FEW, _MOST = 0.1, 0.5


def conflict_of(names: Collection[str], seen: Seen, findings: Collection[Finding]) -> str | None:
    """Return how the name of a column contradicts its values; None if it does not.

    Parameters
    ----------
    names : collection of str
        The types that the name implies.
    seen : Seen
    findings : collection of Finding

    Returns
    -------
    str or None
        A sentence without the name and without values.
    """
    if not findings:
        return None
    return " ".join([*_missing(names, seen, findings), *_unexpected(seen, findings)]) or None


def _missing(names: Collection[str], seen: Seen, findings: Collection[Finding]) -> Iterator[str]:
    """Yield a sentence if values have none of the types that the name implies."""
    named = [f for f in findings if f.entity in names]
    if not seen.read or not named or any(f.entity in NOT_CHECKED for f in named):
        return
    if all((f.share or 0) < _FEW and (f.share_high or 0) < _MOST for f in named):
        types = " or ".join(f.entity for f in named)
        most = max(f.rows_with for f in named)
        yield f"The name implies {types}, which {most:,} of {seen.values:,} values have."


def _unexpected(seen: Seen, findings: Collection[Finding]) -> Iterator[str]:
    """Yield a sentence if most values have a type that the name does not imply."""
    for f in findings:
        sure = f.verdict in DIRECT and f.decided_by == "values" and seen.is_field
        if sure and (f.share or 0) >= _MOST:
            found = f"{f.rows_with:,} of {seen.values:,} values are {f.entity}"
            yield f"{found}, which the name does not imply."
