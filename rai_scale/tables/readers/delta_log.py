"""The features that a Delta table requires of its readers and writers, checked before use.

Nothing here reads or writes rows. A reader without support for a feature may silently return rows
that were deleted, or nulls for columns that were renamed.
"""

from __future__ import annotations

from typing import Any

from rai_scale.errors import MissingExtraError, TableError
from rai_scale.tables.source import TableSource

MODE = "delta.columnMapping.mode"
_PLAIN = frozenset({"timestampNtz", "vacuumProtocolCheck"})
"""Reader features that do not change how files are read."""
_BY_FILE = frozenset(
    {"columnMapping", "deletionVectors", "typeWidening", "typeWidening-preview", "v2Checkpoint"}
)
"""Reader features that our own reader of files supports; deltalake reads the log itself."""
_WRITTEN = frozenset({"appendOnly", "invariants", "timestampNtz"})
_LEGACY_READER, _LEGACY_WRITER, _WITH_FEATURES, _WITH_WRITER_FEATURES = 1, 2, 3, 7
ADVICE = "Read it on a Spark session with Delta, or ask its owner to drop the feature"


def delta_table(location: str, version: int | None = None) -> Any:
    """Open the log of a table (the newest version by default), with the errors of ``deltalake``."""
    from deltalake import DeltaTable

    return DeltaTable(location, version=version)


def open_log(source: TableSource) -> Any:
    """Open the log of a table in the version that was found.

    Raises
    ------
    MissingExtraError
        If ``deltalake`` is not installed.
    TableError
        If the log is damaged or missing, or requires features that are not supported here.
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
            "damaged, or the deltalake package supports neither its store nor a feature that it "
            f"uses. {ADVICE}."
        ) from None
    if unknown:
        raise TableError(
            f"Delta table {source.name!r} requires readers to support {', '.join(unknown)}, which "
            f"is not supported here: rows would silently be wrong. {ADVICE}."
        )
    return table


def features_of(table: Any) -> frozenset[str]:
    """Return the reader features of a table, also those of the old numbered protocol."""
    protocol = table.protocol()
    found = set(protocol.reader_features or ())
    if protocol.min_reader_version > _WITH_FEATURES:
        found.add(f"reader version {protocol.min_reader_version}")
    if mapping_mode(table) != "none":
        found.add("columnMapping")
    return frozenset(found)


def is_plain(table: Any) -> bool:
    """Return whether the files of a version can be read as plain Parquet files."""
    return features_of(table) <= _PLAIN


def mapping_mode(table: Any) -> str:
    """Return how columns of files are mapped to the table's: ``none``, ``name`` or ``id``."""
    if table.protocol().min_reader_version <= _LEGACY_READER:
        return "none"
    return str((table.metadata().configuration or {}).get(MODE, "none"))


def check_writable(location: str) -> None:
    """Raise :class:`TableError` if a table requires features of its writers that we lack."""
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
        named = ", ".join(sorted(asked))
        raise TableError(
            f"the Delta table at {location!r} requires writers to support {named}, which "
            "is not supported here. Choose another location, or write on Spark with Delta."
        )


def _in_use(settings: dict[str, str], table: Any) -> set[str]:
    """Return the features that a table of writer version 3 to 6 uses, of those it may use."""
    found = {"checkConstraints" for name in settings if name.startswith("delta.constraints.")}
    if settings.get("delta.enableChangeDataFeed", "false").lower() == "true":
        found.add("changeDataFeed")
    if settings.get(MODE, "none") != "none":
        found.add("columnMapping")
    schema = table.schema().to_json()
    found |= {"generatedColumns" for _ in range("delta.generationExpression" in schema)}
    return found | {"identityColumns" for _ in range("delta.identity." in schema)}
