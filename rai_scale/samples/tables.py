"""The tables of the sample lake: name, key, how many rows, how a row is made, how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pyarrow as pa

from rai_scale.samples import files, rows

TIME = pa.timestamp("us", tz="UTC")
CHUNK = 5_000


def _strings(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.string()) for name in names]


CUSTOMERS = pa.schema(
    [
        *_strings("customer_id", "full_name", "email", "phone", "street_address", "city"),
        *_strings("country", "date_of_birth", "ssn"),
        pa.field("newsletter", pa.bool_()),
        pa.field("balance", pa.decimal128(12, 2)),
        *_strings("notes"),
        pa.field("signed_up_at", TIME),
        *_strings("emergency_contact"),
    ]
)
TICKETS = pa.schema(
    [
        *_strings("ticket_id", "customer_id"),
        pa.field("opened_at", TIME),
        *_strings("subject", "body", "channel", "priority"),
    ]
)
VISITS = pa.schema(
    [
        *_strings("visit_id", "patient_name"),
        pa.field("birth_date", pa.date32()),
        *_strings("sex", "zip", "diagnosis", "doctor_note", "provider"),
        pa.field("visited_at", TIME),
    ]
)
LOANS = pa.schema(
    [
        *_strings("application_id", "sex", "race", "age_group"),
        pa.field("income", pa.float64()),
        pa.field("approved", pa.int64()),
        pa.field("repaid", pa.int64()),
        pa.field("score", pa.float64()),
        *_strings("applicant_email"),
    ]
)


@dataclass(frozen=True)
class SampleTable:
    """One table. ``count`` gives its rows in a lake of N rows; ``open`` its writer there."""

    name: str
    key: str
    row: Callable[[int, rows.World, Random], rows.Row]
    open: Callable[[Path, int], files.Sink]
    count: Callable[[int], int] = lambda n: n

    def chunk(self, n: int) -> int:
        """Return the rows per chunk: at least four chunks where there are four rows."""
        return min(CHUNK, -(-n // 4))


TABLES = (
    SampleTable(
        "customers",
        "customer_id",
        rows.customer,
        lambda lake, n: files.PartitionedParquet(
            lake / "customers", CUSTOMERS, "signup_month", rows.MONTHS[-1], "emergency_contact"
        ),
    ),
    SampleTable(
        "support_tickets",
        "ticket_id",
        rows.support_ticket,
        lambda lake, n: files.DirtyParquetParts(lake / "support_tickets", TICKETS),
    ),
    SampleTable(
        "card_payments",
        "payment_id",
        rows.card_payment,
        lambda lake, n: files.CsvFile(lake / "card_payments.csv", ragged_after=n // 2),
    ),
    SampleTable(
        "clinic/visits",
        "visit_id",
        rows.clinic_visit,
        lambda lake, n: files.delta_or_parquet(lake / "clinic" / "visits", VISITS),
    ),
    SampleTable(
        "loan_decisions",
        "application_id",
        rows.loan_decision,
        lambda lake, n: files.ParquetFile(lake / "loan_decisions.parquet", LOANS),
    ),
    SampleTable(
        "web_events",
        "event_id",
        rows.web_event,
        lambda lake, n: files.JsonLines(lake / "web_events.jsonl", broken_after=n // 2),
    ),
    SampleTable(
        "letters",
        "file",
        rows.letter,
        lambda lake, n: files.TextFiles(lake / "letters"),
        lambda n: max(3, min(n // 50, 40)),
    ),
    SampleTable(
        "products",
        "sku",
        rows.product,
        lambda lake, n: files.CsvFile(lake / "products.csv"),
        lambda n: min(n, 200),
    ),
)
