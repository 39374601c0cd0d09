"""The file of a state: Parquet with one row per table, and the rest as JSON in its metadata."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.errors import ConfigError
from rai_scale.pii.scanning.history import Remembered
from rai_scale.pii.scanning.state import StoredTable
from rai_scale.pii.scanning.state_rows import ROWS, StoredRows, rows_of_tables
from rai_scale.tables.paths import Place, save_bytes

VERSION = 2
_ABOUT, _DIGEST = b"rai_scale.scan_state", b"rai_scale.sha256"
_PLAIN = ("run_id", "finished", "source", "detector", "judging", "found", "behind")


@dataclass(frozen=True)
class ScanState:
    """What a finished run left for the next one.

    Attributes
    ----------
    run_id, finished : str
        The run, and when it started (ISO 8601).
    source : str
    detector : dict of str to str
        What the counts depend on; see :func:`~rai_scale.pii.scanning.detector.detector_facts`.
    judging : str
        What the judgements depend on; see :func:`~rai_scale.pii.scanning.judged.judging_facts`.
    salt : bytes
        Key of the fingerprints.
    tables : mapping of str to StoredTable
        When it is written, those that were scanned or judged in this run.
    findings : tuple of Remembered
        When it is written, those of these tables and of tables that are not stored.
    unchanged : pyarrow.Table or None
        When it is written, the rows of the other tables.
    found : tuple of str
        The names of all tables, also of those that could not be read.
    behind : tuple of str
        The tables that a budget left out, or stopped: the next run begins with them.
    newly_personal : tuple of (str, str)
        The new columns with personal data since the last run that left nothing behind.
    """

    run_id: str
    finished: str
    source: str
    detector: dict[str, str]
    judging: str = ""
    salt: bytes = field(default_factory=lambda: os.urandom(16))
    tables: Mapping[str, StoredTable] = field(default_factory=dict)
    findings: tuple[Remembered, ...] = ()
    unchanged: pa.Table | None = None
    found: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    newly_personal: tuple[tuple[str, str], ...] = ()

    @property
    def rows(self) -> StoredRows:
        """The tables of a state that was read, as rows."""
        assert isinstance(self.tables, StoredRows)
        return self.tables


def save_state(place: Place, state: ScanState) -> None:
    """Write a state atomically."""
    table = rows_of_tables(state.tables, state.findings, state.finished)
    if state.unchanged is not None:
        table = pa.concat_tables([table, state.unchanged])
    plain = {name: getattr(state, name) for name in (*_PLAIN, "newly_personal")}
    about = json.dumps({"version": VERSION, **plain, "salt": state.salt.hex()}).encode()
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        digest = _digest(about, buffer.getbuffer())
        writer.add_key_value_metadata({_ABOUT: about, _DIGEST: digest})
    save_bytes(place, buffer.getvalue())


def _digest(about: bytes, rows: bytes | memoryview) -> str:
    """Return a checksum of a state: of its metadata, and of the file up to the footer."""
    return hashlib.sha256(hashlib.sha256(rows).digest() + about).hexdigest()


def read_state(place: Place, source: str) -> ScanState | None:
    """Return the state that the last finished run left; None before the first run.

    Parameters
    ----------
    place : Place
    source : str
        What is scanned now.

    Raises
    ------
    ConfigError
        If the file is not a state, is damaged, was written by a later version of this package, or
        belongs to another source.
    """
    place.fs.invalidate_cache()
    if not place.fs.exists(place.path):
        return None
    try:
        with place.open(compression=None) as file:
            content = file.read()
        file = pq.ParquetFile(pa.BufferReader(content))
        table, metadata = file.read(), file.metadata.metadata
        about = json.loads(metadata[_ABOUT])
        version = about["version"]
    except Exception as error:
        why = f"it is not the state of a scan, or it is damaged ({type(error).__name__})"
        raise _unusable(place, why) from None
    if version != VERSION:
        raise _unusable(place, f"it has version {version!r}, and this package reads {VERSION}")
    rows = memoryview(content)[: -8 - int.from_bytes(content[-8:-4], "little")]
    if metadata.get(_DIGEST) != _digest(metadata[_ABOUT], rows).encode():
        raise _unusable(place, "it is damaged: its content does not match its checksum")
    if about["source"] != source:
        raise ConfigError(
            f"state: {place.url!r} belongs to the scan of {about['source']!r}, and this is a scan "
            f"of {source!r}. Use one state for each source."
        )
    return _state(about, table)


def run_of_state(place: Place) -> str | None:
    """Return the run that wrote a state, from its footer; None if there is no state."""
    place.fs.invalidate_cache()
    try:
        with place.open(compression=None) as file:
            return str(json.loads(pq.read_metadata(file).metadata[_ABOUT])["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_finished(place: Place, run_id: str | None) -> bool:
    """Return whether a run wrote a state, and no budget left a table behind."""
    if run_id is None or run_of_state(place) != run_id:
        return False
    with place.open(compression=None) as file:
        return not json.loads(pq.read_metadata(file).metadata[_ABOUT])["behind"]


def _unusable(place: Place, why: str) -> ConfigError:
    return ConfigError(
        f"state: {place.url!r} cannot be used: {why}. Restore it from a copy, or move it away: "
        "without it, the next run scans everything and has nothing to compare with."
    )


def _state(about: dict[str, Any], table: pa.Table) -> ScanState:
    plain = {name: about[name] for name in _PLAIN}
    plain |= {name: tuple(about[name]) for name in ("found", "behind")}
    pairs = tuple((table, column) for table, column in about["newly_personal"])
    rows = StoredRows(table.cast(ROWS), about["finished"])
    salt = bytes.fromhex(about["salt"])
    return ScanState(**plain, salt=salt, tables=rows, newly_personal=pairs)
