"""Every rate of every group at many thresholds, from one count of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.names import names_of
from rai_scale.statistics.cells import MAX_CELLS
from rai_scale.statistics.histogram import (
    ScoreCells,
    ScoreSteps,
    score_cells,
)


def threshold_curves(
    frame: Any,
    *,
    score: str,
    y_true: str,
    sensitive_features: Sequence[str] | str,
    thresholds: Sequence[float] | np.ndarray | None = None,
    sample_weight: str | None = None,
    pos_label: Any = None,
    bins: int | None = None,
    max_cells: int = MAX_CELLS,
) -> pd.DataFrame:
    """Return the rates of the prediction ``score >= threshold`` per group and threshold.

    Parameters
    ----------
    frame : DataFrame
        pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table; it is read once.
    score : str
        Numeric column without missing values.
    y_true : str
        Column of two labels; 1 is the positive one unless ``pos_label`` is given.
    sensitive_features : str or sequence of str
        Columns that make the groups; an empty sequence takes all rows together.
    thresholds : array-like of float, optional
        By default 101 even steps over [0, 1], or over the range of the scores if they leave it.
    sample_weight : str, optional
        Numeric column that weights the rates.
    pos_label : optional
        The positive label, where labels are neither 0 and 1 nor -1 and 1.
    bins, max_cells : int
        As in :func:`rai_scale.statistics.histogram.score_cells`.

    Returns
    -------
    DataFrame
        One row per group and threshold: the group columns; ``threshold`` (as given); ``applied``
        (the threshold of the rates: the same with distinct scores; with bins, the nearest one for
        which bins give exact rates); ``count`` (rows of the group, int64); ``selection_rate``,
        ``true_positive_rate``, ``false_positive_rate``, ``true_negative_rate``,
        ``false_negative_rate``, ``positive_predictive_value``, ``false_discovery_rate``,
        ``negative_predictive_value``, ``false_omission_rate``, ``accuracy``. A rate without rows is
        NaN; in Fairlearn it is 0.
    """
    groups = names_of(sensitive_features)
    cells = score_cells(
        engine_of(frame),
        frame,
        groups=list(groups),
        label=y_true,
        score=score,
        sample_weight=sample_weight,
        max_cells=max_cells,
        bins=bins,
        pos_label=pos_label,
    )
    return curves_of_cells(cells, thresholds)


def curves_of_cells(
    cells: ScoreCells, thresholds: Sequence[float] | np.ndarray | None = None
) -> pd.DataFrame:
    """Return the rates of :func:`threshold_curves` from counted cells."""
    asked = _default_thresholds(cells) if thresholds is None else np.asarray(thresholds, float)
    if asked.ndim != 1 or np.isnan(asked).any():
        raise ConfigError("thresholds must be a list of numbers.")
    applied = asked if cells.edges is None else snapped(asked, cells.edges)
    parts = []
    for i in range(len(cells.groups)):
        steps = cells.steps(i)
        part = pd.DataFrame({"threshold": asked, "applied": applied})
        part["count"] = int(steps.negatives.sum() + steps.positives.sum())
        levels = cells.groups.iloc[[i] * len(asked)].reset_index(drop=True)
        parts.append(pd.concat([levels, part.assign(**_rates(steps, applied))], axis=1))
    return pd.concat(parts, ignore_index=True)


def _default_thresholds(cells: ScoreCells) -> np.ndarray:
    low, high = cells.score.min(), cells.score.max()
    if cells.edges is not None:
        low, high = cells.edges[0], cells.edges[-1]
    return np.linspace(0, 1, 101) if low >= 0 and high <= 1 else np.linspace(low, high, 101)


def snapped(asked: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the nearest thresholds for which bins ``(edge, edge]`` give exact rates.

    ``score >= t`` selects whole bins if ``t`` is the next float after an inner edge. Thresholds at
    or below the lowest edge, and above the highest, select all rows or none and are unchanged.
    """
    exact = np.r_[edges[0], np.nextafter(edges[1:], np.inf)]
    right = np.searchsorted(exact, asked).clip(1, len(exact) - 1)
    left = right - 1
    nearest = np.where(asked - exact[left] <= exact[right] - asked, exact[left], exact[right])
    return np.where((asked <= edges[0]) | (asked > edges[-1]), asked, nearest)


def _rates(steps: ScoreSteps, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    # scores decrease: the number of scores >= t is the number of -scores <= -t
    selected = np.searchsorted(-steps.score, -thresholds, side="right")
    tp = np.r_[0.0, np.cumsum(steps.positive_weight)][selected]
    fp = np.r_[0.0, np.cumsum(steps.negative_weight)][selected]
    positives, negatives = steps.positive_weight.sum(), steps.negative_weight.sum()
    fn, tn = positives - tp, negatives - fp
    return {
        "selection_rate": _share(tp + fp, positives + negatives),
        "true_positive_rate": _share(tp, positives),
        "false_positive_rate": _share(fp, negatives),
        "true_negative_rate": _share(tn, negatives),
        "false_negative_rate": _share(fn, positives),
        "positive_predictive_value": _share(tp, tp + fp),
        "false_discovery_rate": _share(fp, tp + fp),
        "negative_predictive_value": _share(tn, tn + fn),
        "false_omission_rate": _share(fn, tn + fn),
        "accuracy": _share(tp + tn, positives + negatives),
    }


def _share(part: np.ndarray, whole: Any) -> np.ndarray:
    whole = np.broadcast_to(np.asarray(whole, dtype=np.float64), part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
