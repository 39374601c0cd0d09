"""Writers of the sample tables: each takes chunks of rows and adds defects of its format."""

from __future__ import annotations

import csv
import importlib.util
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[dict[str, Any]]


class Sink(ABC):
    """Takes the rows of a table, chunk by chunk."""

    @abstractmethod
    def write(self, rows: Rows) -> None:
        """Append a chunk of rows."""

    def close(self) -> None:  # noqa: B027 - most files are complete after each chunk
        """Finish the files."""


class ParquetFile(Sink):
    """One Parquet file, one row group per chunk."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema)
        self._schema = schema

    def write(self, rows: Rows) -> None:
        """Append a row group."""
        self._writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class ParquetParts(Sink):
    """A folder with one part file per chunk."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._schema = schema
        self._part = 0

    def write(self, rows: Rows) -> None:
        """Write the next part file."""
        path = self._folder / f"part-{self._part:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=self._schema), path)
        self._part += 1


class DirtyParquetParts(ParquetParts):
    """Part files, plus a marker file of Spark and a truncated part."""

    def close(self) -> None:
        """Add the marker file and the truncated part, which holds no personal data."""
        (self._folder / "_SUCCESS").touch()
        broken = self._folder / f"part-{self._part:05d}.parquet"
        filler = {name: [None] * 100 for name in self._schema.names}
        pq.write_table(pa.table(filler, schema=self._schema), broken)
        broken.write_bytes(broken.read_bytes()[:-40])


class PartitionedParquet(Sink):
    """Hive folders ``key=value``; the column ``newest_only`` exists in the newest folder only."""

    def __init__(
        self, folder: Path, schema: pa.Schema, key: str, newest: str, newest_only: str
    ) -> None:
        self._folder = folder
        self._key, self._newest = key, newest
        self._schema = schema
        self._older = pa.schema([field for field in schema if field.name != newest_only])
        self._chunk = 0

    def write(self, rows: Rows) -> None:
        """Write one file per partition of this chunk."""
        for value in dict.fromkeys(row[self._key] for row in rows):
            folder = self._folder / f"{self._key}={value}"
            folder.mkdir(parents=True, exist_ok=True)
            schema = self._schema if value == self._newest else self._older
            chosen = [row for row in rows if row[self._key] == value]
            table = pa.Table.from_pylist(chosen, schema=schema)
            pq.write_table(table, folder / f"part-{self._chunk:05d}.parquet")
        self._chunk += 1


class DeltaTable(Sink):
    """A Delta table, one commit per chunk."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._schema = schema

    def write(self, rows: Rows) -> None:
        """Commit a chunk."""
        from deltalake import write_deltalake

        table = pa.Table.from_pylist(rows, schema=self._schema)
        write_deltalake(str(self._folder), table, mode="append")


def delta_or_parquet(folder: Path, schema: pa.Schema) -> Sink:
    """Return a Delta table if ``deltalake`` is installed, otherwise Parquet parts."""
    kind = DeltaTable if importlib.util.find_spec("deltalake") else ParquetParts
    return kind(folder, schema)


class _TextFile(Sink):
    """A text file; after ``broken_after`` rows one line is defective."""

    def __init__(self, path: Path, broken_after: int | None = None) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._broken_after = broken_after
        self._rows = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvFile(_TextFile):
    """A CSV file with a header; the defective line has too many fields."""

    def write(self, rows: Rows) -> None:
        """Append rows; the first chunk starts with the header."""
        writer = csv.writer(self._file, lineterminator="\n")
        for row in rows:
            if self._rows == 0:
                writer.writerow(row)
            if self._rows == self._broken_after:
                writer.writerow(["RAGGED"] * (len(row) + 2))
            writer.writerow(row.values())
            self._rows += 1


class JsonLinesFile(_TextFile):
    """A JSON Lines file; the defective line is truncated."""

    def write(self, rows: Rows) -> None:
        """Append one line per row."""
        for row in rows:
            if self._rows == self._broken_after:
                self._file.write('{"event_id": "BROKEN", "ts": "2025-0\n')
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._rows += 1


class TextFiles(Sink):
    """A folder with one text file per row; ``file`` is the file name, ``text`` the content."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder

    def write(self, rows: Rows) -> None:
        """Write one file per row."""
        for row in rows:
            path = self._folder / row["file"]
            path.write_text(row["text"], encoding="utf-8", newline="\n")
