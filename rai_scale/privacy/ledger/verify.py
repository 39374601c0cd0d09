"""Checks of a ledger's sums and releases, in addition to its chain of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, select

from rai_scale.privacy.ledger.amounts import MEASURES
from rai_scale.privacy.ledger.schema import releases
from rai_scale.records.canonical import canonical_json
from rai_scale.records.chain import Row
from rai_scale.records.sealer import Sealer


def wrong_sums(connection: Connection, rows: list[Row], sealer: Sealer) -> Iterator[str]:
    """Yield events that exceed their caps, and releases that do not match their events."""
    yield from _budgets(rows)
    yield from _releases(connection, rows, sealer)


def _budgets(rows: list[Row]) -> Iterator[str]:
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


def _releases(connection: Connection, rows: list[Row], sealer: Sealer) -> Iterator[str]:
    noted = {row["reservation"]: row for row in rows if row["kind"] == "released"}
    stored = set()
    for row in connection.execute(select(releases)):
        stored.add(row.reservation)
        event = noted.get(row.reservation)
        if event is None:
            yield f"release {row.reservation} was inserted: no event stored it."
        elif event["body"] != canonical_json(release_digests(sealer, row.arrow, row.metadata)):
            yield f"release {row.reservation} does not match its hash: it was changed."
    for reservation in noted.keys() - stored:
        yield f"release {reservation} was removed."


def release_digests(sealer: Sealer, arrow: bytes, metadata: str) -> dict[str, str]:
    """Return the hashes of a release that its event records."""
    return {
        "arrow": sealer.digest("arrow", arrow),
        "metadata": sealer.digest("metadata", metadata.encode()),
    }
