"""Metrics of noisy cells that are shares of rows; see ``measures/uncertainty/noisy_shares.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rai_scale.measures.flags import (
    NEEDS_NEGATIVES,
    NEEDS_POSITIVES,
    NEEDS_SELECTED,
    positive_label,
)
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import Metric, base_function
from rai_scale.measures.uncertainty.noisy_shares import Shares, enough_rows
from rai_scale.measures.uncertainty.proportions import is_proportion, proportion_counts
from rai_scale.privacy.declared_cells import DeclaredCells
from rai_scale.privacy.noise import Noise
from rai_scale.statistics.cells import Cells


@dataclass(frozen=True)
class NoisyCounts:
    """Released counts.

    Attributes
    ----------
    values : ndarray of float64, shape (..., cells)
        As released, in the order of ``declared``; leading axes are further releases.
    declared : DeclaredCells
    roles : Roles
    noise : Noise
        Of each cell.
    max_rows : int
        The most rows of one unit that were counted.
    """

    values: np.ndarray
    declared: DeclaredCells
    roles: Roles
    noise: Noise
    max_rows: int

    def sums(self, chosen: np.ndarray, by: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums of chosen cells by the declared levels of ``by``, and how many cells."""
        number, levels = _numbers(self.declared, by)
        member = np.zeros((len(number), levels))
        member[np.arange(len(number)), number] = chosen
        return self.values @ member, member.sum(axis=0)


def shares_of(noisy: NoisyCounts, metric: Metric, by: Sequence[str]) -> Shares | None:
    """Return a metric by the declared levels of ``by``; None if it is not a share of rows."""
    declared, roles = noisy.declared, noisy.roles
    ones = Cells(declared.frame, np.ones(declared.size, np.int64))
    if not is_proportion(metric, ones, roles):
        return None
    counts = proportion_counts(ones, roles, [metric], declared.keys).droplevel("metric")
    counts = counts.reindex(pd.MultiIndex.from_frame(declared.frame))
    successes, cells_in = noisy.sums(counts["successes"].to_numpy(), by)
    trials, cells = noisy.sums(counts["trials"].to_numpy(), by)
    usable, near = usable_by(noisy, metric, by)
    error = (noisy.noise, noisy.max_rows)
    return Shares(successes, trials, cells_in, cells - cells_in, usable, near, *error)


def usable_by(
    noisy: NoisyCounts, metric: Metric, by: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return where a metric is usable, and where barely; bool, shape (..., levels of ``by``).

    A value is usable if its noisy counts are at least ``30 max_rows`` rows and at least 10 standard
    deviations of the noise of their sum. This applies to the rows of the group, and to the rows
    that the metric divides by. The rule uses only released and public numbers.
    """
    found = [_enough(noisy, chosen, by) for chosen in _behind(noisy, metric)]
    usable = np.logical_and.reduce([enough for enough, _ in found])
    return usable, usable & np.logical_or.reduce([near for _, near in found])


def _enough(
    noisy: NoisyCounts, chosen: np.ndarray, by: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    rows, cells = noisy.sums(chosen, by)
    return enough_rows(rows, cells, noisy.noise, noisy.max_rows)


def _behind(noisy: NoisyCounts, metric: Metric) -> list[np.ndarray]:
    keys, roles = noisy.declared.frame, noisy.roles
    function, label = base_function(metric.function), positive_label(metric)
    found = [np.ones(len(keys), bool)]
    if function in NEEDS_POSITIVES:
        found.append((keys[roles.y_true] == label).to_numpy())
    if function in NEEDS_NEGATIVES:
        found.append((keys[roles.y_true] != label).to_numpy())
    if function in NEEDS_SELECTED:
        found.append((keys[roles.y_pred] == label).to_numpy())
    return found


def _numbers(declared: DeclaredCells, by: Sequence[str]) -> tuple[np.ndarray, int]:
    if not by:
        return np.zeros(declared.size, np.int64), 1
    grouped = declared.frame.groupby(list(by), sort=True)
    return grouped.ngroup().to_numpy(), grouped.ngroups
