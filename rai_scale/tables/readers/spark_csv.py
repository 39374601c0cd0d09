"""CSV files read by Spark's own reader, with the same rules as on the other engines.

Where no standard exists, results differ. Spark keeps a quote within a partly quoted field
(``"a" b``), and pyarrow drops it. A single carriage return ends a line for pyarrow, but not for
Spark, which reads one at the end of a quoted last field as part of the line end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
from pyspark.sql.types import StringType, StructField

from rai_scale.engines.spark import functions_of, quoted
from rai_scale.tables.formats import CORRUPT
from rai_scale.tables.readers.arrow import Scan, by_kind_and_keys, pieces_of
from rai_scale.tables.readers.csv import CsvReader, csv_schema, dialects_of
from rai_scale.tables.readers.spark_files import (
    empty,
    in_workers,
    only_with_driver,
    paths,
    union,
    with_keys,
)
from rai_scale.tables.source import TableSource

_OPTIONS = {
    "multiLine": "true",  # a quoted field may span lines
    "lineSep": "\n",  # otherwise Spark guesses it, and changes CRLF within quoted fields
    "mode": "PERMISSIVE",
    "quote": '"',
    "escape": '"',
    "emptyValue": "",
    "nullValue": "\x01\x02null\x03",  # distinguishes null from a quoted empty field
    "columnNameOfCorruptRecord": CORRUPT,
}


def read_csv(source: TableSource, session: Any) -> Any:
    """Read CSV files; those with the same header are read together."""
    dialects = dialects_of(source)
    schema = csv_schema([d.names for d in dialects.values()], source.partition_columns)
    frames = []
    for (dialect, keys), files in by_kind_and_keys(dialects, dialects.__getitem__):
        if not dialect.plain:  # Spark's reader splits lines before it decodes
            only_with_driver(source, "text that is not plain UTF-8 CSV")
            known = tuple(replace(file, dialect=dialect) for file in files)
            pieces = pieces_of(replace(source, files=known))
            frames.append(in_workers(Scan(CsvReader(schema, dialect), tuple(pieces)), session))
            continue
        names = dialect.names
        fields = [StructField(name, StringType()) for name in [*names, CORRUPT]]
        reader = session.read.options(**_OPTIONS, header=dialect.header, sep=dialect.delimiter)
        frame = with_keys(reader, source, fields, keys).csv(paths(source, files))
        frames.append(_cleaned(frame, names, schema))
    return union(frames) if frames else empty(session, schema)


def _cleaned(frame: Any, names: Sequence[str], schema: pa.Schema) -> Any:
    """Remove blank lines and the carriage returns of CRLF; null the fields of corrupt lines."""
    functions = functions_of(frame)
    last = functions.col(quoted(names[-1]))
    corrupt = functions.col(CORRUPT)
    # Spark rejects a query that uses only the column of corrupt lines
    first = functions.coalesce(functions.col(quoted(names[0])), functions.lit(""))
    blank = corrupt.isin("", "\r") & first.isin("", "\r")
    if len(names) == 1:
        blank = functions.coalesce(blank, last == "\r")
    kept = frame.where(~functions.coalesce(blank, functions.lit(False)))
    return kept.select(*_columns(frame, names, schema))


def _columns(frame: Any, names: Sequence[str], schema: pa.Schema) -> Iterator[Any]:
    functions = functions_of(frame)
    have = {name.casefold() for name in frame.columns}
    own = {name.casefold() for name in names}
    null, corrupt = functions.lit(None), functions.col(CORRUPT)
    good = corrupt.isNull()
    for name in schema.names:
        field = functions.col(quoted(name))
        if name == CORRUPT:
            # see above: this column cannot be queried alone
            first = functions.col(quoted(names[0]))
            ended = functions.regexp_replace(corrupt, r"\r\z", "")
            value = functions.when(good & first.isNull(), null).otherwise(ended)
        elif name.casefold() not in have:
            value = null
        elif name.casefold() == names[-1].casefold():
            ended = functions.regexp_replace(field, r"\r\z", "")
            value = functions.when(good & (field != "\r"), ended)
        else:
            value = functions.when(good, field) if name.casefold() in own else field
        yield value.cast("string").alias(name)
