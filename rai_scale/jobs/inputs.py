"""The inputs of a job: tables, a model, and the versions that its results depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rai_scale._version import package_versions
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.jobs.outputs import check_table_names
from rai_scale.tables.find import find_tables
from rai_scale.tables.source import Lake, TableSource


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run, found without reading a row.

    Attributes
    ----------
    lake : Lake
        All tables that are read.
    versions : dict of str to str
        Versions of packages, models and anything else that changes the results.
    known : bool
        False if an input can change unnoticed: the run is then never "already done".
    model_hash : str or None
    given : object
        Objects that were opened meanwhile, for ``compute``.
    """

    lake: Lake
    versions: dict[str, str] = field(default_factory=dict)
    known: bool = True
    model_hash: str | None = None
    given: Any = None

    @property
    def table(self) -> TableSource:
        """The first table, or the only one."""
        return self.lake[0]

    @property
    def unread(self) -> int:
        """Number of files that could not be opened, or that are hidden next to the others."""
        hidden = {id(s): s.files for table in self.lake for s in table.hidden}
        return sum(len(table.unreadable) for table in self.lake) + sum(hidden.values())


def run_id_of(job: str, config: str, inputs: Inputs) -> str | None:
    """Return an id that is equal for equal configuration, inputs and versions.

    None if the state of an input is not known: such a run is never skipped.
    """
    snapshots = [(table.name, table.snapshot) for table in inputs.lake]
    if not inputs.known or any(snapshot is None for _, snapshot in snapshots):
        return None
    lake = inputs.lake
    skipped = [s for s in lake.skipped if not s.harmless] or [s for t in lake for s in t.hidden]
    facts = [(s.path, s.reason, s.bytes) for s in skipped]
    seen = json.dumps([job, config, snapshots, inputs.versions, facts], sort_keys=True)
    return hashlib.sha256(seen.encode()).hexdigest()[:16]


def one_table_of(source: str, table: str | None, engine: Engine, *packages: str) -> Inputs:
    """Return the inputs of a job on one table."""
    found = chosen_table(find_tables(source, engine=engine), source, table)
    return Inputs(Lake((found,)), package_versions(*packages))


def chosen_table(lake: Lake, source: str, table: str | None) -> TableSource:
    """Return the table that a configuration names, or the only one.

    Raises
    ------
    ConfigError
        If there are several and none is named, or none has the name.
    """
    names = [found.name for found in lake]
    if table is None and len(lake) == 1:
        return lake[0]
    for found in lake:
        if found.name == table:
            return found
    if table is None:
        raise ConfigError(f"{source} has {len(lake)} tables; name one, such as table: {names[0]}.")
    raise ConfigError(
        f"{source} has no table {table!r}.{did_you_mean(table, names)} "
        f"It has: {', '.join(names[:20])}."
    )


def configured_tables(
    found: Lake, config: Any, single: Any, columns: str = "the columns"
) -> tuple[Lake, dict[str, Any]]:
    """Return the tables of a configuration, and what it says of each.

    Parameters
    ----------
    found : Lake
    config : JobConfig
        With ``source`` and ``tables``.
    single : object
        What the configuration says of the only table of a source, if ``tables`` is empty.
    columns : str
        Which columns ``tables`` has to name, for the message.

    Raises
    ------
    ConfigError
        If a table does not exist or cannot be written, or if ``tables`` is empty and there are
        several.
    """
    tables = config.tables
    if not tables:
        if len(found) > 1:
            raise ConfigError(
                f"{config.source} holds {len(found)} tables; name in tables {columns} of each: "
                f"{', '.join(table.name for table in found)}."
            )
        tables = {found[0].name: single}
    lake = chosen_tables(found, tables)
    check_table_names(tables)
    return lake, tables


def chosen_tables(lake: Lake, named: Mapping[str, Any]) -> Lake:
    """Return the tables that the configuration names, all of which must exist."""
    found = {table.name: table for table in lake}
    for name in named:
        if name not in found:
            raise ConfigError(
                f"tables: the source has no table {name!r}.{did_you_mean(name, found)} "
                f"Its tables are: {', '.join(found)}."
            )
    return Lake(tuple(found[name] for name in named), lake.skipped)


def content_hash(path: str) -> str | None:
    """Return a hash of a file or of all files of a folder; None for anything else.

    The model behind an address such as ``models:/name/1`` can change.
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


def models_used(models: Iterable[str], versions: Mapping[str, str]) -> dict[str, str]:
    """Return names and versions of the language models, as reports show them."""
    names = list(models)
    found = [versions[f"model {name}"] for name in names]
    return {"model": ", ".join(names), "model_version": ", ".join(found)}
