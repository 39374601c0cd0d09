"""Intervals of a private metric_frame: they cover, with OpenDP's own noise and alike rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.fairness.private.frame import frame_of_noisy, replicates_of
from rai_scale.fairness.private.gaps import KINDS, gap_end
from rai_scale.fairness.private.shares import NoisyCounts, shares_of
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import resolve_metrics
from rai_scale.measures.uncertainty.noisy_shares import Shares
from rai_scale.privacy import Privacy
from rai_scale.privacy.declared_cells import declare, noise_for
from rai_scale.privacy.noise import Noise
from rai_scale.statistics.wilson import wilson

ROLES = Roles("y", "p", ("group",))
DECLARED = declare(["group", "y", "p"], {"group": list("abcd"), "y": [0, 1], "p": [0, 1]})
METRICS, _ = resolve_metrics(
    ["selection_rate", "true_positive_rate", "false_positive_rate", "accuracy_score"], None, None
)
RELEASES = 1_500
SIZES = np.array([0.5, 0.3, 0.15, 0.05])
RATES = np.array([[0.4, 0.9, 0.1], [0.3, 0.8, 0.15], [0.5, 0.97, 0.02], [0.4, 0.7, 0.3]])


def cell_shares() -> np.ndarray:
    """Share of each cell, from the base rate, TPR and FPR of each group."""
    base, tpr, fpr = RATES.T
    parts = [(1 - base) * (1 - fpr), (1 - base) * fpr, base * (1 - tpr), base * tpr]
    return (SIZES[:, None] * np.stack(parts, axis=1)).ravel()


def releases(rows: int, privacy: Privacy, max_rows: int = 1) -> NoisyCounts:
    """Data of fixed seeds, noise of OpenDP. The rows of a person are alike: the hardest case."""
    rng = np.random.default_rng(rows + max_rows)
    exact = np.zeros((RELEASES, DECLARED.size), np.int64)
    each = 2 * rows // (max_rows * (max_rows + 1))
    for number in range(1, max_rows + 1):  # as many persons with 1 row, with 2, ...
        exact += number * rng.multinomial(each, cell_shares(), RELEASES)
    noise, _ = noise_for(privacy, max_rows)
    values = noise.draw(exact.ravel()).reshape(exact.shape)
    return NoisyCounts(values.astype(float), DECLARED, ROLES, noise, max_rows)


def truth(metric) -> np.ndarray:
    plenty = NoisyCounts(cell_shares() * 1e12, DECLARED, ROLES, Noise("laplace", 1e-3), 1)
    return shares_of(plenty, metric, ["group"]).estimate


def gap(values: np.ndarray, kind: str) -> np.ndarray:
    low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    return {"difference": high - low, "ratio": low / high, "group_min": low, "group_max": high}[
        kind
    ]


@pytest.mark.parametrize(
    ("rows", "budget", "max_rows"),
    [
        (3_000, {"epsilon": 1.0}, 1),
        (20_000, {"epsilon": 0.1}, 1),
        (3_000, {"epsilon": 1.0}, 3),
        (50_000, {"epsilon": 0.1}, 3),
        (20_000, {"epsilon": 0.2, "delta": 1e-6}, 3),
    ],
)
def test_intervals_cover(rows, budget, max_rows):
    """Groups are independent: 0.93 is at least 5 deviations below 0.95, the gaps cover more."""
    noisy = releases(rows, Privacy(**budget), max_rows)
    hits, gaps = [], {kind: [] for kind in KINDS}
    for metric in METRICS:
        shares, right = shares_of(noisy, metric, ["group"]), truth(metric)
        low, high = (shares.end(0.025, upper=upper) for upper in (False, True))
        assert np.isnan(low[~shares.usable]).all()
        hits.append(((low <= right) & (right <= high))[shares.usable])
        shown = np.where(shares.usable, right, np.nan)
        for kind, found in gaps.items():
            low, high = (gap_end(shares, kind, 0.025, upper=upper) for upper in (False, True))
            known = ~np.isnan(low)
            wanted = gap(shown, kind)
            found.append(((low <= wanted + 1e-9) & (wanted <= high + 1e-9))[known])
    assert len(np.concatenate(hits)) > RELEASES * len(METRICS)
    assert np.concatenate(hits).mean() > 0.93
    for kind, found in gaps.items():
        assert np.concatenate(found).mean() > 0.93, kind


def test_at_parity_the_lower_bound_of_a_gap_is_zero():
    count = np.random.default_rng(0).binomial(400, 0.3, (20_000, 6)).astype(float)
    shares = plain(count, np.full_like(count, 400.0))
    assert (gap_end(shares, "difference", 0.025, upper=False) == 0).mean() > 0.975
    assert (gap_end(shares, "ratio", 0.025, upper=True) == 1).mean() > 0.975


def plain(successes, trials, scale: float = 1e-3, max_rows: int = 1) -> Shares:
    """Shares with next to no noise."""
    one, yes = np.ones(successes.shape[-1]), np.ones(successes.shape, bool)
    return Shares(successes, trials, one, one, yes, ~yes, Noise("laplace", scale), max_rows)


@settings(max_examples=50, deadline=None)
@given(st.integers(30, 5_000), st.floats(0, 1), st.integers(1, 5), st.floats(0.5, 0.999))
def test_without_noise_it_is_wilsons_interval_of_a_max_rows_th_of_the_rows(n, p, k, confidence):
    x = np.array([np.round(n * p)])
    shares = plain(x, np.array([float(n)]), max_rows=k)
    low, high = wilson(x / k, n / k, confidence)
    tail = (1 - confidence) / 2
    np.testing.assert_allclose(shares.end(tail, upper=False), low, atol=1e-9)
    np.testing.assert_allclose(shares.end(tail, upper=True), high, atol=1e-9)


def test_many_groups_are_compared_without_all_pairs():
    rng = np.random.default_rng(1)
    trials = np.full(700, 2_000.0)
    count = rng.binomial(2_000, np.linspace(0.3, 0.6, 700)).astype(float)
    low, high = (
        gap_end(plain(count, trials), "difference", 0.025, upper=upper) for upper in (False, True)
    )
    assert 0.2 < low < 0.3 < high < 0.45


def test_the_frame_shows_these_intervals_around_its_values():
    noisy = releases(3_000, Privacy(epsilon=1.0))
    for one in noisy.values[:5]:
        alone = NoisyCounts(one, DECLARED, ROLES, noisy.noise, 1)
        found = frame_of_noisy(alone, METRICS, single=False)
        found.add_intervals(replicates_of(found, 50, 0), [0.05, 0.95])
        low, high = found.by_group_ci
        for metric in METRICS:
            ends = shares_of(alone, metric, ["group"]).end(0.05, upper=False)
            values = found.by_group[metric.name].to_numpy()
            np.testing.assert_allclose(low[metric.name], np.fmin(ends, values))
        known = found.usable.to_numpy()
        assert ((low <= found.by_group) & (found.by_group <= high)).to_numpy()[known].all()
        assert found.by_group.isna().to_numpy()[~known].all()
        low, high = found.overall_ci
        assert ((low <= found.overall) & (found.overall <= high)).all()
