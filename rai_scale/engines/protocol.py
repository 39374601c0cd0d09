"""The few verbs that every engine offers, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from rai_scale.engines.shared_file import SharedFile

TableFunction = Callable[["pa.Table"], "pa.Table"]
"""A picklable function of one batch of rows; it must not depend on how the rows were cut.

A function with a true attribute ``cheap`` is not worth a worker process on the local engine.
"""


class Engine(Protocol):
    """What a capability may ask of an engine. ``data`` is the engine's own kind of frame."""

    name: str
    dialect: str
    sql_sees_all: bool
    """Whether one execution of ``totals`` in :meth:`aggregate_sql` sees all rows of a key."""

    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical Arrow schema of ``data`` without executing it."""

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Return a pandas or Dask frame without object columns, any other frame as it is; lazy.

        ``types`` holds ``string``, ``bool_``, ``int64``, ``float64``, ``decimal128(38, 0)`` or
        ``timestamp("us")``, whose values come without a zone: in UTC, or as the clocks of the
        type's zone. Each value of an object column is converted by itself; one that does not fit
        is null. Of text, numbers are their texts, and bytes and containers do not fit. A column
        without a type becomes nulls.
        """

    def columns(self, data: Any) -> list[str]:
        """Return the names of the columns: cheaper than the schema, which may read objects."""

    def with_columns(
        self,
        data: Any,
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str],
        label: str,
    ) -> Any:
        """Add or replace the columns ``outputs``, computed row by row from ``inputs``; lazy.

        The function returns as many rows as it was given, in the same order. All other columns
        stay as they are.
        """

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """Replace each column of ``values`` by 1 where it holds its value and 0 elsewhere; lazy.

        A value is as Python has it; None for a column that holds none. A null stays null. The
        columns become int64; Spark and DuckDB run no Python for this.
        """

    def map_partitions(
        self,
        data: Any,
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str] | None = None,
        label: str,
    ) -> Any:
        """Return a frame of the rows that the function makes of each batch; lazy."""

    def map_groups(
        self,
        data: Any,
        keys: Sequence[str],
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str],
        label: str,
    ) -> Any:
        """Return a frame of the rows that the function makes of each group; lazy.

        The function is called once per distinct combination of ``keys`` with all rows of that
        group, which must fit in a worker's memory. ``inputs`` are the columns that it sees, the
        keys among them. The order of the rows in a group is not defined.
        """

    def group_counts(
        self,
        data: Any,
        keys: Sequence[str],
        sums: Sequence[str | tuple[str, ...]] = (),
        limit: int | None = None,
    ) -> pa.Table:
        """Count rows per distinct combination of ``keys``, natively; executes.

        Returns the keys, ``count`` (int64) and ``sum_<name>`` (float64) for each of ``sums``; the
        sum of a product is asked for by a tuple of names and called ``sum_<name>*<name>``. A null
        key is a group of its own; a null among the summed values makes the sum NaN, so that it
        is not overlooked; the order of the rows is not defined.

        Raises
        ------
        TooManyGroupsError
            If there are more than ``limit`` groups; no more than that come to the driver.
        """

    def aggregate_sql(
        self,
        data: Any,
        rows: str,
        totals: str,
        *,
        keys: Sequence[str],
        together: Sequence[str] = (),
    ) -> pa.Table:
        """Run two SELECTs natively and return the whole numbers of the second; executes.

        ``rows`` selects row by row from the table ``rai_scale_data``, which is ``data``;
        ``totals`` groups the table ``rai_scale_rows``, which is the result of ``rows``, by
        ``keys`` into 64-bit counts and sums that add up. Both are written in the engine's
        ``dialect`` (``duckdb``, ``spark`` or ``spark3``) by this package, never by a user. Rows
        that are equal in the columns ``together``, which hold no nulls, are seen by one execution
        of ``totals``; with none, all totals must add up over any cut of the rows.
        """

    def collect(self, data: Any) -> pa.Table:
        """Execute ``data`` and return all its rows in canonical Arrow types."""

    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """Make a frame of a small Arrow table, cut into ``partitions``."""

    def map_tasks(
        self,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        shared: Sequence[SharedFile] = (),
    ) -> list[Any]:
        """Run ``function(task)`` for each task in the workers; results in the order of tasks."""

    def publish(self, path: str) -> SharedFile:
        """Bring a local file once to every worker; see :class:`SharedFile`."""
