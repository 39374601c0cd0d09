"""Tabs of the dashboard that show the main part of the page of a job."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from rai_scale.reports.personalization import render_personalization
from rai_scale.reports.private_risk import render_private_risk
from rai_scale.reports.result import render_result
from rai_scale.reports.risk import render_risk
from rai_scale.reports.words import plural, share

Record = Mapping[str, Any]


class Page(NamedTuple):
    """The page of a job as a tab.

    Attributes
    ----------
    title : str
    render : callable
        From the report of the job to its HTML page.
    finding : callable
        From the report to one sentence.
    """

    title: str
    render: Callable[[Record], str]
    finding: Callable[[Record], str]


def body_of(page: str, prefix: str) -> Markup:
    """Return the main part of a page, with headings one level lower, for use in another page.

    Parameters
    ----------
    page : str
        HTML of :func:`~rai_scale.reports.html.render`, in which all texts are escaped: what looks
        like a tag or an attribute is one.
    prefix : str
        Is put before identifiers, which are unique on a page.
    """
    body = page.partition("<main>")[2].rpartition("</main>")[0]
    body = re.sub(r"<(/?)h([2-5])\b", lambda tag: f"<{tag[1]}h{int(tag[2]) + 1}", body)
    body = re.sub(r' (id|for|aria-labelledby|aria-describedby)="', rf' \1="{prefix}', body)
    return Markup(body.replace(' href="#', f' href="#{prefix}'))  # noqa: S704, escaped before


def bodies(parts: Mapping[str, Record]) -> dict[str, Markup]:
    """Return the content of these tabs by job, for the reports that are there."""
    there = (name for name in PAGES if name in parts)
    return {name: body_of(PAGES[name].render(parts[name]), f"{name}-") for name in there}


def _render_risk(report: Record) -> str:
    return render_private_risk(report) if "privacy" in report else render_risk(report)


def _risk(report: Record) -> str:
    if "privacy" in report:
        return "Sizes of classes were released with noise."
    many = "people" if report.get("people") else "rows"
    alone = f"{report['uniques']:,} of {report['rows']:,} {many} can be singled out"
    known = "" if report["l"] is None else f", l = {report['l']}"
    return f"{alone} ({share(report['uniques'] / report['rows'])}); k = {report['k']:,}{known}."


def _personalization(report: Record) -> str:
    cases = report["use_cases"]
    sensitive = sum(bool(case["sensitive"]) for case in cases)
    text = f"{plural(len(cases), 'registered use')}, {sensitive} of them sensitive"
    faults = sum(row["count"] or 0 for row in report["log"]["faults"])
    text += f"; {plural(faults, 'fault')} in the log"
    if report["asked"]["exposure"]:
        loops = sum(bool(row["loses"]) for row in report["exposure"]["loops"])
        text += f"; {plural(loops, 'self-fulfilling loop')}"
    return f"{text}."


def _synthetic(report: Record) -> str:
    measured = plural(len(report["measurements"]), "noisy measurement")
    return (
        f"About {report['rows']:,} rows of {plural(report['columns'], 'column')}, from {measured}."
    )


def render_synthetic(report: Record) -> str:
    """Return the page of synthetic data.

    Parameters
    ----------
    report : mapping
        ``Synthesizer.to_dict()``; optional, by name in ``COMPARED``, ``to_dict()`` of comparisons
        with the real rows; ``title`` and ``notes``.
    """
    compared = [report[name] for name in COMPARED if report.get(name)]
    tables = {
        title: pd.DataFrame(part[name])
        for part in (*compared, report)
        for name, title in _TABLES.items()
        if isinstance(part.get(name), list)
    }
    internal = [_INTERNAL] if any(part.get("internal", True) for part in compared) else []
    notes = [_synthetic(report), *report.get("notes", ()), *internal]
    return render_result(report.get("title") or "Synthetic data", "", tables, notes=notes)


COMPARED = ("utility", "models", "gaps", "attacks")
_INTERNAL = (
    "Comparisons with the real rows were computed without noise, and the budget does not cover "
    "them. Do not publish them."
)
_TABLES = {
    "by_width": "Mean distance from the real rows (total variation), by number of columns",
    "pairs": "Pairs of columns",
    "scores": "Models trained on synthetic and on real rows",
    "values": "Measures of synthetic and of real rows",
    "attacks": "Attacks",
    "errors": "Bounds of the distance from the real counts (95 %)",
    "measurements": "Noisy measurements",
}


PAGES = {
    "risk": Page("Re-identification", _render_risk, _risk),
    "synthesize": Page("Synthetic data", render_synthetic, _synthetic),
    "personalization": Page("Personalisation", render_personalization, _personalization),
}
"""The jobs whose page is a tab, by the name of their command, which also names the tab."""
