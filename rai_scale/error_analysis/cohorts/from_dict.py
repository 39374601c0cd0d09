"""Conditions from dictionaries, as a YAML file has them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rai_scale.error_analysis.cohorts.conditions import (
    NEGATED,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Missing,
    Node,
    Not,
    OneOf,
    Outcome,
)
from rai_scale.errors import ConfigError, did_you_mean

_GROUPS = ("and", "or", "not", "right", "node")
_TESTS = (*NEGATED, "in", "not in", "between", "missing")
_VALUES = (str, bool, int, float, Decimal, dt.date)


def condition_of(given: Any) -> Condition:
    """Return the condition that a dictionary describes.

    Raises
    ------
    ConfigError
        If it is malformed; the message has no values.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(f"a cohort is text or a dictionary; found a {type(given).__name__}.")
    if "column" in given:
        return _of_column(given)
    if len(given) != 1 or next(iter(given)) not in _GROUPS:
        unknown = next((str(key) for key in given if key not in _GROUPS), "")
        raise ConfigError(
            "a part of a cohort is {'column': name, '<=': value} or has exactly one of the keys "
            f"{', '.join(_GROUPS)}.{did_you_mean(unknown, [*_GROUPS, 'column'])}"
        )
    ((word, part),) = given.items()
    if word == "not":
        return Not(condition_of(part))
    if word == "right":
        if not isinstance(part, bool):
            raise ConfigError("'right' in a cohort is true or false.")
        return Outcome(part)
    if word == "node":
        if not isinstance(part, int) or isinstance(part, bool):
            raise ConfigError("'node' in a cohort is the number of a node.")
        return Node(part)
    if not isinstance(part, Sequence) or isinstance(part, str):
        raise ConfigError(f"{word!r} in a cohort needs a list of conditions.")
    kind = AllOf if word == "and" else AnyOf
    return kind(tuple(condition_of(one) for one in part))


def _of_column(given: Mapping[str, Any]) -> Condition:
    column = given["column"]
    tests = {key: value for key, value in given.items() if key != "column"}
    if not isinstance(column, str) or not tests or not set(tests) <= set(_TESTS):
        unknown = next((str(key) for key in tests if key not in _TESTS), "")
        raise ConfigError(
            f"a condition on a column needs one of {', '.join(_TESTS)}."
            f"{did_you_mean(unknown, _TESTS)}"
        )
    parts = tuple(_test(column, key, value) for key, value in tests.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _test(column: str, key: str, value: Any) -> Condition:
    if key == "missing":
        if not isinstance(value, bool):
            raise ConfigError("'missing' in a cohort is true or false.")
        return Missing(column) if value else Not(Missing(column))
    if key in NEGATED:
        return Compare(column, key, _checked(value))
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{key!r} in a cohort needs a list of values.")
    values = tuple(map(_checked, value))
    if key == "between":
        if len(values) != 2:  # noqa: PLR2004
            raise ConfigError("'between' in a cohort needs a lower and an upper value.")
        return AllOf((Compare(column, ">=", values[0]), Compare(column, "<=", values[1])))
    return OneOf(column, values, key == "in")


def _checked(value: Any) -> Any:
    if not isinstance(value, _VALUES):
        raise ConfigError(
            f"a value in a cohort is a {type(value).__name__}; use text, a number, a date or true "
            "and false. For missing values use 'missing'."
        )
    return value
