"""What jobs on one table share: which table is meant, small tables as files, a model's content."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
from pathlib import Path

import pandas as pd

from rai_scale._version import __version__
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.tables.source import Lake, TableSource


def chosen_table(lake: Lake, source: str, table: str | None) -> TableSource:
    """Return the table that a configuration names, or the only one there is.

    Raises
    ------
    ConfigError
        If there are several and none is named, or none is called so.
    """
    names = [found.name for found in lake]
    if table is None and len(lake) == 1:
        return lake[0]
    for found in lake:
        if found.name == table:
            return found
    if table is None:
        raise ConfigError(f"{source} holds {len(lake)} tables; name one: table: {names[0]}.")
    raise ConfigError(
        f"{source} has no table {table!r}.{did_you_mean(table, names)} "
        f"It holds: {', '.join(names[:20])}."
    )


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet; a column of several types becomes text."""
    table = table.copy()
    for name in table.select_dtypes("object"):
        kinds = {type(value) for value in table[name].dropna()}
        if len(kinds) > 1:
            table[name] = table[name].map(lambda v: None if v is None else str(v))
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def content_hash(path: str) -> str | None:
    """Return a hash of a file or of all files of a folder; None where it is neither.

    An address such as ``models:/name/1`` may mean another model tomorrow.
    """
    place = Path(path)
    files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    if not files or not all(file.is_file() for file in files):
        return None
    found = hashlib.sha256()
    for file in files:
        found.update(str(file.relative_to(place) if place.is_dir() else "").encode())
        with file.open("rb") as opened:
            found.update(hashlib.file_digest(opened, "sha256").digest())
    return found.hexdigest()[:16]


def package_versions(*packages: str) -> dict[str, str]:
    """Return the versions that an answer depends on."""
    found = {"rai_scale": __version__}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not on the driver"
    return found
