"""Curves and histograms of counted cells, equal to scikit-learn's and NumPy's on rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

_SMALLEST = 3


def roc_points(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> pd.DataFrame:
    """Return scikit-learn's ``roc_curve`` of cells: ``fpr``, ``tpr``, ``threshold``.

    Integer weights have the same sums as rows, so the curve is equal to the bit.
    """
    from sklearn.metrics import roc_curve

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # with one label the value is NaN
        fpr, tpr, threshold = roc_curve(label, score, pos_label=1, sample_weight=weight)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})


def pr_points(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> pd.DataFrame:
    """Return scikit-learn's ``precision_recall_curve``; the last point has no threshold (NaN)."""
    from sklearn.metrics import precision_recall_curve

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, threshold = precision_recall_curve(
            label, score, pos_label=1, sample_weight=weight
        )
    threshold = np.append(threshold, np.nan)
    return pd.DataFrame({"precision": precision, "recall": recall, "threshold": threshold})


def doane_histogram(values: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """Return NumPy's histogram with Doane's number of bins, of values that occur ``counts`` times.

    Returns
    -------
    dict
        ``names``: edges, float64; ``scores``: rows per bin, int64. Doane (1976): the range over
        ``1 + log2(n) + log2(1 + |g1| / s)``, g1 the skewness, s its standard error under
        normality.
    """
    values, counts = values[counts > 0], counts[counts > 0]
    total, bins = counts.sum(), 1
    mean = (values * counts).sum() / total
    sigma = np.sqrt(((values - mean) ** 2 * counts).sum() / total)
    if total >= _SMALLEST and sigma > 0:
        spread = np.sqrt(6.0 * (total - 2) / ((total + 1.0) * (total + 3)))
        skew = (((values - mean) / sigma) ** 3 * counts).sum() / total
        bins = int(np.ceil(1.0 + np.log2(total) + np.log2(1.0 + abs(skew) / spread)))
    rows, edges = np.histogram(values, bins=bins, weights=counts.astype(np.float64))
    return {"names": edges, "scores": np.rint(rows).astype(np.int64)}
