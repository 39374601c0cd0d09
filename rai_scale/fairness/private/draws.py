"""Projection of noisy counts onto valid counts, and replicates of a release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.measures.from_cells import Roles
from rai_scale.measures.uncertainty.resample import Draw, generator_of
from rai_scale.privacy.declared_cells import DeclaredCells, project
from rai_scale.privacy.noise import Noise
from rai_scale.statistics.cells import Cells


def declared_index(declared: DeclaredCells, names: Sequence[str]) -> pd.Index:
    """Return the index of the declared combinations of some of the keys."""
    levels = [declared.levels[declared.keys.index(name)] for name in names]
    if len(names) == 1:
        index: pd.Index = pd.Index(levels[0], name=names[0])
        return index
    return pd.MultiIndex.from_product(levels, names=list(names))


def group_numbers(declared: DeclaredCells, roles: Roles) -> np.ndarray:
    """Return the number of each declared cell's group."""
    return declared.frame.groupby(roles.groups, sort=True).ngroup().to_numpy()


def noisy_draws(
    cells: Cells,
    declared: DeclaredCells,
    roles: Roles,
    noise: Noise,
    *,
    max_rows: int = 1,
    n_boot: int,
    random_state: Any,
) -> Iterator[Draw]:
    """Draw replicates of the release, with other people from the same distribution and other noise.

    How similar the rows of a person are is not released. The draws assume that all ``max_rows``
    rows of a person are equal, the case with the largest variance.
    """
    rng = generator_of(random_state)
    groups = group_numbers(declared, roles)
    smooth = cells.count + 0.5  # a cell that is empty here may have rows in another sample
    shares = smooth / smooth.sum()
    for start in range(0, n_boot, 200):
        size = min(200, n_boot - start)
        persons = rng.multinomial(max(1, cells.rows // max_rows), shares, size)
        drawn = max_rows * persons + simulated(noise, (size, len(groups)), rng)
        yield Draw(np.rint(project(drawn.astype(float), groups)).astype(np.int64))


def simulated(noise: Noise, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return simulated noise of the release's kind, for intervals only: it protects nothing."""
    if noise.kind == "gaussian":
        return np.rint(rng.normal(0.0, noise.scale, shape)).astype(np.int64)
    stop = -np.expm1(-1 / noise.scale)
    return rng.geometric(stop, shape) - rng.geometric(stop, shape)
