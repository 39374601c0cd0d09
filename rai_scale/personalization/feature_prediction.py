"""How well all allowed features together predict a sensitive attribute, on rows held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.personalization.feature_association import auc_interval

Learner = Callable[[], Any]


def cross_fitted(
    rows: pd.DataFrame,
    features: Sequence[str],
    target: pd.Series,
    *,
    folds: np.ndarray,
    people: np.ndarray | None,
    learner: Learner,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predict every value of an attribute on folds that were not fitted on.

    Parameters
    ----------
    rows : pandas.DataFrame
        The features.
    features : sequence of str
    target : pandas.Series of str
        The attribute.
    folds : ndarray of int64, shape (rows,)
    people : ndarray of int64, shape (rows,), or None
        The person of each row, for the intervals.
    learner : callable
        Returns a new model with ``fit`` and ``predict_proba``.
    confidence : float
    rng : numpy.random.Generator
        Permutes one feature at a time in the rows held out.

    Returns
    -------
    tuple of (list of dict, list of dict)
        Per value: ``value``, ``rows``, ``auc``, ``low``, ``high``. Per feature: ``feature`` and
        ``auc_drop``, the mean fall of the area, weighted by rows, when it is permuted.
    """
    values = sorted(target.unique())
    scores = np.full((len(rows), len(values)), np.nan)
    permuted = {name: np.full((len(rows), len(values)), np.nan) for name in features}
    for fold in np.unique(folds):
        held = folds == fold
        model = learner().fit(rows.loc[~held, [*features]], target[~held])
        known = [values.index(value) for value in model.classes_]
        part = rows.loc[held, [*features]]
        scores[np.ix_(held, known)] = model.predict_proba(part)
        for name in features:
            mixed = part.copy()
            mixed[name] = part[name].to_numpy()[rng.permutation(len(part))]
            permuted[name][np.ix_(held, known)] = model.predict_proba(mixed)
    found, weights = [], []
    drops: dict[str, list[float]] = {name: [] for name in features}
    for at, value in enumerate(values):
        positive = (target == value).to_numpy()
        fitted = ~np.isnan(scores[:, at])
        who = None if people is None else people[fitted]
        auc, low, high = auc_interval(scores[fitted, at], positive[fitted], confidence, who)
        found.append(
            {"value": value, "rows": int(positive.sum()), "auc": auc, "low": low, "high": high}
        )
        weights.append(positive.sum())
        for name in features:
            other, _, _ = auc_interval(permuted[name][fitted, at], positive[fitted], confidence)
            drops[name].append(auc - other)
    return found, [
        {"feature": name, "auc_drop": float(np.average(drops[name], weights=weights))}
        for name in features
    ]
