"""The hash chain: what is appended, and what a look at it afterwards can prove."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from rai_scale.errors import ConfigError
from rai_scale.records.book import Book
from rai_scale.records.canonical import canonical_json
from rai_scale.records.problems import RecordError
from rai_scale.records.sealer import Sealer
from rai_scale.results import Result, Tables

START = "0" * 64
Row = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Verification(Result):
    """What a look for changed, removed and inserted rows found.

    Attributes
    ----------
    ok
        Whether no problem was found.
    events
        Number of events read.
    keyed
        Whether hashes need a key. Without one, who can write the database can rewrite the whole
        chain, and only an anchor kept elsewhere tells.
    anchor
        ``count:hash`` of the end that was found; keep it elsewhere and give it to the next check.
    problems
        One sentence each.
    """

    ok: bool
    events: int
    keyed: bool
    anchor: str
    problems: tuple[str, ...]

    def totals(self) -> dict[str, Any]:
        """Return what was found."""
        known = {"ok": self.ok, "events": self.events, "keyed": self.keyed, "anchor": self.anchor}
        return {**known, "problems": len(self.problems)}

    def _tables(self) -> Tables:
        return {"problems": lambda: pd.DataFrame({"problem": self.problems}, dtype=object)}

    def _numbers(self) -> dict[str, float]:
        return {"events": self.events, "problems": len(self.problems)}

    def _remarks(self) -> tuple[str, ...]:
        return self.problems


@dataclass(frozen=True)
class Chain:
    """The events of a book; each method works in the transaction of a connection."""

    book: Book
    sealer: Sealer

    def found(self, connection: Connection, now: int, identity: str) -> None:
        """Write the head and the first event of an empty book."""
        values = {"id": 1, "length": 0, "hash": START, "seal": self.sealer.seal(0, START)}
        connection.execute(insert(self.book.head).values(values))
        body = {"format": 1, self.book.noun: identity, "keyed": self.sealer.keyed}
        self.append(connection, now, kind="founded", body=body)

    def append(self, connection: Connection, now: int, **fields: Any) -> int:
        """Add an event at the end, in a transaction that holds the head; return its seq.

        Raises
        ------
        RecordError
            If head and last event disagree: somebody changed the book.
        """
        count, last, latest = self.end(connection)
        # a clock that was set back must not let an event look older than it is
        own = {"seq": count, "at": max(now, latest), "previous": last}
        row = {**self.book.empty, "body": {}, **fields, **own}
        row["body"] = canonical_json(row["body"])
        row["hash"] = self._hash(row)
        connection.execute(insert(self.book.events).values(row))
        end = {"length": count + 1, "hash": row["hash"]}
        seal = self.sealer.seal(count + 1, row["hash"])
        connection.execute(update(self.book.head).values(**end, seal=seal))
        return count

    def end(self, connection: Connection) -> tuple[int, str, int]:
        """Return the number of events, and hash and time of the last, if they fit together."""
        events, noun = self.book.events, self.book.noun
        row = connection.execute(select(self.book.head)).one_or_none()
        last = connection.execute(
            select(events.c.seq, events.c.hash, events.c.at).order_by(events.c.seq.desc()).limit(1)
        ).one_or_none()
        ends = (last.seq + 1, last.hash) if last else (0, START)
        if row is None or (row.length, row.hash) != ends:
            raise self.book.failed(
                f"the last event of the {noun} is not the one that its head names: rows were "
                "removed or added by hand. Nothing was done; run verify, and restore a backup."
            )
        if row.seal != self.sealer.seal(row.length, row.hash):
            raise self.book.failed(self._wrong_key())
        return row.length, row.hash, last.at if last else 0

    def following(self, connection: Connection, count: int, last: str) -> Iterator[Any]:
        """Yield the events after the first ``count``, each held against its hash and the last one.

        Raises
        ------
        RecordError
            If one does not fit, or the last of those known is not ``last`` any more.
        """
        events = self.book.events
        rows = connection.execute(
            select(events).where(events.c.seq >= count - 1).order_by(events.c.seq)
        )
        if count:
            known = rows.fetchone()
            if known is None or (known.seq, known.hash) != (count - 1, last):
                raise self._broken(f"event {count - 1} is not the one that was read before")
        for row in rows:
            if row.seq != count or row.previous != last:
                raise self._broken(f"event {row.seq} does not follow event {count - 1}")
            if not self._fits(dict(row._mapping)):
                raise self._broken(f"event {row.seq} does not fit its hash")
            yield row
            count, last = row.seq + 1, row.hash

    def verify(
        self,
        connection: Connection,
        anchor: str | None = None,
        further: Callable[[list[Row]], Iterator[str]] | None = None,
    ) -> Verification:
        """Read the whole book and compare it with its hashes, its head and an ``anchor``.

        ``further`` finds problems that only the book's owner knows of.
        """
        events = self.book.events
        found = connection.execute(select(events).order_by(events.c.seq)).mappings()
        rows = [dict(row) for row in found]
        problems = [*self._links(rows), *self._head(connection, rows)]
        problems += [*self._anchored(rows, anchor), *(further(rows) if further else ())]
        end = f"{len(rows)}:{rows[-1]['hash'] if rows else START}"
        return Verification(not problems, len(rows), self.sealer.keyed, end, tuple(problems))

    def _hash(self, row: Mapping[str, Any]) -> str:
        """Return the hash of an event: of all its columns, among them the hash before it."""
        content = canonical_json({name: row[name] for name in self.book.hashed})
        return self.sealer.digest("event", content.encode())

    def _fits(self, row: Mapping[str, Any]) -> bool:
        """Return whether an event still has the content that it was hashed with."""
        try:
            return bool(row["hash"] == self._hash(row))
        except ConfigError:  # a type that no event has
            return False

    def _links(self, rows: list[Row]) -> Iterator[str]:
        expected, previous = 0, START
        for row in rows:
            seq = row["seq"]
            if seq > expected:
                yield f"events {expected} to {seq - 1} are missing: rows were removed."
            elif row["previous"] != previous:
                yield (
                    f"event {seq} does not follow the one before it: a row was put in or replaced."
                )
            if not self._fits(row):
                yield (
                    f"event {seq} does not fit its hash: it was changed, or the key is another one."
                )
            expected, previous = seq + 1, row["hash"]

    def _head(self, connection: Connection, rows: list[Row]) -> Iterator[str]:
        found = connection.execute(select(self.book.head)).one_or_none()
        if found is None:
            yield "the head is missing."
            return
        ends = (rows[-1]["seq"] + 1, rows[-1]["hash"]) if rows else (0, START)
        says = f"the head names {found.length} events"
        if found.length > ends[0]:
            yield f"{says}, the last is {ends[0] - 1}: the end is gone."
        elif (found.length, found.hash) != ends:
            yield f"{says} and does not fit the last one, {ends[0] - 1}."
        if found.seal != self.sealer.seal(found.length, found.hash):
            yield "the head does not fit its seal: it was changed, or the key is another one."

    def _anchored(self, rows: list[Row], anchor: str | None) -> Iterator[str]:
        if anchor is None:
            return
        count, _, last = anchor.partition(":")
        if not count.isdigit() or len(last) != len(START):
            raise ConfigError("an anchor has the form count:hash, as verify() returned it.")
        found = [row["hash"] for row in rows if row["seq"] == int(count) - 1]
        if int(count) and found != [last]:
            yield (
                f"event {int(count) - 1} is not the one of the anchor: the {self.book.noun} was "
                "rewritten."
            )

    def _broken(self, what: str) -> RecordError:
        return self.book.failed(
            f"the {self.book.noun} does not verify: {what}. Rows were changed, removed or put in "
            "by hand, or the key is another one. Nothing was done; run verify, and restore a "
            "backup."
        )

    def _wrong_key(self) -> str:
        noun, keyed = self.book.noun, self.sealer.keyed
        state = f"is not the one that this {noun} was founded with" if keyed else "is not set"
        return (
            f"the {noun}'s seal does not fit: {self.book.key_variable} {state}, or the head was "
            f"changed by hand. Set the key that the {noun} was founded with (unset it for a {noun} "
            "without a key)."
        )
