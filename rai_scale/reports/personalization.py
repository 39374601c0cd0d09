"""The page of an audit of personalisation: uses, the log, who sees what, rewards, consents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.reports.checks import check_report, keys
from rai_scale.reports.html import render
from rai_scale.reports.words import interval, share

REPORT: dict[str, Any] = {
    **keys("title rows asked use_cases log columns conflicts consent notes confidence"),
    "use_cases": [keys("name personalised people owner sensitive triggers")],
}
SHOWN = 20
_ALPHA = 0.05
Rows = Sequence[Mapping[str, Any]]


def render_personalization(report: Mapping[str, Any]) -> str:
    """Return the HTML page of an audit of personalisation.

    The page shows names of groups, categories, policies and rewards. It shows no rows, people,
    sources and values of features.

    Parameters
    ----------
    report : mapping
        ``title``, ``use_cases`` (of ``register_of``), ``rows``, ``asked`` (bool per audit),
        ``log``, ``columns`` (rows of ``column``, ``used_as``, ``consent`` and ``feature``), and
        optional ``features``, ``exposure``, ``rewards``, ``bursts`` and ``replay``
        (``to_dict()`` of the results, the last two with ``totals``), ``conflicts`` (rows of all
        pairs of rewards), ``consent`` (rows of ``removed``, ``events``, ``share``), ``notes``,
        ``confidence``, ``gates`` and ``run``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, REPORT, "personalisation")
    return render("personalization.html.j2", report, view=_view(report))


def _view(report: Mapping[str, Any]) -> dict[str, Any]:
    log, exposure, rewards = (report.get(name) or {} for name in ("log", "exposure", "rewards"))
    features, bursts, replay = (report.get(name) or {} for name in ("features", "bursts", "replay"))
    faults = log["faults"]
    loops = [_loop(row) for row in exposure.get("loops", ())]
    lost = [row for row in report["consent"] if row["removed"]]
    return {
        "sensitive": [case for case in report["use_cases"] if case["sensitive"]],
        "faults": [row for row in faults if row["count"]],
        "good": [row for row in faults if row["count"] == 0],
        "unchecked": [row for row in faults if row["needs"]],
        "wrong": [
            {**row, "mean": f"{row['inverse_mean']:.3f}"}
            for row in log["propensities"]
            if row["p_adjusted"] is not None and row["p_adjusted"] < _ALPHA
        ],
        "loops": [row for row in loops if row["loses"]],
        "other_loops": len([row for row in loops if not row["loses"]]),
        "forbidden": features.get("forbidden", ()),
        "proxies": [_proxy(row) for row in features.get("associations", ())][:SHOWN],
        "predicted": [_predicted(row) for row in features.get("predictions", ())],
        "carriers": [_drop(row) for row in features.get("carriers", ())][:SHOWN],
        "bends": [_bend(row) for row in report["conflicts"] if row["bends"]],
        "pairs": list(dict.fromkeys(row["pair"] for row in report["conflicts"])),
        "bursts": [_burst(row) for row in bursts.get("bursts", ())][:SHOWN],
        "drift": [_drift(row) for row in bursts.get("drift", ())][:SHOWN],
        "replayed": replay.get("totals", {}),
        "files": [row for row in replay.get("files", ()) if row["state"] != "unchanged"],
        "groups": [_group(row) for row in exposure.get("groups", ()) if not row["period"]],
        "unseen": _unseen(exposure.get("categories", ())),
        "policies": _policies(rewards.get("values", ()), rewards.get("weights", ())),
        "group_values": [_value(row) for row in rewards.get("values", ()) if row["by"]],
        "consent": [{**row, "share": share(row["share"])} for row in report["consent"]][:SHOWN],
        "lost": sum(row["events"] for row in lost),
        "lost_share": share(sum(row["share"] for row in lost)),
    }


def _number(value: Any, digits: int = 3) -> str:
    return "not measured" if value is None else f"{value:.{digits}f}"


def _p_value(p: float | None) -> str:
    return "" if p is None else "below 0.0001" if p < 1e-4 else f"{p:.4f}"  # noqa: PLR2004


def _proxy(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("cramers_v", "mutual_information", "correlation_ratio")
    p = row["p_adjusted"]
    shown = {n: _number(row[n]) for n in names}
    return {**row, **shown, "p": _p_value(p), "sure": p is not None and p < _ALPHA}


def _predicted(row: Mapping[str, Any]) -> dict[str, Any]:
    ends = "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
    return {**row, "auc": _number(row["auc"]), "interval": ends}


def _drop(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "drop": _number(row["auc_drop"])}


def _bend(row: Mapping[str, Any]) -> dict[str, Any]:
    gaps = {name: f"{row[name]:+.4f}" for name in ("reward_gap", "satisfaction_gap")}
    wins, loses = row["pair"].split(" against ", 1)
    return {**row, **gaps, "wins": wins, "loses": loses, "p": _p_value(row["p_adjusted"])}


def _burst(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "before": f"{row['expected']:.1f}", "p": _p_value(row["p_adjusted"])}


def _drift(row: Mapping[str, Any]) -> dict[str, Any]:
    shares = {"now": share(row["share"]), "before": share(row["share_before"])}
    return {**row, **shares, "p": _p_value(row["p_adjusted"])}


def _loop(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "first": share(row["first_share"]),
        "last": share(row["last_share"]),
        "p": _p_value(row["p_adjusted"]),
    }


def _group(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{row['by']} = {row['group']}" if row["by"] else "all",
        "people": row["people"],
        "rows": row["rows"],
        "gini": _number(row["gini"]),
        "coverage": share(row["coverage"]),
        "parity": _number(row["exposure_parity"]),
        "relevance": _number(row["relevance_parity"]),
        "explored": share(row["exploration_share"]),
        "quality": share(row["quality"])
        if row["quality"] is not None and 0 <= row["quality"] <= 1
        else _number(row["quality"]),
        "interval": interval(row["low"], row["high"]),
    }


def _unseen(rows: Rows) -> list[dict[str, Any]]:
    found = [row for row in rows if row["by"] and not row["period"] and row["never_shown"]]
    found.sort(key=lambda row: -row["never_shown"])
    return [{**row, "never": share(row["never_shown"])} for row in found[:SHOWN]]


def _policies(values: Rows, weights: Rows) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in values:
        if not row["by"]:
            known = found.setdefault(row["policy"], {"name": row["policy"], "values": []})
            known["values"].append(_value(row))
    for row in weights:
        if not row["by"]:
            found[row["policy"]]["weights"] = {
                **row,
                "mean": _number(row["mean_weight"]),
                "largest": _number(row["largest_weight"], 1),
                "effective": round(row["effective_rows"]),
                "unsupported": share(row["unsupported"]),
            }
    return list(found.values())


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = row["low"], row["high"]
    known = low is not None and high is not None
    return {
        **row,
        "value": "only bounds" if row["value"] is None else _number(row["value"], 4),
        "interval": f"{low:.4f} to {high:.4f}" if known else "",
    }
