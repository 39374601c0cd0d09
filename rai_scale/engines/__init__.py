"""Engines: local (DuckDB and processes), Dask, Spark; each imported only when used."""

from rai_scale import lazy

__getattr__, __dir__, __all__ = lazy.face(__name__)
