"""What a copy of a table would change, asked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.engines.arrow_types import canonical_type
from rai_scale.errors import TableError
from rai_scale.tables._parquet import holds, open_file
from rai_scale.tables.paths import place_of
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


def check_exact(source: TableSource, engine: Engine) -> None:
    """Raise :class:`TableError` where values of a table cannot be carried as they are.

    The first line of a CSV file may be data. Durations become integers without a unit, and times of
    nanoseconds are cut to microseconds: Parquet files that have any are read once, these columns
    only.
    """
    doubtful = sum(not f.dialect.sure_header for f in source.files if f.dialect)
    if doubtful:
        raise TableError(
            f"table {source.name!r}: nothing shows that the first line of {doubtful} of its files "
            "is a header; as one, it would be written as it is. Say header: true or false for "
            "them under csv. Nothing was written."
        )
    if source.format != "parquet" or place_of(source.folder).is_of_session:
        return
    paths = [source.file_path(file) for file in source.files]
    found = {n for names in engine.map_tasks(ChangedColumns(), paths) for n in names}
    if found:
        raise TableError(
            f"table {source.name!r}: {', '.join(sorted(found))} cannot be carried as they are "
            "(nanoseconds that microseconds do not hold, or durations). Nothing was written. "
            "Store them as text, whole numbers or microseconds."
        )


@dataclass(frozen=True)
class ChangedColumns:
    """Names the columns of a Parquet file that canonical types would change."""

    def __call__(self, path: str) -> list[str]:
        """Return their names."""
        with open_file(place_of(path)) as file:
            schema = file.schema_arrow
            changed = {f.name for f in schema if holds(f.type, pa.types.is_duration)}
            fine = [f.name for f in schema if holds(f.type, _is_fine)]
            return sorted(changed | set(_cut(file, fine)))


def _is_fine(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ns")


def _cut(file: pq.ParquetFile, names: list[str]) -> Iterable[str]:
    for name in names:
        # a dot in a name means a nested field to pyarrow
        for batch in file.iter_batches(columns=None if "." in name else [name]):
            column = batch.column(batch.schema.get_field_index(name))
            try:
                column.cast(canonical_type(column.type), safe=True)
            except pa.ArrowInvalid:
                yield name
                break
