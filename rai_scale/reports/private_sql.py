"""The page of a private SQL run: the releases, their accuracy, their cost, and the budget left.

It is made from released values and from the ledger; it contains no exact count and no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render

Record = Mapping[str, Any]

PRIVATE_SQL: dict[str, Any] = {
    **keys("title limits notes"),
    "run": keys("run_id engine status"),
    "settings": keys("scope analyst mechanism epsilon delta"),
    "releases": [keys("name query columns rows intervals more")],
}
_DIGITS = 6


def render_private_sql(report: Record) -> str:
    """Return the HTML page of a private SQL run.

    Parameters
    ----------
    report : mapping
        ``title``, ``run`` (``run_id``, ``engine``, ``status``), ``settings`` (``scope``,
        ``analyst``, ``mechanism``, ``epsilon``, ``delta``), ``releases`` (``name``, ``query``,
        ``columns`` as in ``PrivateRelease.columns_info``, ``rows`` of released values,
        ``intervals``, a pair or None for each of these values, ``more``, whether there are other
        rows), ``limits`` (the ledger's caps and grants; None if they are unknown) and ``notes``.
        In settings and releases, ``epsilon`` is None if ``rho`` is given instead.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, PRIVATE_SQL, "private_sql")
    return render("private_sql.html.j2", report, view=private_sql_view(report))


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


def released_view(stored: Record) -> dict[str, Any]:
    """Return the parts of the page from ``releases.json``."""
    pairs = zip(stored["releases"], stored["shown"], strict=True)
    return private_sql_view({**stored, "releases": [{**a, **b} for a, b in pairs]})


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
            "bounds": None if pair is None else " to ".join(map(figure, pair)),
        }
        for value, pair, column in zip(row, bounds, columns, strict=True)
    ]


def _limit(limit: Record) -> dict[str, Any]:
    days = limit.get("window_days")
    return {
        **limit,
        "of": "all analysts" if limit["analyst"] == "*" else limit["analyst"],
        "on": "all datasets" if limit["dataset"] == "*" else limit["dataset"],
        "window": "all time" if days is None else f"the last {days:g} days",
        **{f"{key}_text": figure(limit[key], 12) for key in ("cap", "spent", "remaining")},
    }


def budget(amounts: Record) -> str:
    """Return the spent budget as text: ``rho 0.1 and delta 1e-06``."""
    named = ("epsilon", "rho", "delta")
    found = {name: float(amounts[name]) for name in named if amounts.get(name) is not None}
    texts = [f"{name} {value:.6g}" for name, value in found.items() if value or name == "epsilon"]
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def group(value: Any) -> str:
    """Return the value of a group as text; ``(null)`` for a missing value."""
    return "(null)" if value is None else str(value)


def figure(value: Any, digits: int = _DIGITS) -> str:
    """Return a number with ``digits`` significant digits; integers get thousands separators."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isinf(value):
        return "no limit"
    if float(value).is_integer() and abs(value) < 10**15:
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"
