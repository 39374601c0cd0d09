"""The background rows: the caller's own, or a sample that does not depend on partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, OptionError, check_columns
from rai_scale.models.columns import model_frame
from rai_scale.statistics.row_sample import draw_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True)
class Background:
    """Rows whose values replace those of a feature when a model is explained.

    Attributes
    ----------
    rows : int
        Number of rows of the sample, if one is drawn.
    frame : pandas.DataFrame or frame of an engine, optional
        A pandas frame is used completely, and the model receives its dtypes. From any other frame,
        a sample is drawn, which executes the frame. By default, the sample is drawn from the
        explained frame.
    random_state : int, optional
        Seed of the sample; by default the seed of the explanation.

    Raises
    ------
    OptionError
        If ``rows`` is not an integer above 0.
    """

    rows: int = 100
    frame: Any = None
    random_state: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rows, bool) or not isinstance(self.rows, int) or self.rows < 1:
            raise OptionError(
                f"rows of the background must be an integer of at least 1; found {self.rows!r}."
            )


def background_frame(
    background: Any, frame: Any, features: Sequence[str], random_state: int
) -> pd.DataFrame:
    """Return the background as a pandas frame of the features.

    Parameters
    ----------
    background : Background, frame or None
        A frame stands for ``Background(frame=...)``.
    frame : DataFrame
        The explained frame; by default, the sample is drawn from it.
    features : list of str
        Columns of the result.
    random_state : int
        Seed of the sample, which is uniform over rows and does not depend on partitions.

    Raises
    ------
    ConfigError
        If the background has no rows.
    """
    asked = background if isinstance(background, Background) else Background(frame=background)
    source = frame if asked.frame is None else asked.frame
    whole = asked.frame is not None and isinstance(source, pd.DataFrame)
    engine = engine_of(source)
    check_columns(features, engine.columns(source))
    if whole:
        found: pd.DataFrame = source[list(features)].reset_index(drop=True)
    else:
        drawn_by = random_state if asked.random_state is None else asked.random_state
        found = sample_frame(engine, source, features, asked.rows, drawn_by)
    if len(found) == 0:
        raise ConfigError("the background has no rows; give a frame that has rows.")
    return found


def _dtypes(source: Any, plain: pd.DataFrame) -> pd.DataFrame:
    """Return an empty frame with the dtypes that the model receives, the same on every engine.

    Numbers and categories of a pandas frame keep their dtypes. Objects, pandas strings and Arrow
    dtypes get the dtypes of a conversion from Arrow, as on the other engines.
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
    engine: Engine, data: Any, columns: Sequence[str], rows: int, random_state: int
) -> pa.Table:
    """Return ``rows`` rows, drawn uniformly; reads the frame twice.

    Equal rows are drawn independently of each other.

    Parameters
    ----------
    engine : Engine
        The engine of the frame; see :func:`rai_scale.engines.engine_of`.
    data : frame of the engine
        The frame to draw from.
    columns : list of str
        Columns of the result. The hashes that select rows are computed from them.
    rows : int
        Number of rows; a frame with fewer rows is returned completely.
    random_state : int
        Seed of the hashes. The result does not depend on the partitions of the frame.

    Returns
    -------
    pyarrow.Table
    """
    return draw_rows(engine, data, columns, rows, random_state)


def sample_frame(
    engine: Engine, data: Any, columns: Sequence[str], rows: int, random_state: int
) -> pd.DataFrame:
    """Return :func:`sample_rows` as a pandas frame with the dtypes that a model receives."""
    table = sample_rows(engine, data, columns, rows, random_state)
    return model_frame(table, _dtypes(data, _without_decimals(table).to_pandas()))
