"""How strongly a feature is associated with a sensitive attribute, from counts."""

from __future__ import annotations

import math

import numpy as np


def cramers_v(table: np.ndarray) -> float:
    """Return the bias-corrected Cramer's V of a table of counts (Bergsma 2013).

    With phi2 = chi2 / n, r rows and c columns: phi2' = max(0, phi2 - (r - 1)(c - 1) / (n - 1)),
    r' = r - (r - 1)^2 / (n - 1), c' likewise, V = sqrt(phi2' / min(r' - 1, c' - 1)).

    Parameters
    ----------
    table : ndarray of float64, shape (values of the feature, values of the attribute)
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (rows, columns) = table.sum(), table.shape
    if rows < 2 or columns < 2 or n < 2:  # noqa: PLR2004
        return math.nan
    chi2, _ = chi_squared(table)
    phi2 = max(0.0, chi2 / n - (rows - 1) * (columns - 1) / (n - 1))
    sides = [side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)]
    smallest = min(sides) - 1
    return math.sqrt(phi2 / smallest) if smallest > 0 else math.nan


def chi_squared(table: np.ndarray) -> tuple[float, int]:
    """Return Pearson's statistic of independence and its degrees of freedom."""
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum()), math.prod(
        side - 1 for side in table.shape
    )


def p_value(table: np.ndarray) -> float:
    """Return the p-value of Pearson's test of independence."""
    from scipy.special import chdtrc

    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:  # noqa: PLR2004
        return math.nan
    return float(chdtrc(chi_squared(table)[1], chi_squared(table)[0]))


def mutual_information(table: np.ndarray) -> float:
    """Return the mutual information of feature and attribute, in nats."""
    p = table / table.sum()
    product = np.outer(p.sum(axis=1), p.sum(axis=0))
    found = p > 0
    return float((p[found] * np.log(p[found] / product[found])).sum())


def correlation_ratio(count: np.ndarray, total: np.ndarray, squares: np.ndarray) -> float:
    """Return eta: the root of the share of a number's variance that is between groups.

    Parameters
    ----------
    count, total, squares : ndarray of float64, shape (groups,)
        Rows, sum and sum of squares of the number per group; centred sums lose no digits.
    """
    n, mean = count.sum(), total.sum() / count.sum()
    whole = squares.sum() - n * mean**2
    between = float((count * (total / count - mean) ** 2).sum())
    return math.sqrt(min(1.0, between / whole)) if whole > 0 else math.nan


def auc_interval(
    score: np.ndarray, positive: np.ndarray, confidence: float, people: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Return the area under the ROC curve with its interval.

    DeLong et al. 1988 for independent rows; with people, whose rows resemble each other, the
    variance of the sums of their contributions (Obuchowski 1997).

    Parameters
    ----------
    score : ndarray of float64, shape (rows,)
    positive : ndarray of bool, shape (rows,)
    confidence : float
    people : ndarray of int64, shape (rows,), optional
        The number of each row's person.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ones, zeros = score[positive], score[~positive]
    if len(ones) < 2 or len(zeros) < 2:  # noqa: PLR2004
        return math.nan, math.nan, math.nan
    both = rankdata(np.r_[ones, zeros])
    above = (both[: len(ones)] - rankdata(ones)) / len(zeros)
    below = 1 - (both[len(ones) :] - rankdata(zeros)) / len(ones)
    value = float(above.mean())
    if people is None:
        error = math.sqrt(above.var(ddof=1) / len(ones) + below.var(ddof=1) / len(zeros))
    else:
        parts = np.empty(len(score))
        parts[positive], parts[~positive] = above - value, below - value
        parts /= np.where(positive, len(ones), len(zeros))
        sums = np.bincount(np.unique(people, return_inverse=True)[1], weights=parts)
        many = len(sums)
        error = math.sqrt(many / (many - 1) * (sums**2).sum()) if many > 1 else math.nan
    half = float(ndtri(0.5 + confidence / 2)) * error
    return value, max(0.0, value - half), min(1.0, value + half)
