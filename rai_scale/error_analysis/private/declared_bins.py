"""Bins that are declared before any data are read, and the bins and the error of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.object_columns import type_of_values
from rai_scale.privacy.declared_bins import BinNumbers, ColumnBins, check_listed, place_of

ERROR_KEY = "_rai_wrong"


@dataclass(frozen=True)
class DeclaredBins(ColumnBins):
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
    max_rows : int
        At most this many rows of a privacy unit are counted. More rows mean more noise.
    labels : list
        All labels that can occur. Rows with other labels are not counted.

    Raises
    ------
    OptionError
        If there is no feature, a feature is declared twice, bounds do not increase, values are not
        distinct, or ``max_rows`` is not an integer of at least 1.
    """

    labels: Sequence[Any] = (0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_listed("labels", self.labels)


@dataclass(frozen=True)
class RowBins(BinNumbers):
    """Table function: the bin of each row and feature (``_rai_b0``, ...), and its error.

    The error is null where a label is missing or was not declared.
    """

    declared: DeclaredBins
    y_true: str
    y_pred: str

    @property
    def keys(self) -> list[str]:
        """The names of the new columns."""
        return [*super().keys, ERROR_KEY]

    @property
    def sizes(self) -> list[int]:
        """The number of values of each new column."""
        return [*super().sizes, 2]

    @property
    def types(self) -> dict[str, pa.DataType]:
        """The columns that are read, and the types in which those of Python objects are."""
        labels = type_of_values(self.declared.labels)
        return {**super().types, self.y_true: labels, self.y_pred: labels}

    @property
    def described(self) -> dict[str, list[str]]:
        """What is declared, as texts; a release is known by them."""
        labels = sorted(map(str, self.declared.labels))
        return {**super().described, f"{self.y_true} = {self.y_pred}": labels}

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the new columns of a batch."""
        labels = self.declared.labels
        true, pred = (place_of(table[name], labels) for name in (self.y_true, self.y_pred))
        wrong = pa.array((true != pred).astype(np.int64), mask=(true < 0) | (pred < 0))
        return pa.table([*self.numbers(table), wrong], schema=self.outputs)
