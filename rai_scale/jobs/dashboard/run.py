"""The dashboard job: one page over the results of other jobs, and gates on their checks."""

from __future__ import annotations

from typing import Any

from rai_scale._version import package_versions
from rai_scale.engines.protocol import Engine
from rai_scale.gates import check_gates, check_metrics, status_of
from rai_scale.jobs.dashboard.config import DashboardJob
from rai_scale.jobs.dashboard.results import FILES, Found, find_results
from rai_scale.jobs.dashboard.small_groups import without_small_groups
from rai_scale.jobs.inputs import Inputs
from rai_scale.jobs.job import Done, Job, Run
from rai_scale.jobs.metrics import metric_figures
from rai_scale.jobs.outputs import check_apart
from rai_scale.reports.dashboard import render_dashboard
from rai_scale.reports.dashboard_parts import without_rows
from rai_scale.reports.words import plural
from rai_scale.statistics.json_values import json_text
from rai_scale.tables.paths import place_of
from rai_scale.tables.source import Lake

_METRICS = ("failed_checks", "failed_runs", "results", "not_run")
_BUDGET = ("scope", "analyst", "dataset", "epsilon", "rho", "delta")


def find_inputs(config: DashboardJob, engine: Engine) -> Inputs:
    """Find the results; their run ids and hashes are versions that the page depends on."""
    found = find_results(config.source)
    folders = {f"source[{at}]": each.place.url for at, each in enumerate(found)}
    check_apart(place_of(config.output), folders, {})
    versions = package_versions()
    for each in found:
        known = each.manifest["outputs"].get(FILES.get(each.job, "")) or {}
        private = " (private)" if each.is_private else ""
        versions[f"{each.job}{private}"] = f"{each.manifest['run_id']} {known.get('sha256', '')}"
    return Inputs(Lake(()), versions, given=found)


def compute(config: DashboardJob, engine: Engine, inputs: Inputs, run: Run) -> Done:
    """Make the page from the results."""
    report = dashboard_report(inputs.given, config.suppress_below)
    metrics = _metrics(report)
    gates = check_gates(config.gates, metric_figures(metrics))
    report |= {
        "title": config.title or "Responsible AI: all results",
        "run": run.facts(status_of(gates)),
        "gates": gates,
    }
    failed = int(metrics["failed_checks"])
    return Done(
        message=f"{plural(len(report['results']), 'result')} on one page"
        f"; {plural(failed, 'check')} failed",
        files={"dashboard.json": json_text(report).encode()},
        page=render_dashboard(report),
        gates=gates,
        details={"results": [_of_manifest(each) for each in inputs.given]},
        metrics=metrics,
    )


def dashboard_report(found: list[Found], suppress_below: int) -> dict[str, Any]:
    """Return what the page is made from, without small groups.

    Parameters
    ----------
    found : list of Found
    suppress_below : int
        Groups with fewer rows are hidden.

    Returns
    -------
    dict
        See :func:`rai_scale.reports.dashboard.render_dashboard`; without ``title`` and ``run``.
    """
    parts: dict[str, Any] = {}
    results: list[dict[str, Any]] = []
    profiles: dict[str, dict[str, Any]] = {}
    private: list[dict[str, Any]] = []
    for each in found:
        shown, hidden = None, False
        # a private result has the tab of its subject only if there is no exact one
        if each.report is not None and each.job not in parts:
            whole = without_rows(each.job, each.report)
            least = 0 if each.is_private else suppress_below  # noise protects every group
            shown, hidden = without_small_groups(each.job, whole, least)
            parts[each.job] = shown
        results.append({**_of_manifest(each), "hidden": _NOTE if hidden else ""})
        results[-1]["gates"] = _gates(each, hidden)
        if each.is_private:
            private.append({"job": each.job, **{n: each.manifest.get(n) for n in _BUDGET}})
        for profile in each.manifest.get("profile") or ():
            known = profiles.setdefault(profile["table"], profile)
            if len(profile["nulls"]) > len(known["nulls"]):
                profiles[profile["table"]] = profile
    return {
        "suppress_below": suppress_below,
        "results": results,
        "parts": parts,
        "profiles": [_profile(profile, suppress_below) for profile in profiles.values()],
        "private": private,
        "notes": [],
    }


_NOTE = "Small groups are hidden, and what would show them."


def _of_manifest(each: Found) -> dict[str, Any]:
    manifest = each.manifest
    tables = [table["table"] for table in manifest.get("inputs") or ()]
    names = ("run_id", "status", "engine", "started")
    return {
        "job": each.job,
        "run": {name: manifest[name] for name in names if manifest.get(name) is not None},
        "table": tables[0] if len(tables) == 1 else "",
        "private": each.is_private,
    }


def _gates(each: Found, hidden: bool) -> list[dict[str, Any]]:
    """Return the outcomes of the gates of a run; details can name a group that is hidden."""
    gates = (each.manifest.get("details") or {}).get("gates")
    if gates is None:
        gates = (each.report or {}).get("gates") or []
    kept = ("name", "metric", "passed", *(() if hidden else ("detail",)))
    return [{name: gate.get(name) for name in kept} for gate in gates]


def _profile(profile: dict[str, Any], least: int) -> dict[str, Any]:
    """Return rows and shares of missing values; a share of few rows is not shown."""
    rows = profile["rows"]
    few = least / rows if rows else 0.0
    nulls = {
        name: None if share is not None and 0 < min(share, 1 - share) < few else share
        for name, share in profile["nulls"].items()
    }
    return {"table": profile["table"], "rows": rows, "nulls": nulls}


def _metrics(report: dict[str, Any]) -> dict[str, float]:
    results = report["results"]
    return {
        "failed_checks": sum(not gate["passed"] for each in results for gate in each["gates"]),
        "failed_runs": sum(each["run"]["status"] == "failed" for each in results),
        "results": len(results),
        "not_run": len(set(FILES) - set(report["parts"])),
    }


JOB = Job(
    "dashboard",
    DashboardJob,
    find_inputs,
    compute,
    writes=("dashboard.json", "report.html"),
    check_gates=lambda config, _: check_metrics(config.gates, _METRICS),
    check_plan=lambda config, engine, inputs, output: [
        f"would read: the result of {each.job} in {each.place.url}" for each in inputs.given
    ],
)
