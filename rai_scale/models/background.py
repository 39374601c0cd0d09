"""The background rows: the caller's own, or a sample that does not depend on partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.models.columns import model_frame
from rai_scale.statistics.row_sample import draw_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from rai_scale.engines.protocol import Engine


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
        Of the sample, which is uniform over rows and depends on nothing else.

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
        found = model_frame(table, _dtypes(source, _without_decimals(table).to_pandas()))
    if len(found) == 0:
        raise ConfigError("the background has no rows.")
    return found


def _dtypes(source: Any, plain: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of the dtypes that the model is given: the same whichever engine holds it.

    A pandas frame keeps its numbers and categories; what it holds as objects, as its own strings or
    in Arrow's dtypes is what Arrow gives, as it is of other engines.
    """
    if not isinstance(source, pd.DataFrame):
        return plain
    foreign = (pd.ArrowDtype, pd.StringDtype)
    columns = {
        name: plain[name]
        if source[name].dtype == object or isinstance(source[name].dtype, foreign)
        else source[name].array[:0]
        for name in plain
    }
    return pd.DataFrame({name: pd.Series(values[:0]) for name, values in columns.items()})


def _without_decimals(table: pa.Table) -> pa.Table:
    """Return a table whose decimals are float64: no model computes with Python's Decimal."""
    import pyarrow as pa

    for at, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.float64()))
    return table


def sample_rows(
    engine: Engine, data: Any, columns: Sequence[str], rows: int, seed: int
) -> pa.Table:
    """Return ``rows`` rows drawn uniformly, each copy of equal rows on its own; reads twice.

    See :func:`~rai_scale.statistics.row_sample.draw_rows`.
    """
    return draw_rows(engine, data, columns, rows, seed)
