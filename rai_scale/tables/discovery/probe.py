"""Find out, before reading, which files cannot be opened and how the others are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from rai_scale.tables.dialect import (
    CsvOptions,
    NoTextError,
    TextDialect,
    csv_options_for,
)
from rai_scale.tables.path_names import join
from rai_scale.tables.paths import Place
from rai_scale.tables.readers.file_dialect import dialect_of
from rai_scale.tables.readers.parquet import open_file


def probe_all(
    format: str,
    folder: Place,
    paths: Sequence[str],
    asked: Mapping[str, CsvOptions],
    inside: str = "",
) -> list[tuple[str | None, TextDialect | None]]:
    """Probe the files of a table; Parquet files that only a Spark session opens, through it.

    Parameters
    ----------
    format : str
    folder : Place
        The folder of the table.
    paths : sequence of str
        The paths of the files, relative to the folder.
    asked : mapping of str to CsvOptions
        Options by pattern of paths in the lake.
    inside : str
        The path of the folder in the lake.

    Returns
    -------
    list of (str or None, TextDialect or None)
        For each file as :func:`probe`.
    """
    files = [folder.child(path) for path in paths]
    if format == "parquet" and folder.is_of_session:
        from rai_scale.tables.readers.spark_parquet import schemas_of

        found = schemas_of(folder.fs, [file.path for file in files])
        errors = (found[file.path] for file in files)
        return [(error if isinstance(error, str) else None, None) for error in errors]
    with ThreadPoolExecutor(8) as pool:
        named = [join(inside, path) if inside else path for path in paths]
        return list(pool.map(lambda f, path: probe(format, f, path, asked), files, named))


def probe(
    format: str, file: Place, relative: str, asked: Mapping[str, CsvOptions]
) -> tuple[str | None, TextDialect | None]:
    """Open a file and read its footer or its first bytes.

    Parameters
    ----------
    format : str
    file : Place
    relative : str
        The path of the file in its lake.
    asked : mapping of str to CsvOptions
        Options by pattern of paths in the lake.

    Returns
    -------
    tuple of (str or None, TextDialect or None)
        The type of the error, if there is one, and how a text file is written.
    """
    try:
        if format == "parquet":
            open_file(file).close()
            return None, None
        return None, dialect_of(format, file, csv_options_for(relative, asked))
    except NoTextError:
        return "not text", None
    except Exception as error:
        return type(error).__name__, None
