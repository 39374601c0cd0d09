"""scikit-learn's private modules and attributes of trees."""

from __future__ import annotations

from typing import Any

FORESTS = "sklearn.ensemble._forest"
BOOSTED = "sklearn.ensemble._gb"
HISTOGRAM_BOOSTED = "sklearn.ensemble._hist"
TREES = "sklearn.tree"
"""Prefixes of the modules that define estimators made of trees."""


def histogram_stages(estimator: Any) -> list[list[Any]]:
    """Return the trees of each stage of histogram gradient boosting, one per output."""
    return list(estimator._predictors)


def moves_categories(estimator: Any) -> bool:
    """Whether histogram gradient boosting reorders its categorical columns."""
    return getattr(estimator, "_preprocessor", None) is not None
