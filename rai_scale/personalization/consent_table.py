"""A table of consents: checked, and gathered to one row per person by its own engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rai_scale.engines import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.engines.protocol import Engine
from rai_scale.engines.sql_verbs import SQL_DATA, Side
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.personalization.consent_decisions import NEVER
from rai_scale.personalization.log_faults import count_conditions, missing

# all texts of SQL in this module are made of quoted names, numbers and fixed words
# ruff: noqa: S608

MOST_PEOPLE = 20_000_000
PERSON, DECIDED = "rai_scale_person", "rai_scale_decisions"
_ALLOW = ("allow", "true", "1", "1.0", "yes", "granted")
_DENY = ("deny", "false", "0", "0.0", "no", "denied")


def gathered(
    engine: Engine,
    consent: Any,
    *,
    person: str,
    feature_group: str,
    decision: str,
    time: str,
    expires: str | None,
    groups: Sequence[str],
) -> Any:
    """Return one row per person with the text of all decisions; the table is only checked at once.

    Parameters
    ----------
    engine : Engine
        That of the frame in which people are looked up.
    consent : frame of any engine

    Returns
    -------
    frame of the engine, or pyarrow.Table
        The columns :data:`PERSON` and :data:`DECIDED`. A table of another engine comes as a
        ``pyarrow.Table``.

    Raises
    ------
    ConfigError
        If a time has no zone or is missing, or a decision is neither allow nor deny.
    TooManyGroupsError
        If people of another engine than the frame's are more than :data:`MOST_PEOPLE`.
    """
    home = engine_of(consent)
    names = {person: "p", feature_group: "f", decision: "d", time: "t"}
    names |= {expires: "e"} if expires else {}
    check_columns(names, home.columns(consent))
    schema = home.schema(consent)
    for name in (time, expires):
        if name and getattr(schema.field(name).type, "tz", None) is None:
            raise ConfigError(
                f"consent: column {name!r} must hold times with a time zone; found "
                f"{schema.field(name).type}. Give the zone in which they were recorded."
            )
    dialect, data = Dialect(home.dialect), home.with_names(consent, names)
    allow, deny = (f"{_lower(dialect, 'd')} IN ({_listed(v)})" for v in (_ALLOW, _DENY))
    _check(home, data, f"coalesce({allow} OR {deny}, FALSE)", decision)
    text = dialect.type_of("text")
    cases = " ".join(
        f"WHEN CAST(f AS {text}) = {dialect.text(name)} THEN {n}" for n, name in enumerate(groups)
    )
    micros = "unix_micros" if dialect.spark else "epoch_us"
    end = f"coalesce({micros}(e), {dialect.integer(NEVER)})" if expires else f"{NEVER}"
    allowed = f"CASE WHEN {allow} THEN 1 ELSE 0 END"
    number = f"CASE {cases} ELSE -1 END" if cases else "-1"
    numbers = (number, f"{micros}(t)", end, allowed)
    each = ", ".join(f"CAST({one} AS {text})" for one in numbers)
    whole = home.sql_sees_all
    part = "" if whole else ", coalesce(CAST(hash(p) >> 1 AS BIGINT), 0) AS part"
    known = f"NOT {missing(dialect, 'p', schema.field(person).type)}"
    side = Side(data, f"SELECT p, concat_ws(' ', {each}) AS d{part} FROM {SQL_DATA} WHERE {known}")
    listed = "concat_ws(',', collect_list(d))" if dialect.spark else "string_agg(d, ',')"
    sql = f"SELECT p AS {PERSON}, {listed} AS {DECIDED} FROM decided GROUP BY p"
    found = home.join_sql({"decided": side}, sql, together=() if whole else ("part",))
    if home.name == engine.name and engine.joins:
        return found
    table = home.collect(found)
    if table.num_rows > MOST_PEOPLE:
        raise TooManyGroupsError([person], MOST_PEOPLE)
    return table


def _lower(dialect: Dialect, name: str) -> str:
    return f"lower(CAST({name} AS {dialect.type_of('text')}))"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _check(engine: Engine, data: Any, good: str, decision: str) -> None:
    _, counts = count_conditions(engine, data, {"odd": f"NOT {good}", "time": "t IS NULL"})
    if counts["odd"]:
        raise ConfigError(
            f"consent: {counts['odd']:,} values of column {decision!r} are neither 'allow' nor "
            "'deny' (or true and false)."
        )
    if counts["time"]:
        raise ConfigError(f"consent: {counts['time']:,} decisions have no time.")
