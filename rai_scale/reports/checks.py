"""Check the dicts that reports are made from, before anything is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rai_scale.errors import ConfigError, did_you_mean

VERDICTS = ("personal", "secret", "indirect", "possible", "unlikely")
DECIDED_BY = ("name", "values", "both", "reviewer")
TABLE_STATUSES = ("findings", "clean", "unreadable", "partly unreadable", "left out")
RUN_STATUSES = ("ok", "warnings", "failed")
RATIOS = ("share", "share_low", "share_high", "recall", "precision")


def keys(names: str) -> dict[str, None]:
    """Return required keys, given as words, whose values may be anything."""
    return dict.fromkeys(names.split())


# Required keys only. A dict is a record, a one-item list is a list of records, None is any value.
RUN: dict[str, Any] = keys("run_id started engine status")
_COLUMN = {"column": None, "findings": [keys("entity share verdict")]}
SCAN: dict[str, Any] = {
    "title": None,
    "run": RUN,
    "summary": keys("tables columns rows"),
    "tables": [{**keys("table status"), "columns": [_COLUMN]}],
}
_ROWS = keys("table rows_in rows_out rows_quarantined rows_skipped cells_changed")
_CHANGED = {**keys("column how"), "findings": [keys("entity operator count")]}
REDACTION: dict[str, Any] = {
    "title": None,
    "run": RUN,
    "tables": [{**_ROWS, "columns": [_CHANGED]}],
}
DEMO: dict[str, Any] = {
    "title": None,
    "run": RUN,
    "before": SCAN,
    "redaction": REDACTION,
    "after": SCAN,
    "proof": {
        **keys("items removed recall precision"),
        "by_entity": [keys("entity items removed recall")],
        "by_table": [keys("table items removed recall")],
        "missed": [keys("table column entity count")],
    },
}

# Optional lists, and the keys that their records must have.
OPTIONAL: dict[str, Any] = {
    "gates": [keys("name passed")],
    "not_looked_at": [keys("what where reason count bytes")],
    "overrides": [keys("table column decision entity reviewer reason expires columns outcome")],
    "ignored": [keys("file reason files")],
    "errors": [keys("error rows")],
}


def check_report(report: object, shape: Mapping[str, Any], kind: str) -> None:
    """Check that a report has every required key, and that its values are valid.

    Words with a fixed vocabulary, shares (0 to 1) and times (ISO 8601) are checked, because a
    report that shows 3820 % or an unknown verdict misleads its readers.

    Parameters
    ----------
    report : object
    shape : mapping
        The required keys, such as :data:`SCAN`.
    kind : str
        Name of the report for messages.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
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
                f"The keys are: {', '.join(map(str, found)) or 'none'}."
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
                f"{where} of the {kind} report must be a number from 0 to 1, or null if it was not "
                f"measured; found {value!r}."
            )


def _one_of(value: object, choices: tuple[str, ...], kind: str, where: str) -> None:
    if value not in choices:
        raise ConfigError(
            f"{where} of the {kind} report is {value!r}.{did_you_mean(str(value), choices)} "
            f"Allowed values: {', '.join(choices)}."
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
    """Return a report in which infinite numbers (``"inf"``), which no axis can show, are None."""
    if isinstance(report, Mapping):
        return {key: finite(value, key in NUMBERS) for key, value in report.items()}
    if isinstance(report, list):
        return [finite(value, number) for value in report]
    return None if number and report in ("inf", "-inf") else report
