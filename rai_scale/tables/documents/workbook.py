"""Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods), read by calamine: one table per sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from rai_scale.errors import NotReadError
from rai_scale.tables.column_names import text_schema, unique_names
from rai_scale.tables.dialect import NO_SURE_HEADER
from rai_scale.tables.documents.archives import open_zip
from rai_scale.tables.documents.office import read_beside_sheets
from rai_scale.tables.documents.tabular import Outline, batched, plain, text_rows, text_table
from rai_scale.tables.documents.work import Entry, Row, Work
from rai_scale.tables.header import Header, header_of

BESIDE = "(beside the cells)"
"""The table with the comments, text boxes, pictures and properties of a workbook."""
_PROBED = 200
_LETTERS = 26


def outlines(entry: Entry, work: Work, inner: str | None) -> list[Outline]:
    """Return the sheets that have cells, or only one of them."""
    book = _open(entry, work)
    found = [_outline(book, name) for name in book.sheet_names if inner in (None, name)]
    sheets = [outline for outline in found if outline is not None]
    package = inner is None and zipfile.is_zipfile(entry.stream)
    return [*sheets, Outline(BESIDE, pa.schema([]))] if package else sheets


def batches(entry: Entry, outline: Outline, work: Work) -> Iterator[pa.Table]:
    """Yield the rows of a sheet below its header, with blank rows, so that they can be numbered."""
    if outline.inner == BESIDE:
        return
    sheet = _open(entry, work).get_sheet_by_name(outline.inner)
    rows = _texts(sheet)
    if outline.header:
        next(rows, None)
    for some in batched(rows):
        yield text_table(outline.schema.names, some)


def read_workbook(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield each row as text, and the text beside the cells."""
    yield from text_rows("xlsx", entry, work)
    yield from read_beside_sheets(entry, work)


def _open(entry: Entry, work: Work) -> Any:
    from python_calamine import CalamineWorkbook, PasswordError

    if entry.size() > work.limits.max_bytes:
        raise NotReadError("larger than max_bytes")
    if zipfile.is_zipfile(entry.stream):
        with open_zip(entry, work) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > work.limits.max_unpacked or size > work.limits.max_ratio * work.size + (16 << 20):
            raise NotReadError("unpacks to more than max_ratio times its size")
    entry.stream.seek(0)
    try:
        return CalamineWorkbook.from_filelike(entry.stream)
    except PasswordError:
        raise NotReadError("password protected") from None


def _outline(book: Any, name: str) -> Outline | None:
    sheet = book.get_sheet_by_name(name)
    if sheet.start is None or not sheet.height:
        return None
    rows = _texts(sheet)
    head = [[cell or "" for cell in row] for _, row in zip(range(_PROBED), rows, strict=False)]
    guess = header_of(head)
    header = guess is not Header.NO
    names = head[0] if header else [f"column_{i}" for i in range(1, len(head[0]) + 1)]
    doubts = [] if header else ["no header was recognised, and its columns are numbered"]
    if guess is Header.DOUBTFUL:
        doubts.append(NO_SURE_HEADER)
    row, column = sheet.start
    schema = text_schema(unique_names(names))
    sure = guess is not Header.DOUBTFUL
    first = (_letters(column), row + 1 + header)
    return Outline(name, schema, header, sure, tuple(doubts), first)


def _texts(sheet: Any) -> Iterator[list[str | None]]:
    """Yield the rows as texts, from the first row that has a cell."""
    start = sheet.start[1] if sheet.start else 0
    rows = ([plain(cell) for cell in row] for row in sheet.iter_rows())
    began = False
    for row in rows:
        began = began or any(cell is not None for cell in row)
        if began:
            yield row[len(row) - sheet.width :] if len(row) > sheet.width and start else row


def _letters(column: int) -> str:
    """Return the letters of a column, counted from 0."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, _LETTERS)
        text = chr(ord("A") + rest) + text
    return text
