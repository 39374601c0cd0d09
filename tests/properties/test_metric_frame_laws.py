"""Laws of counting: any split equals the whole, and merging is associative and commutative."""

from __future__ import annotations

import warnings
from fractions import Fraction
from itertools import pairwise

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_named
from rai_scale.fairness import metric_frame
from rai_scale.statistics.cells import Cells, count_cells
from rai_scale.statistics.moments import merge_all, moments_of
from tests.conftest import examples

METRICS = {
    **{"n": fm.count, "tpr": fm.true_positive_rate, "fpr": fm.false_positive_rate},
    **{"rate": fm.selection_rate, "acc": skm.accuracy_score, "f1": skm.f1_score},
}
ROW = st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 1), st.integers(0, 1))
ROWS = st.lists(ROW, min_size=1, max_size=40)
KEYS = ["g", "h", "y", "p"]


def table_of(rows: list[tuple]) -> pa.Table:
    """Return rows as a table, with a weight of eighths, whose sums are exact."""
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    weight = pa.array([(i % 7 + 1) / 8 for i in range(len(rows))])
    return pa.table([*columns, weight], names=[*KEYS, "w"])


def cells_of(rows: list[tuple]) -> Cells:
    """Count rows on the local engine."""
    engine = engine_named("local")
    return count_cells(engine, engine.from_arrow(table_of(rows)), KEYS, weights=["w"])


def assert_cells(one: Cells, other: Cells) -> None:
    """Fail if two sets of cells differ in anything."""
    pd.testing.assert_frame_equal(one.keys, other.keys, check_exact=True)
    assert one.count.tolist() == other.count.tolist()
    assert one.sums.keys() == other.sums.keys()
    for name, values in one.sums.items():
        assert values.tolist() == other.sums[name].tolist()
    assert one.weight_name == other.weight_name


@settings(max_examples=examples(15), deadline=None)
@given(rows=ROWS, parts=st.integers(1, 7), seed=st.integers(0, 2**16))
def test_any_split_equals_the_whole(rows, parts, seed):
    """Shuffled and cut in any number of parts, the rows give Fairlearn's frame."""
    table = table_of(rows)
    order = pa.array(np.random.default_rng(seed).permutation(len(rows)))
    cut = engine_named("local").from_arrow(table.take(order), parts)
    frame = table.to_pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = metric_frame(
            cut, metrics=METRICS, y_true="y", y_pred="p", sensitive_features=["g", "h"]
        )
        wanted = fm.MetricFrame(
            metrics=METRICS,
            **{"y_true": frame["y"], "y_pred": frame["p"]},
            sensitive_features=frame[["g", "h"]],
        )
    pd.testing.assert_frame_equal(ours.by_group, wanted.by_group, check_exact=True)
    pd.testing.assert_series_equal(ours.overall, wanted.overall, check_exact=True)
    pd.testing.assert_series_equal(ours.difference(), wanted.difference(), check_exact=True)


@settings(max_examples=examples(20), deadline=None)
@given(one=ROWS, two=ROWS, three=ROWS)
def test_merge_of_cells(one, two, three):
    """Merging is associative and commutative, and equals counting all rows."""
    a, b, c = cells_of(one), cells_of(two), cells_of(three)
    assert_cells(a.merge(b), b.merge(a))
    assert_cells(a.merge(b).merge(c), a.merge(b.merge(c)))
    merged = a.merge(b)
    assert merged.rows == len(one) + len(two)
    counted = count_cells(
        engine_named("local"),
        engine_named("local").from_arrow(pa.concat_tables([table_of(one), table_of(two)])),
        KEYS,
        weights=["w"],
    )
    assert_cells(merged, counted)


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, bits=st.lists(st.booleans(), min_size=72, max_size=72))
def test_cells_taken_apart_come_together(rows, bits):
    """Cells that are selected and the rest merge to the whole."""
    whole = cells_of(rows)
    chosen = np.array(bits[: len(whole.count)])
    assert_cells(whole.select(chosen).merge(whole.select(~chosen)), whole)


def exact_moments(values: np.ndarray, weights: np.ndarray) -> tuple[list, list]:
    """Return the mean and the co-moment of two terms in rational numbers."""
    rows = [[Fraction(float(v)) for v in row] for row in values]
    w = [Fraction(float(x)) for x in weights]
    total = sum(w)
    mean = [sum(a * r[i] for a, r in zip(w, rows, strict=True)) / total for i in range(2)]
    comoment = [
        [
            sum(a * (r[i] - mean[i]) * (r[j] - mean[j]) for a, r in zip(w, rows, strict=True))
            for j in range(2)
        ]
        for i in range(2)
    ]
    return mean, comoment


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(2, 200),
    cuts=st.lists(st.integers(1, 199), max_size=6),
    centre=st.sampled_from([0.0, 1.0, -3e5, 1e9]),
    seed=st.integers(0, 2**16),
)
def test_moments_of_parts_are_those_of_the_whole(rows, cuts, centre, seed):
    """Any split gives the moments of rational numbers to 1e-12, even at a mean of 1e9."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([centre + rng.normal(0, 1, rows), rng.normal(0, 1, rows)])
    weights = rng.uniform(0.5, 2, rows)
    ends = sorted({0, rows, *(cut for cut in cuts if cut < rows)})
    parts = [moments_of(values[a:b], weights[a:b]) for a, b in pairwise(ends)]
    merged = merge_all(parts)
    mean, comoment = exact_moments(values, weights)
    assert merged.count == rows
    assert merged.weight == pytest.approx(weights.sum(), rel=1e-13)
    assert merged.weight_sq == pytest.approx((weights**2).sum(), rel=1e-13)
    spread = [float(comoment[i][i]) for i in range(2)]
    for i in range(2):
        unit = max(abs(float(mean[i])), np.sqrt(spread[i] / merged.weight))
        assert abs(Fraction(merged.mean[i]) - mean[i]) <= 1e-12 * unit
        for j in range(2):
            room = 1e-12 * np.sqrt(spread[i] * spread[j])
            assert abs(Fraction(merged.comoment[i, j]) - comoment[i][j]) <= room


def test_a_large_mean_does_not_eat_the_spread():
    """At a mean of 1e9 a sum of squares would keep no digit of a variance of 1."""
    rng = np.random.default_rng(1)
    values = 1e9 + rng.integers(-8, 9, (20_000, 1)) / 8
    weights = np.ones(len(values))
    merged = merge_all(
        [moments_of(v, w) for v, w in zip(np.split(values, 16), np.split(weights, 16), strict=True)]
    )
    exact = [Fraction(float(v)) for v in values[:, 0]]
    mean = sum(exact) / len(exact)
    wanted = float(sum((v - mean) ** 2 for v in exact))
    assert merged.comoment[0, 0] == pytest.approx(wanted, rel=1e-12)
    naive = float((values**2).sum() - values.sum() ** 2 / len(values))
    assert naive != pytest.approx(wanted, rel=0.01)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=3, max_size=3), seed=st.integers(0, 2**16))
def test_merge_of_moments(sizes, seed):
    """Merging is commutative and associative up to rounding; nothing changes nothing."""
    rng = np.random.default_rng(seed)
    a, b, c = (moments_of(rng.normal(5, 2, (n, 2)), rng.uniform(0.5, 2, n)) for n in sizes)
    nothing = moments_of(np.zeros((0, 2)), np.zeros(0))
    for one, other in [
        (a.merge(b), b.merge(a)),
        (a.merge(b).merge(c), a.merge(b.merge(c))),
        (a.merge(nothing), a),
        (nothing.merge(a), a),
    ]:
        assert one.count == other.count
        np.testing.assert_allclose(one.weight, other.weight, rtol=1e-13)
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12)
        np.testing.assert_allclose(one.comoment, other.comoment, rtol=1e-11, atol=1e-12)
