"""The noisy measurements of one release, within its budget.

Everything that a method learns about the rows goes through :class:`Session`: counts with discrete
Gaussian noise, and private choices. All of it composes under zCDP (Bun and Steinke 2016), also
where a step depends on the results of earlier steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from rai_scale.privacy.bounding import Bounding
from rai_scale.privacy.noise import gaussian_for
from rai_scale.privacy.noisy_max import noisy_max_for
from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.domain import Domain

ABSOLUTE = math.sqrt(2 / math.pi)
"""The expected absolute value of a standard normal number."""
_LEAST = Fraction(1, 10**12)


@dataclass(frozen=True)
class Measured:
    """A marginal with noise.

    Attributes
    ----------
    clique : tuple of int
    values : ndarray of int64, shape (cells,)
    sigma : float
        Standard deviation of the noise of each cell.
    """

    clique: Clique
    values: np.ndarray
    sigma: float

    @property
    def noise(self) -> float:
        """The expected sum of the absolute noise of all cells, in rows."""
        return ABSOLUTE * self.sigma * self.values.size


def sigma_for(rho: Fraction, max_rows: int) -> float:
    """Return the standard deviation of a marginal's noise at a budget."""
    return gaussian_for(Bounding(max_rows).by_rows(1), rho).scale


@dataclass
class Session:
    """Counts that only noise leaves, and what of the budget is left.

    Attributes
    ----------
    domain : Domain
    rho : Fraction
        Left to spend.
    max_rows : int
        The most rows of a unit in the counts.
    measured : list of Measured
        In the order in which they were made.
    """

    domain: Domain
    rho: Fraction
    max_rows: int
    counts: Mapping[Clique, np.ndarray] = field(repr=False)
    measured: list[Measured] = field(default_factory=list)

    def measure(self, cliques: Sequence[Clique], rho: Fraction) -> list[Measured]:
        """Add noise to some marginals; the budget is split evenly, at most all that is left."""
        each = min(rho, self.rho) / len(cliques) if cliques else Fraction(0)
        if each < _LEAST:
            return []
        noise = gaussian_for(Bounding(self.max_rows).by_rows(1), each)
        self.rho -= each * len(cliques)
        new = [Measured(c, noise.draw(self._count(c).reshape(-1)), noise.scale) for c in cliques]
        self.measured += new
        return new

    def choose(
        self,
        fitted: Mapping[Clique, np.ndarray],
        penalties: Mapping[Clique, float],
        rho: Fraction,
        weights: Mapping[Clique, float] | None = None,
    ) -> Clique | None:
        """Choose privately the marginal that a model fits worst, or none.

        A score is the distance between counts and fitted counts, minus the distance that noise
        would add, times a weight. The choice "none" wins where noise exceeds every signal (the
        noise rule): its score is what the largest of as many draws of the choice's own noise is
        likely to reach without any signal.

        Parameters
        ----------
        fitted : mapping of tuple to ndarray
            What the model expects, by candidate; in the shape of the counts.
        penalties : mapping of tuple to float
            The noise of each candidate if it were measured, as :attr:`Measured.noise`.
        rho : Fraction
        weights : mapping of tuple to float, optional
            By default 1.
        """
        if rho > self.rho or rho < _LEAST:
            return None
        weight = dict.fromkeys(fitted, 1.0) if weights is None else weights
        largest = max((weight[clique] for clique in fitted), default=1.0)
        scores = [
            weight[c] * (float(np.abs(self._count(c) - table).sum()) - penalties[c])
            for c, table in fitted.items()
        ]
        self.rho -= rho
        noisy_max = noisy_max_for(self.max_rows * largest, rho)
        none = noisy_max.scale * math.log(max(1, len(scores)))
        at = noisy_max.choose([*scores, none])
        return list(fitted)[at] if at < len(scores) else None

    def explained(self, clique: Clique) -> float:
        """Return how far a fit may be from counts by the noise of the measured columns alone."""
        return sum(m.noise for m in self.measured if len(m.clique) == 1 and m.clique[0] in clique)

    def _count(self, clique: Clique) -> np.ndarray:
        """Return a counted marginal, or the sum of a larger one."""
        found = self.counts.get(clique)
        if found is not None:
            return found
        larger = next(c for c in self.counts if set(clique) <= set(c))
        summed = tuple(at for at, i in enumerate(larger) if i not in clique)
        return np.asarray(self.counts[larger].sum(axis=summed))


def total_of(measured: Sequence[Measured]) -> float:
    """Return the number of rows: the sums of all measurements, weighted by their precision."""
    sums = np.array([float(m.values.sum()) for m in measured])
    weights = np.array([1 / (m.sigma**2 * m.values.size) for m in measured])
    return max(1.0, float(np.average(sums, weights=weights)))


def merged(measured: Sequence[Measured]) -> list[tuple[Clique, np.ndarray, float]]:
    """Return one estimate per clique: its measurements, weighted by their precision.

    Returns
    -------
    list of (clique, ndarray of float64, sigma)
        In the order in which the cliques were first measured.
    """
    found: dict[Clique, list[Measured]] = {}
    for one in measured:
        found.setdefault(one.clique, []).append(one)
    result = []
    for clique, parts in found.items():
        weights = np.array([1 / part.sigma**2 for part in parts])
        values = sum(w * part.values for w, part in zip(weights, parts, strict=True))
        result.append((clique, np.asarray(values / weights.sum()), float(weights.sum() ** -0.5)))
    return result
