"""Features are used only for people who allowed it: others become null, with the reason."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines import engine_of
from rai_scale.engines.shared_file import SharedFile
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns
from rai_scale.personalization.consent_decisions import (
    NEVER,
    REASONS,
    ConsentBook,
    moment,
    read_decisions,
)

STATUS = "_rai_consent"


def apply_consent(
    frame: Any,
    consent: Any,
    *,
    person: str,
    feature_groups: Mapping[str, Sequence[str]],
    at: Any,
    default: str = "deny",
    refresh: datetime.timedelta | None = None,
    feature_group: str = "feature_group",
    decision: str = "decision",
    time: str = "time",
    expires: str | None = None,
    consent_person: str | None = None,
    status: str = STATUS,
) -> Any:
    """Remove the features that a person did not allow, and say which and why; lazy.

    The table of consents is read at once; the frame is not. For each row and group of features:

    - the latest decision before ``at`` counts. A denial holds from its very instant, a consent
      after it;
    - decisions of one instant that differ deny (``conflicting decisions``);
    - a consent ends at the instant in ``expires`` (``expired``), and ``refresh`` after it was given
      (``refresh due``); an older consent does not take its place. A denial does not end;
    - without a decision, or without a person, ``default`` counts (``no decision``).

    A feature that is in several groups needs all of them.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    consent : DataFrame, DuckDB relation or pyarrow.Table
        One row per decision, of any kind of frame; at most 20,000,000 rows.
    person : str
        The column of the person in ``frame``.
    feature_groups : mapping of str to sequence of str
        The columns of each group of features, by the name that the consents use.
    at : datetime.datetime, or str
        The time, with a zone, at which the features are used (or its ISO 8601 text); or the column
        of the time of each row.
    default : {"deny", "allow"}
    refresh : datetime.timedelta, optional
        How long a consent holds before it must be given again.
    feature_group, decision, time, expires : str
        Columns of ``consent``: the group of features, ``allow`` or ``deny`` (or true and false),
        the time of the decision and, optionally, the time at which it ends; with time zones.
    consent_person : str, optional
        The column of the person in ``consent``, if it has another name.
    status : str
        The name of the new column: the groups that were removed with their reasons, such as
        ``location: denied; purchases: expired``; empty if nothing was removed.

    Returns
    -------
    frame of the same kind
        All columns of the frame, and ``status``.

    Raises
    ------
    ConfigError
        If times have no zone, a decision is neither allow nor deny, or an option is not valid.
    MissingColumnError
        If a column does not exist.
    """
    if default not in ("deny", "allow"):
        raise ConfigError(f"default must be 'deny' or 'allow'; found {default!r}.")
    engine = engine_of(frame)
    columns = engine.columns(frame)
    features = list(dict.fromkeys(f for names in feature_groups.values() for f in names))
    check_columns([person, *features], columns)
    if person in features:
        raise ConfigError(f"column {person!r} is the person and cannot be a feature.")
    if status in columns:
        raise ConfigError(f"the frame already has a column {status!r}; give status another name.")
    schema = engine.schema(frame)
    each = at if isinstance(at, str) and at in columns else None
    if each and getattr(schema.field(each).type, "tz", None) is None:
        raise ConfigError(f"at: column {each!r} must hold times with a time zone.")
    book = read_decisions(
        consent,
        person=consent_person or person,
        feature_group=feature_group,
        decision=decision,
        time=time,
        expires=expires,
        groups=[*feature_groups],
    )
    remove = RemoveFeatures(
        publish_object(engine, book, "consent.pickle"),
        person,
        {name: tuple(names) for name, names in feature_groups.items()},
        None if each else moment(at),
        each,
        default,
        NEVER if refresh is None else refresh // datetime.timedelta(microseconds=1),
        status,
    )
    outputs = pa.schema([*(schema.field(f) for f in features), pa.field(status, pa.string())])
    inputs = list(dict.fromkeys([person, *features, *([each] if each else [])]))
    return engine.with_columns(frame, remove, outputs, inputs=inputs, label="consent")


@dataclass(frozen=True)
class RemoveFeatures:
    """Table function: features without consent become null."""

    book: SharedFile
    person: str
    groups: Mapping[str, tuple[str, ...]]
    at: int | None
    at_column: str | None
    default: str
    refresh: int
    status: str

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the features and the status of a batch."""
        book: ConsentBook = self.book.load(load_object)
        if self.at_column is None:
            at, known = np.full(table.num_rows, self.at), np.full(table.num_rows, True)
        else:
            moments = table[self.at_column].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            known = np.asarray(moments.is_valid())
            at = np.asarray(pc.fill_null(moments, 0).to_numpy())
        codes = book.codes(table[self.person], at, self.refresh, self.default)
        # a row without a time cannot be judged, so nothing is allowed
        codes = {name: np.where(known, one, 2) for name, one in codes.items()}
        return pa.table(
            {**self._features(table, codes), self.status: self._said(codes, table.num_rows)}
        )

    def _features(
        self, table: pa.Table, codes: Mapping[str, np.ndarray]
    ) -> dict[str, pa.ChunkedArray]:
        found: dict[str, pa.ChunkedArray] = {}
        for name, features in self.groups.items():
            gone = pa.array(codes[name] > 0)
            for feature in features:
                column = found.get(feature, table[feature])
                found[feature] = pc.if_else(gone, pa.scalar(None, column.type), column)
        return found

    def _said(self, codes: Mapping[str, np.ndarray], rows: int) -> pa.Array:
        names = list(codes)
        if not names:
            return pa.array([""] * rows, pa.string())
        matrix = np.stack([codes[name] for name in names], axis=1).reshape(rows, len(names))
        distinct, at = np.unique(matrix, axis=0, return_inverse=True)
        texts = [
            "; ".join(f"{n}: {REASONS[c]}" for n, c in zip(names, row, strict=True) if c)
            for row in distinct
        ]
        return pa.array(texts, pa.string()).take(pa.array(at.ravel()))
