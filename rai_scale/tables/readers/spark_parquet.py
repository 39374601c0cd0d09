"""Schemas of Parquet files that only the Spark session can open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rai_scale.tables.session_files import SessionFiles, escaped
from rai_scale.tables.source import FileInfo, TableSource


def session_schemas(files: SessionFiles, source: TableSource) -> dict[FileInfo, Any]:
    """Return a Spark schema for each file of a table; see :func:`schemas_of`."""
    found = schemas_of(files, [source.file_path(file) for file in source.files])
    return {file: found[source.file_path(file)] for file in source.files}


def schemas_of(files: SessionFiles, paths: Sequence[str]) -> dict[str, Any]:
    """Return a Spark schema for each path, or the type of the error for an unreadable file.

    Files with compatible schemas share one schema with the columns of all of them.
    """
    unknown = [path for path in paths if path not in files.schemas]
    if unknown:
        files.schemas.update(_halved(files.session, unknown))
    return {path: files.schemas[path] for path in paths}


def _halved(session: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Ask for the schema of all files at once; if that fails, of each half of them."""
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
