"""Bootstrap by person: replicates belong to persons, not to engines or partitions."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fairlearn.metrics import count, selection_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, WorkerError
from rai_scale.measures.uncertainty.persons import (
    PersonReplicates,
    align,
    hash_persons,
    multiplicities,
    person_replicates,
)
from rai_scale.measures.uncertainty.replicates import layout_of, replicate_metrics
from tests.conftest import make_case

KEYS = ["group", "y_true", "y_pred"]


def visits(persons: int = 60, rows: int = 4, seed: int = 0) -> pa.Table:
    """Each person has several rows of one group, with the same prediction."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(persons), rows)
    y_pred = np.repeat(rng.integers(0, 2, persons), rows)
    columns = {
        "person": [f"p{n}" for n in person],
        "group": np.where(person % 3 == 0, "a", "b"),
        "y_true": rng.integers(0, 2, persons * rows),
        "y_pred": y_pred,
        "weight": rng.integers(1, 9, persons * rows) / 4,
    }
    return pa.table(columns).take(rng.permutation(persons * rows))


def drawn(case_engine, frame, n_boot=20, seed=3, weights=("weight",)):
    keys, draw = person_replicates(
        case_engine,
        frame,
        keys=KEYS,
        person="person",
        n_boot=n_boot,
        random_state=seed,
        weights=weights,
    )
    wanted = keys.sort_values(KEYS).reset_index(drop=True)
    return wanted, align(keys, draw, wanted)


def by_hand(table: pa.Table, n_boot=20, seed=3):
    """The same replicates row by row: every row counts as often as its person."""
    frame = table.to_pandas()
    inner = int(np.random.default_rng(seed).integers(0, 2**63))
    times = multiplicities(hash_persons(table, "person", inner), np.arange(n_boot))
    grouped = [frame[k] for k in KEYS]
    counts = pd.DataFrame(times).groupby(grouped).sum().sort_index()
    weights = pd.DataFrame(times * frame[["weight"]].to_numpy()).groupby(grouped).sum().sort_index()
    return counts.to_numpy().T, weights.to_numpy().T


@pytest.mark.parametrize(
    ("name", "partitions"),
    [
        *[("local", n) for n in (1, 3, 7)],
        *[("dask", n) for n in (1, 5)],
        pytest.param("spark", 2, marks=pytest.mark.spark),
    ],
)
def test_the_same_replicates_on_every_engine_and_partitioning(name, partitions, request):
    case = make_case(name, request)
    table = visits()
    keys, draw = drawn(case.engine, case.make(table, partitions))
    counts, weights = by_hand(table)
    assert list(keys.columns) == KEYS
    np.testing.assert_array_equal(draw.counts, counts)
    np.testing.assert_allclose(draw.weights["weight"], weights, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(24)), st.lists(st.integers(0, 24), max_size=4))
def test_any_cut_of_any_order_adds_up_to_the_whole(order, cuts):
    table = visits(8, 3)
    function = PersonReplicates(tuple(KEYS), "person", 5, 11)
    shuffled = table.take(order)
    bounds = [0, *sorted(cuts), 24]
    parts = [function(shuffled.slice(a, b - a)) for a, b in pairwise(bounds)]
    total = pa.concat_tables(parts).to_pandas().groupby(KEYS).sum()
    whole = function(table).to_pandas().groupby(KEYS).sum()
    pd.testing.assert_frame_equal(total, whole)


def test_multiplicities_are_independent_poisson_numbers():
    persons = hash_persons(pa.table({"id": np.arange(4_000)}), "id", 5)
    times = multiplicities(persons, np.arange(200))
    assert times.dtype == np.int64
    found = np.bincount(times.ravel(), minlength=8)[:8]
    expected = stats.poisson.pmf(np.arange(8), 1) * times.size
    assert stats.chisquare(found, expected * found.sum() / expected.sum()).pvalue > 1e-3
    between = np.corrcoef(times[:, :50].T)[np.triu_indices(50, 1)]
    assert np.abs(between).max() < 5 / np.sqrt(4_000)
    np.testing.assert_array_equal(multiplicities(persons, np.array([7, 150])), times[:, [7, 150]])


def test_a_person_is_one_whatever_the_type_of_the_key():
    kinds = [pa.int32(), pa.int64(), pa.float64(), pa.string()]
    hashes = [hash_persons(pa.table({"id": pa.array([7, 8]).cast(k)}), "id", 5) for k in kinds]
    assert len({tuple(h) for h in hashes}) == 1


def test_several_rows_of_a_person_widen_the_interval():
    table = visits(900, 4)
    frame = table.to_pandas()
    keys, draw = drawn(engine_named("local"), table, n_boot=1_000, weights=())
    layout = layout_of(keys, ["group"])
    found = replicate_metrics([draw], {"rate": selection_rate, "count": count}, layout)
    persons = frame.drop_duplicates("person")
    for g, group in enumerate(layout.groups):
        mine = persons[persons["group"] == group]["y_pred"]
        expected = np.sqrt(mine.mean() * (1 - mine.mean()) / len(mine))  # persons, not rows
        assert found.by_group[:, g, 0].std() == pytest.approx(expected, rel=0.1)
        assert found.by_group[:, g, 1].mean() == pytest.approx(4 * len(mine), rel=0.05)


def test_align_fills_absent_cells_and_refuses_double_ones():
    keys, draw = drawn(engine_named("local"), visits(), weights=())
    more = pd.concat([keys, pd.DataFrame({"group": ["z"], "y_true": [0], "y_pred": [0]})])
    wider = align(keys, draw, more.iloc[::-1].reset_index(drop=True))
    assert not wider.counts[:, 0].any()
    np.testing.assert_array_equal(wider.counts[:, 1:], draw.counts[:, ::-1])
    with pytest.raises(ConfigError, match="more than once"):
        align(keys, draw, pd.concat([keys, keys]))


def test_rows_without_a_person_are_refused():
    table = visits().set_column(0, "person", pa.array([None] * 240, pa.string()))
    with pytest.raises((ConfigError, WorkerError), match="missing in"):
        drawn(engine_named("local"), table)
    with pytest.raises(ConfigError, match="n_boot from 1"):
        drawn(engine_named("local"), visits(), n_boot=0)


def test_a_thousand_replicates_of_many_rows_take_seconds():
    table = visits(5_000, 2)
    function = PersonReplicates(tuple(KEYS), "person", 1_000, 1)
    start = time.perf_counter()
    assert function(table).num_columns == 1_003
    assert time.perf_counter() - start < 15
