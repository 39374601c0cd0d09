"""The file of a state: Parquet with one row per part, and the rest as JSON in its metadata."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale.errors import ConfigError
from rai_scale.pii.scanning.history import Remembered
from rai_scale.pii.scanning.parts import COUNTS, ScannedPart, counted, rows_of
from rai_scale.pii.scanning.state import (
    ScanState,
    StoredPart,
    StoredTable,
    schema_of,
    schema_text,
)
from rai_scale.tables.discovery.known_files import PRINT
from rai_scale.tables.paths import Place, save_bytes

VERSION = 1
_ABOUT, _DIGEST = b"rai_scale.scan_state", b"rai_scale.sha256"
_SCHEMA = pa.schema(
    {
        "table": pa.string(),
        "prints": pa.list_(PRINT),
        "counts": pa.list_(pa.struct(list(COUNTS))),
        **dict.fromkeys(("rows", "rows_scanned"), pa.int64()),
        "about": pa.string(),
    }
)
_LISTS = ("partly_read", "doubts", "written")


def save_state(place: Place, state: ScanState) -> None:
    """Write a state atomically."""
    table = _parts(state)
    facts = {name: getattr(state, name) for name in ("run_id", "finished", "source", "detector")}
    tables = {name: _facts(table) for name, table in state.tables.items()}
    about = json.dumps(
        {
            "version": VERSION,
            **facts,
            "salt": state.salt.hex(),
            "tables": tables,
            "findings": [asdict(found) for found in state.findings],
            **{name: getattr(state, name) for name in ("found", "behind", "newly_personal")},
        }
    ).encode()
    buffer = io.BytesIO()
    metadata = {_ABOUT: about, _DIGEST: hashlib.sha256(about).hexdigest().encode()}
    table = table.replace_schema_metadata(metadata)
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    save_bytes(place, buffer.getvalue())


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
            table = pq.read_table(io.BytesIO(file.read()), page_checksum_verification=True)
        metadata = table.schema.metadata or {}
        about = json.loads(metadata[_ABOUT])
        version = about["version"]
    except Exception as error:
        why = f"it is not the state of a scan, or it is damaged ({type(error).__name__})"
        raise _unusable(place, why) from None
    if version != VERSION:
        raise _unusable(place, f"it has version {version!r}, and this package reads {VERSION}")
    if metadata.get(_DIGEST) != hashlib.sha256(metadata[_ABOUT]).hexdigest().encode():
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
            return str(json.loads(pq.read_schema(file).metadata[_ABOUT])["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_finished(place: Place, run_id: str | None) -> bool:
    """Return whether a run wrote a state, and no budget left a table behind."""
    if run_id is None or run_of_state(place) != run_id:
        return False
    with place.open(compression=None) as file:
        return not json.loads(pq.read_schema(file).metadata[_ABOUT])["behind"]


def _unusable(place: Place, why: str) -> ConfigError:
    return ConfigError(
        f"state: {place.url!r} cannot be used: {why}. Restore it from a copy, or move it away: "
        "without it, the next run scans everything and has nothing to compare with."
    )


def _facts(table: StoredTable) -> dict[str, Any]:
    about = {n: getattr(table, n) for n in ("format", "group", "inner", "again", "named")}
    return {**about, "schema": schema_text(table.schema)}


def _parts(state: ScanState) -> pa.Table:
    rows: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
    for table in state.tables.values():
        for stored in (*table.parts, *([table.stopped] if table.stopped else [])):
            part = stored.part
            about = {k: v for k, v in vars(part).items() if k not in ("counts", "files", *rows)}
            about |= {name: getattr(stored, name) for name in _LISTS}
            rows["table"].append(table.name)
            rows["prints"].append(stored.prints)
            rows["counts"].append(rows_of(part.counts))
            rows["rows"].append(part.rows)
            rows["rows_scanned"].append(part.rows_scanned)
            rows["about"].append(json.dumps(about))
    prints = rows.pop("prints")
    columns = {f.name: pa.array(rows[f.name], f.type) for f in _SCHEMA if f.name in rows}
    starts = list(accumulate((len(each) for each in prints), initial=0))
    flat = pa.concat_arrays([pa.array([], PRINT), *prints])
    columns["prints"] = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), flat)
    return pa.table([columns[f.name].cast(f.type) for f in _SCHEMA], schema=_SCHEMA)


def _state(about: dict[str, Any], table: pa.Table) -> ScanState:
    parts: dict[str, list[StoredPart]] = {name: [] for name in about["tables"]}
    stopped: dict[str, StoredPart] = {}
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    for row in range(len(table)):
        facts = json.loads(columns["about"][row].as_py())
        lists = {name: facts.pop(name) for name in _LISTS}
        counts = counted(columns["counts"][row].as_py())
        rows, read = (columns[name][row].as_py() for name in ("rows", "rows_scanned"))
        part = ScannedPart(files=(), rows=rows, rows_scanned=read, counts=counts, **facts)
        partly = tuple((name, why) for name, why in lists["partly_read"])
        notes = tuple(tuple(lists[name]) for name in _LISTS[1:])
        name = columns["table"][row].as_py()
        stored = StoredPart(columns["prints"][row].values, part, partly, *notes)
        if part.stopped:
            stopped[name] = stored
        else:
            parts[name].append(stored)
    tables = {
        name: StoredTable(
            name,
            **{**facts, "schema": schema_of(facts["schema"])},
            parts=tuple(parts[name]),
            stopped=stopped.get(name),
        )
        for name, facts in about["tables"].items()
    }
    facts = {name: about[name] for name in ("run_id", "finished", "source", "detector")}
    findings = tuple(Remembered(**found) for found in about["findings"])
    return ScanState(
        **facts,
        salt=bytes.fromhex(about["salt"]),
        tables=tables,
        findings=findings,
        found=tuple(about["found"]),
        behind=tuple(about["behind"]),
        newly_personal=tuple((table, column) for table, column in about["newly_personal"]),
    )
