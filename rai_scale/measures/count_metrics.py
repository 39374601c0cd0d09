"""Metrics that are simple arithmetic on counts, computed for all groups at once.

Each is bit for bit equal to Fairlearn's and scikit-learn's result on the rows of a group: sums of
integers are exact, and the one division (and subtraction) after them is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rai_scale.measures.metrics import Metric
    from rai_scale.statistics.cells import Cells


@dataclass(frozen=True)
class Confusion:
    """Rows per group: true and false positives and negatives; integers as float64."""

    tp: NDArray[np.float64]
    fp: NDArray[np.float64]
    fn: NDArray[np.float64]
    tn: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.float64]:
        """All rows."""
        return self.tp + self.fp + self.fn + self.tn


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; 0.0 if the denominator is 0, as in scikit-learn."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole != 0)


def _accuracy(c: Confusion) -> NDArray[np.float64]:
    return (c.tp + c.tn) / c.rows


def _selected(c: Confusion) -> NDArray[np.float64]:
    return (c.tp + c.fp) / c.rows


def _balanced(c: Confusion) -> NDArray[np.float64]:
    positives, negatives = c.tp + c.fn, c.fp + c.tn
    hits = _share(c.tn, negatives) + _share(c.tp, positives)
    return hits / ((positives > 0).astype(float) + (negatives > 0))


FORMULAS: dict[Callable[..., Any], Callable[[Confusion], np.ndarray]] = {
    fm.count: lambda c: c.rows.astype(np.int64),
    fm.selection_rate: _selected,
    fm.mean_prediction: _selected,
    fm.true_positive_rate: lambda c: _share(c.tp, c.tp + c.fn),
    fm.false_negative_rate: lambda c: _share(c.fn, c.tp + c.fn),
    fm.false_positive_rate: lambda c: _share(c.fp, c.fp + c.tn),
    fm.true_negative_rate: lambda c: _share(c.tn, c.fp + c.tn),
    skm.accuracy_score: _accuracy,
    skm.zero_one_loss: lambda c: 1 - _accuracy(c),
    skm.balanced_accuracy_score: _balanced,
    skm.precision_score: lambda c: _share(c.tp, c.tp + c.fp),
    skm.recall_score: lambda c: _share(c.tp, c.tp + c.fn),
    skm.f1_score: lambda c: _share(2 * c.tp, 2 * c.tp + c.fp + c.fn),
}


def by_counts(cells: Cells, y_true: str, y_pred: str, metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics with a formula here: unweighted, no options, on labels 0 and 1."""
    if not {y_true, y_pred} <= set(cells.keys):
        return []
    labels = [cells.keys[name] for name in (y_true, y_pred)]
    if not all(
        values.dtype.kind in "iufb" and set(pd.unique(values)) <= {0, 1} for values in labels
    ):
        return []
    known = (m for m in metrics if m.function in FORMULAS)
    return [m for m in known if not m.params and (m.weight is None or m.function is fm.count)]


def count_table(
    cells: Cells, y_true: str, y_pred: str, metrics: Sequence[Metric], by: Sequence[str]
) -> pd.DataFrame:
    """Return the metrics of each group of ``by`` with rows, sorted; of all rows without ``by``."""
    if by:
        rows_of = [cells.keys[name].to_numpy() for name in by]
        grouped = pd.Series(cells.count).groupby(rows_of, sort=True)
        codes, index = grouped.ngroup().to_numpy(), grouped.size().index.set_names(list(by))
    else:
        codes, index = np.zeros(len(cells.count), np.int64), pd.RangeIndex(1)
    true, pred = (cells.keys[name].to_numpy() == 1 for name in (y_true, y_pred))

    def rows(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(codes, np.where(chosen, cells.count, 0), len(index))

    found = Confusion(
        rows(true & pred), rows(~true & pred), rows(true & ~pred), rows(~true & ~pred)
    )
    values = {metric.name: FORMULAS[metric.function](found) for metric in metrics}
    return pd.DataFrame(values, index=index)
