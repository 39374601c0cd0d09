"""Schemas of Parquet files by the Spark session, where this process cannot open them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rai_scale.tables._session_files import SessionFiles, escaped
from rai_scale.tables.source import FileInfo, TableSource


def session_schemas(files: SessionFiles, source: TableSource) -> dict[FileInfo, Any]:
    """Return a Spark schema for each file of a table: what it has, and its neighbours too."""
    found = schemas_of(files, [source.file_path(file) for file in source.files])
    return {file: found[source.file_path(file)] for file in source.files}


def schemas_of(files: SessionFiles, paths: Sequence[str]) -> dict[str, Any]:
    """Return by path a Spark schema, or the type of error of a file that cannot be read.

    Files whose schemas go together share one that has the columns of all.
    """
    unknown = [path for path in paths if path not in files.schemas]
    if unknown:
        files.schemas.update(_halved(files.session, unknown))
    return {path: files.schemas[path] for path in paths}


def _halved(session: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Ask for all files at once; where that fails, for each half of them."""
    problem = "AmbiguousColumns"
    try:
        reader = session.read.option("mergeSchema", "true").option("ignoreCorruptFiles", "false")
        schema = reader.parquet(*map(escaped, paths)).schema
        if len({name.casefold() for name in schema.names}) == len(schema.names):
            return dict.fromkeys(paths, schema)
    except Exception as error:
        problem = type(error).__name__
    if len(paths) == 1:
        return {paths[0]: problem}
    half = len(paths) // 2
    return {**_halved(session, paths[:half]), **_halved(session, paths[half:])}
