"""An audit: neighbouring tables, an event, and a lower bound on the epsilon that was really spent.

A bound is wrong with probability 2e-7 (Clopper-Pearson, 1e-7 a side), and each planted fault is
further than twice the bound's slack from what is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import beta

from rai_scale.privacy import Noise, Privacy
from rai_scale.privacy.rare_groups import threshold_for
from rai_scale.private_queries import (
    exact_aggregates,
    load_metadata,
    private_sql,
)
from rai_scale.private_queries.query import expression_columns
from rai_scale.private_queries.release import noise_plan as budget
from rai_scale.private_queries.release.draw import draw
from rai_scale.private_queries.release.plan import QueryPlan, make_plan
from tests.capabilities.private_cases import KEY, people, with_privacy
from tests.conftest import full

ERROR = 1e-7
RUNS = 12_000
SCHEMA = pa.schema([("id", pa.int64()), ("age", pa.int64()), ("income", pa.float64())])
TOTALS = "SELECT COUNT(*) AS n, SUM(age) AS s FROM S.people"
UNITS = "SELECT COUNT(DISTINCT id) AS u FROM S.people"
VALUES = "SELECT COUNT(DISTINCT income) AS d FROM S.people"
BY_AGE = "SELECT age, COUNT(*) AS n FROM S.people GROUP BY age"
REST = [(1, 50, 100.0), (2, 50, 200.0)]
PERSON = [(99, 100, float(i)) for i in range(9)]


def table_of(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA)


def lower_bound(hits: int, others: int, runs: int, delta: float) -> float:
    """Return the lower bound of epsilon from the hits of one event on two neighbours."""
    low = beta.ppf(ERROR, hits, runs - hits + 1) if hits else 0.0
    high = beta.ppf(1 - ERROR, others + 1, runs - others) if others < runs else 1.0
    return math.log(max(low - delta, 1e-300) / high)


def spent(with_person: np.ndarray, without: np.ndarray, delta: float) -> float:
    """Return the lower bound from events ``score >= t``, with t chosen on a third of the draws."""
    third = len(with_person) // 3

    def found(t: float, part: slice) -> float:
        hits, others = (int((o[part] >= t).sum()) for o in (with_person, without))
        return lower_bound(hits, others, len(with_person[part]), delta)

    at = np.quantile(np.r_[with_person[:third], without[:third]], np.linspace(0.02, 0.98, 25))
    best = max(at, key=lambda t: found(t, slice(third)))
    return found(best, slice(third, None))


def audit(used: QueryPlan, person: list[tuple] = PERSON, delta: float = 0.0) -> float:
    """Return what a release of ``used`` spends on a person; one group at most, drawn at once."""
    scores = []
    for rows in ([*REST, *person], REST):
        found = exact_aggregates(used, table_of(rows), KEY, SCHEMA)
        if found.num_rows == 0:  # a public group without rows counts 0
            nothing = {n: [0] for n in found.column_names}
            found = pa.table(nothing, schema=found.schema)
        bare = replace(used.budgeted, threshold=None, key_count=None)
        noisy = draw(
            replace(used, budgeted=bare, public=None), pa.concat_tables([found] * 3 * RUNS)
        )
        columns = enumerate(used.budgeted.columns)
        scores.append(sum(noisy[f"a{i}"].to_numpy() / c.noise.scale for i, c in columns))
    return spent(*scores, delta)


def plan_of(query: str = TOTALS, most: int = 3, **options) -> QueryPlan:
    options = {"epsilon": 1, "delta": 0, **options}
    return make_plan(query, load_metadata(people(max_ids=most)), SCHEMA, **with_privacy(**options))


@dataclass(frozen=True)
class Case:
    """A release that is claimed, and the same one with a fault."""

    honest: QueryPlan
    faulty: Callable[[QueryPlan], QueryPlan]
    epsilon: float = 1.0
    delta: float = 0.0


def half_the_noise(plan: QueryPlan) -> QueryPlan:
    columns = [
        replace(c, noise=Noise(c.noise.kind, c.noise.scale / 2)) for c in plan.budgeted.columns
    ]
    return replace(plan, budgeted=replace(plan.budgeted, columns=columns))


def bounded_by(**limits: int | None) -> Callable[[QueryPlan], QueryPlan]:
    def change(plan: QueryPlan) -> QueryPlan:
        loose = replace(plan.exact.bounding, **limits)
        return replace(plan, exact=replace(plan.exact, bounding=loose))

    return change


def units_by_rows(plan: QueryPlan) -> QueryPlan:
    """Count the rows for the units, which is right only where each unit keeps one row."""
    rows = plan_of(TOTALS, 5).aggregates[0]
    return replace(plan, exact=replace(plan.exact, aggregates=[rows]))


CASES = {
    "laplace": Case(plan_of(), half_the_noise),
    "off by one": Case(plan_of(most=1), bounded_by(rows_per_unit=2)),
    "gaussian": Case(
        plan_of(epsilon=3, delta=1e-3, mechanism="gaussian", most=1),
        bounded_by(rows_per_unit=4),
        3.0,
        1e-3,
    ),
    "rows_per_group without groups": Case(
        plan_of(most=5, rows_per_group=1), bounded_by(rows_per_group=None)
    ),
    "distinct values": Case(plan_of(VALUES, 1), bounded_by(rows_per_unit=2)),
    "distinct units": Case(plan_of(UNITS, 5), units_by_rows),
}


SLOW = ("gaussian", "rows_per_group without groups", "distinct units")


@pytest.mark.parametrize("name", [full(name) if name in SLOW else name for name in CASES])
def test_an_honest_release_passes_and_its_fault_is_noticed(name):
    case = CASES[name]
    honest = audit(case.honest, delta=case.delta)
    assert 0.3 < honest <= case.epsilon  # the person is the worst case, or near it
    assert audit(case.faulty(case.honest), delta=case.delta) > case.epsilon


def test_a_grouped_column_that_is_not_clamped_is_noticed(monkeypatch):
    query = "SELECT age, SUM(age) AS s FROM S.people GROUP BY age"
    plan = plan_of(query, 1, groups={"age": [300]})
    person = [(99, 300, 1.0)]
    assert audit(plan, person) <= 1.0
    monkeypatch.setattr(expression_columns.TableFacts, "bounds", lambda self, name: (0.0, 1e9))
    assert audit(plan, person) > 1.0


def named(plan: QueryPlan, groups: int, runs: int) -> int:
    """Return in how many runs a group is named that holds only the person."""
    rows = [(run, run * groups + i, 1.0) for run in range(runs) for i in range(groups)]
    found = draw(plan, exact_aggregates(plan, table_of(rows), KEY, SCHEMA))
    return len(set(found["k0"].to_numpy() // groups))


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_groups_of_one_person_are_named_no_more_often_than_delta(mechanism):
    plan = plan_of(BY_AGE, delta=0.1, mechanism=mechanism)
    budgeted, runs = plan.budgeted, 6_000

    def lowest_share(threshold: int) -> float:
        hits = named(replace(plan, budgeted=replace(budgeted, threshold=threshold)), 3, runs)
        return beta.ppf(ERROR, hits, runs - hits + 1)

    assert lowest_share(budgeted.threshold) <= budgeted.threshold_delta
    noise = budgeted.columns[budgeted.key_count].noise
    for_one_group = threshold_for(noise, 1, budgeted.threshold_delta)
    assert lowest_share(for_one_group) > budgeted.threshold_delta


# --- end to end: one call is thousands of runs, for each public group has a person of its own

GROUPS = 8_000


def neighbours() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table whose groups each have one person more than the other's."""
    group = np.repeat(np.arange(GROUPS), 5)
    more = pd.DataFrame({"id": GROUPS + group, "age": group, "income": 5000.0})
    rest = pd.DataFrame({"id": np.arange(GROUPS), "age": np.arange(GROUPS), "income": 100.0})
    return pd.concat([rest, more]), rest


def spent_end_to_end(**options) -> float:
    query = "SELECT age, COUNT(*) AS n, SUM(income) AS s FROM S.people GROUP BY age"
    scores = []
    for frame in neighbours():
        release = private_sql(
            query,
            {"people": frame},
            people(max_ids=3),
            groups=range(GROUPS),
            **with_privacy(ledger="none", **options),
        )
        info = release.columns_info.set_index("column")
        found = release.to_pandas()
        assert len(found) == GROUPS
        columns = (found[c] / info.loc[c, "noise_scale"] for c in ("n", "s"))
        scores.append(sum(columns).to_numpy(dtype=float))
    return spent(*scores, float(options.get("delta", 0)))


@pytest.mark.filterwarnings("ignore::rai_scale.privacy.ledger.problems.PrivacyWarning")
@pytest.mark.parametrize(
    ("mechanism", "epsilon", "delta"), [("laplace", 1, 0), ("gaussian", 3, 1e-3)]
)
def test_private_sql_passes_and_too_little_noise_is_noticed(mechanism, epsilon, delta, monkeypatch):
    options = {"epsilon": epsilon, "delta": delta, "mechanism": mechanism}
    assert 0.2 < spent_end_to_end(**options) <= epsilon
    name = f"{mechanism}_for"
    calibrate = getattr(budget, name)

    def too_little(*args) -> Noise:
        noise = calibrate(*args)
        return Noise(noise.kind, noise.scale / 4)

    monkeypatch.setattr(budget, name, too_little)
    assert spent_end_to_end(**options) > epsilon


@pytest.mark.filterwarnings("ignore::rai_scale.privacy.ledger.problems.PrivacyWarning")
def test_private_sql_keeps_rows_per_group_rows_where_there_are_no_groups():
    rows = [(unit, 7, float(i)) for unit in (1, 2, 3) for i in range(9)]
    release = private_sql(
        "SELECT COUNT(*) AS n, SUM(age) AS s, COUNT(DISTINCT id) AS u FROM S.people",
        {"people": table_of(rows)},
        people(max_ids=5),
        rows_per_group=1,
        privacy=Privacy(epsilon=1e5, ledger="none"),
    )
    assert release.to_pandas().to_numpy().tolist() == [[3, 21, 3]]
    assert release.columns_info["noise_scale"].max() < 0.01
