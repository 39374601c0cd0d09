"""Check the plain dicts that reports are made of, before anything is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rai_scale.errors import ConfigError, did_you_mean

VERDICTS = ("personal", "possible", "unlikely")
DECIDED_BY = ("name", "values", "both")
TABLE_STATUSES = ("findings", "clean", "unreadable", "partly unreadable")
RUN_STATUSES = ("ok", "warnings", "failed")
RATIOS = ("share", "share_low", "share_high", "recall", "precision")

# The required keys only. A dict is a record, a one-item list a list of records, None any value.
RUN: dict[str, Any] = {"run_id": None, "started": None, "engine": None, "status": None}
SCAN: dict[str, Any] = {
    "title": None,
    "run": RUN,
    "summary": {"tables": None, "columns": None, "rows": None},
    "tables": [
        {
            "table": None,
            "status": None,
            "columns": [
                {"column": None, "findings": [{"entity": None, "share": None, "verdict": None}]}
            ],
        }
    ],
}
REDACTION: dict[str, Any] = {
    "title": None,
    "run": RUN,
    "tables": [
        {
            "table": None,
            "rows_in": None,
            "rows_out": None,
            "rows_quarantined": None,
            "rows_skipped": None,
            "cells_changed": None,
            "columns": [
                {
                    "column": None,
                    "how": None,
                    "findings": [{"entity": None, "operator": None, "count": None}],
                }
            ],
        }
    ],
}
DEMO: dict[str, Any] = {
    "title": None,
    "run": RUN,
    "before": SCAN,
    "redaction": REDACTION,
    "after": SCAN,
    "proof": {
        "items": None,
        "removed": None,
        "recall": None,
        "precision": None,
        "by_entity": [{"entity": None, "items": None, "removed": None, "recall": None}],
        "by_table": [{"table": None, "items": None, "removed": None, "recall": None}],
        "missed": [{"table": None, "column": None, "entity": None, "count": None}],
    },
}

# Lists that may be left out, and what their records need where they are given.
OPTIONAL: dict[str, Any] = {
    "gates": [{"name": None, "passed": None}],
    "not_looked_at": [{"what": None, "where": None, "reason": None, "count": None, "bytes": None}],
    "ignored": [{"file": None, "reason": None, "files": None}],
    "errors": [{"error": None, "rows": None}],
}


def check_report(report: object, shape: Mapping[str, Any], kind: str) -> None:
    """Raise :class:`ConfigError` unless ``report`` has every required key of ``shape``.

    Also checks the words that have a fixed vocabulary, that shares lie in 0..1 and that times are
    ISO 8601, because a report that shows 3820 % or an unknown verdict misleads silently.
    """
    _check(report, shape, kind, "")


def _check(found: object, shape: Any, kind: str, path: str) -> None:
    if isinstance(shape, list):
        if not isinstance(found, list | tuple):
            raise _wrong_type(kind, path, "a list", found)
        for index, item in enumerate(found):
            _check(item, shape[0], kind, f"{path}[{index}]")
        return
    if not isinstance(found, Mapping):
        raise _wrong_type(kind, path, "a dict", found)
    for key, inner in shape.items():
        where = f"{path}.{key}" if path else key
        if key not in found:
            raise ConfigError(
                f"the {kind} report has no {where!r}."
                f"{did_you_mean(key, [str(k) for k in found if k not in shape])} "
                f"Found here: {', '.join(map(str, found)) or 'nothing'}."
            )
        if inner is not None:
            _check(found[key], inner, kind, where)
    for key, value in found.items():
        where = f"{path}.{key}" if path else str(key)
        if key in OPTIONAL and isinstance(value, list):
            _check(value, OPTIONAL[key], kind, where)
        _check_value(key, value, kind, where)


def _check_value(key: object, value: Any, kind: str, where: str) -> None:
    parent = where.split(".")[-2] if "." in where else ""
    if key == "status":
        _one_of(value, RUN_STATUSES if parent == "run" else TABLE_STATUSES, kind, where)
    elif key == "verdict":
        _one_of(value, VERDICTS, kind, where)
    elif key == "decided_by" and value is not None:
        _one_of(value, DECIDED_BY, kind, where)
    elif key == "started":
        _check_time(value, kind, where)
    elif key in RATIOS and value is not None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= 1:
            raise ConfigError(
                f"{where} of the {kind} report must be a number from 0 to 1, or null where it was "
                f"not measured; found {value!r}."
            )


def _one_of(value: object, choices: tuple[str, ...], kind: str, where: str) -> None:
    if value not in choices:
        raise ConfigError(
            f"{where} of the {kind} report is {value!r}.{did_you_mean(str(value), choices)} "
            f"Allowed: {', '.join(choices)}."
        )


def _check_time(value: object, kind: str, where: str) -> None:
    try:
        datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ConfigError(
            f"{where} of the {kind} report must be an ISO 8601 time such as "
            f"2026-01-31T02:00:00+00:00; found {value!r}."
        ) from error


def _wrong_type(kind: str, path: str, wanted: str, found: object) -> ConfigError:
    where = f"{path} of the {kind} report" if path else f"a {kind} report"
    return ConfigError(f"{where} must be {wanted}; found {type(found).__name__}.")


NUMBERS = frozenset(
    {
        *("value", "values", "low", "high", "overall", "distance", "difference", "ratio", "change"),
        *("previous", "current", "z", "mu_star", "sigma", "first", "lines", "error", "middle"),
        *("prediction", "base_value"),
    }
)


def finite(report: Any, number: bool = False) -> Any:
    """Return a report in which numbers that no axis can hold (``"inf"``) are missing."""
    if isinstance(report, Mapping):
        return {key: finite(value, key in NUMBERS) for key, value in report.items()}
    if isinstance(report, list):
        return [finite(value, number) for value in report]
    return None if number and report in ("inf", "-inf") else report
