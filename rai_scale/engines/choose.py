"""Choose an engine by the caller's frame, or by its name in a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, UnsupportedFrameError, did_you_mean

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

ENGINES = ("local", "dask", "spark")


def engine_of(frame: Any) -> Engine:
    """Return the engine that holds ``frame``.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table

    Raises
    ------
    UnsupportedFrameError
        If it is not a pyspark, dask or pandas DataFrame, a DuckDB relation or a pyarrow Table.
    """
    homes = {kind.__module__.split(".")[0] for kind in type(frame).__mro__}
    names = {kind.__name__ for kind in type(frame).__mro__}
    if "pyspark" in homes and "DataFrame" in names:
        return engine_named("spark", session=frame.sparkSession)
    if homes & {"dask", "dask_expr"} and names & {"DataFrame", "FrameBase"}:
        return engine_named("dask")
    known = {"DataFrame", "Table", "DuckDBPyRelation"}
    if homes & {"pandas", "pyarrow", "duckdb", "_duckdb"} and names & known:
        return engine_named("local")
    raise UnsupportedFrameError(
        f"no engine for a {type(frame).__module__}.{type(frame).__name__}. Pass a pyspark, dask or "
        "pandas DataFrame, a DuckDB relation or a pyarrow Table."
    )


def engine_named(name: str, session: Any = None, remote: str | None = None) -> Engine:
    """Return an engine by name.

    Parameters
    ----------
    name : {"local", "dask", "spark"}
    session : SparkSession, optional
        The session of the Spark engine; by default the active session, or a new one.
    remote : str, optional
        The address of a Spark Connect server, for a new session.

    Raises
    ------
    ConfigError
        If there is no engine of this name.
    """
    if name == "local":
        from rai_scale.engines.local import LocalEngine

        return LocalEngine()
    if name == "dask":
        from rai_scale.engines.dask import DaskEngine

        return DaskEngine()
    if name == "spark":
        from rai_scale.engines.spark import SparkEngine, open_session

        return SparkEngine(session if session is not None else open_session(remote))
    raise ConfigError(
        f"unknown engine {name!r}; choose one of {', '.join(ENGINES)}.{did_you_mean(name, ENGINES)}"
    )
