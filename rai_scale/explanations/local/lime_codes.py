"""Convert between a model's columns and the float matrix that LIME perturbs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd


def is_number(values: pd.Series) -> bool:
    """Whether a column is numeric; booleans count as categories."""
    kind = pd.api.types
    return kind.is_numeric_dtype(values.dtype) and not kind.is_bool_dtype(values.dtype)


@dataclass(frozen=True)
class Codes:
    """Keeps numbers, and encodes other values by the number of their category in the background.

    Missing and unknown values share one code after the last category.
    """

    background: pd.DataFrame

    @cached_property
    def _categories(self) -> dict[str, pd.Index]:
        found = {}
        for name in map(str, self.background.columns):
            values = self.background[name]
            if isinstance(values.dtype, pd.CategoricalDtype):
                found[name] = values.cat.categories
            elif not is_number(values):
                found[name] = pd.Index(values.dropna().unique()).sort_values()
        return found

    @property
    def categorical(self) -> list[int]:
        """Positions of the columns that are not numeric."""
        return [at for at, name in enumerate(self.background) if name in self._categories]

    def missing_numbers(self) -> list[str]:
        """Return the numeric columns that have missing values in the background."""
        encoded = self.encode(self.background)
        lacking = ~np.isfinite(encoded).all(axis=0)
        return [str(n) for n, bad in zip(self.background.columns, lacking, strict=True) if bad]

    def encode(self, rows: pd.DataFrame) -> np.ndarray:
        """Return rows as float64 of shape (rows, features)."""
        columns = []
        for name in self.background.columns:
            values = rows[name]
            if name in self._categories:
                known = self._categories[name]
                codes = known.get_indexer(pd.Index(values.astype(object)))
                columns.append(np.where(codes < 0, len(known), codes).astype(np.float64))
            else:
                columns.append(values.to_numpy(np.float64, na_value=np.nan))
        return np.column_stack(columns)

    def decode(self, matrix: np.ndarray, row: pd.DataFrame) -> pd.DataFrame:
        """Return perturbed rows for the model; the first one is ``row`` itself."""
        columns = {}
        for at, name in enumerate(self.background.columns):
            if name not in self._categories:
                columns[name] = matrix[:, at]
                continue
            like, known = self.background[name], self._categories[name]
            codes = matrix[:, at].astype(np.intp)
            codes = np.where(codes == len(known), -1, codes)
            drawn = pd.Series(pd.Categorical.from_codes(codes[1:].tolist(), known))
            if not isinstance(like.dtype, pd.CategoricalDtype):
                drawn = drawn.astype(object)
            whole = pd.concat([row[name].astype(drawn.dtype), drawn], ignore_index=True)
            complete = not whole.isna().any()
            columns[name] = whole.astype(like.dtype) if complete else whole
        return pd.DataFrame(columns)
