"""The tables of a ledger. Events and releases are only ever added to; the database holds to that.

``events``
    What happened, in order, each row hashed over its content and the hash before it.
``head``
    One row: how many events there are, and the hash of the last. Locked by whoever writes.
``releases``
    The bytes that are shown, once per reservation.
``leases``
    Which attempt at a reservation is under way until when; holds no history and no budget.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
)

TABLES = MetaData()
_NAME = String(200)
_HASH = String(64)

events = Table(
    "rai_scale_events",
    TABLES,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False, comment="microseconds since 1970, UTC"),
    Column("kind", String(20), nullable=False),
    Column("scope", _NAME),
    Column("analyst", _NAME),
    Column("dataset", _NAME),
    Column("reservation", String(32)),
    Column("attempt", Integer, nullable=False),
    Column("request_key", _HASH),
    Column("epsilon", BigInteger, nullable=False, comment="units of 1e-12"),
    Column("delta", BigInteger, nullable=False, comment="units of 1e-18"),
    Column("rho", BigInteger, nullable=False, comment="units of 1e-12"),
    Column("body", Text, nullable=False, comment="canonical JSON"),
    Column("previous", _HASH, nullable=False),
    Column("hash", _HASH, nullable=False),
    UniqueConstraint("reservation", "kind", "attempt", name="rai_scale_one_step"),
    Index("rai_scale_by_scope", "scope", "kind"),
)

head = Table(
    "rai_scale_head",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("length", BigInteger, nullable=False),
    Column("hash", _HASH, nullable=False),
    Column("seal", _HASH, nullable=False),
)

releases = Table(
    "rai_scale_releases",
    TABLES,
    Column("reservation", String(32), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("arrow", LargeBinary, nullable=False),
    Column("metadata", Text, nullable=False),
)

leases = Table(
    "rai_scale_leases",
    TABLES,
    Column("reservation", String(32), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
)

APPEND_ONLY = (events, releases)

_SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRES_FUNCTION = """
CREATE FUNCTION rai_scale_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$
"""
_POSTGRES_TRIGGERS = (
    "CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION rai_scale_refuse()",
    "CREATE TRIGGER {table}_all BEFORE TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION rai_scale_refuse()",
)


def exists(connection: Connection) -> bool:
    """Return whether the ledger's tables are there."""
    return inspect(connection).has_table(events.name)


def create(connection: Connection) -> None:
    """Create tables and triggers in the transaction of ``connection``."""
    TABLES.create_all(connection)
    if connection.dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(_SQLITE_TRIGGER.format(table=table.name, verb=verb))
        return
    connection.exec_driver_sql(_POSTGRES_FUNCTION)
    for table in APPEND_ONLY:
        for statement in _POSTGRES_TRIGGERS:
            connection.exec_driver_sql(statement.format(table=table.name))
