"""The tables of one chain of events; triggers in the database make them append-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    inspect,
)
from sqlalchemy.schema import SchemaItem

from rai_scale.records.problems import RecordBusyError, RecordError

HASH = String(64)

_SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRES_FUNCTION = """
CREATE FUNCTION {prefix}_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$
"""
_POSTGRES_TRIGGERS = (
    "CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION {prefix}_refuse()",
    "CREATE TRIGGER {table}_all BEFORE TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {prefix}_refuse()",
)


@dataclass(frozen=True)
class Book:
    """The description of a chain of events in a database: its tables, and its name in messages.

    Parameters
    ----------
    noun : str
        What the book is called in messages, such as ``ledger``.
    prefix : str
        The prefix of its tables: ``<prefix>_events`` (the events in order, each with a hash over
        its content and the previous hash) and ``<prefix>_head`` (one row with the number of events
        and the last hash; writers lock it).
    columns : tuple of Column, Index or constraint
        The columns of an event in addition to ``seq``, ``at``, ``kind``, ``body``, ``previous`` and
        ``hash``.
    empty : mapping of str to object
        Values of these columns for events that do not give them.
    key_variable : str
        The environment variable of the key; without a value there, hashes have no key.
    tables : MetaData
        All tables of the book; other tables than those of the chain are added by the caller.
    only_added_to : tuple of Table
        Tables in addition to the chain that are append-only too.
    failed, busy : subclasses of RecordError
        The errors to raise.
    """

    noun: str
    prefix: str
    columns: tuple[SchemaItem, ...]
    empty: Mapping[str, Any]
    key_variable: str
    tables: MetaData = field(default_factory=MetaData)
    only_added_to: tuple[Table, ...] = ()
    failed: type[RecordError] = RecordError
    busy: type[RecordError] = RecordBusyError
    events: Table = field(init=False)
    head: Table = field(init=False)

    def __post_init__(self) -> None:
        events = Table(
            f"{self.prefix}_events",
            self.tables,
            Column("seq", BigInteger, primary_key=True, autoincrement=False),
            Column("at", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
            Column("kind", String(20), nullable=False),
            *self.columns,
            Column("body", Text, nullable=False, comment="canonical JSON"),
            Column("previous", HASH, nullable=False),
            Column("hash", HASH, nullable=False),
        )
        head = Table(
            f"{self.prefix}_head",
            self.tables,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("length", BigInteger, nullable=False),
            Column("hash", HASH, nullable=False),
            Column("seal", HASH, nullable=False),
        )
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "head", head)

    @cached_property
    def hashed(self) -> tuple[str, ...]:
        """The columns that an event's hash covers: all except ``hash``."""
        return tuple(c.name for c in self.events.columns if c.name != "hash")

    def exists(self, connection: Connection) -> bool:
        """Return whether the tables exist."""
        return inspect(connection).has_table(self.events.name)

    def create(self, connection: Connection) -> None:
        """Create the tables and triggers in the transaction of ``connection``."""
        self.tables.create_all(connection)
        names = [table.name for table in (self.events, *self.only_added_to)]
        run = connection.exec_driver_sql
        if connection.dialect.name == "sqlite":
            for table in names:
                for verb in ("UPDATE", "DELETE"):
                    run(_SQLITE_TRIGGER.format(table=table, verb=verb))
            return
        run(_POSTGRES_FUNCTION.format(prefix=self.prefix))
        for table in names:
            for statement in _POSTGRES_TRIGGERS:
                run(statement.format(table=table, prefix=self.prefix))
