"""The sample lake: its truth holds cell by cell, it is the same each time, and it is dirty."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from rai_scale.errors import ConfigError, MissingExtraError, TableError
from rai_scale.samples import make_sample_lake, planted_values

ROWS = 300
NAMES = [
    *("customers", "support_tickets", "card_payments", "clinic/visits"),
    *("loan_decisions", "web_events", "letters", "products"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pytest.importorskip("faker")
    return make_sample_lake(tmp_path_factory.mktemp("made") / "lake", rows=ROWS)


@pytest.fixture(scope="module")
def cells(made):
    return read_lake(made.directory)


@pytest.fixture(scope="module")
def items(made):
    return pq.read_table(made.truth).to_pylist()


def read_lake(lake: Path) -> dict[str, list[dict]]:
    """Read every table back with plain readers."""
    return {
        "customers": read_parts(lake / "customers", hive=True),
        "support_tickets": read_parts(lake / "support_tickets"),
        "card_payments": read_csv(lake / "card_payments.csv"),
        "clinic/visits": read_visits(lake / "clinic" / "visits"),
        "loan_decisions": pq.read_table(lake / "loan_decisions.parquet").to_pylist(),
        "web_events": read_json_lines(lake / "web_events.jsonl"),
        "letters": [
            {"file": path.name, "text": path.read_bytes().decode()}
            for path in sorted((lake / "letters").iterdir())
        ],
        "products": read_csv(lake / "products.csv"),
    }


def read_parts(folder: Path, hive: bool = False) -> list[dict]:
    rows = []
    for path in sorted(folder.rglob("*.parquet")):
        try:
            file = pq.ParquetFile(path)
        except pa.ArrowInvalid:
            continue
        month = {"signup_month": path.parent.name.split("=")[1]} if hive else {}
        rows += [{**row, **month} for row in file.read().to_pylist()]
    return rows


def read_visits(folder: Path) -> list[dict]:
    if (folder / "_delta_log").is_dir():
        from deltalake import DeltaTable

        return DeltaTable(str(folder)).to_pyarrow_table().sort_by("visit_id").to_pylist()
    return read_parts(folder)


def read_csv(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    return [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]


def read_json_lines(path: Path) -> list[dict]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def leaf(row: dict, column: str) -> str:
    value = row
    for step in re.findall(r"[^.\[\]]+", column):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return str(value)


def test_every_item_is_where_the_truth_says(made, cells, items):
    keys = json.loads((made.truth.parent / "columns.json").read_text())
    by_key = {
        (table, row[keys[table]["key"][0]]): row for table, rows in cells.items() for row in rows
    }
    assert len(items) == made.items > 10 * ROWS
    for item in items:
        row = by_key[item["table"], item["key"]]
        assert leaf(row, item["column"])[item["start"] : item["end"]] == item["value"]
        assert item["value"]


def test_every_table_has_its_rows_and_unique_keys(made, cells):
    keys = json.loads((made.truth.parent / "columns.json").read_text())
    assert list(made.tables) == list(cells) == list(keys) == NAMES
    for name, rows in cells.items():
        assert len(rows) == made.tables[name]
        assert len({row[keys[name]["key"][0]] for row in rows}) == len(rows)


def test_columns_json_says_what_the_items_say(made, items):
    seen: dict[str, dict[str, set]] = {name: {} for name in NAMES}
    for item in items:
        column = re.sub(r"\d+(?=\])", "", item["column"])
        seen[item["table"]].setdefault(column, set()).add(item["entity"])
    listed = json.loads((made.truth.parent / "columns.json").read_text())
    assert {t: {c: set(e) for c, e in v["columns"].items()} for t, v in listed.items()} == seen
    assert seen["products"] == {}
    assert seen["clinic/visits"]["birth_date"] == {"DATE_TIME"}


def test_same_rows_and_seed_give_the_same_values(made, cells, items, tmp_path):
    again = make_sample_lake(tmp_path / "lake", rows=ROWS)
    # json text, because a NaN is not equal to itself
    assert json.dumps(read_lake(again.directory), default=str) == json.dumps(cells, default=str)
    assert pq.read_table(again.truth).to_pylist() == items
    other = make_sample_lake(tmp_path / "lake", rows=ROWS, random_state=8)
    assert read_lake(other.directory)["customers"] != cells["customers"]


def test_extra_column_is_only_in_the_newest_partition(made):
    partitions = sorted((made.directory / "customers").iterdir())
    have = [
        "emergency_contact" in ds.dataset(folder, format="parquet").schema.names
        for folder in partitions
    ]
    assert len(have) == 6
    assert have == [False] * 5 + [True]


def test_dirt(made, cells):
    lake = made.directory
    tickets = sorted((lake / "support_tickets").glob("*.parquet"))
    with pytest.raises(pa.ArrowInvalid):
        pq.ParquetFile(tickets[-1])
    bodies = [row["body"] for row in cells["support_tickets"]]
    assert sum(len(body or "") > 590_000 for body in bodies) == 1
    assert {None, "", "nan"} <= set(bodies)
    incomes = [row["income"] for row in cells["loan_decisions"]]
    assert any(math.isnan(income) for income in incomes)
    values = {type(row["payload"]["value"]) for row in cells["web_events"]}
    assert values == {int, str}
    assert (lake / "web_events.jsonl").read_text().count("BROKEN") == 1
    with (lake / "card_payments.csv").open(newline="") as file:
        widths = [len(line) for line in csv.reader(file)]
    assert sorted(set(widths)) == [9, 11]
    assert widths.count(11) == 1
    payments = cells["card_payments"]
    assert any("\n" in row["merchant"] for row in payments)
    assert any("," in row["merchant"] for row in payments)
    assert any(row["branch_code"].startswith("00") for row in payments)
    assert (lake / "archive.bin").stat().st_size == 4096


@pytest.mark.parametrize("letters", ["а-я", "一-鿿", "ا-ي", "α-ω"])
def test_names_in_other_scripts(items, letters):
    names = [item["value"] for item in items if item["entity"] == "PERSON"]
    assert any(re.search(f"[{letters}]", name) for name in names)


def test_long_cell_has_items_near_both_ends(cells, items):
    [long] = [r for r in cells["support_tickets"] if len(r["body"] or "") > 590_000]
    spans = [
        item["start"]
        for item in items
        if item["key"] == long["ticket_id"] and item["column"] == "body"
    ]
    assert min(spans) < 100
    assert max(spans) > len(long["body"]) - 200
    assert not [start for start in spans if 1000 < start < len(long["body"]) - 1000]


def test_many_texts_hold_nothing_personal(cells, items):
    personal = {item["key"] for item in items if item["column"] == "body"}
    texts = [row["ticket_id"] for row in cells["support_tickets"] if row["body"]]
    assert 0.3 < len([key for key in texts if key not in personal]) / len(texts) < 0.7


def test_numbers_pass_their_checks(items):
    presidio = pytest.importorskip("presidio_analyzer.predefined_recognizers")
    checks = {
        "CREDIT_CARD": presidio.CreditCardRecognizer().validate_result,
        "IBAN_CODE": presidio.IbanRecognizer().validate_result,
        "US_SSN": lambda text: not presidio.UsSsnRecognizer().invalidate_result(text),
    }
    for entity, check in checks.items():
        values = {item["value"] for item in items if item["entity"] == entity}
        assert len(values) > 50
        assert all(check(value) for value in values)


def test_scores_favour_some_groups_more_than_their_repayment_does(tmp_path):
    pytest.importorskip("faker")
    lake = make_sample_lake(tmp_path, rows=3000)
    loans = pq.read_table(lake.directory / "loan_decisions.parquet").to_pandas()
    rates = loans.groupby("race")[["approved", "repaid"]].mean()
    gap = rates.loc["White"] - rates.loc["Black"]
    assert gap["approved"] > 0.1
    assert abs(gap["repaid"]) < 0.08


def test_rows_of_later_chunks_and_longer_cells(tmp_path, monkeypatch):
    """A lake of many chunks: nothing is lost or repeated at their borders."""
    pytest.importorskip("faker")
    from rai_scale.samples import tables, texts

    monkeypatch.setattr(tables, "CHUNK", 150)
    monkeypatch.setattr(texts, "LONG_CELL", 20_000)
    lake = make_sample_lake(tmp_path, rows=2001)
    rows = read_lake(lake.directory)
    assert {name: len(table) for name, table in rows.items()} == lake.tables
    assert sum(len(r["body"] or "") > 19_000 for r in rows["support_tickets"]) == 3
    assert len({row["customer_id"] for row in rows["customers"]}) == 2001


def test_one_row(tmp_path):
    pytest.importorskip("faker")
    lake = make_sample_lake(tmp_path, rows=1)
    rows = read_lake(lake.directory)
    assert rows["customers"][0]["emergency_contact"]
    assert len(rows["letters"]) == 3


def test_planted_values(made, items):
    values = planted_values(made.directory)
    assert values == sorted(set(values))
    assert min(map(len, values)) >= 6
    emails = {item["value"] for item in items if item["entity"] == "EMAIL_ADDRESS"}
    assert emails <= set(values)
    assert not {i["value"] for i in items if i["entity"] == "IP_ADDRESS"} & set(values)


def test_planted_values_of_no_lake(tmp_path):
    with pytest.raises(TableError, match="no ground truth"):
        planted_values(tmp_path)


def test_other_peoples_folders_are_left_alone(tmp_path):
    kept = tmp_path / "thesis.txt"
    kept.write_text("mine")
    with pytest.raises(ConfigError, match="not a sample lake"):
        make_sample_lake(tmp_path, rows=1)
    with pytest.raises(ConfigError, match="is a file"):
        make_sample_lake(kept, rows=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_earlier_lake_is_replaced_but_not_what_was_put_into_it(tmp_path):
    pytest.importorskip("faker")
    make_sample_lake(tmp_path, rows=40)
    make_sample_lake(tmp_path, rows=4)
    assert len(read_lake(tmp_path)["customers"]) == 4
    for place in ("thesis.txt", "customers/thesis.txt"):
        (tmp_path / place).write_text("mine")
        with pytest.raises(ConfigError, match=r"thesis\.txt"):
            make_sample_lake(tmp_path, rows=4)
        assert (tmp_path / place).read_text() == "mine"
        (tmp_path / place).unlink()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "at least 1"),
        ({"rows": 1.5}, "rows must be an integer"),
        ({"random_state": "x"}, "random_state must be an integer"),
        ({"directory": "s3://bucket/lake"}, "local folder"),
    ],
)
def test_arguments_that_cannot_be(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message):
        make_sample_lake(**{"directory": tmp_path / "lake", **arguments})


def test_without_faker(tmp_path, without):
    without("faker")
    with pytest.raises(MissingExtraError, match=r"rai-scale\[sample\]"):
        make_sample_lake(tmp_path / "lake", rows=1)
    assert not (tmp_path / "lake").exists()


def test_without_deltalake_the_visits_are_parquet(tmp_path, monkeypatch):
    pytest.importorskip("faker")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    lake = make_sample_lake(tmp_path, rows=20).directory
    assert not (lake / "clinic" / "visits" / "_delta_log").exists()
    assert len(read_visits(lake / "clinic" / "visits")) == 20
