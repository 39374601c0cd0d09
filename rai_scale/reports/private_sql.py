"""The page of a private SQL run: what was released, how far off it is, what it cost, what is left.

It is made of released values and of the ledger; it holds no exact count and no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import check_report
from rai_scale.reports.html import _render

Record = Mapping[str, Any]

PRIVATE_SQL: dict[str, Any] = {
    "title": None,
    "run": {"run_id": None, "engine": None, "status": None},
    "settings": {"scope": None, "analyst": None, "mechanism": None, "epsilon": None, "delta": None},
    "releases": [
        {
            "name": None,
            "query": None,
            "columns": None,
            "rows": None,
            "intervals": None,
            "more": None,
        }
    ],
    "limits": None,
    "notes": None,
}
_DIGITS = 6


def render_private_sql(report: Record) -> str:
    """Return the page of a private SQL run.

    ``report`` has ``title``, ``run`` (``run_id``, ``engine``, ``status``), ``settings`` (``scope``,
    ``analyst``, ``mechanism``, ``epsilon``, ``delta``; ``epsilon`` is None where ``rho`` is given
    instead, in settings and releases alike), ``releases`` (``name``, ``query``,
    ``columns`` as of ``PrivateRelease.columns_info``, ``rows`` of released values, ``intervals`` of
    these cells or None, ``more`` rows that are not shown), ``limits`` (the ledger's caps and
    grants; None where they are not known) and ``notes``.

    Raises :class:`~rai_scale.errors.ConfigError` if a required key is missing or malformed.
    """
    check_report(report, PRIVATE_SQL, "private_sql")
    return _render("private_sql.html.j2", report, view=private_sql_view(report))


def private_sql_view(report: Record) -> dict[str, Any]:
    """Return the parts of the page."""
    limits = [_limit(limit) for limit in report["limits"] or []]
    return {
        "releases": [_release(each, i) for i, each in enumerate(report["releases"], 1)],
        "budget": budget(report["settings"]),
        "limits": limits,
        "known": report["limits"] is not None,
        "tightest": [limit for limit in limits if limit["cap"]][:4],
    }


def _release(release: Record, number: int) -> dict[str, Any]:
    columns = [_column(column) for column in release["columns"]]
    return {
        **release,
        "anchor": f"release-{number}",
        "budget": budget(release),
        "by_rho": any(column.get("rho") for column in columns),
        "columns": columns,
        "rows": [
            _cells(row, bounds, columns)
            for row, bounds in zip(release["rows"], release["intervals"], strict=True)
        ],
        "worst": max((c["half_width_95"] or 0 for c in columns), default=0),
    }


def _column(column: Record) -> dict[str, Any]:
    width = column.get("half_width_95")
    return {
        **column,
        "half_width_95": width,
        "number": column.get("made_of") != "group",
        **{f"{name}_text": figure(column.get(name), 4) for name in ("epsilon", "rho")},
        "scale_text": figure(column.get("noise_scale")),
        "width_text": _width(width, column.get("interval")),
    }


def _width(width: float | None, interval: str | None) -> str:
    if width is not None:
        return f"±{figure(width)}"
    return "in the table" if interval and interval.startswith("per row") else "–"


def _cells(
    row: Sequence[Any], bounds: Sequence[Any], columns: Sequence[Record]
) -> list[dict[str, Any]]:
    return [
        {
            "text": figure(value) if column["number"] else group(value),
            "number": column["number"],
            "bounds": None if pair is None else " to ".join(map(_end, pair)),
        }
        for value, pair, column in zip(row, bounds, columns, strict=True)
    ]


def _end(value: float) -> str:
    if value is not None and math.isinf(value):
        return "no limit"
    return figure(value)


def _limit(limit: Record) -> dict[str, Any]:
    days = limit.get("window_days")
    return {
        **limit,
        "of": "all" if limit["analyst"] == "*" else limit["analyst"],
        "on": "all" if limit["dataset"] == "*" else limit["dataset"],
        "window": "for ever" if days is None else f"the last {days:g} days",
        **{f"{key}_text": figure(limit[key], 12) for key in ("cap", "spent", "remaining")},
    }


def budget(amounts: Record) -> str:
    """Return what was spent, by the measures that are known: ``rho 0.1 and delta 1e-06``."""
    named = ("epsilon", "rho", "delta")
    found = {name: float(amounts[name]) for name in named if amounts.get(name) is not None}
    texts = [f"{name} {value:.6g}" for name, value in found.items() if value or name == "epsilon"]
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def group(value: Any) -> str:
    """Return a group's value as text; a missing one is said."""
    return "(null)" if value is None else str(value)


def figure(value: Any, digits: int = _DIGITS) -> str:
    """Return a number with so many significant digits, whole numbers with separators."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer() and abs(value) < 10**15:
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"
