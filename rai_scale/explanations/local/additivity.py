"""Whether values add up to the prediction: if not, the method does not fit the model.

The base value plus the Shapley values is the prediction (efficiency axiom of Shapley 1953).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from rai_scale.explanations.local.values import LocalValues

TOLERANCE = 1e-5
"""Relative to the size of the values: XGBoost and shap compute in 32 bits."""
OF_PREDICTION = 1e-6
"""Relative to the prediction: a large constant in it must not hide values that are wrong."""


def not_additive(found: LocalValues) -> np.ndarray:
    """Return which rows do not add up, bool of shape (rows,)."""
    gap = np.abs(found.base + found.values.sum(axis=1) - found.prediction)
    allowed = TOLERANCE * np.abs(found.values).sum(axis=1)
    allowed += OF_PREDICTION * (np.abs(found.prediction) + np.abs(found.base))
    return np.asarray((~(gap <= allowed)).any(axis=1))


def probe_rows(background: pd.DataFrame, rows: int = 4) -> pd.DataFrame:
    """Return a few background rows from all over the frame, rows with missing values first."""
    missing = np.flatnonzero(background.isna().any(axis=1))[: rows // 2]
    spread = np.linspace(0, len(background) - 1, min(rows, len(background))).astype(int)
    return background.iloc[np.unique(np.concatenate([missing, spread]))]


def marked(found: LocalValues) -> LocalValues:
    """Return values that are NaN, and marked, in each row whose values do not add up."""
    wrong = not_additive(found)
    found.values[wrong] = np.nan
    return replace(found, unexplained=wrong)
