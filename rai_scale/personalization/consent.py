"""Features are used only for people who allowed it: others become null, with the reason."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.engines.lookups import with_lookup
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, check_columns
from rai_scale.personalization.consent_decisions import NEVER, moment
from rai_scale.personalization.consent_rows import Judge, ListRefused, RemoveFeatures
from rai_scale.personalization.consent_table import DECIDED, PERSON, gathered

STATUS = "_rai_consent"


@dataclass(frozen=True)
class Consents:
    """Decisions of people about groups of features, as ``explain(consent=)`` takes them.

    For each row and group of features:

    - the latest decision before ``at`` counts. A denial holds from its very instant, a consent
      after it;
    - decisions of one instant that differ deny (``conflicting decisions``);
    - a consent ends at the instant in ``expires`` (``expired``), and ``refresh`` after it was given
      (``refresh due``); an older consent does not take its place. A denial does not end;
    - without a decision, or without a person, ``default`` counts (``no decision``).

    A feature that is in several groups needs all of them. The columns of the person may be integers
    or texts.

    Parameters
    ----------
    decisions : DataFrame, DuckDB relation or pyarrow.Table
        One row per decision, of any kind of frame. Its own engine gathers it to one row per person.
        On Dask and Spark, rows and people are then joined; decisions of another engine than the
        rows (at most 20,000,000 people) are sent to the workers.
    person : str
        The column of the person in the rows that are judged.
    feature_groups : mapping of str to sequence of str
        The columns of each group of features, by the name that the decisions use.
    at : datetime.datetime, or str
        The time, with a zone, at which the features are used (or its ISO 8601 text); or the column
        of the time of each row.
    default : {"deny", "allow"}
    refresh : datetime.timedelta, optional
        How long a consent holds before it must be given again.
    feature_group, decision, time, expires : str
        Columns of ``decisions``: the group of features, ``allow`` or ``deny`` (or true and false),
        the time of the decision and, optionally, the time at which it ends; with time zones.
    consent_person : str, optional
        The column of the person in ``decisions``, if it has another name.

    Raises
    ------
    ConfigError
        If ``default`` is not known.
    """

    decisions: Any
    _: KW_ONLY
    person: str
    feature_groups: Mapping[str, Sequence[str]]
    at: Any
    default: str = "deny"
    refresh: datetime.timedelta | None = None
    feature_group: str = "feature_group"
    decision: str = "decision"
    time: str = "time"
    expires: str | None = None
    consent_person: str | None = None

    def __post_init__(self) -> None:
        if self.default not in ("deny", "allow"):
            raise ConfigError(f"default must be 'deny' or 'allow'; found {self.default!r}.")

    @property
    def features(self) -> list[str]:
        """The features of all groups, each once."""
        return list(dict.fromkeys(f for names in self.feature_groups.values() for f in names))

    def with_refused(self, frame: Any, column: str) -> Any:
        """Return a frame with a column of the features that may not be used, as a list in JSON.

        Parameters
        ----------
        frame : DataFrame, DuckDB relation or pyarrow.Table
        column : str
            The name of the new column.

        Returns
        -------
        frame of the same kind; lazy if the engine is lazy

        Raises
        ------
        ConfigError, MissingColumnError
            As :func:`apply_consent`.
        """
        engine = engine_of(frame)
        check_columns([self.person], engine.columns(frame))
        judge, data = self._judge(engine, frame)
        outputs = pa.schema([(column, pa.string())])
        return _judged(engine, data, ListRefused(judge, column), outputs, judge.inputs)

    def removed(self, frame: Any, status: str) -> Any:
        """Return a frame without the features that may not be used; see :func:`apply_consent`."""
        engine = engine_of(frame)
        columns, features = engine.columns(frame), self.features
        check_columns([self.person, *features], columns)
        if self.person in features:
            raise ConfigError(f"column {self.person!r} is the person and cannot be a feature.")
        if status in columns:
            raise ConfigError(
                f"the frame already has a column {status!r}; give status another name."
            )
        judge, data = self._judge(engine, frame)
        kept = (engine.schema(frame).field(name) for name in features)
        outputs = pa.schema([*kept, pa.field(status, pa.string())])
        inputs = list(dict.fromkeys([*judge.inputs, *features]))
        return _judged(engine, data, RemoveFeatures(judge, status), outputs, inputs)

    def _judge(self, engine: Engine, frame: Any) -> tuple[Judge, Any]:
        """Return what judges the rows, and the rows with the decisions of their people."""
        columns = engine.columns(frame)
        if DECIDED in columns:
            raise ConfigError(f"the frame has a column {DECIDED!r}, which is needed; rename it.")
        each = self.at if isinstance(self.at, str) and self.at in columns else None
        if each and getattr(engine.schema(frame).field(each).type, "tz", None) is None:
            raise ConfigError(f"at: column {each!r} must hold times with a time zone.")
        judge = Judge(
            {name: tuple(names) for name, names in self.feature_groups.items()},
            None if each else moment(self.at),
            each,
            self.default,
            NEVER if self.refresh is None else self.refresh // datetime.timedelta(microseconds=1),
        )
        people = gathered(
            engine,
            self.decisions,
            person=self.consent_person or self.person,
            feature_group=self.feature_group,
            decision=self.decision,
            time=self.time,
            expires=self.expires,
            groups=[*self.feature_groups],
        )
        keys = (self.person, PERSON)
        return judge, with_lookup(engine, frame, people, keys=keys, columns=[DECIDED])


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

    The table of consents is checked at once; the frame is not read. Which decision holds is written
    at :class:`Consents`. Where rows and consents are frames of Dask or Spark, they are joined, and
    the order of the rows may change.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    consent : DataFrame, DuckDB relation or pyarrow.Table
        One row per decision, of any kind of frame.
    person, feature_groups, at, default, refresh, feature_group, decision, time, expires, \
consent_person
        As in :class:`Consents`.
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
    TooManyGroupsError
        For more than 20,000,000 people in consents of another engine than the frame's.
    """
    return Consents(
        consent,
        person=person,
        feature_groups=feature_groups,
        at=at,
        default=default,
        refresh=refresh,
        feature_group=feature_group,
        decision=decision,
        time=time,
        expires=expires,
        consent_person=consent_person,
    ).removed(frame, status)


def _judged(engine: Engine, data: Any, function: Any, outputs: pa.Schema, inputs: Any) -> Any:
    made = engine.with_columns(data, function, outputs, inputs=inputs, label="consent")
    return engine.without_columns(made, [DECIDED])
