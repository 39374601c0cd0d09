"""Find out early which files cannot be opened, and how the others are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from rai_scale.tables._arrow import unique_names
from rai_scale.tables._parquet import open_file
from rai_scale.tables.dialect import (
    HEAD_BYTES,
    Asked,
    Dialect,
    NoTextError,
    asked_for,
    csv_dialect,
    document_of,
    encoding_doubts,
    encoding_of,
)
from rai_scale.tables.formats import CORRUPT, delimiter_of
from rai_scale.tables.path_names import base_name, join
from rai_scale.tables.paths import Place


def probe_all(
    format: str, folder: Place, paths: Sequence[str], asked: Mapping[str, Asked], inside: str = ""
) -> list[tuple[str | None, Dialect | None]]:
    """Probe the files of a table; where only a Spark session opens them, Parquet is its work.

    ``inside`` is where the folder stands in the lake: patterns of ``asked`` are of paths there.
    """
    files = [folder.child(path) for path in paths]
    if format == "parquet" and folder.is_of_session:
        from rai_scale.tables._spark_parquet import schemas_of

        found = schemas_of(folder.fs, [file.path for file in files])
        said = (found[file.path] for file in files)
        return [(error if isinstance(error, str) else None, None) for error in said]
    with ThreadPoolExecutor(8) as pool:
        named = [join(inside, path) if inside else path for path in paths]
        return list(pool.map(lambda f, path: probe(format, f, path, asked), files, named))


def probe(
    format: str, file: Place, relative: str, asked: Mapping[str, Asked]
) -> tuple[str | None, Dialect | None]:
    """Open a file as far as needed to plan its reading.

    Returns
    -------
    tuple of (str or None, Dialect or None)
        The type of error, or None; and how a text is written.
    """
    try:
        if format == "parquet":
            open_file(file).close()
            return None, None
        return None, dialect_of(format, file, asked_for(relative, asked))
    except NoTextError:
        return "no text", None
    except Exception as error:
        return type(error).__name__, None


def dialect_of(format: str, file: Place, asked: Asked | None = None) -> Dialect:
    """Return how a text is written; raises :class:`NoTextError` where it is none."""
    with file.open() as stream:
        head = _read(stream)
    if format == "csv":
        usual = delimiter_of(base_name(file.path))
        found = csv_dialect(head, len(head) < HEAD_BYTES, usual, asked or Asked())
        return replace(found, names=tuple(unique_names(found.names, [CORRUPT])))
    encoding = encoding_of(head)
    document = format == "jsonl" and document_of(head, encoding)
    return Dialect(encoding, document=document, doubts=encoding_doubts(head, encoding))


def _read(stream: Any) -> bytes:
    """Read the head, also from streams that give less than they are asked for."""
    head = b""
    while len(head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(head))):
        head += more
    return head
