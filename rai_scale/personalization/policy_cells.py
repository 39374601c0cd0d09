"""A log as cells: rows and sums of rewards per context, group, action and propensity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.personalization.policy_inputs import Space
from rai_scale.personalization.policy_sums import Sums, sums_of_cells
from rai_scale.statistics.cells import counts_of

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine


@dataclass(frozen=True)
class LogCells:
    """The cells of a log.

    Attributes
    ----------
    keys : pyarrow.Table
        Context, groups and action of each cell.
    propensity, count : ndarray, shape (cells,)
    reward, squares : dict of str to ndarray of float64, shape (cells,)
        Sums of each reward and of its squares.
    """

    keys: pa.Table
    propensity: np.ndarray
    count: np.ndarray
    reward: dict[str, np.ndarray]
    squares: dict[str, np.ndarray]

    def has_faults(self, action: str) -> bool:
        """Return whether any row cannot be weighted."""
        good = (self.propensity > 0) & (self.propensity <= 1)
        rewards = any(np.isnan(values).any() for values in self.reward.values())
        return not good.all() or rewards or self.keys[action].null_count > 0


def log_cells(
    engine: Engine,
    log: Any,
    *,
    keys: Sequence[str],
    propensity: str | None,
    rewards: Mapping[str, str],
    limit: int,
) -> LogCells:
    """Count the cells natively; executes. Without a propensity, it is 1 everywhere.

    A null reward makes the sum of its cell NaN.

    Raises
    ------
    TooManyGroupsError
        If there are more than ``limit`` cells, as with propensities that differ in every row.
    """
    columns = list(dict.fromkeys(rewards.values()))
    sums = [s for name in columns for s in (name, (name, name))]
    names = list(dict.fromkeys([*keys, *([propensity] if propensity else [])]))
    table = counts_of(engine, log, names, sums, limit)
    at = len(names)
    count = table.column(at).to_numpy().astype(float)
    by_column = {
        name: (table.column(at + 1 + 2 * i).to_numpy(), table.column(at + 2 + 2 * i).to_numpy())
        for i, name in enumerate(columns)
    }
    return LogCells(
        table.select(list(range(at))),
        number_column(table.column(names.index(propensity)), propensity)
        if propensity
        else np.ones(len(count)),
        count,
        {name: by_column[column][0] for name, column in rewards.items()},
        {name: by_column[column][1] for name, column in rewards.items()},
    )


def number_column(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return a column as float64 with NaN for null.

    Raises
    ------
    ConfigError
        If it does not hold numbers.
    """
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ConfigError(
            f"column {name!r} must hold numbers; found {column.type}. Cast it."
        ) from None


@dataclass(frozen=True)
class Fit:
    """Rows and mean rewards per context and action, shape (contexts, actions)."""

    count: np.ndarray
    mean: dict[str, np.ndarray]


def fit_of(cells: LogCells, space: Space) -> Fit:
    """Return the mean of each reward per context and action; NaN without rows."""
    at = space.contexts_of(cells.keys), space.actions_of(cells.keys)
    count = np.zeros(space.shape)
    np.add.at(count, at, cells.count)
    means = {}
    for name, values in cells.reward.items():
        total = np.zeros(space.shape)
        np.add.at(total, at, values)
        means[name] = np.divide(total, count, out=np.full(space.shape, np.nan), where=count > 0)
    return Fit(count, means)


def cell_scores(
    cells: LogCells,
    at: tuple[np.ndarray, np.ndarray],
    policy: np.ndarray,
    model: np.ndarray,
    fitted: Fit | None,
) -> dict[str, np.ndarray]:
    """Return the scores of each cell, as :func:`sums_of_cells` takes them.

    Actions without a prediction add nothing to ``m``: they are refused or bounded elsewhere.
    """
    chosen = policy[at]
    known = np.where(np.isnan(model), 0.0, model)
    factor = np.zeros(len(chosen))
    if fitted is not None:
        rows = fitted.count.sum(axis=1)[at[0]]
        factor = chosen * rows / fitted.count[at]
    return {
        "w": chosen / cells.propensity,
        "q": known[at],
        "m": (policy * known).sum(axis=1)[at[0]],
        "f": factor,
    }


def group_sums(cells: LogCells, scores: Mapping[str, np.ndarray], reward: str,
               mask: np.ndarray) -> Sums:  # fmt: skip
    """Return the totals of the cells of one group."""
    found = sums_of_cells(cells.count, cells.reward[reward], cells.squares[reward], scores)
    added = {name: float(values[mask].sum()) for name, values in found.items()}
    return Sums(added, added, int(cells.count[mask].sum()))
