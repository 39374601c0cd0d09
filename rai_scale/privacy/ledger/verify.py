"""Find what was changed, removed or inserted in a ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from rai_scale.errors import ConfigError
from rai_scale.privacy.ledger.amounts import MEASURES
from rai_scale.privacy.ledger.chain import START, Sealer
from rai_scale.privacy.ledger.schema import events, head, releases
from rai_scale.records.canonical import canonical_json


@dataclass(frozen=True)
class Verification:
    """What :meth:`Ledger.verify` found.

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


def verify(connection: Connection, sealer: Sealer, anchor: str | None) -> Verification:
    """Read the whole ledger and compare it with its hashes, its head and an ``anchor``."""
    rows = [
        dict(row) for row in connection.execute(select(events).order_by(events.c.seq)).mappings()
    ]
    problems = [*_chain(rows, sealer), *_head(connection, rows, sealer)]
    problems += [*_anchored(rows, anchor), *_budgets(rows), *_releases(connection, rows, sealer)]
    end = f"{len(rows)}:{rows[-1]['hash'] if rows else START}"
    return Verification(not problems, len(rows), sealer.keyed, end, tuple(problems))


def _chain(rows: list[dict[str, Any]], sealer: Sealer) -> Iterator[str]:
    expected, previous = 0, START
    for row in rows:
        seq = row["seq"]
        if seq > expected:
            yield f"events {expected} to {seq - 1} are missing: rows were removed."
        elif row["previous"] != previous:
            yield f"event {seq} does not follow the one before it: a row was put in or replaced."
        if not sealer.fits(row):
            yield f"event {seq} does not fit its hash: it was changed, or the key is another one."
        expected, previous = seq + 1, row["hash"]


def _head(connection: Connection, rows: list[dict[str, Any]], sealer: Sealer) -> Iterator[str]:
    found = connection.execute(select(head)).one_or_none()
    if found is None:
        yield "the head is missing."
        return
    ends = (rows[-1]["seq"] + 1, rows[-1]["hash"]) if rows else (0, START)
    if found.length > ends[0]:
        yield f"the head names {found.length} events, the last is {ends[0] - 1}: the end is gone."
    elif (found.length, found.hash) != ends:
        yield f"the head names {found.length} events and does not fit the last one, {ends[0] - 1}."
    if found.seal != sealer.seal(found.length, found.hash):
        yield "the head does not fit its seal: it was changed, or the key is another one."


def _anchored(rows: list[dict[str, Any]], anchor: str | None) -> Iterator[str]:
    if anchor is None:
        return
    count, _, last = anchor.partition(":")
    if not count.isdigit() or len(last) != len(START):
        raise ConfigError("an anchor has the form count:hash, as verify() returned it.")
    found = [row["hash"] for row in rows if row["seq"] == int(count) - 1]
    if int(count) and found != [last]:
        yield f"event {int(count) - 1} is not the one of the anchor: the ledger was rewritten."


def _budgets(rows: list[dict[str, Any]]) -> Iterator[str]:
    caps = {row["scope"]: row for row in rows if row["kind"] == "scope"}
    refunded = {row["reservation"] for row in rows if row["kind"] == "cancelled"}
    spent: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["kind"] == "reserved" and row["reservation"] not in refunded:
            spent.update({(row["scope"], measure): row[measure] for measure in MEASURES})
    for (scope, measure), units in spent.items():
        if scope not in caps or units > caps[scope][measure]:
            yield f"scope {scope!r} spent more {measure} than its cap."
    read = {row["reservation"] for row in rows if row["kind"] == "reading"}
    if read & refunded:
        yield "a reservation was refunded after its data were read."


def _releases(connection: Connection, rows: list[dict[str, Any]], sealer: Sealer) -> Iterator[str]:
    noted = {row["reservation"]: row for row in rows if row["kind"] == "released"}
    stored = set()
    for row in connection.execute(select(releases)):
        stored.add(row.reservation)
        event = noted.get(row.reservation)
        if event is None:
            yield f"release {row.reservation} was put in: no event stored it."
        elif event["body"] != canonical_json(release_digests(sealer, row.arrow, row.metadata)):
            yield f"release {row.reservation} does not fit its hash: it was changed."
    for reservation in noted.keys() - stored:
        yield f"release {reservation} was removed."


def release_digests(sealer: Sealer, arrow: bytes, metadata: str) -> dict[str, str]:
    """Return the hashes of a release that its event notes."""
    return {
        "arrow": sealer.digest("arrow", arrow),
        "metadata": sealer.digest("metadata", metadata.encode()),
    }
