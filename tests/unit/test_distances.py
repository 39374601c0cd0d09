"""Distances of shares against SciPy, their bounds and their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from rai_scale.statistics.distances import jensen_shannon, population_stability, relative_entropy

P, Q = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.6, 0.3])
NONE = np.array([0.0, 0.4, 0.6])


def test_like_scipy():
    assert relative_entropy(P, Q) == pytest.approx(entropy(P, Q), abs=1e-15)
    assert jensen_shannon(P, NONE) == pytest.approx(jensenshannon(P, NONE) ** 2, abs=1e-15)
    assert population_stability(P, Q) == pytest.approx(float(((P - Q) * np.log(P / Q)).sum()))


def test_edges():
    assert relative_entropy(P, P) == jensen_shannon(P, P) == population_stability(P, P) == 0
    assert relative_entropy(NONE, P) < math.inf
    assert relative_entropy(P, NONE) == population_stability(P, NONE) == math.inf
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(math.log(2))
    assert math.isnan(jensen_shannon(P, np.full(3, np.nan)))
