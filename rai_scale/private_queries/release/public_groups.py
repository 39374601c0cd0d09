"""Declared groups: they are shown because they are public, not because they occur in the data."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

import pandas as pd

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.private_queries.engine_sql.columns import Typed
from rai_scale.private_queries.query.time_zones import local

Groups = Mapping[str, Sequence[Any]] | Sequence[Any] | pd.DataFrame
Key = tuple[Any, ...]
_WIDE = Context(prec=800)
_EXACT_FLOATS = 2.0**53


def public_groups(
    given: Groups, names: Sequence[str], types: Sequence[Typed], time_zone: str = "UTC"
) -> list[Key]:
    """Return the declared groups, each once, in the order given.

    Parameters
    ----------
    given
        A mapping from each group's name to its values (their cross-product is declared), a
        DataFrame with a column per group, or a sequence of keys (tuples where there are several
        groups).
    names, types
        Of the query's groups.
    time_zone
        In which values with a zone are read.

    Raises
    ------
    ConfigError
        If the names do not fit, or a value is not of its group's kind.
    """
    if not names:
        raise ConfigError("groups= declares groups, but the query has no GROUP BY.")
    if isinstance(given, pd.DataFrame):
        _check_names(list(map(str, given.columns)), names)
        found = list(given[list(names)].itertuples(index=False, name=None))
    elif isinstance(given, Mapping):
        _check_names(list(given), names)
        found = list(itertools.product(*(list(given[name]) for name in names)))
    elif isinstance(given, str):
        raise ConfigError("groups= is a mapping, a DataFrame or a sequence of keys; found a text.")
    else:
        found = [tuple(key) if isinstance(key, tuple | list) else (key,) for key in given]
    if any(len(key) != len(names) for key in found):
        raise ConfigError(f"each key of groups= has {len(names)} parts: {', '.join(names)}.")
    plain = (
        tuple(_plain(v, k, n, time_zone) for v, k, n in zip(key, types, names, strict=True))
        for key in found
    )
    unique = list(dict.fromkeys(plain))
    if not unique:
        raise ConfigError("groups= is empty; declare at least one group.")
    return unique


def _check_names(found: Sequence[str], names: Sequence[str]) -> None:
    if sorted(found) != sorted(names):
        wrong = next((n for n in found if n not in names), "")
        raise ConfigError(
            f"groups= names {', '.join(map(repr, found))}; the query's groups are "
            f"{', '.join(map(repr, names))}.{did_you_mean(wrong, names)}"
        )


def _plain(value: Any, like: Typed, name: str, time_zone: str) -> Any:
    """Return a value as the engines return a key of this kind."""
    try:
        return _converted(value, like, name, time_zone)
    except (ArithmeticError, UnicodeEncodeError):
        raise ConfigError(
            f"a value of groups= for {name!r} is out of the range of {like.kind}."
        ) from None


def _converted(  # noqa: PLR0911
    value: Any, like: Typed, name: str, time_zone: str
) -> Any:
    kind = like.kind
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if kind == "bool" and isinstance(value, bool):
        return value
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if kind in ("int", "decimal", "float") and number:
        if value != value:  # noqa: PLR0124
            return None
        if kind == "float":
            return float(value) + 0.0
        if not isinstance(value, float) or abs(value) < _EXACT_FLOATS:
            return _exact(value, like, name)
    if kind == "text" and isinstance(value, str) and "\0" not in value:
        value.encode()
        return value
    if kind == "date" and isinstance(value, datetime.date):
        return value.date() if isinstance(value, datetime.datetime) else value
    if kind == "time" and isinstance(value, datetime.date):
        value = pd.Timestamp(value).to_pydatetime()
        return local(value, time_zone)
    raise ConfigError(
        f"a value of groups= for {name!r} is not of type {kind} ({type(value).__name__})."
    )


def _exact(value: int | float | Decimal, like: Typed, name: str) -> int | Decimal:
    """Return an integer, or a decimal of the group's scale."""
    found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    units = _WIDE.scaleb(found, like.scale)
    if like.kind == "int" and units == int(units) and -(2**63) <= units < 2**63:
        return int(units)
    if like.kind == "decimal" and units == int(units) and abs(units) < 10**38:
        return _WIDE.scaleb(Decimal(int(units)), -like.scale)
    raise ConfigError(f"a value of groups= for {name!r} does not fit {like.kind} of the column.")
