"""Give each row of a frame the values of its cell; row by row on the engine, without a join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.key_values import arrow_values, places_of
from rai_scale.errors import ConfigError


@dataclass(frozen=True)
class CellLookup:
    """A table function: the columns of ``keys`` in, the columns of ``values`` out.

    Parameters
    ----------
    keys : pandas.DataFrame
        One row per cell, without missing values.
    values : mapping of str to numpy.ndarray
        One value per cell for each output column.
    """

    keys: pd.DataFrame
    values: Mapping[str, np.ndarray]
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the values of each row; a cell that is not in ``keys`` is an error."""
        names = list(self.keys.columns)
        keys = {name: arrow_values(self.keys[name].to_numpy()) for name in names}
        cells = places_of(table, keys)
        missing = int((cells < 0).sum())
        if missing:
            raise ConfigError(
                f"{missing:,} rows of a batch are in cells of {', '.join(map(repr, names))} that "
                "were not in the fitted data. Fit on data with every combination, or remove these "
                "rows."
            )
        return pa.table({name: pa.array(v[cells]) for name, v in self.values.items()})
