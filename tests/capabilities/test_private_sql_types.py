"""Exact keys and declared types: no key passes a float, and no column is taken for another type."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.private_queries import private_sql
from tests.capabilities.private_cases import exact, people, with_privacy

BIG = 10**17
WHOLE = [BIG, BIG + 1, BIG + 2, -(BIG + 1), None, BIG + 1]
FRACTIONS = [Decimal(f"{BIG}.{i:02d}") for i in (1, 2, 3)] + [Decimal("-0.01"), None, Decimal(0)]
TABLE = pa.table(
    {
        "id": pa.array([2**63 + i // 2 for i in range(6)], pa.uint64()),
        "wide": pa.array([None if v is None else Decimal(v) for v in WHOLE], pa.decimal128(38, 0)),
        "word": pa.array([None if v is None else abs(v) for v in WHOLE], pa.uint64()),
        "plain": pa.array(WHOLE, pa.int64()),
        "cost": pa.array(FRACTIONS, pa.decimal128(22, 2)),
        "tiny": pa.array([Decimal(i).scaleb(-12) for i in range(6)], pa.decimal128(38, 12)),
    }
)
COLUMNS = {
    **{name: {"type": "int"} for name in ("wide", "word", "plain")},
    **{name: {"type": "float"} for name in ("cost", "tiny")},
}
CONDITIONS = {
    f"plain = {BIG + 1}": 2,
    f"wide IN ({BIG + 1}, {BIG}, NULL)": 3,
    f"word BETWEEN {BIG + 1} AND {BIG + 1}": 3,
    f"plain > {BIG}.5": 3,
    f"wide < {BIG + 1} AND wide > -{BIG + 2}": 2,
    f"plain = {BIG}.5": 0,
    f"word <> {BIG + 1}.25": 5,
    f"cost = {BIG}.02": 1,
    f"cost <= {BIG}.029": 4,
    f"cost > -{BIG}.015 AND cost < 0": 1,
    f"{BIG + 1} = plain": 2,
    "plain < 9223372036854775808": 5,
    "wide < 1E300 AND wide > -1E300": 5,
    "wide = plain": 5,
    "tiny = 0.000000000003": 1,
    f"CASE wide WHEN {BIG + 1} THEN 1 ELSE 0 END = 1": 2,
}


def metadata(**changes: Any) -> dict[str, Any]:
    return people(max_ids=1, censor_dims=False, row_privacy=False, **{**COLUMNS, **changes})


@pytest.fixture(scope="module")
def everywhere() -> list[str]:
    sums = ", ".join(f"COUNT(CASE WHEN {c} THEN 1 END) AS n{i}" for i, c in enumerate(CONDITIONS))
    values = ", ".join(f"COUNT(DISTINCT {c}) AS d_{c}" for c in COLUMNS)
    return [
        f"SELECT {sums} FROM S.people",
        f"SELECT {values}, SUM(CASE WHEN wide > 0 THEN 1 ELSE 0 END) AS s FROM S.people",
        *(f"SELECT {c}, COUNT(*) AS n FROM S.people GROUP BY {c}" for c in COLUMNS),
    ]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_comparisons_are_exact(condition):
    query = f"SELECT COUNT(CASE WHEN {condition} THEN 1 END) AS n FROM S.people"
    found = exact(query, TABLE, people(max_ids=9, **COLUMNS))
    assert found["a0"].to_pylist() == [CONDITIONS[condition]]


def test_keys_are_exact_on_every_engine(cluster_case, everywhere):
    frame = cluster_case.make(TABLE, 3)
    for query in everywhere:
        options = {"metadata": people(max_ids=1, **COLUMNS)}
        assert exact(query, frame, **options).equals(exact(query, TABLE, **options)), query
    units = "SELECT COUNT(DISTINCT id) AS n FROM S.people"
    assert exact(units, frame, people(max_ids=1))["a0"].to_pylist() == [3]


@pytest.mark.parametrize("name", COLUMNS)
def test_groups_and_public_keys_are_exact(name):
    values = list(dict.fromkeys(v for v in TABLE[name].to_pylist() if v is not None))
    described = people(max_ids=9, censor_dims=False, **COLUMNS)
    query = f"SELECT {name}, COUNT(*) AS n FROM S.people GROUP BY {name}"
    for options in ({}, {"groups": {name: values}}):
        release = private_sql(
            query,
            {"people": TABLE},
            described,
            **with_privacy(epsilon=1e6, delta=0, ledger="none", **options),
        )
        found = release.to_pandas()[name].dropna()
        assert sorted(map(Decimal, map(str, found))) == sorted(map(Decimal, map(str, values)))
    with pytest.raises(ConfigError, match="groups="):
        exact(query, TABLE, described, groups={name: [1e17]} if name == "plain" else {name: ["x"]})


@pytest.mark.parametrize(
    ("declared", "values", "advice"),
    [
        ("int", pa.array([0.4]), "float"),
        ("int", pa.array([Decimal("0.4")]), "float"),
        ("int", pa.array(["5"]), "string"),
        ("float", pa.array(["5"]), "string"),
        ("string", pa.array([5]), "int or float"),
        ("boolean", pa.array([1]), "int or float"),
        ("datetime", pa.array(["2020-01-01"]), "string"),
        ("string", pa.array([dt.date(2020, 1, 1)]), "datetime"),
        ("float", pa.array([Decimal(1)], pa.decimal256(60, 2)), "38 digits"),
    ],
)
def test_a_column_of_another_type_is_refused_at_planning(declared, values, advice):
    bounds = {"lower": 0, "upper": 5} if declared in ("int", "float") else {}
    described = people(max_ids=1, x={"type": declared, **bounds})
    table = pa.table({"id": [1], "x": values, "age": [3]})
    for query in ("SUM(x)", "COUNT(x)", "COUNT(CASE WHEN x IS NULL THEN 1 END)"):
        with pytest.raises(ConfigError, match=f"{advice}|must be over numeric"):
            exact(f"SELECT {query} AS n FROM S.people", table, described)
    with pytest.raises(ConfigError, match=advice):
        exact("SELECT x, COUNT(*) AS n FROM S.people GROUP BY x", table, described)
    assert exact("SELECT SUM(age) AS n FROM S.people", table, described)["a0"].to_pylist() == [3]
