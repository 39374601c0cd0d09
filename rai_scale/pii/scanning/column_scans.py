"""Turn the counts of a table into its columns, with findings and what a reader should check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from rai_scale.pii.data_classes.kinds import OWN
from rai_scale.pii.scanning.column_name_rules import (
    classes_of_name,
    entities_of_name,
    shown_type,
)
from rai_scale.pii.scanning.name_check import conflict_of
from rai_scale.pii.scanning.table_scan import ColumnScan
from rai_scale.pii.scanning.value_counts import Counted, is_fractional, split_counts
from rai_scale.pii.scanning.value_shapes import most_frequent
from rai_scale.pii.scanning.verdict import Finding, Seen, judge


def values_read(kind: pa.DataType) -> bool:
    """Return whether the values of a type are searched; booleans and times hold no other data."""
    return not (pa.types.is_boolean(kind) or pa.types.is_temporal(kind))


def judge_columns(
    schema: pa.Schema,
    counts: Counted,
    asked: Sequence[str] | None,
    hidden: frozenset[str],
    samples: int = 0,
) -> Iterator[ColumnScan]:
    """Yield each column and leaf, in the order of the table.

    Parameters
    ----------
    schema : pyarrow.Schema
    counts : Counted
        The result of :func:`count_values`.
    asked : sequence of str or None
        The entities that are searched for; None for all.
    hidden : frozenset of str
        Names that are masked: the position of the column replaces them.
    samples : int
        The number of masked samples of a column with findings.
    """
    for position, field in enumerate(schema, 1):
        paths = sorted(path for column, path in counts if column == field.name)
        for path in paths or [field.name]:
            counted = counts.get((field.name, path), {})
            noted, found = split_counts(counted)
            # numbers that all have a fraction do not identify anyone: only the column's name counts
            read = values_read(field.type) and bool(noted.words or not is_fractional(field.type))
            seen = Seen(noted.values, noted.words, read=read)
            # a boolean is named after what it is about, which it does not contain
            named = () if pa.types.is_boolean(field.type) else _implied(path)
            named = tuple(entity for entity in named if asked is None or entity in asked)
            findings = tuple(filter(_is_shown, judge(named, seen, found)))
            people = 2 * found.get("PERSON", (0, 0.0))[0] >= noted.values
            masked = field.name in hidden or (bool(noted.person_name) and people)
            top = f"column_{position}" if masked else field.name
            yield ColumnScan(
                top + path[len(field.name) :],
                top,
                shown_type(field.type),
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
            )


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
