"""The page of re-identification risk: who, by which columns, and what hiding people costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render
from rai_scale.reports.words import plural, share

RISK: dict[str, Any] = keys(
    "title k l rows classes uniques rows_under sensitive quasi_identifiers marketer notes"
)
SHOWN = 15
_FEW = 5


def render_risk(report: Mapping[str, Any]) -> str:
    """Return the HTML page of re-identification risk.

    The page has names of columns, names of groups and counts; it contains no row.

    Parameters
    ----------
    report : mapping
        ``Anonymity.to_dict()`` with a ``title``; optional ``run``, ``gates``, ``people`` (whether
        people were counted), ``columns`` (the rows of ``risky_columns``), ``linkage``
        (``Linkage.to_dict()``), ``generalise`` (``Generalisation.to_dict()``) and ``membership``
        (``Membership.to_dict()``).

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, RISK, "risk")
    return render("risk.html.j2", report, risk=_view(report))


def _view(report: Mapping[str, Any]) -> dict[str, Any]:
    one, many = ("person", "people") if report.get("people") else ("row", "rows")
    groups = sorted(report.get("groups") or [], key=lambda row: -row["uniques"] / row["rows"])
    measured = ("rows", "k", "uniques", "under_5", "marketer")
    columns = report.get("columns") or []
    attack, hidden = report.get("linkage"), report.get("generalise")
    return {
        "one": one,
        "many": many,
        "alone": plural(report["uniques"], one, many),
        "alone_share": share(report["uniques"] / report["rows"]),
        "few": plural(report["rows_under"][str(_FEW)], one, many),
        "few_share": share(report["rows_under"][str(_FEW)] / report["rows"]),
        "known": [name for name, row in report["sensitive"].items() if row["distinct_l"] == 1],
        "under": [
            {"k": k, "count": count, "share": share(count / report["rows"])}
            for k, count in report["rows_under"].items()
        ],
        "groups": [
            {"name": ", ".join(str(v) for n, v in row.items() if n not in measured), **row}
            for row in groups[:SHOWN]
        ],
        "more_groups": max(0, len(groups) - SHOWN),
        "columns": columns[:SHOWN],
        "attack": _attack(attack) if attack else None,
        "hidden": hidden,
        "recognised": _recognised(report.get("membership")),
    }


def _recognised(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    rates = [
        {name: share(value) if name != "threshold" else value for name, value in row.items()}
        for row in found["rates"]
    ]
    beyond = any(row["tpr_low"] > row["limit"] for row in found["rates"])
    return {**found, "rates": rates, "beyond": beyond}


def _attack(found: Mapping[str, Any]) -> dict[str, Any]:
    shuffled, uniform = found["baseline"]
    ratio = found["over_baseline"]
    return {
        **found,
        "share": share(found["with_candidate"] / found["known"]),
        "shuffled": shuffled,
        "uniform": uniform,
        "ratio": f"{ratio:,.2f}" if isinstance(ratio, float) else None,
        "beyond": isinstance(ratio, float) and found["with_candidate"] > shuffled["highest"],
    }
