"""The verbs of an engine that take SQL of its own dialect, written by this package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rai_scale.engines.partition import plain_errors

SQL_DATA = "rai_scale_data"
SQL_ROWS = "rai_scale_rows"
"""The names of the frame and of its selected rows in the SQL of :meth:`SqlVerbs.aggregate_sql`."""


@dataclass(frozen=True)
class Side:
    """A table of :meth:`SqlVerbs.join_sql`.

    Attributes
    ----------
    data : frame of the engine or pyarrow.Table
        A ``pyarrow.Table`` is small: every task receives all of it.
    rows : str
        The SELECT from ``rai_scale_data`` that makes the table. On Dask it runs per partition, so
        it may select rows, or count rows that are added up later.
    """

    data: Any
    rows: str

    @property
    def small(self) -> bool:
        """Whether every task receives all of it."""
        return isinstance(self.data, pa.Table)


class SqlVerbs(ABC):
    """What an engine computes from SQL that :class:`~rai_scale.engines.dialect.Dialect` writes.

    Attributes
    ----------
    dialect : str
        ``duckdb``, ``spark`` or ``spark3``.
    sql_sees_all : bool
        Whether one execution of ``totals`` in :meth:`aggregate_sql` sees all rows of a key.
    """

    dialect = "duckdb"
    sql_sees_all = True

    def aggregate_sql(
        self,
        data: Any,
        rows: str,
        totals: str,
        *,
        keys: Sequence[str],
        together: Sequence[str] = (),
    ) -> pa.Table:
        """Run two SELECT statements natively and return the integers of the second; executes.

        Both are written by this package in the engine's ``dialect``, never by a user.

        Parameters
        ----------
        data : frame of the engine
        rows : str
            Selects from the table ``rai_scale_data``, which is ``data``: row by row, or counts
            that ``totals`` adds up. On Dask it runs per partition.
        totals : str
            Groups the table ``rai_scale_rows``, the result of ``rows``, by ``keys`` into 64-bit
            counts and sums that can be added up.
        keys : sequence of str
            The columns that ``totals`` groups by.
        together : sequence of str
            Columns without nulls; one execution of ``totals`` sees all rows that are equal in
            them. Without any, all totals must add up however the rows are partitioned.
        """
        with plain_errors():
            return self._aggregate_sql(data, rows, totals, keys, together)

    @abstractmethod
    def join_sql(self, sides: Mapping[str, Side], sql: str, *, together: Sequence[str] = ()) -> Any:
        """Run one SELECT over several tables; lazy. A relation, Dask or Spark frame is returned.

        Parameters
        ----------
        sides : mapping of str to Side
            The tables by the names that ``sql`` uses, all of this engine; at least one is a frame.
        sql : str
            In the engine's ``dialect``, written by this package, without braces.
        together : sequence of str
            Columns of every frame without nulls, 64-bit integers if there are several frames. Rows
            that are equal in them meet in one execution of ``sql``; on one machine, a single frame
            may be larger than memory. Without any, one frame alone may be partitioned.
        """

    @abstractmethod
    def where(self, data: Any, condition: str) -> Any:
        """Keep the rows for which a SQL condition is true, with all their columns; lazy.

        Parameters
        ----------
        data : frame of the engine
        condition : str
            In the engine's ``dialect``. Rows for which it is null are not kept.
        """

    @abstractmethod
    def with_expressions(
        self, data: Any, expressions: Mapping[str, str], outputs: pa.Schema
    ) -> Any:
        """Add or replace columns by SQL expressions of each row; lazy.

        Parameters
        ----------
        data : frame of the engine
        expressions : mapping of str to str
            The expression of each new column, in the engine's ``dialect``.
        outputs : pyarrow.Schema
            The names and types of the new columns.
        """

    @abstractmethod
    def _aggregate_sql(
        self, data: Any, rows: str, totals: str, keys: Sequence[str], together: Sequence[str]
    ) -> pa.Table: ...
