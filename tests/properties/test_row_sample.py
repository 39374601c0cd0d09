"""A sample of rows is uniform over rows, also where many are equal, and depends on nothing else."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from rai_scale.engines import engine_named
from rai_scale.explanations import explain, ice, permutation_importance
from rai_scale.models import sample_rows
from rai_scale.statistics import row_sample
from rai_scale.statistics.keyed_hash import key_hashes
from rai_scale.statistics.row_sample import Likely, draw_rows, priorities

LOCAL = engine_named("local")
RNG = np.random.default_rng(4)
PEOPLE = pd.DataFrame({"sex": RNG.integers(0, 2, 20_000), "age_group": RNG.integers(0, 5, 20_000)})
PEOPLE["y"] = PEOPLE.sex / 2 + PEOPLE.age_group / 8
FEATURES = ["sex", "age_group"]
MODEL = LinearRegression().fit(PEOPLE[FEATURES], PEOPLE.y)


def table_of(kind: str) -> pa.Table:
    rng = np.random.default_rng(0)
    if kind == "distinct":
        columns = {"count": rng.normal(size=1500), "c0": rng.choice(["a", "b", None], 1500)}
    elif kind == "equal":
        columns = {"count": rng.integers(0, 3, 1500), "c0": rng.choice(["a", "b", None], 1500)}
    else:  # one row in half of all, the others all different, some numbers missing
        number = np.where(rng.random(1500) < 0.5, 1.0, rng.normal(size=1500))
        number[::50] = np.nan
        columns = {"count": number, "c0": np.where(number == 1.0, "a", "b")}
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


@pytest.mark.parametrize("seed", range(4))
def test_the_base_value_of_few_combinations_is_the_mean_within_its_error(seed):
    whole = LOCAL.from_arrow(pa.Table.from_pandas(PEOPLE, preserve_index=False), 3)
    found = explain(PEOPLE[:1], MODEL, features=FEATURES, background=whole, random_state=seed)
    error = PEOPLE.y.std() / np.sqrt(100)
    assert abs(found.base_value[0] - PEOPLE.y.mean()) < 3 * error
    drawn = sample_rows(LOCAL, whole, FEATURES, 100, seed)
    assert drawn.group_by(FEATURES).aggregate([]).num_rows == 10


def test_permutation_and_lines_of_few_combinations():
    lost = permutation_importance(
        PEOPLE, MODEL, features=FEATURES, y_true="y", max_rows=2000, repeats=1
    )
    assert lost.rows == 2000
    expected = 2 * np.array([(PEOPLE.sex / 2).var(), (PEOPLE.age_group / 8).var()]) / PEOPLE.y.var()
    np.testing.assert_allclose(lost.importances_mean, expected, rtol=0.15)
    lines = ice(PEOPLE, MODEL, features=FEATURES, rows=20, of=["sex"]).lines[0]
    assert len(np.unique(lines[:, 0, 0].round(9))) == 5


@pytest.mark.parametrize("kind", ["distinct", "equal", "mixed"])
@pytest.mark.parametrize("name", ["local", "dask"])
def test_cuts_and_order_do_not_matter(kind, name):
    engine, table = engine_named(name), table_of(kind)
    whole = sample_rows(LOCAL, table, table.column_names, 60, 5)
    assert whole.num_rows == 60
    for parts in (1, 3, 7):
        order = np.random.default_rng(parts).permutation(table.num_rows)
        cut = engine.from_arrow(table.take(pa.array(order)), parts)
        found = sample_rows(engine, cut, ["c0", "count"], 60, 5)
        assert found.select(whole.column_names).to_pydict() == whole.to_pydict()
    assert sample_rows(LOCAL, table, table.column_names, 60, 6).to_pydict() != whole.to_pydict()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 50), st.integers(0, 99))
def test_no_row_is_drawn_twice_and_none_is_missed(values, rows, seed):
    table = pa.table({"x": pa.array(values, pa.int64())})
    drawn = draw_rows(LOCAL, table, ["x"], rows, seed)["x"].to_pylist()
    assert len(drawn) == min(rows, len(values))
    assert not Counter(drawn) - Counter(values)


def test_copies_are_drawn_as_often_as_other_rows():
    counts = np.array([300, *[1] * 300])
    table = pa.table({"x": np.arange(301)})
    shares = []
    for seed in range(400):
        at, order = priorities(key_hashes(table, seed), counts, np.inf)
        assert len(at) == 600
        shares.append((at[np.argsort(order)][:60] == 0).mean())
    # 60 of 600 rows, half of them equal: hypergeometric
    deviation = np.sqrt(0.25 / 60 * 540 / 599)
    assert abs(np.mean(shares) - 0.5) < 4 * deviation / np.sqrt(400)
    assert np.std(shares) == pytest.approx(deviation, rel=0.15)


def test_priorities_below_a_limit_are_the_smallest_of_all():
    hashes = key_hashes(pa.table({"x": np.arange(500)}), 0)
    counts = np.random.default_rng(0).integers(1, 200, 500)
    at, order = priorities(hashes, counts, np.inf)
    _, first = priorities(hashes, counts, 0.01)
    smallest = np.sort(order)[: len(first)]
    assert 300 < len(first) < 700
    np.testing.assert_allclose(np.sort(first), smallest, rtol=1e-6)
    assert (np.sort(order)[len(first)] >= 0.01) and (first < 0.01).all()
    assert Counter(at) == dict(enumerate(counts))


@pytest.mark.parametrize("kind", ["distinct", "mixed"])
def test_few_contents_come_to_the_driver_and_further_rounds_change_nothing(kind, monkeypatch):
    table = pa.concat_tables([table_of(kind)] * 2)
    whole = draw_rows(LOCAL, table, table.column_names, 10, 1)
    came = []
    counted = type(LOCAL).group_counts

    def counting(self, data, keys, sums=(), limit=None):
        found = counted(self, data, keys, sums, limit)
        came.append(found.num_rows)
        return found

    monkeypatch.setattr(type(LOCAL), "group_counts", counting)
    monkeypatch.setattr(row_sample, "BUCKETS", 64)
    monkeypatch.setattr(row_sample, "MOST_CONTENTS", 150)
    found = draw_rows(LOCAL, table, table.column_names, 10, 1)
    assert found.to_pydict() == whole.to_pydict()
    assert len(came) > 2
    assert max(came) <= 150


def test_a_content_that_can_be_drawn_is_never_left_out():
    table = pa.table({"x": np.arange(2000) % 700})
    hashes, counts = np.unique(key_hashes(table, 3), return_counts=True)
    cells = np.zeros(row_sample.BUCKETS, dtype=np.int64)
    np.add.at(cells, row_sample.buckets(hashes, 0), counts)
    kept = Likely((cells,), 0.02, 3)(table)
    at, _ = priorities(hashes, counts, 0.02)
    assert set(hashes[at]) <= set(kept["_rai_hash"].to_numpy().view(np.uint64))
    assert kept.num_rows < 500
