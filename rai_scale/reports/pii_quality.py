"""The page of an evaluation of a detector: what it finds of the labelled data, per entity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render

EVALUATION: dict[str, Any] = {
    **keys("title texts errors templates"),
    "settings": keys("match confidence model"),
    "measures": [keys("column entity measure value lower upper labelled found hits")],
}
ALL = "*"


def render_evaluation(report: Mapping[str, Any]) -> str:
    """Return the HTML page of an evaluation; it contains counts and no texts.

    Parameters
    ----------
    report : mapping
        ``PiiEvaluation.to_dict()`` with a ``title``; optional ``gates``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, EVALUATION, "evaluation")
    rows = _rows(report["measures"])
    return render(
        "pii_quality.html.j2",
        report,
        overall=rows.get((ALL, ALL)),
        entities=_sorted(r for (c, e), r in rows.items() if c == ALL and e != ALL),
        columns=_sorted(r for (c, e), r in rows.items() if c != ALL and e == ALL),
    )


def _rows(measures: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in measures:
        names = ("column", "entity", "labelled", "found", "hits")
        entry = rows.setdefault((row["column"], row["entity"]), {name: row[name] for name in names})
        entry[row["measure"]] = row
    return rows


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the rows with the most labelled data first."""
    return sorted(rows, key=lambda row: (-row["labelled"], -row["found"], row["entity"]))
