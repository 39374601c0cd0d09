"""What a scan remembers for the next one: counts and fingerprints, never a value or a path."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from rai_scale.names import looks_personal
from rai_scale.pii.scanning.column_name_search import NAMES
from rai_scale.pii.scanning.judged import Judged
from rai_scale.pii.scanning.parts import Counted, ScannedPart
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Finding
from rai_scale.tables.discovery.known_files import KnownTable
from rai_scale.tables.path_names import printable
from rai_scale.tables.source import TableSource

_MASKED = {b"masked": b"1"}


@dataclass(frozen=True)
class StoredPart:
    """Files that were scanned at once.

    Attributes
    ----------
    prints : pyarrow.Array
        Fingerprints of the files.
    part : ScannedPart
        Rows and counts, without paths; columns have the names that are shown.
    partly_read : tuple of (str, str)
        As in :class:`TableScan`.
    doubts, written : tuple of str
        What is uncertain about the format of the files, and how they differ from the defaults.
    """

    prints: pa.Array
    part: ScannedPart
    partly_read: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredTable:
    """A table in a state.

    Attributes
    ----------
    name, format, group : str
    inner : str or None
    again : bool
        As in :class:`~rai_scale.tables.discovery.known_files.KnownTable`.
    schema : pyarrow.Schema
        With the names that are shown; a masked field has metadata.
    parts : tuple of StoredPart
    named : dict or None
        What was found in the names of columns.
    stopped : StoredPart or None
        The part that a budget stopped after some of its rounds, which the next run continues.
    listing : bytes or None
        As in :class:`~rai_scale.tables.discovery.known_files.KnownTable`.
    judged : Judged or None
        What the last run has judged; None if the next run must judge again.
    """

    name: str
    format: str
    group: str
    inner: str | None
    again: bool
    schema: pa.Schema
    parts: tuple[StoredPart, ...]
    named: dict[str, Any] | None = None
    stopped: StoredPart | None = None
    listing: bytes | None = None
    judged: Judged | None = None

    @property
    def in_names(self) -> ColumnScan | None:
        """What was found in the names of columns."""
        if self.named is None:
            return None
        findings = tuple(Finding(**found) for found in self.named["findings"])
        return ColumnScan(**{**self.named, "findings": findings})

    @property
    def masked(self) -> frozenset[str]:
        """The shown names of the columns whose real names are not stored."""
        return frozenset(f.name for f in self.schema if f.metadata == _MASKED)

    def kept(self, prints: pa.Array) -> tuple[StoredPart, ...]:
        """Return the parts all of whose files are among the fingerprints."""
        parts = tuple(part.prints for part in self.parts)
        known = KnownTable(self.name, self.format, self.group, self.inner, self.again, parts)
        fits = known.unchanged(prints)
        return tuple(part for part, fit in zip(self.parts, fits, strict=True) if fit)


def stored_table(
    source: TableSource,
    scan: TableScan,
    parts: Iterable[StoredPart],
    stopped: StoredPart | None = None,
) -> StoredTable | None:
    """Return what to remember of a table; None if nothing of it was read.

    A part that a budget stopped is not remembered if names of columns are masked.
    """
    if scan.schema is None:
        return None
    shown = shown_names(scan)
    masked = {column.top for column in scan.columns if column.masked}
    fields = [
        f.with_name(shown[f.name]).with_metadata(_MASKED if shown[f.name] in masked else None)
        for f in scan.schema
    ]
    group = source.name
    inner = source.inner
    if inner is not None:
        label = printable(inner)
        own = source.name.endswith(f"/{label}")
        group = source.name.removesuffix(f"/{label}") if own else source.name.rpartition("/")[0]
    hidden = inner is not None and looks_personal(inner)
    return StoredTable(
        source.name,
        source.format,
        group,
        None if hidden else inner,
        source.again,
        pa.schema(fields),
        () if hidden else tuple(renamed(part, shown) for part in parts),
        next((_plain(column) for column in scan.columns if column.top == NAMES), None),
        None if masked or hidden else stopped,
    )


def _plain(column: ColumnScan) -> dict[str, Any]:
    findings = [replace(f, first_detected=None, last_detected=None) for f in column.findings]
    return asdict(replace(column, findings=tuple(findings), override=None))


def shown_names(scan: TableScan) -> dict[str, str]:
    """Return the name under which each column of the schema is shown."""
    assert scan.schema is not None
    names = {name: name for name in scan.schema.names}
    for column in scan.columns:
        if column.masked and column.top.startswith("column_"):
            position = int(column.top.removeprefix("column_"))
            names[scan.schema.names[position - 1]] = column.top
    return names


def renamed(part: StoredPart, names: Mapping[str, str]) -> StoredPart:
    """Return a part whose counts have other names of columns; those of other columns go."""
    counts: Counted = {
        (names[column], names[column] + path[len(column) :]): found
        for (column, path), found in part.part.counts.items()
        if column in names
    }
    counts.update({at: found for at, found in part.part.counts.items() if not at[0]})
    return replace(part, part=replace(part.part, counts=counts, files=()))


def merged_schema(stored: pa.Schema, new: pa.Schema, masked: Collection[str]) -> pa.Schema | None:
    """Return the columns of the stored parts and of the new files, with real names.

    None if they do not fit: a column has another type, or a masked column may have moved.
    """
    pairs = zip(stored.names, new.names, strict=False)
    moved = len(new) < len(stored) or any(a != b and a not in masked for a, b in pairs)
    if masked and moved:
        return None
    fields = []
    for at, old in enumerate(stored):
        there = new.field(at) if old.name in masked else _field(new, old.name)
        kind = there.type if there is not None and pa.types.is_null(old.type) else old.type
        if there is not None and there.type != kind and not pa.types.is_null(there.type):
            return None
        fields.append(pa.field(there.name if there is not None else old.name, kind))
    names = {known.name for known in fields}
    return pa.schema([*fields, *(there for there in new if there.name not in names)])


def _field(schema: pa.Schema, name: str) -> pa.Field | None:
    return schema.field(name) if name in schema.names else None
