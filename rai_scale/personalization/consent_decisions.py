"""Decisions of people about groups of features, and which one holds at a time."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError

NEVER = 2**63 - 1
GRANTED = ""
REASONS = (GRANTED, "denied", "no decision", "expired", "refresh due", "conflicting decisions")
"""Why a group of features may not be used; the position is the code of a row."""


@dataclass(frozen=True)
class Decisions:
    """The decisions about one group of features, sorted by person and time.

    Attributes
    ----------
    place : ndarray of int64
        (number of the person) x (number of times + 1) + (number of the time + 1).
    time, expires : ndarray of int64
        Microseconds since 1970, UTC.
    allow, conflict : ndarray of bool
        Whether the decision allows; whether others of the same instant differ.
    times : ndarray of int64
        The distinct times, sorted.
    """

    place: np.ndarray
    time: np.ndarray
    expires: np.ndarray
    allow: np.ndarray
    conflict: np.ndarray
    times: np.ndarray

    def codes(self, person: np.ndarray, at: np.ndarray, refresh: int, otherwise: int) -> np.ndarray:
        """Return for each row the position in :data:`REASONS`.

        Parameters
        ----------
        person : ndarray of int64
            Number of each row's person.
        at : ndarray of int64
            Microseconds since 1970.
        refresh : int
            Microseconds after which a consent must be given again.
        otherwise : int
            The code without a decision.
        """
        codes = np.full(len(person), otherwise)
        if not len(self.place):
            return codes
        width = len(self.times) + 1
        upto = np.searchsorted(self.times, at, side="right")
        last = np.searchsorted(self.place, person * width + upto, side="right") - 1
        found = self._own(last, person, width)
        # a consent of this very instant does not hold yet; a denial does
        now = found & self.allow[last] & ~self.conflict[last] & (self.time[last] == at)
        last = np.where(now, last - 1, last)
        found = np.where(now, self._own(last, person, width), found)
        late = self.time[last] + np.minimum(refresh, NEVER - np.maximum(self.time[last], 0))
        given = [self.conflict[last], ~self.allow[last], self.expires[last] <= at, late <= at]
        code = np.select(given, [5, 1, 3, 4], 0)
        return np.where(found, code, codes)

    def _own(self, at: np.ndarray, person: np.ndarray, width: int) -> np.ndarray:
        return (at >= 0) & (self.place[at] // width == person)


def codes_of(
    texts: pa.ChunkedArray, at: np.ndarray, refresh: int, default: str, groups: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return, for each group of features, the position in :data:`REASONS` of each row.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray of str
        The decisions of each row's person, separated by commas: the number of the group, the time,
        the end (both in microseconds since 1970) and 1 for a consent, separated by spaces.
    at : ndarray of int64, shape (rows,)
    refresh : int
    default : {"deny", "allow"}
    groups : sequence of str
        The groups in the order of their numbers.
    """
    lists = pc.split_pattern(texts.combine_chunks(), ",")
    row = np.asarray(pc.list_parent_indices(lists))
    parts = pc.list_flatten(pc.split_pattern(pc.list_flatten(lists), " "))
    numbers = np.asarray(parts.cast(pa.int64())).reshape(-1, 4)
    otherwise = REASONS.index("no decision") if default == "deny" else 0
    found = {}
    for number, name in enumerate(groups):
        mine = numbers[:, 0] == number
        one = _decisions(row[mine], numbers[mine, 1], numbers[mine, 2], numbers[mine, 3] == 1)
        found[name] = one.codes(np.arange(len(texts)), at, refresh, otherwise)
    return found


def _decisions(
    person: np.ndarray, time: np.ndarray, expires: np.ndarray, allow: np.ndarray
) -> Decisions:
    """Merge decisions of one instant: they conflict if they differ; the first end counts."""
    times = np.unique(time)
    place = person * (len(times) + 1) + np.searchsorted(times, time) + 1
    merged, first, code = np.unique(place, return_index=True, return_inverse=True)
    yes = np.bincount(code, weights=allow, minlength=len(merged))
    rows = np.bincount(code, minlength=len(merged))
    ends = np.full(len(merged), NEVER)
    np.minimum.at(ends, code, expires)
    return Decisions(merged, time[first], ends, yes == rows, (yes > 0) & (yes < rows), times)


def moment(at: Any) -> int:
    """Return a time with a zone in microseconds since 1970.

    Raises
    ------
    ConfigError
        If it is not a time, or has no zone.
    """
    if isinstance(at, str):
        try:
            at = datetime.datetime.fromisoformat(at)
        except ValueError:
            raise ConfigError(f"at: {at!r} is neither a column nor a time in ISO 8601.") from None
    if not isinstance(at, datetime.datetime) or at.tzinfo is None:
        raise ConfigError("at must be a time with a time zone, or the name of a column of times.")
    since = at - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since // datetime.timedelta(microseconds=1)
