"""What the log of a Delta table asks of its readers and writers, asked before either is trusted.

Nothing here reads or writes rows. A reader that does not know a feature may return rows that were
deleted, or nulls for columns that were renamed, without a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rai_scale.errors import MissingExtraError, TableError
from rai_scale.tables.source import TableSource

MODE = "delta.columnMapping.mode"
_PLAIN = frozenset({"timestampNtz", "vacuumProtocolCheck"})
"""Reader features that change nothing in how files are read."""
_BY_FILE = frozenset(
    {"columnMapping", "deletionVectors", "typeWidening", "typeWidening-preview", "v2Checkpoint"}
)
"""Reader features that our own reader of the files minds; the log itself is deltalake's work."""
_WRITTEN = frozenset({"appendOnly", "invariants", "timestampNtz"})
_LEGACY_READER, _LEGACY_WRITER, _WITH_FEATURES, _WITH_WRITER_FEATURES = 1, 2, 3, 7
ADVICE = "Read it on a Spark session that has Delta, or let its owner drop the feature"


def delta_table(location: str, version: int | None = None) -> Any:
    """Open the log of a table; raises what ``deltalake`` raises."""
    from deltalake import DeltaTable

    return DeltaTable(location, version=version)


def open_log(source: TableSource) -> Any:
    """Open the version that was found.

    Raises
    ------
    MissingExtraError
        If ``deltalake`` is not installed.
    TableError
        If the log is damaged, is gone, or asks for what is not read here; the features are named.
    """
    version = int(source.snapshot.split(":")[1]) if source.snapshot else None
    try:
        table = delta_table(source.location, version)
        unknown = sorted(features_of(table) - _PLAIN - _BY_FILE)
    except MissingExtraError:
        raise
    except Exception as error:
        raise TableError(
            f"Delta table {source.name!r} cannot be opened: {type(error).__name__}. Its log is "
            "damaged, its store is unknown to the deltalake package, or it uses a feature of "
            f"Delta that the package does not know. {ADVICE}."
        ) from None
    if unknown:
        raise TableError(
            f"Delta table {source.name!r} asks its readers for {', '.join(unknown)}, which is not "
            f"read here: rows would be wrong without a word. {ADVICE}."
        )
    return table


def features_of(table: Any) -> frozenset[str]:
    """Return the reader features of a table, those of the old numbered protocol by name."""
    protocol = table.protocol()
    found = set(protocol.reader_features or ())
    if protocol.min_reader_version > _WITH_FEATURES:
        found.add(f"reader version {protocol.min_reader_version}")
    if mapping_mode(table) != "none":
        found.add("columnMapping")
    return frozenset(found)


def is_plain(table: Any) -> bool:
    """Whether every reader of Parquet files that knows which files to read gets the right rows."""
    return features_of(table) <= _PLAIN


def mapping_mode(table: Any) -> str:
    """Return none, name or id: how the columns of the files are named."""
    if table.protocol().min_reader_version <= _LEGACY_READER:
        return "none"
    return (table.metadata().configuration or {}).get(MODE, "none")


def check_writable(location: str) -> None:
    """Raise :class:`TableError` if the table there asks its writers for what we do not do."""
    table = delta_table(location)
    protocol, settings = table.protocol(), table.metadata().configuration or {}
    version = protocol.min_writer_version
    asked = set(protocol.writer_features or ()) - _WRITTEN
    if _LEGACY_WRITER < version < _WITH_WRITER_FEATURES:
        asked |= _in_use(settings, table)
    if version > _WITH_WRITER_FEATURES:
        asked.add(f"writer version {version}")
    if settings.get("delta.appendOnly", "false").lower() == "true":
        asked.add("appendOnly")
    if asked:
        raise TableError(
            f"the Delta table at {location!r} asks its writers for {_listed(asked)}, which is not "
            "done here. Choose another place, or write on a Spark session that has Delta."
        )


def _in_use(settings: dict[str, str], table: Any) -> set[str]:
    """Name what a table of writer version 3 to 6 uses; these versions allow it, used or not."""
    found = {"checkConstraints" for name in settings if name.startswith("delta.constraints.")}
    if settings.get("delta.enableChangeDataFeed", "false").lower() == "true":
        found.add("changeDataFeed")
    if settings.get(MODE, "none") != "none":
        found.add("columnMapping")
    schema = table.schema().to_json()
    found |= {"generatedColumns" for _ in range("delta.generationExpression" in schema)}
    return found | {"identityColumns" for _ in range("delta.identity." in schema)}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
