"""Generalisation: the optimum of an exhaustive search, on every engine, applied lazily."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.risk import anonymity, generalise
from rai_scale.risk.hierarchies import hierarchies_of
from tests.capabilities.risk_engines import CASES, ON_SPARK
from tests.conftest import full, make_case

KEYS = ["age", "zip", "job"]
JOBS = {"cook": ["food", "work"], "baker": ["food", "work"], "nurse": ["health", "work"]}
STEPS = {
    "age": {"intervals": [5, 10, 40]},
    "zip": {"prefixes": [3, 2]},
    "job": {"tree": JOBS},
}


def people(seed: int, rows: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "age": rng.integers(20, 60, rows),
            "zip": rng.choice(["6510", "6511", "6520", "6525", "7010"], rows),
            "job": rng.choice([*JOBS], rows),
            "ill": rng.choice(list("xyz"), rows, p=[0.6, 0.3, 0.1]),
        }
    )
    data.loc[rng.random(rows) < 0.05, "zip"] = None
    return data


def at_levels(data: pd.DataFrame, node) -> pd.DataFrame:
    steps = zip(hierarchies_of(STEPS, KEYS), node, strict=True)
    made = {
        h.column: [h.value_at(None if pd.isna(v) else v, level) for v in data[h.column].tolist()]
        for h, level in steps
    }
    return pd.DataFrame(made).fillna("null")


def broken_rows(data, made, k, l, t, *, order=None) -> pd.Series:  # noqa: E741
    q = data["ill"].value_counts(normalize=True)
    q = q.loc[[value for value in order if value in q]] if order else q

    def distance(p) -> float:
        if order:
            return (p - q).cumsum().abs().sum() / max(len(q) - 1, 1)
        return (p - q).abs().sum() / 2

    def breaks(values) -> bool:
        p = values.value_counts(normalize=True).reindex(q.index, fill_value=0)
        few = len(values) < k or (l is not None and values.nunique() < l)
        return few or (t is not None and distance(p) > t + 1e-12)

    return data["ill"].groupby([made[name] for name in KEYS]).transform(breaks)


def costs(data, made, utility) -> pd.Series:
    """Return the cost of each row by the definitions."""
    if utility == "discernibility":
        return made.groupby(KEYS)["age"].transform("size").astype(float)
    total = pd.Series(0.0, index=data.index)
    own = data[KEYS].astype(object).where(data[KEYS].notna(), "null")
    for name in KEYS:
        if utility == "entropy":
            many = made.groupby(name)[name].transform("size")
            total += np.log2(many / own.groupby(name)[name].transform("size"))
        else:
            merged = own[name].groupby(made[name]).transform("nunique")
            total += (merged - 1) / (own[name].nunique() - 1)
    return total


def exhaustive(data, k, l, t, *, utility, share, order=None) -> float:  # noqa: E741
    """Return the least cost over all levels, one combination after another."""
    best = np.inf
    removed = costs(data, at_levels(data, (4, 3, 3)), utility)
    for node in product(range(5), range(4), range(4)):
        made = at_levels(data, node)
        gone = broken_rows(data, made, k, l, t, order=order)
        if gone.sum() <= share * len(data):
            best = min(best, costs(data, made, utility).where(~gone, removed).mean())
    return best


@pytest.mark.parametrize("seed", [0, *(full(seed) for seed in range(1, 9))])
@pytest.mark.parametrize("utility", ["entropy", full("loss"), "discernibility"])
@pytest.mark.parametrize(("l", "t"), [(None, None), full(2, None), full(2, 0.4)])
def test_the_optimum_is_that_of_an_exhaustive_search(seed, utility, l, t):  # noqa: E741
    data = people(seed)
    found = generalise(
        data,
        **{"hierarchies": STEPS, "quasi_identifiers": KEYS, "sensitive": "ill", "utility": utility},
        **{"k": 3, "l": l, "t": t, "max_suppressed": 0.08},
    )
    assert found.optimal
    expected = exhaustive(data, 3, l, t, utility=utility, share=0.08)
    assert found.found.cost == pytest.approx(expected, rel=1e-9)


def test_the_distance_of_ranks_is_that_of_anonymity():
    data = people(2, 300)
    asked = {"hierarchies": STEPS, "quasi_identifiers": KEYS, "sensitive": "ill", "k": 3}
    for order in ("zxy", "yxz"):
        ordered = {"ill": list(order)}
        found = generalise(data, **asked, t=0.25, ordered=ordered, max_suppressed=0.1)
        assert found.optimal
        best = exhaustive(data, 3, None, 0.25, utility="entropy", share=0.1, order=order)
        assert found.found.cost == pytest.approx(best, rel=1e-9)
        kept = found.apply(data)
        t = anonymity(kept, quasi_identifiers=KEYS, sensitive="ill", ordered=ordered).diversity["t"]
        assert t[0] < 0.3  # the table without the suppressed rows is another one
    with pytest.raises(ConfigError, match="30 rows have a value of column 'ill' that is not"):
        few = data.iloc[:30].assign(ill="v")
        generalise(few, **asked, t=0.5, ordered={"ill": ["x"]})


@pytest.mark.parametrize("utility", ["entropy", "loss", "discernibility"])
def test_more_combinations_than_come_to_the_driver(utility, request):
    check_few_cells("local", utility, request)


@pytest.mark.parametrize("name", [full("dask"), *ON_SPARK])
def test_values_become_coarser_on_the_engine(name, request):
    check_few_cells(name, "entropy", request)


def check_few_cells(name, utility, request):
    data = people(4, 300)
    frame = make_case(name, request).make(pa.Table.from_pandas(data, preserve_index=False), 3)
    asked = {"hierarchies": STEPS, "quasi_identifiers": KEYS, "utility": utility}
    for k, share in ((3, 0.05), (12, 0.02)):
        whole = generalise(data, **asked, k=k, max_suppressed=share)
        few = generalise(frame, **asked, k=k, max_suppressed=share, max_cells=60)
        assert few.coarser.node >= (1, 0, 0)
        assert few.found.cost * (1 - few.gap) <= whole.found.cost * (1 + 1e-9)
        assert few.notes
        if few.found.node == whole.found.node:
            assert few.found.cost == pytest.approx(whole.found.cost, rel=1e-9)
            assert few.removed_cost == pytest.approx(whole.removed_cost, rel=1e-9)
        assert few.k >= k
    with pytest.raises(TooManyGroupsError):
        generalise(frame, **asked, k=3, max_cells=10)


def test_special_numbers_are_values_of_their_own():
    values = [math.nan, math.inf, -0.0, 0.0, 3.0, 4.0] * 3
    data = pa.table({"x": pa.array(values), "y": [1] * 18})
    asked = {"hierarchies": {"x": {"intervals": [5]}}, "quasi_identifiers": "x"}
    found = generalise(data, **asked, k=4, max_suppressed=0.4)
    assert found.suppressed == 6
    assert set(found.apply(data)["x"].to_pylist()) == {"[0, 5)"}


@pytest.mark.parametrize("name", CASES)
def test_it_is_applied_lazily_and_suppressed_rows_are_apart(name, request):
    case, data = make_case(name, request), people(3, 200)
    frame = case.make(pa.Table.from_pandas(data, preserve_index=False), 3)
    found = generalise(frame, hierarchies=STEPS, quasi_identifiers=KEYS, k=5, max_suppressed=0.05)
    kept, gone = found.apply(frame), found.suppressed_rows(frame)
    assert type(kept) is type(frame)
    rows = case.rows(kept)
    assert len(rows) + len(case.rows(gone)) == 200
    assert len(case.rows(gone)) == found.suppressed
    made = at_levels(data, found.found.node)
    sizes = anonymity(kept, quasi_identifiers=KEYS)
    assert (sizes.k, sizes.classes) == (found.k, found.totals()["classes"])
    assert sizes.k >= 5
    assert {str(row["age"]) for row in rows} <= set(made["age"])


def test_a_bounded_search_states_its_gap():
    asked = {"hierarchies": STEPS, "quasi_identifiers": KEYS, "k": 3}
    best = generalise(people(1), **asked)
    short = generalise(people(1), **asked, max_nodes=3)
    assert short.found.looked_at <= 5
    assert short.found.cost * (1 - short.gap) <= best.found.cost <= short.found.cost
    assert "from the optimum" in repr(short) or short.optimal


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        ({"age": {"intervals": [5, 12]}}, {}, "multiple of the one before"),
        ({"zip": {"prefixes": [2, 3]}}, {}, "below the one before"),
        ({"job": {"tree": {"a": ["x"], "b": ["y", "z"]}}}, {}, "equally many ancestors"),
        ({"job": {"tree": {"a": ["x", "1"], "b": ["x", "2"]}}}, {}, "two parents"),
        ({"other": {"prefixes": [2]}}, {}, "not one of the quasi-identifiers"),
        ({"zip": {"prefix": [2]}}, {}, "give one of"),
        ({}, {"k": 0}, "at least 1"),
        ({}, {"l": 2}, "need sensitive columns"),
        ({}, {"k": 100}, "no combination"),
        ({}, {"utility": "bits"}, "not entropy"),
        ({"zip": {"intervals": [5]}}, {}, "intervals need numbers"),
        ({}, {"ordered": {"ill": True}}, "'ill' is not a sensitive column"),
    ],
)
def test_what_cannot_be_generalised_is_refused(steps, options, message):
    asked = {"hierarchies": steps, "quasi_identifiers": KEYS, "k": 2} | options
    with pytest.raises(ConfigError, match=message):
        generalise(people(0), **asked)
