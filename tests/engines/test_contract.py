"""The contract that every engine passes: same rows, same types, however the data are cut."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.engines import engine_of
from rai_scale.engines.frames import frame_to_arrow
from rai_scale.engines.sql_verbs import Side
from rai_scale.errors import (
    ConfigError,
    MissingColumnError,
    TooManyGroupsError,
    UnsupportedFrameError,
    WorkerError,
)

UTC = dt.UTC
LENGTH = pa.schema([("length", pa.int64())])
ROWS = pa.table(
    {
        "id": pa.array(range(7), pa.int64()),
        "text": ["a", None, "", "дом", "x" * 50, "日本", "a"],
        "number": pa.array([1.5, None, float("inf"), -0.0, 2.5, 1e300, 3.0]),
        "flag": [True, None, False, True, True, False, None],
        "small": pa.array([1, None, 3, 4, 5, 6, 7], pa.int32()),
        "money": pa.array([Decimal("1.10"), None, *[Decimal("9.99")] * 5], pa.decimal128(10, 2)),
        "day": pa.array([dt.date(2024, 2, 29), None, *[dt.date(1900, 1, 1)] * 5]),
        "at": pa.array(
            [
                dt.datetime(2024, 1, 1, 12, tzinfo=UTC),
                None,
                *[dt.datetime(1970, 1, 1, tzinfo=UTC)] * 5,
            ],
            pa.timestamp("us", "UTC"),
        ),
        "naive": pa.array([dt.datetime(2024, 1, 1, 12, 0, 0, 5), *[None] * 6], pa.timestamp("us")),
        "tags": pa.array([["a", None], None, [], ["b"], [], [], []], pa.list_(pa.string())),
        "who": pa.array(
            [{"name": "n", "age": 1}, None, *[{"name": None, "age": None}] * 5],
            pa.struct([("name", pa.string()), ("age", pa.int64())]),
        ),
        "raw": pa.array([b"\x00\xff", None, *[b""] * 5]),
    }
)


def lengths(table: pa.Table) -> pa.Table:
    return pa.table(
        {"length": [None if v is None else len(v) for v in table["text"].to_pylist()]}, LENGTH
    )


def identity(table: pa.Table) -> pa.Table:
    return table


@pytest.mark.parametrize("partitions", [1, 3, 7, 10])
def test_rows_and_types_survive_a_map(cluster_case, partitions):
    frame = cluster_case.make(ROWS, partitions)
    out = cluster_case.engine.map_partitions(frame, identity, ROWS.schema, label="identity")
    table = cluster_case.engine.collect(out).sort_by("id")
    assert table.schema.equals(ROWS.schema)
    assert table.to_pylist() == ROWS.to_pylist()


@pytest.mark.parametrize("partitions", [1, 3])
def test_with_columns_adds_in_place_and_keeps_the_rest(cluster_case, partitions):
    frame = cluster_case.make(ROWS, partitions)
    engine = cluster_case.engine
    out = engine.with_columns(frame, lengths, LENGTH, inputs=["text"], label="lengths")
    assert engine.schema(out).equals(ROWS.schema.append(LENGTH.field(0)))
    table = engine.collect(out).sort_by("id")
    assert table.drop_columns(["length"]).to_pylist() == ROWS.to_pylist()
    assert table["length"].to_pylist() == [1, None, 0, 3, 50, 2, 1]

    again = engine.with_columns(
        out, upper, pa.schema([("text", pa.string())]), inputs=["text"], label="up"
    )
    assert engine.schema(again).names == [*ROWS.column_names, "length"]
    assert engine.collect(again).sort_by("id")["text"].to_pylist()[:4] == ["A", None, "", "ДОМ"]


def upper(table: pa.Table) -> pa.Table:
    return pa.table({"text": [v and v.upper() for v in table["text"].to_pylist()]})


def test_the_function_sees_the_same_types_on_every_engine(cluster_case):
    seen = cluster_case.engine.map_partitions(
        cluster_case.make(ROWS, 3), describe, pa.schema([("types", pa.string())]), label="describe"
    )
    rows = cluster_case.rows(seen)
    assert {row["types"] for row in rows} == {str([str(f.type) for f in ROWS.schema])}


def describe(table: pa.Table) -> pa.Table:
    # the name of a list's item differs between writers and carries no meaning
    kinds = [str(f.type).replace("element:", "item:") for f in table.schema]
    return pa.table({"types": [str(kinds)]})


def test_empty_frames(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]).slice(0, 0))
    engine = engine_case.engine
    out = engine.with_columns(frame, lengths, LENGTH, inputs=["text"], label="lengths")
    assert engine.collect(out).num_rows == 0
    assert engine.collect(out).column_names == ["id", "text", "length"]
    assert engine.group_counts(frame, ["text"]).num_rows == 0


@pytest.mark.parametrize("partitions", [1, 3, 10])
def test_group_counts(engine_case, partitions):
    frame = engine_case.make(ROWS.select(["id", "text", "small", "flag"]), partitions)
    counts = engine_case.engine.group_counts(frame, ["text"], ["small", "id"])
    assert counts.schema.equals(
        pa.schema(
            [
                ("text", pa.string()),
                ("count", pa.int64()),
                ("sum_small", pa.float64()),
                ("sum_id", pa.float64()),
            ]
        )
    )
    found = {
        row["text"]: (row["count"], row["sum_small"], row["sum_id"]) for row in counts.to_pylist()
    }
    assert found["a"] == (2, 8.0, 6.0)
    assert found[None][0] == 1
    assert len(found) == 6


def test_indicators_replace_columns_by_whether_they_hold_a_value(engine_case):
    engine = engine_case.engine
    table = pa.table({"a": ["x", "y", None], "b": [1.5, 2.0, 1.5], "c": ["l", "m", "n"]})
    found = engine.collect(
        engine.with_indicators(engine_case.make(table), {"a": "x", "b": 1.5, "c": None})
    )
    assert found.schema.types == [pa.int64()] * 3
    assert sorted(zip(*found.to_pydict().values(), strict=True), key=str) == [
        (0, 0, 0),
        (1, 1, 0),
        (None, 1, 0),
    ]


def test_columns_are_removed(engine_case):
    engine = engine_case.engine
    frame = engine_case.make(pa.table({"a.b": [1], 'q"c': [2], "c": [3]}))
    left = engine.without_columns(frame, ["a.b"])
    assert engine.collect(left).to_pylist() == [{'q"c': 2, "c": 3}]
    assert engine.without_columns(frame, []) is frame


def test_group_counts_without_keys_is_the_total(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]), 3)
    assert engine_case.engine.group_counts(frame, []).to_pylist() == [{"count": 7}]
    nothing = engine_case.make(ROWS.select(["id"]).slice(0, 0))
    assert engine_case.engine.group_counts(nothing, []).to_pylist() == [{"count": 0}]


def test_a_worker_error_names_capability_and_partition_and_never_a_value(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]), 2)
    engine = engine_case.engine
    with pytest.raises(WorkerError) as caught:
        engine.collect(engine.with_columns(frame, fail, LENGTH, inputs=["text"], label="lengths"))
    assert caught.value.label == "lengths"
    assert caught.value.error == "KeyError"
    assert "日本" not in str(caught.value)
    assert caught.value.__suppress_context__


def fail(table: pa.Table) -> pa.Table:
    raise KeyError(f"found {table['text'].to_pylist()}")


def test_a_function_that_loses_rows_is_an_error(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]))
    engine = engine_case.engine
    with pytest.raises(WorkerError, match="RowCountChanged"):
        engine.collect(engine.with_columns(frame, one_row, LENGTH, inputs=["text"], label="short"))


def one_row(table: pa.Table) -> pa.Table:
    return lengths(table).slice(0, 1)


def test_missing_columns_are_named_with_the_nearest(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]))
    with pytest.raises(MissingColumnError, match="'txt'.*Did you mean 'text'"):
        engine_case.engine.with_columns(frame, lengths, LENGTH, inputs=["txt"], label="lengths")


def test_names_with_dots_and_quotes(engine_case):
    table = pa.table({'a.b "c` d': ["x", "y", "x"], "text": ["1", "22", "333"]})
    frame = engine_case.make(table)
    engine = engine_case.engine
    counts = engine.group_counts(frame, ['a.b "c` d'])
    assert sorted(counts["count"].to_pylist()) == [1, 2]
    out = engine.with_columns(frame, lengths, LENGTH, inputs=["text"], label="lengths")
    assert engine.collect(out).column_names == ['a.b "c` d', "text", "length"]


def test_map_tasks_keeps_the_order(cluster_case):
    assert cluster_case.engine.map_tasks(square, range(7)) == [n * n for n in range(7)]
    assert cluster_case.engine.map_tasks(square, []) == []


def square(n: int) -> int:
    return n * n


class Singleton:
    built = 0


def count_builds(table: pa.Table) -> pa.Table:
    if Singleton.built == 0:
        Singleton.built += 1
    return pa.table({"pid": [os.getpid()], "built": [Singleton.built]})


def test_large_batches_are_cut_and_keep_all_rows(cluster_case):
    table = pa.table({"id": pa.array(range(25_000)), "text": ["t"] * 25_000})
    frame = cluster_case.make(table, 2)
    engine = cluster_case.engine
    sizes = engine.map_partitions(
        frame, batch_size, pa.schema([("rows", pa.int64())]), label="size"
    )
    rows = [row["rows"] for row in cluster_case.rows(sizes)]
    assert sum(rows) == 25_000
    assert max(rows) <= 10_000


def batch_size(table: pa.Table) -> pa.Table:
    return pa.table({"rows": [table.num_rows]})


def test_engine_is_found_from_the_frame(engine_case):
    frame = engine_case.make(ROWS.select(["id"]))
    assert engine_of(frame).name == engine_case.engine.name


def test_unknown_frames_are_refused():
    with pytest.raises(UnsupportedFrameError, match="builtins.list"):
        engine_of([1, 2])


def test_pandas_keeps_index_dtypes_and_columns_that_are_not_read():
    frame = pd.DataFrame(
        {
            "text": ["a", None, "ccc"],
            "kind": pd.Categorical(["x", "y", "x"]),
            "at": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "mixed": [1, "two", {"three": 3}],
            "int": pd.array([1, None, 3], dtype="Int64"),
        },
        index=[10, 20, 30],
    )
    engine = engine_of(frame)
    out = engine.with_columns(frame, lengths, LENGTH, inputs=["text"], label="lengths")
    pd.testing.assert_frame_equal(out[list(frame.columns)], frame)
    assert out["length"].tolist() == [1, pd.NA, 3]
    assert frame.columns.tolist() == ["text", "kind", "at", "mixed", "int"]


def test_mixed_pandas_columns_become_text_where_they_are_read():
    frame = pd.DataFrame({"mixed": [1, "two", None, float("nan"), 2.5]})
    assert frame_to_arrow(frame)["mixed"].to_pylist() == ["1", "two", None, None, "2.5"]
    objects = [{"a": [1, "é"]}, np.array([1, 2]), "Jürgen".encode(), 1, pd.NaT]
    texts = ['{"a": [1, "é"]}', "[1, 2]", "Jürgen", "1", None]
    assert frame_to_arrow(pd.DataFrame({"mixed": objects}))["mixed"].to_pylist() == texts


@pytest.mark.parametrize("partitions", [1, 3])
def test_group_counts_of_products(engine_case, partitions):
    frame = engine_case.make(ROWS.select(["flag", "small", "id"]), partitions)
    counts = engine_case.engine.group_counts(frame, ["flag"], [("small", "small"), ("small", "id")])
    assert counts.column_names == ["flag", "count", "sum_small*small", "sum_small*id"]
    found = {row["flag"]: row for row in counts.to_pylist()}
    assert found[True]["sum_small*small"] == 1 + 16 + 25
    assert found[True]["sum_small*id"] == 0 + 4 * 3 + 5 * 4


def test_a_null_among_summed_values_is_not_overlooked(engine_case):
    frame = engine_case.make(ROWS.select(["flag", "small"]), 3)
    counts = engine_case.engine.group_counts(frame, ["flag"], ["small"])
    found = {row["flag"]: row["sum_small"] for row in counts.to_pylist()}
    assert found[True] == 10
    assert np.isnan(found[None])


def test_group_counts_stop_at_a_limit(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]), 3)
    assert engine_case.engine.group_counts(frame, ["id"], limit=7).num_rows == 7
    with pytest.raises(TooManyGroupsError, match="more than 6 distinct combinations of 'id'"):
        engine_case.engine.group_counts(frame, ["id"], limit=6)


def one_row_per_group(table: pa.Table) -> pa.Table:
    keys = set(zip(table["text.a"].to_pylist(), table["flag"].to_pylist(), strict=True))
    assert len(keys) == 1
    text, flag = keys.pop()
    ids = ",".join(map(str, sorted(table["id"].to_pylist())))
    return pa.table({"text": [text], "flag": [flag], "ids.all": [ids]}, ONE_ROW)


ONE_ROW = pa.schema([("text", pa.string()), ("flag", pa.bool_()), ("ids.all", pa.string())])


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_group_comes_whole(engine_case, partitions):
    n = 23_000  # more than two batches
    table = pa.table(
        {
            "id": range(n),
            "text.a": pa.array([["a", "b", None][i % 3] for i in range(n)], pa.string()),
            "flag": pa.array([[True, None][i % 2] for i in range(n)], pa.bool_()),
            "rest": ["x"] * n,
        }
    )
    engine, frame = engine_case.engine, engine_case.make(table, partitions)
    keys = ["text.a", "flag"]
    out = engine.map_groups(
        frame, keys, one_row_per_group, ONE_ROW, inputs=["id", *keys], label="groups"
    )
    rows = engine.collect(out).to_pylist()
    assert len(rows) == 6
    found = {(row["text"], row["flag"]): row["ids.all"] for row in rows}
    assert found["b", None] == ",".join(str(i) for i in range(1, n, 6))


def test_a_failing_group_keeps_its_message(engine_case):
    frame = engine_case.make(ROWS.select(["id", "text"]), 2)
    out = engine_case.engine.map_groups
    with pytest.raises(WorkerError) as error:
        engine_case.engine.collect(
            out(frame, ["id"], fail_with_value, LENGTH, inputs=["id", "text"], label="secret")
        )
    assert "дом" not in str(error.value)
    assert error.value.label == "secret"


def fail_with_value(table: pa.Table) -> pa.Table:
    raise ValueError(f"bad value {table['text'].to_pylist()}")


@pytest.mark.parametrize("partitions", [1, 3])
def test_join_sql_brings_equal_rows_of_all_tables_together(cluster_case, partitions):
    engine = cluster_case.engine
    left = pa.table({"u": pa.array([1, 1, 2, 3, 3], pa.int64()), "x": list("abcde")})
    right = pa.table({"u": pa.array([1, 2, 2, 4], pa.int64()), "y": list("klmn")})
    small = pa.table({"y": ["k", "m"], "z": pa.array([10, 20], pa.int64())})
    sides = {
        "p": Side(cluster_case.make(left, partitions), "SELECT u, x FROM rai_scale_data"),
        "q": Side(cluster_case.make(right, partitions), "SELECT u, y FROM rai_scale_data"),
        "s": Side(small, "SELECT y, z FROM rai_scale_data"),
    }
    sql = "SELECT p.x, q.y, s.z FROM p JOIN q ON p.u = q.u LEFT JOIN s ON q.y = s.y"
    found = engine.collect(engine.join_sql(sides, sql, together=["u"]))
    rows = sorted(found.to_pylist(), key=lambda row: (row["x"], row["y"]))
    assert rows == [
        {"x": "a", "y": "k", "z": 10},
        {"x": "b", "y": "k", "z": 10},
        {"x": "c", "y": "l", "z": None},
        {"x": "c", "y": "m", "z": 20},
    ]


@pytest.mark.parametrize("partitions", [1, 3])
def test_sql_totals_add_up_over_any_cut(engine_case, partitions):
    engine = engine_case.engine
    frame = engine_case.make(ROWS.select(["id", "text", "small"]), partitions)
    rows = (
        "SELECT id % 2 AS u, text AS k, CAST(small AS BIGINT) AS v FROM rai_scale_data WHERE id < 6"
    )
    totals = (
        "SELECT k, CAST(count(*) AS BIGINT) AS n, CAST(count(DISTINCT u) AS BIGINT) AS units, "
        "CAST(coalesce(sum(v), 0) AS BIGINT) AS s FROM rai_scale_rows GROUP BY k"
    )
    found = engine.aggregate_sql(frame, rows, totals, keys=["k"], together=["u"])
    assert found.schema.field("s").type == pa.int64()
    by_key = {row["k"]: (row["n"], row["units"], row["s"]) for row in found.to_pylist()}
    assert by_key["a"] == (1, 1, 1)
    assert by_key[None] == (1, 1, 0)
    assert len(by_key) == 6


@pytest.mark.parametrize("units", [[0.0, -0.0, 1.0, 2.0], ["a", "a\0", "a\0b", "b"]])
def test_equal_units_come_together_however_they_are_spelled(engine_case, units):
    table = pa.table({"u": pa.array(units * 8)})
    frame = engine_case.make(table.take(np.random.default_rng(0).permutation(32)), 7)
    totals = "SELECT CAST(count(DISTINCT u) AS BIGINT) AS n FROM rai_scale_rows"
    found = engine_case.engine.aggregate_sql(
        frame, "SELECT u FROM rai_scale_data", totals, keys=[], together=["u"]
    )
    assert found["n"].to_pylist() == [len(set(units))]


def test_identifiers_of_bytes_are_kept():
    frame = pd.DataFrame({"u": [b"\x01\xff", b"\x02", None]})
    found = engine_of(frame).declared(frame, {"u": pa.string()})
    assert found["u"].tolist()[:2] == ["01ff", "02"]
    assert found["u"].isna().tolist() == [False, False, True]


def test_sql_totals_without_keys_are_one_row(engine_case):
    rows = "SELECT id FROM rai_scale_data"
    totals = "SELECT CAST(count(*) AS BIGINT) AS n FROM rai_scale_rows"
    for table, expected in ((ROWS, 7), (ROWS.slice(0, 0), 0)):
        frame = engine_case.make(table.select(["id"]), 2)
        found = engine_case.engine.aggregate_sql(frame, rows, totals, keys=[])
        assert found.to_pylist() == [{"n": expected}]


def test_rows_are_kept_and_columns_made_by_sql(engine_case):
    engine = engine_case.engine
    frame = engine_case.make(ROWS, 3)
    kept = engine.where(frame, "number > 1.0 OR text IS NULL")
    assert [row["id"] for row in engine_case.rows(kept, "id")] == [0, 1, 2, 4, 5, 6]
    new = pa.schema([("twice", pa.int64())])
    made = engine.with_expressions(frame, {"twice": "CAST(small * 2 AS BIGINT)"}, new)
    rows = engine_case.rows(made, "id")
    assert [row["twice"] for row in rows] == [2, None, 6, 8, 10, 12, 14]
    assert engine.columns(made) == [*ROWS.column_names, "twice"]
    assert engine.schema(made).field("twice").type == pa.int64()


@pytest.mark.parametrize("names", [["a", "a"], [0, 1], ["a", ""]])
def test_columns_of_pandas_need_names_of_their_own(names):
    frame = pd.DataFrame([[1, 2]], columns=names)
    with pytest.raises(ConfigError, match="column names must be"):
        engine_of(frame).schema(frame)


def test_slices_of_a_table_are_different_frames(engine_case):
    table = pa.table({"a": range(100), "b": [f"v{i}" for i in range(100)]})
    for start in (0, 50):
        frame = engine_case.make(table.slice(start, 50), 2)
        assert [row["a"] for row in engine_case.rows(frame, by="a")] == [*range(start, start + 50)]
