"""Files with tables: what tables they have, their rows as batches, and their rows as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.tables.documents.work import Entry, Row, Work

BATCH = 5_000
"""Rows of a batch."""
_HOMES = {
    "xlsx": "workbook",
    "sqlite": "database",
    **dict.fromkeys(("avro", "orc", "parquet"), "columnar"),
}


@dataclass(frozen=True)
class Outline:
    """A table in a file.

    Attributes
    ----------
    inner : str
        The sheet, or the table of a database; empty if the file is one table.
    schema : pyarrow.Schema
        Its columns.
    header : bool
        Whether the names of the columns are the first row.
    sure_header : bool
        If False, these names may be values.
    doubts : tuple of str
    first : tuple of (str, int), optional
        The column and the row of the first cell below the header.
    """

    inner: str
    schema: pa.Schema
    header: bool = True
    sure_header: bool = True
    doubts: tuple[str, ...] = ()
    first: tuple[str, int] | None = None


class Tabular(NamedTuple):
    """The functions of a kind of file with tables."""

    outlines: Callable[[Entry, Work, str | None], list[Outline]]
    batches: Callable[[Entry, Outline, Work], Iterator[pa.Table]]


def tabular(kind: str) -> Tabular:
    """Return the functions of a kind."""
    module = import_module(f"rai_scale.tables.documents.{_HOMES[kind]}")
    return Tabular(module.outlines, module.batches)


def text_rows(kind: str, entry: Entry, work: Work) -> Iterator[Row]:
    """Yield each row of each table as lines ``name: value``."""
    outlines, batches = tabular(kind)
    for outline in outlines(entry, work, None):
        number = 0
        for table in batches(entry, outline, work):
            for row in table.to_pylist():
                lines = [f"{name}: {value}" for name, value in row.items() if value is not None]
                if lines:
                    yield outline.inner, _place(outline, number), "\n".join(lines)
                number += 1


def _place(outline: Outline, number: int) -> str:
    if outline.first is not None:
        return f"{outline.first[0]}{outline.first[1] + number}"
    return f"row {number + 1}"


def without_blank(table: pa.Table) -> pa.Table:
    """Return the rows that have a value."""
    valid = [pc.is_valid(column) for column in table.columns]
    return table.filter(reduce(pc.or_, valid)) if valid else table


def batched(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield lists of rows; after an error, first the rows before it."""
    waiting: list[Any] = []
    failed: Exception | None = None
    try:
        for row in rows:
            waiting.append(row)
            if len(waiting) == BATCH:
                yield waiting
                waiting = []
    except Exception as error:
        failed = error
    if waiting:
        yield waiting
    if failed is not None:
        raise failed


def text_table(names: list[str], rows: list[Any]) -> pa.Table:
    """Return rows of texts as a table; a short row is filled with nulls."""
    width = len(names)
    padded = ([*row[:width], *[None] * (width - len(row))] for row in rows)
    columns = list(zip(*padded, strict=True)) or [()] * width
    return pa.table(
        [pa.array(column, pa.string()) for column in columns],
        schema=pa.schema([pa.field(name, pa.string()) for name in names]),
    )


def plain(value: Any) -> str | None:
    """Return a number, date or text of a cell as text; an integer without a fraction."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", "replace").decode("utf-8")
