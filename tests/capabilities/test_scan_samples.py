"""Samples of a scan: the same rows on every engine, copies one by one, and what is claimed."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from itertools import groupby
from math import comb
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError
from rai_scale.pii.scanning import draws
from rai_scale.pii.scanning.budget import Budget, Spending
from rai_scale.pii.scanning.claims import TableClaims
from rai_scale.pii.scanning.draws import DrawnTable, draw
from rai_scale.pii.scanning.guarantee import Guarantee, Round, claim_tail, rounds
from rai_scale.pii.scanning.parts import ALL_ROWS, BY_CONTENT, BY_POSITION, ScannedPart
from rai_scale.pii.scanning.value_counts import ScanValues
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import is_read_once, read_table
from rai_scale.tables.readers.row_numbers import FILE, ROW
from tests.capabilities.scan_lake import scan

ROWS = 6_000
TABLE = pa.table({"id": range(ROWS), "mail": [f"p{i}@example.org" for i in range(ROWS)]})
LOOSE = {"error": 0.2, "absent_below": 0.02, "entities": ("EMAIL_ADDRESS",)}


def planned(total):
    found = (Round(500, 0.01), Round(1_000, 0.01), Round(2_000, 0.01))
    return found if total > 2_000 else (Round(total, 0.0),)


def drawn_ids(frame, engine, folder="", seed=3, files=None):
    """Return the ids of the rows of each round."""
    drawn = draw(frame, engine, folder, seed, planned, files)
    before, found = 0, []
    for end, _ in planned(drawn.total):
        rows, chosen = drawn.rows(before, end)
        table = engine.collect(rows)
        table = table if chosen is None else chosen(table)
        found.append(sorted(table["id"].to_pylist(), key=str))
        before = end
    return found, drawn


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("sampled")
    (root / "parquet").mkdir()
    for at, rows in enumerate((1, 2_500, 3_499)):
        start = (0, 1, 2_501)[at]
        pq.write_table(TABLE.slice(start, rows), root / "parquet" / f"{at}.parquet")
    (root / "csv").mkdir()
    pa_csv.write_csv(TABLE, root / "csv" / "a.csv")
    deltalake.write_deltalake(str(root / "delta"), TABLE)
    return root


@pytest.mark.parametrize("name", ["parquet", "csv", "delta"])
def test_files_are_sampled_alike_on_every_engine(cluster_case, lake, name, monkeypatch):
    (source,) = find_tables(str(lake / name), engine=cluster_case.engine)
    frame = read_table(source, cluster_case.engine, row_numbers=True)
    folder = source.folder or source.location
    found, drawn = drawn_ids(frame, cluster_case.engine, folder)
    assert (drawn.total, drawn.rule) == (ROWS, BY_POSITION)
    monkeypatch.setattr(draws, "MOST_KEPT", 0)  # the way of the other engines, on one machine
    local = engine_named("local")
    (source,) = find_tables(str(lake / name))
    assert found == drawn_ids(read_table(source, local, row_numbers=True), local, folder)[0]
    everything = [i for rows in found for i in rows]
    assert len({*everything}) == len(everything)  # no row is analysed twice
    for rows, end in zip(
        np.cumsum([len(rows) for rows in found]), (500, 1_000, 2_000), strict=True
    ):
        assert 0.98 * end <= rows <= end  # a level holds 0.2 to 0.4 % of them on average


@pytest.mark.parametrize("parts", [(6_000,), (2_000, 1_900, 2_100), (100, 5_900)])
def test_files_are_read_once_and_sampled_alike_on_every_engine(cluster_case, parts, tmp_path):
    """Also if most rows are in a file of few bytes, from which a task keeps too few rows."""
    start = 0
    for number, rows in enumerate(parts):
        part = TABLE.slice(start, rows)
        long = "x" * (5_000 if rows < 1_000 else 5)
        part = part.append_column("note", pa.array([long] * rows))
        pa_csv.write_csv(part, tmp_path / f"part-{number}.csv")
        start += rows
    engine = cluster_case.engine
    (source,) = find_tables(str(tmp_path), engine=engine)
    here = engine.name == "local"
    assert is_read_once(source, engine) == (not here)
    frame = read_table(source, engine, row_numbers=True)
    found, drawn = drawn_ids(frame, engine, source.folder, files=source)
    assert (drawn.total, drawn.rule) == (ROWS, BY_POSITION)
    assert isinstance(drawn, DrawnTable) == (here or parts != (100, 5_900))
    local = engine_named("local")
    frame = read_table(find_tables(str(tmp_path))[0], local, row_numbers=True)
    assert found == drawn_ids(frame, local, source.folder)[0]


@pytest.mark.parametrize("partitions", [1, 5])
def test_frames_are_sampled_alike_however_they_are_cut(engine_case, partitions):
    nested = TABLE.append_column("more", pa.array([{"a": [i % 7]} for i in range(ROWS)]))
    if engine_case.name == "pandas":
        nested = nested.drop_columns(["more"])
    repeated = pa.concat_tables([nested.slice(0, 3_000), *[nested.slice(3_000, 1)] * 3_000])
    order = np.random.default_rng(partitions).permutation(ROWS)
    found, drawn = drawn_ids(
        engine_case.make(repeated.take(pa.array(order)), partitions), engine_case.engine
    )
    assert (drawn.total, drawn.rule) == (ROWS, BY_CONTENT)
    assert found == drawn_ids(repeated, engine_named("local"))[0]
    assert [len(rows) for rows in found] == [500, 500, 1_000]
    copies = Counter(i for rows in found for i in rows)
    assert 880 <= copies.pop(3_000) <= 1_120  # of half of the rows
    assert {*copies.values()} == {1}


def test_small_tables_are_complete_and_large_ones_are_sampled():
    small = scan(TABLE.slice(0, 900), **LOOSE).tables[0]
    assert (small.rows_scanned, small.rule) == (900, ALL_ROWS)
    result = scan(TABLE, **LOOSE)
    table = result.tables[0]
    assert (table.rows, table.rows_scanned, table.rule) == (ROWS, 1_000, BY_CONTENT)
    mail = next(c for c in table.columns if c.column == "mail")
    (finding,) = mail.findings
    assert (finding.frequency, finding.claim) == (1.0, "share")
    assert 0.98 < finding.frequency_low < finding.share == finding.share_high == 1
    number = next(c for c in table.columns if c.column == "id")
    assert number.absent.no_claim is None
    assert number.absent.types == 1
    assert 0 < number.absent.at_most <= 0.02
    assert mail.absent.types == 0
    whole = scan(TABLE, **LOOSE, mode="full").tables[0]
    assert (whole.rows_scanned, whole.rule) == (ROWS, ALL_ROWS)
    assert {f.claim for c in whole.columns for f in c.findings} == {"complete"}
    assert {c.absent.at_most for c in whole.columns} == {0.0}


def test_only_the_analysis_runs_between_the_analyses_of_small_tables(tmp_path, monkeypatch):
    steps = []
    for kind, name in ((ScanValues, "opened"), (ScanValues, "_column"), (TableClaims, "__init__")):
        real = getattr(kind, name)

        def noting(*arguments, real=real, name=name):
            steps.append(name)
            return real(*arguments)

        monkeypatch.setattr(kind, name, noting)
    for name in ("north", "south", "west"):
        (tmp_path / f"{name}.csv").write_text("id,level\n1,2\n")
    assert len(scan(tmp_path, **LOOSE).tables) == 3
    assert [(step, len([*same])) for step, same in groupby(steps)] == [
        ("opened", 3),
        ("_column", 9),
        ("__init__", 3),
    ]


def test_rounds_go_on_until_a_share_is_known():
    half = pa.array([m if i % 2 else "none" for i, m in enumerate(TABLE["mail"].to_pylist())])
    table = scan(TABLE.set_column(1, "mail", half), **{**LOOSE, "error": 0.03}).tables[0]
    assert table.rows_scanned == 2_000
    (finding,) = next(c for c in table.columns if c.column == "mail").findings
    assert finding.frequency_low <= 0.5 <= finding.frequency_high
    assert finding.claim == "share"


def test_a_budget_leaves_tables_out_and_stops_between_rounds(lake):
    one = scan(lake, **LOOSE, budget={"max_bytes": 1})
    assert [t.status for t in one.tables] == ["findings", "left out", "left out"]
    left = [item for item in one.unread() if item.what == "table"]
    assert [(i.where, i.reason) for i in left] == [
        (name, "left out: the budget allows 1 bytes per run") for name in ("delta", "parquet")
    ]
    assert one.run["status"] == "warnings"
    half = TABLE.set_column(1, "mail", pa.array(["a@example.org", "none"] * (ROWS // 2)))
    stopped = scan(half, **{**LOOSE, "error": 0.03}, budget=Budget(max_seconds=1e-9))
    assert stopped.tables[0].status == "left out"
    ticks = iter([0.0, 0.0, 5.0, 9.0])
    spending = Spending(Budget(max_seconds=1), clock=lambda: next(ticks))
    assert spending.why_not() is None
    assert "time of the budget" in spending.why_not()


def test_what_was_stopped_has_no_claim_that_does_not_hold(monkeypatch):
    half = TABLE.set_column(1, "mail", pa.array(["a@example.org", "none"] * (ROWS // 2)))
    asked = iter([None])
    monkeypatch.setattr(Spending, "why_not", lambda self, size=None: next(asked, "no time"))
    result = scan(half, **{**LOOSE, "error": 0.03})
    table = result.tables[0]
    assert (table.stopped, table.rows_scanned) == (True, 1_000)
    (finding,) = next(c for c in table.columns if c.column == "mail").findings
    assert finding.claim is None
    assert finding.frequency_high - finding.frequency_low > 0.06
    assert any("budget" in item.reason for item in result.unread())


def test_values_that_cannot_be_searched_get_no_claim():
    texts = pa.array(["x" * 1_000_001, *["n/a"] * 99])
    days = pa.array([0] * 100, pa.date32())
    table = scan(pa.table({"text": texts, "day": days}), entities=("EMAIL_ADDRESS",)).tables[0]
    text, day = table.columns
    assert text.absent.no_claim == "values that were not searched: 1"
    assert text.absent.at_most == 0.01
    assert day.absent is None


def test_own_types_can_be_asked_for():
    table = pa.table({"city": ["Berlin"] * 9, "gender": ["female"] * 9, "password": ["x1y2"] * 9})
    found = scan(table, entities=("GENDER", "PASSWORD"))
    assert {f.entity for _, _, f in found.findings()} == {"GENDER", "PASSWORD"}
    assert {*found.types} == {"GENDER", "PASSWORD"}
    both = scan(table, entities=("GENDER", "EMAIL_ADDRESS"))
    assert {f.entity for _, _, f in both.findings()} == {"GENDER"}
    with pytest.raises(ConfigError, match="GENDR"):
        scan(table, entities=("GENDR",))


GUARANTEE = Guarantee(error=0.2, confidence=0.9, absent_below=0.15)


@pytest.mark.parametrize("inside", [0, 1, 4, 15, 29, 30])
def test_claims_are_wrong_as_often_as_they_may_be(inside):
    total, drawn, alpha = 30, 12, 0.1
    wrong = 0.0
    for hits in range(max(0, drawn - total + inside), min(drawn, inside) + 1):
        counts = {("a", "a"): {"#values": (drawn, 0.0), "X": (hits, 1.0 * hits)}}
        part = ScannedPart((), total, drawn, BY_CONTENT, alpha, None, False, counts)
        found = TableClaims([part], ["a"], ["X"], GUARANTEE).estimate("a", "a", "X")
        chance = comb(inside, hits) * comb(total - inside, drawn - hits) / comb(total, drawn)
        wrong += chance * (not found.low <= inside / total <= found.high)
    assert wrong <= 2 * claim_tail(alpha, 1, 1)


def test_a_table_of_parts_is_weighted_by_their_rows():
    def part(rows, drawn, hits, alpha):
        counts = {("a", "a"): {"#values": (drawn, 0.0), "X": (hits, 1.0 * hits)}}
        return ScannedPart((), rows, drawn, BY_POSITION, alpha, None, False, counts)

    large, small = part(9_000, 3_000, 30, 0.05), part(1_000, 1_000, 500, 0.0)
    found = TableClaims([large, small], ["a"], ["X"], GUARANTEE).estimate("a", "a", "X")
    alone = TableClaims([large], ["a"], ["X"], GUARANTEE).estimate("a", "a", "X")
    assert found.share == pytest.approx(0.9 * 0.01 + 0.1 * 0.5)
    assert found.high == pytest.approx(0.9 * alone.high + 0.05)
    assert found.low == pytest.approx(0.9 * alone.low + 0.05)
    whole = TableClaims([small], ["a"], ["X"], GUARANTEE)
    assert whole.claim(whole.estimate("a", "a", "X")) == "complete"


@pytest.mark.parametrize("total", [999, 5_000, 30_000, 10**7])
def test_all_claims_hold_after_the_last_round(total):
    guarantee = Guarantee()
    planned = rounds(total, 0.05, 20, 100, guarantee)
    assert planned[-1].rows == total or planned[-1].rows == 16_000
    assert sum(r.alpha for r in planned) <= 0.05
    end, alpha = planned[-1]
    for hits in (0, end // 3, end // 2, end):
        counts = {("a", "a"): {"#values": (end, 0.0), "X": (hits, 0.5 * hits)}}
        part = ScannedPart((), total, end, BY_POSITION, alpha, None, False, counts)
        columns = [f"c{i}" for i in range(19)]
        types = [f"T{i}" for i in range(100)]
        assert TableClaims([part], ["a", *columns], types, guarantee).all_hold()


def test_parts_that_are_added_later_share_the_probability():
    alphas = [Guarantee().part_alpha(3, number) for number in range(1_000)]
    assert sum(alphas) <= Guarantee().part_alpha(3) == pytest.approx(0.05 / 3)


def test_the_columns_of_places_are_not_columns_of_the_table(lake):
    table = scan(lake / "parquet", **LOOSE).tables[0]
    assert [c.column for c in table.columns] == ["id", "mail"]
    assert {FILE, ROW}.isdisjoint(table.schema.names)
    assert table.rule == BY_POSITION
    assert table.bytes_read == table.bytes > 0


def test_claims_of_simulated_runs_hold():
    """A small form of the proof, with fixed keys and the same code."""
    path = Path(__file__).resolve().parents[2] / "scripts" / "scan_claims.py"
    spec = importlib.util.spec_from_file_location("scan_claims", path)
    simulation = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = simulation
    spec.loader.exec_module(simulation)
    found = [simulation.simulate(seed, columns=12, rows=100_000)[0] for seed in range(100, 112)]
    for case in found[0]:
        outcomes = [cases[case] for cases in found]
        assert sum(outcome.holds for outcome in outcomes) >= 0.95 * len(outcomes)
        assert max(outcome.rows for outcome in outcomes) <= 16_000
        assert not any(outcome.open for outcome in outcomes)
