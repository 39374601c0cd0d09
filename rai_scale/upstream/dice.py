"""dice-ml's search for one row, with ranges of all rows; only imported where it is used.

dice-ml takes ranges and categories from the rows that it is given, which are a sample here. It
draws from the global random numbers of ``random`` and NumPy, prints, and may search for ever.
"""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from threading import Lock
from typing import Any

import dice_ml
import numpy as np
import pandas as pd
from dice_ml.data_interfaces.public_data_interface import PublicData
from raiutils.exceptions import UserConfigValidationException
from sklearn.preprocessing import LabelEncoder

OUTCOME = "_rai_outcome"
_ONE_AT_A_TIME = Lock()
"""Threads share the global random numbers."""


class DeclaredData(PublicData):  # type: ignore[misc] # dice-ml has no types
    """A sample of rows, and the ranges and categories of all rows.

    Parameters
    ----------
    rows : pandas.DataFrame
        Integers and floats first, then categories as text.
    ranges : mapping of str to sequence
        The lowest and the highest number, or all categories, of each feature.
    places : mapping of str to int
        The decimal places of each feature of numbers.
    """

    def __init__(
        self, rows: pd.DataFrame, ranges: Mapping[str, Sequence[Any]], places: Mapping[str, int]
    ) -> None:
        self.ranges = {name: list(values) for name, values in ranges.items()}
        super().__init__(
            {
                "dataframe": rows.assign(**{OUTCOME: 0}),
                "continuous_features": list(places),
                "continuous_features_precision": dict(places),
                "outcome_name": OUTCOME,
            }
        )
        for name in self.categorical_feature_names:
            self.data_df[name] = self.data_df[name].cat.set_categories(sorted(self.ranges[name]))

    def get_features_range(
        self, permitted: Mapping[str, Any] | None = None, _: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the permitted ranges and those of all rows."""
        return {**self.ranges, **(permitted or {})}, dict(self.ranges)

    def fit_label_encoders(self) -> dict[str, Any]:
        """Return a number for each category."""
        names = self.categorical_feature_names
        return {name: LabelEncoder().fit(self.ranges[name]) for name in names}


def counterfactuals_of(
    data: DeclaredData, model: Any, row: pd.DataFrame, seed: int, **options: Any
) -> list[tuple[dict[str, Any], ...]]:
    """Return what dice-ml finds for one row: each with fewer changes, and as it was found.

    Parameters
    ----------
    data : DeclaredData
    model : object with predict_proba, or with predict alone for a regression
    row : pandas.DataFrame
        One row with the columns of ``data``.
    seed : int
        Of all random numbers that dice-ml draws.
    **options
        ``method``, and the arguments of dice-ml's ``generate_counterfactuals``.
    """
    kind = "classifier" if hasattr(model, "predict_proba") else "regressor"
    method = options.pop("method")
    with _ONE_AT_A_TIME, _seeded(seed), _silent():
        wrapped = dice_ml.Model(model=model, backend="sklearn", model_type=kind)
        explainer = dice_ml.Dice(data, wrapped, method=method)
        try:  # binary: the linear search takes a prediction per step of the last decimal place
            made = explainer.generate_counterfactuals(
                row, posthoc_sparsity_algorithm="binary", **options
            )
        except UserConfigValidationException:  # it found none
            return []
    found = made.cf_examples_list[0]
    if found.final_cfs_df is None:
        return []
    sparse = found.final_cfs_df if found.final_cfs_df_sparse is None else found.final_cfs_df_sparse
    pairs = zip(sparse.to_dict("records"), found.final_cfs_df.to_dict("records"), strict=True)
    return list(pairs)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    plain, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(numpy)


@contextmanager
def _silent() -> Iterator[None]:
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
