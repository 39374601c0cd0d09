"""What the dashboard takes of the report of a job: no single rows, and only what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rai_scale.reports.error_comparison import COMPARED

Record = Mapping[str, Any]


def without_rows(job: str, part: Record) -> dict[str, Any]:
    """Return the report of a job without single rows, samples and what the page does not show.

    Parameters
    ----------
    job : str
        Name of its command.
    part : mapping
    """
    if job in _TAKEN:
        return _TAKEN[job](part)
    return {name: value for name, value in part.items() if name != "drift"}


def _explained(part: Record) -> dict[str, Any]:
    curves = [{**curve, "lines": []} for curve in part.get("partial_dependence") or []]
    return {**part, "partial_dependence": curves, "rows": []}


def _scanned(part: Record) -> dict[str, Any]:
    tables = [
        {**table, "columns": [{**column, "samples": None} for column in table["columns"]]}
        for table in part["tables"]
    ]
    return {**part, "tables": tables}


def _errors(part: Record) -> dict[str, Any]:
    compared = part.get("cohorts")
    kept = {name: compared[name] for name in COMPARED} if compared else None
    return {**part, "cohorts": kept}


def _personalised(part: Record) -> dict[str, Any]:
    """Return the audit without items, and with all periods together."""
    seen = part.get("exposure")
    if not seen:
        return dict(part)
    whole = {
        name: [row for row in seen[name] if not row["period"]] for name in ("groups", "categories")
    }
    return {**part, "exposure": {**seen, **whole, "items": []}}


_TAKEN: dict[str, Callable[[Record], dict[str, Any]]] = {
    "explain": _explained,
    "scan": _scanned,
    "error-analysis": _errors,
    "personalization": _personalised,
}
