"""Errors by one or two features, as a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.error_analysis.cohorts.conditions import Condition
from rai_scale.error_analysis.cohorts.one_cohort import Cohort
from rai_scale.errors import ConfigError
from rai_scale.results import Result

MOST_FEATURES = 2


@dataclass(frozen=True, repr=False)
class Heatmap(Result):
    """Errors by the values of one or two features; made by :func:`error_heatmap`.

    Attributes
    ----------
    cells : pandas.DataFrame
        One row per cell: the range or value of each feature (text), ``rows``, ``errors``,
        ``error_rate`` with ``low`` and ``high``, ``share_of_errors``, and the metric. A cell
        without rows has NaN.
    conditions : list of Condition
        Of each cell.
    labels : tuple of str
    metric : str
    notes : tuple of str
        For the reader.
    """

    cells: pd.DataFrame
    conditions: list[Condition]
    labels: tuple[str, str]
    metric: str
    notes: tuple[str, ...] = ()

    def cohort(self, number: int) -> Cohort:
        """Return the rows of a cell.

        Parameters
        ----------
        number : int
            Its row in ``cells``.
        """
        if number not in range(len(self.conditions)):
            raise ConfigError(f"no cell {number}; there are {len(self.conditions)}, from 0.")
        return Cohort(self.conditions[number], labels=self.labels)

    def matrix(self, column: str | None = None) -> pd.DataFrame:
        """Return a column of ``cells`` as a matrix: the first feature down, the second across.

        Parameters
        ----------
        column : str, optional
            By default the metric.
        """
        names = list(self.cells.columns[: self.cells.columns.get_loc("rows")])
        values = self.cells.set_index(names)[column or self.metric]
        if len(names) == 1:
            return values.to_frame()
        table = values.unstack()
        return table.reindex(
            index=self.cells[names[0]].unique(), columns=self.cells[names[1]].unique()
        )

    def totals(self) -> Mapping[str, Any]:
        """Return the number of rows, of errors and of cells."""
        total = self.cells[["rows", "errors"]].sum()
        return {
            "rows": int(total["rows"]),
            "errors": float(total["errors"]),
            "cells": len(self.cells),
        }

    def _tables(self) -> Any:
        return {"cells": lambda: self.cells}

    def _numbers(self) -> Mapping[str, float]:
        worst = self.cells["error_rate"].max()
        total = self.cells[["rows", "errors"]].sum()
        return {"error_rate": total["errors"] / total["rows"], "worst_cell": float(worst)}

    def _remarks(self) -> Sequence[str]:
        return self.notes
