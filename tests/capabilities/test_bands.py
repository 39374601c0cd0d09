"""Simultaneous bands, sizes behind rates, and gates."""

from __future__ import annotations

from functools import partial

import fairlearn.metrics as flm
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from hypothesis import given
from hypothesis import strategies as st

from rai_scale.errors import ConfigError
from rai_scale.gates import Figure, Gate
from rai_scale.measures.uncertainty import bands
from rai_scale.measures.uncertainty.bands_deviations import smoothed_variance
from rai_scale.measures.uncertainty.bands_sizes import rate_sizes
from rai_scale.measures.uncertainty.replicates import layout_of
from rai_scale.measures.uncertainty.resample import resample_counts
from tests.conftest import full


def sample(rates, sizes, rng, n_boot=1_000):
    """Rates of one random table, and bootstrap replicates of them from its cells."""
    sizes = np.broadcast_to(sizes, len(rates))
    hits = rng.binomial(sizes, rates)
    cells = np.stack([hits, sizes - hits], axis=1).ravel()
    drawn = np.concatenate(list(resample_counts(cells, n_boot, rng))).reshape(n_boot, -1, 2)
    with np.errstate(invalid="ignore"):
        return hits / sizes, drawn[..., 0] / drawn.sum(axis=-1), sizes.astype(float)


def shares(rates, size, simulations, judge, *, seed=0, n_boot=500):
    """The share of simulated tables for which ``judge(estimate, replicates, sizes)`` holds."""
    rng = np.random.default_rng(seed)
    found = [judge(*sample(np.asarray(rates), size, rng, n_boot)) for _ in range(simulations)]
    return np.mean(found, axis=0)


def at_least(share: float, simulations: int) -> float:
    """A coverage below this is not chance: four standard errors below ``share``."""
    return share - 4 * np.sqrt(share * (1 - share) / simulations)


# ---------------------------------------------------------------- gates in simulations


@pytest.mark.parametrize("rate", [0.5, 0.1])
@pytest.mark.full
def test_gates_fail_at_most_five_percent_of_fair_models(rate):
    def judged(estimate, replicates, sizes):
        band = bands.difference_band(estimate, replicates, sizes=sizes)
        return [
            Gate("gap", above=limit, judged_by="lower_bound").fails(Figure(*band))
            for limit in (0.0, 0.1)
        ]

    above_0, above_10 = shares([rate] * 10, 100, 1_000, judged, seed=1)
    assert above_10 <= 0.005
    assert 0 < above_0 <= 0.05


def test_the_percentile_interval_of_the_spread_does_not_cover_parity_and_the_band_does():
    def covers(estimate, replicates, sizes):
        spread = np.ptp(replicates, axis=1)
        band = bands.difference_band(estimate, replicates, sizes=sizes)
        return [np.quantile(spread, 0.025) <= 0, band.lower <= 0 <= band.upper]

    percentile, band = shares([0.5] * 10, 100, 200, covers)
    assert percentile == 0
    assert band >= at_least(0.95, 200)


@pytest.mark.parametrize(
    ("rates", "size"),
    [full([0.3, 0.5, 0.6, 0.35], 100), full([0.05, 0.9, 0.5], 60), ([0.02, 0.02, 0.1], 25)],
)
def test_bands_cover_the_truth(rates, size):
    truth = np.array(rates)
    first, second = np.triu_indices(len(rates), 1)

    def covers(estimate, replicates, sizes):
        found = [
            (bands.group_bands, truth),
            (bands.pair_bands, truth[second] - truth[first]),
            (bands.difference_band, np.ptp(truth)),
            (bands.ratio_band, truth.min() / truth.max()),
        ]
        result = []
        for function, true in found:
            band = function(estimate, replicates, sizes=sizes)
            band = getattr(band, "band", band)
            result.append(((band.lower <= true) & (true <= band.upper)).all())
        whole = (replicates * sizes).sum(axis=1) / sizes.sum()
        apart = bands.overall_bands(estimate, estimate.mean(), replicates, whole, sizes=sizes)
        true = truth - truth.mean()
        result.append(((apart.lower <= true) & (true <= apart.upper)).all())
        ratio = (
            bands.overall_ratio_band(estimate, estimate.mean(), replicates, whole, sizes=sizes)
            if estimate.any()
            else bands.Band(*np.array([0.0, 0.0, 1.0]))
        )
        least = np.minimum(truth / truth.mean(), truth.mean() / truth).min()
        return [*result, ratio.lower <= least <= ratio.upper]

    found = shares(rates, size, 300, covers)
    assert (found >= at_least(0.95, 300)).all()


# ---------------------------------------------------------------- corner cases


def test_a_rate_of_zero_in_a_small_group_has_an_interval():
    estimate, sizes = np.array([0.0, 0.5]), np.array([10.0, 400.0])
    replicates = np.column_stack(
        [np.zeros(2_000), np.random.default_rng(0).normal(0.5, 0.025, 2_000)]
    )
    lower, upper = bands.group_bands(estimate, replicates, sizes=sizes)[1:]
    assert lower[0] == 0
    assert 0.15 < upper[0] < 0.4
    unknown = bands.group_bands(estimate, replicates)
    assert np.isinf(unknown.upper[0])
    assert np.isfinite(unknown.upper[1])
    ratio = bands.ratio_band(estimate, replicates, sizes=sizes)
    assert ratio.estimate == 0 == ratio.lower
    assert 0.1 < ratio.upper < 1
    unknown = bands.ratio_band(estimate, replicates)
    assert (unknown.lower, unknown.upper) == (0.0, 1.0)
    assert np.isinf(bands.pair_bands(estimate, replicates).band.upper).all()
    whole = replicates.mean(axis=1)
    assert np.isinf(bands.overall_bands(estimate, 0.25, replicates, whole).upper[0])


def test_groups_that_are_all_equal_and_small_still_have_wide_bands():
    estimate, replicates = np.zeros(4), np.zeros((1_000, 4))
    band = bands.difference_band(estimate, replicates, sizes=np.full(4, 10.0))
    assert band.lower == 0
    assert band.upper > 0.2
    assert bands.difference_band(estimate, replicates).upper == np.inf


def test_groups_without_rows_or_values_are_left_out():
    rng = np.random.default_rng(0)
    estimate = np.array([0.2, np.nan, 0.4, 0.0])
    replicates = rng.normal([0.2, 0.0, 0.4, 0.0], 0.02, (500, 4))
    replicates[:, 1] = np.nan
    replicates[:7, 0] = np.nan  # some replicates miss a group
    pairs = bands.pair_bands(estimate, replicates, sizes=np.array([400.0, 0, 400, 0]))
    assert [*zip(pairs.first, pairs.second, strict=True)] == [(0, 2)]
    assert pairs.band.estimate == pytest.approx([0.2])
    found = bands.group_bands(estimate, replicates, sizes=np.array([400.0, 0, 400, 0]))
    np.testing.assert_array_equal(np.isnan(found.lower), [False, True, False, True])
    none = bands.difference_band(np.array([np.nan, 0.3]), replicates[:, :2] * np.nan)
    assert np.isnan(none).all()
    assert Gate("gap", above=0.1).fails(Figure(*none))


def test_metrics_that_are_no_proportions():
    rng = np.random.default_rng(0)
    estimate = np.array([10.0, 12.0, 15.0])
    replicates = rng.normal(estimate, 1.0, (4_000, 3))
    pairs = bands.pair_bands(estimate, replicates)
    # the max-T quantile of three equal groups is that of the studentised range over sqrt(2)
    half = (pairs.band.upper - pairs.band.lower) / 2
    np.testing.assert_allclose(half, 3.314 * np.ones(3), rtol=0.05)
    band = bands.difference_band(estimate, replicates)
    assert band.estimate == 5.0
    assert 1.2 < band.lower < 2.2
    with pytest.raises(ConfigError, match="proportions"):
        bands.pair_bands(estimate, replicates, sizes=np.ones(3))
    with pytest.raises(ConfigError, match="do not fit"):
        bands.pair_bands(estimate, replicates[:, :2])
    with pytest.raises(ConfigError, match="alpha"):
        bands.pair_bands(estimate, replicates, alpha=5.0)
    assert np.isinf(bands.ratio_band(-estimate, -replicates).lower)
    assert np.isinf(bands.overall_ratio_band(estimate, 0.0, replicates, np.zeros(4_000)).lower)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.integers(0, 9))
def test_the_largest_difference_is_bounded_by_the_pairs(rates, seed):
    rng = np.random.default_rng(seed)
    estimate, replicates, sizes = sample(np.array(rates), 30, rng, 50)
    pairs = bands.pair_bands(estimate, replicates, sizes=sizes).band
    band = bands.difference_band(estimate, replicates, sizes=sizes)
    if len(rates) == 1:
        assert np.isnan(band.estimate)
        return
    assert band.estimate == pytest.approx(np.ptp(estimate))
    assert band.lower <= band.estimate <= band.upper
    assert (np.abs(pairs.estimate) <= band.upper + 1e-12).all()
    ratio = bands.ratio_band(estimate, replicates, sizes=sizes)
    if not np.isnan(ratio.estimate):
        assert 0 <= ratio.lower <= ratio.estimate <= ratio.upper <= 1 + 1e-12


def test_smoothed_variance_is_unbiased_but_for_extreme_rates():
    assert smoothed_variance(0.5, 10) == pytest.approx(0.25 / 9)
    np.testing.assert_allclose(smoothed_variance(0.3, 10**6), 0.21 / 10**6, rtol=1e-4)
    assert smoothed_variance(0.0, 10) == pytest.approx(1 / 12 * 11 / 12 / 12)


# ---------------------------------------------------------------- sizes


KEYS = pd.DataFrame({"g": ["a", "a", "a", "b"], "y_true": [0, 1, 1, 1], "y_pred": [1, 1, 0, 1]})
COUNT = np.array([3, 5, 2, 4])


@pytest.mark.parametrize(
    ("metric", "sizes"),
    [
        (flm.selection_rate, [10, 4]),
        (skm.accuracy_score, [10, 4]),
        (flm.true_positive_rate, [7, 4]),
        (partial(flm.true_positive_rate, pos_label=0), [3, 0]),
        (skm.recall_score, [7, 4]),
        (flm.false_positive_rate, [3, 0]),
        (skm.precision_score, [8, 4]),
        (partial(skm.precision_score, average="macro"), None),
        (partial(skm.accuracy_score, normalize=False), None),
        (skm.f1_score, None),
        (skm.mean_absolute_error, None),
    ],
)
def test_rows_behind_a_rate(metric, sizes):
    found = rate_sizes(metric, layout_of(KEYS, ["g"]), COUNT)
    assert (None if found is None else found.tolist()) == sizes


def test_rows_behind_a_weighted_rate():
    layout = layout_of(KEYS, ["g"])
    same = rate_sizes(flm.selection_rate, layout, COUNT, COUNT * 2.0, COUNT * 4.0)
    np.testing.assert_allclose(same, [10, 4])
    fewer = rate_sizes(flm.selection_rate, layout, COUNT, COUNT * 2.0, COUNT * 8.0)
    np.testing.assert_allclose(fewer, [5, 2])
