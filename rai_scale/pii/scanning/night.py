"""One run of a scan with a state: what the last run left, and what this one leaves."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError
from rai_scale.pii.scanning.column_name_search import NAMES
from rai_scale.pii.scanning.detector import changed_facts
from rai_scale.pii.scanning.history import Changes, compared, newly_personal
from rai_scale.pii.scanning.judged import Judging, judged_of, shown_again
from rai_scale.pii.scanning.kept import Kept
from rai_scale.pii.scanning.notes import written_as
from rai_scale.pii.scanning.overrides import Override
from rai_scale.pii.scanning.parts import ScannedPart
from rai_scale.pii.scanning.state import StoredPart, StoredTable, stored_table
from rai_scale.pii.scanning.state_file import ScanState, read_state, run_of_state, save_state
from rai_scale.pii.scanning.table_scan import TableScan
from rai_scale.tables.discovery.known_files import (
    KnownFiles,
    fingerprints,
    listing_of,
    sizes_of,
)
from rai_scale.tables.lock import only_user
from rai_scale.tables.path_names import shown
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.source import Lake, TableSource

_LOG = logging.getLogger(__name__)


@dataclass
class Night:
    """A run with a state.

    Attributes
    ----------
    place : Place
        The file of the state.
    source : str
    detector : dict of str to str
        What the counts depend on; see :func:`~rai_scale.pii.scanning.detector.detector_facts`.
    find : callable
        Finds the tables of the source without opening known files.
    by_file : bool
        As in :class:`~rai_scale.tables.discovery.known_files.KnownFiles`.
    before : ScanState or None
        What the last finished run left.
    reasons : list of str
        Why files that were known are read again.
    after : ScanState or None
        What this run leaves.
    """

    place: Place
    source: str
    detector: dict[str, str]
    find: Callable[[KnownFiles], Lake]
    by_file: bool
    before: ScanState | None = None
    reasons: list[str] = field(default_factory=list)
    after: ScanState | None = None
    _known: KnownFiles | None = None
    _changed: bool = False
    _again: set[str] = field(default_factory=set)
    _sizes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = read_state(self.place, self.source)
        if self.before is None:
            self._known = KnownFiles(os.urandom(16), {}, self.by_file)
            return
        changed = changed_facts(self.before.detector, self.detector)
        if changed:
            self.reasons.append(f"everything: changed since the last run: {', '.join(changed)}")
            _LOG.warning("state: everything is scanned again: %s", ", ".join(changed))
        self._known = self.before.rows.known(self.before.salt, self.by_file)
        if changed:
            self._changed = True
            self._known = replace(self._known, tables={})

    def lake(self) -> Lake:
        """Find the tables, without opening files that are known."""
        assert self._known is not None
        return self._noted(self.find(self._known))

    def reopened(self, names: Sequence[str]) -> dict[str, TableSource]:
        """Find tables again as if nothing were known of them."""
        assert self._known is not None
        groups = {t.group for t in self._known.tables.values() if t.name in names}
        tables = {n: t for n, t in self._known.tables.items() if t.group not in groups}
        self._known = replace(self._known, tables=tables)
        _LOG.warning("state: the types of %d table(s) have changed", len(names))
        self.reasons += [f"{name}: the type of a column has changed" for name in names]
        return {table.name: table for table in self.lake() if table.name in names}

    def order(self, names: Sequence[str]) -> list[int]:
        """Return the places of tables: first those that the budget of the last run left out."""
        behind = self.before.behind if self.before else ()
        return sorted(range(len(names)), key=lambda at: names[at] not in behind)

    def judged(
        self, table: TableSource | None, judging: Judging, decisions: Sequence[Override]
    ) -> TableScan | None:
        """Return what the last run judged of a table; None if it must be judged in this run.

        Parameters
        ----------
        table : TableSource or None
        judging : Judging
        decisions : sequence of Override
            A table with a column that one of them is about is judged again.
        """
        before = self.before
        if before is None or self._changed or before.judging != judging.facts:
            return None
        if table is None or not table.seen or table.new_files or table.unreadable:
            return None
        found = before.rows.judged(table.name, listing_of(table.snapshot, before.salt))
        if found is None or found[0].tables not in (0, judging.tables):
            return None
        judged, schema = found
        scan = shown_again(judged, table, schema, judging.now)
        if any(one.matches(table.name, c.column) for one in decisions for c in scan.columns):
            return None
        self._again.add(table.name)
        return scan

    def kept(self, table: TableSource | None) -> Kept | None:
        """Return what is known of a table, if files of it are not read now."""
        if table is None or not table.seen or self.before is None:
            return None
        stored = self.before.tables[table.name]
        if len(table.seen) == sum(len(part.prints) for part in stored.parts):
            return Kept(stored, stored.parts)  # nothing is known of a part that is not kept
        return Kept(stored, stored.kept(self._prints(table, table.seen)))

    def stopped(self, table: TableSource | None) -> ScannedPart | None:
        """Return what the last run counted before a budget stopped it, in the files to read now."""
        stored = self.before.tables.get(table.name) if self.before and table else None
        if self._changed or table is None or stored is None or stored.stopped is None:
            return None
        prints, known = self._prints(table, table.new_files), stored.stopped.prints
        same = len(prints) == len(known) and pc.all(pc.is_in(prints, value_set=known)).as_py()
        return stored.stopped.part if same else None

    def compared(
        self,
        tables: Sequence[TableScan],
        sources: Sequence[TableSource | None],
        run_id: str,
        judging: Judging,
    ) -> tuple[tuple[TableScan, ...], Changes]:
        """Compare with the last run, and make the state that this one leaves.

        Parameters
        ----------
        tables : sequence of TableScan
        sources : sequence of TableSource or None
            What each was read from; None for frames.
        run_id : str
        judging : Judging
        """
        before, again = self.before, self._again
        pairs = [pair for pair in zip(sources, tables, strict=True) if pair[1].table not in again]
        new = [table for _, table in pairs]
        known = None if before is None else before.rows.remembered(again)
        dated, changes, remembered = compared(new, known, _now_masked(new), judging.now)
        newly = set(newly_personal(dated, known))
        newly |= set(before.newly_personal) if before and before.behind else set()
        by_name = {table.table: table for table in dated}
        dated = tuple(by_name.get(table.table, table) for table in tables)
        stored = [self._stored(s, by_name[t.table], judging) for s, t in pairs if s]
        found = tuple(table.table for table in tables)
        found_before = () if before is None else before.found
        assert self._known is not None
        self.after = ScanState(
            *(run_id, judging.now, self.source, self.detector, judging.facts),
            salt=self._known.salt,
            tables={t.name: t for t in stored if t},
            findings=remembered,
            unchanged=before.rows.rows(again) if before else None,
            found=found,
            behind=tuple(t.table for t in new if t.left_out or t.stopped),
            newly_personal=tuple(sorted(newly)),
        )
        return dated, Changes(
            before.run_id if before else None,
            before.finished if before else None,
            changes,
            tuple(sorted(set(found) - set(found_before))) if before else (),
            tuple(sorted(set(found_before) - set(found))),
            sum(len(s.new_files) for s, t in pairs if s and not s.again and not t.left_out),
            sum(len(s.seen) for s in sources if s and not s.again),
            tuple(self.reasons),
            tuple(sorted(newly)),
        )

    def save(self, run_id: str | None = None) -> None:
        """Replace the state by the one that this run leaves.

        Raises
        ------
        ConfigError
            If another run has replaced it meanwhile.
        """
        assert self.after is not None
        if run_of_state(self.place) != (self.before and self.before.run_id):
            raise ConfigError(
                f"state: {self.place.url!r} was replaced by another run meanwhile and is kept. "
                "Repeat this run: it goes on from there."
            )
        save_state(self.place, replace(self.after, run_id=run_id or self.after.run_id))

    def _noted(self, lake: Lake) -> Lake:
        self._sizes = {**self._sizes, **sizes_of(lake)}
        return lake

    def _prints(self, table: TableSource, files: Sequence[Any]) -> pa.Array:
        assert self._known is not None
        sized = files
        if table.inner is not None:
            sized = [replace(f, size=self._sizes.get(table.file_path(f), f.size)) for f in files]
        return fingerprints(sized, self._known.salt)

    def _stored(self, source: TableSource, scan: TableScan, judging: Judging) -> StoredTable | None:
        kept = self.kept(source)
        old = kept.parts if kept else ()
        parts = [replace(o, part=p) for o, p in zip(old, scan.parts, strict=False)]
        stopped = None
        unread = {name for name, _ in scan.unreadable}
        for part in scan.parts[len(old) :]:  # what was read now
            files = [f for f in source.new_files if not part.files or f.path in part.files]
            files = [f for f in files if shown(f.path) not in unread]
            if not files:
                continue
            known = {name for name, _ in scan.partly_read} & {shown(f.path) for f in files}
            partly = tuple(item for item in scan.partly_read if item[0] in known)
            notes = (tuple(scan.doubts), tuple(written_as(source)))
            stored = StoredPart(self._prints(source, files), part, partly, *notes)
            if part.stopped:
                stopped = stored
            else:
                parts.append(stored)
        table = stored_table(source, scan, parts, stopped)
        whole = sum(len(part.prints) for part in parts) == len(source.all_files)
        if table is None or not whole or not all(f.modified for f in source.all_files):
            return table
        assert self._known is not None
        table = replace(table, listing=listing_of(source.snapshot, self._known.salt))
        if table.listing is None:
            return table
        decided = any(column.override for column in scan.columns)
        return table if decided else replace(table, judged=judged_of(scan, judging.tables))


def _now_masked(tables: Sequence[TableScan]) -> dict[tuple[str, str], str]:
    """Return, by table and real name, what replaces the names of masked columns."""
    found = {}
    for table in tables:
        for column in table.columns:
            if column.masked and column.top != NAMES and table.schema is not None:
                real = table.schema.names[int(column.top.rpartition("_")[2]) - 1]
                path = column.column[len(column.top) :]
                found[table.table, real + path] = column.column
    return found


@contextmanager
def opened_night(
    state: str,
    source: str,
    detector: dict[str, str],
    find: Callable[[KnownFiles], Lake],
    by_file: bool,
) -> Iterator[Night]:
    """Lock a state and read it; see :class:`Night`."""
    place = place_of(state)
    with only_user(place):
        yield Night(place, source, detector, find, by_file)
