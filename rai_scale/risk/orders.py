"""The order of sensitive values, for the ordered distance of t-closeness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.arrow_types import is_number, is_text
from rai_scale.engines.dialect import Dialect
from rai_scale.errors import ConfigError

Order = bool | Sequence[Any]
"""True for the natural order of numbers and times, or all values from the lowest to the highest."""


def order_sql(name: str, order: Order | None, kind: pa.DataType, dialect: str) -> str | None:
    """Return the expression that column ``s`` is sorted by; None for the equal distance.

    Raises
    ------
    ConfigError
        If the type has no natural order, or the listed values are not of its type.
    """
    if order is None or order is False:
        return None
    if order is True:
        if not (is_number(kind) or pa.types.is_temporal(kind)):
            raise ConfigError(
                f"ordered: column {name!r} has type {kind}, which has no natural order. List its "
                "values from the lowest to the highest."
            )
        return "s"
    values = list(order)
    if len(set(map(repr, values))) != len(values) or not values:
        raise ConfigError(f"ordered: list each value of column {name!r} once.")
    if isinstance(order, str) or not all(_fits(value, kind) for value in values):
        raise ConfigError(
            f"ordered: the values listed for column {name!r} are not all of its type, {kind}."
        )

    def literal(value: Any) -> str:
        return Dialect(dialect).text(value) if isinstance(value, str) else repr(value)

    cases = " ".join(f"WHEN s = {literal(value)} THEN {at}" for at, value in enumerate(values))
    return f"CASE {cases} END"


def ranks_of(values: Sequence[Any], order: Order | None) -> np.ndarray:
    """Return the rank from 0 of each distinct value, null last; -1 for values not listed."""
    listed = (
        None if isinstance(order, bool) or order is None else {v: i for i, v in enumerate(order)}
    )

    def key(value: Any) -> tuple[int, Any]:
        if value is None:
            return 2, 0
        if value != value:  # noqa: PLR0124 - NaN follows all numbers
            return 1, 0
        return 0, value if listed is None else listed[value]

    known = [i for i, v in enumerate(values) if listed is None or v is None or v in listed]
    ranks = np.full(len(values), -1, dtype=np.int64)
    ranks[sorted(known, key=lambda i: key(values[i]))] = np.arange(len(known))
    return ranks


def checked_orders(ordered: Mapping[str, Order] | None, sensitive: Sequence[str]) -> dict[str, Any]:
    """Return ``ordered``; raise :class:`ConfigError` for columns that are not sensitive."""
    orders = dict(ordered or {})
    other = [name for name in orders if name not in sensitive]
    if other:
        names = ", ".join(map(repr, other))
        raise ConfigError(f"ordered: {names} is not a sensitive column. Add it to sensitive.")
    return orders


def _fits(value: Any, kind: pa.DataType) -> bool:
    if is_text(kind):
        return isinstance(value, str)
    return is_number(kind) and isinstance(value, int | float) and not isinstance(value, bool)
