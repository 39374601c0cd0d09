"""Whether the mean explanations of groups differ, from the groups' moments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rai_scale.statistics.moments import Moments
from rai_scale.statistics.multiple_tests import holm


def effective_rows(state: Moments) -> float:
    """Return Kish's effective number of rows; the number itself where weights are equal."""
    return state.weight**2 / state.weight_sq if state.weight_sq else 0.0


def variance_of_means(state: Moments) -> np.ndarray:
    """Return the variance of each term's mean over rows; NaN for fewer than two rows."""
    rows = effective_rows(state)
    if state.count < 2:  # noqa: PLR2004
        return np.full(len(state.mean), np.nan)
    return np.maximum(np.diag(state.comoment), 0) / state.weight / (rows - 1)


def sampling_errors(state: Moments, features: int) -> tuple[np.ndarray, float]:
    """Return standard errors of the mean size and the mean, (2, features), and their freedom.

    Exact values have none. From replicates: their spread. From errors alone, which are two standard
    errors: the mean error, as if all rows erred alike, which is the most that it can be.
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
    """Test per feature whether the groups' mean sizes, and mean values, differ.

    Groups of fewer than two rows are left out.

    Returns
    -------
    DataFrame
        feature, of (``mean_abs`` or ``mean``), largest difference, statistic, degrees of freedom,
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
    """Return largest difference, F, degrees of freedom and p-value of Welch's test (1951).

    Equal to ``scipy.stats.f_oneway(equal_var=False)`` where rows have no weights and values are
    exact; the errors of sampled values are added to the variances.
    """
    from scipy.stats import f

    groups = len(states)
    mean = np.array([state.mean[term] for state in states])
    if groups < 2:  # noqa: PLR2004
        return (np.nan,) * 5
    difference = float(np.ptp(mean))
    variance = np.array([_variance(state, term, features) for state in states])
    if not (variance > 0).all():
        # without spread, means are equal for certain or differ for certain
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


def _variance(state: Moments, term: int, features: int) -> float:
    sampling, _ = sampling_errors(state, features)
    return float(variance_of_means(state)[term] + sampling.ravel()[term] ** 2)
