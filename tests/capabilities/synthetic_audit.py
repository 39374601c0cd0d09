"""An audit of the measurements of a synthesis: what two neighbouring tables show of one person."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

import numpy as np
from scipy.stats import beta

from rai_scale.privacy.noise import rho_for
from rai_scale.synthetic import Values
from rai_scale.synthetic.domain import Domain, declare
from rai_scale.synthetic.measuring import Session
from rai_scale.synthetic.options import Options, options_of

EPSILON, DELTA, CONFIDENCE = 1, 1e-6, 0.99
VALUES, ROWS = 3, 50
Method = Callable[[Session, Options], None]


def domain() -> Domain:
    return declare(None, {name: Values(range(VALUES), nullable=False) for name in "abc"})


def counts(rows: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    found = {pair: np.zeros((VALUES, VALUES), np.int64) for pair in combinations(range(3), 2)}
    for (i, j), table in found.items():
        np.add.at(table, (rows[:, i], rows[:, j]), 1)
    return found


def scores(
    method: Method, with_person: bool, runs: int, name: str, budget: float = 1.0
) -> np.ndarray:
    """Return per run the log-likelihood ratio of the measurements for the person's presence."""
    known = domain()
    options = options_of(
        known,
        method=name,
        workload=2,
        max_rows=1,
        max_model_mb=80,
        max_cells=100,
        rounds=2,
        constraints=(),
    )
    rows = np.random.default_rng(0).integers(0, 2, (ROWS, 3))
    person = np.full((1, 3), 2)  # values that nobody else has
    tables = counts(np.vstack([rows, person]) if with_person else rows)
    rho = rho_for(Fraction(EPSILON), Fraction(str(DELTA))) * Fraction(budget)
    found = []
    for _ in range(runs):
        session = Session(known, rho, 1, tables)
        method(session, options)
        assert session.rho >= 0
        found.append(sum(one.values[-1] / one.sigma**2 for one in session.measured))
    return np.array(found)


def least_epsilon(present: np.ndarray, absent: np.ndarray) -> float:
    """Return a lower bound of epsilon from events ``score >= t``, valid at 99 %.

    The threshold is chosen on a third of the runs, and judged on the others.
    """
    third = len(present) // 3

    def bound(t: float, part: slice) -> float:
        hits, others = int((present[part] >= t).sum()), int((absent[part] >= t).sum())
        n, error = len(present[part]), (1 - CONFIDENCE) / 2
        low = beta.ppf(error, hits, n - hits + 1) if hits else 0.0
        high = beta.ppf(1 - error, others + 1, n - others) if others < n else 1.0
        return math.log(max(low - DELTA, 1e-300) / high)

    thresholds = np.quantile(np.r_[present[:third], absent[:third]], np.linspace(0.05, 0.99, 40))
    best = max(thresholds, key=lambda t: bound(t, slice(0, third)))
    return bound(best, slice(third, None))
