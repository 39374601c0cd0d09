"""From one epsilon and delta to the noise of each aggregate, and what the ledger is charged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import Bounding, Sensitivity
from rai_scale.privacy.budget import Number, exact, shares, to_units
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.fixed_point import Grid
from rai_scale.privacy.noise import Kind, Noise, gaussian_for, laplace_for, rho_for
from rai_scale.privacy.thresholds import threshold_for
from rai_scale.private_queries.shape import Aggregate

MECHANISMS = ("laplace", "gaussian")


@dataclass(frozen=True)
class NoisyColumn:
    """An aggregate and its noise.

    Attributes
    ----------
    aggregate : Aggregate
        What is released.
    grid : Grid, optional
        Of sums; counts are whole numbers.
    sensitivity : Sensitivity
        In units of the grid.
    noise : Noise
        In units of the grid.
    epsilon, delta, rho : Fraction
        This column's part of the release's budget. Under Gaussian noise the parts of epsilon and
        delta mean something only together; rho is each column's own.
    """

    aggregate: Aggregate
    grid: Grid | None
    sensitivity: Sensitivity
    noise: Noise
    epsilon: Fraction
    delta: Fraction
    rho: Fraction | None

    @property
    def step(self) -> float:
        """The size of a unit in the column's own unit."""
        return 1.0 if self.grid is None else self.grid.step

    @property
    def expected_error(self) -> float:
        """The mean absolute error of the noise, in the column's own unit."""
        factor = 1.0 if self.noise.kind == "laplace" else math.sqrt(2 / math.pi)
        return factor * self.noise.scale * self.step

    def half_width(self, alpha: float) -> float:
        """Return how far the noise is from 0 at most, with probability 1 - alpha."""
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
        What it costs.
    costs : list of Cost
        For the ledger.
    """

    columns: list[NoisyColumn]
    threshold: int | None
    key_count: int | None
    threshold_delta: Fraction
    costs: list[Cost]


def check_budget(epsilon: Number, delta: Number) -> tuple[Fraction, Fraction]:
    """Return epsilon and delta exactly.

    Raises
    ------
    ConfigError
        If epsilon is not positive or delta is not in [0, 1).
    """
    e, d = exact(epsilon, "epsilon"), exact(delta, "delta")
    to_units(epsilon, "epsilon", up=True)
    if e <= 0 or not 0 <= d < 1:
        raise ConfigError("epsilon must be above 0, delta at least 0 and below 1.")
    return e, d


def assign(
    aggregates: Sequence[Aggregate],
    grids: Mapping[Aggregate, Grid],
    bounding: Bounding,
    *,
    epsilon: Number,
    delta: Number,
    mechanism: Kind,
    key_count: Aggregate | None,
) -> Budgeted:
    """Split a budget evenly over the aggregates and choose the noise of each.

    Parameters
    ----------
    key_count : Aggregate, optional
        The count of units that decides which groups are named; None where no group is found in
        the data.
    """
    e, d = check_budget(epsilon, delta)
    for_threshold = Fraction(0)
    if key_count is not None:
        for_threshold = d if mechanism == "laplace" else d / 2
    for_noise = d - for_threshold if mechanism == "gaussian" else Fraction(0)
    each = shares(e, [1] * len(aggregates))
    if not min(each):
        raise ConfigError("epsilon is too small to be split over the columns of the query.")
    rho = rho_for(e, for_noise) if mechanism == "gaussian" else None
    columns = []
    for aggregate, part in zip(aggregates, each, strict=True):
        own = None if rho is None else rho / len(aggregates)
        sensitivity = sensitivity_of(aggregate, grids, bounding)
        if own is None:
            noise = laplace_for(sensitivity, Fraction(part))
        else:
            noise = gaussian_for(sensitivity, own)
        grid = grids.get(aggregate)
        delta_part = for_noise / len(aggregates)
        columns.append(
            NoisyColumn(aggregate, grid, sensitivity, noise, Fraction(part), delta_part, own)
        )
    at = None if key_count is None else list(aggregates).index(key_count)
    threshold = None
    if at is not None:
        threshold = threshold_for(columns[at].noise, bounding.groups_here, for_threshold)
    costs = _costs(columns, e, for_noise, rho)
    if for_threshold:
        costs.append(Cost("threshold of rare groups", delta=for_threshold))
    return Budgeted(columns, threshold, at, for_threshold, costs)


def sensitivity_of(
    aggregate: Aggregate, grids: Mapping[Aggregate, Grid], bounding: Bounding
) -> Sensitivity:
    """Return by how much one unit can change an aggregate, in whole units."""
    if aggregate.kind == "units":
        return bounding.by_units()
    if aggregate in grids:
        return bounding.by_rows(max(1, grids[aggregate].largest))
    return bounding.by_rows(1)


def _costs(
    columns: list[NoisyColumn], epsilon: Fraction, delta: Fraction, rho: Fraction | None
) -> list[Cost]:
    if rho is not None:  # converted once for all columns: their epsilons do not stand alone
        return [Cost("gaussian noise", epsilon=epsilon, delta=delta, rho=rho)]
    return [
        Cost(c.aggregate.label[:200], epsilon=c.epsilon, mechanism=_mechanism(c)) for c in columns
    ]


def _mechanism(column: NoisyColumn) -> Mechanism | None:
    found = column.sensitivity
    if found.each * found.groups != found.l1:
        return None  # the vector's L1 bound is tighter than groups times the change of each
    return Mechanism("discrete_laplace", column.noise.scale, float(found.each), found.groups)
