"""Files of Delta tables with column mapping, deleted rows or widened types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.engines.partition import BATCH_ROWS
from rai_scale.errors import TableError
from rai_scale.tables.path_names import join, shown, without_scheme
from rai_scale.tables.readers.arrow import Piece, Scan, conform, select
from rai_scale.tables.readers.delta_log import ADVICE, features_of, mapping_mode
from rai_scale.tables.readers.parquet import open_file
from rai_scale.tables.source import TableSource

_ID, _PHYSICAL = b"delta.columnMapping.id", b"delta.columnMapping.physicalName"
_FILE_ID = b"PARQUET:field_id"


@dataclass(frozen=True)
class DeltaFile(Piece):
    """A file, with its partition values (typed) and the positions of its deleted rows (int64)."""

    values: dict[str, Any] = field(default_factory=dict)
    deleted: Any = None


def scan_files(source: TableSource, table: Any) -> Scan:
    """Plan one piece per file of an open table whose protocol was checked before."""
    logical = pa.schema(table.schema().to_arrow())
    deleted = _deleted_rows(source, table)
    pieces = []
    for action in pa.table(table.get_add_actions()).to_pylist():
        path = unquote(action["path"])
        full = path if "://" in path or path.startswith("/") else join(source.location, path)
        rows = deleted.get(without_scheme(full))
        values = action.get("partition") or {}
        pieces.append(DeltaFile(full, path, values=values, deleted=rows))
    if len(deleted) != sum(piece.deleted is not None for piece in pieces):
        raise TableError(
            f"Delta table {source.name!r}: a deletion vector belongs to no file of it."
        )
    if source.only is not None:
        wanted = {file.path for file in source.only}
        pieces = [piece for piece in pieces if piece.relative in wanted]
    reader = MappedReader(canonical_schema(logical), logical, mapping_mode(table))
    return Scan(reader, tuple(pieces))


def _deleted_rows(source: TableSource, table: Any) -> dict[str, pa.Array]:
    """Return the positions of the deleted rows (int64) of each file that has any, by path."""
    features = features_of(table)
    if "deletionVectors" not in features:
        return {}
    try:
        batches = [pa.record_batch(batch) for batch in table.deletion_vectors()]
    except Exception as error:
        raise TableError(
            f"Delta table {source.name!r}: the deltalake package cannot read its deletion vectors "
            f"({type(error).__name__}); its features: {', '.join(sorted(features))}. {ADVICE}."
        ) from None
    return {
        without_scheme(unquote(path)): pc.indices_nonzero(pc.invert(kept.values)).cast(pa.int64())
        for found in batches
        for path, kept in zip(found.column(0).to_pylist(), found.column(1), strict=True)
    }


@dataclass(frozen=True)
class MappedReader:
    """Reads one file in the table's types, without its deleted rows.

    Attributes
    ----------
    schema : pyarrow.Schema
        The columns of the table, in canonical types.
    stored : pyarrow.Schema
        The columns of the table, with the metadata of the mapping.
    mode : {"none", "name", "id"}
        How columns of the file are mapped to columns of the table.
    """

    schema: pa.Schema
    stored: pa.Schema
    mode: str

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables.readers.arrow.Reader`."""
        assert isinstance(piece, DeltaFile)
        target = select(self.schema, columns)
        with open_file(piece.file) as file:
            found = file.schema_arrow
            if self.mode == "id" and not any(_FILE_ID in (f.metadata or {}) for f in found):
                name = shown(piece.relative)
                raise TableError(f"the file {name!r} of a Delta table mapped by id has no ids.")
            names = {f.name: self._at(f, found) for f in map(self.stored.field, target.names)}
            used = [found.field(at).name for at in names.values() if at is not None]
            # a dot in a name means a nested field to pyarrow
            kept = None if any("." in name for name in found.names) else used
            start = 0
            for batch in file.iter_batches(BATCH_ROWS, columns=kept):
                rows = _kept(batch, start, piece.deleted)
                start += batch.num_rows
                yield self._table(rows, names, found, target, piece.values)

    def _at(self, wanted: pa.Field, found: Any) -> int | None:
        mapping = wanted.metadata or {}
        for at, there in enumerate(found):
            if self.mode == "id":
                same = (there.metadata or {}).get(_FILE_ID) == mapping.get(_ID)
            elif self.mode == "name":
                same = there.name == mapping.get(_PHYSICAL, b"").decode()
            else:
                same = there.name.casefold() == wanted.name.casefold()
            if same:
                return at
        return None

    def _table(
        self, batch: pa.RecordBatch, names: dict[str, Any], found: Any, target: Any, values: Any
    ) -> pa.Table:
        columns: dict[str, Any] = {}
        for name, at in names.items():
            if name in values:
                value = pa.scalar(values[name], target.field(name).type)
                columns[name] = pa.repeat(value, batch.num_rows)
            elif at is not None:
                there = found.field(at)
                column = batch.column(batch.schema.get_field_index(there.name))
                kind = self._renamed(there.type, self.stored.field(name).type)
                columns[name] = column if column.type.equals(kind) else column.view(kind)
        if not columns:  # the number of rows still matters
            columns[""] = pa.nulls(batch.num_rows)
        return conform(pa.table(columns), target)

    def _renamed(self, found: pa.DataType, wanted: pa.DataType) -> pa.DataType:
        """Return the file's type with the table's names for the fields of structs."""
        if pa.types.is_struct(found) and pa.types.is_struct(wanted):
            taken: dict[int, pa.Field] = {}
            for inner in wanted:
                at = self._at(inner, found)
                if at is not None:
                    taken[at] = inner
            return pa.struct(
                [
                    pa.field(taken[at].name, self._renamed(there.type, taken[at].type))
                    if at in taken
                    else pa.field(f"\0{at}", there.type)  # dropped from the table
                    for at, there in enumerate(found)
                ]
            )
        if pa.types.is_map(found) and pa.types.is_map(wanted):
            key = self._renamed(found.key_type, wanted.key_type)
            return pa.map_(key, self._renamed(found.item_type, wanted.item_type))
        if pa.types.is_list(found) and pa.types.is_list(wanted):
            return pa.list_(self._renamed(found.value_type, wanted.value_type))
        return found


def _kept(batch: pa.RecordBatch, start: int, deleted: Any) -> pa.RecordBatch:
    """Return the rows of a batch that were not deleted; its first row is row ``start``."""
    if deleted is None:
        return batch
    numbers = pa.array(range(start, start + batch.num_rows), pa.int64())
    return batch.filter(pc.invert(pc.is_in(numbers, value_set=deleted)))
