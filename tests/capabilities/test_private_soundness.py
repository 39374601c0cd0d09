"""One person cannot change the exact aggregates by more than the noise covers."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.privacy import Noise
from rai_scale.privacy.bounding import Bounding
from rai_scale.privacy.rare_groups import leaked, threshold_for
from rai_scale.private_queries import exact_aggregates, load_metadata
from rai_scale.private_queries.query.aggregates import Aggregate
from rai_scale.private_queries.release.draw import draw
from rai_scale.private_queries.release.plan import QueryPlan, make_plan
from tests.capabilities.private_cases import KEY, exact, people, with_privacy
from tests.conftest import examples

QUERY = (
    "SELECT age, COUNT(*) AS n, COUNT(DISTINCT id) AS u, SUM(age) AS s, VAR(income) AS v, "
    "COUNT(income) AS c FROM S.people GROUP BY age"
)
UNGROUPED = QUERY.replace("SELECT age, ", "SELECT COUNT(DISTINCT age) AS d, ").replace(
    " GROUP BY age", ""
)
LIMITS: list[dict] = [
    {},
    {"groups_per_unit": 1},
    {"rows_per_group": 1},
    {"groups_per_unit": 2, "rows_per_group": 2},
]
SCHEMA = pa.schema([("id", pa.int64()), ("age", pa.int64()), ("income", pa.float64())])


def table_of(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA)


def plan_of(query: str = QUERY, metadata: dict | None = None, **options) -> QueryPlan:
    options = {"epsilon": 1, "delta": 1e-6, **options}
    return make_plan(query, load_metadata(metadata or people()), SCHEMA, **with_privacy(**options))


@cache
def limited_plan(query: str, most: int, limits: int) -> QueryPlan:
    return plan_of(query, metadata=people(max_ids=most), **LIMITS[limits])


def compute(plan: QueryPlan, rows: list[tuple]) -> dict:
    table = table_of(rows)
    found = exact_aggregates(plan, table, KEY, SCHEMA)
    n = len(plan.aggregates)
    keys = [name for name in found.column_names if name.startswith("k")]
    return {
        tuple(r[k] for k in keys): np.array([r[f"a{i}"] for i in range(n)], dtype=object)
        for r in found.to_pylist()
    }


def distances(plan: QueryPlan, before: dict, after: dict) -> np.ndarray:
    """Return groups changed, largest change, L1 and squared L2 per aggregate."""
    zero = np.array([0] * len(plan.aggregates), dtype=object)
    changes = [abs(after.get(k, zero) - before.get(k, zero)) for k in before.keys() | after.keys()]
    each = np.array(changes or [zero], dtype=object)
    return np.array([(each > 0).sum(0), each.max(0), each.sum(0), (each**2).sum(0)], dtype=object)


wild_ages = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-2, 3))
wild_incomes = st.one_of(
    st.none(), st.floats(), st.sampled_from([math.inf, -math.inf, math.nan, 1e308, 5000.0, -1000.0])
)
adversary = st.lists(st.tuples(wild_ages, wild_incomes), min_size=1, max_size=30)
others = st.lists(st.tuples(st.integers(1, 3), st.integers(-2, 3), wild_incomes), max_size=15)


@pytest.mark.parametrize("query", [QUERY, UNGROUPED])
@settings(max_examples=examples(60), deadline=None)
@given(adversary, others, st.integers(1, 5), st.integers(0, 3))
def test_one_person_moves_the_aggregates_by_no_more_than_is_claimed(
    query, person, rest, most, limits
):
    plan = limited_plan(query, most, limits)
    before = compute(plan, rest)
    after = compute(plan, [*rest, *((99, age, income) for age, income in person)])
    changed = distances(plan, before, after)
    for i, column in enumerate(plan.budgeted.columns):
        claim = column.sensitivity
        assert changed[0, i] <= claim.groups
        assert changed[1, i] <= claim.each
        assert changed[2, i] <= claim.l1
        assert changed[3, i] <= claim.l2_squared


def test_a_person_with_thousands_of_rows_reaches_the_claim_and_no_more():
    person = [(99, 100, 1e308)] * 3000
    plan = plan_of(metadata=people(max_ids=3))
    changed = distances(plan, {}, compute(plan, person))
    claims = [c.sensitivity for c in plan.budgeted.columns]
    labels = [c.aggregate.label for c in plan.budgeted.columns]
    for label in ("rows", "sum(age)", "squares(income)"):
        at = labels.index(label)
        assert changed[1, at] == claims[at].each


@pytest.mark.parametrize("bounds", [(-2.5, 2.7), (0.4, 0.9), (-(2.0**40), 3.3), (-7, -3)])
@pytest.mark.parametrize("kind", ["int", "float"])
@pytest.mark.parametrize("age", [-(2**62), 2**62, 0, 3, -3, None])
def test_bounds_of_any_shape_hold(bounds, kind, age):
    metadata = people(max_ids=1, age={"type": kind, "lower": bounds[0], "upper": bounds[1]})
    query = "SELECT VAR(age) AS v FROM S.people"
    plan = plan_of(query, metadata)
    changed = distances(plan, {}, compute(plan, [(99, age, 1.0)]))
    for i, column in enumerate(plan.budgeted.columns):
        assert changed[1, i] <= column.sensitivity.each


def test_without_groups_rows_per_group_bounds_the_rows_of_the_table():
    plan = plan_of(UNGROUPED, people(max_ids=5), rows_per_group=1)
    rows = [(unit, age, 1.0) for unit in (1, 2, 3) for age in range(9)]
    (found,) = compute(plan, rows).values()
    labels = [a.label for a in plan.aggregates]
    assert found[labels.index("rows")] == 3
    assert plan.same[Aggregate("units")] == Aggregate("rows")


def test_a_person_without_an_id_counts_nowhere():
    plan = plan_of()
    rows = [(1, 5, 2.0)]
    assert str(compute(plan, rows)) == str(compute(plan, [*rows, *[(None, 5, 2.0)] * 50]))


def test_public_keys_leave_rows_of_other_groups_out_before_bounding():
    metadata = people(max_ids=1)
    rows = table_of([(1, 7, 1.0)] * 20 + [(1, 8, 1.0)])
    query = "SELECT age, COUNT(*) AS n FROM S.people GROUP BY age"
    assert exact(query, rows, metadata, groups={"age": [8]})["a0"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("bounding", "expected"),
    [
        (Bounding(6), (6, 6, 6, 36)),
        (Bounding(6, rows_per_group=2), (6, 2, 6, 12)),
        (Bounding(7, rows_per_group=3), (7, 3, 7, 19)),
        (Bounding(6, groups_per_unit=2, rows_per_group=2), (2, 2, 4, 8)),
        (Bounding(6, grouped=False), (1, 6, 6, 36)),
        (Bounding(6, rows_per_group=2, grouped=False), (1, 2, 2, 4)),
    ],
)
def test_sensitivities_are_split_into_groups_and_rows(bounding, expected):
    found = bounding.by_rows(1)
    assert (found.groups, found.each, found.l1, found.l2_squared) == expected
    assert bounding.by_rows(10).l1 == 10 * expected[2]


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_threshold_leakage_by_closed_form_and_by_simulation(kind):
    groups, delta = 3, Fraction(1, 20)
    noise = Noise(kind, 4.0)
    threshold = threshold_for(noise, groups, delta)
    assert leaked(noise, groups, threshold) <= delta < leaked(noise, groups, threshold - 1)
    runs = 20_000
    drawn = 1 + noise.draw(np.zeros(runs * groups)).reshape(runs, groups)
    named = (drawn >= threshold).any(axis=1).mean()
    spread = math.sqrt(0.05 * 0.95 / runs)
    assert abs(named - leaked(noise, groups, threshold)) < 5.2 * spread


def test_rare_groups_of_one_person_stay_unnamed_end_to_end():
    plan = plan_of("SELECT age, COUNT(*) AS n FROM S.people GROUP BY age", delta=0.05)
    rows = [(i, a, 1.0) for i in range(2000) for a in (i * 10, i * 10 + 1)]  # groups of one each
    found = exact_aggregates(plan, table_of(rows), KEY, SCHEMA)
    assert found.num_rows == 4000
    named = draw(plan, found)["k0"].to_numpy() // 10
    share = len(set(named)) / 2000
    assert share < 0.05 + 5.2 * math.sqrt(0.05 * 0.95 / 2000)
