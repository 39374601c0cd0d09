"""Reweighing: weights that make the label independent of the sensitive features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness.mitigation.cell_lookup import CellLookup
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.cells import MAX_CELLS, Cells, count_cells

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True, repr=False)
class Reweighing(Result):
    """Weights per (sensitive features, label).

    Attributes
    ----------
    table : pandas.DataFrame
        The keys (with an underscore appended if a name clashes), ``count`` (int64, rows), ``mass``
        (float64, rows or sum of sample weights) and ``weight`` (float64). If sample weights are
        given, ``weight`` is the factor by which they are multiplied.
    keys : tuple of str
        The columns that a weight depends on.
    """

    table: pd.DataFrame
    keys: tuple[str, ...]

    def apply(self, frame: Any, output: str = "weight", *, engine: Engine | None = None) -> Any:
        """Add the weight (float64) of each row; lazy.

        A row of a cell that was not in the fitted data raises an error when the frame is executed.
        """
        engine = engine or engine_of(frame)
        if output in self.keys:
            raise ConfigError(
                f"{output!r} is a column that the weights depend on; pass another name as output=."
            )
        values = {output: self.table["weight"].to_numpy()}
        keys = self.table.iloc[:, : len(self.keys)].set_axis(list(self.keys), axis=1)
        return engine.with_columns(
            frame,
            CellLookup(keys, values),
            pa.schema([(output, pa.float64())]),
            inputs=self.keys,
            label="reweighing",
        )

    def totals(self) -> dict[str, Any]:
        """Return the number of cells and their columns."""
        rows = int(self.table["count"].sum())
        return {"keys": self.keys, "cells": len(self.table), "rows": rows}

    def _tables(self) -> Tables:
        return {"weights": self.table.copy}

    def _numbers(self) -> dict[str, float]:
        weight = self.table["weight"]
        return {"least_weight": float(weight.min()), "greatest_weight": float(weight.max())}


def reweighing(
    frame: Any,
    *,
    y_true: str,
    sensitive_features: str | Sequence[str],
    sample_weight: str | None = None,
    engine: Engine | None = None,
) -> Reweighing:
    """Return the weights ``w(s, y) = P(s) P(y) / P(s, y)``, from native counts.

    In the weighted data every group has the same share of each label, and groups and labels keep
    their total weight.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation or pyarrow Table
        The training rows.
    y_true : str
        Label column with any number of classes.
    sensitive_features : sequence of str
        Columns; groups are their combinations.
    sample_weight : str, optional
        Probabilities are then shares of this column's sum.
    engine : Engine, optional
        Found from the frame by default.

    Returns
    -------
    Reweighing
        The table of weights; ``apply(frame)`` adds them to a frame.

    Raises
    ------
    ConfigError
        If labels, sensitive features or weights are missing in some rows, there are no rows, or a
        cell has no weight.
    TooManyGroupsError
        If there are more than 1,000,000 cells.

    Notes
    -----
    Kamiran and Calders 2012, "Data preprocessing techniques for classification without
    discrimination", section 5.2. A combination that does not occur has no weight, so groups with
    only one label are unchanged.
    """
    engine = engine or engine_of(frame)
    sensitive = list(dict.fromkeys(names_of(sensitive_features)))
    if not sensitive or y_true in sensitive:
        raise ConfigError("give at least one sensitive feature other than the label.")
    weights = [] if sample_weight is None else [sample_weight]
    cells = count_cells(engine, frame, [*sensitive, y_true], weights=weights, limit=MAX_CELLS)
    if cells.rows == 0:
        raise ConfigError("the table has no rows, so there are no weights.")
    return Reweighing(_weights(cells, sensitive, y_true), (*sensitive, y_true))


def _weights(cells: Cells, sensitive: list[str], y_true: str) -> pd.DataFrame:
    mass = cells.count.astype(np.float64) if cells.weight is None else cells.weight
    if not (mass > 0).all():
        raise ConfigError("a cell of sensitive features and label has no weight; drop its rows.")
    groups, labels = (cells.keys.groupby(names).ngroup() for names in (sensitive, y_true))
    of_group, of_label = (np.bincount(codes, mass)[codes] for codes in (groups, labels))
    numbers = {"count": cells.count, "mass": mass}
    numbers["weight"] = of_group * of_label / (mass * mass.sum())
    keys = cells.keys.rename(columns={name: f"{name}_" for name in numbers})
    return keys.assign(**numbers)
