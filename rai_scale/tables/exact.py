"""Check, before anything is written, whether a copy of a table would change its values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_type
from rai_scale.errors import TableError
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.parquet import holds, open_file
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


def check_exact(source: TableSource, engine: Engine) -> None:
    """Raise :class:`TableError` if values of a table cannot be copied unchanged.

    The first line of a CSV file may be data. Durations would become integers without a unit, and
    nanoseconds would be truncated to microseconds: such columns of Parquet files are read once.

    Parameters
    ----------
    source : TableSource
    engine : Engine
        Reads the columns.
    """
    doubtful = sum(not f.dialect.sure_header for f in source.files if f.dialect)
    if doubtful:
        raise TableError(
            f"table {source.name!r}: nothing shows that the first line of {doubtful} of its files "
            "is a header, and a header is copied unchanged. Set header: true or false for these "
            "files under csv. Nothing was written."
        )
    if source.format != "parquet" or place_of(source.folder).is_of_session:
        return
    paths = [source.file_path(file) for file in source.files]
    found = {n for names in engine.map_tasks(changed_columns, paths) for n in names}
    if found:
        raise TableError(
            f"table {source.name!r}: {', '.join(sorted(found))} cannot be copied unchanged "
            "(nanoseconds, or durations). Nothing was written. Store them as text, integers or "
            "microseconds."
        )


def changed_columns(path: str) -> list[str]:
    """Return the columns of a Parquet file whose values the canonical types would change."""
    with open_file(place_of(path)) as file:
        schema = file.schema_arrow
        changed = {f.name for f in schema if holds(f.type, pa.types.is_duration)}
        nanoseconds = [f.name for f in schema if holds(f.type, _in_nanoseconds)]
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
