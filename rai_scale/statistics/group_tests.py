"""Tests of whether the mean explanations of groups differ, from the groups' moments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rai_scale.statistics.moments import Moments
from rai_scale.statistics.multiple_tests import holm


def effective_rows(state: Moments) -> float:
    """Return the effective number of rows (Kish 1965); with equal weights, the number of rows."""
    return state.weight**2 / state.weight_sq if state.weight_sq else 0.0


def variance_of_means(state: Moments) -> np.ndarray:
    """Return the variance of each term's mean (terms,); NaN for fewer than two rows."""
    rows = effective_rows(state)
    if state.count < 2:  # noqa: PLR2004
        return np.full(len(state.mean), np.nan)
    return np.maximum(np.diag(state.comoment), 0) / state.weight / (rows - 1)


def sampling_errors(state: Moments, features: int) -> tuple[np.ndarray, float]:
    """Return the standard errors that sampling adds to the means, and their degrees of freedom.

    Parameters
    ----------
    state : Moments
        Its terms are the absolute values and the values of each feature, followed by nothing (exact
        explanations), by one error per feature (two standard errors), or by replicates of both.
    features : int
        The number of features.

    Returns
    -------
    tuple of (ndarray of float64, shape (2, features), float)
        Of the mean absolute values and the means. Replicates give their spread. Errors give their
        mean, which is an upper bound: it is reached if the errors of all rows are equal.
    """
    rest = state.mean[2 * features :]
    if not len(rest):
        return np.zeros((2, features)), np.inf
    if len(rest) == features:
        return np.stack([rest / 2, rest / 2]), np.inf
    copies = rest.reshape(2, -1, features)
    count = copies.shape[1]
    return copies.std(axis=1, ddof=1) / np.sqrt(count), count - 1.0


def compare_groups(states: Sequence[Moments], features: Sequence[str]) -> pd.DataFrame:
    """Test for each feature whether the groups differ in the mean absolute value and in the mean.

    Groups of fewer than two rows are omitted.

    Parameters
    ----------
    states : sequence of Moments
        One per group; see :func:`sampling_errors` for their terms.
    features : sequence of str

    Returns
    -------
    pandas.DataFrame
        feature, of (``mean_abs`` or ``mean``), difference (the largest), statistic, df1, df2,
        p_value and p_adjusted (Holm, over all rows of the table).
    """
    kept = [state for state in states if state.count > 1]
    count, rows = len(features), []
    for number, kind in enumerate(("mean_abs", "mean")):
        for at, feature in enumerate(features):
            rows.append((feature, kind, *welch(kept, number * count + at, count)))
    found = pd.DataFrame(
        rows, columns=["feature", "of", "difference", "statistic", "df1", "df2", "p_value"]
    )
    return found.assign(p_adjusted=holm(found["p_value"].to_numpy()))


def welch(states: Sequence[Moments], term: int, features: int) -> tuple[float, ...]:
    """Test whether the means of groups differ (Welch 1951).

    Without weights and with exact values, this equals ``scipy.stats.f_oneway(equal_var=False)``;
    the errors of sampled values are added to the variances.

    Parameters
    ----------
    states : sequence of Moments
        One per group.
    term : int
        The position of the term whose means are compared.
    features : int
        The number of features.

    Returns
    -------
    tuple of float
        The largest difference of two means, F, both degrees of freedom and the p-value.
    """
    from scipy.stats import f

    groups = len(states)
    mean = np.array([state.mean[term] for state in states])
    if groups < 2:  # noqa: PLR2004
        return (np.nan,) * 5
    difference = float(np.ptp(mean))
    errors = [sampling_errors(state, features)[0].ravel()[term] for state in states]
    variance = np.array([variance_of_means(state)[term] for state in states]) + np.square(errors)
    if not (variance > 0).all():
        # without variance, the means are equal or different with certainty
        certain = not variance.any()
        p_value = float(difference == 0) if certain else np.nan
        return difference, np.nan, groups - 1.0, np.nan, p_value
    weight = 1 / variance
    share = weight / weight.sum()
    freedom = np.array([effective_rows(state) for state in states]) - 1
    spread = ((1 - share) ** 2 / freedom).sum()
    between = (weight * (mean - share @ mean) ** 2).sum() / (groups - 1)
    statistic = between / (1 + 2 * (groups - 2) / (groups**2 - 1) * spread)
    df2 = (groups**2 - 1) / (3 * spread)
    return difference, float(statistic), groups - 1.0, df2, float(f.sf(statistic, groups - 1, df2))
