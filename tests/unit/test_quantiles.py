"""Quantiles from counts: numpy's and scipy's own, or within the stated bound."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.mstats import mquantiles

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError
from rai_scale.statistics.quantiles import column_ranges, distribution

PERCENTS = [0, 1, 12.5, 25, 50, 77.7, 99, 100]


def of(values, parts: int = 1, **options):
    engine = engine_named("local")
    table = pa.table({"x": pa.array(values, from_pandas=True)})
    return distribution(engine, engine.from_arrow(table, parts), "x", **options)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, 2.5]), min_size=2, max_size=40),
    st.integers(1, 4),
)
def test_counted_values_give_the_percentiles_of_numpy_and_scipy(values, parts):
    values = np.array(values) + 0.0  # -0.0 equals 0.0
    found = of(values, parts)
    assert found.error_bound == 0
    assert np.array_equal(found.percentile(PERCENTS), np.percentile(values, PERCENTS))
    shares = [0.05, 0.5, 0.95]
    expected = np.asarray(mquantiles(values, shares))
    rounding = 1e-15 * len(values) * np.ptp(values)  # of positions between two values
    assert np.allclose(found.mquantiles(shares), expected, rtol=1e-14, atol=rounding)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=60), st.integers(1, 64))
def test_binned_percentiles_are_within_the_stated_bound(values, bins):
    found = of(values, 2, max_distinct=2, bins=bins)
    error = np.abs(found.percentile(PERCENTS) - np.percentile(values, PERCENTS))
    assert (error <= found.error_bound * (1 + 1e-9) + 1e-12).all()
    assert found.rows == len(values)
    assert (found.low, found.high) == (min(values), max(values))


def test_missing_values_are_left_out_and_said():
    found = of([3.0, np.nan, 1.0, None, 2.0])
    assert (found.missing, found.rows) == (2, 3)
    assert found.percentile([50]).tolist() == [2.0]
    assert of([3.0, np.nan, 1.0, None, 2.0], max_distinct=1, bins=4).missing == 2


def test_counts_are_the_same_on_each_engine(cluster_case):
    values = np.round(np.random.default_rng(0).normal(size=200), 2)
    values[::17] = np.nan
    frame = cluster_case.make(pa.table({"x": values, "n": np.arange(200)}), 3)
    good = values[~np.isnan(values)]
    found = distribution(cluster_case.engine, frame, "x")
    assert np.array_equal(found.percentile(PERCENTS), np.percentile(good, PERCENTS))
    assert found.missing == 12
    binned = distribution(cluster_case.engine, frame, "x", max_distinct=5, bins=50)
    assert np.abs(binned.percentile(PERCENTS) - np.percentile(good, PERCENTS)).max() <= (
        binned.error_bound
    )
    ranges = column_ranges(cluster_case.engine, frame, ["n", "x"])
    assert ranges.loc["x", ["low", "high", "missing"]].tolist() == [good.min(), good.max(), 12]
    assert ranges.loc["n", ["rows", "high"]].tolist() == [200, 199]


def test_columns_without_quantiles_are_refused():
    with pytest.raises(ConfigError, match="must hold numbers"):
        of(["a", "b"])
    with pytest.raises(ConfigError, match="infinite"):
        of([1.0, np.inf])
    with pytest.raises(ConfigError, match="infinite"):
        of([1.0, 2.0, -np.inf], max_distinct=1)
    with pytest.raises(ConfigError, match="no values"):
        of(np.array([np.nan, np.nan]))
