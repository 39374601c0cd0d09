"""Iceberg tables through ``pyiceberg``: the newest metadata file in the folder of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.errors import TableError
from rai_scale.tables.path_names import join
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.arrow import Piece, Scan, conform, select
from rai_scale.tables.source import TableSource

_ADVICE = "Read it on Spark by its catalog name (catalog.schema.table)"


@dataclass(frozen=True)
class IcebergFile(Piece):
    """A data file with the deletes that apply to it, as pyiceberg planned it (``task``)."""

    task: Any = None


@dataclass(frozen=True)
class IcebergReader:
    """Reads one data file in the table's schema, without its deleted rows."""

    schema: pa.Schema
    metadata: str

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.io.pyarrow import ArrowScan

        assert isinstance(piece, IcebergFile)
        target = select(self.schema, columns)
        table = _open(self.metadata)
        wanted = table.schema()
        if columns and not any("." in name for name in wanted.column_names):
            wanted = wanted.select(*columns)
        scan = ArrowScan(table.metadata, table.io, wanted, AlwaysTrue())
        for batch in scan.to_record_batches([piece.task]):
            yield conform(pa.Table.from_batches([batch]), target)


def scan_iceberg(source: TableSource) -> Scan:
    """Plan one piece per data file of the version that was found.

    Raises
    ------
    MissingExtraError
        If ``pyiceberg`` is not installed.
    TableError
        If the newest version is not known, or has deletes or types that pyiceberg cannot read.
    """
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    if source.snapshot is None:
        raise TableError(
            f"Iceberg table {source.name!r} has two newest metadata files, and only its catalog "
            f"knows the current one. {_ADVICE}."
        )
    metadata = join(source.location, f"metadata/{source.snapshot.removeprefix('iceberg:')}")
    try:
        table = _open(metadata)
        tasks = list(table.scan().plan_files())
        schema = canonical_schema(schema_to_pyarrow(table.schema(), include_field_ids=False))
    except Exception as error:
        raise TableError(
            f"Iceberg table {source.name!r} cannot be read: {type(error).__name__}. Its metadata "
            "is damaged or in another place, or it has equality deletes or types that the "
            f"pyiceberg package does not support. {_ADVICE}."
        ) from None
    pieces = [IcebergFile(task.file.file_path, task.file.file_path, task=task) for task in tasks]
    return Scan(IcebergReader(schema, metadata), tuple(pieces))


@lru_cache(8)
def _open(metadata: str) -> Any:
    from pyiceberg.table import StaticTable

    local = place_of(metadata).is_local
    return StaticTable.from_metadata(metadata, {} if local else {"py-io-impl": _STORE})


_STORE = "rai_scale.tables.readers.iceberg_store.StoreIO"
