"""The database tables of a ledger: a chain of events, and two further tables.

``releases``
    The bytes that are shown, once per reservation.
``leases``
    Which attempt at a reservation is active, and until when; holds no history and no budget.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from rai_scale.privacy.ledger.problems import LedgerBusyError, LedgerError
from rai_scale.records.book import HASH, Book

KEY_VARIABLE = "RAI_SCALE_LEDGER_KEY"
_NAME = String(200)
_TABLES = MetaData()

releases = Table(
    "rai_scale_releases",
    _TABLES,
    Column("reservation", String(32), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("arrow", LargeBinary, nullable=False),
    Column("metadata", Text, nullable=False),
)

leases = Table(
    "rai_scale_leases",
    _TABLES,
    Column("reservation", String(32), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
)

BOOK = Book(
    noun="ledger",
    prefix="rai_scale",
    columns=(
        Column("scope", _NAME),
        Column("analyst", _NAME),
        Column("dataset", _NAME),
        Column("reservation", String(32)),
        Column("attempt", Integer, nullable=False),
        Column("request_key", HASH),
        Column("epsilon", BigInteger, nullable=False, comment="units of 1e-12"),
        Column("delta", BigInteger, nullable=False, comment="units of 1e-18"),
        Column("rho", BigInteger, nullable=False, comment="units of 1e-12"),
        UniqueConstraint("reservation", "kind", "attempt", name="rai_scale_one_step"),
        Index("rai_scale_by_scope", "scope", "kind"),
    ),
    empty={
        **dict.fromkeys(("scope", "analyst", "dataset", "reservation", "request_key")),
        **dict.fromkeys(("attempt", "epsilon", "delta", "rho"), 0),
    },
    key_variable=KEY_VARIABLE,
    tables=_TABLES,
    only_added_to=(releases,),
    failed=LedgerError,
    busy=LedgerBusyError,
)
events = BOOK.events
