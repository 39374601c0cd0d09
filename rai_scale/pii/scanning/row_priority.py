"""Priorities of rows from a keyed hash of where they are; the rows with the lowest are the sample.

A priority is a uniform 64-bit integer, which depends on the file, the number of the row and the
key. Its *level* keeps nine binary digits after the first. A sample of ``n`` rows is all rows below
the level that at most ``n`` rows are below: on average at least 99.6 % of ``n``, and the same rows
on every engine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.pii.scanning.unread import split_unread
from rai_scale.statistics.keyed_hash import mix
from rai_scale.tables.path_names import without_scheme
from rai_scale.tables.readers.row_numbers import FILE, ROW

_DIGITS = 52 - 9
_LOWEST = (int(np.float64(1).view(np.int64)) >> _DIGITS) - 1
LEVELS = (int(np.float64(2**64).view(np.int64)) >> _DIGITS) - _LOWEST + 1
"""The number of levels."""
LEVEL = "_rai_level"
LEVEL_SCHEMA = pa.schema([(LEVEL, pa.int32()), ("n", pa.int64())])


@dataclass(frozen=True)
class Position:
    """Where a row is, as the basis of its priority.

    Attributes
    ----------
    seed : int
        The key of the hash.
    folder : str
        The folder that paths are relative to; a path may also be full, or a URL.
    """

    seed: int
    folder: str = ""

    def priorities(self, table: pa.Table) -> np.ndarray:
        """Return the priority (uint64) of each row of a table with the columns FILE and ROW."""
        files = table[FILE].combine_chunks().dictionary_encode()
        keys = np.array([self._key(path) for path in files.dictionary.to_pylist()], np.uint64)
        rows = table[ROW].to_numpy().astype(np.uint64)
        of = np.asarray(files.indices)
        return mix(keys[of] ^ mix(rows + np.uint64(0x9E3779B97F4A7C15)))

    def levels(self, table: pa.Table) -> np.ndarray:
        """Return the level (int64) of each row."""
        return levels(self.priorities(table))

    def _key(self, path: str) -> int:
        folder = _plain(self.folder).rstrip("/") + "/"
        text = f"{self.seed}\0{_plain(path).removeprefix(folder)}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big")


def _plain(path: str) -> str:
    """Return a path without scheme and percent escapes: engines give paths with and without."""
    path = without_scheme(path)
    while (decoded := unquote(path)) != path:
        path = decoded
    return path


def levels(priorities: np.ndarray) -> np.ndarray:
    """Return the levels (int64) of priorities (uint64); both have the same order."""
    found = priorities.astype(np.float64).view(np.int64) >> _DIGITS
    return np.maximum(found - _LOWEST, 0)


def cut(counts: np.ndarray, rows: int) -> int:
    """Return the level that at most ``rows`` rows are below, given the rows per level."""
    return int(np.searchsorted(np.cumsum(counts), rows, side="right"))


@dataclass(frozen=True)
class LevelCounts:
    """Table function: the rows of a batch per level (``_rai_level``, ``n``)."""

    position: Position
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Count the rows of each level."""
        table, _ = split_unread(table)
        found, counts = np.unique(self.position.levels(table), return_counts=True)
        return pa.table([found.astype(np.int32), counts], schema=LEVEL_SCHEMA)


@dataclass(frozen=True)
class Below:
    """Chooses the rows of a batch with levels from ``low`` (included) to ``high`` (excluded)."""

    position: Position
    low: int
    high: int

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the chosen rows."""
        found = self.position.levels(table)
        kept = (found >= self.low) & (found < self.high)
        return table.filter(pc.fill_null(pa.array(kept), False))
