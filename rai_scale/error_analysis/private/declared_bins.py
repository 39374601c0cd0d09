"""Bins that are declared before any data are read, and the bins of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from rai_scale.engines.key_values import arrow_values, positions
from rai_scale.engines.object_columns import type_of_values
from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.errors import OptionError
from rai_scale.privacy.bounding import check_max_rows
from rai_scale.statistics.score_bins import as_floats

ERROR_KEY = "_rai_wrong"


@dataclass(frozen=True)
class DeclaredBins:
    """Bins of features from public knowledge, for the private mode of an error analysis.

    Which values occur in the data would disclose something about people. Each feature also has a
    bin for rows whose value is missing or was not declared.

    Parameters
    ----------
    bounds : mapping of str to sequence of float
        Features of numbers: n bounds make n + 1 ranges, and a value equal to a bound belongs to the
        lower one.
    categories : mapping of str to list
        All values of the other features.
    labels : list
        All labels that can occur. Rows with other labels are not counted.
    max_rows : int
        At most this many rows of a privacy unit are counted. More rows mean more noise.

    Raises
    ------
    OptionError
        If there is no feature, a feature is declared twice, bounds do not increase, values are not
        distinct, or ``max_rows`` is not an integer of at least 1.
    """

    bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    categories: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    labels: Sequence[Any] = (0, 1)
    max_rows: int = 1

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_max_rows(self.max_rows)
        both = sorted(self.bounds.keys() & self.categories.keys())
        if both or not self.features:
            raise OptionError(
                f"{both[0]!r} has both bounds and categories."
                if both
                else "declared needs the bounds or the categories of at least one feature."
            )
        for name, edges in self.bounds.items():
            if not len(edges) or not np.isfinite(edges).all():
                raise OptionError(f"the bounds of {name!r} must be numbers, at least one.")
            if not all(low < high for low, high in pairwise(edges)):
                raise OptionError(f"the bounds of {name!r} must increase.")
        for name, values in {**self.categories, "labels": self.labels}.items():
            if isinstance(values, str) or not values or len(set(values)) != len(values):
                raise OptionError(f"the values of {name!r} must be a list of distinct values.")

    @property
    def features(self) -> list[str]:
        """The declared features: numbers first."""
        return [*self.bounds, *self.categories]

    def bins(self, feature: str) -> int:
        """Return the number of bins of a feature; the last is for missing or undeclared values."""
        known = self.bounds.get(feature)
        return len(known) + 2 if known is not None else len(self.categories[feature]) + 1

    def values(self, feature: str) -> list[Any]:
        """Return one value in each bin of a feature; None for the last one."""
        if feature in self.categories:
            return [*sorted(self.categories[feature]), None]
        edges = [float(edge) for edge in self.bounds[feature]]
        return [*edges, float(np.nextafter(edges[-1], np.inf)), None]

    def described(self, y_true: str, y_pred: str) -> dict[str, list[str]]:
        """Return what is declared as texts; a release is known by them."""
        bounds = {name: [f"<= {float(edge)!r}" for edge in e] for name, e in self.bounds.items()}
        values = {name: sorted(map(str, listed)) for name, listed in self.categories.items()}
        labels = sorted(map(str, self.labels))
        return {**bounds, **values, f"{y_true} = {y_pred}": labels}

    def types(self, y_true: str, y_pred: str) -> dict[str, pa.DataType]:
        """Return the types in which columns of Python objects are read."""
        values = {name: type_of_values(listed) for name, listed in self.categories.items()}
        numbers = dict.fromkeys(self.bounds, pa.float64())
        return {**numbers, **values, **dict.fromkeys((y_true, y_pred), type_of_values(self.labels))}


@dataclass(frozen=True)
class RowBins:
    """Table function: the bin of each row and feature (``_rai_b0``, ...), and its error.

    The error is null where a label is missing or was not declared.
    """

    declared: DeclaredBins
    y_true: str
    y_pred: str

    @property
    def outputs(self) -> pa.Schema:
        """The new columns."""
        return pa.schema([(name, pa.int64()) for name in self.keys])

    @property
    def keys(self) -> list[str]:
        """Their names."""
        return [*(f"_rai_b{at}" for at in range(len(self.declared.features))), ERROR_KEY]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the new columns of a batch."""
        made = []
        for name in self.declared.features:
            last = self.declared.bins(name) - 1
            if name in self.declared.bounds:
                values = as_floats(table[name])
                bins = np.searchsorted(np.asarray(self.declared.bounds[name], float), values)
                made.append(np.where(np.isnan(values), last, bins))
            else:
                place = self._place(table[name], sorted(self.declared.categories[name]))
                made.append(np.where(place < 0, last, place))
        true, pred = (
            self._place(table[name], self.declared.labels) for name in (self.y_true, self.y_pred)
        )
        wrong = pa.array((true != pred).astype(np.int64), mask=(true < 0) | (pred < 0))
        columns = [pa.array(np.asarray(bins, np.int64)) for bins in made]
        return pa.table([*columns, wrong], schema=self.outputs)

    def _place(self, column: pa.ChunkedArray, values: Sequence[Any]) -> np.ndarray:
        return positions(without_invalid_text(column), arrow_values(values))
