"""The tables of the sample lake: name, key, number of rows, how a row is made and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pyarrow as pa

from rai_scale.samples import files, rows

TIME = pa.timestamp("us", tz="UTC")
CHUNK = 5_000


def _strings(names: str) -> dict[str, pa.DataType]:
    return dict.fromkeys(names.split(), pa.string())


CUSTOMERS = pa.schema(
    {
        **_strings("customer_id full_name email phone street_address city country"),
        **_strings("date_of_birth ssn"),
        **{"newsletter": pa.bool_(), "balance": pa.decimal128(12, 2), "notes": pa.string()},
        **{"signed_up_at": TIME, "emergency_contact": pa.string()},
    }
)
TICKETS = pa.schema(
    {
        **_strings("ticket_id customer_id"),
        "opened_at": TIME,
        **_strings("subject body channel priority"),
    }
)
VISITS = pa.schema(
    {
        **_strings("visit_id patient_name"),
        "birth_date": pa.date32(),
        **_strings("sex zip diagnosis doctor_note provider"),
        "visited_at": TIME,
    }
)
LOANS = pa.schema(
    {
        **_strings("application_id sex race age_group"),
        **{"income": pa.float64(), "approved": pa.int64(), "repaid": pa.int64()},
        **{"score": pa.float64(), "applicant_email": pa.string()},
    }
)


@dataclass(frozen=True)
class SampleTable:
    """A table of the sample lake.

    Attributes
    ----------
    name, key : str
        Name of the table and of its key column.
    row : callable
        Takes the row number, the world and a random generator; returns a row.
    open : callable
        Takes the folder of the lake and the number of rows; returns the writer.
    count : callable
        Takes the ``rows`` of the lake; returns the number of rows of this table.
    """

    name: str
    key: str
    row: Callable[[int, rows.World, Random], rows.Row]
    open: Callable[[Path, int], files.Sink]
    count: Callable[[int], int] = lambda n: n

    def chunk(self, n: int) -> int:
        """Return the rows per chunk; a table with four rows or more has at least four chunks."""
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
        lambda lake, n: files.CsvFile(lake / "card_payments.csv", broken_after=n // 2),
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
        lambda lake, n: files.JsonLinesFile(lake / "web_events.jsonl", broken_after=n // 2),
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
