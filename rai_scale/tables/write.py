"""Writing a table atomically: after an interruption, it is the old or the complete new table.

Each run writes its Parquet files into a folder of its own with a hidden name, and replaces a
pointer file in the last step: renames of folders are not atomic on object stores. Delta tables are
replaced in one commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rai_scale.engines.partition import plain_errors
from rai_scale.errors import RaiScaleError, TableError, did_you_mean
from rai_scale.tables.lock import only_run
from rai_scale.tables.ownership import make_folder, put_record, remove_where_ours
from rai_scale.tables.path_names import hidden
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.pointer import RUN_PREFIX, names_in, read_pointer, run_folder, switch_pointer
from rai_scale.tables.readers.parquet import open_file

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_STAGE_PREFIX = "_stage-"


@dataclass(frozen=True)
class WrittenTable:
    """A table that was written.

    Attributes
    ----------
    location : str
        The argument for :func:`read_table`.
    format : str
        parquet or delta.
    path : str
        The folder of this run's files; for Delta, the location itself.
    rows : int or None
        None if the engine does not report it (Delta on Spark).
    files : tuple of str
        The names of the Parquet files in ``path``; empty for Delta.
    """

    location: str
    format: str
    path: str
    rows: int | None
    files: tuple[str, ...] = ()


def write_table(
    data: Any, engine: Engine, location: str, format: str = "parquet", *, run_id: str
) -> WrittenTable:
    """Execute ``data`` and write it as the table at ``location``.

    Parameters
    ----------
    data : frame of the engine
        It may have no rows. Nested columns are written unchanged.
    engine : Engine
    location : str
        A folder that does not exist, is empty, or has a table that this package wrote.
    format : {"parquet", "delta"}
    run_id : str
        Letters, digits, dots, dashes and underscores. Files of an interrupted run with the same id
        are replaced.

    Returns
    -------
    WrittenTable

    Raises
    ------
    TableError
        If the location has other content, or writing fails; the existing table is then unchanged.
    WorkerError
        If a function of a lazy ``data`` fails.
    """
    if format not in ("parquet", "delta"):
        raise TableError(
            f"cannot write format {format!r}; choose parquet or delta."
            f"{did_you_mean(format, ('parquet', 'delta'))}"
        )
    place = place_of(location, engine.name == "spark")
    check_target(location, engine, format)
    with only_run(place):
        current = _check_target(place, format)
        folder = run_folder(run_id, current)
        with _plain_failures(location):
            if format == "delta":
                return _write_delta(data, engine, place, run_id)
            return _write_parquet(data, engine, place, folder)


def write_parquet(data: Any, engine: Engine, folder: str, *, private: bool = False) -> WrittenTable:
    """Execute ``data`` and write it as Parquet files into ``folder``.

    This is not atomic: use it for a folder that is not read yet, such as that of a current run.
    Files of an earlier call are replaced.

    Parameters
    ----------
    data : frame of the engine
    engine : Engine
    folder : str
    private : bool
        Whether only the owner may read the folder, on a local disk.

    Raises
    ------
    TableError, WorkerError
        As :func:`write_table`.
    """
    target = place_of(folder, engine.name == "spark")
    with _plain_failures(folder):
        names, _ = _write_files(data, engine, target, private)
        rows = _count_rows(engine, target, names)
    return WrittenTable(target.url, "parquet", target.url, rows, tuple(names))


def check_output(location: str) -> None:
    """Raise :class:`TableError` if this process has no means to write to ``location``.

    This checks the drivers and the Spark session; it does not access the store.
    """
    place = place_of(location)
    if place.is_of_session:
        place.fs.check_writable(place.url)


def check_target(location: str, engine: Engine, format: str) -> None:
    """Raise :class:`TableError` if this engine cannot write a table in this format to a location.

    Reasons are other content, a table in another format, and features of a Delta table that the
    engine does not support.

    Parameters
    ----------
    location : str
    engine : Engine
    format : {"parquet", "delta"}
    """
    check_output(location)
    place = place_of(location, engine.name == "spark")
    _check_target(place, format)
    if format == "delta" and engine.name == "spark":
        from rai_scale.tables.spark_write import check_delta

        check_delta(engine.session, place.url)  # type: ignore[attr-defined]
    elif format == "delta" and "_delta_log" in names_in(place):
        from rai_scale.tables.readers.delta_log import check_writable

        check_writable(place.url)


def _check_target(place: Place, format: str) -> str | None:
    """Return the folder of the current run, if any; raise if the location has other content."""
    if place.fs.isfile(place.path):
        raise TableError(f"{place.url!r} is a file; a table is written into a folder.")
    pointer, names = read_pointer(place), names_in(place)
    found = "parquet" if pointer else "delta" if "_delta_log" in names else None
    if found and found != format:
        raise TableError(
            f"{place.url!r} holds a {found} table. Write {found}, delete the table, or choose "
            "another location."
        )
    strange = [name for name in names if not hidden(name)]
    if found is None and strange:
        raise TableError(
            f"{place.url!r} holds {len(strange)} entries that rai_scale did not write. "
            "Choose an empty or a new folder."
        )
    return pointer[0] if pointer else None


def _write_parquet(data: Any, engine: Engine, place: Place, folder: str) -> WrittenTable:
    target = place.child(folder)
    names, token = _write_files(data, engine, target)
    rows = _count_rows(engine, target, names)
    switch_pointer(place, folder, "parquet", token)
    remove_other_runs(place, folder)
    return WrittenTable(place.url, "parquet", target.url, rows, tuple(names))


def _write_files(
    data: Any, engine: Engine, target: Place, private: bool = False
) -> tuple[list[str], str]:
    """Write ``data`` as Parquet files; return their names and the token of the folder."""
    token = make_folder(target, private)
    if engine.name == "spark":
        from rai_scale.tables.spark_write import write_files
    elif engine.name == "dask":
        from rai_scale.tables.readers.dask import write_files
    else:
        from rai_scale.tables.readers.local import write_files
    write_files(data, engine, target)
    names = [n for n in names_in(target) if n.endswith(".parquet") and not hidden(n)]
    if not names:
        raise TableError(f"nothing was written to {target.url!r} that this process can see.")
    return names, token


def _write_delta(data: Any, engine: Engine, place: Place, run_id: str) -> WrittenTable:
    new = "_delta_log" not in names_in(place)
    rows = _commit_delta(data, engine, place, run_id)
    if new:
        put_record(place)
    return WrittenTable(place.url, "delta", place.url, rows)


def _commit_delta(data: Any, engine: Engine, place: Place, run_id: str) -> int | None:
    if engine.name == "spark":
        from rai_scale.tables.spark_write import write_delta

        write_delta(data, place.url)
        return None
    from rai_scale.tables.readers.delta import write_files, write_stream

    if engine.name == "local":
        from rai_scale.tables.readers.local import tables_of

        return write_stream(place.url, engine.schema(data), tables_of(data, engine))
    stage = place.child(_STAGE_PREFIX + run_id)
    try:
        names, _ = _write_files(data, engine, stage, private=True)
        return write_files(place.url, engine.schema(data), [stage.child(n) for n in names])
    finally:
        remove_where_ours(stage)


def _count_rows(engine: Engine, target: Place, names: list[str]) -> int:
    if target.is_of_session:
        return int(engine.session.read.parquet(target.url).count())  # type: ignore[attr-defined]
    rows = 0
    for name in names:
        with open_file(target.child(name)) as file:
            rows += file.metadata.num_rows
    return rows


def remove_other_runs(place: Place, folder: str) -> None:
    """Remove all run folders except ``folder``; call this after :func:`switch_pointer`."""
    for name in names_in(place):
        if name.startswith(RUN_PREFIX) and name != folder:
            remove_where_ours(place.child(name))


@contextmanager
def _plain_failures(location: str) -> Iterator[None]:
    """Remove the message of errors of engines and stores: it may quote a value."""
    try:
        with plain_errors():
            yield
    except RaiScaleError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        why = f" ({os.strerror(number)})" if isinstance(number, int) else ""
        raise TableError(
            f"writing the table {location!r} failed: {type(error).__name__}{why}. "
            "The existing table is unchanged."
        ) from None
