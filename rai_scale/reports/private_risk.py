"""The page of a private release of re-identification risk: noisy numbers, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render

PRIVATE_RISK: dict[str, Any] = keys("title quasi_identifiers totals privacy notes")
SHOWN = 50


def render_private_risk(report: Mapping[str, Any]) -> str:
    """Return the HTML page of a private release.

    Parameters
    ----------
    report : mapping
        ``title``, ``quasi_identifiers``, ``totals``, ``privacy`` and ``notes`` of ``NoisySizes`` or
        ``NoisyClasses``, and ``sizes`` or ``classes``: the rows of its table; optional ``run`` and
        ``gates``.

    Raises
    ------
    ConfigError
        If a required key is missing.
    """
    check_report(report, PRIVATE_RISK, "risk")
    classes = report.get("classes") or []
    view = {
        "classes": [[row[n] for n in report["quasi_identifiers"]] for row in classes[:SHOWN]],
        "counts": classes[:SHOWN],
        "more": max(0, len(classes) - SHOWN),
        "sizes": report.get("sizes") or [],
        "under": {
            name.removeprefix("people_under_"): max(people, 0)
            for name, people in report["totals"].items()
            if name.startswith("people_under_")
        },
    }
    return render("private_risk.html.j2", report, risk=view)
