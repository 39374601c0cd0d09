"""Tails of the hypergeometric distribution are SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from rai_scale.statistics.hypergeometric import upper_tail


def test_tails_are_scipys():
    random = np.random.default_rng(0)
    for _ in range(300):
        n = int(random.integers(2, 3000))
        errors, rows = random.integers(0, n + 1, 2)
        mean = rows * errors / n
        least = np.ceil(mean) + random.integers(0, 40)
        found = upper_tail([least], [rows], int(errors), n)[0]
        wanted = hypergeom.sf(least - 1, n, errors, rows)
        assert found == pytest.approx(wanted, rel=1e-7, abs=1e-300) or least == mean


def test_large_counts_are_nearly_normal():
    found = upper_tail([50_600.0], [500_000], 100_000, 1_000_000)[0]
    assert found == pytest.approx(hypergeom.sf(50_599, 1_000_000, 100_000, 500_000), rel=0.01)
