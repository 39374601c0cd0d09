"""Documents, workbooks, databases, Avro and ORC files, read by processes of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from rai_scale.errors import TableError
from rai_scale.tables.column_names import text_schema
from rai_scale.tables.documents.child import DOCUMENTS as ANY_DOCUMENT
from rai_scale.tables.documents.child import Request
from rai_scale.tables.documents.limits import DocumentLimits
from rai_scale.tables.documents.process import ask
from rai_scale.tables.documents.workbook import BESIDE
from rai_scale.tables.formats import DOCUMENTS, UNREAD
from rai_scale.tables.path_names import shown
from rai_scale.tables.readers.arrow import (
    Piece,
    Scan,
    conform,
    own_names,
    partition_values,
    pieces_of,
    select,
)
from rai_scale.tables.readers.parquet import read_footers
from rai_scale.tables.readers.read_ahead import ScanAhead
from rai_scale.tables.source import TableSource

DOCUMENT_SCHEMA = text_schema(["file", "part", "place", "text", UNREAD])
PARTLY, NOT_AT_ALL = "partly read", "not looked at"
_TASK_FILES, _TASK_BYTES = 50, 32 << 20


def holds_documents(source: TableSource) -> bool:
    """Return whether the rows of a table are blocks of text."""
    return source.format in DOCUMENTS or source.inner == BESIDE


def scan_documents(source: TableSource, strict: bool) -> Scan:
    """Plan tasks of some small files, or one large file, each.

    Parameters
    ----------
    source : TableSource
    strict : bool
        Whether a table with columns of its own fails if one of its files cannot be read completely.
        Without it, and in tables of documents, the column ``_unread`` has the reason.
    """
    kind, inner = source.format, source.inner or ""
    if holds_documents(source):
        kind, inner, schema, strict = ANY_DOCUMENT, source.inner or "", DOCUMENT_SCHEMA, False
    else:
        found = [file.schema for file in source.files if file.schema is not None]
        schema = read_footers(source, found).schema
        schema = schema if strict else schema.append(pa.field(UNREAD, pa.string()))
    reader = FileReader(schema, kind, inner, source.limits, strict)
    return ScanAhead(reader, tuple(_tasks(source)))


def _tasks(source: TableSource) -> Iterator[Piece]:
    waiting: list[Piece] = []
    size = 0
    for piece, file in zip(pieces_of(source), source.files, strict=True):
        if waiting and (len(waiting) == _TASK_FILES or size + file.size > _TASK_BYTES):
            yield replace(waiting[0], more=tuple(waiting[1:]))
            waiting, size = [], 0
        waiting.append(piece)
        size += file.size
    if waiting:
        yield replace(waiting[0], more=tuple(waiting[1:]))


@dataclass(frozen=True)
class FileReader:
    """Reads the files of a piece; see :class:`~rai_scale.tables.readers.arrow.Reader`."""

    schema: pa.Schema
    kind: str
    inner: str
    limits: DocumentLimits
    strict: bool

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches, and for a file that is not read completely a row with the reason."""
        target = select(self.schema, columns)
        for one in (piece, *piece.more):
            yield from self._file(one, target)

    def _file(self, piece: Piece, target: pa.Schema) -> Iterator[pa.Table]:
        values: dict[str, str | None] = {"file": piece.relative}
        if self.kind != ANY_DOCUMENT:
            values = partition_values(piece.relative)
        rows = 0
        for found in ask(Request(piece.path, self.kind, self.inner, self.limits)):
            if isinstance(found, pa.Table):
                rows += found.num_rows
                if self.kind != ANY_DOCUMENT:
                    names = own_names(found.column_names, piece.relative)
                    found = found.rename_columns(names)  # noqa: PLW2901
                yield conform(found, target, values)
            elif found and isinstance(found, str):
                yield self._unread(piece, found, rows, target)

    def _unread(self, piece: Piece, why: str, rows: int, target: pa.Schema) -> pa.Table:
        file, status = shown(piece.relative), PARTLY if rows else NOT_AT_ALL
        if self.strict:
            raise TableError(f'{file} is {status}: {why}. Pass incomplete="warn" to read the rest.')
        text = json.dumps({"file": file, "status": status, "why": why}, ensure_ascii=False)
        values: dict[str, str | None] = {}
        if self.kind == ANY_DOCUMENT:
            values["file"] = piece.relative
        return conform(pa.table({UNREAD: [text]}), target, values)
