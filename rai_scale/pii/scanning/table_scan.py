"""What was found in one table and in its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from rai_scale.pii.scanning.overrides import Override
from rai_scale.pii.scanning.parts import ScannedPart
from rai_scale.pii.scanning.table_risk import Risk, risk_of
from rai_scale.pii.scanning.verdict import Finding

NOT_SEARCHED = "its type is not searched"
"""Why nothing is claimed about a column without :class:`Absent`."""


@dataclass(frozen=True)
class Absent:
    """What is claimed about the types without hits in a column.

    Attributes
    ----------
    at_most : float
        Each of them is in at most this share of the rows of the table, from 0 to 1.
    types : int
        Their number.
    no_claim : str or None
        Why this is not claimed: the share is larger than ``absent_below``.
    """

    at_most: float
    types: int
    no_claim: str | None = None


@dataclass(frozen=True)
class ColumnScan:
    """What was found in a column, or in a leaf of a nested or JSON column.

    Attributes
    ----------
    column : str
        Name of the column or path of the leaf; the position of the column if the name is masked.
    top : str
        Name of the column that holds the leaf.
    type : str
        Type of the column.
    non_null : int
        Scanned rows that have a value.
    errors, unread : int
        Values that were not searched: the analysis failed, or the value is not text.
    is_field : bool
        Whether the values are short, as in a form, and not sentences.
    findings : tuple of Finding
        The most certain one first.
    error_bytes, unread_bytes : int
        Size of these values, in bytes.
    undecoded : int
        Values with a character that could not be decoded.
    masked : bool
        Whether the name is hidden, because it looks like personal data or may be a value.
    conflict : str or None
        How the name contradicts the values.
    shapes : tuple of str
        Masked samples, the most frequent first, if they were asked for.
    override : Override or None
        The decision of a reviewer.
    absent : Absent or None
        What is claimed about types without hits in the column ``top``; None if its values are not
        searched.
    """

    column: str
    top: str
    type: str
    non_null: int
    errors: int
    is_field: bool
    findings: tuple[Finding, ...]
    error_bytes: int = 0
    unread: int = 0
    unread_bytes: int = 0
    undecoded: int = 0
    masked: bool = False
    conflict: str | None = None
    shapes: tuple[str, ...] = ()
    override: Override | None = None
    absent: Absent | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what a report shows; what is empty by default is left out if it is."""
        about = ("column", "type", "non_null", "errors", "unread")
        more: dict[str, Any] = {"conflict": self.conflict, "samples": list(self.shapes)}
        more["override"] = self.override and self.override.model_dump(mode="json")
        return {
            **{name: getattr(self, name) for name in about},
            **{name: value for name, value in more.items() if value},
            "absent": self.absent and asdict(self.absent),
            "findings": [f.to_dict() for f in self.findings],
        }


@dataclass(frozen=True)
class TableScan:
    """What was found in a table.

    Attributes
    ----------
    table, format : str
        Name, and format of the files; ``frame`` for a frame.
    rows : int or None
        Rows of the table; None if it could not be read.
    rows_scanned, files : int
    status : {"findings", "clean", "unreadable", "partly unreadable", "left out"}
        "left out" by the budget of the run.
    note : str or None
        What a reader should know about how the table was read.
    columns : sequence of ColumnScan
    unreadable : tuple of (str, str)
        Files that cannot be read, with the type of the error.
    unreadable_bytes : tuple of int
        Size of these files, in bytes.
    partly_read : tuple of (str, str)
        Files of which some part could not be read, with the reason.
    folder : str
        The folder of the files.
    again : bool
        Whether another table, such as another sheet of a workbook, has the same files.
    bytes : int or None
        Size of the files that can be read; None if unknown.
    doubts : tuple of str
        What is uncertain about the format of the text files.
    schema : pyarrow.Schema or None
        Schema of the frame, with unmasked names; it is part of no output.
    parts : tuple of ScannedPart
        What the verdicts and claims were computed from, with unmasked names; part of no output.
    left_out : str or None
        Why the budget left out the table, or its new files.
    rule : str or None
        How the rows were chosen; None if none were.
    bytes_read : int or None
        Size of the files that were read, whose rows were all read to choose some; None if unknown.
    stopped : bool
        Whether the budget stopped the scan of this table before its claims held.
    """

    table: str
    format: str
    rows: int | None
    rows_scanned: int
    files: int
    status: str
    note: str | None
    columns: Sequence[ColumnScan]
    unreadable: tuple[tuple[str, str], ...] = ()
    unreadable_bytes: tuple[int, ...] = ()
    partly_read: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    again: bool = False
    bytes: int | None = None
    doubts: tuple[str, ...] = ()
    schema: pa.Schema | None = None
    parts: tuple[ScannedPart, ...] = ()
    left_out: str | None = None
    rule: str | None = None
    bytes_read: int | None = 0
    stopped: bool = False

    @property
    def risk(self) -> Risk:
        """How easily the rows lead to people, with the reason."""
        return risk_of([f for column in self.columns for f in column.findings])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        about = ("table", "format", "rows", "rows_scanned", "files", "bytes", "status", "note")
        more = ("rule", "bytes_read", "stopped")
        return {
            **{name: getattr(self, name) for name in (*about, *more)},
            "risk": self.risk._asdict(),
            "columns": [column.to_dict() for column in self.columns],
        }
