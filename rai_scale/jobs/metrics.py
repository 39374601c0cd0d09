"""The metrics of a run: the records of its manifest, and the numbers that its gates judge."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rai_scale.gates import Figure

METRIC = (
    *("name", "value", "lower", "upper", "confidence", "n", "numerator", "denominator"),
    *("variance", "group", "unit", "direction"),
)
"""The fields of a metric in a manifest; a field that is not known is null."""
BY_GROUP = "_by_group"
"""Ending of the name under which a gate judges a metric in every group."""

Record = dict[str, Any]

_LOWER = re.compile(
    r"(_difference|_error|_loss|_quarantined|_skipped|_unreadable|_unread|_cells)$"
    r"|(^|\.)max_abs_|^(rmse|mse|mae|log_loss|brier_score_loss)$"
    r"|^false_(positive|negative)_rate"
    r"|(^|\.)(GE|theil_t_index|total_variation_dist)$"
)
_HIGHER = re.compile(
    r"_ratio$|(^|\.)min_DI$|^(auc|average_precision|r2)$|^true_(positive|negative)_rate"
    r"|^(precision|recall|f1|accuracy|balanced_accuracy|roc_auc|average_precision|r2|cohen_kappa)"
    r"_score|^matthews_corrcoef"
)
_OF_ALL = re.compile(r"_(overall|group_min|group_max)$")


def metric_facts(metrics: Mapping[str, float] | Iterable[Any]) -> list[Record]:
    """Return metrics with all fields of the schema, from values by name or from records.

    A record without ``direction`` gets the one that its name implies, see :func:`direction_of`.
    """
    if isinstance(metrics, Mapping):
        metrics = [{"name": name, "value": value} for name, value in metrics.items()]
    records: list[Any] = [m if isinstance(m, Mapping) else asdict(m) for m in list[Any](metrics)]
    known = [{**r, "direction": r.get("direction") or direction_of(r["name"])} for r in records]
    return [{field: record.get(field) for field in METRIC} for record in known]


def direction_of(name: str) -> str | None:
    """Return ``"higher"`` or ``"lower"``, whichever is better, by the name of a metric.

    None for a metric without a better direction: a selection rate, an importance, a size.
    """
    name = _OF_ALL.sub("", name)
    if _LOWER.search(name):
        return "lower"
    return "higher" if _HIGHER.search(name) else None


def metric_figures(metrics: Mapping[str, float] | Iterable[Any]) -> dict[str, list[Figure]]:
    """Return the numbers that gates judge, by name.

    A metric of all rows has its own name; the values of a metric in single groups together are
    ``<name>_by_group``, and a gate on them passes if it passes in every group.
    """
    found: dict[str, list[Figure]] = {}
    for record in metric_facts(metrics):
        group = record["group"]
        value, low, high = (_number(record[key]) for key in ("value", "lower", "upper"))
        name = record["name"] + (BY_GROUP if group else "")
        found.setdefault(name, []).append(
            Figure(value, low, high, at=f"group {group}" if group else "")
        )
    return found


def share_variance(value: float, trials: float) -> float | None:
    """Return the variance ``p (1 - p) / n`` of a share ``p`` of ``n`` independent rows."""
    known = math.isfinite(value) and math.isfinite(trials) and trials > 0
    return value * (1 - value) / trials if known else None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
