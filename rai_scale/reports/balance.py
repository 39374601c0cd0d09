"""The page of a balance run: one section per sensitive feature, with its groups and measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render

BALANCE: dict[str, Any] = {
    **keys("title rows notes"),
    "settings": keys("sensitive_features reference"),
    "groups": [keys("feature group rows share small")],
    "measures": [keys("family feature outcome group versus measure value")],
    "definitions": [keys("family measure formula ideal")],
}

FAMILIES = {
    "feature_balance": "Association with the positive label: gap between two groups (SynapseML)",
    "distribution_balance": "Shares of the groups compared with the reference (SynapseML)",
    "aggregate_balance": "Inequality of the groups' shares (SynapseML)",
    "divergence": "Divergence from the reference (LiFT)",
    "skew": "Skew: above 0, a group has more than its share in the reference (LiFT)",
    "parity": "Distance between two groups (LiFT)",
    "inequality": "Inequality of a rate across the groups (LiFT)",
    "pre_training": "Labels of each group compared with all others (Clarify, pre-training)",
    "post_training": "Predictions of each group compared with all others (Clarify, post-training)",
    "overall": "All rows, regardless of group (Clarify)",
}
READINGS = {"label_rate": "labels", "prediction_rate": "predictions", "score_rate": "scores"}
SHOWN = 60
"""Maximum number of rows of a table on the page; the tables of the result have all rows."""

TINY = 1e-4


def render_balance(report: Mapping[str, Any]) -> str:
    """Return the HTML page of a balance run.

    The page names the groups, which are values of the sensitive features; it contains no row.

    Parameters
    ----------
    report : mapping
        ``BalanceResult.to_dict()``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, BALANCE, "balance")
    return render("balance.html.j2", report, sections=balance_sections(report))


def balance_sections(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of the page, per sensitive feature and for all rows."""
    measures = report["measures"]
    names = list(dict.fromkeys(row["feature"] for row in measures))
    return [_section(report, name, [r for r in measures if r["feature"] == name]) for name in names]


def _section(report: Mapping[str, Any], name: Any, measures: Sequence[Any]) -> dict[str, Any]:
    groups = [group for group in report["groups"] if group["feature"] == name]
    rates = [k for k in (groups[0] if groups else {}) if k not in BALANCE["groups"][0]]
    families = dict.fromkeys(row["family"] for row in measures)
    return {
        "name": name or "All rows",
        "readings": list(_readings(groups)),
        "rates": [rate.replace("_", " ") for rate in rates],
        "groups": [{**group, "rates": [figure(group[r]) for r in rates]} for group in groups],
        "tables": [_table(f, [r for r in measures if r["family"] == f]) for f in families],
    }


def _readings(groups: Sequence[Mapping[str, Any]]) -> Any:
    """Yield the groups with the lowest and the highest value of each rate."""
    for rate, what in READINGS.items():
        known = [group for group in groups if isinstance(group.get(rate), float)]
        if len(known) > 1:
            low, high = (pick(known, key=lambda g: g[rate]) for pick in (min, max))
            yield {"what": what, "low": low, "high": high, "rate": rate}


def _table(family: str, measures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in measures:
        at = (_text(row["outcome"]), _text(row["group"]), _text(row["versus"]))
        rows.setdefault(at, {})[row["measure"]] = figure(row["value"])
    columns = list(dict.fromkeys(row["measure"] for row in measures))
    by = [i for i in range(3) if any(at[i] for at in rows)]
    return {
        "title": FAMILIES.get(family, family),
        "by": [("of", "group", "versus")[i] for i in by],
        "columns": columns,
        "rows": [
            ([at[i] for i in by], [found.get(name, "") for name in columns])
            for at, found in list(rows.items())[:SHOWN]
        ],
        "left": max(0, len(rows) - SHOWN),
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def figure(value: Any) -> str:
    """Return a number with four decimals, and ``undefined`` for None."""
    if value is None:
        return "undefined"
    if isinstance(value, str):
        return value
    return f"{value:.1e}" if 0 < abs(value) < TINY else f"{value:.4f}"
