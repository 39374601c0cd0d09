"""Reading a column must not fail on a row's value: times out of range, texts that are no UTF-8."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_named, engine_of
from rai_scale.engines.sql_tables import valid_text
from rai_scale.privacy import Privacy, PrivateComputationError
from rai_scale.privacy.declared_cells import declare, exact_counts
from rai_scale.private_queries import Dialect, private_sql
from tests.capabilities.private_cases import exact, people
from tests.conftest import full

FAR = 2**62
METADATA = people(max_ids=1, cost={"type": "float"})
WORDS = people(max_ids=2, id={"type": "string", "private_id": True})
BAD = [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"a\xe2\x82", b"\xf4\x90\x80\x80"]


def whole(values: list[int], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).view(kind)


def unchecked(values: list[bytes | None], kind: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, pa.binary()).view(kind or pa.string())


def coded(column: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(range(len(column)), pa.int8()), column)


COLUMNS = {
    **{
        f"{unit} {zone}": ("seen", whole([5, 7, FAR], pa.timestamp(unit, zone)))
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "America/New_York")
    },
    "coded": ("seen", coded(whole([5, 7, FAR], pa.timestamp("s", "UTC")))),
    "date64": ("born", whole([0, 86_400_001, FAR], pa.date64())),
    "half": ("cost", pa.array(np.array([1, 2, np.inf], np.float16))),
    "runs": ("city", pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), ["a", "b"])),
    "text": ("city", unchecked([b"a", b"b", BAD[0]])),
    "coded text": ("city", coded(unchecked([b"a", b"b", BAD[0]]))),
}
FAR_IS_MISSING = {
    c for c in COLUMNS if c.split()[0] in ("s", "ms", "us", "coded", "text", "date64")
}
FIRST_TWO_ARE_EQUAL = {"runs", *(case for case in COLUMNS if case.startswith("ns"))}


@pytest.mark.parametrize("case", COLUMNS)
@pytest.mark.parametrize("kind", ["arrow", full("pandas"), "dask"])
def test_no_value_makes_a_scan_fail(case, kind):
    name, column = COLUMNS[case]
    table = pa.table({"id": [1, 2, 3], "age": [10, 20, 30], name: column})
    if (case, kind) == ("runs", "dask"):
        pytest.skip("pandas cannot concatenate run ends")
    for rows in (table, table.slice(0, 2)):
        frame = rows if kind == "arrow" else rows.to_pandas(types_mapper=pd.ArrowDtype)
        if kind == "dask":
            dd = pytest.importorskip("dask.dataframe")
            frame = dd.from_pandas(frame, npartitions=1)
        other = exact("SELECT COUNT(*) AS n, SUM(age) AS s FROM S.people", frame, METADATA)
        assert other.to_pylist() == [{"a0": len(rows), "a1": sum(rows["age"].to_pylist())}]
        query = (
            f"SELECT {name}, COUNT(*) AS n FROM S.people WHERE {name} IS NOT NULL GROUP BY {name}"
        )
        found = exact(query, frame, METADATA)
        kept = 2 if case in FAR_IS_MISSING else len(rows)
        assert sum(found["a0"].to_pylist()) == kept
        assert found.num_rows == kept - (case in FIRST_TWO_ARE_EQUAL)


def test_seconds_that_wrap_around_are_missing_in_a_pandas_frame_too():
    frame = pd.DataFrame({"id": [1, 2], "seen": np.array([2**60, 5], "datetime64[s]")})
    found = exact("SELECT COUNT(seen) AS n FROM S.people", frame, METADATA)
    assert found["a0"].to_pylist() == [1]


def test_the_last_nanosecond_is_a_time_in_an_arrow_table_too():
    table = pa.table({"id": [1, 2], "seen": whole([5, 2**63 - 1], pa.timestamp("ns"))})
    for frame in (table, table.to_pandas()):
        found = exact("SELECT COUNT(seen) AS n FROM S.people", frame, METADATA)
        assert found["a0"].to_pylist() == [2]


# --- texts


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.none() | st.binary(max_size=9) | st.text(max_size=3).map(str.encode)),
    st.sampled_from([pa.string(), pa.large_string()]),
)
def test_texts_are_kept_where_python_decodes_them(values, kind):
    def decoded(value: bytes | None) -> str | None:
        try:
            return value if value is None else value.decode()
        except UnicodeDecodeError:
            return None

    raw = pa.array(values, pa.binary() if kind == pa.string() else pa.large_binary())
    found = valid_text(pa.chunked_array([raw.view(kind)]))
    assert found.to_pylist() == [decoded(value) for value in values]


TEXTS = {
    "id": [b"p", b"p", b"p", b"q", *BAD, b"r", None],
    "city": [b"a", b"b", BAD[0], "é".encode(), *[b"a"] * 4, BAD[1], b"\xef\xbf\xbd", BAD[2]],
}
TEXT_QUERIES = [
    "SELECT city, COUNT(*) AS n, COUNT(DISTINCT id) AS u FROM S.people GROUP BY city",
    "SELECT UPPER(city) AS g, COUNT(*) AS n FROM S.people WHERE TRIM(city) >= 'a' AND "
    "CHAR_LENGTH(CONCAT(city, 'x')) > 1 GROUP BY UPPER(city)",
    "SELECT COUNT(DISTINCT city) AS n, COUNT(city) AS m FROM S.people WHERE city IS NULL OR "
    "SUBSTRING(city FROM 1 FOR 1) <> 'x'",
]


def texts() -> pa.Table:
    return pa.table({name: unchecked(values) for name, values in TEXTS.items()})


def believed() -> pa.Table:
    """Return the same table with null for what is no UTF-8."""
    columns = {n: [None if v in BAD else v for v in values] for n, values in TEXTS.items()}
    return pa.table({name: unchecked(values) for name, values in columns.items()})


@pytest.mark.parametrize("query", TEXT_QUERIES)
def test_texts_that_are_no_utf8_are_missing(query):
    expected = exact(query, believed(), WORDS)
    assert expected.num_rows >= 1
    relation = duckdb.connect().from_arrow(texts())
    for frame in (texts(), texts().to_pandas(types_mapper=pd.ArrowDtype), relation):
        assert exact(query, frame, WORDS).equals(expected)
    pytest.importorskip("dask.dataframe")
    frame = engine_named("dask").from_arrow(texts(), 3)
    assert exact(query, frame, WORDS).equals(expected)


@pytest.mark.spark
@pytest.mark.parametrize("dialect", ["spark", "spark3"])
def test_spark_finds_the_same_texts_in_parquet(spark_session, tmp_path, monkeypatch, dialect):
    pq.write_table(texts(), tmp_path / "texts.parquet")
    frame = spark_session.read.parquet(str(tmp_path / "texts.parquet"))
    if dialect == "spark3":  # Spark 4 decodes as Spark 3 did where it is told to
        spark_session.conf.set("spark.sql.legacy.codingErrorAction", "true")
    expected = [exact(query, believed(), WORDS) for query in TEXT_QUERIES]
    checked = Dialect(dialect).valid_text
    monkeypatch.setattr(Dialect, "valid_text", lambda _, sql: checked(sql))
    try:
        for query, found in zip(TEXT_QUERIES, expected, strict=True):
            assert exact(query, frame, WORDS).equals(found), query
    finally:
        spark_session.conf.unset("spark.sql.legacy.codingErrorAction")


@pytest.mark.parametrize("kind", ["arrow", "pandas", "relation", "dask"])
def test_private_cells_leave_out_rows_whose_texts_are_no_utf8(kind):
    """Units that are no UTF-8 would be one missing unit, whose rows displace each other."""
    table = pa.table(
        {"id": unchecked([*BAD[:3], b"p", b"q"]), "g": unchecked([*[b"a"] * 4, BAD[3]])}
    )
    frame = table
    if kind != "arrow":
        frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    if kind == "relation":
        frame = duckdb.connect().from_arrow(table)
    if kind == "dask":
        frame = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2)
    declared = declare(["g"], {"g": ["a"]})
    assert exact_counts(engine_of(frame), frame, declared, "id", 5).tolist() == [1]


def test_a_unit_in_objects_of_dask_is_one_unit_in_every_partition():
    """A number among texts is its text, also in a partition that holds numbers only."""
    dask = pytest.importorskip("dask")
    dd = pytest.importorskip("dask.dataframe")
    frame = pd.DataFrame({"id": pd.Series([7, 7, 7, 7, 7, "x"], dtype=object)})
    words = people(max_ids=1, id={"type": "string", "private_id": True})
    with dask.config.set({"dataframe.convert-string": False}):
        parts = dd.from_pandas(frame, npartitions=3)
        found = exact("SELECT COUNT(*) AS n FROM S.people", parts, words)
    assert found["a0"].to_pylist() == [2]


def test_a_release_over_such_texts_can_be_read():
    table = pa.table(
        {"id": pa.array([b"p"] * 50 + [b"q"]), "city": unchecked([b"a"] * 50 + BAD[:1])}
    )
    table = table.set_column(0, "id", pa.array([f"p{i}" for i in range(51)]))
    release = private_sql(
        "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city",
        {"people": table},
        WORDS,
        groups=["a", "b", None],
        privacy=Privacy(epsilon=10, ledger="none"),
    )
    assert release.to_pandas()["city"].to_list() == ["a", "b", None]


def test_lone_surrogates_of_python_are_replaced():
    frame = pd.DataFrame({"id": [1, 2], "city": ["\ud800", "a"]})
    query = "SELECT city, COUNT(*) AS n FROM S.people GROUP BY city"
    assert exact(query, frame, METADATA)["k0"].to_pylist() == ["a", "\ufffd"]


def test_a_file_that_duckdb_refuses_to_read_gives_the_one_message(tmp_path):
    pq.write_table(texts(), tmp_path / "texts.parquet")
    relation = duckdb.connect().read_parquet(str(tmp_path / "texts.parquet"))
    with pytest.raises(PrivateComputationError) as error:
        private_sql(
            TEXT_QUERIES[2], {"people": relation}, WORDS, privacy=Privacy(epsilon=1, ledger="none")
        )
    assert "\\x" not in str(error.value)


# --- objects: the metadata decide the type, and not the values

_USUAL = {
    "id": (1, 2),
    "age": (30, 40),
    "income": (1.5, 2),
    "city": ("a", "b"),
    "flag": (True, False),
    "born": (dt.date(2001, 2, 3), dt.date(2002, 2, 3)),
    "seen": (dt.datetime(2001, 2, 3, 4), dt.datetime(2002, 2, 3, 4)),
    "note": ("x", "y"),
}


class _Odd:
    def __str__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None


_ODD_VALUES = [
    *(
        7,
        7.5,
        True,
        "7",
        b"\xff",
        {"a": 1},
        [1],
        1 + 2j,
        Decimal("1e400"),
        Decimal("sNaN"),
        10**400,
    ),
    *(-(2**63) - 1, float("inf"), float("nan"), None, pd.NaT, pd.NA, "\ud800", _Odd(), object),
    *(dt.date(1, 1, 1), dt.time(1), dt.timedelta(1), pd.Timestamp("2020-01-01", tz="Asia/Tokyo")),
    *(dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=5))), pd.Period("2020")),
    *(np.datetime64("2020-01-01"), np.int8(3), np.array([1, 2]), uuid.UUID(int=1)),
]
_ASKED = (
    "SELECT {0}, COUNT(*) AS n, COUNT({0}) AS c, SUM(age) AS s, SUM(income) AS i FROM S.people "
    "GROUP BY {0}"
)


def objects(rows: list[dict], kind: str):
    frame = pd.DataFrame(
        {name: pd.Series([r[name] for r in rows], dtype=object) for name in _USUAL}
    )
    if kind == "pandas":
        return frame
    import dask

    with dask.config.set({"dataframe.convert-string": False}):
        return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2, sort=False)


@pytest.mark.parametrize("kind", ["pandas", full("dask")])
@pytest.mark.parametrize(
    "name", ["age", *map(full, ("income", "flag", "born", "note")), "city", "seen", "id"]
)
def test_no_value_in_objects_decides_how_a_query_ends(name, kind):
    usual = [{n: v[i % 2] for n, v in _USUAL.items()} for i in range(4)]
    asked = _ASKED.format(name if name not in ("note", "id") else "city")
    plain = exact(asked, objects(usual, kind), people(max_ids=9))
    assert sum(plain["a0"].to_pylist()) == 4
    for value in _ODD_VALUES if kind == "pandas" else _ODD_VALUES[::3]:
        rows = [*usual, {**usual[0], name: value}]
        found = exact(asked, objects(rows, kind), people(max_ids=9))
        assert found.schema == plain.schema
        assert sum(found["a0"].to_pylist()) in ((4, 5) if name == "id" else (5,))


def test_objects_are_what_the_metadata_declare():
    rows = [{n: v[i % 2] for n, v in _USUAL.items()} for i in range(4)]
    rows[0] |= {"age": Decimal(31), "income": 3, "city": 5, "born": dt.datetime(2001, 2, 3)}
    frame = objects(rows, "pandas")
    frame["city"] = frame["city"].astype("category")
    frame["id"] = [2**64 + 1, 2**64 + 2, 2**64 + 1, 2**64 + 3]
    query = (
        "SELECT city, COUNT(*) AS n, COUNT(DISTINCT id) AS u, SUM(age) AS s, SUM(income) AS i, "
        "COUNT(DISTINCT born) AS b FROM S.people GROUP BY city"
    )
    found = exact(query, frame, people(max_ids=9)).to_pylist()
    assert [list(line.values())[:4] for line in found] == [
        ["5", 1, 1, 31], ["a", 1, 1, 30], ["b", 2, 2, 80],
    ]  # fmt: skip
    assert found[2]["a4"] == 1


@pytest.mark.parametrize("kind", ["pandas", full("dask")])
def test_no_value_in_objects_decides_how_private_cells_end(kind):
    declared = declare(["city", "age"], {"city": ["a", "b"], "age": [30, 40]})
    usual = [{n: v[i % 2] for n, v in _USUAL.items()} for i in range(2)]
    for name in ("id", "city", "age"):
        for value in _ODD_VALUES if kind == "pandas" else _ODD_VALUES[::4]:
            frame = objects([*usual, {**usual[0], "id": 9, name: value}], kind)
            found = exact_counts(engine_of(frame), frame, declared, "id", 5).tolist()
            assert found[1:] == [0, 0, 1]
            assert found[0] == 1 + (name == "id" and found[0] == 2)
