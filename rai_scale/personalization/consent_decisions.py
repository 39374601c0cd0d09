"""Decisions of people about groups of features, and which one holds at a time."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines import engine_of
from rai_scale.engines.key_values import places_of
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns

MOST_DECISIONS = 20_000_000
NEVER = 2**63 - 1
GRANTED = ""
REASONS = (GRANTED, "denied", "no decision", "expired", "refresh due", "conflicting decisions")
"""Why a group of features may not be used; the position is the code of a row."""
_ALLOW, _DENY = ("allow", "true", "1", "yes", "granted"), ("deny", "false", "0", "no", "denied")


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
            Number of each row's person; -1 if nobody of this number decided anything.
        at : ndarray of int64
            Microseconds since 1970.
        refresh : int
            Microseconds after which a consent must be given again.
        otherwise : int
            The code without a decision.
        """
        width = len(self.times) + 1
        upto = np.searchsorted(self.times, at, side="right")
        last = np.searchsorted(self.place, person * width + upto, side="right") - 1
        found = self._own(last, person, width)
        # a consent of this very instant does not hold yet; a denial does
        now = found & self.allow[last] & ~self.conflict[last] & (self.time[last] == at)
        last = np.where(now, last - 1, last)
        found = np.where(now, self._own(last, person, width), found)
        codes = np.full(len(person), otherwise)
        late = self.time[last] + np.minimum(refresh, NEVER - np.maximum(self.time[last], 0))
        given = [self.conflict[last], ~self.allow[last], self.expires[last] <= at, late <= at]
        code = np.select(given, [5, 1, 3, 4], 0)
        return np.where(found, code, codes)

    def _own(self, at: np.ndarray, person: np.ndarray, width: int) -> np.ndarray:
        if not len(self.place):
            return np.zeros(len(at), bool)
        return (at >= 0) & (person >= 0) & (self.place[at] // width == person)


@dataclass(frozen=True)
class ConsentBook:
    """All decisions: those of each group of features, and the people who made them."""

    people: pa.Array
    groups: Mapping[str, Decisions]

    def codes(
        self, person: pa.ChunkedArray, at: np.ndarray, refresh: int, default: str
    ) -> dict[str, np.ndarray]:
        """Return, for each group of features, the code of each row."""
        if len(self.people):
            number = places_of(pa.table({"p": person}), {"p": self.people})
        else:
            number = np.full(len(person), -1)
        number = np.where(np.asarray(person.is_null()), -1, number)
        otherwise = REASONS.index("no decision") if default == "deny" else 0
        return {
            name: one.codes(number, at, refresh, otherwise)
            if len(one.place)
            else np.full(len(number), otherwise)
            for name, one in self.groups.items()
        }


def read_decisions(
    consent: Any,
    *,
    person: str,
    feature_group: str,
    decision: str,
    time: str,
    expires: str | None,
    groups: Sequence[str],
) -> ConsentBook:
    """Read the table of consents; executes it.

    Raises
    ------
    ConfigError
        If a time has no zone or is missing, or a decision is neither allow nor deny.
    TooManyGroupsError
        For more than :data:`MOST_DECISIONS` decisions.
    """
    engine = engine_of(consent)
    names = {person: "p", feature_group: "f", decision: "d", time: "t"}
    names |= {expires: "e"} if expires else {}
    check_columns(names, engine.columns(consent))
    schema = engine.schema(consent)
    for name in (time, expires):
        if name and getattr(schema.field(name).type, "tz", None) is None:
            raise ConfigError(
                f"consent: column {name!r} must hold times with a time zone; found "
                f"{schema.field(name).type}. Give the zone in which they were recorded."
            )
    table = engine.collect(engine.with_names(consent, names))
    if table.num_rows > MOST_DECISIONS:
        raise TooManyGroupsError([person, feature_group], MOST_DECISIONS)
    allow = _allowed(table["d"], decision)
    if table["t"].null_count:
        raise ConfigError(f"consent: {table['t'].null_count:,} decisions have no time.")
    moments = _micros(table["t"], 0)
    ends = _micros(table["e"], NEVER) if expires else np.full(table.num_rows, NEVER)
    known = np.asarray(table["p"].is_valid())
    people = table["p"].combine_chunks().drop_null().unique()
    number = np.full(table.num_rows, -1)
    if len(people):
        number = places_of(table.select(["p"]), {"p": people})
    found = {}
    for name in groups:
        mine = known & np.asarray(pc.fill_null(pc.equal(table["f"], name), False))
        found[name] = _decisions(number[mine], moments[mine], ends[mine], allow[mine])
    return ConsentBook(people, found)


def _allowed(column: pa.ChunkedArray, name: str) -> np.ndarray:
    texts = pc.utf8_lower(column.cast(pa.string()))
    allow = np.asarray(pc.fill_null(pc.is_in(texts, pa.array(_ALLOW)), False))
    deny = np.asarray(pc.fill_null(pc.is_in(texts, pa.array(_DENY)), False))
    odd = int((~allow & ~deny).sum())
    if odd:
        raise ConfigError(
            f"consent: {odd:,} values of column {name!r} are neither 'allow' nor 'deny' (or true "
            "and false)."
        )
    return allow


def _micros(column: pa.ChunkedArray, missing: int) -> np.ndarray:
    moments = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(pc.fill_null(moments, missing).to_numpy())


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
