"""What a scan reads: the tables of a path, and frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rai_scale.engines.choose import engine_named, engine_of
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.pii.scanning.guarantee import FIRST_ROUND
from rai_scale.tables.discovery.known_files import VERSION
from rai_scale.tables.documents.limits import DocumentLimits
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import read_rows
from rai_scale.tables.source import Lake, Skipped, TableSource


@dataclass(frozen=True)
class ScanInput:
    """A table to scan: a frame, or the files to read it from."""

    name: str
    frame: Any = None
    found: TableSource | None = None

    def read(self, engine: Engine) -> Any:
        """Return the frame."""
        if self.found is None:
            return self.frame
        return read_rows(self.found, engine, unnumbered=FIRST_ROUND)


Found = tuple[Engine, list[ScanInput], tuple[Skipped, ...]]
"""The engine, the tables, and the files that are not tables."""


def resolve(
    source: Any, engine: str | Engine | None, documents: DocumentLimits | None = None
) -> Found:
    """Return the engine, the tables, and the files that are not tables."""
    if isinstance(source, str | Lake):
        runner = engine_named(engine or "local") if isinstance(engine, str | None) else engine
        lake = (
            find_tables(source, engine=runner, documents=documents)
            if isinstance(source, str)
            else source
        )
        return runner, [ScanInput(t.name, found=t) for t in lake], lake.skipped
    frames = dict(source) if isinstance(source, Mapping) else {"frame": source}
    if not frames:
        raise ConfigError("there is no table to scan; the mapping of frames is empty.")
    engines = [engine_of(frame) for frame in frames.values()]
    if len({e.name for e in engines}) > 1:
        raise ConfigError(
            "frames of different engines cannot be scanned in one call; scan them separately."
        )
    return engines[0], [ScanInput(name, frame=frame) for name, frame in frames.items()], ()


def bytes_of(found: TableSource) -> int | None:
    """Return the size of the readable files of a table; None if it is not known."""
    files = [f for f in found.all_files if f.path != VERSION]
    return sum(f.size for f in files) if files or found.unreadable else None
