"""Corrections for many tests at once."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that the share of false discoveries is limited.

    Benjamini and Hochberg (1995); valid for independent and positively dependent tests.

    Parameters
    ----------
    p_values : array of float64, shape (tests,)

    Returns
    -------
    ndarray of float64, shape (tests,)
        The adjusted p-values, at most 1.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")[::-1]
    steps = p_values[order] * len(order) / np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted


def holm(p_values: np.ndarray, tests: int | None = None) -> np.ndarray:
    """Adjust the p-values of many tests (Holm 1979); valid for dependent tests too.

    Parameters
    ----------
    p_values : array of float64, shape (tests,)
        NaN for tests that could not be made; they are not counted.
    tests : int, optional
        The number of tests, if there were more than these. The others enter with a p-value of 1: a
        valid p-value stays valid if it is raised, so the result is valid however these were chosen.

    Returns
    -------
    ndarray of float64, shape (tests,)
        The adjusted p-values, at most 1.
    """
    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    count = len(order) if tests is None else max(tests, len(order))
    steps = p_values[order] * np.arange(count, count - len(order), -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
