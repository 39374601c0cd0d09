"""What is known of a table from earlier runs, and whether new files fit it."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from rai_scale.pii.scanning.parts import ScannedPart
from rai_scale.pii.scanning.state import StoredPart, StoredTable, merged_schema, renamed
from rai_scale.pii.scanning.table_scan import ColumnScan


class TypeChangedError(Exception):
    """The columns of new files do not fit those of the parts that were scanned before."""


class Kept(NamedTuple):
    """What is known of a table from earlier runs, in the names that are shown."""

    table: StoredTable
    parts: tuple[StoredPart, ...]

    @property
    def in_names(self) -> ColumnScan | None:
        """What was found in the names of columns."""
        return self.table.in_names

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is uncertain about the format of the files."""
        return tuple(doubt for part in self.parts for doubt in part.doubts)

    @property
    def written(self) -> tuple[str, ...]:
        """How the files differ from the defaults of their format."""
        return tuple(text for part in self.parts for text in part.written)

    @property
    def partly_read(self) -> tuple[tuple[str, str], ...]:
        """Files of which some part could not be read."""
        return tuple(item for part in self.parts for item in part.partly_read)

    def joined(
        self, new: pa.Schema | None
    ) -> tuple[pa.Schema, tuple[ScannedPart, ...], frozenset[str]]:
        """Return the schema and the parts in the names of new files, and the masked names.

        Raises
        ------
        TypeChangedError
        """
        stored, masked = self.table.schema, self.table.masked
        if new is None:
            return stored, tuple(part.part for part in self.parts), masked
        schema = merged_schema(stored, new, masked)
        if schema is None:
            raise TypeChangedError
        names = dict(zip(stored.names, schema.names, strict=False))
        parts = tuple(renamed(part, names).part for part in self.parts)
        return schema, parts, frozenset(names[name] for name in masked)
