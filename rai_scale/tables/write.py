"""Write a table so that it is either the old one or the whole new one, wherever it is interrupted.

Parquet goes into a folder per run, hidden from plain readers, and a pointer file is switched as the
last step: renames of folders are not atomic on object stores. Delta is one commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rai_scale.engines.partition import plain_errors
from rai_scale.errors import RaiScaleError, TableError, did_you_mean
from rai_scale.tables._parquet import open_file
from rai_scale.tables.lock import only_run
from rai_scale.tables.ownership import (
    make_folder,
    put_record,
    remove_where_ours,
)
from rai_scale.tables.path_names import hidden
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.pointer import (
    RUN_PREFIX,
    current_path,
    names_in,
    read_pointer,
    run_folder,
    switch_pointer,
)

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

__all__ = [
    "WrittenTable",
    "current_path",
    "remove_other_runs",
    "write_parquet",
    "write_table",
]

_STAGE_PREFIX = "_stage-"


@dataclass(frozen=True)
class WrittenTable:
    """A table as it was written.

    Attributes
    ----------
    location : str
        What :func:`read_table` is given.
    format : str
        parquet or delta.
    path : str
        Folder of the files of this run; the location itself for Delta.
    rows : int or None
        None where the engine does not say (Delta on Spark).
    files : tuple of str
        Names of the Parquet files in ``path``; empty for Delta.
    """

    location: str
    format: str
    path: str
    rows: int | None
    files: tuple[str, ...] = ()


def write_table(
    data: Any, engine: Engine, location: str, format: str = "parquet", *, run_id: str
) -> WrittenTable:
    """Execute ``data`` and make it the table at ``location``.

    Parameters
    ----------
    data : frame of the engine
        No row is also a table. Nested columns are written as they are.
    engine : Engine
    location : str
        A folder that is absent, empty, or holds a table that was written here.
    format : {"parquet", "delta"}
    run_id : str
        Letters, digits, dots, dashes, underscores. What an interrupted run of the same id left is
        replaced.

    Returns
    -------
    WrittenTable

    Raises
    ------
    TableError
        If the location holds anything else, or writing fails; the table there is then untouched.
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

    Not atomic: for a folder that nobody reads yet, such as one of a run under way. What an earlier
    call wrote there is replaced; ``private`` keeps others on this machine from reading it.

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
    """Raise :class:`TableError` if nothing can be written below ``location`` from here.

    Asks no store: it is about drivers, and about what a Spark session cannot do.
    """
    place = place_of(location)
    if place.is_of_session:
        place.fs.check_writable(place.url)


def check_target(location: str, engine: Engine, format: str) -> None:
    """Raise :class:`TableError` if this engine cannot make ``location`` a table of this format.

    So where anything else is there, or a Delta table that asks for what the engine does not do.
    """
    check_output(location)
    place = place_of(location, engine.name == "spark")
    _check_target(place, format)
    if format == "delta" and engine.name == "spark":
        from rai_scale.tables._spark_write import check_delta

        check_delta(engine.session, place.url)  # type: ignore[attr-defined]
    elif format == "delta" and "_delta_log" in names_in(place):
        from rai_scale.tables._delta_log import check_writable

        check_writable(place.url)


def _check_target(place: Place, format: str) -> str | None:
    """Return the folder of the current run, if the location is free or a table of ours."""
    if place.fs.isfile(place.path):
        raise TableError(f"{place.url!r} is a file; a table is written into a folder.")
    pointer, names = read_pointer(place), names_in(place)
    found = "parquet" if pointer else "delta" if "_delta_log" in names else None
    if found and found != format:
        raise TableError(
            f"{place.url!r} holds a {found} table; write {found}, or delete it or choose another "
            "place."
        )
    strange = [name for name in names if not hidden(name)]
    if found is None and strange:
        raise TableError(
            f"{place.url!r} holds {len(strange)} file(s) or folder(s) that were not written here; "
            "choose an empty or a new folder."
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
        from rai_scale.tables._spark_write import write_files
    elif engine.name == "dask":
        from rai_scale.tables._dask import write_files
    else:
        from rai_scale.tables._local import write_files
    write_files(data, engine, target)
    names = [n for n in names_in(target) if n.endswith(".parquet") and not hidden(n)]
    if not names:
        raise TableError(f"nothing was written to {target.url!r} that this process can see.")
    return names, token


def _write_delta(data: Any, engine: Engine, place: Place, run_id: str) -> WrittenTable:
    new = "_delta_log" not in names_in(place)
    written = _commit_delta(data, engine, place, run_id)
    if new:
        put_record(place)
    return written


def _commit_delta(data: Any, engine: Engine, place: Place, run_id: str) -> WrittenTable:
    if engine.name == "spark":
        from rai_scale.tables._spark_write import write_delta

        write_delta(data, place.url)
        return WrittenTable(place.url, "delta", place.url, None)
    from rai_scale.tables._delta import write_files, write_stream

    if engine.name == "local":
        from rai_scale.tables._local import tables_of

        rows = write_stream(place.url, engine.schema(data), tables_of(data, engine))
        return WrittenTable(place.url, "delta", place.url, rows)
    stage = place.child(_STAGE_PREFIX + run_id)
    try:
        names, _ = _write_files(data, engine, stage, private=True)
        rows = write_files(place.url, engine.schema(data), [stage.child(n) for n in names])
    finally:
        remove_where_ours(stage)
    return WrittenTable(place.url, "delta", place.url, rows)


def _count_rows(engine: Engine, target: Place, names: list[str]) -> int:
    if target.is_of_session:
        return int(engine.session.read.parquet(target.url).count())  # type: ignore[attr-defined]
    rows = 0
    for name in names:
        with open_file(target.child(name)) as file:
            rows += file.metadata.num_rows
    return rows


def remove_other_runs(place: Place, folder: str) -> None:
    """Remove the folders that other runs wrote here; the pointer must be switched before."""
    for name in names_in(place):
        if name.startswith(RUN_PREFIX) and name != folder:
            remove_where_ours(place.child(name))


@contextmanager
def _plain_failures(location: str) -> Iterator[None]:
    """Take the message from errors of engines and stores: it may quote a value."""
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
            "The table that was there is unchanged."
        ) from None
