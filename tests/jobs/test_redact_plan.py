"""What a scan proposes, redaction accepts, and what it cannot redact is named."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rai_scale.tables import find_tables, read_table
from rai_scale.tables.pointer import current_path
from tests.conftest import engine_params, full
from tests.jobs.small_lake import MODEL, cli, write_config

N = 20
MAIL = [f"mark{i}.smith@example.com" for i in range(N)]
PHONE = [2125550100 + i for i in range(N)]
CARD = 4012888888881881
DAY = dt.datetime(1980, 1, 1)


def every_type() -> pa.Table:
    text, number = pa.string(), pa.int64()
    columns = {
        "id": pa.array(range(N)),
        "text": pa.array([f"Please write a mail to {e} soon, thank you." for e in MAIL]),
        "large": pa.array(MAIL, pa.large_string()),
        "coded": pa.array(MAIL).dictionary_encode(),
        "phone": pa.array(PHONE),
        "uint": pa.array([CARD] * N, pa.uint64()),
        "float": pa.array([float(CARD)] * N),
        "decimal": pa.array([Decimal(CARD)] * N, pa.decimal128(38, 2)),
        "binary": pa.array([e.encode() for e in MAIL]),
        "large_binary": pa.array([e.encode() for e in MAIL], pa.large_binary()),
        "fixed_binary": pa.array([e.encode().ljust(32) for e in MAIL], pa.binary(32)),
        "birth_date": pa.array([DAY.date()] * N),
        "date_of_birth": pa.array([DAY] * N, pa.timestamp("us", "Europe/Berlin")),
        "is_email": pa.array([True] * N),
        "email": pa.nulls(N),
        "birth_time": pa.array([dt.time(1, 2)] * N),
        "list": pa.array([[e] for e in MAIL]),
        "fixed": pa.array([[e, "z"] for e in MAIL], pa.list_(text, 2)),
        "dates": pa.array([[DAY.date()]] * N),
        "rows": pa.array(
            [[{"mail": e, "phone": p}, None] for e, p in zip(MAIL, PHONE, strict=True)]
        ),
        "some": pa.array([{"n": p if i < 8 else None} for i, p in enumerate(PHONE)]),
        "with_bytes": pa.array([{"b": e.encode(), "mail": e} for e in MAIL]),
        "only_bytes": pa.array([{"b": e.encode()} for e in MAIL]),
        "map": pa.array([[(e, "x"), ("k", e)] for e in MAIL], pa.map_(text, text)),
        "by_phone": pa.array([[(p, "x")] for p in PHONE], pa.map_(number, text)),
        "by_bytes": pa.array([[(e.encode(), "x")] for e in MAIL], pa.map_(pa.binary(), text)),
        "fields": pa.array([{MAIL[0]: e, "b": "x"} for e in MAIL]),
        "json": pa.array(
            [json.dumps({"mail": e, "n": p}) for e, p in zip(MAIL, PHONE, strict=True)]
        ),
        "line\nend": pa.array(MAIL),
        "owner@example.com": pa.array(MAIL),
    }
    return pa.table(columns)


REFUSED = {"binary", "large_binary", "fixed_binary", "with_bytes.b", "only_bytes.b", "by_bytes.*"}


@pytest.fixture(params=["local", full("dask"), *engine_params(["spark"])])
def planned(request, tmp_path):
    """Scan a table of all types beside one of CSV with a bad line; return the plan and its text."""
    lake = tmp_path / "lake"
    (lake / "in").mkdir(parents=True)
    table = every_type()
    if request.param == "spark":  # which refuses a whole file that holds times of day
        table = table.drop_columns("birth_time")
    pq.write_table(table, lake / "in" / "every.parquet")
    lines = [f"{i},{e}" for i, e in enumerate(MAIL)]
    (lake / "sent.csv").write_text("\n".join(["id,mail", *lines, f"9,9,9,{MAIL[0]}"]) + "\n")
    (lake / "note.pdf").write_bytes(b"%PDF")
    values = {"source": str(lake), "output": str(tmp_path / "scan"), "ignore": ["*.pdf"]}
    values |= {"engine": request.param, "analyzer": {"model": MODEL, "score_threshold": 0.35}}
    values |= {"write_redact_config": str(tmp_path / "plan.yaml")}
    ran = cli("scan", write_config(tmp_path / "scan.yaml", values))
    assert ran.code in (0, 2), ran.text
    return tmp_path / "plan.yaml"


def test_redaction_accepts_all_that_a_scan_proposes(planned, tmp_path):
    out = tmp_path / "redacted"
    ran = cli("redact", planned, "--set", f"output={out}", "--set", "max_error_ratio=0.2")
    assert ran.code == 2, ran.text
    lake = {t.name: t for t in find_tables(current_path(str(out)))}
    rows = read_table(lake["in/every"], "local").to_arrow_table().to_pylist()
    left = {name for row in rows for name, value in row.items() if "smith@" in str(value)}
    tops = {name.split(".")[0] for name in REFUSED}
    assert left == {*tops, "fields", "owner@example.com"}
    text = str([{k: v for k, v in row.items() if k not in left} for row in rows])
    assert str(CARD) not in text
    assert [p for p in PHONE if str(p) in text] == PHONE[:8]  # those of some.n: only possible
    assert "smith@" not in str(read_table(lake["sent"], "local").fetchall())


def test_a_scan_whose_plan_was_removed_is_repeated(planned, tmp_path):
    config = tmp_path / "scan.yaml"
    assert "already done" in cli("scan", config).text
    planned.unlink()
    assert "already done" not in cli("scan", config).text
    assert planned.exists()


def test_what_cannot_be_redacted_is_named(planned):
    text = planned.read_text()
    assert yaml.safe_load(text)["ignore"] == ["*.pdf"]
    comments = [line for line in text.splitlines() if line.startswith("#   in/every: ")]
    named = {line.removeprefix("#   in/every: ").split(" (")[0]: line for line in comments}
    assert set(named) >= REFUSED
    assert "names look like personal data" in named["fields.*"]
    assert "binary; decode it to text" in named["binary"]
    assert "binary; decode it to text" in named["with_bytes.b"]
    assert any(name.startswith("column_") for name in named)
    assert "owner@" not in text
    assert MAIL[0] not in text


def test_durations_are_no_numbers_and_names_with_dots_are_shown(tmp_path):
    durations = pa.array(PHONE).cast(pa.duration("us"))
    homes = pa.array([[("home", f"+1 {p}")] for p in PHONE], pa.map_(pa.string(), pa.string()))
    put = {"spans": {"dur": durations, "mail": pa.array(MAIL)}, "dots": {"customer.id": MAIL}}
    put["maps"] = {"phones": homes}
    for name, columns in put.items():
        (tmp_path / "lake" / name).mkdir(parents=True)
        pq.write_table(pa.table(columns), tmp_path / "lake" / name / f"{name}.parquet")
    values = {"source": str(tmp_path / "lake"), "output": str(tmp_path / "scan")}
    values |= {"analyzer": {"model": MODEL}, "write_redact_config": str(tmp_path / "plan.yaml")}
    assert cli("scan", write_config(tmp_path / "scan.yaml", values)).code == 0
    text = (tmp_path / "plan.yaml").read_text()
    tables = yaml.safe_load(text)["tables"]
    treated = {name: (t.get("whole_columns"), t.get("json_columns")) for name, t in tables.items()}
    assert {name.split("/")[0]: rules for name, rules in treated.items()} == {
        "dots": ({"customer.id": "EMAIL_ADDRESS"}, None),
        "maps": (None, ["phones"]),
    }
    assert "the whole table: dur cannot be copied unchanged" in text
    out = str(tmp_path / "red")
    assert cli("redact", tmp_path / "plan.yaml", "--set", f"output={out}").code == 0
    kept = read_table(f"{out}/{next(n for n in tables if 'maps' in n)}").fetchall()
    assert all(key == "home" for (cell,) in kept for key in dict(cell))
    (spans,) = (t.name for t in find_tables(str(tmp_path / "lake")) if "spans" in t.name)
    values = {"source": str(tmp_path / "lake"), "output": str(tmp_path / "no")}
    values |= {"analyzer": {"model": MODEL}, "tables": {spans: {"columns": ["mail"]}}}
    config = write_config(tmp_path / "no.yaml", values)
    for arguments in ([], ["--dry-run"]):
        ran = cli("redact", config, *arguments)
        assert (ran.code, "dur cannot be copied unchanged" in ran.text) == (3, True)
