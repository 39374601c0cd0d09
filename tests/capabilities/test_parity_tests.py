"""Tests of parity against SciPy and against permuting rows."""

from __future__ import annotations

import time
from itertools import permutations

import fairlearn.metrics as flm
import numpy as np
import pytest
import sklearn.metrics as skm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.formulas import vectorised
from rai_scale.measures.uncertainty.parity_tests import (
    holm,
    permutation_test,
    two_proportion_z_tests,
)

ACCURACY = vectorised(skm.accuracy_score)
LABELS = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_z_squared_is_the_chi_squared_of_the_table(n_first, n_second, data):
    hits = np.array([data.draw(st.integers(0, n)) for n in (n_first, n_second)])
    sizes = np.array([n_first, n_second])
    found = two_proportion_z_tests(hits, sizes, ["a", "b"]).iloc[0]
    if hits.sum() in (0, sizes.sum()):
        assert np.isnan(found["p_value"])
        return
    table = np.stack([hits, sizes - hits])
    chi_squared, p_value, *_ = stats.chi2_contingency(table, correction=False)
    assert found["z"] ** 2 == pytest.approx(chi_squared, abs=1e-9)
    assert found["p_value"] == found["p_holm"] == pytest.approx(p_value, abs=1e-12)
    assert np.sign(found["z"]) == np.sign(found["difference"])


def test_all_pairs_are_tested_and_corrected():
    found = two_proportion_z_tests([10, 30, 0, 45], [100, 100, 0, 90], ["a", "b", "none", "c"])
    assert found[["first", "second"]].to_numpy().tolist() == [
        *(["a", "b"], ["a", "none"], ["a", "c"], ["b", "none"], ["b", "c"], ["none", "c"]),
    ]
    known = found.dropna()
    assert len(known) == 3
    np.testing.assert_allclose(known["p_holm"], holm(known["p_value"].to_numpy()))
    with pytest.raises(ConfigError, match="between 0 and the sizes"):
        two_proportion_z_tests([5], [4], ["a"])


def test_holm_on_a_worked_example():
    np.testing.assert_allclose(
        holm([0.01, 0.04, np.nan, 0.03, 0.005]), [0.03, 0.06, np.nan, 0.06, 0.02]
    )
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])


def spread(group: np.ndarray, right: np.ndarray) -> float:
    rates = [right[group == g].mean() for g in np.unique(group)]
    return max(rates) - min(rates)


def test_the_p_value_is_that_of_all_permutations_of_the_rows():
    right = np.array([1, 1, 1, 0, 0, 1, 0, 0])
    group = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    at_hand = spread(group, right)
    rows = {tuple(p) for p in permutations(group)}
    exact = np.mean([spread(np.array(p), right) >= at_hand - 1e-12 for p in rows])
    counts = np.array([[((group == g) & (right == r)).sum() for r in (0, 1)] for g in (0, 1)])
    found = permutation_test(
        ACCURACY, [0, 1], [1, 1], counts, n_permutations=20_000, random_state=0
    )
    assert found.statistic == at_hand
    assert found.p_value == pytest.approx(exact, abs=0.015)


def test_p_values_of_equal_groups_are_uniform_and_of_unequal_ones_small():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(150):
        counts = rng.multinomial([40, 60, 80], [0.4, 0.1, 0.2, 0.3])
        test = permutation_test(ACCURACY, *LABELS, counts, n_permutations=199, random_state=rng)
        p_values.append(test.p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    unequal = np.array([[90, 5, 2, 3], [20, 30, 30, 20]])
    assert permutation_test(ACCURACY, *LABELS, unequal, n_permutations=999).p_value == 0.001


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=1, max_size=4))
def test_the_p_value_is_a_probability_or_unknown(counts):
    counts = np.array(counts)
    formula = vectorised(flm.true_positive_rate)
    found = permutation_test(formula, *LABELS, counts, n_permutations=49, random_state=1)
    groups = (counts.sum(axis=1) > 0).sum()
    assert np.isnan(found.p_value) == (groups < 2)
    if groups >= 2:
        assert 0.02 <= found.p_value <= 1
        again = permutation_test(formula, *LABELS, counts, n_permutations=49, random_state=1)
        assert again == found


def test_time_does_not_grow_with_rows():
    counts = np.array([[400, 100, 80, 420], [410, 90, 85, 415]]) * 100_000
    start = time.perf_counter()
    found = permutation_test(ACCURACY, *LABELS, counts, n_permutations=500, random_state=0)
    assert found.p_value < 0.01
    assert time.perf_counter() - start < 5


def test_what_cannot_be_permuted_is_refused():
    with pytest.raises(ConfigError, match="non-negative integers"):
        permutation_test(ACCURACY, *LABELS, np.ones((2, 4)) / 2)
    with pytest.raises(ConfigError, match="n_permutations"):
        permutation_test(ACCURACY, *LABELS, np.ones((2, 4), int), n_permutations=0)
