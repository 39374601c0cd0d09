"""Tests of parity between groups: two-proportion z tests and permutation tests on cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.formulas_cells import Formula
from rai_scale.measures.uncertainty.resample import generator_of
from rai_scale.results import Result
from rai_scale.statistics.multiple_tests import holm

_CHUNK = 2_000_000
_SAME = 1e-12


def two_proportion_z_tests(
    successes: np.ndarray, sizes: np.ndarray, groups: Sequence[Any]
) -> pd.DataFrame:
    """Test each pair of groups for equal rates (two-sided z test with pooled variance).

    ``z = (p2 - p1) / sqrt(p (1 - p) (1 / n1 + 1 / n2))`` with the pooled rate p (Fleiss, Levin &
    Paik 2003, section 3.2). It needs unweighted rows, and about 5 successes and failures in each
    group; use :func:`permutation_test` for fewer.

    Parameters
    ----------
    successes, sizes : array of int, shape (groups,)
        For a true positive rate: true positives and positives of each group.
    groups : list, length groups

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``first``, ``second``, ``difference`` (second minus first), ``z``,
        ``p_value``, ``p_holm`` (Holm over all pairs). NaN if a group has no rows or all pooled rows
        have the same outcome.
    """
    successes, sizes = np.asarray(successes, float), np.asarray(sizes, float)
    if (successes > sizes).any() or (successes < 0).any():
        raise ConfigError("successes must be between 0 and the sizes of their groups.")
    first, second = np.triu_indices(len(sizes), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = successes / sizes
        pooled = (successes[first] + successes[second]) / (sizes[first] + sizes[second])
        variance = pooled * (1 - pooled) * (1 / sizes[first] + 1 / sizes[second])
        difference = rates[second] - rates[first]
        z = difference / np.sqrt(np.where(variance > 0, variance, np.nan))
    p_values = 2 * stats.norm.sf(np.abs(z))
    names = pd.Series(list(groups), dtype=object)
    return pd.DataFrame(
        {
            "first": names.iloc[first].to_numpy(),
            "second": names.iloc[second].to_numpy(),
            "difference": difference,
            "z": z,
            "p_value": p_values,
            "p_holm": holm(p_values),
        }
    )


@dataclass(frozen=True, repr=False)
class PermutationTest(Result):
    """Result of a permutation test: ``statistic`` is max - min over groups in the data."""

    statistic: float
    p_value: float
    n_permutations: int

    def _numbers(self) -> dict[str, float]:
        return {"statistic": self.statistic, "p_value": self.p_value}

    def totals(self) -> dict[str, float]:
        """Return the test's numbers."""
        return {**self._numbers(), "n_permutations": self.n_permutations}


def permutation_test(
    formula: Formula,
    y_true: np.ndarray,
    y_pred: np.ndarray,
    counts: np.ndarray,
    *,
    n_permutations: int = 9_999,
    random_state: Any = None,
) -> PermutationTest:
    """Test whether a metric differs between groups more than if membership were random.

    Permuting the groups of rows is equivalent to drawing a table with the same group sizes and
    label totals (a multivariate hypergeometric draw), so no row is read. The p-value counts the
    observed data as one of the permutations (Phipson & Smyth 2010), so that it is valid and never
    0. Test within one control level at a time.

    Parameters
    ----------
    formula : callable
        From :func:`rai_scale.measures.uncertainty.formulas.vectorised`.
    y_true, y_pred : array, shape (K,)
        Labels of the label cells.
    counts : array of int, shape (groups, K)
        Rows of each group in each label cell.
    n_permutations : int
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional

    Returns
    -------
    PermutationTest
        With NaN if fewer than two groups have a value.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():  # noqa: PLR2004
        raise ConfigError("counts must be non-negative integers, shape (groups, label cells).")
    if n_permutations < 1:
        raise ConfigError(f"n_permutations must be at least 1; found {n_permutations}.")
    counts = counts[counts.sum(axis=1) > 0]
    statistic = _spread(formula(y_true, y_pred, counts)) if len(counts) > 1 else np.nan
    if np.isnan(statistic):
        return PermutationTest(float("nan"), float("nan"), n_permutations)
    rng = generator_of(random_state)
    labelled = counts.sum(axis=0) > 0
    y_true, y_pred = np.asarray(y_true)[labelled], np.asarray(y_pred)[labelled]
    counts = counts[:, labelled]
    size, extreme = max(1, _CHUNK // counts.size), 0
    for start in range(0, n_permutations, size):
        tables = _tables(counts, min(size, n_permutations - start), rng)
        extreme += int((_spread(formula(y_true, y_pred, tables)) >= statistic - _SAME).sum())
    return PermutationTest(float(statistic), (extreme + 1) / (n_permutations + 1), n_permutations)


def _spread(values: np.ndarray) -> np.ndarray | np.float64:
    """Return max - min over groups (the last axis), without NaN."""
    return np.fmax.reduce(values, axis=-1) - np.fmin.reduce(values, axis=-1)


def _tables(counts: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw tables with the margins of ``counts``, shape (draws, groups, label cells)."""
    if counts.shape[1] == 1:
        return np.broadcast_to(counts, (draws, *counts.shape))
    margins = stats.random_table(counts.sum(axis=1), counts.sum(axis=0))
    # Boyett's method needs all rows, Patefield's does not
    method = "patefield" if counts.sum() > _CHUNK // 200 else None
    found = margins.rvs(size=draws, method=method, random_state=rng)
    return np.asarray(found).reshape(draws, *counts.shape).astype(np.int64)
