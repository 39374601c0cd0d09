"""Fit the kinds of surrogate models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import MissingExtraError

PREDICTION = "_rai_prediction"
LEAVES = 64
"""Of the one tree."""


def fit_surrogate(
    kind: str, rows: pd.DataFrame, truth: np.ndarray, train: Callable[..., Any] | None, seed: int
) -> Any:
    """Return a model of the given kind, fitted to the predictions of another.

    Parameters
    ----------
    kind : {"lightgbm", "tree", "linear", "ebm"}
    rows : pandas.DataFrame
        The features; columns without numbers are categories.
    truth : ndarray of float64, shape (rows,)
        The predictions.
    train : callable, optional
        ``train_ebm``, for an EBM.
    seed : int
    """
    if train is not None and kind == "ebm":
        labelled = rows.assign(**{PREDICTION: truth})
        names = list(rows.columns)
        made = train(labelled, features=names, y_true=PREDICTION, task="regression")
        return made.model
    categories = [str(name) for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]
    if kind == "linear":
        return _linear(rows, categories).fit(rows, truth)
    if kind == "tree" and not categories:
        from sklearn.tree import DecisionTreeRegressor

        return DecisionTreeRegressor(max_leaf_nodes=LEAVES, random_state=seed).fit(rows, truth)
    try:
        from lightgbm import LGBMRegressor
    except ImportError:
        raise MissingExtraError("lightgbm", "errors") from None
    one: dict[str, Any] = {"n_estimators": 1, "learning_rate": 1.0, "num_leaves": LEAVES}
    fitting = LGBMRegressor(
        **(one if kind == "tree" else {"n_estimators": 200}),
        random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1,
    )  # fmt: skip
    return fitting.fit(rows, truth)


def _linear(rows: pd.DataFrame, categories: Sequence[str]) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    filled = SimpleImputer(keep_empty_features=True)
    if not categories:
        return make_pipeline(filled, LinearRegression())
    numbers = [name for name in rows if name not in categories]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), list(categories)), (filled, numbers)
    )
    return make_pipeline(columns, LinearRegression())
