"""One page over the results of several jobs: a tab per subject, and cohorts to choose from.

Everything is on the page without its script, which shows one tab at a time and the numbers of the
chosen cohort.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rai_scale.reports.balance import balance_sections
from rai_scale.reports.checks import RUN, check_report, finite, keys
from rai_scale.reports.dashboard_models import calculator, measured_tables
from rai_scale.reports.dashboard_pages import PAGES, bodies
from rai_scale.reports.dashboard_parts import without_rows
from rai_scale.reports.ebm import ebm_view
from rai_scale.reports.error_analysis import tree_view
from rai_scale.reports.explain import explain_view
from rai_scale.reports.fairness import fairness_view
from rai_scale.reports.html import render
from rai_scale.reports.private_sql import budget, released_view
from rai_scale.reports.view import scan_view
from rai_scale.reports.words import plural, share

Record = Mapping[str, Any]

DASHBOARD: dict[str, Any] = {
    **keys("title suppress_below parts profiles notes"),
    "run": RUN,
    "results": [{**keys("job gates"), "run": keys("run_id engine status")}],
    "private": [keys("job scope")],
}
TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "errors": ("Error analysis", ("error-analysis",)),
    "models": ("Model overview", ("error-analysis", "fairness", "train-ebm")),
    "data": ("Data", ("balance",)),
    "importances": ("Importances", ("explain", "train-ebm")),
    "what-if": ("What-if", ("explain", "train-ebm")),
    "fairness": ("Fairness", ("fairness",)),
    "pii": ("Personal data", ("scan",)),
    **{job: (page.title, (job,)) for job, page in PAGES.items()},
    "private": ("Private releases", ("private-sql",)),
}
"""The tabs after the overview: the title, and the jobs whose results are on it."""
_HOME = {
    "error-analysis": "errors",
    "train-ebm": "models",
    "balance": "data",
    "explain": "importances",
    "fairness": "fairness",
    "scan": "pii",
    "private-sql": "private",
    **{job: job for job in PAGES},
}
"""The tab on which the failed checks of a job are counted."""
TABLES_SHOWN = 60
"""Maximum number of scanned tables on the page; the report of the scan has all of them."""


def render_dashboard(report: Record) -> str:
    """Return the HTML page over the results of several jobs.

    Parameters
    ----------
    report : mapping
        ``title``, ``run``, ``suppress_below``, ``results`` (per result its ``job``, ``gates``,
        ``run`` with ``run_id``, ``engine``, ``status``; optionally ``table``, ``hidden``),
        ``parts`` (by job, the report that its own page is made from), ``profiles`` (per table
        ``table``, ``rows``, ``nulls``), ``private`` (per private run its ``job``, ``scope``,
        ``analyst`` and budget) and ``notes``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, DASHBOARD, "dashboard")
    parts = {name: finite(without_rows(name, part)) for name, part in report["parts"].items()}
    views = {name: _VIEWS[name](part) for name, part in parts.items() if name in _VIEWS}
    found = cohorts(views.get("error-analysis"))
    model = calculator(parts.get("train-ebm"))
    return render(
        "dashboard.html.j2",
        {**report, "parts": parts},
        tabs=_tabs(report),
        view=views,
        measured=measured_tables(parts),
        bodies=bodies(parts),
        calculator=model,
        private=[{**run, "budget": budget(run)} for run in report["private"]],
        profiles=[_profile(each) for each in report["profiles"]],
        failed=_failed(report["results"]),
        findings=list(_findings(report, parts, views)),
        data=embedded({"cohorts": found, "model": model}),
    )


def embedded(value: Any) -> Markup:
    """Return JSON that can stand inside of a script element, whatever its texts contain."""
    # with ASCII alone there is no U+2028; without "<" nothing ends the element or opens another
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def cohorts(view: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the cohorts to choose from, and write the number of each into the view.

    Parameters
    ----------
    view : dict, optional
        The result of :func:`rai_scale.reports.error_analysis.tree_view`.

    Returns
    -------
    list of dict
        ``name``, ``path`` (conditions in words), ``condition`` (a text for ``cohort``) and
        ``lines``, pairs of label and text.
    """
    found: list[dict[str, Any]] = []
    if view is None:
        return found

    def add(item: dict[str, Any], name: str, path: list[str], condition: str) -> None:
        item["pick"] = len(found)
        lines = _node_lines(view, item) if "children" in item else _cell_lines(view, item)
        shown = [[label, str(text)] for label, text in lines.items() if text not in ("", None)]
        found.append({"name": name, "path": path, "condition": condition, "lines": shown})

    view["nodes"] = _nodes(view["root"])
    for node in view["nodes"]:
        path = node["path"] or ["All rows"]
        add(node, f"Node {node['number']}", path, node["cohort"])
    for row in view["slices"]:
        add(row, "Combination", [row["slice"]], row["slice"])
    for heatmap in view["heatmaps"]:
        first, *second = heatmap["names"]
        for level, cells in heatmap["rows"]:
            for cell in cells:
                if cell["rate"] and not cell["hidden"]:
                    path = [f"{first}: {level}", *(f"{name}: {cell['across']}" for name in second)]
                    add(cell, "Cell", path, cell["cohort"])
    return found


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(each for child in node["children"] for each in _nodes(child))]


def _node_lines(view: Record, node: Record) -> dict[str, Any]:
    lines = {
        view["error_metric"].capitalize(): node["rate"],
        "Interval": node["interval"],
        "Rows" if view["losses"] else "Errors": node["size"],
        "Share of all errors": node["share"],
    }
    if node["number"]:
        lines["Compared with all rows"] = _times(node["value"], view["root"]["value"])
    if view["extra"]:
        lines[view["metric"].capitalize()] = node["metric"]
    if node["p"]:
        sure = "significant" if node["significant"] else "may be due to chance"
        lines["Split"] = f"{sure}, corrected p-value {node['p']}"
    if node["missing_to"] is not None:
        lines["Missing values"] = f"at the next split counted in node {node['missing_to']}"
    return lines


def _cell_lines(view: Record, cell: Record) -> dict[str, Any]:
    lines = {
        view["error_metric"].capitalize(): cell["rate"],
        "Interval": cell["interval"],
        "Rows": f"{cell['rows']:,}",
        "Errors": "" if view["losses"] else f"{cell['errors']:,}",
        "Share of all errors": share(cell["share_of_errors"]) if "share_of_errors" in cell else "",
        "Compared with all rows": _times(cell["error_rate"], view["root"]["value"]),
    }
    if cell.get("p"):
        sure = "significant" if cell["significant"] else "may be due to chance"
        lines["Test"] = f"{sure}, corrected p-value {cell['p']}"
    return lines


def _times(value: float | None, whole: float) -> str:
    known = value is not None and value >= 0 and whole > 0
    return f"{value / whole:.2f} times the value" if known and value is not None else ""


def _tabs(report: Record) -> list[dict[str, Any]]:
    there = {*report["parts"], *(["balance"] if report["profiles"] else [])}
    private = {run["job"] for run in report["private"]}
    tabs = [{"id": "overview", "title": "Overview", "jobs": (), "run": True, "failed": 0}]
    for name, (title, jobs) in TABS.items():
        run = any(job in there for job in jobs) or (name == "private" and bool(private))
        failed = sum(
            not gate["passed"]
            for result in report["results"]
            if _HOME.get(result["job"]) == name
            for gate in result["gates"]
        )
        missing = [job for job in jobs if job not in report["parts"]]
        tabs.append({"id": name, "title": title, "jobs": missing, "run": run, "failed": failed})
    return tabs


def _findings(
    report: Record, parts: Mapping[str, Record], views: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield the main finding of each tab, as its identifier and a sentence."""
    if "error-analysis" in views:
        tree = views["error-analysis"]
        text = f"{tree['error_metric'].capitalize()} {tree['root']['rate']} over all rows"
        if tree["root"]["children"]:
            text += f", and {tree['worst']['rate']} where {', '.join(tree['worst']['path'])}"
        yield "errors", f"{text}."
    if views.get("explain", {}).get("first"):
        names = ", ".join(row["feature"] for row in views["explain"]["first"])
        yield "importances", f"Most important features: {names}."
    if "fairness" in views and views["fairness"]["widest"]:
        gap = views["fairness"]["widest"][0]
        low, high = gap["lowest"], gap["highest"]
        sure = "not explained by chance" if gap["sure"] else "may be due to chance"
        yield (
            "fairness",
            (
                f"Widest gap: {gap['metric']['name'].replace('_', ' ')} from {low['text']} "
                f"({low['group']}) to {high['text']} ({high['group']}); {sure}."
            ),
        )
    if "scan" in views:
        summary, found = parts["scan"]["summary"], views["scan"]["personal_columns"]
        text = f"{found:,} of {plural(summary['columns'], 'column')} hold personal data"
        yield "pii", f"{text}{'; some content was not scanned' * bool(views['scan']['unread'])}."
    yield from ((job, page.finding(parts[job])) for job, page in PAGES.items() if job in parts)
    if report["private"]:
        costs = (f"{run['job']} spent {budget(run)}" for run in report["private"])
        yield "private", f"{plural(len(report['private']), 'private run')}: {'; '.join(costs)}."


def _failed(results: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {**gate, "job": result["job"]}
        for result in results
        for gate in result["gates"]
        if not gate["passed"]
    ]


def _profile(profile: Record) -> dict[str, Any]:
    nulls = {name: value for name, value in profile["nulls"].items() if value is not None}
    known = sorted(nulls.items(), key=lambda item: -item[1])
    return {
        **profile,
        "with_nulls": [(name, share(value)) for name, value in known if value > 0],
        "without": sum(value == 0 for value in nulls.values()),
    }


def _scanned(part: Record) -> dict[str, Any]:
    """Return the view of a scan, with no more tables than the page shows."""
    view = scan_view(part, "pii-")
    view["left"] = max(0, len(view["tables"]) - TABLES_SHOWN)
    view["tables"] = view["tables"][:TABLES_SHOWN]
    view["grid"]["rows"] = view["grid"]["rows"][:TABLES_SHOWN]
    return view


_VIEWS: dict[str, Callable[[Record], Any]] = {
    "error-analysis": tree_view,
    "fairness": fairness_view,
    "explain": explain_view,
    "train-ebm": ebm_view,
    "balance": balance_sections,
    "scan": _scanned,
    "private-sql": released_view,
}
