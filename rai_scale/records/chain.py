"""The hash chain: how events are appended, and how the chain is verified."""

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
    """The result of a search for changed, removed and inserted rows.

    Attributes
    ----------
    ok : bool
        Whether no problem was found.
    events : int
        The number of events that were read.
    keyed : bool
        Whether hashes need a key. Without a key, anyone who can write to the database can rewrite
        the whole chain, which only an anchor that is stored elsewhere reveals.
    anchor : str
        ``count:hash`` of the last event; store it elsewhere and pass it to the next verification.
    problems : tuple of str
        One sentence each.
    """

    ok: bool
    events: int
    keyed: bool
    anchor: str
    problems: tuple[str, ...]

    def totals(self) -> dict[str, Any]:
        """Return ok, events, keyed, anchor and the number of problems."""
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
    """The events of a book; each method runs in the transaction of its ``connection``."""

    book: Book
    sealer: Sealer

    def found(self, connection: Connection, now: int, identity: str) -> None:
        """Write the head and the first event of an empty book.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        now : int
            Microseconds since 1970.
        identity : str
            A unique identifier of the book.
        """
        values = {"id": 1, "length": 0, "hash": START, "seal": self.sealer.seal(0, START)}
        connection.execute(insert(self.book.head).values(values))
        body = {"format": 1, self.book.noun: identity, "keyed": self.sealer.keyed}
        self.append(connection, now, kind="founded", body=body)

    def append(self, connection: Connection, now: int, **fields: Any) -> int:
        """Append an event, in a transaction that has locked the head; return its ``seq``.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        now : int
            Microseconds since 1970.
        **fields
            The values of the event's columns.

        Raises
        ------
        RecordError
            If the head and the last event disagree: the book was changed by hand.
        """
        count, last, latest = self.end(connection)
        # an event is never earlier than the one before it, also if the clock was set back
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
        """Check the head; return the number of events, and the hash and time of the last."""
        events, noun = self.book.events, self.book.noun
        row = connection.execute(select(self.book.head)).one_or_none()
        last = connection.execute(
            select(events.c.seq, events.c.hash, events.c.at).order_by(events.c.seq.desc()).limit(1)
        ).one_or_none()
        ends = (last.seq + 1, last.hash) if last else (0, START)
        if row is None or (row.length, row.hash) != ends:
            raise self.book.failed(
                f"the last event of the {noun} does not match its head: rows were removed or added "
                "by hand. Nothing was changed. Run verify, and restore a backup."
            )
        if row.seal != self.sealer.seal(row.length, row.hash):
            raise self.book.failed(self._wrong_key())
        return row.length, row.hash, last.at if last else 0

    def following(self, connection: Connection, count: int, last: str) -> Iterator[Any]:
        """Yield the events after the first ``count``, each checked against its hash and chain.

        Raises
        ------
        RecordError
            If an event does not match, or event ``count - 1`` no longer has the hash ``last``.
        """
        events = self.book.events
        rows = connection.execute(
            select(events).where(events.c.seq >= count - 1).order_by(events.c.seq)
        )
        if count:
            known = rows.fetchone()
            if known is None or (known.seq, known.hash) != (count - 1, last):
                raise self._broken(f"event {count - 1} is not the event that was read before")
        for row in rows:
            if row.seq != count or row.previous != last:
                raise self._broken(f"event {row.seq} does not follow event {count - 1}")
            if not self._fits(dict(row._mapping)):
                raise self._broken(f"event {row.seq} does not match its hash")
            yield row
            count, last = row.seq + 1, row.hash

    def verify(
        self,
        connection: Connection,
        anchor: str | None = None,
        further: Callable[[Connection, list[Row]], Iterator[str]] | None = None,
    ) -> Verification:
        """Read the whole book and compare it with its hashes, its head and an anchor.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        anchor : str, optional
            The ``anchor`` of an earlier verification.
        further : callable, optional
            Yields one sentence for each problem that only the owner of the book can recognise.

        Raises
        ------
        ConfigError
            If the anchor is not in the form ``count:hash``.
        """
        events = self.book.events
        found = connection.execute(select(events).order_by(events.c.seq)).mappings()
        rows = [dict(row) for row in found]
        problems = [*self._links(rows), *self._head(connection, rows)]
        problems += [*self._anchored(rows, anchor), *(further(connection, rows) if further else ())]
        end = f"{len(rows)}:{rows[-1]['hash'] if rows else START}"
        return Verification(not problems, len(rows), self.sealer.keyed, end, tuple(problems))

    def _hash(self, row: Mapping[str, Any]) -> str:
        """Return the hash of an event: over all other columns, including the previous hash."""
        content = canonical_json({name: row[name] for name in self.book.hashed})
        return self.sealer.digest("event", content.encode())

    def _fits(self, row: Mapping[str, Any]) -> bool:
        """Return whether the content of an event matches its hash."""
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
                yield f"event {seq} does not follow the one before it: a row was added or replaced."
            if not self._fits(row):
                yield f"event {seq} does not match its hash: it was changed, or the key differs."
            expected, previous = seq + 1, row["hash"]

    def _head(self, connection: Connection, rows: list[Row]) -> Iterator[str]:
        found = connection.execute(select(self.book.head)).one_or_none()
        if found is None:
            yield "the head is missing."
            return
        ends = (rows[-1]["seq"] + 1, rows[-1]["hash"]) if rows else (0, START)
        says = f"the head names {found.length} events"
        if found.length > ends[0]:
            yield f"{says}, but the last is {ends[0] - 1}: events at the end are missing."
        elif (found.length, found.hash) != ends:
            yield f"{says} and does not match the last one, {ends[0] - 1}."
        if found.seal != self.sealer.seal(found.length, found.hash):
            yield "the head does not match its seal: it was changed, or the key differs."

    def _anchored(self, rows: list[Row], anchor: str | None) -> Iterator[str]:
        if anchor is None:
            return
        count, _, last = anchor.partition(":")
        if not count.isdigit() or len(last) != len(START):
            raise ConfigError("the anchor must have the form count:hash, as verify() returns it.")
        found = [row["hash"] for row in rows if row["seq"] == int(count) - 1]
        if int(count) and found != [last]:
            noun = self.book.noun
            yield f"event {int(count) - 1} does not match the anchor: the {noun} was rewritten."

    def _broken(self, what: str) -> RecordError:
        return self.book.failed(
            f"the {self.book.noun} cannot be verified: {what}. Rows were changed, removed or added "
            "by hand, or the key differs. Nothing was changed. Run verify, and restore a backup."
        )

    def _wrong_key(self) -> str:
        noun, keyed = self.book.noun, self.sealer.keyed
        state = f"is not the key that this {noun} was created with" if keyed else "is not set"
        return (
            f"the seal of the {noun} does not match: {self.book.key_variable} {state}, or the head "
            f"was changed by hand. Set the key that the {noun} was created with (unset it for a "
            f"{noun} without a key)."
        )
