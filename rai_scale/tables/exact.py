"""Check, before anything is written, whether a copy of a table would change its values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_type
from rai_scale.errors import TableError
from rai_scale.names import shown_names
from rai_scale.tables.formats import DOCUMENTS, FILE_TABLES
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.parquet import holds, open_file, schemas_of
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


def check_exact(source: TableSource, engine: Engine, read_rows: bool = True) -> None:
    """Raise :class:`TableError` for a table that cannot be copied; see :func:`why_inexact`."""
    why = why_inexact(source, engine, read_rows)
    if why:
        raise TableError(f"table {source.name!r}: {why} Nothing was written.")


def why_inexact(source: TableSource, engine: Engine, read_rows: bool = True) -> str | None:
    """Return why values of a table cannot be copied unchanged; None if they can.

    The first line of a CSV file may be data. Durations would become integers without a unit, and
    nanoseconds would be truncated to microseconds: such columns of Parquet files are read once.

    Parameters
    ----------
    source : TableSource
    engine : Engine
        Reads the columns.
    read_rows : bool
        Whether columns in nanoseconds are read; without that, they count as exact.
    """
    if source.format in (*DOCUMENTS, *FILE_TABLES):
        return (
            f"files of the format {source.format} are searched, but not redacted. Export them as "
            "Parquet, CSV or text first."
        )
    doubtful = sum(not f.dialect.sure_header for f in source.files if f.dialect)
    if doubtful:
        return (
            f"nothing shows that the first line of {doubtful} of its files is a header, and a "
            "header is copied unchanged. Set header: true or false for these files under csv."
        )
    check = partial(changed_columns, read_rows=read_rows)
    paths = _parquet_files(source)
    found = {n for names in engine.map_tasks(check, paths) for n in names} if paths else set()
    if not found:
        return None
    names = ", ".join(shown_names(sorted(found)))
    return (
        f"{names} cannot be copied unchanged (nanoseconds, durations or intervals). "
        "Store them as text, integers or microseconds."
    )


def duration_columns(source: TableSource) -> dict[str, pa.DataType]:
    """Return the types of the columns that are read as integers, but are or hold durations.

    The names are casefolded. All files must agree on the type.
    """
    kinds: dict[str, set[pa.DataType]] = defaultdict(set)
    for schema in dict.fromkeys(schemas_of(source)) if _parquet_files(source) else ():
        for field in schema:
            kinds[field.name.casefold()].add(canonical_type(field.type))
    return {
        name: kind
        for name, (kind, *others) in kinds.items()
        if not others and holds(kind, pa.types.is_duration)
    }


def _parquet_files(source: TableSource) -> list[str]:
    """Return the Parquet files of a table that do not need a Spark session."""
    if source.format != "parquet" or place_of(source.folder).is_of_session:
        return []
    return [source.file_path(file) for file in source.files]


def changed_columns(path: str, read_rows: bool = True) -> list[str]:
    """Return the columns of a Parquet file whose values the canonical types would change."""
    with open_file(place_of(path)) as file:
        schema = file.schema_arrow
        changed = {f.name for f in schema if holds(f.type, pa.types.is_duration)}
        stored = map(file.schema.column, range(len(file.schema.names)))
        changed |= {column.path for column in stored if column.converted_type == "INTERVAL"}
        nanoseconds = [f.name for f in schema if read_rows and holds(f.type, _in_nanoseconds)]
        return sorted(changed | set(_truncated(file, nanoseconds)))


def _in_nanoseconds(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ns")


def _truncated(file: pq.ParquetFile, names: list[str]) -> Iterable[str]:
    for name in names:
        # a dot in a name means a nested field to pyarrow
        for batch in file.iter_batches(columns=None if "." in name else [name]):
            column = batch.column(batch.schema.get_field_index(name))
            try:
                column.cast(canonical_type(column.type), safe=True)
            except pa.ArrowInvalid:
                yield name
                break
