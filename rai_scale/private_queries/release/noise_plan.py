"""The noise of each aggregate for one epsilon and delta, and the costs for the ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import Bounding, Sensitivity
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.fixed_point import Grid
from rai_scale.privacy.ledger.amounts import Number, above_zero, exact, one_of, shares
from rai_scale.privacy.noise import Kind, Noise, epsilon_for, gaussian_for, laplace_for, rho_for
from rai_scale.privacy.rare_groups import threshold_for
from rai_scale.private_queries.query.aggregates import Aggregate

MECHANISMS = ("laplace", "gaussian")


@dataclass(frozen=True)
class NoisyColumn:
    """An aggregate and its noise.

    Attributes
    ----------
    aggregate : Aggregate
        What is released.
    grid : Grid, optional
        Of sums; counts are integers.
    sensitivity : Sensitivity
        In units of the grid.
    noise : Noise
        In units of the grid.
    epsilon, delta, rho : Fraction
        This column's part of the release's budget. With Gaussian noise, epsilon and delta apply
        only to all columns together, and rho to each column. Epsilon is None if the budget is given
        in rho and not converted.
    """

    aggregate: Aggregate
    grid: Grid | None
    sensitivity: Sensitivity
    noise: Noise
    epsilon: Fraction | None
    delta: Fraction
    rho: Fraction | None

    @property
    def step(self) -> float:
        """The size of a grid unit in the column's own unit."""
        return 1.0 if self.grid is None else self.grid.step

    @property
    def expected_error(self) -> float:
        """The mean absolute error of the noise, in the column's own unit."""
        factor = 1.0 if self.noise.kind == "laplace" else math.sqrt(2 / math.pi)
        return factor * self.noise.scale * self.step

    def half_width(self, alpha: float) -> float:
        """Return the distance from 0 that the noise does not exceed with probability 1 - alpha."""
        return self.noise.half_width(alpha) * self.step


@dataclass(frozen=True)
class Budgeted:
    """All noise of a release.

    Attributes
    ----------
    columns : list of NoisyColumn
        In the order of the aggregates.
    threshold : int, optional
        Noisy count of units from which a group is named.
    key_count : int, optional
        Which of ``columns`` is that count.
    threshold_delta : Fraction
        The delta that the threshold costs.
    costs : list of Cost
        For the ledger.
    asked_rho : Fraction, optional
        The budget if it is given in rho.
    """

    columns: list[NoisyColumn]
    threshold: int | None
    key_count: int | None
    threshold_delta: Fraction
    costs: list[Cost]
    asked_rho: Fraction | None = None


@dataclass(frozen=True)
class _Budget:
    """A validated budget: the part for all noise, and the part for the threshold."""

    epsilon: Fraction | None
    rho: Fraction | None
    for_noise: Fraction
    for_threshold: Fraction


def _budget(
    epsilon: Number | None, rho: Number | None, delta: Number, *, mechanism: Kind, named: bool
) -> _Budget:
    """Split delta, and convert rho or epsilon if requested; ``named``: groups are named."""
    one_of(epsilon, rho)
    d = exact(delta, "delta")
    if not 0 <= d < 1:
        raise ConfigError("delta must be at least 0 and below 1.")
    if mechanism == "laplace":
        if rho is not None:
            raise ConfigError(
                "rho is a budget of Gaussian noise: set mechanism='gaussian', or give epsilon."
            )
        for_threshold = d if named else Fraction(0)
        return _Budget(above_zero(epsilon, "epsilon"), None, Fraction(0), for_threshold)
    if rho is not None:
        r = above_zero(rho, "rho")
        if named:
            return _Budget(None, r, Fraction(0), d)
        return _Budget(epsilon_for(r, d) if d else None, r, d, Fraction(0))
    e = above_zero(epsilon, "epsilon")
    for_threshold = d / 2 if named else Fraction(0)
    return _Budget(e, rho_for(e, d - for_threshold), d - for_threshold, for_threshold)


def assign(
    aggregates: Sequence[Aggregate],
    grids: Mapping[Aggregate, Grid],
    bounding: Bounding,
    *,
    epsilon: Number | None = None,
    rho: Number | None = None,
    delta: Number,
    mechanism: Kind,
    key_count: Aggregate | None,
) -> Budgeted:
    """Split a budget evenly over the aggregates and choose the noise of each.

    Of ``k`` aggregates, each gets discrete Laplace noise of scale ``k L1 / epsilon`` or discrete
    Gaussian noise of standard deviation ``sqrt(k / (2 rho)) L2``, with its own sensitivities.

    Parameters
    ----------
    epsilon, rho : number
        One of them; rho with Gaussian noise only.
    delta : number
        Pays for the threshold where there is a ``key_count``: all of it, or half of it where
        Gaussian noise is given by epsilon. The rest converts rho.
    key_count : Aggregate, optional
        The count of units that decides which groups are named; None where no group is found in
        the data.

    Raises
    ------
    ConfigError
        If not exactly one of epsilon and rho is given, or a budget is out of its range.
    """
    whole = _budget(epsilon, rho, delta, mechanism=mechanism, named=key_count is not None)
    count = len(aggregates)
    parts: Sequence[Any] = [None] * count
    if whole.epsilon is not None:
        parts = [Fraction(part) for part in shares(whole.epsilon, [1] * count)]
        if not min(parts):
            raise ConfigError("epsilon is too small to be split between the columns of the query.")
    own = None if whole.rho is None else whole.rho / count
    columns = []
    for aggregate, part in zip(aggregates, parts, strict=True):
        sensitivity = sensitivity_of(aggregate, grids, bounding)
        noise = laplace_for(sensitivity, part) if own is None else gaussian_for(sensitivity, own)
        grid, delta_part = grids.get(aggregate), whole.for_noise / count
        columns.append(NoisyColumn(aggregate, grid, sensitivity, noise, part, delta_part, own))
    at = None if key_count is None else list(aggregates).index(key_count)
    threshold = None
    if at is not None:
        threshold = threshold_for(columns[at].noise, bounding.groups_here, whole.for_threshold)
    costs = _costs(columns, whole)
    asked = whole.rho if rho is not None else None
    return Budgeted(columns, threshold, at, whole.for_threshold, costs, asked)


def sensitivity_of(
    aggregate: Aggregate, grids: Mapping[Aggregate, Grid], bounding: Bounding
) -> Sensitivity:
    """Return by how much one unit can change an aggregate, in grid units."""
    if aggregate.kind == "units":
        return bounding.by_units()
    if aggregate in grids:
        return bounding.by_rows(max(1, grids[aggregate].largest))
    return bounding.by_rows(1)


def _costs(columns: list[NoisyColumn], whole: _Budget) -> list[Cost]:
    if whole.rho is None:
        costs = [
            Cost(c.aggregate.label[:200], epsilon=c.epsilon, mechanism=_mechanism(c))
            for c in columns
        ]
    else:  # converted once for all columns: they have no separate epsilons
        label = "gaussian noise"
        costs = [Cost(label, epsilon=whole.epsilon, delta=whole.for_noise, rho=whole.rho)]
    if whole.for_threshold:
        costs.append(Cost("threshold of rare groups", delta=whole.for_threshold))
    return costs


def _mechanism(column: NoisyColumn) -> Mechanism | None:
    found = column.sensitivity
    if found.each * found.groups != found.l1:
        return None  # the vector's L1 bound is tighter than groups times the change of each
    return Mechanism("discrete_laplace", column.noise.scale, float(found.each), found.groups)
