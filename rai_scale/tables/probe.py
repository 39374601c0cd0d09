"""Find out early which files cannot be opened."""

from __future__ import annotations

from rai_scale.tables._csv import header_of
from rai_scale.tables._parquet import open_file
from rai_scale.tables.paths import Place


def probe(format: str, file: Place) -> str | None:
    """Open a file as far as needed to plan its reading; return the type of error, or None."""
    try:
        if format == "parquet":
            open_file(file).close()
        elif format == "csv":
            header_of(file)
        else:
            with file.open() as stream:
                stream.read(1)
    except Exception as error:
        return type(error).__name__
    return None
