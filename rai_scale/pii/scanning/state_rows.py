"""Tables in a state as rows, each of which is read when it is needed, or written as it is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import pyarrow as pa

from rai_scale.pii.scanning.history import Remembered
from rai_scale.pii.scanning.judged import Judged
from rai_scale.pii.scanning.later import Later
from rai_scale.pii.scanning.parts import COUNTS, ScannedPart, counted, rows_of
from rai_scale.pii.scanning.state import StoredPart, StoredTable
from rai_scale.tables.discovery.known_files import PRINT, KnownFiles, KnownTable

_LISTS = ("partly_read", "doubts", "written")
_PART = pa.struct(
    {
        "prints": pa.list_(PRINT),
        "counts": pa.list_(pa.struct(list(COUNTS))),
        **dict.fromkeys(("rows", "rows_scanned"), pa.int64()),
        "about": pa.string(),
    }
)
_LAST = [field.name for field in fields(Remembered)].index("last_detected")
_FACTS = ("format", "group", "inner", "again")
ROWS = pa.schema(
    {
        **{"table": pa.string(), "format": pa.string(), "group": pa.string()},
        **{"inner": pa.string(), "again": pa.bool_(), "schema": pa.binary()},
        **{"named": pa.string(), "listing": PRINT, "parts": pa.list_(_PART)},
        "stopped": _PART,
        **{"facts": pa.string(), "columns": pa.string(), "tables": pa.int64()},
        "findings": pa.string(),
    }
)
"""One row per table. ``format`` is null if nothing but findings is remembered of it."""


class StoredRows(Mapping[str, StoredTable]):
    """The tables of a state.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns :data:`ROWS`.
    finished : str
        When the run of the state started: the last detection of what it found.
    """

    def __init__(self, table: pa.Table, finished: str) -> None:
        self.table, self._finished = table.combine_chunks(), finished
        self._columns = {n: table[n].combine_chunks() for n in table.column_names}
        self._names = self._columns["table"].to_pylist()
        formats = self._columns["format"].to_pylist()
        self._at = {n: at for at, n in enumerate(self._names) if formats[at] is not None}

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the tables."""
        return iter(self._at)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(self._at)

    def __getitem__(self, name: str) -> StoredTable:
        """Return a table."""
        row = {n: column[self._at[name]] for n, column in self._columns.items()}
        facts = {n: row[n].as_py() for n in (*_FACTS, "listing", "facts", "columns", "tables")}
        judged = Judged(*(facts.pop(n) for n in Judged._fields))
        stopped = row["stopped"].as_py()
        return StoredTable(
            name,
            **facts,
            schema=pa.ipc.read_schema(row["schema"].as_buffer()),
            parts=tuple(_part(each) for each in row["parts"].as_py()),
            named=json.loads(row["named"].as_py()),
            stopped=stopped and _part(stopped),
            judged=None if judged.facts is None else judged,
        )

    def judged(self, name: str, listing: bytes | None) -> tuple[Judged, pa.Schema] | None:
        """Return what was judged of a table, and its columns; None if anything has changed."""
        row = {n: self._columns[n][self._at[name]] for n in ("listing", "schema", *Judged._fields)}
        if row["listing"].as_py() != listing or not row["facts"].is_valid:
            return None
        judged = Judged(*(row[n].as_py() for n in Judged._fields))
        return judged, pa.ipc.read_schema(row["schema"].as_buffer())

    def known(self, salt: bytes, by_file: bool) -> KnownFiles:
        """Return the files that need not be read again; see :class:`KnownFiles`."""
        facts = zip(*(self._columns[n].to_pylist() for n in (*_FACTS, "listing")), strict=True)
        tables = {}
        for at, (name, about) in enumerate(zip(self._names, facts, strict=True)):
            format, group, inner, again, listing = about
            if format is not None:
                parts = Later(partial(self._prints, at))
                tables[name] = KnownTable(name, format, group, inner, again, parts, listing)
        counts = self._columns["parts"].value_lengths().to_pylist()
        none = {tables[name].group for name, at in self._at.items() if not counts[at]}
        known = {name: table for name, table in tables.items() if table.group not in none}
        return KnownFiles(salt, known, by_file)

    def _prints(self, at: int) -> list[pa.Array]:
        """Return the fingerprints of the parts of a table."""
        return [part.prints for part in self[self._names[at]].parts]

    def remembered(self, without: Collection[str]) -> tuple[Remembered, ...]:
        """Return the findings of all tables but some."""
        wanted = [at for at, name in enumerate(self._names) if name not in without]
        return tuple(one for at in wanted for one in self._findings(at))

    def _findings(self, at: int) -> Iterator[Remembered]:
        table = self._names[at]
        for column, entity, verdict, first, last, *rest in json.loads(
            self._columns["findings"][at].as_py()
        ):
            last = self._finished if last is None else last  # noqa: PLW2901
            yield Remembered(table, column, entity, verdict, first, last, *rest)

    def rows(self, names: Collection[str]) -> pa.Table:
        """Return the rows of some tables, as they are."""
        wanted = [at for at, name in enumerate(self._names) if name in names]
        if len(wanted) == len(self._names):
            return self.table
        return self.table.take(pa.array(wanted, pa.int64()))


def _part(facts: Mapping[str, Any]) -> StoredPart:
    about = json.loads(facts["about"])
    lists = {name: about.pop(name) for name in _LISTS}
    rows = {name: facts[name] for name in ("rows", "rows_scanned")}
    part = ScannedPart(files=(), counts=counted(facts["counts"]), **rows, **about)
    partly = tuple((name, why) for name, why in lists["partly_read"])
    notes = (tuple(lists[name]) for name in _LISTS[1:])
    return StoredPart(pa.array(facts["prints"], PRINT), part, partly, *notes)


def rows_of_tables(
    tables: Mapping[str, StoredTable], findings: Iterable[Remembered], now: str
) -> pa.Table:
    """Return the rows of tables, and of the findings of all tables."""
    remembered: dict[str, list[Remembered]] = defaultdict(list)
    for found in findings:
        remembered[found.table].append(found)
    rows = [
        {
            "table": name,
            "findings": json.dumps([_finding(found, now) for found in remembered[name]]),
            **(_row(tables[name]) if name in tables else {}),
        }
        for name in dict.fromkeys([*tables, *remembered])
    ]
    return pa.Table.from_pylist(rows, schema=ROWS)


def _finding(found: Remembered, now: str) -> list[Any]:
    facts = list(vars(found).values())
    facts[_LAST] = None if found.last_detected == now else found.last_detected
    return facts[1:]


def _row(table: StoredTable) -> dict[str, Any]:
    judged = table.judged._asdict() if table.judged else {}
    return {
        **{name: getattr(table, name) for name in (*_FACTS, "listing")},
        "schema": table.schema.serialize().to_pybytes(),
        "named": json.dumps(table.named),
        "parts": [_stored(part) for part in table.parts],
        "stopped": table.stopped and _stored(table.stopped),
        **judged,
    }


def _stored(stored: StoredPart) -> dict[str, Any]:
    part = stored.part
    plain = ("counts", "files", "rows", "rows_scanned")
    about = {name: value for name, value in vars(part).items() if name not in plain}
    about |= {name: getattr(stored, name) for name in _LISTS}
    return {
        **{"rows": part.rows, "rows_scanned": part.rows_scanned, "about": json.dumps(about)},
        **{"prints": stored.prints.to_pylist(), "counts": rows_of(part.counts)},
    }
