"""Groups with misleading values: undefined metrics, and small groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm

from rai_scale.measures.from_cells import Roles
from rai_scale.measures.group_columns import column_of
from rai_scale.measures.metrics import Metric, base_function
from rai_scale.statistics.cells import Cells

SMALL_GROUP = 30
"""Below this number of rows a group is flagged: a rate of 0.5 then has an interval of +-0.18."""

NEEDS_POSITIVES = (
    *(fm.true_positive_rate, fm.false_negative_rate, skm.recall_score, skm.f1_score),
    *(skm.average_precision_score, skm.roc_auc_score, skm.balanced_accuracy_score),
    skm.matthews_corrcoef,
)
NEEDS_NEGATIVES = (
    *(fm.true_negative_rate, fm.false_positive_rate, skm.matthews_corrcoef),
    *(skm.roc_auc_score, skm.balanced_accuracy_score),
)
NEEDS_SELECTED = (skm.precision_score, skm.matthews_corrcoef)


def find_flags(
    cells: Cells, roles: Roles, metrics: Sequence[Metric], counts: pd.Series, small: int
) -> pd.DataFrame:
    """Return one row per remark: the group's levels, ``metric``, ``flag`` and ``rows``.

    ``metric`` is ``"*"`` if a remark applies to all metrics.
    """
    rows = counts.to_numpy()
    some = rows > 0
    parts = [
        (~some, "*", "no rows: NaN"),
        (some & (rows < small), "*", f"small group: fewer than {small} rows"),
    ]
    for metric, lacking in zip(metrics, _lacking(cells, roles, metrics, counts), strict=True):
        parts += [
            (some & without, metric.name, f"{text}: the value has no meaning")
            for text, without in lacking.items()
        ]
    places = [np.flatnonzero(where) for where, _, _ in parts]
    sizes = [len(found) for found in places]
    order = np.argsort(np.concatenate(places), kind="stable")
    place = np.concatenate(places)[order]
    frame = counts.index[place].to_frame(index=False)
    frame.columns = [column_of(str(name)) for name in counts.index.names]
    frame["metric"] = np.repeat([metric for _, metric, _ in parts], sizes)[order]
    frame["flag"] = np.repeat([flag for _, _, flag in parts], sizes)[order]
    frame["rows"] = rows[place]
    return frame


def unknown_values(
    cells: Cells, roles: Roles, metrics: Sequence[Metric], counts: pd.Series, by_group: pd.DataFrame
) -> pd.DataFrame:
    """Return which values of groups with rows are not known: NaN, or a rate without a denominator.

    Fairlearn gives 0.0 for such a rate. Indexed and named as ``by_group``; bool.
    """
    unknown = by_group.isna().to_numpy()
    for at, lacking in enumerate(_lacking(cells, roles, metrics, counts)):
        for without in lacking.values():
            unknown[:, at] |= without
    return pd.DataFrame(
        unknown & (counts.to_numpy() > 0)[:, None], by_group.index, by_group.columns
    )


def positive_label(metric: Metric) -> Any:
    """Return the positive label of a metric: its ``pos_label``, bound by partial, or 1."""
    function = metric.function
    while isinstance(function, partial):
        if function.keywords.get("pos_label") is not None:
            return function.keywords["pos_label"]
        function = function.func
    return 1


def _lacking(
    cells: Cells, roles: Roles, metrics: Sequence[Metric], counts: pd.Series
) -> list[dict[str, np.ndarray]]:
    """Return, per metric, the rows that it needs and which groups have none (of any weight)."""
    keys = cells.keys[roles.groups]
    several = len(roles.groups) > 1
    index = pd.MultiIndex.from_frame(keys) if several else pd.Index(keys.iloc[:, 0].to_numpy())
    place = _places(index, counts.index)
    found = []
    for metric in metrics:
        # averages from moments have no sums of weights per cell
        mass = cells.sums.get(metric.weight or "", cells.count)
        lacking = {}
        for needing, column, positive, text in _NEEDS:
            if base_function(metric.function) not in needing:
                continue
            chosen = _chosen(cells, getattr(roles, column), positive_label(metric), positive)
            if chosen is not None:
                held = np.bincount(place[chosen], mass[chosen] != 0, len(counts))
                lacking[text] = held == 0
        found.append(lacking)
    return found


def _places(index: pd.Index, groups: pd.Index) -> np.ndarray:
    try:
        return groups.get_indexer(index)
    except pd.errors.InvalidIndexError:  # overlapping intervals are looked up by equality
        known = {key: number for number, key in enumerate(groups)}
        return np.array([known[key] for key in index])


_NEEDS: tuple[tuple[tuple[Any, ...], str, bool, str], ...] = (
    (NEEDS_POSITIVES, "y_true", True, "no row with a positive label"),
    (NEEDS_NEGATIVES, "y_true", False, "no row with a negative label"),
    (NEEDS_SELECTED, "y_pred", True, "no row with a positive prediction"),
)


def _chosen(cells: Cells, column: str, label: Any, positive: bool) -> np.ndarray | None:
    """Return the cells whose label is positive (or not); None unless there are two labels."""
    labels = cells.keys[column].to_numpy() if column in cells.keys else np.zeros(0)
    if not len(labels) or isinstance(labels[0], np.ndarray):
        return None
    levels = set(pd.unique(labels))
    known = label in levels or levels <= {0, 1, -1}
    if len(levels) > 2 or not known:  # noqa: PLR2004
        return None
    return (labels == label) == positive
