"""Check that values add up to the prediction; otherwise the method is wrong for the model.

The base value plus the Shapley values equals the prediction (efficiency axiom, Shapley 1953).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from rai_scale.explanations.local.values import LocalValues

TOLERANCE = 1e-5
"""Relative to the size of the values: XGBoost and shap compute in 32 bits."""
OF_PREDICTION = 1e-6
"""Relative to the prediction: a large constant in the prediction must not hide wrong values."""


def not_additive(found: LocalValues) -> np.ndarray:
    """Return the rows whose values do not add up, bool of shape (rows,)."""
    gap = np.abs(found.base + found.values.sum(axis=1) - found.prediction)
    allowed = TOLERANCE * np.abs(found.values).sum(axis=1)
    allowed += OF_PREDICTION * (np.abs(found.prediction) + np.abs(found.base))
    return np.asarray((~(gap <= allowed)).any(axis=1))


def probe_rows(background: pd.DataFrame, rows: int = 4) -> pd.DataFrame:
    """Return a few evenly spaced background rows, and some with missing values."""
    missing = np.flatnonzero(background.isna().any(axis=1))[: rows // 2]
    spread = np.linspace(0, len(background) - 1, min(rows, len(background))).astype(int)
    return background.iloc[np.unique(np.concatenate([missing, spread]))]


def marked(found: LocalValues) -> LocalValues:
    """Set the values of rows to NaN if they do not add up, and mark these rows as unexplained."""
    wrong = not_additive(found)
    found.values[wrong] = np.nan
    return replace(found, unexplained=wrong)
