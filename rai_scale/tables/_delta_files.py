"""Files of a Delta table whose names, types or rows are not what the files alone say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_schema
from rai_scale.errors import TableError
from rai_scale.tables._arrow import Piece, Scan, conform, open_piece, select
from rai_scale.tables._delta_log import ADVICE, features_of, mapping_mode
from rai_scale.tables._parquet import open_file
from rai_scale.tables.path_names import join, shown, without_scheme
from rai_scale.tables.source import TableSource

_BATCH_ROWS = 10_000
_ID, _PHYSICAL = b"delta.columnMapping.id", b"delta.columnMapping.physicalName"
_FILE_ID = b"PARQUET:field_id"


@dataclass(frozen=True)
class DeltaFile(Piece):
    """A file with its partition values (of their own types) and the numbers of its deleted rows."""

    values: dict[str, Any] = field(default_factory=dict)
    deleted: Any = None


def scan_files(source: TableSource, table: Any) -> Scan:
    """Plan a piece per file of an open table; its protocol was checked before."""
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
        raise TableError(f"Delta table {source.name!r}: its deletion vectors fit no file of it.")
    reader = MappedReader(canonical_schema(logical), logical, mapping_mode(table))
    return Scan(reader, tuple(pieces))


def _deleted_rows(source: TableSource, table: Any) -> dict[str, pa.Array]:
    """Return the numbers of the deleted rows of each file that has any."""
    features = features_of(table)
    if "deletionVectors" not in features:
        return {}
    try:
        batches = [pa.record_batch(batch) for batch in table.deletion_vectors()]
    except Exception as error:
        raise TableError(
            f"Delta table {source.name!r}: its deletion vectors cannot be read by the deltalake "
            f"package ({type(error).__name__}) beside {', '.join(sorted(features))}. {ADVICE}."
        ) from None
    return {
        without_scheme(unquote(path)): pc.indices_nonzero(pc.invert(kept.values)).cast(pa.int64())
        for found in batches
        for path, kept in zip(found.column(0).to_pylist(), found.column(1), strict=True)
    }


@dataclass(frozen=True)
class MappedReader:
    """Reads one file: by physical names or ids, without deleted rows, in the table's types."""

    schema: pa.Schema
    stored: pa.Schema
    mode: str

    def __call__(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield batches; see :class:`~rai_scale.tables._arrow.Reader`."""
        assert isinstance(piece, DeltaFile)
        target = select(self.schema, columns)
        with open_file(open_piece(piece)) as file:
            found = file.schema_arrow
            if self.mode == "id" and not any(_FILE_ID in (f.metadata or {}) for f in found):
                raise TableError(
                    f"the file {shown(piece.relative)!r} of a Delta table mapped by id "
                    "holds no ids."
                )
            names = {f.name: self._at(f, found) for f in map(self.stored.field, target.names)}
            used = [found.field(at).name for at in names.values() if at is not None]
            # a dot in a name means a nested field to pyarrow
            kept = None if any("." in name for name in found.names) else used
            start = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=kept):
                rows = _kept(batch, start, piece.deleted)
                start += batch.num_rows
                yield self._table(rows, names, found, target, piece.values)

    def _at(self, wanted: pa.Field, found: Any) -> int | None:
        said = wanted.metadata or {}
        for at, there in enumerate(found):
            if self.mode == "id":
                same = (there.metadata or {}).get(_FILE_ID) == said.get(_ID)
            elif self.mode == "name":
                same = there.name == said.get(_PHYSICAL, b"").decode()
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
        if not columns:  # the rows count all the same
            columns[""] = pa.nulls(batch.num_rows)
        return conform(pa.table(columns), target)

    def _renamed(self, found: pa.DataType, wanted: pa.DataType) -> pa.DataType:
        """Return the type of the file with the names of the table in its structs."""
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
    """Return the rows of a batch, the first of which is row ``start``, that were not deleted."""
    if deleted is None:
        return batch
    numbers = pa.array(range(start, start + batch.num_rows), pa.int64())
    return batch.filter(pc.invert(pc.is_in(numbers, value_set=deleted)))
