"""Exact bounds of a share, against the definition and against SciPy."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import hypergeom

from rai_scale.statistics.finite_population import share_bounds


@pytest.mark.parametrize("total, drawn", [(1, 1), (12, 5), (40, 39), (60, 20)])
@pytest.mark.parametrize("tail", [0.2, 0.025, 1e-6])
def test_the_bounds_are_those_of_the_definition(total, drawn, tail):
    low, high = share_bounds(range(drawn + 1), drawn, total, tail)
    for hits in range(drawn + 1):
        possible = [k for k in range(total + 1) if _both(hits, k, drawn, total, tail)]
        assert (low[hits] * total, high[hits] * total) == pytest.approx((possible[0], possible[-1]))


def _both(hits, inside, drawn, total, tail):
    """Whether a population with ``inside`` hits is rejected by neither tail."""
    ways = [comb(inside, j) * comb(total - inside, drawn - j) for j in range(drawn + 1)]
    if not ways[hits]:
        return False
    most = Fraction(sum(ways[: hits + 1]), comb(total, drawn))
    least = Fraction(sum(ways[hits:]), comb(total, drawn))
    if drawn == total:
        return ways[hits] > 0
    return most > tail and least > tail


@pytest.mark.parametrize("total", [20_000, 10_000_000, 2_000_000_000])
def test_large_populations_are_like_scipys(total):
    drawn, tail = 16_000, 4e-7
    hits = np.array([0, 1, 17, 800, 7_999, 15_990, 16_000])
    low, high = share_bounds(hits, drawn, total, tail)
    for k, under, above in zip(hits, low, high, strict=True):
        at = round(above * total)
        assert hypergeom.cdf(k, total, at, drawn) >= tail * (1 - 1e-3)
        step = max(1, total // 10**6)
        assert at == total - drawn + k or hypergeom.cdf(k, total, at + step, drawn) <= tail * 1.01
        at = round(under * total)
        assert hypergeom.sf(k - 1, total, at, drawn) >= tail * (1 - 1e-3)
    assert high[0] == pytest.approx(1 - low[-1])


def test_no_rows_show_nothing_and_all_rows_show_the_share():
    assert share_bounds([0], 0, 10, 0.01) == (0, 1)
    assert share_bounds([3, 0], 10, 10, 0.01)[0].tolist() == [0.3, 0.0]
