"""What misleads beside a number: groups where a metric says nothing, and small groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm

from rai_scale.fairness.assessment.long_table import column_of
from rai_scale.fairness.from_cells import Roles
from rai_scale.fairness.metrics import Metric, base_function
from rai_scale.statistics.cells import Cells

SMALL_GROUP = 30
"""Below this number of rows a group is flagged: a rate of 0.5 then has an interval of +-0.18."""

NEEDS_POSITIVES = (
    *(fm.true_positive_rate, fm.false_negative_rate, skm.recall_score, skm.f1_score),
    *(skm.average_precision_score, skm.roc_auc_score, skm.balanced_accuracy_score),
)
NEEDS_NEGATIVES = (
    *(fm.true_negative_rate, fm.false_positive_rate),
    *(skm.roc_auc_score, skm.balanced_accuracy_score),
)
NEEDS_SELECTED = (skm.precision_score,)


def find_flags(
    cells: Cells, roles: Roles, metrics: Sequence[Metric], counts: pd.Series, small: int
) -> pd.DataFrame:
    """Return one row per remark: the group's levels, ``metric``, ``flag`` and ``rows``.

    ``metric`` is ``"*"`` where a remark holds for all of them.
    """
    labels = [positive_label(metric) for metric in metrics]
    of_label = {label: _tables(cells, roles, counts, label) for label in set(labels)}
    tables = [of_label[label] for label in labels]
    found: list[tuple[object, str, str]] = []
    for group, rows in counts.items():
        if rows == 0:
            found.append((group, "*", "no rows: NaN"))
            continue
        if rows < small:
            found.append((group, "*", f"small group: fewer than {small} rows"))
        for metric, table in zip(metrics, tables, strict=True):
            found += [(group, metric.name, text) for text in _of_metric(metric, group, table)]
    levels = [group if isinstance(group, tuple) else (group,) for group, _, _ in found]
    frame = pd.DataFrame(levels, columns=[column_of(str(name)) for name in counts.index.names])
    frame["metric"] = [metric for _, metric, _ in found]
    frame["flag"] = [flag for _, _, flag in found]
    frame["rows"] = counts.reindex([group for group, _, _ in found]).to_numpy()
    return frame


def positive_label(metric: Metric) -> Any:
    """Return the label that the metric is about: its ``pos_label``, bound by partial, or 1."""
    function = metric.function
    while isinstance(function, partial):
        if function.keywords.get("pos_label") is not None:
            return function.keywords["pos_label"]
        function = function.func
    return 1


def _tables(
    cells: Cells, roles: Roles, counts: pd.Series, label: Any
) -> dict[str, pd.Series | None]:
    return {
        "positive": _having(cells, roles, roles.y_true, counts, (label, True)),
        "negative": _having(cells, roles, roles.y_true, counts, (label, False)),
        "selected": _having(cells, roles, roles.y_pred, counts, (label, True)),
    }


def _of_metric(metric: Metric, group: object, rows: dict[str, pd.Series | None]) -> list[str]:
    function = base_function(metric.function)
    flags = []
    for needed, name, text in [
        (NEEDS_POSITIVES, "positive", "no row with a positive label"),
        (NEEDS_NEGATIVES, "negative", "no row with a negative label"),
        (NEEDS_SELECTED, "selected", "no row with a positive prediction"),
    ]:
        table = rows[name]
        if function in needed and table is not None and table.at[group] == 0:
            flags.append(f"{text}: the value says nothing")
    return flags


def _having(
    cells: Cells, roles: Roles, column: str, counts: pd.Series, wanted: tuple[Any, bool]
) -> pd.Series | None:
    """Rows per group whose label is the positive one (or not); None where labels are not two."""
    label, positive = wanted
    labels = cells.keys[column].to_numpy() if column in cells.keys else np.zeros(0)
    if not len(labels) or isinstance(labels[0], np.ndarray):
        return None
    levels = set(pd.unique(labels))
    known = label in levels or levels <= {0, 1, -1}
    if len(levels) > 2 or not known:  # noqa: PLR2004
        return None
    rows = np.where((labels == label) == positive, cells.count, 0)
    keys = [cells.keys[name].to_numpy() for name in roles.groups]
    grouped = pd.Series(rows).groupby(keys).sum().rename_axis(counts.index.names)
    return grouped.reindex(counts.index, fill_value=0)
