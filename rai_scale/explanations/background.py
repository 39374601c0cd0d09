"""The background rows: the caller's own, or a sample that does not depend on partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, check_columns
from rai_scale.explanations.columns import model_frame
from rai_scale.statistics.keyed_hash import key_uniforms

ORDER = "_rai_order"


def background_frame(
    background: Any, frame: Any, features: Sequence[str], rows: int, seed: int
) -> pd.DataFrame:
    """Return the background as a pandas frame of the features.

    Parameters
    ----------
    background : pandas.DataFrame, frame of an engine, or None
        A pandas frame is used as it is, all of it, and its dtypes are those that the model is
        given. From other frames a sample is drawn.
    frame : DataFrame
        What is explained; the sample is drawn from it where there is no background.
    features : list of str
    rows : int
        Size of the sample.
    seed : int
        The sample is the rows with the smallest hashes under this seed.

    Raises
    ------
    ConfigError
        If there is no row.
    """
    source = frame if background is None else background
    whole = background is not None and isinstance(background, pd.DataFrame)
    engine = engine_of(source)
    check_columns(features, engine.columns(source))
    if whole:
        found = source[list(features)].reset_index(drop=True)
    else:
        table = sample_rows(engine, source, features, rows, seed)
        like = source if isinstance(source, pd.DataFrame) else table.to_pandas()
        found = model_frame(table, like[list(features)])
    if len(found) == 0:
        raise ConfigError("the background has no rows.")
    return found


def sample_rows(
    engine: Engine, data: Any, columns: Sequence[str], rows: int, seed: int
) -> pa.Table:
    """Return the ``rows`` rows with the smallest keyed hashes, in the order of the hashes.

    Two passes: one counts, one brings a few more than ``rows`` rows to the driver.
    """
    schema = engine.schema(data)
    fields = [schema.field(name) for name in columns]
    outputs = pa.schema([*fields, (ORDER, pa.float64())])
    total = _count(engine, data, columns[0])
    share = (rows + 6 * np.sqrt(rows) + 20) / max(total, 1)
    while True:
        keep = KeepSmallest(share, seed)
        kept = engine.collect(
            engine.map_partitions(data, keep, outputs, inputs=columns, label="background")
        )
        if kept.num_rows >= min(rows, total) or share >= 1:
            break
        share *= 4
    return kept.sort_by(ORDER).slice(0, rows).select(list(columns))


def _count(engine: Engine, data: Any, column: str) -> int:
    counted = engine.map_partitions(
        data, count_rows, pa.schema([("rows", pa.int64())]), inputs=[column], label="background"
    )
    return int(sum(engine.collect(counted)["rows"].to_pylist()))


def count_rows(table: pa.Table) -> pa.Table:
    """Return the number of rows of a batch."""
    return pa.table({"rows": pa.array([table.num_rows], pa.int64())})


count_rows.cheap = True  # type: ignore[attr-defined]


@dataclass(frozen=True)
class KeepSmallest:
    """A table function that keeps rows whose hash, as a number in [0, 1), is below ``share``."""

    share: float
    seed: int
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the kept rows with their hashes."""
        order = key_uniforms(table, self.seed)
        table = table.append_column(ORDER, pa.array(order))
        return table.filter(pa.array(order < self.share))
