"""``what_if``: predictions for rows with changed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_columns
from rai_scale.models.model import CheckedModel, Model, check_model
from rai_scale.models.output import make_output
from rai_scale.names import Names, names_of
from rai_scale.results import Result

MOST_PREDICTIONS = 1_000_000


@dataclass(frozen=True, repr=False)
class WhatIf(Result):
    """Predictions before and after a change; made by :func:`what_if`.

    Attributes
    ----------
    predictions : pandas.DataFrame
        ``row`` (position in ``rows``, from 0), ``to_<column>`` for each changed column, ``class``
        (empty in a regression), ``before``, ``after`` and ``change``.
    rows : int
    """

    predictions: pd.DataFrame
    rows: int

    def totals(self) -> Mapping[str, Any]:
        """Return the number of rows, and of predictions for changed rows."""
        return {"rows": self.rows, "predictions": len(self.predictions)}

    def _tables(self) -> Any:
        return {"predictions": lambda: self.predictions}

    def _numbers(self) -> Mapping[str, float]:
        change = self.predictions["change"].abs()
        return {"mean_change": float(change.mean()), "largest_change": float(change.max())}


def what_if(
    model: Any,
    rows: pd.DataFrame,
    changes: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    features: Names | None = None,
) -> WhatIf:
    """Predict rows again with changed values.

    A change shows what the model would predict, not what would happen in the world.

    Parameters
    ----------
    model : Model, or an estimator, function or path for ``Model(...)``
    rows : pandas.DataFrame
        The rows, such as those that ``cohort_rows`` draws.
    changes : mapping of str to value, optional
        The new value of a column: one for all rows, a sequence with one value per row, or a
        function of the frame that returns one, such as ``lambda rows: rows["income"] * 1.1``.
    grid : mapping of str to sequence, optional
        Every combination of these values is set in every row, after ``changes``.
    features : str or sequence of str, optional
        Columns that the model reads; by default all columns of ``rows``.

    Returns
    -------
    WhatIf

    Raises
    ------
    ConfigError
        If nothing is changed, a value does not fit, or there are over 1,000,000 predictions.
    MissingColumnError
        If a changed column is not among the features.
    """
    names = list(rows.columns) if features is None else names_of(features)
    check_columns(names, list(rows.columns))
    given, grid = dict(changes or {}), dict(grid or {})
    check_columns([*given, *grid], names)
    both = sorted(given.keys() & grid.keys())
    if both or not (given or grid):
        raise ConfigError(
            f"{both[0]!r} is in changes and in grid; give it once."
            if both
            else "changes or grid must name at least one column."
        )
    combinations = list(product(*grid.values()))
    if not len(rows) or not combinations:
        raise ConfigError("rows and the values of grid must not be empty.")
    if len(rows) * len(combinations) > MOST_PREDICTIONS:
        raise ConfigError(
            f"{len(rows):,} rows and {len(combinations):,} combinations are more than "
            f"{MOST_PREDICTIONS:,} predictions; give fewer of them."
        )
    known = rows[names].reset_index(drop=True)
    checked = check_model(model, names, known.iloc[:8])
    kind = Model.of(model).output
    before = _predict(checked, kind, known)
    changed = known.assign(**{name: _new(known, name, value) for name, value in given.items()})
    parts = []
    for values in combinations:
        setting = dict(zip(grid, values, strict=True))
        after = changed.assign(
            **{name: _fitting(known, name, [value] * len(known)) for name, value in setting.items()}
        )
        found = _predict(checked, kind, after)
        parts += [
            _part(after, [*given, *grid], label, before[label], found[label]) for label in found
        ]
    return WhatIf(pd.concat(parts, ignore_index=True), len(rows))


def _predict(model: CheckedModel, kind: str, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    output = make_output(model, kind, None)
    return dict(zip(output.labels or ("",), output(rows).T, strict=True))


def _new(rows: pd.DataFrame, name: str, value: Any) -> pd.Series:
    value = value(rows) if callable(value) else value
    one = isinstance(value, str) or not isinstance(value, Sequence | np.ndarray | pd.Series)
    values = [value] * len(rows) if one else list(value)
    if len(values) != len(rows):
        raise ConfigError(
            f"changes: {name!r} has {len(values):,} values for {len(rows):,} rows; give one value, "
            "or one per row."
        )
    return _fitting(rows, name, values)


def _fitting(rows: pd.DataFrame, name: str, values: list[Any]) -> pd.Series:
    """Return values in the dtype of a column; numbers that it cannot hold make it wider."""
    dtype = rows[name].dtype
    made = pd.Series(values, index=rows.index)
    try:
        cast = made.astype(dtype)
    except (TypeError, ValueError):
        if pd.api.types.is_numeric_dtype(dtype) and pd.api.types.is_numeric_dtype(made.dtype):
            return made
        raise ConfigError(
            f"{name!r} has type {dtype}, and a new value has another one; give values of its type."
        ) from None
    if isinstance(dtype, pd.CategoricalDtype) and (cast.isna() & made.notna()).any():
        raise ConfigError(f"{name!r} is a category, and a new value is none of its categories.")
    same = cast.isna() & made.isna() | (cast == made)
    return cast if not pd.api.types.is_numeric_dtype(dtype) or same.all() else made


def _part(
    rows: pd.DataFrame, names: Sequence[str], label: str, before: np.ndarray, after: np.ndarray
) -> pd.DataFrame:
    shown = {f"to_{name}": rows[name] for name in names}
    numbers = {"before": before, "after": after, "change": after - before}
    return pd.DataFrame({"row": np.arange(len(rows)), **shown, "class": label, **numbers})
