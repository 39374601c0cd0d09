"""The noise has the distribution that it claims: tests accept it, and reject scales 20 % off."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import Sensitivity
from rai_scale.privacy.fixed_point import grid_for, squares
from rai_scale.privacy.noise import Noise, gaussian_for, laplace_for, rho_for

DRAWS = 40_000
NEVER = 1e-7


def distribution(kind: str, scale: float):
    """Return the cumulative distribution at integers, computed apart from the package."""
    x = np.arange(-math.ceil(60 * scale), math.ceil(60 * scale) + 1)
    weights = np.exp(-np.abs(x) / scale) if kind == "laplace" else np.exp(-(x**2) / (2 * scale**2))
    return x, np.cumsum(weights / weights.sum())


def ks_p(drawn: np.ndarray, kind: str, scale: float) -> float:
    """Return a Kolmogorov-Smirnov p value; conservative for integers."""
    x, cdf = distribution(kind, scale)
    empirical = np.searchsorted(np.sort(drawn), x, side="right") / len(drawn)
    return float(stats.kstwobign.sf(np.abs(empirical - cdf).max() * math.sqrt(len(drawn))))


def chi_square_p(drawn: np.ndarray, kind: str, scale: float) -> float:
    x, cdf = distribution(kind, scale)
    edges = np.unique(np.searchsorted(cdf, np.linspace(0, 1, 21)[1:-1]))
    cut = x[edges]
    expected = np.diff(np.r_[0, cdf[edges], 1]) * len(drawn)
    found = np.bincount(np.searchsorted(cut, drawn), minlength=len(cut) + 1)
    return float(stats.chisquare(found, expected).pvalue)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
@pytest.mark.parametrize("scale", [3.7, 1000.0])
def test_the_scale_is_accepted_and_others_are_rejected(kind, scale):
    drawn = Noise(kind, scale).draw(np.full(DRAWS, 17)) - 17
    for p_value in (ks_p, chi_square_p):
        assert p_value(drawn, kind, scale) > NEVER
        assert p_value(drawn, kind, scale * 1.2) < NEVER
        assert p_value(drawn, kind, scale / 1.2) < NEVER


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
@pytest.mark.parametrize("scale", [0.4, 3.7, 50.0])
def test_tails_and_intervals_are_those_of_the_distribution(kind, scale):
    noise = Noise(kind, scale)
    x, cdf = distribution(kind, scale)
    for at in (1, 2, 5, 11):
        exact = 1 - cdf[np.searchsorted(x, at) - 1] if at > x[0] else 1.0
        assert noise.upper_tail(at) == pytest.approx(exact, rel=1e-6, abs=1e-14)
        assert noise.upper_tail(at) >= exact - 1e-14
    half = noise.half_width(0.05)
    inside = cdf[np.searchsorted(x, half)] - cdf[np.searchsorted(x, -half) - 1]
    assert inside >= 0.95
    if half:
        tighter = cdf[np.searchsorted(x, half - 1)] - cdf[np.searchsorted(x, 1 - half) - 1]
        assert tighter < 0.95


def test_wide_gaussian_tails_are_bounded_from_above():
    for z in (1.0, 4.0, 9.0):
        exact = stats.norm.sf(z)
        bound = Noise("gaussian", 1e6).upper_tail(round(z * 1e6))
        assert exact * 0.9999 <= bound <= exact * 1.001


SENSITIVITY = Sensitivity(3, 7, 21, 147)


@pytest.mark.parametrize("epsilon", ["0.1", "1/3", "0.7", "2", "11.3"])
def test_scales_are_rounded_up(epsilon):
    budget = Fraction(epsilon)
    noise = laplace_for(SENSITIVITY, budget)
    assert Fraction(noise.scale) >= 21 / budget
    assert noise.scale <= float(21 / budget) * (1 + 1e-9)
    assert Fraction(noise.spent(SENSITIVITY)) <= budget
    wide = gaussian_for(SENSITIVITY, budget)
    assert Fraction(wide.spent(SENSITIVITY)) <= budget
    assert wide.scale == pytest.approx(math.sqrt(147 / (2 * budget)), rel=1e-9)


def test_rho_is_the_conversion_of_bun_and_steinke():
    rho = float(rho_for(Fraction(1), Fraction(1, 10**6)))
    assert rho + 2 * math.sqrt(rho * math.log(1e6)) == pytest.approx(1, rel=1e-9)
    assert rho + 2 * math.sqrt(rho * math.log(1e6)) <= 1
    with pytest.raises(ConfigError, match="delta"):
        rho_for(Fraction(1), Fraction(0))


def test_noise_that_would_not_fit_is_refused():
    with pytest.raises(ConfigError, match="narrow the column's bounds"):
        laplace_for(Sensitivity(1, 2**40, 2**40, 2**80), Fraction(1, 10**6))


def test_columns_are_drawn_in_one_call_and_each_value_has_its_own_noise():
    drawn = Noise("laplace", 1000.0).draw(np.zeros(1000))
    assert drawn.dtype == np.int64
    assert len(set(drawn.tolist())) > 500
    assert len(Noise("laplace", 1.0).draw(np.zeros(0))) == 0


@pytest.mark.parametrize(
    ("low", "high", "whole", "exponent"),
    [(0, 100, True, 0), (0, 1, False, -27), (-1e12, 5, True, 12), (0, 0, False, 0)],
)
def test_grids(low, high, whole, exponent):
    grid = grid_for(low, high, whole=whole)
    assert grid.exponent == exponent
    assert grid.largest <= 2**28
    for value in (low, high, (low + high) / 3):
        assert abs(grid.units(value) * grid.step - value) <= grid.step / 2


def test_squares_have_a_grid_of_their_own():
    grid = squares(grid_for(-3, 2, whole=False), whole=False)
    assert (grid.lower, grid.upper) == (0.0, 9.0)
    with pytest.raises(ConfigError, match="finite"):
        grid_for(5, 1, whole=True)
