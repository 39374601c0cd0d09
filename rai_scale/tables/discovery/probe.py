"""Find out, before reading, which files cannot be opened and how the others are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rai_scale.tables.dialect import CsvOptions, NoTextError, csv_options_for
from rai_scale.tables.paths import Place
from rai_scale.tables.readers.file_dialect import Headers, dialect_of
from rai_scale.tables.readers.parquet import schema_of
from rai_scale.tables.source import FileInfo

Probed = tuple[FileInfo, str | None]
"""A file, with its dialect or its schema; and the type of the error if it cannot be opened."""


def probe_session(folder: Place, files: Sequence[FileInfo]) -> list[Probed]:
    """Probe Parquet files that only a Spark session opens, through it.

    Parameters
    ----------
    folder : Place
        The folder of the table.
    files : sequence of FileInfo
    """
    from rai_scale.tables.readers.spark_parquet import schemas_of

    paths = [folder.child(file.path).path for file in files]
    found = schemas_of(folder.fs, paths)
    errors = (found[path] for path in paths)
    return [
        (file, error if isinstance(error, str) else None)
        for file, error in zip(files, errors, strict=True)
    ]


def probe(  # noqa: PLR0917
    format: str,
    folder: Place,
    file: FileInfo,
    named: str,
    parts: Headers | None,
    asked: Mapping[str, CsvOptions],
) -> Probed:
    """Open a file and read its footer or its first bytes.

    Parameters
    ----------
    format : str
    folder : Place
        The folder of the table.
    file : FileInfo
    named : str
        The path of the file in its lake.
    parts : dict, optional
        See :func:`~rai_scale.tables.readers.file_dialect.dialect_of`.
    asked : mapping of str to CsvOptions
        Options by pattern of paths in the lake.

    Returns
    -------
    tuple of (FileInfo, str or None)
        The file with how it is written or with its schema, and the type of the error if there is
        one.
    """
    place = folder.child(file.path)
    try:
        if format == "parquet":
            return replace(file, schema=schema_of(place, file.path)), None
        dialect = dialect_of(format, place, csv_options_for(named, asked), parts)
        return FileInfo(file.path, file.size, file.modified, dialect), None
    except NoTextError:
        return file, "not text"
    except Exception as error:
        return file, type(error).__name__
