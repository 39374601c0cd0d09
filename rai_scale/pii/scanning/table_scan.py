"""What was found in one table and in its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.pii.scanning.verdict import Finding


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
    status : {"findings", "clean", "unreadable", "partly unreadable"}
    note : str or None
        What a reader should know about how the table was read.
    columns : tuple of ColumnScan
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
    """

    table: str
    format: str
    rows: int | None
    rows_scanned: int
    files: int
    status: str
    note: str | None
    columns: tuple[ColumnScan, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    unreadable_bytes: tuple[int, ...] = ()
    partly_read: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    again: bool = False
    bytes: int | None = None
    doubts: tuple[str, ...] = ()
    schema: pa.Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        about = ("table", "format", "rows", "rows_scanned", "files", "bytes", "status", "note")
        of_column = ("column", "type", "non_null", "errors", "unread")
        columns = [
            {
                **{name: getattr(c, name) for name in of_column},
                "findings": [f.to_dict() for f in c.findings],
            }
            for c in self.columns
        ]
        return {**{name: getattr(self, name) for name in about}, "columns": columns}
