"""COUNT(DISTINCT x) of any column: exact, the same everywhere, and bounded per person."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_named, engine_of
from rai_scale.privacy import Privacy
from rai_scale.private_queries import exact_aggregates, load_metadata, private_sql
from rai_scale.private_queries.release.plan import make_plan
from tests.capabilities.private_cases import KEY, exact, people, pums, with_privacy
from tests.conftest import examples

QUERY = (
    "SELECT city, COUNT(DISTINCT age) AS a, COUNT(age) AS c, COUNT(DISTINCT income) AS i, "
    "SUM(age) AS s, COUNT(DISTINCT id) AS u FROM S.people GROUP BY city"
)
SCHEMA = pa.schema(
    [("id", pa.int64()), ("age", pa.int64()), ("income", pa.float64()), ("city", pa.string())]
)


def table_of(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA)


def labelled(query: str, frame, metadata: dict, **options) -> pd.DataFrame:
    """Return the exact aggregates with their labels as columns."""
    schema = engine_of(frame).schema(frame)
    plan = make_plan(
        query, load_metadata(metadata), schema, **with_privacy(epsilon=1, delta=1e-6, **options)
    )
    found = exact(query, frame, metadata, **options).to_pandas()
    return found.rename(columns={f"a{i}": a.label for i, a in enumerate(plan.aggregates)})


def test_distinct_values_of_pums_are_those_of_pandas(cluster_case, reference_data):
    frame = pd.read_csv(reference_data / "pums" / "PUMS_null.csv").convert_dtypes()
    frame = frame[frame["pid"].notna()]
    metadata = pums(max_ids=50)
    query = (
        "SELECT married, COUNT(DISTINCT educ) AS e, COUNT(DISTINCT income) AS i, AVG(income) AS m "
        "FROM PUMS.PUMS GROUP BY married"
    )
    assert frame.groupby("pid").size().max() <= 50
    table = pa.Table.from_pandas(frame, preserve_index=False)
    frame["income"] = frame["income"].clip(0, 500_000)
    for data in (table, cluster_case.make(table, 4)):
        found = labelled(query, data, metadata)
        wanted = frame.groupby("married", dropna=False)[["educ", "income"]].nunique()
        wanted = wanted.sort_index(na_position="last")
        assert found["distinct(educ)"].tolist() == wanted["educ"].tolist()
        assert found["distinct(income)"].tolist() == wanted["income"].tolist()


EDGES = pa.table(
    {
        "id": pa.array(range(8), pa.int64()),
        "age": pa.array([1, 1, 2, None, 500, 100, -3, 0], pa.int64()),
        "income": [0.0, -0.0, math.nan, None, math.inf, 5000.0, 1e300, 0.1 + 0.2],
        "city": ["a", "A", "ä", "a ", "", None, "a", "日本"],
        "flag": [True, None, True, False, None, True, True, True],
    }
)


def test_values_are_told_apart_alike_everywhere(cluster_case):
    """NaN is null, -0 is 0, numbers are clamped to their bounds, texts compare byte by byte."""
    query = (
        "SELECT COUNT(DISTINCT age) AS a, COUNT(DISTINCT income) AS i, COUNT(DISTINCT city) AS c, "
        "COUNT(DISTINCT flag) AS f, COUNT(*) AS n FROM S.people"
    )
    for data in (EDGES, cluster_case.make(EDGES, 3)):
        found = labelled(query, data, people())
        assert found["distinct(age)"].tolist() == [4]  # 1, 2, 100, 0
        assert found["distinct(income)"].tolist() == [3]  # 0, 5000, 0.30000000000000004
        assert found["distinct(city)"].tolist() == [6]
        assert found["distinct(flag)"].tolist() == [2]
        assert found["rows"].tolist() == [8]


rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.integers(-2, 5)),
        st.one_of(st.none(), st.sampled_from([math.nan, 0.5, -0.0, 0.0, 2.0, math.inf])),
        st.sampled_from(["a", "b", None]),
    ),
    min_size=1,
    max_size=30,
)
LIMITS: list[dict] = [{}, {"groups_per_unit": 1}, {"rows_per_group": 1}]


@settings(max_examples=examples(15), deadline=None)
@given(rows, st.permutations(range(30)), st.integers(1, 5), st.sampled_from(LIMITS))
def test_any_cut_gives_the_same_distinct_counts(found, order, partitions, limits):
    table = table_of(found)
    shuffled = table.take([i for i in order if i < table.num_rows])
    expected = exact(QUERY, table, people(max_ids=3), **limits)
    frame = engine_named("dask").from_arrow(shuffled, partitions)
    assert exact(QUERY, frame, people(max_ids=3), **limits).equals(expected)


@settings(max_examples=examples(40), deadline=None)
@given(rows)
def test_unbounded_distinct_counts_are_those_of_pandas(found):
    frame = table_of(found).to_pandas()
    frame = frame[frame["id"].notna()]
    frame["age"] = frame["age"].clip(0, 100)
    got = labelled(QUERY, table_of(found), people(max_ids=30))
    wanted = frame.groupby("city", dropna=False)["age"].nunique().sort_index(na_position="last")
    assert got["distinct(age)"].tolist() == wanted.tolist()


def counts(plan, found: list[tuple]) -> dict:
    table = exact_aggregates(plan, table_of(found), KEY, SCHEMA).to_pylist()
    at = [i for i, a in enumerate(plan.aggregates) if a.kind == "distinct"]
    return {r["k0"]: np.array([r[f"a{i}"] for i in at]) for r in table}


person = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.none(), st.floats()),
        st.sampled_from(["a", "b", "c", None]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=examples(60), deadline=None)
@given(person, rows, st.integers(1, 4), st.sampled_from(LIMITS))
def test_one_person_adds_no_more_values_than_rows_are_kept(added, rest, most, limits):
    metadata = load_metadata(people(max_ids=most))
    plan = make_plan(QUERY, metadata, SCHEMA, **with_privacy(epsilon=1, delta=1e-6, **limits))
    columns = [c for c in plan.budgeted.columns if c.aggregate.kind == "distinct"]
    before = counts(plan, rest)
    after = counts(plan, [*rest, *((99, *row) for row in added)])
    zero = np.zeros(len(columns), dtype=int)
    moved = np.array([abs(after.get(k, zero) - before.get(k, zero)) for k in after | before])
    for i, column in enumerate(columns):
        claim, change = column.sensitivity, moved[:, i] if len(moved) else zero
        assert (change > 0).sum() <= claim.groups
        assert change.max() <= claim.each
        assert change.sum() <= claim.l1
        assert (change**2).sum() <= claim.l2_squared


def test_a_person_of_many_values_reaches_the_claim():
    plan = make_plan(
        QUERY,
        load_metadata(people(max_ids=7)),
        SCHEMA,
        Privacy(epsilon=1, delta=1e-6),
        rows_per_group=3,
    )
    found = counts(plan, [(99, i, i / 7, "abc"[i % 3]) for i in range(100)])
    claim = next(c.sensitivity for c in plan.budgeted.columns if c.aggregate.kind == "distinct")
    assert (claim.groups, claim.each, claim.l1) == (7, 3, 7)
    assert max(v.max() for v in found.values()) == claim.each
    assert sum(v[0] for v in found.values()) == claim.l1


@pytest.mark.filterwarnings("ignore::rai_scale.privacy.ledger.problems.PrivacyWarning")
def test_a_release_shows_them_beside_other_counts():
    table = table_of([(i, i % 10, float(i % 7), "ab"[i % 2]) for i in range(300)])
    query = (
        "SELECT city, COUNT(DISTINCT age) AS a, COUNT(age) AS c, COUNT(ALL id) AS r, "
        "COUNT(DISTINCT id) AS u FROM S.people GROUP BY city ORDER BY city"
    )
    release = private_sql(
        query,
        {"people": table},
        people(max_ids=1),
        privacy=Privacy(epsilon=1e5, delta=1e-6, ledger="none"),
    )
    assert release.to_pandas().to_numpy().tolist() == [
        ["a", 5, 150, 150, 150],
        ["b", 5, 150, 150, 150],
    ]
    assert release.columns_info.set_index("column").loc["a", "made_of"] == "distinct(age)"
