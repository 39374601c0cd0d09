"""One DuckDB database per process for tables in memory.

To start and end a database takes several times as long as to count some thousand rows.
"""

from __future__ import annotations

import ctypes
import os

import duckdb

_started: list[duckdb.DuckDBPyConnection] = []


def _leave_inherited() -> None:
    """Never end the parent's database: that would wait for threads that a fork does not have."""
    for inherited in _started:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))
    _started.clear()


os.register_at_fork(after_in_child=_leave_inherited)


def connection() -> duckdb.DuckDBPyConnection:
    """Return a new connection to this process's database; each thread and relation has its own.

    A database that an error of DuckDB closed is started anew.
    """
    try:
        found = _started[-1].cursor()
        found.execute("SELECT 1")
    except (IndexError, duckdb.Error):
        _started.append(duckdb.connect())
        return _started[-1].cursor()
    return found
