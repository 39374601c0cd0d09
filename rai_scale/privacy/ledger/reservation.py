"""A charge, and the release that it pays for."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from rai_scale.errors import ConfigError


@dataclass(frozen=True)
class Release:
    """What was released under one charge; the same bytes whenever it is shown.

    Attributes
    ----------
    reservation
        Id of the charge that paid for it.
    arrow
        An Arrow IPC stream.
    metadata
        JSON values.
    at
        When it was stored, microseconds since 1970 (UTC).
    """

    reservation: str
    arrow: bytes = field(repr=False)
    metadata: dict[str, Any] = field(repr=False)
    at: int

    def table(self) -> pa.Table:
        """Return the released table."""
        return pa.ipc.open_stream(self.arrow).read_all()


@dataclass(frozen=True)
class Reservation:
    """A charge in the ledger, held by one run.

    Attributes
    ----------
    id
        32 hexadecimal digits.
    scope, analyst, dataset, key
        As requested.
    attempt
        1 for the run that charged, and one more for each run that took over after a crash.
    charged
        Whether this call charged the budget.
    release
        The stored release, if there already is one: return it, and compute nothing.
    """

    id: str
    scope: str
    analyst: str
    dataset: str
    key: str | None
    attempt: int
    charged: bool
    release: Release | None = None


def to_ipc(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def check_ipc(arrow: bytes) -> None:
    """Raise :class:`ConfigError` for bytes that are not an Arrow IPC stream."""
    try:
        with pa.ipc.open_stream(arrow) as reader:
            reader.read_all()
    except (pa.ArrowInvalid, pa.ArrowException, OSError, TypeError, ValueError):
        raise ConfigError("a release is stored as the bytes of an Arrow IPC stream.") from None


def parse_metadata(stored: str) -> dict[str, Any]:
    """Return the metadata of a release from its stored text."""
    found = json.loads(stored)
    if not isinstance(found, dict):
        raise ConfigError("the metadata of a release must be a mapping.")
    return found
