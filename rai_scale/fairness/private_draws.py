"""What a noisy release could have been: projection, replicates, intervals, and what is usable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.fairness.flags import NEEDS_NEGATIVES, NEEDS_POSITIVES, NEEDS_SELECTED
from rai_scale.fairness.from_cells import Roles
from rai_scale.fairness.metrics import Metric, base_function
from rai_scale.fairness.private_cells import Declared
from rai_scale.fairness.uncertainty.resample import Draw, generator_of
from rai_scale.privacy.noise import Noise
from rai_scale.statistics.cells import Cells

NOISE_MULTIPLE = 10.0
LEAST_ROWS = 30
"""A value is usable where the rows behind it are at least 30, and 10 deviations of the noise."""


def declared_index(declared: Declared, names: Sequence[str]) -> pd.Index:
    """Return the index of the declared combinations of some of the keys."""
    levels = [declared.levels[declared.keys.index(name)] for name in names]
    if len(names) == 1:
        return pd.Index(levels[0], name=names[0])
    return pd.MultiIndex.from_product(levels, names=list(names))


def group_numbers(declared: Declared, roles: Roles) -> np.ndarray:
    """Return the number of each declared cell's group."""
    return declared.frame.groupby(roles.groups, sort=True).ngroup().to_numpy()


def project(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Project each group's cells onto numbers of zero or more with the same total.

    The nearest point of a simplex in L2 (Duchi et al. 2008): ``max(v - t, 0)``. A group whose
    total is not above zero becomes zero.

    Parameters
    ----------
    values : ndarray of float64, shape (b, cells)
    groups : ndarray of int, shape (cells,)
    """
    result = np.zeros_like(values)
    for group in np.unique(groups):
        chosen = groups == group
        part = values[:, chosen]
        total = part.sum(axis=1, keepdims=True)
        ordered = -np.sort(-part, axis=1)
        excess = (np.cumsum(ordered, axis=1) - total) / np.arange(1, part.shape[1] + 1)
        last = np.maximum((ordered > excess).sum(axis=1), 1) - 1
        shift = excess[np.arange(len(part)), last][:, None]
        result[:, chosen] = np.where(total > 0, np.maximum(part - shift, 0), 0.0)
    return result


def noisy_draws(
    cells: Cells,
    declared: Declared,
    roles: Roles,
    noise: Noise,
    *,
    n_boot: int,
    random_state: Any,
) -> Iterator[Draw]:
    """Draw what the release would have been for other rows of the same kind and other noise."""
    rng = generator_of(random_state)
    groups = group_numbers(declared, roles)
    smooth = cells.count + 0.5  # an empty cell is not known to stay empty
    shares = smooth / smooth.sum()
    for start in range(0, n_boot, 200):
        size = min(200, n_boot - start)
        drawn = rng.multinomial(cells.rows, shares, size) + simulated(
            noise, (size, len(groups)), rng
        )
        yield Draw(np.rint(project(drawn.astype(float), groups)).astype(np.int64))


def simulated(noise: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return pretended noise of the release's kind, for intervals only: nothing is hidden by it."""
    if noise.kind == "gaussian":
        return np.rint(rng.normal(0.0, noise.scale, shape)).astype(np.int64)
    stop = -np.expm1(-1 / noise.scale)
    return rng.geometric(stop, shape) - rng.geometric(stop, shape)


def wilson_end(value: np.ndarray, middle: np.ndarray, spread: np.ndarray, z: float) -> np.ndarray:
    """Return one end of Wilson's interval, for as many rows as would have this spread.

    Parameters
    ----------
    value, middle, spread : ndarray of float64, shape (groups,)
        The proportion, and mean and standard deviation of its replicates.
    z : float
        Normal quantile of the end.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = np.clip(middle * (1 - middle), 1e-12, None) / spread**2
        shrink = 1 + z**2 / rows
        half = z * np.sqrt(value * (1 - value) / rows + z**2 / (4 * rows**2))
        return (value + z**2 / (2 * rows) + half) / shrink


def usable_values(
    cells: Cells, roles: Roles, metrics: Sequence[Metric], noise: Noise, index: pd.Index
) -> pd.DataFrame:
    """Whether the rows behind each value are many against the noise of their cells."""
    keys = cells.keys
    everything = np.ones(len(keys), bool)
    behind = {
        "rows": everything,
        "positives": (keys[roles.y_true] == 1).to_numpy(),
        "negatives": (keys[roles.y_true] != 1).to_numpy(),
        "selected": (keys[roles.y_pred] == 1).to_numpy(),
    }
    enough = {name: _enough(cells, roles, chosen, noise, index) for name, chosen in behind.items()}
    table = {}
    for metric in metrics:
        function = base_function(metric.function)
        needs = [
            name
            for name, functions in [
                ("positives", NEEDS_POSITIVES),
                ("negatives", NEEDS_NEGATIVES),
                ("selected", NEEDS_SELECTED),
            ]
            if function in functions
        ]
        table[metric.name] = np.logical_and.reduce([enough[name] for name in ["rows", *needs]])
    return pd.DataFrame(table, index=index)


def _enough(
    cells: Cells, roles: Roles, chosen: np.ndarray, noise: Noise, index: pd.Index
) -> np.ndarray:
    groups = [cells.keys[name] for name in roles.groups]
    rows = pd.Series(np.where(chosen, cells.count, 0)).groupby(groups).sum()
    number = pd.Series(chosen.astype(int)).groupby(groups).sum()
    sd = noise.scale * (np.sqrt(2) if noise.kind == "laplace" else 1.0)
    needed = np.maximum(LEAST_ROWS, NOISE_MULTIPLE * sd * np.sqrt(number))
    return (rows >= needed).reindex(index).to_numpy()
