"""Bootstrap by person, where one person has several rows: a Poisson bootstrap inside the workers.

In each replicate all rows of a person count k times, where k is drawn from Poisson(1) (Chamandy et
al. 2012, "Estimating uncertainty for massive data streams"). k is a function of (seed, person,
replicate) alone, by a keyed hash, so any engine and any partitioning gives the same replicates. The
number of rows of a replicate varies, which does not affect rates and means.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.key_values import key_values, number_values, row_codes
from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.resample import Draw, generator_of
from rai_scale.statistics.cells import check_weights, counts_of
from rai_scale.statistics.keyed_hash import key_hashes, mix

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

MOST_REPLICATES = 2_000
_BLOCK = 64
_STEP = np.uint64(0x9E3779B97F4A7C15)


def _poisson_limits() -> np.ndarray:
    """Return the Poisson(1) distribution function scaled to 64 bits, as far as it is below 1."""
    limits, below = [], 0
    for k in range(25):
        below += int(math.exp(-1) * 2**80) // math.factorial(k)
        limits.append(min(below >> 16, 2**64 - 1))
    return np.array(limits, dtype=np.uint64)


_LIMITS = _poisson_limits()
_FIRST = np.arange(2**16, dtype=np.uint64) << np.uint64(48)
_LOW = np.searchsorted(_LIMITS, _FIRST, side="right").astype(np.uint8)
_HIGH = np.searchsorted(_LIMITS, _FIRST | np.uint64(2**48 - 1), side="right").astype(np.uint8)


def multiplicities(persons: np.ndarray, replicates: np.ndarray) -> np.ndarray:
    """Return how often each person counts in each replicate.

    Parameters
    ----------
    persons : ndarray of uint64, shape (n,)
        Keyed hashes of the people.
    replicates : ndarray of int, shape (b,)
        Numbers of the replicates.

    Returns
    -------
    ndarray of int64, shape (n, b)
        Independent Poisson(1) numbers.
    """
    salts = mix((replicates.astype(np.uint64) + np.uint64(1)) * _STEP)
    bits = mix(persons[:, None] ^ salts[None, :])
    top = (bits >> np.uint64(48)).astype(np.uint16)
    found = _LOW[top].astype(np.int64)
    unsure = _HIGH[top] != _LOW[top]  # the 16 first bits decide nearly always
    found[unsure] = np.searchsorted(_LIMITS, bits[unsure], side="right")
    return found


def hash_persons(table: pa.Table, person: str, seed: int) -> np.ndarray:
    """Hash each row's person to 64 bits under ``seed``; uint64, shape (rows,)."""
    missing = table[person].null_count
    if missing:
        raise ConfigError(
            f"the person column is missing in {missing} rows of a batch. Drop these rows, or give "
            f"each row its own key if they belong to different people."
        )
    return key_hashes(table.select([person]), seed)


@dataclass(frozen=True)
class PersonReplicates:
    """A table function: the cells of a batch, with the replicates of their counts.

    Columns ``rep_0`` ... hold counts (int64), ``weight0_0`` ... sums of the first weight (float64).
    """

    keys: tuple[str, ...]
    person: str
    n_boot: int
    seed: int
    weights: tuple[str, ...] = ()

    def columns(self) -> list[str]:
        """Return the names of the columns of replicates."""
        kinds = ["rep", *(f"weight{i}" for i in range(len(self.weights)))]
        return [f"{kind}_{b}" for kind in kinds for b in range(self.n_boot)]

    def schema(self, found: pa.Schema) -> pa.Schema:
        """Return the schema of the output for a frame of schema ``found``."""
        fields = [found.field(key) for key in self.keys]
        kinds = {True: pa.int64(), False: pa.float64()}
        names = self.columns()
        return pa.schema(fields + [pa.field(n, kinds[n.startswith("rep_")]) for n in names])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Count one batch."""
        first, order, starts = _cells_of(table, self.keys)
        persons = hash_persons(table, self.person, self.seed)[order]
        weights = [pc.cast(table[w], pa.float64()).to_numpy()[order] for w in self.weights]
        sums: list[list[np.ndarray]] = [[] for _ in [0, *weights]]
        for start in range(0, self.n_boot, _BLOCK):
            block = np.arange(start, min(start + _BLOCK, self.n_boot))
            times = multiplicities(persons, block)
            sums[0] += list(_add(times, starts).T)
            for found, weight in zip(sums[1:], weights, strict=True):
                found += list(_add(times * weight[:, None], starts).T)
        cells = table.select(list(self.keys)).take(pa.array(first))
        arrays = [*cells.columns, *(pa.array(column) for kind in sums for column in kind)]
        return pa.table(arrays, schema=self.schema(table.schema))


def _add(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if not len(values):
        return values[:0]
    return np.add.reduceat(values, starts, axis=0)


def _cells_of(table: pa.Table, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a first row of each cell, the rows sorted by cell, and where each cell starts."""
    codes = row_codes(table, keys)
    order = np.argsort(codes, kind="stable")
    starts = np.unique(codes[order], return_index=True)[1]
    return order[starts], order, starts


def person_replicates(
    engine: Engine,
    data: Any,
    *,
    keys: Sequence[str],
    person: str,
    n_boot: int,
    random_state: Any = None,
    weights: Sequence[str] = (),
    numbers: Collection[str] = (),
) -> tuple[pd.DataFrame, Draw]:
    """Draw replicates of cells by person, in one pass over ``data``; executes.

    Parameters
    ----------
    engine : Engine
    data : frame of the engine
    keys : list of str
        The columns that make a cell: control and sensitive features, y_true, y_pred.
    person : str
        The column that identifies the person; keys are compared as text, so that 7, 7.0 and "7" are
        one person.
    n_boot : int
        From 1 to 2,000.
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional
        An int gives the same replicates on every engine and partitioning.
    weights : list of str
        Columns of sample weights.
    numbers : collection of str
        The columns of ``keys`` that metrics use as numbers: decimals with a scale above 0 become
        floats.

    Returns
    -------
    keys : pandas.DataFrame
        One row per cell, in no defined order.
    draw : Draw
        Arrays of shape (n_boot, cells), the cells in the order of ``keys``.
    """
    if not 1 <= n_boot <= MOST_REPLICATES:
        raise ConfigError(
            f"a bootstrap by person takes n_boot from 1 to {MOST_REPLICATES}; found {n_boot}."
        )
    seed = int(generator_of(random_state).integers(0, 2**63))
    check_weights(engine.schema(data), weights)
    function = PersonReplicates(tuple(keys), person, n_boot, seed, tuple(weights))
    inputs = list(dict.fromkeys([*keys, person, *weights]))
    found = engine.schema(data)
    batches = engine.map_partitions(
        data, function, function.schema(found), inputs=inputs, label="bootstrap by person"
    )
    names = function.columns()
    merged = counts_of(engine, batches, list(keys), names)
    first = len(keys) + 1
    values = np.array([merged.column(first + i).to_numpy() for i in range(len(names))])
    counts = np.rint(values[:n_boot]).astype(np.int64)
    sums = {w: values[(i + 1) * n_boot :][:n_boot] for i, w in enumerate(weights)}
    cells = {
        key: (number_values if key in numbers else key_values)(merged.column(i))
        for i, key in enumerate(keys)
    }
    return pd.DataFrame(cells), Draw(counts, sums)


def align(keys: pd.DataFrame, draw: Draw, wanted: pd.DataFrame) -> Draw:
    """Put the cells of a draw in the order of ``wanted``; absent cells are 0."""
    columns = list(wanted.columns)
    numbered = keys[columns].assign(_position=np.arange(len(keys)))
    joined = wanted.merge(numbered, on=columns, how="left", sort=False)
    position = joined["_position"].fillna(-1).to_numpy(dtype=np.int64)
    if len(position) != len(wanted) or (np.bincount(position[position >= 0]) > 1).any():
        raise ConfigError("cells occur more than once; each combination of keys must be unique.")

    def ordered(values: np.ndarray) -> np.ndarray:
        padded = np.concatenate([values, np.zeros((len(values), 1), values.dtype)], axis=1)
        return padded[:, position]

    return Draw(ordered(draw.counts), {name: ordered(w) for name, w in draw.weights.items()})
