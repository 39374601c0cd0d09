"""Turn the counts of a table into its columns, with findings and what a reader should check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from rai_scale.pii.data_classes.kinds import OWN
from rai_scale.pii.scanning.claims import VALUES, TableClaims
from rai_scale.pii.scanning.column_name_rules import (
    classes_of_name,
    entities_of_name,
    shown_type,
)
from rai_scale.pii.scanning.column_types import values_read
from rai_scale.pii.scanning.name_check import conflict_of
from rai_scale.pii.scanning.parts import Counted
from rai_scale.pii.scanning.table_scan import Absent, ColumnScan
from rai_scale.pii.scanning.value_counts import split_counts
from rai_scale.pii.scanning.value_shapes import most_frequent
from rai_scale.pii.scanning.value_texts import is_fractional
from rai_scale.pii.scanning.verdict import Finding, Seen, judge
from rai_scale.tables.formats import CORRUPT


def judge_columns(
    schema: pa.Schema,
    counts: Counted,
    asked: Sequence[str] | None,
    hidden: frozenset[str],
    claims: TableClaims,
    *,
    samples: int = 0,
) -> Iterator[ColumnScan]:
    """Yield each column and leaf, in the order of the table.

    The column of lines that could not be parsed is left out if there are none.

    Parameters
    ----------
    schema : pyarrow.Schema
    counts : Counted
        The result of :func:`count_values`.
    asked : sequence of str or None
        The entities that are searched for; None for all.
    hidden : frozenset of str
        Names that are masked: the position of the column replaces them.
    claims : TableClaims
    samples : int
        The number of masked samples of a column with findings.
    """
    paths: dict[str, list[str]] = defaultdict(list)
    for column, path in sorted(counts):
        paths[column].append(path)
    for position, field in enumerate(schema, 1):
        name, kind = field.name, field.type  # each of them is made when it is asked for
        searched = values_read(kind)
        for path in paths[name] or [name]:
            counted = counts.get((name, path), {})
            noted, found = split_counts(counted)
            if name == CORRUPT and not noted.values:
                continue
            # numbers that all have a fraction do not identify anyone: only the column's name counts
            read = searched and bool(noted.words or not is_fractional(kind))
            seen = Seen(noted.values, noted.words, read=read)
            # a boolean is named after what it is about, which it does not contain
            boolean = not searched and pa.types.is_boolean(kind)
            named = () if boolean else _implied(path)
            named = tuple(entity for entity in named if asked is None or entity in asked)
            findings = tuple(
                _claimed(finding, claims, name, path)
                for finding in filter(_is_shown, judge(named, seen, found))
            )
            people = 2 * found.get("PERSON", (0, 0.0))[0] >= noted.values
            masked = name in hidden or (bool(noted.person_name) and people)
            top = f"column_{position}" if masked else name
            yield ColumnScan(
                top + path[len(name) :],
                top,
                shown_type(kind),
                noted.values,
                noted.errors,
                seen.is_field,
                findings,
                error_bytes=noted.error_bytes,
                unread=noted.unread,
                unread_bytes=noted.unread_bytes,
                undecoded=noted.undecoded,
                masked=masked,
                conflict=conflict_of(named, seen, findings),
                shapes=most_frequent(counted, samples) if _has_samples(findings) else (),
                absent=_absent(claims, name) if read else None,
            )


def _claimed(finding: Finding, claims: TableClaims, column: str, path: str) -> Finding:
    """Add the share of all rows and its bounds, and correct the share of rows with a value."""
    if finding.share is None:
        return finding
    rows = claims.estimate(column, path, finding.entity)
    values = claims.estimate(column, path, VALUES)
    share = min(1.0, rows.share / values.share) if values.share else 0.0
    low = rows.low / values.high if values.high else 0.0
    high = rows.high / values.low if values.low else 1.0
    if claims.complete and rows.error == 0:
        low = high = share
    return replace(
        finding,
        share=share,
        share_low=min(low, share),
        share_high=min(1.0, max(high, share)),
        frequency=rows.share,
        frequency_low=rows.low,
        frequency_high=rows.high,
        claim=claims.claim(rows),
    )


def _absent(claims: TableClaims, column: str) -> Absent:
    nothing, why = claims.absent(column), None
    if claims.claim(nothing) is None:
        unsearched = claims.unsearched(column)
        why = f"values that were not searched: {unsearched:,}" if unsearched else "too few rows"
    found = {key for _, key in claims.found(column)}
    others = len(claims.types) - sum(key in claims.types for key in found)
    return Absent(nothing.high, others, why)


def _has_samples(findings: Collection[Finding]) -> bool:
    """Return whether to show shapes: not of secrets, whose punctuation is part of the secret."""
    return bool(findings) and all(f.data_class != "secret" for f in findings)


def _implied(path: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*entities_of_name(path), *classes_of_name(path)]))


def _is_shown(finding: Finding) -> bool:
    """Return whether a finding is more than a word that a list has by chance."""
    return not (
        finding.entity in OWN and finding.verdict == "unlikely" and finding.decided_by == "values"
    )
