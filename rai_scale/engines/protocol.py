"""The verbs of an engine: their meaning, their checks, and what all engines share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from rai_scale.engines.counts import Sum, columns_of
from rai_scale.engines.frames import check_unique
from rai_scale.engines.indicators import Equal
from rai_scale.engines.partition import BatchFunction, TableFunction, plain_errors
from rai_scale.engines.shared_file import SharedFile
from rai_scale.engines.sql_verbs import SqlVerbs
from rai_scale.engines.tasks import TASK_SCHEMA, RunTasks, pickled, unpickled
from rai_scale.errors import TooManyGroupsError, check_columns


class Engine(SqlVerbs):
    """The operations that a capability may ask of an engine.

    In all methods, ``data`` is a frame of the engine's own kind; a *lazy* method returns a frame
    that is computed later. Unknown columns raise :class:`~rai_scale.errors.MissingColumnError`; an
    error in a table function raises :class:`~rai_scale.errors.WorkerError` without its message.

    Attributes
    ----------
    name : str
        ``local``, ``dask`` or ``spark``.
    dialect, sql_sees_all
        See :class:`~rai_scale.engines.sql_verbs.SqlVerbs`.
    joins : bool
        Whether there is :meth:`with_joined`. The local engine sends tables to its workers instead.
    """

    name = ""
    joins = False

    @abstractmethod
    def schema(self, data: Any) -> pa.Schema:
        """Return the canonical Arrow schema of ``data`` without executing it."""

    def declared(self, data: Any, types: Mapping[str, pa.DataType]) -> Any:
        """Return a pandas or Dask frame without object columns, any other frame unchanged; lazy.

        Each value of an object column is converted on its own; a value that cannot be converted
        becomes null. In text columns, numbers become their text; bytes and containers become null.

        Parameters
        ----------
        data : frame of the engine
        types : mapping of str to pyarrow.DataType
            The type of each object column: ``string``, ``bool_``, ``int64``, ``float64``,
            ``decimal128(38, 0)`` or ``timestamp("us")``. Timestamps are returned without a time
            zone: in UTC, or as local times of the zone that the type names. A column without a
            type becomes a column of nulls.
        """
        return data

    def columns(self, data: Any) -> list[str]:
        """Return the column names; cheaper than :meth:`schema`, which may read object columns."""
        return list(data.columns)

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

        Parameters
        ----------
        data : frame of the engine
        function : callable of pyarrow.Table to pyarrow.Table
            Picklable. It receives ``inputs`` in batches of at most 10,000 rows and must return as
            many rows, in the same order.
        outputs : pyarrow.Schema
            The columns that the function returns; new ones are appended, others stay.
        inputs : sequence of str
            The columns that the function receives.
        label : str
            The name of the operation in error messages.
        """
        self._check(data, inputs)
        return self._apply(data, BatchFunction(function, tuple(inputs), outputs, True, label))

    def with_indicators(self, data: Any, values: Mapping[str, Any]) -> Any:
        """Replace each column by 1 where it equals its value, else 0; null stays null; lazy.

        Parameters
        ----------
        data : frame of the engine
        values : mapping of str to object
            The Python value to compare each column with; None gives 0.
        """
        new = pa.schema([(name, pa.int64()) for name in values])
        return self.with_columns(data, Equal(dict(values)), new, inputs=[*values], label="labels")

    def without_columns(self, data: Any, names: Sequence[str]) -> Any:
        """Remove columns, all of which ``data`` has; lazy."""
        return data.drop(columns=[*names]) if names else data

    def with_names(self, data: Any, names: Mapping[str, str]) -> Any:
        """Keep the columns that ``names`` gives new names, in this order; lazy."""
        self._check(data, names)
        return self._renamed(data, names)

    def with_joined(
        self, data: Any, table: Any, keys: tuple[str, str], kind: pa.DataType, outputs: pa.Schema
    ) -> Any:
        """Add columns of the row of another frame that has the same key, null without one; lazy.

        Called by :func:`~rai_scale.engines.lookups.with_lookup`. The order of rows may change.

        Parameters
        ----------
        data, table : frames of the engine
            ``table`` has at most one row per key; a null is not a key.
        keys : tuple of (str, str)
            The column of the key in ``data``, and in ``table``.
        kind : pyarrow.DataType
            The type in which keys are compared.
        outputs : pyarrow.Schema
            The columns of ``table`` to add.
        """
        raise NotImplementedError(f"the engine {self.name} does not join")

    def map_partitions(
        self,
        data: Any,
        function: TableFunction,
        outputs: pa.Schema,
        *,
        inputs: Sequence[str] | None = None,
        label: str,
    ) -> Any:
        """Return a frame of the rows that the function makes of each batch; lazy.

        Parameters
        ----------
        data : frame of the engine
        function : callable of pyarrow.Table to pyarrow.Table
            Picklable; it receives batches of at most 10,000 rows and must not depend on the split.
        outputs : pyarrow.Schema
            The columns that the function returns.
        inputs : sequence of str, optional
            The columns that the function receives; all by default.
        label : str
            The name of the operation in error messages.
        """
        names = self.columns(data) if inputs is None else list(inputs)
        self._check(data, names)
        return self._apply(data, BatchFunction(function, tuple(names), outputs, False, label))

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

        Parameters
        ----------
        data : frame of the engine
        keys : sequence of str
            The columns whose distinct combinations are the groups.
        function : callable of pyarrow.Table to pyarrow.Table
            Picklable. It is called once per group with all its rows, in no defined order; they
            must fit in the memory of a worker.
        outputs : pyarrow.Schema
            The columns that the function returns.
        inputs : sequence of str
            The columns that the function receives, in addition to the keys.
        label : str
            The name of the operation in error messages.
        """
        names = tuple(dict.fromkeys([*keys, *inputs]))
        self._check(data, names)
        return self._apply_groups(data, keys, BatchFunction(function, names, outputs, False, label))

    def group_counts(
        self, data: Any, keys: Sequence[str], sums: Sequence[Sum] = (), limit: int | None = None
    ) -> pa.Table:
        """Count rows per distinct combination of ``keys``, natively; executes.

        Parameters
        ----------
        data : frame of the engine
        keys : sequence of str
            A null key is a group of its own.
        sums : sequence of str or tuple of str
            Numeric columns to sum per group; a tuple asks for the sum of a product. A null among
            the summed values makes the sum NaN.
        limit : int, optional
            The largest number of groups to bring to the driver.

        Returns
        -------
        pyarrow.Table
            The keys, ``count`` (int64), and ``sum_<name>`` or ``sum_<name>*<name>`` (float64) for
            each of ``sums``, in no defined order.

        Raises
        ------
        TooManyGroupsError
            If there are more than ``limit`` groups.
        """
        self._check(data, [*keys, *columns_of(sums)])
        with plain_errors():
            table = self._group_counts(data, keys, sums, limit)
        if limit is not None and table.num_rows > limit:
            raise TooManyGroupsError(keys, limit)
        return table

    def collect(self, data: Any) -> pa.Table:
        """Execute ``data`` and return all its rows in canonical Arrow types."""
        with plain_errors():
            return self._collect(data)

    @abstractmethod
    def from_arrow(self, table: pa.Table, partitions: int = 1) -> Any:
        """Make a frame with ``partitions`` partitions from a small Arrow table."""

    def map_tasks(
        self,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        shared: Sequence[SharedFile] = (),
    ) -> list[Any]:
        """Run ``function(task)`` for each task in the workers.

        Parameters
        ----------
        function : callable
            Picklable.
        tasks : iterable
            Picklable values.
        shared : sequence of SharedFile
            The files that the function reads; only documentation.

        Returns
        -------
        list
            The results, in the order of the tasks.
        """
        table = pickled(tasks)
        if not table.num_rows:
            return []
        frame = self.from_arrow(table, partitions=table.num_rows)
        done = self.map_partitions(frame, RunTasks(function), TASK_SCHEMA, label="map_tasks")
        return list(unpickled(self.collect(done).sort_by("number")))

    @abstractmethod
    def publish(self, path: str) -> SharedFile:
        """Bring a local file once to every worker; see :class:`SharedFile`."""

    def _check(self, data: Any, names: Iterable[str]) -> None:
        found = self.columns(data)
        check_unique(found)
        check_columns(names, found)

    def _renamed(self, data: Any, names: Mapping[str, str]) -> Any:
        return data[[*names]].rename(columns=dict(names))

    @abstractmethod
    def _apply(self, data: Any, batch: BatchFunction) -> Any: ...

    @abstractmethod
    def _apply_groups(self, data: Any, keys: Sequence[str], batch: BatchFunction) -> Any: ...

    @abstractmethod
    def _group_counts(
        self, data: Any, keys: Sequence[str], sums: Sequence[Sum], limit: int | None
    ) -> pa.Table: ...

    @abstractmethod
    def _collect(self, data: Any) -> pa.Table: ...
