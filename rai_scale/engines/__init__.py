"""Engines: local (DuckDB and processes), Dask, Spark; each imported only when used."""
