"""Cells with noise: counted once under a privacy budget and released once.

Every combination of the *declared* values gets noise, including those without rows: which
combinations occur would disclose something about people. Neighbouring tables differ in all rows of
one privacy unit; at most ``max_rows`` of a unit's rows are counted, chosen by a keyed hash of
(unit, row).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.key_values import arrow_values, positions
from rai_scale.engines.object_columns import type_of_values
from rai_scale.engines.sql_tables import without_invalid_text
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import Bounding, Sensitivity
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.disclosure import one_message
from rai_scale.privacy.ledger.reservation import Release, to_ipc
from rai_scale.privacy.noise import Noise, gaussian_for, laplace_for
from rai_scale.privacy.options import Privacy
from rai_scale.privacy.release_budget import budget_of, given_amounts
from rai_scale.records.canonical import idempotency_key
from rai_scale.statistics.keyed_hash import key_hashes

MAX_DECLARED = 1_000_000
NOISY = "noisy_count"
_LABEL = "counts of declared cells"
_UNIT, _CELL, _ORDER = "rai_unit", "rai_cell", "rai_order"


@dataclass(frozen=True)
class DeclaredCells:
    """The declared product of values.

    Attributes
    ----------
    keys : tuple of str
        Columns, in order.
    levels : tuple of tuples
        The values of each key, sorted.
    max_rows : int
        At most this many rows of a unit are counted.
    """

    keys: tuple[str, ...]
    levels: tuple[tuple[Any, ...], ...]
    max_rows: int = 1

    @property
    def size(self) -> int:
        """The number of cells."""
        return math.prod(len(values) for values in self.levels)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The cells, one row per cell; the position is the cell's number."""
        return pd.DataFrame(list(product(*self.levels)), columns=list(self.keys))


def declare(
    keys: Sequence[str], values: Mapping[str, Sequence[Any]], max_rows: int = 1
) -> DeclaredCells:
    """Return the declared product.

    Raises
    ------
    ConfigError
        If a key's values are not declared, or declared twice, or have too many combinations.
    """
    for key in keys:
        if key not in values:
            raise ConfigError(
                f"groups must list all values of {key!r}: which values occur in the data would "
                "disclose something about people. List them from public knowledge, such as a code "
                "list."
            )
        if len(set(values[key])) != len(values[key]) or not len(values[key]):
            raise ConfigError(
                f"the values of {key!r} must be distinct, and at least one is needed."
            )
    levels = tuple(tuple(sorted(values[key])) for key in keys)
    found = DeclaredCells(tuple(keys), levels, max_rows)
    if found.size > MAX_DECLARED:
        raise ConfigError(
            f"the declared values have {found.size:,} combinations; the limit is {MAX_DECLARED:,}."
        )
    return found


@dataclass(frozen=True)
class NumberCells:
    """Table function: each row's unit, the number of its cell and its position in a random order.

    Rows with undeclared values and rows without a unit are removed. A text that is not valid UTF-8
    counts as missing.
    """

    declared: DeclaredCells
    unit: str
    seed: int
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per row that counts."""
        for at, key in enumerate(table.column_names):
            table = table.set_column(at, key, without_invalid_text(table[key]))
        cell = np.zeros(table.num_rows, np.int64)
        known = np.asarray(pc.is_valid(table[self.unit]))
        for key, values in zip(self.declared.keys, self.declared.levels, strict=True):
            place = positions(table[key], arrow_values(values))
            known &= place >= 0
            cell = cell * len(values) + place
        hashed = key_hashes(table.select([self.unit, *self.declared.keys]), self.seed)
        order = (hashed >> np.uint64(1)).astype(np.int64)
        columns = [table[self.unit], pa.array(cell), pa.array(order)]
        return pa.table(columns, schema=self.outputs).filter(pa.array(known))


def exact_counts(
    engine: Any, frame: Any, declared: DeclaredCells, unit: str, seed: int
) -> np.ndarray:
    """Return the bounded count of each declared cell, int64. It is not private.

    ``seed`` is the key of the hash that chooses which rows of a unit are counted; the same seed
    gives the same counts on every engine and for any partitioning.
    """
    levels = zip(declared.keys, declared.levels, strict=True)
    types = {key: type_of_values(values) for key, values in levels}
    frame = engine.declared(frame, {**types, unit: pa.string()})
    kind = engine.schema(frame).field(unit).type
    outputs = pa.schema([(_UNIT, kind), (_CELL, pa.int64()), (_ORDER, pa.int64())])
    function = NumberCells(declared, unit, seed, outputs)
    inputs = list(dict.fromkeys([unit, *declared.keys]))
    rows = engine.map_partitions(frame, function, outputs, inputs=inputs, label="private cells")
    kept = kept_rows(_UNIT, _ORDER, _CELL, declared.max_rows)
    totals = (
        f"SELECT {_CELL}, CAST(count(*) AS BIGINT) AS n FROM ({kept}) AS kept "  # noqa: S608
        f"GROUP BY {_CELL}"
    )
    selected = f"SELECT {_UNIT}, {_CELL}, {_ORDER} FROM {SQL_DATA}"  # noqa: S608
    table = engine.aggregate_sql(rows, selected, totals, keys=[_CELL], together=[_UNIT])
    counts = np.zeros(declared.size, np.int64)
    counts[table[_CELL].to_numpy()] = table["n"].to_numpy()
    return counts


def kept_rows(unit: str, order: str, columns: str, max_rows: int) -> str:
    """Return SQL for ``columns`` of the first rows of each unit, at most ``max_rows``.

    Rows of one place in the order are ordered by ``columns``, so that the same ones are kept on
    every engine and for any partitioning.
    """
    place = f"row_number() OVER (PARTITION BY {unit} ORDER BY {order}, {columns})"
    return (
        f"SELECT {columns} FROM (SELECT {columns}, {place} AS place FROM {SQL_ROWS}) AS ranked "  # noqa: S608
        f"WHERE place <= {int(max_rows)}"
    )


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


def noise_for(privacy: Privacy, max_rows: int = 1) -> tuple[Noise, Cost]:
    """Return the noise of each cell and what the release costs; reads no data.

    Raises
    ------
    ConfigError
        If the budget is not a number or out of range.
    """
    return noise_at(privacy, Bounding(max_rows).by_rows(1), _LABEL)


def noise_at(privacy: Privacy, sensitivity: Sensitivity, label: str) -> tuple[Noise, Cost]:
    """Return the noise of counts with a sensitivity, and what the release costs."""
    budget = budget_of(privacy)
    if budget.rho is None:
        assert budget.epsilon is not None
        noise = laplace_for(sensitivity, budget.epsilon)
        laplace = Mechanism("discrete_laplace", noise.scale, sensitivity.l1)
        return noise, Cost(label, budget.epsilon, mechanism=laplace)
    noise = gaussian_for(sensitivity, budget.rho)
    gaussian = Mechanism("discrete_gaussian", noise.scale, math.ceil(sensitivity.l2))
    return noise, Cost(label, budget.epsilon, budget.delta, budget.rho, gaussian)


def release_cells(  # noqa: PLR0917 - what is released, and what is recorded about it
    engine: Any,
    frame: Any,
    declared: DeclaredCells,
    privacy: Privacy,
    prepared: Callable[[Any], Any] | None = None,
    described: Mapping[str, list[str]] | None = None,
) -> Release:
    """Charge, count, add noise, store: the noisy count of every declared cell.

    ``prepared`` makes the frame of the declared keys, after the charge; ``described`` then has the
    values of the columns from which they are made.

    Raises
    ------
    BudgetExceededError
        Before any data are read.
    PrivateComputationError
        If the engine fails on the data; the message is always the same.
    """
    levels = zip(declared.keys, declared.levels, strict=True)
    described = described or {key: list(map(str, values)) for key, values in levels}
    query = f"cells of {', '.join(described)} per {privacy.unit}"

    def counted() -> np.ndarray:
        # each release has another hash key, and is computed only once
        rows = frame if prepared is None else prepared(frame)
        return exact_counts(engine, rows, declared, privacy.unit, secrets.randbits(63))

    return release_counts(
        counted,
        *noise_for(privacy, declared.max_rows),
        privacy,
        query,
        described,
        declared.max_rows,
    )


def release_counts(  # noqa: PLR0917 - what is released, and what is recorded about it
    counted: Callable[[], np.ndarray],
    noise: Noise,
    cost: Cost,
    privacy: Privacy,
    query: str,
    described: Mapping[str, list[str]],
    max_rows: int,
) -> Release:
    """Charge, call ``counted``, add noise, store: integers with noise, as a column ``NOISY``.

    The release is known by ``query``, ``described`` and the options of ``privacy``.

    Raises
    ------
    BudgetExceededError, PrivateComputationError
        As :func:`release_cells`.
    """
    parameters = given_amounts(privacy)
    kept = {"max_rows": max_rows, "dataset": privacy.dataset}

    def compute() -> tuple[bytes, dict[str, Any]]:
        noisy = one_message(lambda: noise.draw(counted()))
        table = pa.table({_CELL: np.arange(len(noisy)), NOISY: noisy})
        spent = {name: None if v is None else float(v) for name, v in parameters.items()}
        facts = {"noise": noise.kind, "scale": noise.scale, "values": described, **spent, **kept}
        return to_ipc(table), facts

    key = idempotency_key(query, described, {**parameters, **kept}, privacy.snapshot)
    return privacy.release(compute, costs=[cost], key=key, query=query)


def facts_of(release: Release, privacy: Privacy) -> dict[str, Any]:
    """Return the budget that a release has spent, how, and the id of its charge."""
    known = ("epsilon", "delta", "rho", "max_rows", "noise", "scale", "dataset")
    facts = {name: release.metadata.get(name) for name in known}
    facts |= {"privacy_unit": privacy.unit, "analyst": privacy.analyst}
    return facts | {"scope": privacy.scope or "default", "reservation": release.reservation}
